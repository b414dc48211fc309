use rand::RngExt;
use thresh_model::{Activation, Layer, Shape, Weights, Window};

use super::{form::compose, *};
use crate::{
    Silent,
    net::tests::random_network,
    random::{Purpose, generator},
};

fn kernel(sizes: [usize; 4], seed: u64) -> Kernel {
    let mut random = generator(seed, Purpose::Start, 0);
    let count = sizes.iter().product();
    Kernel {
        sizes,
        values: (0..count).map(|_| random.random_range(-1.0..1.0)).collect(),
    }
}

const SIZES: [[usize; 4]; 6] = [
    [6, 5, 3, 3],
    [4, 1, 5, 5],
    [3, 7, 1, 4],
    [2, 2, 3, 1],
    [1, 1, 2, 2],
    [9, 6, 1, 1],
];

#[test]
fn nothing_is_lost_at_full_rank() {
    for (seed, sizes) in SIZES.into_iter().enumerate() {
        let kernel = kernel(sizes, seed as u64);
        for form in Form::ALL.into_iter().filter(|&form| form != Form::Cp) {
            let pieces = form.pieces(&kernel, form.full_rank(sizes));
            let loss = kernel.loss(&compose(&pieces, sizes));
            assert!(loss < 1e-9, "{} of {sizes:?}: {loss}", form.name());
        }
    }
}

#[test]
fn less_rank_loses_more_and_at_a_cut_as_little_as_can_be() {
    for (seed, sizes) in SIZES.into_iter().enumerate() {
        let kernel = kernel(sizes, 100 + seed as u64);
        for form in Form::ALL {
            let full = form.full_rank(sizes);
            let loss = |rank| kernel.loss(&compose(&form.pieces(&kernel, rank), sizes));
            let losses: Vec<f64> = (1..=full.min(12)).map(loss).collect();
            for (at, pair) in losses.windows(2).enumerate() {
                // Alternating least squares may stop at a worse place.
                let slack = if form == Form::Cp { 0.05 } else { 1e-9 };
                let rank = at + 1;
                assert!(
                    pair[1] <= pair[0] + slack,
                    "{} of {sizes:?}, rank {rank}: {pair:?}",
                    form.name()
                );
            }
        }
    }
}

#[test]
fn the_terms_of_a_sum_are_found() {
    // A kernel of three terms.
    let sizes = [6, 5, 3, 4];
    let mut random = generator(5, Purpose::Start, 0);
    let mut vector =
        |count: usize| -> Vec<f64> { (0..count).map(|_| random.random_range(-1.0..1.0)).collect() };
    let terms: Vec<[Vec<f64>; 4]> = (0..3).map(|_| sizes.map(&mut vector)).collect();
    let value = |at: usize| -> f64 {
        let [_, i, h, w] = sizes;
        let place = [at / (i * h * w), at / (h * w) % i, at / w % h, at % w];
        let product = |term: &[Vec<f64>; 4]| -> f64 {
            term.iter().zip(place).map(|(side, at)| side[at]).product()
        };
        terms.iter().map(product).sum()
    };
    let kernel = Kernel {
        sizes,
        values: (0..sizes.iter().product()).map(value).collect(),
    };
    let found = compose(&Form::Cp.pieces(&kernel, 3), sizes);
    assert!(kernel.loss(&found) < 1e-3, "{}", kernel.loss(&found));
    let two = compose(&Form::Cp.pieces(&kernel, 2), sizes);
    assert!(kernel.loss(&two) > 0.02);
}

/// Forms of random networks at full rank: other layers, the same logits.
#[test]
fn the_chain_computes_what_the_layer_did() {
    let mut cut = 0;
    for seed in 0..150 {
        let network = random_network(seed);
        let image: Vec<u8> = (0..network.input.len())
            .map(|at| (at * 89 % 256) as u8)
            .collect();
        let expected = network.forward(&image);
        let most = expected.iter().fold(1.0f32, |most, x| most.max(x.abs()));
        for form in Form::ALL.into_iter().filter(|&form| form != Form::Cp) {
            let ranks: Vec<(Part, usize)> = parts(&network, form)
                .into_iter()
                .map(|part| {
                    let rank = part.full_rank;
                    (part, rank)
                })
                .collect();
            let mut chain = network.clone();
            let truncated = truncate(&mut chain, form, &ranks);
            chain.check().unwrap();
            cut += truncated.len();
            assert!(truncated.iter().all(|t| t.norm_loss < 1e-9));
            for (found, expected) in chain.forward(&image).iter().zip(&expected) {
                assert!(
                    (found - expected).abs() < 1e-3 * most,
                    "seed {seed}, {}: {found} {expected}",
                    form.name()
                );
            }
        }
    }
    assert!(cut > 1000, "{cut}");
}

