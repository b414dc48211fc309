//! An image as bytes. `read` is its mirror, field by field.

use super::account::{Part, Tally};
use super::predict::{self, Context, FIELDS};
use super::{CodeLengths, FORMAT_VERSION, Filters, Image, ImageError, MAGIC, Pass, Run, map};
use crate::bits::BitWriter;
use crate::network::Head;
use std::convert::Infallible;
use thresh_regs::{CODE_BITS, STEP_BITS, Table};

/// Byte offset of the file's length, and of its CRC behind it.
pub(super) const LENGTH_AT: usize = 9;
pub(super) const CRC_AT: usize = 13;

/// Bytes of the fixed header.
pub(super) const HEADER_BYTES: usize = 17;

/// Bits of the number of symbols of a code table, and of the number of codes.
pub(super) const SIZE_BITS: u32 = 9;

/// Bits of the shift and of the width of a pass's weights, and of its biases.
pub(super) const SHIFT_BITS: u32 = 4;
pub(super) const WIDTH_BITS: u32 = 5;

/// Bits of the number of lowest bits of the distances in a codebook.
pub(super) const LOW_BITS: u32 = 4;

/// Bits of the head.
pub(super) const HEAD_BITS: u32 = 2;

/// CRC-32/ISO-HDLC of the whole file but the four bytes of the CRC itself.
pub(super) fn crc(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..CRC_AT]);
    hasher.update(&bytes[HEADER_BYTES..]);
    hasher.finalize()
}

