//! The tensors against the float forward pass of `thresh-model`, which shares no code with them.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use thresh_model::{Activation, Frame, Head, Layer, Network, Operator, Shape, Weights, Window};

use super::*;
use crate::random::{Purpose, generator};

const CLASSES: usize = 3;

/// A window with a place on a map of `shape`; pools meet the map everywhere.
fn window(shape: Shape, random: &mut ChaCha8Rng) -> Window {
    let mut side = |size: usize| {
        let kernel = random.random_range(1..=size.min(3));
        let pad = |random: &mut ChaCha8Rng| random.random_range(0..kernel);
        let pads = [pad(random), pad(random)];
        (kernel, random.random_range(1..=2), pads)
    };
    let (rows, columns) = (side(shape.height), side(shape.width));
    Window {
        kernel: [rows.0, columns.0],
        stride: [rows.1, columns.1],
        pads: [rows.2[0], columns.2[0], rows.2[1], columns.2[1]],
    }
}

/// Convolutions and pools in random order with random windows and groups, two fully connected layers, and now and then
/// a frame around the image.
pub(crate) fn random_network(seed: u64) -> Network {
    let mut random = generator(seed, Purpose::Start, 0);
    let random = &mut random;
    let input = Shape {
        channels: random.random_range(1..=3),
        height: random.random_range(4..=7),
        width: random.random_range(4..=7),
    };
    let frame = Frame {
        pads: [1, 0, 2, 1].map(|pad| if seed.is_multiple_of(4) { pad } else { 0 }),
        marked: seed.is_multiple_of(8),
    };
    let mut shape = frame.around(input);
    let mut operators = Vec::new();
    for _ in 0..random.random_range(1..=4) {
        let window = window(shape, random);
        let operator = match random.random_range(0..4) {
            0 => Operator::MaxPool {
                input: shape,
                window,
            },
            1 => Operator::AveragePool {
                input: shape,
                window,
            },
            _ => {
                let divisors = (1..=shape.channels).filter(|n| shape.channels.is_multiple_of(*n));
                let divisors: Vec<usize> = divisors.collect();
                let groups = divisors[random.random_range(0..divisors.len())];
                Operator::Conv {
                    input: shape,
                    outputs: groups * random.random_range(1..=3),
                    groups,
                    window,
                }
            }
        };
        shape = operator.output();
        operators.push(operator);
    }
    let inputs = shape.len();
    operators.push(Operator::Dense { inputs, outputs: 5 });
    operators.push(Operator::Dense {
        inputs: 5,
        outputs: CLASSES,
    });
    let last = operators.len() - 1;
    let layer = |(index, operator): (usize, Operator)| {
        let weights = operator.weights().unwrap();
        let fan_in = (weights / operator.biases().max(1)) as f32;
        let reach = (3.0 / fan_in.max(1.0)).sqrt();
        Layer {
            name: format!("layer{index}"),
            inputs: vec![index],
            weights: Weights::Float(
                (0..weights)
                    .map(|_| random.random_range(-reach..reach))
                    .collect(),
            ),
            bias: (0..operator.biases())
                .map(|_| random.random_range(-0.3..0.3))
                .collect(),
            operator,
            activation: if index < last && random.random_bool(0.6) {
                Activation::Relu
            } else {
                Activation::None
            },
        }
    };
    let network = Network {
        name: format!("random-{seed}"),
        input,
        input_scale: 1.0 / 128.0,
        frame,
        layers: operators.into_iter().enumerate().map(layer).collect(),
        head: Head::Logits,
        labels: vec![],
        provenance: BTreeMap::new(),
    };
    network.check().unwrap();
    network
}

fn images(network: &Network, count: usize) -> Vec<Vec<u8>> {
    let mut random = generator(9, Purpose::Train, 0);
    let mut image = || (0..network.input.len()).map(|_| random.random()).collect();
    (0..count).map(|_| image()).collect()
}

fn batch(net: &Net, images: &[Vec<u8>]) -> Batch {
    let mut values = Vec::new();
    images.iter().for_each(|image| net.read(image, &mut values));
    Batch {
        inputs: matrix(&values, images.len(), net.inputs()),
        labels: (0..images.len()).map(|index| index % CLASSES).collect(),
    }
}

#[test]
fn the_forward_pass_is_that_of_the_network() {
    for seed in 0..200 {
        let network = random_network(seed);
        let net = Net::new(&network).unwrap();
        let images = images(&network, 3);
        let found = net.forward(&layers_of(&network), batch(&net, &images).inputs);
        let expected: Vec<f32> = images
            .iter()
            .flat_map(|image| network.forward(image))
            .collect();
        for (found, expected) in values(&found).iter().zip(&expected) {
            assert!(
                (found - expected).abs() < 1e-4,
                "{found} {expected}: {network:?}"
            );
        }
    }
}

#[test]
fn weights_go_in_and_come_back() {
    for seed in 0..20 {
        let network = random_network(seed);
        let mut copy = network.clone();
        put_layers(&mut copy, &layers_of(&network));
        assert_eq!(copy, network);
    }
}

/// Mean loss over a batch, in double precision behind the network's own forward pass.
fn loss(network: &Network, images: &[Vec<u8>]) -> f64 {
    let prepared = network.prepare();
    let losses = images.iter().enumerate().map(|(index, image)| {
        let logits: Vec<f64> = prepared.logits(image).into_iter().map(f64::from).collect();
        let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
        sum.ln() - logits[index % CLASSES]
    });
    losses.sum::<f64>() / images.len() as f64
}

