//! The float forward pass.

use super::{Activation, Head, Layer, Network, Operator, conv, dense, pool, shuffled};

impl Network {
    /// The outputs for an input of `self.input.len()` bytes.
    ///
    /// # Panics
    /// If the input has another length, or the network is not sound (see [`Network::check`]).
    pub fn forward(&self, input: &[u8]) -> Vec<f32> {
        self.prepare().logits(input)
    }

    /// The network with its weights spread out, for many inputs.
    pub fn prepare(&self) -> Prepared<'_> {
        let weights = self
            .layers
            .iter()
            .map(|layer| match &layer.operator {
                Operator::Conv {
                    outputs,
                    groups,
                    window,
                    ..
                } => conv::spread(*groups, window, *outputs, &layer.weights.to_dense()),
                Operator::Dense { inputs, .. } => dense::spread(*inputs, &layer.weights.to_dense()),
                _ => layer.weights.to_dense(),
            })
            .collect();
        Prepared {
            network: self,
            weights,
        }
    }
}

/// A network whose weights are spread out.
#[derive(Clone, Debug)]
pub struct Prepared<'a> {
    network: &'a Network,
    weights: Vec<Vec<f32>>,
}

impl Prepared<'_> {
    /// The outputs.
    ///
    /// # Panics
    /// As [`Network::forward`].
    pub fn logits(&self, input: &[u8]) -> Vec<f32> {
        self.forward(input)
            .pop()
            .expect("one vector a layer, and the input")
    }

    /// The values after each layer, behind those of the input.
    ///
    /// # Panics
    /// As [`Network::forward`].
    pub fn forward(&self, input: &[u8]) -> Vec<Vec<f32>> {
        let network = self.network;
        assert_eq!(
            input.len(),
            network.input.len(),
            "an input has one byte a value"
        );
        let values = network.frame.apply(network.input, input);
        let values = values
            .into_iter()
            .map(|byte| f32::from(byte) * network.input_scale)
            .collect();
        self.values(values)
    }

    /// As [`Prepared::forward`], from the values of the input map.
    ///
    /// # Panics
    /// As [`Network::forward`].
    pub fn values(&self, input: Vec<f32>) -> Vec<Vec<f32>> {
        let mut all = vec![input];
        for (layer, weights) in self.network.layers.iter().zip(&self.weights) {
            let values = run(layer, weights, &all);
            all.push(values);
        }
        all
    }
}

/// The values of a layer, from those of the input and the layers before it.
fn run(layer: &Layer, weights: &[f32], all: &[Vec<f32>]) -> Vec<f32> {
    let output = layer.operator.output();
    let input = &all[layer.inputs[0]];
    let mut sums = match layer.bias.len() {
        0 => vec![0.0; output.len()],
        channels => layer.bias.repeat(output.len() / channels),
    };
    match &layer.operator {
        Operator::Dense { .. } => dense::add_products(weights, input, &mut sums),
        Operator::Conv {
            input: shape,
            outputs,
            groups,
            window,
        } => conv::add_products(*shape, *groups, window, weights, input, *outputs, &mut sums),
        Operator::MaxPool {
            input: shape,
            window,
        } => pool::largest(*shape, window, input, &mut sums),
        Operator::AveragePool {
            input: shape,
            window,
            excluded,
        } => pool::means(*shape, window, *excluded, input, &mut sums),
        Operator::Select { channels, .. } => {
            let positions = sums.chunks_exact_mut(output.channels.max(1));
            let inputs = layer.operator.inputs() / (output.height * output.width).max(1);
            for (to, from) in positions.zip(input.chunks_exact(inputs.max(1))) {
                for (to, &channel) in to.iter_mut().zip(channels) {
                    *to = from[channel];
                }
            }
        }
        Operator::Add { .. } => {
            let other = &all[layer.inputs[1]];
            let values = sums.iter_mut().zip(input.iter().zip(other));
            values.for_each(|(sum, (a, b))| *sum = a + b);
        }
        Operator::Concat { inputs } => {
            let mut first = 0;
            for (map, &value) in inputs.iter().zip(&layer.inputs) {
                let positions = sums.chunks_exact_mut(output.channels.max(1));
                for (to, from) in positions.zip(all[value].chunks_exact(map.channels.max(1))) {
                    to[first..first + from.len()].copy_from_slice(from);
                }
                first += map.channels;
            }
        }
        Operator::Shuffle { groups, .. } => {
            let positions = sums.chunks_exact_mut(output.channels.max(1));
            for (to, from) in positions.zip(input.chunks_exact(output.channels.max(1))) {
                for (channel, to) in to.iter_mut().enumerate() {
                    *to = from[shuffled(output.channels, *groups, channel)];
                }
            }
        }
    }
    match &layer.activation {
        Activation::None => {}
        Activation::Leaky(slopes) if slopes.len() > 1 => {
            for position in sums.chunks_exact_mut(output.channels.max(1)) {
                for (channel, sum) in position.iter_mut().enumerate() {
                    *sum = layer.activation.apply(*sum, channel);
                }
            }
        }
        activation => sums
            .iter_mut()
            .for_each(|sum| *sum = activation.apply(*sum, 0)),
    }
    sums
}

impl Head {
    /// What it makes of `outputs`.
    pub fn apply(self, outputs: &[f32]) -> Vec<f32> {
        match self {
            Head::Logits => outputs.to_vec(),
            Head::Softmax => {
                let most = outputs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let powers: Vec<f32> = outputs.iter().map(|x| (x - most).exp()).collect();
                let sum: f32 = powers.iter().sum();
                powers.into_iter().map(|power| power / sum).collect()
            }
            Head::LogSoftmax => {
                let most = outputs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let sum: f32 = outputs.iter().map(|x| (x - most).exp()).sum();
                outputs.iter().map(|x| x - most - sum.ln()).collect()
            }
            Head::Sigmoid => outputs.iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect(),
        }
    }

    /// The probabilities that `outputs` stand for; none where the model makes none of them. One output of a sigmoid
    /// gives those of two classes, of which it is the second; several are each by itself.
    pub fn probabilities(self, outputs: &[f32]) -> Option<Vec<f32>> {
        match self {
            Head::Logits => None,
            Head::Softmax | Head::LogSoftmax => Some(Head::Softmax.apply(outputs)),
            Head::Sigmoid => {
                let each = self.apply(outputs);
                Some(match each.as_slice() {
                    &[second] => vec![1.0 - second, second],
                    _ => each,
                })
            }
        }
    }

    /// How many classes `outputs` outputs stand for: two where a sigmoid has one.
    pub fn classes(self, outputs: usize) -> usize {
        match (self, outputs) {
            (Head::Sigmoid, 1) => 2,
            (_, outputs) => outputs,
        }
    }

    /// The class that `outputs` say: that of the largest, the first one where several are equal; of one output of a
    /// sigmoid the second class where it is above 0.
    pub fn class(self, outputs: &[f32]) -> usize {
        if let (Head::Sigmoid, &[second]) = (self, outputs) {
            return usize::from(second > 0.0);
        }
        let better = |best: usize, at: usize| match outputs[at] > outputs[best] {
            true => at,
            false => best,
        };
        (0..outputs.len()).fold(0, better)
    }
}
