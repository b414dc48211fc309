//! A simulated line for the driver, in one thread and in simulated time.

use super::{Line, Rates};
use crate::DeviceError;
use std::io;
use std::time::Duration;
use thresh_driver::uart::ByteStream;

/// A simulated line. Time passes only while the driver waits for bytes, so nothing depends on the speed of the machine.
pub struct SimulatedStream {
    line: Line,
    name: String,
}

impl SimulatedStream {
    /// The device of the configuration `name` at power-on.
    ///
    /// # Errors
    /// If it has no model with serial pins.
    pub fn new(name: &str, rates: Rates) -> Result<Self, DeviceError> {
        Ok(SimulatedStream {
            line: Line::new(name, rates)?,
            name: name.into(),
        })
    }

    /// The device at the end of `line`, called `name` in messages.
    pub fn of_line(line: Line, name: &str) -> Self {
        SimulatedStream {
            line,
            name: name.into(),
        }
    }

    /// The line.
    pub fn line(&mut self) -> &mut Line {
        &mut self.line
    }

    fn cycles(&self, time: Duration) -> u64 {
        let hz = u128::from(self.line.rates().clock_hz);
        u64::try_from((time.as_nanos() * hz).div_ceil(1_000_000_000)).unwrap_or(u64::MAX)
    }
}

impl ByteStream for SimulatedStream {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.line.send(bytes);
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<usize> {
        let end = self.line.cycles().saturating_add(self.cycles(limit));
        while self.line.received() == 0 && self.line.cycles() < end {
            self.line.run(1);
        }
        Ok(self.line.take(buffer))
    }

    fn now(&self) -> Duration {
        let cycles = u128::from(self.line.cycles());
        let nanoseconds = cycles * 1_000_000_000 / u128::from(self.line.rates().clock_hz);
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    fn baud(&self) -> u32 {
        self.line.rates().baud
    }

    fn describe(&self) -> String {
        format!("simulated line of {}", self.name)
    }
}
