//! Between the bytes of a user and those in the banks of the engine.

use super::{Image, ImageError, MapSize, Pass, Transfer};
use std::ops::Range;
use thresh_regs::WIDE_BYTES;

fn data_length(what: &'static str, got: usize, expected: usize) -> Result<(), ImageError> {
    match got == expected {
        true => Ok(()),
        false => Err(ImageError::DataLength {
            what,
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

    /// Bytes of a map.
    pub fn map_bytes(&self, map: usize) -> usize {
        let MapSize { positions, words } = self.maps[map];
        positions * words * self.num_pes
    }

    /// The bytes of the input map: the values that are used, position by position, with zeros that
    /// fill up the last bank word of each.
    ///
    /// # Errors
    /// If `input` has not `self.input.len()` bytes.
    pub fn input_bytes(&self, input: &[u8]) -> Result<Vec<u8>, ImageError> {
        let what = "an input has one byte for every value of the network's input shape";
        data_length(what, input.len(), self.input.len())?;
        let framed = self.frame.apply(self.input, input);
        let mut bytes = vec![0; self.map_bytes(0)];
        let words = self.maps[0].words * self.num_pes;
        match &self.input_map {
            Some(map) => {
                for (byte, &from) in bytes.iter_mut().zip(map) {
                    *byte = framed[from];
                }
            }
            None if words > 0 && self.input_channels() > 0 => {
                let positions = framed.chunks_exact(self.input_channels());
                for (packed, values) in bytes.chunks_exact_mut(words).zip(positions) {
                    packed[..values.len()].copy_from_slice(values);
                }
            }
            None => {}
        }
        Ok(bytes)
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
            words: usize::from(last.descriptor.rows) * last.output_bytes(),
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

    /// The parts of a map that a transfer means, in order: byte ranges of the map.
    pub fn parts<'a>(&self, transfer: &'a Transfer) -> impl Iterator<Item = Range<usize>> + 'a {
        let (words, pes) = (self.maps[transfer.map].words, self.num_pes);
        (transfer.position..transfer.position + transfer.positions).map(move |position| {
            let start = (position * words + transfer.word) * pes;
            start..start + transfer.words * pes
        })
    }

    /// The bytes of a transfer, out of its `map`.
    pub fn gather(&self, transfer: &Transfer, map: &[u8]) -> Vec<u8> {
        let parts = self.parts(transfer);
        parts.flat_map(|part| map[part].iter().copied()).collect()
    }

    /// Puts the bytes of a transfer into its `map`.
    pub fn scatter(&self, transfer: &Transfer, bytes: &[u8], map: &mut [u8]) {
        let length = transfer.words * self.num_pes;
        for (part, bytes) in self.parts(transfer).zip(bytes.chunks_exact(length.max(1))) {
            map[part].copy_from_slice(bytes);
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
        let words = usize::from(d.rows) * pass.output_bytes();
        let stride = words - 1 + usize::from(d.out_step);
        let start = usize::from(d.out_base);
        let word = |position: usize| (0..words).map(move |w| start + position * stride + w);
        (0..pass.drained()).flat_map(word).collect()
    }

    /// The values that a pass drained, in packed order: position, then channel, channels that fill
    /// up a row included. `bytes` are those of [`Image::output_window`].
    ///
    /// # Errors
    /// If `bytes` has another length than that window.
    pub fn output_values(&self, pass: usize, bytes: &[u8]) -> Result<Vec<i32>, ImageError> {
        let window = self.output_window(pass);
        data_length("the output window of a pass", bytes.len(), window.len())?;
        let d = &self.passes[pass].descriptor;
        let pes = self.num_pes;
        let first = usize::from(d.out_base);
        let words = self.output_words(pass).into_iter().map(|word| {
            let start = (word - first) * pes;
            &bytes[start..start + pes]
        });
        let all: Vec<u8> = words.flatten().copied().collect();
        Ok(self.passes[pass].values(&all, pes))
    }

    /// The logits, position by position, from the bytes of the last map.
    pub fn logits(&self, map: &[u8]) -> Vec<i32> {
        let words = self.maps[self.maps.len() - 1].words;
        let position = (words * self.num_pes).max(1);
        let Some(last) = self.passes.last() else {
            return Vec::new();
        };
        let logits = map.chunks_exact(position).flat_map(|bytes| {
            let values = last.values(bytes, self.num_pes);
            values.into_iter().take(self.outputs)
        });
        logits.collect()
    }
}

impl Pass {
    /// Bytes of a value that it drains.
    pub(super) fn output_bytes(&self) -> usize {
        match self.descriptor.out_wide {
            true => WIDE_BYTES,
            false => 1,
        }
    }

    /// The values that it drained as `bytes`.
    fn values(&self, bytes: &[u8], pes: usize) -> Vec<i32> {
        match (self.descriptor.out_wide, self.descriptor.relu) {
            (true, _) => wide_values(bytes, pes),
            (false, true) => bytes.iter().map(|&byte| i32::from(byte)).collect(),
            (false, false) => bytes.iter().map(|&byte| i32::from(byte as i8)).collect(),
        }
    }
}

/// Four bank words, lowest byte first, hold one value of each bank.
fn wide_values(bytes: &[u8], pes: usize) -> Vec<i32> {
    let value = |acc: &[u8], pe: usize| {
        i32::from_le_bytes(std::array::from_fn(|byte| acc[byte * pes + pe]))
    };
    let accs = bytes.chunks_exact(WIDE_BYTES * pes);
    accs.flat_map(|acc| (0..pes).map(move |pe| value(acc, pe)))
        .collect()
}
