//! The configurations: which engine is built for which device.

use crate::acts_per_word;

/// How a PE keeps its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightStore {
    /// Entries and column pointers in block RAMs of their own: a seek and an entry every cycle.
    BlockRam,
    /// Entries and column pointers in one single-port RAM (SPRAM on iCE40 UP5K): a seek costs
    /// two cycles of the port. Column pointers take the words at the top, downwards.
    SinglePort,
    /// As `BlockRam`, and a pass may pick its weights from a pool by a hash, which is computed in the PE.
    Hashed,
}

/// The parameters of one engine build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Name, as given to `--config`.
    pub name: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// Cargo feature without which its engine is not built, since it takes long and no board needs it.
    pub feature: Option<&'static str>,
    /// Number of PEs and of activation banks: 1, 2, 4, 8, 16, 32 or 64.
    pub num_pes: usize,
    /// Bits of an activation and of a bank word: 8, or 16.
    pub act_bits: u32,
    /// Activations in a bank, log2.
    pub act_addr_bits: u32,
    /// Words in a PE's weight store, log2, at most 16.
    pub weight_addr_bits: u32,
    /// Accumulators of a PE, log2, at least 8 (the gateware widens row steps to it).
    pub acc_addr_bits: u32,
    /// Column pointers of a PE, log2.
    pub col_addr_bits: u32,
    /// Weights in the codebook memory, log2, at least 8.
    pub codebook_addr_bits: u32,
    /// Pass descriptors, log2.
    pub pass_addr_bits: u32,
    /// Depth of an activation FIFO, log2.
    pub fifo_addr_bits: u32,
    /// Columns that a PE with a block RAM store finds ahead of its walk, log2.
    pub queue_addr_bits: u32,
    /// Kind of weight store.
    pub store: WeightStore,
    /// Whether it runs passes over maps (kernels, pooling); otherwise fully connected ones only.
    pub maps: bool,
    /// Words of each geometry table, log2, at most 10; 1 where there are no maps.
    pub table_addr_bits: u32,
    /// Bits of a row in an entry, at least 8 and at most `acc_addr_bits`.
    pub row_bits: u32,
}

impl Config {
    /// The configuration called `name`.
    pub fn named(name: &str) -> Option<&'static Config> {
        CONFIGS.iter().find(|config| config.name == name)
    }

    /// Whether all but activations may be loaded while passes run.
    pub fn loads_beside(&self) -> bool {
        self.store != WeightStore::SinglePort
    }

    /// Activations in 32 bits, and bank words of a wide accumulator: see [`crate::acts_per_word`].
    pub const fn acts_per_word(&self) -> usize {
        acts_per_word(self.act_bits)
    }

    /// Words that a PE's weight store has for entries and biases when `columns` pointers are used.
    pub fn store_words(&self, columns: usize) -> usize {
        let words = 1usize << self.weight_addr_bits;
        match self.store {
            WeightStore::BlockRam | WeightStore::Hashed => words,
            WeightStore::SinglePort => words.saturating_sub(columns),
        }
    }
}

