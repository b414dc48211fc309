//! A network as tensors: what is trained, and the forward pass, loss, gradients and accuracy.
//!
//! Every layer with weights is a matrix here, `[inputs, outputs]`: for a convolution the inputs are the values under
//! its window (channel of the group, row, column) and the outputs its channels. In a [`Network`](thresh_model::Network) the same weights are
//! row-major by output.

mod build;
mod forward;
mod tensor;

#[cfg(test)]
pub(crate) mod tests;

use burn::tensor::{
    Tensor,
    activation::{log_sigmoid, log_softmax},
};
use thresh_model::{Activation, Dataset, Frame, Head, Operator, Shape};

pub(crate) use build::{layers_of, matrix_sizes, put_layers, scales, weighted};
pub(crate) use tensor::{Affine, device, indices, live_weights, matrix, values, vector};

/// Images of one forward pass at most when the accuracy is measured.
const EVALUATION_BATCH: usize = 1000;

/// Values of the largest layer at most in such a pass, where there is more than one image.
const EVALUATION_VALUES: usize = 1 << 26;

/// Everything of a network that training does not change.
#[derive(Clone, Debug)]
pub(crate) struct Net {
    /// Shape of an image.
    input: Shape,
    input_scale: f32,
    frame: Frame,
    head: Head,
    /// The values of the framed image that are read, in this order; `None`: all. Only where one fully
    /// connected layer reads the image.
    live: Option<Vec<usize>>,
    steps: Vec<Step>,
}

/// A layer without its weights.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// What it reads: 0 is the image, `i + 1` the output of step `i`.
    pub inputs: Vec<usize>,
    pub operator: Operator,
    pub activation: Activation,
    /// Positions of its outputs.
    pub positions: usize,
    /// Its place among the layers with weights; `None` for a layer without.
    pub weights: Option<usize>,
    /// Whether the output of the network depends on it.
    wanted: bool,
    /// Of `inputs` those that no wanted step behind it reads.
    spent: Vec<usize>,
}

/// What a batch is to be classified as.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// `[images, values that the network reads]`, position by position and channels inside a position.
    pub inputs: Tensor<2>,
    /// One class an image.
    pub labels: Vec<usize>,
}

impl Net {
    /// Adds the values that the network reads of the bytes of `image` to `values`.
    pub fn read(&self, image: &[u8], values: &mut Vec<f32>) {
        let bytes = self.frame.apply(self.input, image);
        let value = |byte: u8| f32::from(byte) * self.input_scale;
        match &self.live {
            None => values.extend(bytes.into_iter().map(value)),
            Some(live) => values.extend(live.iter().map(|&at| value(bytes[at]))),
        }
    }

    /// Number of values that the network reads of an image.
    pub fn inputs(&self) -> usize {
        let all = self.frame.around(self.input).len();
        self.live.as_ref().map_or(all, Vec::len)
    }

    /// The layers.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Shape of the map of `value`: 0 is the framed image, `i + 1` the output of step `i`.
    pub fn shape(&self, value: usize) -> Shape {
        match value.checked_sub(1) {
            None => self.frame.around(self.input),
            Some(step) => self.steps[step].operator.output(),
        }
    }

    /// Mean loss over a batch: the cross-entropy of the classes, or, where the head is a sigmoid, the sum of those of
    /// each output by itself.
    fn loss(&self, logits: Tensor<2>, labels: &[usize]) -> Tensor<1> {
        let [images, outputs] = logits.dims();
        let each = |&label: &usize| (0..outputs).map(move |at| wanted(outputs, label, at));
        let marks: Vec<f32> = labels
            .iter()
            .flat_map(each)
            .map(|wanted| f32::from(u8::from(wanted)))
            .collect();
        let mean = 1.0 / images as f64;
        let wanted = matrix(&marks, images, outputs).autodiff();
        let likely = match self.head {
            Head::Logits | Head::Softmax | Head::LogSoftmax => log_softmax(logits, 1) * wanted,
            Head::Sigmoid => {
                let other = wanted.ones_like() - wanted.clone();
                log_sigmoid(logits.clone()) * wanted + log_sigmoid(-logits) * other
            }
        };
        -likely.sum() * mean
    }

