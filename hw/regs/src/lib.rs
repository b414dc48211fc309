//! The facts that gateware, simulator, driver, packer and documents share: register map, memory
//! windows, pass descriptor, configurations and arithmetic constants. Each stands here once.
//!
//! The crate has no dependencies, so anything may depend on it.

mod config;
mod descriptor;
mod hash;
mod markdown;
pub mod pcie;
mod registers;
mod table;
pub mod uart;

pub use config::{CONFIGS, Config, WeightStore};
pub use descriptor::{DESCRIPTOR_FIELDS, DESCRIPTOR_WORDS, DescriptorField, PassDescriptor};
pub use hash::{
    HASH_BITS, HASH_FOLD, HASH_LANES, HASH_ROUNDS, HashRound, hash, hash_index, hash_negates,
};
pub use markdown::registers_markdown;
pub use registers::{
    ACTIVATION_WINDOW, ADDRESS_BITS, Access, CODEBOOK_WINDOW, DESCRIPTOR_WINDOW, Field, REGISTERS,
    Register, TABLE_WINDOW, WINDOWS, Window, map_hash, reg,
};
pub use table::{TABLE_FIELDS, TableWord};

/// Value of the `ID` register: the ASCII letters `THSH`, first letter in the highest byte.
pub const ID: u32 = 0x5448_5348;

/// Version of the register map and of the engine's behaviour, `major << 16 | minor << 8 | patch`.
pub const VERSION: u32 = 0x0000_0500;

/// Longest canonical Huffman code word in bits, for every code table.
pub const MAX_CODE_LENGTH: u32 = 15;

/// Symbols in one code table, at most.
pub const TABLE_SYMBOLS: usize = 256;

/// Bits of an activation that an engine may be built for, see [`Config::act_bits`].
pub const ACT_BITS: [u32; 2] = [8, 16];

/// Bits of a code, the index of a weight in a pass's codebook.
pub const CODE_BITS: u32 = 8;

/// Bits of the row step of a stored entry. A longer zero run needs padding zeros.
pub const STEP_BITS: u32 = 8;

/// Bits of a codebook weight, signed.
pub const WEIGHT_BITS: u32 = 16;

/// Bits of an accumulator, signed; sums wrap.
pub const ACC_BITS: u32 = 32;

/// A stored bias is a 16-bit signed word that stands for `bias << bias_shift(act_bits)` accumulator
/// units: with wider activations a sum that drains as the same part of the range is larger.
pub const fn bias_shift(act_bits: u32) -> u32 {
    act_bits / 2 + 4
}

/// Activations of `act_bits` in 32 bits: those in one word of the activation window, and also the
/// bank words that one accumulator takes when a pass drains wide.
pub const fn acts_per_word(act_bits: u32) -> usize {
    (32 / act_bits) as usize
}

/// The three code tables of a column stream, in the order in which their symbols follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Entries in a column: 0 to 254, or 255 for "255 entries, and another count follows".
    Count = 0,
    /// Zero run before an entry, in rows: 0 to 255.
    Run = 1,
    /// Code of the entry's weight.
    Code = 2,
}

impl Table {
    /// All tables, by index.
    pub const ALL: [Table; 3] = [Table::Count, Table::Run, Table::Code];
}

/// The count symbol that says "255 entries, and another count of the same column follows".
pub const COUNT_CONTINUES: u8 = 255;
