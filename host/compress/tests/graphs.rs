//! Whole runs on a graph with a residual sum, a depthwise convolution and a clipped activation: it learns, is compressed
//! and goes on after an interruption with the same bits.

mod common;

use common::{Log, bytes, context};
use std::{collections::BTreeMap, path::Path, sync::LazyLock};
use thresh_compress::{
    Amount, Data, DeepCompression, DeepCompressionOptions, Error, Method, TrainOptions,
    train_network,
};
use thresh_model::{
    Activation, Dataset, Frame, Head, Layer, Network, Operator, Shape, Weights, Window,
};

const SIDE: usize = 6;
const CLASSES: usize = 3;

/// Images of one bright quarter, in two channels; the same for the same seed.
fn set(count: usize, seed: u32) -> Dataset {
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let (mut images, mut labels) = (Vec::new(), Vec::new());
    for index in 0..count {
        let label = index % CLASSES;
        labels.push(label as u8);
        for y in 0..SIDE {
            for x in 0..SIDE {
                let quarter = 2 * (2 * y / SIDE) + 2 * x / SIDE;
                let bright = quarter == label;
                images.extend([0, 1].map(|_| if bright { 96 | random() } else { random() / 3 }));
            }
        }
    }
    Dataset {
        shape: Shape {
            channels: 2,
            height: SIDE,
            width: SIDE,
        },
        images,
        labels,
    }
}

fn data() -> Data {
    let names = ["left", "right", "below"].map(String::from);
    let data = Data::new(set(240, 1), set(60, 2)).unwrap();
    data.with_labels(names.to_vec())
}

/// A convolution; a depthwise one and a 1x1 beside it, added; maps joined and shuffled; a mean; outputs.
fn graph() -> Network {
    let map = |channels| Shape {
        channels,
        height: SIDE,
        width: SIDE,
    };
    let same = Window {
        kernel: [3, 3],
        stride: [1, 1],
        pads: [1; 4],
    };
    let conv = |input, outputs, groups, window| Operator::Conv {
        input: map(input),
        outputs,
        groups,
        window,
    };
    let layers = [
        (conv(2, 6, 1, same), vec![0], Activation::Relu),
        (conv(6, 6, 6, same), vec![1], Activation::Clipped(6.0)),
        (
            conv(6, 6, 1, Window::valid([1, 1])),
            vec![2],
            Activation::None,
        ),
        (
            Operator::Add { shape: map(6) },
            vec![3, 1],
            Activation::Leaky(vec![0.1]),
        ),
        (
            Operator::Concat {
                inputs: vec![map(6), map(2)],
            },
            vec![4, 0],
            Activation::None,
        ),
        (
            Operator::Shuffle {
                shape: map(8),
                groups: 2,
            },
            vec![5],
            Activation::None,
        ),
        (
            conv(8, 8, 2, same),
            vec![6],
            Activation::Leaky(vec![0.2; 8]),
        ),
        (
            Operator::AveragePool {
                input: map(8),
                window: Window {
                    kernel: [3, 3],
                    stride: [3, 3],
                    pads: [0; 4],
                },
                excluded: [0; 4],
            },
            vec![7],
            Activation::None,
        ),
        (
            Operator::Dense {
                inputs: 32,
                outputs: CLASSES,
            },
            vec![8],
            Activation::None,
        ),
    ];
    let layer = |(index, (operator, inputs, activation)): (usize, (Operator, _, _))| Layer {
        name: format!("layer{index}"),
        inputs,
        weights: Weights::Float(vec![0.0; operator.weights().unwrap()]),
        bias: vec![0.0; operator.biases()],
        operator,
        activation,
        range: None,
    };
    Network {
        name: "graph".into(),
        input: map(2),
        input_scale: 1.0 / 128.0,
        input_mean: vec![],
        frame: Frame::default(),
        layers: layers.into_iter().enumerate().map(layer).collect(),
        head: Head::Softmax,
        labels: vec![],
        provenance: BTreeMap::new(),
    }
}

fn run_train(folder: Option<&Path>, log: &mut Log) -> Result<Network, Error> {
    let options = TrainOptions {
        epochs: 4,
        batch: 16,
        rate: 0.02,
        ..TrainOptions::default()
    };
    train_network(&graph(), &options, &data(), &mut context(folder, log))
}

fn trained() -> &'static Network {
    static TRAINED: LazyLock<Network> =
        LazyLock::new(|| run_train(None, &mut Log::new(usize::MAX)).unwrap());
    &TRAINED
}

