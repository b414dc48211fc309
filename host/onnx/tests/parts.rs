//! Parts of maps, reductions and products in other forms, against an independent runtime.

mod common;

use common::{Model, int, ints, text};
use thresh_model::Operator;

fn slice(
    m: &mut Model,
    input: &str,
    from: &[i64],
    to: &[i64],
    axes: &[i64],
    steps: &[i64],
) -> String {
    let lists = [from, to, axes, steps].map(|list| m.ints(list));
    m.node(
        "Slice",
        &[input, &lists[0], &lists[1], &lists[2], &lists[3]],
        &[],
    )
}

#[test]
fn channels_are_chosen() {
    let cases: &[(i64, i64, i64)] = &[
        (0, 2, 1),
        (1, i64::MAX, 2),
        (-2, 99, 1),
        (-1, i64::MIN + 1, -1),
    ];
    for &(from, to, step) in cases {
        let mut m = Model::new(&[1, 3, 6, 5], 1);
        let c = m.conv("x", &[5, 3, 3, 3], &[]);
        let o = slice(&mut m, &c, &[from], &[to], &[1], &[step]);
        let network = m.is_right(&o);
        assert!(matches!(
            network.layers[1].operator,
            Operator::Select { .. }
        ));
    }
    // All of them are no part.
    let mut m = Model::new(&[1, 3, 6, 5], 1);
    let c = m.conv("x", &[5, 3, 3, 3], &[]);
    let o = slice(&mut m, &c, &[0, 0], &[1, 5], &[0, 1], &[1, 1]);
    assert_eq!(m.is_right(&o).layers.len(), 1);
    // Blue first goes into the first layer.
    let mut m = Model::new(&[1, 3, 6, 5], 1);
    let turned = slice(&mut m, "x", &[-1], &[-9], &[1], &[-1]);
    let o = m.conv(&turned, &[5, 3, 3, 3], &[ints("pads", &[1, 1, 1, 1])]);
    for bgr in [false, true] {
        let options = thresh_onnx::ImportOptions {
            mean: vec![0.2, 0.4, 0.6],
            bgr,
            ..Default::default()
        };
        let network = m.agrees(&o, &options);
        assert_eq!(network.layers.len(), 1);
        let expected = if bgr {
            [0.6, 0.4, 0.2, 0.0]
        } else {
            [0.2, 0.4, 0.6, 0.0]
        };
        common::assert_close(&network.input_mean, &expected);
    }
    // As an exporter writes a list of indices: the channels first, without a batch before them.
    let mut m = Model::new(&[1, 3, 6, 5], 1);
    let c = m.conv("x", &[5, 3, 3, 3], &[]);
    let t = m.node("Transpose", &[&c], &[ints("perm", &[1, 0, 2, 3])]);
    let list = m.ints(&[4, 0, 2]);
    m.graph.initializer.last_mut().unwrap().dims = vec![3, 1];
    let g = m.node("GatherND", &[&t, &list], &[]);
    let o = m.node("Transpose", &[&g], &[ints("perm", &[1, 0, 2, 3])]);
    m.is_right(&o);
    let o = m.node("GatherND", &[&c, &list], &[int("batch_dims", 1)]);
    m.is_refused(&o, "batch_dims 0");
    // All of them, with sides that are regrouped, as a change of strides is written.
    let flat = m.ints(&[-1]);
    let p = m.node("GlobalMaxPool", &[&c], &[]);
    let f = m.node("Reshape", &[&p, &flat], &[]);
    for places in [[0, 1, 2, 3, 4], [4, 4, 1, 0, 2]] {
        let list = m.ints(&places);
        m.graph.initializer.last_mut().unwrap().dims = vec![1, 5, 1, 1];
        let g = m.node("Gather", &[&f, &list], &[int("axis", 0)]);
        let o = m.conv(&g, &[2, 5, 1, 1], &[]);
        m.is_right(&o);
    }
    let j = m.node("Concat", &[&t, &t], &[int("axis", 0)]);
    let o = m.node("Transpose", &[&j], &[ints("perm", &[1, 0, 2, 3])]);
    m.is_right(&o);
    let mut m = Model::new(&[1, 3, 6, 5], 1);
    let list = m.ints(&[2, 0, 2]);
    let g = m.node("Gather", &["x", &list], &[int("axis", 1)]);
    let o = m.conv(&g, &[2, 3, 1, 1], &[]);
    m.is_right(&o);
}

