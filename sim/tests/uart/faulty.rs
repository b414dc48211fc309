//! A line that does what lines should not.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::Duration;
use thresh_driver::uart::ByteStream;
use thresh_regs::uart::FLAG;

/// One in how many bits, bytes, frames or waits each fault comes; 0 for never.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// A bit is flipped.
    pub flip_bit: u64,
    /// A byte is lost.
    pub drop_byte: u64,
    /// A byte comes twice.
    pub double_byte: u64,
    /// A byte comes behind the next one.
    pub swap_bytes: u64,
    /// A request is lost as a whole.
    pub drop_frame: u64,
    /// A request or an answer comes twice.
    pub double_frame: u64,
    /// A request comes behind the next one.
    pub swap_frames: u64,
    /// Nothing comes for `stall`.
    pub stall: u64,
    /// How long.
    pub stall_time: Duration,
    /// Bytes until the line is cut; it works again when it has told so.
    pub cut_after: u64,
}

/// A line with faults before another line.
#[derive(Debug)]
pub struct Faulty<S> {
    pub inner: S,
    pub faults: Faults,
    random: ChaCha8Rng,
    /// A request that was held back.
    held: Option<Vec<u8>>,
    /// Bytes from the device that wait.
    came: VecDeque<u8>,
    /// The frame from the device that is under way.
    frame: Vec<u8>,
    silent_until: Duration,
    carried: u64,
    /// How often each fault came.
    pub counts: BTreeMap<&'static str, u64>,
}

impl<S: ByteStream> Faulty<S> {
    pub fn new(inner: S, seed: u64) -> Self {
        Faulty {
            inner,
            faults: Faults::default(),
            random: ChaCha8Rng::seed_from_u64(seed),
            held: None,
            came: VecDeque::new(),
            frame: Vec::new(),
            silent_until: Duration::ZERO,
            carried: 0,
            counts: BTreeMap::new(),
        }
    }

    fn strikes(&mut self, name: &'static str, one_in: u64) -> bool {
        let strikes = one_in > 0 && self.random.next_u64().is_multiple_of(one_in);
        if strikes {
            *self.counts.entry(name).or_default() += 1;
        }
        strikes
    }

    /// The bytes with faults among them.
    fn spoil(&mut self, bytes: &[u8]) -> Vec<u8> {
        let (mut out, mut late) = (Vec::with_capacity(bytes.len() + 2), None);
        for &byte in bytes {
            let mut byte = byte;
            for bit in 0..8 {
                if self.strikes("flipped bits", self.faults.flip_bit) {
                    byte ^= 1 << bit;
                }
            }
            if self.strikes("lost bytes", self.faults.drop_byte) {
                continue;
            }
            if late.is_none() && self.strikes("swapped bytes", self.faults.swap_bytes) {
                late = Some(byte);
                continue;
            }
            out.push(byte);
            if self.strikes("doubled bytes", self.faults.double_byte) {
                out.push(byte);
            }
            out.extend(late.take());
        }
        out.extend(late);
        out
    }

    fn carry(&mut self, bytes: usize) -> io::Result<()> {
        self.carried += bytes as u64;
        if self.faults.cut_after > 0 && self.carried > self.faults.cut_after {
            self.faults.cut_after = 0;
            *self.counts.entry("cuts").or_default() += 1;
            return Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the cable was pulled",
            ));
        }
        Ok(())
    }

    /// Cuts the line so many bytes from now on.
    pub fn cut_in(&mut self, bytes: u64) {
        self.carried = 0;
        self.faults.cut_after = bytes;
    }
}

impl<S: ByteStream> ByteStream for Faulty<S> {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.carry(bytes.len())?;
        if self.strikes("lost frames", self.faults.drop_frame) {
            return Ok(());
        }
        let spoiled = self.spoil(bytes);
        if self.held.is_none() && self.strikes("swapped frames", self.faults.swap_frames) {
            self.held = Some(spoiled);
            return Ok(());
        }
        self.inner.send(&spoiled)?;
        if self.strikes("doubled frames", self.faults.double_frame) {
            self.inner.send(&spoiled)?;
        }
        match self.held.take() {
            Some(held) => self.inner.send(&held),
            None => Ok(()),
        }
    }

    fn receive(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<usize> {
        if !limit.is_zero() && self.strikes("stalls", self.faults.stall) {
            self.silent_until = self.inner.now() + self.faults.stall_time;
        }
        let end = self.inner.now() + limit;
        loop {
            let silent = self.inner.now() < self.silent_until;
            let left = end.saturating_sub(self.inner.now());
            if (!silent && !self.came.is_empty()) || left.is_zero() {
                break;
            }
            let mut bytes = [0; 256];
            let count = self.inner.receive(&mut bytes, left)?;
            self.carry(count)?;
            for byte in self.spoil(&bytes[..count]) {
                self.came.push_back(byte);
                self.frame.push(byte);
                if byte == FLAG && self.frame.len() > 1 {
                    let frame = std::mem::take(&mut self.frame);
                    if self.strikes("doubled frames", self.faults.double_frame) {
                        self.came.push_back(FLAG);
                        self.came.extend(frame);
                    }
                }
            }
        }
        if self.inner.now() < self.silent_until {
            return Ok(0);
        }
        let count = buffer.len().min(self.came.len());
        for (to, from) in buffer.iter_mut().zip(self.came.drain(..count)) {
            *to = from;
        }
        Ok(count)
    }

    fn now(&self) -> Duration {
        self.inner.now()
    }

    fn baud(&self) -> u32 {
        self.inner.baud()
    }

    fn describe(&self) -> String {
        format!("{} with faults", self.inner.describe())
    }
}
