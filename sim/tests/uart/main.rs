//! The serial link, from the driver to the pins of a Verilated device and back.

#[path = "../common/mod.rs"]
mod common;
mod faults;
mod faulty;
mod line;
mod protocol;
mod pty;
mod traffic;

use std::time::Duration;
use thresh_driver::uart::{ByteStream, Patience, UartTransport};
use thresh_sim::uart::{Rates, SimulatedStream};

/// Patience for simulated time: a full frame takes a millisecond.
const PATIENCE: Patience = Patience {
    answer: Duration::from_millis(2),
    attempts: 40,
    hello: Duration::from_millis(2),
    hello_attempts: 40,
};

fn line(config: &str) -> SimulatedStream {
    SimulatedStream::new(config, Rates::default()).expect("the build script makes it")
}

fn open<S: ByteStream>(stream: S) -> UartTransport<S> {
    UartTransport::open_with(stream, PATIENCE).expect("answers")
}
