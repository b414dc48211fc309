//! The UART link: the marks, words and codes of its frames. `docs/uart.md` tells what they are for.

use crate::Field;
use std::fmt::Write as _;

/// Version of the frames, told by the answer to a hello.
pub const PROTOCOL: u32 = 1;

/// Byte between frames.
pub const FLAG: u8 = 0x7e;

/// Byte before one that is not meant as itself.
pub const ESCAPE: u8 = 0x7d;

/// What a byte behind [`ESCAPE`] is exclusive-ored with.
pub const ESCAPE_XOR: u8 = 0x20;

/// Polynomial of the CRC-32/ISCSI (Castagnoli) that ends every frame, as it is used lowest bit first. The register
/// starts with all ones, and its complement is sent, lowest byte first.
pub const CRC_POLYNOMIAL: u32 = 0x82f6_3b78;

/// The CRC of any frame with its own CRC behind it.
pub const CRC_GOOD: u32 = {
    let mut register = u32::MAX;
    let mut bit = 0;
    // No byte has the CRC 0; behind it are four bytes of that.
    while bit < 32 {
        let one = register & 1;
        register = (register >> 1) ^ (one * CRC_POLYNOMIAL);
        bit += 1;
    }
    !register
};

/// Words of data that a frame has at most.
pub const MAX_WORDS: usize = 64;

/// Frames that the bridge holds: one that it executes and one that arrives.
pub const SLOTS: usize = 2;

/// Cycles that the bridge waits for the engine to end an access. The longest wait is that of a stream word which
/// follows one whose entries are still decoded.
pub const ACCESS_CYCLES: u32 = 4096;

/// Bits of the phase that divides the clock: a bit on the line is half of its range.
pub const PHASE_BITS: u32 = 20;

/// Clock cycles that a bit on the line must take at least: the receiver finds the middle of a bit to a cycle or two.
pub const MIN_BIT_CYCLES: u32 = 8;

/// Rate of the line unless another is asked for, bits a second: what the USB bridges of small boards manage.
pub const BAUD: u32 = 3_000_000;

/// Clock of a bridge unless another is asked for, Hz: the oscillator of the ULX3S.
pub const CLOCK_HZ: u32 = 25_000_000;

/// Configurations that are simulated from their serial pins on, at [`CLOCK_HZ`] and [`BAUD`].
pub const SIMULATED: [&str; 2] = ["tiny", "ulx3s-25f"];

/// Name of the model of such a simulation.
pub fn model_name(config: &str) -> String {
    format!("{config}-uart")
}

/// What to add to the phase in every clock cycle so that a bit takes `clock_hz / baud` cycles on the mean.
///
/// # Errors
/// What is wrong with the rates: a bit would be too short for the receiver, or too long for the divider.
pub fn phase_step(clock_hz: u32, baud: u32) -> Result<u32, String> {
    let slowest = clock_hz >> (PHASE_BITS - 1 - 6);
    let fastest = clock_hz / MIN_BIT_CYCLES;
    if baud < slowest.max(1) || baud > fastest {
        return Err(format!(
            "got {baud} baud, expected {} to {fastest}: so many can be divided from a clock of {clock_hz} Hz",
            slowest.max(1)
        ));
    }
    let range = u64::from(baud) << (PHASE_BITS - 1);
    Ok(((range + u64::from(clock_hz) / 2) / u64::from(clock_hz)) as u32)
}

const fn f(name: &'static str, lsb: u32, width: u32, doc: &'static str) -> Field {
    Field {
        name,
        lsb,
        width,
        doc,
    }
}

/// Fields of the first word of a request.
pub const REQUEST_FIELDS: &[Field] = &[
    f("address", 0, 18, "word address of the first access"),
    f("kind", 18, 2, "what to do"),
    f("sequence", 24, 8, "number of the request"),
];

/// Fields of the first word of an answer.
pub const ANSWER_FIELDS: &[Field] = &[
    f("kind", 18, 3, "what it answers"),
    f(
        "next",
        24,
        8,
        "number that the next request must have: all before it are done",
    ),
];

/// Fields of the last word of the answer to a hello.
pub const INFO_FIELDS: &[Field] = &[
    f("protocol", 0, 8, "version of the frames"),
    f("max_words", 8, 8, "words of data that a frame has at most"),
    f(
        "framing_errors",
        16,
        8,
        "bytes without a stop bit so far, modulo 256",
    ),
    f("dropped", 24, 8, "frames dropped so far, modulo 256"),
];

