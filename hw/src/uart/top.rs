//! A whole device: an engine and its bridge, from clock and pins on.

use super::Bridge;
use crate::emit::{Module, emit};
use crate::link::join;
use thresh_regs::Config;
use thresh_regs::uart::{PHASE_BITS, phase_step};

/// Name of the outermost module.
pub const TOP: &str = "uart_engine";

/// The engine of `config` behind a bridge, for a clock of `clock_hz` and `baud` bits a second: module `uart_engine` with
/// the pins `clock`, `reset`, `rx` and `tx`.
///
/// # Errors
/// If the rate cannot be divided from the clock.
///
/// # Panics
/// If this build has no engine of `config`, see [`crate::is_built`].
pub fn uart_engine(config: &Config, clock_hz: u32, baud: u32) -> Result<Module, String> {
    let step = phase_step(clock_hz, baud)?;
    let bridge = emit("bridge", Bridge::default());
    let ties = [("step", format!("{PHASE_BITS}'d{step}"))];
    let what = format!("serial line, {baud} baud at {clock_hz} Hz");
    Ok(join(TOP, config, &bridge, &ties, &what))
}
