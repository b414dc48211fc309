//! Gradual pruning by magnitude with masked retraining (cubic schedule of Zhu and Gupta, 1710.01878).
//!
//! Two things are added to plain magnitude, since a packed weight also costs its share of a column and of a neuron:
//! the magnitude counts less where few weights share these (and, with a price, where a weight is multiplied at many positions), and weights that cannot change an output are removed
//! first. An input of a convolution is here one value under its window, a neuron one of its channels.
//!
//! A weight that is removed never comes back, unless `regrow` is asked for: then, in each layer, that share of the weights is given to those out of
//! use whose gradients pull hardest (RigL: Evci and others, 1911.11134); the share falls to nothing at three quarters of the stage.

use burn::tensor::Tensor;

use super::{DeepCompressionOptions, balance::balanced, cut::cut, grid::Grid};
use crate::{
    checkpoint::State,
    net::{self, Affine, Net},
    run::{self, Stage},
    sgd::Sgd,
};

/// Steps between two moves of the mask, at most.
const STEPS_A_MASK: usize = 50;

/// Moves of the mask in a stage, at least, as far as it has steps.
const LEAST_MASKS: usize = 10;

/// Share of the stage behind which nothing comes back.
const REGROW_END: f64 = 0.75;

/// Rough bits of a packed weight: its place in the column and its code.
const WEIGHT_BITS: f64 = 7.5;
/// Rough bits of a live input: the number of entries of its column, in each of 8 PEs.
const INPUT_BITS: f64 = 11.0;
/// Bits of the bias of a live neuron.
const BIAS_BITS: f64 = 16.0;

/// Weights under a mask that gets thinner.
pub(crate) struct Masked {
    net: Net,
    layers: Vec<Affine>,
    /// 1 where a weight lives, 0 where it is pruned and exactly 0.
    masks: Vec<Tensor<2>>,
    descent: Sgd,
    targets: Targets,
    structure: f64,
    /// Bits that the multiplications of a weight of each layer count for.
    macs: Vec<f64>,
    /// PEs that have equally many weights of each layer; 0: as it comes.
    balance: usize,
    /// Share of the weights that is chosen by gradient at the beginning.
    regrow: f64,
    /// Rate of the last step.
    rate: f64,
}

/// How many weights stay at the end.
#[derive(Clone, Debug, PartialEq)]
enum Targets {
    /// In the whole network.
    Together(usize),
    /// In each layer.
    Each(Vec<usize>),
}

impl Masked {
    /// `layers` are those of `net`.
    pub fn new(net: &Net, layers: Vec<Affine>, options: &DeepCompressionOptions) -> Self {
        let sizes = layers
            .iter()
            .map(|layer| layer.weight.shape().num_elements());
        let targets = if options.densities.is_empty() {
            Targets::Together(options.weights.of(sizes.sum()))
        } else {
            let kept = |(size, density): (usize, &f64)| (size as f64 * density).round() as usize;
            Targets::Each(sizes.zip(&options.densities).map(kept).collect())
        };
        Self {
            masks: layers
                .iter()
                .map(|layer| layer.weight.ones_like())
                .collect(),
            descent: Sgd::new(&layers, options.momentum, options.decay),
            targets,
            structure: options.structure,
            macs: net
                .positions()
                .iter()
                .map(|&n| n as f64 * options.mac_price)
                .collect(),
            balance: options.balance,
            regrow: options.regrow,
            rate: 0.0,
            net: net.clone(),
            layers,
        }
    }

    /// Prunes to the target, and gives what is left.
    pub fn finish(mut self) -> Vec<Affine> {
        self.move_masks(1.0);
        self.layers
    }

