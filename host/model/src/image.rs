//! The packed image, `*.thresh`: all that a device must be sent to run a network, and what the host
//! needs to talk about it. `docs/model-format.md` describes the file.

mod account;
mod allocation;
mod beside;
mod check;
mod coding;
mod error;
mod flow;
mod geometry;
mod hashed;
mod io;
mod map;
mod predict;
mod read;
mod repeated;
mod write;

pub use account::{Account, Part, Size};
pub use allocation::{Memory, Needs, Shortage, words};
pub use check::MAX_PES;
pub use coding::{Coded, Coding};
pub use error::ImageError;
pub use geometry::TableWords;
pub(crate) use hashed::POOL_COLUMN;
pub use repeated::Filters;
pub(crate) use write::table_bits;

use crate::geometry::Geometry;
use crate::huffman::CodeLengths;
use crate::network::{Frame, Head, Shape};
use crate::reference::argmax;
use std::collections::BTreeMap;
use thresh_regs::{PassDescriptor, Table};

/// First bytes of a file.
pub const MAGIC: [u8; 4] = *b"THRI";

/// Version of the format: grows with every change of a byte's meaning.
pub const FORMAT_VERSION: u8 = 5;

/// A network, packed for one number of PEs.
///
/// Fields are open so that tests can build what no packer would; [`Image::check`] says whether an
/// image is sound, and an image that was read from bytes is.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// Name of the network.
    pub name: String,
    /// PEs, and activation banks, of the engine.
    pub num_pes: usize,
    /// Bits of an activation: 8 or 16. An activation is given as a `u16`, two's complement in its lowest
    /// `act_bits` bits where it is signed.
    pub act_bits: u32,
    /// Shape of the input, one byte a value, position by position and channels inside a position.
    pub input: Shape,
    /// What the host adds around the input.
    pub frame: Frame,
    /// The input values that are sent, in rising order, when others are not: the values of the one
    /// position of the input map. Only without a frame.
    pub input_map: Option<Vec<usize>>,
    /// The maps that the host keeps: the input first, the outputs last, and between them those that
    /// go from run to run.
    pub maps: Vec<MapSize>,
    /// The passes, in order.
    pub passes: Vec<Pass>,
    /// What is run without the host, in order. An image of one run stays loaded from input to
    /// input; the passes of several take the same memory in turn, and each is loaded when it is due.
    pub runs: Vec<Run>,
    /// Outputs of the network at each position of the last map; its other channels fill up a row.
    pub outputs: usize,
    /// What the host makes of the outputs.
    pub head: Head,
    /// Real value of one unit of a logit.
    pub logit_scale: f32,
    /// Name of each output; empty means `0`, `1`, `2` ...
    pub labels: Vec<String>,
    /// Where the network comes from.
    pub provenance: BTreeMap<String, String>,
}

/// A map that the host keeps: for each position the bank words of its channels, an activation each, or
/// for the last map of an image as many words an output as 32 bits take, low bits first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapSize {
    /// Positions.
    pub positions: usize,
    /// Bank words of a position.
    pub words: usize,
}

/// Passes that the engine runs without the host, and what goes to and from its activation memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Number of passes.
    pub passes: usize,
    /// Weight store address of the first entry of its first pass, in every PE; entries of later
    /// passes follow without gaps.
    pub entry_base: u16,
    /// Index of its first pass descriptor.
    pub first: u16,
    /// Where its words begin in both geometry tables.
    pub table_base: u16,
    /// What is written before it.
    pub writes: Vec<Transfer>,
    /// What is read behind it.
    pub reads: Vec<Transfer>,
}

/// A part of a map in activation memory: words `word` to `word + words` of `positions` positions
/// from `position` on, position by position without gaps, from bank address `address` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Index of the map.
    pub map: usize,
    /// First position.
    pub position: usize,
    /// Positions.
    pub positions: usize,
    /// First bank word of a position.
    pub word: usize,
    /// Bank words of a position.
    pub words: usize,
    /// Bank address of the first word.
    pub address: u16,
}

/// One pass: its descriptor, and what is loaded for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Pass {
    /// The descriptor that the engine reads.
    pub descriptor: PassDescriptor,
    /// What it does with a map; none for a fully connected pass.
    pub geometry: Option<Geometry>,
    /// 0, or how many passes before this one the pass stands whose weights, biases and codebook it uses, which
    /// are still loaded; it has none of its own then.
    pub reuse: usize,
    /// Whether a new layer begins here. The first pass always does.
    pub begins_layer: bool,
    /// Weights and biases of the layer before compression, for sizes. Passes of a layer add up: the first one whose weights are
    /// parameters says all but one for each further one of those; 0 where the weights are a copy's or a mean's, or were those of a pass
    /// before.
    pub parameters: u32,
    /// Code tables, by [`Table`].
    pub tables: [CodeLengths; 3],
    /// The filters that all channels have, where the streams follow from them.
    pub filters: Option<Filters>,
    /// Weight of each code, from codebook address `descriptor.codebook_base` on.
    pub codebook: Vec<i16>,
    /// What each PE is sent.
    pub pes: Vec<PeData>,
}

/// A pass's weights and biases in one PE.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeData {
    /// Coded columns, first bit in bit 7 of byte 0; bits after the last are zero.
    pub stream: Vec<u8>,
    /// Length of the stream in bits.
    pub bits: usize,
    /// Entries that it decodes to, padding zeros included.
    pub entries: usize,
    /// Weight store address of the first entry.
    pub entry_address: u16,
    /// Bias of each row, from weight store address `descriptor.bias_base` on; empty in a pass that
    /// does not drain.
    pub biases: Vec<i16>,
}

