//! Whole runs on small slices of MNIST: they learn, give the same bits, and go on after an interruption.

mod common;

use common::{Log, MNIST, bytes, context};
use std::{fs, path::Path, sync::LazyLock};
use thresh_compress::{
    Data, DeepCompression, DeepCompressionOptions, Error, Hidden, History, Method, TrainOptions,
    train,
};
use thresh_model::{Network, Weights};

fn data() -> Data {
    MNIST.first(1000, 300).unwrap()
}

fn training() -> TrainOptions {
    TrainOptions {
        hidden: vec![Hidden::Dense(40), Hidden::Dense(20)],
        epochs: 4,
        batch: 32,
        rate: 0.02,
        ..TrainOptions::default()
    }
}

fn compressing() -> DeepCompression {
    let options = DeepCompressionOptions {
        weights: 900.into(),
        codes: vec![16],
        prune_epochs: 3,
        prune_rate: 0.02,
        retrain_epochs: 2,
        retrain_rate: 0.02,
        tune_epochs: 2,
        batch: 32,
        ..DeepCompressionOptions::default()
    };
    DeepCompression { options }
}

fn run_train(
    options: &TrainOptions,
    folder: Option<&Path>,
    log: &mut Log,
) -> Result<Network, Error> {
    train(options, &data(), &mut context(folder, log))
}

fn trained() -> &'static Network {
    static TRAINED: LazyLock<Network> =
        LazyLock::new(|| run_train(&training(), None, &mut Log::new(usize::MAX)).unwrap());
    &TRAINED
}

fn run_compress(
    method: &DeepCompression,
    folder: Option<&Path>,
    log: &mut Log,
) -> Result<Network, Error> {
    method.run(trained(), &data(), &mut context(folder, log))
}

#[test]
fn training_learns() {
    let mut log = Log::new(usize::MAX);
    let network = run_train(&training(), None, &mut log).unwrap();
    let (first, last) = (log.epochs[0], log.epochs[3]);
    assert_eq!(log.epochs.len(), 4);
    assert!(last.loss < 0.6 * first.loss, "{first:?} {last:?}");
    assert!(last.accuracy > 0.75, "{last:?}");
    assert_eq!(network.name, "lenet-40-20");
    assert_eq!(network.provenance["command"], "thresh test");
    assert_eq!(
        network.provenance["train.accuracy"],
        last.accuracy.to_string()
    );
}

#[test]
fn the_reported_accuracy_is_that_of_the_network() {
    let compressed = run_compress(&compressing(), None, &mut Log::new(usize::MAX)).unwrap();
    for (network, key) in [(trained(), "train.accuracy"), (&compressed, "accuracy")] {
        let data = data();
        let right = data.test().iter().filter(|(image, label)| {
            let outputs = network.forward(image);
            let best = (1..10).fold(
                0,
                |best, i| if outputs[i] > outputs[best] { i } else { best },
            );
            best == usize::from(*label)
        });
        let accuracy = right.count() as f64 / data.test().len() as f64;
        assert_eq!(network.provenance[key], accuracy.to_string());
    }
}

#[test]
fn a_compressed_network_is_sparse_shared_and_still_right() {
    let mut log = Log::new(usize::MAX);
    let network = run_compress(&compressing(), None, &mut log).unwrap();
    network.check().unwrap();
    assert!(network.nonzeros() <= 900, "{}", network.nonzeros());
    assert!(network.nonzeros() > 700, "{}", network.nonzeros());
    for layer in &network.layers {
        let Weights::Shared { codebook, .. } = &layer.weights else {
            panic!("{} is not shared", layer.name)
        };
        assert!((2..=16).contains(&codebook.len()), "{codebook:?}");
    }
    let stages: Vec<_> = log.stages.iter().map(|stage| stage.stage).collect();
    assert_eq!(stages, ["prune", "retrain", "share", "fine-tune"]);
    let accuracy: f64 = network.provenance["accuracy"].parse().unwrap();
    assert!(accuracy > 0.7, "{accuracy}");
    let weights: Vec<_> = log.epochs.iter().map(|epoch| epoch.weights).collect();
    assert!(weights.is_sorted_by(|a, b| a >= b), "{weights:?}");
    // Compressing what is compressed works too.
    let again = compressing().run(
        &network,
        &data(),
        &mut context(None, &mut Log::new(usize::MAX)),
    );
    assert!(again.unwrap().nonzeros() <= network.nonzeros());
}

#[test]
fn a_run_gives_the_same_bytes_with_any_number_of_threads() {
    // Large enough that burn spreads the products over threads.
    let options = TrainOptions {
        hidden: vec![Hidden::Dense(300), Hidden::Dense(100)],
        epochs: 1,
        batch: 128,
        ..training()
    };
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let network = run_train(&options, None, &mut Log::new(usize::MAX)).unwrap();
            let compressed = run_compress(&compressing(), None, &mut Log::new(usize::MAX)).unwrap();
            (bytes(&network), bytes(&compressed))
        })
    };
    let one = with(1);
    assert!(one == with(1), "two runs differ");
    assert!(one == with(2), "one and two threads differ");
    assert!(one == with(5), "one and five threads differ");
    let other = TrainOptions {
        seed: 2,
        ..options.clone()
    };
    assert!(bytes(&run_train(&other, None, &mut Log::new(usize::MAX)).unwrap()) != one.0);
}

