//! Networks that come from elsewhere: rates that do not suit them are lowered, and no method ends below what it began from.

mod common;

use common::{MNIST, bytes};
use std::{collections::BTreeMap, ops::ControlFlow, path::Path, sync::LazyLock};
use thresh_compress::{
    Context, Data, EpochInfo, Error, KeptInfo, Method, Options, Progress, RateInfo, TrainOptions,
    method, train, train_network,
};
use thresh_model::{Activation, Dataset, Frame, Head, Layer, Network, Operator, Shape, Weights};

/// Remembers what was told, and stops after `left` epochs.
struct Told {
    left: usize,
    epochs: Vec<EpochInfo>,
    rates: Vec<RateInfo>,
    kept: Vec<KeptInfo>,
}

impl Told {
    fn new(left: usize) -> Self {
        Self {
            left,
            epochs: Vec::new(),
            rates: Vec::new(),
            kept: Vec::new(),
        }
    }
}

impl Progress for Told {
    fn epoch(&mut self, info: &EpochInfo) -> ControlFlow<()> {
        self.epochs.push(*info);
        self.left -= 1;
        match self.left {
            0 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    fn rate(&mut self, info: &RateInfo) {
        self.rates.push(*info);
    }

    fn kept(&mut self, info: &KeptInfo) {
        self.kept.push(*info);
    }
}

fn data() -> Data {
    MNIST.first(600, 300).unwrap()
}

/// A network of two convolutions that was trained by this program.
fn own() -> &'static Network {
    static OWN: LazyLock<Network> = LazyLock::new(|| {
        let mut options = TrainOptions::default();
        for (name, value) in [
            ("hidden", "conv6x3s2,conv10x3s2,24"),
            ("epochs", "3"),
            ("batch", "20"),
            ("rate", "0.02"),
            ("white", "1"),
        ] {
            options.set(name, value).unwrap();
        }
        train(
            &options,
            &data(),
            &mut context(None, &mut Told::new(usize::MAX)),
        )
        .unwrap()
    });
    &OWN
}

/// The same without a word about where it comes from.
fn foreign() -> Network {
    let mut network = own().clone();
    network.provenance.clear();
    network
}

fn context<'a>(folder: Option<&Path>, told: &'a mut Told) -> Context<'a> {
    Context {
        folder: folder.map(Path::to_path_buf),
        command: "thresh test".into(),
        progress: told,
    }
}

/// The methods, few epochs each, with these rates.
fn methods(rate: &str) -> Vec<Box<dyn Method>> {
    let settings: [(&str, &[(&str, &str)]); 4] = [
        (
            "deep-compression",
            &[
                ("weights", "40%"),
                ("prune-epochs", "2"),
                ("prune-rate", rate),
                ("retrain-epochs", "2"),
                ("retrain-rate", rate),
                ("tune-epochs", "1"),
                ("tune-rate", rate),
            ],
        ),
        (
            "low-rank",
            &[("speedup", "2"), ("tune-epochs", "2"), ("tune-rate", rate)],
        ),
        (
            "tensor",
            &[("keep", "0.5"), ("tune-epochs", "2"), ("tune-rate", rate)],
        ),
        (
            "hashed",
            &[
                ("share", "12.5%"),
                ("least", "100"),
                ("epochs", "3"),
                ("rate", rate),
                ("tune-epochs", "1"),
                ("tune-rate", rate),
            ],
        ),
    ];
    let made = settings.map(|(name, settings)| {
        let mut method = method(name).unwrap();
        let common = [("batch", "20"), ("shift", "0")];
        for (name, value) in common.iter().chain(settings) {
            method.options_mut().set(name, value).unwrap();
        }
        method
    });
    made.into()
}

fn value(network: &Network, key: &str) -> f64 {
    network.provenance[key].parse().unwrap()
}

/// What a method began from, before it trained on.
fn floor(network: &Network, method: &str, guess: f64) -> f64 {
    match method {
        "deep-compression" => value(network, "deep-compression.accuracy.share"),
        "hashed" => guess,
        other => value(network, &format!("{other}.accuracy.split")),
    }
}

/// On images that are held out this holds to the last image: they say which weights are the best.
#[test]
fn a_rate_far_too_high_ends_no_method_below_its_start() {
    let data = MNIST.first(900, 300).unwrap().hold_out(300).unwrap();
    let all = methods("8").into_iter().map(|method| (foreign(), method));
    // Networks of this program too, where what is trained is better than a guess.
    let two = methods("8").into_iter().skip(1).take(2);
    for (network, method) in all.chain(two.map(|method| (own().clone(), method))) {
        let mut told = Told::new(usize::MAX);
        let small = method
            .run(&network, &data, &mut context(None, &mut told))
            .unwrap_or_else(|error| panic!("{}: {error}", method.name()));
        small.check().unwrap();
        let floor = floor(&small, method.name(), data.guess());
        let reached = value(&small, "accuracy");
        assert!(reached >= floor, "{}: {reached} {floor}", method.name());
        assert!(!told.rates.is_empty(), "{}", method.name());
        let lowered = |info: &RateInfo| info.given == 8.0 && info.rate < 8.0;
        assert!(told.rates.iter().all(lowered), "{:?}", told.rates);
    }
}

