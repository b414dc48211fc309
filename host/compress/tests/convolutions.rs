//! Whole runs of convolutional networks on a few hundred digits: they learn, give the same bits, and go on after an
//! interruption; what does not fit is refused.

mod common;

use common::{Log, MNIST, bytes, context};
use std::{path::Path, sync::LazyLock};
use thresh_compress::{
    Data, DeepCompression, DeepCompressionOptions, Error, Method, Recipe, TrainOptions, train,
    train_network,
};
use thresh_model::{Activation, Network, Operator, Shape, Weights};

fn data() -> Data {
    MNIST.first(800, 200).unwrap()
}

/// A small LeNet-5 with a stride, padding and a pool whose windows overlap.
fn training() -> TrainOptions {
    let hidden = ["conv6x5s2p2", "pool3s2", "conv8x3p1", "pool2", "24"];
    TrainOptions {
        hidden: hidden.map(|layer| layer.parse().unwrap()).to_vec(),
        epochs: 8,
        batch: 16,
        ..Recipe::LeNet5.training()
    }
}

/// Weights that are to be left in each layer that has some: half of them.
const KEPT: [usize; 4] = [75, 216, 864, 120];

fn compressing() -> DeepCompression {
    DeepCompression {
        options: DeepCompressionOptions {
            densities: vec![0.5; 4],
            codes: vec![40, 30, 20, 10],
            prune_epochs: 2,
            retrain_epochs: 2,
            tune_epochs: 1,
            batch: 16,
            ..Recipe::LeNet5.deep_compression()
        },
    }
}

fn run_train(folder: Option<&Path>, log: &mut Log) -> Result<Network, Error> {
    train(&training(), &data(), &mut context(folder, log))
}

fn trained() -> &'static Network {
    static TRAINED: LazyLock<Network> =
        LazyLock::new(|| run_train(None, &mut Log::new(usize::MAX)).unwrap());
    &TRAINED
}

fn run_compress(folder: Option<&Path>, log: &mut Log) -> Result<Network, Error> {
    compressing().run(trained(), &data(), &mut context(folder, log))
}

fn right(network: &Network, data: &Data) -> f64 {
    let right = data.test().iter().filter(|(image, label)| {
        let outputs = network.forward(image);
        let best = (1..10).fold(
            0,
            |best, i| if outputs[i] > outputs[best] { i } else { best },
        );
        best == usize::from(*label)
    });
    right.count() as f64 / data.test().len() as f64
}

#[test]
fn a_network_learns_and_is_compressed_layer_by_layer() {
    let mut log = Log::new(usize::MAX);
    let network = run_train(None, &mut log).unwrap();
    assert_eq!(network.name, "conv6x5s2p2-pool3s2-conv8x3p1-pool2-24");
    let operators = network.layers.iter().map(|layer| &layer.operator);
    let sizes: Vec<Shape> = operators.map(Operator::output).collect();
    assert_eq!(
        (sizes[0].height, sizes[1].height, sizes[3].height),
        (14, 6, 3)
    );
    let (first, last) = (log.epochs[0], log.epochs[7]);
    assert!(last.loss < 0.6 * first.loss, "{first:?} {last:?}");
    assert!(last.accuracy > 0.7, "{last:?}");
    assert_eq!(
        network.provenance["train.accuracy"],
        right(&network, &data()).to_string()
    );

    let small = run_compress(None, &mut Log::new(usize::MAX)).unwrap();
    assert_eq!(
        small.provenance["accuracy"],
        right(&small, &data()).to_string()
    );
    assert!(right(&small, &data()) > 0.7);
    let weighted = small.layers.iter().filter(|layer| !layer.bias.is_empty());
    for ((layer, kept), codes) in weighted.zip(KEPT).zip(compressing().options.codes) {
        let Weights::Shared { codebook, .. } = &layer.weights else {
            panic!("{} is not shared", layer.name)
        };
        assert!(
            (2..=codes).contains(&codebook.len()),
            "{}: {codebook:?}",
            layer.name
        );
        let left = layer.weights.nonzeros();
        assert!(
            left <= kept && left > kept / 2,
            "{}: {left} of {kept}",
            layer.name
        );
    }
    assert_eq!(Network::from_safetensors(&bytes(&small)).unwrap(), small);
    // Compressing what is compressed works too.
    let again = compressing().run(
        &small,
        &data(),
        &mut context(None, &mut Log::new(usize::MAX)),
    );
    assert!(again.unwrap().nonzeros() <= small.nonzeros());
}

