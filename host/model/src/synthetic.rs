//! Fully connected layers of a given size and density, with weights and activations at random
//! positions: for measurements of layers whose trained weights are not to be had.

use crate::huffman::CodeLengths;
use crate::image::{Image, ImageError, MapSize, Pass, PeData, Run};
use crate::network::{Frame, Head, Shape};
use crate::pack::deal::{self, Deal};
use crate::stream::{self, Entry, NO_FREQUENCIES};
use rand::seq::index;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use thresh_regs::{Config, PassDescriptor};

/// Weights of the codebook: those of 4-bit codes, of which one stands for zero.
const CODES: usize = 15;
/// The largest weight.
const MOST_WEIGHT: i16 = 2047;
/// Standard deviations of a sum that an output can hold.
const RANGE: f64 = 4.0;

/// A fully connected layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SparseLayer {
    /// Its name.
    pub name: &'static str,
    /// Inputs.
    pub inputs: usize,
    /// Outputs.
    pub outputs: usize,
    /// Share of the weights that are not zero, 0 to 1.
    pub weights: f64,
    /// Share of the inputs that are not zero, 0 to 1.
    pub activations: f64,
}

/// A layer that can be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Synthetic {
    /// An image of one pass. Outputs are signed, without biases and ReLU, so that nearly every sum shows;
    /// they stand in packed order, with those that fill up a row.
    pub image: Image,
    /// Its input.
    pub input: Vec<u8>,
}

impl SparseLayer {
    /// The layer for the engine of `config`. Each weight is kept with probability `weights` and has a
    /// random code; of the inputs a share `activations`, rounded to whole ones, are random bytes
    /// other than zero. Outputs are dealt to PEs so that their weights balance. The same seed gives
    /// the same layer.
    ///
    /// # Errors
    /// If it does not fit the engine.
    ///
    /// # Panics
    /// If a share is not between 0 and 1, or there are more rows in a PE than a zero run spans.
    pub fn generate(&self, config: &Config, seed: u64) -> Result<Synthetic, ImageError> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let weights: Vec<Vec<(usize, u8)>> = (0..self.inputs)
            .map(|_| column(self.outputs, self.weights, &mut rng))
            .collect();
        let codebook: Vec<i16> = (0..CODES).map(|_| weight(&mut rng)).collect();
        let mut input = vec![0; self.inputs];
        let active = (self.activations * self.inputs as f64).round() as usize;
        for i in index::sample(&mut rng, self.inputs, active) {
            input[i] = rng.random_range(1..=255);
        }
        let image = self.image(config, &weights, codebook, seed);
        image.check_target(config)?;
        Ok(Synthetic { image, input })
    }

    fn image(
        &self,
        config: &Config,
        weights: &[Vec<(usize, u8)>],
        codebook: Vec<i16>,
        seed: u64,
    ) -> Image {
        let pes = config.num_pes;
        let mut nonzeros = vec![Some(0); self.outputs];
        for &(output, _) in weights.iter().flatten() {
            nonzeros[output] = nonzeros[output].map(|n| n + 1);
        }
        let deal = deal::balanced(&nonzeros, pes);
        let rows = deal.len() / pes;
        let groups = self.inputs.div_ceil(pes);
        let lists = columns(weights, &deal, self.outputs, groups * pes, pes);
        let mut frequencies = NO_FREQUENCIES;
        lists
            .iter()
            .for_each(|list| stream::count(list, &mut frequencies));
        let tables = frequencies.map(|used| CodeLengths::from_frequencies(&used));
        let data = lists.iter().map(|list| {
            let (stream, bits) = stream::encode(list, &tables);
            PeData {
                stream,
                bits,
                entries: list.iter().map(Vec::len).sum(),
                entry_address: short(rows),
                biases: vec![0; rows],
            }
        });
        let pass = Pass {
            descriptor: PassDescriptor {
                last: true,
                shift: self.shift(&codebook, config.act_bits),
                out_base: short(groups),
                groups: short(groups),
                out_step: 1,
                rows: short(rows),
                accs: short(rows),
                ..PassDescriptor::default()
            },
            geometry: None,
            reuse: 0,
            begins_layer: true,
            filters: None,
            parameters: u32::try_from(self.inputs * self.outputs).unwrap_or(u32::MAX),
            pes: data.collect(),
            tables,
            codebook,
        };
        let mut image = Image {
            name: self.name.into(),
            num_pes: pes,
            act_bits: config.act_bits,
            input: Shape {
                channels: self.inputs,
                height: 1,
                width: 1,
            },
            frame: Frame::default(),
            input_map: None,
            maps: vec![MapSize {
                positions: 1,
                words: groups,
            }],
            passes: vec![pass],
            runs: vec![Run {
                passes: 1,
                entry_base: short(rows),
                ..Run::default()
            }],
            outputs: rows * pes,
            head: Head::Logits,
            logit_scale: 1.0,
            labels: Vec::new(),
            provenance: BTreeMap::from([("seed".into(), seed.to_string())]),
        };
        image.make_usual();
        image
    }

    /// The shift with which few outputs saturate.
    fn shift(&self, codebook: &[i16], act_bits: u32) -> u8 {
        let squares = codebook.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>();
        // Of 1 to 255, all as likely.
        let activation = 255.0 * 255.0 / 3.0;
        let terms = self.inputs as f64 * self.weights * self.activations;
        let deviation = (terms * activation * squares / codebook.len() as f64).sqrt();
        let most_output = ((1 << (act_bits - 1)) - 1) as f64;
        (RANGE * deviation / most_output)
            .log2()
            .ceil()
            .clamp(1.0, 31.0) as u8
    }
}

/// A number that fits 16 bits; one that does not is refused by [`Image::check_target`].
fn short(value: usize) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

/// Outputs that an input has a weight for, each with a code.
fn column(outputs: usize, share: f64, rng: &mut impl Rng) -> Vec<(usize, u8)> {
    let mut column = Vec::new();
    for output in 0..outputs {
        if rng.random_bool(share) {
            column.push((output, rng.random_range(0..CODES) as u8));
        }
    }
    column
}

fn weight(rng: &mut impl Rng) -> i16 {
    let size = rng.random_range(1..=MOST_WEIGHT);
    if rng.random() { size } else { -size }
}

/// The columns of each PE: for each input the `(output, code)` of `weights`.
fn columns(
    weights: &[Vec<(usize, u8)>],
    deal: &Deal,
    outputs: usize,
    columns: usize,
    pes: usize,
) -> Vec<Vec<Vec<Entry>>> {
    let mut place = vec![(0, 0); outputs];
    for (channel, output) in deal.iter().enumerate() {
        if let Some(output) = *output {
            place[output] = (channel % pes, channel / pes);
        }
    }
    let mut lists = vec![vec![Vec::new(); columns]; pes];
    for (column, entries) in weights.iter().enumerate() {
        let mut rows = vec![Vec::new(); pes];
        for &(output, code) in entries {
            let (pe, row) = place[output];
            rows[pe].push((row, code));
        }
        for (list, mut rows) in lists.iter_mut().zip(rows) {
            rows.sort_unstable();
            list[column] = stream::column(rows, None);
        }
    }
    lists
}

#[cfg(test)]
mod tests;
