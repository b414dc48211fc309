//! The blocks of the serial bridge. Bytes and frames come in sound forms often enough to get past the checks.

use crate::blocks::*;
use crate::harness::{Lockstep, Stimulus, dut};
use std::collections::VecDeque;
use thresh_driver::uart::encode;
use thresh_regs::uart::{MAX_WORDS, phase_step};

const CYCLES: u64 = 20_000;

/// Phase step of nine cycles a bit.
fn step() -> u64 {
    phase_step(27_000_000, 3_000_000).expect("in range").into()
}

/// A line that carries bytes; a bit is wrong now and then.
#[derive(Default)]
struct Wire {
    bits: VecDeque<u64>,
    left: u64,
    level: u64,
}

impl Wire {
    fn send(&mut self, byte: u8) {
        self.bits.push_back(0);
        self.bits
            .extend((0..8).map(|bit| u64::from(byte) >> bit & 1));
        self.bits.push_back(1);
    }

    fn next(&mut self, inputs: &mut Stimulus, errors: u64) -> u64 {
        if self.left == 0 {
            self.level = self.bits.pop_front().unwrap_or(1);
            self.level ^= u64::from(errors > 0 && inputs.once_in(errors));
            self.left = 9;
        }
        self.left -= 1;
        self.level
    }
}

/// The bytes of a frame with random words, whose first word is `head`; damaged now and then.
fn frame(inputs: &mut Stimulus, head: u32) -> Vec<u8> {
    let count = match inputs.once_in(6) {
        true => MAX_WORDS as u64 - 1 + inputs.below(3),
        false => 1 + inputs.below(3),
    };
    let mut words = vec![head];
    words.extend((0..count).map(|_| inputs.below(1 << 32) as u32 >> inputs.below(32)));
    let mut bytes = encode(&words);
    if inputs.once_in(6) {
        let place = inputs.below(bytes.len() as u64) as usize;
        match inputs.once_in(2) {
            true => bytes[place] ^= 1 << inputs.below(8),
            false => drop(bytes.remove(place)),
        }
    }
    bytes
}

#[test]
fn uart_receiver() {
    let ports = dut!(UartReceiver, clock, in [reset, step, rx], out [valid, data, error]);
    let mut wire = Wire::default();
    Lockstep::new("uart_receiver", ports).run_with(CYCLES, |inputs| {
        if wire.bits.is_empty() && inputs.once_in(20) {
            let byte = inputs.below(256) as u8;
            wire.send(byte);
        }
        let (rx, reset) = (wire.next(inputs, 40), inputs.once_in(2000));
        inputs.set("rx", rx);
        inputs.set("step", step());
        inputs.set("reset", reset.into());
    });
}

#[test]
fn uart_transmitter() {
    let ports = dut!(
        UartTransmitter, clock,
        in [reset, step, valid, data],
        out [ready, tx]
    );
    Lockstep::new("uart_transmitter", ports).run_with(CYCLES, |inputs| {
        let reset = inputs.once_in(2000);
        inputs.set("step", step());
        inputs.set("reset", reset.into());
    });
}

#[test]
fn uart_crc() {
    let ports = dut!(UartCrc, clock, in [clear, valid, data], out [busy, value]);
    Lockstep::new("uart_crc", ports).run(CYCLES);
}

/// A soft check of what the lock step cannot see: the CRC is the one that the host computes.
#[test]
fn uart_crc_is_the_one_of_the_host() {
    let mut model = thresh_sim::Model::new("uart_crc").expect("the build script makes it");
    let port = |name| model.port(name);
    let (clear, valid, data, value) = (port("clear"), port("valid"), port("data"), port("value"));
    let words = [0x3432_3130u32, 0x3837_3635, 0x7d7e_0001];
    let bytes = encode(&words);
    model.set(clear, 1);
    model.step(1);
    model.set(clear, 0);
    for byte in words.iter().flat_map(|word| word.to_le_bytes()) {
        model.set(data, byte.into());
        model.set(valid, 1);
        model.settle();
        model.step(1);
        model.set(valid, 0);
        model.settle();
        model.step(9);
    }
    // The last four bytes before the flag, with escapes undone.
    let mut plain = Vec::new();
    let mut inner = bytes[1..bytes.len() - 1].iter();
    while let Some(&byte) = inner.next() {
        match byte {
            0x7d => plain.push(inner.next().expect("not the last") ^ 0x20),
            _ => plain.push(byte),
        }
    }
    let crc = plain[plain.len() - 4..].try_into().expect("four bytes");
    assert_eq!(model.get(value), u64::from(u32::from_le_bytes(crc)));
}

