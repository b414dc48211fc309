//! The forward pass.

use burn::tensor::{
    Tensor,
    activation::relu,
    module::{avg_pool2d, conv2d, max_pool2d},
    ops::{AvgPoolOptions, ConvOptions, MaxPoolOptions},
};
use thresh_model::{Activation, Operator, Shape, Window};

use super::{Affine, Net, Step, vector};

/// The values between two layers.
#[derive(Clone)]
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

    fn activated(self, activation: &Activation) -> Self {
        match self {
            Value::Flat(x) => Value::Flat(activated(x, activation)),
            Value::Map(x) => Value::Map(activated(x, activation)),
        }
    }
}

/// The activation of `x`, whose second side are the channels.
fn activated<const D: usize>(x: Tensor<D>, activation: &Activation) -> Tensor<D> {
    match activation {
        Activation::None => x,
        Activation::Relu => relu(x),
        Activation::Clipped(limit) => x.clamp(0.0, *limit),
        Activation::Leaky(slopes) => {
            let below = relu(-x.clone());
            let below = match slopes.as_slice() {
                &[slope] => below * slope,
                slopes => {
                    let mut shape = [1; D];
                    shape[1] = slopes.len();
                    below * vector(slopes).reshape(shape)
                }
            };
            relu(x) - below
        }
    }
}

impl Net {
    /// The outputs of the last layer, `[images, outputs]`, for `[images, values that the network reads]`.
    pub fn forward(&self, layers: &[Affine], x: Tensor<2>) -> Tensor<2> {
        let mut values = vec![Some(Value::Flat(x))];
        for step in &self.steps {
            if !step.wanted {
                values.push(None);
                continue;
            }
            let value = |&at: &usize| values[at].clone().expect("kept until it was last read");
            let inputs: Vec<Value> = step.inputs.iter().map(value).collect();
            step.spent.iter().for_each(|&at| values[at] = None);
            let affine = step.weights.map(|index| layers[index].clone());
            values.push(Some(step.run(affine, inputs).activated(&step.activation)));
        }
        let last = values.pop().flatten();
        last.expect("the output depends on the last layer").flat()
    }
}

impl Step {
    /// What follows from `inputs`, one value at least, before the activation.
    fn run(&self, affine: Option<Affine>, inputs: Vec<Value>) -> Value {
        let mut inputs = inputs.into_iter();
        let mut next = || inputs.next().expect("as many values as the operator takes");
        let weights = || affine.expect("a matrix for each layer with weights");
        match &self.operator {
            Operator::Dense { .. } => {
                let Affine { weight, bias } = weights();
                Value::Flat(next().flat().matmul(weight) + bias.unsqueeze())
            }
            Operator::Conv {
                input,
                outputs,
                groups,
                window,
            } => {
                let Affine { weight, bias } = weights();
                let [height, width] = window.kernel;
                let shape = [*outputs, input.channels / groups, height, width];
                let kernel = weight.transpose().reshape(shape);
                let options =
                    ConvOptions::new_with_padding(window.stride, padding(window), [1, 1], *groups);
                Value::Map(conv2d(next().map(*input), kernel, Some(bias), options))
            }
            Operator::MaxPool { input, window } => {
                let mut options = MaxPoolOptions::new(window.kernel);
                (options.stride, options.padding) = (window.stride, padding(window));
                Value::Map(max_pool2d(next().map(*input), options))
            }
            Operator::AveragePool {
                input,
                window,
                excluded,
            } => {
                let mut options = AvgPoolOptions::new(window.kernel);
                (options.stride, options.padding) = (window.stride, padding(window));
                let means = avg_pool2d(next().map(*input), options);
                if *excluded == [0; 4] {
                    return Value::Map(means);
                }
                let [rows, columns] = window.counted([input.height, input.width], *excluded);
                let area = (window.kernel[0] * window.kernel[1]) as f32;
                let factor = |&y: &usize| columns.iter().map(move |x| area / (y * x) as f32);
                let factors: Vec<f32> = rows.iter().flat_map(factor).collect();
                let shape = [1, 1, rows.len(), columns.len()];
                Value::Map(means * vector(&factors).reshape(shape))
            }
            Operator::Select { input, channels } => {
                let x = next().map(*input);
                // Not by a tensor of indices, behind which burn 0.22 tracks no gradients here.
                let runs = channels.chunk_by(|&a, &b| b == a + 1);
                let parts = runs.map(|run| x.clone().narrow(1, run[0], run.len()));
                Value::Map(Tensor::cat(parts.collect(), 1))
            }
            Operator::Add { shape } => Value::Map(next().map(*shape) + next().map(*shape)),
            Operator::Concat { inputs } => {
                let maps = inputs.iter().map(|shape| next().map(*shape)).collect();
                Value::Map(Tensor::cat(maps, 1))
            }
            Operator::Shuffle { shape, groups } => {
                let x = next().map(*shape);
                let [images, channels, height, width] = x.dims();
                let dealt = x
                    .reshape([images, *groups, channels / groups, height * width])
                    .swap_dims(1, 2);
                Value::Map(dealt.reshape([images, channels, height, width]))
            }
        }
    }
}

/// Above and below, left and right.
fn padding(window: &Window) -> [(usize, usize); 2] {
    let [top, left, bottom, right] = window.pads;
    [(top, bottom), (left, right)]
}
