//! Where results and messages go: results to stdout, as text or as JSON; everything else to stderr.

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

/// Whether what a command checked holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Holds,
    Fails,
}

impl Verdict {
    pub fn of(holds: bool) -> Verdict {
        if holds {
            Verdict::Holds
        } else {
            Verdict::Fails
        }
    }
}

/// What people and programs must hear of beside the result.
static NOTICES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Says once on stderr, and in the JSON of the result, what may surprise: files left out, an order that was chosen.
pub fn notice(text: String) {
    let mut notices = NOTICES.lock().unwrap_or_else(PoisonError::into_inner);
    if !notices.contains(&text) {
        // A message that nobody can read is no reason to stop.
        let _ = writeln!(std::io::stderr(), "note: {text}");
        notices.push(text);
    }
}

/// An error with its causes in one line, each text once.
pub fn sentence(error: &anyhow::Error) -> String {
    let causes: Vec<String> = error.chain().map(|cause| cause.to_string()).collect();
    let mut told: Vec<&str> = Vec::new();
    for (at, cause) in causes.iter().enumerate() {
        // The text before may end with its cause, and the one behind may begin anew with its place.
        let before = told.iter().any(|text| text.contains(cause.as_str()));
        let behind = causes
            .get(at + 1)
            .is_some_and(|next| next.contains(cause.as_str()));
        if !before && !behind {
            told.push(cause);
        }
    }
    told.join(": ")
}

/// The output of a command.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    pub fn new(json: bool) -> Self {
        Output { json }
    }

    /// Prints a result: `text` for people, or `value` for programs, with the notices that were given in `notices`.
    pub fn result(&self, text: impl Display, value: &impl Serialize) -> Result<()> {
        let mut stdout = std::io::stdout().lock();
        if self.json {
            let notices = NOTICES.lock().unwrap_or_else(PoisonError::into_inner);
            let text = match notices.is_empty() {
                true => serde_json::to_string_pretty(value)?,
                false => {
                    let mut value = serde_json::to_value(value)?;
                    if let Value::Object(object) = &mut value {
                        object.insert("notices".into(), json!(*notices));
                    }
                    serde_json::to_string_pretty(&value)?
                }
            };
            writeln!(stdout, "{text}")?;
        } else {
            writeln!(stdout, "{text}")?;
        }
        Ok(stdout.flush()?)
    }

    /// Prints for people alone.
    pub fn text(&self, text: impl Display) -> Result<()> {
        let mut stdout = std::io::stdout().lock();
        if !self.json {
            writeln!(stdout, "{text}")?;
        }
        Ok(stdout.flush()?)
    }

    /// Says something on stderr.
    pub fn note(&self, text: impl Display) {
        // A message that nobody can read is no reason to stop.
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    /// Whether programs read stdout.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether people look at stdout.
    pub fn is_terminal(&self) -> bool {
        !self.json && std::io::stdout().is_terminal()
    }
}

/// A table: names to the left, numbers to the right.
pub fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Lines of a name and a value each, the values below each other.
pub fn facts(facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines: Vec<String> = facts
        .iter()
        .map(|(name, value)| format!("{name:width$}  {value}"))
        .collect();
    lines.join("\n")
}

/// A share in percent.
pub fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// `part / whole`, 0 when there is no whole.
pub fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn causes_stand_once_in_a_line() {
        let error = anyhow!("No such file").context("cannot read x: No such file; fetch it");
        assert_eq!(sentence(&error), "cannot read x: No such file; fetch it");
        let twice = anyhow!("cannot read x: gone").context("x");
        assert_eq!(sentence(&twice), "cannot read x: gone");
        let same = anyhow!("gone").context("gone").context("y");
        assert_eq!(sentence(&same), "y: gone");
        let error = error.context("here");
        assert_eq!(
            sentence(&error),
            "here: cannot read x: No such file; fetch it"
        );
    }
}
