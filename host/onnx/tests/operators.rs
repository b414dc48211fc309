//! Every operator, against an independent runtime.

mod common;

use common::{Model, float, floats, int, ints, tensor, text};
use thresh_model::{Activation, Head, Operator, Shape};
use thresh_onnx::ImportOptions;
use thresh_onnx::proto::{TensorProto, data_type};

#[test]
fn convolutions() {
    type Case<'a> = (&'a [i64], Vec<thresh_onnx::proto::AttributeProto>);
    let cases: Vec<Case<'_>> = vec![
        (&[5, 4, 3, 3], vec![]),
        (
            &[5, 4, 3, 2],
            vec![ints("pads", &[1, 0, 2, 1]), ints("strides", &[2, 1])],
        ),
        (
            &[5, 4, 1, 5],
            vec![ints("kernel_shape", &[1, 5]), ints("strides", &[1, 3])],
        ),
        (
            &[4, 1, 3, 3],
            vec![int("group", 4), ints("pads", &[1, 1, 1, 1])],
        ),
        (&[12, 1, 3, 3], vec![int("group", 4)]),
        (
            &[6, 2, 2, 2],
            vec![int("group", 2), ints("strides", &[2, 2])],
        ),
        (
            &[3, 4, 3, 4],
            vec![text("auto_pad", "SAME_UPPER"), ints("strides", &[2, 2])],
        ),
        (&[3, 4, 2, 4], vec![text("auto_pad", "SAME_UPPER")]),
        (&[3, 4, 2, 4], vec![text("auto_pad", "VALID")]),
        (
            &[3, 4, 2, 2],
            vec![text("auto_pad", "NOTSET"), ints("pads", &[0, 1, 1, 0])],
        ),
    ];
    for (seed, (kernel, attributes)) in cases.into_iter().enumerate() {
        let mut m = Model::new(&[-1, 4, 9, 8], seed as u64);
        let o = m.conv("x", kernel, &attributes);
        m.is_right(&o);
    }
    // The other runtime takes this mode for SAME_UPPER.
    let mut m = Model::new(&[1, 2, 7, 7], 1);
    let o = m.conv("x", &[3, 2, 2, 4], &[text("auto_pad", "SAME_LOWER")]);
    let network = thresh_onnx::import_bytes(m.bytes(&o), &ImportOptions::default()).unwrap();
    let Operator::Conv { window, .. } = &network.layers[0].operator else {
        panic!("a convolution")
    };
    assert_eq!(window.pads, [1, 2, 0, 1]);
    let mut m = Model::new(&[1, 2, 7, 7], 1);
    let o = m.conv("x", &[3, 3, 3, 3], &[]);
    m.is_refused(&o, "shape of the weights");
    let mut m = Model::new(&[1, 2, 2, 2], 1);
    let o = m.conv("x", &[3, 2, 3, 3], &[]);
    m.is_refused(&o, "a place on a map of [2, 2]");
}

#[test]
fn convolutions_of_a_line() {
    for attributes in [vec![], vec![ints("pads", &[2, 1]), ints("strides", &[2])]] {
        let mut m = Model::new(&[1, 3, 20], 2);
        let c = m.conv("x", &[6, 3, 5], &attributes);
        let r = m.node("Relu", &[&c], &[]);
        let p = m.node(
            "MaxPool",
            &[&r],
            &[ints("kernel_shape", &[2]), ints("strides", &[2])],
        );
        let c = m.conv(&p, &[6, 1, 3], &[int("group", 6)]);
        let f = m.node("Flatten", &[&c], &[]);
        let length = if attributes.is_empty() { 36 } else { 18 };
        let w = m.random(&[length, 4]);
        let o = m.node("MatMul", &[&f, &w], &[]);
        let network = m.is_right(&o);
        assert_eq!(
            network.input,
            Shape {
                channels: 3,
                height: 1,
                width: 20
            }
        );
    }
}

#[test]
fn fully_connected_layers() {
    for (by_output, bias) in [(0, &[5][..]), (1, &[1, 5]), (0, &[1]), (1, &[])] {
        let mut m = Model::new(&[-1, 7], 3);
        let w = m.random(if by_output == 1 { &[5, 7] } else { &[7, 5] });
        let c = m.random(bias);
        let attributes = [
            int("transB", by_output),
            float("alpha", 0.7),
            float("beta", -1.5),
        ];
        let o = m.node("Gemm", &["x", &w, &c], &attributes);
        let network = m.is_right(&o);
        assert_eq!(network.layers.len(), 1);
    }
    let mut m = Model::new(&[-1, 7], 3);
    let (w, c) = (m.random(&[7, 5]), m.random(&[5]));
    let p = m.node("MatMul", &["x", &w], &[]);
    let o = m.node("Add", &[&c, &p], &[]);
    assert_eq!(m.is_right(&o).layers.len(), 1);
    let mut m = Model::new(&[7, 1], 3);
    let (w, c) = (m.random(&[7, 5]), m.random(&[5]));
    let o = m.node("Gemm", &["x", &w, &c], &[int("transA", 1)]);
    m.is_refused(&o, "transA is 1");
    // A constant that an exporter turns.
    let mut m = Model::new(&[-1, 7], 3);
    let w = m.random(&[5, 7]);
    let t = m.node("Transpose", &[&w], &[ints("perm", &[1, 0])]);
    let o = m.node("MatMul", &["x", &t], &[]);
    m.is_right(&o);
}

