//! From a [`Network`] to what is trained, and back.

use thresh_model::{Activation, Layer, Network, Operator, Weights};

use super::{Affine, Net, Step};
use crate::error::{Error, Result};

/// What a layer must be to be trained.
const TRAINABLE: &str = "what can be trained are fully connected layers, convolutions and pools, each of which reads \
     the layer before it, with ReLU or no activation";

impl Net {
    /// The network without its weights.
    ///
    /// # Errors
    ///
    /// If it is not sound, or a layer cannot be trained.
    pub fn new(network: &Network) -> Result<Self> {
        network.check()?;
        let last = network.layers.len() - 1;
        let steps = network.layers.iter().enumerate().map(|(index, layer)| {
            step(index, layer, index == last).map_err(|reason| Error::Network {
                network: network.name.clone(),
                reason: format!("layer {:?} {reason}", layer.name),
            })
        });
        let net = Self {
            input: network.input,
            input_scale: network.input_scale,
            frame: network.frame,
            live: None,
            steps: steps.collect::<Result<_>>()?,
        };
        if net.sizes().is_empty() {
            return Err(Error::Network {
                network: network.name.clone(),
                reason: format!("no layer has weights; {TRAINABLE}"),
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

    /// The operator of each layer with weights.
    pub(super) fn weighted(&self) -> impl Iterator<Item = (usize, &Operator)> {
        let operators = self.steps.iter().map(|step| &step.operator).enumerate();
        operators.filter(|(_, operator)| matrix_sizes(operator).is_some())
    }

    /// Whether layer `index` of those with weights is fully connected and reads the image, or a fully connected layer,
    /// directly: each of its inputs is then one value of its own.
    pub fn reads_values(&self, index: usize) -> bool {
        let Some((at, operator)) = self.weighted().nth(index) else {
            return false;
        };
        let dense = |operator: &Operator| matches!(operator, Operator::Dense { .. });
        dense(operator) && (at == 0 || dense(&self.steps[at - 1].operator))
    }
}

fn step(index: usize, layer: &Layer, last: bool) -> Result<Step, String> {
    let relu = match &layer.activation {
        Activation::None => false,
        Activation::Relu if last => return Err("is the last and has a ReLU".into()),
        Activation::Relu => true,
        Activation::Clipped(_) => return Err(format!("has a clipped activation; {TRAINABLE}")),
        Activation::Leaky(_) => return Err(format!("has a leaky activation; {TRAINABLE}")),
    };
    let what = match layer.operator {
        Operator::Add { .. } => Some("is a sum of two maps"),
        Operator::Concat { .. } => Some("joins maps"),
        Operator::Shuffle { .. } => Some("shuffles channels"),
        _ => None,
    };
    if let Some(what) = what {
        return Err(format!("{what}; {TRAINABLE}"));
    }
    if layer.inputs != [index] {
        return Err(format!("does not read the layer before it; {TRAINABLE}"));
    }
    Ok(Step {
        operator: layer.operator.clone(),
        relu,
    })
}

/// Inputs and outputs of the matrix of an operator with weights.
pub(crate) fn matrix_sizes(operator: &Operator) -> Option<(usize, usize)> {
    let outputs = operator.biases();
    let weights = operator.weights().filter(|_| outputs > 0)?;
    Some((weights / outputs, outputs))
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
