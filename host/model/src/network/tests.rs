use super::*;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A random fully connected network with these sizes and this share of non-zero weights, of `values`
/// distinct values a layer.
pub(crate) fn random(sizes: &[usize], density: f64, values: usize, seed: u64) -> Network {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let layers = sizes.windows(2).enumerate().map(|(i, pair)| {
        let (inputs, outputs) = (pair[0], pair[1]);
        let gain = (2.0 / (inputs as f32 * density as f32).max(1.0)).sqrt();
        let codebook: Vec<f32> = (0..values)
            .map(|_| gain * rng.random_range(-1.5..1.5))
            .collect();
        let mut code = || {
            if rng.random_bool(density) {
                rng.random_range(1..=values) as u8
            } else {
                0
            }
        };
        let codes = (0..inputs * outputs).map(|_| code()).collect();
        Layer {
            name: format!("fc{}", i + 1),
            inputs: vec![i],
            operator: Operator::Dense { inputs, outputs },
            weights: Weights::Shared { codebook, codes },
            bias: (0..outputs).map(|_| rng.random_range(-0.2..0.2)).collect(),
            activation: if i + 2 == sizes.len() {
                Activation::None
            } else {
                Activation::Relu
            },
            range: None,
        }
    });
    Network {
        name: "random".into(),
        input: Shape {
            channels: 1,
            height: 1,
            width: sizes[0],
        },
        input_scale: 1.0 / 255.0,
        input_mean: vec![],
        frame: Frame::default(),
        head: Head::Logits,
        layers: layers.collect(),
        labels: (0..sizes[sizes.len() - 1]).map(|i| i.to_string()).collect(),
        provenance: BTreeMap::from([("seed".into(), seed.to_string())]),
    }
}

/// The same network with plain float weights.
pub(crate) fn float(network: &Network) -> Network {
    let mut network = network.clone();
    for layer in &mut network.layers {
        layer.weights = Weights::Float(layer.weights.to_dense());
    }
    network
}

#[test]
fn forward_is_as_worked_by_hand() {
    let dense = |name: &str, inputs, outputs, weights, bias, activation| Layer {
        name: name.into(),
        inputs: vec![],
        operator: Operator::Dense { inputs, outputs },
        weights,
        bias,
        activation,
        range: None,
    };
    let shared = Weights::Shared {
        codebook: vec![2.0, -1.0],
        codes: vec![1, 0, 2, 2],
    };
    let network = Network {
        name: "hand".into(),
        input: Shape {
            channels: 1,
            height: 1,
            width: 2,
        },
        input_scale: 0.5,
        input_mean: vec![],
        frame: Frame::default(),
        head: Head::Logits,
        layers: Layer::in_sequence([
            dense("a", 2, 2, shared, vec![1.0, 0.5], Activation::Relu),
            dense(
                "b",
                2,
                1,
                Weights::Float(vec![3.0, 1.0]),
                vec![-1.0],
                Activation::None,
            ),
        ]),
        labels: vec![],
        provenance: BTreeMap::new(),
    };
    network.check().unwrap();
    // a: [2 * 2 + 1, -2 - 3 + 0.5 -> 0], b: 3 * 5 - 1.
    assert_eq!(
        network.prepare().forward(&[4, 6]),
        [vec![2.0, 3.0], vec![5.0, 0.0], vec![14.0]]
    );
    assert_eq!(network.forward(&[4, 6]), [14.0]);
    assert_eq!((network.nonzeros(), network.parameters()), (5, 9));
    assert_eq!(network.layers[0].weights.to_dense(), [2.0, 0.0, -1.0, -1.0]);
}

fn shape(channels: usize, height: usize, width: usize) -> Shape {
    Shape {
        channels,
        height,
        width,
    }
}

/// A network on a map of 4 x 1 x 2 whose layers only move channels.
fn joined() -> Network {
    let layer = |name: &str, inputs: &[usize], operator| Layer {
        name: name.into(),
        inputs: inputs.to_vec(),
        operator,
        weights: Weights::Float(vec![]),
        bias: vec![],
        activation: Activation::None,
        range: None,
    };
    let input = shape(4, 1, 2);
    let inputs = vec![input, input, shape(8, 1, 2)];
    Network {
        input,
        input_scale: 1.0,
        layers: vec![
            layer(
                "pair",
                &[0, 0],
                Operator::Concat {
                    inputs: vec![input; 2],
                },
            ),
            layer(
                "shuffle",
                &[0],
                Operator::Shuffle {
                    shape: input,
                    groups: 2,
                },
            ),
            layer("all", &[2, 0, 1], Operator::Concat { inputs }),
        ],
        labels: vec![],
        ..random(&[8, 2], 0.5, 3, 1)
    }
}

