//! Layers that follow each other without an activation get equal norms.
//!
//! What one of them makes larger the next can make smaller without another output. Where one has nearly all of the norm, as the core of a Tucker form
//! or the second of two low-rank layers, one rate is too high for the others and too low for it.

use thresh_model::{
    Layer, Network,
    network::{Activation, Operator, Weights},
};

use crate::net::matrix_sizes;

/// Rounds over all pairs of layers: in a row of several each pair moves its neighbours.
const ROUNDS: usize = 40;

/// Scales the channels between each layer without activation and the only one that reads it, so that each channel has the same norm in both. What the network computes
/// stays, but for rounding.
pub(crate) fn equal_norms(network: &mut Network) {
    let pairs: Vec<(usize, usize)> = (0..network.layers.len())
        .filter_map(|at| Some((at, reader(network, at)?)))
        .collect();
    for _ in 0..ROUNDS {
        for &(first, second) in &pairs {
            let channels = network.layers[first].operator.output().channels;
            for channel in 0..channels {
                let rows = row(&network.layers[first], channel);
                let columns = columns(&network.layers[second], channels, channel);
                let norms = [
                    norm(&network.layers[first], rows.clone()),
                    norm(&network.layers[second], columns.iter().copied()),
                ];
                let factor = (norms[1] / norms[0]).sqrt();
                if !(factor.is_normal() && (factor as f32).is_normal()) {
                    continue;
                }
                scale(&mut network.layers[first], rows, factor);
                network.layers[first].bias[channel] *= factor as f32;
                scale(
                    &mut network.layers[second],
                    columns.into_iter(),
                    1.0 / factor,
                );
            }
        }
    }
}

/// The only layer that reads layer `at`, where both have weights of their own and nothing is between them.
fn reader(network: &Network, at: usize) -> Option<usize> {
    let own = |layer: &Layer| {
        matrix_sizes(&layer.operator).is_some() && matches!(layer.weights, Weights::Float(_))
    };
    let value = at + 1;
    let mut readers = network.layers.iter().enumerate();
    let reads = |layer: &Layer| layer.inputs.contains(&value);
    let (index, reader) = readers.find(|(_, layer)| reads(layer))?;
    let alone = !readers.any(|(_, layer)| reads(layer));
    let layer = &network.layers[at];
    let linear = layer.activation == Activation::None;
    (alone && linear && own(layer) && own(reader)).then_some(index)
}

/// Places of the weights that make `channel` of the outputs of `layer`.
fn row(layer: &Layer, channel: usize) -> std::ops::Range<usize> {
    let (inputs, _) = matrix_sizes(&layer.operator).expect("a layer with weights");
    channel * inputs..(channel + 1) * inputs
}

/// Places of the weights of `layer` that `channel` of its `channels` inputs is multiplied by.
fn columns(layer: &Layer, channels: usize, channel: usize) -> Vec<usize> {
    let (inputs, outputs) = matrix_sizes(&layer.operator).expect("a layer with weights");
    match &layer.operator {
        Operator::Conv { groups, window, .. } => {
            let (each, own) = (channels / groups, outputs / groups);
            let area = window.kernel[0] * window.kernel[1];
            let group = channel / each;
            let first = channel % each * area;
            (group * own..(group + 1) * own)
                .flat_map(|output| (first..first + area).map(move |at| output * inputs + at))
                .collect()
        }
        // The channels of a position stand together.
        _ => (0..outputs)
            .flat_map(|output| {
                let columns = (channel..inputs).step_by(channels);
                columns.map(move |column| output * inputs + column)
            })
            .collect(),
    }
}

fn values(layer: &Layer) -> &[f32] {
    match &layer.weights {
        Weights::Float(values) => values,
        _ => unreachable!("only layers with weights of their own are chosen"),
    }
}

fn norm(layer: &Layer, places: impl Iterator<Item = usize>) -> f64 {
    let values = values(layer);
    let squares = places.map(|at| f64::from(values[at]).powi(2));
    squares.sum::<f64>().sqrt()
}

fn scale(layer: &mut Layer, places: impl Iterator<Item = usize>, factor: f64) {
    if let Weights::Float(values) = &mut layer.weights {
        places.for_each(|at| values[at] = (f64::from(values[at]) * factor) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        net::tests::random_network,
        tensor::{Form, parts, truncate},
    };

    fn norms(network: &Network) -> Vec<f64> {
        let layers = network.layers.iter();
        layers
            .map(|layer| norm(layer, 0..layer.weights.len()))
            .collect()
    }

    /// Every form of random networks: the same logits, and layers of a chain with equal norms.
    #[test]
    fn the_layers_of_a_chain_get_equal_norms_and_compute_the_same() {
        let mut chains = 0;
        for seed in 0..60 {
            let network = random_network(seed);
            let image: Vec<u8> = (0..network.input.len())
                .map(|at| (at * 89 % 256) as u8)
                .collect();
            for form in Form::ALL {
                let ranks = parts(&network, form).into_iter().map(|part| {
                    let rank = part.full_rank.div_ceil(2);
                    (part, rank)
                });
                let mut cut = network.clone();
                truncate(&mut cut, form, &ranks.collect::<Vec<_>>());
                let expected = cut.forward(&image);
                let most = expected.iter().fold(1.0f32, |most, x| most.max(x.abs()));
                equal_norms(&mut cut);
                cut.check().unwrap();
                for (found, expected) in cut.forward(&image).iter().zip(&expected) {
                    assert!(
                        (found - expected).abs() < 2e-3 * most,
                        "seed {seed}, {}: {found} {expected}",
                        form.name()
                    );
                }
                let norms = norms(&cut);
                for at in 0..cut.layers.len() {
                    let Some(next) = reader(&cut, at) else {
                        continue;
                    };
                    chains += 1;
                    assert!(
                        (norms[at] - norms[next]).abs() <= 0.02 * norms[at].max(norms[next]),
                        "seed {seed}, {}: {norms:?}",
                        form.name()
                    );
                }
            }
        }
        assert!(chains > 300, "{chains}");
    }
}