    /// Prunes to what the schedule wants after the share `done` of the stage.
    fn move_masks(&mut self, done: f64) {
        let mut grids: Vec<Grid> = self.layers.iter().map(Grid::new).collect();
        let mut biases: Vec<Vec<f32>> = self.layers.iter().map(|l| net::values(&l.bias)).collect();
        cut(&self.net, &mut grids, &mut biases);
        let counts: Vec<_> = grids.iter().map(Grid::counts).collect();
        let scaling = self.net.scaling();
        let scores = scores(&grids, &counts, &scaling, &self.macs, self.structure);
        let grown = self.regrow * (1.0 - done / REGROW_END).max(0.0);
        let chosen = |count: usize| count - (count as f64 * grown).round() as usize;
        let flags: Vec<Vec<bool>> = match &self.targets {
            Targets::Together(target) => {
                let all = scores.concat();
                let mut keep = strongest(&all, chosen(kept(all.len(), *target, done))).into_iter();
                let lengths = scores.iter().map(Vec::len);
                lengths.map(|n| keep.by_ref().take(n).collect()).collect()
            }
            Targets::Each(targets) => {
                let layers = scores.iter().zip(targets);
                layers
                    .map(|(scores, &target)| {
                        strongest(scores, chosen(kept(scores.len(), target, done)))
                    })
                    .collect()
            }
        };
        for (index, (grid, keep)) in grids.iter_mut().zip(flags).enumerate() {
            let keep = match self.balance {
                0 => keep,
                _ if scaling[index] => keep,
                pes => balanced(&keep, &scores[index], grid.outputs, pes),
            };
            let mut keep = keep.into_iter();
            grid.retain(|| keep.next().expect("one flag a weight"));
        }
        if grown > 0.0 {
            self.grow(&mut grids, &counts, grown);
        }
        if done >= 1.0 {
            cut(&self.net, &mut grids, &mut biases);
        }
        for (index, (grid, bias)) in grids.iter().zip(&biases).enumerate() {
            let mask: Vec<f32> = grid
                .values
                .iter()
                .map(|&w| f32::from(u8::from(w != 0.0)))
                .collect();
            self.masks[index] = net::matrix(&mask, grid.inputs, grid.outputs);
            self.layers[index].bias = net::vector(bias);
            self.layers[index].weight = net::matrix(&grid.values, grid.inputs, grid.outputs);
            if self.regrow == 0.0 {
                let velocity = &mut self.descent.velocity[index].weight;
                *velocity = velocity.clone() * self.masks[index].clone();
            }
        }
    }

    /// Lets weights that were out of use (`counts` are those in use) come back: in each layer the share `grown` of all that it has then. They
    /// begin with the step that they would have made.
    fn grow(&self, grids: &mut [Grid], counts: &[(Vec<usize>, Vec<usize>)], grown: f64) {
        let pulls = self.descent.velocity.iter().map(|velocity| {
            let mut pull = Grid::new(velocity);
            pull.values.iter_mut().for_each(|v| *v *= -self.rate as f32);
            pull
        });
        let mut pulls: Vec<Grid> = pulls.collect();
        for (pull, mask) in pulls.iter_mut().zip(&self.masks) {
            let mut dead = net::values(mask).into_iter().map(|mask| mask == 0.0);
            pull.retain(|| dead.next().expect("one flag a weight"));
        }
        let scores = scores(
            &pulls,
            counts,
            &vec![false; pulls.len()],
            &self.macs,
            self.structure,
        );
        for ((grid, pull), scores) in grids.iter_mut().zip(&pulls).zip(&scores) {
            let stay = grid.values.iter().filter(|w| **w != 0.0).count() as f64;
            let count = (stay * grown / (1.0 - grown)).round() as usize;
            let marks = strongest(scores, count);
            for ((value, &pull), mark) in grid.values.iter_mut().zip(&pull.values).zip(marks) {
                if mark && *value == 0.0 {
                    *value = pull;
                }
            }
        }
    }
}

/// Rough bits that a weight costs when its input has `row` living weights and its output `column`; a hidden neuron costs
/// a bias and a column of the next layer.
/// `macs` are the bits that its multiplications count for.
fn bits(row: usize, column: usize, hidden: bool, macs: f64) -> f64 {
    let neuron = if hidden { BIAS_BITS + INPUT_BITS } else { 0.0 };
    WEIGHT_BITS + macs + INPUT_BITS / row.max(1) as f64 + neuron / column.max(1) as f64
}

/// How much each weight deserves to stay: its magnitude over the `structure`-th power of its relative cost. In a layer
/// that only scales channels each weight is a whole channel: those stay before all others.
/// `counts` are the living weights of each input and of each output, `macs` the bits that the multiplications of a weight count for.
fn scores(
    grids: &[Grid],
    counts: &[(Vec<usize>, Vec<usize>)],
    scaling: &[bool],
    macs: &[f64],
    structure: f64,
) -> Vec<Vec<f32>> {
    let last = grids.len() - 1;
    grids
        .iter()
        .zip(counts)
        .zip(scaling)
        .zip(macs)
        .enumerate()
        .map(|(index, (((grid, (rows, columns)), &scales), &macs))| {
            let score = |(place, value): (usize, &f32)| {
                if scales && *value != 0.0 {
                    return f32::INFINITY;
                }
                if *value == 0.0 || structure == 0.0 {
                    return value.abs();
                }
                let (row, column) = (rows[place / grid.outputs], columns[place % grid.outputs]);
                let cost = bits(row, column, index < last, macs) / WEIGHT_BITS;
                (f64::from(value.abs()) / cost.powf(structure)) as f32
            };
            grid.values.iter().enumerate().map(score).collect()
        })
        .collect()
}

