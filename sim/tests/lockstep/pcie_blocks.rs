//! The blocks of the PCIe endpoint. Packets are random words under random marks, and as often sound ones, so that the
//! deeper states are met.

use crate::blocks::*;
use crate::harness::{Lockstep, Stimulus, dut};
use thresh_sim::pcie::{Kind, Request};

const CYCLES: u64 = 20_000;

/// A sound request, or one with a word changed, missing or too many.
fn packet(random: &mut Stimulus) -> Vec<u32> {
    // Now and then a message, or a completion.
    if random.once_in(12) {
        return vec![0x3300_0000, 0x7f, 0, 0];
    }
    if random.once_in(12) {
        return vec![0x0a00_0000, 0x2004, 0];
    }
    let kinds = [
        Kind::MemoryRead,
        Kind::MemoryWrite,
        Kind::MemoryRead,
        Kind::MemoryWrite,
        Kind::LockedRead,
        Kind::IoRead,
        Kind::IoWrite,
        Kind::ConfigRead,
        Kind::FetchAdd,
    ];
    let kind = kinds[random.below(kinds.len() as u64) as usize];
    let most = if random.once_in(8) { 256 } else { 20 };
    let length = 1 + random.below(most) as usize;
    let address = random.below(1 << 21);
    let mut request = Request::span(kind, address, length, &[]);
    request.wide = kind != Kind::IoRead && kind != Kind::IoWrite && random.once_in(3);
    request.tag = random.below(256) as u8;
    request.class = random.below(8) as u8;
    request.attributes = random.below(8) as u8;
    request.poisoned = random.once_in(16);
    request.digest = random.once_in(8).then_some(0x1234_5678);
    request.requester = random.below(1 << 16) as u16;
    if random.once_in(10) {
        request.first = 0;
    }
    for word in &mut request.payload {
        *word = random.below(1 << 32) as u32;
    }
    let mut words = request.words();
    if random.once_in(12) {
        let at = random.below(words.len() as u64) as usize;
        words[at] = random.below(1 << 32) as u32;
    }
    if random.once_in(20) {
        words.pop();
    }
    if random.once_in(20) {
        words.push(0);
    }
    words
}

/// Offers packets word by word, with pauses, and now and then one without its end or its beginning.
fn packets() -> impl FnMut(&mut Stimulus) {
    let mut words: Vec<(u32, bool, bool)> = Vec::new();
    let mut taken = false;
    move |random| {
        if taken {
            words.remove(0);
        }
        if words.is_empty() {
            let packet = packet(random);
            let last = packet.len() - 1;
            let marks = packet.into_iter().enumerate();
            words.extend(marks.map(|(i, word)| (word, i == 0, i == last)));
            if random.once_in(30) {
                words[0].1 = false;
            }
            if random.once_in(30) {
                words[last].2 = false;
            }
        }
        let offered = !random.once_in(4);
        // It comes from registers, so it stands already as it will be in this cycle.
        taken = offered && random.get("rx_ready") != 0;
        let (word, first, last) = words[0];
        random.set("rx_valid", offered.into());
        random.set("rx_data", word.into());
        random.set("rx_sop", first.into());
        random.set("rx_eop", last.into());
        let hit = !random.once_in(10);
        random.set("rx_hit", hit.into());
    }
}

#[test]
fn pcie_check() {
    let ports = dut!(
        PcieCheck,
        in [header, words, enables, page_word],
        out [malformed, ignored, poisoned]
    );
    Lockstep::new("pcie_check", ports).run_with(CYCLES, |random| {
        if random.once_in(4) {
            return;
        }
        let words = packet(random);
        let four = words[0] >> 29 & 1 != 0;
        random.set("header", words[0].into());
        random.set("words", words.len() as u64 & 0xff);
        random.set("enables", (words[1] & 0xff).into());
        let address = words.get(if four { 3 } else { 2 }).copied().unwrap_or(0);
        random.set("page_word", (address >> 2 & 0x3ff).into());
    });
}

#[test]
fn pcie_intake() {
    let ports = dut!(
        PcieIntake, clock,
        in [rx_valid, rx_sop, rx_eop, rx_hit, rx_data, pop],
        out [rx_ready, available, word, malformed, ignored, poisoned]
    );
    let mut offer = packets();
    Lockstep::new("pcie_intake", ports).run_with(CYCLES, |random| {
        offer(random);
        // In some stretches nobody reads, and the store fills up.
        let pop = random.get("available") != 0 && random.cycle % 2000 > 400;
        random.set("pop", pop.into());
    });
}

