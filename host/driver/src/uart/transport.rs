//! The host's side of the protocol: a window of numbered requests, sent again until they are answered.

use super::frame::{Decoder, Frame, encode};
use super::stream::ByteStream;
use crate::transport::{Transport, TransportError, check_access};
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::time::Duration;
use thresh_regs::Field;
use thresh_regs::uart::{
    ANSWER_FIELDS, Answer, INFO_FIELDS, MAX_WORDS, PROTOCOL, REQUEST_FIELDS, Request, field,
};

/// Requests that may be under way. As many full frames take 14 ms at 3 Mbaud, longer than an answer takes through a USB
/// bridge; numbers have 8 bits, so fewer than 128.
pub const WINDOW: usize = 16;

/// Reads among them. The bridge holds two frames, and answers to reads are longer than their requests.
pub const READS_AHEAD: usize = 2;

/// How long nothing may be heard before requests are sent again; to this comes the time that the longest request and
/// the longest answer take on the line.
pub const ANSWER_TIMEOUT: Duration = Duration::from_millis(250);

/// How often a request is sent before the link is given up, without any other being answered.
pub const ATTEMPTS: u32 = 20;

/// How long the answer to a hello may take, besides the time on the line.
pub const HELLO_TIMEOUT: Duration = Duration::from_millis(250);

/// How often a hello is sent.
pub const HELLO_ATTEMPTS: u32 = 10;

/// Bits on the line of the longest request and the longest answer, if every byte is escaped.
const LINE_BITS: u32 = 2 * 10 * 2 * 4 * (MAX_WORDS as u32 + 3);

/// How long and how often the link waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// See [`ANSWER_TIMEOUT`].
    pub answer: Duration,
    /// See [`ATTEMPTS`].
    pub attempts: u32,
    /// See [`HELLO_TIMEOUT`].
    pub hello: Duration,
    /// See [`HELLO_ATTEMPTS`].
    pub hello_attempts: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            answer: ANSWER_TIMEOUT,
            attempts: ATTEMPTS,
            hello: HELLO_TIMEOUT,
            hello_attempts: HELLO_ATTEMPTS,
        }
    }
}

/// What the link saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Requests, each counted once.
    pub requests: u64,
    /// Requests sent again.
    pub repeats: u64,
    /// Damaged frames that came from the device.
    pub damaged: u64,
    /// Times that nothing was heard.
    pub timeouts: u64,
    /// Bytes sent and received.
    pub bytes: [u64; 2],
    /// Bytes without a stop bit that the device saw before the last hello, modulo 256.
    pub framing_errors: u8,
    /// Frames that the device dropped before the last hello, modulo 256.
    pub dropped: u8,
}

/// A request that has not been answered.
#[derive(Debug)]
struct Pending {
    address: u32,
    bytes: Vec<u8>,
    /// Of a read: which part of it, and its words.
    part: Option<(usize, usize)>,
}

/// An engine behind a serial line.
///
/// Writes return when they are sent, up to [`WINDOW`] of them before the first is answered; one that fails makes the next
/// call fail. A read waits for its answer, and sees every write before it. After an error nothing is under
/// way any more, and the next call opens the link anew. Dropping it waits for what is under way.
#[derive(Debug)]
pub struct UartTransport<S: ByteStream> {
    stream: S,
    patience: Patience,
    decoder: Decoder,
    open: bool,
    /// Number of the first of `pending`.
    base: u8,
    pending: VecDeque<Pending>,
    /// Parts of a read that left `pending`, with or without their words.
    parts: Vec<(usize, Option<Vec<u32>>)>,
    /// When something was last heard, or sent after a silence.
    heard: Duration,
    attempts: u32,
    statistics: Statistics,
}

const fn get(fields: &[Field], name: &str, word: u32) -> u32 {
    field(fields, name).get(word)
}

fn head(kind: Request, number: u8, address: u32) -> u32 {
    field(REQUEST_FIELDS, "address").put(address / 4)
        | field(REQUEST_FIELDS, "kind").put(kind as u32)
        | field(REQUEST_FIELDS, "sequence").put(number.into())
}

impl<S: ByteStream> UartTransport<S> {
    /// Says hello to the device at the other end of `stream`, with the default patience.
    ///
    /// # Errors
    /// If no device answers, or one that speaks another version of the protocol.
    pub fn open(stream: S) -> Result<Self, TransportError> {
        Self::open_with(stream, Patience::default())
    }