#[test]
fn maps_are_joined_and_channels_shuffled() {
    let network = joined();
    let values = network.prepare().forward(&[1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(values[2], [1.0, 3.0, 2.0, 4.0, 5.0, 7.0, 6.0, 8.0]);
    let first = [
        1.0, 3.0, 2.0, 4.0, 1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0,
    ];
    assert_eq!(values[3][..16], first);
    assert_eq!(network.output(), shape(16, 1, 2));
    let bytes = network.to_safetensors().unwrap();
    assert_eq!(Network::from_safetensors(&bytes).unwrap(), network);

    let says = |change: fn(&mut Network), part: &str| {
        let mut network = joined();
        change(&mut network);
        let text = network.check().unwrap_err().to_string();
        assert!(text.contains(part), "{text}");
    };
    says(
        |n| n.layers[2].inputs = vec![2, 0],
        "number of values read is 2, expected 3",
    );
    says(
        |n| {
            n.layers[0].inputs = vec![];
            n.layers[0].operator = Operator::Concat { inputs: vec![] };
        },
        "number of values read is 0",
    );
    says(
        |n| n.layers[2].inputs = vec![2, 1, 1],
        "input shape is 4 x 1 x 2, expected 8 x 1 x 2",
    );
    says(
        |n| {
            let pool = Operator::MaxPool {
                input: shape(8, 1, 2),
                window: Window::valid([1, 2]),
            };
            n.layers[1].operator = pool;
            n.layers[1].inputs = vec![1];
            let inputs = vec![shape(8, 1, 1), shape(4, 1, 2), shape(8, 1, 2)];
            n.layers[2].operator = Operator::Concat { inputs };
        },
        "height and width of a map that is joined is [1, 2], expected [1, 1]",
    );
    says(
        |n| {
            n.layers[1].operator = Operator::Shuffle {
                shape: shape(4, 1, 2),
                groups: 3,
            }
        },
        "number of groups is 3, expected a divisor of 4",
    );
    says(
        |n| {
            n.layers[1].operator = Operator::Shuffle {
                shape: shape(4, 1, 2),
                groups: 0,
            }
        },
        "number of groups is 0",
    );
}

#[test]
fn unsound_networks_are_refused_by_name() {
    let says = |change: fn(&mut Network), part: &str| {
        let mut network = random(&[5, 4, 3], 0.5, 3, 1);
        change(&mut network);
        let text = network.check().unwrap_err().to_string();
        assert!(text.contains(part), "{text}");
        assert!(network.to_safetensors().is_err());
    };
    says(|n| n.layers.clear(), "number of layers");
    says(|n| n.input.width = 0, "input shape");
    says(|n| n.input.width = usize::MAX, "input shape");
    says(|n| n.input_scale = f32::INFINITY, "input scale");
    says(|n| n.layers[1].name = "fc1".into(), "layer fc1: name");
    says(
        |n| n.input.width = 6,
        "layer fc1: number of inputs is 5, expected 6",
    );
    says(
        |n| {
            n.layers[1].operator = Operator::Dense {
                inputs: 4,
                outputs: 2,
            }
        },
        "number of weights is 12, expected 8",
    );
    says(
        |n| {
            n.layers[1].operator = Operator::Dense {
                inputs: 4,
                outputs: usize::MAX,
            }
        },
        "outputs",
    );
    says(
        |n| n.layers[0].bias.truncate(3),
        "number of biases is 3, expected 4",
    );
    says(|n| n.layers[0].bias[1] = f32::NAN, "weight or bias is NaN");
    says(|n| n.labels.truncate(1), "number of labels is 1");
    says(
        |n| {
            n.layers[0].weights = Weights::Shared {
                codebook: vec![1.0],
                codes: vec![2; 20],
            }
        },
        "highest code is 2, expected at most 1",
    );
}

#[test]
fn a_file_round_trips() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.safetensors");
    let shared = random(&[30, 20, 10], 0.3, 7, 5);
    for network in [float(&shared), shared] {
        network.save(&path).unwrap();
        assert_eq!(Network::load(&path).unwrap(), network);
        assert_eq!(
            network.to_safetensors().unwrap(),
            network.to_safetensors().unwrap()
        );
    }
    let missing = Network::load(&folder.path().join("none"))
        .unwrap_err()
        .to_string();
    assert!(missing.contains("none"), "{missing}");
}

proptest! {
    #[test]
    fn damaged_files_are_read_or_refused(
        seed in 0u64..50,
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = random(&[6, 5, 4], 0.5, 3, seed).to_safetensors().unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(network) = Network::from_safetensors(&bytes) {
            network.check().unwrap();
            network.forward(&vec![1; network.input.len()]);
        }
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(Network::from_safetensors(&bytes).is_err());
    }
}