#[test]
fn a_matrix_on_every_position_is_a_convolution() {
    let mut m = Model::new(&[1, 4, 5, 3], 4);
    let t = m.node("Transpose", &["x"], &[ints("perm", &[0, 2, 3, 1])]);
    let (w, c) = (m.random(&[4, 6]), m.random(&[6]));
    let p = m.node("MatMul", &[&t, &w], &[]);
    let a = m.node("Add", &[&p, &c], &[]);
    let o = m.node("Transpose", &[&a], &[ints("perm", &[0, 3, 1, 2])]);
    assert_eq!(m.is_right(&o).layers.len(), 1);
}

#[test]
fn sums() {
    let mut m = Model::new(&[1, 3, 6, 5], 5);
    let a = m.conv("x", &[4, 3, 3, 3], &[]);
    let b = m.conv("x", &[4, 3, 3, 3], &[]);
    let s = m.node("Add", &[&a, &b], &[]);
    let r = m.node("Relu", &[&s], &[]);
    let t = m.node("Sum", &[&r, &a, &b], &[]);
    let u = m.node("Add", &[&t, &t], &[]);
    let o = m.node("Sub", &[&u, &a], &[]);
    m.is_right(&o);
    // The input itself, with and without a mean.
    let mut m = Model::new(&[1, 3, 6, 5], 5);
    let a = m.conv("x", &[3, 3, 3, 3], &[ints("pads", &[1, 1, 1, 1])]);
    let o = m.node("Add", &[&a, "x"], &[]);
    assert_eq!(m.is_right(&o).layers.len(), 2);
    let options = ImportOptions {
        mean: vec![0.3],
        ..Default::default()
    };
    assert_eq!(m.agrees(&o, &options).layers.len(), 3);
    let mut m = Model::new(&[1, 3, 6, 5], 5);
    let a = m.conv("x", &[3, 3, 1, 1], &[]);
    let b = m.conv("x", &[3, 3, 6, 5], &[]);
    let o = m.node("Add", &[&a, &b], &[]);
    m.is_refused(&o, "two maps of one shape");
}

fn normalized(m: &mut Model, input: &str, channels: i64) -> String {
    let parts = [(0.5, 1.5), (-0.5, 0.5), (-0.5, 0.5), (0.3, 2.0)];
    let p = parts.map(|(from, to)| m.between(&[channels], from, to));
    let inputs = [input, &p[0], &p[1], &p[2], &p[3]];
    m.node("BatchNormalization", &inputs, &[float("epsilon", 1e-3)])
}

#[test]
fn normalisation_goes_into_the_layer_before_it() {
    let mut m = Model::new(&[1, 3, 6, 5], 6);
    let c = m.conv("x", &[4, 3, 3, 3], &[]);
    let n = normalized(&mut m, &c, 4);
    let d = m.conv(&n, &[8, 1, 3, 3], &[int("group", 4)]);
    let n = normalized(&mut m, &d, 8);
    let f = m.node("Flatten", &[&n], &[]);
    let (w, b) = (m.random(&[16, 6]), m.random(&[6]));
    let g = m.node("Gemm", &[&f, &w, &b], &[]);
    let o = normalized(&mut m, &g, 6);
    assert_eq!(m.is_right(&o).layers.len(), 3);
}

#[test]
fn normalisation_that_cannot_is_a_layer() {
    let mut m = Model::new(&[1, 3, 6, 5], 6);
    let c = m.conv("x", &[4, 3, 3, 3], &[]);
    let r = m.node("Relu", &[&c], &[]);
    let n = normalized(&mut m, &r, 4);
    // Read twice, so that the convolution must stay as it is.
    let d = m.conv(&n, &[4, 4, 1, 1], &[]);
    let e = normalized(&mut m, &d, 4);
    let o = m.node("Add", &[&d, &e], &[]);
    let network = m.is_right(&o);
    let depthwise = |o: &Operator| matches!(o, Operator::Conv { groups: 4, window, .. } if window.kernel == [1, 1]);
    let count = network
        .layers
        .iter()
        .filter(|l| depthwise(&l.operator))
        .count();
    // The first one goes into the convolution behind it.
    assert_eq!((network.layers.len(), count), (4, 1));
    // Of the input: into the first layer.
    let mut m = Model::new(&[1, 3, 6, 5], 6);
    let n = normalized(&mut m, "x", 3);
    let o = m.conv(&n, &[4, 3, 3, 3], &[ints("pads", &[1, 1, 1, 1])]);
    let network = m.is_right(&o);
    assert!(network.layers.len() == 1 && network.frame.marked);
}