    /// Like [`open`](Self::open), with another patience.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(stream: S, patience: Patience) -> Result<Self, TransportError> {
        let mut link = UartTransport {
            stream,
            patience,
            decoder: Decoder::default(),
            open: false,
            base: 0,
            pending: VecDeque::new(),
            parts: Vec::new(),
            heard: Duration::ZERO,
            attempts: 0,
            statistics: Statistics::default(),
        };
        link.ensure_open()?;
        Ok(link)
    }

    /// What the link saw so far.
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// The line.
    pub fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Waits until everything is answered.
    ///
    /// # Errors
    /// When the link fails.
    pub fn flush(&mut self) -> Result<(), TransportError> {
        while !self.pending.is_empty() {
            self.hear(true)?;
        }
        Ok(())
    }

    /// Time on the line of the longest request and answer.
    fn on_line(&self) -> Duration {
        Duration::from_secs(1) * LINE_BITS / self.stream.baud().max(1)
    }

    fn ensure_open(&mut self) -> Result<(), TransportError> {
        if self.open {
            return Ok(());
        }
        let nonce = RandomState::new().hash_one(self.stream.now()) as u32;
        let hello = encode(&[head(Request::Hello, 0, 0), nonce]);
        let limit = self.patience.hello + self.on_line();
        for _ in 0..self.patience.hello_attempts {
            self.send(&hello)?;
            let end = self.stream.now() + limit;
            while let Some(left) = end
                .checked_sub(self.stream.now())
                .filter(|left| !left.is_zero())
            {
                for words in self.receive(left)? {
                    match words[..] {
                        [word, echo, info]
                            if get(ANSWER_FIELDS, "kind", word) == Answer::Hello as u32
                                && echo == nonce =>
                        {
                            return self.opened(get(ANSWER_FIELDS, "next", word) as u8, info);
                        }
                        // What was under way before.
                        _ => {}
                    }
                }
            }
        }
        Err(TransportError::NoDevice {
            line: self.stream.describe(),
            baud: self.stream.baud(),
            limit: limit * self.patience.hello_attempts,
        })
    }

    fn opened(&mut self, next: u8, info: u32) -> Result<(), TransportError> {
        let told = (
            get(INFO_FIELDS, "protocol", info),
            get(INFO_FIELDS, "max_words", info),
        );
        if told != (PROTOCOL, MAX_WORDS as u32) {
            return Err(TransportError::Protocol {
                line: self.stream.describe(),
                got: format!("protocol {} with {} words a frame", told.0, told.1),
                expected: format!("protocol {PROTOCOL} with {MAX_WORDS} words a frame"),
            });
        }
        self.statistics.framing_errors = get(INFO_FIELDS, "framing_errors", info) as u8;
        self.statistics.dropped = get(INFO_FIELDS, "dropped", info) as u8;
        self.base = next;
        self.attempts = 0;
        self.open = true;
        Ok(())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), TransportError> {
        self.statistics.bytes[0] += bytes.len() as u64;
        self.stream.send(bytes).map_err(TransportError::from)
    }

    /// The words of the frames that come within `limit`.
    fn receive(&mut self, limit: Duration) -> Result<Vec<Vec<u32>>, TransportError> {
        let mut buffer = [0; 4096];
        let count = self.stream.receive(&mut buffer, limit)?;
        self.statistics.bytes[1] += count as u64;
        let mut frames = Vec::new();
        for &byte in &buffer[..count] {
            match self.decoder.push(byte) {
                Some(Frame::Good(words)) => frames.push(words),
                Some(Frame::Damaged) => self.statistics.damaged += 1,
                None => {}
            }
        }
        Ok(frames)
    }

    /// Gives the link up: nothing is under way any more.
    fn fail<R>(&mut self, error: TransportError) -> Result<R, TransportError> {
        self.open = false;
        self.pending.clear();
        self.parts.clear();
        Err(error)
    }

    /// Sends a request as soon as the window lets it.
    fn request(
        &mut self,
        kind: Request,
        address: u32,
        data: &[u32],
        part: Option<(usize, usize)>,
    ) -> Result<(), TransportError> {
        self.ensure_open()?;
        self.hear(false)?;
        while self.pending.len() >= WINDOW {
            self.hear(true)?;
        }
        let number = self.base.wrapping_add(self.pending.len() as u8);
        let mut words = vec![head(kind, number, address)];
        words.extend_from_slice(data);
        let bytes = encode(&words);
        if self.pending.is_empty() {
            self.heard = self.stream.now();
            self.attempts = 0;
        }
        self.statistics.requests += 1;
        let sent = self.send(&bytes);
        self.pending.push_back(Pending {
            address,
            bytes,
            part,
        });
        sent.or_else(|error| self.fail(error))
    }

    /// Sends everything again that is not answered.
    fn repeat(&mut self) -> Result<(), TransportError> {
        self.attempts += 1;
        if self.attempts >= self.patience.attempts {
            let address = self.pending.front().map_or(0, |pending| pending.address);
            let limit = (self.patience.answer + self.on_line()) * self.attempts;
            return self.fail(TransportError::Timeout { address, limit });
        }
        self.heard = self.stream.now();
        let pending = std::mem::take(&mut self.pending);
        let mut sent = Ok(());
        for pending in &pending {
            self.statistics.repeats += 1;
            sent = self.send(&pending.bytes);
            if sent.is_err() {
                break;
            }
        }
        self.pending = pending;
        sent.or_else(|error| self.fail(error))
    }

    /// Takes the answers that are here; if it shall `wait`, waits for one, and sends again what none comes for.
    fn hear(&mut self, wait: bool) -> Result<(), TransportError> {
        let end = self.heard + self.patience.answer + self.on_line();
        let limit = match wait {
            true => end.saturating_sub(self.stream.now()),
            false => Duration::ZERO,
        };
        let frames = match self.receive(limit) {
            Ok(frames) => frames,
            Err(error) => return self.fail(error),
        };
        let mut gap = false;
        for words in frames {
            gap |= self.answer(&words)?;
        }
        if self.pending.is_empty() {
            return Ok(());
        }
        if gap {
            return self.repeat();
        }
        if self.stream.now() >= self.heard + self.patience.answer + self.on_line() {
            self.statistics.timeouts += 1;
            return self.repeat();
        }
        Ok(())
    }

    /// Takes an answer; whether requests are to be sent again.
    fn answer(&mut self, words: &[u32]) -> Result<bool, TransportError> {
        let (word, data) = (words[0], &words[1..]);
        let line = self.stream.describe();
        let next = get(ANSWER_FIELDS, "next", word) as u8;
        let answered = usize::from(next.wrapping_sub(self.base));
        let address = self.pending.front().map_or(0, |pending| pending.address);
        match Answer::of(get(ANSWER_FIELDS, "kind", word)) {
            Some(Answer::Restarted) => self.fail(TransportError::Restarted { line }),
            Some(Answer::Fault) => self.fail(TransportError::Fault { line, address }),
            Some(Answer::Refused) => self.fail(TransportError::Protocol {
                line,
                got: "a request refused".into(),
                expected: "every request to be known".into(),
            }),
            // An answer that came twice or late speaks of what is no longer waited for.
            Some(Answer::Done | Answer::Gap | Answer::Data) if answered > self.pending.len() => {
                Ok(false)
            }
            Some(Answer::Done) => {
                self.take(answered, None);
                Ok(false)
            }
            Some(Answer::Data) => {
                self.take(answered, Some(data));
                Ok(false)
            }
            Some(Answer::Gap) => {
                self.take(answered, None);
                Ok(true)
            }
            // A hello that was sent more than once.
            Some(Answer::Hello) | None => Ok(false),
        }
    }

    /// The first `count` requests are done; `data` are the words of the last one.
    fn take(&mut self, count: usize, data: Option<&[u32]>) {
        for left in (0..count).rev() {
            let Some(pending) = self.pending.pop_front() else {
                return;
            };
            self.base = self.base.wrapping_add(1);
            self.heard = self.stream.now();
            self.attempts = 0;
            if let Some((part, words)) = pending.part {
                // An answer that was lost: the words are asked for again.
                let data = data.filter(|data| left == 0 && data.len() == words);
                self.parts.push((part, data.map(<[u32]>::to_vec)));
            }
        }
    }
}

