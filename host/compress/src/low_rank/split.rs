//! One layer becomes two.

use thresh_model::network::{Network, Operator, Weights, Window};

use super::{find, solve::LowRankMap};
use crate::{
    chain::{self, Link},
    net,
};

/// What the name of the first of the two layers ends with; the second keeps the name.
const BASIS: &str = ".basis";

/// Splits the layer called `name`: first the filters of `map.basis`, then a 1x1 layer with the bias and activation of the old one.
///
/// # Panics
/// If there is no such layer, or it has no weights or another number of outputs.
pub(super) fn split(network: &mut Network, name: &str, map: &LowRankMap) {
    let at = find(network, name);
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
    let narrow = with_outputs(&old.operator, rank);
    let spread = behind(&narrow, outputs);
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
    let links = vec![
        Link {
            suffix: BASIS,
            operator: narrow,
            weights: (0..rank).flat_map(filter).collect(),
        },
        Link {
            suffix: "",
            operator: spread,
            weights: (0..outputs * rank)
                .map(|to| map.spread[(to / rank, to % rank)] as f32)
                .collect(),
        },
    ];
    let bias = (0..outputs)
        .map(|o| (map.bias[o] + mapped(o)) as f32)
        .collect();
    chain::replace(network, at, links, bias);
}

/// Puts `map` behind the layer called `name` without another layer: its outputs are as many as those of the map.
pub(super) fn refit(network: &mut Network, name: &str, map: &LowRankMap) {
    let at = find(network, name);
    let layer = &mut network.layers[at];
    let (inputs, outputs) = net::matrix_sizes(&layer.operator).expect("a layer with weights");
    let whole = &map.spread * &map.basis;
    let weights = layer.weights.to_dense();
    let row = |o: usize, column: usize| -> f64 {
        let each = (0..outputs)
            .map(|other| whole[(o, other)] * f64::from(weights[other * inputs + column]));
        each.sum()
    };
    let mapped = (0..outputs * inputs).map(|to| row(to / inputs, to % inputs) as f32);
    let bias = |o: usize| -> f64 {
        let each = (0..outputs).map(|other| whole[(o, other)] * f64::from(layer.bias[other]));
        map.bias[o] + each.sum::<f64>()
    };
    let (weights, bias) = (
        mapped.collect(),
        (0..outputs).map(|o| bias(o) as f32).collect(),
    );
    (layer.weights, layer.bias) = (Weights::Float(weights), bias);
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
