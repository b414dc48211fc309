//! The register map and the memory windows, seen from the bus.

/// How software may use a register or a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read only.
    Ro,
    /// Read and write.
    Rw,
    /// Write only; reads as zero.
    Wo,
    /// Read; writing a one clears the bit.
    Rw1c,
}

impl Access {
    /// The usual short name.
    pub const fn name(self) -> &'static str {
        match self {
            Access::Ro => "ro",
            Access::Rw => "rw",
            Access::Wo => "wo",
            Access::Rw1c => "rw1c",
        }
    }
}

/// A run of bits in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name, lower case.
    pub name: &'static str,
    /// Lowest bit.
    pub lsb: u32,
    /// Number of bits.
    pub width: u32,
    /// Meaning, with its unit.
    pub doc: &'static str,
}

impl Field {
    /// The field's value in a register word.
    pub const fn get(&self, word: u32) -> u32 {
        (word >> self.lsb) & self.max()
    }

    /// `value` moved to the field's place.
    ///
    /// # Panics
    /// If `value` needs more bits than the field has.
    pub const fn put(&self, value: u32) -> u32 {
        assert!(value <= self.max(), "value does not fit its register field");
        value << self.lsb
    }

    /// The largest value that the field holds.
    pub const fn max(&self) -> u32 {
        if self.width == 32 {
            u32::MAX
        } else {
            (1 << self.width) - 1
        }
    }
}

/// A 32-bit register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// Name, upper case.
    pub name: &'static str,
    /// Byte offset, a multiple of four.
    pub offset: u32,
    /// Access of the whole register.
    pub access: Access,
    /// Meaning.
    pub doc: &'static str,
    /// Its fields; a register without fields is one 32-bit value.
    pub fields: &'static [Field],
}

impl Register {
    /// The field called `name`.
    ///
    /// # Panics
    /// If there is none: names are written in code, never taken from input.
    pub const fn field(&self, name: &str) -> Field {
        let mut i = 0;
        while i < self.fields.len() {
            if same(self.fields[i].name, name) {
                return self.fields[i];
            }
            i += 1;
        }
        panic!("no such field")
    }
}

pub(crate) const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// A memory window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Name, upper case.
    pub name: &'static str,
    /// Byte offset of its first word.
    pub offset: u32,
    /// Bytes that the map keeps for it; a configuration may implement fewer.
    pub bytes: u32,
    /// Access.
    pub access: Access,
    /// Meaning of a word.
    pub doc: &'static str,
}

/// Bits of a byte address on the bus: the engine occupies 1 MiB.
pub const ADDRESS_BITS: u32 = 20;

const fn f(name: &'static str, lsb: u32, width: u32, doc: &'static str) -> Field {
    Field {
        name,
        lsb,
        width,
        doc,
    }
}

const fn r(
    name: &'static str,
    offset: u32,
    access: Access,
    doc: &'static str,
    fields: &'static [Field],
) -> Register {
    Register {
        name,
        offset,
        access,
        doc,
        fields,
    }
}

/// The registers by name.
pub mod reg {
    use super::{Access::*, Register, f, r};

