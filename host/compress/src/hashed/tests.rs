use super::*;
use crate::{Silent, net::Batch};
use std::collections::BTreeMap;
use thresh_model::{Activation, Dataset, Frame, Hashed, Head, Shape, Window};

const SHAPE: Shape = Shape {
    channels: 1,
    height: 8,
    width: 8,
};

/// Squares in one of four corners, of any brightness.
fn set(count: usize) -> Dataset {
    let mut images = Vec::new();
    let mut labels = Vec::new();
    for index in 0..count {
        let class = index * 7 % 4;
        let (top, left) = (class / 2 * 4 + index % 2, class % 2 * 4 + index / 2 % 2);
        let mut image = vec![0u8; SHAPE.len()];
        for y in top..top + 3 {
            for x in left..left + 3 {
                image[y * 8 + x] = 100 + (index * 13 % 150) as u8;
            }
        }
        images.extend(image);
        labels.push(class as u8);
    }
    Dataset {
        shape: SHAPE,
        images,
        labels,
    }
}

fn data() -> Data {
    Data::new(set(240), set(80)).unwrap()
}

fn context(progress: &mut Silent) -> Context<'_> {
    Context {
        folder: None,
        command: "test".into(),
        progress,
    }
}

fn layer(name: &str, operator: Operator, activation: Activation) -> Layer {
    Layer {
        name: name.into(),
        inputs: vec![],
        weights: Weights::Float(vec![0.0; operator.weights().unwrap()]),
        bias: vec![0.0; operator.biases()],
        operator,
        activation,
        range: None,
    }
}

/// Windows of 3 x 3 with stride and padding, 5 x 5 behind a pool, 2 x 3, and 1 x 1; two fully connected layers behind them, the first
/// behind a map.
fn network() -> Network {
    let mut layers: Vec<Layer> = Vec::new();
    let mut shape = SHAPE;
    let mut conv = |name: &str, outputs, kernel: [usize; 2], stride, pads| {
        let operator = Operator::Conv {
            input: shape,
            outputs,
            groups: 1,
            window: Window {
                kernel,
                stride,
                pads,
            },
        };
        shape = operator.output();
        layers.push(layer(name, operator, Activation::Relu));
    };
    conv("conv1", 12, [3, 3], [1, 1], [1, 1, 1, 1]);
    conv("conv2", 20, [5, 5], [1, 1], [2, 2, 1, 2]);
    conv("conv3", 17, [2, 3], [2, 1], [0, 1, 1, 0]);
    conv("conv4", 10, [1, 1], [1, 1], [0; 4]);
    let dense = |inputs, outputs| Operator::Dense { inputs, outputs };
    layers.push(layer("fc1", dense(shape.len(), 16), Activation::Relu));
    layers.push(layer("fc2", dense(16, 4), Activation::None));
    let network = Network {
        name: "test".into(),
        input: SHAPE,
        input_scale: 1.0 / 128.0,
        input_mean: vec![],
        frame: Frame::default(),
        layers: Layer::in_sequence(layers),
        head: Head::Logits,
        labels: vec![],
        provenance: BTreeMap::new(),
    };
    network.check().unwrap();
    network
}

fn options(set: &[(&str, &str)]) -> HashedOptions {
    let mut options = HashedOptions {
        least: 1,
        epochs: 4,
        batch: 16,
        shift: 0,
        ..HashedOptions::default()
    };
    for (name, value) in set {
        options.set(name, value).unwrap();
    }
    options
}

fn run(network: &Network, set: &[(&str, &str)]) -> Result<Network> {
    let method = HashedNets {
        options: options(set),
    };
    method.run(network, &data(), &mut context(&mut Silent))
}

/// `network` as it is in training: a weight for each that there is.
fn spatial(network: &Network, parts: &[Part], stored: &[Stored]) -> Network {
    let stage = hashing("test", parts, stored, &HashedOptions::default(), 0.0);
    let mut network = network.clone();
    net::put_layers(&mut network, &run::Stage::weights(&stage));
    network
}

