//! What is known of the values of a network: means, variances and ranges, measured on inputs or estimated without.

mod estimate;

use rayon::prelude::*;
use thresh_model::{Network, Shape, network::FRAME_MARK};

/// Inputs that are measured at most; more are represented by evenly spaced ones.
const MOST_INPUTS: usize = 256;

/// Multiplications that measuring may take, where more than [`FEWEST_INPUTS`] inputs are there: a second.
const MOST_WORK: f64 = 1e9;

/// Inputs that are measured whatever they take, if there are so many.
const FEWEST_INPUTS: usize = 4;

/// Values that are kept as samples at most, over all layers and inputs.
const MOST_SAMPLED: usize = 1 << 25;

/// Means, variances and ranges of every value of a network: value 0 is its input map, `i + 1` the output of layer `i`.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    values: Vec<Value>,
    inputs: usize,
    /// All values of some of the inputs.
    samples: Vec<Vec<Vec<f32>>>,
}

/// What is known of one value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Value {
    /// Mean over all inputs: of each element, or of each channel.
    mean: Vec<f32>,
    /// Variance over all inputs, in the order of `mean`.
    variance: Vec<f32>,
    /// The largest magnitude of each channel.
    most: Vec<f32>,
}

impl Statistics {
    /// Runs the float network on `inputs` of `network.input.len()` bytes each. Of many inputs evenly spaced ones are taken: up to 256,
    /// fewer where the network is large. Without inputs this is [`Statistics::estimated`].
    ///
    /// # Panics
    ///
    /// If an input has another length, or the network is not sound.
    pub fn measured(network: &Network, inputs: &[&[u8]]) -> Self {
        let chosen = spaced(inputs, most_inputs(network));
        if chosen.is_empty() {
            return Self::estimated(network);
        }
        let prepared = network.prepare();
        let shapes: Vec<Shape> = (0..=network.layers.len())
            .map(|v| network.value(v))
            .collect();
        let mut sums: Vec<Sums> = shapes.iter().map(Sums::new).collect();
        let kept = MOST_SAMPLED / shapes.iter().map(Shape::len).sum::<usize>().max(1);
        let mut samples = Vec::new();
        // A few at a time, in their order, so that sums do not depend on the number of threads.
        for some in chosen.chunks(rayon::current_num_threads().max(1)) {
            let runs: Vec<Vec<Vec<f32>>> = some
                .par_iter()
                .map(|input| prepared.forward(input))
                .collect();
            for run in runs {
                let each = sums.iter_mut().zip(&run);
                each.for_each(|(sums, values)| sums.add(values));
                if samples.len() < kept {
                    samples.push(run);
                }
            }
        }
        let count = chosen.len();
        Self {
            values: sums.into_iter().map(|sums| sums.value(count)).collect(),
            inputs: count,
            samples,
        }
    }

    /// What the weights alone say: normal values of the means and variances that they would have if all inputs were independent, bytes
    /// spread evenly around [`Network::input_mean`].
    ///
    /// # Panics
    ///
    /// If the network is not sound.
    pub fn estimated(network: &Network) -> Self {
        Self {
            values: estimate::values(network),
            inputs: 0,
            samples: vec![],
        }
    }

    /// Inputs that were measured; 0 if everything is estimated.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The largest magnitude of each channel of `value`.
    pub fn most(&self, value: usize) -> &[f32] {
        &self.values[value].most
    }

    pub(crate) fn value(&self, value: usize) -> &Value {
        &self.values[value]
    }

    /// A value at some of the inputs.
    pub(crate) fn samples(&self, value: usize) -> Vec<&[f32]> {
        self.samples
            .iter()
            .map(|sample| sample[value].as_slice())
            .collect()
    }

    /// Divides the channels of `value` by `scales`, one a channel.
    pub(crate) fn divide(&mut self, value: usize, scales: &[f32]) {
        for sample in &mut self.samples {
            let each = sample[value].iter_mut().zip(scales.iter().cycle());
            each.for_each(|(x, scale)| *x /= scale);
        }
        let value = &mut self.values[value];
        let divide = |list: &mut [f32], power: i32| {
            let each = list.iter_mut().zip(scales.iter().cycle());
            each.for_each(|(x, scale)| *x /= scale.powi(power));
        };
        divide(&mut value.mean, 1);
        divide(&mut value.variance, 2);
        divide(&mut value.most, 1);
    }

