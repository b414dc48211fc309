//! The packed image, `*.thresh`: all that a device must be sent to run a network, and what the host
//! needs to talk about it. `docs/model-format.md` describes the file.

mod account;
mod allocation;
mod check;
mod error;
mod flow;
mod io;
mod map;
mod predict;
mod read;
mod write;

pub use account::{Account, Part, Size};
pub(crate) use allocation::shortage;
pub use allocation::{Memory, Needs, Shortage};
pub use error::ImageError;
pub(crate) use write::table_bits;

use crate::huffman::CodeLengths;
use crate::network::Shape;
use std::collections::BTreeMap;
use thresh_regs::{PassDescriptor, Table};

/// First bytes of a file.
pub const MAGIC: [u8; 4] = *b"THRI";

/// Version of the format: grows with every change of a byte's meaning.
pub const FORMAT_VERSION: u8 = 1;

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
    /// Shape of the input, one byte a value, position by position and channels inside a position.
    pub input: Shape,
    /// The input values that are sent, in rising order, when others are not: the values of the one
    /// position of pass 0.
    pub input_map: Option<Vec<usize>>,
    /// Weight store address of the first entry of pass 0, in every PE; entries of later passes
    /// follow without gaps.
    pub entry_base: u16,
    /// The passes, in order.
    pub passes: Vec<Pass>,
    /// Outputs of the network at each position of the last pass; its other channels fill up a row.
    pub outputs: usize,
    /// Real value of one unit of a logit.
    pub logit_scale: f32,
    /// Name of each output; empty means `0`, `1`, `2` ...
    pub labels: Vec<String>,
    /// Where the network comes from.
    pub provenance: BTreeMap<String, String>,
}

/// One pass: its descriptor, and what is loaded for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Pass {
    /// The descriptor that the engine reads.
    pub descriptor: PassDescriptor,
    /// Weights and biases of the layer before compression, for sizes; 0 where a pass is no layer's.
    pub parameters: u32,
    /// Code tables, by [`Table`].
    pub tables: [CodeLengths; 3],
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
    /// Columns: input channels with those that fill up the last bank word.
    pub fn columns(&self) -> usize {
        usize::from(self.descriptor.groups) * self.pes.len()
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
    /// The layer that a pass belongs to: passes up to one that drains are one layer.
    pub fn layer_of(&self, pass: usize) -> usize {
        self.passes[..pass]
            .iter()
            .filter(|pass| !pass.descriptor.keep)
            .count()
    }

    /// Name of an output.
    pub fn label(&self, output: usize) -> String {
        self.labels
            .get(output)
            .cloned()
            .unwrap_or_else(|| output.to_string())
    }
}

#[cfg(test)]
mod tests;
