//! Requests that are done.

use super::*;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use thresh_regs::pcie::{BAR0_BYTES, COMPLETION_BYTES, ENDPOINT_ID};
use thresh_regs::{ID, reg};

/// Requests of the random bench.
const REQUESTS: u64 = 1000;

/// A random number below `bound`.
fn below(random: &mut ChaCha8Rng, bound: u64) -> u64 {
    random.next_u64() % bound
}

#[test]
fn registers_answer_in_both_halves() {
    let mut device = device();
    assert_eq!(engine_word(&mut device, reg::ID), ID);
    assert_eq!(
        engine_word(&mut device, reg::MAP_HASH),
        thresh_regs::map_hash()
    );
    assert_eq!(word(&mut device, ENDPOINT_BASE), ENDPOINT_ID);
    // What holds nothing reads as zero; in the engine's half it is an error of the engine.
    assert_eq!(word(&mut device, BAR0_BYTES - 4), 0);
    assert_eq!(engine_word(&mut device, reg::ERROR), 0);
    device.write(ENDPOINT_BASE, &[1; 4]).unwrap();
    assert_eq!(word(&mut device, ENDPOINT_BASE), ENDPOINT_ID);
    assert_eq!(word(&mut device, 0x2000), 0);
    let bad_address = reg::ERROR.field("bad_address").put(1);
    assert_eq!(engine_word(&mut device, reg::ERROR), bad_address);
    let counters = counters(&mut device);
    // Eight reads above.
    assert_eq!((counters["READS"], counters["WRITES"]), (8, 1));
    assert_eq!(counters["UNSUPPORTED"], 0);
}

/// Every size and alignment, by headers of three words and of four, against a memory of whole words.
#[test]
fn random_requests_meet_a_memory_of_words() {
    let seed = common::seed();
    println!("{}", common::again(seed));
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut device = device();
    let mut memory = vec![0u8; MEMORY_BYTES as usize];
    let (mut partial, mut splits) = (0, 0);
    let before = counters(&mut device)["PARTIAL_WORDS"];
    for index in 0..common::scaled(REQUESTS) {
        let start = below(&mut random, MEMORY_BYTES);
        let most = (MEMORY_BYTES - start).min(if random.next_u64() % 4 == 0 { 256 } else { 9 });
        let length = 1 + below(&mut random, most) as usize;
        let writes = random.next_u64() % 2 == 0;
        let kind = if writes {
            Kind::MemoryWrite
        } else {
            Kind::MemoryRead
        };
        let bytes: Vec<u8> = (0..length).map(|_| random.next_u64() as u8).collect();
        let data = if writes { &bytes[..] } else { &[] };
        let mut request = Request::span(kind, MEMORY + start, length, data);
        request.tag = index as u8;
        request.requester = random.next_u64() as u16;
        request.class = random.next_u64() as u8 % 8;
        request.attributes = random.next_u64() as u8 % 8;
        request.wide = random.next_u64() % 3 == 0;
        request.digest = (random.next_u64() % 4 == 0).then_some(0xdead_beef);
        if request.length == 1 && random.next_u64() % 2 == 0 {
            request.first = random.next_u64() as u8 % 16;
        }
        let answers = answers(&mut device, &request, true);
        let place = request.address as usize - MEMORY as usize;
        if writes {
            assert_eq!(answers, [], "{request:x?}");
            for (word, value) in request.payload.iter().enumerate() {
                match enables(&request, word) {
                    15 => memory[place + 4 * word..][..4].copy_from_slice(&value.to_le_bytes()),
                    0 => {}
                    _ => partial += 1,
                }
            }
        } else {
            splits += answers.len() - 1;
            check(&request, &answers, &memory[place..]);
        }
    }
    assert!(splits > 20, "only {splits} splits: the bench shows little");
    assert_eq!(counters(&mut device)["PARTIAL_WORDS"] - before, partial);
    assert_eq!(engine_word(&mut device, reg::ERROR), 0);
}

