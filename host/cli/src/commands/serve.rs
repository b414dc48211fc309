//! `thresh serve`.

use crate::output::{Output, Verdict};
use crate::target;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::json;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use thresh_regs::Config;
use thresh_sim::pcie::{PcieDevice, serve};

/// Put the Verilated engine behind a link, as if it were on a board.
///
/// With --pcie, the command after -- is started with a socket to the engine as its standard input, and ends with it: QEMU, whose
/// guest then sees the engine in a PCI slot. See docs/pcie.md.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thresh serve --config ulx3s-25f --pcie -- qemu-system-x86_64 -M pc,accel=tcg,memory-backend=ram0 -m 512 \\
      -object memory-backend-memfd,id=ram0,size=512M,share=on -device x-pci-proxy-dev,id=thresh,fd=0 ...")]
pub struct Serve {
    /// The engine.
    #[arg(long, value_name = "NAME", value_parser = target::config_parser())]
    config: &'static Config,
    /// Serve the BAR of a PCIe device to QEMU 7.2.
    #[arg(long)]
    pcie: bool,
    /// The command and its arguments.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Serve {
    pub fn run(self, output: &Output) -> Result<Verdict> {
        ensure!(
            self.pcie,
            "got no link to serve, expected --pcie -- COMMAND"
        );
        let Some((program, arguments)) = self.command.split_first() else {
            bail!("got --pcie without a command, expected -- and QEMU's command line behind it");
        };
        target::check_built(self.config)?;
        let mut device = PcieDevice::new(self.config.name)?;
        let (ours, theirs) = UnixStream::pair().context("a pair of sockets")?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(OwnedFd::from(theirs))
            .spawn()
            .with_context(|| program.display().to_string())?;
        let served = serve(ours, &mut device);
        if served.is_err() {
            // It waits for an answer that does not come.
            let _ = child.kill();
        }
        let status = child.wait().context("waiting for the command")?;
        let served = served?;
        let text = format!(
            "{}: {} after {} reads and {} writes of BAR0, {} of them outside; {} cycles",
            program.display(),
            ended(status),
            served.reads,
            served.writes,
            served.strays,
            device.cycles()
        );
        let value = json!({
            "config": self.config.name,
            "status": status.code(),
            "signal": status.signal(),
            "reads": served.reads,
            "writes": served.writes,
            "strays": served.strays,
            "cycles": device.cycles(),
        });
        output.result(text, &value)?;
        Ok(Verdict::of(status.success()))
    }
}

fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with status {code}"),
        (None, signal) => format!("was ended by signal {}", signal.unwrap_or_default()),
    }
}
