//! How the input of a model is read: element types, batches, orders of sides, means; and files of other kinds.

mod common;

use common::{Model, float, int, ints, refused};
use prost::Message;
use thresh_model::Shape;
use thresh_onnx::proto::*;
use thresh_onnx::{ImportOptions, import, import_bytes, import_bytes_with_warnings};

/// A convolution of an input of this element type, with a cast or without.
fn of_type(kind: i32, casts: bool) -> (Model, String) {
    let mut m = Model::new(&[1, 2, 3, 3], 1);
    let tensor = m.graph.input[0].r#type.as_mut().unwrap();
    tensor.tensor_type.as_mut().unwrap().elem_type = kind;
    let x = match casts {
        true => m.node("Cast", &["x"], &[int("to", i64::from(data_type::FLOAT))]),
        false => "x".into(),
    };
    let by = m.floats(&[], vec![255.0]);
    let d = m.node("Div", &[&x, &by], &[]);
    let w = m.floats(&[1, 2, 1, 1], vec![1.0, 2.0]);
    let o = m.node("Conv", &[&d, &w], &[]);
    (m, o)
}

#[test]
fn the_element_type_decides_the_scale() {
    let image: Vec<u8> = (0..18).map(|i| (i * 13) as u8).collect();
    for casts in [false, true] {
        for (kind, scale, zero) in [
            (data_type::FLOAT, 1.0 / 255.0, 0.0),
            (data_type::FLOAT16, 1.0 / 255.0, 0.0),
            (data_type::UINT8, 1.0, 0.0),
            (data_type::INT8, 1.0, -128.0),
            (data_type::INT64, 1.0, 0.0),
            (data_type::INT32, 1.0, 0.0),
        ] {
            let (m, o) = of_type(kind, casts);
            let network = import_bytes(m.bytes(&o), &ImportOptions::default()).unwrap();
            assert_eq!(network.input_scale, scale);
            let value = |byte: u8| (f32::from(byte) * scale + zero) / 255.0;
            let expected: Vec<f32> = image
                .chunks(2)
                .map(|p| value(p[0]) + 2.0 * value(p[1]))
                .collect();
            common::assert_close(&network.forward(&image), &expected);
            let mean = if zero == 0.0 { vec![] } else { vec![128.0; 2] };
            assert_eq!(network.input_mean, mean);
            // What is said wins.
            let options = ImportOptions {
                scale: Some(0.5),
                mean: vec![3.0],
                ..Default::default()
            };
            let network = import_bytes(m.bytes(&o), &options).unwrap();
            assert_eq!(network.input_scale, 0.5);
            let value = |byte: u8| (f32::from(byte) * 0.5 - 3.0) / 255.0;
            let expected: Vec<f32> = image
                .chunks(2)
                .map(|p| value(p[0]) + 2.0 * value(p[1]))
                .collect();
            common::assert_close(&network.forward(&image), &expected);
            assert_eq!(network.input_mean, [3.0; 2]);
        }
    }
    // Bytes stay whole numbers in a cast to integers; others would be rounded.
    let (mut m, _) = of_type(data_type::UINT8, false);
    let c = m.node("Cast", &["x"], &[int("to", i64::from(data_type::INT32))]);
    let f = m.node("Cast", &[&c], &[int("to", i64::from(data_type::FLOAT))]);
    let w = m.floats(&[1, 2, 1, 1], vec![1.0, 2.0]);
    let o = m.node("Conv", &[&f, &w], &[]);
    import_bytes(m.bytes(&o), &ImportOptions::default()).unwrap();
    let options = ImportOptions {
        scale: Some(0.5),
        ..Default::default()
    };
    refused(
        import_bytes(m.bytes(&o), &options),
        "(Cast): data type is 6",
    );
}

#[test]
fn the_mean_that_is_folded_is_recorded() {
    let options = ImportOptions {
        mean: vec![0.2, 0.4, 0.6],
        std: vec![0.5, 0.25, 0.1],
        ..Default::default()
    };
    let reversed = ImportOptions {
        bgr: true,
        ..options.clone()
    };
    for pads in [[0; 4], [1; 4]] {
        let mut m = Model::new(&[1, 3, 6, 5], 2);
        let o = m.conv("x", &[4, 3, 3, 3], &[ints("pads", &pads)]);
        let framed = |mean: &[f32]| match pads[0] {
            0 => mean.to_vec(),
            _ => [mean, &[0.0]].concat(),
        };
        let is = |m: &mut Model, options: &ImportOptions, mean: &[f32]| {
            let network = m.agrees(&o, options);
            common::assert_close(&network.input_mean, &framed(mean));
        };
        is(&mut m, &options, &[0.2, 0.4, 0.6]);
        is(&mut m, &reversed, &[0.6, 0.4, 0.2]);
        assert!(m.is_right(&o).input_mean.is_empty());
        let scale = ImportOptions {
            std: vec![0.5],
            ..Default::default()
        };
        assert!(m.agrees(&o, &scale).input_mean.is_empty());
    }
    // By the model itself, in a layer of its own, and in a fully connected one.
    let mut m = Model::new(&[1, 3, 6, 5], 2);
    let mean = m.floats(&[3, 1, 1], vec![0.1, 0.2, 0.3]);
    let s = m.node("Sub", &["x", &mean], &[]);
    let p = m.node("MaxPool", &[&s], &[ints("kernel_shape", &[2, 2])]);
    common::assert_close(&m.is_right(&p).input_mean, &[0.1, 0.2, 0.3]);
    let f = m.node("Flatten", &[&s], &[]);
    let w = m.random(&[90, 2]);
    let o = m.node("MatMul", &[&f, &w], &[]);
    common::assert_close(&m.is_right(&o).input_mean, &[0.1, 0.2, 0.3]);
}