/// The slope of the loss along one weight or bias; `None` where it is not smooth.
fn slope(network: &Network, images: &[Vec<u8>], change: impl Fn(&mut Network, f32)) -> Option<f64> {
    let step = 4e-3;
    let at = |by: f32| {
        let mut moved = network.clone();
        change(&mut moved, by);
        loss(&moved, images)
    };
    let (below, here, above) = (at(-step), at(0.0), at(step));
    let [left, right] = [here - below, above - here].map(|by| by / f64::from(step));
    ((left - right).abs() < 0.02).then_some(0.5 * (left + right))
}

#[test]
fn gradients_are_the_slopes_of_the_loss() {
    let (mut checked, mut kinks) = (0, 0);
    for seed in 0..60 {
        let network = random_network(seed);
        let net = Net::new(&network).unwrap();
        let images = images(&network, 3);
        let (mean, gradients) = net.gradients(&layers_of(&network), &batch(&net, &images));
        assert!(
            (f64::from(mean) - loss(&network, &images)).abs() < 1e-4,
            "{network:?}"
        );
        let weighted = network
            .layers
            .iter()
            .enumerate()
            .filter(|(_, l)| !l.bias.is_empty());
        for ((index, layer), gradient) in weighted.zip(&gradients) {
            let biases = values(&gradient.bias)
                .into_iter()
                .map(|g| (g, None))
                .enumerate();
            let rows = gradient.to_rows().into_iter();
            let some = 1 + layer.weights.len() / 12;
            let weights = rows
                .enumerate()
                .step_by(some)
                .map(|(at, g)| (at, (g, Some(()))));
            for (at, (found, weight)) in biases.chain(weights) {
                let change = |network: &mut Network, by: f32| match &mut network.layers[index] {
                    Layer {
                        weights: Weights::Float(weights),
                        ..
                    } if weight.is_some() => weights[at] += by,
                    layer => layer.bias[at] += by,
                };
                match slope(&network, &images, change) {
                    None => kinks += 1,
                    Some(slope) => {
                        checked += 1;
                        assert!(
                            (slope - f64::from(found)).abs() < 0.012,
                            "{slope} {found}: layer {index}, {at} of {network:?}"
                        );
                    }
                }
            }
        }
    }
    assert!(
        checked > 1000 && kinks < checked / 5,
        "{checked} smooth, {kinks} not"
    );
}

#[test]
fn what_cannot_be_trained_is_named() {
    let base = crate::hidden::network(
        "base",
        Shape {
            channels: 1,
            height: 4,
            width: 4,
        },
        1.0,
        &["conv2x3p1", "pool2", "4"].map(|text| text.parse().unwrap()),
        3,
    )
    .unwrap();
    Net::new(&base).unwrap();
    let refused = |change: fn(&mut Network), texts: &[&str]| {
        let mut network = base.clone();
        change(&mut network);
        let message = Net::new(&network).unwrap_err().to_string();
        for text in texts {
            assert!(message.contains(text), "{message}");
        }
    };
    let works = "fully connected layers, convolutions and pools";
    refused(
        |n| n.layers[0].activation = Activation::Clipped(6.0),
        &["\"base\"", "\"conv1\" has a clipped activation", works],
    );
    refused(
        |n| n.layers[2].activation = Activation::Leaky(vec![0.1]),
        &["\"fc1\" has a leaky activation", works],
    );
    refused(
        |n| n.layers[3].activation = Activation::Relu,
        &["\"fc2\" is the last and has a ReLU"],
    );
    refused(
        |n| {
            let shape = n.layers[0].operator.output();
            n.layers[1].operator = Operator::Add { shape };
            n.layers[1].inputs = vec![1, 1];
            n.layers[2] = Layer {
                operator: Operator::Dense {
                    inputs: shape.len(),
                    outputs: 4,
                },
                weights: Weights::Float(vec![0.0; shape.len() * 4]),
                ..n.layers[2].clone()
            };
        },
        &["\"pool1\" is a sum of two maps", works],
    );
    refused(
        |n| {
            let shape = n.layers[0].operator.output();
            n.layers[1].operator = Operator::Shuffle { shape, groups: 1 };
            n.layers[2] = Layer {
                operator: Operator::Dense {
                    inputs: shape.len(),
                    outputs: 4,
                },
                weights: Weights::Float(vec![0.0; shape.len() * 4]),
                ..n.layers[2].clone()
            };
        },
        &["\"pool1\" shuffles channels", works],
    );
    refused(
        |n| {
            n.layers[2] = Layer {
                operator: Operator::Dense {
                    inputs: 16,
                    outputs: 4,
                },
                weights: Weights::Float(vec![0.0; 64]),
                inputs: vec![0],
                ..n.layers[2].clone()
            };
        },
        &["\"fc1\" does not read the layer before it", works],
    );
    refused(
        |n| {
            n.layers.drain(2..);
            n.layers.remove(0);
            let input = n.input;
            n.layers[0].inputs = vec![0];
            n.layers[0].operator = Operator::MaxPool {
                input,
                window: Window::valid([2, 2]),
            };
            n.labels.clear();
        },
        &["no layer has weights", works],
    );
}
