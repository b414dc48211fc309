//! Damaged and hostile files are read or refused; they neither panic nor hang nor take much memory.

mod common;

use common::{Model, floats, int, ints, refused};
use proptest::prelude::*;
use thresh_model::Shape;
use thresh_onnx::proto::{FunctionProto, ModelProto, NodeProto, TensorProto, data_type};
use thresh_onnx::{ImportOptions, import_bytes};

/// A model that uses most of what the importer reads.
fn model() -> Vec<u8> {
    let mut m = Model::new(&[-1, 2, 6, 5], 1);
    let c = m.conv("x", &[4, 2, 3, 3], &[ints("pads", &[1, 1, 1, 1])]);
    let p: Vec<String> = (0..4).map(|_| m.between(&[4], 0.5, 1.5)).collect();
    let n = m.node("BatchNormalization", &[&c, &p[0], &p[1], &p[2], &p[3]], &[]);
    let (low, high) = (m.floats(&[], vec![-0.5]), m.floats(&[], vec![0.7]));
    let n = m.node("Max", &[&n, &low], &[]);
    let r = m.node("Clip", &[&n, &low, &high], &[]);
    let pads = m.ints(&[0, 0, 1, 0, 0, 0, 0, 1]);
    let r = m.node("Pad", &[&r, &pads], &[]);
    let lists = [[0, 0], [-1, -1], [2, 3], [1, 1]].map(|list| m.ints(&list));
    let inputs = [&r, &lists[0], &lists[1], &lists[2], &lists[3]].map(|name| name.as_str());
    let r = m.node("Slice", &inputs, &[]);
    let d = m.conv(
        &r,
        &[4, 1, 3, 3],
        &[int("group", 4), ints("pads", &[1, 1, 1, 1])],
    );
    let a = m.node("Add", &[&r, &d], &[]);
    let p = m.node(
        "MaxPool",
        &[&a],
        &[ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])],
    );
    let s = m.node("Shape", &[&p], &[]);
    let zero = m.ints(&[0]);
    let rest = m.ints(&[-1]);
    let b = m.node("Gather", &[&s, &zero], &[]);
    let t = m.node("Concat", &[&b, &rest], &[int("axis", 0)]);
    let f = m.node("Reshape", &[&p, &t], &[]);
    let (w, c) = (m.random(&[24, 3]), m.random(&[3]));
    let g = m.node("Gemm", &[&f, &w, &c], &[]);
    let k = m.node("Constant", &[], &[floats("value_floats", &[1.0, 2.0, 3.0])]);
    let o = m.node("Mul", &[&g, &k], &[]);
    let o = m.node("Softmax", &[&o], &[]);
    m.bytes(&o)
}

#[test]
fn the_model_that_is_damaged_is_sound() {
    import_bytes(model(), &ImportOptions::default()).unwrap();
}

