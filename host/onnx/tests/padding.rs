//! `Pad` and what it is before, against an independent runtime.

mod common;

use common::{Model, float, int, ints, refused, text};
use thresh_model::Operator;
use thresh_onnx::proto::{TensorProto, data_type};
use thresh_onnx::{ImportOptions, import_bytes};

/// `Pad` by these numbers, as exporters of today write it.
fn padded(m: &mut Model, input: &str, pads: &[i64]) -> String {
    let pads = m.ints(pads);
    m.node("Pad", &[input, &pads], &[])
}

#[test]
fn padding_goes_into_a_convolution() {
    for group in [1, 4] {
        let mut m = Model::new(&[1, 3, 6, 5], 1);
        let c = m.conv("x", &[4, 3, 1, 1], &[]);
        let p = padded(&mut m, &c, &[0, 0, 1, 2, 0, 0, 0, 3]);
        let attributes = [
            int("group", group),
            ints("pads", &[0, 1, 1, 0]),
            ints("strides", &[2, 2]),
        ];
        let o = m.conv(&p, &[4, 4 / group, 3, 3], &attributes);
        let network = m.is_right(&o);
        assert_eq!(network.layers.len(), 2);
        let Operator::Conv { window, .. } = &network.layers[1].operator else {
            panic!("a convolution")
        };
        assert_eq!(window.pads, [1, 3, 1, 3]);
    }
    // At once behind the input with a mean: the frame holds both.
    let options = ImportOptions {
        mean: vec![0.4, 0.5, 0.6],
        ..Default::default()
    };
    let mut m = Model::new(&[1, 3, 6, 5], 1);
    let p = padded(&mut m, "x", &[0, 0, 1, 0, 0, 0, 0, 1]);
    let o = m.conv(&p, &[4, 3, 3, 3], &[ints("pads", &[1, 1, 1, 1])]);
    let network = m.agrees(&o, &options);
    assert_eq!(
        (network.layers.len(), network.frame.pads),
        (1, [2, 1, 1, 2])
    );
    // Read by two: each takes it.
    let mut m = Model::new(&[1, 3, 6, 5], 1);
    let p = padded(&mut m, "x", &[0, 0, 1, 1, 0, 0, 1, 1]);
    let (a, b) = (
        m.conv(&p, &[4, 3, 3, 3], &[]),
        m.conv(&p, &[4, 3, 3, 3], &[]),
    );
    let o = m.node("Add", &[&a, &b], &[]);
    assert_eq!(m.is_right(&o).layers.len(), 3);
    m.agrees(&o, &options);
}

#[test]
fn ways_to_write_padding() {
    let right = |opset: i64, pad: &dyn Fn(&mut Model, &str) -> String| {
        let mut m = Model::new(&[1, 3, 6, 5], 2);
        m.opset = opset;
        let c = m.conv("x", &[4, 3, 1, 1], &[]);
        let p = pad(&mut m, &c);
        let o = m.conv(&p, &[4, 4, 3, 3], &[]);
        assert_eq!(m.is_right(&o).layers.len(), 2);
    };
    // With a value.
    right(18, &|m, c| {
        let (pads, zero) = (m.ints(&[0, 0, 0, 1, 0, 0, 0, 2]), m.floats(&[], vec![0.0]));
        m.node("Pad", &[c, &pads, &zero], &[text("mode", "constant")])
    });
    // As PyTorch's older exporter does it, from the order of its own padding.
    right(13, &|m, c| {
        let rest = m.ints(&[4]);
        let zero = TensorProto {
            dims: vec![1],
            data_type: data_type::INT64,
            int64_data: vec![0],
            ..Default::default()
        };
        let zeros = m.node(
            "ConstantOfShape",
            &[&rest],
            &[common::tensor("value", zero)],
        );
        let own = m.ints(&[1, 0, 2, 1]);
        let all = m.node("Concat", &[&own, &zeros], &[int("axis", 0)]);
        let two = m.ints(&[-1, 2]);
        let all = m.node("Reshape", &[&all, &two], &[]);
        let (from, to, axis, step) = (
            m.ints(&[-1]),
            m.ints(&[i64::MIN + 1]),
            m.ints(&[0]),
            m.ints(&[-1]),
        );
        let all = m.node("Slice", &[&all, &from, &to, &axis, &step], &[]);
        let all = m.node("Transpose", &[&all], &[ints("perm", &[1, 0])]);
        let flat = m.ints(&[-1]);
        let all = m.node("Reshape", &[&all, &flat], &[]);
        let all = m.node("Cast", &[&all], &[int("to", i64::from(data_type::INT64))]);
        m.node("Pad", &[c, &all], &[text("mode", "constant")])
    });
    // Activations and factors of channels leave zeros as they are.
    right(17, &|m, c| {
        let p = padded(m, c, &[0, 0, 1, 1, 0, 0, 1, 1]);
        let r = m.node("Relu", &[&p], &[]);
        let two = m.floats(&[], vec![2.0]);
        m.node("Mul", &[&r, &two], &[])
    });
    // Nothing at all, in any mode.
    right(17, &|m, c| {
        let pads = m.ints(&[0; 8]);
        m.node("Pad", &[c, &pads], &[text("mode", "reflect")])
    });
    // As attributes, and with the axes that are meant: the other runtime does not know these.
    for attributes in [true, false] {
        let mut m = Model::new(&[1, 3, 6, 5], 2);
        let p = match attributes {
            true => {
                m.opset = 10;
                let pads = ints("pads", &[0, 0, 1, 0, 0, 0, 0, 2]);
                m.node("Pad", &["x"], &[pads, float("value", 0.0)])
            }
            false => {
                let (pads, axes) = (m.ints(&[0, 1, 2, 0]), m.ints(&[-1, 2]));
                m.node("Pad", &["x", &pads, "", &axes], &[])
            }
        };
        let o = m.conv(&p, &[4, 3, 3, 3], &[]);
        let network = import_bytes(m.bytes(&o), &ImportOptions::default()).unwrap();
        let Operator::Conv { window, .. } = &network.layers[0].operator else {
            panic!("a convolution")
        };
        assert_eq!(window.pads, [1, 0, 0, 2]);
    }
}

