//! The line itself: how much of it carries payload, and how exact its rate must be.

use crate::{PATIENCE, line, open};
use thresh_driver::Transport;
use thresh_driver::uart::{ByteStream, UartTransport};
use thresh_regs::{ACTIVATION_WINDOW, reg};
use thresh_sim::uart::{Rates, SimulatedStream};

/// Words of a bulk load.
const WORDS: usize = 4096;

/// Bits of a word on the line, without anything around it.
const WORD_BITS: f64 = 40.0;

/// Words as unlike each other as those of a packed image.
fn words(count: usize) -> Vec<u32> {
    let mut state = 1u32;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(0x9e37_79b1).wrapping_add(0x7f4a_7c15);
            state ^ state >> 15
        })
        .collect()
}

/// Payload bits by bit times of the line that `work` takes, with its last answer.
fn efficiency(
    link: &mut UartTransport<SimulatedStream>,
    words: usize,
    work: impl FnOnce(&mut UartTransport<SimulatedStream>),
) -> f64 {
    let start = link.stream_mut().line().cycles();
    work(link);
    link.flush().expect("answered");
    let cycles = (link.stream_mut().line().cycles() - start) as f64;
    let bits = cycles / link.stream_mut().line().rates().bit_cycles();
    words as f64 * WORD_BITS / bits
}

#[test]
fn bulk_transfers_use_nine_tenths_of_the_line() {
    let config = thresh_regs::Config::named("tiny").expect("a configuration");
    let memory = (config.num_pes << config.act_addr_bits) / config.acts_per_word();
    let mut link = open(line("tiny"));
    let words = words(WORDS);
    let written = efficiency(&mut link, WORDS, |link| {
        for words in words.chunks(memory) {
            link.write(ACTIVATION_WINDOW.offset, words).expect("sent");
        }
    });
    let streamed = efficiency(&mut link, WORDS, |link| {
        // Raw words of several loads, since a store is small.
        for words in words.chunks(256) {
            let halves = reg::LOAD_COLUMN.field("count").put(2 * words.len() as u32);
            let raw = reg::LOAD_TARGET.field("raw").put(1);
            link.write(reg::LOAD_TARGET.offset, &[raw, halves, 0])
                .expect("sent");
            link.write(reg::CONTROL.offset, &[4]).expect("sent");
            link.write_stream(reg::STREAM.offset, words).expect("sent");
        }
    });
    let mut errors = [0];
    link.read(reg::ERROR.offset, &mut errors).expect("read");
    assert_eq!(errors, [0]);
    let mut back = vec![0; memory];
    let read = efficiency(&mut link, WORDS / memory * memory, |link| {
        for _ in 0..WORDS / memory {
            link.read(ACTIVATION_WINDOW.offset, &mut back)
                .expect("read");
        }
    });
    assert_eq!(back, words[WORDS - memory..]);
    println!("share of the line: written {written:.3}, streamed {streamed:.3}, read {read:.3}");
    assert_eq!(link.statistics().repeats, 0);
    assert!(written > 0.9 && streamed > 0.9, "{written} {streamed}");
    // The memory is 64 words, so every read waits for the one before it.
    assert!(read > 0.5, "{read}");
}

#[test]
fn rates_may_differ_by_two_percent() {
    for baud_error in [-0.02, -0.01, 0.01, 0.02] {
        let rates = Rates {
            baud_error,
            ..Rates::default()
        };
        let stream = SimulatedStream::new("tiny", rates).expect("the build script makes it");
        let mut link = open(stream);
        let words = words(64);
        let mut back = vec![0; 64];
        for _ in 0..8 {
            link.write(ACTIVATION_WINDOW.offset, &words).expect("sent");
            link.read(ACTIVATION_WINDOW.offset, &mut back)
                .expect("read");
            assert_eq!(back, words);
        }
        let statistics = link.statistics();
        assert_eq!(
            (statistics.repeats, statistics.damaged),
            (0, 0),
            "{baud_error}"
        );
        assert_eq!(link.stream_mut().line().framing_errors(), 0);
    }
}

#[test]
fn a_rate_that_is_wrong_is_no_device() {
    let rates = Rates {
        baud_error: 0.3,
        ..Rates::default()
    };
    let stream = SimulatedStream::new("tiny", rates).expect("the build script makes it");
    let error = UartTransport::open_with(stream, PATIENCE).err();
    let error = error.expect("nothing is understood");
    assert!(error.to_string().contains("baud"), "{error}");
    let text = thresh_sim::uart::SimulatedStream::new("eie64", Rates::default());
    let text = text.err().expect("it has no pins").to_string();
    assert!(text.contains("ulx3s-25f"), "{text}");
}

#[test]
fn the_line_says_what_it_is() {
    let stream = line("tiny");
    assert_eq!(stream.describe(), "simulated line of tiny");
    assert_eq!(stream.baud(), thresh_regs::uart::BAUD);
}
