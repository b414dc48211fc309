//! The Verilated endpoint before a Verilated engine, packet by packet: what is answered how.

#[path = "../common/mod.rs"]
mod common;

mod cocotb;
mod refusals;
mod requests;

use std::collections::BTreeMap;
use thresh_regs::pcie::{ENDPOINT_BASE, ENDPOINT_REGISTERS, endpoint::ENDPOINT};
use thresh_regs::{ACTIVATION_WINDOW, Register};
use thresh_sim::pcie::{COMPLETER, Completion, Kind, PcieDevice, Request};

/// Bytes of activation memory of `tiny`.
const MEMORY_BYTES: u64 = 2 * 128;

/// Where they begin.
const MEMORY: u64 = ACTIVATION_WINDOW.offset as u64;

fn device() -> PcieDevice {
    PcieDevice::new("tiny").expect("the build script makes these models")
}

fn word(device: &mut PcieDevice, address: u32) -> u32 {
    let bytes = device.read(address, 4).expect("an answer");
    u32::from_le_bytes(bytes.expect("data").try_into().expect("four bytes"))
}

fn engine_word(device: &mut PcieDevice, register: Register) -> u32 {
    word(device, register.offset)
}

/// The endpoint's counters by name.
fn counters(device: &mut PcieDevice) -> BTreeMap<&'static str, u32> {
    let counters = ENDPOINT_REGISTERS.iter().filter(|r| **r != ENDPOINT);
    let read = |r: &Register| (r.name, word(device, ENDPOINT_BASE + r.offset));
    counters.map(read).collect()
}

/// What `work` adds to the counters, reads and writes left out.
fn counted(
    device: &mut PcieDevice,
    work: impl FnOnce(&mut PcieDevice),
) -> BTreeMap<&'static str, u32> {
    let before = counters(device);
    work(device);
    let mut after = counters(device);
    after.retain(|name, value| {
        *value -= before[name];
        *value > 0 && !["READS", "WRITES"].contains(name)
    });
    after
}

/// Sends a request and gives its answers: as many as come before that of a read behind it.
fn answers(device: &mut PcieDevice, request: &Request, hit: bool) -> Vec<Completion> {
    device.send(&request.words(), hit).expect("it is taken");
    let fence = Request {
        tag: !request.tag,
        ..Request::span(Kind::MemoryRead, 0, 4, &[])
    };
    device.send(&fence.words(), true).expect("it is taken");
    let mut answers = Vec::new();
    loop {
        let words = device.receive().expect("an answer");
        let completion = Completion::try_from(&words[..]).expect("a completion");
        assert_eq!(completion.completer, COMPLETER);
        if completion.tag == fence.tag {
            return answers;
        }
        answers.push(completion);
    }
}