/// The field of `fields` that is called `name`.
///
/// # Panics
/// If there is none: names are written in code, never taken from input.
pub const fn field(fields: &[Field], name: &str) -> Field {
    let mut i = 0;
    while i < fields.len() {
        if crate::registers::same(fields[i].name, name) {
            return fields[i];
        }
        i += 1;
    }
    panic!("no such field")
}

macro_rules! kinds {
    ($(#[$doc:meta])* $kind:ident { $($name:ident = $value:literal, $data:literal, $what:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $kind {
            $(#[doc = $what] $name = $value,)*
        }

        impl $kind {
            /// All of them: value, data that follow, meaning.
            const TABLE: &[($kind, &str, &str)] = &[$(($kind::$name, $data, $what)),*];

            /// The one with the value `value`.
            pub fn of(value: u32) -> Option<$kind> {
                $kind::TABLE.iter().map(|&(kind, _, _)| kind).find(|&kind| kind as u32 == value)
            }
        }
    };
}

kinds! {
    /// What a request asks for.
    Request {
        Hello = 0, "a word to be sent back", "Opens the link, and asks for the number that the next request must have.";
        Read = 1, "the count of words", "Reads words at consecutive addresses.";
        Write = 2, "the words", "Writes words to consecutive addresses.";
        Stream = 3, "the words", "Writes words to one address, one after the other.";
    }
}

kinds! {
    /// What an answer says.
    Answer {
        Restarted = 0, "none", "Nothing was done: the bridge was reset since the last hello.";
        Hello = 1, "the word that was sent, and one about the bridge", "The link is open.";
        Done = 2, "none", "All requests before `next` are done.";
        Data = 3, "the words read", "The request before `next` was a read, and it is done.";
        Gap = 4, "none", "A frame was lost or damaged: send again from `next` on.";
        Refused = 5, "none", "The request before `next` was not done, as it reads no word or too many; nothing more is done until a hello.";
        Fault = 6, "none", "The engine did not end an access of the request before `next`; nothing more is done until a hello.";
    }
}

/// The tables of `docs/uart.md`.
pub fn markdown() -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    for (title, fields) in [
        ("First word of a request", REQUEST_FIELDS),
        ("First word of an answer", ANSWER_FIELDS),
        ("Last word of the answer to a hello", INFO_FIELDS),
    ] {
        line(&format!(
            "### {title}\n\n| bits | field | meaning |\n|---|---|---|"
        ));
        for f in fields {
            let bits = crate::markdown::bits(f.lsb, f.width);
            line(&format!("| {bits} | `{}` | {} |", f.name, f.doc));
        }
        line("\nOther bits are zero.\n");
    }
    let kinds = |title: &str, rows: Vec<(String, u32, &str, &str)>| {
        let mut text =
            format!("### {title}\n\n| kind | name | data | meaning |\n|---|---|---|---|\n");
        for (name, value, data, what) in rows {
            let _ = writeln!(text, "| {value} | {name} | {data} | {what} |");
        }
        text
    };
    let requests = Request::TABLE
        .iter()
        .map(|&(kind, data, what)| (format!("{kind:?}"), kind as u32, data, what));
    let answers = Answer::TABLE
        .iter()
        .map(|&(kind, data, what)| (format!("{kind:?}"), kind as u32, data, what));
    line(&kinds("Requests", requests.collect()));
    out.push_str(&kinds("Answers", answers.collect()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_divided_to_a_thousandth_or_refused() {
        for (clock, baud) in [
            (25_000_000, 3_000_000),
            (65_000_000, 3_000_000),
            (65_000_000, 115_200),
            (16_000_000, 2_000_000),
        ] {
            let step = phase_step(clock, baud).expect("in range");
            let got = f64::from(step) * f64::from(clock) / f64::from(1 << (PHASE_BITS - 1));
            assert!(
                (got / f64::from(baud) - 1.0).abs() < 0.001,
                "{clock} {baud}: {got}"
            );
        }
        for baud in [0, 300, 3_200_000, u32::MAX] {
            let error = phase_step(25_000_000, baud).expect_err("out of range");
            assert!(error.contains("expected"), "{error}");
        }
    }

    #[test]
    fn the_page_has_these_tables() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/uart.md");
        let page = std::fs::read_to_string(path).expect("docs/uart.md");
        assert!(
            page.contains(&markdown()),
            "docs/uart.md is stale: cargo run -p thresh-regs --example uart_md prints its tables"
        );
    }
}
