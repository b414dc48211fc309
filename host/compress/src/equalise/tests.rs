//! Tests of channels of one range.

use super::*;
use crate::post_training::{PostTraining, compress_with};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use thresh_model::{
    Activation, Frame, Head, Layer, PackOptions, Reference, Shape, Window, pack::pack, random,
};
use thresh_regs::Config;

const INPUT: Shape = Shape {
    channels: 2,
    height: 6,
    width: 6,
};

fn network(layers: Vec<Layer>) -> Network {
    Network {
        name: "test".into(),
        input: INPUT,
        input_scale: 1.0 / 255.0,
        input_mean: vec![],
        frame: Frame::default(),
        layers,
        head: Head::Logits,
        labels: vec![],
        provenance: BTreeMap::new(),
    }
}

/// A layer with normal weights of a size that keeps values in theirs.
fn layer(
    name: &str,
    inputs: Vec<usize>,
    operator: Operator,
    activation: Activation,
    seed: u64,
) -> Layer {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let count = operator.weights().unwrap();
    let outputs = operator.biases();
    let size = (3.0 * outputs as f32 / count.max(1) as f32).sqrt();
    Layer {
        name: name.into(),
        inputs,
        weights: Weights::Float(
            (0..count)
                .map(|_| size * rng.random_range(-1.0f32..1.0))
                .collect(),
        ),
        bias: (0..outputs)
            .map(|_| rng.random_range(-0.1f32..0.1))
            .collect(),
        operator,
        activation,
        range: None,
    }
}

fn conv(input: Shape, outputs: usize, groups: usize, kernel: usize) -> Operator {
    let pad = kernel / 2;
    Operator::Conv {
        input,
        outputs,
        groups,
        window: Window {
            pads: [pad; 4],
            ..Window::valid([kernel, kernel])
        },
    }
}

fn map(channels: usize) -> Shape {
    Shape { channels, ..INPUT }
}

fn dense(input: Shape, outputs: usize) -> Operator {
    Operator::Dense {
        inputs: input.len(),
        outputs,
    }
}

/// Channels of layer `index` multiplied by factors from 1 to `factor`, and divided in the layer behind it.
fn spread(network: &mut Network, index: usize, factor: f32) {
    let channels = network.layers[index].operator.output().channels;
    let scales: Vec<f32> = (0..channels)
        .map(|c| factor.powf(-(c as f32) / (channels - 1) as f32).recip())
        .collect();
    let inverse: Vec<f32> = scales.iter().map(|scale| scale.recip()).collect();
    divide(network, index + 1, &inverse);
}

/// Two layers with ReLU between.
fn two(factor: f32) -> Network {
    let mut two = network(vec![
        layer("one", vec![0], conv(INPUT, 32, 1, 3), Activation::Relu, 1),
        layer("two", vec![1], dense(map(32), 10), Activation::None, 2),
    ]);
    spread(&mut two, 0, factor);
    two
}

/// The root mean square error of a network at 8 bits as a share of the range of its outputs.
fn error(network: &Network, equal: bool, measured: bool) -> f64 {
    let inputs = random::inputs(network.input, 32, 5);
    let images: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    let mut changed = network.clone();
    let mut statistics = Statistics::measured(network, if measured { &images } else { &[] });
    if equal {
        equalise(&mut changed, &mut statistics);
    }
    let options = PostTraining {
        bits: Some(8),
        ..PostTraining::default()
    };
    let small = compress_with(&changed, &options, &statistics).unwrap();
    let config = Config::named("ulx3s-85f").unwrap();
    let image = pack(&small, config, &images, &PackOptions::default()).unwrap();
    let reference = Reference::new(&image).unwrap();
    let (mut sum, mut count, mut range) = (0.0, 0, [f64::MAX, f64::MIN]);
    for input in random::inputs(network.input, 32, 6) {
        let wanted = network.forward(&input);
        for (got, wanted) in reference.run(&input).unwrap().logits.iter().zip(wanted) {
            let (got, wanted) = (
                f64::from(*got) * f64::from(image.logit_scale),
                f64::from(wanted),
            );
            sum += (got - wanted).powi(2);
            count += 1;
            range = [range[0].min(wanted), range[1].max(wanted)];
        }
    }
    (sum / f64::from(count)).sqrt() / (range[1] - range[0])
}

