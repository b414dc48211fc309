//! Every block: Rust-HDL's own simulation against the Verilated model, cycle by cycle.

#[path = "../../build/blocks.rs"]
mod blocks;
#[path = "../common/mod.rs"]
mod common;
mod harness;

mod broken;
mod engine;
mod engine_blocks;
mod pcie_blocks;
mod primitives;
mod uart_blocks;
mod wishbone_blocks;