#[test]
fn padding_of_lines_and_of_channels_last() {
    // Causal: all on the left.
    let mut m = Model::new(&[1, 3, 20], 3);
    let p = padded(&mut m, "x", &[0, 0, 4, 0, 0, 0]);
    let c = m.conv(&p, &[4, 3, 3], &[ints("dilations", &[2])]);
    let r = m.node("Relu", &[&c], &[]);
    let p = padded(&mut m, &r, &[0, 0, 8, 0, 0, 0]);
    let o = m.conv(&p, &[4, 4, 3], &[ints("dilations", &[4])]);
    assert_eq!(m.is_right(&o).layers.len(), 2);
    // As Keras has it.
    let mut m = Model::new(&[-1, 6, 5, 3], 3);
    let p = padded(&mut m, "x", &[0, 1, 0, 0, 0, 0, 1, 0]);
    let t = m.node("Transpose", &[&p], &[ints("perm", &[0, 3, 1, 2])]);
    let o = m.conv(&t, &[4, 3, 3, 3], &[]);
    assert_eq!(m.is_right(&o).layers.len(), 1);
    // Of a side of length 1.
    let mut m = Model::new(&[1, 3, 1, 9], 3);
    let p = padded(&mut m, "x", &[0, 0, 1, 1, 0, 0, 1, 1]);
    let o = m.conv(&p, &[4, 3, 3, 3], &[]);
    assert_eq!(m.is_right(&o).layers.len(), 1);
}

#[test]
fn padding_before_pools_counts() {
    for (op, relu) in [("MaxPool", true), ("MaxPool", false), ("AveragePool", true)] {
        for around in [[1, 1, 1, 1], [2, 0, 1, 1]] {
            for own in [[0; 4], [1, 0, 0, 1]] {
                let mut m = Model::new(&[1, 3, 6, 5], 4);
                let mut c = m.conv("x", &[4, 3, 1, 1], &[]);
                if relu {
                    c = m.node("Relu", &[&c], &[]);
                }
                let [top, left, bottom, right] = around;
                let p = padded(&mut m, &c, &[0, 0, top, left, 0, 0, bottom, right]);
                let window = [
                    ints("kernel_shape", &[3, 3]),
                    ints("strides", &[2, 2]),
                    ints("pads", &own),
                ];
                let o = m.node(op, &[&p], &window);
                let layers = m.is_right(&o).layers.len();
                // Largest values below zero need the zeros as values; so does a window of nothing else.
                let copies = op == "MaxPool" && (!relu || around[0] + own[0] == 3);
                assert_eq!(
                    layers,
                    if copies { 3 } else { 2 },
                    "{op} {relu} {around:?} {own:?}"
                );
            }
        }
    }
    for op in ["GlobalAveragePool", "GlobalMaxPool"] {
        let mut m = Model::new(&[1, 3, 6, 5], 4);
        let c = m.conv("x", &[4, 3, 1, 1], &[]);
        let p = padded(&mut m, &c, &[0, 0, 1, 0, 0, 0, 0, 3]);
        let o = m.node(op, &[&p], &[]);
        m.is_right(&o);
    }
    // Less than any value, as a framework pads before its own pool.
    let mut m = Model::new(&[1, 3, 6, 5], 4);
    let c = m.conv("x", &[4, 3, 1, 1], &[]);
    let (pads, lowest) = (
        m.ints(&[0, 0, 1, 1, 0, 0, 1, 1]),
        m.floats(&[], vec![f32::NEG_INFINITY]),
    );
    let p = m.node("Pad", &[&c, &pads, &lowest], &[]);
    let o = m.node("MaxPool", &[&p], &[ints("kernel_shape", &[3, 3])]);
    assert_eq!(m.is_right(&o).layers.len(), 2);
    let o = m.conv(&p, &[4, 4, 3, 3], &[]);
    m.is_refused(&o, "the lowest value");
}

