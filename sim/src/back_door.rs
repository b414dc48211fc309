//! Loading past the loader.

use crate::model::{MemoryId, Model};
use crate::{DeviceError, VirtualDevice};
use thiserror::Error;
use thresh_driver::{Transport, TransportError};
use thresh_model::stream::Entry;
use thresh_model::{Image, ImageError};
use thresh_regs::{CODE_BITS, Config, WeightStore, reg};

/// Why there is no back door.
#[derive(Debug, Error)]
pub enum BackDoorError {
    /// There is no virtual device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The image is not sound.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The image or the engine is of another kind.
    #[error(
        "the back door is for one run of passes without maps on an engine with weights in block RAM; got {0}: load it over the bus"
    )]
    Kind(String),
    /// The model has no such memory.
    #[error("the model has no memory {0}: Verilator names it otherwise; load over the bus")]
    Memory(String),
}

/// A virtual device whose weight streams do not go through decoder and loader: what they decode to
/// is put into weight stores, column pointers and occupancy at once, as the loader would leave it.
///
/// The loader takes some twenty cycles an entry, which in simulation of many PEs takes hours for
/// what a pass then uses in a second. All other accesses go over the bus, biases among them. Only
/// for the image that it was made with; a simulation's shortcut, which no board has.
pub struct BackDoor {
    device: VirtualDevice,
    image: Image,
    occupancy: MemoryId,
    pes: Vec<[MemoryId; 2]>,
    target: u32,
    column: u32,
    entry: u32,
    /// Words of a stream that is loaded already are coming.
    loaded: bool,
}

impl BackDoor {
    /// The engine of `config` at power-on, to be loaded with `image`.
    ///
    /// # Errors
    /// If the image is not sound, has maps or several runs, or the engine has single-port stores.
    pub fn new(config: &Config, image: &Image) -> Result<Self, BackDoorError> {
        image.check()?;
        image.check_target(config)?;
        if config.store != WeightStore::BlockRam {
            return Err(BackDoorError::Kind(config.name.into()));
        }
        let maps = image.passes.iter().any(|pass| pass.geometry.is_some());
        if maps || !image.is_resident() {
            return Err(BackDoorError::Kind(format!(
                "an image of {} passes, {} runs",
                image.passes.len(),
                image.runs.len()
            )));
        }
        let device = VirtualDevice::new(config.name)?;
        let memory = |name: String| {
            let found = device.model().memory(&name);
            found.ok_or(BackDoorError::Memory(name))
        };
        let pe = |pe| {
            let store = format!("engine.pe${pe}.store");
            Ok([
                memory(format!("{store}.entries.cells"))?,
                memory(format!("{store}.columns.pointers.cells"))?,
            ])
        };
        Ok(BackDoor {
            occupancy: memory("engine.broadcast.memory.cells".into())?,
            pes: (0..config.num_pes)
                .map(pe)
                .collect::<Result<_, BackDoorError>>()?,
            device,
            image: image.clone(),
            target: 0,
            column: 0,
            entry: 0,
            loaded: false,
        })
    }

    /// The device.
    pub fn device(&self) -> &VirtualDevice {
        &self.device
    }

    /// Puts the columns that `LOAD_TARGET`, `LOAD_COLUMN` and `LOAD_ENTRY` speak of where the loader
    /// would; gives whether they are columns of the image.
    fn load(&mut self) -> bool {
        let first = reg::LOAD_COLUMN.field("first").get(self.column);
        let pe = reg::LOAD_TARGET.field("pe").get(self.target) as usize;
        let raw = reg::LOAD_TARGET.field("raw").get(self.target) != 0;
        let mut passes = self.image.passes.iter();
        let pass = passes
            .find(|pass| pass.reuse == 0 && u32::from(pass.descriptor.col_base) == first && !raw);
        let Some(columns) = pass.and_then(|pass| pass.decode(pe).ok()) else {
            return false;
        };
        let mut at = reg::LOAD_ENTRY.field("address").get(self.entry) as usize;
        let model = self.device.model_mut();
        let [entries, pointers] = self.pes[pe];
        model.poke(pointers, first as usize, at as u64);
        for (index, column) in columns.columns.iter().enumerate() {
            let index = first as usize + index;
            write_column(model, entries, at, column);
            at += column.len();
            model.poke(pointers, index + 1, at as u64);
            let others = model.peek(self.occupancy, index) & !(1 << pe);
            let own = u64::from(!column.is_empty()) << pe;
            model.poke(self.occupancy, index, others | own);
        }
        true
    }
}

/// Writes the entries of a column from `at` on: each its row and its code.
fn write_column(model: &mut Model, memory: MemoryId, at: usize, column: &[Entry]) {
    let mut row = 0;
    for (word, entry) in (at..).zip(column) {
        row += u64::from(entry.step);
        model.poke(memory, word, row << CODE_BITS | u64::from(entry.code));
        row += 1;
    }
}

impl Transport for BackDoor {
    fn read(&mut self, address: u32, words: &mut [u32]) -> Result<(), TransportError> {
        self.device.read(address, words)
    }

    fn write(&mut self, address: u32, words: &[u32]) -> Result<(), TransportError> {
        if let [word] = *words {
            match address {
                _ if address == reg::LOAD_TARGET.offset => self.target = word,
                _ if address == reg::LOAD_COLUMN.offset => self.column = word,
                _ if address == reg::LOAD_ENTRY.offset => self.entry = word,
                _ if address == reg::CONTROL.offset => {
                    let load = reg::CONTROL.field("load").get(word) != 0;
                    self.loaded = load && self.load();
                    if self.loaded {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        self.device.write(address, words)
    }

    fn write_stream(&mut self, address: u32, words: &[u32]) -> Result<(), TransportError> {
        if self.loaded && address == reg::STREAM.offset {
            return Ok(());
        }
        self.device.write_stream(address, words)
    }

    fn describe(&self) -> String {
        format!("{}, loaded by the back door", self.device.describe())
    }
}