#[test]
fn activations() {
    let clip = |low: &[f32], high: &[f32]| {
        let mut m = Model::new(&[1, 2, 5, 5], 7);
        let c = m.conv("x", &[4, 2, 3, 3], &[]);
        let low = if low.is_empty() {
            String::new()
        } else {
            m.floats(&[], low.to_vec())
        };
        let high = if high.is_empty() {
            String::new()
        } else {
            m.floats(&[], high.to_vec())
        };
        let o = m.node("Clip", &[&c, &low, &high], &[]);
        (m, o)
    };
    let activation = |(mut m, o): (Model, String)| {
        let network = m.is_right(&o);
        assert_eq!(network.layers.len(), 1);
        network.layers[0].activation.clone()
    };
    assert_eq!(activation(clip(&[0.0], &[0.5])), Activation::Clipped(0.5));
    assert_eq!(activation(clip(&[0.0], &[])), Activation::Relu);
    assert_eq!(activation(clip(&[0.0], &[f32::MAX])), Activation::Relu);

    let single = |op: &str, attributes: &[_], opset| {
        let mut m = Model::new(&[1, 2, 5, 5], 7);
        m.opset = opset;
        let c = m.conv("x", &[4, 2, 3, 3], &[]);
        let o = m.node(op, &[&c], attributes);
        (m, o)
    };
    assert_eq!(activation(single("Relu", &[], 17)), Activation::Relu);
    assert_eq!(
        activation(single("LeakyRelu", &[], 17)),
        Activation::Leaky(vec![0.01])
    );
    let steep = [float("alpha", 0.3)];
    assert_eq!(
        activation(single("LeakyRelu", &steep, 17)),
        Activation::Leaky(vec![0.3])
    );
    for slopes in [&[4, 1, 1][..], &[1, 4, 1, 1], &[1], &[1, 1, 1]] {
        let mut m = Model::new(&[1, 2, 5, 5], 7);
        let c = m.conv("x", &[4, 2, 3, 3], &[]);
        let s = m.random(slopes);
        let o = m.node("PRelu", &[&c, &s], &[]);
        let count = slopes.iter().product::<i64>() as usize;
        assert!(matches!(activation((m, o)), Activation::Leaky(s) if s.len() == count));
    }
    for first in [false, true] {
        let mut m = Model::new(&[1, 2, 5, 5], 7);
        let c = m.conv("x", &[4, 2, 3, 3], &[]);
        let zero = m.floats(&[], vec![0.0]);
        let o = m.node(
            "Max",
            &if first { [&zero, &c] } else { [&c, &zero] }.map(|n| n.as_str()),
            &[],
        );
        assert_eq!(activation((m, o)), Activation::Relu);
    }
}

#[test]
fn limits_as_attributes() {
    // The other runtime knows no such old version.
    let mut m = Model::new(&[1, 2, 5, 5], 7);
    m.opset = 6;
    let c = m.conv("x", &[4, 2, 3, 3], &[]);
    let o = m.node("Clip", &[&c], &[float("min", 0.0), float("max", 6.0)]);
    let bytes = m.bytes(&o);
    let network = thresh_onnx::import_bytes(bytes, &ImportOptions::default()).unwrap();
    assert_eq!(network.layers[0].activation, Activation::Clipped(6.0));
    assert_eq!(network.provenance["opset"], "6");
}

#[test]
fn activations_of_what_others_read_are_layers() {
    let mut m = Model::new(&[1, 2, 5, 5], 8);
    let c = m.conv("x", &[4, 2, 3, 3], &[]);
    let r = m.node("Relu", &[&c], &[]);
    let i = m.node("Identity", &[&c], &[]);
    let l = m.node("LeakyRelu", &[&i], &[float("alpha", 0.2)]);
    let a = m.node("Add", &[&r, &l], &[]);
    let l = m.node("LeakyRelu", &[&a], &[]);
    let six = m.floats(&[], vec![0.4]);
    let zero = m.floats(&[], vec![0.0]);
    let c = m.node("Clip", &[&l, &zero, &six], &[]);
    let r = m.node("Relu", &[&c], &[]);
    let o = m.node("LeakyRelu", &[&r], &[]);
    m.is_right(&o);
    let mut m = Model::new(&[1, 2, 5, 5], 8);
    let r = m.node("Relu", &["x"], &[]);
    let o = m.conv(&r, &[4, 2, 3, 3], &[]);
    let options = ImportOptions {
        mean: vec![0.5, 0.2],
        ..Default::default()
    };
    assert_eq!(m.agrees(&o, &options).layers.len(), 2);
}

