//! What an image needs of each of the engine's memories.

use super::{Image, ImageError, Pass};
use std::fmt;
use thresh_regs::{ACT_BITS, CODE_BITS, Config, STEP_BITS, WIDE_BYTES, WeightStore};

/// A memory of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Memory {
    /// Activations of a bank, in bytes.
    Activations,
    /// Entries and biases of a PE, in words; with a single-port store, column pointers too.
    WeightStore,
    /// Column pointers of a PE.
    Columns,
    /// Accumulators of a PE.
    Accumulators,
    /// Weights of the codebook memory.
    Codebook,
    /// Pass descriptors.
    Passes,
}

impl Memory {
    /// Every memory.
    pub const ALL: [Memory; 6] = [
        Memory::Activations,
        Memory::WeightStore,
        Memory::Columns,
        Memory::Accumulators,
        Memory::Codebook,
        Memory::Passes,
    ];

    /// Its name and its unit.
    pub fn name(self) -> &'static str {
        match self {
            Memory::Activations => "activations in a bank",
            Memory::WeightStore => "words in a PE's weight store",
            Memory::Columns => "column pointers in a PE",
            Memory::Accumulators => "accumulators in a PE",
            Memory::Codebook => "weights in the codebook memory",
            Memory::Passes => "pass descriptors",
        }
    }
}

/// Words that an image, or its passes up to one, take in each memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// [`Memory::Activations`].
    pub activations: usize,
    /// [`Memory::WeightStore`], without column pointers.
    pub store: usize,
    /// [`Memory::Columns`].
    pub columns: usize,
    /// [`Memory::Accumulators`].
    pub accumulators: usize,
    /// [`Memory::Codebook`].
    pub codebook: usize,
    /// [`Memory::Passes`].
    pub passes: usize,
}

/// A memory that is too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// The first pass for which there is no room.
    pub pass: usize,
    /// The memory.
    pub memory: Memory,
    /// Words that the image needs up to and with that pass.
    pub need: usize,
    /// Words that there are.
    pub have: usize,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shortage {
            pass,
            memory,
            need,
            have,
        } = self;
        write!(
            f,
            "pass {pass} needs {need} {}, there are {have}",
            memory.name()
        )
    }
}

impl Needs {
    /// Adds what a pass needs.
    pub fn add(&mut self, pass: &Pass) {
        let d = &pass.descriptor;
        let end = |start: u16, words: usize| usize::from(start) + words;
        let input = usize::from(d.groups) * usize::from(d.positions);
        let output = match (d.keep, d.out_wide) {
            (true, _) => 0,
            (false, true) => usize::from(d.accs) * WIDE_BYTES,
            (false, false) => usize::from(d.accs),
        };
        let mut activations = end(d.in_base, input);
        if !d.keep {
            activations = activations.max(end(d.out_base, output));
        }
        self.activations = self.activations.max(activations);
        for pe in &pass.pes {
            let entries = end(pe.entry_address, pe.entries);
            let biases = if pe.biases.is_empty() {
                0
            } else {
                end(d.bias_base, pe.biases.len())
            };
            self.store = self.store.max(entries).max(biases);
        }
        self.columns = self.columns.max(end(d.col_base, pass.columns() + 1));
        let accumulators = usize::from(d.rows) * usize::from(d.positions);
        self.accumulators = self.accumulators.max(accumulators);
        self.codebook = self.codebook.max(end(d.codebook_base, pass.codebook.len()));
        self.passes += 1;
    }

    /// Words that are needed of a memory; with a single-port store of kind `store`, column pointers
    /// count there too.
    pub fn of(&self, memory: Memory, store: WeightStore) -> usize {
        match (memory, store) {
            (Memory::Activations, _) => self.activations,
            (Memory::WeightStore, WeightStore::BlockRam) => self.store,
            (Memory::WeightStore, WeightStore::SinglePort) => self.store + self.columns,
            (Memory::Columns, _) => self.columns,
            (Memory::Accumulators, _) => self.accumulators,
            (Memory::Codebook, _) => self.codebook,
            (Memory::Passes, _) => self.passes,
        }
    }
}

/// Words that a configuration has of a memory.
fn words(config: &Config, memory: Memory) -> usize {
    1 << match memory {
        Memory::Activations => config.act_addr_bits,
        Memory::WeightStore => config.weight_addr_bits,
        Memory::Columns => config.col_addr_bits,
        Memory::Accumulators => config.acc_addr_bits,
        Memory::Codebook => config.codebook_addr_bits,
        Memory::Passes => config.pass_addr_bits,
    }
}

/// The first memory of `config` in which there is no room for `needs`, those of the passes up to
/// and with `pass`.
pub(crate) fn shortage(needs: &Needs, pass: usize, config: &Config) -> Option<Shortage> {
    Memory::ALL.into_iter().find_map(|memory| {
        let (need, have) = (needs.of(memory, config.store), words(config, memory));
        (need > have).then_some(Shortage {
            pass,
            memory,
            need,
            have,
        })
    })
}

impl Image {
    /// What the image needs of each memory.
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        self.passes.iter().for_each(|pass| needs.add(pass));
        needs
    }

    /// Whether an engine of this configuration can run the image.
    ///
    /// # Errors
    /// If the number of PEs differs or a memory is too small, with what is needed and what there is.
    pub fn check_target(&self, config: &Config) -> Result<(), ImageError> {
        if self.num_pes != config.num_pes {
            return Err(ImageError::Target {
                got: self.num_pes,
                expected: config.num_pes,
                config: config.name.into(),
            });
        }
        let mut needs = Needs::default();
        for (i, pass) in self.passes.iter().enumerate() {
            needs.add(pass);
            if let Some(shortage) = shortage(&needs, i, config) {
                return Err(ImageError::TooLarge {
                    config: config.name.into(),
                    shortage,
                });
            }
        }
        Ok(())
    }
}

/// The widths that the header states, so that an image never meets an engine of others.
pub(super) const WIDTHS: [(&str, u32); 3] = [
    ("activations", ACT_BITS),
    ("codes", CODE_BITS),
    ("row steps", STEP_BITS),
];
