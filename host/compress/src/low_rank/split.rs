//! One layer becomes two.

use thresh_model::network::{Activation, Layer, Network, Operator, Weights, Window};

use super::solve::LowRankMap;
use crate::net;

/// What the name of the first of the two layers ends with; the second keeps the name.
const BASIS: &str = ".basis";

/// Splits the layer called `name`: first the filters of `map.basis`, then a 1x1 layer with the bias and activation of the old one.
///
/// # Panics
/// If there is no such layer, or it has no weights or another number of outputs.
pub(super) fn split(network: &mut Network, name: &str, map: &LowRankMap) {
    let at = network
        .layers
        .iter()
        .position(|layer| layer.name == name)
        .expect("a layer of the network");
    let old = network.layers[at].clone();
    let (inputs, outputs) = net::matrix_sizes(&old.operator).expect("a layer with weights");
    let rank = map.basis.nrows();
    assert_eq!(map.basis.ncols(), outputs);
    let weights = old.weights.to_dense();
    let filter = |row: usize| {
        (0..inputs)
            .map(move |column| row * inputs + column)
            .map(|to| {
                let (row, column) = (to / inputs, to % inputs);
                (0..outputs)
                    .map(|o| map.basis[(row, o)] * f64::from(weights[o * inputs + column]))
                    .sum::<f64>() as f32
            })
    };
    let basis = Layer {
        name: unused(network, format!("{name}{BASIS}")),
        inputs: old.inputs.clone(),
        operator: with_outputs(&old.operator, rank),
        weights: Weights::Float((0..rank).flat_map(filter).collect()),
        bias: vec![0.0; rank],
        activation: Activation::None,
    };
    let mapped = |o: usize| -> f64 {
        let bias = |other: usize| f64::from(old.bias[other]);
        let through = |r: usize| {
            map.spread[(o, r)]
                * (0..outputs)
                    .map(|other| map.basis[(r, other)] * bias(other))
                    .sum::<f64>()
        };
        (0..rank).map(through).sum()
    };
    let spread = Layer {
        name: old.name.clone(),
        inputs: vec![at + 1],
        operator: behind(&basis.operator, outputs),
        weights: Weights::Float(
            (0..outputs * rank)
                .map(|to| map.spread[(to / rank, to % rank)] as f32)
                .collect(),
        ),
        bias: (0..outputs)
            .map(|o| (map.bias[o] + mapped(o)) as f32)
            .collect(),
        activation: old.activation,
    };
    network.layers[at] = spread;
    network.layers.insert(at, basis);
    // Value `at + 1` is now the basis; what read the old layer reads the second one.
    for layer in &mut network.layers[at + 2..] {
        layer
            .inputs
            .iter_mut()
            .filter(|input| **input > at)
            .for_each(|input| *input += 1);
    }
}

/// `name`, or the first of its followers that no layer has.
fn unused(network: &Network, name: String) -> String {
    let taken = |name: &str| network.layers.iter().any(|layer| layer.name == name);
    let mut candidates =
        std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}{number}")));
    candidates
        .find(|name| !taken(name))
        .expect("there are more names than layers")
}

/// The operator with another number of outputs.
fn with_outputs(operator: &Operator, count: usize) -> Operator {
    let mut operator = operator.clone();
    match &mut operator {
        Operator::Dense { outputs, .. } | Operator::Conv { outputs, .. } => *outputs = count,
        _ => unreachable!("only layers with windows over all channels are split"),
    }
    operator
}

/// The 1x1 layer that makes `outputs` channels of the output of `operator`.
fn behind(operator: &Operator, outputs: usize) -> Operator {
    match operator {
        Operator::Dense {
            outputs: inputs, ..
        } => Operator::Dense {
            inputs: *inputs,
            outputs,
        },
        _ => Operator::Conv {
            input: operator.output(),
            outputs,
            groups: 1,
            window: Window::valid([1, 1]),
        },
    }
}
