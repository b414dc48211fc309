//! The bit-exact forward pass: what the engine must compute from an image.

use crate::image::{Image, ImageError};
use std::fmt;
use thresh_regs::{BIAS_SHIFT, PassDescriptor, WIDE_BYTES};

/// An image, ready to run.
///
/// It keeps the activation memory as the engine does, so that the addresses of the image count;
/// weights are kept spread out over all PEs, a list of `(packed channel, weight)` for each column.
#[derive(Clone, Debug)]
pub struct Reference {
    image: Image,
    passes: Vec<Prepared>,
}

/// The decoded entries of a pass.
#[derive(Clone, Debug)]
struct Prepared {
    /// First entry of each column, and the end of the last.
    starts: Vec<usize>,
    /// Packed output channel and weight of each entry.
    entries: Vec<(u32, i32)>,
    /// Bias of each packed channel.
    biases: Vec<i32>,
}

/// What one inference gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outputs {
    /// The logits, position by position.
    pub logits: Vec<i32>,
    /// Values that each pass drains, in packed order: position, then channel, channels that fill up
    /// a row included. Empty for a pass that does not drain.
    pub acts: Vec<Vec<i32>>,
    /// Multiply-accumulates of each pass: stored entries met by non-zero activations, padding zeros
    /// included.
    pub macs: Vec<u64>,
}

/// The first value in which an engine differs from the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Index of the pass.
    pub pass: usize,
    /// Index of the layer.
    pub layer: usize,
    /// Position on the map.
    pub position: usize,
    /// Packed channel: row x num_pes + PE.
    pub channel: usize,
    /// The PE that computes it.
    pub pe: usize,
    /// What the reference says; `None` if it has fewer values.
    pub expected: Option<i32>,
    /// What was got; `None` if there are fewer values.
    pub got: Option<i32>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |value: Option<i32>| value.map_or("nothing".into(), |v| v.to_string());
        write!(
            f,
            "layer {} (pass {}), position {}, channel {} (PE {}): got {}, expected {}",
            self.layer,
            self.pass,
            self.position,
            self.channel,
            self.pe,
            value(self.got),
            value(self.expected)
        )
    }
}

impl Reference {
    /// Decodes the streams of `image`.
    ///
    /// # Errors
    /// If the image is not sound, see [`Image::check`].
    pub fn new(image: &Image) -> Result<Self, ImageError> {
        image.check()?;
        let passes = (0..image.passes.len()).map(|pass| Prepared::new(image, pass));
        Ok(Reference {
            image: image.clone(),
            passes: passes.collect::<Result<_, _>>()?,
        })
    }

    /// The image.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// Runs one input, `image.input.len()` bytes.
    ///
    /// # Errors
    /// If `input` has another length.
    pub fn run(&self, input: &[u8]) -> Result<Outputs, ImageError> {
        let image = &self.image;
        let bytes = image.input_bytes(input)?;
        let mut memory = vec![0; image.needs().activations * image.num_pes];
        memory[image.input_window()].copy_from_slice(&bytes);
        let mut outputs = Outputs {
            logits: Vec::new(),
            acts: Vec::new(),
            macs: Vec::new(),
        };
        let mut sums: Vec<i32> = Vec::new();
        for (i, (pass, prepared)) in image.passes.iter().zip(&self.passes).enumerate() {
            let d = &pass.descriptor;
            let channels = pass.channels();
            sums.resize(usize::from(d.positions) * channels, 0);
            let start = usize::from(d.in_base) * image.num_pes;
            let columns = pass.columns();
            let maps = memory[start..]
                .chunks_exact(columns)
                .zip(sums.chunks_exact_mut(channels));
            let macs = maps
                .map(|(acts, sums)| prepared.sweep(acts, d.in_signed, sums))
                .sum();
            outputs.macs.push(macs);
            if d.keep {
                outputs.acts.push(Vec::new());
                continue;
            }
            let biases = prepared.biases.iter().cycle();
            let values: Vec<i32> = sums
                .drain(..)
                .zip(biases)
                .map(|(sum, &bias)| drain(sum, bias, d))
                .collect();
            let window = &mut memory[image.output_window(i)];
            store(window, &values, d.out_wide, image.num_pes);
            outputs.acts.push(values);
        }
        outputs.logits = image.logits(&outputs.acts[outputs.acts.len() - 1]);
        Ok(outputs)
    }

