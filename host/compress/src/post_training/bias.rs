//! Biases that take back what other weights make of the mean of their inputs.

use super::share::code;
use crate::equalise::column;
use crate::statistics::{Statistics, Value};
use thresh_model::{Layer, Network, Operator, Shape, Weights, Window, network::FRAME_MARK};

/// Adds to the biases of layer `index`, whose weights were `old`, the mean of what the new ones take away from its sums: over the inputs
/// and over all positions of the output, padding included. `statistics` are those of the network with its old weights. Nothing is added where the mean
/// is only estimated: measured, that is worse than nothing.
pub(super) fn correct(network: &mut Network, index: usize, old: &[f32], statistics: &Statistics) {
    let layer = &network.layers[index];
    let read = layer.inputs[0];
    let known = statistics.inputs() > 0 || (read == 0 && !network.input_mean.is_empty());
    if !known || layer.bias.is_empty() {
        return;
    }
    let channels = network.value(read).channels;
    let means = Means::new(layer, statistics.value(read), channels);
    let new = layer.weights.to_dense();
    let length = (new.len() / layer.bias.len()).max(1);
    let rows = old
        .chunks_exact(length)
        .zip(new.chunks_exact(length))
        .enumerate();
    let missing: Vec<f64> = rows
        .map(|(output, (old, new))| {
            let changes = old.iter().zip(new).enumerate();
            let products = changes
                .filter(|(_, (old, new))| old != new)
                .map(|(at, (old, new))| (f64::from(*old) - f64::from(*new)) * means.of(output, at));
            products.sum()
        })
        .collect();
    let biases = network.layers[index].bias.iter_mut().zip(missing);
    biases.for_each(|(bias, missing)| *bias = (f64::from(*bias) + missing) as f32);
}

/// The mean of what each weight meets, over inputs and positions of the output.
enum Means<'a> {
    /// Each input by itself.
    Dense(&'a Value),
    /// By tap and channel.
    Conv {
        operator: &'a Operator,
        taps: usize,
        channels: usize,
        means: Vec<f64>,
    },
}

impl<'a> Means<'a> {
    fn new(layer: &'a Layer, value: &'a Value, channels: usize) -> Self {
        match &layer.operator {
            operator @ Operator::Conv { input, window, .. } => Means::Conv {
                operator,
                taps: (window.kernel[0] * window.kernel[1]).max(1),
                channels,
                means: tap_means(value, *input, window),
            },
            _ => Means::Dense(value),
        }
    }

    fn of(&self, output: usize, at: usize) -> f64 {
        match self {
            Means::Dense(value) => value.mean(at).into(),
            Means::Conv {
                operator,
                taps,
                channels,
                means,
            } => means[at % taps * channels + column(operator, output, at, *channels)],
        }
    }
}

/// By tap and channel, the mean of what lies there in all places of a window; outside the map are zeros.
fn tap_means(value: &Value, input: Shape, window: &Window) -> Vec<f64> {
    let [height, width] = window
        .places([input.height, input.width])
        .unwrap_or_default();
    let inside = |place: usize, tap: usize, axis: usize, size: usize| {
        (place * window.stride[axis] + tap)
            .checked_sub(window.pads[axis])
            .filter(|&at| at < size)
    };
    let mut means = Vec::new();
    for tap in 0..window.kernel[0] * window.kernel[1] {
        let (ky, kx) = (tap / window.kernel[1], tap % window.kernel[1]);
        let mut sums = vec![0.0f64; input.channels];
        for y in (0..height).filter_map(|place| inside(place, ky, 0, input.height)) {
            for x in (0..width).filter_map(|place| inside(place, kx, 1, input.width)) {
                let first = (y * input.width + x) * input.channels;
                let values = sums.iter_mut().enumerate();
                values.for_each(|(channel, sum)| *sum += f64::from(value.mean(first + channel)));
            }
        }
        let places = (height * width).max(1) as f64;
        means.extend(sums.iter().map(|sum| sum / places));
    }
    means
}

/// Where the frame of the input is marked: gives the weights of the mark in layer `index` what the new weights of the image, which
/// were `old`, take back there, as near as the codebook comes.
pub(super) fn mark(network: &mut Network, index: usize, old: &[f32]) {
    let marked = network.frame.marked && !network.input_mean.is_empty();
    let Network {
        input_mean,
        input_scale,
        layers,
        ..
    } = network;
    let layer = &mut layers[index];
    let Operator::Conv {
        input,
        groups: 1,
        window,
        ..
    } = &layer.operator
    else {
        return;
    };
    if !marked || layer.inputs[0] != 0 {
        return;
    }
    let (taps, image) = (window.kernel[0] * window.kernel[1], input.channels - 1);
    let value = f64::from(FRAME_MARK) * f64::from(*input_scale);
    let mut new = layer.weights.to_dense();
    let length = input.channels * taps;
    let rows = old.chunks_exact(length).zip(new.chunks_exact_mut(length));
    for (old, new) in rows {
        for tap in 0..taps {
            let change = |channel: usize| {
                let at = channel * taps + tap;
                (f64::from(new[at]) - f64::from(old[at])) * f64::from(input_mean[channel])
            };
            let wanted =
                f64::from(old[image * taps + tap]) + (0..image).map(change).sum::<f64>() / value;
            let mark = &mut new[image * taps + tap];
            // One that was pruned stays so.
            if *mark != 0.0 {
                *mark = wanted as f32;
            }
        }
    }
    layer.weights = match &layer.weights {
        Weights::Shared { codebook, codes } => {
            let nearest = |(at, &code_before): (usize, &u8)| match at / taps % input.channels
                == image
                && new[at] != 0.0
            {
                true => code(codebook, new[at]),
                false => code_before,
            };
            let codes = codes.iter().enumerate().map(nearest).collect();
            Weights::Shared {
                codebook: codebook.clone(),
                codes,
            }
        }
        Weights::Float(_) => Weights::Float(new),
        Weights::Hashed(_) => return,
    };
}