impl Image {
    /// The image as the bytes of a file.
    ///
    /// # Errors
    /// If the image is not sound, see [`Image::check`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, ImageError> {
        Ok(self.write(false)?.0)
    }

    /// The bytes, and what each of them is for; without `accounts` symbols of all tables are told
    /// together, which spares decoding them.
    pub(super) fn write(&self, accounts: bool) -> Result<(Vec<u8>, Tally), ImageError> {
        self.check()?;
        let mut out = BitWriter::default();
        let mut tally = Tally::default();
        self.write_head(&mut out, &mut tally);
        let mut context = Context::new(self, self.passes.len());
        let layers = self.pass_layers();
        // The pass before that has weights: reuse may go on for many.
        let mut owner: Option<&Pass> = None;
        for (i, pass) in self.passes.iter().enumerate() {
            let layer = Some(layers[i]);
            out.put_varint(pass.parameters);
            write_descriptor(&mut out, pass, &context);
            tally.upto(out.len(), Part::Descriptor, layer);
            if pass.reuse > 0 {
                tally.upto(out.len(), Part::Descriptor, layer);
                context.step(pass);
                continue;
            }
            for table in Table::ALL {
                let before = owner.map(|pass| pass.table(table));
                write_table(&mut out, pass.table(table), before);
                tally.upto(out.len(), Part::Table(table), layer);
            }
            owner = Some(pass);
            out.put(pass.codebook.len() as u32, SIZE_BITS);
            if pass.descriptor.hashed {
                let first: Vec<i16> = pass.codebook.iter().step_by(2).copied().collect();
                write_numbers(&mut out, &first);
            } else if !pass.codebook.is_empty() {
                write_codebook(&mut out, &pass.codebook, pass.table(Table::Code).lengths());
            }
            tally.upto(out.len(), Part::Codebook, layer);
            if !pass.descriptor.keep {
                let biases = pass.pes.iter().flat_map(|pe| pe.biases.iter().copied());
                write_numbers(&mut out, &biases.collect::<Vec<_>>());
                tally.upto(out.len(), Part::Biases, layer);
            }
            if let Some(filters) = &pass.filters {
                write_filters(&mut out, filters, pass.table(Table::Code));
                tally.upto(out.len(), Part::Symbols(Table::Code), layer);
                context.step(pass);
                continue;
            }
            for data in &pass.pes {
                write_bits(&mut out, &data.stream, data.bits);
            }
            match accounts {
                true => {
                    for decoded in pass.decoded() {
                        let bits = decoded?.bits;
                        for table in Table::ALL {
                            tally.add(bits[table as usize], Part::Symbols(table), layer);
                        }
                    }
                }
                // Streams count as anything.
                false => tally.upto(out.len(), Part::Symbols(Table::Code), layer),
            }
            context.step(pass);
        }
        let mut bytes = out.into_bytes();
        tally.upto(bytes.len() * 8, Part::Filling, None);
        let length = bytes.len() as u32;
        bytes[LENGTH_AT..CRC_AT].copy_from_slice(&length.to_le_bytes());
        let crc = crc(&bytes).to_le_bytes();
        bytes[CRC_AT..HEADER_BYTES].copy_from_slice(&crc);
        Ok((bytes, tally))
    }

    fn write_head(&self, out: &mut BitWriter, tally: &mut Tally) {
        out.put_bytes(&MAGIC);
        out.put_bytes(&[FORMAT_VERSION, self.num_pes as u8]);
        let widths = [self.act_bits, CODE_BITS, STEP_BITS];
        out.put_bytes(&widths.map(|width| width as u8));
        out.put_bytes(&[0; HEADER_BYTES - LENGTH_AT]);
        for size in [
            self.input.channels,
            self.input.height,
            self.input.width,
            self.outputs,
        ] {
            out.put_varint(size as u32);
        }
        out.put(u32::from(!self.frame.is_empty()), 1);
        if !self.frame.is_empty() {
            out.put(u32::from(self.frame.marked), 1);
            let pads = self.frame.pads;
            pads.into_iter().for_each(|pad| out.put_varint(pad as u32));
        }
        let head = match self.head {
            Head::Logits => 0,
            Head::Softmax => 1,
            Head::Sigmoid => 2,
            Head::LogSoftmax => 3,
        };
        out.put(head, HEAD_BITS);
        out.put_bytes(&self.logit_scale.to_le_bytes());
        self.write_runs(out);
        tally.upto(out.len(), Part::Header, None);
        write_text(out, &self.name);
        tally.upto(out.len(), Part::Name, None);
        out.put_varint(self.labels.len() as u32);
        self.labels.iter().for_each(|label| write_text(out, label));
        tally.upto(out.len(), Part::Labels, None);
        out.put_varint(self.provenance.len() as u32);
        for (key, value) in &self.provenance {
            write_text(out, key);
            write_text(out, value);
        }
        tally.upto(out.len(), Part::Provenance, None);
        map::write(out, self.input_map.as_deref(), self.input.len());
        tally.upto(out.len(), Part::InputMap, None);
    }
}

impl Image {
    /// The maps and the runs; for a resident image of the usual form only what differs.
    fn write_runs(&self, out: &mut BitWriter) {
        out.put_varint(self.passes.len() as u32);
        out.put_varint(self.maps[0].positions as u32);
        let usual = self.is_usual();
        out.put(u32::from(usual), 1);
        if usual {
            return out.put_varint(self.runs[0].entry_base.into());
        }
        out.put_varint(self.runs.len() as u32);
        out.put_varint(self.maps.len() as u32);
        for map in &self.maps[1..] {
            out.put_varint(map.positions as u32);
            out.put_varint(map.words as u32);
        }
        self.runs.iter().for_each(|run| write_run(out, run));
    }
}

fn write_run(out: &mut BitWriter, run: &Run) {
    out.put_varint(run.passes as u32);
    out.put_varint(run.entry_base.into());
    out.put_varint(run.first.into());
    out.put_varint(run.table_base.into());
    for transfers in [&run.writes, &run.reads] {
        out.put_varint(transfers.len() as u32);
        for t in transfers {
            let numbers = [t.map, t.position, t.positions, t.word, t.words];
            numbers.iter().for_each(|&n| out.put_varint(n as u32));
            out.put_varint(t.address.into());
        }
    }
}

