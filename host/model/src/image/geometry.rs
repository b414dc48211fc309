//! Geometry tables of a run, and whether a geometry is one that an engine can run.

use super::check::{at_most, equal};
use super::{Image, ImageError, Pass, Run};
use crate::geometry::{Geometry, Kernel, MOST_SEGMENTS, MOST_SIDE, MOST_TAPS};
use thresh_regs::{PassDescriptor, TABLE_WINDOW, TableWord};

/// The words of the two geometry tables that one run needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableWords {
    /// Where the words of both begin.
    pub base: usize,
    /// The x table.
    pub x: Vec<TableWord>,
    /// The y table.
    pub y: Vec<TableWord>,
}

/// Words of each table that the window has room for.
pub(super) const MOST_WORDS: usize = TABLE_WINDOW.bytes as usize / 8;

/// Where `words` stand in `table`, which begins at `base`, and at whose end they are put if they do not stand there yet.
fn place(base: usize, table: &mut Vec<TableWord>, words: &[TableWord]) -> u16 {
    let found = match words.len() {
        0 => Some(0),
        len => table.windows(len).position(|there| there == words),
    };
    let at = found.unwrap_or_else(|| {
        table.extend(words);
        table.len() - words.len()
    });
    u16::try_from(base + at).unwrap_or(u16::MAX)
}

impl TableWords {
    /// None so far, from word `base` on.
    pub fn at(base: u16) -> Self {
        TableWords {
            base: base.into(),
            ..TableWords::default()
        }
    }

    /// Adds the tables of a pass, and sets their addresses in its descriptor.
    pub fn add(&mut self, geometry: &Geometry, descriptor: &mut PassDescriptor) {
        let tables = geometry.tables(descriptor.rows.into());
        descriptor.x_table = place(self.base, &mut self.x, &tables.x);
        descriptor.y_table = place(self.base, &mut self.y, &tables.y);
        descriptor.pool_x_table = place(self.base, &mut self.x, &tables.pool_x);
        descriptor.pool_y_table = place(self.base, &mut self.y, &tables.pool_y);
    }

    /// Words of the longer table.
    pub fn len(&self) -> usize {
        self.x.len().max(self.y.len())
    }

