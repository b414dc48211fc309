//! Which engines are on the PCI bus, by sysfs.

use super::error::PcieError;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use thresh_regs::pcie::{DEVICE_ID, VENDOR_ID};

/// Where Linux lists PCI devices, one folder each.
pub(super) const SYSFS: &str = "/sys/bus/pci/devices";

/// A device's place: domain, bus, device, function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    domain: u32,
    bus: u8,
    device: u8,
    function: u8,
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            domain,
            bus,
            device,
            function,
        } = self;
        write!(f, "{domain:04x}:{bus:02x}:{device:02x}.{function:x}")
    }
}

impl FromStr for Slot {
    type Err = PcieError;

    /// Reads `[domain:]bus:device.function`, all hexadecimal.
    fn from_str(text: &str) -> Result<Slot, PcieError> {
        let parse = || {
            let number = |text: &str, digits: usize| {
                let good = (1..=digits).contains(&text.len())
                    && text.bytes().all(|byte| byte.is_ascii_hexdigit());
                good.then(|| u32::from_str_radix(text, 16).ok()).flatten()
            };
            let (rest, function) = text.rsplit_once('.')?;
            let (rest, device) = rest.rsplit_once(':')?;
            let (domain, bus) = rest.split_once(':').unwrap_or(("0", rest));
            let slot = Slot {
                domain: number(domain, 8)?,
                bus: number(bus, 2)? as u8,
                device: number(device, 2)? as u8,
                function: number(function, 1)? as u8,
            };
            (slot.device < 32 && slot.function < 8).then_some(slot)
        };
        parse().ok_or_else(|| PcieError::Slot { got: text.into() })
    }
}

/// All Thresh engines on the bus, by place.
///
/// # Errors
/// If the system has no PCI bus. Devices that go away meanwhile are left out.
pub(super) fn find(sysfs: &Path) -> Result<Vec<Slot>, PcieError> {
    let entries = std::fs::read_dir(sysfs).map_err(|source| PcieError::NoBus {
        path: sysfs.into(),
        source,
    })?;
    let ours = |slot: &Slot| {
        id(sysfs, *slot).is_ok_and(|id| id == (u32::from(VENDOR_ID), u32::from(DEVICE_ID)))
    };
    let mut slots: Vec<Slot> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(ours)
        .collect();
    slots.sort();
    Ok(slots)
}

/// The engine at `place`, or the only one where that is empty.
pub(super) fn choose(sysfs: &Path, place: &str) -> Result<Slot, PcieError> {
    if place.is_empty() {
        let found = find(sysfs)?;
        return match found[..] {
            [] => Err(PcieError::NoDevice),
            [slot] => Ok(slot),
            _ => Err(PcieError::Several { found }),
        };
    }
    let slot: Slot = place.parse()?;
    let found = find(sysfs)?;
    if found.contains(&slot) {
        return Ok(slot);
    }
    match id(sysfs, slot) {
        Ok((vendor, device)) => Err(PcieError::OtherDevice {
            slot,
            vendor,
            device,
            found,
        }),
        Err(PcieError::File { source, .. }) if source.kind() == ErrorKind::NotFound => {
            Err(PcieError::Absent { slot, found })
        }
        Err(error) => Err(error),
    }
}

/// The folder of a device.
pub(super) fn folder(sysfs: &Path, slot: Slot) -> PathBuf {
    sysfs.join(slot.to_string())
}

/// Vendor and device of the device at `slot`.
fn id(sysfs: &Path, slot: Slot) -> Result<(u32, u32), PcieError> {
    let get = |name: &str| {
        let path = folder(sysfs, slot).join(name);
        let text = read(&path)?;
        hexadecimal(&text)
            .map(|id| id as u32)
            .ok_or(PcieError::Content {
                path,
                got: text,
                expected: "a number as 0x1204",
            })
    };
    Ok((get("vendor")?, get("device")?))
}

/// Bytes of BAR0, as the first line of `resource` tells its first and last address; 0 without one.
pub(super) fn bar0_bytes(folder: &Path) -> Result<u64, PcieError> {
    let path = folder.join("resource");
    let text = read(&path)?;
    let parse = || {
        let mut numbers = text.lines().next()?.split_whitespace().map(hexadecimal);
        let (start, end) = (numbers.next()??, numbers.next()??);
        match (start, end) {
            (0, 0) => Some(0),
            _ => end.checked_sub(start)?.checked_add(1),
        }
    };
    parse().ok_or_else(|| PcieError::Content {
        path: path.clone(),
        got: text.lines().next().unwrap_or_default().into(),
        expected: "first and last address and flags of BAR0",
    })
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok()
}

/// The text of a file of sysfs.
pub(super) fn read(path: &Path) -> Result<String, PcieError> {
    std::fs::read_to_string(path).map_err(|source| file(path, source))
}

/// What to say where a file cannot be used.
pub(super) fn file(path: &Path, source: std::io::Error) -> PcieError {
    let path = path.into();
    match source.kind() {
        ErrorKind::PermissionDenied => PcieError::Denied { path },
        _ => PcieError::File { path, source },
    }
}
