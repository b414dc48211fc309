use super::*;
use crate::network::Activation;
use crate::network::tests::{float, random};
use crate::network::{Frame, Hashed, Head, Layer, Operator, Shape, Weights, Window};
use crate::reference::argmax;
use crate::{Outputs, Reference, idx};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};
use thresh_regs::Table;

mod shapes;

fn inputs(network: &Network, count: usize, seed: u64) -> Vec<Vec<u8>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut byte = || {
        if rng.random_bool(0.3) {
            rng.random()
        } else {
            0
        }
    };
    (0..count)
        .map(|_| (0..network.input.len()).map(|_| byte()).collect())
        .collect()
}

fn packed(network: &Network, config: &str, calibration: &[Vec<u8>]) -> Result<Image, PackError> {
    let calibration: Vec<&[u8]> = calibration.iter().map(Vec::as_slice).collect();
    pack(
        network,
        Config::named(config).unwrap(),
        &calibration,
        &PackOptions::default(),
    )
}

fn run(image: &Image, input: &[u8]) -> Outputs {
    Reference::new(image).unwrap().run(input).unwrap()
}

/// Root of the mean squared error of the logits, by the root of their mean square.
fn error(network: &Network, image: &Image, inputs: &[Vec<u8>]) -> f64 {
    let reference = Reference::new(image).unwrap();
    let (mut wrong, mut all) = (0.0, 0.0);
    for input in inputs {
        let logits = reference.run(input).unwrap().logits;
        for (got, want) in logits.iter().zip(network.forward(input)) {
            wrong += (f64::from(*got) * f64::from(image.logit_scale) - f64::from(want)).powi(2);
            all += f64::from(want).powi(2);
        }
    }
    (wrong / all).sqrt()
}

/// The same by the root of the mean square of the terms that each logit is the sum of, without their signs: where they nearly cancel, the
/// rounding of what they are made of is all that is left of a logit.
fn error_of_terms(network: &Network, image: &Image, inputs: &[Vec<u8>]) -> f64 {
    let reference = Reference::new(image).unwrap();
    let prepared = network.prepare();
    let last = network.layers.last().unwrap();
    let weights = last.weights.to_dense();
    let (mut wrong, mut all) = (0.0, 0.0);
    for input in inputs {
        let logits = reference.run(input).unwrap().logits;
        let values = prepared.forward(input);
        let terms = |output: usize| -> f64 {
            let inputs = &values[last.inputs[0]];
            let row = &weights[output * inputs.len()..][..inputs.len()];
            let products = row
                .iter()
                .zip(inputs)
                .map(|(w, x)| f64::from((w * x).abs()));
            products.sum::<f64>() + f64::from(last.bias[output].abs())
        };
        for (output, (got, want)) in logits.iter().zip(&values[network.layers.len()]).enumerate() {
            wrong += (f64::from(*got) * f64::from(image.logit_scale) - f64::from(*want)).powi(2);
            all += terms(output).powi(2);
        }
    }
    (wrong / all).sqrt()
}

/// Bound on [`error_of_terms`] for any network; of 20,000 random ones the worst has 0.026, the next 0.013.
const MOST_OF_TERMS: f64 = 0.04;