/// Parts with random values and biases.
fn random(network: &Network, options: &HashedOptions) -> (Vec<Part>, Vec<Stored>) {
    let parts = parts(network, options).unwrap();
    let mut stored = start(&parts, 3);
    let mut random = generator(4, Purpose::Start, 0);
    for bias in stored.iter_mut().flat_map(|stored| &mut stored.bias) {
        *bias = random.random_range(-0.2..0.2);
    }
    (parts, stored)
}

const KINDS: [&[(&str, &str)]; 6] = [
    &[("share", "12.5%")],
    &[("share", "3%"), ("keep", "conv3,fc2")],
    &[("share", "60%")],
    &[("share", "12.5%"), ("transform", "false")],
    &[("share", "9%"), ("frequencies", "low")],
    &[("share", "12.5%"), ("prune", "0.4"), ("codes", "5")],
];

#[test]
fn what_is_exported_computes_what_was_trained() {
    let network = network();
    let (mut hashed, mut sums) = (0, 0);
    for kind in KINDS {
        let options = options(kind);
        let (parts, mut stored) = random(&network, &options);
        if kind.len() == 3 {
            options.share_values(&mut stored);
        }
        let exported = export(&network, &parts, &stored).unwrap();
        let whole = spatial(&network, &parts, &stored);
        for layer in &exported.layers {
            hashed += usize::from(matches!(layer.weights, Weights::Hashed(_)));
            sums += usize::from(matches!(layer.operator, Operator::Add { .. }));
        }
        let mut random = generator(5, Purpose::Train, 0);
        let mut most = 0.0f32;
        for _ in 0..10 {
            let image: Vec<u8> = (0..SHAPE.len()).map(|_| random.random()).collect();
            let (expected, found) = (whole.forward(&image), exported.forward(&image));
            most = expected.iter().fold(most, |most, x| most.max(x.abs()));
            for (a, b) in expected.iter().zip(&found) {
                assert!((a - b).abs() < 1e-4 * (1.0 + a.abs()), "{kind:?}: {a} {b}");
            }
        }
        assert!(most > 0.05, "{kind:?}: {most}");
    }
    assert!(hashed > 50 && sums > 30, "{hashed} {sums}");
}

#[test]
fn a_convolution_becomes_patterns_and_sums_of_bands() {
    let network = network();
    let names = |set: &[(&str, &str)]| -> Vec<String> {
        let (parts, stored) = random(&network, &options(set));
        let exported = export(&network, &parts, &stored).unwrap();
        let names = exported.layers.iter().map(|l| l.name.clone());
        names.filter(|name| name.starts_with("conv2")).collect()
    };
    let all = names(&[("share", "12.5%")]);
    assert_eq!(all[..2], ["conv2.band0.basis", "conv2.band1.basis"]);
    let first = all.iter().position(|name| name == "conv2.band0").unwrap();
    assert_eq!(
        all[first..][..4],
        ["conv2.band0", "conv2.band1", "conv2.sum1", "conv2.band2"]
    );
    assert_eq!(all.last().unwrap(), "conv2");
    for one in [("transform", "false"), ("frequencies", "low")] {
        assert_eq!(names(&[one]), ["conv2.basis", "conv2"]);
    }
}

#[test]
fn a_name_that_is_taken_is_not_given_again() {
    let mut network = network();
    network.layers[0].name = "conv2.band0".into();
    let (parts, stored) = random(&network, &options(&[]));
    let exported = export(&network, &parts, &stored).unwrap();
    let has = |name: &str| exported.layers.iter().any(|layer| layer.name == name);
    assert!(has("conv2.band02") && has("conv2.band0.band0"));
}

