//! Tuning of shared values: the gradient of one is the sum of its members' gradients (section 3.3 of the paper).

use burn::tensor::{IndexingUpdateOp, Int, Tensor};

use super::share::Shared;
use crate::{
    checkpoint::State,
    net::{self, Affine},
    run::Stage,
    sgd::descend,
};

/// Shared values that are trained while the codes stay.
pub(crate) struct Tuned {
    layers: Vec<Layer>,
    momentum: f64,
}

struct Layer {
    codes: Vec<u8>,
    inputs: usize,
    outputs: usize,
    /// Places of the living weights in the `[inputs, outputs]` tensor.
    places: Tensor<1, Int>,
    /// Index of the shared value at each place.
    members: Tensor<1, Int>,
    codebook: Tensor<1>,
    codebook_velocity: Tensor<1>,
    bias: Tensor<1>,
    bias_velocity: Tensor<1>,
}

impl Tuned {
    pub fn new(pruned: &[Affine], shared: Vec<Shared>, momentum: f64) -> Self {
        let layers = pruned
            .iter()
            .zip(shared)
            .map(|(l, s)| Layer::new(l, s))
            .collect();
        Self { layers, momentum }
    }

    /// The shared weights and biases of each layer.
    pub fn finish(self) -> Vec<(Shared, Vec<f32>)> {
        self.layers
            .into_iter()
            .map(|layer| {
                let shared = Shared {
                    codebook: if layer.is_empty() {
                        Vec::new()
                    } else {
                        net::values(&layer.codebook)
                    },
                    codes: layer.codes,
                };
                (shared, net::values(&layer.bias))
            })
            .collect()
    }
}

impl Layer {
    fn new(layer: &Affine, shared: Shared) -> Self {
        let (inputs, outputs) = layer.sizes();
        let (mut places, mut members) = (Vec::new(), Vec::new());
        for input in 0..inputs {
            for output in 0..outputs {
                let code = usize::from(shared.codes[output * inputs + input]);
                if code > 0 {
                    places.push(input * outputs + output);
                    members.push(code - 1);
                }
            }
        }
        let codebook = net::vector(&shared.codebook);
        Self {
            codes: shared.codes,
            inputs,
            outputs,
            places: net::indices(&places),
            members: net::indices(&members),
            codebook_velocity: codebook.zeros_like(),
            codebook,
            bias_velocity: layer.bias.zeros_like(),
            bias: layer.bias.clone(),
        }
    }

    fn is_empty(&self) -> bool {
        self.members.dims() == [0]
    }

    fn weight(&self) -> Tensor<2> {
        let flat = Tensor::zeros([self.inputs * self.outputs], &net::device());
        let flat = if self.is_empty() {
            flat
        } else {
            let values = self.codebook.clone().select(0, self.members.clone());
            flat.select_assign(0, self.places.clone(), values, IndexingUpdateOp::Add)
        };
        flat.reshape([self.inputs, self.outputs])
    }

    /// The sum of the members' gradients for each shared value.
    fn summed(&self, gradient: Tensor<2>) -> Tensor<1> {
        let members = gradient
            .reshape([self.inputs * self.outputs])
            .select(0, self.places.clone());
        self.codebook.zeros_like().select_assign(
            0,
            self.members.clone(),
            members,
            IndexingUpdateOp::Add,
        )
    }

    fn step(&mut self, gradient: Affine, momentum: f64, rate: f64) {
        if !self.is_empty() {
            let sum = self.summed(gradient.weight);
            descend(
                &mut self.codebook,
                &mut self.codebook_velocity,
                sum,
                momentum,
                rate,
            );
        }
        descend(
            &mut self.bias,
            &mut self.bias_velocity,
            gradient.bias,
            momentum,
            rate,
        );
    }

    /// The trained tensors and their names.
    fn tensors(&mut self) -> [(&'static str, &mut Tensor<1>); 4] {
        [
            ("codebook", &mut self.codebook),
            ("codebook-velocity", &mut self.codebook_velocity),
            ("bias", &mut self.bias),
            ("bias-velocity", &mut self.bias_velocity),
        ]
    }
}

impl Stage for Tuned {
    fn name(&self) -> &'static str {
        "fine-tune"
    }

    fn weights(&self) -> Vec<Affine> {
        self.layers
            .iter()
            .map(|layer| Affine {
                weight: layer.weight(),
                bias: layer.bias.clone(),
            })
            .collect()
    }

    fn step(&mut self, gradients: Vec<Affine>, rate: f64) {
        for (layer, gradient) in self.layers.iter_mut().zip(gradients) {
            layer.step(gradient, self.momentum, rate);
        }
    }

    fn state(&self) -> State {
        let mut state = State::new();
        for (index, layer) in self.layers.iter().enumerate() {
            for (name, tensor) in [
                ("codebook", &layer.codebook),
                ("codebook-velocity", &layer.codebook_velocity),
                ("bias", &layer.bias),
                ("bias-velocity", &layer.bias_velocity),
            ] {
                state.insert(format!("{name}.{index}"), net::values(tensor));
            }
        }
        state
    }