#[test]
fn padding_that_nothing_takes_is_a_layer() {
    let mut m = Model::new(&[1, 3, 6, 5], 5);
    let c = m.conv("x", &[4, 3, 3, 3], &[]);
    let p = padded(&mut m, &c, &[0, 0, 1, 2, 0, 0, 0, 1]);
    let f = m.node("Flatten", &[&p], &[]);
    let w = m.random(&[4 * 5 * 6, 3]);
    let o = m.node("MatMul", &[&f, &w], &[]);
    let network = m.is_right(&o);
    assert_eq!(network.layers.len(), 3);
    let depthwise = |o: &Operator| matches!(o, Operator::Conv { groups: 4, window, .. } if window.kernel == [1, 1] && window.pads == [1, 2, 0, 1]);
    assert!(depthwise(&network.layers[1].operator));
    // A sum with what was not padded, of the input with its mean.
    let options = ImportOptions {
        mean: vec![0.4, 0.5, 0.6],
        std: vec![0.5],
        bgr: true,
        ..Default::default()
    };
    let mut m = Model::new(&[1, 3, 6, 5], 5);
    let a = m.conv("x", &[3, 3, 3, 3], &[]);
    let p = padded(&mut m, &a, &[0, 0, 1, 1, 0, 0, 1, 1]);
    let s = m.node("Add", &[&p, "x"], &[]);
    // A summand takes the zeros away.
    let p = padded(&mut m, &s, &[0, 0, 1, 1, 0, 0, 1, 1]);
    let one = m.floats(&[], vec![1.0]);
    let s = m.node("Add", &[&p, &one], &[]);
    let o = m.conv(&s, &[2, 3, 3, 3], &[ints("pads", &[1, 1, 1, 1])]);
    m.agrees(&o, &options);
}

#[test]
fn channels_of_zeros_and_less_than_nothing() {
    let mut m = Model::new(&[1, 3, 6, 5], 6);
    let p = padded(&mut m, "x", &[0, 2, 1, 0, 0, 1, 0, -2]);
    let o = m.conv(&p, &[2, 6, 3, 3], &[]);
    m.is_right(&o);
    // The shortcut of small residual networks.
    let mut m = Model::new(&[1, 4, 8, 6], 6);
    let (from, to, axes, steps) = (
        m.ints(&[0, 0]),
        m.ints(&[99, 99]),
        m.ints(&[2, 3]),
        m.ints(&[2, 2]),
    );
    let s = m.node("Slice", &["x", &from, &to, &axes, &steps], &[]);
    let s = padded(&mut m, &s, &[0, 2, 0, 0, 0, 2, 0, 0]);
    let c = m.conv(
        "x",
        &[8, 4, 3, 3],
        &[ints("pads", &[1, 1, 1, 1]), ints("strides", &[2, 2])],
    );
    let o = m.node("Add", &[&s, &c], &[]);
    m.is_right(&o);
}

#[test]
fn other_padding_is_refused_by_its_name() {
    for mode in ["reflect", "edge", "wrap"] {
        let mut m = Model::new(&[1, 3, 6, 5], 7);
        let pads = m.ints(&[0, 0, 1, 1, 0, 0, 1, 1]);
        let p = m.node("Pad", &["x", &pads], &[text("mode", mode)]);
        let o = m.conv(&p, &[2, 3, 3, 3], &[]);
        m.is_refused(&o, &format!("(Pad): mode is {mode}"));
    }
    let mut m = Model::new(&[1, 3, 6, 5], 7);
    let (pads, one) = (m.ints(&[0, 0, 1, 1, 0, 0, 1, 1]), m.floats(&[], vec![1.0]));
    let p = m.node("Pad", &["x", &pads, &one], &[]);
    let o = m.conv(&p, &[2, 3, 3, 3], &[]);
    m.is_refused(&o, "value is 1, expected 0");
    for (pads, part) in [
        (
            vec![1, 0, 0, 0, 0, 0, 0, 0],
            "sides of channels, rows or columns",
        ),
        (vec![0, 0, 0, -6, 0, 0, 0, 0], "something is left"),
        (vec![0, 0, 1], "8 numbers"),
        (vec![0, 0, i64::MAX, 0, 0, 0, 0, 0], "at most"),
    ] {
        let mut m = Model::new(&[1, 3, 6, 5], 7);
        let p = padded(&mut m, "x", &pads);
        let o = m.conv(&p, &[2, 3, 1, 1], &[]);
        refused(import_bytes(m.bytes(&o), &ImportOptions::default()), part);
    }
}
