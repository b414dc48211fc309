//! From a [`Network`] to what is trained, and back.

use thresh_model::{Layer, Network, Operator, Weights};

use super::{Affine, Net, Step};
use crate::error::{Error, Result};

impl Net {
    /// The network without its weights.
    ///
    /// # Errors
    ///
    /// If it is not sound, or no layer that the output depends on has weights.
    pub fn new(network: &Network) -> Result<Self> {
        network.check()?;
        let mut weighted = 0..;
        let mut steps: Vec<Step> = network
            .layers
            .iter()
            .enumerate()
            .map(|(index, layer)| Step {
                inputs: layer.inputs.clone(),
                operator: layer.operator.clone(),
                activation: layer.activation.clone(),
                positions: network.value(index + 1).height * network.value(index + 1).width,
                weights: matrix_sizes(&layer.operator).and_then(|_| weighted.next()),
                wanted: false,
                spent: Vec::new(),
            })
            .collect();
        follow(&mut steps);
        let net = Self {
            input: network.input,
            input_scale: network.input_scale,
            frame: network.frame,
            head: network.head,
            live: None,
            steps,
        };
        let trained = |step: &Step| step.wanted && step.weights.is_some();
        if !net.steps.iter().any(trained) {
            return Err(Error::Network {
                network: network.name.clone(),
                reason: "no layer that the output depends on has weights, expected a convolution or a fully connected \
                         layer: there is nothing to train; choose another network"
                    .into(),
            });
        }
        Ok(net)
    }

    /// The same network that reads only the values `live` of an image.
    pub fn reading(&self, live: Option<&[usize]>) -> Self {
        Self {
            live: live.map(<[usize]>::to_vec),
            ..self.clone()
        }
    }

    /// Inputs and outputs of the matrix of each layer with weights.
    pub fn sizes(&self) -> Vec<(usize, usize)> {
        self.steps
            .iter()
            .filter_map(|step| matrix_sizes(&step.operator))
            .collect()
    }

    /// For each layer with weights, at how many positions each of them is used.
    pub fn positions(&self) -> Vec<usize> {
        let weighted = self.steps.iter().filter(|step| step.weights.is_some());
        weighted.map(|step| step.positions).collect()
    }

    /// For each layer with weights, whether it only scales channels: every one of its weights is a whole channel.
    pub fn scaling(&self) -> Vec<bool> {
        let weighted = self.steps.iter().filter(|step| step.weights.is_some());
        weighted.map(|step| scales(&step.operator)).collect()
    }

    /// The layer with weights that alone reads the outputs of layer `index` of those with weights, value by value: both
    /// are fully connected, and no activation between them has a number for each value.
    pub fn value_reader(&self, index: usize) -> Option<usize> {
        let at = self
            .steps
            .iter()
            .position(|step| step.weights == Some(index))?;
        let step = &self.steps[at];
        let each =
            matches!(&step.activation, thresh_model::Activation::Leaky(slopes) if slopes.len() > 1);
        if !matches!(step.operator, Operator::Dense { .. }) || each {
            return None;
        }
        self.dense_reader(at + 1)
    }

    /// The layer with weights that alone reads the image, if it is fully connected.
    pub fn image_reader(&self) -> Option<usize> {
        self.dense_reader(0)
    }

    /// The fully connected layer that alone reads `value`.
    fn dense_reader(&self, value: usize) -> Option<usize> {
        let mut readers = self.steps.iter().filter(|s| s.inputs.contains(&value));
        let (reader, other) = (readers.next()?, readers.next());
        let dense = matches!(reader.operator, Operator::Dense { .. });
        reader.weights.filter(|_| dense && other.is_none())
    }
}

/// Says of each step whether the output depends on it, and which values nothing behind it reads.
fn follow(steps: &mut [Step]) {
    let mut read = vec![false; steps.len() + 1];
    read[steps.len()] = true;
    for index in (0..steps.len()).rev() {
        let step = &mut steps[index];
        step.wanted = read[index + 1];
        if !step.wanted {
            continue;
        }
        for &input in &step.inputs {
            if !read[input] && !step.spent.contains(&input) {
                step.spent.push(input);
            }
        }
        step.inputs.iter().for_each(|&input| read[input] = true);
    }
}

/// Inputs and outputs of the matrix of an operator with weights.
pub(crate) fn matrix_sizes(operator: &Operator) -> Option<(usize, usize)> {
    let outputs = operator.biases();
    let weights = operator.weights().filter(|_| outputs > 0)?;
    Some((weights / outputs, outputs))
}

/// Whether an operator multiplies each channel by one number, and does nothing else.
pub(crate) fn scales(operator: &Operator) -> bool {
    matches!(
        operator,
        Operator::Conv { input, groups, window, .. } if *groups == input.channels && window.kernel == [1, 1]
    )
}

/// The weights of each layer of `network` that has some.
pub(crate) fn layers_of(network: &Network) -> Vec<Affine> {
    let layers = network.layers.iter().filter_map(|layer| {
        let (inputs, outputs) = matrix_sizes(&layer.operator)?;
        let rows = layer.weights.to_dense();
        Some(Affine::from_rows(&rows, inputs, outputs, &layer.bias))
    });
    layers.collect()
}

/// The layers of `network` that have weights, in the order of [`layers_of`].
pub(crate) fn weighted(network: &mut Network) -> impl Iterator<Item = &mut Layer> {
    let layers = network.layers.iter_mut();
    layers.filter(|layer| matrix_sizes(&layer.operator).is_some())
}

/// Gives `network` the weights and biases `layers`, one float a weight.
pub(crate) fn put_layers(network: &mut Network, layers: &[Affine]) {
    for (layer, affine) in weighted(network).zip(layers) {
        layer.weights = Weights::Float(affine.to_rows());
        layer.bias = super::values(&affine.bias);
    }
}
