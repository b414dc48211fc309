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
                excluded: match self.rng.random_range(0..3) {
                    0 => [0; 4],
                    1 => window.pads,
                    _ => window.pads.map(|pad| self.rng.random_range(0..=pad)),
                },
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

    /// A sound network of a map of one row.
    fn row(&mut self) -> Network {
        loop {
            let width = self.side();
            let input = Shape {
                channels: self.rng.random_range(1..=3),
                height: 1,
                width,
            };
            let mut layer = self.layer(input);
            match &mut layer.operator {
                Operator::Conv { window, .. }
                | Operator::MaxPool { window, .. }
                | Operator::AveragePool { window, .. } => {
                    (window.kernel[0], window.pads[0], window.pads[2]) = (1, 0, 0);
                }
                _ => {}
            }
            if let Operator::AveragePool { excluded, .. } = &mut layer.operator {
                (excluded[0], excluded[2]) = (0, 0);
            }
            let count = layer.operator.weights().unwrap();
            if let Weights::Shared { codes, .. } = &mut layer.weights {
                codes.truncate(count);
            }
            layer.activation = Activation::None;
            layer.inputs = vec![0];
            let network = of_layers(input, vec![layer]);
            if network.check().is_ok() {
                return network;
            }
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

/// How far an output may be off at most: what rounding adds in each map of `hidden`, carried through the layers behind it.
fn bound(network: &Network, inputs: &[Vec<u8>], hidden: usize) -> f32 {
    let positive = |layer: &Layer| {
        let weights = layer.weights.to_dense().iter().map(|w| w.abs()).collect();
        Layer {
            weights: Weights::Float(weights),
            bias: layer.bias.iter().map(|b| b.abs()).collect(),
            inputs: vec![0],
            ..layer.clone()
        }
    };
    let layers: Vec<Layer> = network.layers.iter().map(positive).collect();
    let most = |values: &[f32]| values.iter().copied().fold(0.0, f32::max);
    let sizes = Network {
        layers: Layer::in_sequence(layers.clone()),
        ..network.clone()
    };
    let values: Vec<_> = inputs
        .iter()
        .map(|input| sizes.prepare().forward(input))
        .collect();
    let mut off = vec![0.0; network.value(0).len()];
    for (i, mut layer) in layers.into_iter().enumerate() {
        layer.bias.fill(0.0);
        layer.activation = Activation::None;
        let one = Network {
            input: network.value(i),
            frame: Frame::default(),
            layers: vec![layer],
            ..network.clone()
        };
        off = one.prepare().values(off).pop().unwrap();
        let range = |i: usize| {
            values
                .iter()
                .map(|values| most(&values[i]))
                .fold(0.0, f32::max)
        };
        // Biases are rounded to a part of the largest sum that there could be anywhere.
        let fan = one.layers[0].operator.biases().max(1);
        let weights = one.layers[0].weights.to_dense();
        let rows = weights.chunks((weights.len() / fan).max(1));
        let sum = rows.map(|row| row.iter().sum::<f32>()).fold(0.0, f32::max);
        let range = range(i + 1).max(sum * range(i));
        let last = i + 1 == network.layers.len();
        // A map may be drained more than once, and copied to the outputs.
        let times = OF_WEIGHTS + if last && hidden == 0 { 0.0 } else { OF_A_MAP };
        off.iter_mut().for_each(|off| *off += range * times);
    }
    most(&off)
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
        let most = bound(network, &probes, image.layers() - 1);
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

/// No map is too large for a configuration that runs maps.
fn takes(config: &Config) -> bool {
    config.maps
}

#[test]
fn small_networks_of_any_shape_are_packed_right_or_refused() {
    let mut packed = 0;
    for seed in 0..600 {
        let network = Draw::new(seed, [5, 7, 5]).network();
        packed += check(&network, seed, takes);
    }
    println!("{packed} images");
    assert!(packed > 5000, "{packed} images");
}

#[test]
fn windows_of_any_size_are_packed_right() {
    for seed in 0..36 {
        let most = [[40, 20, 34], [1, 0, 1], [70, 9, 50]][seed as usize % 3];
        let mut draw = Draw::new(seed, most);
        let mut network = draw.network();
        if most[0] == 1 {
            // One dimension.
            draw.most = [200, 40, 100];
            network = draw.row();
        }
        // A window of a pool is drained by one pass, which must hold it.
        check(&network, seed, |config| {
            takes(config) && config.act_addr_bits > 7
        });
    }
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

/// A fully connected layer behind a map of this side.
fn behind(side: usize) -> Network {
    let shape = |channels| Shape {
        channels,
        height: side,
        width: side,
    };
    let first = conv("first", 0, shape(1), 20, 3);
    let inputs = 20 * side * side;
    let codes = (0..4 * inputs).map(|i| (i * 7 % 11) as u8).collect();
    let last = Layer {
        name: "last".into(),
        inputs: vec![1],
        operator: Operator::Dense { inputs, outputs: 4 },
        weights: Weights::Shared {
            codebook: (1..=10).map(|i| i as f32 / 5.0 - 1.1).collect(),
            codes,
        },
        bias: vec![0.0; 4],
        activation: Activation::None,
        range: None,
    };
    of_layers(shape(1), vec![first, last])
}

#[test]
fn a_fully_connected_layer_reads_a_map_of_any_size() {
    for side in [6, 8, 12, 20] {
        let network = behind(side);
        assert_eq!(
            check(&network, 1, takes),
            CONFIGS.iter().filter(|c| takes(c)).count()
        );
    }
}

#[test]
fn rectangles_of_a_kernel_without_weights_take_no_pass() {
    // Three taps, dilated by 16, on a map of one row.
    let input = Shape {
        channels: 2,
        height: 1,
        width: 60,
    };
    let window = Window {
        kernel: [1, 33],
        stride: [1, 1],
        pads: [0, 32, 0, 0],
    };
    let mut layer = conv("dilated", 0, input, 2, 1);
    layer.operator = Operator::Conv {
        input,
        outputs: 2,
        groups: 1,
        window,
    };
    let weights = (0..4 * 33).map(|i| if i % 33 % 16 == 0 { 0.5 } else { 0.0 });
    layer.weights = Weights::Float(weights.collect());
    layer.activation = Activation::None;
    let network = of_layers(input, vec![layer]);
    check(&network, 1, takes);
    let image = packed(&network, "ulx3s-85f", &probes(&network, 1)).unwrap();
    assert_eq!((image.passes.len(), image.runs.len()), (3, 1));
    assert!(image.passes.iter().all(|pass| pass.segments() == 1));
}
