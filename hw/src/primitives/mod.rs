//! The cells that Rust-HDL cannot describe well, each as a hand-written Verilog body beside its
//! simulation. Everything above them is translated from Rust.

mod block_ram;
mod literal;
mod lut_ram;
mod multiplier;
mod pointer_ram;
mod shifter;
mod single_port_ram;
mod token_words;

pub use block_ram::BlockRam;
pub use literal::Literal;
pub use lut_ram::LutRam;
pub use multiplier::Multiplier;
pub use pointer_ram::PointerRam;
pub use shifter::Shifter;
pub use single_port_ram::SinglePortRam;
pub use token_words::TokenWords;

use rust_hdl_core::prelude::TimingInfo;

/// What Rust-HDL's checks need to know of a cell whose outputs change with the clock.
fn clocked(name: &str, inputs: &[&str], output: &str) -> Vec<TimingInfo> {
    vec![TimingInfo {
        name: name.into(),
        clock: "clock".into(),
        inputs: inputs.iter().map(|i| String::from(*i)).collect(),
        outputs: vec![output.into()],
    }]
}
