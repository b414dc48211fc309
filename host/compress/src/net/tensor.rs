//! The tensors of a layer, and how values get in and out of tensors.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::Backend;

/// The device that everything runs on.
pub(crate) fn device() -> Device {
    Backend::chosen().device()
}

/// Weights (or their gradient, or their velocity) and biases of one layer; no tensor is tracked.
#[derive(Clone, Debug)]
pub(crate) struct Affine {
    pub weight: Tensor<2>,
    pub bias: Tensor<1>,
}

impl Affine {
    /// From weights in the order of a [`Network`](thresh_model::Network).
    pub fn from_rows(rows: &[f32], inputs: usize, outputs: usize, bias: &[f32]) -> Self {
        Self {
            weight: matrix(&transposed(rows, outputs, inputs), inputs, outputs),
            bias: vector(bias),
        }
    }

    /// Weights in the order of a [`Network`](thresh_model::Network).
    pub fn to_rows(&self) -> Vec<f32> {
        let (inputs, outputs) = self.sizes();
        transposed(&values(&self.weight), inputs, outputs)
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

/// Number of weights that are not zero.
pub(crate) fn live_weights(layers: &[Affine]) -> usize {
    layers
        .iter()
        .flat_map(|layer| values(&layer.weight))
        .filter(|&weight| weight != 0.0)
        .count()
}