#[test]
fn a_run_gives_the_same_bytes_with_any_number_of_threads() {
    let options = TrainOptions {
        epochs: 1,
        ..Recipe::LeNet5.training()
    };
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let data = MNIST.first(320, 100).unwrap();
            let mut log = Log::new(usize::MAX);
            bytes(&train(&options, &data, &mut context(None, &mut log)).unwrap())
        })
    };
    let one = with(1);
    assert!(one == with(1), "two runs differ");
    assert!(one == with(2), "one and two threads differ");
    assert!(one == with(5), "one and five threads differ");
}

#[test]
fn an_interrupted_run_gives_the_same_bytes() {
    for stop in [1, 7] {
        let folder = tempfile::tempdir().unwrap();
        run_train(Some(folder.path()), &mut Log::new(stop)).unwrap_err();
        let mut log = Log::new(usize::MAX);
        let network = run_train(Some(folder.path()), &mut log).unwrap();
        assert_eq!(log.stages[0].resumed, stop);
        assert!(bytes(&network) == bytes(trained()), "stopped after {stop}");
    }
    let whole = bytes(&run_compress(None, &mut Log::new(usize::MAX)).unwrap());
    // Two epochs of pruning, two of retraining, the report of sharing, one epoch of tuning.
    for stop in 1..=6 {
        let folder = tempfile::tempdir().unwrap();
        run_compress(Some(folder.path()), &mut Log::new(stop)).unwrap_err();
        let network = run_compress(Some(folder.path()), &mut Log::new(usize::MAX)).unwrap();
        assert!(bytes(&network) == whole, "stopped after {stop}");
    }
}

#[test]
fn the_layers_of_a_network_are_trained_whatever_its_weights() {
    let mut log = Log::new(usize::MAX);
    let again = train_network(
        trained(),
        &training(),
        &data(),
        &mut context(None, &mut log),
    );
    assert!(bytes(&again.unwrap()) == bytes(trained()));

    // The layers are part of what a checkpoint belongs to.
    let folder = tempfile::tempdir().unwrap();
    let mut run = |network: &Network| {
        let context = &mut context(Some(folder.path()), &mut log);
        train_network(network, &training(), &data(), context)
    };
    run(trained()).unwrap();
    let mut other = trained().clone();
    other.layers[0].activation = Activation::None;
    let message = run(&other).unwrap_err().to_string();
    assert!(message.contains("made with layers = "), "{message}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |network: &Network, data: &Data, texts: &[&str]| {
        let mut log = Log::new(usize::MAX);
        let trained = train_network(network, &training(), data, &mut context(None, &mut log));
        let compressed = compressing().run(network, data, &mut context(None, &mut log));
        for error in [trained.unwrap_err(), compressed.unwrap_err()] {
            let message = error.to_string();
            for text in texts {
                assert!(message.contains(text), "{message}");
            }
        }
    };
    let mut fewer = trained().clone();
    fewer.layers.pop();
    fewer.layers[4].activation = Activation::None;
    fewer.layers[4].operator = Operator::Dense {
        inputs: 72,
        outputs: 9,
    };
    fewer.layers[4].weights = Weights::Float(vec![0.0; 72 * 9]);
    fewer.layers[4].bias = vec![0.0; 9];
    fewer.labels.clear();
    refused(
        &fewer,
        &data(),
        &["to 9 classes", "10 classes; choose other data"],
    );

    let mut wide = data().train().clone();
    wide.shape = Shape {
        height: 14,
        width: 56,
        ..wide.shape
    };
    let wide = Data::new(wide.clone(), wide).unwrap();
    refused(
        trained(),
        &wide,
        &[
            "takes images of 28 x 28 x 1",
            "the data has images of 56 x 14 x 1",
        ],
    );
}
