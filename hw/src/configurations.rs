//! From the table of configurations to engines.

use crate::emit::{Module, emit};
use crate::engine::{BlockEngine, HashedEngine, SinglePortEngine};
use thresh_regs::{
    CODE_BITS, CONFIGS, Config, DESCRIPTOR_WORDS, ID, MAX_CODE_LENGTH, STEP_BITS, VERSION,
    WeightStore, map_hash, reg,
};

/// Values of the constant registers of `config`: `ID`, `VERSION`, `SHAPE`, `SIZES`, `LIMITS`,
/// `MAP_HASH`, `MAPS`.
pub fn constant_registers(config: &Config) -> [u32; 7] {
    let shape = reg::SHAPE.field("num_pes").put(config.num_pes as u32)
        | reg::SHAPE.field("act_bits").put(config.act_bits)
        | reg::SHAPE.field("code_bits").put(CODE_BITS)
        | reg::SHAPE.field("step_bits").put(STEP_BITS);
    let sizes = reg::SIZES.field("act_addr_bits").put(config.act_addr_bits)
        | reg::SIZES
            .field("weight_addr_bits")
            .put(config.weight_addr_bits)
        | reg::SIZES.field("acc_addr_bits").put(config.acc_addr_bits)
        | reg::SIZES.field("col_addr_bits").put(config.col_addr_bits);
    let shared = u32::from(config.store == WeightStore::SinglePort);
    let limits = reg::LIMITS
        .field("codebook_addr_bits")
        .put(config.codebook_addr_bits)
        | reg::LIMITS
            .field("pass_addr_bits")
            .put(config.pass_addr_bits)
        | reg::LIMITS
            .field("fifo_addr_bits")
            .put(config.fifo_addr_bits)
        | reg::LIMITS.field("shared_store").put(shared);
    const {
        assert!(
            MAX_CODE_LENGTH == 15,
            "the decoder's tables have 15 lengths"
        )
    };
    let maps = reg::MAPS.field("maps").put(u32::from(config.maps))
        | reg::MAPS
            .field("table_addr_bits")
            .put(config.table_addr_bits)
        | reg::MAPS
            .field("hashed")
            .put(u32::from(config.store == WeightStore::Hashed))
        | reg::MAPS.field("row_bits").put(config.row_bits);
    [ID, VERSION, shape, sizes, limits, map_hash(), maps]
}

const fn log2(value: usize) -> usize {
    value.trailing_zeros() as usize
}

/// Addresses of a bank that a word of the activation window takes.
const fn parts(config: &Config) -> usize {
    let acts = config.acts_per_word();
    if config.num_pes < acts {
        acts / config.num_pes
    } else {
        1
    }
}

/// Groups of banks that each hold a word at one address.
const fn bank_groups(config: &Config) -> usize {
    config.num_pes * parts(config) / config.acts_per_word()
}

/// Bits of a word at one address of all banks, if it takes more than one.
const fn part_bits(config: &Config) -> usize {
    if parts(config) > 1 {
        config.act_bits as usize * config.num_pes
    } else {
        0
    }
}

/// Bits of a block RAM's word on iCE40.
const TOKEN_BITS: usize = 16;

/// Bytes of stack for making an engine, which lies there as a whole: a megabyte with many PEs.
const ROOM: usize = 64 << 20;