    /// Identity.
    pub const ID: Register = r("ID", 0x00, Ro, "`THSH` in ASCII: 0x54485348.", &[]);
    /// Version.
    pub const VERSION: Register = r(
        "VERSION",
        0x04,
        Ro,
        "Version of map and engine.",
        &[
            f("patch", 0, 8, "patch version"),
            f("minor", 8, 8, "minor version"),
            f(
                "major",
                16,
                8,
                "major version: a driver refuses another one",
            ),
        ],
    );
    /// Shape of the engine.
    pub const SHAPE: Register = r(
        "SHAPE",
        0x08,
        Ro,
        "Shape of this configuration.",
        &[
            f("num_pes", 0, 8, "number of PEs"),
            f("act_bits", 8, 8, "bits of an activation"),
            f("code_bits", 16, 8, "bits of a code"),
            f("step_bits", 24, 8, "bits of the row step of an entry"),
        ],
    );
    /// Memory sizes.
    pub const SIZES: Register = r(
        "SIZES",
        0x0c,
        Ro,
        "Memory depths, as powers of two.",
        &[
            f("act_addr_bits", 0, 8, "activations in a PE's bank"),
            f("weight_addr_bits", 8, 8, "words in a PE's weight store"),
            f("acc_addr_bits", 16, 8, "accumulators of a PE"),
            f("col_addr_bits", 24, 8, "column pointers of a PE"),
        ],
    );
    /// Further limits.
    pub const LIMITS: Register = r(
        "LIMITS",
        0x10,
        Ro,
        "Further limits of this configuration.",
        &[
            f(
                "codebook_addr_bits",
                0,
                8,
                "codebook weights, as a power of two",
            ),
            f(
                "pass_addr_bits",
                8,
                8,
                "pass descriptors, as a power of two",
            ),
            f(
                "fifo_addr_bits",
                16,
                8,
                "depth of an activation FIFO, as a power of two",
            ),
            f(
                "shared_store",
                24,
                1,
                "1: column pointers take words of the weight store, and nothing is loaded while passes run; 0: all but activations may be",
            ),
        ],
    );
    /// Hash of the map.
    pub const MAP_HASH: Register = r(
        "MAP_HASH",
        0x14,
        Ro,
        "FNV-1a hash of the register map, the windows and the pass descriptor of this build.",
        &[],
    );
    /// Status.
    pub const STATUS: Register = r(
        "STATUS",
        0x18,
        Ro,
        "What the engine does now.",
        &[
            f("busy", 0, 1, "passes are running"),
            f("loading", 1, 1, "a load waits for stream words"),
            f(
                "done",
                2,
                1,
                "the last start has ended; cleared by the next start",
            ),
            f("clearing", 3, 1, "a reset clears the accumulators"),
            f("error", 4, 1, "a bit of ERROR is set"),
        ],
    );
    /// Errors, sticky.
    pub const ERROR: Register = r(
        "ERROR",
        0x1c,
        Rw1c,
        "What went wrong since it was last cleared.",
        &[
            f(
                "bad_code",
                0,
                1,
                "the stream holds a bit pattern that is no code word of its table",
            ),
            f(
                "row_range",
                1,
                1,
                "the stream reaches a row beyond its column, or one that an entry cannot hold",
            ),
            f(
                "store_range",
                2,
                1,
                "the stream needs more words than the weight store has",
            ),
            f(
                "column_range",
                3,
                1,
                "the stream needs more column pointers than there are",
            ),
            f(
                "not_idle",
                4,
                1,
                "an access was refused since a load was open, or passes were running and it may not be done then",
            ),
            f(
                "no_load",
                5,
                1,
                "a stream word came while no load was open; it was dropped",
            ),
            f("bad_target", 6, 1, "a load named a PE that does not exist"),
            f(
                "bad_address",
                7,
                1,
                "an access went to an address that holds nothing",
            ),
        ],
    );
    /// Commands.
    pub const CONTROL: Register = r(
        "CONTROL",
        0x20,
        Wo,
        "Doorbell: writing a one does it.",
        &[
            f(
                "start",
                0,
                1,
                "run passes from PASS on, to the one marked last",
            ),
            f("step", 1, 1, "with start: stop after one pass"),
            f(
                "load",
                2,
                1,
                "open a load as LOAD_TARGET, LOAD_COLUMN and LOAD_ENTRY say",
            ),
            f(
                "reset",
                3,
                1,
                "abort passes and loads, clear the accumulators",
            ),
        ],
    );
    /// First pass.
    pub const PASS: Register = r(
        "PASS",
        0x24,
        Wo,
        "Index of the first pass descriptor of the next start.",
        &[f("pass", 0, 16, "index of a pass descriptor")],
    );
    /// Target of a load.
    pub const LOAD_TARGET: Register = r(
        "LOAD_TARGET",
        0x28,
        Wo,
        "Where a load goes.",
        &[
            f("pe", 0, 8, "index of the PE"),
            f(
                "raw",
                8,
                1,
                "1: 16-bit words, two in a stream word, low half first; 0: a coded column stream",
            ),
            f(
                "taps",
                16,
                4,
                "segments of a kernel row: its rows are counted from the first of them; 1 where there are no kernels",
            ),
            f(
                "segments",
                24,
                8,
                "segments of a column, a multiple of taps; each has a column pointer; 1 where there are no kernels",
            ),
        ],
    );
    /// Columns of a load.
    pub const LOAD_COLUMN: Register = r(
        "LOAD_COLUMN",
        0x2c,
        Wo,
        "Columns of a load.",
        &[
            f("first", 0, 16, "index of the first column pointer"),
            f("count", 16, 16, "columns, or words when raw; at least 1"),
        ],
    );
    /// Entries of a load.
    pub const LOAD_ENTRY: Register = r(
        "LOAD_ENTRY",
        0x30,
        Wo,
        "Entries of a load.",
        &[
            f(
                "address",
                0,
                16,
                "weight store address of the first entry or word",
            ),
            f("rows", 16, 16, "rows of a segment in this PE"),
        ],
    );
    /// Stream data.
    pub const STREAM: Register = r(
        "STREAM",
        0x34,
        Wo,
        "Next word of the open load. A coded stream is read from bit 31 down to bit 0.",
        &[],
    );
    /// Code words of one length.
    pub const CODE_COUNT: Register = r(
        "CODE_COUNT",
        0x38,
        Wo,
        "Sets how many code words of one length a table has.",
        &[
            f("count", 0, 9, "code words"),
            f(
                "length",
                16,
                4,
                "their length in bits; 0 for the only symbol of a table",
            ),
            f("table", 24, 2, "0 counts, 1 runs, 2 codes"),
        ],
    );
    /// Symbols in canonical order.
    pub const CODE_SYMBOL: Register = r(
        "CODE_SYMBOL",
        0x3c,
        Wo,
        "Sets one symbol of a table.",
        &[
            f("symbol", 0, 8, "the symbol"),
            f(
                "index",
                16,
                8,
                "its place in canonical order: by length, then by value",
            ),
            f("table", 24, 2, "0 counts, 1 runs, 2 codes"),
        ],
    );
    /// Cycles.
    pub const CYCLES: Register = r(
        "CYCLES",
        0x40,
        Ro,
        "Cycles from start to done; the next four add up to it.",
        &[],
    );
    /// Cycles of descriptor fetch.
    pub const FETCH_CYCLES: Register = r(
        "FETCH_CYCLES",
        0x44,
        Ro,
        "Cycles that fetched descriptors.",
        &[],
    );
    /// Cycles of the sweep.
    pub const SCAN_CYCLES: Register = r(
        "SCAN_CYCLES",
        0x48,
        Ro,
        "Cycles in which activations were scanned and broadcast.",
        &[],
    );
    /// Cycles of the flush.
    pub const FLUSH_CYCLES: Register = r(
        "FLUSH_CYCLES",
        0x4c,
        Ro,
        "Cycles after the last broadcast in which PEs still worked.",
        &[],
    );
    /// Cycles of the drain.
    pub const DRAIN_CYCLES: Register = r(
        "DRAIN_CYCLES",
        0x50,
        Ro,
        "Cycles that drained accumulators.",
        &[],
    );
    /// Multiply-accumulates.
    pub const MACS: Register = r(
        "MACS",
        0x54,
        Ro,
        "Multiply-accumulates, summed over PEs, padding zeros included.",
        &[],
    );
    /// PE cycles without work.
    pub const STARVED: Register = r(
        "STARVED",
        0x58,
        Ro,
        "PE cycles of scan and flush, summed over PEs, with nothing to do.",
        &[],
    );
    /// PE cycles waiting for the weight store.
    pub const SEEKING: Register = r(
        "SEEKING",
        0x5c,
        Ro,
        "PE cycles of scan and flush, summed over PEs, with work but no entry yet. MACS + STARVED + SEEKING = num_pes x (SCAN_CYCLES + FLUSH_CYCLES).",
        &[],
    );
    /// Broadcasts.
    pub const BROADCASTS: Register = r(
        "BROADCASTS",
        0x60,
        Ro,
        "Activations broadcast to at least one PE.",
        &[],
    );
    /// Broadcast stalls.
    pub const FIFO_STALLS: Register = r(
        "FIFO_STALLS",
        0x64,
        Ro,
        "Cycles in which a broadcast waited for a full activation FIFO.",
        &[],
    );
    /// Limits of kernels and maps.
    pub const MAPS: Register = r(
        "MAPS",
        0x68,
        Ro,
        "What this configuration does beyond fully connected layers.",
        &[
            f(
                "maps",
                0,
                1,
                "1: it runs passes over maps (kernels, pooling)",
            ),
            f(
                "hashed",
                1,
                1,
                "1: it runs passes whose weights are picked from pools by a hash",
            ),
            f(
                "table_addr_bits",
                8,
                8,
                "words in each geometry table, as a power of two",
            ),
            f("row_bits", 16, 8, "bits of a row in an entry"),
        ],
    );
}

