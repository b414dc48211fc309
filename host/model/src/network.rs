//! A network as training and compression leave it: float weights, perhaps shared and pruned.

mod check;
mod conv;
mod dense;
mod file;
mod forward;
mod frame;
mod hashed;
mod pool;
mod share;

pub use check::NetworkError;
pub use forward::Prepared;
pub use frame::FRAME_MARK;
pub use hashed::Hashed;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Channels, height and width of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// A window that slides over a map: kernel, stride and padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Height and width in positions.
    pub kernel: [usize; 2],
    /// Steps down and to the right.
    pub stride: [usize; 2],
    /// Positions outside the map above, left, below, right.
    pub pads: [usize; 4],
}

impl Window {
    /// A window of this kernel that moves by one position and does not leave the map.
    pub fn valid(kernel: [usize; 2]) -> Self {
        Window {
            kernel,
            stride: [1, 1],
            pads: [0; 4],
        }
    }

    /// The window that covers a map of `size` (height, width) in one step.
    pub fn whole(size: [usize; 2]) -> Self {
        Window {
            kernel: size,
            stride: size,
            pads: [0; 4],
        }
    }

    /// Height and width of the map of its places on a map of `size`; `None` if it has no place
    /// there, or a stride or a side of the kernel is zero.
    pub fn places(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        let [top, left, bottom, right] = self.pads;
        let side = |size: usize, kernel: usize, stride: usize, before: usize, after: usize| {
            let room = size
                .checked_add(before)?
                .checked_add(after)?
                .checked_sub(kernel)?;
            (kernel > 0).then_some(room.checked_div(stride)? + 1)
        };
        Some([
            side(size[0], self.kernel[0], self.stride[0], top, bottom)?,
            side(size[1], self.kernel[1], self.stride[1], left, right)?,
        ])
    }

    /// On each axis, how many positions of each place of the window count, on a map of `size` (height, width) of whose
    /// padding the outermost positions `excluded` (above, left, below, right) do not.
    ///
    /// # Panics
    /// If the window has no place, or more is excluded than there is.
    pub fn counted(&self, size: [usize; 2], excluded: [usize; 4]) -> [Vec<usize>; 2] {
        let places = self.places(size).expect("a window with a place");
        [0, 1].map(|axis| {
            let end = self.pads[axis] + size[axis] + self.pads[axis + 2] - excluded[axis + 2];
            let counted = |place: usize| {
                let start = place * self.stride[axis];
                let last = (start + self.kernel[axis]).min(end);
                last.saturating_sub(start.max(excluded[axis]))
            };
            (0..places[axis]).map(counted).collect()
        })
    }
}

/// What a layer computes from its inputs, before bias and activation.
///
/// A map is stored position by position, channels inside a position; so are the inputs of a fully
/// connected layer that reads one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// Fully connected: `outputs x inputs` weights, row-major by output.
    Dense {
        /// Input values.
        inputs: usize,
        /// Output values.
        outputs: usize,
    },
    /// Convolution (cross-correlation, as every framework has it) with zeros outside the map:
    /// weights `[outputs, input.channels / groups, kernel height, kernel width]`, row-major.
    Conv {
        /// Input map.
        input: Shape,
        /// Output channels.
        outputs: usize,
        /// Groups of channels that do not see each other; `input.channels` of them is depthwise.
        groups: usize,
        /// Kernel, stride, padding.
        window: Window,
    },
    /// Largest value in each window; positions outside the map do not count. No weights, no bias.
    MaxPool {
        /// Input map.
        input: Shape,
        /// Kernel, stride, padding.
        window: Window,
    },
    /// Mean of each window. No weights, no bias.
    AveragePool {
        /// Input map.
        input: Shape,
        /// Kernel, stride, padding.
        window: Window,
        /// The outermost positions of the padding above, left, below, right that do not count; the others count as
        /// zeros. Every window has a position that counts.
        #[serde(default, skip_serializing_if = "none")]
        excluded: [usize; 4],
    },
    /// Sum of two maps of one shape, value by value. No weights, no bias.
    Add {
        /// Shape of both inputs and of the output.
        shape: Shape,
    },
    /// Maps of one height and width, joined: the channels of the first one, then those of the second, and
    /// so on. No weights, no bias.
    Concat {
        /// The maps, at least one.
        inputs: Vec<Shape>,
    },
    /// Channels in another order: output channel `k` is input channel
    /// `k % groups * (channels / groups) + k / groups`, so that the first channels of all groups come
    /// first. No weights, no bias.
    Shuffle {
        /// Shape of the input and of the output.
        shape: Shape,
        /// Groups of channels; they divide the channels.
        groups: usize,
    },
    /// Some channels of a map: output channel `k` is input channel `channels[k]`. No weights, no bias.
    Select {
        /// Input map.
        input: Shape,
        /// Input channels, at least one; one may be named more than once.
        channels: Vec<usize>,
    },
}

/// Whether no padding is left out.
fn none(excluded: &[usize; 4]) -> bool {
    *excluded == [0; 4]
}

