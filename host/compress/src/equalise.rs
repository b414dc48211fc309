//! Channels of one range: factors move from a layer to those that read it, without a change of what the network computes.
//!
//! All activations of a layer share one scale when they are packed, and all its weights one codebook. A channel whose values are a hundred times smaller
//! than those of another one, as batch normalisation that was folded into a layer leaves them, would have a hundredth of the steps. So
//! each channel is divided by a factor in the layer that makes it, and multiplied by it where it is read. Factors pass through ReLU, leaky ReLU,
//! pools, maps that are joined, chosen or shuffled, and sums, whose terms share them. Not through a limit above (ReLU6): that is the same
//! for all channels of a layer; nor into the weights of layers that have a codebook or repeated values, or whose outputs have a quantiser's range.

mod groups;

use crate::statistics::Statistics;
use groups::Groups;
use thresh_model::{Network, Operator, Weights};

/// The least factor: a channel that is smaller yet does not count beside the others.
const LEAST: f32 = 1e-6;

/// Sweeps over all layers at most. In a row of layers the first one finds all factors.
const MOST_SWEEPS: usize = 10;

/// Where factors change by less, they are found.
const SETTLED: f32 = 1e-3;

/// A bias may be so many times the largest product of its layer before it costs the weights a bit.
const BIAS_ROOM: f32 = 8.0;

/// The same network with channels of each layer brought to one range, as far as its operators let factors through; `statistics` are
/// divided along. No layer gets larger weights or activations than it has: small channels grow until either reaches the layer's largest. Gives the
/// least factor that a channel was divided by, 1 where nothing was to be done.
///
/// # Panics
///
/// If the network is not sound, or the statistics are of another one.
pub fn equalise(network: &mut Network, statistics: &mut Statistics) -> f32 {
    let groups = Groups::new(network);
    let mut total = vec![1.0f32; groups.len()];
    for _ in 0..MOST_SWEEPS {
        let mut factors = vec![0.0f32; groups.len()];
        let mut reach: Vec<f32> = (0..=network.layers.len())
            .map(|value| largest(statistics.most(value)))
            .collect();
        for set in groups.sets() {
            // Behind a value stands what it is a part of.
            for &value in set.iter().rev() {
                let own = largest(statistics.most(value));
                reach[value] = groups
                    .wholes(value)
                    .iter()
                    .fold(own, |most, &whole| most.max(reach[whole]));
            }
            for &value in set {
                raise(
                    network,
                    statistics,
                    value,
                    reach[value],
                    &groups,
                    &mut factors,
                );
            }
            for &value in set {
                let factor =
                    |group: &Option<usize>| group.map_or(1.0, |group| usable(factors[group]));
                let scales: Vec<f32> = groups.of(value).iter().map(factor).collect();
                divide(network, value, &scales);
                statistics.divide(value, &scales);
            }
        }
        factors
            .iter_mut()
            .for_each(|factor| *factor = usable(*factor));
        total
            .iter_mut()
            .zip(&factors)
            .for_each(|(total, factor)| *total *= factor);
        if factors.iter().all(|factor| 1.0 - factor < SETTLED) {
            break;
        }
    }
    total.into_iter().fold(1.0, f32::min)
}

/// The factor itself, if a channel can be divided by it; 0 is that of a channel of zeros.
fn usable(factor: f32) -> f32 {
    match factor > 0.0 {
        true => factor.clamp(LEAST, 1.0),
        false => 1.0,
    }
}

/// Raises the factor of each channel of `value` to the share of the largest activation and of the largest weight that it reaches. `reach` is the
/// largest activation of the value or of what it is a part of: maps that are joined have one.
fn raise(
    network: &Network,
    statistics: &Statistics,
    value: usize,
    reach: f32,
    groups: &Groups,
    factors: &mut [f32],
) {
    let mut raise = |sizes: &[f32], share: f32| {
        let all = largest(sizes);
        for (size, group) in sizes.iter().zip(groups.of(value)) {
            if let Some(group) = *group {
                // No number where all are zero, which is no larger than anything.
                factors[group] = factors[group].max(size / all * share);
            }
        }
    };
    let most = statistics.most(value);
    let share = largest(most) / reach;
    raise(most, share);
    let Some(layer) = value.checked_sub(1).map(|layer| &network.layers[layer]) else {
        return;
    };
    if let (Weights::Float(weights), false) = (&layer.weights, layer.bias.is_empty()) {
        let range = largest(statistics.most(layer.inputs[0]));
        let rows = weights.chunks_exact((weights.len() / layer.bias.len()).max(1));
        let size = |(row, bias): (&[f32], &f32)| {
            let bias = match range > 0.0 {
                true => bias.abs() / (BIAS_ROOM * range),
                false => 0.0,
            };
            row.iter().fold(bias, |most, weight| most.max(weight.abs()))
        };
        raise(&rows.zip(&layer.bias).map(size).collect::<Vec<_>>(), share);
    }
}

fn largest(sizes: &[f32]) -> f32 {
    sizes.iter().copied().fold(0.0, f32::max)
}

/// Divides the channels of `value` by `scales` where they are made, and multiplies them where they are read. Layers without weights between pass
/// them on.
fn divide(network: &mut Network, value: usize, scales: &[f32]) {
    if scales.iter().all(|&scale| scale == 1.0) {
        return;
    }
    if let Some(layer) = value.checked_sub(1).map(|layer| &mut network.layers[layer])
        && let Weights::Float(weights) = &mut layer.weights
        && !layer.bias.is_empty()
    {
        let length = (weights.len() / layer.bias.len()).max(1);
        for (row, scale) in weights.chunks_exact_mut(length).zip(scales) {
            row.iter_mut().for_each(|weight| *weight /= scale);
        }
        layer
            .bias
            .iter_mut()
            .zip(scales)
            .for_each(|(bias, scale)| *bias /= scale);
    }
    for layer in network
        .layers
        .iter_mut()
        .filter(|layer| layer.inputs.contains(&value))
    {
        let Weights::Float(weights) = &mut layer.weights else {
            continue;
        };
        let length = (weights.len() / layer.bias.len().max(1)).max(1);
        for (output, row) in weights.chunks_exact_mut(length).enumerate() {
            for (at, weight) in row.iter_mut().enumerate() {
                *weight *= scales[column(&layer.operator, output, at, scales.len())];
            }
        }
    }
}

/// The channel that weight `at` of an output of a convolution or a fully connected layer reads, of `channels`.
pub(crate) fn column(operator: &Operator, output: usize, at: usize, channels: usize) -> usize {
    match operator {
        Operator::Conv {
            input,
            outputs,
            groups,
            window,
        } => {
            let taps = (window.kernel[0] * window.kernel[1]).max(1);
            output / (outputs / groups) * (input.channels / groups) + at / taps
        }
        _ => at % channels,
    }
}

#[cfg(test)]
mod tests;