#[test]
fn a_fixed_batch_is_one_image() {
    let model = |batch: i64| {
        let mut m = Model::new(&[batch, 2, 6, 5], 3);
        let c = m.conv("x", &[4, 2, 3, 3], &[]);
        let r = m.node("Relu", &[&c], &[]);
        let dims = m.ints(&[batch, 48]);
        let f = m.node("Reshape", &[&r, &dims], &[]);
        let w = m.random(&[48, 3]);
        let o = m.node("MatMul", &[&f, &w], &[]);
        let s = m.node("Shape", &[&o], &[]);
        let g = m.node("Reshape", &[&o, &s], &[]);
        let o = m.node("Softmax", &[&g], &[]);
        (m, o)
    };
    let import =
        |(m, o): (Model, String)| import_bytes(m.bytes(&o), &ImportOptions::default()).unwrap();
    let one = import(model(1));
    assert_eq!(import(model(4)).layers, one.layers);
    assert_eq!(import(model(8)).layers, one.layers);
    // What joins the images, or depends on all of them.
    let refuse = |part: &str, make: &dyn Fn(&mut Model) -> String| {
        let mut m = Model::new(&[4, 2, 6, 5], 3);
        let o = make(&mut m);
        let o = m.node("Identity", &[&o], &[]);
        refused(import_bytes(m.bytes(&o), &ImportOptions::default()), part);
    };
    refuse("the batch of 4 first", &|m| {
        let dims = m.ints(&[1, -1]);
        m.node("Reshape", &["x", &dims], &[])
    });
    refuse("the batch of 4 first", &|m| {
        m.node("Flatten", &["x"], &[int("axis", 0)])
    });
    refuse("the batch first", &|m| {
        m.node("Transpose", &["x"], &[ints("perm", &[1, 0, 2, 3])])
    });
    refuse("sides other than the batch", &|m| {
        m.node("ReduceMean", &["x"], &[])
    });
    refuse("the channels, the rows or the columns", &|m| {
        let list = m.ints(&[1]);
        m.node("Gather", &["x", &list], &[])
    });
    refuse("sides of length 1", &|m| {
        let axes = m.ints(&[0]);
        m.node("Squeeze", &["x", &axes], &[])
    });
    refuse("sides behind the batch", &|m| {
        let axes = m.ints(&[0]);
        m.node("Unsqueeze", &["x", &axes], &[])
    });
}

