//! Fully connected networks as tensors: forward pass, loss, gradients, accuracy.
//!
//! Weights are `[inputs, outputs]` here and row-major by output in a [`Network`].

use burn::tensor::{
    Device, Int, Tensor, TensorData,
    activation::{log_softmax, relu},
};
use thresh_model::Dataset;
use thresh_model::network::{Activation, Layer, Network, Operator, Weights};

use crate::error::{Error, Result};

/// Images of one forward pass when the accuracy is measured.
const EVALUATION_BATCH: usize = 1000;

/// The device that everything runs on.
pub(crate) fn device() -> Device {
    Device::flex()
}

/// Weights (or their gradient, or their velocity) and biases of one layer; no tensor is tracked.
#[derive(Clone, Debug)]
pub(crate) struct Affine {
    pub weight: Tensor<2>,
    pub bias: Tensor<1>,
}

impl Affine {
    /// From weights in the order of a [`Network`].
    pub fn from_rows(rows: &[f32], inputs: usize, outputs: usize, bias: &[f32]) -> Self {
        Self {
            weight: matrix(&transposed(rows, outputs, inputs), inputs, outputs),
            bias: vector(bias),
        }
    }

    pub fn zeros_like(&self) -> Self {
        Self {
            weight: self.weight.zeros_like(),
            bias: self.bias.zeros_like(),
        }
    }

    pub fn sizes(&self) -> (usize, usize) {
        let [inputs, outputs] = self.weight.dims();
        (inputs, outputs)
    }
}

pub(crate) fn matrix(values: &[f32], rows: usize, columns: usize) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), [rows, columns]), &device())
}

pub(crate) fn vector(values: &[f32]) -> Tensor<1> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), &device())
}

pub(crate) fn indices(values: &[usize]) -> Tensor<1, Int> {
    let values: Vec<i32> = values.iter().map(|&value| value as i32).collect();
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), &device())
}

/// The values of a float tensor in row-major order.
pub(crate) fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor
        .clone()
        .into_data()
        .try_to_vec()
        .expect("every float tensor of this crate is f32")
}

/// `rows x columns` values, row-major, as `columns x rows`.
pub(crate) fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(values.len());
    for column in 0..columns {
        out.extend((0..rows).map(|row| values[row * columns + column]));
    }
    out
}

/// The layers of a network that consists of fully connected layers with ReLU between them.
///
/// # Errors
///
/// If `network` is something else, or its sizes do not fit each other.
pub(crate) fn layers_of(network: &Network) -> Result<Vec<Affine>> {
    network.check()?;
    let last = network.layers.len() - 1;
    let mut layers = Vec::new();
    for (index, layer) in network.layers.iter().enumerate() {
        let wrong = |what: &str| Error::Network {
            network: network.name.clone(),
            reason: format!("layer {:?} {what}", layer.name),
        };
        let Operator::Dense { inputs, outputs } = layer.operator else {
            return Err(wrong("is not fully connected"));
        };
        match (&layer.activation, index == last) {
            (Activation::Relu, false) | (Activation::None, true) => {}
            (Activation::Relu, true) => return Err(wrong("is the last and has a ReLU")),
            (Activation::None, false) => return Err(wrong("is not the last and has no ReLU")),
            _ => return Err(wrong("has an activation other than ReLU")),
        }
        layers.push(Affine::from_rows(
            &layer.weights.to_dense(),
            inputs,
            outputs,
            &layer.bias,
        ));
    }
    Ok(layers)
}

/// The layers of a [`Network`] with one float a weight.
pub(crate) fn network_layers(layers: &[Affine]) -> Vec<Layer> {
    let last = layers.len().saturating_sub(1);
    layers
        .iter()
        .enumerate()
        .map(|(index, layer)| {
            let (inputs, outputs) = layer.sizes();
            Layer {
                name: format!("fc{}", index + 1),
                inputs: vec![index],
                operator: Operator::Dense { inputs, outputs },
                weights: Weights::Float(transposed(&values(&layer.weight), inputs, outputs)),
                bias: values(&layer.bias),
                activation: if index == last {
                    Activation::None
                } else {
                    Activation::Relu
                },
            }
        })
        .collect()
}

/// Number of weights that are not zero.
pub(crate) fn live_weights(layers: &[Affine]) -> usize {
    layers
        .iter()
        .flat_map(|layer| values(&layer.weight))
        .filter(|&weight| weight != 0.0)
        .count()
}

/// The outputs before the soft-max, `[images, classes]`.
pub(crate) fn forward(layers: &[Affine], mut x: Tensor<2>) -> Tensor<2> {
    for (index, layer) in layers.iter().enumerate() {
        if index > 0 {
            x = relu(x);
        }
        x = x.matmul(layer.weight.clone()) + layer.bias.clone().unsqueeze();
    }
    x
}

/// What a batch is to be classified as.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// `[images, inputs]`.
    pub inputs: Tensor<2>,
    /// One class an image.
    pub labels: Vec<usize>,
}

/// Mean loss over a batch, and its gradient with respect to every weight (pruned ones as well) and bias.
pub(crate) fn gradients(layers: &[Affine], batch: &Batch) -> (f32, Vec<Affine>) {
    let leaves: Vec<Affine> = layers
        .iter()
        .map(|layer| Affine {
            weight: layer.weight.clone().autodiff().require_grad(),
            bias: layer.bias.clone().autodiff().require_grad(),
        })
        .collect();
    let logits = forward(&leaves, batch.inputs.clone().autodiff());
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
///
/// The network takes the values `inputs` of an image, or all.
pub(crate) fn accuracy(
    layers: &[Affine],
    set: &Dataset,
    input_scale: f32,
    inputs: Option<&[usize]>,
) -> f64 {
    let size = inputs.map_or(set.shape.len(), <[usize]>::len);
    let mut right = 0;
    for start in (0..set.len()).step_by(EVALUATION_BATCH) {
        let end = (start + EVALUATION_BATCH).min(set.len());
        let mut pixels = Vec::with_capacity((end - start) * size);
        for index in start..end {
            let image = set.image(index);
            let value = |&byte: &u8| f32::from(byte) * input_scale;
            match inputs {
                None => pixels.extend(image.iter().map(value)),
                Some(inputs) => pixels.extend(inputs.iter().map(|&input| value(&image[input]))),
            }
        }
        let logits = forward(layers, matrix(&pixels, end - start, size));
        let [_, classes] = logits.dims();
        for (row, index) in values(&logits).chunks_exact(classes).zip(start..end) {
            let best = (1..classes).fold(0, |best, i| if row[i] > row[best] { i } else { best });
            right += usize::from(best == usize::from(set.labels[index]));
        }
    }
    right as f64 / set.len() as f64
}
