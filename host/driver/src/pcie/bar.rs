//! BAR0 in this process's memory.

use memmap2::{MmapOptions, MmapRaw};
use std::fs::File;
use std::sync::atomic::{Ordering, fence};
use thresh_regs::pcie::{BAR0_BYTES, is_memory};

/// The registers and windows of a device, whole 32-bit words at a time.
pub(super) struct Bar {
    /// Each access goes out by itself and in order.
    ordered: MmapRaw,
    /// The same bytes, where the system offers it: writes are joined on their way, and may overtake each other.
    combining: Option<MmapRaw>,
}

impl Bar {
    /// Maps `resource0`, and `resource0_wc` where there is one.
    ///
    /// # Errors
    /// What the system says.
    pub fn map(resource: &File, combining: Option<&File>) -> std::io::Result<Bar> {
        let map = |file: &File| MmapOptions::new().len(BAR0_BYTES as usize).map_raw(file);
        Ok(Bar {
            ordered: map(resource)?,
            combining: combining.map(map).transpose()?,
        })
    }

    /// The word at `address`, which must be a multiple of 4 in BAR0.
    pub fn read(&self, address: u32) -> u32 {
        let pointer = word(&self.ordered, address);
        // SAFETY: `word` gives an aligned pointer into the mapping. The bytes are a device's: read volatile, by a raw
        // pointer, with no reference to them anywhere.
        unsafe { pointer.read_volatile() }.to_le()
    }

    /// Writes `words` to `address` on, in order; to memory joined on their way if the system can.
    pub fn write(&self, address: u32, words: &[u32]) {
        let memory = (address..).step_by(4).take(words.len()).all(is_memory);
        match &self.combining {
            Some(map) if memory => {
                write(map, address, words);
                // What is held back to be joined goes out before anything that follows.
                fence(Ordering::SeqCst);
            }
            _ => write(&self.ordered, address, words),
        }
    }

    /// Writes all of `words` to the one register at `address`.
    pub fn write_stream(&self, address: u32, words: &[u32]) {
        words
            .iter()
            .for_each(|word| write(&self.ordered, address, std::slice::from_ref(word)));
    }
}

fn write(map: &MmapRaw, address: u32, words: &[u32]) {
    for (value, address) in words.iter().zip((address..).step_by(4)) {
        let pointer = word(map, address);
        // SAFETY: as in `Bar::read`.
        unsafe { pointer.write_volatile(value.to_le()) };
    }
}

/// # Panics
/// If `address` is not that of a whole word of the mapping: callers check what comes from outside.
fn word(map: &MmapRaw, address: u32) -> *mut u32 {
    let address = address as usize;
    assert!(address.is_multiple_of(4) && address + 4 <= map.len());
    map.as_mut_ptr().wrapping_add(address).cast()
}
