//! Models of the converter, and what the interpreter makes of the same numbers (`data/make.py`).

use serde_json::Value;
use std::path::PathBuf;
use thresh_model::network::{Activation, Weights};
use thresh_model::{Head, Network, Shape};
use thresh_onnx::ImportOptions;
use thresh_tflite::import;

/// Largest difference to the interpreter, for values around 1.
const TOLERANCE: f32 = 1e-4;

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

fn expected(name: &str) -> Value {
    let text = std::fs::read_to_string(data("expected.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()[name].clone()
}

fn numbers(value: &Value) -> Vec<f32> {
    let numbers = value.as_array().unwrap().iter();
    numbers
        .map(|number| number.as_f64().unwrap() as f32)
        .collect()
}

/// The model as a network whose input is 1 for byte 1 where it is float.
fn network(name: &str) -> Network {
    let options = match expected(name).get("floats") {
        Some(_) => ImportOptions {
            scale: Some(1.0),
            ..ImportOptions::default()
        },
        None => ImportOptions::default(),
    };
    import(&data(&format!("{name}.tflite")), &options).unwrap_or_else(|error| panic!("{error}"))
}

/// Imports a model and compares what it makes with what the interpreter made.
#[track_caller]
fn agrees(name: &str, tolerance: f32) -> Network {
    let network = network(name);
    let expected = expected(name);
    let prepared = network.prepare();
    let outputs = expected["outputs"].as_array().unwrap();
    for (index, outputs) in outputs.iter().enumerate() {
        let logits = match (expected.get("bytes"), expected.get("floats")) {
            (Some(bytes), _) => {
                let bytes = numbers(&bytes[index]);
                let bytes: Vec<u8> = bytes.iter().map(|&byte| byte as u8).collect();
                prepared.logits(&bytes)
            }
            (None, floats) => {
                let input = numbers(&floats.unwrap()[index]);
                prepared.values(input).pop().unwrap()
            }
        };
        let got = network.head.apply(&logits);
        let outputs = numbers(outputs);
        assert_eq!(got.len(), outputs.len());
        for (got, wanted) in got.iter().zip(&outputs) {
            let limit = tolerance * wanted.abs().max(1.0);
            assert!((got - wanted).abs() <= limit, "{name}: {got}, not {wanted}");
        }
    }
    network
}

/// As [`agrees`], for an 8-bit model: every layer has a range, and the interpreter's rounding is `steps` of its output at
/// most.
#[track_caller]
fn quantised(name: &str, steps: f64) -> Network {
    let network = agrees(name, TOLERANCE);
    for layer in &network.layers {
        let [least, most] = layer
            .range
            .unwrap_or_else(|| panic!("no range of {}", layer.name));
        assert!(
            least < most && least <= 0.0,
            "{}: {least} to {most}",
            layer.name
        );
        if let Activation::Clipped(limit) = layer.activation {
            assert!(
                (0.0..=limit).contains(&least) && most <= limit,
                "{}",
                layer.name
            );
        }
    }
    let expected = expected(name);
    let step = expected["step"].as_f64().unwrap() as f32;
    let pairs = |key: &str| {
        expected[key]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(numbers)
            .collect::<Vec<f32>>()
    };
    for (real, rounded) in pairs("outputs").iter().zip(pairs("rounded")) {
        let error = (real - rounded).abs() / step;
        assert!(error <= steps as f32, "{name}: {error} steps");
    }
    network
}

fn shared(network: &Network) -> usize {
    let shared =
        |layer: &&thresh_model::network::Layer| matches!(layer.weights, Weights::Shared { .. });
    network.layers.iter().filter(shared).count()
}

#[test]
fn float_models() {
    assert_eq!(agrees("separable-float", TOLERANCE).head, Head::Softmax);
    let residual = agrees("residual-float", TOLERANCE);
    assert_eq!(shared(&residual), 0);
    assert_eq!(agrees("activations-float", TOLERANCE).head, Head::Sigmoid);
    agrees("line-float", TOLERANCE);
    agrees("padded-float", TOLERANCE);
    assert_eq!(agrees("any-batch-float", TOLERANCE).head, Head::LogSoftmax);
}

#[test]
fn models_of_8_bits() {
    let separable = quantised("separable-int8", 16.0);
    let first = &separable.layers[0];
    assert!(matches!(first.activation, Activation::Clipped(limit) if limit <= 6.0));
    assert_eq!(
        quantised("residual-int8", 8.0).provenance["format"],
        "TensorFlow Lite"
    );
    quantised("activations-int8", 16.0);
    quantised("line-int8", 8.0);
    quantised("padded-int8", 8.0);
}

#[test]
fn dilation_that_moves_positions_to_the_batch_is_one_convolution() {
    for name in ["dilated", "causal"] {
        let float = agrees(&format!("{name}-float"), TOLERANCE);
        let int8 = quantised(&format!("{name}-int8"), 16.0);
        for network in [&float, &int8] {
            let weighted = network.layers.iter().filter(|l| !l.weights.is_empty());
            assert_eq!(weighted.count(), 4, "{name}");
        }
    }
}

#[test]
fn sides_that_the_file_computes_are_known() {
    for network in [
        agrees("timed-float", TOLERANCE),
        quantised("timed-int8", 16.0),
    ] {
        assert_eq!(network.layers.len(), 2);
    }
}

#[test]
fn a_divided_map_is_no_output() {
    let ending_at = |output: &str| {
        let options = ImportOptions {
            output: Some(format!("functional_1/conv2d_1/{output}")),
            ..ImportOptions::default()
        };
        import(&data("dilated-float.tflite"), &options).map_err(|error| error.to_string())
    };
    let error = ending_at("convolution1").unwrap_err();
    assert!(error.contains("got a divided map"), "{error}");
    let network = ending_at("convolution/BatchToSpaceND").unwrap();
    assert_eq!(network.outputs(), 11 * 8 * 4);
}

#[test]
fn bytes_of_an_unsigned_input() {
    let network = quantised("separable-uint8", 16.0);
    // From 0 to 1, as the converter saw it.
    assert!(
        (network.input_scale - 1.0 / 255.0).abs() < 1e-4,
        "{}",
        network.input_scale
    );
}

#[test]
fn one_scale_for_all_weights_makes_a_codebook() {
    let network = quantised("separable-whole", 16.0);
    let weighted = network
        .layers
        .iter()
        .filter(|layer| !layer.weights.is_empty());
    assert_eq!(shared(&network), weighted.count());
}

#[test]
fn weights_of_16_bits_and_hybrid_models() {
    agrees("separable-half", TOLERANCE);
    // The interpreter rounds the activations of such layers to 8 bits.
    let network = agrees("large-hybrid", 0.1);
    assert!(shared(&network) > 0);
}

#[test]
fn a_model_of_any_size_takes_the_shape_that_is_given() {
    let shape = Shape {
        channels: 2,
        height: 6,
        width: 6,
    };
    let options = ImportOptions {
        scale: Some(1.0),
        shape: Some(shape),
        ..ImportOptions::default()
    };
    let network = import(&data("free-float.tflite"), &options).unwrap();
    let expected = expected("free-float");
    let inputs = expected["floats"].as_array().unwrap().iter();
    let outputs = expected["outputs"].as_array().unwrap().iter();
    for (input, outputs) in inputs.zip(outputs) {
        let got = network.prepare().values(numbers(input)).pop().unwrap();
        for (got, wanted) in got.iter().zip(numbers(outputs)) {
            assert!((got - wanted).abs() <= TOLERANCE, "{got}, not {wanted}");
        }
    }
}

#[test]
fn an_output_is_taken_by_name() {
    let options = ImportOptions {
        output: Some("nowhere".into()),
        ..ImportOptions::default()
    };
    let error = import(&data("line-float.tflite"), &options).unwrap_err();
    assert!(
        error.to_string().contains("output to import: got nowhere"),
        "{error}"
    );
}

#[test]
fn operators_are_refused_by_their_own_name() {
    let refused = |name: &str| {
        let error = import(&data(name), &ImportOptions::default());
        error.unwrap_err().to_string()
    };
    let inside = refused("tanh-inside.tflite");
    assert!(
        inside.contains("got operator TANH, expected one of those in docs/quantised.md; convert"),
        "{inside}"
    );
    assert!(!inside.contains("--logits"), "{inside}");
    let last = refused("tanh-last.tflite");
    let (_, advice) = last
        .split_once("; --logits ")
        .unwrap_or_else(|| panic!("{last}"));
    let options = ImportOptions {
        output: advice
            .split_once(" imports")
            .map(|(name, _)| name.to_string()),
        ..ImportOptions::default()
    };
    let network = import(&data("tanh-last.tflite"), &options).unwrap();
    assert_eq!(network.outputs(), 3);
}

#[test]
fn options_win_over_the_quantiser_of_the_input() {
    let options = ImportOptions {
        scale: Some(0.25),
        ..ImportOptions::default()
    };
    let network = import(&data("separable-int8.tflite"), &options).unwrap();
    assert_eq!(network.input_scale, 0.25);
}