/// What follows the bias.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// Nothing.
    None,
    /// `max(0, x)`.
    Relu,
    /// `min(max(0, x), limit)`; ReLU6 has the limit 6.
    Clipped(f32),
    /// `x` from 0 on, `slope * x` below: one slope for all (leaky ReLU), or one a channel (PReLU).
    Leaky(Vec<f32>),
}

/// What the host makes of the outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// They are given as they are.
    #[default]
    Logits,
    /// `exp(x)`, divided by the sum over the outputs.
    Softmax,
    /// The logarithm of what [`Head::Softmax`] gives.
    LogSoftmax,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

/// Positions that the host adds around the input image before the first layer sees it.
///
/// A mean that is subtracted from the image cannot go into a bias where the first convolution pads
/// with zeros: outside the image nothing is subtracted. The frame makes that exact and keeps black an exact zero: its
/// positions hold 0 in every channel of the image, and 255 in one channel more, which is 0 inside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Positions above, left, below, right.
    pub pads: [usize; 4],
    /// Whether there is the channel that marks the frame, behind those of the image.
    pub marked: bool,
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
    /// Values of a pool, picked by a hash of output and input (HashedNets, FreshNets).
    Hashed(Hashed),
}

/// One layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Name, unique in the network.
    pub name: String,
    /// What it reads, as many as the operator takes: 0 is the network's input map, `i + 1` the output of layer `i`.
    pub inputs: Vec<usize>,
    /// Operator and sizes.
    pub operator: Operator,
    /// Weights; none for an operator without.
    pub weights: Weights,
    /// One bias an output channel; none for an operator without.
    pub bias: Vec<f32>,
    /// What follows.
    pub activation: Activation,
    /// The least and the largest output, where a quantiser of the model says them.
    pub range: Option<[f32; 2]>,
}

/// A network. Its input is an image of bytes, position by position and channels inside a
/// position; byte `b` means `b * input_scale`, so that
/// black is an exact zero (means and scales of channels are folded into the first layer). Its output is
/// that of the last layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Name, as `lenet-300-100`.
    pub name: String,
    /// Input shape.
    pub input: Shape,
    /// Real value of input byte 1.
    pub input_scale: f32,
    /// The mean that each channel of the input map (with its frame) is expected to have, as a real value: what is subtracted before
    /// the first weights, and folded into them. Empty where nothing is known.
    pub input_mean: Vec<f32>,
    /// What the host adds around the input.
    pub frame: Frame,
    /// Layers, each behind those that it reads.
    pub layers: Vec<Layer>,
    /// What the host makes of the outputs.
    pub head: Head,
    /// Name of each output.
    pub labels: Vec<String>,
    /// Where it comes from: `command`, `seed`, `data`, `accuracy` ...
    pub provenance: BTreeMap<String, String>,
}

impl Operator {
    /// Number of values that it reads: 2 for a sum, as many as there are for maps that are joined, else 1.
    pub fn arity(&self) -> usize {
        match self {
            Operator::Add { .. } => 2,
            Operator::Concat { inputs } => inputs.len(),
            _ => 1,
        }
    }

    /// Values of each input; of all of them together where maps are joined.
    pub fn inputs(&self) -> usize {
        match self {
            Operator::Dense { inputs, .. } => *inputs,
            Operator::Conv { input, .. }
            | Operator::MaxPool { input, .. }
            | Operator::AveragePool { input, .. } => input.len(),
            Operator::Add { shape } | Operator::Shuffle { shape, .. } => shape.len(),
            Operator::Select { input, .. } => input.len(),
            Operator::Concat { inputs } => inputs.iter().map(Shape::len).sum(),
        }
    }

    /// Shape of the output; no positions if the window has no place. A fully connected layer has one
    /// position.
    pub fn output(&self) -> Shape {
        let places = |input: &Shape, window: &Window, channels: usize| {
            let [height, width] = window
                .places([input.height, input.width])
                .unwrap_or_default();
            Shape {
                channels,
                height,
                width,
            }
        };
        match self {
            Operator::Dense { outputs, .. } => Shape {
                channels: *outputs,
                height: 1,
                width: 1,
            },
            Operator::Conv {
                input,
                outputs,
                window,
                ..
            } => places(input, window, *outputs),
            Operator::MaxPool { input, window } | Operator::AveragePool { input, window, .. } => {
                places(input, window, input.channels)
            }
            Operator::Select { input, channels } => Shape {
                channels: channels.len(),
                ..*input
            },
            Operator::Add { shape } | Operator::Shuffle { shape, .. } => *shape,
            Operator::Concat { inputs } => {
                let channels = |sum: usize, map: &Shape| sum.saturating_add(map.channels);
                let first = inputs.first();
                Shape {
                    channels: inputs.iter().fold(0, channels),
                    height: first.map_or(0, |map| map.height),
                    width: first.map_or(0, |map| map.width),
                }
            }
        }
    }