fn write_text(out: &mut BitWriter, text: &str) {
    out.put_varint(text.len() as u32);
    out.put_bytes(text.as_bytes());
}

/// A table: one bit if it is that of the pass before; else the number of symbols, and whether lengths rise with them. If they do,
/// how many there are of each length; else each by its difference from the one before, where one without a code word is followed by how many
/// others follow it.
fn write_table(out: &mut BitWriter, code: &CodeLengths, before: Option<&CodeLengths>) {
    if let Some(before) = before {
        out.put(u32::from(code == before), 1);
        if code == before {
            return;
        }
    }
    let mut lengths = code.lengths();
    out.put(lengths.len() as u32, SIZE_BITS);
    let rising = rises(lengths);
    out.put(u32::from(rising), 1);
    if rising {
        for length in 1.. {
            if lengths.is_empty() {
                return;
            }
            let count = lengths.iter().take_while(|&&l| l == length).count();
            out.put_gamma(count as u32 + 1);
            lengths = &lengths[count..];
        }
    }
    let mut before = FIRST_LENGTH;
    while let [length, rest @ ..] = lengths {
        out.put_gamma(step_number(*length, before));
        lengths = rest;
        if *length == 0 {
            let zeros = rest.iter().take_while(|&&l| l == 0).count();
            out.put_gamma(zeros as u32 + 1);
            lengths = &rest[zeros..];
        } else {
            before = *length;
        }
    }
}

/// The length that the first one of a table is compared with.
pub(super) const FIRST_LENGTH: u8 = 4;

/// What stands for a symbol without a code word in the place of a difference of lengths.
pub(super) const NO_WORD: u32 = 4;

/// The number of a length behind `before`: differences 0, 1, -1, 2, -2 ... from 1 on, but for [`NO_WORD`].
fn step_number(length: u8, before: u8) -> u32 {
    if length == 0 {
        return NO_WORD;
    }
    let difference = i32::from(length) - i32::from(before);
    let number = match difference > 0 {
        true => 2 * difference.unsigned_abs(),
        false => 2 * difference.unsigned_abs() + 1,
    };
    number + u32::from(number >= NO_WORD)
}

/// Whether every symbol has a code word, none a shorter one than a symbol before it.
fn rises(lengths: &[u8]) -> bool {
    lengths.first() != Some(&0) && lengths.is_sorted()
}

/// Bits that the lengths of a code take in the file.
pub(crate) fn table_bits(code: &CodeLengths) -> u64 {
    let mut out = BitWriter::default();
    write_table(&mut out, code, None);
    out.len() as u64
}

/// Numbers: zero bits that all of them end with, bits that the rest takes, then each of them.
fn write_numbers(out: &mut BitWriter, numbers: &[i16]) {
    let (shift, width) = write_widths(out, numbers);
    numbers
        .iter()
        .for_each(|n| write_number(out, *n, shift, width));
}

fn write_widths(out: &mut BitWriter, numbers: &[i16]) -> (u32, u32) {
    let others = numbers.iter().filter(|n| **n != 0);
    let shift = others.map(|n| n.trailing_zeros()).min().unwrap_or(0);
    let widths = numbers.iter().map(|n| signed_bits(n >> shift));
    let width = widths.max().unwrap_or(0);
    out.put(shift, SHIFT_BITS);
    out.put(width, WIDTH_BITS);
    (shift, width)
}

fn write_number(out: &mut BitWriter, number: i16, shift: u32, width: u32) {
    let value = (number >> shift) as u16;
    out.put(u32::from(value) & ((1 << width) - 1), width);
}