#[test]
fn pcie_unpack() {
    let ports = dut!(
        PcieUnpack, clock,
        in [available, word, take, done],
        out [
            pop, valid, is_write, is_read, is_posted, is_counted, is_locked, header, requester, tag,
            enables, address, payload,
        ]
    );
    Lockstep::new("pcie_unpack", ports).run_with(CYCLES, |random| {
        // Any word may follow any: the lengths, which make it go on, are those of packets.
        let words = packet(random);
        let header = random.once_in(2);
        let at = random.below(words.len() as u64) as usize;
        let hit = random.below(2);
        let word = words[if header { 0 } else { at }];
        random.set("word", hit << 32 | u64::from(word));
    });
}

#[test]
fn pcie_span() {
    let ports = dut!(PcieSpan, in [length, enables], out [lead, bytes]);
    Lockstep::new("pcie_span", ports).run(CYCLES);
}

#[test]
fn pcie_bridge() {
    let ports = dut!(
        PcieBridge, clock,
        in [
            valid, is_write, is_read, is_posted, is_counted, length, enables, address, payload, ack,
            sent,
        ],
        out [
            take, done, strobe, write_enable, bus_address, write_data, keep, filled, send,
            send_unsupported, send_bytes, send_lower, did_read, did_write, unsupported, partial,
        ]
    );
    let mut held = [0; 8];
    let mut done = true;
    Lockstep::new("pcie_bridge", ports).run_with(CYCLES, |random| {
        const NAMES: [&str; 8] = [
            "valid",
            "is_write",
            "is_read",
            "is_posted",
            "is_counted",
            "length",
            "enables",
            "address",
        ];
        if done {
            let kind = random.below(5);
            let most = if random.once_in(10) { 1024 } else { 70 };
            held = [
                1,
                (kind == 0).into(),
                (kind == 1).into(),
                random.below(2),
                random.below(2),
                random.below(most),
                random.below(256),
                random.below(1 << 19),
            ];
        }
        done = random.get("done") != 0;
        for (name, value) in NAMES.into_iter().zip(held) {
            random.set(name, value);
        }
    });
}

#[test]
fn pcie_sender() {
    let ports = dut!(
        PcieSender, clock,
        in [
            keep, filled, word, send, unsupported, locked, header, requester, tag, completer, bytes, lower,
            tx_ready,
        ],
        out [sent, tx_valid, tx_sop, tx_eop, tx_data]
    );
    let mut state = (0, false);
    Lockstep::new("pcie_sender", ports).run_with(CYCLES, |random| {
        // Fills up to a number of words, then sends them, once in a while as a refusal.
        let (filled, sending) = &mut state;
        let send = !*sending && (*filled == 32 || random.once_in(12));
        if *sending && random.once_in(50) {
            (*filled, *sending) = (0, false);
        }
        let keep = !*sending && !send;
        random.set("keep", keep.into());
        random.set("filled", *filled);
        random.set("send", send.into());
        *filled += u64::from(keep);
        *sending |= send;
    });
}

#[test]
fn pcie_counters() {
    let ports = dut!(
        PcieCounters, clock,
        in [did_read, did_write, unsupported, poisoned, malformed, partial, ignored, address],
        out [read_data]
    );
    Lockstep::new("pcie_counters", ports).run_with(CYCLES, |random| {
        let address = random.below(10);
        random.set("address", address);
    });
}

#[test]
fn pcie_endpoint() {
    let ports = dut!(
        PcieEndpoint, clock,
        in [
            rx_valid, rx_sop, rx_eop, rx_hit, rx_data, tx_ready, completer, ack, read_data,
        ],
        out [
            rx_ready, tx_valid, tx_sop, tx_eop, tx_data, strobe, write_enable, address, write_data,
        ]
    );
    let mut offer = packets();
    Lockstep::new("pcie_endpoint", ports).run_with(2 * CYCLES, |random| {
        offer(random);
        let ack = random.get("strobe") != 0 && random.once_in(2);
        random.set("ack", ack.into());
        let ready = !random.once_in(3);
        random.set("tx_ready", ready.into());
    });
}
