//! What an error of a weight costs at the outputs.

use crate::equalise::column;
use crate::statistics::Statistics;
use thresh_model::{Layer, Network, Operator};

/// The least cost of a weight, as a share of the mean of its layer: inputs that were not measured may still come.
const LEAST_SHARE: f64 = 1e-4;

/// By value and channel: how much the squared error of an element weighs in that of the outputs, with errors that are independent of each other and
/// activations that let them pass.
pub(super) fn gains(network: &Network) -> Vec<Vec<f64>> {
    let values = network.layers.len();
    let mut gains: Vec<Vec<f64>> = (0..=values)
        .map(|v| vec![0.0; network.value(v).channels])
        .collect();
    gains[values].fill(1.0);
    for (index, layer) in network.layers.iter().enumerate().rev() {
        let output = std::mem::take(&mut gains[index + 1]);
        pass_back(network, layer, &output, &mut gains);
        gains[index + 1] = output;
    }
    gains
}

fn pass_back(network: &Network, layer: &Layer, output: &[f64], gains: &mut [Vec<f64>]) {
    let positions = |value: usize| network.value(value).height * network.value(value).width;
    let read = layer.inputs[0];
    let made = layer.operator.output();
    // Of an input position, how many outputs it meets.
    let met = (made.height * made.width) as f64 / positions(read).max(1) as f64;
    match &layer.operator {
        Operator::Dense { .. } | Operator::Conv { .. } => {
            let weights = layer.weights.to_dense();
            let rows = weights.chunks_exact((weights.len() / output.len().max(1)).max(1));
            let channels = gains[read].len();
            for (o, (row, gain)) in rows.zip(output).enumerate() {
                for (at, &weight) in row.iter().enumerate() {
                    let gained = f64::from(weight).powi(2) * gain * met;
                    gains[read][column(&layer.operator, o, at, channels)] += gained;
                }
            }
        }
        Operator::MaxPool { .. } => add(&mut gains[read], output.iter().map(|gain| gain * met)),
        Operator::AveragePool { window, .. } => {
            let area = (window.kernel[0] * window.kernel[1]) as f64;
            add(
                &mut gains[read],
                output.iter().map(|gain| gain * met / area / area),
            );
        }
        Operator::Add { .. } => {
            for &value in &layer.inputs {
                add(&mut gains[value], output.iter().copied());
            }
        }
        Operator::Concat { inputs } => {
            let mut first = 0;
            for (map, &value) in inputs.iter().zip(&layer.inputs) {
                add(
                    &mut gains[value],
                    output[first..first + map.channels].iter().copied(),
                );
                first += map.channels;
            }
        }
        Operator::Shuffle { shape, groups } => {
            for (channel, gain) in output.iter().enumerate() {
                gains[read][channel % groups * (shape.channels / groups) + channel / groups] +=
                    gain;
            }
        }
        Operator::Select { channels, .. } => {
            for (&channel, gain) in channels.iter().zip(output) {
                gains[read][channel] += gain;
            }
        }
    }
}

fn add(gains: &mut [f64], more: impl Iterator<Item = f64>) {
    gains
        .iter_mut()
        .zip(more)
        .for_each(|(gain, more)| *gain += more);
}

/// What a squared error of each weight of a layer costs: the variance of its input times the gain of its output, since the mean goes into the
/// bias. Empty where nothing is known to cost anything.
pub(super) fn costs(
    network: &Network,
    layer: &Layer,
    gains: &[f64],
    statistics: &Statistics,
) -> Vec<f64> {
    let weights = layer.weights.len();
    let length = (weights / gains.len().max(1)).max(1);
    let read = layer.inputs[0];
    let channels = network.value(read).channels;
    let input = statistics.value(read);
    let variances = input.channel_variances(channels);
    let variance = |output: usize, at: usize| match layer.operator {
        Operator::Dense { .. } => f64::from(input.variance(at)),
        _ => variances[column(&layer.operator, output, at, channels)],
    };
    let of = |index: usize| gains[index / length] * variance(index / length, index % length);
    let mut costs: Vec<f64> = (0..weights).map(of).collect();
    let mean = costs.iter().sum::<f64>() / weights.max(1) as f64;
    if !(mean.is_finite() && mean > 0.0) {
        return Vec::new();
    }
    costs
        .iter_mut()
        .for_each(|cost| *cost = (*cost / mean).max(LEAST_SHARE));
    costs
}