#[test]
fn few_networks_are_far_from_their_float_networks() {
    let mut errors: Vec<f64> = Vec::new();
    for seed in 0..1000 {
        let mut state = ChaCha8Rng::seed_from_u64(seed);
        let hidden = state.random_range(0..3);
        let mut sizes = vec![state.random_range(1..120)];
        sizes.extend((0..hidden).map(|_| state.random_range(1..60)));
        sizes.push(state.random_range(1..12));
        let (density, values) = (state.random_range(0.02..0.9), state.random_range(1..40));
        let network = random(&sizes, density, values, seed);
        let inputs = inputs(&network, 30, seed);
        let image = packed(&network, "tiny", &inputs).unwrap();
        assert!(
            error_of_terms(&network, &image, &inputs) < MOST_OF_TERMS,
            "seed {seed}"
        );
        errors.push(error(&network, &image, &inputs));
    }
    errors.sort_by(f64::total_cmp);
    println!(
        "median {}, 99 % {}, most {}",
        errors[500], errors[990], errors[999]
    );
    assert!(
        errors[500] < 0.004 && errors[990] < 0.015,
        "{:?}",
        &errors[990..]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_packed_network_is_close_to_its_float_network(
        hidden in prop::collection::vec(1usize..60, 0..3),
        (first, outputs) in (1usize..120, 1usize..12),
        density in 0.02f64..0.9,
        values in 1usize..40,
        seed in any::<u64>(),
        config in 0usize..CONFIGS.len(),
    ) {
        let sizes: Vec<usize> = [first].into_iter().chain(hidden).chain([outputs]).collect();
        let network = random(&sizes, density, values, seed);
        let inputs = inputs(&network, 30, seed);
        let calibration: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
        let image = match pack(&network, &CONFIGS[config], &calibration, &PackOptions::default()) {
            Err(PackError::TooLarge { .. }) => return Ok(()),
            other => other.unwrap(),
        };
        image.check_target(&CONFIGS[config]).unwrap();
        prop_assert_eq!(&Image::from_bytes(&image.to_bytes().unwrap()).unwrap(), &image);
        let terms = error_of_terms(&network, &image, &inputs);
        prop_assert!(terms < MOST_OF_TERMS, "{}", terms);
        let error = error(&network, &image, &inputs);
        // Without hidden activations, only weights (10 bits where activations have 8) and biases are rounded; the unit of a
        // bias is larger where activations are wide.
        let limit = 0.004;
        prop_assert!(sizes.len() > 2 || error < limit, "{}", error);
        let again = pack(&float(&network), &CONFIGS[config], &calibration, &PackOptions::default());
        prop_assert_eq!(again.unwrap(), image);
    }
}

#[test]
fn signed_activations_are_packed_too() {
    let mut network = random(&[40, 30, 20, 10], 0.4, 15, 3);
    network.layers[0].activation = Activation::None;
    let inputs = inputs(&network, 50, 1);
    let image = packed(&network, "icebreaker", &inputs).unwrap();
    assert!(image.passes[1].descriptor.in_signed && !image.passes[2].descriptor.in_signed);
    let error = error(&network, &image, &inputs);
    assert!(error < 0.02, "{error}");
}

#[test]
fn wider_activations_are_closer_to_the_float_network() {
    for seed in 0..10 {
        let network = random(&[60, 40, 30, 10], 0.3, 15, seed);
        let inputs = inputs(&network, 50, seed);
        let [narrow, wide] =
            ["tiny", "tiny16"].map(|name| packed(&network, name, &inputs).unwrap());
        assert_eq!((narrow.act_bits, wide.act_bits), (8, 16));
        let [narrow, wide] = [narrow, wide].map(|image| error(&network, &image, &inputs));
        assert!(wide < narrow / 4.0, "seed {seed}: {wide}, {narrow}");
    }
}

#[test]
fn sums_use_their_range_and_do_not_wrap() {
    let ones = [1.0; 4];
    let weights = [ones, ones.map(|w: f32| -w)].concat();
    let network = Network {
        layers: Layer::in_sequence([
            dense("a", 1, &ones, &[0.0; 4], Activation::Relu),
            dense("b", 4, &weights, &[0.01, -0.01], Activation::None),
        ]),
        ..random(&[1, 4, 2], 1.0, 1, 1)
    };
    let image = packed(&network, "tiny16", &[vec![1], vec![200]]).unwrap();
    // Beyond what was measured all hidden activations are at their largest.
    let logits = run(&image, &[255]).logits;
    assert!(
        logits[0] > 1 << 29 && logits[1] < -1 << 29,
        "{logits:?} do not use 32 bits, or wrap"
    );
}

fn dense(
    name: &str,
    inputs: usize,
    weights: &[f32],
    bias: &[f32],
    activation: Activation,
) -> Layer {
    Layer {
        name: name.into(),
        inputs: vec![],
        operator: Operator::Dense {
            inputs,
            outputs: bias.len(),
        },
        weights: Weights::Float(weights.to_vec()),
        bias: bias.to_vec(),
        activation,
        range: None,
    }
}

/// Four inputs, four hidden neurons, two outputs. Neuron 0 is alive, 1 is used by nothing, 2 is
/// constant 3, 3 is constant zero. Input 1 only feeds the dead neuron.
fn with_dead_parts() -> Network {
    let mut network = random(&[4, 4, 2], 0.5, 3, 1);
    let first = [
        1.0, 0.0, 0.5, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ];
    let second = [1.0, 0.0, 0.5, 1.0, 0.0, 0.0, 1.0, 0.0];
    network.layers = Layer::in_sequence([
        dense("a", 4, &first, &[0.25, 1.0, 3.0, -1.0], Activation::Relu),
        dense("b", 4, &second, &[0.0, -1.0], Activation::None),
    ]);
    network
}

#[test]
fn dead_parts_are_cut_and_constants_folded() {
    let network = with_dead_parts();
    let inputs = inputs(&network, 20, 4);
    let image = packed(&network, "tiny", &inputs).unwrap();
    assert_eq!(image.input_map, Some(vec![0, 2]));
    assert_eq!(image.passes[0].descriptor.rows, 1);
    let sizes = image.sizes().unwrap();
    assert_eq!([sizes[0].nonzeros, sizes[1].nonzeros], [2, 1]);
    assert_eq!([sizes[0].parameters, sizes[1].parameters], [20, 10]);
    let error = error(&network, &image, &inputs);
    assert!(error < 0.005, "{error}");
    // Output 1 is the constant 3 - 1.
    let logit = f64::from(run(&image, &inputs[0]).logits[1]) * f64::from(image.logit_scale);
    assert!((logit - 2.0).abs() < 0.01, "{logit}");
}

#[test]
fn a_network_of_constants_still_packs() {
    let mut network = random(&[4, 3, 2], 0.5, 3, 1);
    for layer in &mut network.layers {
        layer.weights = Weights::Float(vec![0.0; layer.weights.len()]);
    }
    let image = packed(&network, "icebreaker", &[vec![9; 4]]).unwrap();
    let logits = run(&image, &[1, 2, 3, 4]).logits;
    for (logit, bias) in logits.iter().zip(&network.layers[1].bias) {
        assert!((logit.to_owned() as f32 * image.logit_scale - bias).abs() < 1e-3);
    }
}

#[test]
fn nonzeros_are_balanced_and_padding_is_used_only_where_needed() {
    let network = random(&[100, 120, 10], 0.2, 15, 8);
    let inputs = inputs(&network, 5, 1);
    let image = packed(&network, "ulx3s-85f", &inputs).unwrap();
    let entries = image.passes[0].pes.iter().map(|pe| pe.entries);
    let (least, most) = (entries.clone().min().unwrap(), entries.max().unwrap());
    assert!(most - least <= 2, "{least} {most}");
    assert!(
        image
            .passes
            .iter()
            .all(|pass| pass.codebook.iter().all(|&w| w != 0))
    );

    // One PE, 600 rows, one weight far down: two paddings.
    let mut network = random(&[2, 600, 1], 0.5, 3, 1);
    let mut codes = vec![0; 1200];
    (0..600).for_each(|row| codes[2 * row] = 1);
    codes[2 * 599 + 1] = 2;
    network.layers[0].weights = Weights::Shared {
        codebook: vec![1.0, 0.5],
        codes,
    };
    network.layers[1].weights = Weights::Shared {
        codebook: vec![1.0],
        codes: vec![1; 600],
    };
    let image = packed(&network, "solo", &[vec![200, 100]]).unwrap();
    // The neuron with two weights is dealt first.
    assert_eq!(image.sizes().unwrap()[0].padding, 0);
    (0..300).for_each(|row| {
        if let Weights::Shared { codes, .. } = &mut network.layers[0].weights {
            codes[2 * row] = if row == 0 { 1 } else { 0 };
            codes[2 * row + 1] = 1;
        }
    });
    let image = packed(&network, "solo", &[vec![200, 100]]).unwrap();
    assert_eq!(image.sizes().unwrap()[0].padding, 1);
    assert!(image.passes[0].codebook.contains(&0));
    let error = error(&network, &image, &[vec![200, 100], vec![0, 255]]);
    assert!(error < 0.02, "{error}");
}

#[test]
fn padding_zeros_may_lie_where_a_pe_has_no_row() {
    // Fourteen of sixteen PEs have nothing in the last of sixteen rows. Each output has one tap, the first or the last; behind all the others
    // it lies beyond a padding zero in that row.
    let [input, wide] = [1, 242].map(|channels| Shape {
        height: 8,
        width: 8,
        channels,
    });
    let mut first = conv("conv1", 0, input, 242, 5);
    let weights = (0..242)
        .flat_map(|output| (0..25).map(move |tap| f32::from(u8::from(tap == 24 * (output % 2)))));
    first.weights = Weights::Float(weights.collect());
    let layers = vec![first, conv("conv2", 1, wide, 2, 3)];
    let network = of_layers(input, layers);
    let inputs = inputs(&network, 3, 1);
    let image = packed(&network, "ulx3s-85f", &inputs).unwrap();
    assert!(image.sizes().unwrap()[0].padding > 0);
    let image = Image::from_bytes(&image.to_bytes().unwrap()).unwrap();
    let error = error(&network, &image, &inputs);
    assert!(error < 0.02, "{error}");
}

#[test]
fn centroids_that_round_alike_are_merged_and_unused_ones_dropped() {
    let mut network = random(&[8, 2], 0.5, 3, 1);
    let codebook = vec![1.0, 0.500_001, 0.5, 1e-9, 77.0];
    network.layers[0].weights = Weights::Shared {
        codebook,
        codes: [1, 2, 3, 4].repeat(4),
    };
    let image = packed(&network, "tiny", &[vec![1; 8]]).unwrap();
    assert_eq!(image.passes[0].codebook.len(), 2);
    let weights = &image.passes[0].codebook;
    assert!(
        (f64::from(weights[1]) / f64::from(weights[0]) - 2.0).abs() < 0.01,
        "{weights:?}"
    );
    assert_eq!(image.sizes().unwrap()[0].nonzeros, 12);
}

/// The largest of `side` x `side` values of a map that a convolution of this stride makes.
fn with_pool(side: usize, stride: usize) -> Network {
    let shape = |side| Shape {
        channels: 1,
        height: side,
        width: side,
    };
    let mut first = conv("pool", 0, shape(side * stride), 1, stride);
    if let Operator::Conv { window, .. } = &mut first.operator {
        (window.stride, window.pads) = ([stride; 2], [0; 4]);
    }
    let largest = Layer {
        name: "largest".into(),
        inputs: vec![1],
        operator: Operator::MaxPool {
            input: shape(side),
            window: Window::whole([side; 2]),
        },
        weights: Weights::Float(vec![]),
        bias: vec![],
        activation: Activation::None,
        range: None,
    };
    of_layers(shape(side * stride), vec![first, largest])
}

/// A convolution with a weight of `values` distinct values.
fn conv(name: &str, reads: usize, input: Shape, outputs: usize, side: usize) -> Layer {
    let window = Window {
        kernel: [side; 2],
        stride: [1, 1],
        pads: [side / 2; 4],
    };
    let operator = Operator::Conv {
        input,
        outputs,
        groups: 1,
        window,
    };
    let count = operator.weights().unwrap();
    let size = (input.channels as f32).sqrt() * side as f32;
    Layer {
        name: name.into(),
        inputs: vec![reads],
        weights: Weights::Float(
            (0..count)
                .map(|i| (i % 7) as f32 / size - 3.0 / size)
                .collect(),
        ),
        bias: vec![0.1; outputs],
        operator,
        activation: Activation::Relu,
        range: None,
    }
}

fn of_layers(input: Shape, layers: Vec<Layer>) -> Network {
    Network {
        input,
        layers,
        labels: vec![],
        ..random(&[8, 2], 0.5, 3, 1)
    }
}

/// A squeeze, two expansions of it that are joined, and a head.
fn fire(alike: bool) -> Network {
    let shape = |channels| Shape {
        channels,
        height: 6,
        width: 5,
    };
    let mut layers = vec![
        conv("squeeze", 0, shape(3), 2, 1),
        conv("one", 1, shape(2), 4, 1),
        conv("three", 1, shape(2), 5, 3),
    ];
    layers.push(Layer {
        name: "joined".into(),
        inputs: vec![2, 3],
        operator: Operator::Concat {
            inputs: vec![shape(4), shape(5)],
        },
        weights: Weights::Float(vec![]),
        bias: vec![],
        activation: Activation::None,
        range: None,
    });
    layers.push(conv("head", 4, shape(9), 3, 1));
    layers[4].activation = Activation::None;
    if !alike {
        layers[2].activation = Activation::None;
    }
    of_layers(shape(3), layers)
}

#[test]
fn joined_convolutions_drain_together_if_they_are_clipped_alike() {
    for (alike, layers) in [
        (true, &["squeeze", "joined", "head"][..]),
        (false, &["squeeze", "one", "three", "joined", "head"]),
    ] {
        let network = fire(alike);
        let inputs = inputs(&network, 8, 2);
        let calibration: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
        for name in ["tiny", "ulx3s-85f"] {
            let config = Config::named(name).unwrap();
            let steps = std::cell::RefCell::new(Vec::new());
            let progress = |step| steps.borrow_mut().push(step);
            let packed = pack_with(
                &network,
                config,
                &calibration,
                &PackOptions::default(),
                &progress,
            );
            let packed = packed.unwrap();
            assert_eq!(packed.layers, layers, "{name}");
            assert_eq!(packed.image.layers(), layers.len());
            let error = error(&network, &packed.image, &inputs);
            assert!(error < 0.05, "{name}: {error}");
            let steps = steps.into_inner();
            assert_eq!(steps[0], Step::Calibrate(0, 8));
            assert_eq!(
                steps[steps.len() - 1],
                Step::Code(packed.image.passes.len())
            );
        }
    }
}

#[test]
fn an_image_of_many_passes_computes_what_one_of_few_does() {
    let shape = Shape {
        channels: 6,
        height: 32,
        width: 32,
    };
    let mut layers = vec![
        conv("first", 0, shape, 6, 3),
        conv("second", 1, shape, 6, 3),
    ];
    layers[1].activation = Activation::None;
    let network = of_layers(shape, layers);
    let inputs = inputs(&network, 2, 3);
    let small = packed(&network, "tiny", &inputs).unwrap();
    let large = packed(&network, "ulx3s-85f", &inputs).unwrap();
    // So many that code tables are chosen pass by pass.
    assert!(small.passes.len() > 192, "{}", small.passes.len());
    assert!(large.passes.len() < small.passes.len() / 10);
    assert_eq!(
        run(&small, &inputs[0]).logits,
        run(&large, &inputs[0]).logits
    );
    let bytes = small.to_bytes().unwrap();
    assert_eq!(Image::from_bytes(&bytes).unwrap(), small);
}

/// Passes of each run.
fn lengths(image: &Image) -> Vec<usize> {
    image.runs.iter().map(|run| run.passes).collect()
}

#[test]
fn layers_that_fit_together_run_as_one() {
    // On `tiny` there is room for two layers of 20 x 20 weights, and none for the whole of a wider one.
    for (sizes, runs) in [
        (&[20, 20, 20, 20, 20, 20, 4][..], &[2, 2, 2][..]),
        (&[20, 20, 20, 20, 4], &[2, 2]),
        (&[20, 20, 20, 4], &[3]),
        (
            &[20, 20, 20, 120, 20, 20, 4],
            &[2, 1, 1, 1, 1, 1, 1, 1, 1, 2],
        ),
    ] {
        let network = random(sizes, 1.0, 15, 3);
        let inputs = inputs(&network, 4, 5);
        let small = packed(&network, "tiny", &inputs).unwrap();
        let large = packed(&network, "ulx3s-85f", &inputs).unwrap();
        assert_eq!(lengths(&large), [sizes.len() - 1]);
        assert_eq!(lengths(&small), runs, "{sizes:?}");
        for input in &inputs {
            assert_eq!(run(&small, input).logits, run(&large, input).logits);
        }
        // What no other run reads never leaves the chip.
        let moved: BTreeSet<usize> = (small.runs.iter())
            .flat_map(|run| run.writes.iter().chain(&run.reads))
            .map(|transfer| transfer.map)
            .collect();
        assert!(moved.into_iter().eq(0..small.maps.len()));
        let bytes = small.to_bytes().unwrap();
        assert_eq!(Image::from_bytes(&bytes).unwrap(), small);
    }
}

#[test]
fn a_single_layer_that_does_not_fit_is_cut_for_overlap_too() {
    let network = random(&[200, 20], 1.0, 15, 3);
    let inputs = inputs(&network, 2, 5);
    let calibration: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    let config = Config::named("tiny").unwrap();
    let options = PackOptions {
        overlap: true,
        ..PackOptions::default()
    };
    let image = pack(&network, config, &calibration, &options).unwrap();
    assert!(image.runs.len() > 1 && image.loaded_ahead(config) > 0);
    let alone = packed(&network, "tiny", &inputs).unwrap();
    assert_eq!(
        run(&image, &inputs[0]).logits,
        run(&alone, &inputs[0]).logits
    );
}

#[test]
fn a_map_that_a_later_run_reads_is_kept_meanwhile() {
    // The first layer is read again by the sum behind the third, which is of another run.
    let mut network = random(&[20, 20, 20, 20, 20, 20, 4], 1.0, 15, 3);
    let shape = Shape {
        channels: 20,
        height: 1,
        width: 1,
    };
    let sum = Layer {
        name: "sum".into(),
        inputs: vec![1, 4],
        operator: Operator::Add { shape },
        weights: Weights::Float(vec![]),
        bias: vec![],
        activation: Activation::Relu,
        range: None,
    };
    network.layers.insert(4, sum);
    network.layers[5].inputs = vec![5];
    network.layers[6].inputs = vec![6];
    let inputs = inputs(&network, 4, 5);
    let small = packed(&network, "tiny", &inputs).unwrap();
    let large = packed(&network, "ulx3s-85f", &inputs).unwrap();
    assert!(
        small.runs.len() > 1 && lengths(&small)[0] > 1,
        "{:?}",
        lengths(&small)
    );
    assert_eq!(small.runs[0].reads.len(), 2);
    for input in &inputs {
        assert_eq!(run(&small, input).logits, run(&large, input).logits);
    }
}

#[test]
fn random_graphs_pack_for_every_configuration_and_stay_close() {
    let (mut packed, mut streamed, mut errors) = (0, 0, Vec::new());
    let mut longer = 0;
    let (mut alone, mut together) = (0, 0);
    for seed in 0..150 {
        let network = crate::random::network(seed);
        let inputs = inputs(&network, 6, seed);
        let calibration: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
        let mut same = BTreeMap::new();
        for config in CONFIGS {
            let image = match pack(&network, config, &calibration, &PackOptions::default()) {
                Ok(image) => image,
                Err(PackError::Unsupported { .. } | PackError::TooLarge { .. }) => continue,
                Err(error) => panic!("seed {seed}, {}: {error}", config.name),
            };
            let bytes = image.to_bytes().unwrap();
            assert_eq!(Image::from_bytes(&bytes).unwrap(), image, "seed {seed}");
            packed += 1;
            streamed += usize::from(!image.is_resident());
            longer += usize::from(!image.is_resident() && lengths(&image).iter().any(|&n| n > 1));
            // However a network is cut, it computes the same.
            let logits: Vec<_> = inputs
                .iter()
                .map(|input| run(&image, input).logits)
                .collect();
            let first = same
                .entry(config.act_bits)
                .or_insert_with(|| logits.clone());
            assert!(*first == logits, "seed {seed}, {}", config.name);
            let keeps = |run| {
                let last = image.run_passes(run).next_back().unwrap();
                image.passes[last].descriptor.keep
            };
            let spans = image.spans();
            assert!(spans.iter().cloned().flatten().eq(0..image.runs.len()));
            for span in spans {
                let (last, rest) = (span.end - 1, span.start..span.end - 1);
                assert!(!keeps(last) && rest.clone().all(keeps), "seed {seed}");
                *(if rest.is_empty() {
                    &mut alone
                } else {
                    &mut together
                }) += 1;
            }
            let error = error(&network, &image, &inputs);
            errors.push(error);
        }
    }
    assert!(alone > 0 && together > 0, "{alone} {together}");
    // Eight bits cost little, but where products cancel.
    errors.sort_by(f64::total_cmp);
    let at = |share: usize| errors[errors.len() * share / 100];
    println!(
        "{packed} images, {streamed} of several runs, errors {} {} {}",
        at(50),
        at(95),
        at(99)
    );
    assert!(at(50) < 0.02 && at(95) < 0.2 && at(99) < 0.6);
    assert!(packed > 300 && streamed > 30, "{packed} {streamed}");
    assert!(longer > 10, "{longer} of several passes in a run");
}

#[test]
fn errors_say_what_is_wrong_and_what_to_do() {
    let network = random(&[20, 10, 5], 0.5, 3, 1);
    let says = |result: Result<Image, PackError>, parts: &[&str]| {
        let text = result.unwrap_err().to_string();
        parts
            .iter()
            .for_each(|part| assert!(text.contains(part), "{text}"));
    };
    says(
        packed(&network, "tiny", &[]),
        &["calibration", "at least one"],
    );
    says(
        packed(&network, "tiny", &[vec![0; 3]]),
        &["got 3 bytes, expected 20"],
    );
    let wide = with_pool(12, 1);
    says(
        packed(&wide, "tiny", &[vec![7; 144]]),
        &[
            "layer pool",
            "tiny",
            "activations in a bank, there are 128",
            "fit solo, ulx3s-25f, versa-45f, ulx3s-85f, ulx3s-85f-32",
        ],
    );
    says(
        packed(&wide, "icebreaker", &[vec![7; 144]]),
        &[
            "layer pool",
            "icebreaker",
            "no fully connected layer",
            "fit solo",
        ],
    );
    let far = with_pool(15, 9);
    let inputs = [vec![7; 135 * 135]];
    let text = packed(&far, "ulx3s-85f", &inputs).unwrap_err().to_string();
    assert!(
        text.contains("no configuration runs this network; train it with a smaller pool"),
        "{text}"
    );
    assert!(!text.contains("prune"), "{text}");

    let mut many = random(&[20, 20], 0.5, 3, 1);
    many.layers[0].weights = Weights::Float((0..400).map(|i| i as f32).collect());
    says(
        packed(&many, "tiny", &[vec![1; 20]]),
        &["fc1", "399", "255"],
    );
    let mut range = network;
    range.layers[0].bias[0] = 1e9;
    range.layers[0].bias[1] = -1e30;
    says(packed(&range, "tiny", &[vec![1; 20]]), &["fc1", "biases"]);
}

#[test]
fn tables_are_shared_where_that_is_smaller() {
    let network = random(&[64, 64, 64, 64], 0.1, 15, 2);
    let image = packed(&network, "ulx3s-25f", &inputs(&network, 5, 1)).unwrap();
    assert_eq!(
        image.passes[1].table(Table::Run),
        image.passes[2].table(Table::Run)
    );
    let table = |layer| {
        let accounts = image.account().unwrap();
        let own = |a: &&crate::image::Account| {
            a.part == crate::image::Part::Table(Table::Run) && a.layer == Some(layer)
        };
        accounts.iter().find(own).unwrap().bits
    };
    assert!(table(0) > 20);
    assert_eq!(table(2), 1);
}

#[test]
fn ten_thousand_digits_take_seconds() {
    let network = random(&[784, 300, 100, 10], 0.08, 15, 2);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let digits: Vec<Vec<u8>> = match idx::Dataset::load("mnist", idx::Split::Test) {
        Ok(data) => data
            .iter()
            .take(1000)
            .map(|(image, _)| image.to_vec())
            .collect(),
        Err(_) => {
            let mut byte = || {
                if rng.random_bool(0.19) {
                    rng.random()
                } else {
                    0
                }
            };
            (0..1000)
                .map(|_| (0..784).map(|_| byte()).collect())
                .collect()
        }
    };
    let image = packed(&network, "ulx3s-85f", &digits[..100]).unwrap();
    let reference = Reference::new(&image).unwrap();
    let start = std::time::Instant::now();
    let mut same = 0;
    let mut macs = 0;
    for digit in &digits {
        let outputs = reference.run(digit).unwrap();
        same += usize::from(outputs.argmax() == argmax(&network.forward(digit)));
        macs += outputs.macs.iter().sum::<u64>();
    }
    // Mostly the time of the float network; ten times this is ten thousand digits.
    println!(
        "{:?} for {} digits, {macs} MACs",
        start.elapsed(),
        digits.len()
    );
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    assert!(
        macs > 1_000_000 && same > 950,
        "{macs} MACs, {same} of 1000 digits as the float network"
    );
}

/// A network with hashed layers: a convolution, a hashed one of 1 x 1 over its map, a hashed layer that reads the map, and one
/// behind it; pools of `groups` parts.
fn hashed_network(groups: usize, seed: u64) -> Network {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let shape = |channels, side| Shape {
        channels,
        height: side,
        width: side,
    };
    let conv = |input: Shape, outputs, kernel| Operator::Conv {
        input,
        outputs,
        groups: 1,
        window: Window::valid([kernel; 2]),
    };
    let mut layer = |name: &str, operator: Operator, channels: Option<usize>, fan: usize| {
        let count = operator.weights().unwrap();
        let outputs = operator.biases();
        let gain = 2.0 / (fan as f32).sqrt();
        let codebook: Vec<f32> = (0..7).map(|_| gain * rng.random_range(-1.0..1.0)).collect();
        let mut values = |count: usize| Weights::Shared {
            codebook: codebook.clone(),
            codes: (0..count).map(|_| rng.random_range(0..=7)).collect(),
        };
        let weights = match channels {
            None => values(count),
            Some(channels) => Weights::Hashed(Hashed {
                outputs,
                inputs: count / outputs,
                channels,
                groups,
                pool: Box::new(values(48)),
            }),
        };
        Layer {
            name: name.into(),
            inputs: vec![0],
            operator,
            weights,
            bias: (0..outputs).map(|i| i as f32 / 100.0).collect(),
            activation: Activation::Relu,
            range: None,
        }
    };
    let dense = |inputs, outputs| Operator::Dense { inputs, outputs };
    let mut layers = vec![
        layer("conv", conv(shape(1, 10), 20, 3), None, 9),
        layer("mix", conv(shape(20, 8), 37, 1), Some(20), 20),
        layer("reduce", conv(shape(37, 8), 21, 5), None, 37 * 25),
        layer("hidden", dense(4 * 4 * 21, 30), Some(21), 16 * 21),
        layer("logits", dense(30, 10), Some(30), 30),
    ];
    layers[4].activation = Activation::None;
    Network {
        name: "hashed".into(),
        input: shape(1, 10),
        input_scale: 1.0 / 255.0,
        input_mean: vec![],
        frame: Frame::default(),
        head: Head::Logits,
        layers: Layer::in_sequence(layers),
        labels: Vec::new(),
        provenance: BTreeMap::new(),
    }
}

#[test]
fn a_hash_picks_the_weights_that_are_stored_without_one() {
    for (groups, seed) in [(1, 1), (4, 2), (16, 3)] {
        let network = hashed_network(groups, seed);
        let inputs = inputs(&network, 6, seed);
        let pack = |config: &str| packed(&network, config, &inputs).unwrap();
        let (hashed, stored) = (pack("ulx3s-85f-hashed"), pack("large"));
        let is_hashed = |image: &Image| image.passes.iter().filter(|p| p.descriptor.hashed).count();
        assert_eq!((is_hashed(&hashed), is_hashed(&stored)), (3, 0));
        let entries = |image: &Image| -> usize {
            let pes = image.passes.iter().flat_map(|pass| &pass.pes);
            pes.map(|pe| pe.entries).sum()
        };
        assert!(entries(&hashed) < entries(&stored));
        let bytes = hashed.to_bytes().unwrap();
        assert_eq!(Image::from_bytes(&bytes).unwrap(), hashed);
        let (a, b) = (
            Reference::new(&hashed).unwrap(),
            Reference::new(&stored).unwrap(),
        );
        for input in &inputs {
            let (a, b) = (a.run(input).unwrap(), b.run(input).unwrap());
            assert_eq!(a.logits, b.logits, "{groups} parts, seed {seed}");
            assert!(a.logits.iter().any(|&logit| logit != 0));
        }
        let target = hashed.check_target(Config::named("ulx3s-85f").unwrap());
        assert!(target.unwrap_err().to_string().contains("hash"));
    }
}

#[test]
fn filters_that_all_channels_have_are_stored_once() {
    let mut network = hashed_network(4, 4);
    let input = Shape {
        channels: 20,
        height: 8,
        width: 8,
    };
    let operator = Operator::Conv {
        input,
        outputs: 60,
        groups: 20,
        window: Window {
            kernel: [3, 3],
            stride: [1, 1],
            pads: [1; 4],
        },
    };
    let filter = |i: usize| ((i * 7 % 11) as f32 - 4.0) / 8.0;
    let weights = (0..20 * 27).map(|i| filter(i % 27)).collect();
    let basis = Layer {
        name: "basis".into(),
        inputs: vec![1],
        operator,
        weights: Weights::Float(weights),
        bias: vec![0.0; 60],
        activation: Activation::None,
        range: None,
    };
    let wider = hashed_network(4, 5);
    let mut mix = network.layers[1].clone();
    mix.operator = Operator::Conv {
        input: Shape {
            channels: 60,
            ..input
        },
        outputs: 37,
        groups: 1,
        window: Window::valid([1, 1]),
    };
    if let (Weights::Hashed(to), Weights::Hashed(from)) =
        (&mut mix.weights, &wider.layers[1].weights)
    {
        (to.inputs, to.channels) = (60, 60);
        to.pool.clone_from(&from.pool);
    }
    network.layers[1] = mix;
    network.layers.insert(1, basis);
    network.layers = Layer::in_sequence(network.layers);
    let inputs = inputs(&network, 4, 6);
    let hashed = packed(&network, "ulx3s-85f-hashed", &inputs).unwrap();
    let stored = packed(&network, "large", &inputs).unwrap();
    let repeats = |image: &Image| image.passes.iter().filter(|p| p.filters.is_some()).count();
    assert_eq!((repeats(&hashed), repeats(&stored)), (1, 0));
    let bytes = hashed.to_bytes().unwrap();
    assert_eq!(Image::from_bytes(&bytes).unwrap(), hashed);
    let mut plain = hashed.clone();
    plain.passes.iter_mut().for_each(|pass| pass.filters = None);
    let saved = plain.to_bytes().unwrap().len() - bytes.len();
    let streams = &hashed.passes[1].pes;
    let streams: usize = streams.iter().map(|pe| pe.bits).sum();
    assert!(saved > streams / 8 * 9 / 10, "{saved} of {}", streams / 8);
    for input in &inputs {
        assert_eq!(run(&hashed, input).logits, run(&stored, input).logits);
    }
    let mut wrong = hashed.clone();
    let filters = wrong.passes[1].filters.as_mut().unwrap();
    filters.codes[4] = None;
    assert!(wrong.check().unwrap_err().to_string().contains("filters"));
}

#[test]
fn unsound_hashed_passes_are_refused_by_name() {
    let network = hashed_network(4, 7);
    let inputs = inputs(&network, 2, 7);
    let image = packed(&network, "ulx3s-85f-hashed", &inputs).unwrap();
    let at = image.passes.iter().position(|pass| pass.descriptor.hashed);
    let at = at.unwrap();
    let refused = |what: &str, change: &dyn Fn(&mut crate::Pass)| {
        let mut bad = image.clone();
        change(&mut bad.passes[at]);
        let error = bad.check().unwrap_err().to_string();
        assert!(error.contains(what), "{what}: {error}");
    };
    refused("hash_lanes", &|p| p.descriptor.hash_lanes = 0);
    refused("hash_lanes", &|p| p.descriptor.hash_lanes = 17);
    refused("hash_rows", &|p| p.descriptor.hash_rows = 0);
    refused("hash_rows", &|p| {
        p.descriptor.hash_rows = p.descriptor.rows + 1
    });
    refused("hash_mask", &|p| p.descriptor.hash_mask = 2);
    refused("hash_mask", &|p| p.descriptor.hash_mask = 1);
    refused("hash_length", &|p| p.descriptor.hash_length = 0);
    refused("values of a pool", &|p| p.descriptor.hash_length -= 1);
    refused("columns of a hashed pass", &|p| {
        p.descriptor.col_base = u16::MAX
    });
    refused("codebook", &|p| p.codebook[1] += 1);
    refused("not hashed", &|p| p.descriptor.hashed = false);
    let mut plain = image.clone();
    plain.passes[0].descriptor.hash_rows = 1;
    assert!(plain.check().is_err());
}

#[test]
fn ranges_that_the_network_says_take_the_place_of_calibration() {
    let mut network = fire(true);
    for layer in &mut network.layers {
        layer.range = match layer.operator {
            // Keeps those of what it joins.
            Operator::Concat { .. } => None,
            _ => Some([0.0, 3.0]),
        };
    }
    let inputs = inputs(&network, 8, 2);
    let image = packed(&network, "ulx3s-85f", &[]).unwrap();
    let error_of = error(&network, &image, &inputs);
    assert!(error_of < 0.05, "{error_of}");
    // The last layer's values are whole sums.
    let last = network.layers.len() - 1;
    network.layers[last].range = None;
    assert_eq!(packed(&network, "ulx3s-85f", &[]).unwrap(), image);
    network.layers[1].range = None;
    let error = packed(&network, "ulx3s-85f", &[]).unwrap_err().to_string();
    assert!(
        error.contains("layer one") && error.contains("no calibration inputs"),
        "{error}"
    );
}

#[test]
fn a_range_that_the_network_says_limits_what_was_measured() {
    let mut network = random(&[20, 10, 5], 1.0, 15, 3);
    let inputs = inputs(&network, 20, 1);
    let free = packed(&network, "tiny", &inputs).unwrap();
    network.layers[0].range = Some([0.0, 1000.0]);
    assert_eq!(packed(&network, "tiny", &inputs).unwrap(), free);
    network.layers[0].range = Some([0.0, 0.01]);
    assert_ne!(packed(&network, "tiny", &inputs).unwrap(), free);
}

#[test]
fn every_stored_entry_is_counted_for_what_it_is() {
    // A sum adds the values of the layer before as they are.
    let shape = Shape {
        channels: 4,
        height: 9,
        width: 9,
    };
    let mut layers = vec![
        conv("first", 0, shape, 4, 3),
        conv("second", 1, shape, 4, 3),
    ];
    layers[1].activation = Activation::None;
    layers.push(Layer {
        name: "sum".into(),
        inputs: vec![1, 2],
        operator: Operator::Add { shape },
        weights: Weights::Float(vec![]),
        bias: vec![],
        activation: Activation::None,
        range: None,
    });
    let network = of_layers(shape, layers);
    let inputs = inputs(&network, 3, 1);
    let weights: u64 = network.layers[..2]
        .iter()
        .map(|l| l.weights.nonzeros() as u64)
        .sum();
    for (config, windows) in [("ulx3s-85f", false), ("tiny", true)] {
        let image = packed(&network, config, &inputs).unwrap();
        let sizes = image.sizes().unwrap();
        let sum = |get: fn(&crate::image::Size) -> u64| sizes.iter().map(get).sum::<u64>();
        assert_eq!(sum(|s| s.nonzeros), weights, "{config}");
        assert_eq!(
            sum(|s| s.parameters),
            network.parameters() as u64,
            "{config}"
        );
        assert!(sum(|s| s.copies) >= 4, "{config}");
        assert_eq!(sum(|s| s.repeated) > 0, windows, "{config}");
        let entries: usize = image
            .passes
            .iter()
            .flat_map(|p| &p.pes)
            .map(|pe| pe.entries)
            .sum();
        assert_eq!(sum(|s| s.stored() + s.padding), entries as u64, "{config}");
    }
}

#[test]
fn configurations_that_would_take_a_network_do() {
    let mut hints = 0;
    for seed in 0..40 {
        let network = crate::random::network(seed);
        let inputs = inputs(&network, 2, seed);
        let calibration: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
        let pack = |config: &Config| pack(&network, config, &calibration, &PackOptions::default());
        for config in CONFIGS {
            let others = match pack(config) {
                Err(PackError::Unsupported { others, .. } | PackError::TooLarge { others, .. }) => {
                    others
                }
                _ => continue,
            };
            let takes = |other: &&Config| {
                other.feature.is_none() && other.name != config.name && pack(other).is_ok()
            };
            let expected: Vec<&str> = CONFIGS
                .iter()
                .filter(takes)
                .map(|other| other.name)
                .collect();
            assert_eq!(others, expected, "seed {seed}, {}", config.name);
            hints += 1;
        }
    }
    assert!(hints > 20, "{hints}");
}

#[test]
fn behind_a_leaky_layer_a_codebook_may_be_full() {
    let mut network = random(&[30, 24, 20], 1.0, 15, 3);
    for slopes in [
        vec![0.2],
        (0..24)
            .map(|i| if i % 3 == 0 { -0.2 } else { 0.1 })
            .collect(),
    ] {
        network.layers[0].activation = Activation::Leaky(slopes);
        network.layers[1].weights = Weights::Shared {
            codebook: (1..=255).map(|i| (i as f32 - 128.4) / 255.0).collect(),
            codes: (0..480).map(|i| (i % 256) as u8).collect(),
        };
        let inputs = inputs(&network, 20, 3);
        for config in ["tiny", "solo", "ulx3s-85f"] {
            let image = packed(&network, config, &inputs).unwrap();
            let terms = error_of_terms(&network, &image, &inputs);
            assert!(terms < MOST_OF_TERMS, "{config}: {terms}");
        }
    }
}
