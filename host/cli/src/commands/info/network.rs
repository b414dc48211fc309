//! What a network is made of.

use crate::output::{Output, facts, percent, ratio, table};
use anyhow::Result;
use comfy_table::CellAlignment;
use serde_json::{Value, json};
use thresh_model::Network;
use thresh_model::network::{Activation, Head, Layer, Operator, Shape, Weights, Window};

/// Columns of words rather than numbers.
const TEXTS: &[&str] = &["operator", "reads", "output", "activation", "kept as"];

/// Labels that are told for people; JSON has all.
const LABELS: usize = 20;

/// Prints the layers of a network and where it comes from.
pub fn print(network: &Network, output: &Output) -> Result<()> {
    // Counted once, since a hash is computed for each hashed weight.
    let layers = network.layers.iter();
    let nonzeros: Vec<usize> = layers.map(|layer| layer.weights.nonzeros()).collect();
    let text = format!(
        "{}\n\n{}",
        summary(network, &nonzeros),
        layers_table(network, &nonzeros)
    );
    output.result(text, &to_json(network, &nonzeros))
}

fn summary(network: &Network, nonzeros: &[usize]) -> String {
    let shape = network.input;
    let weights = weights(network);
    let values = stored_in_all(network, nonzeros);
    let nonzeros: usize = nonzeros.iter().sum();
    let mut lines = vec![
        ("network", network.name.clone()),
        ("input", format!("{} values", map(&shape))),
    ];
    if network.frame.pads != [0; 4] {
        let [top, left, bottom, right] = network.frame.pads;
        let frame = format!("{top}, {left}, {bottom}, {right} positions above, left, below, right");
        lines.push(("frame", frame));
    }
    lines.extend([
        (
            "outputs",
            format!("{} ({})", network.outputs(), head(network.head)),
        ),
        ("labels", labels(&network.labels)),
        ("parameters", network.parameters().to_string()),
        (
            "weights",
            format!(
                "{weights}, of which {nonzeros} ({}) are not zero",
                percent(ratio(nonzeros as f64, weights as f64))
            ),
        ),
        ("values stored", values.to_string()),
        (
            "multiplications",
            format!("{:.0}", network.multiplications()),
        ),
    ]);
    lines.retain(|(_, text)| !text.is_empty());
    let provenance = network.provenance.iter();
    lines.extend(provenance.map(|(key, value)| (key.as_str(), value.clone())));
    facts(&lines)
}

