//! A simulated device at a serial port of its own.

use crate::output::{Output, Verdict};
use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use std::time::Duration;
use thresh_regs::Config;
use thresh_regs::uart::{BAUD, SIMULATED};
use thresh_sim::uart::{Pty, Rates};

/// How often it is looked whether the device is still there.
const WATCH: Duration = Duration::from_millis(100);

/// Serves for so many seconds, or until it is stopped.
pub fn run(config: &Config, seconds: Option<u64>, output: &Output) -> Result<Verdict> {
    ensure!(
        SIMULATED.contains(&config.name),
        "got --config {}, expected one that is simulated from its serial pins on: {}",
        config.name,
        SIMULATED.join(", ")
    );
    let pty = Pty::new(config.name, Rates::default()).context(config.name)?;
    let device = format!("uart:{}", pty.path().display());
    output.result(
        &device,
        &json!({"device": device, "config": config.name, "baud": BAUD}),
    )?;
    output.note("serving; stop it with Ctrl-C");
    let end = seconds.map(|seconds| std::time::Instant::now() + Duration::from_secs(seconds));
    while pty.is_alive() {
        if end.is_some_and(|end| std::time::Instant::now() >= end) {
            return Ok(Verdict::Holds);
        }
        std::thread::sleep(WATCH);
    }
    bail!("the pseudo-terminal failed; serve again")
}
