//! Loose ends of a pruned network, through any graph of layers.
//!
//! Two walks over its channels. Forward: a channel whose weights are all pruned has the same value everywhere, and goes
//! into the biases of the layers that read it. Backward: a channel that nothing reads needs no weights.

use std::ops::Range;

use thresh_model::{Operator, Shape, Window};

use super::grid::Grid;
use crate::net::Net;

/// Removes, without a change of any output, the weights that lead to a channel that no output depends on, and those
/// that come from a channel without inputs, whose constant value goes to the biases behind it. These stay where the value
/// is not the same everywhere, as beside the zeros around a map.
///
/// `grids` and `biases` are those of the layers of `net` with weights.
pub(super) fn cut(net: &Net, grids: &mut [Grid], biases: &mut [Vec<f32>]) {
    fold_constants(net, grids, biases);
    clear_unread(net, grids);
}

/// What a channel is everywhere; `None`: it depends on the image or the position.
type Constant = Option<f32>;

fn fold_constants(net: &Net, grids: &mut [Grid], biases: &mut [Vec<f32>]) {
    let mut values: Vec<Vec<Constant>> = vec![vec![None; net.shape(0).channels]];
    for step in net.steps() {
        let read = &values[step.inputs[0]];
        let channels: Vec<Constant> = match (&step.operator, step.weights) {
            (operator, Some(index)) => {
                let (grid, bias) = (&mut grids[index], &mut biases[index]);
                let shape = net.shape(step.inputs[0]);
                for (channel, constant) in read.iter().enumerate() {
                    if let Some(value) = constant.filter(|&value| even(operator, value)) {
                        fold(grid, bias, operator, shape, channel, value);
                    }
                }
                let (_, inputs) = grid.counts();
                let constant = |(&inputs, &bias): (&usize, &f32)| (inputs == 0).then_some(bias);
                inputs.iter().zip(bias.iter()).map(constant).collect()
            }
            (Operator::Add { .. }, _) => {
                let both = read.iter().zip(&values[step.inputs[1]]);
                both.map(|(a, b)| Some((*a)? + (*b)?)).collect()
            }
            (Operator::Concat { .. }, _) => {
                let joined = step.inputs.iter().map(|&input| values[input].as_slice());
                joined.collect::<Vec<_>>().concat()
            }
            (Operator::Shuffle { groups, .. }, _) => {
                let from = |channel| read[shuffled(read.len(), *groups, channel)];
                (0..read.len()).map(from).collect()
            }
            (Operator::Select { channels, .. }, _) => {
                channels.iter().map(|&channel| read[channel]).collect()
            }
            (operator, None) => read
                .iter()
                .map(|constant| constant.filter(|&value| even(operator, value)))
                .collect(),
        };
        let activated = |(channel, constant): (usize, Constant)| {
            constant.map(|value| step.activation.apply(value, channel))
        };
        values.push(channels.into_iter().enumerate().map(activated).collect());
    }
}

/// Whether a channel that is `value` everywhere adds the same to each position behind `operator`.
fn even(operator: &Operator, value: f32) -> bool {
    let zeros = |window: &Window| window.pads != [0; 4];
    match operator {
        Operator::Conv { window, .. } | Operator::AveragePool { window, .. } => {
            value == 0.0 || !zeros(window)
        }
        _ => true,
    }
}

/// Moves what `channel` of the map that is read, `value` everywhere, adds to each output into the biases.
fn fold(
    grid: &mut Grid,
    biases: &mut [f32],
    operator: &Operator,
    read: Shape,
    channel: usize,
    value: f32,
) {
    let (rows, columns) = readers(operator, read, channel);
    let biases = &mut biases[columns.clone()];
    for row in rows {
        let weights = grid.row(row, columns.clone());
        for (weight, bias) in weights.iter_mut().zip(&mut *biases) {
            *bias += *weight * value;
            *weight = 0.0;
        }
    }
}