fn run_compress(folder: Option<&Path>, log: &mut Log) -> Result<Network, Error> {
    let options = DeepCompressionOptions {
        weights: Amount::Percent(30.0),
        prune_epochs: 3,
        prune_rate: 0.01,
        retrain_epochs: 2,
        retrain_rate: 0.01,
        tune_epochs: 1,
        batch: 16,
        ..DeepCompressionOptions::default()
    };
    DeepCompression { options }.run(trained(), &data(), &mut context(folder, log))
}

fn right(network: &Network) -> f64 {
    let data = data();
    let right = data.test().iter().filter(|(image, label)| {
        let outputs = network.forward(image);
        let best = (1..CLASSES).fold(
            0,
            |best, i| if outputs[i] > outputs[best] { i } else { best },
        );
        best == usize::from(*label)
    });
    right.count() as f64 / data.test().len() as f64
}

#[test]
fn a_graph_learns_and_is_compressed() {
    let network = trained();
    assert!(right(network) > 0.9, "{}", right(network));
    let small = run_compress(None, &mut Log::new(usize::MAX)).unwrap();
    let all: usize = network.layers.iter().map(|layer| layer.weights.len()).sum();
    let most = (0.3 * all as f64).round() as usize;
    let left = small.nonzeros();
    assert!(left <= most && left > most / 2, "{left} of {most}");
    assert!(right(&small) > 0.85, "{}", right(&small));
    assert_eq!(small.provenance["accuracy"], right(&small).to_string());
    assert_eq!(small.labels, data().labels());
    assert_eq!(Network::from_safetensors(&bytes(&small)).unwrap(), small);
}

#[test]
fn an_interrupted_run_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    run_train(Some(folder.path()), &mut Log::new(2)).unwrap_err();
    let network = run_train(Some(folder.path()), &mut Log::new(usize::MAX)).unwrap();
    assert!(bytes(&network) == bytes(trained()), "training");
    let whole = bytes(&run_compress(None, &mut Log::new(usize::MAX)).unwrap());
    // Three epochs of pruning, two of retraining, the report of sharing, one epoch of tuning.
    for stop in 1..=7 {
        let folder = tempfile::tempdir().unwrap();
        run_compress(Some(folder.path()), &mut Log::new(stop)).unwrap_err();
        let network = run_compress(Some(folder.path()), &mut Log::new(usize::MAX)).unwrap();
        assert!(bytes(&network) == whole, "stopped after {stop}");
    }
}

#[test]
fn outputs_by_themselves_are_learned_as_such() {
    let mut sigmoid = trained().clone();
    sigmoid.head = Head::Sigmoid;
    let options = DeepCompressionOptions {
        weights: Amount::Percent(60.0),
        prune_epochs: 2,
        prune_rate: 0.01,
        retrain_epochs: 2,
        retrain_rate: 0.01,
        tune_epochs: 1,
        batch: 16,
        ..DeepCompressionOptions::default()
    };
    let mut log = Log::new(usize::MAX);
    let method = DeepCompression { options };
    let small = method.run(&sigmoid, &data(), &mut context(None, &mut log));
    let small = small.unwrap();
    assert!(right(&small) > 0.85, "{}", right(&small));
    let mean = |of_label: bool| {
        let data = data();
        let mut sum = (0.0, 0);
        for (image, label) in data.test().iter() {
            for (at, x) in Head::Sigmoid
                .apply(&small.forward(image))
                .iter()
                .enumerate()
            {
                if (at == usize::from(label)) == of_label {
                    sum = (sum.0 + x, sum.1 + 1);
                }
            }
        }
        sum.0 / sum.1 as f32
    };
    assert!(
        mean(true) > 0.7 && mean(false) < 0.3,
        "{} {}",
        mean(true),
        mean(false)
    );
}

#[test]
fn data_without_test_images_is_refused_until_some_are_held_out() {
    let data = Data::without_test(set(60, 3)).unwrap();
    let run = |data: &Data| {
        let options = TrainOptions {
            epochs: 1,
            ..TrainOptions::default()
        };
        let mut log = Log::new(usize::MAX);
        train_network(&graph(), &options, data, &mut context(None, &mut log))
    };
    let message = run(&data).unwrap_err().to_string();
    assert!(message.contains("got no test images"), "{message}");
    let network = run(&data.hold_out(9).unwrap()).unwrap();
    assert_eq!(network.provenance["held-out"], "9");
    assert_eq!(network.provenance["data"], data.hash());
}
