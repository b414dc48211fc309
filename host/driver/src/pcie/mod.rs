//! The link over PCIe: BAR0 of a device, mapped by way of sysfs. No kernel module is needed, but root's rights are.

mod bar;
mod error;
mod find;
#[cfg(test)]
mod tests;

pub use error::PcieError;
pub use find::Slot;

use crate::transport::{Transport, TransportError, check_access};
use bar::Bar;
use find::{SYSFS, bar0_bytes, choose, file, folder};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use thresh_regs::pcie::{
    BAR0_BYTES, ENDPOINT_BASE, ENDPOINT_ID, ENDPOINT_REGISTERS, endpoint::ENDPOINT,
};
use thresh_regs::reg;

/// An engine in a PCIe slot.
///
/// Accesses are volatile and 32 bits wide. Writes are posted: each call of [`Transport::write`] ends with a read of `ID`, so that
/// all its words have arrived when it returns, and a lost device is noticed. Nothing is waited for here: a read
/// that nobody answers comes back as all ones from the host's bridge.
pub struct PcieTransport {
    slot: Slot,
    bar: Bar,
    /// Keeps other programs off.
    _resource: File,
}

impl PcieTransport {
    /// The engine at `place`, as `0000:00:04.0` or `00:04.0`; where it is empty, the only one on the bus. The device is
    /// enabled if it is not, and kept from other programs that ask in the same way.
    ///
    /// # Errors
    /// If there is no such device, it is another one, its BAR is of another size, it is in use, or the system refuses.
    pub fn open(place: &str) -> Result<Self, PcieError> {
        Self::open_below(Path::new(SYSFS), place)
    }

    /// All engines on the bus, by place; they are not touched.
    ///
    /// # Errors
    /// If the system has no PCI bus.
    pub fn find() -> Result<Vec<Slot>, PcieError> {
        find::find(Path::new(SYSFS))
    }

    fn open_below(sysfs: &Path, place: &str) -> Result<Self, PcieError> {
        let slot = choose(sysfs, place)?;
        let folder = folder(sysfs, slot);
        let got = bar0_bytes(&folder)?;
        if got != u64::from(BAR0_BYTES) {
            return Err(PcieError::BarSize { slot, got });
        }
        let open = |name: &str| {
            let path = folder.join(name);
            let opened = OpenOptions::new().read(true).write(true).open(&path);
            opened.map_err(|source| file(&path, source))
        };
        let resource = open("resource0")?;
        match resource.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(PcieError::Busy { slot }),
            Err(TryLockError::Error(source)) => {
                return Err(file(&folder.join("resource0"), source));
            }
        }
        enable(&folder)?;
        // Only a prefetchable BAR has it.
        let combining = match open("resource0_wc") {
            Ok(file) => Some(file),
            Err(PcieError::File { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                None
            }
            Err(error) => return Err(error),
        };
        let bar = Bar::map(&resource, combining.as_ref())
            .map_err(|source| file(&folder.join("resource0"), source))?;
        let transport = PcieTransport {
            slot,
            bar,
            _resource: resource,
        };
        transport.fence(reg::ID.offset)?;
        Ok(transport)
    }

    /// Where the device is.
    pub fn slot(&self) -> Slot {
        self.slot
    }

    /// The endpoint's counters by name, as [`ENDPOINT_REGISTERS`] says; none if another bridge answers for the BAR.
    pub fn endpoint_counters(&self) -> Option<Vec<(&'static str, u32)>> {
        if self.bar.read(ENDPOINT_BASE + ENDPOINT.offset) != ENDPOINT_ID {
            return None;
        }
        let counters = ENDPOINT_REGISTERS.iter().filter(|r| **r != ENDPOINT);
        let value = |offset| self.bar.read(ENDPOINT_BASE + offset);
        Some(counters.map(|r| (r.name, value(r.offset))).collect())
    }

    /// Waits until all writes have arrived, the last of them at `address`.
    fn fence(&self, address: u32) -> Result<(), PcieError> {
        match self.bar.read(reg::ID.offset) {
            u32::MAX => Err(PcieError::Gone {
                slot: self.slot,
                address,
            }),
            _ => Ok(()),
        }
    }
}

/// Lets the device answer for its BARs, if it does not yet. It is left so.
fn enable(folder: &Path) -> Result<(), PcieError> {
    let path = folder.join("enable");
    if find::read(&path)?.trim() == "0" {
        std::fs::write(&path, "1").map_err(|source| file(&path, source))?;
    }
    Ok(())
}

impl Transport for PcieTransport {
    fn read(&mut self, address: u32, words: &mut [u32]) -> Result<(), TransportError> {
        check_access(address, words.len())?;
        for (word, address) in words.iter_mut().zip((address..).step_by(4)) {
            *word = self.bar.read(address);
        }
        // A word may well be all ones. Register ID never is.
        if words.contains(&u32::MAX) {
            self.fence(address)?;
        }
        Ok(())
    }

    fn write(&mut self, address: u32, words: &[u32]) -> Result<(), TransportError> {
        check_access(address, words.len())?;
        self.bar.write(address, words);
        Ok(self.fence(address)?)
    }

    fn write_stream(&mut self, address: u32, words: &[u32]) -> Result<(), TransportError> {
        check_access(address, 1)?;
        self.bar.write_stream(address, words);
        Ok(self.fence(address)?)
    }

    fn describe(&self) -> String {
        format!("PCIe device {}", self.slot)
    }
}
