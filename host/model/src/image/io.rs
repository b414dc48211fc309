//! Between the bytes of a user and the activations in the banks of the engine.

use super::{Image, ImageError, MapSize, Pass, Transfer};
use std::ops::Range;
use thresh_regs::acts_per_word;

fn data_length(
    what: &'static str,
    unit: &'static str,
    got: usize,
    expected: usize,
) -> Result<(), ImageError> {
    match got == expected {
        true => Ok(()),
        false => Err(ImageError::DataLength {
            what,
            unit,
            got,
            expected,
        }),
    }
}

impl Image {
    /// Number of channels at a position of the input map, before filling up.
    pub fn input_channels(&self) -> usize {
        match &self.input_map {
            Some(map) => map.len(),
            None => self.frame.around(self.input).len() / self.maps[0].positions.max(1),
        }
    }

    /// Activations of a map.
    pub fn map_acts(&self, map: usize) -> usize {
        let MapSize { positions, words } = self.maps[map];
        positions * words * self.num_pes
    }

    /// The activations of the input map: the values that are used, position by position, with zeros that
    /// fill up the last bank word of each.
    ///
    /// # Errors
    /// If `input` has not `self.input.len()` bytes.
    pub fn input_acts(&self, input: &[u8]) -> Result<Vec<u16>, ImageError> {
        let what = "an input has one byte for every value of the network's input shape";
        data_length(what, "bytes", input.len(), self.input.len())?;
        let framed = self.frame.apply(self.input, input);
        let mut acts = vec![0; self.map_acts(0)];
        let words = self.maps[0].words * self.num_pes;
        match &self.input_map {
            Some(map) => {
                for (act, &from) in acts.iter_mut().zip(map) {
                    *act = framed[from].into();
                }
            }
            None if words > 0 && self.input_channels() > 0 => {
                let positions = framed.chunks_exact(self.input_channels());
                for (packed, values) in acts.chunks_exact_mut(words).zip(positions) {
                    let values = values.iter().map(|&value| value.into());
                    packed
                        .iter_mut()
                        .zip(values)
                        .for_each(|(to, value)| *to = value);
                }
            }
            None => {}
        }
        Ok(acts)
    }

    /// Sets what a resident image of the usual form reads and writes: the whole input map to where the
    /// first pass reads, and the whole output map from where the last pass drains to.
    pub fn make_usual(&mut self) {
        let [run] = &mut self.runs[..] else { return };
        let (Some(first), Some(last)) = (self.passes.first(), self.passes.last()) else {
            return;
        };
        let whole = |map: usize, size: MapSize, address: u16| Transfer {
            map,
            position: 0,
            positions: size.positions,
            word: 0,
            words: size.words,
            address,
        };
        let output = MapSize {
            positions: last.drained(),
            words: usize::from(last.descriptor.rows) * last.descriptor.value_words(self.act_bits),
        };
        (run.first, run.table_base) = (0, 0);
        run.writes = vec![whole(0, self.maps[0], first.descriptor.in_base)];
        run.reads = vec![whole(1, output, last.descriptor.out_base)];
        self.maps.truncate(1);
        self.maps.push(output);
    }

    /// Whether reads and writes are as [`Image::make_usual`] makes them.
    pub(super) fn is_usual(&self) -> bool {
        let mut usual = self.clone_descriptors();
        usual.maps.clone_from(&self.maps);
        usual.make_usual();
        self.is_resident() && usual.runs == self.runs && usual.maps == self.maps
    }

    /// Where a transfer lies: indices of activations, as the activation window counts them.
    pub fn window(&self, transfer: &Transfer) -> Range<usize> {
        let start = usize::from(transfer.address) * self.num_pes;
        start..start + transfer.positions * transfer.words * self.num_pes
    }

    /// Bytes of the activations of a transfer.
    pub fn transfer_bytes(&self, transfer: &Transfer) -> usize {
        self.window(transfer).len() * self.act_bits as usize / 8
    }