/// The weights of a codebook: where those whose code words are equally long rise, all but the first of them by the distance from the one before.
fn write_codebook(out: &mut BitWriter, codebook: &[i16], lengths: &[u8]) {
    let follows = |code: usize| follows(lengths, code);
    let risen = |code: usize| (i32::from(codebook[code]) - i32::from(codebook[code - 1])) as u32;
    let mut pairs = (1..codebook.len()).filter(|&code| follows(code));
    let rising = pairs.all(|code| codebook[code] > codebook[code - 1]);
    let (shift, width) = write_widths(out, codebook);
    out.put(u32::from(rising), 1);
    if !rising {
        return codebook
            .iter()
            .for_each(|n| write_number(out, *n, shift, width));
    }
    let gaps = (1..codebook.len())
        .filter(|&code| follows(code))
        .map(|code| (risen(code) >> shift) - 1);
    let gaps: Vec<u32> = gaps.collect();
    let bits = |low: u32| -> u32 { gaps.iter().map(|gap| (gap >> low) + 1 + low).sum() };
    let low = (0..1 << LOW_BITS).min_by_key(|&low| bits(low)).unwrap_or(0);
    out.put(low, LOW_BITS);
    let mut gaps = gaps.into_iter();
    for (code, &weight) in codebook.iter().enumerate() {
        match follows(code) {
            true => out.put_rice(gaps.next().expect("one for each that follows"), low),
            false => write_number(out, weight, shift, width),
        }
    }
}

/// Whether the code word of `code` is as long as that of the code before.
pub(super) fn follows(lengths: &[u8], code: usize) -> bool {
    code > 0 && lengths.get(code) == lengths.get(code - 1)
}

/// Bits that a number takes in two's complement; none for zero.
fn signed_bits(value: i16) -> u32 {
    match value {
        0 => 0,
        _ => {
            17 - if value < 0 {
                value.leading_ones()
            } else {
                value.leading_zeros()
            }
        }
    }
}

fn write_filters(out: &mut BitWriter, filters: &Filters, code: &CodeLengths) {
    out.put_varint(filters.count as u32);
    let words = code.words();
    for weight in &filters.codes {
        out.put(u32::from(weight.is_some()), 1);
        let word = weight.and_then(|weight| words.get(usize::from(weight)).copied().flatten());
        if let Some((word, length)) = word {
            out.put(word.into(), length.into());
        }
    }
}

fn write_bits(out: &mut BitWriter, bytes: &[u8], bits: usize) {
    for (i, &byte) in bytes.iter().enumerate() {
        let width = (bits - 8 * i).min(8) as u32;
        out.put(u32::from(byte) >> (8 - width), width);
    }
}

fn write_descriptor(out: &mut BitWriter, pass: &Pass, context: &Context) {
    let mut mask = 0;
    let mut values = Vec::new();
    out.put(u32::from(pass.reuse > 0), 1);
    if pass.reuse > 0 {
        out.put_varint(pass.reuse as u32);
    }
    let mut d = pass.descriptor;
    let mut marks = predict::Marks {
        begins_layer: pass.begins_layer,
        repeats: pass.filters.is_some(),
    };
    let visited: Result<(), Infallible> =
        predict::fields(&mut d, &mut marks, context, |predicted, actual| {
            mask <<= 1;
            if predicted != usize::from(actual) {
                mask |= 1;
                values.push(usize::from(actual));
            }
            Ok(actual)
        });
    let Ok(()) = visited;
    out.put(mask, FIELDS);
    let mut number = |value: usize| out.put_varint(value as u32);
    values.into_iter().for_each(&mut number);
    let mut differs = |predicted: usize, actual: usize| {
        out.put(u32::from(predicted != actual), 1);
        if predicted != actual {
            out.put_varint(actual as u32);
        }
        Ok(actual)
    };
    if d.hashed {
        let visited: Result<(), Infallible> = predict::hashed(&mut d, context, &mut differs);
        let Ok(()) = visited;
    }
    if let Some(geometry) = &pass.geometry {
        let visited: Result<(), Infallible> =
            predict::geometry(&mut geometry.clone(), context, &mut differs);
        let Ok(()) = visited;
    }
}