#[test]
fn the_gradient_of_a_value_is_the_slope_of_the_loss() {
    // Without kinks.
    let mut network = network();
    for layer in &mut network.layers {
        layer.activation = Activation::None;
    }
    let net = Net::new(&network).unwrap();
    let images: Vec<f32> = (0..3 * 64).map(|i| (i * 37 % 64) as f32 / 64.0).collect();
    let batch = Batch {
        inputs: net::matrix(&images, 3, 64),
        labels: vec![0, 1, 2],
    };
    for kind in KINDS {
        let options = options(kind);
        let (parts, mut stored) = random(&network, &options);
        if kind.len() == 3 {
            options.share_values(&mut stored);
        }
        let mut stage = hashing("test", &parts, &stored, &options, 0.0);
        let (_, gradients) = net.gradients(&run::Stage::weights(&stage), &batch);
        let (mut checked, mut steep) = (0, 0);
        for (index, gradient) in gradients.iter().enumerate() {
            let found = net::values(&stage.layers[index].summed(gradient.weight.clone()));
            let values = net::values(&stage.layers[index].values);
            assert_eq!(found.len(), values.len());
            for at in (0..values.len()).step_by(1 + values.len() / 12) {
                let mut loss = |by: f32| {
                    let mut moved = values.clone();
                    moved[at] += by;
                    stage.layers[index].values = net::vector(&moved);
                    let loss = net.gradients(&run::Stage::weights(&stage), &batch).0;
                    stage.layers[index].values = net::vector(&values);
                    loss
                };
                let slope = (loss(4e-3) - loss(-4e-3)) / 8e-3;
                checked += 1;
                steep += usize::from(slope.abs() > 0.02);
                assert!(
                    (slope - found[at]).abs() < 1e-3 * (1.0 + slope.abs()),
                    "{kind:?}: layer {index}, value {at}: gradient {}, slope {slope}",
                    found[at]
                );
            }
        }
        assert!(checked > 25 && steep > 5, "{kind:?}: {checked} {steep}");
    }
}

#[test]
fn a_pool_learns_and_stores_what_it_says() {
    let network = network();
    let weights: usize = network.layers.iter().map(|layer| layer.weights.len()).sum();
    for kind in [
        ("transform", "true"),
        ("transform", "false"),
        ("frequencies", "low"),
    ] {
        let small = run(&network, &[("share", "25%"), ("rate", "0.02"), kind]).unwrap();
        let of = |key: &str| small.provenance[key].parse::<f64>().unwrap();
        let accuracy = of("accuracy");
        assert!(accuracy > 0.9, "{kind:?}: {accuracy}");
        let net = Net::new(&small).unwrap();
        let again = net.accuracy(&net::layers_of(&small), data().test());
        assert!((again - accuracy).abs() < 0.02, "{kind:?}: {again}");
        // Patterns are fixed: they are no values that are stored.
        let fixed = |layer: &&Layer| !layer.name.ends_with(".basis");
        let stored = |layer: &Layer| match &layer.weights {
            Weights::Hashed(hashed) => {
                assert!(matches!(*hashed.pool, Weights::Shared { .. }));
                hashed.pool.len()
            }
            weights => weights.nonzeros(),
        };
        let stored: usize = small.layers.iter().filter(fixed).map(stored).sum();
        assert_eq!(stored as f64, of("hashed.values"), "{kind:?}");
        assert!(
            stored <= weights / 4 + 6 && stored + 100 > weights / 4,
            "{stored}"
        );
        assert!(of("hashed.bytes") < stored as f64);
    }
}

