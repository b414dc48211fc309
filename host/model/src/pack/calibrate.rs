//! From real numbers to the engine's integers.

use super::PackError;
use super::share::Matrix;
use crate::network::{Activation, Network};
use thresh_regs::BIAS_SHIFT;

/// A layer in integers.
#[derive(Clone, Debug)]
pub(super) struct Quantised {
    pub parameters: usize,
    pub relu: bool,
    pub inputs: usize,
    /// Codes, row-major by output; `None` is no weight.
    pub codes: Vec<Option<u8>>,
    /// Distinct, not zero, the most frequent one first.
    pub codebook: Vec<i16>,
    pub bias: Vec<i16>,
    /// Requantising shift; 0 in the last layer, which drains wide.
    pub shift: u8,
    /// Real value of one unit of the output.
    pub scale: f64,
}

impl Quantised {
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    pub fn row(&self, output: usize) -> &[Option<u8>] {
        &self.codes[output * self.inputs..][..self.inputs]
    }
}

/// Biases are rounded to this part of an output unit, log2: a finer one costs bytes and, measured,
/// agrees with the float network no better.
const BIAS_FRACTION_BITS: u32 = 2;

/// The magnitude that the values of each hidden layer reach, over the neurons that are left.
pub(super) fn ranges(
    network: &Network,
    layers: &[Matrix],
    calibration: &[&[u8]],
    percentile: f64,
) -> Vec<f64> {
    let network = network.prepare();
    let mut values: Vec<Vec<f32>> = vec![Vec::new(); layers.len() - 1];
    for input in calibration {
        let all = network.forward(input);
        for ((values, layer), output) in values.iter_mut().zip(layers).zip(&all[1..]) {
            let magnitudes = layer.kept.iter().map(|&neuron| output[neuron].abs());
            if percentile >= 100.0 {
                let most = magnitudes.fold(values.pop().unwrap_or(0.0), f32::max);
                values.push(most);
            } else {
                values.extend(magnitudes);
            }
        }
    }
    let range = |mut values: Vec<f32>| {
        let share = (percentile / 100.0).clamp(0.0, 1.0);
        let index = ((values.len() - 1) as f64 * share).round() as usize;
        let range = f64::from(*values.select_nth_unstable_by(index, f32::total_cmp).1);
        // A layer that is silent on every calibration input may have any range.
        if range > 0.0 { range } else { 1.0 }
    };
    values.into_iter().map(range).collect()
}

/// Folds the scales of inputs and outputs into weights and biases, so that requantising is a shift.
pub(super) fn quantise(
    layers: &[Matrix],
    input_scale: f32,
    ranges: &[f64],
) -> Result<Vec<Quantised>, PackError> {
    let mut scale = f64::from(input_scale);
    let mut largest = 255.0;
    let mut quantised = Vec::new();
    for (i, layer) in layers.iter().enumerate() {
        let relu = layer.activation == Activation::Relu;
        let hidden = ranges.get(i);
        // The last layer drains sums: any power of two will do as its unit.
        let shifts = if hidden.is_some() { 1..=31 } else { -40..=60 };
        let top = if relu { 255.0 } else { 127.0 };
        let unit = hidden.map_or(1.0, |range| range / top);
        let mut what = "weights";
        let layer = shifts.rev().find_map(|shift| {
            let grain = if hidden.is_some() {
                shift - (BIAS_SHIFT + BIAS_FRACTION_BITS) as i32
            } else {
                0
            };
            match integers(layer, scale, unit, shift, grain.max(0), largest) {
                Ok(mut layer) => {
                    layer.shift = if hidden.is_some() { shift as u8 } else { 0 };
                    layer.scale = if hidden.is_some() {
                        unit
                    } else {
                        2f64.powi(-shift)
                    };
                    Some(layer)
                }
                Err(wrong) => {
                    what = wrong;
                    None
                }
            }
        });
        let layer = layer.ok_or_else(|| PackError::Range {
            layer: layers[i].name.clone(),
            what,
        })?;
        scale = layer.scale;
        largest = if relu { 255.0 } else { 128.0 };
        quantised.push(layer);
    }
    Ok(quantised)
}

/// A layer at one shift, or what is out of range. Biases are multiples of `2^grain` words.
fn integers(
    layer: &Matrix,
    input_scale: f64,
    unit: f64,
    shift: i32,
    grain: i32,
    largest: f64,
) -> Result<Quantised, &'static str> {
    let factor = 2f64.powi(shift) / unit;
    let weights: Vec<f64> = layer
        .codebook
        .iter()
        .map(|w| (w * input_scale * factor).round())
        .collect();
    let limit = f64::from(i16::MAX);
    let used = |code: &u8| *code != 0;
    let mut frequencies = vec![0u64; weights.len()];
    layer
        .codes
        .iter()
        .filter(|c| used(c))
        .for_each(|&c| frequencies[usize::from(c) - 1] += 1);
    let mut in_use = weights.iter().zip(&frequencies).filter(|(_, n)| **n > 0);
    if in_use.any(|(w, _)| w.abs() > limit) {
        return Err("weights");
    }
    let step = 2f64.powi(grain);
    let bias: Vec<f64> = layer
        .bias
        .iter()
        .map(|b| (b * factor / f64::from(1 << BIAS_SHIFT) / step).round() * step)
        .collect();
    if bias.iter().any(|b| b.abs() > limit) {
        return Err("biases");
    }
    for (output, bias) in bias.iter().enumerate() {
        let codes = layer.row(output).iter().filter(|c| used(c));
        let sum: f64 = codes
            .map(|&c| weights[usize::from(c) - 1].abs() * largest)
            .sum();
        if sum + bias.abs() * f64::from(1 << BIAS_SHIFT) > f64::from(i32::MAX) {
            return Err("sums");
        }
    }
    // Centroids that are equal now share a code, zeros and unused ones have none.
    let mut merged: Vec<(i16, u64)> = Vec::new();
    for (&weight, &frequency) in weights.iter().zip(&frequencies) {
        if weight == 0.0 || frequency == 0 {
            continue;
        }
        match merged.iter_mut().find(|(w, _)| f64::from(*w) == weight) {
            Some((_, n)) => *n += frequency,
            None => merged.push((weight as i16, frequency)),
        }
    }
    merged.sort_by_key(|&(weight, frequency)| (std::cmp::Reverse(frequency), weight));
    let code = |c: &u8| {
        let weight = *weights.get(usize::from(*c).checked_sub(1)?)?;
        merged
            .iter()
            .position(|(w, _)| f64::from(*w) == weight)
            .map(|code| code as u8)
    };
    Ok(Quantised {
        parameters: layer.parameters,
        relu: layer.activation == Activation::Relu,
        inputs: layer.inputs,
        codes: layer.codes.iter().map(code).collect(),
        codebook: merged.iter().map(|(w, _)| *w).collect(),
        bias: bias.iter().map(|b| *b as i16).collect(),
        shift: 0,
        scale: 1.0,
    })
}