#[test]
fn pooling() {
    let cases = [
        vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])],
        vec![
            ints("kernel_shape", &[3, 2]),
            ints("strides", &[1, 2]),
            ints("pads", &[1, 0, 1, 1]),
        ],
        vec![
            ints("kernel_shape", &[3, 3]),
            ints("strides", &[2, 2]),
            int("ceil_mode", 1),
        ],
        vec![
            ints("kernel_shape", &[2, 2]),
            ints("strides", &[2, 2]),
            ints("pads", &[1, 1, 1, 1]),
            int("ceil_mode", 1),
        ],
        vec![
            ints("kernel_shape", &[3, 3]),
            ints("strides", &[2, 2]),
            text("auto_pad", "SAME_UPPER"),
        ],
        vec![ints("kernel_shape", &[5, 7])],
    ];
    for attributes in &cases {
        for size in [[7, 8], [8, 9], [9, 7]] {
            let mut m = Model::new(&[1, 3, size[0], size[1]], 9);
            let c = m.conv("x", &[4, 3, 1, 1], &[]);
            let o = m.node("MaxPool", &[&c], attributes);
            m.is_right(&o);
        }
    }
    for attributes in [
        vec![ints("kernel_shape", &[2, 3]), ints("strides", &[2, 1])],
        vec![
            ints("kernel_shape", &[3, 3]),
            ints("pads", &[1, 1, 1, 1]),
            int("count_include_pad", 1),
        ],
    ] {
        let mut m = Model::new(&[1, 3, 8, 7], 9);
        let o = m.node("AveragePool", &["x"], &attributes);
        m.is_right(&o);
    }
}

#[test]
fn means_over_all_positions() {
    for keep in [0, 1] {
        for last in [false, true] {
            let mut m = Model::new(&[1, 3, 6, 5], 10);
            m.opset = if last { 18 } else { 13 };
            let mut c = m.conv("x", &[4, 3, 2, 2], &[]);
            let mut axes = vec![2, 3];
            if last {
                c = m.node("Transpose", &[&c], &[ints("perm", &[0, 2, 3, 1])]);
                axes = vec![-2, 1];
            }
            let p = if last {
                let axes = m.ints(&axes);
                m.node("ReduceMean", &[&c, &axes], &[int("keepdims", keep)])
            } else {
                m.node(
                    "ReduceMean",
                    &[&c],
                    &[ints("axes", &axes), int("keepdims", keep)],
                )
            };
            let f = if keep == 1 {
                m.node("Flatten", &[&p], &[])
            } else {
                p
            };
            let (w, b) = (m.random(&[4, 3]), m.random(&[3]));
            let o = m.node("Gemm", &[&f, &w, &b], &[]);
            m.is_right(&o);
        }
    }
    for op in ["GlobalAveragePool", "GlobalMaxPool"] {
        let mut m = Model::new(&[1, 3, 6, 5], 10);
        let o = m.node(op, &["x"], &[]);
        m.is_right(&o);
    }
}

/// A convolution, then `shape` on its map of 4 x 5 x 3, then a fully connected layer.
fn flattened(shape: impl Fn(&mut Model, &str) -> String) -> (Model, String) {
    let mut m = Model::new(&[-1, 2, 6, 4], 11);
    let c = m.conv("x", &[4, 2, 2, 2], &[]);
    let f = shape(&mut m, &c);
    let (w, b) = (m.random(&[60, 3]), m.random(&[3]));
    let o = m.node("Gemm", &[&f, &w, &b], &[]);
    (m, o)
}

