//! From real numbers to the engine's integers.

use super::unit::{Clip, Term, Unit};
use super::{PackError, Step, ranges};
use crate::network::Network;
use crate::random;
use thresh_regs::bias_shift;

/// Biases are rounded to this part of an output unit, log2: a finer one costs bytes and, measured,
/// agrees with the float network no better.
const BIAS_FRACTION_BITS: u32 = 2;

/// Bits of the largest weight of a codebook, its sign included, above those of an activation: finer ones cost bytes and, measured,
/// read no better.
const WEIGHT_BITS: u32 = 2;

/// A unit in integers.
#[derive(Clone, Debug)]
pub(super) struct Quantised {
    pub relu: bool,
    /// Requantising shift; 0 in the last unit, which drains wide.
    pub shift: u8,
    /// Real value of one unit of the output.
    pub scale: f64,
    pub bias: Vec<i16>,
    pub terms: Vec<QuantisedTerm>,
}

/// The codebook of a term in integers.
#[derive(Clone, Debug)]
pub(super) struct QuantisedTerm {
    /// The most frequent one first; distinct and not zero but for those of a pool.
    pub codebook: Vec<i16>,
    /// What a code of the term is now; none if its weight is zero.
    codes: Vec<Option<u8>>,
}

impl QuantisedTerm {
    /// The new code of a code; none if its weight is zero.
    pub fn code(&self, code: u8) -> Option<u8> {
        let weighs = |code: &u8| self.codebook[usize::from(*code)] != 0;
        self.codes[usize::from(code)].filter(weighs)
    }

    /// The new code of a code of a pool, where zero is a weight as any other.
    pub fn pool_code(&self, code: u8) -> u8 {
        self.codes[usize::from(code)].unwrap_or(0)
    }
}

/// What calibration inputs say.
pub(super) struct Measured {
    /// The magnitude that the values of each unit but the last reach, over the channels that are left.
    pub ranges: Vec<f64>,
    /// By value (0 is the input) and channel: the share of positions and inputs at which it is not zero.
    pub activity: Vec<Vec<f64>>,
}

/// Inputs that say how often channels are not zero where there are none to calibrate with, and their seed.
const GUESSES: usize = 4;
const GUESS_SEED: u64 = 1;

/// Runs the network on `calibration`; without any, ranges are those that the network says, and random inputs tell how often channels are
/// not zero.
///
/// # Errors
/// Without calibration inputs, the first layer of whose values nothing says the range.
pub(super) fn measure(
    network: &Network,
    units: &[Unit],
    calibration: &[&[u8]],
    percentile: f64,
    progress: &dyn Fn(Step),
) -> Result<Measured, PackError> {
    let prepared = network.prepare();
    let hidden = &units[..units.len() - 1];
    let said = ranges::said(network);
    let guesses = match calibration.is_empty() {
        true => random::inputs(network.input, GUESSES, GUESS_SEED),
        false => Vec::new(),
    };
    let inputs: Vec<&[u8]> = match calibration.is_empty() {
        true => guesses.iter().map(Vec::as_slice).collect(),
        false => calibration.to_vec(),
    };
    let mut values: Vec<Vec<f32>> = vec![Vec::new(); hidden.len()];
    let mut activity: Vec<Vec<f64>> = std::iter::once(network.value(0).channels)
        .chain(hidden.iter().map(Unit::channels))
        .map(|channels| vec![0.0; channels])
        .collect();
    let live = |unit: &Unit| -> Vec<bool> {
        let per = if unit.halves { 2 } else { 1 };
        let channels = unit.dead.chunks(per);
        channels.map(|dead| dead.contains(&false)).collect()
    };
    let live: Vec<Vec<bool>> = hidden.iter().map(live).collect();
    for (done, input) in inputs.iter().enumerate() {
        progress(Step::Calibrate(done, inputs.len()));
        let all = prepared.forward(input);
        count(&mut activity[0], &all[0], false, inputs.len());
        for (activity, unit) in activity[1..].iter_mut().zip(hidden) {
            count(activity, &all[unit.value], unit.halves, inputs.len());
        }
        for ((values, unit), live) in values.iter_mut().zip(hidden).zip(&live) {
            let positions = all[unit.value].chunks_exact(live.len().max(1));
            let magnitudes = positions.flat_map(|position| {
                let pairs = position.iter().zip(live);
                pairs
                    .filter(|(_, live)| **live)
                    .map(|(value, _)| value.abs())
            });
            if percentile >= 100.0 {
                let most = magnitudes.fold(values.pop().unwrap_or(0.0), f32::max);
                values.push(most);
            } else {
                values.extend(magnitudes);
            }
        }
    }
    let range = |(mut values, unit): (Vec<f32>, &Unit)| {
        let share = (percentile / 100.0).clamp(0.0, 1.0);
        let index = ((values.len().max(1) - 1) as f64 * share).round() as usize;
        let measured = match values.is_empty() {
            true => 0.0,
            false => f64::from(*values.select_nth_unstable_by(index, f32::total_cmp).1),
        };
        let own = said[unit.value].map(ranges::largest);
        // What a quantiser of the model clips counts no more than what it lets through.
        let range = match (own, calibration.is_empty()) {
            (Some(said), true) => said,
            (Some(said), false) if said > 0.0 => measured.min(said),
            (_, false) => measured,
            (None, true) => match unit.clip {
                Clip::Relu(Some(limit)) => limit,
                _ => {
                    return Err(PackError::NoCalibration {
                        layer: ranges::missing(network, &said, unit.value).name.clone(),
                    });
                }
            },
        };
        let range = match unit.clip {
            Clip::Relu(Some(limit)) => range.min(limit),
            _ => range,
        };
        // A unit that is silent on every calibration input may have any range.
        Ok(if range > 0.0 { range } else { 1.0 })
    };
    let ranges = values.into_iter().zip(hidden).map(range);
    Ok(Measured {
        ranges: ranges.collect::<Result<_, _>>()?,
        activity,
    })
}

