//! The outputs of a TensorFlow Lite or ONNX model as a network, for a comparison with another runtime.
//!
//!     cargo run --release -p thresh-tflite --example outputs -- MODEL INPUTS OUTPUTS [--floats]
//!
//! `INPUTS` are bytes, one input behind the other, each position by position with the channels inside; with `--floats`
//! they are 32-bit floats in the bytes of the machine, as the model reads them. `OUTPUTS` becomes 32-bit floats, behind
//! what the host does.

use std::path::Path;
use thresh_model::Network;
use thresh_onnx::ImportOptions;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, inputs, outputs, flags @ ..] = arguments.as_slice() else {
        return Err("got too few arguments, expected MODEL INPUTS OUTPUTS [--floats]".into());
    };
    let floats = flags.iter().any(|flag| flag == "--floats");
    let options = ImportOptions {
        scale: floats.then_some(1.0),
        ..ImportOptions::default()
    };
    let network = read(Path::new(model), &options)?;
    let prepared = network.prepare();
    let bytes = std::fs::read(inputs)?;
    let values = network.input.len();
    let mut all = Vec::new();
    if floats {
        for input in bytes.chunks_exact(values * 4) {
            let word = |word: &[u8]| f32::from_ne_bytes([word[0], word[1], word[2], word[3]]);
            let input = input.chunks_exact(4).map(word).collect();
            let logits = prepared.values(input).pop().unwrap_or_default();
            all.extend(network.head.apply(&logits));
        }
    } else {
        for input in bytes.chunks_exact(values) {
            all.extend(network.head.apply(&prepared.logits(input)));
        }
    }
    let bytes: Vec<u8> = all.iter().flat_map(|value| value.to_ne_bytes()).collect();
    std::fs::write(outputs, bytes)?;
    describe(&network);
    Ok(())
}

fn read(path: &Path, options: &ImportOptions) -> Result<Network, Box<dyn std::error::Error>> {
    if path.extension().is_some_and(|end| end == "onnx") {
        return Ok(thresh_onnx::import(path, options)?);
    }
    Ok(thresh_tflite::import(path, options)?)
}

/// Prints what a packer needs to know of a network.
fn describe(network: &Network) {
    let shared = |layer: &&thresh_model::network::Layer| {
        matches!(layer.weights, thresh_model::network::Weights::Shared { .. })
    };
    let weighted = network
        .layers
        .iter()
        .filter(|layer| !layer.weights.is_empty());
    let without: Vec<&str> = network
        .layers
        .iter()
        .filter(|layer| layer.range.is_none())
        .map(|layer| layer.name.as_str())
        .collect();
    println!(
        "{} layers, {} with weights, {} with a codebook, {} without a range: {}",
        network.layers.len(),
        weighted.clone().count(),
        weighted.filter(shared).count(),
        without.len(),
        without.join(", ")
    );
}