#[test]
fn a_rate_that_suits_stays_and_training_gains() {
    for method in methods("0.01") {
        let mut told = Told::new(usize::MAX);
        let made = method.run(&foreign(), &data(), &mut context(None, &mut told));
        let small = made.unwrap();
        let floor = floor(&small, method.name(), data().guess());
        let reached = value(&small, "accuracy");
        // Hashed weights begin from nothing.
        let least = match method.name() {
            "hashed" => 0.4,
            _ => 0.65,
        };
        assert!(
            reached > floor.max(least),
            "{}: {reached} {floor}",
            method.name()
        );
    }
}

#[test]
fn an_interrupted_run_of_a_network_from_elsewhere_gives_the_same_bytes() {
    // The second rate is lowered, and earlier weights are kept.
    for rate in ["0.02", "2"] {
        for method in methods(rate) {
            let mut told = Told::new(usize::MAX);
            let whole = method.run(&foreign(), &data(), &mut context(None, &mut told));
            let whole = bytes(&whole.unwrap());
            for stop in 1..=told.epochs.len() {
                let folder = tempfile::tempdir().unwrap();
                let mut some = Told::new(stop);
                let stopped = method.run(
                    &foreign(),
                    &data(),
                    &mut context(Some(folder.path()), &mut some),
                );
                assert!(matches!(stopped, Err(Error::Stopped { .. })));
                let mut rest = Told::new(usize::MAX);
                let network = method.run(
                    &foreign(),
                    &data(),
                    &mut context(Some(folder.path()), &mut rest),
                );
                assert!(
                    bytes(&network.unwrap()) == whole,
                    "{} stopped after {stop}",
                    method.name()
                );
            }
        }
    }
}

#[test]
fn a_network_of_numbers_that_are_none_is_refused() {
    let mut network = foreign();
    network.layers[0].weights = Weights::Float(
        network.layers[0]
            .weights
            .to_dense()
            .iter()
            .map(|_| 1e30)
            .collect(),
    );
    let method = &methods("0.01")[2];
    let mut told = Told::new(usize::MAX);
    let error = method.run(&network, &data(), &mut context(None, &mut told));
    let error = error.unwrap_err();
    assert!(!error.to_string().is_empty(), "{error}");
}

/// One output of a sigmoid: the second of two classes.
#[test]
fn one_output_of_a_sigmoid_learns_two_classes() {
    let shape = Shape {
        channels: 1,
        height: 1,
        width: 4,
    };
    let set = |count: usize| {
        let image = |index: usize| {
            let bright = move |at: usize| 40 + 30 * ((index * 7 + at * 5) % 5) as u8;
            (0..4).map(move |at| {
                if at / 2 == index % 2 {
                    bright(at)
                } else {
                    bright(at) / 8
                }
            })
        };
        Dataset {
            shape,
            images: (0..count).flat_map(image).collect(),
            labels: (0..count).map(|index| (index % 2) as u8).collect(),
        }
    };
    let names = ["left", "right"].map(String::from);
    let data = Data::new(set(200), set(50))
        .unwrap()
        .with_labels(names.to_vec());
    let layer = |name: &str, inputs: usize, outputs: usize, activation| Layer {
        name: name.into(),
        inputs: vec![usize::from(name == "out")],
        operator: Operator::Dense { inputs, outputs },
        weights: Weights::Float(vec![0.0; inputs * outputs]),
        bias: vec![0.0; outputs],
        activation,
        range: None,
    };
    let network = Network {
        name: "two".into(),
        input: shape,
        input_scale: 1.0 / 255.0,
        input_mean: vec![],
        frame: Frame::default(),
        layers: vec![
            layer("in", 4, 6, Activation::Relu),
            layer("out", 6, 1, Activation::None),
        ],
        head: Head::Sigmoid,
        labels: vec![],
        provenance: BTreeMap::new(),
    };
    let options = TrainOptions {
        epochs: 8,
        batch: 10,
        shift: 0,
        ..TrainOptions::default()
    };
    let mut told = Told::new(usize::MAX);
    let network = train_network(&network, &options, &data, &mut context(None, &mut told)).unwrap();
    let right = |network: &Network| {
        let of = |(image, label): (&[u8], u8)| {
            let second = Head::Sigmoid
                .probabilities(&network.forward(image))
                .unwrap()[1];
            usize::from((second > 0.5) == (label == 1))
        };
        data.test().iter().map(of).sum::<usize>()
    };
    assert_eq!(right(&network), 50);
    assert_eq!(value(&network, "train.accuracy"), 1.0);
    let small = methods("0.01")[0].run(&network, &data, &mut context(None, &mut told));
    let small = small.unwrap();
    assert_eq!(right(&small), (50.0 * value(&small, "accuracy")) as usize);
    assert!(right(&small) >= 45, "{}", right(&small));
    assert_eq!(small.labels, names);
    // A third class has no place.
    let mut three = set(30);
    three.labels[0] = 2;
    let three = Data::new(three, set(9)).unwrap();
    let error = train_network(&network, &options, &three, &mut context(None, &mut told));
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("to 2 classes") && error.contains("and 3 classes"),
        "{error}"
    );
}
