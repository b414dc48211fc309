//! The float forward pass.

use super::Network;

impl Network {
    /// The outputs for an input of `self.input.len()` bytes.
    ///
    /// # Panics
    /// If the input has another length, or the network is not sound (see [`Network::check`]).
    pub fn forward(&self, input: &[u8]) -> Vec<f32> {
        self.prepare().logits(input)
    }

    /// The network with its weights spread out, for many inputs.
    pub fn prepare(&self) -> Prepared<'_> {
        let weights = self
            .layers
            .iter()
            .map(|layer| layer.weights.to_dense())
            .collect();
        Prepared {
            network: self,
            weights,
        }
    }
}

/// A network whose weights are spread out.
#[derive(Clone, Debug)]
pub struct Prepared<'a> {
    network: &'a Network,
    weights: Vec<Vec<f32>>,
}

impl Prepared<'_> {
    /// The outputs.
    ///
    /// # Panics
    /// As [`Network::forward`].
    pub fn logits(&self, input: &[u8]) -> Vec<f32> {
        self.forward(input)
            .pop()
            .expect("one vector a layer, and the input")
    }

    /// The values after each layer, behind those of the input.
    ///
    /// # Panics
    /// As [`Network::forward`].
    pub fn forward(&self, input: &[u8]) -> Vec<Vec<f32>> {
        let network = self.network;
        assert_eq!(
            input.len(),
            network.input.len(),
            "an input has one byte a value"
        );
        let values = input
            .iter()
            .map(|&byte| f32::from(byte) * network.input_scale)
            .collect();
        let mut all: Vec<Vec<f32>> = vec![values];
        for (layer, weights) in network.layers.iter().zip(&self.weights) {
            let positions = layer.operator.outputs() / layer.bias.len().max(1);
            let mut sums = layer.bias.repeat(positions);
            layer
                .operator
                .add_products(weights, &all[all.len() - 1], &mut sums);
            all.push(
                sums.into_iter()
                    .map(|sum| layer.activation.apply(sum))
                    .collect(),
            );
        }
        all
    }
}
