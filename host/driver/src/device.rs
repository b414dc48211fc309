//! A device with its state: who it is, what it holds, how it is loaded and run.

mod load;
mod run;

pub use load::LoadReport;
pub use run::{Inference, Profile};

use crate::engine::EngineInfo;
use crate::error::{DriverError, EngineErrors};
use crate::transport::{Transport, TransportError};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thresh_model::Image;
use thresh_regs::{
    ACT_BITS, ACTIVATION_WINDOW, CODE_BITS, Register, STEP_BITS, acts_per_word, reg,
};

/// How long a reset may take to clear the accumulators.
pub const RESET_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the engine may work on after the last word of a stream.
pub const LOAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an inference, or one pass of it, may take. A simulated engine needs seconds for what
/// takes a real one milliseconds.
pub const RUN_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a device waits for its engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// See [`RESET_TIMEOUT`].
    pub reset: Duration,
    /// See [`LOAD_TIMEOUT`].
    pub load: Duration,
    /// See [`RUN_TIMEOUT`].
    pub run: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            reset: RESET_TIMEOUT,
            load: LOAD_TIMEOUT,
            run: RUN_TIMEOUT,
        }
    }
}

/// An engine at the end of a link.
///
/// When anything fails on the way to the engine, or in it, the engine is reset and holds no network
/// until the next [`Device::load`]; a refused image or input leaves it as it was.
#[derive(Debug)]
pub struct Device<T: Transport> {
    transport: T,
    info: EngineInfo,
    timeouts: Timeouts,
    content: Content,
    overlap: bool,
    words_sent: u64,
}

#[derive(Debug)]
enum Content {
    Empty { reason: String },
    Loaded(Arc<Image>),
}

impl<T: Transport> Device<T> {
    /// Asks the other end of `transport` who it is. Nothing is written.
    ///
    /// # Errors
    /// If it is no engine, or one that this driver does not know how to drive.
    pub fn open(mut transport: T) -> Result<Self, DriverError> {
        let device = transport.describe();
        let mut get = |register: Register| {
            let mut word = [0];
            let doing = || format!("reading {} of {device}", register.name);
            let link = |source| DriverError::Link {
                doing: doing(),
                source,
            };
            transport
                .read(register.offset, &mut word)
                .map(|()| word[0])
                .map_err(link)
        };
        let id = get(reg::ID)?;
        if id != thresh_regs::ID {
            return Err(DriverError::NotAnEngine { device, got: id });
        }
        let version = get(reg::VERSION)?;
        let major = reg::VERSION.field("major");
        if major.get(version) != major.get(thresh_regs::VERSION) {
            return Err(DriverError::Version {
                device,
                got: version,
            });
        }
        let hash = get(reg::MAP_HASH)?;
        if hash != thresh_regs::map_hash() {
            return Err(DriverError::MapHash { device, got: hash });
        }
        let shape = get(reg::SHAPE)?;
        check_shape(&device, shape)?;
        let words = [shape, get(reg::SIZES)?, get(reg::LIMITS)?, get(reg::MAPS)?];
        Ok(Device {
            transport,
            info: EngineInfo::from_words(version, words),
            timeouts: Timeouts::default(),
            content: Content::Empty {
                reason: "none was loaded since it was opened".into(),
            },
            overlap: true,
            words_sent: 0,
        })
    }

    /// What the engine says about itself.
    pub fn info(&self) -> &EngineInfo {
        &self.info
    }

    /// The image that the engine holds.
    pub fn image(&self) -> Option<&Image> {
        match &self.content {
            Content::Loaded(image) => Some(image),
            Content::Empty { .. } => None,
        }
    }