#[test]
fn a_seed_gives_the_same_network_and_a_folder_goes_on() {
    let network = network();
    let set = [("share", "10%"), ("epochs", "2")];
    let once = run(&network, &set).unwrap();
    assert_eq!(run(&network, &set).unwrap(), once);
    let other = run(&network, &[set[0], set[1], ("seed", "2")]).unwrap();
    assert_ne!(other.layers, once.layers);
    let parts = parts(&network, &options(&set)).unwrap();
    let values = |seed| start(&parts, seed).swap_remove(0).values;
    assert_ne!(values(1), values(2));

    let folder = tempfile::tempdir().unwrap();
    let in_folder = |set: &[(&str, &str)]| {
        let method = HashedNets {
            options: options(set),
        };
        let mut silent = Silent;
        let mut context = context(&mut silent);
        context.folder = Some(folder.path().to_path_buf());
        method.run(&network, &data(), &mut context)
    };
    // Training goes on from its end where only what follows it differs.
    in_folder(&[set[0], set[1], ("codes", "3"), ("tune-epochs", "0")]).unwrap();
    std::fs::remove_file(folder.path().join("fine-tune.checkpoint")).ok();
    assert!(folder.path().join("hash.checkpoint").exists());
    assert_eq!(in_folder(&set).unwrap(), once);
    let foreign = in_folder(&[set[0], set[1], ("rate", "0.01")]).unwrap_err();
    assert!(matches!(foreign, Error::Foreign { .. }), "{foreign}");
}

#[test]
fn values_are_pruned_and_shared() {
    let network = network();
    let small = run(
        &network,
        &[
            ("epochs", "1"),
            ("share", "20%"),
            ("prune", "0.3"),
            ("codes", "4"),
        ],
    )
    .unwrap();
    let mut pools = 0;
    for layer in &small.layers {
        let Weights::Hashed(Hashed { pool, .. }) = &layer.weights else {
            continue;
        };
        pools += 1;
        let count = pool.len() as f64;
        let kept = (0.7 * count).round().max(1.0) as usize;
        assert_eq!(pool.nonzeros(), kept, "{}", layer.name);
        let mut sizes: Vec<f32> = pool.to_dense().iter().map(|x| x.abs()).collect();
        sizes.retain(|&size| size > 0.0);
        sizes.sort_by(f32::total_cmp);
        sizes.dedup();
        assert!(sizes.len() <= 4, "{}: {sizes:?}", layer.name);
    }
    assert!(pools > 10);
    // Without sharing each has its own.
    let float = run(
        &network,
        &[("epochs", "1"), ("codes", "0"), ("tune-epochs", "0")],
    )
    .unwrap();
    let pools = float.layers.iter().map(|layer| layer.weights.stored());
    assert!(pools.clone().all(|pool| matches!(pool, Weights::Float(_))));
}

#[test]
fn low_frequencies_are_kept_for_all_channels_alike() {
    let kernel = [5, 5];
    let operator = Operator::Conv {
        input: Shape {
            channels: 20,
            height: 12,
            width: 12,
        },
        outputs: 50,
        groups: 1,
        window: Window::valid(kernel),
    };
    let low = options(&[("frequencies", "low")]);
    let part = Part::hashed(&operator, 20, 25_000 / 16, &low);
    let [band] = part.bands.as_slice() else {
        panic!("one band");
    };
    assert_eq!((band.patterns.len(), part.len()), (2, 1562));
    let picks = |pattern: usize| {
        let columns = (0..20).map(move |channel| channel * 2 + pattern);
        columns.flat_map(|column| (0..50).map(move |output| (output, column)))
    };
    assert!(picks(0).all(|(output, column)| band.pick(output, column).is_some()));
    // A half would miss every second output if it were counted out in order.
    for (budget, outputs, columns) in [(1500, 10..=10, 25..=25), (1562, 6..=14, 28..=29)] {
        let part = Part::hashed(&operator, 20, budget, &low);
        let (mut by_output, mut by_column) = ([0; 50], [0; 20]);
        for (output, column) in picks(1) {
            let kept = usize::from(part.bands[0].pick(output, column).is_some());
            by_output[output] += kept;
            by_column[column / 2] += kept;
        }
        assert!(
            by_output.iter().all(|n| outputs.contains(n)),
            "{by_output:?}"
        );
        assert!(
            by_column.iter().all(|n| columns.contains(n)),
            "{by_column:?}"
        );
    }
    // No value is two coefficients.
    let mut all: Vec<usize> = (0..2)
        .flat_map(picks)
        .filter_map(|(output, column)| band.pick(output, column))
        .map(|(at, _)| at)
        .collect();
    all.sort_unstable();
    assert_eq!(all, (0..1562).collect::<Vec<_>>());
}