impl PeData {
    /// The stream as the engine is sent it: 32-bit words, read from bit 31 down.
    pub fn words(&self) -> impl Iterator<Item = u32> + '_ {
        self.stream.chunks(4).map(|chunk| {
            let mut bytes = [0; 4];
            bytes[..chunk.len()].copy_from_slice(chunk);
            u32::from_be_bytes(bytes)
        })
    }

    /// The biases as the engine is sent them: two in a word, low half first.
    pub fn bias_words(&self) -> impl Iterator<Item = u32> + '_ {
        self.biases.chunks(2).map(|pair| {
            let half = |i: usize| u32::from(pair.get(i).copied().unwrap_or(0) as u16);
            half(0) | half(1) << 16
        })
    }
}

impl Pass {
    /// Columns: input channels; without a map with those that fill up the last bank word.
    pub fn columns(&self) -> usize {
        match &self.geometry {
            Some(geometry) => geometry.channels,
            None => usize::from(self.descriptor.groups) * self.pes.len(),
        }
    }

    /// Segments of a column.
    pub fn segments(&self) -> usize {
        self.geometry.as_ref().map_or(1, Geometry::segments)
    }

    /// Segments of a kernel row.
    pub fn taps(&self) -> usize {
        self.geometry.as_ref().map_or(1, Geometry::taps)
    }

    /// Column pointers of a PE.
    pub fn pointers(&self) -> usize {
        self.loaded_columns() * self.segments() + 1
    }

    /// Positions of the map of sums.
    pub fn positions(&self) -> usize {
        self.geometry.as_ref().map_or(1, Geometry::positions)
    }

    /// Positions that are drained.
    pub fn drained(&self) -> usize {
        self.geometry
            .as_ref()
            .map_or(1, |g| g.drained().iter().product())
    }

    /// Output channels at a position, with those that fill up the last row.
    pub fn channels(&self) -> usize {
        usize::from(self.descriptor.rows) * self.pes.len()
    }

    /// The lengths of one code table.
    pub fn table(&self, table: Table) -> &CodeLengths {
        &self.tables[table as usize]
    }
}

impl Image {
    /// The layer that a pass belongs to.
    pub fn layer_of(&self, pass: usize) -> usize {
        let new = |pass: &&Pass| pass.begins_layer;
        self.passes[..=pass].iter().skip(1).filter(new).count()
    }

    /// The layer of every pass, as [`Image::layer_of`] says it.
    pub fn pass_layers(&self) -> Vec<usize> {
        let mut layer = 0;
        let layers = self.passes.iter().enumerate().map(|(i, pass)| {
            layer += usize::from(i > 0 && pass.begins_layer);
            layer
        });
        layers.collect()
    }

    /// Number of layers.
    pub fn layers(&self) -> usize {
        self.layer_of(self.passes.len() - 1) + 1
    }

    /// Every run with its passes, as indices.
    pub fn runs_with_passes(&self) -> impl Iterator<Item = (&Run, std::ops::Range<usize>)> {
        let mut end = 0;
        self.runs.iter().map(move |run| {
            let start = end;
            end += run.passes;
            (run, start..end)
        })
    }

    /// The passes of a run, as indices.
    pub fn run_passes(&self, run: usize) -> std::ops::Range<usize> {
        let start = self.runs[..run].iter().map(|run| run.passes).sum();
        start..start + self.runs[run].passes
    }

    /// Ranges of runs that hand sums on in the accumulators, so that nothing else may run between
    /// them; most are of one run.
    pub fn spans(&self) -> Vec<std::ops::Range<usize>> {
        let mut spans = Vec::new();
        let mut start = 0;
        for (index, (_, passes)) in self.runs_with_passes().enumerate() {
            if !self.passes[passes.end - 1].descriptor.keep {
                spans.push(start..index + 1);
                start = index + 1;
            }
        }
        spans
    }

    /// The run that a pass belongs to, and its index there.
    pub fn run_of(&self, pass: usize) -> (usize, usize) {
        let mut left = pass;
        for (i, run) in self.runs.iter().enumerate() {
            if left < run.passes {
                return (i, left);
            }
            left -= run.passes;
        }
        (self.runs.len(), left)
    }

    /// The pass whose weights a pass uses: itself, or one before it.
    pub fn weights_of(&self, pass: usize) -> usize {
        pass - self.passes[pass].reuse
    }

    /// Whether all of it is loaded at once.
    pub fn is_resident(&self) -> bool {
        self.runs.len() == 1
    }

    /// The class that `logits` say, as [`Head::class`], of whole numbers.
    pub fn class(&self, logits: &[i32]) -> usize {
        match (self.head, logits) {
            (Head::Sigmoid, &[second]) => usize::from(second > 0),
            _ => argmax(logits),
        }
    }

    /// The probabilities that `logits` stand for, as [`Head::probabilities`].
    pub fn probabilities(&self, logits: &[i32]) -> Option<Vec<f32>> {
        let outputs: Vec<f32> = logits
            .iter()
            .map(|&logit| logit as f32 * self.logit_scale)
            .collect();
        self.head.probabilities(&outputs)
    }

    /// Name of a class: of an output, or of one of the two that one output of a sigmoid tells apart.
    pub fn label(&self, output: usize) -> String {
        self.labels
            .get(output)
            .cloned()
            .unwrap_or_else(|| output.to_string())
    }
}

#[cfg(test)]
mod tests;
