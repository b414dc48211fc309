//! The configuration space of a PCIe function with one BAR: what a PHY keeps on a board.

use thresh_regs::pcie::{BAR0_BYTES, CLASS, DEVICE_ID, VENDOR_ID};

/// Bytes of a conventional configuration space.
pub const CONFIG_BYTES: usize = 256;

const COMMAND: usize = 0x04;
const BAR0: usize = 0x10;
const INTERRUPT_LINE: usize = 0x3c;

/// Bits that a host may set, by offset: memory and bus master enable, parity and SERR reporting, interrupts off.
const WRITABLE: &[(usize, u8)] = &[
    (COMMAND, 0b0100_0110),
    (COMMAND + 1, 0b0000_0101),
    (INTERRUPT_LINE, 0xff),
];

/// A configuration space: type 0, BAR0 with 32-bit addresses, no capabilities, no interrupt.
#[derive(Clone, Debug)]
pub struct ConfigSpace {
    bytes: [u8; CONFIG_BYTES],
}

impl Default for ConfigSpace {
    fn default() -> Self {
        let mut bytes = [0; CONFIG_BYTES];
        let mut put = |offset: usize, value: &[u8]| {
            bytes[offset..offset + value.len()].copy_from_slice(value);
        };
        put(0x00, &VENDOR_ID.to_le_bytes());
        put(0x02, &DEVICE_ID.to_le_bytes());
        put(0x09, &CLASS.to_le_bytes()[..3]);
        put(0x2c, &VENDOR_ID.to_le_bytes());
        put(0x2e, &DEVICE_ID.to_le_bytes());
        Self { bytes }
    }
}

impl ConfigSpace {
    /// The bytes at `offset`; those beyond the end read as zero.
    pub fn read(&self, offset: usize, bytes: &mut [u8]) {
        for (byte, at) in bytes.iter_mut().zip(offset..) {
            *byte = self.bytes.get(at).copied().unwrap_or(0);
        }
    }

    /// Sets what of the bytes at `offset` may be set.
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        for (at, &byte) in (offset..).zip(bytes) {
            if let Some((_, mask)) = WRITABLE.iter().find(|(place, _)| *place == at) {
                self.bytes[at] = byte & mask;
            }
            // Address bits below the size of the BAR stay zero, by which the host finds the size.
            let mask = (!(BAR0_BYTES - 1)).to_le_bytes();
            if let Some(mask) = at.checked_sub(BAR0).and_then(|index| mask.get(index)) {
                self.bytes[at] = byte & mask;
            }
        }
    }

    /// Where the host has put BAR0.
    pub fn bar0(&self) -> u32 {
        let mut word = [0; 4];
        self.read(BAR0, &mut word);
        u32::from_le_bytes(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(space: &ConfigSpace, offset: usize) -> u32 {
        let mut bytes = [0; 4];
        space.read(offset, &mut bytes);
        u32::from_le_bytes(bytes)
    }

    #[test]
    fn the_host_finds_ids_class_and_size() {
        let mut space = ConfigSpace::default();
        assert_eq!(
            word(&space, 0),
            u32::from(DEVICE_ID) << 16 | u32::from(VENDOR_ID)
        );
        assert_eq!(word(&space, 8) >> 8, CLASS);
        space.write(BAR0, &[0xff; 4]);
        assert_eq!(!word(&space, BAR0) + 1, BAR0_BYTES);
        space.write(BAR0, &0xfe20_0000u32.to_le_bytes());
        assert_eq!(space.bar0(), 0xfe20_0000);
        // A second BAR there is not.
        space.write(BAR0 + 4, &[0xff; 4]);
        assert_eq!(word(&space, BAR0 + 4), 0);
    }

    #[test]
    fn only_what_may_be_set_is_set() {
        let mut space = ConfigSpace::default();
        for offset in 0..CONFIG_BYTES + 8 {
            space.write(offset, &[0xff]);
        }
        assert_eq!(word(&space, 0), word(&ConfigSpace::default(), 0));
        assert_eq!(word(&space, COMMAND), 0x0546);
        assert_eq!(word(&space, INTERRUPT_LINE), 0xff);
        assert_eq!(word(&space, CONFIG_BYTES), 0);
    }
}