    /// Takes the input's mean from [`Network::input_mean`], where the network says it: then a layer that reads it answers that mean
    /// as before, whatever inputs there were.
    pub(crate) fn with_input_mean(&self, network: &Network) -> Self {
        let mut changed = self.clone();
        if let Some(mean) = input_means(network) {
            changed.values[0].mean = mean;
        }
        changed
    }
}

impl Value {
    /// The mean of an element.
    pub fn mean(&self, element: usize) -> f32 {
        self.mean[element % self.mean.len()]
    }

    /// The variance of an element over inputs.
    pub fn variance(&self, element: usize) -> f32 {
        self.variance[element % self.variance.len()]
    }

    /// The variance of each of `channels` channels over inputs and positions.
    pub fn channel_variances(&self, channels: usize) -> Vec<f64> {
        let positions = (self.mean.len() / channels.max(1)).max(1) as f64;
        let mut sums = vec![[0.0f64; 2]; channels];
        for (element, (&mean, &variance)) in self.mean.iter().zip(&self.variance).enumerate() {
            let (mean, variance) = (f64::from(mean), f64::from(variance));
            let sum = &mut sums[element % channels];
            *sum = [sum[0] + mean, sum[1] + variance + mean * mean];
        }
        let variance = |[mean, square]: [f64; 2]| square / positions - (mean / positions).powi(2);
        sums.into_iter().map(|sum| variance(sum).max(0.0)).collect()
    }
}

/// The mean of every element of the input map, with its frame, if the network says it.
fn input_means(network: &Network) -> Option<Vec<f32>> {
    if network.input_mean.is_empty() {
        return None;
    }
    let map = network.value(0);
    // A frame around an image that is 1 everywhere says where the image is.
    let inside = network
        .frame
        .apply(network.input, &vec![1; network.input.len()]);
    let mean = |(at, &byte): (usize, &u8)| match (at % map.channels < network.input.channels, byte)
    {
        (true, 0) => 0.0,
        (true, _) => network.input_mean[at % map.channels],
        (false, FRAME_MARK) => f32::from(FRAME_MARK) * network.input_scale,
        (false, _) => 0.0,
    };
    Some(inside.iter().enumerate().map(mean).collect())
}

/// How many inputs of a network are measured at most.
fn most_inputs(network: &Network) -> usize {
    let fit = MOST_WORK / network.multiplications().max(1.0);
    (fit as usize).clamp(FEWEST_INPUTS, MOST_INPUTS)
}

/// At most `count` of a list, evenly spaced.
fn spaced<'a>(inputs: &[&'a [u8]], count: usize) -> Vec<&'a [u8]> {
    let count = count.min(inputs.len());
    (0..count)
        .map(|i| inputs[i * inputs.len() / count])
        .collect()
}

/// Sums over inputs.
struct Sums {
    sum: Vec<f32>,
    squares: Vec<f32>,
    most: Vec<f32>,
}

impl Sums {
    fn new(shape: &Shape) -> Self {
        Self {
            sum: vec![0.0; shape.len()],
            squares: vec![0.0; shape.len()],
            most: vec![0.0; shape.channels],
        }
    }

    fn add(&mut self, values: &[f32]) {
        let sums = self.sum.iter_mut().zip(&mut self.squares);
        for ((sum, square), &value) in sums.zip(values) {
            *sum += value;
            *square += value * value;
        }
        for position in values.chunks_exact(self.most.len().max(1)) {
            let most = self.most.iter_mut().zip(position);
            most.for_each(|(most, value)| *most = most.max(value.abs()));
        }
    }

    fn value(mut self, count: usize) -> Value {
        let share = 1.0 / count as f32;
        for (sum, square) in self.sum.iter_mut().zip(&mut self.squares) {
            *sum *= share;
            *square = (*square * share - *sum * *sum).max(0.0);
        }
        Value {
            mean: self.sum,
            variance: self.squares,
            most: self.most,
        }
    }
}

#[cfg(test)]
mod tests;
