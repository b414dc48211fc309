//! Limits and activations that are written otherwise, against an independent runtime.

mod common;

use common::{Model, float, int, ints};
use thresh_model::{Activation, Operator};

#[test]
fn limits_in_any_order() {
    // A list of nodes and limits, and the layers that come out of a convolution and these.
    type Case<'a> = (&'a [(&'a str, f32)], usize);
    let cases: &[Case<'_>] = &[
        (&[("Max", 0.0)], 1),
        (&[("Max", 0.0), ("Min", 0.5)], 1),
        (&[("Min", 0.5), ("Max", 0.0)], 2),
        (&[("Max", -0.5)], 2),
        (&[("Min", 0.5)], 2),
        (&[("Max", -0.3), ("Min", 0.4)], 2),
        (&[("Min", 0.4), ("Max", -0.3)], 2),
        (
            &[("Min", 0.4), ("Max", -0.3), ("Min", 0.2), ("Max", -0.1)],
            3,
        ),
        (&[("Max", 0.2), ("Max", 0.1), ("Min", 0.6), ("Min", 0.7)], 2),
    ];
    for (at, (limits, layers)) in cases.iter().enumerate() {
        for first in [false, true] {
            let mut m = Model::new(&[1, 2, 5, 5], at as u64);
            let mut o = m.conv("x", &[4, 2, 3, 3], &[]);
            for (op, limit) in limits.iter() {
                let limit = m.floats(&[], vec![*limit]);
                let inputs = if first { [&limit, &o] } else { [&o, &limit] };
                o = m.node(op, &inputs.map(|n| n.as_str()), &[]);
            }
            let got = m.is_right(&o).layers.len();
            assert!(got <= *layers + 1, "{limits:?}: {got} layers");
            // What follows takes a shift.
            let o = m.conv(&o, &[3, 4, 2, 2], &[]);
            assert!(m.is_right(&o).layers.len() <= layers + 1, "{limits:?}");
        }
    }
}

#[test]
fn clips_with_any_bounds() {
    for (low, high) in [
        (-1.0, 1.0),
        (-0.2, 0.1),
        (0.2, 0.6),
        (-0.9, -0.1),
        (f32::MIN, 0.3),
        (-0.3, f32::MAX),
    ] {
        let mut m = Model::new(&[1, 2, 5, 5], 1);
        let c = m.conv("x", &[4, 2, 3, 3], &[]);
        let (low, high) = (m.floats(&[], vec![low]), m.floats(&[], vec![high]));
        let k = m.node("Clip", &[&c, &low, &high], &[]);
        m.is_right(&k);
        let o = m.conv(&k, &[3, 4, 3, 3], &[ints("pads", &[1, 1, 1, 1])]);
        m.is_right(&o);
    }
    // None at all.
    let mut m = Model::new(&[1, 2, 5, 5], 1);
    let c = m.conv("x", &[4, 2, 3, 3], &[]);
    let o = m.node("Clip", &[&c], &[]);
    let network = m.is_right(&o);
    assert_eq!(
        (network.layers.len(), &network.layers[0].activation),
        (1, &Activation::None)
    );
    let mut m = Model::new(&[1, 2, 5, 5], 1);
    let c = m.conv("x", &[4, 2, 3, 3], &[]);
    let (low, high) = (m.floats(&[], vec![1.0]), m.floats(&[], vec![-1.0]));
    let o = m.node("Clip", &[&c, &low, &high], &[]);
    m.is_refused(&o, "a lower one below the upper one");
    let o = m.node("Clip", &[&c, "", &c], &[]);
    m.is_refused(&o, "a constant");
}

#[test]
fn limits_of_channels_and_as_whole_maps() {
    let mut m = Model::new(&[1, 2, 5, 5], 2);
    let c = m.conv("x", &[4, 2, 3, 3], &[]);
    let low = m.random(&[4, 1, 1]);
    let a = m.node("Max", &[&c, &low], &[]);
    let o = m.node("Min", &[&a, &low, &a], &[]);
    m.is_refused(&o, "one map, and constants");
    let high = m.between(&[1, 4, 1, 1], 1.0, 2.0);
    let o = m.node("Min", &[&a, &high], &[]);
    m.is_right(&o);
    // Zeros of a whole map, as a compiler repeats a constant.
    let mut m = Model::new(&[1, 2, 5, 5], 2);
    let c = m.conv("x", &[4, 2, 3, 3], &[]);
    let (zero, dims) = (m.floats(&[], vec![0.0]), m.ints(&[1, 4, 3, 3]));
    let zeros = m.node("Expand", &[&zero, &dims], &[]);
    let o = m.node("Max", &[&c, &zeros], &[]);
    let network = m.is_right(&o);
    assert_eq!(
        (network.layers.len(), &network.layers[0].activation),
        (1, &Activation::Relu)
    );
    let mut m = Model::new(&[1, 2, 5, 5], 2);
    let c = m.conv("x", &[4, 2, 3, 3], &[]);
    let map = m.random(&[4, 3, 3]);
    let o = m.node("Max", &[&c, &map], &[]);
    m.is_refused(&o, "one value, or one a channel");
}

#[test]
fn a_parametric_slope_of_four_nodes() {
    for (minus, count, first) in [
        (false, 4, false),
        (true, 4, false),
        (false, 1, true),
        (true, 1, false),
    ] {
        let mut m = Model::new(&[1, 2, 5, 5], 3);
        let c = m.conv("x", &[4, 2, 3, 3], &[]);
        let slope = m.random(&[count, 1, 1]);
        let above = m.node("Relu", &[&c], &[]);
        let n = m.node("Neg", &[&c], &[]);
        let below = m.node("Relu", &[&n], &[]);
        let below = m.node(
            "Mul",
            &if first {
                [&slope, &below]
            } else {
                [&below, &slope]
            }
            .map(|n| n.as_str()),
            &[],
        );
        let op = if minus { "Sub" } else { "Add" };
        let o = m.node(op, &[&above, &below], &[]);
        let network = m.is_right(&o);
        assert_eq!(network.layers.len(), 1);
        let slopes =
            |a: &Activation| matches!(a, Activation::Leaky(s) if s.len() == count as usize);
        assert!(slopes(&network.layers[0].activation));
    }
}

#[test]
fn leaky_slopes_of_several_nodes() {
    let model = || {
        let mut m = Model::new(&[1, 2, 5, 5], 4);
        let c = m.conv("x", &[4, 2, 3, 3], &[]);
        let slope = m.floats(&[], vec![0.2]);
        let scaled = m.node("Mul", &[&slope, &c], &[]);
        (m, c, scaled)
    };
    let leaky = |mut m: Model, o: String, slope: f32| {
        let network = m.is_right(&o);
        assert_eq!(network.layers.len(), 1);
        let activation = &network.layers[0].activation;
        assert_eq!(activation, &Activation::Leaky(vec![slope]));
    };
    let (mut m, c, scaled) = model();
    let o = m.node("Max", &[&c, &scaled], &[]);
    leaky(m, o, 0.2);
    for (op, turned) in [
        ("Greater", false),
        ("GreaterOrEqual", false),
        ("Less", true),
        ("LessOrEqual", true),
    ] {
        let (mut m, c, scaled) = model();
        let zero = m.floats(&[], vec![0.0]);
        let above = m.node(op, &[&c, &zero], &[]);
        let inputs = match turned {
            false => [&above, &c, &scaled],
            true => [&above, &scaled, &c],
        };
        let o = m.node("Where", &inputs.map(|n| n.as_str()), &[]);
        leaky(m, o, 0.2);
    }
}

#[test]
fn factors_behind_activations_go_into_the_next_layer() {
    let factors = |m: &mut Model, input: &str| {
        let (scale, shift) = (m.random(&[4, 1, 1]), m.random(&[4, 1, 1]));
        let s = m.node("Mul", &[input, &scale], &[]);
        m.node("Add", &[&s, &shift], &[])
    };
    let hidden = |m: &mut Model| {
        let c = m.conv("x", &[4, 2, 3, 3], &[]);
        m.node("Relu", &[&c], &[])
    };
    for (kernel, group, pads, layers) in [
        ([3, 4, 2, 2], 1, [0; 4], 2),
        ([4, 1, 2, 2], 4, [0; 4], 2),
        ([6, 2, 2, 2], 2, [0; 4], 2),
        ([3, 4, 2, 2], 1, [1; 4], 3),
    ] {
        let mut m = Model::new(&[1, 2, 5, 5], 5);
        let r = hidden(&mut m);
        let f = factors(&mut m, &r);
        let o = m.conv(&f, &kernel, &[int("group", group), ints("pads", &pads)]);
        assert_eq!(m.is_right(&o).layers.len(), layers);
    }
    let mut m = Model::new(&[1, 2, 5, 5], 5);
    let r = hidden(&mut m);
    let f = factors(&mut m, &r);
    let f = m.node("Flatten", &[&f], &[]);
    let w = m.random(&[36, 3]);
    let o = m.node("MatMul", &[&f, &w], &[]);
    assert_eq!(m.is_right(&o).layers.len(), 2);
    // Read twice: by a layer that takes it, and by a sum that needs a layer.
    let mut m = Model::new(&[1, 2, 5, 5], 5);
    let r = hidden(&mut m);
    let f = factors(&mut m, &r);
    let c = m.conv(&f, &[4, 4, 1, 1], &[]);
    let o = m.node("Add", &[&f, &c], &[]);
    assert_eq!(m.is_right(&o).layers.len(), 4);
}

#[test]
fn values_behind_a_flatten_have_factors_of_their_own() {
    let flat = |m: &mut Model| {
        let c = m.conv("x", &[4, 2, 3, 3], &[]);
        let r = m.node("Relu", &[&c], &[]);
        m.node("Flatten", &[&r], &[])
    };
    let normalized = |m: &mut Model, input: &str, count: i64| {
        let parts = [(0.5, 1.5), (-0.5, 0.5), (-0.5, 0.5), (0.3, 2.0)];
        let p = parts.map(|(from, to)| m.between(&[count], from, to));
        let inputs = [input, &p[0], &p[1], &p[2], &p[3]];
        m.node("BatchNormalization", &inputs, &[float("epsilon", 1e-3)])
    };
    // Into the fully connected layer behind it.
    let mut m = Model::new(&[1, 2, 5, 5], 6);
    let f = flat(&mut m);
    let n = normalized(&mut m, &f, 36);
    let w = m.random(&[36, 3]);
    let o = m.node("MatMul", &[&n, &w], &[]);
    assert_eq!(m.is_right(&o).layers.len(), 2);
    // With an activation between them: a layer, and the order of the values.
    let r = m.node("Relu", &[&n], &[]);
    let o = m.node("MatMul", &[&r, &w], &[]);
    let network = m.is_right(&o);
    let whole = |o: &Operator| {
        matches!(
            o,
            Operator::Conv {
                groups: 4,
                outputs: 36,
                ..
            }
        )
    };
    assert!(network.layers.iter().any(|layer| whole(&layer.operator)));
    // With channels last, and as a constant for each value; at the end.
    let mut m = Model::new(&[1, 2, 5, 5], 6);
    let c = m.conv("x", &[4, 2, 3, 3], &[]);
    let t = m.node("Transpose", &[&c], &[ints("perm", &[0, 2, 3, 1])]);
    let f = m.node("Flatten", &[&t], &[]);
    let (a, b) = (m.random(&[36]), m.random(&[1, 36]));
    let f = m.node("Mul", &[&f, &a], &[]);
    let f = m.node("Sub", &[&b, &f], &[]);
    let r = m.node("Relu", &[&f], &[]);
    let w = m.random(&[36, 3]);
    let o = m.node("MatMul", &[&r, &w], &[]);
    m.is_right(&o);
    let o = normalized(&mut m, &r, 36);
    m.is_right(&o);
    // Of the input itself, with a mean.
    let mut m = Model::new(&[1, 2, 3, 2], 6);
    let f = m.node("Flatten", &["x"], &[]);
    let n = normalized(&mut m, &f, 12);
    let w = m.random(&[12, 3]);
    let o = m.node("MatMul", &[&n, &w], &[]);
    for bgr in [false, true] {
        let options = thresh_onnx::ImportOptions {
            mean: vec![0.2, 0.4],
            bgr,
            ..Default::default()
        };
        m.agrees(&o, &options);
    }
    // On a map that stays one there is no such layer.
    let mut m = Model::new(&[1, 2, 5, 5], 6);
    let c = m.conv("x", &[4, 2, 3, 3], &[]);
    let map = m.random(&[1, 4, 3, 3]);
    let o = m.node("Mul", &[&c, &map], &[]);
    m.is_refused(&o, "one value, or one a channel");
}