/// Byte enables of a word of a request.
fn enables(request: &Request, word: usize) -> u8 {
    match word {
        0 => request.first,
        _ if word + 1 == request.length => request.last,
        _ => 15,
    }
}

/// Holds the answers of a read against what memory holds there.
fn check(request: &Request, answers: &[Completion], memory: &[u8]) {
    let enabled = |byte: &usize| enables(request, byte / 4) >> (byte % 4) & 1 != 0;
    let bytes = || (0..4 * request.length).filter(enabled);
    // A read of nothing counts as one byte at its address.
    let first = bytes().next().unwrap_or(0);
    let mut left = bytes().next_back().unwrap_or(first) + 1 - first;
    let mut at = first;
    for (index, answer) in answers.iter().enumerate() {
        let text = format!("answer {index} {answer:x?} to {request:x?}");
        assert_eq!(answer.status, 0, "{text}");
        assert_eq!(
            (answer.requester, answer.tag),
            (request.requester, request.tag),
            "{text}"
        );
        assert_eq!(
            (answer.class, answer.attributes),
            (request.class, request.attributes),
            "{text}"
        );
        assert_eq!(answer.bytes, left, "{text}");
        let address = request.address as usize + at;
        assert_eq!(
            usize::from(answer.lower),
            address % COMPLETION_BYTES,
            "{text}"
        );
        let data: Vec<u8> = answer
            .data
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        let room = COMPLETION_BYTES - address % COMPLETION_BYTES;
        let own = left.min(room);
        assert_eq!(
            data.len(),
            (address % 4 + own).next_multiple_of(4),
            "{text}"
        );
        for byte in (at..at + own).filter(enabled) {
            assert_eq!(
                data[byte - at + address % 4],
                memory[byte],
                "byte {byte}: {text}"
            );
        }
        at += own;
        left -= own;
    }
    assert_eq!(left, 0, "{answers:x?} to {request:x?}");
}

#[test]
fn the_longest_read_is_split_at_every_boundary() {
    let mut device = device();
    let request = Request::span(Kind::MemoryRead, 0x1000, 4096, &[]);
    assert_eq!(request.length, 1024);
    let answers = answers(&mut device, &request, true);
    let bytes: Vec<usize> = answers.iter().map(|answer| answer.bytes).collect();
    let expected: Vec<usize> = (1..=32).rev().map(|lines| 128 * lines).collect();
    assert_eq!(bytes, expected);
    assert!(answers.iter().all(|answer| answer.data.len() == 32));
}

#[test]
fn a_read_of_nothing_touches_nothing() {
    let mut device = device();
    let mut request = Request::span(Kind::MemoryRead, 0x2000, 4, &[]);
    request.first = 0;
    let answers = answers(&mut device, &request, true);
    assert_eq!(
        (answers.len(), answers[0].bytes, answers[0].data.len()),
        (1, 1, 1)
    );
    // The address holds nothing: an access would be an error.
    assert_eq!(engine_word(&mut device, reg::ERROR), 0);
}

#[test]
fn a_phy_that_waits_gets_every_word_once() {
    let mut device = device();
    let bytes: Vec<u8> = (0..=255).collect();
    device.write(MEMORY as u32, &bytes).unwrap();
    let request = Request::span(Kind::MemoryRead, MEMORY, 256, &[]);
    device.send(&request.words(), true).unwrap();
    for cycle in 0..5000 {
        device.take(cycle % 7 == 3);
        device.idle(1);
    }
    let got: Vec<u8> = device
        .received()
        .iter()
        .flat_map(|words| Completion::try_from(&words[..]).unwrap().data)
        .flat_map(u32::to_le_bytes)
        .collect();
    assert_eq!(got, bytes);
}

#[test]
fn requests_are_done_in_order() {
    let mut device = device();
    // More writes than the endpoint keeps, the last of them to the same word, then a read.
    for value in 0..200u32 {
        device.write(MEMORY as u32, &value.to_le_bytes()).unwrap();
    }
    assert_eq!(word(&mut device, MEMORY as u32), 199);
}
