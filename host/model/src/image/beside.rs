//! Loading a run while another one runs.

use super::{Image, TableWords};
use std::ops::Range;
use thresh_regs::Config;

/// Words that a run takes of the memories that a load writes.
#[derive(Default)]
struct Taken {
    store: Vec<Range<usize>>,
    columns: Vec<Range<usize>>,
    codebook: Vec<Range<usize>>,
    descriptors: Range<usize>,
    tables: Range<usize>,
}

fn clash(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

fn apart(a: &[Range<usize>], b: &[Range<usize>]) -> bool {
    !a.iter().any(|a| b.iter().any(|b| clash(a, b)))
}

impl Taken {
    fn apart(&self, other: &Taken) -> bool {
        apart(&self.store, &other.store)
            && apart(&self.columns, &other.columns)
            && apart(&self.codebook, &other.codebook)
            && !clash(&self.descriptors, &other.descriptors)
            && !clash(&self.tables, &other.tables)
    }
}

impl Image {
    /// Whether all that `next` needs, but for its activations, can be loaded while `running` runs, on an
    /// engine that does so: nothing is written where `running` still reads.
    ///
    /// # Panics
    /// If there is no such run.
    pub fn loads_beside(&self, next: usize, running: usize) -> bool {
        next != running && self.taken(next, false).apart(&self.taken(running, true))
    }

    /// Number of runs that can be loaded while the one before them runs, on an engine of this configuration.
    pub fn loaded_ahead(&self, config: &Config) -> usize {
        let fits = |run: &usize| config.loads_beside() && self.loads_beside(*run, run - 1);
        (1..self.runs.len()).filter(fits).count()
    }

    /// The words of a run; of weights that an earlier run has loaded only with `reused`.
    fn taken(&self, run: usize, reused: bool) -> Taken {
        let at = &self.runs[run];
        let first = usize::from(at.first);
        let words = self.table_words(run);
        let mut taken = Taken {
            descriptors: first..first + at.passes,
            tables: words.range(),
            ..Taken::default()
        };
        for i in self.run_passes(run) {
            let owner = &self.passes[self.weights_of(i)];
            if self.passes[i].reuse > 0 && !reused {
                continue;
            }
            let d = &owner.descriptor;
            let range = |start: u16, words: usize| usize::from(start)..usize::from(start) + words;
            taken
                .columns
                .push(range(owner.pointer_base(), owner.pointers()));
            taken
                .codebook
                .push(range(d.codebook_base, owner.codebook.len()));
            // Most of all PEs: they are loaded alike.
            let hull = |a: Range<usize>, b: Range<usize>| a.start.min(b.start)..a.end.max(b.end);
            let pes = owner.pes.iter();
            let entries = pes.clone().map(|pe| range(pe.entry_address, pe.entries));
            let biases = pes.map(|pe| range(d.bias_base, pe.biases.len()));
            taken.store.extend(entries.reduce(hull));
            taken.store.extend(biases.reduce(hull));
        }
        taken
    }
}

impl TableWords {
    /// Where they stand in the longer table.
    fn range(&self) -> Range<usize> {
        self.base..self.base + self.len()
    }
}