fn clear_unread(net: &Net, grids: &mut [Grid]) {
    let last = net.steps().len();
    let mut read: Vec<Vec<bool>> = (0..=last)
        .map(|value| vec![value == last; net.shape(value).channels])
        .collect();
    for (at, step) in net.steps().iter().enumerate().rev() {
        let wanted = std::mem::take(&mut read[at + 1]);
        match (&step.operator, step.weights) {
            (operator, Some(index)) => {
                let grid = &mut grids[index];
                for (output, _) in wanted.iter().enumerate().filter(|(_, wanted)| !**wanted) {
                    grid.column(output).for_each(|weight| *weight = 0.0);
                }
                let shape = net.shape(step.inputs[0]);
                for (channel, read) in read[step.inputs[0]].iter_mut().enumerate() {
                    let (rows, columns) = readers(operator, shape, channel);
                    *read |= rows
                        .into_iter()
                        .any(|row| grid.row(row, columns.clone()).iter().any(|w| *w != 0.0));
                }
            }
            (Operator::Concat { inputs }, _) => {
                let mut first = 0;
                for (shape, &input) in inputs.iter().zip(&step.inputs) {
                    mark(&mut read[input], &wanted[first..first + shape.channels]);
                    first += shape.channels;
                }
            }
            (Operator::Shuffle { groups, .. }, _) => {
                let count = wanted.len();
                let read = &mut read[step.inputs[0]];
                for (channel, &wanted) in wanted.iter().enumerate() {
                    read[shuffled(count, *groups, channel)] |= wanted;
                }
            }
            (Operator::Select { channels, .. }, _) => {
                let read = &mut read[step.inputs[0]];
                for (&channel, &wanted) in channels.iter().zip(&wanted) {
                    read[channel] |= wanted;
                }
            }
            _ => step
                .inputs
                .iter()
                .for_each(|&input| mark(&mut read[input], &wanted)),
        }
    }
}

fn mark(read: &mut [bool], wanted: &[bool]) {
    let pairs = read.iter_mut().zip(wanted);
    pairs.for_each(|(read, wanted)| *read |= wanted);
}

/// The input channel that output `channel` of a shuffle is.
fn shuffled(channels: usize, groups: usize, channel: usize) -> usize {
    channel % groups * (channels / groups) + channel / groups
}