#[test]
fn ways_to_flatten() {
    let right = |shape: &dyn Fn(&mut Model, &str) -> String| {
        let (mut m, o) = flattened(shape);
        assert_eq!(m.is_right(&o).layers.len(), 2);
    };
    right(&|m, c| m.node("Flatten", &[c], &[]));
    right(&|m, c| m.node("Flatten", &[c], &[int("axis", -3)]));
    for target in [&[1, -1][..], &[-1, 60], &[0, -1], &[0, 60]] {
        right(&|m, c| {
            let t = m.ints(target);
            m.node("Reshape", &[c, &t], &[])
        });
    }
    // Channels last, as Keras does it.
    right(&|m, c| {
        let t = m.node("Transpose", &[c], &[ints("perm", &[0, 2, 3, 1])]);
        m.node("Flatten", &[&t], &[])
    });
    right(&|m, c| {
        let t = m.node("Transpose", &[c], &[ints("perm", &[0, 3, 1, 2])]);
        m.node("Flatten", &[&t], &[])
    });
    // In steps.
    right(&|m, c| {
        let joined = m.ints(&[1, 4, 15, 1]);
        let r = m.node("Reshape", &[c, &joined], &[]);
        let axes = m.ints(&[3]);
        let s = m.node("Squeeze", &[&r, &axes], &[]);
        let axes = m.ints(&[0]);
        let u = m.node("Unsqueeze", &[&s, &axes], &[]);
        m.node("Flatten", &[&u], &[int("axis", 2)])
    });
    // As the exporters write `x.view(x.size(0), -1)`.
    right(&|m, c| {
        let s = m.node("Shape", &[c], &[]);
        let zero = m.node("Constant", &[], &[int("value_int", 0)]);
        let g = m.node("Gather", &[&s, &zero], &[int("axis", 0)]);
        let axes = m.ints(&[0]);
        let u = m.node("Unsqueeze", &[&g, &axes], &[]);
        let rest = m.node("Constant", &[], &[ints("value_ints", &[-1])]);
        let t = m.node("Concat", &[&u, &rest], &[int("axis", 0)]);
        m.node("Reshape", &[c, &t], &[])
    });
    right(&|m, c| {
        let s = m.node("Shape", &[c], &[]);
        let (from, to) = (m.ints(&[0]), m.ints(&[1]));
        let b = m.node("Slice", &[&s, &from, &to], &[]);
        let rest = m.ints(&[-1]);
        let t = m.node("Concat", &[&b, &rest], &[int("axis", 0)]);
        let t = m.node("Cast", &[&t], &[int("to", i64::from(data_type::INT64))]);
        m.node("Reshape", &[c, &t], &[])
    });
    let (m, o) = flattened(|m, c| {
        let t = m.ints(&[1, 2, 30]);
        m.node("Reshape", &[c, &t], &[])
    });
    m.is_refused(&o, "sides that join those of");
}

#[test]
fn channels_last() {
    let mut m = Model::new(&[-1, 6, 5, 3], 12);
    let t = m.node("Transpose", &["x"], &[ints("perm", &[0, 3, 1, 2])]);
    let c = m.conv(&t, &[4, 3, 3, 3], &[ints("pads", &[1, 1, 1, 1])]);
    let r = m.node("Relu", &[&c], &[]);
    let t = m.node("Transpose", &[&r], &[ints("perm", &[0, 2, 3, 1])]);
    let f = m.node("Flatten", &[&t], &[]);
    let (w, b) = (m.random(&[120, 3]), m.random(&[3]));
    let o = m.node("Gemm", &[&f, &w, &b], &[]);
    let network = m.is_right(&o);
    assert_eq!(
        network.input,
        Shape {
            channels: 3,
            height: 6,
            width: 5
        }
    );
    // Without a transpose the number of colours tells.
    let mut m = Model::new(&[-1, 6, 5, 3], 12);
    let f = m.node("Flatten", &["x"], &[]);
    let w = m.random(&[90, 3]);
    let o = m.node("MatMul", &[&f, &w], &[]);
    assert_eq!(
        m.is_right(&o).input,
        Shape {
            channels: 3,
            height: 6,
            width: 5
        }
    );
}

#[test]
fn flat_inputs() {
    let shape = Some(Shape {
        channels: 2,
        height: 4,
        width: 3,
    });
    let options = ImportOptions {
        shape,
        mean: vec![0.1, 0.2],
        ..Default::default()
    };
    let model = || {
        let mut m = Model::new(&[-1, 24], 13);
        let t = m.ints(&[-1, 2, 4, 3]);
        let r = m.node("Reshape", &["x", &t], &[]);
        let o = m.conv(&r, &[3, 2, 3, 3], &[]);
        (m, o)
    };
    let (mut m, o) = model();
    m.agrees(&o, &options);
    let (m, o) = model();
    m.is_refused(&o, "give the shape of the image");
    let mut m = Model::new(&[-1, -1, -1, -1], 13);
    let o = m.conv("x", &[3, 2, 3, 3], &[]);
    m.is_refused(&o, "give the shape of the image");
}

