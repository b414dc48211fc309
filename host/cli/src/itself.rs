//! This program, run by itself: commands that are printed as they are run.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

/// Runs this program with `words`; gives what it printed as JSON.
pub fn run(words: &[String]) -> Result<Value> {
    let done = command(words)?
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| line(words))?;
    if !is_told(done.status) {
        bail!(
            "{} ended with {}; its message is above",
            line(words),
            done.status
        );
    }
    parse(words, &done.stdout)
}

/// Why a command gave no result.
#[derive(Debug)]
pub struct Refusal {
    /// What it said.
    pub message: String,
    /// It ended by itself, with an error, as it will every time.
    pub by_itself: bool,
}

/// The same beside others: on so many threads, its messages behind those in the file `log`. Gives the refusal where the command gave no result.
pub fn run_beside(
    words: &[String],
    threads: usize,
    log: &Path,
) -> Result<std::result::Result<Value, Refusal>> {
    let place = || log.display().to_string();
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(place)?;
    writeln!(file, "{}", line(words)).with_context(place)?;
    let before = file.metadata().with_context(place)?.len();
    let done = command(words)?
        .env("RAYON_NUM_THREADS", threads.to_string())
        .stderr(file)
        .output()
        .with_context(|| line(words))?;
    if is_told(done.status) {
        return parse(words, &done.stdout).map(Ok);
    }
    let said = std::fs::read(log).with_context(place)?;
    let said = &said[said.len().min(before as usize)..];
    let said = format!("\n{}", String::from_utf8_lossy(said));
    let by_itself = done.status.code() == Some(1);
    let message = match said.rsplit_once("\nthresh: ") {
        Some((_, message)) if by_itself => message.trim().into(),
        _ => format!(
            "{} ended with {}; see {}",
            line(words),
            done.status,
            log.display()
        ),
    };
    Ok(Err(Refusal { message, by_itself }))
}

fn command(words: &[String]) -> Result<Command> {
    let program = std::env::current_exe().context("finding this program")?;
    let mut command = Command::new(program);
    command.arg("--json").args(words).stdin(Stdio::null());
    Ok(command)
}

/// Whether a command that ended so has printed its result: a difference is told in the tables.
fn is_told(status: ExitStatus) -> bool {
    status.success() || status.code() == Some(3)
}

fn parse(words: &[String], printed: &[u8]) -> Result<Value> {
    serde_json::from_slice(printed)
        .with_context(|| format!("reading the output of {}", line(words)))
}

/// `words` as they are typed.
pub fn line(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+./,:=%@".contains(c);
    let typed = words
        .iter()
        .map(|word| match !word.is_empty() && word.chars().all(plain) {
            true => word.clone(),
            false => quoted(word),
        });
    format!("thresh {}", typed.collect::<Vec<_>>().join(" "))
}

/// A word for a shell.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_shell() {
        let words = ["conv{1,2}x3 'and' $HOME", "form=o|ihw", "-o", "a/b=10%", ""];
        let line = line(&words.map(String::from));
        assert!(line.ends_with("'form=o|ihw' -o a/b=10% ''"), "{line}");
        let script = format!("thresh() {{ printf '%s\\n' \"$@\"; }}; {line}");
        let said = Command::new("sh").args(["-c", &script]).output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        assert_eq!(said.split_terminator('\n').collect::<Vec<_>>(), words);
    }
}
