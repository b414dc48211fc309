//! What can go wrong with a PCIe device before the engine says a word.

use super::find::Slot;
use std::path::PathBuf;
use thiserror::Error;
use thresh_regs::pcie::{BAR0_BYTES, DEVICE_ID, VENDOR_ID};

/// Why there is no link over PCIe, or no longer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PcieError {
    /// No place of a device.
    #[error("got {got:?}, expected a PCI address in hexadecimal as 0000:00:04.0 or 00:04.0")]
    Slot {
        /// What was given.
        got: String,
    },
    /// This machine has no PCI bus, or hides it.
    #[error(
        "{}: {source}; is this Linux with a PCI bus, and /sys mounted?",
        .path.display()
    )]
    NoBus {
        /// The folder of devices.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// No Thresh engine.
    #[error(
        "no PCIe device has the id {VENDOR_ID:04x}:{DEVICE_ID:04x}; is the board in its slot, was its bitstream loaded before \
         the machine started, and does `lspci -n` show it?"
    )]
    NoDevice,
    /// Nothing at that place.
    #[error("there is no PCIe device {slot}; {}", others(.found))]
    Absent {
        /// The place asked for.
        slot: Slot,
        /// Engines elsewhere.
        found: Vec<Slot>,
    },
    /// Something else at that place.
    #[error(
        "PCIe device {slot} has the id {vendor:04x}:{device:04x}, expected {VENDOR_ID:04x}:{DEVICE_ID:04x}; {}",
        others(.found)
    )]
    OtherDevice {
        /// The place asked for.
        slot: Slot,
        /// Its vendor.
        vendor: u32,
        /// Its device.
        device: u32,
        /// Engines elsewhere.
        found: Vec<Slot>,
    },
    /// Which of them?
    #[error("there are {} Thresh engines on the PCI bus; name one: {}", .found.len(), list(.found))]
    Several {
        /// All of them.
        found: Vec<Slot>,
    },
    /// The system forbids it.
    #[error("{}: permission denied; run thresh as root, or give your user the rights on this file", .path.display())]
    Denied {
        /// The file.
        path: PathBuf,
    },
    /// A file of the device cannot be used.
    #[error("{}: {source}; is the device still there?", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file of the device says nothing that is understood.
    #[error("{}: got {got:?}, expected {expected}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What it says.
        got: String,
        /// What it should.
        expected: &'static str,
    },
    /// BAR0 is not that of an engine.
    #[error(
        "BAR0 of PCIe device {slot} has {got} bytes, expected {BAR0_BYTES}; build its bitstream anew, or let the system give \
         it addresses (a full bus leaves it without)"
    )]
    BarSize {
        /// The device.
        slot: Slot,
        /// Its size.
        got: u64,
    },
    /// Another program drives it.
    #[error("PCIe device {slot} is used by another program; end that one first")]
    Busy {
        /// The device.
        slot: Slot,
    },
    /// All ones: nobody answers.
    #[error(
        "PCIe device {slot} answers no more: address {address:#x} and register ID read as all ones; has it lost power, or was its \
         bitstream loaded anew? Restart the machine, or remove the device in /sys and rescan the bus"
    )]
    Gone {
        /// The device.
        slot: Slot,
        /// The last address accessed.
        address: u32,
    },
}

fn list(slots: &[Slot]) -> String {
    let names: Vec<String> = slots.iter().map(|slot| format!("pcie:{slot}")).collect();
    names.join(", ")
}

fn others(found: &[Slot]) -> String {
    match found {
        [] => "no Thresh engine is on the PCI bus".into(),
        found => format!("there is {}", list(found)),
    }
}
