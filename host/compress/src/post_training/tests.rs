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
