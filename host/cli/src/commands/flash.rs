//! `thresh flash`.

use crate::commands::synth;
use crate::output::{Output, Verdict};
use crate::target;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::json;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use thresh_fpga::{Build, Top};

/// The program that talks to the boards.
const LOADER: &str = "openFPGALoader";

/// Load a board's bitstream with openFPGALoader.
///
/// The bitstream is the one that `thresh synth --board NAME` left. It is lost when the board is switched off, unless `--keep`
/// writes it to the board's flash memory. Without openFPGALoader, says what would be run.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thresh synth --board ulx3s-85f && thresh flash --board ulx3s-85f
  thresh flash --board icebreaker --keep
  thresh flash --board ecpix5 --dry-run")]
pub struct Flash {
    /// The board.
    #[arg(long, value_name = "NAME", value_parser = target::board_parser())]
    board: &'static Build,
    /// The bitstream [default: that of thresh synth --board].
    #[arg(long, value_name = "FILE")]
    bitstream: Option<PathBuf>,
    /// Write it to the board's flash memory, from which the board starts.
    #[arg(long)]
    keep: bool,
    /// Only print the command.
    #[arg(long)]
    dry_run: bool,
}

impl Flash {
    pub fn run(self, output: &Output) -> Result<Verdict> {
        let Top::Board(board) = &self.board.top else {
            bail!("{} is no board", self.board.name)
        };
        let file = self
            .bitstream
            .unwrap_or_else(|| synth::work_folder(self.board).join(thresh_fpga::BITSTREAM));
        let mut args: Vec<String> = board.loader.iter().map(|arg| arg.to_string()).collect();
        if self.keep {
            args.push("--write-flash".into());
        }
        args.push(file.display().to_string());
        let command = format!("{LOADER} {}", args.join(" "));
        if self.dry_run {
            output.result(&command, &json!({"command": command, "run": false}))?;
            return Ok(Verdict::Holds);
        }
        let bytes = std::fs::metadata(&file)
            .with_context(|| {
                format!(
                    "{}: no bitstream; run thresh synth --board {} first, or name one with --bitstream",
                    file.display(),
                    self.board.name
                )
            })?
            .len();
        ensure!(
            bytes > 0,
            "{}: got an empty file, expected a bitstream",
            file.display()
        );
        let status = Command::new(LOADER)
            .args(&args)
            .stdin(Stdio::null())
            .stdout(io::stderr())
            .status();
        match status {
            Ok(status) if status.success() => {
                output.result(
                    format!("loaded {} into {}", file.display(), self.board.name),
                    &json!({"command": command, "run": true}),
                )?;
                Ok(Verdict::Holds)
            }
            Ok(status) => bail!(
                "{command} ended with {status}; its message is above; is the board connected, and may this user open its USB device?"
            ),
            Err(error) if error.kind() == io::ErrorKind::NotFound => bail!(
                "there is no {LOADER} on the PATH; install it (Debian: apt install openfpgaloader), then this runs: {command}"
            ),
            Err(error) => Err(error).with_context(|| format!("running {command}")),
        }
    }
}
