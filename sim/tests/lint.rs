//! The gate: what `verilator --lint-only -Wall` says of every emitted module.

#[path = "../build/blocks.rs"]
mod blocks;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// A warning that is accepted, where its text contains a certain part, and why. All others, LATCH,
/// MULTIDRIVEN, UNOPTFLAT and WIDTHTRUNC of logic among them, fail.
const ACCEPTED: &[(&str, &str, &str)] = &[
    (
        "DECLFILENAME",
        "",
        "one file holds a module and all below it",
    ),
    (
        "WIDTHEXPAND",
        "Operator AND expects",
        "Rust-HDL widens with a mask: `bit_cast` is `x & 0xff..`",
    ),
    (
        "WIDTHEXPAND",
        "CONST '64'h0'",
        "power-on value of a state register narrower than it is written",
    ),
    (
        "WIDTHTRUNC",
        "CONST '64'h0'",
        "power-on value of a state register, written with 64 bits",
    ),
    (
        "UNUSEDPARAM",
        "",
        "every module gets the names of all states of its state machines",
    ),
    (
        "UNUSEDSIGNAL",
        "",
        "a block uses a part of a register, or not every output of a cell",
    ),
    (
        "SYMRSVDWORD",
        "'abort'",
        "a C++ function's name; the models rename it",
    ),
];

fn verilator() -> PathBuf {
    let tools = env::var_os("THRESH_TOOLS").expect("THRESH_TOOLS is set by .cargo/config.toml");
    let path = Path::new(&tools).join("bin/verilator");
    assert!(
        path.exists(),
        "{} is missing: run scripts/setup",
        path.display()
    );
    path
}

/// Everything that Verilator says of `verilog` and that is not accepted.
fn lint(top: &str, verilog: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder for the source");
    let source = folder.path().join("source.v");
    fs::write(&source, verilog).expect("writable");
    let output = Command::new(verilator())
        .args(["--lint-only", "-Wall", "-Wno-fatal", "--top-module", top])
        .arg(&source)
        .output()
        .expect("verilator runs");
    let text = String::from_utf8_lossy(&output.stderr);
    let said = text
        .lines()
        .filter(|line| line.starts_with('%'))
        .filter(|line| {
            let accepted = |(kind, part, _): &(&str, &str, &str)| {
                line.starts_with(&format!("%Warning-{kind}:")) && line.contains(part)
            };
            !ACCEPTED.iter().any(accepted)
        });
    let mut said: Vec<String> = said.map(String::from).collect();
    if said.is_empty() && !output.status.success() {
        said.push(format!("verilator ended with {}: {text}", output.status));
    }
    said
}

fn check(top: &str, name: &str, verilog: &str) {
    let said = lint(top, verilog);
    assert!(said.is_empty(), "{name}:\n{}", said.join("\n"));
}

#[test]
fn every_block_is_clean() {
    for (name, emit) in blocks::BLOCKS {
        check(name, name, &emit(name).verilog);
    }
}

#[test]
fn every_configuration_is_clean() {
    for config in thresh_regs::CONFIGS {
        if !thresh_hw::is_built(config) {
            println!("skipped: {}", thresh_hw::not_built(config));
            continue;
        }
        let module = thresh_hw::configuration(config);
        check(&module.name, config.name, &module.verilog);
    }
}

#[test]
fn engines_with_serial_pins_are_clean() {
    use thresh_regs::uart::{BAUD, CLOCK_HZ, SIMULATED};
    for name in SIMULATED {
        let config = thresh_regs::Config::named(name).expect("a configuration");
        let module = thresh_hw::uart::uart_engine(config, CLOCK_HZ, BAUD).expect("rates in range");
        check(&module.name, name, &module.verilog);
    }
}

#[test]
fn a_wishbone_engine_is_clean() {
    let config = thresh_regs::Config::named("tiny").expect("a configuration");
    let module = thresh_hw::wishbone::wishbone_engine(config);
    check(&module.name, config.name, &module.verilog);
}

#[test]
fn the_gate_refuses_what_it_must() {
    for (kind, body) in [
        ("LATCH", "always @(*) if (a[0]) b = a;"),
        (
            "MULTIDRIVEN",
            "always @(posedge c) b <= a; always @(negedge c) b[0] <= a[1];",
        ),
        (
            "UNOPTFLAT",
            "wire [3:0] n; assign n = {n[2:0], a[0]} ^ {n[3], n[1:0], a[1]}; always @(*) b = n;",
        ),
        ("WIDTHTRUNC", "wire [5:0] w = {2'd0, a}; always @(*) b = w;"),
        (
            "CASEINCOMPLETE",
            "always @(posedge c) case (a) 4'd1: b <= a; endcase",
        ),
    ] {
        let text =
            format!("module t(input c, input [3:0] a, output reg [3:0] b); {body}\nendmodule\n");
        let said = lint("t", &text);
        assert!(
            said.iter()
                .any(|line| line.contains(&format!("%Warning-{kind}:"))),
            "{kind}: {said:?}"
        );
    }
}
