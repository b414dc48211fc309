//! Whether an image is sound: every number inside what an engine has, everything consistent.

use super::{Image, ImageError, Memory, Pass, geometry, hashed, repeated};
use crate::huffman::{CodeLengths, Decoder};
use crate::stream::{self, Decoded, Entry, Limits};
use thresh_regs::{
    ACT_BITS, ACTIVATION_WINDOW, CODE_BITS, CODEBOOK_WINDOW, DESCRIPTOR_WINDOW, DESCRIPTOR_WORDS,
    PassDescriptor, STEP_BITS, TABLE_SYMBOLS, acts_per_word,
};

/// Words that 16-bit addresses reach.
pub(super) const ADDRESSES: usize = 1 << 16;

/// The most PEs of any engine.
pub const MAX_PES: usize = 64;

/// Words of a memory that no engine exceeds, since no address or window goes further.
pub(super) fn most(memory: Memory, image: &Image) -> usize {
    match memory {
        Memory::Activations => {
            let words = ACTIVATION_WINDOW.bytes as usize / 4;
            (words * acts_per_word(image.act_bits) / image.num_pes).min(ADDRESSES)
        }
        Memory::WeightStore | Memory::Columns | Memory::Accumulators => ADDRESSES,
        Memory::Codebook => CODEBOOK_WINDOW.bytes as usize / 4,
        Memory::Passes => DESCRIPTOR_WINDOW.bytes as usize / 4 / DESCRIPTOR_WORDS,
        Memory::Tables => geometry::MOST_WORDS,
        Memory::Rows => 1 << 16,
    }
}

/// The widths that the header states, of activations, codes and row steps: an image never meets an
/// engine of others.
pub(super) fn widths([act_bits, code_bits, step_bits]: [u8; 3]) -> Result<(), ImageError> {
    const {
        assert!(CODE_BITS == 8 && STEP_BITS == 8 && ACT_BITS[0] == 8 && ACT_BITS[1] == 16);
    };
    let known = ACT_BITS.contains(&act_bits.into());
    for (what, got, sound, expected) in [
        ("activations", act_bits, known, "8 or 16"),
        ("codes", code_bits, code_bits == 8, "8"),
        ("row steps", step_bits, step_bits == 8, "8"),
    ] {
        if !sound {
            return Err(ImageError::Widths {
                what,
                got,
                expected,
            });
        }
    }
    Ok(())
}

pub(super) fn at_most(what: &'static str, got: usize, most: usize) -> Result<(), ImageError> {
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
    at_most("number of passes", count, MOST_PASSES)
}

/// Passes of an image, over all its runs, and host maps and transfers: more is no network of ours.
pub(super) const MOST_PASSES: usize = 1 << 20;
/// Twice what VGG-19 without pruning takes on sixteen PEs.
const MOST_POINTERS: usize = 1 << 30;
/// Half a gigabyte in [`Image::check`].
const MOST_ROWS: usize = 1 << 26;

/// The largest number of values of a map that the host keeps.
const MOST_MAP: usize = 1 << 28;

/// Checks the runs, and that there are maps.
pub(super) fn runs(image: &Image) -> Result<(), ImageError> {
    let mut sum = 0usize;
    for run in &image.runs {
        if run.passes == 0 {
            return Err(ImageError::value("passes of a run", 0, "at least 1"));
        }
        at_most(
            "end of the descriptors of a run",
            run.passes.saturating_add(run.first.into()),
            most(Memory::Passes, image),
        )?;
        sum += run.passes;
    }
    equal("passes of all runs", sum, image.passes.len())?;
    if image.maps.len() < 2 {
        let expected = "at least 2: inputs and outputs";
        return Err(ImageError::value(
            "number of maps",
            image.maps.len(),
            expected,
        ));
    }
    for map in &image.maps {
        let words = map.positions.checked_mul(map.words);
        let acts = words.and_then(|words| words.checked_mul(image.num_pes));
        if acts.is_none_or(|acts| acts == 0 || acts > MOST_MAP) {
            let expected = format!("1 to {MOST_MAP}");
            return Err(ImageError::value(
                "activations of a map",
                acts.unwrap_or(usize::MAX),
                expected,
            ));
        }
    }
    Ok(())
}

