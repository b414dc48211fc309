//! A virtual device that cannot hang a test.
#![allow(dead_code, reason = "each bench uses a part")]

use thresh_driver::{Transport, TransportError};
use thresh_sim::VirtualDevice;

/// A virtual device that ends the test when it takes too many cycles.
pub struct Limited {
    device: VirtualDevice,
    cycles: u64,
    until: u64,
}

impl Limited {
    /// `device`, which may take `cycles` more cycles.
    pub fn new(device: VirtualDevice, cycles: u64) -> Self {
        let mut limited = Self {
            device,
            cycles,
            until: 0,
        };
        limited.allow(cycles);
        limited
    }

    /// It may take `cycles` more cycles from now on.
    pub fn allow(&mut self, cycles: u64) {
        self.cycles = cycles;
        self.until = self.device.cycles() + cycles;
    }

    /// Cycles since power-on.
    pub fn now(&self) -> u64 {
        self.device.cycles()
    }

    fn check(&self) {
        assert!(
            self.device.cycles() < self.until,
            "a network takes more than {} cycles",
            self.cycles
        );
    }
}

impl Transport for Limited {
    fn read(&mut self, address: u32, words: &mut [u32]) -> Result<(), TransportError> {
        self.check();
        self.device.read(address, words)
    }
    fn write(&mut self, address: u32, words: &[u32]) -> Result<(), TransportError> {
        self.check();
        self.device.write(address, words)
    }
    fn write_stream(&mut self, address: u32, words: &[u32]) -> Result<(), TransportError> {
        self.check();
        self.device.write_stream(address, words)
    }
    fn describe(&self) -> String {
        self.device.describe()
    }
}