    /// Mean loss over a batch, and its gradient with respect to every weight (pruned ones as well) and bias.
    pub fn gradients(&self, layers: &[Affine], batch: &Batch) -> (f32, Vec<Affine>) {
        let leaves: Vec<Affine> = layers
            .iter()
            .map(|layer| Affine {
                weight: layer.weight.clone().autodiff().require_grad(),
                bias: layer.bias.clone().autodiff().require_grad(),
            })
            .collect();
        let logits = self.forward(&leaves, batch.inputs.clone().autodiff());
        let loss = self.loss(logits, &batch.labels);
        let all = loss.backward();
        let found = leaves
            .iter()
            // The loss does not depend on a layer that no output depends on.
            .map(|leaf| Affine {
                weight: leaf
                    .weight
                    .grad(&all)
                    .unwrap_or_else(|| leaf.weight.clone().inner().zeros_like()),
                bias: leaf
                    .bias
                    .grad(&all)
                    .unwrap_or_else(|| leaf.bias.clone().inner().zeros_like()),
            })
            .collect();
        (loss.into_scalar::<f32>(), found)
    }

    /// Share of the images of `set` that are classified rightly; the first of equal outputs counts.
    pub fn accuracy(&self, layers: &[Affine], set: &Dataset) -> f64 {
        let mut right = 0;
        self.each_output(layers, set, |outputs, label| {
            right += usize::from(self.head.class(outputs) == label);
        });
        right as f64 / set.len() as f64
    }

    /// How many images of `set` are classified rightly, and the mean loss over them.
    pub fn measure(&self, layers: &[Affine], set: &Dataset) -> (usize, f64) {
        let (mut right, mut sum) = (0, 0.0);
        self.each_output(layers, set, |outputs, label| {
            right += usize::from(self.head.class(outputs) == label);
            sum += loss_of(self.head, outputs, label);
        });
        (right, sum / set.len() as f64)
    }

    /// Calls `tell` with the outputs for each image of `set` and its label.
    fn each_output(&self, layers: &[Affine], set: &Dataset, mut tell: impl FnMut(&[f32], usize)) {
        let size = self.inputs();
        let largest = (0..=self.steps.len()).map(|value| self.shape(value).len());
        let fit = EVALUATION_VALUES / largest.max().unwrap_or(1).max(1);
        let most = fit.clamp(1, EVALUATION_BATCH);
        for start in (0..set.len()).step_by(most) {
            let end = (start + most).min(set.len());
            let mut pixels = Vec::with_capacity((end - start) * size);
            (start..end).for_each(|index| self.read(set.image(index), &mut pixels));
            let logits = self.forward(layers, matrix(&pixels, end - start, size));
            let [_, outputs] = logits.dims();
            for (row, index) in values(&logits).chunks_exact(outputs).zip(start..end) {
                tell(row, usize::from(set.labels[index]));
            }
        }
    }
}

/// The loss of one image with these outputs, as [`Net::gradients`] has it.
fn loss_of(head: Head, outputs: &[f32], label: usize) -> f64 {
    // ln(1 + exp(x)) without overflow.
    let soft = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    let value = |at: usize| f64::from(outputs[at]);
    match head {
        Head::Logits | Head::Softmax | Head::LogSoftmax => {
            let most = (0..outputs.len())
                .map(value)
                .fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = (0..outputs.len()).map(|at| (value(at) - most).exp()).sum();
            most + sum.ln() - value(label)
        }
        Head::Sigmoid => {
            let wanted = |at: usize| wanted(outputs.len(), label, at);
            let each = (0..outputs.len()).map(|at| match wanted(at) {
                true => soft(-value(at)),
                false => soft(value(at)),
            });
            each.sum()
        }
    }
}

/// Whether output `at` of `outputs` stands for the class `label`: of one output alone, which is that of a sigmoid, for the second of two classes.
fn wanted(outputs: usize, label: usize, at: usize) -> bool {
    match outputs {
        1 => label == 1,
        _ => label == at,
    }
}

/// A fully connected network with ReLU between its layers.
#[cfg(test)]
pub(crate) fn dense(sizes: &[usize]) -> Net {
    let hidden: Vec<_> = sizes[1..sizes.len() - 1]
        .iter()
        .map(|&size| crate::Hidden::Dense(size))
        .collect();
    let input = Shape {
        channels: 1,
        height: 1,
        width: sizes[0],
    };
    let network = crate::hidden::network("dense", input, 1.0, &hidden, sizes[sizes.len() - 1]);
    Net::new(&network.unwrap()).unwrap()
}
