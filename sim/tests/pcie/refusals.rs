//! Requests that are refused, and packets that are none. Each changes nothing but its counter.

use super::*;
use thresh_regs::{ID, reg};

/// A read of the identity that must answer, whatever came before.
fn alive(device: &mut PcieDevice) {
    assert_eq!(engine_word(device, reg::ID), ID);
    assert_eq!(engine_word(device, reg::ERROR), 0);
}

/// A write of ones over all activation memory, which none of the refused may do.
fn write() -> Request {
    Request::span(Kind::MemoryWrite, MEMORY, 64, &[0xff; 64])
}

fn untouched(device: &mut PcieDevice) {
    let memory = device.read(MEMORY as u32, MEMORY_BYTES as usize).unwrap();
    assert_eq!(memory, Some(vec![0; MEMORY_BYTES as usize]));
}

#[test]
fn what_is_not_supported_is_answered_so() {
    let mut device = device();
    for (kind, hit, bytes) in [
        (Kind::MemoryRead, false, 4),
        (Kind::LockedRead, true, 4),
        (Kind::IoRead, true, 4),
        (Kind::IoWrite, true, 4),
        (Kind::ConfigRead, false, 4),
        (Kind::ConfigWrite, false, 4),
        (Kind::FetchAdd, true, 4),
        (Kind::MemoryRead, false, 200),
        (Kind::MemoryRead, false, 4096),
    ] {
        let mut request = Request::span(kind, MEMORY & !0xfff, bytes, &[]);
        request.tag = 0x5a;
        request.requester = 0x1234;
        request.class = 5;
        request.attributes = 6;
        let counted = counted(&mut device, |device| {
            let answers = answers(device, &request, hit);
            let expected = Completion {
                locked: kind == Kind::LockedRead,
                status: 1,
                completer: COMPLETER,
                requester: 0x1234,
                tag: 0x5a,
                class: 5,
                attributes: 6,
                bytes,
                lower: 0,
                data: vec![],
            };
            assert_eq!(answers, [expected], "{kind:?}");
        });
        assert_eq!(counted, [("UNSUPPORTED", 1)].into(), "{kind:?}");
    }
    let counted = counted(&mut device, |device| {
        assert_eq!(answers(device, &write(), false), []);
    });
    assert_eq!(
        counted,
        [("UNSUPPORTED", 1)].into(),
        "a write that hits no BAR"
    );
    untouched(&mut device);
    alive(&mut device);
}

#[test]
fn poisoned_writes_are_dropped() {
    let mut device = device();
    let mut request = write();
    request.poisoned = true;
    let counted = counted(&mut device, |device| {
        assert_eq!(answers(device, &request, true), []);
    });
    assert_eq!(counted, [("POISONED", 1)].into());
    untouched(&mut device);
    alive(&mut device);
}

#[test]
fn messages_and_completions_are_dropped() {
    let mut device = device();
    for words in [
        // Vendor's message to all, with and without data; an answer to nobody.
        vec![0x3300_0000, 0x0000_007f, 0, 0],
        vec![0x7300_0001, 0x0000_007f, 0, 0, 0xffff_ffff],
        vec![0x0a00_0000, 0x0000_2004, 0x0010_0000],
        vec![0x4a00_0001, 0x0000_0004, 0x0010_0000, 0xffff_ffff],
    ] {
        let counted = counted(&mut device, |device| {
            device.send(&words, true).unwrap();
        });
        assert_eq!(counted, [("IGNORED", 1)].into(), "{words:x?}");
    }
    untouched(&mut device);
    alive(&mut device);
}

#[test]
fn malformed_packets_are_dropped() {
    let mut device = device();
    let good = write().words();
    let changed = |at: usize, change: fn(u32) -> u32| {
        let mut words = good.clone();
        words[at] = change(words[at]);
        words
    };
    let short = good[..good.len() - 1].to_vec();
    let long = [&good[..], &[0xffff_ffff]].concat();
    let endless = [&good[..], &[0xffff_ffff; 1000]].concat();
    let mut oversized = Request::span(Kind::MemoryWrite, MEMORY, 260, &[0xff; 260]);
    oversized.length = 65;
    let read = |length: usize, at: u64| Request::span(Kind::MemoryRead, at, length, &[]);
    let mut no_last = read(8, MEMORY);
    no_last.last = 0;
    let mut two_ends = read(4, MEMORY);
    two_ends.last = 15;
    for (what, words) in [
        ("a header alone", good[..3].to_vec()),
        ("a word", good[..1].to_vec()),
        ("a word too few", short),
        ("a word too many", long),
        ("far too many", endless),
        (
            "a length of 0, that is 1024",
            changed(0, |word| word & !0x3ff),
        ),
        (
            "a digest that is not there",
            changed(0, |word| word | 1 << 15),
        ),
        ("a prefix", changed(0, |word| word | 1 << 31)),
        ("a type that is none", changed(0, |word| word | 0x1f << 24)),
        ("a locked write", changed(0, |word| word | 1 << 24)),
        (
            "64 address bits too many",
            changed(0, |word| word | 1 << 29),
        ),
        ("more than 256 bytes", oversized.words()),
        ("a page crossed", read(8, MEMORY + 4096 - 4).words()),
        ("no last byte", no_last.words()),
        ("a last byte of one word", two_ends.words()),
        (
            "a read with a payload",
            [&read(4, MEMORY).words()[..], &[0]].concat(),
        ),
        (
            "an I/O read of 64 address bits",
            vec![0x2200_0001, 0xf, 0, 0],
        ),
    ] {
        let counted = counted(&mut device, |device| {
            device.send(&words, true).unwrap();
            device.idle(2000);
            assert_eq!(device.received(), Vec::<Vec<u32>>::new(), "{what}");
        });
        assert_eq!(counted, [("MALFORMED", 1)].into(), "{what}");
    }
    untouched(&mut device);
    alive(&mut device);
}

#[test]
fn broken_framing_costs_what_is_broken_and_no_more() {
    let mut device = device();
    // A packet that begins in another: that one is lost.
    let counted = counted(&mut device, |device| {
        for (index, word) in write().words().into_iter().enumerate().take(10) {
            device.offer(word, index == 0, false, true).unwrap();
        }
        alive(device);
    });
    assert_eq!(counted, [("MALFORMED", 1)].into());
    untouched(&mut device);
    // Words with no beginning, then an end.
    let counted = super::counted(&mut device, |device| {
        for word in 0..5 {
            device.offer(word, false, word == 4, true).unwrap();
        }
        alive(device);
    });
    assert_eq!(counted, [("MALFORMED", 1)].into());
}

#[test]
fn words_with_some_bytes_are_left_out_of_a_write() {
    let mut device = device();
    let counted = counted(&mut device, |device| {
        // Bytes 2 to 8: a part of the first word, the second, a part of the third.
        let request = Request::span(Kind::MemoryWrite, MEMORY + 2, 7, &[0x11; 7]);
        assert_eq!(answers(device, &request, true), []);
    });
    assert_eq!(counted, [("PARTIAL_WORDS", 2)].into());
    let memory = device.read(MEMORY as u32, 12).unwrap().unwrap();
    assert_eq!(memory, [0, 0, 0, 0, 0x11, 0x11, 0x11, 0x11, 0, 0, 0, 0]);
}
