//! What an engine says about itself.

use std::fmt;
use thresh_regs::{CONFIGS, Config, Field, Register, WeightStore, reg};

/// An engine's version and configuration, as its registers tell them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// `major << 16 | minor << 8 | patch`.
    pub version: u32,
    /// Number of PEs.
    pub num_pes: usize,
    /// Bits of an activation.
    pub act_bits: u32,
    /// Activations in a PE's bank, log2.
    pub act_addr_bits: u32,
    /// Words in a PE's weight store, log2.
    pub weight_addr_bits: u32,
    /// Accumulators of a PE, log2.
    pub acc_addr_bits: u32,
    /// Column pointers of a PE, log2.
    pub col_addr_bits: u32,
    /// Codebook weights, log2.
    pub codebook_addr_bits: u32,
    /// Pass descriptors, log2.
    pub pass_addr_bits: u32,
    /// Depth of an activation FIFO, log2.
    pub fifo_addr_bits: u32,
    /// Whether column pointers take words of the weight store.
    pub shared_store: bool,
    /// Whether it runs passes over maps.
    pub maps: bool,
    /// Whether it runs hashed passes.
    pub hashed: bool,
    /// Words of a geometry table, log2.
    pub table_addr_bits: u32,
    /// Bits of a row in an entry.
    pub row_bits: u32,
}

impl EngineInfo {
    /// What the engine says whose registers read `version`, `shape`, `sizes`, `limits` and `maps`.
    pub(crate) fn from_words(version: u32, [shape, sizes, limits, maps]: [u32; 4]) -> EngineInfo {
        let get = |register: Register, name, word| Field::get(&register.field(name), word);
        EngineInfo {
            version,
            num_pes: get(reg::SHAPE, "num_pes", shape) as usize,
            act_bits: get(reg::SHAPE, "act_bits", shape),
            act_addr_bits: get(reg::SIZES, "act_addr_bits", sizes),
            weight_addr_bits: get(reg::SIZES, "weight_addr_bits", sizes),
            acc_addr_bits: get(reg::SIZES, "acc_addr_bits", sizes),
            col_addr_bits: get(reg::SIZES, "col_addr_bits", sizes),
            codebook_addr_bits: get(reg::LIMITS, "codebook_addr_bits", limits),
            pass_addr_bits: get(reg::LIMITS, "pass_addr_bits", limits),
            fifo_addr_bits: get(reg::LIMITS, "fifo_addr_bits", limits),
            shared_store: get(reg::LIMITS, "shared_store", limits) != 0,
            maps: get(reg::MAPS, "maps", maps) != 0,
            hashed: get(reg::MAPS, "hashed", maps) != 0,
            table_addr_bits: get(reg::MAPS, "table_addr_bits", maps),
            row_bits: get(reg::MAPS, "row_bits", maps),
        }
    }

    /// What an engine built for `config` says.
    pub fn of(config: &Config) -> EngineInfo {
        EngineInfo {
            version: thresh_regs::VERSION,
            num_pes: config.num_pes,
            act_bits: config.act_bits,
            act_addr_bits: config.act_addr_bits,
            weight_addr_bits: config.weight_addr_bits,
            acc_addr_bits: config.acc_addr_bits,
            col_addr_bits: config.col_addr_bits,
            codebook_addr_bits: config.codebook_addr_bits,
            pass_addr_bits: config.pass_addr_bits,
            fifo_addr_bits: config.fifo_addr_bits,
            shared_store: config.store == WeightStore::SinglePort,
            maps: config.maps,
            hashed: config.store == WeightStore::Hashed,
            table_addr_bits: config.table_addr_bits,
            row_bits: config.row_bits,
        }
    }

    /// The configuration that the registers describe, under its name if it is one that this driver
    /// knows.
    pub fn to_config(&self) -> Config {
        let store = if self.shared_store {
            WeightStore::SinglePort
        } else if self.hashed {
            WeightStore::Hashed
        } else {
            WeightStore::BlockRam
        };
        self.config().copied().unwrap_or(Config {
            name: "of this device",
            doc: "built from other sources",
            feature: None,
            num_pes: self.num_pes,
            act_bits: self.act_bits,
            act_addr_bits: self.act_addr_bits,
            weight_addr_bits: self.weight_addr_bits,
            acc_addr_bits: self.acc_addr_bits,
            col_addr_bits: self.col_addr_bits,
            codebook_addr_bits: self.codebook_addr_bits,
            pass_addr_bits: self.pass_addr_bits,
            fifo_addr_bits: self.fifo_addr_bits,
            // Not told, since nothing that a driver does depends on it.
            queue_addr_bits: 0,
            store,
            maps: self.maps,
            table_addr_bits: self.table_addr_bits,
            row_bits: self.row_bits,
        })
    }

    /// The configuration that this engine was built for, if it is one that this driver knows.
    pub fn config(&self) -> Option<&'static Config> {
        CONFIGS.iter().find(|config| {
            EngineInfo {
                version: self.version,
                ..Self::of(config)
            } == *self
        })
    }
}

impl fmt::Display for EngineInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.config() {
            Some(config) => f.write_str(config.name),
            None => write!(
                f,
                "an unknown configuration of {} PEs with 2^{} activations of {} bits, 2^{} weight \
                 words, 2^{} accumulators and 2^{} columns each",
                self.num_pes,
                self.act_addr_bits,
                self.act_bits,
                self.weight_addr_bits,
                self.acc_addr_bits,
                self.col_addr_bits
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_configuration_is_recognised_by_its_registers() {
        for config in CONFIGS {
            assert_eq!(EngineInfo::of(config).config(), Some(config));
        }
        let odd = EngineInfo {
            num_pes: 3,
            ..EngineInfo::of(&CONFIGS[0])
        };
        assert_eq!(odd.config(), None);
        assert_eq!(EngineInfo::of(&odd.to_config()), odd);
        assert!(odd.to_string().contains("3 PEs"), "{odd}");
    }
}
