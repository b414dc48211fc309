//! Weights that take up what those before them lose.
//!
//! Where the inputs of a sum go together, an error of one weight can be taken back by others. So the weights of an output are given their values
//! one after the other, and what each changes is spread over those that are still free, as the covariance of their inputs says: the way of
//! "Optimal Brain Surgeon" (Hassibi and Stork, 1993), in the fixed order of GPTQ (Frantar and others, 2023).

use crate::statistics::Statistics;
use rayon::prelude::*;
use thresh_model::{Layer, Operator};

/// Inputs of a sum that are taken together.
const BLOCK: usize = 64;

/// What the weights of a sum meet at one position of a sample that are looked at, at most.
const MOST_PATCHES: usize = 4096;

/// Variance that is added to that of each input, as a share of the mean one: what was not measured may still come.
const DAMPING: f64 = 0.01;

/// For some inputs of a sum in a row: how much of the error of each goes into each one behind it.
struct Block {
    first: usize,
    shares: Vec<Vec<f64>>,
}

/// The weights of a layer one after the other as `value` has them: it is given the index of a weight and what it should be.
/// Weights before are `old`; nothing is fed back where no samples are at hand.
pub(super) fn settle(
    layer: &Layer,
    old: &[f32],
    statistics: &Statistics,
    value: impl Fn(usize, f32) -> f32 + Sync,
) -> Vec<f32> {
    let groups = match &layer.operator {
        Operator::Conv { groups, .. } => *groups,
        _ => 1,
    };
    let length = (old.len() / layer.bias.len().max(1)).max(1);
    let outputs = (layer.bias.len() / groups.max(1)).max(1);
    let group = |(group, weights): (usize, &[f32])| -> Vec<f32> {
        let patches = patches(layer, statistics, group);
        let blocks = blocks(&patches, length);
        let first = group * outputs * length;
        let rows = weights.chunks_exact(length).enumerate();
        let rows = rows.map(|(row, weights)| {
            row_of(weights, &blocks, |at, weight| {
                value(first + row * length + at, weight)
            })
        });
        rows.collect::<Vec<_>>().concat()
    };
    let all = old
        .par_chunks_exact(outputs * length)
        .enumerate()
        .map(group);
    all.collect::<Vec<_>>().concat()
}

fn row_of(old: &[f32], blocks: &[Block], value: impl Fn(usize, f32) -> f32) -> Vec<f32> {
    let mut wanted: Vec<f64> = old.iter().map(|&weight| weight.into()).collect();
    let mut new = Vec::with_capacity(old.len());
    for block in blocks {
        for (within, shares) in block.shares.iter().enumerate() {
            let at = block.first + within;
            let given = value(at, wanted[at] as f32);
            let error = wanted[at] - f64::from(given);
            let behind = wanted[at + 1..].iter_mut().zip(&shares[within + 1..]);
            behind.for_each(|(wanted, share)| *wanted -= error * share);
            new.push(given);
        }
    }
    new
}

/// What the weights of the outputs of a group meet, less its mean, at some positions of the samples.
fn patches(layer: &Layer, statistics: &Statistics, group: usize) -> Vec<Vec<f32>> {
    let samples = statistics.samples(layer.inputs[0]);
    let mut patches: Vec<Vec<f32>> = match &layer.operator {
        Operator::Conv {
            input,
            groups,
            window,
            ..
        } => {
            let [height, width] = window
                .places([input.height, input.width])
                .unwrap_or_default();
            let places = height * width;
            let all = places * samples.len();
            let step = all.div_ceil(MOST_PATCHES).max(1);
            let channels = input.channels / groups;
            let patch = |index: usize| {
                let (sample, place) = (samples[index / places], index % places);
                let at = |place: usize, tap: usize, axis: usize, size: usize| {
                    let at = (place * window.stride[axis] + tap).checked_sub(window.pads[axis]);
                    at.filter(|&at| at < size)
                };
                let mut patch = Vec::with_capacity(channels * window.kernel[0] * window.kernel[1]);
                for channel in group * channels..(group + 1) * channels {
                    for ky in 0..window.kernel[0] {
                        let y = at(place / width, ky, 0, input.height);
                        for kx in 0..window.kernel[1] {
                            let x = at(place % width, kx, 1, input.width);
                            patch.push(match (y, x) {
                                (Some(y), Some(x)) => {
                                    sample[(y * input.width + x) * input.channels + channel]
                                }
                                _ => 0.0,
                            });
                        }
                    }
                }
                patch
            };
            (0..all).step_by(step).map(patch).collect()
        }
        _ => samples.iter().map(|sample| sample.to_vec()).collect(),
    };
    let count = patches.len().max(1) as f32;
    let mut mean = vec![0.0f32; patches.first().map_or(0, Vec::len)];
    for patch in &patches {
        mean.iter_mut()
            .zip(patch)
            .for_each(|(mean, value)| *mean += value / count);
    }
    for patch in &mut patches {
        patch
            .iter_mut()
            .zip(&mean)
            .for_each(|(value, mean)| *value -= mean);
    }
    patches
}