/// The parts of `words` words that fit into a frame.
fn parts(words: usize) -> impl Iterator<Item = Range<usize>> {
    (0..words)
        .step_by(MAX_WORDS)
        .map(move |first| first..words.min(first + MAX_WORDS))
}

impl<S: ByteStream> Transport for UartTransport<S> {
    fn read(&mut self, address: u32, words: &mut [u32]) -> Result<(), TransportError> {
        check_access(address, words.len())?;
        let parts: Vec<Range<usize>> = parts(words.len()).collect();
        // What is still to be asked for, and how often it was.
        let mut asks: VecDeque<(usize, u32)> = (0..parts.len()).map(|part| (part, 0)).collect();
        let mut asked: Vec<(usize, u32)> = Vec::new();
        while !asks.is_empty() || !asked.is_empty() {
            while asked.len() < READS_AHEAD
                && let Some((part, times)) = asks.pop_front()
            {
                let at = address + 4 * parts[part].start as u32;
                if times >= self.patience.attempts {
                    let limit = self.patience.answer * times;
                    return self.fail(TransportError::Timeout { address: at, limit });
                }
                let count = parts[part].len();
                self.request(Request::Read, at, &[count as u32], Some((part, count)))?;
                asked.push((part, times + 1));
            }
            self.hear(true)?;
            for (part, data) in std::mem::take(&mut self.parts) {
                let Some(place) = asked.iter().position(|asked| asked.0 == part) else {
                    continue;
                };
                let (part, times) = asked.swap_remove(place);
                match data {
                    Some(data) => words[parts[part].clone()].copy_from_slice(&data),
                    // Reading has no effect on the engine, so it may be done again.
                    None => asks.push_front((part, times)),
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, address: u32, words: &[u32]) -> Result<(), TransportError> {
        check_access(address, words.len())?;
        for part in parts(words.len()) {
            let at = address + 4 * part.start as u32;
            self.request(Request::Write, at, &words[part], None)?;
        }
        Ok(())
    }

    fn write_stream(&mut self, address: u32, words: &[u32]) -> Result<(), TransportError> {
        check_access(address, 1)?;
        for part in parts(words.len()) {
            self.request(Request::Stream, address, &words[part], None)?;
        }
        Ok(())
    }

    fn describe(&self) -> String {
        format!("engine at {}", self.stream.describe())
    }
}

impl<S: ByteStream> Drop for UartTransport<S> {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.flush();
    }
}
