//! Where the tools are.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What `scripts/setup` installed.
pub struct Tools {
    verilator: PathBuf,
    /// Verilator's include folder.
    pub include: PathBuf,
}

impl Tools {
    /// Finds the tools below `THRESH_TOOLS`.
    pub fn find() -> Result<Self, String> {
        println!("cargo::rerun-if-env-changed=THRESH_TOOLS");
        println!("cargo::rerun-if-env-changed=LIBCLANG_PATH");
        let root = env::var_os("THRESH_TOOLS").map(PathBuf::from).ok_or(
            "THRESH_TOOLS is not set: run scripts/setup, then run cargo inside the repository, \
             whose .cargo/config.toml sets it",
        )?;
        // Its Perl script passes its own path through a shell.
        if root.to_string_lossy().contains(char::is_whitespace) {
            return Err(format!(
                "got the tools in {root:?}, expected a path without blanks: Verilator does not run there; move the clone, and \
                 run scripts/setup in it"
            ));
        }
        let verilator = present(root.join("bin/verilator"))?;
        let include = present(root.join("verilator-root/include"))?;
        let libclang = env::var_os("LIBCLANG_PATH").map(PathBuf::from).ok_or(
            "LIBCLANG_PATH is not set: run scripts/setup, then run cargo inside the repository",
        )?;
        present(libclang)?;
        Ok(Self { verilator, include })
    }

    /// Runs Verilator.
    ///
    /// # Errors
    /// All that it printed.
    pub fn verilate(&self, arguments: &[&str], source: &Path) -> Result<(), String> {
        let mut command = Command::new(&self.verilator);
        command.args(arguments).arg(source);
        let Output {
            status,
            stdout,
            stderr,
        } = command
            .output()
            .map_err(|error| format!("{}: {error}: run scripts/setup", self.verilator.display()))?;
        if status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
        Err(format!("{command:?} ended with {status}:\n{text}"))
    }
}

fn present(path: PathBuf) -> Result<PathBuf, String> {
    println!("cargo::rerun-if-changed={}", path.display());
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{} is missing: run scripts/setup", path.display()))
    }
}