/// Checks the network's input shape and what of it is sent.
pub(super) fn input(image: &Image) -> Result<(), ImageError> {
    let sides = [image.input.channels, image.input.height, image.input.width];
    let pads = image.frame.pads;
    for side in sides.into_iter().chain(pads) {
        at_most("a side of the input", side, MOST_MAP)?;
    }
    let product = |sides: [usize; 3]| {
        let product = sides.into_iter().try_fold(1usize, usize::checked_mul);
        product.unwrap_or(usize::MAX)
    };
    let framed = image.frame.around(image.input);
    let len = product(sides);
    let framed = product([framed.channels, framed.height, framed.width]);
    at_most("number of input values with the frame", framed, MOST_MAP)?;
    if len == 0 {
        return Err(ImageError::value("number of input values", 0, "at least 1"));
    }
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
        ("rows", d.rows),
        ("out_step", d.out_step),
    ] {
        if value == 0 {
            return Err(ImageError::value(what, 0, "at least 1"));
        }
    }
    if d.shift == 0 {
        return Err(ImageError::value("shift", 0, "1 to 31"));
    }
    let rows = usize::from(d.rows);
    equal("map", d.map.into(), pass.geometry.is_some().into())?;
    match &pass.geometry {
        Some(g) => {
            geometry::check(g)?;
            let groups = g.channels.div_ceil(image.num_pes);
            equal("groups", d.groups.into(), groups)?;
            if d.in_step == 0 {
                return Err(ImageError::value("in_step", 0, "at least 1"));
            }
            if d.pool && d.out_wide {
                return Err(ImageError::value("out_wide", 1, "0 in a pass that pools"));
            }
            at_most(
                "rows of a kernel row",
                rows.saturating_mul(g.taps()),
                ADDRESSES,
            )?;
        }
        None => {
            let plain = PassDescriptor {
                last: d.last,
                relu: d.relu,
                in_signed: d.in_signed,
                out_wide: d.out_wide,
                keep: d.keep,
                shift: d.shift,
                in_base: d.in_base,
                out_base: d.out_base,
                col_base: d.col_base,
                bias_base: d.bias_base,
                groups: d.groups,
                out_step: 1,
                rows: d.rows,
                accs: d.accs,
                codebook_base: d.codebook_base,
                hashed: d.hashed,
                hash_lanes: d.hash_lanes,
                hash_length: d.hash_length,
                hash_pool: d.hash_pool,
                hash_rows: d.hash_rows,
                hash_mask: d.hash_mask,
                ..PassDescriptor::default()
            };
            if *d != plain {
                let expected = "zero, and out_step 1, in a pass without a map";
                return Err(ImageError::value("a field of a map", 1, expected));
            }
        }
    }
    hashed::descriptor(image, pass)?;
    let accs = rows.saturating_mul(pass.positions());
    equal("accs", d.accs.into(), accs)?;
    let most_activations = most(Memory::Activations, image);
    let (positions, stride) = match &pass.geometry {
        Some(g) => (
            g.input[0].saturating_mul(g.input[1]),
            usize::from(d.groups) - 1 + usize::from(d.in_step),
        ),
        None => (1, 0),
    };
    let inputs = (positions - 1)
        .saturating_mul(stride)
        .saturating_add(d.groups.into());
    at_most(
        "end of the input window",
        usize::from(d.in_base).saturating_add(inputs),
        most_activations,
    )?;
    if !d.keep {
        let words = rows * d.value_words(image.act_bits);
        let stride = words - 1 + usize::from(d.out_step);
        let outputs = (pass.drained() - 1)
            .saturating_mul(stride)
            .saturating_add(words);
        at_most(
            "end of the output window",
            usize::from(d.out_base).saturating_add(outputs),
            most_activations,
        )?;
        at_most(
            "end of the biases",
            usize::from(d.bias_base) + rows,
            ADDRESSES,
        )?;
    }
    at_most(
        "end of the column pointers",
        usize::from(pass.pointer_base()).saturating_add(pass.pointers()),
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
        self.decode_with(&decoders(&self.tables), pe)
    }

    /// The streams of all PEs, decoded, in order.
    pub(crate) fn decoded(&self) -> impl Iterator<Item = Result<Decoded, ImageError>> + '_ {
        let decoders = decoders(&self.tables);
        (0..self.pes.len()).map(move |pe| self.decode_with(&decoders, pe))
    }

    fn decode_with(&self, decoders: &[Decoder; 3], pe: usize) -> Result<Decoded, ImageError> {
        let data = &self.pes[pe];
        if self.reuse > 0 {
            return Ok(Decoded::default());
        }
        let decoded = stream::decode(&data.stream, data.bits, decoders, self.limits(pe));
        decoded.map_err(|source| ImageError::Stream { pe, source })
    }

    pub(super) fn limits(&self, pe: usize) -> Limits {
        Limits {
            columns: self.loaded_columns(),
            rows: self.loaded_rows() * self.segments(),
            codes: self.codebook.len(),
            entries: ADDRESSES - usize::from(self.pes[pe].entry_address),
        }
    }

    /// Gives the PEs that have an entry or a bias, by row: none for a pass without weights of its own.
    fn check(&self, image: &Image) -> Result<Vec<u64>, ImageError> {
        equal("number of PEs", self.pes.len(), image.num_pes)?;
        let d = &self.descriptor;
        at_most("number of codes", self.codebook.len(), TABLE_SYMBOLS)?;
        let codebook_end = usize::from(d.codebook_base) + self.codebook.len();
        at_most(
            "end of the codebook",
            codebook_end,
            most(Memory::Codebook, image),
        )?;
        let own = self.reuse == 0;
        let rows = if d.keep || !own {
            0
        } else {
            usize::from(d.rows)
        };
        let mut live = vec![0; if own { d.rows.into() } else { 0 }];
        for (pe, (data, decoded)) in self.pes.iter().zip(self.decoded()).enumerate() {
            equal("number of biases", data.biases.len(), rows)?;
            let decoded = decoded?;
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
            if own && d.hashed {
                hashed::pool(self, &decoded)?;
                live[..self.hashed_rows(pe)]
                    .iter_mut()
                    .for_each(|live| *live |= 1 << pe);
            }
            if own {
                let columns = if d.hashed { &[] } else { &decoded.columns[..] };
                add_live(&mut live, pe, columns, &self.codebook, &data.biases);
            }
        }
        Ok(live)
    }
}

