//! A small instance of every block, for lock-step tests of Rust-HDL's simulation against the
//! Verilated form.

use crate::emit::{Module, emit};
use crate::engine::*;
use crate::primitives::*;

macro_rules! blocks {
    ($($name:ident: $type:ty = $make:expr;)*) => {
        $(
            #[doc = concat!("`", stringify!($type), "`.")]
            pub fn $name() -> $type {
                $make
            }
        )*

        /// Every block above as Verilog, its module named as its function.
        pub fn blocks() -> Vec<Module> {
            vec![$(emit(stringify!($name), $name())),*]
        }
    };
}

blocks! {
    block_ram: BlockRam<4, 12> = Default::default();
    lut_ram: LutRam<3, 9> = Default::default();
    single_port_ram: SinglePortRam<4, 16> = Default::default();
    multiplier: Multiplier<16, 9, 32> = Default::default();
    shifter: Shifter = Default::default();
    fifo: Fifo<2, 8, 8> = Default::default();
    block_store: BlockStore<8, 8, 7, 8> = Default::default();
    single_port_store: SinglePortStore<9, 8, 8> = Default::default();
    mac: Mac<8, 8> = Default::default();
    quantiser: Quantiser = Default::default();
    drain: Drain<8, 8, 8> = Default::default();
    scan: Scan<4, 4, 6, 8, 8> = Default::default();
    broadcast: Broadcast<4, 8, 8> = Default::default();
    decoder: Decoder = Default::default();
    loader: Loader<4, 4, 8, 8> = Default::default();
    counters: Counters<4, 4> = Default::default();
    sequencer: Sequencer<6, 8, 8, 8, 8, 8> = Default::default();
    host_port: HostPort<2, 6, 2, 1, 0, 16> = Default::default();
    host_port_wide: HostPort<8, 6, 1, 0, 1, 0> = Default::default();
    bus: Bus<6, 8, 6> = Bus::new(crate::configurations::constant_registers(&thresh_regs::CONFIGS[1]));
}
