//! The endpoint under the root complex model of cocotbext-pcie, which knows nothing of this crate: `sim/cocotb`.

use super::*;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};
use thresh_hw::pcie::Endpoint;
use thresh_regs::ID;
use thresh_regs::pcie::{BAR0_BYTES, CLASS, DEVICE_ID, ENDPOINT_ID, MAX_PAYLOAD_WORDS, VENDOR_ID};

/// Tests in `sim/cocotb/endpoint.py`.
const TESTS: usize = 6;

/// A bench that takes longer, on a machine that does much else, has failed.
const LIMIT_SECONDS: u64 = 300;

/// What the bench must know, as Python.
fn facts() -> String {
    let mut text = String::from("# Made from hw/regs.\n");
    for (name, value) in [
        ("VENDOR_ID", u64::from(VENDOR_ID)),
        ("DEVICE_ID", DEVICE_ID.into()),
        ("CLASS", CLASS.into()),
        ("BAR0_BYTES", BAR0_BYTES.into()),
        ("MAX_PAYLOAD_WORDS", MAX_PAYLOAD_WORDS as u64),
        ("ENDPOINT_BASE", ENDPOINT_BASE.into()),
        ("ENDPOINT_ID", ENDPOINT_ID.into()),
        ("ID", ID.into()),
        ("ACTIVATIONS", MEMORY),
        ("ACTIVATION_BYTES", MEMORY_BYTES),
    ] {
        writeln!(text, "{name} = {value:#x}").expect("a string takes all");
    }
    let counters = ENDPOINT_REGISTERS.iter().filter(|r| **r != ENDPOINT);
    let counters = counters.map(|r| format!("{:?}: {}", r.name, r.offset));
    writeln!(
        text,
        "COUNTERS = {{{}}}",
        counters.collect::<Vec<_>>().join(", ")
    )
    .expect("a string takes all");
    text
}

#[test]
fn the_root_complex_model_is_content() {
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("writable");
    write(
        "endpoint.v",
        &thresh_hw::emit("endpoint", Endpoint::default()).verilog,
    );
    write("facts.py", &facts());

    let tools = PathBuf::from(
        env::var_os("THRESH_TOOLS").expect("THRESH_TOOLS is set by .cargo/config.toml"),
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("cocotb/run.py");
    let path = env::var("PATH").unwrap_or_default();
    let seed = common::seed();
    println!("{}", common::again(seed));
    // Icarus does not end by itself where signals go in circles.
    let output = Command::new("timeout")
        .arg("--kill-after=5")
        .arg(LIMIT_SECONDS.to_string())
        .arg(tools.join("venv/bin/python"))
        .arg(script)
        .arg(folder.path())
        .env("PATH", format!("{}:{path}", tools.join("bin").display()))
        .env("THRESH_SEED", seed.to_string())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("scripts/setup installs Python's environment");
    let text = String::from_utf8_lossy(&output.stdout);
    let wanted = format!("{TESTS} tests ran, 0 failed");
    assert!(
        output.status.success() && text.trim_end().ends_with(&wanted),
        "expected {wanted:?}, got status {:?}:\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}
