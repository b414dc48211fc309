//! A register file that behaves like an engine's as far as a driver can see, but computes nothing.

use crate::engine::EngineInfo;
use crate::transport::{Transport, TransportError, check_access};
use std::collections::BTreeMap;
use std::time::Duration;
use thresh_regs::{ACTIVATION_WINDOW, Config, Register, reg};

/// What is to go wrong.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// These registers read so.
    pub reads: BTreeMap<u32, u32>,
    /// The link fails at the write of this index: once, or from then on.
    pub broken_write: Option<(usize, bool)>,
    /// The load of this index sets these error bits.
    pub bad_load: Option<(usize, u32)>,
    /// Every start sets these error bits.
    pub bad_start: u32,
    /// This bit of `STATUS` never falls once it has risen.
    pub stuck: Option<&'static str>,
}

/// The register file, with a record of what was written.
#[derive(Debug)]
pub struct Fake {
    pub faults: Faults,
    /// Address and value of every word written.
    pub writes: Vec<(u32, u32)>,
    memory: BTreeMap<u32, u32>,
    status: BTreeMap<&'static str, bool>,
    loads: usize,
}

impl Fake {
    pub fn new(config: &Config) -> Self {
        let info = EngineInfo::of(config);
        let put = |register: Register, values: &[(&str, u32)]| {
            let word = values
                .iter()
                .map(|&(name, value)| register.field(name).put(value))
                .sum::<u32>();
            (register.offset, word)
        };
        let memory = [
            (reg::ID.offset, thresh_regs::ID),
            (reg::VERSION.offset, thresh_regs::VERSION),
            (reg::MAP_HASH.offset, thresh_regs::map_hash()),
            put(
                reg::SHAPE,
                &[
                    ("num_pes", info.num_pes as u32),
                    ("act_bits", info.act_bits),
                    ("code_bits", 8),
                    ("step_bits", 8),
                ],
            ),
            put(
                reg::SIZES,
                &[
                    ("act_addr_bits", info.act_addr_bits),
                    ("weight_addr_bits", info.weight_addr_bits),
                    ("acc_addr_bits", info.acc_addr_bits),
                    ("col_addr_bits", info.col_addr_bits),
                ],
            ),
            put(
                reg::MAPS,
                &[
                    ("maps", u32::from(info.maps)),
                    ("hashed", u32::from(info.hashed)),
                    ("table_addr_bits", info.table_addr_bits),
                    ("row_bits", info.row_bits),
                ],
            ),
            put(
                reg::LIMITS,
                &[
                    ("codebook_addr_bits", info.codebook_addr_bits),
                    ("pass_addr_bits", info.pass_addr_bits),
                    ("fifo_addr_bits", info.fifo_addr_bits),
                    ("shared_store", u32::from(info.shared_store)),
                ],
            ),
        ];
        Fake {
            faults: Faults::default(),
            writes: Vec::new(),
            memory: memory.into_iter().collect(),
            status: BTreeMap::new(),
            loads: 0,
        }
    }

    /// Sets a word as the engine itself would.
    pub fn poke(&mut self, address: u32, word: u32) {
        self.memory.insert(address, word);
    }

    /// Sets bytes of activation memory from byte `start` on.
    pub fn poke_activations(&mut self, start: usize, bytes: &[u8]) {
        for (i, &byte) in bytes.iter().enumerate() {
            let (word, lane) = ((start + i) / 4, (start + i) % 4);
            let word = self
                .memory
                .entry(ACTIVATION_WINDOW.offset + 4 * word as u32)
                .or_default();
            *word = *word & !(0xff << (8 * lane)) | u32::from(byte) << (8 * lane);
        }
    }

    /// The value last written to, or poked at, an address.
    pub fn peek(&self, address: u32) -> u32 {
        self.memory.get(&address).copied().unwrap_or(0)
    }

    /// The values written to a register, in order.
    pub fn written(&self, register: Register) -> Vec<u32> {
        self.writes
            .iter()
            .filter(|&&(address, _)| address == register.offset)
            .map(|&(_, word)| word)
            .collect()
    }

    fn fail(&mut self, bits: u32) {
        *self.memory.entry(reg::ERROR.offset).or_default() |= bits;
    }

    fn status(&mut self) -> u32 {
        let error = self.peek(reg::ERROR.offset) != 0;
        self.status.insert("error", error);
        let word = self
            .status
            .iter()
            .map(|(name, &set)| reg::STATUS.field(name).put(u32::from(set)))
            .sum();
        for passing in ["busy", "loading", "clearing"] {
            if self.faults.stuck != Some(passing)
                && self.status.insert(passing, false) == Some(true)
            {
                self.status.insert("done", passing == "busy");
            }
        }
        word
    }

    fn control(&mut self, word: u32) {
        let told = |name| reg::CONTROL.field(name).get(word) != 0;
        if told("reset") {
            self.status.insert("clearing", true);
        }
        if told("load") {
            self.status.insert("loading", true);
            if let Some((index, bits)) = self.faults.bad_load
                && index == self.loads
            {
                self.fail(bits);
            }
            self.loads += 1;
        }
        if told("start") {
            self.status.insert("busy", true);
            self.status.insert("done", false);
            self.fail(self.faults.bad_start);
        }
    }

    fn write_word(&mut self, address: u32, word: u32) -> Result<(), TransportError> {
        check_access(address, 1)?;
        if let Some((index, lasting)) = self.faults.broken_write
            && index == self.writes.len()
        {
            self.faults.broken_write = self.faults.broken_write.filter(|_| lasting);
            return Err(TransportError::Timeout {
                address,
                limit: Duration::from_secs(1),
            });
        }
        self.writes.push((address, word));
        if address == reg::CONTROL.offset {
            self.control(word);
        } else if address == reg::ERROR.offset {
            *self.memory.entry(address).or_default() &= !word;
        } else {
            self.memory.insert(address, word);
        }
        Ok(())
    }
}

impl Transport for Fake {
    fn read(&mut self, address: u32, words: &mut [u32]) -> Result<(), TransportError> {
        for (i, word) in words.iter_mut().enumerate() {
            let address = address + 4 * i as u32;
            check_access(address, 1)?;
            *word = match self.faults.reads.get(&address) {
                Some(&word) => word,
                None if address == reg::STATUS.offset => self.status(),
                None => self.peek(address),
            };
        }
        Ok(())
    }

    fn write(&mut self, address: u32, words: &[u32]) -> Result<(), TransportError> {
        (0u32..)
            .zip(words)
            .try_for_each(|(i, &word)| self.write_word(address + 4 * i, word))
    }

    fn write_stream(&mut self, address: u32, words: &[u32]) -> Result<(), TransportError> {
        words
            .iter()
            .try_for_each(|&word| self.write_word(address, word))
    }

    fn describe(&self) -> String {
        "fake engine".into()
    }
}
