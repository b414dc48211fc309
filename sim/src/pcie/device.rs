//! A PCIe device: the Verilated engine behind the Verilated endpoint, and the words between endpoint and PHY.

use super::proxy::BarMemory;
use super::tlp::{Completion, Kind, Request};
use crate::master::{ACK_CYCLES, Pins};
use crate::model::{Model, PortId};
use crate::{DeviceError, EnginePins, VirtualDevice};
use thresh_driver::TransportError;
use thresh_regs::pcie::{BAR0_BYTES, MAX_PAYLOAD_WORDS};

/// Cycles that an answer may take: as many accesses as a request of 4 KiB has words.
const ANSWER_CYCLES: u64 = 1024 * ACK_CYCLES;

/// Bus, device and function that the device is told to be.
pub const COMPLETER: u16 = 0x0010;

/// The engine of a configuration in a PCI slot.
pub struct PcieDevice {
    engine: EnginePins,
    endpoint: EndpointPins,
    cycles: u64,
    /// Words of the packet that is coming out.
    coming: Vec<u32>,
    came: Vec<Vec<u32>>,
    tag: u8,
}

impl PcieDevice {
    /// The engine of the configuration `name`, at power-on.
    ///
    /// # Errors
    /// When there is no such configuration.
    pub fn new(name: &str) -> Result<Self, DeviceError> {
        let engine = VirtualDevice::new(name)?.into_pins();
        let endpoint = EndpointPins::new(Model::new("pcie_endpoint")?);
        Ok(Self {
            engine,
            endpoint,
            cycles: 0,
            coming: Vec::new(),
            came: Vec::new(),
            tag: 0,
        })
    }

    /// Clock cycles since power-on.
    pub fn cycles(&self) -> u64 {
        self.cycles
    }

    /// Gives the endpoint a packet; `hit` says that it is for BAR0. Gives the cycles that it took.
    ///
    /// # Errors
    /// When the endpoint does not take a word within the cycles that an access may take.
    pub fn send(&mut self, words: &[u32], hit: bool) -> Result<u64, TransportError> {
        let before = self.cycles;
        for (index, word) in words.iter().enumerate() {
            let last = index + 1 == words.len();
            self.offer(*word, index == 0, last, hit)?;
        }
        Ok(self.cycles - before)
    }

    /// Gives the endpoint a word, with its marks.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn offer(
        &mut self,
        word: u32,
        first: bool,
        last: bool,
        hit: bool,
    ) -> Result<(), TransportError> {
        self.endpoint.offer(Some((word, first, last, hit)));
        for _ in 0..ANSWER_CYCLES {
            if self.cycle() {
                self.endpoint.offer(None);
                return Ok(());
            }
        }
        self.endpoint.offer(None);
        Err(no_answer(word, ANSWER_CYCLES))
    }

    /// Lets `cycles` cycles pass.
    pub fn idle(&mut self, cycles: u64) {
        for _ in 0..cycles {
            self.cycle();
        }
    }

    /// Whether the PHY takes words that the endpoint sends.
    pub fn take(&mut self, ready: bool) {
        self.endpoint
            .model
            .set(self.endpoint.tx_ready, ready.into());
    }

    /// The packets that came out since the last call.
    pub fn received(&mut self) -> Vec<Vec<u32>> {
        std::mem::take(&mut self.came)
    }

    /// Waits for a packet from the endpoint.
    ///
    /// # Errors
    /// When none comes in the cycles that the longest read may take.
    pub fn receive(&mut self) -> Result<Vec<u32>, TransportError> {
        for _ in 0..ANSWER_CYCLES {
            if !self.came.is_empty() {
                return Ok(self.came.remove(0));
            }
            self.cycle();
        }
        Err(no_answer(0, ANSWER_CYCLES))
    }

    /// Runs a cycle; gives whether the word offered was taken in it.
    fn cycle(&mut self) -> bool {
        // The outputs that cross between the two come from registers: one look at each suffices.
        let (address, write, strobe) = self.endpoint.access();
        self.engine.drive(address, write, strobe);
        let response = self.engine.response();
        self.endpoint.answer(response.ack, response.read_data);
        let taken = self.endpoint.takes();
        if let Some((word, last)) = self.endpoint.gives() {
            self.coming.push(word);
            if last {
                self.came.push(std::mem::take(&mut self.coming));
            }
        }
        self.engine.step(1);
        self.endpoint.model.step(1);
        self.cycles += 1;
        taken
    }

    /// Reads `length` bytes at `address` of BAR0 by one request. None if the endpoint answers that it is not supported.
    ///
    /// # Errors
    /// When no answer comes, or one that is none.
    pub fn read(&mut self, address: u32, length: usize) -> Result<Option<Vec<u8>>, TransportError> {
        self.tag = self.tag.wrapping_add(1);
        let request = Request {
            tag: self.tag,
            ..Request::span(Kind::MemoryRead, address.into(), length, &[])
        };
        self.send(&request.words(), true)?;
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let words = self.receive()?;
            let completion = Completion::try_from(&words[..])
                .map_err(|error| std::io::Error::other(error.to_string()))?;
            let left = length - bytes.len();
            let lead = usize::from(completion.lower % 4);
            if completion.tag != self.tag || completion.bytes != left {
                let text = format!("a read of {length} bytes at {address:#x} got {completion:?}");
                return Err(std::io::Error::other(text).into());
            }
            if completion.status != 0 {
                return Ok(None);
            }
            let data = completion.data.iter().flat_map(|word| word.to_le_bytes());
            bytes.extend(data.skip(lead).take(left));
        }
        Ok(Some(bytes))
    }

    /// Writes `bytes`, 256 at most, at `address` of BAR0 by one request, which is on its way when this returns.
    ///
    /// # Errors
    /// When the endpoint does not take it.
    ///
    /// # Panics
    /// If there are more bytes, or none.
    pub fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), TransportError> {
        let request = Request::span(Kind::MemoryWrite, address.into(), bytes.len(), bytes);
        assert!(request.length <= MAX_PAYLOAD_WORDS);
        self.send(&request.words(), true).map(drop)
    }
}

