//! The wires: bytes to bits and back, at the pins of a Verilated device.

use crate::DeviceError;
use crate::model::{Model, PortId};
use std::collections::VecDeque;
use thresh_regs::Config;
use thresh_regs::uart::{BAUD, CLOCK_HZ, SIMULATED, model_name};

/// Clock cycles that a reset is held.
const RESET_CYCLES: u64 = 8;

/// Bits of a byte on the line.
const BYTE_BITS: u32 = 10;

/// Rates of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Cycles of the device's clock a second.
    pub clock_hz: u32,
    /// Bits a second that the device is built for.
    pub baud: u32,
    /// By how much the host's bits are longer than the device's: 0.01 for a hundredth.
    pub baud_error: f64,
}

impl Default for Rates {
    /// What the models are built for, and a host that keeps to it.
    fn default() -> Self {
        Rates {
            clock_hz: CLOCK_HZ,
            baud: BAUD,
            baud_error: 0.0,
        }
    }
}

impl Rates {
    /// Clock cycles of a bit, as the host sends it.
    pub fn bit_cycles(&self) -> f64 {
        f64::from(self.clock_hz) / f64::from(self.baud) * (1.0 + self.baud_error)
    }
}

/// What says of each bit on the line whether it is flipped.
pub type Noise = Box<dyn FnMut() -> bool + Send>;

/// A Verilated engine with its bridge, and the host's end of the line.
pub struct Line {
    model: Model,
    rx: PortId,
    tx: PortId,
    reset: PortId,
    rates: Rates,
    noise: Option<Noise>,
    cycle: u64,
    sender: Sender,
    receiver: Receiver,
    /// Cycle in which a bit was last on the line.
    busy: u64,
}

/// The host's transmitter.
#[derive(Default)]
struct Sender {
    queue: VecDeque<u8>,
    /// Bits of the byte under way, the next one lowest.
    bits: u32,
    left: u32,
    /// Cycle of the next edge.
    edge: f64,
    high: bool,
}

/// The host's receiver.
#[derive(Default)]
struct Receiver {
    bytes: VecDeque<u8>,
    bits: u32,
    count: u32,
    /// Cycle of the next sample.
    sample: f64,
    running: bool,
    errors: u64,
}

impl Line {
    /// The device of the configuration `name` at power-on.
    ///
    /// # Errors
    /// If it has no model with serial pins.
    pub fn new(name: &str, rates: Rates) -> Result<Self, DeviceError> {
        let config = SIMULATED.iter().find(|config| **config == name);
        let Some(config) = config.and_then(|config| Config::named(config)) else {
            return Err(DeviceError::Config {
                got: format!("{name} with serial pins"),
                expected: SIMULATED.to_vec(),
            });
        };
        Ok(Self::of_model(Model::new(&model_name(config.name))?, rates))
    }

    /// A line to any model with the ports `clock`, `reset`, `rx` and `tx`.
    pub fn of_model(mut model: Model, rates: Rates) -> Self {
        let rx = model.port("rx");
        model.set(rx, 1);
        model.settle();
        Line {
            rx,
            tx: model.port("tx"),
            reset: model.port("reset"),
            model,
            rates,
            noise: None,
            cycle: 0,
            sender: Sender {
                high: true,
                ..Sender::default()
            },
            receiver: Receiver::default(),
            busy: 0,
        }
    }

    /// The model, for its other ports.
    pub fn model_mut(&mut self) -> &mut Model {
        &mut self.model
    }

    /// Asks `noise` about every bit in both directions from now on.
    pub fn set_noise(&mut self, noise: Option<Noise>) {
        self.noise = noise;
    }

    /// The rates.
    pub fn rates(&self) -> Rates {
        self.rates
    }

    /// Clock cycles since power-on.
    pub fn cycles(&self) -> u64 {
        self.cycle
    }

    /// Clock cycles since a bit was on the line, in either direction.
    pub fn idle_cycles(&self) -> u64 {
        match self.sender.queue.is_empty() && self.sender.left == 0 && !self.receiver.running {
            true => self.cycle - self.busy,
            false => 0,
        }
    }

