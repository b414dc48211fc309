//! How models end: probabilities, classes, several outputs.

mod common;

use common::{Model, floats, int, ints, refused, text};
use prost::Message;
use thresh_model::Head;
use thresh_onnx::proto::{ModelProto, NodeProto, OperatorSetIdProto, TensorProto};
use thresh_onnx::{ImportOptions, import_bytes};

/// A model with `outputs` logits, and their name.
fn logits(outputs: i64, seed: u64) -> (Model, String) {
    let mut m = Model::new(&[-1, 6], seed);
    let (w, b) = (m.random(&[6, outputs]), m.random(&[outputs]));
    let o = m.node("Gemm", &["x", &w, &b], &[]);
    (m, o)
}

/// The file with these outputs.
fn with_outputs(m: &Model, names: &[&str]) -> Vec<u8> {
    let mut model = ModelProto::decode(m.bytes(names[0]).as_slice()).unwrap();
    let graph = model.graph.as_mut().unwrap();
    for name in &names[1..] {
        let mut output = graph.output[0].clone();
        output.name = name.to_string();
        graph.output.push(output);
    }
    model.opset_import.push(OperatorSetIdProto {
        domain: "ai.onnx.ml".into(),
        version: 3,
    });
    model.encode_to_vec()
}

fn import(bytes: &[u8]) -> thresh_model::Network {
    import_bytes(bytes.to_vec(), &ImportOptions::default())
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn probabilities() {
    for (op, head) in [
        ("Softmax", Head::Softmax),
        ("LogSoftmax", Head::LogSoftmax),
        ("Sigmoid", Head::Sigmoid),
    ] {
        for outputs in [2, 5] {
            let (mut m, g) = logits(outputs, 1);
            let o = m.node(op, &[&g], &[]);
            assert_eq!(m.is_right(&o).head, head);
        }
    }
    let (mut m, g) = logits(1, 1);
    let o = m.node("Sigmoid", &[&g], &[]);
    let network = m.is_right(&o);
    assert_eq!(network.head.classes(network.outputs()), 2);
    // As a compiler writes them.
    for log in [false, true] {
        let (mut m, g) = logits(4, 1);
        m.opset = 18;
        let axes = m.ints(&[1]);
        let most = m.node("ReduceMax", &[&g, &axes], &[]);
        let s = m.node("Sub", &[&g, &most], &[]);
        let e = m.node("Exp", &[&s], &[]);
        let sum = m.node("ReduceSum", &[&e, &axes], &[]);
        let o = match log {
            false => m.node("Div", &[&e, &sum], &[]),
            true => {
                let l = m.node("Log", &[&sum], &[]);
                m.node("Sub", &[&s, &l], &[])
            }
        };
        let head = if log { Head::LogSoftmax } else { Head::Softmax };
        assert_eq!(m.is_right(&o).head, head);
    }
    let (mut m, g) = logits(4, 1);
    let s = m.node("Softmax", &[&g], &[]);
    let o = m.node("Log", &[&s], &[]);
    assert_eq!(m.is_right(&o).head, Head::LogSoftmax);
    let (mut m, g) = logits(4, 1);
    let one = m.floats(&[], vec![1.0]);
    let n = m.node("Neg", &[&g], &[]);
    let e = m.node("Exp", &[&n], &[]);
    let s = m.node("Add", &[&e, &one], &[]);
    let o = m.node("Div", &[&one, &s], &[]);
    assert_eq!(m.is_right(&o).head, Head::Sigmoid);
}

#[test]
fn the_class_is_left_to_the_host() {
    for head in [Head::Logits, Head::Softmax] {
        for keep in [0, 1] {
            let (mut m, mut o) = logits(4, 2);
            if head == Head::Softmax {
                o = m.node("Softmax", &[&o], &[]);
            }
            let a = m.node("ArgMax", &[&o], &[int("axis", 1), int("keepdims", keep)]);
            let c = m.node("Cast", &[&a], &[int("to", 6)]);
            let network = import(&m.bytes(&c));
            assert_eq!((network.head, network.layers.len()), (head, 1));
            let more = m.node("Add", &[&c, &c], &[]);
            m.is_refused(&more, "behind the class");
        }
    }
    let mut m = Model::new(&[1, 3, 4, 4], 2);
    let c = m.conv("x", &[2, 3, 3, 3], &[]);
    let o = m.node("ArgMax", &[&c], &[int("axis", 1)]);
    m.is_refused(&o, "the one over all classes");
    let (mut m, g) = logits(1, 2);
    let o = m.node("ArgMax", &[&g], &[int("axis", 1)]);
    m.is_refused(&o, "the one over all classes");
}

#[test]
fn of_several_outputs_the_one_that_says_most() {
    let (mut m, g) = logits(4, 3);
    let s = m.node("Softmax", &[&g], &[]);
    let a = m.node("ArgMax", &[&s], &[int("axis", 1)]);
    for names in [[&g, &s, &a], [&a, &s, &g], [&s, &a, &g]] {
        let names = names.map(|name| name.as_str());
        assert_eq!(import(&with_outputs(&m, &names)).head, Head::Softmax);
    }
    assert_eq!(import(&with_outputs(&m, &[&a, &g])).head, Head::Logits);
    // What is not the same is named.
    let w = m.random(&[6, 2]);
    let other = m.node("MatMul", &["x", &w], &[]);
    let result = import_bytes(with_outputs(&m, &[&s, &other]), &ImportOptions::default());
    let text = result.unwrap_err().to_string();
    assert!(
        text.contains(&format!("2: {s}, {other}")) && text.contains(&format!("--logits {s}")),
        "{text}"
    );
}

#[test]
fn what_cannot_end_a_model_names_what_comes_before_it() {
    let (mut m, g) = logits(4, 4);
    let t = m.node("Tanh", &[&g], &[]);
    m.is_refused(&t, "got operator Tanh");
    m.is_refused(&t, &format!("--logits {g} imports what comes before it"));
    let s = m.node("Softmax", &[&g], &[]);
    let o = m.node("Add", &[&s, &s], &[]);
    m.is_refused(&o, &format!("--logits {s}"));
    let k = m.ints(&[2]);
    let o = m.node("TopK", &[&g, &k], &[]);
    m.is_refused(&o, &format!("--logits {g}"));
    let mut m = Model::new(&[1, 3, 4, 4], 4);
    let c = m.conv("x", &[2, 3, 3, 3], &[]);
    let o = m.node("Softmax", &[&c], &[int("axis", 1)]);
    m.is_refused(&o, &format!("--logits {c}"));
    // In the middle that would not help.
    let t = m.node("Tanh", &[&c], &[]);
    let o = m.conv(&t, &[2, 2, 1, 1], &[]);
    let text = import_bytes(m.bytes(&o), &ImportOptions::default())
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("Tanh") && !text.contains("--logits"),
        "{text}"
    );
    // Nor does the input alone.
    let mut m = Model::new(&[1, 3, 4, 4], 4);
    let o = m.node("Tanh", &["x"], &[]);
    let text = import_bytes(m.bytes(&o), &ImportOptions::default())
        .unwrap_err()
        .to_string();
    assert!(!text.contains("--logits"), "{text}");
}

