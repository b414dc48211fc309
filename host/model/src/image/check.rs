//! Whether an image is sound: every number inside what an engine has, everything consistent.

use super::{Image, ImageError, Memory, Pass};
use crate::huffman::{CodeLengths, Decoder};
use crate::stream::{self, Decoded, Limits};
use thresh_regs::{
    ACTIVATION_WINDOW, CODEBOOK_WINDOW, DESCRIPTOR_WINDOW, DESCRIPTOR_WORDS, TABLE_SYMBOLS,
    WIDE_BYTES,
};

/// Words that 16-bit addresses reach.
pub(super) const ADDRESSES: usize = 1 << 16;

/// The most PEs of any engine.
const MAX_PES: usize = 64;

/// Words of a memory that no engine exceeds, since no address or window goes further.
pub(super) fn most(memory: Memory, num_pes: usize) -> usize {
    match memory {
        Memory::Activations => (ACTIVATION_WINDOW.bytes as usize / num_pes).min(ADDRESSES),
        Memory::WeightStore | Memory::Columns | Memory::Accumulators => ADDRESSES,
        Memory::Codebook => CODEBOOK_WINDOW.bytes as usize / 4,
        Memory::Passes => DESCRIPTOR_WINDOW.bytes as usize / 4 / DESCRIPTOR_WORDS,
    }
}

fn at_most(what: &'static str, got: usize, most: usize) -> Result<(), ImageError> {
    if got > most {
        return Err(ImageError::value(
            what,
            got as i64,
            format!("at most {most}"),
        ));
    }
    Ok(())
}

pub(super) fn equal(what: &'static str, got: usize, expected: usize) -> Result<(), ImageError> {
    if got != expected {
        return Err(ImageError::value(what, got as i64, expected));
    }
    Ok(())
}

/// Checks the number of PEs.
pub(super) fn pes(num_pes: usize) -> Result<(), ImageError> {
    if !num_pes.is_power_of_two() || num_pes > MAX_PES {
        let expected = format!("a power of two up to {MAX_PES}");
        return Err(ImageError::value("number of PEs", num_pes as i64, expected));
    }
    Ok(())
}

/// Checks the number of passes.
pub(super) fn passes(count: usize) -> Result<(), ImageError> {
    if count == 0 {
        return Err(ImageError::value("number of passes", 0, "at least 1"));
    }
    at_most("number of passes", count, most(Memory::Passes, 1))
}

/// Checks the network's input shape and what of it is sent.
pub(super) fn input(image: &Image) -> Result<(), ImageError> {
    let shape = image.input;
    let len = [shape.height, shape.width]
        .into_iter()
        .try_fold(shape.channels, |len, size| len.checked_mul(size))
        .unwrap_or(usize::MAX);
    if len == 0 {
        return Err(ImageError::value("number of input values", 0, "at least 1"));
    }
    at_most(
        "number of input values",
        len,
        ACTIVATION_WINDOW.bytes as usize,
    )?;
    let sound = |map: &Vec<usize>| {
        let rises = map.is_sorted_by(|a, b| a < b);
        rises && map.len() < len && map.last().is_some_and(|&last| last < len)
    };
    if let Some(map) = image.input_map.as_ref().filter(|map| !sound(map)) {
        let expected = format!("some, not all, of 0 to {}, rising", len - 1);
        return Err(ImageError::value(
            "length of the input map",
            map.len() as i64,
            expected,
        ));
    }
    Ok(())
}

/// Checks one descriptor for itself: what bounds the sizes of everything else in the pass.
pub(super) fn descriptor(image: &Image, pass: &Pass) -> Result<(), ImageError> {
    let d = &pass.descriptor;
    if let Err((field, got)) = d.to_words() {
        let expected = format!("less than {}", 1u64 << field.width);
        return Err(ImageError::value(field.name, got, expected));
    }
    for (what, value) in [
        ("groups", d.groups),
        ("positions", d.positions),
        ("rows", d.rows),
    ] {
        if value == 0 {
            return Err(ImageError::value(what, 0, "at least 1"));
        }
    }
    if d.shift == 0 {
        return Err(ImageError::value("shift", 0, "1 to 31"));
    }
    equal(
        "accs",
        d.accs.into(),
        usize::from(d.rows) * usize::from(d.positions),
    )?;
    let most_activations = most(Memory::Activations, image.num_pes);
    let inputs = usize::from(d.groups) * usize::from(d.positions);
    at_most(
        "end of the input window",
        usize::from(d.in_base) + inputs,
        most_activations,
    )?;
    if !d.keep {
        let outputs = usize::from(d.accs) * if d.out_wide { WIDE_BYTES } else { 1 };
        at_most(
            "end of the output window",
            usize::from(d.out_base) + outputs,
            most_activations,
        )?;
        at_most(
            "end of the biases",
            usize::from(d.bias_base) + usize::from(d.rows),
            ADDRESSES,
        )?;
    }
    let columns = usize::from(d.groups) * image.num_pes;
    at_most(
        "end of the column pointers",
        usize::from(d.col_base) + columns + 1,
        ADDRESSES,
    )
}