/// Every register, by offset.
pub const REGISTERS: &[Register] = &[
    reg::ID,
    reg::VERSION,
    reg::SHAPE,
    reg::SIZES,
    reg::LIMITS,
    reg::MAP_HASH,
    reg::STATUS,
    reg::ERROR,
    reg::CONTROL,
    reg::PASS,
    reg::LOAD_TARGET,
    reg::LOAD_COLUMN,
    reg::LOAD_ENTRY,
    reg::STREAM,
    reg::CODE_COUNT,
    reg::CODE_SYMBOL,
    reg::CYCLES,
    reg::FETCH_CYCLES,
    reg::SCAN_CYCLES,
    reg::FLUSH_CYCLES,
    reg::DRAIN_CYCLES,
    reg::MACS,
    reg::STARVED,
    reg::SEEKING,
    reg::BROADCASTS,
    reg::FIFO_STALLS,
    reg::MAPS,
];

/// Pass descriptors, [`crate::DESCRIPTOR_WORDS`] words each.
pub const DESCRIPTOR_WINDOW: Window = Window {
    name: "DESCRIPTORS",
    offset: 0x01000,
    bytes: 0x1000,
    access: Access::Wo,
    doc: "Pass descriptors, 16 words each.",
};

/// Codebook weights.
pub const CODEBOOK_WINDOW: Window = Window {
    name: "CODEBOOK",
    offset: 0x04000,
    bytes: 0x4000,
    access: Access::Wo,
    doc: "Codebook weights, one 16-bit signed weight a word (low half), to all PEs.",
};

