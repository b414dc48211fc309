//! Between the bytes of a user and those in the banks of the engine.

use super::{Image, ImageError};
use std::ops::Range;
use thresh_regs::WIDE_BYTES;

impl Image {
    /// Number of channels at a position of the input as pass 0 sees it, before filling up.
    pub fn input_channels(&self) -> usize {
        match &self.input_map {
            Some(map) => map.len(),
            None => self.input.len() / self.input_positions().max(1),
        }
    }

    fn input_positions(&self) -> usize {
        self.passes
            .first()
            .map_or(1, |pass| usize::from(pass.descriptor.positions))
    }

    /// Where the input goes: indices of activations, as the activation window counts them.
    pub fn input_window(&self) -> Range<usize> {
        let Some(pass) = self.passes.first() else {
            return 0..0;
        };
        let start = usize::from(pass.descriptor.in_base) * self.num_pes;
        start..start + usize::from(pass.descriptor.positions) * pass.columns()
    }

    /// The bytes of [`Image::input_window`]: the values that are used, position by position, with
    /// zeros that fill up the last bank word of each.
    ///
    /// # Errors
    /// If `input` has not `self.input.len()` bytes.
    pub fn input_bytes(&self, input: &[u8]) -> Result<Vec<u8>, ImageError> {
        if input.len() != self.input.len() {
            let what = "an input has one byte for every value of the network's input shape";
            return Err(ImageError::DataLength {
                what,
                got: input.len(),
                expected: self.input.len(),
            });
        }
        let mut bytes = vec![0; self.input_window().len()];
        match (&self.input_map, self.passes.first()) {
            (Some(map), _) => {
                for (byte, &from) in bytes.iter_mut().zip(map) {
                    *byte = input[from];
                }
            }
            (None, Some(pass)) if pass.columns() > 0 && self.input_channels() > 0 => {
                let positions = input.chunks_exact(self.input_channels());
                for (packed, values) in bytes.chunks_exact_mut(pass.columns()).zip(positions) {
                    packed[..values.len()].copy_from_slice(values);
                }
            }
            _ => {}
        }
        Ok(bytes)
    }

    /// Where a pass drains to: indices of activations, as the activation window counts them. Empty
    /// for a pass that does not drain.
    pub fn output_window(&self, pass: usize) -> Range<usize> {
        let d = &self.passes[pass].descriptor;
        let start = usize::from(d.out_base) * self.num_pes;
        let words = match (d.keep, d.out_wide) {
            (true, _) => 0,
            (false, true) => usize::from(d.accs) * WIDE_BYTES,
            (false, false) => usize::from(d.accs),
        };
        start..start + words * self.num_pes
    }

    /// The values that a pass drained, in packed order: position, then channel, channels that fill
    /// up a row included. `bytes` are those of [`Image::output_window`].
    ///
    /// # Errors
    /// If `bytes` has another length than that window.
    pub fn output_values(&self, pass: usize, bytes: &[u8]) -> Result<Vec<i32>, ImageError> {
        let expected = self.output_window(pass).len();
        if bytes.len() != expected {
            let what = "the output window of a pass";
            return Err(ImageError::DataLength {
                what,
                got: bytes.len(),
                expected,
            });
        }
        let d = &self.passes[pass].descriptor;
        let pes = self.num_pes;
        Ok(if d.out_wide {
            let value = |acc: &[u8], pe: usize| {
                i32::from_le_bytes(std::array::from_fn(|byte| acc[byte * pes + pe]))
            };
            let accs = bytes.chunks_exact(WIDE_BYTES * pes);
            accs.flat_map(|acc| (0..pes).map(move |pe| value(acc, pe)))
                .collect()
        } else if d.relu {
            bytes.iter().map(|&byte| i32::from(byte)).collect()
        } else {
            bytes.iter().map(|&byte| i32::from(byte as i8)).collect()
        })
    }

    /// The logits, position by position, among the values of the last pass.
    pub fn logits(&self, values: &[i32]) -> Vec<i32> {
        let channels = self.passes.last().map_or(0, |pass| pass.channels()).max(1);
        values
            .chunks_exact(channels)
            .flat_map(|v| &v[..self.outputs.min(channels)])
            .copied()
            .collect()
    }
}