#[test]
fn the_error_does_not_depend_on_the_ranges_of_channels() {
    for measured in [true, false] {
        let plain = error(&two(1.0), true, measured);
        assert!(plain < 0.01, "{plain}");
        for factor in [10.0, 100.0, 1000.0] {
            let (before, after) = (
                error(&two(factor), false, measured),
                error(&two(factor), true, measured),
            );
            println!(
                "factor {factor}: error {before:.4} without, {after:.4} with, {plain:.4} at factor 1"
            );
            assert!(after <= 1.5 * plain, "factor {factor}: {after} of {plain}");
            assert!(
                factor < 100.0 || before > 3.0 * plain,
                "factor {factor}: {before} of {plain}"
            );
        }
    }
}

/// Every way that factors take: leaky ReLU, depthwise, pools, sums, maps joined, shuffled and chosen.
fn ways() -> Network {
    let window = Window {
        kernel: [2, 2],
        stride: [2, 2],
        pads: [0; 4],
    };
    let small = |channels| Shape {
        channels,
        height: 3,
        width: 3,
    };
    let leaky = Activation::Leaky(vec![0.1]);
    let slopes = Activation::Leaky((0..8).map(|c| c as f32 / 8.0).collect());
    let plain = |name: &str, inputs: Vec<usize>, operator: Operator| {
        layer(name, inputs, operator, Activation::None, 0)
    };
    network(vec![
        layer("conv", vec![0], conv(INPUT, 8, 1, 3), Activation::Relu, 1),
        layer("depthwise", vec![1], conv(map(8), 8, 8, 3), slopes, 2),
        layer(
            "beside",
            vec![1],
            conv(map(8), 8, 1, 1),
            Activation::None,
            3,
        ),
        Layer {
            activation: Activation::Relu,
            ..plain("sum", vec![2, 3], Operator::Add { shape: map(8) })
        },
        plain(
            "largest",
            vec![4],
            Operator::MaxPool {
                input: map(8),
                window,
            },
        ),
        plain(
            "mean",
            vec![2],
            Operator::AveragePool {
                input: map(8),
                window,
                excluded: [0; 4],
            },
        ),
        plain(
            "joined",
            vec![5, 6],
            Operator::Concat {
                inputs: vec![small(8), small(8)],
            },
        ),
        plain(
            "shuffled",
            vec![7],
            Operator::Shuffle {
                shape: small(16),
                groups: 2,
            },
        ),
        plain(
            "chosen",
            vec![8],
            Operator::Select {
                input: small(16),
                channels: vec![3, 15, 0, 3, 7],
            },
        ),
        layer("last conv", vec![9], conv(small(5), 6, 1, 3), leaky, 4),
        layer("outputs", vec![10], dense(small(6), 4), Activation::None, 5),
    ])
}

fn assert_same(a: &Network, b: &Network) {
    for input in random::inputs(a.input, 4, 9) {
        let (a, b) = (a.forward(&input), b.forward(&input));
        let size = a.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        for (a, b) in a.iter().zip(&b) {
            assert!((a - b).abs() <= 2e-5 * size, "{a} {b}");
        }
    }
}

/// The largest activation of a layer over that of its smallest channel that is not silent.
fn imbalance(network: &Network, value: usize) -> f32 {
    let inputs = random::inputs(network.input, 16, 3);
    let images: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    let statistics = Statistics::measured(network, &images);
    let most = statistics.most(value);
    let least = most
        .iter()
        .copied()
        .filter(|m| *m > 0.0)
        .fold(f32::MAX, f32::min);
    most.iter().copied().fold(0.0, f32::max) / least
}

#[test]
fn factors_pass_through_every_operator_that_lets_them() {
    let mut uneven = ways();
    for index in [0, 1, 9] {
        spread(&mut uneven, index, 200.0);
    }
    // The sum takes both terms alike, so that its own factors go into both.
    let even = imbalance(&ways(), 10);
    let before = imbalance(&uneven, 10);
    let mut changed = uneven.clone();
    let mut statistics = Statistics::estimated(&uneven);
    let least = equalise(&mut changed, &mut statistics);
    assert!(least < 0.02, "{least}");
    assert_same(&uneven, &changed);
    changed.check().unwrap();
    let after = imbalance(&changed, 10);
    assert!(
        before > 50.0 && after < 4.0 * even.min(10.0),
        "{before} {after} {even}"
    );
    // A second time there is nothing to do.
    let again = equalise(&mut changed.clone(), &mut statistics);
    assert!(again > 0.99, "{again}");
}

