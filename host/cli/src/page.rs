//! Pages that need no other file: facts, tables, pictures.

use crate::output::table;
use anyhow::Result;
use std::fmt::Write;

const STYLE: &str = "\
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em; color: #222 }
h1, h2 { font-weight: 600 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25em .7em; text-align: right; border-bottom: 1px solid #ddd }
th:first-child, td:first-child { text-align: left }
.scroll { overflow-x: auto }
.note { color: #555; max-width: 60em }
figure { display: inline-block; margin: 1em 1em 0 0 }
svg { max-width: 100%; height: auto }";

/// A table with a title and what its columns mean.
pub struct Grid {
    pub title: String,
    pub header: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
    pub note: String,
}

impl Grid {
    /// The table for terminals.
    pub fn text(&self) -> String {
        let table = table(&self.header, self.rows.clone());
        format!("{}\n\n{table}\n{}", self.title, wrapped(&self.note))
    }
}

/// Characters of a line of a note.
const LINE: usize = 120;

/// Text in lines.
fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    let mut length = 0;
    for word in text.split(' ') {
        let size = word.chars().count();
        if length > 0 {
            let end = length + 1 + size > LINE;
            lines.push(if end { '\n' } else { ' ' });
            length = if end { 0 } else { length + 1 };
        }
        lines += word;
        length += size;
    }
    lines
}

/// A page: a title, facts below it, tables, then pictures under titles of their own.
pub fn document(
    title: &str,
    facts: &[(&str, String)],
    grids: &[Grid],
    figures: &[(&str, Vec<String>)],
) -> Result<String> {
    document_with_end(title, facts, grids, figures, &[])
}

/// As [`document`], with tables behind the pictures.
pub fn document_with_end(
    title: &str,
    facts: &[(&str, String)],
    grids: &[Grid],
    figures: &[(&str, Vec<String>)],
    end: &[Grid],
) -> Result<String> {
    let mut out = String::new();
    let title = escape(title);
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <style>\n{STYLE}\n</style>\n</head>\n<body>\n<h1>{title}</h1>\n<table>\n"
    )?;
    for (name, value) in facts {
        let value = escape(value);
        writeln!(out, "<tr><td>{name}</td><td>{value}</td></tr>")?;
    }
    out += "</table>\n";
    for grid in grids {
        put_grid(&mut out, grid)?;
    }
    for (title, pictures) in figures {
        if !pictures.is_empty() {
            writeln!(out, "<h2>{title}</h2>")?;
        }
        for picture in pictures {
            writeln!(out, "<figure>{picture}</figure>")?;
        }
    }
    for grid in end {
        put_grid(&mut out, grid)?;
    }
    out += "</body>\n</html>\n";
    Ok(out)
}

fn put_grid(out: &mut String, grid: &Grid) -> Result<()> {
    let row = |tag: &str, cells: &mut dyn Iterator<Item = &str>| {
        let cells: String = cells
            .map(|cell| format!("<{tag}>{}</{tag}>", escape(cell)))
            .collect();
        format!("<tr>{cells}</tr>\n")
    };
    writeln!(
        out,
        "<h2>{}</h2>\n<div class=\"scroll\"><table>",
        escape(&grid.title)
    )?;
    *out += &row("th", &mut grid.header.iter().copied());
    for cells in &grid.rows {
        *out += &row("td", &mut cells.iter().map(String::as_str));
    }
    writeln!(
        out,
        "</table></div>\n<p class=\"note\">{}</p>",
        escape(&grid.note)
    )?;
    Ok(())
}

/// Text inside an element; a percent sign stays with its number.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace(" %", "\u{a0}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_becomes_markup() {
        assert_eq!(escape("a<b>&c 1 %"), "a&lt;b&gt;&amp;c 1\u{a0}%");
    }

    #[test]
    fn no_line_is_too_long_and_no_word_is_lost() {
        let text = "word ".repeat(100);
        let lines = wrapped(text.trim());
        assert!(lines.lines().all(|line| line.len() <= LINE), "{lines}");
        assert_eq!(lines.replace('\n', " "), text.trim());
        let long = "x".repeat(150);
        assert_eq!(wrapped(&format!("a {long} b")), format!("a\n{long}\nb"));
        assert_eq!(wrapped(""), "");
    }
}
