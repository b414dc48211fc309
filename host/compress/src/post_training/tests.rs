//! Tests of compression without retraining.

use super::share::{SAMPLE, shared};
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use thresh_model::network::{Activation, Frame, Head, Operator, Shape, Window};

/// A convolution, a layer that scales, a mean, a fully connected layer.
fn network(values: impl Fn(usize) -> f32) -> Network {
    let shape = |channels, height, width| Shape {
        channels,
        height,
        width,
    };
    let map = shape(4, 5, 5);
    let layer = |name: &str, operator: Operator| {
        let count = operator.weights().unwrap();
        Layer {
            name: name.into(),
            inputs: vec![],
            weights: Weights::Float((0..count).map(&values).collect()),
            bias: vec![0.5; operator.biases()],
            operator,
            activation: Activation::None,
            range: None,
        }
    };
    let conv = |input, groups, kernel| Operator::Conv {
        input,
        outputs: 4,
        groups,
        window: Window::valid(kernel),
    };
    let whole = Operator::AveragePool {
        input: map,
        window: Window::whole([5, 5]),
        excluded: [0; 4],
    };
    Network {
        name: "test".into(),
        input: shape(2, 7, 7),
        input_scale: 1.0,
        input_mean: vec![],
        frame: Frame::default(),
        layers: Layer::in_sequence([
            layer("conv", conv(shape(2, 7, 7), 1, [3, 3])),
            layer("scale", conv(map, 4, [1, 1])),
            layer("mean", whole),
            layer(
                "fc",
                Operator::Dense {
                    inputs: 4,
                    outputs: 10,
                },
            ),
        ]),
        head: Head::Logits,
        labels: vec![],
        provenance: BTreeMap::new(),
    }
}

fn nonzeros(network: &Network) -> Vec<usize> {
    network
        .layers
        .iter()
        .map(|layer| layer.weights.nonzeros())
        .collect()
}

#[test]
fn the_largest_weights_stay_in_each_layer() {
    let network = network(|i| {
        if i % 2 == 0 {
            i as f32 + 1.0
        } else {
            -(i as f32) - 1.0
        }
    });
    let options = PostTraining {
        keep: vec![0.25],
        ..Default::default()
    };
    let small = compress_after_training(&network, &options).unwrap();
    assert_eq!(nonzeros(&small), [18, 4, 0, 10]);
    let dense = small.layers[3].weights.to_dense();
    assert_eq!(dense[..30], [0.0; 30]);
    assert_eq!(dense[30..], network.layers[3].weights.to_dense()[30..]);
    assert_eq!(small.layers[0].bias, network.layers[0].bias);
    assert_eq!(small.provenance["post-training"], "keep=0.25");
    let each = PostTraining {
        keep: vec![1.0, 0.0],
        ..Default::default()
    };
    assert_eq!(
        nonzeros(&compress_after_training(&network, &each).unwrap()),
        [72, 4, 0, 0]
    );
}

#[test]
fn one_share_of_all_weights_takes_from_layers_of_small_ones() {
    // Magnitudes 1 to 72 in the convolution, 1 to 40 in the fully connected layer.
    let network = network(|i| i as f32 + 1.0);
    let options = PostTraining {
        keep: vec![0.5],
        global: true,
        bits: None,
    };
    let small = compress_after_training(&network, &options).unwrap();
    // 56 of 112 stay: 41 to 72 of the one, 29 to 40 of both.
    assert_eq!(nonzeros(&small), [44, 4, 0, 12]);
    assert_eq!(nonzeros(&small).iter().sum::<usize>(), 56 + 4);
}

#[test]
fn equal_weights_are_counted_out() {
    let network = network(|_| 0.5);
    let options = PostTraining {
        keep: vec![0.4],
        global: true,
        bits: Some(2),
    };
    let small = compress_after_training(&network, &options).unwrap();
    assert_eq!(nonzeros(&small), [45, 4, 0, 0]);
    assert_eq!(small.provenance["post-training"], "keep=0.4 global bits=2");
    let shared = |layer: &Layer| matches!(&layer.weights, Weights::Shared { codebook, .. } if codebook.len() <= 3);
    assert!(shared(&small.layers[0]) && shared(&small.layers[1]) && shared(&small.layers[3]));
    assert!(small.layers[2].weights.is_empty());
}

#[test]
fn many_weights_are_represented_by_some() {
    let values: Vec<f32> = (0..3 * SAMPLE)
        .map(|i| if i % 3 == 0 { -1.0 } else { 2.0 })
        .collect();
    let Weights::Shared { codebook, codes } = shared(&values, &[], 15) else {
        panic!("shared")
    };
    assert_eq!(codebook, [-1.0, 2.0]);
    assert_eq!(codes[..6], [1, 2, 2, 1, 2, 2]);
}