/// Does `work` on a thread of its own, since threads of tests have little stack.
fn with_room(work: impl FnOnce() -> Module + Send) -> Module {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(ROOM);
        let handle = thread.spawn_scoped(scope, work).expect("a thread starts");
        handle
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

macro_rules! configurations {
    ($($(#[$when:meta])* $index:literal => $engine:ident, $constructor:ident;)*) => {
        $(
            $(#[$when])*
            #[doc = concat!("Entry ", $index, " of [`CONFIGS`].")]
            pub fn $constructor() -> engines::$constructor {
                <engines::$constructor>::new(constant_registers(&CONFIGS[$index]))
            }
        )*

        /// The type of each configuration's engine.
        pub mod engines {
            use super::*;
            $($(#[$when])* configurations!(@type $engine, $constructor, CONFIGS[$index]);)*
        }

        /// The engine of `config` as Verilog; its top module is `engine`.
        ///
        /// # Panics
        /// If this build has no engine of `config`: see [`is_built`].
        pub fn configuration(config: &Config) -> Module {
            $($(#[$when])*
            if *config == CONFIGS[$index] {
                return with_room(|| emit("engine", $constructor()));
            })*
            panic!("{}", not_built(config))
        }

        /// Whether this build has an engine of `config`. Some are built with a cargo feature only.
        pub fn is_built(config: &Config) -> bool {
            $($(#[$when])*
            if *config == CONFIGS[$index] {
                return true;
            })*
            false
        }
    };
    (@type block, $name:ident, $config:expr) => {
        configurations!(@engine BlockEngine, $name, $config, [{ $config.queue_addr_bits as usize }]);
    };
    (@type hashed, $name:ident, $config:expr) => {
        configurations!(
            @engine HashedEngine, $name, $config,
            [{ $config.queue_addr_bits as usize }, { log2($config.num_pes) }]
        );
    };
    (@type single_port, $name:ident, $config:expr) => {
        configurations!(
            @engine SinglePortEngine, $name, $config,
            [TOKEN_BITS, { ($config.col_addr_bits + $config.act_bits + 1) as usize - TOKEN_BITS }]
        );
    };
    // Sizes that only one kind of store has stand between those that all engines have.
    (@engine $engine:ident, $name:ident, $config:expr, [$($own:tt),*]) => {
        #[allow(missing_docs, non_camel_case_types)]
        pub type $name = $engine<
            { $config.num_pes },
            { if $config.num_pes < 2 { 2 } else { $config.num_pes } },
            { $config.act_addr_bits as usize },
            { $config.weight_addr_bits as usize },
            { $config.acc_addr_bits as usize },
            { $config.col_addr_bits as usize },
            { $config.codebook_addr_bits as usize },
            { $config.fifo_addr_bits as usize },
            { $config.pass_addr_bits as usize + log2(DESCRIPTOR_WORDS) },
            { $config.act_addr_bits as usize + log2($config.num_pes) - log2($config.acts_per_word()) },
            { $config.table_addr_bits as usize },
            { $config.row_bits as usize + CODE_BITS as usize },
            { $config.row_bits as usize },
            { $config.act_bits as usize },
            { $config.act_bits as usize + 1 },
            { $config.maps as usize },
            $($own,)*
            { parts(&$config) },
            { log2(parts(&$config)) },
            { log2(bank_groups(&$config)) },
            { part_bits(&$config) },
        >;
    };
}

configurations! {
    0 => block, solo;
    1 => block, tiny;
    2 => single_port, icebreaker;
    3 => single_port, hx8k;
    4 => block, ulx3s_25f;
    5 => block, versa_45f;
    6 => block, ulx3s_85f;
    7 => block, ulx3s_85f_32;
    8 => block, ulx3s_85f_a16;
    9 => block, tiny16;
    10 => hashed, ulx3s_85f_hashed;
    #[cfg(feature = "large")]
    11 => block, large;
    #[cfg(feature = "eie")]
    12 => block, eie64;
}

/// What to tell who asks for an engine that this build does not have.
pub fn not_built(config: &Config) -> String {
    let name = config.name;
    match config.feature {
        Some(feature) => format!(
            "this build has no engine {name}: build it with \
             \"cargo build --release -p thresh-cli --features {feature}\""
        ),
        None => format!("configuration {name} has no engine type in hw/src/configurations.rs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_configuration_has_an_engine_with_its_name() {
        for config in CONFIGS {
            if !is_built(config) {
                eprintln!("skipped: {}", not_built(config));
                continue;
            }
            let module = configuration(config);
            assert!(module.verilog.contains("module engine("), "{}", config.name);
            let last_pe = format!("module engine$pe${}(", config.num_pes - 1);
            let beyond = format!("module engine$pe${}(", config.num_pes);
            assert!(module.verilog.contains(&last_pe), "{}", config.name);
            assert!(!module.verilog.contains(&beyond), "{}", config.name);
        }
    }
}
