//! Layers as matrices of codes.

use super::PackError;
use crate::network::{Activation, Network, Operator, Weights};

/// A fully connected layer on its way into an image.
#[derive(Clone, Debug)]
pub(super) struct Matrix {
    pub name: String,
    /// Weights and biases of the layer before anything was cut.
    pub parameters: usize,
    pub activation: Activation,
    pub inputs: usize,
    /// The outputs that are left, as the layer's own indices.
    pub kept: Vec<usize>,
    /// Codes, row-major by output; 0 is no weight, `k` is `codebook[k - 1]`.
    pub codes: Vec<u8>,
    pub codebook: Vec<f64>,
    pub bias: Vec<f64>,
}

impl Matrix {
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// The codes of one output.
    pub fn row(&self, output: usize) -> &[u8] {
        &self.codes[output * self.inputs..][..self.inputs]
    }

    pub fn weight(&self, code: u8) -> f64 {
        match code {
            0 => 0.0,
            code => self.codebook[usize::from(code) - 1],
        }
    }
}

/// The network's layers with shared weights; none of them is zero.
pub(super) fn layers(network: &Network) -> Result<Vec<Matrix>, PackError> {
    let layers = network.layers.iter().map(|layer| {
        let Operator::Dense { inputs, outputs } = layer.operator else {
            return Err(PackError::Operator {
                layer: layer.name.clone(),
            });
        };
        let (codebook, codes) = shared(&layer.name, &layer.weights)?;
        Ok(Matrix {
            name: layer.name.clone(),
            parameters: layer.parameters(),
            activation: layer.activation.clone(),
            inputs,
            kept: (0..outputs).collect(),
            codes,
            codebook,
            bias: layer.bias.iter().map(|&b| f64::from(b)).collect(),
        })
    });
    layers.collect()
}

fn shared(layer: &str, weights: &Weights) -> Result<(Vec<f64>, Vec<u8>), PackError> {
    match weights {
        Weights::Shared { codebook, codes } => {
            let zero = |code: u8| code == 0 || codebook[usize::from(code) - 1] == 0.0;
            let codes = codes
                .iter()
                .map(|&code| if zero(code) { 0 } else { code })
                .collect();
            Ok((codebook.iter().map(|&w| f64::from(w)).collect(), codes))
        }
        Weights::Float(values) => {
            let mut distinct: Vec<f32> = values.iter().copied().filter(|&w| w != 0.0).collect();
            distinct.sort_by(f32::total_cmp);
            distinct.dedup();
            let (got, limit) = (distinct.len(), usize::from(u8::MAX));
            if got > limit {
                return Err(PackError::Codebook {
                    layer: layer.into(),
                    got,
                    limit,
                });
            }
            let code = |w: &f32| match distinct.binary_search_by(|d| d.total_cmp(w)) {
                Ok(index) => index as u8 + 1,
                Err(_) => 0,
            };
            let codes = values.iter().map(code).collect();
            Ok((distinct.iter().map(|&w| f64::from(w)).collect(), codes))
        }
    }
}
