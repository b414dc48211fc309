//! The bit-exact forward pass: what the engine must compute from an image.

use crate::geometry::Geometry;
use crate::image::{Image, ImageError, Pass, PeData};
use std::fmt;
use thresh_regs::{PassDescriptor, bias_shift};

/// An image, ready to run.
///
/// It keeps the activation memory as the engine does, so that the addresses of the image count;
/// weights are kept spread out over all PEs, a list of `(packed channel, weight)` for each column.
#[derive(Clone, Debug)]
pub struct Reference {
    image: Image,
    /// Of every pass, if the image stays loaded; what is loaded pass by pass may be too large to keep, and is
    /// decoded when it is due.
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
        let kept = if image.is_resident() {
            0..image.passes.len()
        } else {
            0..0
        };
        let passes = kept.map(|pass| Prepared::new(image, pass));
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
        self.observe(input, |_, _| Ok(()))
    }

    /// As [`Reference::run`]; `before` sees activation memory before every pass, with its index.
    ///
    /// # Errors
    /// As [`Reference::run`], and those of `before`.
    pub fn observe(
        &self,
        input: &[u8],
        mut before: impl FnMut(usize, &[u16]) -> Result<(), ImageError>,
    ) -> Result<Outputs, ImageError> {
        let image = &self.image;
        let mut maps: Vec<Vec<u16>> = (0..image.maps.len())
            .map(|map| vec![0; image.map_acts(map)])
            .collect();
        maps[0] = image.input_acts(input)?;
        let mut memory = vec![0; image.needs().activations * image.num_pes];
        let mut outputs = Outputs {
            logits: Vec::new(),
            acts: Vec::new(),
            macs: Vec::new(),
        };
        let mut sums: Vec<i32> = Vec::new();
        let mut loaded: Option<(usize, Prepared)> = None;
        for (transfers, passes) in image.runs_with_passes() {
            for write in &transfers.writes {
                let acts = image.gather(write, &maps[write.map]);
                memory[image.window(write)].copy_from_slice(&acts);
            }
            for i in passes {
                before(i, &memory)?;
                let owner = image.weights_of(i);
                let prepared = match self.passes.get(owner) {
                    Some(prepared) => prepared,
                    None => {
                        let known = loaded.take().filter(|(of, _)| *of == owner);
                        let prepared = match known {
                            Some((_, prepared)) => prepared,
                            None => Prepared::new(image, owner)?,
                        };
                        &loaded.insert((owner, prepared)).1
                    }
                };
                let (macs, values) = self.pass(i, prepared, &mut memory, &mut sums);
                outputs.macs.push(macs);
                outputs.acts.push(values);
            }
            for read in &transfers.reads {
                let acts = memory[image.window(read)].to_vec();
                image.scatter(read, &acts, &mut maps[read.map]);
            }
        }
        outputs.logits = image.logits(&maps[maps.len() - 1]);
        Ok(outputs)
    }

    /// Runs one pass; gives the number of products and what it drained.
    fn pass(
        &self,
        index: usize,
        prepared: &Prepared,
        memory: &mut [u16],
        sums: &mut Vec<i32>,
    ) -> (u64, Vec<i32>) {
        let pass = &self.image.passes[index];
        let (d, pes) = (&pass.descriptor, self.image.num_pes);
        let channels = pass.channels();
        sums.resize(pass.positions() * channels, 0);
        let start = usize::from(d.in_base) * pes;
        let values = |acts: &[u16]| -> Vec<i32> {
            let value = |&act| self.image.value(act, d.in_signed);
            acts.iter().map(value).collect()
        };
        let macs = match &pass.geometry {
            None => {
                let acts = values(&memory[start..start + pass.columns()]);
                let products = acts.into_iter().enumerate();
                products
                    .map(|(channel, act)| prepared.add(channel, act, sums))
                    .sum()
            }
            Some(g) => {
                let stride = (usize::from(d.groups) - 1 + usize::from(d.in_step)) * pes;
                let mut macs = 0;
                for y in 0..g.input[0] {
                    for x in 0..g.input[1] {
                        let start = start + (y * g.input[1] + x) * stride;
                        let acts = values(&memory[start..start + g.channels]);
                        macs += prepared.convolve(g, [y, x], &acts, channels, sums);
                    }
                }
                macs
            }
        };
        if d.keep {
            return (macs, Vec::new());
        }
        let biases = prepared.biases.iter().cycle();
        let values: Vec<i32> = sums
            .drain(..)
            .zip(biases)
            .map(|(sum, &bias)| drain(sum, bias, d, self.image.act_bits))
            .collect();
        let values = match &pass.geometry {
            Some(g) => pool(g, channels, values),
            None => values,
        };
        let step = usize::from(d.out_step) - 1;
        store(memory, &values, &self.image, d, step);
        (macs, values)
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
        let (rows, segments) = (usize::from(pass.descriptor.rows), pass.segments());
        let mut columns = vec![Vec::new(); pass.columns() * segments];
        let mut biases = vec![0; pass.channels()];
        for (pe, (data, decoded)) in pass.pes.iter().zip(pass.decoded()).enumerate() {
            let decoded = decoded.map_err(|e| e.in_pass(index))?;
            if pass.descriptor.hashed {
                let pool = Pass::pool(&decoded);
                for (column, list) in columns.iter_mut().enumerate() {
                    for row in 0..pass.hashed_rows(pe) {
                        let (at, negative) = pass.picks(pe, row, column);
                        let weight = i32::from(pass.codebook[usize::from(pool[at] & !1)]);
                        let other = negative != (pool[at] & 1 == 1);
                        let channel = (row * image.num_pes + pe) as u32;
                        list.push((channel, if other { -weight } else { weight }));
                    }
                }
                biases_of(&mut biases, data, image.num_pes, pe);
                continue;
            }
            for (column, entries) in decoded.columns.iter().enumerate() {
                let mut next_row = 0;
                for entry in entries {
                    let row = next_row + usize::from(entry.step);
                    let weight = pass.codebook[usize::from(entry.code)];
                    let channel = (row % rows * image.num_pes + pe) as u32;
                    columns[column * segments + row / rows].push((channel, i32::from(weight)));
                    next_row = row + 1;
                }
            }
            biases_of(&mut biases, data, image.num_pes, pe);
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

    /// Adds the products of an activation with the weights of a column segment to the sums of one
    /// position; gives their number.
    fn add(&self, segment: usize, act: i32, sums: &mut [i32]) -> u64 {
        if act == 0 {
            return 0;
        }
        let column = &self.entries[self.starts[segment]..self.starts[segment + 1]];
        for &(to, weight) in column {
            let sum = &mut sums[to as usize];
            *sum = sum.wrapping_add(weight.wrapping_mul(act));
        }
        column.len() as u64
    }

    /// Adds the products of the activations at one position to the sums of every position that the
    /// kernel meets from there; gives their number.
    fn convolve(
        &self,
        g: &Geometry,
        [y, x]: [usize; 2],
        acts: &[i32],
        channels: usize,
        sums: &mut [i32],
    ) -> u64 {
        let mut macs = 0;
        let [height, width] = g.kernel.size();
        for ky in 0..height {
            let Some(oy) = g.kernel.place(0, y, ky, g.output[0]) else {
                continue;
            };
            for kx in 0..width {
                let Some(ox) = g.kernel.place(1, x, kx, g.output[1]) else {
                    continue;
                };
                let start = (oy * g.output[1] + ox) * channels;
                let sums = &mut sums[start..start + channels];
                for (channel, &act) in acts.iter().enumerate() {
                    let segment = channel * g.segments() + g.segment(ky, kx);
                    macs += self.add(segment, act, sums);
                }
            }
        }
        macs
    }
}

/// Puts the biases of a PE where its channels are.
fn biases_of(biases: &mut [i32], data: &PeData, num_pes: usize, pe: usize) {
    for (row, &bias) in data.biases.iter().enumerate() {
        biases[row * num_pes + pe] = i32::from(bias);
    }
}

/// The largest of each window, where the pass pools.
fn pool(g: &Geometry, channels: usize, values: Vec<i32>) -> Vec<i32> {
    let Some(places) = &g.pool else {
        return values;
    };
    let mut pooled = Vec::new();
    for py in 0..places.output[0] {
        for px in 0..places.output[1] {
            let (top, height) = places.window(0, py, g.output[0]);
            let (left, width) = places.window(1, px, g.output[1]);
            for channel in 0..channels {
                let window = (top..top + height)
                    .flat_map(|y| (left..left + width).map(move |x| y * g.output[1] + x));
                let values = window.map(|position| values[position * channels + channel]);
                pooled.extend(values.max());
            }
        }
    }
    pooled
}

/// What an accumulator drains as.
fn drain(sum: i32, bias: i32, d: &PassDescriptor, act_bits: u32) -> i32 {
    let value = sum.wrapping_add(bias << bias_shift(act_bits));
    if d.out_wide {
        value
    } else {
        requantise(value, d.shift, d.relu, act_bits)
    }
}

/// `value / 2^shift`, half rounded up, saturated to what `act_bits` bits hold: unsigned with ReLU,
/// signed without. `shift` is 1 to 31.
pub fn requantise(value: i32, shift: u8, relu: bool, act_bits: u32) -> i32 {
    let range = 1i64 << act_bits;
    let low = if relu { 0 } else { -range / 2 };
    let rounded = ((i64::from(value) >> (shift - 1)) + 1) >> 1;
    rounded.clamp(low, low + range - 1) as i32
}

/// Puts drained values where the engine does; `step` bank words are left out behind each position.
fn store(memory: &mut [u16], values: &[i32], image: &Image, d: &PassDescriptor, step: usize) {
    let pes = image.num_pes;
    let mask = (1 << image.act_bits) - 1;
    let mut at = usize::from(d.out_base) * pes;
    for position in values.chunks_exact(usize::from(d.rows) * pes) {
        for row in position.chunks_exact(pes) {
            for part in 0..d.value_words(image.act_bits) as u32 {
                for (pe, value) in row.iter().enumerate() {
                    memory[at + pe] = (value >> (part * image.act_bits) & mask) as u16;
                }
                at += pes;
            }
        }
        at += step * pes;
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