#[test]
fn what_cannot_be_scaled_stays() {
    let mut fixed = ways();
    spread(&mut fixed, 0, 100.0);
    let unlike = |change: &dyn Fn(&mut Network)| {
        let mut network = fixed.clone();
        change(&mut network);
        let mut changed = network.clone();
        equalise(&mut changed, &mut Statistics::estimated(&network));
        assert_same(&network, &changed);
        (0..network.layers.len())
            .filter(|&l| network.layers[l].weights != changed.layers[l].weights)
            .collect::<Vec<_>>()
    };
    assert_eq!(unlike(&|_| ()), [0, 1, 2, 9, 10]);
    // A limit, a quantiser's range: what the layer makes stays, and its weights with it, since the image stays too.
    assert_eq!(
        unlike(&|n| n.layers[0].activation = Activation::Clipped(1.0)),
        [1, 2, 9, 10]
    );
    assert_eq!(
        unlike(&|n| n.layers[0].range = Some([0.0, 1.0])),
        [1, 2, 9, 10]
    );
    // A codebook, or few values: neither what the layer reads nor what it makes.
    let few = |n: &mut Network| {
        let weights = n.layers[9].weights.to_dense();
        n.layers[9].weights =
            Weights::Float(weights.iter().map(|w| (8.0 * w).round() / 8.0).collect());
    };
    assert_eq!(unlike(&few), [0, 1, 2]);
    let shared = |n: &mut Network| {
        let codes = (0..n.layers[10].weights.len())
            .map(|i| i as u8 % 3)
            .collect();
        n.layers[10].weights = Weights::Shared {
            codebook: vec![0.5, -0.25],
            codes,
        };
    };
    assert_eq!(unlike(&shared), [0, 1, 2, 9]);
}

#[test]
fn silent_channels_are_no_trouble() {
    let mut silent = two(10.0);
    let Weights::Float(weights) = &mut silent.layers[0].weights else {
        panic!("floats")
    };
    weights[..18].fill(0.0);
    weights[18..36].fill(1e-30);
    silent.layers[0].bias[0] = 0.0;
    silent.layers[0].bias[1] = -5.0;
    let mut changed = silent.clone();
    let inputs = random::inputs(silent.input, 8, 3);
    let images: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    equalise(&mut changed, &mut Statistics::measured(&silent, &images));
    changed.check().unwrap();
    assert_same(&silent, &changed);
    let all: Network = {
        let mut all = silent.clone();
        all.layers.iter_mut().for_each(|l| {
            l.weights = Weights::Float(vec![0.0; l.weights.len()]);
            l.bias.fill(0.0);
        });
        all
    };
    let mut changed = all.clone();
    assert_eq!(
        equalise(&mut changed, &mut Statistics::estimated(&all)),
        1.0
    );
    assert_eq!(all, changed);
}

#[test]
fn random_graphs_compute_what_they_did() {
    for seed in 0..60 {
        let mut network = random::network(seed);
        for layer in network.layers.iter_mut() {
            // As it comes from elsewhere, without codebooks.
            if !matches!(layer.weights, Weights::Hashed(_)) && seed % 3 > 0 {
                layer.weights = Weights::Float(layer.weights.to_dense());
            }
        }
        let mut changed = network.clone();
        equalise(&mut changed, &mut Statistics::estimated(&network));
        changed
            .check()
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        for input in random::inputs(network.input, 2, seed) {
            let (before, after) = (network.forward(&input), changed.forward(&input));
            let size = before.iter().fold(1e-20f32, |most, x| most.max(x.abs()));
            for (a, b) in before.iter().zip(&after) {
                assert!((a - b).abs() <= 1e-3 * size, "seed {seed}: {a} {b}");
            }
        }
    }
}