    /// Waits this long from now on.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) {
        self.timeouts = timeouts;
    }

    /// Whether runs are loaded while others run, where engine and image allow it. They are, unless it is
    /// turned off here: cycles then are those of the cycle model, since a load takes a PE's pointers for a cycle
    /// now and then.
    pub fn set_overlap(&mut self, overlap: bool) {
        self.overlap = overlap;
    }

    /// The link. What is written past the driver is not seen by it.
    pub fn transport_mut(&mut self) -> &mut T {
        &mut self.transport
    }

    /// The link, without the driver.
    pub fn into_transport(self) -> T {
        self.transport
    }

    /// The image, or the error that there is none.
    fn loaded(&self) -> Result<&Arc<Image>, DriverError> {
        match &self.content {
            Content::Loaded(image) => Ok(image),
            Content::Empty { reason } => Err(DriverError::Empty {
                device: self.transport.describe(),
                reason: reason.clone(),
            }),
        }
    }

    /// Gives the engine up after `error`: resets it, and marks it empty.
    fn abandon(&mut self, error: DriverError) -> DriverError {
        self.content = Content::Empty {
            reason: format!("it was given up after an error ({error})"),
        };
        // The first error is the one to tell; the next load resets again.
        let _ = self.reset();
        error
    }

    /// Aborts whatever runs, and clears accumulators and errors.
    fn reset(&mut self) -> Result<(), DriverError> {
        const DOING: &str = "resetting the engine";
        self.set(DOING, reg::CONTROL, reg::CONTROL.field("reset").put(1))?;
        let busy = ["busy", "loading", "clearing"].map(|name| reg::STATUS.field(name));
        self.poll(DOING, self.timeouts.reset, |status| {
            busy.iter().all(|field| field.get(status) == 0)
        })?;
        self.set(DOING, reg::ERROR, u32::MAX)
    }

    /// Waits until the engine is `ready`, and asks it for errors.
    fn wait(
        &mut self,
        doing: &str,
        limit: Duration,
        ready: impl Fn(u32) -> bool,
    ) -> Result<(), DriverError> {
        let error = reg::STATUS.field("error");
        let status = self.poll(doing, limit, |status| {
            ready(status) || error.get(status) != 0
        })?;
        if error.get(status) == 0 {
            return Ok(());
        }
        let errors = EngineErrors(self.get(doing, reg::ERROR)?);
        Err(DriverError::Engine {
            doing: doing.into(),
            errors,
        })
    }

    /// Reads `STATUS` until it is `ready`; at least once after the limit, so that a pause of this
    /// process is not taken for one of the engine.
    fn poll(
        &mut self,
        doing: &str,
        limit: Duration,
        ready: impl Fn(u32) -> bool,
    ) -> Result<u32, DriverError> {
        let start = Instant::now();
        loop {
            let late = start.elapsed() >= limit;
            let status = self.get(doing, reg::STATUS)?;
            if ready(status) {
                return Ok(status);
            }
            if late {
                return Err(DriverError::Timeout {
                    doing: doing.into(),
                    limit,
                    status,
                });
            }
        }
    }

    fn get(&mut self, doing: &str, register: Register) -> Result<u32, DriverError> {
        let mut word = [0];
        self.read(doing, register.offset, &mut word)?;
        Ok(word[0])
    }

    fn set(&mut self, doing: &str, register: Register, word: u32) -> Result<(), DriverError> {
        self.write(doing, register.offset, &[word])
    }

    fn read(&mut self, doing: &str, address: u32, words: &mut [u32]) -> Result<(), DriverError> {
        self.transport
            .read(address, words)
            .map_err(|source| link(doing, source))
    }

    fn write(&mut self, doing: &str, address: u32, words: &[u32]) -> Result<(), DriverError> {
        self.words_sent += words.len() as u64;
        self.transport
            .write(address, words)
            .map_err(|source| link(doing, source))
    }

    fn stream(
        &mut self,
        doing: &str,
        register: Register,
        words: &[u32],
    ) -> Result<(), DriverError> {
        self.words_sent += words.len() as u64;
        self.transport
            .write_stream(register.offset, words)
            .map_err(|source| link(doing, source))
    }

    /// The activations at `window`, counted as the activation window does.
    fn read_activations(
        &mut self,
        doing: &str,
        window: Range<usize>,
    ) -> Result<Vec<u16>, DriverError> {
        let act_bits = self.info.act_bits;
        let per_word = acts_per_word(act_bits);
        let (first, end) = (window.start / per_word, window.end.div_ceil(per_word));
        let mut words = vec![0; end - first];
        self.read(doing, activation_address(first), &mut words)?;
        let mask = (1 << act_bits) - 1;
        let act = |word: u32, lane: usize| (word >> (lane as u32 * act_bits) & mask) as u16;
        let lanes = |&word: &u32| (0..per_word).map(move |lane| act(word, lane));
        let acts = words.iter().flat_map(lanes);
        Ok(acts
            .skip(window.start % per_word)
            .take(window.len())
            .collect())
    }

    /// Writes activations from index `start` on; their neighbours in the same words are kept.
    fn write_activations(
        &mut self,
        doing: &str,
        start: usize,
        acts: &[u16],
    ) -> Result<(), DriverError> {
        let act_bits = self.info.act_bits;
        let per_word = acts_per_word(act_bits);
        let end = start + acts.len();
        let (left, right) = (start % per_word, end.next_multiple_of(per_word));
        let mut all = self.read_activations(doing, start - left..start)?;
        all.extend_from_slice(acts);
        all.extend(self.read_activations(doing, end..right)?);
        // The first activation of a word lies in its lowest bits.
        let join = |word: u32, &act: &u16| word << act_bits | u32::from(act);
        let words: Vec<u32> = all
            .chunks_exact(per_word)
            .map(|acts| acts.iter().rfold(0, join))
            .collect();
        self.write(doing, activation_address(start / per_word), &words)
    }
}

/// Refuses an engine whose formats are not those of this driver.
fn check_shape(device: &str, shape: u32) -> Result<(), DriverError> {
    let formats = [
        ("act_bits", &ACT_BITS[..]),
        ("code_bits", &[CODE_BITS]),
        ("step_bits", &[STEP_BITS]),
    ];
    for (what, known) in formats {
        let got = reg::SHAPE.field(what).get(shape);
        if !known.contains(&got) {
            let expected: Vec<String> = known.iter().map(u32::to_string).collect();
            let (device, expected) = (device.into(), expected.join(" or "));
            return Err(DriverError::Shape {
                device,
                what,
                got,
                expected,
            });
        }
    }
    let got = reg::SHAPE.field("num_pes").get(shape);
    if !got.is_power_of_two() {
        let expected = "a power of two".into();
        return Err(DriverError::Shape {
            device: device.into(),
            what: "num_pes",
            got,
            expected,
        });
    }
    Ok(())
}

fn activation_address(word: usize) -> u32 {
    ACTIVATION_WINDOW.offset + 4 * word as u32
}

fn link(doing: &str, source: TransportError) -> DriverError {
    DriverError::Link {
        doing: doing.into(),
        source,
    }
}

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