#[test]
fn preprocessing_is_exact() {
    let plain = ImportOptions {
        bgr: true,
        ..Default::default()
    };
    let options = ImportOptions {
        mean: vec![0.485, 0.456, 0.406],
        std: vec![0.229, 0.224, 0.225],
        bgr: true,
        ..Default::default()
    };
    let bytes = ImportOptions {
        scale: Some(1.0),
        mean: vec![127.5],
        std: vec![60.0],
        ..Default::default()
    };
    let pads = [ints("pads", &[1, 2, 0, 1]), ints("strides", &[2, 1])];
    for options in [&plain, &options, &bytes] {
        let padded = !options.mean.is_empty();
        let mut m = Model::new(&[1, 3, 7, 6], 14);
        let o = m.conv("x", &[4, 3, 3, 3], &pads);
        let network = m.agrees(&o, options);
        assert_eq!((network.layers.len(), network.frame.marked), (1, padded));
        // Without padding, and fully connected: no frame.
        let mut m = Model::new(&[1, 3, 7, 6], 14);
        let o = m.conv("x", &[4, 3, 3, 3], &[]);
        assert!(m.agrees(&o, options).frame.is_empty());
        let mut m = Model::new(&[1, 3, 4, 2], 14);
        let f = m.node("Flatten", &["x"], &[]);
        let (w, b) = (m.between(&[24, 3], -0.1, 0.1), m.random(&[3]));
        let o = m.node("Gemm", &[&f, &w, &b], &[]);
        assert_eq!(m.agrees(&o, options).layers.len(), 1);
        // In groups, read twice, or not by a layer with weights: a layer of its own.
        let mut m = Model::new(&[1, 3, 7, 6], 14);
        let o = m.conv(
            "x",
            &[6, 1, 3, 3],
            &[&pads[..], &[int("group", 3)]].concat(),
        );
        assert_eq!(m.agrees(&o, options).layers.len(), 2);
        let mut m = Model::new(&[1, 3, 7, 6], 14);
        let a = m.conv("x", &[4, 3, 3, 3], &pads);
        let b = m.conv("x", &[4, 3, 3, 3], &pads);
        let o = m.node("Add", &[&a, &b], &[]);
        assert!(m.agrees(&o, options).frame.is_empty());
        let mut m = Model::new(&[1, 3, 7, 6], 14);
        let o = m.node("MaxPool", &["x"], &[ints("kernel_shape", &[2, 2])]);
        assert_eq!(m.agrees(&o, options).layers.len(), 2);
    }
    let mut m = Model::new(&[1, 3, 7, 6], 14);
    let o = m.conv("x", &[4, 3, 3, 3], &[]);
    for (options, part) in [
        (
            ImportOptions {
                mean: vec![1.0, 2.0],
                ..Default::default()
            },
            "mean: got 2 values",
        ),
        (
            ImportOptions {
                std: vec![0.0],
                ..Default::default()
            },
            "std: got 0",
        ),
        (
            ImportOptions {
                scale: Some(f32::NAN),
                ..Default::default()
            },
            "scale: got NaN",
        ),
        (
            ImportOptions {
                labels: vec!["a".into()],
                ..Default::default()
            },
            "number of labels",
        ),
    ] {
        common::refused(thresh_onnx::import_bytes(m.bytes(&o), &options), part);
    }
}

#[test]
fn arithmetic_with_constants() {
    let mut m = Model::new(&[1, 3, 7, 6], 15);
    let mean = m.random(&[1, 3, 1, 1]);
    let std = m.between(&[3, 1, 1], 0.5, 2.0);
    let two = m.floats(&[], vec![2.0]);
    let s = m.node("Sub", &["x", &mean], &[]);
    let d = m.node("Div", &[&s, &std], &[]);
    let t = m.node("Mul", &[&two, &d], &[]);
    let n = m.node("Sub", &[&two, &t], &[]);
    let c = m.conv(&n, &[4, 3, 3, 3], &[ints("pads", &[1, 1, 1, 1])]);
    let scale = m.random(&[4, 1, 1]);
    let c = m.node("Mul", &[&c, &scale], &[]);
    let r = m.node("Relu", &[&c], &[]);
    let o = m.node("Add", &[&r, &scale], &[]);
    let network = m.is_right(&o);
    assert_eq!(network.layers.len(), 2);
    let mut m = Model::new(&[1, 3, 7, 6], 15);
    let c = m.random(&[1, 3, 7, 6]);
    let o = m.node("Add", &["x", &c], &[]);
    m.is_refused(&o, "one value, or one a channel");
    let mut m = Model::new(&[1, 3, 7, 6], 15);
    let o = m.node("Mul", &["x", "x"], &[]);
    m.is_refused(&o, "one of them a constant");
    let mut m = Model::new(&[1, 3, 7, 6], 15);
    let c = m.random(&[1]);
    let o = m.node("Div", &[&c, "x"], &[]);
    m.is_refused(&o, "divisor");
}

#[test]
fn constants_that_nodes_make() {
    let mut m = Model::new(&[1, 3], 16);
    let dims = m.ints(&[3, 2]);
    let value = TensorProto {
        dims: vec![1],
        data_type: data_type::FLOAT,
        float_data: vec![0.25],
        ..Default::default()
    };
    let w = m.node("ConstantOfShape", &[&dims], &[tensor("value", value)]);
    let b = m.node("Constant", &[], &[floats("value_floats", &[1.0, 2.0])]);
    let h = m.node("Constant", &[], &[float("value_float", 0.5)]);
    let b = m.node("Mul", &[&b, &h], &[]);
    let o = m.node("Gemm", &["x", &w, &b], &[]);
    let network = m.is_right(&o);
    assert_eq!(network.layers[0].bias, [0.5, 1.0]);
}