/// Adds to each channel's share of values other than zero that of one of `inputs` inputs.
fn count(activity: &mut [f64], values: &[f32], halves: bool, inputs: usize) {
    let channels = if halves {
        activity.len() / 2
    } else {
        activity.len()
    };
    let share = channels as f64 / values.len().max(1) as f64 / inputs as f64;
    for position in values.chunks(channels.max(1)) {
        for (channel, &value) in position.iter().enumerate() {
            if value != 0.0 {
                let half = match halves {
                    true => channel + usize::from(value < 0.0),
                    false => 0,
                };
                activity[channel + half] += share;
            }
        }
    }
}

/// What is known of a value that a term reads: real value of one unit, and the least and the largest
/// that it can be.
#[derive(Clone, Copy)]
struct Source {
    scale: f64,
    range: [f64; 2],
}

/// Folds the scales of inputs and outputs into weights and biases, so that requantising is a shift.
pub(super) fn quantise(
    units: &[Unit],
    input_scale: f32,
    ranges: &[f64],
    act_bits: u32,
) -> Result<Vec<Quantised>, PackError> {
    let half = f64::from(1 << (act_bits - 1));
    // Samples have 8 bits whatever activations have.
    let mut sources = vec![Source {
        scale: input_scale.into(),
        range: [0.0, 255.0],
    }];
    let mut quantised = Vec::new();
    for (i, unit) in units.iter().enumerate() {
        let histograms: Vec<Histogram> = unit.terms.iter().map(Histogram::new).collect();
        let relu = unit.clip != Clip::None;
        let hidden = ranges.get(i);
        // The last unit drains sums: any power of two will do as its unit.
        let shifts = if hidden.is_some() { 1..=31 } else { -40..=60 };
        let range = match relu {
            true => [0.0, 2.0 * half - 1.0],
            false => [-half, half - 1.0],
        };
        let step = hidden.map_or(1.0, |reached| reached / range[1]);
        let mut what = "weights";
        let found = shifts.rev().find_map(|shift| {
            let grain = if hidden.is_some() {
                shift - (bias_shift(act_bits) + BIAS_FRACTION_BITS) as i32
            } else {
                0
            };
            match integers(
                unit,
                &histograms,
                &sources,
                2f64.powi(shift) / step,
                grain.max(0),
                f64::from(1 << bias_shift(act_bits)),
                act_bits + WEIGHT_BITS,
            ) {
                Ok((bias, terms)) => Some(Quantised {
                    relu,
                    shift: if hidden.is_some() { shift as u8 } else { 0 },
                    scale: if hidden.is_some() {
                        step
                    } else {
                        2f64.powi(-shift)
                    },
                    bias,
                    terms,
                }),
                Err(wrong) => {
                    what = wrong;
                    None
                }
            }
        });
        let found = found.ok_or_else(|| PackError::Range {
            layer: unit.name.clone(),
            what,
        })?;
        sources.push(Source {
            scale: found.scale,
            range,
        });
        quantised.push(found);
    }
    Ok(quantised)
}

/// How often each code of a term occurs: the weights of a large layer are looked at once, not for every
/// shift that is tried.
struct Histogram {
    codes: usize,
    /// By output, then code; code 0 is left out.
    counts: Vec<u32>,
}

impl Histogram {
    fn new(term: &Term) -> Self {
        let codes = term.codebook.len();
        let mut counts = vec![0; term.outputs * codes];
        for output in 0..term.outputs {
            let counts = &mut counts[output * codes..][..codes];
            for &code in term.row_codes(output).iter().filter(|code| **code != 0) {
                counts[usize::from(code) - 1] += 1;
            }
        }
        Histogram { codes, counts }
    }

    fn output(&self, output: usize) -> &[u32] {
        &self.counts[output * self.codes..][..self.codes]
    }

    /// Over all outputs.
    fn total(&self) -> Vec<u64> {
        let mut total = vec![0; self.codes];
        for counts in self.counts.chunks_exact(self.codes.max(1)) {
            let sums = total.iter_mut().zip(counts);
            sums.for_each(|(sum, &n)| *sum += u64::from(n));
        }
        total
    }
}

