//! Small networks of every shape: packed, they compute what the float network does, or are refused by name.

use super::*;

/// Error that rounding weights and biases may make, by the largest sum of sizes.
const OF_WEIGHTS: f32 = 0.004;
/// The same for each map that is drained between layers.
const OF_A_MAP: f32 = 0.02;

/// A network whose sums show every weight: what the packer may get wrong is a weight that counts where it should not.
struct Draw {
    rng: ChaCha8Rng,
    /// Sides of maps, pads and kernels, at most.
    most: [usize; 3],
}

impl Draw {
    fn new(seed: u64, most: [usize; 3]) -> Draw {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Draw { rng, most }
    }

    fn side(&mut self) -> usize {
        self.rng.random_range(1..=self.most[0])
    }

    /// A window with a place on the map.
    fn window(&mut self, input: Shape, pads: bool) -> Window {
        loop {
            let most = if pads { self.most[1] } else { 0 };
            let window = Window {
                kernel: std::array::from_fn(|_| self.rng.random_range(1..=self.most[2])),
                stride: std::array::from_fn(|_| self.rng.random_range(1..=3)),
                pads: std::array::from_fn(|_| self.rng.random_range(0..=most)),
            };
            if window.places([input.height, input.width]).is_some() {
                return window;
            }
        }
    }

    fn operator(&mut self, input: Shape) -> Operator {
        let kind = self.rng.random_range(0..6);
        let pads = self.rng.random_bool(0.8);
        let window = self.window(input, pads);
        match kind {
            0 => Operator::Dense {
                inputs: input.len(),
                outputs: self.rng.random_range(1..=4),
            },
            1 => Operator::MaxPool { input, window },
            2 => Operator::AveragePool {
                input,
                window,
                excluded: [0; 4],
            },
            3 => Operator::Conv {
                input,
                outputs: input.channels * self.rng.random_range(1..=2),
                groups: input.channels,
                window,
            },
            _ => Operator::Conv {
                input,
                outputs: self.rng.random_range(1..=4),
                groups: 1,
                window,
            },
        }
    }

    fn layer(&mut self, input: Shape) -> Layer {
        let operator = self.operator(input);
        let count = operator.weights().unwrap();
        let signed = self.rng.random_bool(0.2);
        let codebook: Vec<f32> = (1..=6)
            .map(|i| i as f32 / 6.0 * if signed && i % 2 == 0 { -1.0 } else { 1.0 })
            .collect();
        let codes = (0..count).map(|_| self.rng.random_range(0..=6)).collect();
        let weights = match count {
            0 => Weights::Float(vec![]),
            _ => Weights::Shared { codebook, codes },
        };
        Layer {
            name: String::new(),
            inputs: vec![0],
            bias: (0..operator.biases())
                .map(|_| self.rng.random_range(-0.5..0.5))
                .collect(),
            operator,
            weights,
            activation: [Activation::None, Activation::Relu][self.rng.random_range(0..2)].clone(),
            range: None,
        }
    }

    /// A sound network of one to three layers.
    fn network(&mut self) -> Network {
        loop {
            let input = Shape {
                channels: self.rng.random_range(1..=3),
                height: self.side(),
                width: self.side(),
            };
            let mut network = of_layers(input, vec![]);
            if self.rng.random_bool(0.2) {
                network.frame = Frame {
                    pads: std::array::from_fn(|_| self.rng.random_range(0..=2)),
                    marked: self.rng.random_bool(0.5),
                };
            }
            let mut shape = network.value(0);
            for i in 0..[1, 1, 2, 3][self.rng.random_range(0..4)] {
                let layer = self.layer(shape);
                shape = layer.operator.output();
                network.layers.push(Layer {
                    name: format!("layer{i}"),
                    inputs: vec![i],
                    ..layer
                });
            }
            network.layers.last_mut().unwrap().activation = Activation::None;
            if network.check().is_ok() && shape.len() <= 2000 {
                return network;
            }
        }
    }
}