/// Every configuration.
pub const CONFIGS: &[Config] = &[
    Config {
        name: "solo",
        doc: "simulation only: one PE, so that a column holds every row",
        feature: None,
        num_pes: 1,
        act_bits: 8,
        act_addr_bits: 11,
        weight_addr_bits: 15,
        acc_addr_bits: 10,
        col_addr_bits: 11,
        codebook_addr_bits: 10,
        pass_addr_bits: 4,
        fifo_addr_bits: 3,
        queue_addr_bits: 2,
        store: WeightStore::BlockRam,
        maps: true,
        table_addr_bits: 8,
        row_bits: 10,
    },
    Config {
        name: "tiny",
        doc: "simulation only: small memories, for tests of limits",
        feature: None,
        num_pes: 2,
        act_bits: 8,
        act_addr_bits: 7,
        weight_addr_bits: 9,
        acc_addr_bits: 8,
        col_addr_bits: 8,
        codebook_addr_bits: 8,
        pass_addr_bits: 3,
        fifo_addr_bits: 2,
        queue_addr_bits: 2,
        store: WeightStore::BlockRam,
        maps: true,
        table_addr_bits: 6,
        row_bits: 8,
    },
    Config {
        name: "icebreaker",
        doc: "iCE40 UP5K: one SPRAM a PE",
        feature: None,
        num_pes: 4,
        act_bits: 8,
        act_addr_bits: 9,
        weight_addr_bits: 14,
        acc_addr_bits: 8,
        col_addr_bits: 10,
        codebook_addr_bits: 8,
        pass_addr_bits: 3,
        fifo_addr_bits: 2,
        queue_addr_bits: 2,
        store: WeightStore::SinglePort,
        maps: false,
        table_addr_bits: 1,
        row_bits: 8,
    },
    Config {
        name: "hx8k",
        doc: "iCE40-HX8K: two PEs that stream what their small memories do not hold",
        feature: None,
        num_pes: 2,
        act_bits: 8,
        act_addr_bits: 10,
        weight_addr_bits: 10,
        acc_addr_bits: 8,
        col_addr_bits: 9,
        codebook_addr_bits: 8,
        pass_addr_bits: 3,
        fifo_addr_bits: 2,
        queue_addr_bits: 2,
        store: WeightStore::SinglePort,
        maps: false,
        table_addr_bits: 1,
        row_bits: 8,
    },
    Config {
        name: "ulx3s-25f",
        doc: "ECP5-25F: eight PEs, 8 Ki entries",
        feature: None,
        num_pes: 8,
        act_bits: 8,
        act_addr_bits: 11,
        weight_addr_bits: 10,
        acc_addr_bits: 9,
        col_addr_bits: 10,
        codebook_addr_bits: 8,
        pass_addr_bits: 4,
        fifo_addr_bits: 4,
        queue_addr_bits: 4,
        store: WeightStore::BlockRam,
        maps: true,
        table_addr_bits: 8,
        row_bits: 8,
    },
    Config {
        name: "versa-45f",
        doc: "ECP5-45F: sixteen PEs, 32 Ki entries",
        feature: None,
        num_pes: 16,
        act_bits: 8,
        act_addr_bits: 11,
        weight_addr_bits: 11,
        acc_addr_bits: 9,
        col_addr_bits: 10,
        codebook_addr_bits: 10,
        pass_addr_bits: 5,
        fifo_addr_bits: 4,
        queue_addr_bits: 4,
        store: WeightStore::BlockRam,
        maps: true,
        table_addr_bits: 9,
        row_bits: 8,
    },
    Config {
        name: "ulx3s-85f",
        doc: "ECP5-85F: sixteen PEs, 64 Ki entries",
        feature: None,
        num_pes: 16,
        act_bits: 8,
        act_addr_bits: 11,
        weight_addr_bits: 12,
        acc_addr_bits: 11,
        col_addr_bits: 11,
        codebook_addr_bits: 10,
        pass_addr_bits: 5,
        fifo_addr_bits: 4,
        queue_addr_bits: 6,
        store: WeightStore::BlockRam,
        maps: true,
        table_addr_bits: 9,
        row_bits: 8,
    },
    Config {
        name: "ulx3s-85f-32",
        doc: "ECP5-85F: thirty-two PEs with smaller memories, 64 Ki entries",
        feature: None,
        num_pes: 32,
        act_bits: 8,
        act_addr_bits: 11,
        weight_addr_bits: 11,
        acc_addr_bits: 9,
        col_addr_bits: 10,
        codebook_addr_bits: 10,
        pass_addr_bits: 5,
        fifo_addr_bits: 4,
        queue_addr_bits: 4,
        store: WeightStore::BlockRam,
        maps: true,
        table_addr_bits: 9,
        row_bits: 8,
    },
    Config {
        name: "ulx3s-85f-a16",
        doc: "ECP5-85F: sixteen PEs with activations of 16 bits, half as many in a bank, 64 Ki entries",
        feature: None,
        num_pes: 16,
        act_bits: 16,
        act_addr_bits: 10,
        weight_addr_bits: 12,
        acc_addr_bits: 11,
        col_addr_bits: 11,
        codebook_addr_bits: 10,
        pass_addr_bits: 5,
        fifo_addr_bits: 4,
        queue_addr_bits: 6,
        store: WeightStore::BlockRam,
        maps: true,
        table_addr_bits: 9,
        row_bits: 8,
    },
    Config {
        name: "tiny16",
        doc: "simulation only: as tiny, with activations of 16 bits",
        feature: None,
        num_pes: 2,
        act_bits: 16,
        act_addr_bits: 7,
        weight_addr_bits: 9,
        acc_addr_bits: 8,
        col_addr_bits: 8,
        codebook_addr_bits: 8,
        pass_addr_bits: 3,
        fifo_addr_bits: 2,
        queue_addr_bits: 2,
        store: WeightStore::BlockRam,
        maps: true,
        table_addr_bits: 6,
        row_bits: 8,
    },
    Config {
        name: "ulx3s-85f-hashed",
        doc: "ECP5-85F: sixteen PEs that compute which weight is which, 64 Ki entries or values of pools",
        feature: None,
        num_pes: 16,
        act_bits: 8,
        act_addr_bits: 12,
        weight_addr_bits: 12,
        acc_addr_bits: 10,
        col_addr_bits: 11,
        codebook_addr_bits: 10,
        pass_addr_bits: 6,
        fifo_addr_bits: 4,
        queue_addr_bits: 4,
        store: WeightStore::Hashed,
        maps: true,
        table_addr_bits: 9,
        row_bits: 8,
    },
    Config {
        name: "large",
        doc: "simulation only: sixteen PEs that hold half a million weights (cargo feature `large`)",
        feature: Some("large"),
        num_pes: 16,
        act_bits: 8,
        act_addr_bits: 12,
        weight_addr_bits: 15,
        acc_addr_bits: 12,
        col_addr_bits: 12,
        codebook_addr_bits: 10,
        pass_addr_bits: 5,
        fifo_addr_bits: 4,
        queue_addr_bits: 6,
        store: WeightStore::BlockRam,
        maps: true,
        table_addr_bits: 9,
        row_bits: 8,
    },
    Config {
        name: "eie64",
        doc: "simulation only: side by side with EIE (cargo feature `eie`)",
        feature: Some("eie"),
        num_pes: 64,
        act_bits: 8,
        act_addr_bits: 9,
        weight_addr_bits: 16,
        acc_addr_bits: 8,
        col_addr_bits: 15,
        codebook_addr_bits: 8,
        pass_addr_bits: 3,
        fifo_addr_bits: 5,
        queue_addr_bits: 4,
        store: WeightStore::BlockRam,
        maps: false,
        table_addr_bits: 1,
        row_bits: 8,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ACT_BITS, ACTIVATION_WINDOW, CODEBOOK_WINDOW, DESCRIPTOR_WINDOW, DESCRIPTOR_WORDS,
        HASH_LANES, TABLE_WINDOW,
    };

    #[test]
    fn every_memory_fits_its_window() {
        for c in CONFIGS {
            assert!(c.num_pes.is_power_of_two() && c.num_pes <= 64, "{}", c.name);
            assert!(
                4 * ((c.num_pes << c.act_addr_bits) / c.acts_per_word())
                    <= ACTIVATION_WINDOW.bytes as usize,
                "{}",
                c.name
            );
            assert!(
                4 << c.codebook_addr_bits <= CODEBOOK_WINDOW.bytes as usize,
                "{}",
                c.name
            );
            assert!(
                (4 * DESCRIPTOR_WORDS) << c.pass_addr_bits <= DESCRIPTOR_WINDOW.bytes as usize,
                "{}",
                c.name
            );
            assert!(
                (8 << c.table_addr_bits) <= TABLE_WINDOW.bytes as usize,
                "{}",
                c.name
            );
            let rows = 8..=c.acc_addr_bits;
            assert!(rows.contains(&c.row_bits), "{}", c.name);
            // Table words hold 12 bits of either.
            let narrow = c.acc_addr_bits <= 12 && c.col_addr_bits <= 12;
            assert!(!c.maps || narrow, "{}", c.name);
            assert!(ACT_BITS.contains(&c.act_bits), "{}", c.name);
            // One word of a single-port store is 16 bits, its PE knows no kernels, and the multiplier
            // beside it takes factors of 16 bits: a value is one bit wider than an activation.
            // Its tokens take more than the 16 bits of a block RAM's word.
            let tokens = c.col_addr_bits + c.act_bits + 1 > 16;
            let small = !c.maps && c.row_bits == 8 && c.act_bits == 8 && tokens;
            assert!(c.store != WeightStore::SinglePort || small, "{}", c.name);
            // Rows and columns of a hashed pass go through words of the store and of the hash.
            let hashes =
                c.num_pes <= HASH_LANES && c.weight_addr_bits >= 8 && c.col_addr_bits <= 16;
            assert!(c.store != WeightStore::Hashed || hashes, "{}", c.name);
            assert!(
                c.weight_addr_bits <= 16 && c.col_addr_bits <= 16,
                "{}",
                c.name
            );
        }
    }

    #[test]
    fn names_are_unique() {
        for (i, c) in CONFIGS.iter().enumerate() {
            assert_eq!(Config::named(c.name), Some(&CONFIGS[i]));
        }
    }
}
