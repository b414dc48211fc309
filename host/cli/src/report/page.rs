//! The report as one HTML page that needs no other file.

use super::tables::{Grid, grids, summary};
use super::{Report, plot};
use anyhow::{Context, Result};
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

/// The page.
///
/// # Errors
///
/// If a picture cannot be drawn.
pub fn page(report: &Report) -> Result<String> {
    let mut out = String::new();
    let title = escape(&format!("{} on {}", report.network, report.data));
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <style>\n{STYLE}\n</style>\n</head>\n<body>\n<h1>{title}</h1>\n<table>\n"
    )?;
    for (name, value) in summary(report) {
        let value = escape(&value);
        writeln!(out, "<tr><td>{name}</td><td>{value}</td></tr>")?;
    }
    out += "</table>\n";
    for grid in grids(report) {
        put_grid(&mut out, &grid)?;
    }
    let figures = figures(report).context("cannot draw the pictures of the page")?;
    for (title, pictures) in figures {
        if !pictures.is_empty() {
            writeln!(out, "<h2>{title}</h2>")?;
        }
        for picture in pictures {
            writeln!(out, "<figure>{picture}</figure>")?;
        }
    }
    out += "</body>\n</html>\n";
    Ok(out)
}

/// Titles, and the pictures below each.
fn figures(report: &Report) -> Result<Vec<(&'static str, Vec<String>)>> {
    let history = &report.history;
    let mut curves = Vec::new();
    if !history.stages.is_empty() {
        curves.push(plot::losses(history)?);
        curves.push(plot::errors(history)?);
    }
    let mut weights = Vec::new();
    let shared: Vec<_> = report
        .layers
        .iter()
        .filter(|l| !l.centroids.is_empty())
        .collect();
    for (index, layer) in shared.iter().enumerate() {
        let before = history
            .unshared
            .get(index)
            .filter(|_| history.unshared.len() == shared.len());
        if let Some(before) = before.filter(|before| !before.counts.is_empty()) {
            weights.push(plot::unshared(&layer.name, before, &layer.centroids)?);
        }
        weights.push(plot::shared(&layer.name, &layer.centroids)?);
    }
    let names: Vec<&str> = report
        .layers
        .iter()
        .map(|layer| layer.name.as_str())
        .collect();
    Ok(vec![
        ("Epochs", curves),
        (
            "Bytes by part",
            vec![plot::parts(&names, &report.accounts)?],
        ),
        ("Weights before and after sharing", weights),
    ])
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

/// Text inside an element.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_becomes_markup() {
        assert_eq!(escape("a<b>&c"), "a&lt;b&gt;&amp;c");
    }
}
