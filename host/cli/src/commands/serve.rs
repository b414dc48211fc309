//! `thresh serve`.

mod pcie;
mod uart;

use crate::output::{Output, Verdict};
use crate::overwrite::Paths;
use crate::target;
use anyhow::{Result, ensure};
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;
use thresh_regs::Config;

/// Serve a simulated device behind a link, to try the link without a board.
///
/// At a serial port of its own: engine and bridge are simulated from the pins on, so it is as fast as the simulation, not as 3 Mbaud. The
/// path of the port is printed; it is served until the command is stopped. See docs/uart.md.
///
/// With --pcie in a PCI slot: the command after -- is started with a socket to the engine as its standard input, and ends with it: QEMU,
/// whose guest then sees the engine. See docs/pcie.md.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thresh serve                                  prints, say, uart:/dev/pts/3
  thresh run net.thresh --digit 7 --device uart:/dev/pts/3
  thresh serve --config ulx3s-25f --pcie -- qemu-system-x86_64 -M pc,accel=tcg,memory-backend=ram0 -m 512 \\
      -object memory-backend-memfd,id=ram0,size=512M,share=on -device x-pci-proxy-dev,id=thresh,fd=0 ...")]
pub struct Serve {
    /// The engine.
    #[arg(long, value_name = "NAME", default_value = "ulx3s-25f", value_parser = target::config_parser())]
    config: &'static Config,
    /// Stop after so many seconds [default: when it is interrupted].
    #[arg(long, conflicts_with = "pcie")]
    seconds: Option<u64>,
    /// Serve the BAR of a PCIe device to QEMU 7.2.
    #[arg(long)]
    pcie: bool,
    /// The command and its arguments.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Paths for Serve {
    fn reads(&self) -> Vec<PathBuf> {
        vec![]
    }

    fn writes(&self) -> Vec<PathBuf> {
        vec![]
    }
}

impl Serve {
    pub fn run(self, output: &Output) -> Result<Verdict> {
        if self.pcie {
            return pcie::run(self.config, &self.command, output);
        }
        ensure!(
            self.command.is_empty(),
            "got a command without --pcie, expected --pcie -- COMMAND, or no command to serve a serial port"
        );
        uart::run(self.config, self.seconds, output)
    }
}