/// Weights that live after the share `done` of the stage: from all to `target` by a cubic law.
fn kept(all: usize, target: usize, done: f64) -> usize {
    let target = target.min(all);
    target + ((all - target) as f64 * (1.0 - done).powi(3)).round() as usize
}

/// Marks the `count` highest scores; of equal ones, the earlier.
pub(super) fn strongest(scores: &[f32], count: usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    if count > 0 && count < order.len() {
        order.select_nth_unstable_by(count - 1, |&a, &b| {
            scores[b].total_cmp(&scores[a]).then(a.cmp(&b))
        });
    }
    let mut marks = vec![false; scores.len()];
    for &index in &order[..count.min(scores.len())] {
        marks[index] = true;
    }
    marks
}

impl Stage for Masked {
    fn name(&self) -> &'static str {
        "prune"
    }

    fn weights(&self) -> Vec<Affine> {
        self.layers.clone()
    }

    // Earlier weights are more of them.
    fn keeps(&self) -> bool {
        false
    }

    fn before(&mut self, step: usize, steps: usize) {
        let between = STEPS_A_MASK.min(steps.div_ceil(LEAST_MASKS)).max(1);
        if step.is_multiple_of(between) {
            self.move_masks(step as f64 / steps as f64);
        }
    }

    fn step(&mut self, mut gradients: Vec<Affine>, rate: f64) {
        self.rate = rate;
        if self.regrow == 0.0 {
            for (gradient, mask) in gradients.iter_mut().zip(&self.masks) {
                gradient.weight = gradient.weight.clone() * mask.clone();
            }
        }
        self.descent.step(&mut self.layers, gradients, rate);
        if self.regrow > 0.0 {
            for (layer, mask) in self.layers.iter_mut().zip(&self.masks) {
                layer.weight = layer.weight.clone() * mask.clone();
            }
        }
    }

    fn state(&self) -> State {
        let mut state = State::new();
        run::put(&mut state, "layer", &self.layers);
        run::put(&mut state, "velocity", &self.descent.velocity);
        for (index, mask) in self.masks.iter().enumerate() {
            state.insert(format!("mask.{index}"), net::values(mask));
        }
        state.insert("rate".into(), vec![self.rate as f32]);
        state
    }

    fn restore(&mut self, mut state: State) -> Option<()> {
        self.rate = f64::from(*state.remove("rate")?.first()?);
        run::take(&mut state, "layer", &mut self.layers)?;
        run::take(&mut state, "velocity", &mut self.descent.velocity)?;
        for (index, mask) in self.masks.iter_mut().enumerate() {
            let [inputs, outputs] = mask.dims();
            let values = state.remove(&format!("mask.{index}"))?;
            if values.len() != inputs * outputs {
                return None;
            }
            *mask = net::matrix(&values, inputs, outputs);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, generator};
    use rand::RngExt;

    fn random_layers() -> Vec<Affine> {
        let mut random = generator(3, Purpose::Start, 0);
        let mut values = |count: usize| -> Vec<f32> {
            (0..count).map(|_| random.random_range(-1.0..1.0)).collect()
        };
        [(12, 10), (10, 8), (8, 4)]
            .map(|(inputs, outputs)| Affine {
                weight: net::matrix(&values(inputs * outputs), inputs, outputs),
                bias: net::vector(&values(outputs)),
            })
            .to_vec()
    }

    fn masked(options: &DeepCompressionOptions) -> Masked {
        Masked::new(&net::dense(&[12, 10, 8, 4]), random_layers(), options)
    }

    fn pruned_to(options: &DeepCompressionOptions) -> Vec<Affine> {
        masked(options).finish()
    }

    #[test]
    fn the_schedule_falls_from_all_to_the_target() {
        assert_eq!(kept(1000, 100, 0.0), 1000);
        assert_eq!(kept(1000, 100, 0.5), 100 + 900 / 8 + 1);
        assert_eq!(kept(1000, 100, 1.0), 100);
        assert_eq!(kept(50, 100, 0.3), 50);
    }

    #[test]
    fn the_strongest_stay_and_of_equal_ones_the_earlier() {
        assert_eq!(
            strongest(&[1.0, 3.0, 1.0, 2.0, 1.0], 3),
            [true, true, false, true, false]
        );
        assert_eq!(strongest(&[1.0, 2.0], 0), [false, false]);
        assert_eq!(strongest(&[1.0, 2.0], 5), [true, true]);
    }

    #[test]
    fn plain_magnitude_keeps_the_largest_weights_of_each_layer() {
        let options = DeepCompressionOptions {
            densities: vec![0.5, 0.5, 0.75],
            structure: 0.0,
            ..DeepCompressionOptions::default()
        };
        let layers = pruned_to(&options);
        for ((before, after), count) in random_layers().iter().zip(&layers).zip([60, 40, 24]) {
            assert_eq!(net::live_weights(std::slice::from_ref(after)), count);
            let (before, after) = (net::values(&before.weight), net::values(&after.weight));
            let least = after
                .iter()
                .filter(|w| **w != 0.0)
                .fold(f32::MAX, |l, w| l.min(w.abs()));
            for (before, after) in before.iter().zip(&after) {
                assert!(after == before || *after == 0.0 && before.abs() <= least);
            }
        }
    }

    #[test]
    fn what_is_pruned_stays_pruned_and_the_rest_is_trained() {
        let options = DeepCompressionOptions {
            weights: 60.into(),
            ..DeepCompressionOptions::default()
        };
        let mut masked = masked(&options);
        let mut before = vec![false; 232];
        let mut counts = Vec::new();
        let steps = 20 * STEPS_A_MASK;
        for step in 0..steps {
            masked.before(step, steps);
            let gradients = masked.layers.iter().map(|layer| Affine {
                weight: layer.weight.ones_like() * 0.1,
                bias: layer.bias.ones_like(),
            });
            masked.step(gradients.collect(), 0.002);
            let all = masked
                .layers
                .iter()
                .flat_map(|layer| net::values(&layer.weight));
            let dead: Vec<bool> = all.map(|weight| weight == 0.0).collect();
            assert!(
                before
                    .iter()
                    .zip(&dead)
                    .all(|(before, now)| !before || *now),
                "step {step}"
            );
            counts.push(dead.iter().filter(|dead| !**dead).count());
            before = dead;
        }
        // At the quarters of the stage to all, then to 60 and 27/64, 8/64, 1/64 of the other 172.
        assert_eq!([counts[0], counts[250], counts[500]], [232, 133, 82]);
        let left = net::live_weights(&masked.finish());
        assert!((30..=60).contains(&left), "{left}");
    }

    #[test]
    fn what_was_pruned_comes_back_where_the_gradient_pulls() {
        let back = |regrow| {
            let options = DeepCompressionOptions {
                weights: 60.into(),
                regrow,
                ..DeepCompressionOptions::default()
            };
            let mut masked = masked(&options);
            let (mut dead, mut back) = (vec![false; 232], 0);
            let steps = 20 * STEPS_A_MASK;
            for step in 0..steps {
                masked.before(step, steps);
                let gradients = masked.layers.iter().map(|layer| Affine {
                    weight: layer.weight.ones_like() * 0.1,
                    bias: layer.bias.ones_like(),
                });
                masked.step(gradients.collect(), 0.002);
                let weights = masked.weights();
                let all = weights.iter().flat_map(|layer| net::values(&layer.weight));
                let now: Vec<bool> = all.map(|weight| weight == 0.0).collect();
                back += dead
                    .iter()
                    .zip(&now)
                    .filter(|(before, now)| **before && !**now)
                    .count();
                dead = now;
            }
            (back, net::live_weights(&masked.finish()))
        };
        assert_eq!(back(0.0).0, 0);
        let (back, left) = back(0.2);
        assert!(back > 20 && (30..=60).contains(&left), "{back} {left}");
    }

    #[test]
    fn weights_of_many_positions_go_first_where_multiplications_have_a_price() {
        let grid = |values: &[f32]| Grid {
            inputs: 2,
            outputs: 2,
            values: values.to_vec(),
        };
        let grids = [grid(&[0.8, 0.4, 0.3, 0.2]), grid(&[0.25; 4])];
        let counts: Vec<_> = grids.iter().map(Grid::counts).collect();
        let first = |price: f64| {
            let scores = scores(&grids, &counts, &[false; 2], &[100.0 * price, price], 1.0);
            scores[0][0] > scores[1][0]
        };
        assert!(first(0.0) && !first(1.0));
    }

    #[test]
    fn structure_empties_inputs_and_neurons() {
        let live = |structure| {
            let options = DeepCompressionOptions {
                weights: 40.into(),
                structure,
                ..DeepCompressionOptions::default()
            };
            let layers = pruned_to(&options);
            let counts = layers.iter().flat_map(|layer| Grid::new(layer).counts().0);
            counts.filter(|count| *count > 0).count()
        };
        assert!(live(2.0) < live(0.0), "{} {}", live(2.0), live(0.0));
    }
}
