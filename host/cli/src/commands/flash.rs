//! `thresh flash`.

use crate::commands::synth;
use crate::kind::{self, Kind};
use crate::output::{Output, Verdict};
use crate::overwrite::Paths;
use crate::target;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::json;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use thresh_fpga::{BOARDS, Bitstream, Build, Top};

/// The program that talks to the boards.
const LOADER: &str = "openFPGALoader";

/// Load a board's bitstream with openFPGALoader.
///
/// The bitstream is the one that `thresh synth --board NAME` left. It is lost when the board is switched off, unless `--keep`
/// writes it to the board's flash memory. One for another device than the board's is refused. Without openFPGALoader, says what would
/// be run.
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

/// Refuses what is no bitstream, or one for another device than that of the board.
fn check(bytes: &[u8], board: &Build) -> Result<()> {
    kind::check(bytes, &[Kind::Bitstream], "a bitstream")?;
    let Some(bitstream) = Bitstream::of(bytes) else {
        bail!(
            "got no bitstream of an ECP5 or an iCE40, expected one for {}; thresh synth --board {} makes it",
            board.device.name,
            board.name
        )
    };
    let others = bitstream.boards(BOARDS);
    let for_others = match others.is_empty() {
        true => String::new(),
        false => format!(", as in {}", others.join(", ")),
    };
    ensure!(
        bitstream.fits(board.device),
        "got a bitstream for {}{for_others}, expected one for {}, as in {}; name the other board by --board, or make one by \
         thresh synth --board {}",
        bitstream.name(),
        board.device.name,
        board.name,
        board.name
    );
    Ok(())
}

impl Paths for Flash {
    fn reads(&self) -> Vec<PathBuf> {
        vec![self.file()]
    }

    fn writes(&self) -> Vec<PathBuf> {
        vec![]
    }
}

impl Flash {
    /// The bitstream.
    fn file(&self) -> PathBuf {
        let usual = || synth::work_folder(self.board).join(thresh_fpga::BITSTREAM);
        self.bitstream.clone().unwrap_or_else(usual)
    }

    pub fn run(self, output: &Output) -> Result<Verdict> {
        let Top::Board(board) = &self.board.top else {
            bail!("{} is no board", self.board.name)
        };
        let file = self.file();
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
        let bytes = std::fs::read(&file).with_context(|| {
            format!(
                "{}: no bitstream; run thresh synth --board {} first, or name one with --bitstream",
                file.display(),
                self.board.name
            )
        })?;
        check(&bytes, self.board).with_context(|| file.display().to_string())?;
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
