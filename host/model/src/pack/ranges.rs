//! Ranges of values that the network itself says: those of a model's quantisers, and of what follows from them.

use crate::network::{Activation, Layer, Network, Operator};

/// By value, the least and the largest that it has, where the network says it. The input has bytes; layers that choose among what they
/// read, or give means of it, keep its range.
pub(super) fn said(network: &Network) -> Vec<Option<[f64; 2]>> {
    let mut said = vec![Some([0.0, 255.0 * f64::from(network.input_scale)])];
    for layer in &network.layers {
        said.push(of_layer(layer, &said));
    }
    said
}

/// The layer from which it comes that nothing says the range of `value`: the first one whose range nothing it reads could give.
pub(super) fn missing<'a>(
    network: &'a Network,
    said: &[Option<[f64; 2]>],
    value: usize,
) -> &'a Layer {
    let layer = &network.layers[value - 1];
    let unknown = layer.inputs.iter().find(|&&input| said[input].is_none());
    match unknown {
        Some(&input) if keeps(&layer.operator) => missing(network, said, input),
        _ => layer,
    }
}

/// Whether a layer gives what it reads, or means of it.
fn keeps(operator: &Operator) -> bool {
    match operator {
        Operator::MaxPool { .. }
        | Operator::AveragePool { .. }
        | Operator::Select { .. }
        | Operator::Shuffle { .. }
        | Operator::Concat { .. } => true,
        Operator::Dense { .. } | Operator::Conv { .. } | Operator::Add { .. } => false,
    }
}

fn of_layer(layer: &Layer, said: &[Option<[f64; 2]>]) -> Option<[f64; 2]> {
    let own = layer.range.map(|range| range.map(f64::from));
    let limits = match &layer.activation {
        Activation::Clipped(limit) => Some([0.0, f64::from(*limit)]),
        _ => None,
    };
    let read = layer.inputs.iter().map(|&value| said[value]);
    let kept = match keeps(&layer.operator) {
        true => read.reduce(|a, b| Some(both(a?, b?))).flatten(),
        false => None,
    };
    let kept = kept.map(|range| range.map(|x| activated(&layer.activation, x)));
    own.or(kept).or(limits)
}

/// The range of values of two ranges.
fn both(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0].min(b[0]), a[1].max(b[1])]
}

fn activated(activation: &Activation, x: f64) -> f64 {
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::Clipped(limit) => x.clamp(0.0, f64::from(*limit)),
        // Slopes above one are rare, and stretch what is below zero.
        Activation::Leaky(slopes) => {
            let steepest = slopes
                .iter()
                .fold(1.0, |most: f64, s| most.max(f64::from(s.abs())));
            x * if x < 0.0 { steepest } else { 1.0 }
        }
    }
}

/// The largest magnitude of a range.
pub(super) fn largest([least, largest]: [f64; 2]) -> f64 {
    least.abs().max(largest.abs())
}