    fn restore(&mut self, mut state: State) -> Option<()> {
        for (index, layer) in self.layers.iter_mut().enumerate() {
            for (name, tensor) in layer.tensors() {
                let values = state.remove(&format!("{name}.{index}"))?;
                if tensor.dims() != [values.len()] {
                    return None;
                }
                *tensor = net::vector(&values);
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deep_compression::{DeepCompressionOptions, rate::Sharing};
    use crate::{
        net::Batch,
        random::{Purpose, generator},
    };
    use rand::RngExt;

    fn shared(layers: &[Affine], codes: usize) -> Vec<Shared> {
        let options = DeepCompressionOptions {
            codes: vec![codes],
            ..DeepCompressionOptions::default()
        };
        Sharing::new(layers, &options).finish().1
    }

    /// A network of 6 - 5 - 3 with shared weights, and a batch for it.
    fn example() -> (Vec<Affine>, Tuned, Batch) {
        let mut random = generator(7, Purpose::Start, 0);
        let layers: Vec<Affine> = [(6, 5), (5, 3)]
            .iter()
            .map(|&(inputs, outputs)| {
                let weights: Vec<f32> = (0..inputs * outputs)
                    .map(|_| {
                        if random.random_bool(0.3) {
                            0.0
                        } else {
                            random.random_range(-1.0..1.0)
                        }
                    })
                    .collect();
                let bias: Vec<f32> = (0..outputs)
                    .map(|_| random.random_range(-0.1..0.1))
                    .collect();
                Affine {
                    weight: net::matrix(&weights, inputs, outputs),
                    bias: net::vector(&bias),
                }
            })
            .collect();
        let shared = shared(&layers, 4);
        let inputs: Vec<f32> = (0..8 * 6).map(|_| random.random_range(0.0..1.0)).collect();
        let labels = (0..8).map(|_| random.random_range(0..3)).collect();
        let batch = Batch {
            inputs: net::matrix(&inputs, 8, 6),
            labels,
        };
        let tuned = Tuned::new(&layers, shared, 0.9);
        (layers, tuned, batch)
    }

    #[test]
    fn the_gradient_of_a_centroid_is_the_sum_over_its_members() {
        let net = net::dense(&[6, 5, 3]);
        let (_, mut tuned, batch) = example();
        let (_, gradients) = net.gradients(&tuned.weights(), &batch);
        for (layer, gradient) in gradients.iter().enumerate() {
            let dense = net::values(&gradient.weight);
            let summed = net::values(&tuned.layers[layer].summed(gradient.weight.clone()));
            let (inputs, outputs) = gradient.sizes();
            let codebook = net::values(&tuned.layers[layer].codebook);
            assert_eq!(codebook.len(), 4);
            for centroid in 0..codebook.len() {
                let mut expected = 0.0;
                for input in 0..inputs {
                    for output in 0..outputs {
                        let code = tuned.layers[layer].codes[output * inputs + input];
                        if usize::from(code) == centroid + 1 {
                            expected += dense[input * outputs + output];
                        }
                    }
                }
                assert!((summed[centroid] - expected).abs() < 1e-6);

                let mut loss_at = |change: f32| {
                    let mut moved = codebook.clone();
                    moved[centroid] += change;
                    tuned.layers[layer].codebook = net::vector(&moved);
                    net.gradients(&tuned.weights(), &batch).0
                };
                let step = 1e-2;
                let slope = (loss_at(step) - loss_at(-step)) / (2.0 * step);
                tuned.layers[layer].codebook = net::vector(&codebook);
                assert!(
                    (slope - summed[centroid]).abs() < 2e-3,
                    "{slope} {}",
                    summed[centroid]
                );
            }
        }
    }

    #[test]
    fn centroids_move_and_codes_stay() {
        let net = net::dense(&[6, 5, 3]);
        let (layers, mut tuned, batch) = example();
        let before: Vec<Shared> = shared(&layers, 4);
        let (first, _) = net.gradients(&tuned.weights(), &batch);
        for _ in 0..40 {
            let (_, gradients) = net.gradients(&tuned.weights(), &batch);
            tuned.step(gradients, 0.02);
        }
        let weights = tuned.weights();
        let (last, _) = net.gradients(&weights, &batch);
        assert!(last < first, "{first} {last}");
        for (((shared, _), before), layer) in tuned.finish().iter().zip(&before).zip(&weights) {
            assert_eq!(shared.codes, before.codes);
            assert_ne!(shared.codebook, before.codebook);
            let rows = layer.to_rows();
            for (&code, &weight) in shared.codes.iter().zip(&rows) {
                let expected = if code == 0 {
                    0.0
                } else {
                    shared.codebook[usize::from(code) - 1]
                };
                assert_eq!(weight, expected);
            }
        }
    }

    #[test]
    fn a_layer_without_weights_is_tuned_by_its_bias_alone() {
        let net = net::dense(&[3, 2]);
        let layer = Affine {
            weight: net::matrix(&[0.0; 6], 3, 2),
            bias: net::vector(&[0.0; 2]),
        };
        let mut tuned = Tuned::new(
            std::slice::from_ref(&layer),
            shared(std::slice::from_ref(&layer), 4),
            0.9,
        );
        let batch = Batch {
            inputs: net::matrix(&[1.0; 3], 1, 3),
            labels: vec![0],
        };
        let (_, gradients) = net.gradients(&tuned.weights(), &batch);
        tuned.step(gradients, 0.1);
        let state = tuned.state();
        tuned.restore(state).unwrap();
        let (shared, bias) = tuned.finish().pop().unwrap();
        assert_eq!((shared.codebook, shared.codes), (vec![], vec![0; 6]));
        assert!(bias[0] > 0.0 && bias[1] < 0.0);
    }
}