#[test]
fn an_interrupted_training_gives_the_same_bytes() {
    for stop in 1..=4 {
        let folder = tempfile::tempdir().unwrap();
        let stopped = run_train(&training(), Some(folder.path()), &mut Log::new(stop)).unwrap_err();
        assert!(matches!(stopped, Error::Stopped { stage: "train", epochs } if epochs == stop));
        let mut log = Log::new(usize::MAX);
        let network = run_train(&training(), Some(folder.path()), &mut log).unwrap();
        assert_eq!(log.stages[0].resumed, stop);
        assert_eq!(log.epochs.len(), 4 - stop);
        assert!(bytes(&network) == bytes(trained()), "stopped after {stop}");
    }
}

#[test]
fn an_interrupted_compression_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let whole = run_compress(
        &compressing(),
        Some(folder.path()),
        &mut Log::new(usize::MAX),
    );
    let whole = bytes(&whole.unwrap());
    let history = History::read(folder.path()).unwrap();
    let epochs = ["prune", "retrain", "share", "fine-tune"].map(|s| history.epochs(s).len());
    assert_eq!(epochs, [3, 2, 1, 2]);
    let unshared = history.unshared.iter();
    assert_eq!(
        unshared.flat_map(|layer| &layer.counts).sum::<usize>(),
        history.epochs("retrain")[1].weights
    );
    // Three epochs of pruning, two of retraining, the report of sharing, two epochs of tuning.
    for stop in 1..=8 {
        let folder = tempfile::tempdir().unwrap();
        run_compress(&compressing(), Some(folder.path()), &mut Log::new(stop)).unwrap_err();
        let mut log = Log::new(usize::MAX);
        let network = run_compress(&compressing(), Some(folder.path()), &mut log).unwrap();
        assert_eq!(log.stages[0].resumed, stop.min(3));
        assert!(bytes(&network) == whole, "stopped after {stop}");
        assert_eq!(History::read(folder.path()).unwrap(), history);
    }
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    run_train(&training(), Some(folder.path()), &mut Log::new(1)).unwrap_err();
    let other = TrainOptions {
        rate: 0.01,
        ..training()
    };
    let error = run_train(&other, Some(folder.path()), &mut Log::new(1)).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("rate = \"0.02\", this run has \"0.01\""),
        "{message}"
    );

    let fewer = MNIST.first(500, 300).unwrap();
    let error = train(
        &training(),
        &fewer,
        &mut context(Some(folder.path()), &mut Log::new(1)),
    );
    let message = error.unwrap_err().to_string();
    assert!(message.contains("made with data = "), "{message}");
}

#[test]
fn a_damaged_checkpoint_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    run_train(&training(), Some(folder.path()), &mut Log::new(1)).unwrap_err();
    let path = folder.path().join("train.checkpoint");
    let sound = fs::read(&path).unwrap();
    let middle = sound.len() / 2;
    let mut flipped = sound.clone();
    flipped[middle] ^= 1;
    for (bytes, reason) in [
        (flipped.as_slice(), "changed"),
        (&sound[..middle], "changed"),
        (&sound[..20], "no checkpoint"),
        (&[][..], "no checkpoint"),
    ] {
        fs::write(&path, bytes).unwrap();
        let error = run_train(&training(), Some(folder.path()), &mut Log::new(1)).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
    // The start of a checkpoint that was being written when the power failed does no harm.
    fs::write(&path, &sound).unwrap();
    fs::write(path.with_extension("new"), &sound[..middle]).unwrap();
    let network = run_train(&training(), Some(folder.path()), &mut Log::new(usize::MAX)).unwrap();
    assert!(bytes(&network) == bytes(trained()));
}

#[test]
fn impossible_options_are_refused() {
    let refused = |change: &dyn Fn(&mut TrainOptions), what: &str| {
        let mut options = training();
        change(&mut options);
        let message = run_train(&options, None, &mut Log::new(1))
            .unwrap_err()
            .to_string();
        assert!(message.contains(what), "{message}");
    };
    refused(&|o| o.batch = 0, "batch");
    refused(&|o| o.momentum = 1.0, "momentum");
    refused(
        &|o| o.hidden = vec![Hidden::Dense(3), Hidden::Dense(0)],
        "hidden",
    );
    refused(&|o| o.white = 0.0, "white");
    refused(&|o| o.rate = 1e30, "lower the rate");

    let refused = |change: &dyn Fn(&mut DeepCompressionOptions), what: &str| {
        let mut method = compressing();
        change(&mut method.options);
        let message = run_compress(&method, None, &mut Log::new(1))
            .unwrap_err()
            .to_string();
        assert!(message.contains(what), "{message}");
    };
    refused(&|o| o.codes = vec![256], "codes");
    refused(
        &|o| o.codes = vec![16, 16],
        "one number, or one for each of 3 layers",
    );
    refused(&|o| o.densities = vec![0.1], "one for each of 3 layers");
    refused(&|o| o.densities = vec![0.1, 2.0, 0.1], "0.1,2,0.1");
}

#[test]
fn a_network_for_other_data_is_refused() {
    let mut log = Log::new(1);
    let mut network = trained().clone();
    network.layers.pop();
    network.layers[1].activation = thresh_model::Activation::None;
    network.layers[1].bias.truncate(9);
    let error = compressing()
        .run(&network, &data(), &mut context(None, &mut log))
        .unwrap_err();
    assert!(error.to_string().contains("number of biases"), "{error}");
}