    /// Output values.
    pub fn outputs(&self) -> usize {
        self.output().len()
    }

    /// Number of weights; `None` if it does not fit a machine word.
    pub fn weights(&self) -> Option<usize> {
        match self {
            Operator::Dense { inputs, outputs } => inputs.checked_mul(*outputs),
            Operator::Conv {
                input,
                outputs,
                groups,
                window,
            } => outputs
                .checked_mul(input.channels.checked_div(*groups)?)?
                .checked_mul(window.kernel[0])?
                .checked_mul(window.kernel[1]),
            Operator::MaxPool { .. }
            | Operator::AveragePool { .. }
            | Operator::Add { .. }
            | Operator::Concat { .. }
            | Operator::Shuffle { .. }
            | Operator::Select { .. } => Some(0),
        }
    }

    /// Number of biases.
    pub fn biases(&self) -> usize {
        match self {
            Operator::Dense { outputs, .. } | Operator::Conv { outputs, .. } => *outputs,
            Operator::MaxPool { .. }
            | Operator::AveragePool { .. }
            | Operator::Add { .. }
            | Operator::Concat { .. }
            | Operator::Shuffle { .. }
            | Operator::Select { .. } => 0,
        }
    }
}

/// The input channel that output channel `output` of [`Operator::Shuffle`] is.
pub(crate) fn shuffled(channels: usize, groups: usize, output: usize) -> usize {
    output % groups * (channels / groups) + output / groups
}

impl Activation {
    /// Its value at `x` in `channel`.
    pub fn apply(&self, x: f32, channel: usize) -> f32 {
        match self {
            Activation::None => x,
            Activation::Relu => x.max(0.0),
            Activation::Clipped(limit) => x.clamp(0.0, *limit),
            Activation::Leaky(_) if x >= 0.0 => x,
            Activation::Leaky(slopes) => x * slopes[channel % slopes.len()],
        }
    }
}

impl Weights {
    /// Number of weights.
    pub fn len(&self) -> usize {
        match self {
            Weights::Float(values) => values.len(),
            Weights::Shared { codes, .. } => codes.len(),
            Weights::Hashed(hashed) => hashed.len(),
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
            Weights::Hashed(hashed) => hashed.get(index),
        }
    }

    /// The values that are kept: those of the pool where weights are hashed, else all weights.
    pub fn stored(&self) -> &Weights {
        match self {
            Weights::Hashed(hashed) => &hashed.pool,
            weights => weights,
        }
    }

    /// These weights with other values in the place of those that are kept.
    pub fn with_stored(&self, values: Weights) -> Weights {
        match self {
            Weights::Hashed(hashed) => Weights::Hashed(Hashed {
                pool: Box::new(values),
                ..hashed.clone()
            }),
            _ => values,
        }
    }

    /// All weights, in the order of the operator.
    pub fn to_dense(&self) -> Vec<f32> {
        match self {
            Weights::Float(values) => values.clone(),
            Weights::Shared { codebook, codes } => {
                let values: Vec<f32> = std::iter::once(0.0)
                    .chain(codebook.iter().copied())
                    .collect();
                codes
                    .iter()
                    .map(|&code| values[usize::from(code)])
                    .collect()
            }
            Weights::Hashed(hashed) => (0..hashed.len()).map(|index| hashed.get(index)).collect(),
        }
    }

    /// Number of weights other than zero.
    pub fn nonzeros(&self) -> usize {
        (0..self.len())
            .filter(|&index| self.get(index) != 0.0)
            .count()
    }
}

impl Layer {
    /// `layers`, each of them reading the one before it, the first one the network's input.
    pub fn in_sequence(layers: impl IntoIterator<Item = Layer>) -> Vec<Layer> {
        let reads = |(i, layer)| Layer {
            inputs: vec![i],
            ..layer
        };
        layers.into_iter().enumerate().map(reads).collect()
    }

    /// Number of weights and biases.
    pub fn parameters(&self) -> usize {
        self.weights.len() + self.bias.len()
    }

    /// Multiplications for one input, where every weight is multiplied at every position; 0 without weights. Those with zeros outside the
    /// map count too, as in papers.
    pub fn multiplications(&self) -> f64 {
        let output = self.operator.output();
        self.weights.len() as f64 * output.height as f64 * output.width as f64
    }
}

impl Network {
    /// Number of weights and biases.
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(Layer::parameters).sum()
    }

    /// Multiplications of all layers for one input ([`Layer::multiplications`]).
    pub fn multiplications(&self) -> f64 {
        self.layers.iter().map(Layer::multiplications).sum()
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
        self.output().len()
    }

    /// Shape of the output.
    pub fn output(&self) -> Shape {
        self.value(self.layers.len())
    }

    /// Shape of a value: 0 is the input map with its frame, `i + 1` the output of layer `i`.
    pub fn value(&self, value: usize) -> Shape {
        match value.checked_sub(1) {
            None => self.frame.around(self.input),
            Some(layer) => self.layers[layer].operator.output(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