#[test]
fn impossible_options_and_networks_are_refused() {
    let network = network();
    let says = |set: &[(&str, &str)], part: &str| {
        let text = run(&network, set).unwrap_err().to_string();
        assert!(text.contains(part), "{text}");
    };
    says(&[("share", "0")], "at least 1");
    says(&[("share", "9999999")], "at most 12862");
    says(&[("alpha", "0")], "0.01 to 100");
    says(&[("beta", "1000")], "0.01 to 100");
    says(&[("prune", "1")], "below 1");
    says(&[("codes", "127")], "0 to 126");
    says(&[("batch", "0")], "batch");
    says(&[("keep", "conv9")], "would be hashed: conv1, conv2");
    says(&[("least", "1000000")], "no layer is hashed");
    says(
        &[("transform", "false"), ("frequencies", "low")],
        "no frequencies",
    );
    let text = options(&[])
        .set("frequencies", "high")
        .unwrap_err()
        .to_string();
    assert!(text.contains("all or low"), "{text}");

    // What is hashed already is not unfolded by any method.
    let small = run(&network, &[("epochs", "0"), ("tune-epochs", "0")]).unwrap();
    for method in crate::methods() {
        let found = method.run(&small, &data(), &mut context(&mut Silent));
        let text = found.unwrap_err().to_string();
        assert!(
            text.contains("are hashed") && text.contains(method.name()),
            "{text}"
        );
    }
    // Its accuracy can be measured, and it can be trained anew without hashing.
    assert!(crate::accuracy(&small, data().test()).unwrap() >= 0.0);
}

#[test]
fn a_hash_that_cannot_count_is_refused_before_training() {
    let mut wide = network();
    wide.input = Shape {
        channels: 70_000,
        height: 1,
        width: 1,
    };
    let dense = |inputs, outputs| Operator::Dense { inputs, outputs };
    wide.layers = Layer::in_sequence([
        layer("fc1", dense(70_000, 4), Activation::Relu),
        layer("fc2", dense(4, 4), Activation::None),
    ]);
    let parts = parts(&wide, &options(&[])).unwrap();
    let error = export(&wide, &parts, &start(&parts, 1)).unwrap_err();
    assert!(error.to_string().contains("columns of hashed"), "{error}");
}

/// On an engine that hashes: one pass a pool, one drain a layer, and the accuracy of the float network.
#[test]
fn bands_are_packed_as_one_sum_of_hashed_passes() {
    let network = network();
    let small = run(&network, &[("share", "25%"), ("rate", "0.02")]).unwrap();
    let test = set(80);
    let inputs: Vec<&[u8]> = test.images.chunks_exact(SHAPE.len()).collect();
    let pack = |name: &str| {
        let config = thresh_regs::Config::named(name).unwrap();
        thresh_model::pack::pack(&small, config, &inputs, &Default::default()).unwrap()
    };
    let image = pack("ulx3s-85f-hashed");
    let hashed = |layer: &&Layer| matches!(layer.weights, Weights::Hashed(_));
    let pools = small.layers.iter().filter(hashed).count();
    let passes = || image.passes.iter().filter(|pass| pass.descriptor.hashed);
    assert_eq!(passes().count(), pools);
    let drained = passes().filter(|pass| !pass.descriptor.keep).count();
    assert!(drained <= network.layers.len(), "{drained} of {pools}");
    let patterns = image.passes.iter().filter(|pass| pass.filters.is_some());
    assert!(patterns.count() > 5);
    let bytes = |image: &thresh_model::Image| image.to_bytes().unwrap().len();
    assert!(bytes(&image) < bytes(&pack("ulx3s-85f")));
    let reference = thresh_model::Reference::new(&image).unwrap();
    let right = inputs.iter().zip(&test.labels).filter(|(input, label)| {
        let outputs = reference.run(input).unwrap();
        outputs.argmax() == usize::from(**label)
    });
    assert!(right.count() > 70);
}
