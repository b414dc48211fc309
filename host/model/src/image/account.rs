//! Where every bit of an image goes, and what it takes on the chip and on the link.

use super::{Image, ImageError, Pass};
use crate::geometry::Geometry;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use thresh_regs::{DESCRIPTOR_WORDS, MAX_CODE_LENGTH, Table};

/// What a bit of the file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Magic, version, target, length, CRC, shapes and other numbers of the whole network.
    Header,
    /// Name of the network.
    Name,
    /// Names of the outputs.
    Labels,
    /// Where the network comes from.
    Provenance,
    /// Which inputs are sent.
    InputMap,
    /// Pass descriptor and number of parameters.
    Descriptor,
    /// Lengths of a code table.
    Table(Table),
    /// Codebook.
    Codebook,
    /// Biases.
    Biases,
    /// Symbols of a table in the streams.
    Symbols(Table),
    /// Bits that fill up the last byte.
    Filling,
}

impl Part {
    /// Its name for tables.
    pub fn name(self) -> &'static str {
        match self {
            Part::Header => "header",
            Part::Name => "name",
            Part::Labels => "labels",
            Part::Provenance => "provenance",
            Part::InputMap => "input map",
            Part::Descriptor => "descriptor",
            Part::Table(Table::Count) => "count table",
            Part::Table(Table::Run) => "run table",
            Part::Table(Table::Code) => "code table",
            Part::Codebook => "codebook",
            Part::Biases => "biases",
            Part::Symbols(Table::Count) => "counts",
            Part::Symbols(Table::Run) => "runs",
            Part::Symbols(Table::Code) => "codes",
            Part::Filling => "filling",
        }
    }
}

/// Bits of one part of one layer; no layer for what belongs to the whole network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// The part.
    pub part: Part,
    /// The layer.
    pub layer: Option<usize>,
    /// Its bits in the file.
    pub bits: u64,
}

/// Sizes of one layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Weights and biases before compression.
    pub parameters: u64,
    /// Entries that hold parameters of the network other than zero, each counted once.
    pub nonzeros: u64,
    /// Entries of the packer's own weights: copies of values, means, and those that add values as they are.
    pub copies: u64,
    /// Entries that hold parameters once more, since they are loaded for several windows of a map.
    pub repeated: u64,
    /// Padding zeros.
    pub padding: u64,
    /// Bits in the file.
    pub bits: u64,
    /// Bytes on the chip: entries, biases and column pointers of 16 bits, codebook, descriptors.
    pub resident_bytes: u64,
    /// Bytes of all register and window writes that load it, four each, without link framing.
    pub link_bytes: u64,
}

impl Size {
    /// Entries with a weight other than zero.
    pub fn stored(&self) -> u64 {
        self.nonzeros + self.copies + self.repeated
    }

    /// Bytes before compression, four a parameter.
    pub fn float_bytes(&self) -> u64 {
        4 * self.parameters
    }
}

/// Collects accounts while an image is written.
#[derive(Debug, Default)]
pub(super) struct Tally {
    accounts: Vec<Account>,
    bits: usize,
}

impl Tally {
    /// Everything up to bit `end` that has no account yet belongs to `part`.
    pub(super) fn upto(&mut self, end: usize, part: Part, layer: Option<usize>) {
        self.add(end - self.bits, part, layer);
    }

    /// The next `bits` bits belong to `part`.
    pub(super) fn add(&mut self, bits: usize, part: Part, layer: Option<usize>) {
        self.bits += bits;
        let same = |a: &&mut Account| a.part == part && a.layer == layer;
        match self.accounts.iter_mut().find(same) {
            Some(account) => account.bits += bits as u64,
            None => self.accounts.push(Account {
                part,
                layer,
                bits: bits as u64,
            }),
        }
    }
}

impl Image {
    /// Where every bit goes. The sum is eight times the file's length.
    ///
    /// # Errors
    /// If the image is not sound, see [`Image::check`].
    pub fn account(&self) -> Result<Vec<Account>, ImageError> {
        Ok(self.write(true)?.1.accounts)
    }

    /// Sizes of each layer.
    ///
    /// # Errors
    /// If the image is not sound, see [`Image::check`].
    pub fn sizes(&self) -> Result<Vec<Size>, ImageError> {
        let accounts = self.account()?;
        let mut sizes = vec![Size::default(); self.layers()];
        for account in accounts {
            if let Some(layer) = account.layer {
                sizes[layer].bits += account.bits;
            }
        }
        // Weights of the layer so far.
        let mut seen: HashSet<u64> = HashSet::new();
        let mut last = 0;
        for (pass, layer) in self.passes.iter().zip(self.pass_layers()) {
            if std::mem::replace(&mut last, layer) != layer {
                seen.clear();
            }
            let size = &mut sizes[layer];
            if pass.reuse > 0 {
                size.resident_bytes += 4 * DESCRIPTOR_WORDS as u64;
                size.link_bytes += pass.link_bytes();
                continue;
            }
            size.parameters += u64::from(pass.parameters);
            let mut halves = pass.codebook.len();
            if let Some(geometry) = &pass.geometry {
                halves += 2 * table_words(pass, geometry);
            }
            let (mut nonzeros, mut digest) = (0, DefaultHasher::new());
            for (data, decoded) in pass.pes.iter().zip(pass.decoded()) {
                let decoded = decoded?;
                for column in &decoded.columns {
                    let entries = column.iter();
                    let weight = |code: u8| pass.codebook[usize::from(code)];
                    digest.write_usize(column.len());
                    entries.for_each(|e| (e.step, weight(e.code)).hash(&mut digest));
                }
                let codes = decoded.columns.iter().flatten().map(|entry| entry.code);
                let zeros = codes
                    .filter(|&code| pass.codebook[usize::from(code)] == 0)
                    .count();
                nonzeros += (data.entries - zeros) as u64;
                size.padding += zeros as u64;
                halves += data.entries + data.biases.len() + pass.pointers();
            }
            let digest = digest.finish();
            if pass.parameters > 0 {
                seen.insert(digest);
                size.nonzeros += nonzeros;
            } else if seen.contains(&digest) {
                size.repeated += nonzeros;
            } else {
                size.copies += nonzeros;
            }
            size.resident_bytes += 2 * halves as u64 + 4 * DESCRIPTOR_WORDS as u64;
            size.link_bytes += pass.link_bytes();
        }
        Ok(sizes)
    }
}

/// Words of both geometry tables: an upper bound, since passes of equal geometry share them.
fn table_words(pass: &Pass, geometry: &Geometry) -> usize {
    let tables = geometry.tables(pass.descriptor.rows.into());
    let lengths = [&tables.x, &tables.y, &tables.pool_x, &tables.pool_y].map(Vec::len);
    lengths.iter().sum()
}

impl Pass {
    /// Bytes of all register and window writes that load it, four each, without link framing.
    pub fn link_bytes(&self) -> u64 {
        let mut words = DESCRIPTOR_WORDS;
        if self.reuse == 0 {
            words += self.codebook.len();
            words += self.geometry.as_ref().map_or(0, |g| table_words(self, g));
            for table in &self.tables {
                words += 1 + MAX_CODE_LENGTH as usize + table.symbols();
            }
            for data in &self.pes {
                words += LOAD_WORDS + data.words().count();
                if !data.biases.is_empty() {
                    words += LOAD_WORDS + data.bias_words().count();
                }
            }
        }
        4 * words as u64
    }
}

/// Register writes that open a load: target, column, entry, control.
const LOAD_WORDS: usize = 4;