    /// The parts of a map that a transfer means, in order: ranges of its activations.
    pub fn parts<'a>(&self, transfer: &'a Transfer) -> impl Iterator<Item = Range<usize>> + 'a {
        let (words, pes) = (self.maps[transfer.map].words, self.num_pes);
        (transfer.position..transfer.position + transfer.positions).map(move |position| {
            let start = (position * words + transfer.word) * pes;
            start..start + transfer.words * pes
        })
    }

    /// The activations of a transfer, out of its `map`.
    pub fn gather(&self, transfer: &Transfer, map: &[u16]) -> Vec<u16> {
        let parts = self.parts(transfer);
        parts.flat_map(|part| map[part].iter().copied()).collect()
    }

    /// Puts the activations of a transfer into its `map`.
    pub fn scatter(&self, transfer: &Transfer, acts: &[u16], map: &mut [u16]) {
        let length = transfer.words * self.num_pes;
        for (part, acts) in self.parts(transfer).zip(acts.chunks_exact(length.max(1))) {
            map[part].copy_from_slice(acts);
        }
    }

    /// Where a pass drains to: the smallest range of activations, as the activation window counts
    /// them, that holds it. Empty for a pass that does not drain.
    pub fn output_window(&self, pass: usize) -> Range<usize> {
        let start = usize::from(self.passes[pass].descriptor.out_base) * self.num_pes;
        let words = self.output_words(pass);
        let end = words.last().map_or(start, |word| (word + 1) * self.num_pes);
        start..end
    }

    /// The bank addresses that a pass drains to, in order.
    pub(super) fn output_words(&self, pass: usize) -> Vec<usize> {
        let pass = &self.passes[pass];
        let d = &pass.descriptor;
        if d.keep {
            return Vec::new();
        }
        let words = usize::from(d.rows) * d.value_words(self.act_bits);
        let stride = words - 1 + usize::from(d.out_step);
        let start = usize::from(d.out_base);
        let word = |position: usize| (0..words).map(move |w| start + position * stride + w);
        (0..pass.drained()).flat_map(word).collect()
    }

    /// The values that a pass drained, in packed order: position, then channel, channels that fill
    /// up a row included. `acts` are those of [`Image::output_window`].
    ///
    /// # Errors
    /// If `acts` has another length than that window.
    pub fn output_values(&self, pass: usize, acts: &[u16]) -> Result<Vec<i32>, ImageError> {
        let window = self.output_window(pass);
        let what = "the output window of a pass";
        data_length(what, "activations", acts.len(), window.len())?;
        let d = &self.passes[pass].descriptor;
        let pes = self.num_pes;
        let first = usize::from(d.out_base);
        let words = self.output_words(pass).into_iter().map(|word| {
            let start = (word - first) * pes;
            &acts[start..start + pes]
        });
        let all: Vec<u16> = words.flatten().copied().collect();
        Ok(self.values(&self.passes[pass], &all))
    }

    /// The logits, position by position, from the activations of the last map.
    pub fn logits(&self, map: &[u16]) -> Vec<i32> {
        let words = self.maps[self.maps.len() - 1].words;
        let position = (words * self.num_pes).max(1);
        let Some(last) = self.passes.last() else {
            return Vec::new();
        };
        let logits = map.chunks_exact(position).flat_map(|acts| {
            let values = self.values(last, acts);
            values.into_iter().take(self.outputs)
        });
        logits.collect()
    }

    /// What an activation means.
    pub(crate) fn value(&self, act: u16, signed: bool) -> i32 {
        let unused = 32 - self.act_bits;
        match signed {
            true => (i32::from(act) << unused) >> unused,
            false => i32::from(act),
        }
    }

    /// The values that `pass` drained as `acts`.
    fn values(&self, pass: &Pass, acts: &[u16]) -> Vec<i32> {
        if pass.descriptor.out_wide {
            return self.wide_values(acts);
        }
        let signed = !pass.descriptor.relu;
        acts.iter().map(|&act| self.value(act, signed)).collect()
    }

    /// Bank words that together have 32 bits, lowest first, hold one value of each bank.
    fn wide_values(&self, acts: &[u16]) -> Vec<i32> {
        let (pes, parts) = (self.num_pes, acts_per_word(self.act_bits));
        let value = |acc: &[u16], pe: usize| {
            let part =
                |part: usize| u32::from(acc[part * pes + pe]) << (part as u32 * self.act_bits);
            (0..parts).map(part).fold(0, |value, part| value | part) as i32
        };
        let accs = acts.chunks_exact(parts * pes);
        accs.flat_map(|acc| (0..pes).map(move |pe| value(acc, pe)))
            .collect()
    }
}
