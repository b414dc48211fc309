//! Trials as processes of their own: several at once on this machine, or a job array of Slurm.

use crate::files;
use crate::itself::quoted;
use crate::output::Output;
use anyhow::{Context, Result, anyhow};
use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
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

/// What becomes of a trial.
pub enum Event {
    /// It would begin now.
    Begins,
    /// It is done.
    Done,
    /// It failed.
    Failed(anyhow::Error),
}

/// Runs the trials `wanted`, `jobs` at once, and tells `each` what becomes of them. If that answers false to one that would begin, it and those
/// behind it are left out. Whatever happens, those that run come to their end, so that their results are kept.
pub fn local(
    jobs: Option<usize>,
    wanted: &[usize],
    log: &dyn Fn(usize) -> PathBuf,
    each: &mut dyn FnMut(usize, Event) -> Result<bool>,
) -> Result<()> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let jobs = jobs.unwrap_or(processors);
    let threads = (processors / jobs).max(1).to_string();
    let program = env::current_exe().context("finding this program")?;
    let start = |index: usize| -> Result<(PathBuf, Child)> {
        let path = log(index);
        let place = || path.display().to_string();
        fs::create_dir_all(files::folder(&path)).with_context(place)?;
        // Another sweep may be at the same trial: this one then waits, and its log goes on behind.
        let file = File::options().create(true).append(true).open(&path);
        let child = Command::new(&program)
            .args(own_words())
            .args(["--trial", &index.to_string()])
            .env("RAYON_NUM_THREADS", &threads)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file.with_context(place)?)
            .spawn()
            .with_context(|| format!("starting trial {index}"))?;
        Ok((path, child))
    };
    let (told, done) = mpsc::channel();
    let mut queue = wanted.iter().copied();
    let mut running = 0;
    let mut failure = None;
    loop {
        while failure.is_none() && running < jobs {
            let Some(index) = queue.next() else { break };
            match each(index, Event::Begins).and_then(|go| go.then(|| start(index)).transpose()) {
                Ok(Some((path, mut child))) => {
                    let told = told.clone();
                    thread::spawn(move || {
                        // The receiver waits for every trial.
                        let _ = told.send((index, path, child.wait()));
                    });
                    running += 1;
                }
                Ok(None) => queue = [].iter().copied(),
                Err(error) => failure = Some(error),
            }
        }
        if running == 0 {
            return failure.map_or(Ok(()), Err);
        }
        let (index, path, status) = done.recv().context("waiting for a trial")?;
        running -= 1;
        let event = match status {
            Ok(status) if status.success() => Event::Done,
            Ok(status) => Event::Failed(anyhow!(
                "trial {index} ended with {status}: {}\nthe rest is in {}",
                last_lines(&path),
                path.display()
            )),
            Err(error) => Event::Failed(anyhow!("waiting for trial {index}: {error}")),
        };
        if let Err(error) = each(index, event) {
            failure.get_or_insert(error);
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
    let script = folder.join("sweep.sbatch");
    for trials in wanted.chunks(MOST_ELEMENTS) {
        // Slurm keeps a copy of the script, and the numbers with it: elements that wait know theirs, whatever is submitted later.
        let numbers: Vec<String> = trials.iter().map(usize::to_string).collect();
        let text = format!(
            "#!/bin/sh\n#SBATCH --job-name=thresh-sweep\nset -- {}\nshift \"$SLURM_ARRAY_TASK_ID\"\ncd {} || exit 1\nexec {} {} --trial \"$1\"\n",
            numbers.join(" "),
            quoted(&here.to_string_lossy()),
            quoted(&program.to_string_lossy()),
            words.join(" "),
        );
        files::write(&script, text.as_bytes())?;
        let count = trials.len();
        output.note(format!(
            "{count} trials go to Slurm, with their logs in {}",
            folder.display()
        ));
        let status = Command::new("sbatch")
            .arg("--wait")
            .arg(format!("--array=0-{}", count - 1))
            .arg(format!("--output={}/slurm-%A-%a.log", folder.display()))
            .args(more)
            .arg(&script)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .context("cannot run sbatch, expected Slurm's client on the PATH; leave out --slurm to run the trials here")?;
        if !status.success() {
            output.note(format!(
                "the job array ended with {status}: a trial failed, or Slurm refused the array; see its message above, and the logs in {}",
                folder.display()
            ));
        }
    }
    Ok(())
}