    /// The first value of `got`, what an engine drained in `pass` in packed order, that differs
    /// from `outputs`. Walk the passes in order to find the first layer that differs.
    ///
    /// # Panics
    /// If there is no pass `pass`.
    pub fn explain_difference(
        &self,
        outputs: &Outputs,
        pass: usize,
        got: &[i32],
    ) -> Option<Difference> {
        let expected = &outputs.acts[pass];
        let length = expected.len().max(got.len());
        let index = (0..length).find(|&i| expected.get(i) != got.get(i))?;
        let channels = self.image.passes[pass].channels();
        Some(Difference {
            pass,
            layer: self.image.layer_of(pass),
            position: index / channels,
            channel: index % channels,
            pe: index % self.image.num_pes,
            expected: expected.get(index).copied(),
            got: got.get(index).copied(),
        })
    }
}

impl Prepared {
    fn new(image: &Image, index: usize) -> Result<Self, ImageError> {
        let pass = &image.passes[index];
        let mut columns = vec![Vec::new(); pass.columns()];
        let mut biases = vec![0; pass.channels()];
        for (pe, data) in pass.pes.iter().enumerate() {
            let decoded = pass.decode(pe).map_err(|e| e.in_pass(index))?;
            for (column, entries) in columns.iter_mut().zip(&decoded.columns) {
                let mut next_row = 0;
                for entry in entries {
                    let row = next_row + usize::from(entry.step);
                    let weight = pass.codebook[usize::from(entry.code)];
                    column.push(((row * image.num_pes + pe) as u32, i32::from(weight)));
                    next_row = row + 1;
                }
            }
            for (row, &bias) in data.biases.iter().enumerate() {
                biases[row * image.num_pes + pe] = i32::from(bias);
            }
        }
        let mut starts = vec![0];
        let mut entries = Vec::new();
        for column in columns {
            entries.extend(column);
            starts.push(entries.len());
        }
        Ok(Prepared {
            starts,
            entries,
            biases,
        })
    }

    /// Adds the products of one position's activations to its sums; gives their number.
    fn sweep(&self, acts: &[u8], signed: bool, sums: &mut [i32]) -> u64 {
        let mut macs = 0;
        for (channel, &byte) in acts.iter().enumerate().filter(|&(_, &byte)| byte != 0) {
            let act = if signed {
                i32::from(byte as i8)
            } else {
                i32::from(byte)
            };
            let column = &self.entries[self.starts[channel]..self.starts[channel + 1]];
            for &(to, weight) in column {
                let sum = &mut sums[to as usize];
                *sum = sum.wrapping_add(weight * act);
            }
            macs += column.len() as u64;
        }
        macs
    }
}

/// What an accumulator drains as.
fn drain(sum: i32, bias: i32, d: &PassDescriptor) -> i32 {
    let value = sum.wrapping_add(bias << BIAS_SHIFT);
    if d.out_wide {
        value
    } else {
        requantise(value, d.shift, d.relu)
    }
}

/// `value / 2^shift`, half rounded up, saturated to 0 to 255 with ReLU, to -128 to 127 without.
/// `shift` is 1 to 31.
pub fn requantise(value: i32, shift: u8, relu: bool) -> i32 {
    let (low, high) = if relu { (0, 255) } else { (-128, 127) };
    let rounded = ((i64::from(value) >> (shift - 1)) + 1) >> 1;
    rounded.clamp(low, high) as i32
}

/// Puts drained values where the engine does.
fn store(window: &mut [u8], values: &[i32], wide: bool, num_pes: usize) {
    if !wide {
        window
            .iter_mut()
            .zip(values)
            .for_each(|(byte, &value)| *byte = value as u8);
        return;
    }
    let accs = window
        .chunks_exact_mut(WIDE_BYTES * num_pes)
        .zip(values.chunks_exact(num_pes));
    for (bytes, values) in accs {
        for (pe, value) in values.iter().enumerate() {
            for (byte, part) in value.to_le_bytes().into_iter().enumerate() {
                bytes[byte * num_pes + pe] = part;
            }
        }
    }
}

impl Outputs {
    /// The output with the largest logit; the first of equals.
    pub fn argmax(&self) -> usize {
        argmax(&self.logits)
    }
}

/// Index of the largest value; the first of equals, 0 if there are none.
pub fn argmax<T: PartialOrd + Copy>(values: &[T]) -> usize {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = i;
        }
    }
    best
}

#[cfg(test)]
mod tests;