/// Adds PE `pe` to the rows in which it has a weight or a bias. Padding zeros may lie in any row.
fn add_live(live: &mut [u64], pe: usize, columns: &[Vec<Entry>], codebook: &[i16], biases: &[i16]) {
    for column in columns {
        let mut next = 0;
        for entry in column {
            let row = next + usize::from(entry.step);
            let weight = codebook.get(usize::from(entry.code));
            live[row % live.len()] |= u64::from(weight != Some(&0)) << pe;
            next = row + 1;
        }
    }
    for (live, &bias) in live.iter_mut().zip(biases) {
        *live |= u64::from(bias != 0) << pe;
    }
}

/// What the passes of an image make its reader do, beside what its bytes do: symbols without bits cost nothing in the file.
#[derive(Default)]
pub(super) struct Volume {
    pointers: usize,
    rows: usize,
}

impl Volume {
    /// Counts a pass.
    pub fn add(&mut self, pass: &Pass) -> Result<(), ImageError> {
        if pass.reuse == 0 {
            self.pointers += pass.pointers() * pass.pes.len();
            self.rows += usize::from(pass.descriptor.rows);
        }
        at_most(
            "column pointers of all passes",
            self.pointers,
            MOST_POINTERS,
        )?;
        at_most("rows of all passes", self.rows, MOST_ROWS)
    }
}

