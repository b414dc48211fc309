//! The one way to reach an engine: whole 32-bit words at byte addresses of the register map.

use std::time::Duration;
use thiserror::Error;
use thresh_regs::ADDRESS_BITS;

/// A link to an engine: the virtual device, a serial port, or a PCIe BAR.
///
/// Addresses are byte offsets from the engine's base, multiples of four.
pub trait Transport {
    /// Reads `words.len()` consecutive words from `address` on.
    ///
    /// # Errors
    /// When the link fails; `words` is then undefined.
    fn read(&mut self, address: u32, words: &mut [u32]) -> Result<(), TransportError>;

    /// Writes `words` to consecutive addresses from `address` on. It may return before they have arrived; the next read
    /// sees them, or fails.
    ///
    /// # Errors
    /// When the link fails, also at a write before this one; some of the words may have arrived.
    fn write(&mut self, address: u32, words: &[u32]) -> Result<(), TransportError>;

    /// Writes all of `words`, one after the other, to the one register at `address`.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    fn write_stream(&mut self, address: u32, words: &[u32]) -> Result<(), TransportError>;

    /// What is at the other end, for messages, as `virtual device ulx3s-25f`.
    fn describe(&self) -> String;

    /// Clock cycles that the engine has had, where the link can tell: a simulated one.
    fn cycles(&self) -> Option<u64> {
        None
    }
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn read(&mut self, address: u32, words: &mut [u32]) -> Result<(), TransportError> {
        (**self).read(address, words)
    }

    fn write(&mut self, address: u32, words: &[u32]) -> Result<(), TransportError> {
        (**self).write(address, words)
    }

    fn write_stream(&mut self, address: u32, words: &[u32]) -> Result<(), TransportError> {
        (**self).write_stream(address, words)
    }

    fn describe(&self) -> String {
        (**self).describe()
    }

    fn cycles(&self) -> Option<u64> {
        (**self).cycles()
    }
}

/// Refuses an access of `words` words from `address` on that leaves the register map, or begins inside a word.
///
/// # Errors
/// [`TransportError::Address`].
pub fn check_access(address: u32, words: usize) -> Result<(), TransportError> {
    let end = 1u64 << ADDRESS_BITS;
    if address.is_multiple_of(4) && u64::from(address) + 4 * words as u64 <= end {
        Ok(())
    } else {
        let end = end as u32;
        Err(TransportError::Address { address, end })
    }
}

/// Why a link failed.
#[derive(Debug, Error)]
pub enum TransportError {
    /// An address is not that of a whole word of the map.
    #[error(
        "address {address:#x} is not a word of the engine: expected a multiple of 4 below {end:#x}"
    )]
    Address {
        /// The address.
        address: u32,
        /// The first address past the map.
        end: u32,
    },
    /// The engine did not answer.
    #[error(
        "no answer at address {address:#x} within {limit:?}: is the board powered, and its bitstream loaded?"
    )]
    Timeout {
        /// The address.
        address: u32,
        /// How long was waited.
        limit: Duration,
    },
    /// The simulated bus did not acknowledge.
    #[error("the simulated engine did not acknowledge address {address:#x} within {cycles} cycles")]
    NoAck {
        /// The address.
        address: u32,
        /// How many cycles were waited.
        cycles: u64,
    },
    /// There is no PCIe device, or no longer.
    #[error(transparent)]
    Pcie(#[from] crate::pcie::PcieError),
    /// Nothing answers a hello.
    #[error(
        "{line}: no Thresh device answers within {limit:?}: is it the right port, is its bitstream loaded, and is its \
         line built for {baud} baud?"
    )]
    NoDevice {
        /// The line.
        line: String,
        /// Bits a second.
        baud: u32,
        /// How long was waited.
        limit: Duration,
    },
    /// The device lost what it held.
    #[error(
        "{line}: the device was reset while it was used, so it holds nothing any more; load the image again"
    )]
    Restarted {
        /// The line.
        line: String,
    },
    /// The engine hangs.
    #[error(
        "{line}: the engine did not end an access near address {address:#x}; load the image again, and reset the device if that fails too"
    )]
    Fault {
        /// The line.
        line: String,
        /// An address that was accessed at the time.
        address: u32,
    },
    /// The other end speaks otherwise.
    #[error(
        "{line}: got {got}, expected {expected}; build its bitstream anew with `thresh synth`, or use the thresh that it was built with"
    )]
    Protocol {
        /// The line.
        line: String,
        /// What came.
        got: String,
        /// What this driver speaks.
        expected: String,
    },
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
