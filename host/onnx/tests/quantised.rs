//! Quantised models, and what onnxruntime makes of the same real numbers (`data/quantised/make.py`).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use std::path::PathBuf;
use thresh_model::Network;
use thresh_model::network::{Activation, Layer, Weights};
use thresh_onnx::{ImportOptions, import, import_bytes, import_with_warnings};

/// Largest difference to the other runtime, for values around 1.
const TOLERANCE: f32 = 1e-4;

fn data(name: &str) -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/quantised");
    tests.join(name)
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

/// Imports a model and compares its outputs with those of the other runtime.
#[track_caller]
fn agrees(name: &str, tolerance: f32) -> Network {
    let options = ImportOptions::default();
    let network = import(&data(&format!("{name}.onnx")), &options);
    let network = network.unwrap_or_else(|error| panic!("{name}: {error}"));
    let expected = expected(name);
    let rows = |key: &str| expected[key].as_array().unwrap().iter().map(numbers);
    for (bytes, outputs) in rows("bytes").zip(rows("outputs")) {
        let bytes: Vec<u8> = bytes.iter().map(|&byte| byte as u8).collect();
        let got = network.forward(&bytes);
        assert_eq!(got.len(), outputs.len());
        for (got, wanted) in got.iter().zip(&outputs) {
            assert!(
                (got - wanted).abs() <= tolerance,
                "{name}: {got}, not {wanted}"
            );
        }
    }
    network
}

/// Names of the layers without a range.
fn unlimited(network: &Network) -> Vec<&str> {
    let without = network.layers.iter().filter(|layer| layer.range.is_none());
    without.map(|layer| layer.name.as_str()).collect()
}

fn codebooks(network: &Network) -> Vec<usize> {
    let size = |layer: &Layer| match &layer.weights {
        Weights::Shared { codebook, .. } => Some(codebook.len()),
        _ => None,
    };
    network.layers.iter().filter_map(size).collect()
}

/// The rounding of the other runtime moves no output by more than this.
#[track_caller]
fn rounds_within(name: &str, error: f32) {
    let expected = expected(name);
    let all = |key: &str| {
        let rows = expected[key].as_array().unwrap().iter();
        rows.flat_map(numbers).collect::<Vec<f32>>()
    };
    let pairs = all("outputs").into_iter().zip(all("rounded"));
    let largest = pairs.fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
    assert!(largest <= error, "{name}: {largest}");
}

#[test]
fn pairs_of_quantisers() {
    let network = agrees("qdq-tensor", TOLERANCE);
    assert_eq!(unlimited(&network), [""; 0]);
    assert_eq!(codebooks(&network).len(), 6);
    // The ReLU before the quantiser is left out of the file; the zero point says it.
    let limited = |layer: &&Layer| matches!(layer.activation, Activation::Clipped(_));
    let limited = network.layers.iter().filter(limited).count();
    assert!(limited >= 5, "{limited}");
    let network = agrees("qdq-channel", TOLERANCE);
    assert_eq!(unlimited(&network), [""; 0]);
    for name in ["qdq-tensor", "qdq-channel"] {
        rounds_within(name, 0.1);
    }
}

#[test]
fn operators_on_integers() {
    for name in ["qoperator-tensor", "qoperator-channel"] {
        let network = agrees(name, TOLERANCE);
        assert_eq!(unlimited(&network), [""; 0]);
        rounds_within(name, 0.1);
    }
}

#[test]
fn inputs_of_integers() {
    for name in ["integers-tensor", "integers-channel"] {
        let network = agrees(name, TOLERANCE);
        assert_eq!(unlimited(&network), [""; 0]);
    }
}

#[test]
fn dynamic_quantisation_and_weights_alone() {
    // Against the model before quantisation: weights have 8 bits.
    let network = agrees("dynamic", 0.1);
    assert_eq!(codebooks(&network).len(), 6);
    assert!(network.layers.iter().all(|layer| layer.range.is_none()));
    agrees("weights", TOLERANCE);
}

#[test]
fn quantisers_of_few_bits() {
    for name in ["qonnx", "brevitas"] {
        let network = agrees(name, TOLERANCE);
        assert_eq!(unlimited(&network), [""; 0]);
        // Three bits in one scale, without the lowest number.
        assert!(codebooks(&network).iter().any(|&size| size <= 6));
        let last = network.layers.last().unwrap();
        assert_eq!(last.range, Some([-128.0 * 0.05, 127.0 * 0.05]));
    }
    let network = agrees("qcdq", TOLERANCE);
    assert_eq!(network.layers[0].range, Some([0.0, 15.0 * 0.2]));
    rounds_within("qcdq", 0.2);
    let warnings = |name: &str| {
        let imported = import_with_warnings(&data(name), &ImportOptions::default());
        imported.unwrap().warnings
    };
    for name in ["qonnx.onnx", "qcdq.onnx"] {
        let warnings = warnings(name);
        assert!(
            warnings.len() == 1 && warnings[0].starts_with("activations of 16 values"),
            "{warnings:?}"
        );
    }
    assert_eq!(warnings("qdq-tensor.onnx"), [""; 0]);
}

#[test]
fn damaged_models_are_refused_or_read() {
    const SEED: u64 = 11;
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let options = ImportOptions {
        most_values: 1 << 20,
        ..ImportOptions::default()
    };
    for name in [
        "qdq-channel",
        "qoperator-tensor",
        "dynamic",
        "qonnx",
        "qcdq",
        "weights",
    ] {
        let whole = std::fs::read(data(&format!("{name}.onnx"))).unwrap();
        for round in 0..300 {
            let mut bytes = whole.clone();
            for _ in 0..rng.random_range(1..6) {
                let at = rng.random_range(0..bytes.len());
                bytes[at] = rng.random();
            }
            if let Ok(network) = import_bytes(bytes, &options) {
                let checked = network.check();
                assert!(
                    checked.is_ok(),
                    "{name}, round {round} of seed {SEED}: {checked:?}"
                );
            }
        }
    }
}
