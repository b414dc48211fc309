//! A whole device: an engine and its bridge, from clock and pins on.

use super::Bridge;
use crate::emit::{Module, Port, emit};
use thresh_regs::Config;
use thresh_regs::uart::{PHASE_BITS, phase_step};

/// Name of the outermost module.
pub const TOP: &str = "uart_engine";

/// The engine of `config` behind a bridge, for a clock of `clock_hz` and `baud` bits a second: module `uart_engine` with
/// the pins `clock`, `reset`, `rx` and `tx`. Wiring in Verilog, as a type for each engine would take minutes to compile.
///
/// # Errors
/// If the rate cannot be divided from the clock.
///
/// # Panics
/// If this build has no engine of `config`, see [`crate::is_built`].
pub fn uart_engine(config: &Config, clock_hz: u32, baud: u32) -> Result<Module, String> {
    let step = phase_step(clock_hz, baud)?;
    let engine = crate::configuration(config);
    let bridge = emit("bridge", Bridge::default());
    let (top, (engine_name, bridge_name)) = (TOP, (&engine.name, &bridge.name));
    let wiring = format!(
        "\
// {name} at {clock_hz} Hz, {baud} baud.
module {top}(input wire clock, input wire reset, input wire rx, output wire tx);
    wire strobe, write_enable, ack;
    wire [17:0] address;
    wire [31:0] write_data, read_data;
    {bridge_name} bridge(
        .clock(clock), .reset(reset), .step({PHASE_BITS}'d{step}), .rx(rx), .tx(tx),
        .strobe(strobe), .write_enable(write_enable), .address(address),
        .write_data(write_data), .ack(ack), .read_data(read_data)
    );
    {engine_name} engine(
        .clock(clock), .strobe(strobe), .write_enable(write_enable), .address(address),
        .write_data(write_data), .ack(ack), .read_data(read_data)
    );
endmodule
",
        name = config.name,
    );
    let port = |name: &str, input| Port {
        name: name.into(),
        bits: 1,
        input,
    };
    Ok(Module {
        name: top.into(),
        verilog: wiring + &bridge.verilog + &engine.verilog,
        ports: vec![
            port("clock", true),
            port("reset", true),
            port("rx", true),
            port("tx", false),
        ],
    })
}