/// A unit whose sums are `factor` times the real ones, or what is out of range. Biases are multiples
/// of `2^grain` words, each worth `bias_unit`; weights have `weight_bits` bits at most.
fn integers(
    unit: &Unit,
    histograms: &[Histogram],
    sources: &[Source],
    factor: f64,
    grain: i32,
    bias_unit: f64,
    weight_bits: u32,
) -> Result<(Vec<i16>, Vec<QuantisedTerm>), &'static str> {
    let limit = f64::from(i16::MAX);
    let step = 2f64.powi(grain);
    let bias: Vec<f64> = unit
        .bias
        .iter()
        .map(|b| (b * factor / bias_unit / step).round() * step)
        .collect();
    if bias.iter().any(|b| b.abs() > limit) {
        return Err("biases");
    }
    // The least and the largest that a sum can be; on the way there it may wrap.
    let ends = |bias: &f64| [bias * bias_unit; 2];
    let mut sums: Vec<[f64; 2]> = bias.iter().map(ends).collect();
    let mut terms = Vec::new();
    for (term, histogram) in unit.terms.iter().zip(histograms) {
        let source = sources[term.source];
        let mut weights: Vec<f64> = term
            .codebook
            .iter()
            .map(|w| (w * source.scale * factor).round())
            .collect();
        let frequencies = histogram.total();
        round(&mut weights, &frequencies, weight_bits);
        let mut in_use = weights.iter().zip(&frequencies).filter(|(_, n)| **n > 0);
        if in_use.any(|(w, _)| w.abs() > limit) {
            return Err("weights");
        }
        let positions = if term.shared {
            (term.input.height * term.input.width) as f64
        } else {
            1.0
        };
        for (output, sum) in sums.iter_mut().enumerate() {
            let counts = histogram.output(output).iter().zip(&weights);
            for (&n, w) in counts {
                let [a, b] = source.range.map(|act| act * w * f64::from(n) * positions);
                *sum = [sum[0] + a.min(b), sum[1] + a.max(b)];
            }
        }
        terms.push(match &term.pool {
            Some(_) => paired(&weights, &frequencies),
            None => merged(term, &weights, &frequencies),
        });
    }
    let fits = |&[low, high]: &[f64; 2]| low >= f64::from(i32::MIN) && high <= f64::from(i32::MAX);
    if !sums.iter().all(fits) {
        return Err("sums");
    }
    Ok((bias.iter().map(|b| *b as i16).collect(), terms))
}

/// Rounds weights so that those in use have `bits` bits before zeros that all end with.
fn round(weights: &mut [f64], frequencies: &[u64], bits: u32) {
    let in_use = weights.iter().zip(frequencies).filter(|(_, n)| **n > 0);
    let most = in_use.fold(0.0, |most: f64, (w, _)| most.max(w.abs()));
    let step = (most.max(1.0).log2().floor() as i32 + 2 - bits as i32).max(0);
    let step = 2f64.powi(step);
    weights
        .iter_mut()
        .for_each(|w| *w = (*w / step).round() * step);
}

/// Weights of a pool stay pairs, the most frequent one first, zeros too.
fn paired(weights: &[f64], frequencies: &[u64]) -> QuantisedTerm {
    let mut pairs: Vec<usize> = (0..weights.len() / 2).collect();
    let times = |pair: usize| frequencies[2 * pair] + frequencies[2 * pair + 1];
    pairs.sort_by_key(|&pair| std::cmp::Reverse(times(pair)));
    let mut codes = vec![None; weights.len() + 1];
    let mut codebook = Vec::new();
    for pair in pairs {
        for code in [2 * pair, 2 * pair + 1] {
            codes[code + 1] = Some(codebook.len() as u8);
            // One that nothing uses may be out of range.
            let most = f64::from(i16::MAX);
            codebook.push(weights[code].clamp(-most, most) as i16);
        }
    }
    QuantisedTerm { codebook, codes }
}

/// Centroids that are equal now share a code, zeros and unused ones have none.
fn merged(term: &Term, weights: &[f64], frequencies: &[u64]) -> QuantisedTerm {
    debug_assert_eq!(term.codebook.len(), weights.len());
    let mut merged: Vec<(i16, u64)> = Vec::new();
    for (&weight, &frequency) in weights.iter().zip(frequencies) {
        if weight == 0.0 || frequency == 0 {
            continue;
        }
        match merged.iter_mut().find(|(w, _)| f64::from(*w) == weight) {
            Some((_, n)) => *n += frequency,
            None => merged.push((weight as i16, frequency)),
        }
    }
    merged.sort_by_key(|&(weight, frequency)| (std::cmp::Reverse(frequency), weight));
    let code = |weight: &f64| {
        let found = merged.iter().position(|(w, _)| f64::from(*w) == *weight);
        found.map(|code| code as u8)
    };
    let codes = std::iter::once(None).chain(weights.iter().map(code));
    QuantisedTerm {
        codes: codes.collect(),
        codebook: merged.iter().map(|(w, _)| *w).collect(),
    }
}