/// Adds a node of `ai.onnx.ml` with several outputs.
fn learned(
    m: &mut Model,
    op: &str,
    inputs: &[&str],
    outputs: &[&str],
    attributes: &[thresh_onnx::proto::AttributeProto],
) {
    m.graph.node.push(NodeProto {
        input: inputs.iter().map(|name| name.to_string()).collect(),
        output: outputs.iter().map(|name| name.to_string()).collect(),
        name: op.into(),
        op_type: op.into(),
        attribute: attributes.to_vec(),
        domain: "ai.onnx.ml".into(),
    });
}

#[test]
fn perceptrons_as_scikit_learn_has_them() {
    for outputs in [1, 3] {
        let mut m = Model::new(&[-1, 6], 5);
        let list = |m: &mut Model| {
            (0..6)
                .map(|_| rand::RngExt::random_range(&mut m.rng, 0.5f32..1.5))
                .collect::<Vec<f32>>()
        };
        let (offset, scale) = (list(&mut m), list(&mut m));
        learned(
            &mut m,
            "Scaler",
            &["x"],
            &["s"],
            &[floats("offset", &offset), floats("scale", &scale)],
        );
        let (w, b) = (m.random(&[6, outputs]), m.random(&[outputs]));
        let p = m.node("MatMul", &["s", &w], &[]);
        let p = m.node("Add", &[&p, &b], &[]);
        let p = match outputs {
            1 => {
                let p = m.node("Sigmoid", &[&p], &[]);
                let one = m.floats(&[1], vec![1.0]);
                let q = m.node("Sub", &[&one, &p], &[]);
                m.node("Concat", &[&q, &p], &[int("axis", 1)])
            }
            _ => m.node("Softmax", &[&p], &[]),
        };
        let a = m.node("ArgMax", &[&p], &[int("axis", 1)]);
        m.graph.initializer.push(TensorProto {
            name: "classes".into(),
            // Texts.
            data_type: 8,
            dims: vec![3],
            ..Default::default()
        });
        learned(
            &mut m,
            "ArrayFeatureExtractor",
            &["classes", &a],
            &["l"],
            &[],
        );
        let dims = m.ints(&[-1]);
        let label = m.node("Reshape", &["l", &dims], &[]);
        learned(&mut m, "ZipMap", &[&p], &["z"], &[]);
        let network = import(&with_outputs(&m, &[&label, "z"]));
        let head = if outputs == 1 {
            Head::Sigmoid
        } else {
            Head::Softmax
        };
        assert_eq!((network.head, network.layers.len()), (head, 1));
        // The factors are in the layer.
        let image = [10, 200, 30, 255, 0, 77];
        let got = network.forward(&image);
        let values = |name: &str| {
            let tensor = m.graph.initializer.iter().find(|t| t.name == *name);
            tensor.unwrap().float_data.clone()
        };
        let (w, b) = (values(&w), values(&b));
        let x: Vec<f32> = (0..6)
            .map(|i| (f32::from(image[i]) / 255.0 - offset[i]) * scale[i])
            .collect();
        let count = outputs as usize;
        let y = |o: usize| b[o] + (0..6).map(|i| x[i] * w[i * count + o]).sum::<f32>();
        common::assert_close(&got, &(0..count).map(y).collect::<Vec<f32>>());
    }
}