#[test]
fn every_truncation_is_refused_or_read() {
    let bytes = model();
    for length in 0..bytes.len() {
        let _ = import_bytes(bytes[..length].to_vec(), &ImportOptions::default());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn changed_bytes_are_refused_or_read(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        side in 1usize..8,
        given in any::<bool>(),
    ) {
        let mut bytes = model();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let shape = Shape { channels: 2, height: side, width: side };
        let options = ImportOptions {
            shape: given.then_some(shape),
            mean: vec![0.5],
            ..ImportOptions::default()
        };
        if let Ok(network) = import_bytes(bytes, &options) {
            network.check().unwrap();
        }
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = import_bytes(bytes, &ImportOptions::default());
    }
}

#[test]
fn sizes_that_a_small_file_claims_are_limited() {
    let options = ImportOptions {
        most_values: 1 << 22,
        ..ImportOptions::default()
    };
    let says = |m: &Model, output: &str, part: &str| {
        refused(import_bytes(m.bytes(output), &options), part);
    };
    let mut m = Model::new(&[1, 1 << 20, 1 << 20, 1 << 20], 1);
    let r = m.node("Relu", &["x"], &[]);
    says(&m, &r, "a map");

    let mut m = Model::new(&[1, 4], 1);
    let sides = m.ints(&[1 << 40, 1 << 40]);
    let w = m.node("ConstantOfShape", &[&sides], &[]);
    let o = m.node("MatMul", &["x", &w], &[]);
    says(&m, &o, "values of all constants and layers");

    // Each would be small enough, all together are not.
    let mut m = Model::new(&[1, 4], 1);
    let sides = m.ints(&[1 << 18]);
    let mut sum = m.node("ConstantOfShape", &[&sides], &[]);
    for _ in 0..20 {
        sum = m.node("Add", &[&sum, &sum], &[]);
    }
    let o = m.node("MatMul", &["x", &sum], &[]);
    says(&m, &o, "values of all constants and layers");

    let mut m = Model::new(&[1, 1 << 16, 1, 1], 1);
    let mut last = "x".to_string();
    for _ in 0..100 {
        let r = m.node("LeakyRelu", &[&last], &[]);
        last = m.node("Add", &[&r, &last], &[]);
    }
    says(&m, &last, "values of all constants and layers");

    // Nothing in it, but a long side.
    let mut m = Model::new(&[1, 4], 1);
    let empty = m.floats(&[0, 1 << 62, 1 << 62], vec![]);
    let turned = m.node("Transpose", &[&empty], &[]);
    let sides = m.ints(&[0, 1 << 50]);
    let flat = m.node("Reshape", &[&turned, &sides], &[int("allowzero", 1)]);
    let o = m.node("MatMul", &["x", &flat], &[]);
    says(&m, &o, "two sides above 0");

    let mut m = Model::new(&[1, 1 << 16, 1, 1], 1);
    let slopes = m.floats(&[1 << 16, 1, 1], vec![0.5; 1 << 16]);
    let mut last = m.node("Relu", &["x"], &[]);
    for _ in 0..100 {
        let sum = m.node("Add", &[&last, &last], &[]);
        last = m.node("PRelu", &[&sum, &slopes], &[]);
    }
    says(&m, &last, "values of all constants and layers");

    let mut m = Model::new(&[1, 1, 5, 5], 1);
    let huge = [ints("pads", &[i64::MAX, 0, 0, 0])];
    let c = m.conv("x", &[1, 1, 3, 3], &huge);
    says(&m, &c, "pads is 9223372036854775807");

    let mut m = Model::new(&[1, 1, 5, 5], 1);
    let wide = [ints("pads", &[1 << 20, 1 << 20, 1 << 20, 1 << 20])];
    let c = m.conv("x", &[1, 1, 3, 3], &wide);
    says(&m, &c, "a side of a map: got");
}

#[test]
fn empty_constants_with_long_sides_are_limited() {
    let long = 1 << 50;
    let make = |op: &str, inputs: &[&[i64]], attributes: &[_]| {
        let mut m = Model::new(&[1, 4], 1);
        let empty = m.floats(&[0, long], vec![]);
        let lists: Vec<String> = inputs.iter().map(|list| m.ints(list)).collect();
        let all: Vec<&str> = [empty.as_str()]
            .into_iter()
            .chain(lists.iter().map(String::as_str))
            .collect();
        let made = m.node(op, &all, attributes);
        let o = m.node("MatMul", &["x", &made], &[]);
        assert!(
            import_bytes(m.bytes(&o), &ImportOptions::default()).is_err(),
            "{op}"
        );
    };
    make("Slice", &[&[0], &[i64::MAX], &[1]], &[]);
    make("Split", &[&[long]], &[int("axis", 1)]);
    make("Tile", &[&[1, long]], &[]);
    make("Expand", &[&[0, long]], &[]);
    make("Gather", &[&[0, 1]], &[int("axis", 1)]);
    make("ReduceSum", &[], &[]);
    make("Concat", &[], &[int("axis", 0)]);
    make("Size", &[], &[]);
    make("Range", &[&[long], &[1]], &[]);
    make("Transpose", &[], &[]);
    // A function that calls another one twice, which does so too.
    let mut m = Model::new(&[1, 4], 1);
    let o = m.node("f0", &["x"], &[]);
    m.graph.node[0].domain = "local".into();
    let mut model = <ModelProto as prost::Message>::decode(m.bytes(&o).as_slice()).unwrap();
    for at in 0..31 {
        let call = |input: &str, output: &str| NodeProto {
            input: vec![input.into()],
            output: vec![output.into()],
            op_type: if at == 30 {
                "Relu".into()
            } else {
                format!("f{}", at + 1)
            },
            domain: if at == 30 { "".into() } else { "local".into() },
            ..Default::default()
        };
        model.functions.push(FunctionProto {
            name: format!("f{at}"),
            domain: "local".into(),
            input: vec!["a".into()],
            output: vec!["c".into()],
            node: vec![call("a", "b"), call("b", "c")],
            ..Default::default()
        });
    }
    let bytes = prost::Message::encode_to_vec(&model);
    let text = import_bytes(bytes, &ImportOptions::default())
        .unwrap_err()
        .to_string();
    assert!(text.contains("at most"), "{text}");
}

#[test]
fn graphs_that_make_no_sense_are_refused() {
    let mut m = Model::new(&[1, 4], 1);
    let o = m.node("Relu", &["nowhere"], &[]);
    m.is_refused(&o, "got nowhere");
    let mut m = Model::new(&[1, 4], 1);
    let o = m.node("Relu", &["v0"], &[]);
    m.is_refused(&o, "got v0");
    let mut m = Model::new(&[1, 4], 1);
    m.node("Relu", &["x"], &[]);
    m.graph.node[0].output[0] = "x".into();
    m.is_refused("x", "values of one name");
    let m = Model::new(&[1, 4], 1);
    m.is_refused("x", "output of the model");
    let mut m = Model::new(&[1, 4], 1);
    let c = m.random(&[4]);
    m.is_refused(&c, "a constant");
    let mut m = Model::new(&[1, 4], 1);
    let second = m.graph.input[0].clone();
    m.graph.input.push(second);
    m.graph.input[1].name = "y".into();
    m.is_refused("x", "2: x, y");
    let mut m = Model::new(&[1, 0], 1);
    let o = m.node("Relu", &["x"], &[]);
    m.is_refused(&o, "shape of the input");
    refused(
        import_bytes(vec![], &ImportOptions::default()),
        "an empty file",
    );
    refused(import_bytes(vec![8, 7], &ImportOptions::default()), "graph");
    refused(
        import_bytes(vec![0xff; 40], &ImportOptions::default()),
        "not an ONNX model",
    );
    let proto = TensorProto {
        dims: vec![3],
        data_type: data_type::FLOAT,
        ..Default::default()
    };
    let mut m = Model::new(&[1, 3], 1);
    let c = m.node("Constant", &[], &[common::tensor("value", proto)]);
    let o = m.node("Add", &["x", &c], &[]);
    m.is_refused(&o, "number of values is 0, expected 3");
}