#[test]
fn heads() {
    for (op, head, attributes) in [
        ("Softmax", Head::Softmax, vec![]),
        ("Softmax", Head::Softmax, vec![int("axis", 1)]),
        ("Sigmoid", Head::Sigmoid, vec![]),
    ] {
        let mut m = Model::new(&[1, 3], 17);
        let w = m.random(&[3, 4]);
        let g = m.node("MatMul", &["x", &w], &[]);
        let s = m.node(op, &[&g], &attributes);
        let o = m.node("Identity", &[&s], &[]);
        assert_eq!(m.is_right(&o).head, head);
        let o = m.node("Relu", &[&o], &[]);
        m.is_refused(&o, "work only at the end");
    }
    let mut m = Model::new(&[1, 3, 4, 4], 17);
    let c = m.conv("x", &[2, 3, 3, 3], &[]);
    let o = m.node("Softmax", &[&c], &[int("axis", 1)]);
    m.is_refused(&o, "the one over all outputs");
}

#[test]
fn maps_are_joined_along_their_channels() {
    // The two halves of a Fire module, the input itself, and one of them again.
    let mut m = Model::new(&[-1, 3, 6, 5], 40);
    let a = m.conv("x", &[4, 3, 1, 1], &[]);
    let a = m.node("Relu", &[&a], &[]);
    let b = m.conv("x", &[2, 3, 3, 3], &[ints("pads", &[1, 1, 1, 1])]);
    let b = m.node("Relu", &[&b], &[]);
    let c = m.node("Concat", &[&a, &b], &[int("axis", 1)]);
    let d = m.node("Concat", &[&c, "x", &a], &[int("axis", -3)]);
    let o = m.conv(&d, &[5, 13, 2, 2], &[]);
    let network = m.is_right(&o);
    let joined = |layer: &&thresh_model::Layer| matches!(layer.operator, Operator::Concat { .. });
    assert_eq!(network.layers.iter().filter(joined).count(), 2);
    // Flattened behind it, in both orders of sides.
    for last in [false, true] {
        let mut m = Model::new(&[-1, 2, 3, 4], 41);
        let a = m.conv("x", &[3, 2, 1, 1], &[]);
        let (a, x, axis) = match last {
            true => {
                let turned = |m: &mut Model, name: &str| {
                    m.node("Transpose", &[name], &[ints("perm", &[0, 2, 3, 1])])
                };
                (turned(&mut m, &a), turned(&mut m, "x"), 3)
            }
            false => (a, "x".to_string(), 1),
        };
        let c = m.node("Concat", &[&x, &a, &x], &[int("axis", axis)]);
        let f = m.node("Flatten", &[&c], &[]);
        let w = m.random(&[84, 3]);
        let o = m.node("MatMul", &[&f, &w], &[]);
        m.is_right(&o);
    }
    // Vectors, and one alone.
    let mut m = Model::new(&[-1, 7], 42);
    let (w, v) = (m.random(&[7, 3]), m.random(&[10, 2]));
    let a = m.node("MatMul", &["x", &w], &[]);
    let c = m.node("Concat", &["x", &a], &[int("axis", 1)]);
    let c = m.node("Concat", &[&c], &[int("axis", 1)]);
    let o = m.node("MatMul", &[&c, &v], &[]);
    assert_eq!(m.is_right(&o).layers.len(), 3);
    // Other sides, other shapes, constants.
    let mut m = Model::new(&[1, 3, 4, 4], 43);
    let a = m.conv("x", &[3, 3, 2, 2], &[]);
    let o = m.node("Concat", &["x", &a], &[int("axis", 1)]);
    m.is_refused(&o, "[1, 3, 4, 4] and [1, 3, 3, 3], axis 1");
    let mut m = Model::new(&[1, 3, 4, 4], 43);
    let a = m.random(&[1, 2, 4, 4]);
    let o = m.node("Concat", &["x", &a], &[int("axis", 1)]);
    m.is_refused(&o, "a constant");
    let mut m = Model::new(&[1, 3, 4, 4], 43);
    let a = m.node("Flatten", &["x"], &[]);
    let o = m.node("Concat", &[&a, &a], &[int("axis", 1)]);
    m.is_refused(&o, "joined along their channels");
    let mut m = Model::new(&[1, 3, 4, 4], 43);
    let o = m.node("Concat", &[], &[int("axis", 1)]);
    m.is_refused(&o, "inputs is none");
}

