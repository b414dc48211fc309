//! The forward pass.

use burn::tensor::{
    Tensor,
    activation::relu,
    module::{avg_pool2d, conv2d, max_pool2d},
    ops::{AvgPoolOptions, ConvOptions, MaxPoolOptions},
};
use thresh_model::{Operator, Shape, Window};

use super::{Affine, Net};

/// The values between two layers.
enum Value {
    /// `[images, values]`, position by position and channels inside a position.
    Flat(Tensor<2>),
    /// `[images, channels, height, width]`.
    Map(Tensor<4>),
}

impl Value {
    fn flat(self) -> Tensor<2> {
        match self {
            Value::Flat(x) => x,
            Value::Map(x) => x.permute([0, 2, 3, 1]).flatten(1, 3),
        }
    }

    fn map(self, shape: Shape) -> Tensor<4> {
        match self {
            Value::Map(x) => x,
            Value::Flat(x) => {
                let [images, _] = x.dims();
                x.reshape([images, shape.height, shape.width, shape.channels])
                    .permute([0, 3, 1, 2])
            }
        }
    }

    fn relu(self) -> Self {
        match self {
            Value::Flat(x) => Value::Flat(relu(x)),
            Value::Map(x) => Value::Map(relu(x)),
        }
    }
}

impl Net {
    /// The outputs of the last layer, `[images, outputs]`, for `[images, values that the network reads]`.
    pub fn forward(&self, layers: &[Affine], x: Tensor<2>) -> Tensor<2> {
        let mut layers = layers.iter();
        let mut next = || {
            layers
                .next()
                .expect("one matrix for each layer with weights")
        };
        let mut value = Value::Flat(x);
        for step in &self.steps {
            value = match &step.operator {
                Operator::Dense { .. } => {
                    let Affine { weight, bias } = next().clone();
                    Value::Flat(value.flat().matmul(weight) + bias.unsqueeze())
                }
                Operator::Conv {
                    input,
                    outputs,
                    groups,
                    window,
                } => {
                    let Affine { weight, bias } = next().clone();
                    let [height, width] = window.kernel;
                    let shape = [*outputs, input.channels / groups, height, width];
                    let kernel = weight.transpose().reshape(shape);
                    let options = ConvOptions::new_with_padding(
                        window.stride,
                        padding(window),
                        [1, 1],
                        *groups,
                    );
                    Value::Map(conv2d(value.map(*input), kernel, Some(bias), options))
                }
                Operator::MaxPool { input, window } => {
                    let mut options = MaxPoolOptions::new(window.kernel);
                    (options.stride, options.padding) = (window.stride, padding(window));
                    Value::Map(max_pool2d(value.map(*input), options))
                }
                Operator::AveragePool { input, window } => {
                    let mut options = AvgPoolOptions::new(window.kernel);
                    (options.stride, options.padding) = (window.stride, padding(window));
                    Value::Map(avg_pool2d(value.map(*input), options))
                }
                Operator::Add { .. } | Operator::Concat { .. } | Operator::Shuffle { .. } => {
                    unreachable!("refused when the network was read")
                }
            };
            if step.relu {
                value = value.relu();
            }
        }
        value.flat()
    }
}

/// Above and below, left and right.
fn padding(window: &Window) -> [(usize, usize); 2] {
    let [top, left, bottom, right] = window.pads;
    [(top, bottom), (left, right)]
}