impl BarMemory for PcieDevice {
    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), TransportError> {
        match PcieDevice::read(self, offset, bytes.len())? {
            Some(read) => bytes.copy_from_slice(&read),
            None => bytes.fill(0xff),
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), TransportError> {
        PcieDevice::write(self, offset, bytes)
    }
}

fn no_answer(address: u32, cycles: u64) -> TransportError {
    let address = address % BAR0_BYTES;
    TransportError::NoAck { address, cycles }
}

/// The pins of the Verilated endpoint.
struct EndpointPins {
    model: Model,
    rx: [PortId; 5],
    rx_ready: PortId,
    tx_valid: PortId,
    tx_eop: PortId,
    tx_data: PortId,
    tx_ready: PortId,
    strobe: PortId,
    write_enable: PortId,
    address: PortId,
    write_data: PortId,
    ack: PortId,
    read_data: PortId,
}

impl EndpointPins {
    fn new(mut model: Model) -> Self {
        let completer = model.port("completer");
        let tx_ready = model.port("tx_ready");
        model.set(completer, COMPLETER.into());
        model.set(tx_ready, 1);
        model.settle();
        let rx = ["rx_valid", "rx_data", "rx_sop", "rx_eop", "rx_hit"];
        Self {
            rx: rx.map(|name| model.port(name)),
            rx_ready: model.port("rx_ready"),
            tx_valid: model.port("tx_valid"),
            tx_eop: model.port("tx_eop"),
            tx_data: model.port("tx_data"),
            tx_ready,
            strobe: model.port("strobe"),
            write_enable: model.port("write_enable"),
            address: model.port("address"),
            write_data: model.port("write_data"),
            ack: model.port("ack"),
            read_data: model.port("read_data"),
            model,
        }
    }

    fn offer(&mut self, word: Option<(u32, bool, bool, bool)>) {
        let (data, first, last, hit) = word.unwrap_or_default();
        let values = [
            word.is_some().into(),
            data.into(),
            first.into(),
            last.into(),
            hit.into(),
        ];
        for (port, value) in self.rx.into_iter().zip(values) {
            self.model.set(port, value);
        }
        self.model.settle();
    }

    fn get(&self, port: PortId) -> u32 {
        self.model.get(port) as u32
    }

    fn access(&self) -> (u32, Option<u32>, bool) {
        let write = (self.get(self.write_enable) != 0).then(|| self.get(self.write_data));
        (self.get(self.address), write, self.get(self.strobe) != 0)
    }

    fn answer(&mut self, ack: bool, data: u32) {
        self.model.set(self.ack, ack.into());
        self.model.set(self.read_data, data.into());
        self.model.settle();
    }

    fn takes(&self) -> bool {
        self.get(self.rx_ready) != 0 && self.get(self.rx[0]) != 0
    }

    fn gives(&self) -> Option<(u32, bool)> {
        let given = self.get(self.tx_valid) != 0 && self.get(self.tx_ready) != 0;
        given.then(|| (self.get(self.tx_data), self.get(self.tx_eop) != 0))
    }
}