impl Image {
    /// Checks everything that [`Image::from_bytes`] promises of an image.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn check(&self) -> Result<(), ImageError> {
        pes(self.num_pes)?;
        let act_bits = u8::try_from(self.act_bits).unwrap_or(u8::MAX);
        widths([act_bits, CODE_BITS as u8, STEP_BITS as u8])?;
        passes(self.passes.len())?;
        runs(self)?;
        input(self)?;
        let mut live = Vec::new();
        let mut volume = Volume::default();
        for (i, pass) in self.passes.iter().enumerate() {
            volume.add(pass).map_err(|e| e.in_pass(i))?;
            let lanes = descriptor(self, pass).and_then(|()| pass.check(self));
            repeated::check(pass).map_err(|e| e.in_pass(i))?;
            live.push(lanes.map_err(|e| e.in_pass(i))?);
        }
        let runs: Vec<usize> = (self.runs.iter().enumerate())
            .flat_map(|(i, run)| std::iter::repeat_n(i, run.passes))
            .collect();
        let reuse = |i| self.check_reuse(i, &runs).map_err(|e| e.in_pass(i));
        (0..self.passes.len()).try_for_each(reuse)?;
        self.check_texts()?;
        self.check_tables()?;
        self.check_flow(&live)?;
        self.check_store()
    }

    /// Whether the weights that a pass reuses are there, and are of its shape; `runs` is the run of every
    /// pass.
    fn check_reuse(&self, i: usize, runs: &[usize]) -> Result<(), ImageError> {
        let pass = &self.passes[i];
        if pass.reuse == 0 {
            return Ok(());
        }
        let wrong = |expected| ImageError::value("reuse", pass.reuse, expected);
        let source = i.checked_sub(pass.reuse).map(|source| &self.passes[source]);
        let source = source.ok_or_else(|| wrong("0, or the distance to a pass before it"))?;
        if source.reuse > 0
            || !pass.codebook.is_empty()
            || pass.tables != <[CodeLengths; 3]>::default()
        {
            return Err(wrong(
                "the distance to a pass with weights, and none of its own",
            ));
        }
        // In another run only what was loaded last is still there.
        let between = &self.passes[i - pass.reuse + 1..i];
        let same = |(k, between): (usize, &Pass)| between.reuse == k + 1;
        if runs[i - pass.reuse] != runs[i] && !between.iter().enumerate().all(same) {
            return Err(wrong("the distance to the pass that was loaded last"));
        }
        let shape = |pass: &Pass| {
            let d = &pass.descriptor;
            let addresses = [d.rows, d.col_base, d.bias_base, d.codebook_base].map(usize::from);
            let biases = d.keep;
            (
                (d.hashed, hashed::fields(d)),
                addresses,
                pass.columns(),
                pass.segments(),
                pass.taps(),
                biases,
            )
        };
        let order = |pass: &Pass| {
            let g = pass.geometry.as_ref();
            g.map(|g| {
                (0..g.kernel.size()[1])
                    .map(|kx| g.segment(0, kx))
                    .collect::<Vec<_>>()
            })
        };
        if shape(pass) != shape(source) || order(pass) != order(source) {
            return Err(wrong(
                "the distance to a pass of the same shape and addresses",
            ));
        }
        Ok(())
    }

    fn check_texts(&self) -> Result<(), ImageError> {
        let numerals = self
            .labels
            .iter()
            .enumerate()
            .all(|(i, label)| *label == i.to_string());
        let classes = self.head.classes(self.outputs);
        if !self.labels.is_empty() && (self.labels.len() != classes || numerals) {
            let expected = format!("{classes}, or none if they are just numbers");
            return Err(ImageError::value(
                "number of labels",
                self.labels.len() as i64,
                expected,
            ));
        }
        if !self.passes[0].begins_layer {
            return Err(ImageError::value("begins_layer", 0, 1).in_pass(0));
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