#[test]
fn the_cost_is_that_of_the_chain() {
    for seed in 0..60 {
        let network = random_network(seed);
        for form in Form::ALL {
            for part in parts(&network, form) {
                for rank in [1, 2, part.full_rank] {
                    let operator = &network.layers[part.layer].operator;
                    let before = network.multiplications();
                    let own = network.layers[part.layer].multiplications();
                    let told = form_for(form, operator).cost(rank, operator, part.kernel.sizes);
                    let mut chain = network.clone();
                    truncate(&mut chain, form, &[(part.clone(), rank)]);
                    assert_eq!(
                        chain.multiplications(),
                        before - own + told,
                        "seed {seed}, {} of {}, rank {rank}",
                        form.name(),
                        part.name
                    );
                }
            }
        }
    }
}

/// A network of two convolutions and two classes, and images for it.
fn task() -> (Network, Data) {
    let shape = Shape {
        channels: 1,
        height: 6,
        width: 6,
    };
    let set = |count: usize| {
        let (mut images, mut labels) = (Vec::new(), Vec::new());
        for index in 0..count {
            let class = index % 2;
            let place = index * 5 % 18 + 18 * class;
            images.extend((0..36).map(|at| {
                if at == place {
                    255
                } else {
                    (at * index % 40) as u8
                }
            }));
            labels.push(class as u8);
        }
        thresh_model::Dataset {
            shape,
            images,
            labels,
        }
    };
    let data = Data::new(set(200), set(60)).unwrap();
    let conv = |outputs| crate::Hidden::Conv {
        outputs,
        kernel: 3,
        stride: 1,
        pads: 1,
    };
    let options = crate::TrainOptions {
        hidden: vec![conv(6), conv(8)],
        epochs: 3,
        batch: 10,
        shift: 0,
        ..Default::default()
    };
    let network = crate::train(&options, &data, &mut context(&mut Silent)).unwrap();
    (network, data)
}

fn context(progress: &mut Silent) -> Context<'_> {
    Context {
        folder: None,
        command: "test".into(),
        progress,
    }
}

fn run(network: &Network, data: &Data, set: &[(&str, &str)]) -> Result<Network> {
    let mut method = TensorNetwork::default();
    for (name, value) in [("tune-epochs", "0"), ("shift", "0")].iter().chain(set) {
        method.options.set(name, value)?;
    }
    method.run(network, data, &mut context(&mut Silent))
}

#[test]
fn every_form_keeps_its_share_and_can_be_trained_on() {
    let (network, data) = task();
    for form in Form::ALL {
        let small = run(
            &network,
            &data,
            &[("form", form.name()), ("keep", "0.6"), ("tune-epochs", "1")],
        )
        .unwrap();
        small.check().unwrap();
        let speedup: f64 = small.provenance["tensor.speedup"].parse().unwrap();
        assert!(speedup > 1.2, "{}: {speedup}", form.name());
        assert!(small.layers.len() > network.layers.len(), "{}", form.name());
    }
    // Ranks go with the layers as these were given.
    let names: Vec<&str> = [1, 0].map(|at| network.layers[at].name.as_str()).into();
    let layers = names.join(",");
    let swapped = run(
        &network,
        &data,
        &[("form", "o"), ("layers", layers.as_str()), ("rank", "3,2")],
    )
    .unwrap();
    let ranks = &swapped.provenance["tensor.ranks"];
    assert_eq!(*ranks, format!("{}:2 {}:3", names[1], names[0]));
    // The legs of one side say which cut it is.
    let small = run(&network, &data, &[("form", "oh"), ("rank", "2,0")]).unwrap();
    let name = &network.layers[0].name;
    assert_eq!(small.provenance["tensor.ranks"], format!("{name}:2"));
    assert!(small.provenance["tensor.options"].starts_with("form=oh|iw"));
}

