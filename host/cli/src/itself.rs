//! This program, run by itself: commands that are printed as they are run.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::process::{Command, Stdio};

/// Runs this program with `words`; gives what it printed as JSON.
pub fn run(words: &[String]) -> Result<Value> {
    let program = std::env::current_exe().context("finding this program")?;
    let done = Command::new(program)
        .arg("--json")
        .args(words)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| line(words))?;
    // A difference is told in the tables.
    if !done.status.success() && done.status.code() != Some(3) {
        bail!(
            "{} ended with {}; its message is above",
            line(words),
            done.status
        );
    }
    serde_json::from_slice(&done.stdout)
        .with_context(|| format!("reading the output of {}", line(words)))
}

/// `words` as they are typed.
pub fn line(words: &[String]) -> String {
    format!("thresh {}", words.join(" "))
}