#[test]
fn the_reading_that_came_furthest_says_why() {
    // Read as an image, the convolution would be at fault.
    let mut m = Model::new(&[1, 3, 128], 4);
    let c = m.conv("x", &[4, 3, 5], &[]);
    let two = m.floats(&[], vec![std::f32::consts::SQRT_2]);
    let d = m.node("Div", &[&c, &two], &[]);
    let e = m.node("Erf", &[&d], &[]);
    let o = m.conv(&e, &[4, 4, 5], &[]);
    m.is_refused(&o, "got operator GELU (Erf)");
    // Read as an image, the factors would be at fault.
    let mut m = Model::new(&[1, 3, 128], 4);
    let factors = m.random(&[3, 1]);
    let f = m.node("Mul", &["x", &factors], &[]);
    let o = m.node("Tanh", &[&f], &[]);
    m.is_refused(&o, "got operator Tanh");
    for (op, name) in [
        ("Tanh", "Tanh"),
        ("HardSwish", "HardSwish"),
        ("Elu", "Elu"),
        ("LSTM", "LSTM"),
        ("Resize", "Resize"),
    ] {
        let mut m = Model::new(&[1, 3, 128], 4);
        let c = m.conv("x", &[4, 3, 5], &[]);
        let t = m.node(op, &[&c], &[]);
        let o = m.conv(&t, &[4, 4, 5], &[]);
        m.is_refused(&o, &format!("got operator {name}"));
    }
    // Several nodes that have one name.
    let named = |name: &str, make: &dyn Fn(&mut Model, &str) -> String| {
        let mut m = Model::new(&[1, 3, 8, 8], 4);
        let c = m.conv("x", &[4, 3, 1, 1], &[]);
        let g = make(&mut m, &c);
        let o = m.conv(&g, &[4, 4, 1, 1], &[]);
        m.is_refused(&o, &format!("got operator {name}"));
    };
    named("SiLU", &|m, c| {
        let s = m.node("Sigmoid", &[c], &[]);
        m.node("Mul", &[c, &s], &[])
    });
    named("HardSwish", &|m, c| {
        let s = m.node("HardSigmoid", &[c], &[float("alpha", 0.1667)]);
        m.node("Mul", &[&s, c], &[])
    });
    named("HardSwish", &|m, c| {
        let (three, zero, six) = (
            m.floats(&[], vec![3.0]),
            m.floats(&[], vec![0.0]),
            m.floats(&[], vec![6.0]),
        );
        let a = m.node("Add", &[c, &three], &[]);
        let k = m.node("Clip", &[&a, &zero, &six], &[]);
        let d = m.node("Div", &[&k, &six], &[]);
        m.node("Mul", &[c, &d], &[])
    });
    named("Mish", &|m, c| {
        let s = m.node("Softplus", &[c], &[]);
        let t = m.node("Tanh", &[&s], &[]);
        m.node("Mul", &[c, &t], &[])
    });
    named("Sub of its own mean (LayerNormalization", &|m, c| {
        let p = m.node("ReduceMean", &[c], &[ints("axes", &[1])]);
        m.node("Sub", &[c, &p], &[])
    });
    named(
        "Mul by a computed Sigmoid (squeeze-and-excitation",
        &|m, c| {
            let p = m.node("GlobalAveragePool", &[c], &[]);
            let f = m.conv(&p, &[4, 4, 1, 1], &[]);
            let s = m.node("Sigmoid", &[&f], &[]);
            m.node("Mul", &[c, &s], &[])
        },
    );
}

#[test]
fn a_third_dimension_is_named() {
    let mut m = Model::new(&[1, 3, 4, 8, 8], 4);
    let o = m.conv("x", &[2, 3, 1, 1, 1], &[]);
    m.is_refused(&o, "5 sides, expected 1 to 4");
}

#[test]
fn channels_last_with_any_number_of_them() {
    let mut m = Model::new(&[-1, 6, 5, 4], 5);
    let t = m.node("Transpose", &["x"], &[ints("perm", &[0, 3, 1, 2])]);
    let o = m.conv(&t, &[2, 4, 3, 3], &[]);
    let network = m.is_right(&o);
    let shape = Shape {
        channels: 4,
        height: 6,
        width: 5,
    };
    assert_eq!(network.input, shape);
}

#[test]
fn dropout_of_a_model_in_training_is_warned_of() {
    let mut m = Model::new(&[1, 6], 6);
    let w = m.random(&[6, 4]);
    let g = m.node("MatMul", &["x", &w], &[]);
    let (ratio, mode) = (m.floats(&[], vec![0.5]), "mode".to_string());
    m.graph.initializer.push(TensorProto {
        name: mode.clone(),
        data_type: data_type::BOOL,
        int32_data: vec![1],
        ..Default::default()
    });
    let o = m.node("Dropout", &[&g, &ratio, &mode], &[]);
    // The mask is not read.
    m.graph.node.last_mut().unwrap().output.push("mask".into());
    let imported = import_bytes_with_warnings(m.bytes(&o), &ImportOptions::default()).unwrap();
    assert_eq!(
        (imported.network.layers.len(), imported.warnings.len()),
        (1, 1)
    );
    assert!(imported.warnings[0].contains("training mode") && imported.warnings[0].contains(&o));
    m.graph.initializer.last_mut().unwrap().int32_data = vec![0];
    let imported = import_bytes_with_warnings(m.bytes(&o), &ImportOptions::default()).unwrap();
    assert!(imported.warnings.is_empty());
    // One that is read is refused.
    let f = m.node("Cast", &["mask"], &[int("to", 1)]);
    let o = m.node("Add", &[&o, &f], &[]);
    m.is_refused(&o, "output that is used is mask");
    let mut m = Model::new(&[1, 3, 6, 6], 6);
    let o = m.node("MaxPool", &["x"], &[ints("kernel_shape", &[2, 2])]);
    m.graph
        .node
        .last_mut()
        .unwrap()
        .output
        .push("places".into());
    assert_eq!(m.is_right(&o).layers.len(), 1);
}

