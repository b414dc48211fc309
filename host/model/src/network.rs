//! A network as training and compression leave it: float weights, perhaps shared and pruned.

mod check;
mod dense;
mod file;
mod forward;

pub use check::NetworkError;
pub use forward::Prepared;

use std::collections::BTreeMap;

/// Channels, height and width of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Channels.
    pub channels: usize,
    /// Height in positions.
    pub height: usize,
    /// Width in positions.
    pub width: usize,
}

impl Shape {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a layer computes from its input, before bias and activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Fully connected: `outputs x inputs` weights, row-major by output.
    Dense {
        /// Input values.
        inputs: usize,
        /// Output values.
        outputs: usize,
    },
}

/// What follows the bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    None,
    /// `max(0, x)`.
    Relu,
}

/// The weights of a layer, row-major by output.
#[derive(Clone, Debug, PartialEq)]
pub enum Weights {
    /// One value each; zero where pruned.
    Float(Vec<f32>),
    /// Shared values: code 0 is a pruned weight, code `k` is `codebook[k - 1]`.
    Shared {
        /// The centroids, at most 255.
        codebook: Vec<f32>,
        /// One code a weight.
        codes: Vec<u8>,
    },
}

/// One layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Name, unique in the network.
    pub name: String,
    /// Operator and sizes.
    pub operator: Operator,
    /// Weights.
    pub weights: Weights,
    /// One bias an output.
    pub bias: Vec<f32>,
    /// What follows.
    pub activation: Activation,
}

/// A sequential network. Its input is an image of bytes, position by position and channels inside a
/// position; byte `b` means `b * input_scale`, so that
/// black is an exact zero (a mean is folded into the first bias).
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Name, as `lenet-300-100`.
    pub name: String,
    /// Input shape.
    pub input: Shape,
    /// Real value of input byte 1.
    pub input_scale: f32,
    /// Layers in order.
    pub layers: Vec<Layer>,
    /// Name of each output.
    pub labels: Vec<String>,
    /// Where it comes from: `command`, `seed`, `data`, `accuracy` ...
    pub provenance: BTreeMap<String, String>,
}

impl Operator {
    /// Input values.
    pub fn inputs(&self) -> usize {
        match *self {
            Operator::Dense { inputs, .. } => inputs,
        }
    }

    /// Output values.
    pub fn outputs(&self) -> usize {
        match *self {
            Operator::Dense { outputs, .. } => outputs,
        }
    }

    /// Number of weights; `None` if it does not fit a machine word.
    pub fn weights(&self) -> Option<usize> {
        match *self {
            Operator::Dense { inputs, outputs } => inputs.checked_mul(outputs),
        }
    }

    /// Number of biases.
    pub fn biases(&self) -> usize {
        match *self {
            Operator::Dense { outputs, .. } => outputs,
        }
    }

    /// Adds the products of `weights` and `input` to `sums`, one sum an output value. `weights` has
    /// [`Operator::weights`] values, `input` [`Operator::inputs`], `sums` [`Operator::outputs`].
    fn add_products(&self, weights: &[f32], input: &[f32], sums: &mut [f32]) {
        match *self {
            Operator::Dense { .. } => dense::add_products(weights, input, sums),
        }
    }
}

impl Activation {
    /// Its value at `x`.
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Activation::None => x,
            Activation::Relu => x.max(0.0),
        }
    }
}

impl Weights {
    /// Number of weights.
    pub fn len(&self) -> usize {
        match self {
            Weights::Float(values) => values.len(),
            Weights::Shared { codes, .. } => codes.len(),
        }
    }

    /// Whether there are no weights.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The weight at `index`, in the order of the operator.
    ///
    /// # Panics
    /// If there is no such weight, or its code is not in the codebook; [`Network::check`] refuses
    /// such codes.
    pub fn get(&self, index: usize) -> f32 {
        match self {
            Weights::Float(values) => values[index],
            Weights::Shared { codebook, codes } => match codes[index] {
                0 => 0.0,
                code => codebook[usize::from(code) - 1],
            },
        }
    }

    /// All weights, in the order of the operator.
    pub fn to_dense(&self) -> Vec<f32> {
        (0..self.len()).map(|index| self.get(index)).collect()
    }

    /// Number of weights other than zero.
    pub fn nonzeros(&self) -> usize {
        (0..self.len())
            .filter(|&index| self.get(index) != 0.0)
            .count()
    }
}

impl Layer {
    /// Number of weights and biases.
    pub fn parameters(&self) -> usize {
        self.weights.len() + self.bias.len()
    }
}

impl Network {
    /// Number of weights and biases.
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(Layer::parameters).sum()
    }

    /// Number of weights other than zero.
    pub fn nonzeros(&self) -> usize {
        self.layers
            .iter()
            .map(|layer| layer.weights.nonzeros())
            .sum()
    }

    /// Number of output values.
    pub fn outputs(&self) -> usize {
        self.layers
            .last()
            .map_or(self.input.len(), |layer| layer.operator.outputs())
    }
}

#[cfg(test)]
pub(crate) mod tests;
