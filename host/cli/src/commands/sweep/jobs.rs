//! Trials as processes of their own: several at once on this machine, or a job array of Slurm.

use crate::files;
use crate::output::Output;
use anyhow::{Context, Result, anyhow, ensure};
use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

/// Elements of a job array at most, as Slurm is configured unless someone changed it (`MaxArraySize` 1001).
const MOST_ELEMENTS: usize = 1000;

/// Lines of a log that an error quotes.
const QUOTED: usize = 5;

/// This command again, without what says how its trials are run.
fn own_words() -> Vec<OsString> {
    let mut words = Vec::new();
    let mut given = env::args_os().skip(1);
    while let Some(word) = given.next() {
        let text = word.to_string_lossy();
        match text.as_ref() {
            "--slurm" | "--stop" => {}
            "--jobs" | "--sbatch" => drop(given.next()),
            text if text.starts_with("--jobs=") || text.starts_with("--sbatch=") => {}
            _ => words.push(word),
        }
    }
    words
}

/// Runs the trials `wanted`, `jobs` at once. `each` is asked before one begins (false: it and those behind it are left out) and told when
/// one is done. After a failure none begins any more, and those that run come to their end, so that their results are kept.
pub fn local(
    jobs: Option<usize>,
    wanted: &[usize],
    log: &dyn Fn(usize) -> PathBuf,
    each: &mut dyn FnMut(usize, bool) -> Result<bool>,
) -> Result<()> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let jobs = jobs.unwrap_or(processors);
    let threads = (processors / jobs).max(1).to_string();
    let program = env::current_exe().context("finding this program")?;
    let (told, done) = mpsc::channel();
    let mut queue = wanted.iter().copied();
    let mut running = 0;
    let mut open = true;
    let mut failure = None;
    loop {
        while open && running < jobs {
            let Some(index) = queue.next() else { break };
            open = each(index, false)?;
            if !open {
                break;
            }
            let path = log(index);
            fs::create_dir_all(files::folder(&path)).with_context(|| path.display().to_string())?;
            let file = File::create(&path).with_context(|| path.display().to_string())?;
            let mut child = Command::new(&program)
                .args(own_words())
                .args(["--trial", &index.to_string()])
                .env("RAYON_NUM_THREADS", &threads)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(file)
                .spawn()
                .with_context(|| format!("starting trial {index}"))?;
            let told = told.clone();
            thread::spawn(move || {
                // Whoever waits is gone only when another trial failed.
                let _ = told.send((index, path, child.wait()));
            });
            running += 1;
        }
        if running == 0 {
            return failure.map_or(Ok(()), Err);
        }
        let (index, path, status) = done.recv().context("waiting for a trial")?;
        running -= 1;
        let status = status.with_context(|| format!("waiting for trial {index}"))?;
        if status.success() {
            each(index, true)?;
        } else {
            open = false;
            failure = Some(anyhow!(
                "trial {index} ended with {status}: {}\nthe rest is in {}",
                last_lines(&path),
                path.display()
            ));
        }
    }
}

fn last_lines(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(QUOTED)..].join("\n")
}

/// Runs the trials `wanted` as job arrays, and waits for them. Every machine of the cluster must see the folder and this program where
/// they are here.
pub fn slurm(wanted: &[usize], folder: &Path, more: &[String], output: &Output) -> Result<()> {
    let program = env::current_exe().context("finding this program")?;
    let here = env::current_dir().context("finding this folder")?;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let folder = fs::canonicalize(folder).with_context(|| folder.display().to_string())?;
    let words: Vec<String> = own_words()
        .into_iter()
        .map(|word| quoted(&word.to_string_lossy()))
        .collect();
    let list = folder.join("trials.txt");
    let script = folder.join("sweep.sbatch");
    let lines: Vec<String> = wanted.iter().map(usize::to_string).collect();
    // The number of an element is a line of this file, so that no array has gaps or numbers beyond its limit.
    files::write(&list, (lines.join("\n") + "\n").as_bytes())?;
    let text = format!(
        "#!/bin/sh\n#SBATCH --job-name=thresh-sweep\ncd {} || exit 1\n\
         trial=$(sed -n \"$((THRESH_FIRST + SLURM_ARRAY_TASK_ID + 1))p\" {})\n\
         exec {} {} --trial \"$trial\"\n",
        quoted(&here.to_string_lossy()),
        quoted(&list.to_string_lossy()),
        quoted(&program.to_string_lossy()),
        words.join(" "),
    );
    files::write(&script, text.as_bytes())?;
    for first in (0..wanted.len()).step_by(MOST_ELEMENTS) {
        let count = (wanted.len() - first).min(MOST_ELEMENTS);
        output.note(format!(
            "{count} trials go to Slurm, with their logs in {}",
            folder.display()
        ));
        let status = Command::new("sbatch")
            .arg("--wait")
            .arg(format!("--array=0-{}", count - 1))
            .arg(format!("--export=ALL,THRESH_FIRST={first}"))
            .arg(format!("--output={}/slurm-%A-%a.log", folder.display()))
            .args(more)
            .arg(&script)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .context("cannot run sbatch, expected Slurm's client on the PATH; leave out --slurm to run the trials here")?;
        ensure!(
            status.success(),
            "the job array ended with {status}: a trial failed, or Slurm refused the array; see its message above, and the logs in {}",
            folder.display()
        );
    }
    Ok(())
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_survives_the_shell() {
        let word = "conv{1,2}x3 'and' $HOME";
        let said = Command::new("sh")
            .args(["-c", &format!("printf %s {}", quoted(word))])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(said.stdout).unwrap(), word);
    }
}