#[test]
fn functions_of_the_model_are_written_out() {
    let mut m = Model::new(&[1, 2, 5, 5], 7);
    let w = m.random(&[4, 2, 3, 3]);
    let o = m.node("Block", &["x", &w], &[ints("pads", &[1, 1, 1, 1])]);
    m.graph.node.last_mut().unwrap().domain = "local".into();
    let inner =
        |op: &str, inputs: &[&str], output: &str, domain: &str, attribute: Vec<AttributeProto>| {
            NodeProto {
                input: inputs.iter().map(|name| name.to_string()).collect(),
                output: vec![output.into()],
                op_type: op.into(),
                domain: domain.into(),
                attribute,
                ..Default::default()
            }
        };
    let pads = AttributeProto {
        name: "pads".into(),
        ref_attr_name: "pads".into(),
        ..Default::default()
    };
    let mut slope = float("alpha", 0.0);
    slope.ref_attr_name = "slope".into();
    let block = FunctionProto {
        name: "Block".into(),
        domain: "local".into(),
        input: vec!["a".into(), "b".into()],
        output: vec!["d".into()],
        attribute: vec!["pads".into()],
        attribute_proto: vec![],
        node: vec![
            inner("Conv", &["a", "b"], "c", "", vec![pads]),
            inner("Bend", &["c"], "d", "local", vec![]),
        ],
    };
    let bend = FunctionProto {
        name: "Bend".into(),
        domain: "local".into(),
        input: vec!["c".into()],
        output: vec!["d".into()],
        attribute_proto: vec![float("slope", 0.3)],
        node: vec![inner("LeakyRelu", &["c"], "d", "", vec![slope])],
        ..Default::default()
    };
    let bytes = |functions: Vec<FunctionProto>| {
        let mut model = ModelProto::decode(m.bytes(&o).as_slice()).unwrap();
        model.functions = functions;
        model.encode_to_vec()
    };
    let network = import_bytes(
        bytes(vec![block.clone(), bend.clone()]),
        &ImportOptions::default(),
    )
    .unwrap();
    let mut plain = Model::new(&[1, 2, 5, 5], 7);
    let w = plain.random(&[4, 2, 3, 3]);
    let c = plain.node("Conv", &["x", &w], &[ints("pads", &[1, 1, 1, 1])]);
    let p = plain.node("LeakyRelu", &[&c], &[float("alpha", 0.3)]);
    let expected = import_bytes(plain.bytes(&p), &ImportOptions::default()).unwrap();
    let image: Vec<u8> = (0..50).map(|i| (i * 5) as u8).collect();
    assert_eq!(network.forward(&image), expected.forward(&image));
    refused(
        import_bytes(bytes(vec![block.clone()]), &ImportOptions::default()),
        "got operator local.Bend",
    );
    // One that calls itself.
    let mut endless = bend;
    endless.node = vec![inner("Bend", &["c"], "d", "local", vec![])];
    refused(
        import_bytes(bytes(vec![block, endless]), &ImportOptions::default()),
        "functions inside each other",
    );
}

#[test]
fn files_of_other_kinds_are_named() {
    let root = tempfile::tempdir().unwrap();
    let is = |bytes: &[u8], kind: &str, step: &str| {
        let path = root.path().join("net.onnx");
        std::fs::write(&path, bytes).unwrap();
        let text = import(&path, &ImportOptions::default())
            .unwrap_err()
            .to_string();
        assert!(text.contains(kind) && text.contains(step), "{text}");
    };
    is(
        b"PK\x03\x04....archive/data.pkl....",
        "PyTorch checkpoint",
        "torch.onnx.export",
    );
    is(b"\x80\x02\x8a\nl\xfc", "pickle", "torch.onnx.export");
    is(
        b"PK\x03\x04..metadata.json....model.weights.h5",
        "Keras model",
        "model.export",
    );
    is(b"\x89HDF\r\n\x1a\n\0\0", "HDF5", "tf2onnx");
    is(b"PK\x03\x04....a.txt", "a zip archive", "unpack");
    is(
        b"\x1c\0\0\0TFL3\0\0",
        "TensorFlow Lite",
        "thresh_tflite::import",
    );
    is(b"THRI\0\0\0\0", "packed image", "thresh run");
    is(
        b"\x10\0\0\0\0\0\0\0{\"__metadata__\":{\"thresh.name\":",
        "a network that thresh has saved",
        "thresh pack",
    );
    is(
        b"\x10\0\0\0\0\0\0\0{\"fc1.weight\":{}}",
        "safetensors",
        "weights alone",
    );
    is(b"\x10\0\0\0ORTM", "ONNX Runtime", ".onnx");
    is(
        b"version https://git-lfs.github.com/spec/v1",
        "Git LFS",
        "git lfs pull",
    );
    is(b"", "empty", "export");
    is(b"\x93NUMPY\x01\0", "NumPy", "model");
}
