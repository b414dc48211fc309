//! Damaged and hostile files are read or refused; they neither panic nor hang nor take much memory.
//!
//! `MUTATIONS=100000 cargo test --release -p thresh-tflite --test damaged` tries more of them.

use proptest::prelude::*;
use std::path::PathBuf;
use thresh_model::Shape;
use thresh_onnx::ImportOptions;
use thresh_tflite::{import_bytes, is_tflite};

const MODELS: &[&str] = &[
    "activations-int8",
    "any-batch-float",
    "causal-float",
    "dilated-int8",
    "large-hybrid",
    "line-float",
    "padded-int8",
    "residual-int8",
    "separable-half",
    "separable-uint8",
];

fn model(name: &str) -> Vec<u8> {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    std::fs::read(data.join(format!("{name}.tflite"))).unwrap()
}

/// A model must not take more than a small multiple of itself.
fn options() -> ImportOptions {
    ImportOptions {
        most_values: 1 << 20,
        ..ImportOptions::default()
    }
}

fn cases() -> u32 {
    let given = std::env::var("MUTATIONS").ok();
    given.map_or(2000, |count| count.parse().expect("a number in MUTATIONS"))
}

#[test]
fn the_models_that_are_damaged_are_sound() {
    for name in MODELS {
        let bytes = model(name);
        assert!(is_tflite(&bytes));
        import_bytes(bytes, &options()).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn every_truncation_is_refused_or_read() {
    let bytes = model("line-float");
    for length in 0..bytes.len() {
        let _ = import_bytes(bytes[..length].to_vec(), &options());
    }
}

#[test]
fn every_word_may_be_the_largest() {
    let bytes = model("residual-int8");
    for at in (0..bytes.len() - 4).step_by(4) {
        for word in [u32::MAX, 0x0001_0000] {
            let mut bytes = bytes.clone();
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
            let _ = import_bytes(bytes, &options());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn changed_bytes_are_refused_or_read(
        which in 0..MODELS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        side in 1usize..8,
        given in any::<bool>(),
    ) {
        let mut bytes = model(MODELS[which]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let shape = Shape { channels: 2, height: side, width: side };
        let options = ImportOptions {
            shape: given.then_some(shape),
            ..options()
        };
        if let Ok(network) = import_bytes(bytes, &options) {
            network.check().unwrap();
        }
    }

    #[test]
    fn any_tables_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = bytes;
        if bytes.len() >= 8 {
            bytes[4..8].copy_from_slice(b"TFL3");
        }
        let _ = import_bytes(bytes, &options());
    }
}