    /// Puts bytes behind those that the host still has to send.
    pub fn send(&mut self, bytes: &[u8]) {
        self.sender.queue.extend(bytes);
    }

    /// Moves bytes that came from the device into `buffer`; gives how many.
    pub fn take(&mut self, buffer: &mut [u8]) -> usize {
        let count = buffer.len().min(self.receiver.bytes.len());
        for (to, from) in buffer.iter_mut().zip(self.receiver.bytes.drain(..count)) {
            *to = from;
        }
        count
    }

    /// Bytes that came from the device and wait.
    pub fn received(&self) -> usize {
        self.receiver.bytes.len()
    }

    /// Bytes from the device that had no stop bit.
    pub fn framing_errors(&self) -> u64 {
        self.receiver.errors
    }

    /// Pulses the device's reset.
    pub fn reset(&mut self) {
        self.model.set(self.reset, 1);
        self.model.settle();
        self.run(RESET_CYCLES);
        self.model.set(self.reset, 0);
        self.model.settle();
    }

    /// Holds the line to the device low for `cycles`, as a break or a cable that is pulled does.
    pub fn hold_low(&mut self, cycles: u64) {
        self.sender.left = 0;
        self.drive(false);
        for _ in 0..cycles {
            self.step();
        }
        self.drive(true);
        self.sender.edge = self.cycle as f64 + self.rates.bit_cycles();
    }

    /// Runs `cycles` clock cycles.
    pub fn run(&mut self, cycles: u64) {
        for _ in 0..cycles {
            self.advance_sender();
            self.step();
        }
    }

    /// Whether this bit is flipped.
    fn flipped(&mut self) -> bool {
        self.noise.as_mut().is_some_and(|noise| noise())
    }

    fn drive(&mut self, high: bool) {
        if self.sender.high != high {
            self.sender.high = high;
            self.model.set(self.rx, high.into());
            self.model.settle();
        }
    }

    fn advance_sender(&mut self) {
        let now = self.cycle as f64;
        if self.sender.left == 0 {
            let Some(byte) = self.sender.queue.front().copied() else {
                return;
            };
            if now < self.sender.edge {
                return;
            }
            self.sender.queue.pop_front();
            // Start bit, eight data bits, stop bit.
            self.sender.bits = u32::from(byte) << 1 | 1 << (BYTE_BITS - 1);
            self.sender.left = BYTE_BITS;
            // Bytes that follow each other keep the rate.
            if self.sender.edge + 1.0 < now {
                self.sender.edge = now;
            }
        }
        if now >= self.sender.edge {
            let flipped = self.flipped();
            let high = (self.sender.bits & 1 == 1) ^ flipped;
            self.drive(high);
            self.sender.bits >>= 1;
            self.sender.left -= 1;
            self.sender.edge += self.rates.bit_cycles();
            self.busy = self.cycle;
            if self.sender.left == 0 && self.sender.queue.is_empty() && !high {
                // A flipped stop bit does not leave the line low for ever.
                self.sender.queue.push_back(0xff);
            }
        }
    }

    fn step(&mut self) {
        self.model.step(1);
        self.cycle += 1;
        let high = self.model.get(self.tx) != 0;
        if !self.receiver.running {
            if !high {
                self.receiver.running = true;
                self.receiver.count = 0;
                self.receiver.bits = 0;
                self.receiver.sample = self.cycle as f64 + self.rates.bit_cycles() / 2.0;
            }
            return;
        }
        if (self.cycle as f64) < self.receiver.sample {
            return;
        }
        self.busy = self.cycle;
        let bit = high ^ self.flipped();
        let receiver = &mut self.receiver;
        receiver.bits |= u32::from(bit) << receiver.count;
        receiver.count += 1;
        receiver.sample += self.rates.bit_cycles();
        let spike = receiver.count == 1 && bit;
        if spike || receiver.count == BYTE_BITS {
            receiver.running = false;
            if !spike && bit {
                receiver.bytes.push_back((receiver.bits >> 1) as u8);
            } else if !spike {
                receiver.errors += 1;
            }
        }
    }
}
