//! A network as tensors: what is trained, and the forward pass, loss, gradients and accuracy.
//!
//! Every layer with weights is a matrix here, `[inputs, outputs]`: for a convolution the inputs are the values under
//! its window (channel of the group, row, column) and the outputs its channels. In a [`Network`](thresh_model::Network) the same weights are
//! row-major by output.

mod build;
mod forward;
mod link;
mod tensor;

#[cfg(test)]
pub(crate) mod tests;

use burn::tensor::{Tensor, activation::log_softmax};
use thresh_model::{Dataset, Frame, Operator, Shape};

pub(crate) use build::{layers_of, put_layers, weighted};
pub(crate) use link::Link;
pub(crate) use tensor::{Affine, device, indices, live_weights, matrix, values, vector};

/// Images of one forward pass when the accuracy is measured.
const EVALUATION_BATCH: usize = 1000;

/// Everything of a network that training does not change.
#[derive(Clone, Debug)]
pub(crate) struct Net {
    /// Shape of an image.
    input: Shape,
    input_scale: f32,
    frame: Frame,
    /// The values of the framed image that are read, in this order; `None`: all. Only where the first layer is fully
    /// connected.
    live: Option<Vec<usize>>,
    steps: Vec<Step>,
}

/// A layer without its weights.
#[derive(Clone, Debug)]
struct Step {
    operator: Operator,
    relu: bool,
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
        let [images, classes] = logits.dims();
        let mut wanted = vec![0.0f32; images * classes];
        for (row, &label) in wanted.chunks_exact_mut(classes).zip(&batch.labels) {
            row[label] = 1.0;
        }
        let mean = 1.0 / images as f64;
        let wanted = matrix(&wanted, images, classes).autodiff();
        let loss = -(log_softmax(logits, 1) * wanted).sum() * mean;
        let all = loss.backward();
        let found = leaves
            .iter()
            .map(|leaf| Affine {
                weight: leaf
                    .weight
                    .grad(&all)
                    .expect("the loss depends on every layer"),
                bias: leaf
                    .bias
                    .grad(&all)
                    .expect("the loss depends on every layer"),
            })
            .collect();
        (loss.into_scalar::<f32>(), found)
    }

    /// Share of the images of `set` that are classified rightly; the first of equal outputs counts.
    pub fn accuracy(&self, layers: &[Affine], set: &Dataset) -> f64 {
        let size = self.inputs();
        let mut right = 0;
        for start in (0..set.len()).step_by(EVALUATION_BATCH) {
            let end = (start + EVALUATION_BATCH).min(set.len());
            let mut pixels = Vec::with_capacity((end - start) * size);
            (start..end).for_each(|index| self.read(set.image(index), &mut pixels));
            let logits = self.forward(layers, matrix(&pixels, end - start, size));
            let [_, classes] = logits.dims();
            for (row, index) in values(&logits).chunks_exact(classes).zip(start..end) {
                let best =
                    (1..classes).fold(0, |best, i| if row[i] > row[best] { i } else { best });
                right += usize::from(best == usize::from(set.labels[index]));
            }
        }
        right as f64 / set.len() as f64
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