    /// Words of the longer table up to their end; 0 if there are none.
    pub fn end(&self) -> usize {
        match self.len() {
            0 => 0,
            len => self.base + len,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Image {
    /// The words of the geometry tables for a run.
    pub fn table_words(&self, run: usize) -> TableWords {
        let mut words = TableWords::at(self.runs[run].table_base);
        for pass in &self.passes[self.run_passes(run)] {
            if let Some(geometry) = &pass.geometry {
                words.add(geometry, &mut pass.descriptor.clone());
            }
        }
        words
    }

    /// Sets the fields of every descriptor that follow from geometries.
    pub fn describe(&mut self) {
        let of = |(run, passes): (&Run, _)| (run.table_base, passes);
        let runs: Vec<_> = self.runs_with_passes().map(of).collect();
        for (base, passes) in runs {
            let mut words = TableWords::at(base);
            for pass in passes {
                let pass = &mut self.passes[pass];
                if let Some(geometry) = &pass.geometry {
                    geometry.describe(&mut pass.descriptor, self.num_pes);
                    words.add(geometry, &mut pass.descriptor);
                }
            }
        }
    }

    /// Whether the descriptors say what the geometries do.
    pub(super) fn check_tables(&self) -> Result<(), ImageError> {
        let mut described = self.clone_descriptors();
        described.describe();
        for (i, (pass, expected)) in self.passes.iter().zip(&described.passes).enumerate() {
            if pass.descriptor != expected.descriptor {
                let expected = "as its geometry has it";
                return Err(ImageError::value("pass descriptor", i, expected).in_pass(i));
            }
        }
        for run in 0..self.runs.len() {
            let words = self.table_words(run);
            at_most("geometry table words", words.end(), MOST_WORDS)?;
        }
        Ok(())
    }

    /// The image without weights.
    pub(super) fn clone_descriptors(&self) -> Image {
        let bare = |pass: &Pass| Pass {
            descriptor: pass.descriptor,
            geometry: pass.geometry.clone(),
            reuse: pass.reuse,
            begins_layer: pass.begins_layer,
            filters: None,
            parameters: 0,
            tables: Default::default(),
            codebook: Vec::new(),
            pes: Vec::new(),
        };
        Image {
            name: String::new(),
            num_pes: self.num_pes,
            act_bits: self.act_bits,
            input: self.input,
            frame: self.frame,
            input_map: None,
            maps: Vec::new(),
            passes: self.passes.iter().map(bare).collect(),
            runs: self.runs.clone(),
            outputs: self.outputs,
            head: self.head,
            logit_scale: self.logit_scale,
            labels: Vec::new(),
            provenance: Default::default(),
        }
    }
}

fn in_range(
    what: &'static str,
    values: &[usize],
    from: usize,
    to: usize,
) -> Result<(), ImageError> {
    match values.iter().find(|value| !(from..=to).contains(value)) {
        Some(&value) => Err(ImageError::value(what, value, format!("{from} to {to}"))),
        None => Ok(()),
    }
}

/// The most positions between the first place of a kernel and the map. More than there are in a map, since a kernel
/// of a large stride begins far before it to meet a single one of its rows.
const MOST_PADDING: i32 = 1 << 24;

fn padding(pad: [i32; 2]) -> Result<(), ImageError> {
    match pad
        .iter()
        .find(|pad| pad.abs_diff(0) > MOST_PADDING.unsigned_abs())
    {
        Some(&pad) => {
            let expected = format!("-{MOST_PADDING} to {MOST_PADDING}");
            Err(ImageError::value("the padding", pad, expected))
        }
        None => Ok(()),
    }
}

/// Checks a geometry for itself: what bounds the sizes of everything else in the pass.
pub(super) fn check(geometry: &Geometry) -> Result<(), ImageError> {
    let g = geometry;
    in_range("input channels", &[g.channels], 1, MOST_SIDE)?;
    in_range("a side of the input map", &g.input, 1, MOST_WORDS)?;
    in_range("a side of the output map", &g.output, 1, MOST_SIDE)?;
    match g.kernel {
        Kernel::Shared => {
            equal("positions of a shared sum", g.positions(), 1)?;
        }
        Kernel::Slides { size, stride, pad } => {
            in_range("a side of the kernel", &size, 1, MOST_SEGMENTS)?;
            in_range("a stride", &stride, 1, MOST_SIDE)?;
            padding(pad)?;
            at_most("segments of a column", g.segments(), MOST_SEGMENTS)?;
            in_range("a side of the kernel", &size, 1, MOST_TAPS)?;
        }
        Kernel::Whole { size, pad } => {
            equal("positions of a whole kernel", g.positions(), 1)?;
            in_range("a side of the kernel", &size, 1, MOST_SEGMENTS)?;
            padding(pad)?;
            at_most("segments of a column", g.segments(), MOST_SEGMENTS)?;
        }
    }
    if let Some(pool) = &g.pool {
        in_range("a side of the pool window", &pool.size, 1, MOST_WORDS)?;
        in_range("a stride of the pool", &pool.stride, 1, MOST_SIDE)?;
        in_range("the padding of the pool", &pool.pad, 0, MOST_WORDS)?;
        in_range("a side of the pooled map", &pool.output, 1, MOST_WORDS)?;
        for axis in 0..2 {
            for place in 0..pool.output[axis] {
                let (_, count) = pool.window(axis, place, g.output[axis]);
                in_range("a side of a pool window on the map", &[count], 1, MOST_TAPS)?;
            }
        }
    }
    Ok(())
}