#[test]
fn impossible_options_are_refused() {
    let network = network(|i| i as f32);
    let says = |keep: Vec<f64>, global: bool, bits: Option<u32>, part: &str| {
        let options = PostTraining { keep, global, bits };
        let text = compress_after_training(&network, &options)
            .unwrap_err()
            .to_string();
        assert!(text.contains(part), "{text}");
    };
    says(vec![1.5], false, None, "each 0 to 1");
    says(vec![f64::NAN], false, None, "each 0 to 1");
    says(vec![0.5; 3], false, None, "one for each of 2 layers");
    says(vec![0.5; 2], true, None, "one share");
    says(vec![], true, None, "one share");
    says(vec![], false, Some(0), "1 to 8");
    says(vec![], false, Some(9), "1 to 8");
}

proptest! {
    #[test]
    fn a_share_stays_and_what_stays_is_larger(
        values in prop::collection::vec(-1.0f32..1.0, 116),
        share in 0.0f64..=1.0,
        bits in 1u32..=8,
    ) {
        let network = network(|i| values[i % values.len()]);
        let options = PostTraining { keep: vec![share], global: false, bits: None };
        let pruned = compress_after_training(&network, &options).unwrap();
        for index in [0, 3] {
            let (before, after) = (&network.layers[index].weights, &pruned.layers[index].weights);
            let kept = (share * before.len() as f64).round() as usize;
            prop_assert!(after.nonzeros() <= kept);
            let largest_gone = (0..before.len())
                .filter(|&i| after.get(i) == 0.0)
                .map(|i| before.get(i).abs())
                .fold(0.0, f32::max);
            prop_assert!((0..after.len()).all(|i| after.get(i) == 0.0 || after.get(i).abs() >= largest_gone));
        }
        let shared = compress_after_training(&pruned, &PostTraining { bits: Some(bits), ..Default::default() }).unwrap();
        prop_assert_eq!(nonzeros(&shared)[0], nonzeros(&pruned)[0]);
        let distinct = |layer: &Layer| match &layer.weights {
            Weights::Shared { codebook, .. } => codebook.len(),
            _ => usize::MAX,
        };
        prop_assert!(shared.layers.iter().filter(|l| !l.bias.is_empty()).all(|l| distinct(l) < 1 << bits));
    }
}

/// Random weights of a few layers behind a marked frame, as the importer makes them where the input has a mean.
fn framed() -> Network {
    let mut network = network(|_| 0.0);
    thresh_model::random::weights(&mut network, 5);
    network.input = Shape {
        channels: 1,
        height: 5,
        width: 5,
    };
    network.input_mean = vec![0.6, 0.0];
    network.input_scale = 1.0 / 255.0;
    network.frame = Frame {
        pads: [1; 4],
        marked: true,
    };
    let Layer { weights, bias, .. } = &mut network.layers[0];
    let Weights::Float(weights) = weights else {
        panic!("floats")
    };
    // The mean is taken away inside, and given back by the mark.
    for (row, bias) in weights.chunks_exact_mut(18).zip(bias) {
        let (image, mark) = row.split_at_mut(9);
        *bias = -0.6 * image.iter().sum::<f32>();
        mark.iter_mut()
            .zip(image)
            .for_each(|(mark, weight)| *mark = 0.6 * *weight);
    }
    network
}

#[test]
fn the_first_layer_answers_the_mean_of_the_input_as_before() {
    let network = framed();
    network.check().unwrap();
    for options in [
        PostTraining {
            bits: Some(2),
            ..Default::default()
        },
        PostTraining {
            keep: vec![0.5],
            bits: Some(3),
            ..Default::default()
        },
        PostTraining {
            keep: vec![0.3],
            ..Default::default()
        },
    ] {
        let small = compress_after_training(&network, &options).unwrap();
        assert_ne!(small.layers[0].weights, network.layers[0].weights);
        // The image is its mean everywhere: inside nothing is left of it, whatever the weights are.
        let map = network.value(0);
        let mut values: Vec<f32> = vec![0.0; map.len()];
        for (at, position) in values.chunks_exact_mut(2).enumerate() {
            let (y, x) = (at / map.width, at % map.width);
            let inside = (1..6).contains(&y) && (1..6).contains(&x);
            position.copy_from_slice(if inside { &[0.6, 0.0] } else { &[0.0, 1.0] });
        }
        let sums = |network: &Network| network.prepare().values(values.clone())[1].clone();
        let (before, after) = (sums(&network), sums(&small));
        assert!(before.iter().all(|sum| sum.abs() < 1e-5), "{before:?}");
        // 5 x 5 positions of 4 channels: in the mean over them nothing is lost.
        for channel in 0..4 {
            let mean = after.iter().skip(channel).step_by(4).sum::<f32>() / 25.0;
            assert!(mean.abs() < 1e-5, "channel {channel}: {mean}");
        }
    }
}