/// Geometry tables, see [`crate::TableWord`].
pub const TABLE_WINDOW: Window = Window {
    name: "TABLES",
    offset: 0x08000,
    bytes: 0x2000,
    access: Access::Wo,
    doc: "Geometry tables: the x table in the lower half, the y table in the upper.",
};

/// Activation memory.
pub const ACTIVATION_WINDOW: Window = Window {
    name: "ACTIVATIONS",
    offset: 0x40000,
    bytes: 0x40000,
    access: Access::Rw,
    doc: "Activation memory, 4 activations of 8 bits or 2 of 16 a word, the first in the lowest bits. Activation i lies in bank i mod num_pes at address i / num_pes.",
};

/// Every window, by offset.
pub const WINDOWS: &[Window] = &[
    DESCRIPTOR_WINDOW,
    CODEBOOK_WINDOW,
    TABLE_WINDOW,
    ACTIVATION_WINDOW,
];

struct Fnv(u32);

impl Fnv {
    const fn text(self, text: &str) -> Fnv {
        let bytes = text.as_bytes();
        let mut hash = self.0;
        let mut i = 0;
        while i < bytes.len() {
            hash = (hash ^ bytes[i] as u32).wrapping_mul(0x0100_0193);
            i += 1;
        }
        Fnv(hash)
    }

    const fn number(self, value: u32) -> Fnv {
        let bytes = value.to_le_bytes();
        let mut hash = self.0;
        let mut i = 0;
        while i < 4 {
            hash = (hash ^ bytes[i] as u32).wrapping_mul(0x0100_0193);
            i += 1;
        }
        Fnv(hash)
    }
}

/// Hash of everything that driver and gateware must agree on: names and places of registers,
/// fields, windows and descriptor fields. Texts for people are left out.
pub const fn map_hash() -> u32 {
    let mut hash = Fnv(0x811c_9dc5);
    let mut i = 0;
    while i < REGISTERS.len() {
        let register = &REGISTERS[i];
        hash = hash
            .text(register.name)
            .number(register.offset)
            .text(register.access.name());
        let mut j = 0;
        while j < register.fields.len() {
            let field = &register.fields[j];
            hash = hash.text(field.name).number(field.lsb).number(field.width);
            j += 1;
        }
        i += 1;
    }
    i = 0;
    while i < WINDOWS.len() {
        hash = hash
            .text(WINDOWS[i].name)
            .number(WINDOWS[i].offset)
            .number(WINDOWS[i].bytes);
        i += 1;
    }
    i = 0;
    while i < crate::DESCRIPTOR_FIELDS.len() {
        let field = &crate::DESCRIPTOR_FIELDS[i];
        hash = hash
            .text(field.name)
            .number(field.word)
            .number(field.lsb)
            .number(field.width);
        i += 1;
    }
    i = 0;
    while i < crate::TABLE_FIELDS.len() {
        let field = &crate::TABLE_FIELDS[i];
        hash = hash.text(field.name).number(field.lsb).number(field.width);
        i += 1;
    }
    hash.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_aligned_ordered_and_below_the_windows() {
        let offsets: Vec<u32> = REGISTERS.iter().map(|r| r.offset).collect();
        assert!(offsets.is_sorted_by(|a, b| a < b), "{offsets:x?}");
        assert!(offsets.iter().all(|o| o % 4 == 0 && *o < WINDOWS[0].offset));
    }

    #[test]
    fn fields_do_not_overlap() {
        for register in REGISTERS {
            let mut used = 0u32;
            for field in register.fields {
                let mask = field.put(field.max());
                assert_eq!(used & mask, 0, "{}.{}", register.name, field.name);
                used |= mask;
            }
        }
    }

    #[test]
    fn windows_do_not_overlap_and_fit_the_address_space() {
        for pair in WINDOWS.windows(2) {
            assert!(pair[0].offset + pair[0].bytes <= pair[1].offset);
        }
        let last = WINDOWS[WINDOWS.len() - 1];
        assert!(last.offset + last.bytes <= 1 << ADDRESS_BITS);
    }

    #[test]
    fn a_field_rejects_a_value_that_does_not_fit() {
        assert!(std::panic::catch_unwind(|| reg::CODE_COUNT.field("length").put(16)).is_err());
        assert_eq!(reg::CODE_COUNT.field("length").put(15), 15 << 16);
    }
}
