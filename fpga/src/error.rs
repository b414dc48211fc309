//! What can go wrong, each with what came, what was expected and what to do next.

use std::path::PathBuf;

use crate::{Block, Memory, Report};

/// Why a flow gave no result that may be used.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// A tool is not installed.
    #[error(
        "there is no {tool} at {path}: run scripts/setup, or set THRESH_TOOLS to a folder that has bin/{tool}"
    )]
    NoTool {
        /// Program.
        tool: &'static str,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A tool refused its input.
    #[error("{tool} failed: {message}\nexpected it to succeed; its whole log is {log}")]
    Tool {
        /// Program.
        tool: &'static str,
        /// The tool's own words.
        message: String,
        /// Its log.
        log: PathBuf,
    },
    /// A tool ran longer than its limit and was ended.
    #[error(
        "{tool} had not finished after {seconds} s and was ended; its log so far is {log}; try a smaller design"
    )]
    Timeout {
        /// Program.
        tool: &'static str,
        /// The limit.
        seconds: u64,
        /// Its log.
        log: PathBuf,
    },
    /// The design needs more than the device has.
    #[error(
        "the design does not fit {build}: it needs {need} {resource}, the device has {available}; \
         take a configuration with fewer PEs or smaller memories, or a larger board"
    )]
    DoesNotFit {
        /// What was built.
        build: &'static str,
        /// Which resource.
        resource: &'static str,
        /// How many are needed, at least.
        need: u64,
        /// How many there are.
        available: u64,
        /// What each block takes.
        blocks: Vec<Block>,
        /// Every memory of the sources and where it went.
        memories: Vec<Memory>,
    },
    /// The routed design is too slow with every seed.
    #[error(
        "timing missed by {build}: got {:.2} MHz with the best of {} seed(s), expected {:.2} MHz; critical path {}; \
         shorten that path, try more seeds or lower the target",
        report.fmax_max(), report.runs.len(), report.target_mhz, report.critical_path
    )]
    TimingMissed {
        /// What was built.
        build: &'static str,
        /// All that was measured.
        report: Box<Report>,
    },
    /// Nothing of the engine is left after synthesis.
    #[error(
        "nothing of the engine is left after synthesis of {build}: expected at least one cell below the module \
         `engine`; are its outputs driven?"
    )]
    Empty {
        /// What was built.
        build: &'static str,
    },
    /// A tool's output lacks what it should hold.
    #[error("{file} {problem}; expected it as the tools of scripts/setup write it")]
    BadFile {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// An option has no meaning.
    #[error("got {got}, expected {expected}")]
    Option {
        /// What was given.
        got: String,
        /// What is permitted.
        expected: &'static str,
    },
}