/// The largest that any value of a layer can be made of: weights and biases without their signs.
fn sizes(network: &Network, inputs: &[Vec<u8>]) -> f32 {
    let mut sizes = network.clone();
    for layer in &mut sizes.layers {
        let weights = layer.weights.to_dense();
        layer.weights = Weights::Float(weights.iter().map(|w| w.abs()).collect());
        layer.bias.iter_mut().for_each(|b| *b = b.abs());
    }
    let all = inputs.iter().flat_map(|input| sizes.forward(input));
    all.fold(0.0, f32::max)
}

/// Sparse, full and single bytes.
fn probes(network: &Network, seed: u64) -> Vec<Vec<u8>> {
    let mut probes = inputs(network, 4, seed);
    let len = network.input.len();
    probes.push(vec![255; len]);
    for at in [0, len / 2, len - 1] {
        let mut one = vec![0; len];
        one[at] = 255;
        probes.push(one);
    }
    probes
}

/// Packs for every configuration; `must` says which are to take it. How many did.
fn check(network: &Network, seed: u64, must: impl Fn(&Config) -> bool) -> usize {
    let probes = probes(network, seed);
    let calibration: Vec<&[u8]> = probes.iter().map(Vec::as_slice).collect();
    let most = sizes(network, &probes);
    let mut packed = 0;
    for config in CONFIGS {
        let says = format!("seed {seed}, {}: {network:?}", config.name);
        let image = match pack(network, config, &calibration, &PackOptions::default()) {
            Ok(image) => image,
            Err(error @ (PackError::Unsupported { .. } | PackError::TooLarge { .. })) => {
                assert!(!must(config), "{error}; {says}");
                continue;
            }
            Err(error) => panic!("{error}; {says}"),
        };
        packed += 1;
        let bytes = image.to_bytes().unwrap();
        assert_eq!(Image::from_bytes(&bytes).unwrap(), image, "{says}");
        let hidden = image.layers() - 1;
        let most = most * (OF_WEIGHTS + OF_A_MAP * hidden as f32);
        let reference = Reference::new(&image).unwrap();
        for probe in &probes {
            let got = reference.run(probe).unwrap().logits;
            let want = network.forward(probe);
            assert_eq!(got.len(), want.len(), "{says}");
            for (at, (&got, want)) in got.iter().zip(want).enumerate() {
                let got = got as f32 * image.logit_scale;
                assert!(
                    (got - want).abs() <= most,
                    "output {at}: got {got}, expected {want} to {most}; {says}"
                );
            }
        }
    }
    packed
}

#[test]
fn small_networks_of_any_shape_are_packed_right_or_refused() {
    let mut packed = 0;
    for seed in 0..600 {
        let network = Draw::new(seed, [5, 4, 5]).network();
        packed += check(&network, seed, |_| false);
    }
    println!("{packed} images");
    assert!(packed > 2000, "{packed} images");
}

#[test]
fn of_a_padded_kernel_on_one_position_the_centre_counts() {
    let input = Shape {
        channels: 2,
        height: 1,
        width: 1,
    };
    for first in [0, 1] {
        let mut layers = vec![conv("first", 0, input, 2, 3)];
        if first == 1 {
            // Behind another layer too.
            layers.insert(0, conv("before", 0, input, 2, 1));
            layers[1].inputs = vec![1];
        }
        layers[first].activation = Activation::None;
        let network = of_layers(input, layers);
        for config in ["icebreaker", "tiny", "ulx3s-85f"] {
            let probes = probes(&network, 1);
            let Ok(image) = packed(&network, config, &probes) else {
                assert!(config == "icebreaker", "{config}");
                continue;
            };
            let error = error(&network, &image, &probes);
            assert!(error < 0.02, "{config}: {error}");
        }
        let image = packed(&network, "tiny", &probes(&network, 1)).unwrap();
        if first == 0 {
            assert!(image.sizes().unwrap()[0].nonzeros <= 4);
        }
    }
}