fn labels(labels: &[String]) -> String {
    let told = labels[..labels.len().min(LABELS)].join(", ");
    match labels.len().saturating_sub(LABELS) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

fn layers_table(network: &Network, nonzeros: &[usize]) -> String {
    let header = [
        "layer",
        "operator",
        "reads",
        "output",
        "activation",
        "weights",
        "non-zeros",
        "kept as",
        "multiplications",
    ];
    let rows = network
        .layers
        .iter()
        .zip(nonzeros)
        .map(|(layer, &nonzeros)| {
            let share = ratio(nonzeros as f64, layer.weights.len() as f64);
            let mut row = vec![
                layer.name.clone(),
                operator(&layer.operator),
                reads(network, layer).join(", "),
                map(&layer.operator.output()),
                activation(&layer.activation),
            ];
            row.extend(match layer.weights.is_empty() {
                true => vec![String::new(); 4],
                false => vec![
                    layer.weights.len().to_string(),
                    percent(share),
                    kept(&layer.weights),
                    format!("{:.0}", layer.multiplications()),
                ],
            });
            row
        });
    let mut table = table(&header, rows);
    for column in header
        .iter()
        .enumerate()
        .filter_map(|(i, name)| TEXTS.contains(name).then_some(i))
    {
        let column = table.column_mut(column).expect("each has a header");
        column.set_cell_alignment(CellAlignment::Left);
    }
    table.to_string()
}

/// Weights of all layers.
fn weights(network: &Network) -> usize {
    network.layers.iter().map(|layer| layer.weights.len()).sum()
}

/// Weights that are kept: those of the pool where a hash picks them, else those that are not zero.
fn stored(layer: &Layer, nonzeros: usize) -> usize {
    match &layer.weights {
        Weights::Hashed(hashed) => hashed.pool.len(),
        _ => nonzeros,
    }
}

fn stored_in_all(network: &Network, nonzeros: &[usize]) -> usize {
    let layers = network.layers.iter().zip(nonzeros);
    layers
        .map(|(layer, &nonzeros)| stored(layer, nonzeros))
        .sum()
}

/// Names of what a layer reads.
fn reads(network: &Network, layer: &Layer) -> Vec<String> {
    let name = |&input: &usize| match input.checked_sub(1) {
        Some(before) => network.layers[before].name.clone(),
        None => "input".into(),
    };
    layer.inputs.iter().map(name).collect()
}

fn map(shape: &Shape) -> String {
    match (shape.width, shape.height) {
        (1, 1) => shape.channels.to_string(),
        (width, height) => format!("{width} x {height} x {}", shape.channels),
    }
}

fn operator(operator: &Operator) -> String {
    match operator {
        Operator::Dense { .. } => "dense".into(),
        Operator::Conv { groups, window, .. } => {
            let groups = match groups {
                1 => String::new(),
                groups => format!(" in {groups} groups"),
            };
            format!("conv {}{groups}", places(window))
        }
        Operator::MaxPool { window, .. } => format!("max-pool {}", places(window)),
        Operator::AveragePool { window, .. } => format!("average-pool {}", places(window)),
        Operator::Add { .. } => "add".into(),
        Operator::Concat { .. } => "concat".into(),
        Operator::Shuffle { groups, .. } => format!("shuffle of {groups} groups"),
        Operator::Select { channels, .. } => format!("select {} channels", channels.len()),
    }
}

/// A window, its height first; strides and padding where there are some.
fn places(window: &Window) -> String {
    let Window {
        kernel: [height, width],
        stride: [down, right],
        pads,
    } = window;
    let mut text = format!("{height} x {width}");
    match (down, right) {
        (1, 1) => {}
        (down, right) if down == right => text += &format!(" by {down}"),
        (down, right) => text += &format!(" by {down} x {right}"),
    }
    match pads {
        [0, 0, 0, 0] => {}
        [pad, others @ ..] if others.iter().all(|other| other == pad) => {
            text += &format!(" pad {pad}");
        }
        [top, left, bottom, right] => text += &format!(" pad {top}, {left}, {bottom}, {right}"),
    }
    text
}

fn activation(activation: &Activation) -> String {
    match activation {
        Activation::None => String::new(),
        Activation::Relu => "relu".into(),
        Activation::Clipped(limit) => format!("relu to {limit}"),
        Activation::Leaky(slopes) => match slopes.as_slice() {
            [slope] => format!("leaky {slope}"),
            slopes => format!("leaky, {} slopes", slopes.len()),
        },
    }
}

fn head(head: Head) -> &'static str {
    match head {
        Head::Logits => "logits",
        Head::Softmax => "softmax",
        Head::LogSoftmax => "log-softmax",
        Head::Sigmoid => "sigmoid",
    }
}

fn kept(weights: &Weights) -> String {
    let values = |weights: &Weights| match weights {
        Weights::Shared { codebook, .. } => format!("{} shared values", codebook.len()),
        _ => "floats".into(),
    };
    match weights {
        Weights::Hashed(hashed) => {
            format!("pool of {}, {}", hashed.pool.len(), values(&hashed.pool))
        }
        weights => values(weights),
    }
}

fn to_json(network: &Network, nonzeros: &[usize]) -> Value {
    let map = |shape: Shape| [shape.channels, shape.height, shape.width];
    let layers: Vec<Value> = network
        .layers
        .iter()
        .zip(nonzeros)
        .map(|(layer, &nonzeros)| {
            let codebook = match layer.weights.stored() {
                Weights::Shared { codebook, .. } => Some(codebook.len()),
                _ => None,
            };
            json!({
                "name": layer.name,
                "operator": layer.operator,
                "reads": reads(network, layer),
                "output": map(layer.operator.output()),
                "activation": layer.activation,
                "parameters": layer.parameters(),
                "weights": layer.weights.len(),
                "nonzeros": nonzeros,
                "stored": stored(layer, nonzeros),
                "codebook": codebook,
                "hashed": matches!(layer.weights, Weights::Hashed(_)),
                "multiplications": layer.multiplications(),
            })
        })
        .collect();
    json!({
        "kind": "network",
        "name": network.name,
        "input": map(network.input),
        "frame": network.frame,
        "outputs": network.outputs(),
        "head": network.head,
        "labels": network.labels,
        "parameters": network.parameters(),
        "weights": weights(network),
        "nonzeros": nonzeros.iter().sum::<usize>(),
        "stored": stored_in_all(network, nonzeros),
        "multiplications": network.multiplications(),
        "layers": layers,
        "provenance": network.provenance,
    })
}
