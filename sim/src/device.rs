//! The virtual device.

use crate::master::{Master, Pins, Response};
use crate::model::{Model, ModelError, PortId};
use std::path::Path;
use thiserror::Error;
use thresh_driver::{Transport, TransportError};
use thresh_regs::{CONFIGS, Config};

/// Names a wave file (VCD) for the next virtual device, as [`VirtualDevice::trace_to`] does.
pub const WAVES_VARIABLE: &str = "THRESH_WAVES";

/// Why there is no virtual device.
#[derive(Debug, Error)]
pub enum DeviceError {
    /// No such configuration.
    #[error("there is no configuration {got:?}; there are: {}", expected.join(", "))]
    Config {
        /// The name asked for.
        got: String,
        /// All names.
        expected: Vec<&'static str>,
    },
    /// Its model was left out.
    #[error("this build has no model of {got}: build it with the feature {feature:?}")]
    NotBuilt {
        /// The name asked for.
        got: String,
        /// Cargo feature of thresh-sim and thresh-cli.
        feature: &'static str,
    },
    /// The model refuses.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// A Verilated engine in this process. Each bus access runs the clock for as many cycles as it
/// takes; between accesses the clock stands still.
pub struct VirtualDevice {
    config: &'static Config,
    master: Master<EnginePins>,
}

impl VirtualDevice {
    /// The engine of the configuration `name`, at power-on.
    ///
    /// # Errors
    /// When there is no such configuration, or `THRESH_WAVES` is set and waves cannot be written.
    pub fn new(name: &str) -> Result<Self, DeviceError> {
        let config = Config::named(name).ok_or_else(|| DeviceError::Config {
            got: name.into(),
            expected: CONFIGS.iter().map(|config| config.name).collect(),
        })?;
        if let (Some(feature), false) = (config.feature, Model::names().any(|model| model == name))
        {
            return Err(DeviceError::NotBuilt {
                got: name.into(),
                feature,
            });
        }
        Self::with_model(config, name)
    }

    /// What synthesis made of the engine of the configuration `name`, in cells of its device.
    ///
    /// # Errors
    /// When there is no such netlist, or `THRESH_WAVES` is set and waves cannot be written.
    #[cfg(feature = "netlist")]
    pub fn of_netlist(name: &str) -> Result<Self, DeviceError> {
        use crate::netlist::{NETLISTS, netlist_name};
        match Config::named(name) {
            Some(config) if NETLISTS.contains(&name) => {
                Self::with_model(config, &netlist_name(name))
            }
            _ => Err(DeviceError::Config {
                got: name.into(),
                expected: NETLISTS.to_vec(),
            }),
        }
    }

    fn with_model(config: &'static Config, model: &str) -> Result<Self, DeviceError> {
        let mut device = Self {
            config,
            master: Master::new(EnginePins::new(Model::new(model)?)),
        };
        if let Some(path) = std::env::var_os(WAVES_VARIABLE) {
            device.trace_to(Path::new(&path))?;
        }
        Ok(device)
    }

    /// The configuration that was built.
    pub fn config(&self) -> &'static Config {
        self.config
    }

    /// Clock cycles since power-on.
    pub fn cycles(&self) -> u64 {
        self.master.cycles()
    }

    /// Lets `cycles` cycles pass.
    pub fn idle(&mut self, cycles: u64) {
        self.master.idle(cycles);
    }

    /// Its bus pins, for another master.
    pub fn into_pins(self) -> EnginePins {
        self.master.pins
    }

    /// The Verilated model.
    pub fn model(&self) -> &Model {
        &self.master.pins.model
    }

    /// The Verilated model, for what the bus cannot do.
    pub fn model_mut(&mut self) -> &mut Model {
        &mut self.master.pins.model
    }

    /// Writes waves (VCD, two time units a cycle) to the file `path` from now until the device is
    /// dropped.
    ///
    /// # Errors
    /// When the file cannot be written, or the crate was built without its feature `trace`.
    pub fn trace_to(&mut self, path: &Path) -> Result<(), ModelError> {
        self.master.pins.model.trace_to(path)
    }
}

impl Transport for VirtualDevice {
    fn read(&mut self, address: u32, words: &mut [u32]) -> Result<(), TransportError> {
        self.master.read(address, words)
    }

    fn write(&mut self, address: u32, words: &[u32]) -> Result<(), TransportError> {
        self.master.write(address, words)
    }

    fn write_stream(&mut self, address: u32, words: &[u32]) -> Result<(), TransportError> {
        self.master.write_stream(address, words)
    }

    fn describe(&self) -> String {
        format!("virtual device {}", self.config.name)
    }

    fn cycles(&self) -> Option<u64> {
        Some(self.master.cycles())
    }
}

/// The bus pins of a Verilated engine.
pub struct EnginePins {
    model: Model,
    address: PortId,
    write_data: PortId,
    write_enable: PortId,
    strobe: PortId,
    read_data: PortId,
    ack: PortId,
}

impl EnginePins {
    /// The pins of `model`.
    pub fn new(model: Model) -> Self {
        Self {
            address: model.port("address"),
            write_data: model.port("write_data"),
            write_enable: model.port("write_enable"),
            strobe: model.port("strobe"),
            read_data: model.port("read_data"),
            ack: model.port("ack"),
            model,
        }
    }
}

impl Pins for EnginePins {
    fn drive(&mut self, word_address: u32, write: Option<u32>, strobe: bool) {
        self.model.set(self.address, word_address.into());
        self.model.set(self.write_data, write.unwrap_or(0).into());
        self.model.set(self.write_enable, write.is_some().into());
        self.model.set(self.strobe, strobe.into());
        self.model.settle();
    }

    fn response(&mut self) -> Response {
        Response {
            ack: self.model.get(self.ack) != 0,
            read_data: self.model.get(self.read_data) as u32,
        }
    }

    fn step(&mut self, cycles: u64) {
        self.model.step(cycles);
    }
}