#[test]
fn uart_deframer() {
    let ports = dut!(
        UartDeframer, clock,
        in [reset, valid, data, error, free],
        out [
            write, write_address, write_data, pending, slot, words, lost, framing_errors, dropped,
        ]
    );
    let (mut bytes, mut wait) = (VecDeque::new(), 0);
    Lockstep::new("uart_deframer", ports).run_with(4 * CYCLES, |inputs| {
        if bytes.is_empty() {
            let head = inputs.below(1 << 32) as u32;
            bytes.extend(frame(inputs, head));
        }
        let come = wait == 0;
        wait = if come { 10 + inputs.below(3) } else { wait - 1 };
        inputs.set("valid", come.into());
        if come {
            inputs.set("data", bytes.pop_front().expect("filled above").into());
        }
        let error = inputs.once_in(3000);
        let reset = inputs.once_in(10_000);
        let free = inputs.get("pending") == 1 && inputs.once_in(200);
        inputs.set("error", error.into());
        inputs.set("reset", reset.into());
        inputs.set("free", free.into());
    });
}

#[test]
fn uart_framer() {
    let ports = dut!(
        UartFramer, clock,
        in [reset, open, put, close, word, byte_ready],
        out [ready, valid, data]
    );
    Lockstep::new("uart_framer", ports).run_with(CYCLES, |inputs| {
        let command = inputs.below(4);
        for (index, name) in (0..).zip(["open", "put", "close"]) {
            inputs.set(name, (command == index).into());
        }
        if inputs.once_in(2) {
            let word = [0x7e7d_7e7d, 0x0000_7d00, 0x7e00_0000][inputs.below(3) as usize];
            inputs.set("word", word);
        }
        let reset = inputs.once_in(2000);
        inputs.set("reset", reset.into());
    });
}

#[test]
fn uart_executor() {
    let ports = dut!(
        UartExecutor, clock,
        in [
            reset, pending, slot, words, lost, framing_errors, dropped, frame_word, answer_ready,
            ack, read_data,
        ],
        out [
            free, read_address, open, put, close, answer, strobe, write_enable, address,
            write_data,
        ]
    );
    let (mut memory, mut next, mut head) = (vec![0u64; 256], 0, false);
    let (mut slot, mut pending, mut words, mut shown) = (0u64, false, 1, 0);
    Lockstep::new("uart_executor", ports).run_with(4 * CYCLES, |inputs| {
        // The number of the next request stands in the first word of an answer.
        if inputs.get("open") == 1 {
            head = true;
        } else if head && inputs.get("put") == 1 {
            (next, head) = (inputs.get("answer") >> 24, false);
        }
        // The block RAM of frames.
        inputs.set("frame_word", memory[shown]);
        shown = inputs.get("read_address") as usize;
        if inputs.get("free") == 1 {
            (pending, slot) = (false, 1 - slot);
        }
        if !pending && inputs.once_in(30) {
            pending = true;
            words = 1 + inputs.below(3);
            let number = match inputs.below(8) {
                0 => inputs.below(256),
                1 => next + 1,
                2 => next + 255,
                _ => next,
            } % 256;
            let first = (slot << 7) as usize;
            memory[first] = number << 24 | inputs.below(1 << 20);
            for word in 1..=words as usize {
                memory[first + word] = match inputs.below(4) {
                    0 => inputs.below(1 << 32),
                    _ => inputs.below(4),
                };
            }
        }
        for (name, value) in [
            ("pending", pending.into()),
            ("slot", slot),
            ("words", words),
        ] {
            inputs.set(name, value);
        }
        // Some accesses never end.
        let ends = inputs.cycle % 20_000 < 14_000 && inputs.once_in(4);
        let (reset, lost) = (inputs.once_in(30_000), inputs.once_in(100));
        let ready = inputs.once_in(2);
        inputs.set("ack", ends.into());
        inputs.set("reset", reset.into());
        inputs.set("lost", lost.into());
        inputs.set("answer_ready", ready.into());
    });
}

#[test]
fn uart_bridge() {
    let ports = dut!(
        UartBridge, clock,
        in [reset, step, rx, ack, read_data],
        out [tx, strobe, write_enable, address, write_data]
    );
    let (mut wire, mut number) = (Wire::default(), 0u32);
    Lockstep::new("uart_bridge", ports).run_with(2 * CYCLES, |inputs| {
        if wire.bits.is_empty() && inputs.cycle > 5000 {
            // A hello first, then the others in turn, each before or behind a damaged one.
            let kind = match number {
                0 => 0,
                _ => 1 + inputs.below(3) as u32,
            };
            let place = (number.max(1) - 1) << 24 | kind << 18;
            let data: Vec<u32> = match kind {
                1 => vec![1 + inputs.below(3) as u32],
                _ => (0..=inputs.below(3))
                    .map(|_| inputs.below(1 << 32) as u32)
                    .collect(),
            };
            let words = [&[place | inputs.below(1 << 18) as u32], &data[..]].concat();
            let damaged = frame(inputs, place);
            for byte in damaged[..damaged.len() / 2].iter().chain(&encode(&words)) {
                wire.send(*byte);
            }
            number += 1;
        }
        let (rx, ack) = (wire.next(inputs, 0), inputs.once_in(3));
        for (name, value) in [
            ("rx", rx),
            ("step", step()),
            ("ack", ack.into()),
            ("reset", 0),
        ] {
            inputs.set(name, value);
        }
    });
}
