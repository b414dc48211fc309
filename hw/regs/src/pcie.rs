//! What a PCIe host sees: ids, the layout of BAR0, the endpoint's registers.

use crate::registers::{Access, Register};
use crate::{ADDRESS_BITS, WINDOWS};

/// Vendor of the configuration space: that of the FPGA's maker, since no id is assigned to Thresh.
pub const VENDOR_ID: u16 = 0x1204;

/// Device of the configuration space: the letters `TH`.
pub const DEVICE_ID: u16 = 0x5448;

/// Class code: processing accelerator.
pub const CLASS: u32 = 0x12_0000;

/// Bytes of BAR0, 32-bit and not prefetchable. The lower half is the engine's register map as it is.
pub const BAR0_BYTES: u32 = 2 << ADDRESS_BITS;

/// Where the endpoint's own registers begin in BAR0.
pub const ENDPOINT_BASE: u32 = 1 << ADDRESS_BITS;

/// Value of the endpoint's register `ENDPOINT`: the letters `TLP` and its version.
pub const ENDPOINT_ID: u32 = 0x544c_5001;

/// Words of payload that a request to the endpoint may have: 256 bytes. The PHY must not advertise a larger
/// `Max_Payload_Size`.
pub const MAX_PAYLOAD_WORDS: usize = 64;

/// Bytes of a completion at most, and the boundary at which completions are split. It is a multiple of either read
/// completion boundary and no more than any `Max_Payload_Size`, so it is right whatever the host sets.
pub const COMPLETION_BYTES: usize = 128;

/// Registers of the endpoint, at offsets from [`ENDPOINT_BASE`].
pub mod endpoint {
    use super::{Access::Ro, Register};

    const fn r(name: &'static str, offset: u32, doc: &'static str) -> Register {
        Register {
            name,
            offset,
            access: Ro,
            doc,
            fields: &[],
        }
    }

    /// Constant.
    pub const ENDPOINT: Register = r(
        "ENDPOINT",
        0x00,
        "`TLP` in ASCII and the endpoint's version: 0x544c5001.",
    );
    /// Reads.
    pub const READS: Register = r("READS", 0x04, "Memory reads answered with data.");
    /// Writes.
    pub const WRITES: Register = r("WRITES", 0x08, "Memory writes done.");
    /// Unsupported requests.
    pub const UNSUPPORTED: Register = r(
        "UNSUPPORTED",
        0x0c,
        "Requests answered as unsupported, and writes dropped since they hit no BAR.",
    );
    /// Poisoned packets.
    pub const POISONED: Register = r(
        "POISONED",
        0x10,
        "Packets with a poisoned payload, dropped.",
    );
    /// Malformed packets.
    pub const MALFORMED: Register = r(
        "MALFORMED",
        0x14,
        "Packets dropped since length, framing, byte enables or type cannot be.",
    );
    /// Partial writes.
    pub const PARTIAL_WORDS: Register = r(
        "PARTIAL_WORDS",
        0x18,
        "Words of writes left out since only some of their bytes were enabled.",
    );
    /// Ignored packets.
    pub const IGNORED: Register = r(
        "IGNORED",
        0x1c,
        "Messages and completions, dropped: the endpoint asks for nothing.",
    );
}

/// Every register of the endpoint, by offset. Words after the last read as zero.
pub const ENDPOINT_REGISTERS: &[Register] = &[
    endpoint::ENDPOINT,
    endpoint::READS,
    endpoint::WRITES,
    endpoint::UNSUPPORTED,
    endpoint::POISONED,
    endpoint::MALFORMED,
    endpoint::PARTIAL_WORDS,
    endpoint::IGNORED,
];

/// Whether the words of `address` on in BAR0 are memory: written in any order, and joined on their way, they mean the
/// same. Registers are not.
pub fn is_memory(address: u32) -> bool {
    WINDOWS
        .iter()
        .any(|window| (window.offset..window.offset + window.bytes).contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reg;

    #[test]
    fn the_endpoint_s_registers_are_in_order_and_behind_the_engine() {
        for (index, register) in ENDPOINT_REGISTERS.iter().enumerate() {
            assert_eq!(register.offset as usize, 4 * index, "{}", register.name);
            assert_eq!(register.access, Access::Ro, "{}", register.name);
        }
        assert!(WINDOWS.iter().all(|w| w.offset + w.bytes <= ENDPOINT_BASE));
        assert!(BAR0_BYTES.is_power_of_two());
        assert!(
            endpoint::ENDPOINT
                .doc
                .contains(&format!("{ENDPOINT_ID:#x}"))
        );
    }

    #[test]
    fn windows_are_memory_and_registers_are_not() {
        assert!(!is_memory(reg::STREAM.offset) && !is_memory(reg::CONTROL.offset));
        assert!(!is_memory(ENDPOINT_BASE));
        for window in WINDOWS {
            assert!(is_memory(window.offset) && is_memory(window.offset + window.bytes - 4));
        }
    }
}