#[test]
fn maps_are_split() {
    for (opset, sizes) in [(11, Some(vec![1, 3])), (13, Some(vec![1, 3])), (13, None)] {
        let mut m = Model::new(&[1, 3, 6, 5], 2);
        m.opset = opset;
        let c = m.conv("x", &[4, 3, 3, 3], &[]);
        let c = m.node("Relu", &[&c], &[]);
        let mut inputs = vec![c.clone()];
        let mut attributes = vec![int("axis", 1)];
        match (sizes.clone(), opset) {
            (Some(sizes), 11) => attributes.push(ints("split", &sizes)),
            (Some(sizes), _) => inputs.push(m.ints(&sizes)),
            _ => {}
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let a = m.node("Split", &inputs, &attributes);
        let b = format!("{a}b");
        m.graph.node.last_mut().unwrap().output.push(b.clone());
        let first = sizes.as_ref().map_or(2, |sizes| sizes[0]);
        let d = m.conv(&a, &[4 - first, first, 1, 1], &[]);
        let o = m.node("Add", &[&d, &b], &[]);
        if opset >= 13 {
            m.is_right(&o);
        } else {
            // The other runtime knows no such old version.
            thresh_onnx::import_bytes(m.bytes(&o), &Default::default()).unwrap();
        }
        let mut m2 = m;
        let o = m2.conv(&b, &[2, 4 - first, 1, 1], &[]);
        if opset >= 13 {
            m2.is_right(&o);
        }
    }
    let mut m = Model::new(&[1, 4, 6, 5], 2);
    let sizes = m.ints(&[1, 2]);
    let o = m.node("Split", &["x", &sizes], &[int("axis", 1)]);
    m.graph.node.last_mut().unwrap().output.push("y".into());
    m.is_refused(&o, "parts above 0 that make 4");
}

#[test]
fn rows_and_columns_are_cut_out() {
    // What a convolution has padded too much goes at once.
    for (stride, cut) in [(1, 2), (1, 3), (2, 1)] {
        let mut m = Model::new(&[1, 3, 20], 3);
        let c = m.conv(
            "x",
            &[4, 3, 5],
            &[ints("pads", &[4, 4]), ints("strides", &[stride])],
        );
        let c = slice(&mut m, &c, &[0], &[-cut], &[2], &[1]);
        let o = m.node("Relu", &[&c], &[]);
        let network = m.is_right(&o);
        assert_eq!(network.layers.len(), 1, "stride {stride}, {cut} less");
    }
    for (from, to, step) in [
        (1, 5, 1),
        (0, -1, 1),
        (1, 99, 2),
        (0, 99, 3),
        (-2, 99, 1),
        (2, 3, 1),
    ] {
        let mut m = Model::new(&[1, 3, 6, 7], 3);
        let c = m.conv("x", &[4, 3, 1, 1], &[]);
        let c = slice(&mut m, &c, &[from, from], &[to, to], &[2, 3], &[step, step]);
        m.is_right(&c);
        let o = m.conv(&c, &[2, 4, 1, 1], &[]);
        m.is_right(&o);
    }
    // The last position of a line, as a vector.
    let mut m = Model::new(&[1, 3, 20], 3);
    let c = m.conv("x", &[4, 3, 5], &[]);
    let index = m.ints(&[-1]);
    m.graph.initializer.last_mut().unwrap().dims.clear();
    let g = m.node("Gather", &[&c, &index], &[int("axis", 2)]);
    let w = m.random(&[4, 3]);
    let o = m.node("MatMul", &[&g, &w], &[]);
    m.is_right(&o);
    // Backwards, and a part of what was joined.
    let mut m = Model::new(&[1, 3, 6, 7], 3);
    let o = slice(&mut m, "x", &[-1], &[-9], &[2], &[-1]);
    m.is_refused(&o, "rising order");
    let f = m.node("Flatten", &["x"], &[]);
    let o = slice(&mut m, &f, &[0], &[5], &[1], &[1]);
    m.is_refused(&o, "a part of the channels, the rows or the columns alone");
}

#[test]
fn maps_are_joined_end_to_end() {
    for axis in [2, 3] {
        let mut m = Model::new(&[1, 3, 4, 4], 4);
        let a = m.conv("x", &[3, 3, 3, 3], &[ints("pads", &[1, 1, 1, 1])]);
        let o = m.node("Concat", &[&a, "x", &a], &[int("axis", axis)]);
        m.is_right(&o);
        let options = thresh_onnx::ImportOptions {
            mean: vec![0.3],
            ..Default::default()
        };
        m.agrees(&o, &options);
    }
    let mut m = Model::new(&[1, 3, 4, 5], 4);
    let t = m.node("Transpose", &["x"], &[ints("perm", &[0, 1, 3, 2])]);
    let o = m.node("Concat", &["x", &t], &[int("axis", 2)]);
    m.is_refused(&o, "shape of the inputs");
}

#[test]
fn reductions() {
    for op in ["ReduceMax", "ReduceMin", "ReduceSum", "ReduceMean"] {
        for (axes, keep) in [
            (vec![2, 3], 1),
            (vec![2, 3], 0),
            (vec![3], 1),
            (vec![-2], 1),
        ] {
            let mut m = Model::new(&[1, 3, 6, 5], 5);
            m.opset = 18;
            let c = m.conv("x", &[4, 3, 2, 2], &[]);
            let list = m.ints(&axes);
            let o = m.node(op, &[&c, &list], &[int("keepdims", keep)]);
            m.is_right(&o);
        }
    }
    for op in ["ReduceSum", "ReduceMean"] {
        for axes in [vec![1], vec![1, 2], vec![1, 2, 3]] {
            let mut m = Model::new(&[1, 3, 6, 5], 5);
            m.opset = 18;
            let c = m.conv("x", &[4, 3, 2, 2], &[]);
            let list = m.ints(&axes);
            let o = m.node(op, &[&c, &list], &[]);
            m.is_right(&o);
        }
    }
    // All values of a flattened map.
    let mut m = Model::new(&[1, 3, 6, 5], 5);
    m.opset = 18;
    let c = m.conv("x", &[4, 3, 2, 2], &[]);
    let dims = m.ints(&[1, 4, -1]);
    let f = m.node("Reshape", &[&c, &dims], &[]);
    let list = m.ints(&[-1]);
    let o = m.node("ReduceSum", &[&f, &list], &[int("keepdims", 0)]);
    m.is_right(&o);
    let list = m.ints(&[1]);
    let o = m.node("ReduceMax", &[&c, &list], &[]);
    m.is_refused(&o, "no largest value");
    for op in ["ReduceL2", "ReduceProd", "GlobalLpPool"] {
        let o = m.node(op, &[&c], &[]);
        m.is_refused(&o, &format!("got operator {op}"));
    }
}

#[test]
fn flattened_maps_are_joined_summed_and_cut() {
    let maps = |m: &mut Model| {
        let c = m.conv("x", &[4, 3, 3, 3], &[]);
        let d = m.conv("x", &[2, 3, 2, 2], &[]);
        [c, d].map(|name| m.node("Flatten", &[&name], &[]))
    };
    let mut m = Model::new(&[1, 3, 5, 5], 7);
    let [c, d] = maps(&mut m);
    let j = m.node("Concat", &[&c, &d], &[int("axis", 1)]);
    let w = m.random(&[36 + 32, 3]);
    let o = m.node("MatMul", &[&j, &w], &[]);
    m.is_right(&o);
    let mut m = Model::new(&[1, 3, 5, 5], 7);
    let [c, _] = maps(&mut m);
    let w = m.random(&[36, 36]);
    let g = m.node("MatMul", &[&c, &w], &[]);
    let s = m.node("Add", &[&c, &g], &[]);
    let w = m.random(&[36, 3]);
    let o = m.node("MatMul", &[&s, &w], &[]);
    m.is_right(&o);
    let s = slice(&mut m, &c, &[3], &[20], &[1], &[2]);
    let w = m.random(&[9, 3]);
    let o = m.node("MatMul", &[&s, &w], &[]);
    m.is_right(&o);
}

#[test]
fn blocks_of_positions_become_channels() {
    for size in [2, 3] {
        let mut m = Model::new(&[1, 2, 6, 12], 8);
        let o = m.node("SpaceToDepth", &["x"], &[int("blocksize", size)]);
        // The other runtime does not know it: each value by its place.
        let network = thresh_onnx::import_bytes(m.bytes(&o), &Default::default()).unwrap();
        let image: Vec<u8> = (0..144).map(|i| i as u8).collect();
        let got = network.forward(&image);
        let (b, output) = (size as usize, network.output());
        for (at, value) in got.iter().enumerate() {
            let (position, channel) = (at / output.channels, at % output.channels);
            let (y, x) = (position / output.width, position % output.width);
            let (place, from) = (channel / 2, channel % 2);
            let byte = ((y * b + place / b) * 12 + x * b + place % b) * 2 + from;
            assert!((value - byte as f32 / 255.0).abs() < 1e-6);
        }
        let o = m.node("SpaceToDepth", &["x"], &[int("blocksize", 5)]);
        m.is_refused(&o, "a divisor of height and width");
    }
}

#[test]
fn a_matrix_on_positions_that_were_joined() {
    let mut m = Model::new(&[1, 4, 5, 3], 9);
    let t = m.node("Transpose", &["x"], &[ints("perm", &[0, 2, 3, 1])]);
    let flat = m.ints(&[-1, 4]);
    let f = m.node("Reshape", &[&t, &flat], &[]);
    let (w, b) = (m.random(&[4, 6]), m.random(&[6]));
    let g = m.node("Gemm", &[&f, &w, &b], &[]);
    let back = m.ints(&[1, 5, 3, 6]);
    let r = m.node("Reshape", &[&g, &back], &[]);
    let o = m.node("Transpose", &[&r], &[ints("perm", &[0, 3, 1, 2])]);
    assert_eq!(m.is_right(&o).layers.len(), 1);
    let o = m.node("MatMul", &[&g, &g], &[]);
    m.is_refused(&o, "as in attention");
}

#[test]
fn products_as_einsum() {
    for (equation, turned, first) in [
        ("bi,io->bo", false, false),
        ("bi,oi->bo", true, false),
        ("io,bi->bo", false, true),
        ("b i, o i -> b o", true, false),
    ] {
        let mut m = Model::new(&[1, 7], 6);
        let w = m.random(if turned { &[5, 7] } else { &[7, 5] });
        let inputs = if first {
            [w.as_str(), "x"]
        } else {
            ["x", w.as_str()]
        };
        let o = m.node("Einsum", &inputs, &[text("equation", equation)]);
        m.is_right(&o);
    }
    let mut m = Model::new(&[1, 3, 4, 5], 6);
    let w = m.random(&[3, 6]);
    let o = m.node("Einsum", &["x", &w], &[text("equation", "bchw,cd->bdhw")]);
    m.is_right(&o);
    for equation in [
        "bchw,cc->bhw",
        "bchw,cd",
        "bchw,cd->dhw",
        "bchw,hd->bcdw",
        "",
    ] {
        let o = m.node("Einsum", &["x", &w], &[text("equation", equation)]);
        assert!(
            thresh_onnx::import_bytes(m.bytes(&o), &Default::default()).is_err(),
            "{equation}"
        );
    }
}

#[test]
fn what_values_are_split_for_is_the_reason() {
    // A group norm, as PyTorch writes it.
    let mut m = Model::new(&[1, 3, 4, 4], 41);
    let c = m.conv("x", &[8, 3, 1, 1], &[]);
    let split = m.ints(&[0, 2, -1]);
    let groups = m.node("Reshape", &[&c, &split], &[]);
    let (scale, shift) = (m.random(&[2]), m.random(&[2]));
    let norm = m.node("InstanceNormalization", &[&groups, &scale, &shift], &[]);
    let whole = m.ints(&[1, 8, 4, 4]);
    let o = m.node("Reshape", &[&norm, &whole], &[]);
    let o = m.conv(&o, &[2, 8, 1, 1], &[]);
    m.is_refused(&o, "got operator InstanceNormalization");
    // Two heads of attention.
    let mut m = Model::new(&[1, 3, 4, 4], 42);
    let heads = m.ints(&[1, 2, 4, 16]);
    let [q, k] = [(); 2].map(|()| {
        let c = m.conv("x", &[8, 3, 1, 1], &[]);
        m.node("Reshape", &[&c, &heads], &[])
    });
    let k = m.node("Transpose", &[&k], &[ints("perm", &[0, 1, 3, 2])]);
    let half = m.floats(&[], vec![0.5]);
    let q = m.node("Mul", &[&q, &half], &[]);
    let o = m.node("MatMul", &[&q, &k], &[]);
    m.is_refused(&o, "(MatMul): product is of two computed values");
    // With nothing of the kind behind, it is the split itself.
    let o = m.node("Relu", &[&q], &[]);
    m.is_refused(&o, "(Reshape): new shape is [1, 2, 4, 16]");
}
