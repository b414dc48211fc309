//! Cuts what cannot change an output: neurons that nothing uses, neurons that are constant, inputs
//! that nothing reads.

use super::share::Matrix;
use crate::network::Activation;

/// Cuts dead neurons and constant ones, whose value goes into the next biases, until none is left;
/// gives the inputs that are read. At least one input and one neuron of each layer stays.
pub(super) fn trim(layers: &mut [Matrix]) -> Vec<usize> {
    loop {
        let mut changed = false;
        for i in 1..layers.len() {
            let (before, after) = layers.split_at_mut(i);
            let (layer, next) = (&mut before[i - 1], &mut after[0]);
            let used = used_inputs(next);
            let constant = |o: usize| layer.row(o).iter().all(|&code| code == 0);
            let mut keep: Vec<bool> = (0..layer.outputs())
                .map(|o| used[o] && !constant(o))
                .collect();
            fold(layer, next, &keep);
            if !keep.contains(&true) {
                // What stays is used by nothing any more: its column is empty now.
                keep[0] = true;
            }
            changed |= keep.contains(&false);
            keep_outputs(layer, &keep);
            keep_inputs(next, &keep);
        }
        if !changed {
            break;
        }
    }
    let mut used = used_inputs(&layers[0]);
    if !used.contains(&true) {
        used[0] = true;
    }
    keep_inputs(&mut layers[0], &used);
    (0..used.len()).filter(|&input| used[input]).collect()
}

fn used_inputs(layer: &Matrix) -> Vec<bool> {
    let mut used = vec![false; layer.inputs];
    for output in 0..layer.outputs() {
        for (used, &code) in used.iter_mut().zip(layer.row(output)) {
            *used |= code != 0;
        }
    }
    used
}

/// Moves the values of the neurons that go into the biases of the next layer. Those that nothing
/// uses have no weight there.
fn fold(layer: &Matrix, next: &mut Matrix, keep: &[bool]) {
    for neuron in (0..layer.outputs()).filter(|&neuron| !keep[neuron]) {
        let bias = layer.bias[neuron];
        let value = match &layer.activation {
            Activation::None => bias,
            Activation::Relu => bias.max(0.0),
            other => f64::from(other.apply(bias as f32, layer.kept[neuron])),
        };
        for output in 0..next.outputs() {
            next.bias[output] += next.weight(next.row(output)[neuron]) * value;
            next.codes[output * next.inputs + neuron] = 0;
        }
    }
}

fn keep_outputs(layer: &mut Matrix, keep: &[bool]) {
    let kept = |output: &usize| keep[*output];
    layer.codes = (0..keep.len())
        .filter(kept)
        .flat_map(|o| layer.row(o).to_vec())
        .collect();
    layer.bias = (0..keep.len())
        .filter(kept)
        .map(|o| layer.bias[o])
        .collect();
    layer.kept = (0..keep.len())
        .filter(kept)
        .map(|o| layer.kept[o])
        .collect();
}

fn keep_inputs(layer: &mut Matrix, keep: &[bool]) {
    let columns = keep.iter().cycle();
    layer.codes = layer
        .codes
        .iter()
        .zip(columns)
        .filter(|(_, keep)| **keep)
        .map(|(c, _)| *c)
        .collect();
    layer.inputs = keep.iter().filter(|keep| **keep).count();
}