#[test]
fn means_of_all_layers_stay_on_what_was_measured() {
    use thresh_model::random::inputs;
    let mut network = network(|_| 0.0);
    thresh_model::random::weights(&mut network, 7);
    network.input_scale = 1.0 / 255.0;
    network.layers[0].activation = Activation::Relu;
    let images = inputs(network.input, 40, 3);
    let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
    let statistics = Statistics::measured(&network, &images);
    let options = PostTraining {
        bits: Some(3),
        ..Default::default()
    };
    let small = compress_with(&network, &options, &statistics).unwrap();
    // Each layer by itself, with what the layers before it really give.
    for index in [0, 1, 3] {
        let mut one = network.clone();
        one.layers[index] = small.layers[index].clone();
        one.layers[index].activation = Activation::None;
        let mut float = network.clone();
        float.layers[index].activation = Activation::None;
        let channels = network.value(index + 1).channels;
        let mut sums = vec![0.0f64; channels];
        for image in &images {
            let value = |network: &Network| network.prepare().forward(image)[index + 1].clone();
            for (at, (a, b)) in value(&one).iter().zip(value(&float)).enumerate() {
                sums[at % channels] += f64::from(a - b) / images.len() as f64;
            }
        }
        assert!(
            sums.iter().all(|sum| sum.abs() < 1e-4),
            "layer {index}: {sums:?}"
        );
    }
}

#[test]
fn inputs_that_go_together_take_up_each_others_errors() {
    use thresh_model::random::inputs;
    let mut network = network(|_| 0.0);
    thresh_model::random::weights(&mut network, 11);
    network.input_scale = 1.0 / 255.0;
    // Pictures that are smooth: neighbours are nearly equal.
    let smooth = |seed: u64| -> Vec<Vec<u8>> {
        let noise = inputs(network.input, 60, seed);
        let blurred = noise.iter().map(|image| {
            let length = image.len();
            let mean = |at: usize| {
                (0..24)
                    .map(|k| u32::from(image[(at + 2 * k) % length]))
                    .sum::<u32>()
                    / 24
            };
            (0..length)
                .map(|at| ((mean(at) as i32 - 128) * 4 + 128).clamp(0, 255) as u8)
                .collect()
        });
        blurred.collect()
    };
    let (known, new) = (smooth(1), smooth(2));
    let known: Vec<&[u8]> = known.iter().map(Vec::as_slice).collect();
    let error = |statistics: &Statistics, options: &PostTraining| {
        let small = compress_with(&network, options, statistics).unwrap();
        let mut sum = 0.0;
        for image in &new {
            let value = |network: &Network| network.prepare().forward(image)[1].clone();
            let (a, b) = (value(&small), value(&network));
            sum += a
                .iter()
                .zip(b)
                .map(|(a, b)| f64::from(a - b).powi(2))
                .sum::<f64>();
        }
        sum
    };
    let measured = Statistics::measured(&network, &known);
    let estimated = Statistics::estimated(&network);
    for options in [
        PostTraining {
            bits: Some(3),
            ..Default::default()
        },
        PostTraining {
            keep: vec![0.6],
            ..Default::default()
        },
    ] {
        let (with, without) = (error(&measured, &options), error(&estimated, &options));
        println!("{options:?}: {with} with inputs, {without} without");
        assert!(with < 0.5 * without, "{options:?}: {with} of {without}");
    }
}

#[test]
fn few_different_values_stay_as_they_are() {
    let network = network(|i| [0.1, -0.7, 0.0, 3.0, 0.11][i % 5]);
    let options = PostTraining {
        bits: Some(3),
        ..Default::default()
    };
    let small = compress_after_training(&network, &options).unwrap();
    for (small, layer) in small.layers.iter().zip(&network.layers) {
        assert_eq!(small.weights.to_dense(), layer.weights.to_dense());
        assert_eq!(small.bias, layer.bias);
    }
    // 255 equal steps in 8 bits.
    let steps: Vec<f32> = (-127..=127).map(|step| step as f32 * 0.0123).collect();
    let Weights::Shared { codebook, .. } = shared(&steps, &[], 255) else {
        panic!("shared")
    };
    assert_eq!(codebook.len(), 254);
    assert!(codebook.iter().all(|value| steps.contains(value)));
}