/// The decoders of a pass's tables.
pub(super) fn decoders(tables: &[CodeLengths; 3]) -> [Decoder; 3] {
    tables.each_ref().map(Decoder::new)
}

impl Pass {
    /// Decodes the stream of one PE.
    ///
    /// # Errors
    /// If it is malformed.
    ///
    /// # Panics
    /// If there is no PE `pe`.
    pub fn decode(&self, pe: usize) -> Result<Decoded, ImageError> {
        let data = &self.pes[pe];
        let limits = self.limits(pe);
        let decoded = stream::decode(&data.stream, data.bits, &decoders(&self.tables), limits);
        decoded.map_err(|source| ImageError::Stream { pe, source })
    }

    pub(super) fn limits(&self, pe: usize) -> Limits {
        Limits {
            columns: self.columns(),
            rows: self.descriptor.rows.into(),
            codes: self.codebook.len(),
            entries: ADDRESSES - usize::from(self.pes[pe].entry_address),
        }
    }

    fn check(&self, num_pes: usize) -> Result<(), ImageError> {
        equal("number of PEs", self.pes.len(), num_pes)?;
        let d = &self.descriptor;
        at_most("number of codes", self.codebook.len(), TABLE_SYMBOLS)?;
        let codebook_end = usize::from(d.codebook_base) + self.codebook.len();
        at_most(
            "end of the codebook",
            codebook_end,
            most(Memory::Codebook, num_pes),
        )?;
        let rows = if d.keep { 0 } else { usize::from(d.rows) };
        for (pe, data) in self.pes.iter().enumerate() {
            equal("number of biases", data.biases.len(), rows)?;
            let decoded = self.decode(pe)?;
            equal(
                "length of a stream in bits",
                data.bits,
                decoded.bits.iter().sum(),
            )?;
            equal(
                "length of a stream in bytes",
                data.stream.len(),
                data.bits.div_ceil(8),
            )?;
            let last = data.stream.last().copied().unwrap_or(0);
            let filling = if data.bits.is_multiple_of(8) {
                0
            } else {
                last & 0xff >> (data.bits % 8)
            };
            equal("bits after a stream's end", filling.into(), 0)?;
            equal("number of entries", data.entries, decoded.entries())?;
        }
        Ok(())
    }
}

impl Image {
    /// Checks everything that [`Image::from_bytes`] promises of an image.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn check(&self) -> Result<(), ImageError> {
        pes(self.num_pes)?;
        passes(self.passes.len())?;
        input(self)?;
        for (i, pass) in self.passes.iter().enumerate() {
            descriptor(self, pass)
                .and_then(|()| pass.check(self.num_pes))
                .map_err(|e| e.in_pass(i))?;
        }
        self.check_texts()?;
        self.check_flow()?;
        self.check_store()
    }

    fn check_texts(&self) -> Result<(), ImageError> {
        let numerals = self
            .labels
            .iter()
            .enumerate()
            .all(|(i, label)| *label == i.to_string());
        if !self.labels.is_empty() && (self.labels.len() != self.outputs || numerals) {
            let expected = format!("{}, or none if they are just numbers", self.outputs);
            return Err(ImageError::value(
                "number of labels",
                self.labels.len() as i64,
                expected,
            ));
        }
        if !self.logit_scale.is_finite() || self.logit_scale <= 0.0 {
            let bits = self.logit_scale.to_bits();
            return Err(ImageError::value(
                "logit scale (bits of a float)",
                bits,
                "above 0, finite",
            ));
        }
        Ok(())
    }
}