#[test]
fn what_cannot_be_done_is_refused() {
    let (network, data) = task();
    for (set, text) in [
        (("form", "svd"), "a cut (o|ihw"),
        (("rank", "1,2,3"), "one for all or one for each of"),
        (("keep", "0"), "above 0"),
        (("keep", "2"), "at most 1"),
        (("layers", "conv9"), "layers that tucker can cut"),
        (("batch", "0"), "at least 1"),
        (("rank", "1000"), "no layer multiplies less"),
        (("rank", "0"), "no layer multiplies less"),
    ] {
        let error = run(&network, &data, &[set]).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}

#[test]
fn a_window_without_rows_has_none_to_cut() {
    let (mut network, data) = task();
    let shape = network.input;
    network.layers.drain(1..);
    network.layers[0] = Layer {
        operator: Operator::Conv {
            input: shape,
            outputs: 2,
            groups: 1,
            window: Window::valid([1, 1]),
        },
        weights: Weights::Float(vec![1.0, 2.0]),
        bias: vec![0.0; 2],
        activation: Activation::None,
        ..network.layers[0].clone()
    };
    let inputs = shape.height * shape.width * 2;
    network.layers.push(Layer {
        name: "last".into(),
        inputs: vec![1],
        operator: Operator::Dense { inputs, outputs: 2 },
        weights: Weights::Float(vec![0.5; 2 * inputs]),
        bias: vec![0.0; 2],
        activation: Activation::None,
        range: None,
    });
    let error = run(&network, &data, &[("form", "h")]).unwrap_err();
    assert!(error.to_string().contains("no layer can be cut"), "{error}");
}

#[test]
fn the_study_tells_every_cut_of_every_layer_and_goes_on_where_it_stopped() {
    let (mut network, data) = task();
    // As ONNX may have it.
    network.layers[0].name = "/../conv".into();
    let mut options = study::CutOptions::default();
    for (name, value) in [
        ("shares", "0.5"),
        ("retrain", "0.5"),
        ("forms", "o,oh"),
        ("epochs", "2"),
        ("train", "60"),
        ("batch", "10"),
    ] {
        options.set(name, value).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let run = |options: &study::CutOptions| {
        let mut silent = Silent;
        let mut own = Context {
            folder: Some(folder.path().into()),
            ..context(&mut silent)
        };
        let mut told = 0;
        let study = study::cuts(&network, &data, options, &mut own, &mut |_, all| {
            told += 1;
            assert!(told <= all);
        })
        .unwrap();
        assert_eq!(told, study.points.len());
        study
    };
    let found = run(&options);
    let of = |found: &study::Study| -> Vec<(String, Form, usize)> {
        let points = found.points.iter();
        points.map(|p| (p.layer.clone(), p.form, p.rank)).collect()
    };
    let name = |layer: usize| network.layers[layer].name.clone();
    // The second convolution is the last but one layer; the last is not cut.
    assert_eq!(
        of(&found),
        [
            (name(0), Form::Outputs, 3),
            (name(0), Form::RowColumn, 2),
            (name(1), Form::Outputs, 4),
            (name(1), Form::RowColumn, 9),
        ]
    );
    assert_eq!(found.control.len(), 2);
    for point in &found.points {
        assert_eq!(point.retrained.len(), 2, "{point:?}");
        assert!(point.norm_loss > 0.0 && point.norm_loss < 1.0, "{point:?}");
        assert!(point.accuracy <= 1.0 && point.cost > 0.0, "{point:?}");
    }
    assert_eq!(run(&options), found, "from the checkpoints");
    options.set("forms", "o").unwrap();
    let fewer = run(&options);
    assert_eq!(
        fewer.points,
        [&found.points[0], &found.points[2]].map(Clone::clone)
    );
    // The records of another number of epochs are none of this one.
    options.set("epochs", "0").unwrap();
    assert!(run(&options).points.iter().all(|p| p.retrained.is_empty()));
    options.set("layers", "none").unwrap();
    let mut silent = Silent;
    let error = study::cuts(
        &network,
        &data,
        &options,
        &mut context(&mut silent),
        &mut |_, _| {},
    );
    let error = error.unwrap_err().to_string();
    assert!(error.contains("layers that can be cut"), "{error}");
}
