//! The hand-written cells: their Verilog body against their Rust body.

use crate::blocks::{
    BlockRam, LutRam, Multiplier, Multiplier16, PointerRam, Shifter, Shifter16, SinglePortRam,
    TokenWords,
};
use crate::harness::{Lockstep, dut};

const CYCLES: u64 = 20_000;

#[test]
fn block_ram() {
    let ports = dut!(
        BlockRam, clock,
        in [read_address, read_enable, write_address, write_data, write_enable],
        out [read_data]
    );
    Lockstep::new("block_ram", ports).run(CYCLES);
}

#[test]
fn lut_ram() {
    let ports = dut!(
        LutRam, clock,
        in [read_address, write_address, write_data, write_enable],
        out [read_data]
    );
    Lockstep::new("lut_ram", ports).run(CYCLES);
}

#[test]
fn pointer_ram() {
    let ports = dut!(
        PointerRam, clock,
        in [
            address, read_enable, write_enable, write_data, other_address, other_enable,
        ],
        out [read_data, other_data]
    );
    Lockstep::new("pointer_ram", ports).run(CYCLES);
}

#[test]
fn multiplier() {
    let ports = dut!(Multiplier, clock, in [a, b], out [product]);
    Lockstep::new("multiplier", ports).run(CYCLES);
}

#[test]
fn multiplier_16() {
    let ports = dut!(Multiplier16, clock, in [a, b], out [product]);
    Lockstep::new("multiplier_16", ports).run(CYCLES);
}

#[test]
fn shifter() {
    let ports = dut!(Shifter, in [value, amount], out [low, floor, beyond]);
    Lockstep::new("shifter", ports).run(CYCLES);
    let ports = dut!(Shifter16, in [value, amount], out [low, floor, beyond]);
    Lockstep::new("shifter_16", ports).run(CYCLES);
}

#[test]
fn single_port_ram() {
    let ports = dut!(
        SinglePortRam, clock,
        in [address, write_data, write_enable],
        out [read_data]
    );
    Lockstep::new("single_port_ram", ports).run(CYCLES);
}

#[test]
fn token_words() {
    let ports = dut!(
        TokenWords,
        in [column, value, kept_word, kept_rest],
        out [word, rest, kept_column, kept_value]
    );
    Lockstep::new("token_words", ports).run(CYCLES);
}
