//! A network without its dead inputs and neurons, so that a sparse one trains faster.

use crate::mlp::{self, Affine};

/// Fewer rows and columns, and where they belong.
#[derive(Clone, Debug)]
pub(crate) struct Compact {
    /// Layers with living inputs and neurons alone.
    pub layers: Vec<Affine>,
    /// For each layer its living inputs, and at the end all outputs of the network.
    live: Vec<Vec<usize>>,
}

impl Compact {
    /// Leaves out the inputs of each layer that have no weight. Every neuron that stays must have one that leads
    /// to it, unless it is an output: pruning leaves it so.
    pub fn new(layers: &[Affine]) -> Self {
        let mut live: Vec<Vec<usize>> = layers
            .iter()
            .map(|layer| {
                let (inputs, outputs) = layer.sizes();
                let weights = mlp::values(&layer.weight);
                let row = |input: usize| &weights[input * outputs..][..outputs];
                (0..inputs)
                    .filter(|&input| row(input).iter().any(|w| *w != 0.0))
                    .collect()
            })
            .collect();
        live.push((0..layers.last().map_or(0, |layer| layer.sizes().1)).collect());
        // A layer without any input still needs a shape.
        for (live, layer) in live.iter_mut().zip(layers) {
            if live.is_empty() && layer.sizes().0 > 0 {
                live.push(0);
            }
        }
        let layers = layers
            .iter()
            .zip(live.windows(2))
            .map(|(layer, live)| Affine {
                weight: layer
                    .weight
                    .clone()
                    .select(0, mlp::indices(&live[0]))
                    .select(1, mlp::indices(&live[1])),
                bias: layer.bias.clone().select(0, mlp::indices(&live[1])),
            })
            .collect();
        Self { layers, live }
    }

    /// The inputs of the network that live.
    pub fn inputs(&self) -> &[usize] {
        &self.live[0]
    }

    /// Puts the `codes` of layer `index`, row-major by output, into a grid of `inputs x outputs`; 0 elsewhere.
    pub fn expand(&self, index: usize, codes: &[u8], inputs: usize, outputs: usize) -> Vec<u8> {
        let (rows, columns) = (&self.live[index + 1], &self.live[index]);
        let mut all = vec![0; inputs * outputs];
        for (codes, &output) in codes.chunks_exact(columns.len()).zip(rows) {
            for (&code, &input) in codes.iter().zip(columns) {
                all[output * inputs + input] = code;
            }
        }
        all
    }

    /// Puts the `bias` of layer `index` where it belongs; 0 elsewhere.
    pub fn expand_bias(&self, index: usize, bias: &[f32], outputs: usize) -> Vec<f32> {
        let mut all = vec![0.0; outputs];
        for (&bias, &output) in bias.iter().zip(&self.live[index + 1]) {
            all[output] = bias;
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_inputs_and_neurons_are_left_out_and_come_back() {
        // Input 1 and neuron 0 are dead.
        let layers = [
            Affine {
                weight: mlp::matrix(&[0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0], 3, 3),
                bias: mlp::vector(&[9.0, 0.1, 0.2]),
            },
            Affine {
                weight: mlp::matrix(&[0.0, 0.0, 4.0, 5.0, 6.0, 0.0], 3, 2),
                bias: mlp::vector(&[0.3, 0.4]),
            },
        ];
        let compact = Compact::new(&layers);
        assert_eq!(compact.inputs(), [0, 2]);
        assert_eq!(mlp::values(&compact.layers[0].weight), [1.0, 2.0, 0.0, 3.0]);
        assert_eq!(mlp::values(&compact.layers[0].bias), [0.1, 0.2]);
        assert_eq!(mlp::values(&compact.layers[1].weight), [4.0, 5.0, 6.0, 0.0]);
        let whole = mlp::forward(&layers, mlp::matrix(&[0.5, 0.6, 0.7], 1, 3));
        let small = mlp::forward(&compact.layers, mlp::matrix(&[0.5, 0.7], 1, 2));
        for (whole, small) in mlp::values(&whole).iter().zip(mlp::values(&small)) {
            assert!((whole - small).abs() < 1e-4, "{whole} {small}");
        }
        // By output: neuron 1 has inputs 0 and 2 (codes 1, 0), neuron 2 has 2, 3.
        assert_eq!(
            compact.expand(0, &[1, 0, 2, 3], 3, 3),
            [0, 0, 0, 1, 0, 0, 2, 0, 3]
        );
        assert_eq!(compact.expand_bias(0, &[0.1, 0.2], 3), [0.0, 0.1, 0.2]);
        assert_eq!(compact.expand(1, &[1, 2, 3, 0], 3, 2), [0, 1, 2, 0, 3, 0]);
    }

    #[test]
    fn a_network_without_weights_keeps_its_biases() {
        let layer = Affine {
            weight: mlp::matrix(&[0.0; 6], 3, 2),
            bias: mlp::vector(&[1.0, 2.0]),
        };
        let compact = Compact::new(&[layer]);
        assert_eq!(compact.inputs(), [0]);
        let out = mlp::forward(&compact.layers, mlp::matrix(&[5.0], 1, 1));
        assert_eq!(mlp::values(&out), [1.0, 2.0]);
    }
}
