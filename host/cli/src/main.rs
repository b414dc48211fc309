//! The command line of Thresh: one file of `commands` for each subcommand, and what they share.

mod accuracy;
mod bars;
mod calibration;
mod cli;
mod commands;
#[cfg(test)]
mod damaged;
mod data;
mod device;
mod draw;
mod eie;
mod experiments;
mod files;
mod input;
mod itself;
mod kind;
mod layout;
mod measure;
mod npy;
mod output;
mod overwrite;
mod page;
mod picture;
mod plot;
mod provenance;
mod report;
mod target;

use output::{Output, Verdict};
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Something went wrong: a file, an option's value, a tool.
const EXIT_ERROR: u8 = 1;

/// Everything ran, and what was checked does not hold.
const EXIT_CHECK: u8 = 3;

fn main() -> ExitCode {
    let (command, json) = cli::parse();
    match command.run(&Output::new(json)) {
        Ok(Verdict::Holds) => ExitCode::SUCCESS,
        Ok(Verdict::Fails) => ExitCode::from(EXIT_CHECK),
        // Whoever reads our output has had enough of it.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // With stderr gone there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "thresh: {}", output::sentence(&error));
            ExitCode::from(EXIT_ERROR)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |e: &std::io::Error| e.kind() == ErrorKind::BrokenPipe;
    error
        .chain()
        .any(|cause| cause.downcast_ref().is_some_and(broken))
}
