//! Finding and running Yosys, nextpnr and the packers: bounded in time, logs kept.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::FlowError;

/// Limit for `--version`; a tool's very first call may compile it.
pub(crate) const VERSION_TIMEOUT: Duration = Duration::from_secs(180);
/// Limit for a synthesis.
pub(crate) const YOSYS_TIMEOUT: Duration = Duration::from_secs(2 * 60 * 60);
/// Limit for placing and routing with one seed.
pub(crate) const NEXTPNR_TIMEOUT: Duration = Duration::from_secs(2 * 60 * 60);
/// Limit for packing a bitstream.
pub(crate) const PACK_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// How often a running tool is looked at.
const POLL: Duration = Duration::from_millis(20);
/// Lines of a log that are quoted when its line with `ERROR` does not say enough.
const QUOTED_LINES: usize = 5;

/// Where the tools are.
#[derive(Clone, Debug)]
pub struct Tools {
    root: PathBuf,
}

impl Default for Tools {
    /// The folder that `THRESH_TOOLS` names, else `.tools` of the source tree.
    fn default() -> Self {
        match std::env::var_os("THRESH_TOOLS") {
            Some(root) => Self::at(root),
            None => Self::at(Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(".tools")),
        }
    }
}

impl Tools {
    /// The tools whose programs are in `root/bin`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder given to [`Tools::at`].
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The program `tool`, if it is there.
    pub(crate) fn path(&self, tool: &'static str) -> Result<PathBuf, FlowError> {
        let path = self.root.join("bin").join(tool);
        if path.is_file() {
            Ok(path)
        } else {
            Err(FlowError::NoTool { tool, path })
        }
    }

    /// What `tool --version` says, cut to name and number.
    pub(crate) fn version(&self, tool: &'static str, folder: &Path) -> Result<String, FlowError> {
        let log = format!("{tool}.version");
        self.run(tool, &["--version"], folder, &log, VERSION_TIMEOUT)?;
        let text = read(&folder.join(&log))?;
        short_version(&text).ok_or_else(|| FlowError::BadFile {
            file: folder.join(log),
            problem: format!("has no version: {text:?}"),
        })
    }

    /// Runs `tool` in `folder`, what it prints going to the file `log` there. Gives the seconds that it took.
    pub(crate) fn run(
        &self,
        tool: &'static str,
        args: &[&str],
        folder: &Path,
        log: &str,
        limit: Duration,
    ) -> Result<f64, FlowError> {
        let program = self.path(tool)?;
        let log = folder.join(log);
        let io = |action| {
            let path = log.clone();
            move |source| FlowError::Io {
                action,
                path,
                source,
            }
        };
        let out = File::create(&log).map_err(io("create"))?;
        let err = out.try_clone().map_err(io("create"))?;
        let start = Instant::now();
        let mut child = Command::new(&program)
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(|source| FlowError::Io {
                action: "run",
                path: program,
                source,
            })?;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(io("wait for the program of"))? {
                break status;
            }
            if start.elapsed() > limit {
                // It may have ended by itself just now; either way it is gone after the wait.
                let _ = child.kill();
                let _ = child.wait();
                return Err(FlowError::Timeout {
                    tool,
                    seconds: limit.as_secs(),
                    log,
                });
            }
            sleep(POLL);
        };
        if status.success() {
            return Ok(thousandths(start.elapsed().as_secs_f64()));
        }
        let text = String::from_utf8_lossy(&fs::read(&log).map_err(io("read"))?).into_owned();
        let message = match text.trim() {
            "" => status.to_string(),
            text => complaint(text),
        };
        Err(FlowError::Tool { tool, message, log })
    }
}

/// The line of a log that says why the tool failed, or its last lines. Of Yosys' `check -assert`, which only counts, the
/// last warnings that it counted.
fn complaint(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    match lines.iter().position(|line| line.contains("ERROR")) {
        Some(at) if !lines[at].contains("check -assert") => lines[at].trim().to_owned(),
        at => {
            let end = at.map_or(lines.len(), |at| at + 1);
            lines[end.saturating_sub(QUOTED_LINES)..end].join("\n")
        }
    }
}

/// `Yosys 0.70` or `nextpnr-0.11` out of a tool's answer to `--version`.
fn short_version(text: &str) -> Option<String> {
    if let Some((_, rest)) = text.split_once("(Version ") {
        return rest.split_once(')').map(|(version, _)| version.to_owned());
    }
    let mut words = text.split_whitespace();
    let (name, number) = (words.next()?, words.next()?);
    number
        .starts_with(|c: char| c.is_ascii_digit())
        .then(|| format!("{name} {number}"))
}

/// Reads a text file.
pub(crate) fn read(path: &Path) -> Result<String, FlowError> {
    fs::read_to_string(path).map_err(|source| FlowError::Io {
        action: "read",
        path: path.into(),
        source,
    })
}

/// Writes a text file.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), FlowError> {
    fs::write(path, text).map_err(|source| FlowError::Io {
        action: "write",
        path: path.into(),
        source,
    })
}

/// Reads a JSON file.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, FlowError> {
    serde_json::from_str(&read(path)?).map_err(|error| FlowError::BadFile {
        file: path.into(),
        problem: format!("is not the JSON that was expected: {error}"),
    })
}

/// `value` to three decimals: no measurement here is finer, and short numbers survive JSON exactly.
pub(crate) fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn fake(script: &str) -> (tempfile::TempDir, Tools) {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        fs::write(bin.join("yosys"), format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(bin.join("yosys"), fs::Permissions::from_mode(0o755)).unwrap();
        let tools = Tools::at(folder.path());
        (folder, tools)
    }

    #[test]
    fn a_tool_past_its_limit_is_ended_and_named() {
        let (folder, tools) = fake("exec sleep 60");
        let start = Instant::now();
        let error = tools
            .run(
                "yosys",
                &[],
                folder.path(),
                "log",
                Duration::from_millis(200),
            )
            .unwrap_err();
        assert!(
            matches!(error, FlowError::Timeout { tool: "yosys", .. }),
            "{error}"
        );
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_failing_tool_is_quoted() {
        let (folder, tools) = fake("echo one; echo 'x.v:3: ERROR: two' >&2; echo three; exit 1");
        let error = tools
            .run("yosys", &[], folder.path(), "log", POLL * 100)
            .unwrap_err();
        assert!(error.to_string().contains("x.v:3: ERROR: two"), "{error}");
        let (folder, tools) = fake("exit 3");
        let error = tools
            .run("yosys", &[], folder.path(), "log", POLL * 100)
            .unwrap_err();
        assert!(error.to_string().contains("exit status: 3"), "{error}");
    }

    #[test]
    fn versions_are_cut_to_name_and_number() {
        let yosys = "Yosys 0.70 (git sha1 28ba3cb92, Release)\n";
        let nextpnr =
            "\"nextpnr-ecp5\" -- Next Generation Place and Route (Version nextpnr-0.11.1)\n";
        assert_eq!(short_version(yosys).as_deref(), Some("Yosys 0.70"));
        assert_eq!(short_version(nextpnr).as_deref(), Some("nextpnr-0.11.1"));
        assert_eq!(short_version("usage: yosys"), None);
    }
}
