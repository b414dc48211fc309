//! What an image needs of each of the engine's memories.

use super::{Image, ImageError, Pass, TableWords};
use std::fmt;
use thresh_regs::{Config, WeightStore};

/// A memory of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Memory {
    /// Activations of a bank.
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
    /// Words of a geometry table; none without maps.
    Tables,
    /// Rows of a kernel row, which an entry must be able to name.
    Rows,
}

impl Memory {
    /// Every memory.
    pub const ALL: [Memory; 8] = [
        Memory::Activations,
        Memory::WeightStore,
        Memory::Columns,
        Memory::Accumulators,
        Memory::Codebook,
        Memory::Passes,
        Memory::Tables,
        Memory::Rows,
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
            Memory::Tables => "words in a geometry table",
            Memory::Rows => "rows in a kernel row of a PE",
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
    /// [`Memory::Tables`].
    pub tables: usize,
    /// [`Memory::Rows`].
    pub rows: usize,
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
    /// Adds what a pass needs; `outputs` is the end of what it drains to, and `words` the geometry
    /// tables of its run so far.
    fn add(&mut self, pass: &Pass, outputs: usize, words: &mut TableWords) {
        let d = &pass.descriptor;
        let end = |start: u16, words: usize| usize::from(start) + words;
        let inputs = pass.input_words().last().map_or(0, |word| word + 1);
        self.activations = self.activations.max(inputs).max(outputs);
        for pe in &pass.pes {
            let entries = match pe.entries {
                0 => 0,
                entries => end(pe.entry_address, entries),
            };
            let biases = match pe.biases.len() {
                0 => 0,
                biases => end(d.bias_base, biases),
            };
            self.store = self.store.max(entries).max(biases);
        }
        self.columns = self.columns.max(end(pass.pointer_base(), pass.pointers()));
        if d.hashed {
            // Tokens name columns with the bits of a column pointer.
            self.columns = self.columns.max(end(d.col_base, pass.columns()));
        }
        self.accumulators = self.accumulators.max(d.accs.into());
        self.codebook = self.codebook.max(end(d.codebook_base, pass.codebook.len()));
        self.passes += 1;
        if let Some(geometry) = &pass.geometry {
            words.add(geometry, &mut d.clone());
        }
        self.tables = self.tables.max(words.end());
        self.rows = self.rows.max(usize::from(d.rows) * pass.taps());
    }

    /// Words that are needed of a memory; with a single-port store of kind `store`, column pointers
    /// count there too.
    pub fn of(&self, memory: Memory, store: WeightStore) -> usize {
        match (memory, store) {
            (Memory::Activations, _) => self.activations,
            (Memory::WeightStore, WeightStore::BlockRam | WeightStore::Hashed) => self.store,
            (Memory::WeightStore, WeightStore::SinglePort) => self.store + self.columns,
            (Memory::Columns, _) => self.columns,
            (Memory::Accumulators, _) => self.accumulators,
            (Memory::Codebook, _) => self.codebook,
            (Memory::Passes, _) => self.passes,
            (Memory::Tables, _) => self.tables,
            (Memory::Rows, _) => self.rows,
        }
    }
}

/// Words that a configuration has of a memory.
pub fn words(config: &Config, memory: Memory) -> usize {
    if memory == Memory::Tables && !config.maps {
        return 0;
    }
    1 << match memory {
        Memory::Activations => config.act_addr_bits,
        Memory::WeightStore => config.weight_addr_bits,
        Memory::Columns => config.col_addr_bits,
        Memory::Accumulators => config.acc_addr_bits,
        Memory::Codebook => config.codebook_addr_bits,
        Memory::Passes => config.pass_addr_bits,
        Memory::Tables => config.table_addr_bits,
        Memory::Rows => config.row_bits,
    }
}

/// The first memory of `config` in which there is no room for `needs`, those of the passes up to
/// and with `pass`.
fn shortage(needs: &Needs, pass: usize, config: &Config) -> Option<Shortage> {
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
    /// What the image needs of each memory: the most that any of its runs does.
    pub fn needs(&self) -> Needs {
        let mut most = Needs::default();
        let mut visit = |_, needs: &Needs| -> Result<(), ()> {
            most = most.max(needs);
            Ok(())
        };
        let Ok(()) = self.visit_needs(&mut visit) else {
            unreachable!("the visitor never stops")
        };
        most
    }

    /// Visits every pass with what its run needs up to and with it.
    fn visit_needs<E>(
        &self,
        visit: &mut impl FnMut(usize, &Needs) -> Result<(), E>,
    ) -> Result<(), E> {
        for (r, passes) in self.runs_with_passes() {
            let mut needs = Needs {
                passes: r.first.into(),
                ..Needs::default()
            };
            let mut words = TableWords::at(r.table_base);
            let windows = r.writes.iter().chain(&r.reads);
            let ends = windows.map(|t| self.window(t).end / self.num_pes);
            needs.activations = ends.max().unwrap_or(0);
            for i in passes {
                let outputs = self.output_window(i).end / self.num_pes;
                needs.add(&self.passes[i], outputs, &mut words);
                visit(i, &needs)?;
            }
        }
        Ok(())
    }

    /// Whether an engine of this configuration can run the image.
    ///
    /// # Errors
    /// If the number of PEs or the bits of an activation differ, or a memory is too small, with what is needed and what there is.
    pub fn check_target(&self, config: &Config) -> Result<(), ImageError> {
        if self.num_pes != config.num_pes {
            return Err(ImageError::Target {
                got: self.num_pes,
                expected: config.num_pes,
                config: config.name.into(),
            });
        }
        if self.act_bits != config.act_bits {
            return Err(ImageError::ActBits {
                got: self.act_bits,
                expected: config.act_bits,
                config: config.name.into(),
            });
        }
        let hashed = self.passes.iter().position(|pass| pass.descriptor.hashed);
        if let Some(pass) = hashed.filter(|_| config.store != WeightStore::Hashed) {
            return Err(ImageError::Hashed {
                pass,
                config: config.name.into(),
            });
        }
        self.visit_needs(&mut |i, needs| match shortage(needs, i, config) {
            Some(shortage) => Err(ImageError::TooLarge {
                config: config.name.into(),
                shortage,
            }),
            None => Ok(()),
        })
    }
}

impl Needs {
    /// The larger of each.
    pub(crate) fn max(&self, other: &Needs) -> Needs {
        Needs {
            activations: self.activations.max(other.activations),
            store: self.store.max(other.store),
            columns: self.columns.max(other.columns),
            accumulators: self.accumulators.max(other.accumulators),
            codebook: self.codebook.max(other.codebook),
            passes: self.passes.max(other.passes),
            tables: self.tables.max(other.tables),
            rows: self.rows.max(other.rows),
        }
    }
}
