//! A network without its dead inputs and neurons, so that a sparse one trains faster.
//!
//! Only fully connected layers are made smaller, where they alone read each other or the image: maps keep all their
//! channels.

use crate::net::{self, Affine, Net};

/// Fewer rows and columns, and where they belong.
#[derive(Clone, Debug)]
pub(crate) struct Compact {
    /// Layers with living inputs and neurons alone.
    pub layers: Vec<Affine>,
    /// For each layer its living inputs and neurons.
    live: Vec<[Vec<usize>; 2]>,
    /// The layer whose living inputs are values of the image.
    of_image: Option<usize>,
}

impl Compact {
    /// Leaves out the inputs of each layer of `net` that have no weight. Every neuron that stays must have one that leads
    /// to it, unless it is an output: pruning leaves it so.
    pub fn new(net: &Net, layers: &[Affine]) -> Self {
        let mut live: Vec<[Vec<usize>; 2]> = layers
            .iter()
            .map(|layer| {
                let (inputs, outputs) = layer.sizes();
                [(0..inputs).collect(), (0..outputs).collect()]
            })
            .collect();
        let of_image = net.image_reader();
        if let Some(reader) = of_image {
            live[reader][0] = live_inputs(&layers[reader]);
        }
        for index in 0..layers.len() {
            if let Some(reader) = net.value_reader(index) {
                let inputs = live_inputs(&layers[reader]);
                live[reader][0].clone_from(&inputs);
                live[index][1] = inputs;
            }
        }
        let layers = layers
            .iter()
            .zip(&live)
            .map(|(layer, live)| Affine {
                weight: layer
                    .weight
                    .clone()
                    .select(0, net::indices(&live[0]))
                    .select(1, net::indices(&live[1])),
                bias: layer.bias.clone().select(0, net::indices(&live[1])),
            })
            .collect();
        Self {
            layers,
            live,
            of_image,
        }
    }

    /// The values of the image that its one reader reads; `None`: all.
    pub fn inputs(&self) -> Option<&[usize]> {
        self.of_image.map(|reader| self.live[reader][0].as_slice())
    }

    /// Puts the `codes` of layer `index`, row-major by output, into a grid of `inputs x outputs`; 0 elsewhere.
    pub fn expand(&self, index: usize, codes: &[u8], inputs: usize, outputs: usize) -> Vec<u8> {
        let [columns, rows] = &self.live[index];
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
        for (&bias, &output) in bias.iter().zip(&self.live[index][1]) {
            all[output] = bias;
        }
        all
    }
}

/// The inputs of `layer` that have a weight; the first one where none has, since a layer without any input still needs a
/// shape.
fn live_inputs(layer: &Affine) -> Vec<usize> {
    let (inputs, outputs) = layer.sizes();
    let weights = net::values(&layer.weight);
    let row = |input: usize| &weights[input * outputs..][..outputs];
    let live: Vec<usize> = (0..inputs)
        .filter(|&input| row(input).iter().any(|w| *w != 0.0))
        .collect();
    if live.is_empty() && inputs > 0 {
        return vec![0];
    }
    live
}

#[cfg(test)]
mod tests {
    use super::*;
    use thresh_model::{Activation, Frame, Head, Layer, Network, Operator, Shape, Weights};

    #[test]
    fn dead_inputs_and_neurons_are_left_out_and_come_back() {
        // Input 1 and neuron 0 are dead.
        let layers = [
            Affine {
                weight: net::matrix(&[0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0], 3, 3),
                bias: net::vector(&[9.0, 0.1, 0.2]),
            },
            Affine {
                weight: net::matrix(&[0.0, 0.0, 4.0, 5.0, 6.0, 0.0], 3, 2),
                bias: net::vector(&[0.3, 0.4]),
            },
        ];
        let net = net::dense(&[3, 3, 2]);
        let compact = Compact::new(&net, &layers);
        assert_eq!(compact.inputs(), Some(&[0, 2][..]));
        assert_eq!(net::values(&compact.layers[0].weight), [1.0, 2.0, 0.0, 3.0]);
        assert_eq!(net::values(&compact.layers[0].bias), [0.1, 0.2]);
        assert_eq!(net::values(&compact.layers[1].weight), [4.0, 5.0, 6.0, 0.0]);
        let whole = net.forward(&layers, net::matrix(&[0.5, 0.6, 0.7], 1, 3));
        let small = net.forward(&compact.layers, net::matrix(&[0.5, 0.7], 1, 2));
        for (whole, small) in net::values(&whole).iter().zip(net::values(&small)) {
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
            weight: net::matrix(&[0.0; 6], 3, 2),
            bias: net::vector(&[1.0, 2.0]),
        };
        let net = net::dense(&[3, 2]);
        let compact = Compact::new(&net, &[layer]);
        assert_eq!(compact.inputs(), Some(&[0][..]));
        let out = net.forward(&compact.layers, net::matrix(&[5.0], 1, 1));
        assert_eq!(net::values(&out), [1.0, 2.0]);
    }

    #[test]
    fn what_two_layers_read_stays_whole() {
        let flat = |channels| Shape {
            channels,
            height: 1,
            width: 1,
        };
        let layer = |name: &str, operator: Operator, inputs: &[usize]| Layer {
            name: name.into(),
            inputs: inputs.to_vec(),
            // Input 0 of each layer is dead.
            weights: Weights::Float(
                (0..operator.weights().unwrap())
                    .map(|at| (at % operator.inputs()) as f32)
                    .collect(),
            ),
            bias: vec![0.5; operator.biases()],
            operator,
            activation: Activation::None,
            range: None,
        };
        let dense = |inputs, outputs| Operator::Dense { inputs, outputs };
        let add = Operator::Add { shape: flat(3) };
        let network = Network {
            name: "residual".into(),
            input: flat(3),
            input_scale: 1.0,
            input_mean: vec![],
            frame: Frame::default(),
            layers: vec![
                layer("first", dense(3, 3), &[0]),
                layer("second", dense(3, 3), &[1]),
                layer("sum", add.clone(), &[2, 1]),
                layer("again", add, &[3, 0]),
                layer("third", dense(3, 2), &[4]),
                layer("last", dense(2, 2), &[5]),
            ],
            head: Head::Logits,
            labels: vec![],
            provenance: Default::default(),
        };
        let net = Net::new(&network).unwrap();
        let layers = net::layers_of(&network);
        let compact = Compact::new(&net, &layers);
        assert_eq!(compact.inputs(), None);
        let sizes: Vec<_> = compact.layers.iter().map(Affine::sizes).collect();
        assert_eq!(sizes, [(3, 3), (3, 3), (3, 1), (1, 2)]);
        let x = net::matrix(&[1.0, 2.0, 3.0], 1, 3);
        let [whole, small] =
            [&layers, &compact.layers].map(|layers| net.forward(layers, x.clone()));
        assert_eq!(net::values(&whole), net::values(&small));
    }
}
