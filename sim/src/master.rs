//! The bus master: what a bridge on the board does, in simulation.

use thresh_driver::{Transport, TransportError, check_access};
use thresh_regs::reg;

/// Cycles that an access may wait for `ack`. The longest wait is that of a stream word that follows
/// one whose entries the engine still decodes.
pub const ACK_CYCLES: u64 = thresh_regs::uart::ACCESS_CYCLES as u64;

/// Cycles that pass after a status read that found passes running. A real host is slower; the
/// engine's counters do not see it.
const POLL_CYCLES: u64 = 64;

/// The engine's bus outputs in one cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response {
    /// The access ends with this cycle.
    pub ack: bool,
    /// The word read, while `ack` is high.
    pub read_data: u32,
}

/// An engine's bus pins, clock by clock.
pub trait Pins {
    /// Presents an access, or none with `strobe` low, from the present cycle on.
    fn drive(&mut self, word_address: u32, write: Option<u32>, strobe: bool);
    /// The bus outputs in the present cycle.
    fn response(&mut self) -> Response;
    /// Ends the present cycle, and `cycles - 1` more with the same inputs.
    fn step(&mut self, cycles: u64);
}

/// Does bus accesses, one at a time, as the bridges on the boards do.
pub struct Master<P> {
    /// The pins.
    pub pins: P,
    cycles: u64,
}

impl<P: Pins> Master<P> {
    /// A master at these pins, with no access presented.
    pub fn new(mut pins: P) -> Self {
        pins.drive(0, None, false);
        Self { pins, cycles: 0 }
    }

    /// Clock cycles so far.
    pub fn cycles(&self) -> u64 {
        self.cycles
    }

    /// Runs `cycles` cycles without an access.
    pub fn idle(&mut self, cycles: u64) {
        self.pins.drive(0, None, false);
        self.step(cycles);
    }

    /// Reads the word at byte address `address`, or writes one. The pins keep the access until the
    /// next one or [`idle`](Self::idle) takes its place, and no cycle passes until then.
    fn access(&mut self, address: u32, write: Option<u32>) -> Result<u32, TransportError> {
        self.pins.drive(address / 4, write, true);
        let mut result = Err(TransportError::NoAck {
            address,
            cycles: ACK_CYCLES,
        });
        for _ in 0..ACK_CYCLES {
            let response = self.pins.response();
            self.step(1);
            if response.ack {
                result = Ok(response.read_data);
                break;
            }
        }
        result
    }

    fn step(&mut self, cycles: u64) {
        self.pins.step(cycles);
        self.cycles += cycles;
    }
}

impl<P: Pins> Transport for Master<P> {
    fn read(&mut self, address: u32, words: &mut [u32]) -> Result<(), TransportError> {
        check_access(address, words.len())?;
        for (word, address) in words.iter_mut().zip((address..).step_by(4)) {
            *word = self.access(address, None)?;
        }
        if let ([status], true) = (words, address == reg::STATUS.offset)
            && reg::STATUS.field("busy").get(*status) != 0
        {
            self.idle(POLL_CYCLES);
        }
        Ok(())
    }

    fn write(&mut self, address: u32, words: &[u32]) -> Result<(), TransportError> {
        check_access(address, words.len())?;
        for (word, address) in words.iter().zip((address..).step_by(4)) {
            self.access(address, Some(*word))?;
        }
        Ok(())
    }

    fn write_stream(&mut self, address: u32, words: &[u32]) -> Result<(), TransportError> {
        check_access(address, 1)?;
        words
            .iter()
            .try_for_each(|word| self.access(address, Some(*word)).map(drop))
    }

    fn describe(&self) -> String {
        "simulated engine".into()
    }
}