/// The shares of all inputs of a sum.
fn blocks(patches: &[Vec<f32>], length: usize) -> Vec<Block> {
    let block = |first: usize| {
        let size = BLOCK.min(length - first);
        Block {
            first,
            shares: shares(patches, first, size),
        }
    };
    (0..length).step_by(BLOCK).map(block).collect()
}

fn shares(patches: &[Vec<f32>], first: usize, size: usize) -> Vec<Vec<f64>> {
    let none = vec![vec![0.0; size]; size];
    let count = patches.len();
    let mut covariance = vec![vec![0.0f64; size]; size];
    for patch in patches {
        let values = &patch[first..first + size];
        for (row, &a) in covariance
            .iter_mut()
            .zip(values)
            .filter(|(_, a)| **a != 0.0)
        {
            row.iter_mut()
                .zip(values)
                .for_each(|(sum, &b)| *sum += f64::from(a) * f64::from(b));
        }
    }
    let mean = (0..size).map(|i| covariance[i][i]).sum::<f64>() / size as f64;
    if !(mean.is_finite() && mean > 0.0) {
        return none;
    }
    // Few patches say little of how inputs go together.
    let damping = mean * (DAMPING + size as f64 / count as f64);
    (0..size).for_each(|i| covariance[i][i] += damping);
    let Some(mut inverse) = inverse(covariance) else {
        return none;
    };
    // The inverse over the inputs from each one on: those before it are settled.
    let mut shares = Vec::with_capacity(size);
    for i in 0..size {
        let own = inverse[i].clone();
        let shares_of: Vec<f64> = own.iter().map(|x| x / own[i]).collect();
        for row in inverse.iter_mut().skip(i + 1) {
            let factor = row[i];
            row.iter_mut()
                .zip(&shares_of)
                .for_each(|(x, share)| *x -= factor * share);
        }
        shares.push(shares_of);
    }
    match shares.iter().flatten().all(|share| share.is_finite()) {
        true => shares,
        false => none,
    }
}

/// The inverse of a symmetric matrix with a positive diagonal that outweighs rounding; none if it has none.
fn inverse(mut matrix: Vec<Vec<f64>>) -> Option<Vec<Vec<f64>>> {
    let size = matrix.len();
    let unit = |i: usize| {
        (0..size)
            .map(move |j| f64::from(u8::from(i == j)))
            .collect()
    };
    let mut inverse: Vec<Vec<f64>> = (0..size).map(unit).collect();
    for i in 0..size {
        let pivot = matrix[i][i];
        if !(pivot.is_finite() && pivot > 0.0) {
            return None;
        }
        let scale = |row: &mut Vec<f64>| row.iter_mut().for_each(|x| *x /= pivot);
        scale(&mut matrix[i]);
        scale(&mut inverse[i]);
        let (left, right) = (matrix[i].clone(), inverse[i].clone());
        for j in (0..size).filter(|&j| j != i) {
            let factor = matrix[j][i];
            let take = |row: &mut Vec<f64>, from: &[f64]| {
                row.iter_mut().zip(from).for_each(|(x, y)| *x -= factor * y);
            };
            take(&mut matrix[j], &left);
            take(&mut inverse[j], &right);
        }
    }
    Some(inverse)
}
