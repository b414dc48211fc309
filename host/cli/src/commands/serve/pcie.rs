//! A simulated engine in a PCI slot.

use crate::output::{Output, Verdict};
use crate::target;
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use thresh_regs::Config;
use thresh_sim::pcie::{PcieDevice, serve};

/// Runs `command` with the engine at its standard input.
pub fn run(config: &Config, command: &[OsString], output: &Output) -> Result<Verdict> {
    let Some((program, arguments)) = command.split_first() else {
        bail!("got --pcie without a command, expected -- and QEMU's command line behind it");
    };
    target::check_built(config)?;
    let mut device = PcieDevice::new(config.name)?;
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
        "config": config.name,
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

fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with status {code}"),
        (None, signal) => format!("was ended by signal {}", signal.unwrap_or_default()),
    }
}
