//! Tests of what is known of values.

use super::*;
use std::collections::BTreeMap;
use thresh_model::{Activation, Frame, Head, Layer, Operator, Weights, Window};

/// One channel of 2 x 2 with a marked frame of one position above, a convolution of 2 x 1 that keeps the image, ReLU.
fn network() -> Network {
    let input = Shape {
        channels: 2,
        height: 3,
        width: 2,
    };
    Network {
        name: "test".into(),
        input: Shape {
            channels: 1,
            height: 2,
            width: 2,
        },
        input_scale: 0.5,
        input_mean: vec![],
        frame: Frame {
            pads: [1, 0, 0, 0],
            marked: true,
        },
        layers: vec![Layer {
            name: "conv".into(),
            inputs: vec![0],
            operator: Operator::Conv {
                input,
                outputs: 1,
                groups: 1,
                window: Window::valid([2, 1]),
            },
            weights: Weights::Float(vec![0.0, 1.0, 0.0, 0.0]),
            bias: vec![-3.0],
            activation: Activation::Relu,
            range: None,
        }],
        head: Head::Logits,
        labels: vec![],
        provenance: BTreeMap::new(),
    }
}

#[test]
fn inputs_are_measured() {
    let statistics = Statistics::measured(&network(), &[&[2, 4, 6, 8], &[10, 4, 6, 16]]);
    assert_eq!(statistics.inputs(), 2);
    // The frame first: 0, marked by 255 x 0.5.
    let input = statistics.value(0);
    assert_eq!(
        input.mean,
        [
            0.0, 127.5, 0.0, 127.5, 3.0, 0.0, 2.0, 0.0, 3.0, 0.0, 6.0, 0.0
        ]
    );
    assert_eq!(input.variance[4], 4.0);
    assert_eq!(statistics.most(0), [8.0, 127.5]);
    // 1, 2, 3, 4 and 5, 2, 3, 8, less 3, from 0 on.
    assert_eq!(statistics.value(1).mean, [1.0, 0.0, 0.0, 3.0]);
    assert_eq!(statistics.most(1), [5.0]);
    let [variance] = statistics.value(1).channel_variances(1)[..] else {
        panic!("one channel")
    };
    assert_eq!(variance, (4.0 + 1.0 + 25.0) / 8.0 - 1.0);
}

#[test]
fn the_mean_that_a_network_says_holds_inside_the_frame() {
    let mut network = network();
    let statistics = Statistics::estimated(&network);
    assert_eq!(statistics.with_input_mean(&network), statistics);
    network.input_mean = vec![7.0, 0.0];
    let statistics = statistics.with_input_mean(&network);
    let expected = [
        0.0, 127.5, 0.0, 127.5, 7.0, 0.0, 7.0, 0.0, 7.0, 0.0, 7.0, 0.0,
    ];
    assert_eq!(statistics.value(0).mean, expected);
}

#[test]
fn many_inputs_are_represented_by_some() {
    let images: Vec<[u8; 4]> = (0..1000u32).map(|i| [(i / 4) as u8; 4]).collect();
    let images: Vec<&[u8]> = images.iter().map(|image| &image[..]).collect();
    let statistics = Statistics::measured(&network(), &images);
    assert_eq!(statistics.inputs(), MOST_INPUTS);
    assert!((statistics.value(0).mean[4] - 62.5).abs() < 0.5);
    assert_eq!(Statistics::measured(&network(), &[]).inputs(), 0);
}

#[test]
fn estimates_are_near_what_is_measured_on_random_inputs() {
    use thresh_model::random;
    let mut network = network();
    network.frame = Frame::default();
    network.input = Shape {
        channels: 8,
        height: 4,
        width: 4,
    };
    let operator = Operator::Conv {
        input: network.input,
        outputs: 4,
        groups: 1,
        window: Window::valid([3, 3]),
    };
    let outputs = Operator::Dense {
        inputs: 16,
        outputs: 2,
    };
    let layer = |operator: Operator, inputs, activation| Layer {
        name: format!("{inputs:?}"),
        inputs,
        weights: Weights::Float(vec![0.0; operator.weights().unwrap()]),
        bias: vec![0.0; operator.biases()],
        operator,
        activation,
        range: None,
    };
    network.layers = vec![
        layer(operator, vec![0], Activation::Relu),
        layer(outputs, vec![1], Activation::None),
    ];
    random::weights(&mut network, 3);
    let inputs = random::inputs(network.input, 200, 1);
    let images: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    let (measured, estimated) = (
        Statistics::measured(&network, &images),
        Statistics::estimated(&network),
    );
    let deviations = |s: &Statistics| -> Vec<f64> {
        let variances = s.value(1).channel_variances(4);
        variances.iter().map(|variance| variance.sqrt()).collect()
    };
    let most = |s: &Statistics| -> Vec<f64> { s.most(1).iter().map(|&most| most.into()).collect() };
    let lists: [fn(&Statistics) -> Vec<f64>; 2] = [deviations, most];
    for list in lists {
        let (measured, estimated) = (list(&measured), list(&estimated));
        // Channels that are nearly silent do not count.
        let little = 0.05 * measured.iter().copied().fold(0.0, f64::max);
        for (measured, estimated) in measured.iter().zip(&estimated) {
            let times = (estimated + little) / (measured + little);
            assert!(
                (0.4..2.5).contains(&times),
                "{measured} measured, {estimated} estimated"
            );
        }
    }
}