#[test]
fn channels_are_shuffled() {
    let perm = || ints("perm", &[0, 2, 1, 3, 4]);
    for (groups, twice) in [(2, false), (3, false), (3, true)] {
        let mut m = Model::new(&[-1, 2, 4, 3], 44);
        let mut o = m.conv("x", &[6, 2, 1, 1], &[]);
        let (cut, whole) = (
            m.ints(&[1, groups, 6 / groups, 4, 3]),
            m.ints(&[1, 6, 4, 3]),
        );
        for _ in 0..1 + usize::from(twice) {
            let c = m.node("Reshape", &[&o, &cut], &[]);
            let t = m.node("Transpose", &[&c], &[perm()]);
            o = m.node("Reshape", &[&t, &whole], &[]);
        }
        let o = m.conv(&o, &[6, 1, 2, 2], &[int("group", 6)]);
        let network = m.is_right(&o);
        let shuffles = |layer: &&thresh_model::Layer| matches!(layer.operator, Operator::Shuffle { groups: g, .. } if g == groups as usize);
        let count = network.layers.iter().filter(shuffles).count();
        assert_eq!(count, 1 + usize::from(twice));
    }
    // Cut and joined without a turn is nothing.
    let mut m = Model::new(&[-1, 6, 4, 5], 45);
    let (cut, whole) = (m.ints(&[1, 2, 3, 4, 5]), m.ints(&[1, 6, 4, 5]));
    let c = m.node("Reshape", &["x", &cut], &[]);
    let w = m.node("Reshape", &[&c, &whole], &[]);
    let o = m.conv(&w, &[2, 6, 1, 1], &[]);
    assert_eq!(m.is_right(&o).layers.len(), 1);
    // Nothing else works on the parts.
    for op in ["Relu", "Flatten", "Softmax"] {
        let mut m = Model::new(&[-1, 6, 4, 5], 46);
        let cut = m.ints(&[1, 2, 3, 4, 5]);
        let c = m.conv("x", &[6, 6, 1, 1], &[]);
        let c = m.node("Reshape", &[&c, &cut], &[]);
        let o = m.node(op, &[&c], &[]);
        m.is_refused(&o, "channel shuffle");
    }
    let mut m = Model::new(&[-1, 6, 4, 5], 46);
    let cut = m.ints(&[1, 2, 3, 4, 5]);
    let c = m.conv("x", &[6, 6, 1, 1], &[]);
    let c = m.node("Reshape", &[&c, &cut], &[]);
    m.is_refused(&c, "channels in two sides");
    let o = m.node("Transpose", &[&c], &[ints("perm", &[0, 2, 1, 4, 3])]);
    m.is_refused(&o, "channel shuffle");
}

#[test]
fn other_operators_are_refused_by_name() {
    let mut m = Model::new(&[1, 3, 4, 4], 18);
    let o = m.node("LRN", &["x"], &[]);
    m.is_refused(
        &o,
        "got operator LRN, expected one of those in docs/import.md; export the model without it",
    );
    m.graph.node[0].op_type = "ReduceMen".into();
    m.is_refused(
        &o,
        "got operator ReduceMen, expected one of those in docs/import.md, such as ReduceMean, ReduceMin, ReduceMax; export",
    );
    m.graph.node[0].op_type = "LRN".into();
    m.graph.node[0].domain = "org.example".into();
    m.is_refused(&o, "got operator org.example.LRN");
    let mut m = Model::new(&[1, 3, 4, 4], 18);
    let o = m.node("Concat", &["x", "x"], &[int("axis", 2)]);
    m.is_right(&o);
    let mut m = Model::new(&[1, 1, 2, 2], 18);
    let w = m.floats(&[1, 1, 2, 2], vec![0.0, f32::NAN, 0.0, 0.0]);
    let o = m.node("Conv", &["x", &w], &[]);
    m.is_refused(&o, "a weight or bias is NaN, expected a finite number");
    // What does not lead to the output is not looked at.
    let mut m = Model::new(&[1, 3, 4, 4], 18);
    m.node("LRN", &["x"], &[]);
    let o = m.conv("x", &[2, 3, 3, 3], &[]);
    thresh_onnx::import_bytes(m.bytes(&o), &ImportOptions::default()).unwrap();
    let mut m = Model::new(&[1, 3, 4, 4], 18);
    let d = m.node("Dropout", &["x"], &[]);
    let o = m.conv(&d, &[2, 3, 3, 3], &[]);
    thresh_onnx::import_bytes(m.bytes(&o), &ImportOptions::default()).unwrap();
}

#[test]
fn one_of_several_outputs_is_chosen_by_name() {
    use prost::Message;
    use thresh_onnx::proto::ModelProto;
    let mut m = Model::new(&[1, 3, 4, 4], 19);
    let a = m.conv("x", &[2, 3, 3, 3], &[]);
    let b = m.node("LRN", &[&a], &[]);
    let mut model = ModelProto::decode(m.bytes(&a).as_slice()).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let mut second = graph.output[0].clone();
    second.name = b;
    graph.output.push(second);
    let bytes = model.encode_to_vec();
    let import = |output: Option<String>| {
        let options = ImportOptions {
            output,
            ..Default::default()
        };
        thresh_onnx::import_bytes(bytes.clone(), &options)
    };
    common::refused(import(None), "name the one to import");
    common::refused(import(Some("none".into())), "got none");
    assert_eq!(import(Some(a)).unwrap().layers.len(), 1);
}