#[test]
fn linear_models() {
    let rows = [0.5, -1.0, 2.0, 0.25, 0.0, 1.0, 1.5, -0.5, 3.0];
    let image = [51, 255, 102];
    let x = [0.2, 1.0, 0.4];
    let score = |row: &[f32], b: f32| b + row.iter().zip(x).map(|(w, x)| w * x).sum::<f32>();
    for (after, norm, head) in [
        ("NONE", false, Head::Logits),
        ("SOFTMAX", true, Head::Softmax),
        ("LOGISTIC", false, Head::Sigmoid),
    ] {
        let mut m = Model::new(&[-1, 3], 6);
        let attributes = [
            floats("coefficients", &rows),
            floats("intercepts", &[0.1, 0.2, 0.3]),
            text("post_transform", after),
        ];
        learned(
            &mut m,
            "LinearClassifier",
            &["x"],
            &["label", "scores"],
            &attributes,
        );
        let mut last = "scores";
        if norm {
            learned(
                &mut m,
                "Normalizer",
                &["scores"],
                &["norm"],
                &[text("norm", "L1")],
            );
            last = "norm";
        }
        learned(&mut m, "ZipMap", &[last], &["map"], &[]);
        let network = import(&with_outputs(&m, &["label", "map"]));
        assert_eq!(network.head, head);
        let expected: Vec<f32> = (0..3)
            .map(|o| score(&rows[o * 3..o * 3 + 3], 0.1 * (o + 1) as f32))
            .collect();
        common::assert_close(&network.forward(&image), &expected);
        // The label alone.
        assert_eq!(import(&with_outputs(&m, &["label"])).layers, network.layers);
    }
    // Two classes from one row, and from two that say the same.
    for coefficients in [vec![-0.5, 1.0, -2.0, 0.5, -1.0, 2.0], vec![0.5, -1.0, 2.0]] {
        let mut m = Model::new(&[-1, 3], 6);
        let intercepts = if coefficients.len() == 6 {
            vec![-0.1, 0.1]
        } else {
            vec![0.1]
        };
        let attributes = [
            floats("coefficients", &coefficients),
            floats("intercepts", &intercepts),
            text("post_transform", "LOGISTIC"),
        ];
        learned(
            &mut m,
            "LinearClassifier",
            &["x"],
            &["label", "scores"],
            &attributes,
        );
        learned(
            &mut m,
            "Normalizer",
            &["scores"],
            &["norm"],
            &[text("norm", "L1")],
        );
        let network = import(&with_outputs(&m, &["label", "norm"]));
        assert_eq!((network.head, network.outputs()), (Head::Sigmoid, 1));
        common::assert_close(&network.forward(&image), &[score(&rows[..3], 0.1)]);
    }
    // The score of the second of two classes alone, as of a support vector machine.
    let mut m = Model::new(&[-1, 3], 6);
    let attributes = [
        floats("coefficients", &[-0.5, 1.0, -2.0, 0.5, -1.0, 2.0]),
        floats("intercepts", &[-0.1, 0.1]),
        ints("classlabels_ints", &[0, 1]),
        text("post_transform", "NONE"),
    ];
    let names = ["label", "scores"];
    learned(&mut m, "LinearClassifier", &["x"], &names, &attributes);
    let second = m.ints(&[1]);
    let inputs = ["scores", second.as_str()];
    learned(&mut m, "ArrayFeatureExtractor", &inputs, &["score"], &[]);
    let second = score(&rows[..3], 0.1);
    let network = import(&with_outputs(&m, &["score"]));
    assert_eq!(network.head, Head::Logits);
    common::assert_close(&network.forward(&image), &[second]);
    // It alone says no class: with the label beside it, both are taken.
    for names in [["label", "score"], ["score", "label"]] {
        let network = import(&with_outputs(&m, &names));
        common::assert_close(&network.forward(&image), &[-second, second]);
    }
    let mut m = Model::new(&[-1, 3], 6);
    learned(
        &mut m,
        "LinearRegressor",
        &["x"],
        &["y"],
        &[
            floats("coefficients", &rows[..3]),
            floats("intercepts", &[0.1]),
        ],
    );
    common::assert_close(
        &import(&with_outputs(&m, &["y"])).forward(&image),
        &[score(&rows[..3], 0.1)],
    );
    // What is wrong is said.
    let refuse = |op: &str, outputs: &[&str], attributes: &[_], part: &str| {
        let mut m = Model::new(&[-1, 3], 6);
        learned(&mut m, op, &["x"], outputs, attributes);
        refused(
            import_bytes(with_outputs(&m, &[outputs[0]]), &ImportOptions::default()),
            part,
        );
    };
    refuse(
        "LinearRegressor",
        &["y"],
        &[floats("coefficients", &rows[..4])],
        "a row of 3 for each output",
    );
    refuse(
        "LinearClassifier",
        &["l", "s"],
        &[
            floats("coefficients", &rows),
            text("post_transform", "PROBIT"),
        ],
        "NONE, SOFTMAX or LOGISTIC",
    );
    refuse("Normalizer", &["y"], &[text("norm", "L2")], "norm is L2");
    refuse("Scaler", &["y"], &[floats("scale", &rows[..2])], "1 or 3");
    refuse(
        "TreeEnsembleClassifier",
        &["y"],
        &[],
        "got operator ai.onnx.ml.TreeEnsembleClassifier",
    );
}