/// The rows and columns of the matrix of `operator` with the weights that read `channel` of a map of shape `read`.
pub(super) fn readers(
    operator: &Operator,
    read: Shape,
    channel: usize,
) -> (Vec<usize>, Range<usize>) {
    match operator {
        Operator::Conv {
            input,
            outputs,
            groups,
            window,
        } => {
            let (from, to) = (input.channels / groups, outputs / groups);
            let (group, within) = (channel / from, channel % from);
            let area = window.kernel[0] * window.kernel[1];
            let rows = within * area..(within + 1) * area;
            (rows.collect(), group * to..(group + 1) * to)
        }
        operator => {
            let rows = channel..operator.inputs();
            let channels = read.channels.max(1);
            (rows.step_by(channels).collect(), 0..operator.biases())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        compact::Compact,
        net::{self, Affine, tests::random_network},
        random::{Purpose, generator},
    };
    use rand::RngExt;
    use thresh_model::Network;

    fn grids_of(layers: &[Affine]) -> (Vec<Grid>, Vec<Vec<f32>>) {
        let biases = layers.iter().map(|layer| net::values(&layer.bias));
        (layers.iter().map(Grid::new).collect(), biases.collect())
    }

    fn layers_of(grids: &[Grid], biases: &[Vec<f32>]) -> Vec<Affine> {
        let affine = |(grid, bias): (&Grid, &Vec<f32>)| Affine {
            weight: net::matrix(&grid.values, grid.inputs, grid.outputs),
            bias: net::vector(bias),
        };
        grids.iter().zip(biases).map(affine).collect()
    }

    #[test]
    fn cutting_changes_no_output_and_leaves_no_loose_end() {
        let net = net::dense(&[12, 10, 8, 4]);
        let mut random = generator(3, Purpose::Start, 0);
        let mut values = |count: usize| -> Vec<f32> {
            (0..count).map(|_| random.random_range(-1.0..1.0)).collect()
        };
        let layers = [(12, 10), (10, 8), (8, 4)].map(|(inputs, outputs)| Affine {
            weight: net::matrix(&values(inputs * outputs), inputs, outputs),
            bias: net::vector(&values(outputs)),
        });
        let (mut grids, mut biases) = grids_of(&layers);
        // Neurons 0 to 4 of the first layer have no inputs, 5 to 7 of the second no outputs.
        for neuron in 0..5 {
            grids[0].column(neuron).for_each(|weight| *weight = 0.0);
        }
        for neuron in 5..8 {
            grids[2].row(neuron, 0..4).fill(0.0);
        }
        let outputs = |grids: &[Grid], biases: &[Vec<f32>]| {
            let x: Vec<f32> = (0..12).map(|i| i as f32 / 12.0).collect();
            let layers = layers_of(grids, biases);
            net::values(&net.forward(&layers, net::matrix(&x, 1, 12)))
        };
        let before = outputs(&grids, &biases);
        cut(&net, &mut grids, &mut biases);
        for (before, after) in before.iter().zip(outputs(&grids, &biases)) {
            assert!((before - after).abs() < 1e-5, "{before} {after}");
        }
        for pair in grids.windows(2) {
            let (inputs, outputs) = (pair[0].counts().1, pair[1].counts().0);
            let ends = inputs.iter().zip(&outputs);
            assert!(
                ends.clone().all(|(i, o)| (*i == 0) == (*o == 0)),
                "{inputs:?} {outputs:?}"
            );
        }
    }

    /// Some channels lose what they read, others what reads them; then all is cut and left out.
    fn cut_at_random(network: &Network, seed: u64) -> [bool; 2] {
        let net = Net::new(network).unwrap();
        let (mut grids, mut biases) = grids_of(&net::layers_of(network));
        let mut random = generator(seed, Purpose::Prune, 0);
        for step in net.steps() {
            let Some(index) = step.weights else { continue };
            let grid = &mut grids[index];
            for output in 0..grid.outputs {
                if random.random_bool(0.25) {
                    grid.column(output).for_each(|weight| *weight = 0.0);
                }
            }
            let read = net.shape(step.inputs[0]);
            for channel in 0..read.channels {
                if random.random_bool(0.25) {
                    let (rows, columns) = readers(&step.operator, read, channel);
                    rows.into_iter()
                        .for_each(|row| grid.row(row, columns.clone()).fill(0.0));
                }
            }
        }
        let image: Vec<u8> = (0..network.input.len()).map(|_| random.random()).collect();
        let outputs = |net: &Net, layers: &[Affine]| {
            let mut values = Vec::new();
            net.read(&image, &mut values);
            net::values(&net.forward(layers, net::matrix(&values, 1, net.inputs())))
        };
        let pruned = layers_of(&grids, &biases);
        let before = outputs(&net, &pruned);
        cut(&net, &mut grids, &mut biases);
        let after = layers_of(&grids, &biases);
        let compact = Compact::new(&net, &after);
        let small = net.reading(compact.inputs());
        for after in [outputs(&net, &after), outputs(&small, &compact.layers)] {
            for (before, after) in before.iter().zip(after) {
                assert!(
                    (before - after).abs() < 1e-4 * (1.0 + before.abs()),
                    "{}: {before} {after}",
                    network.name
                );
            }
        }
        let all =
            |layers: &[Affine]| -> usize { layers.iter().map(|l| l.sizes().0 * l.sizes().1).sum() };
        [
            net::live_weights(&after) < net::live_weights(&pruned),
            all(&compact.layers) < all(&after),
        ]
    }

    #[test]
    fn cutting_channels_and_leaving_them_out_changes_no_output() {
        let mut counts = [0; 4];
        for seed in 0..300 {
            let graph = thresh_model::random::network(seed);
            for (at, network) in [random_network(seed), graph].into_iter().enumerate() {
                if Net::new(&network).is_err() {
                    continue;
                }
                let [cut, smaller] = cut_at_random(&network, seed);
                counts[2 * at] += usize::from(cut);
                counts[2 * at + 1] += usize::from(smaller);
            }
        }
        let [cuts, smaller, graph_cuts, smaller_graphs] = counts;
        assert!(cuts > 100 && smaller > 100, "{counts:?}");
        assert!(graph_cuts > 100 && smaller_graphs > 5, "{counts:?}");
    }
}
