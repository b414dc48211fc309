//! Files that PyTorch has exported, by both of its exporters; `scripts/foreign_network.py
//! --fixtures` makes them.

mod common;

use common::{assert_close, in_model_order, model_input, outputs, run};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use thresh_model::{Head, Operator};
use thresh_onnx::{ImportOptions, import};

#[derive(Deserialize)]
struct Expected {
    shape: Vec<usize>,
    outputs: Vec<f32>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn expected() -> BTreeMap<String, Expected> {
    let text = std::fs::read_to_string(folder().join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn both_exporters_give_networks_that_compute_what_pytorch_computes() {
    let options = ImportOptions::default();
    let all = expected();
    assert_eq!(all.len(), 5);
    for (
        name,
        Expected {
            shape,
            outputs: by_torch,
        },
    ) in &all
    {
        for exporter in ["script", "dynamo"] {
            let path = folder().join(format!("{name}-{exporter}.onnx"));
            let network = import(&path, &options).unwrap_or_else(|error| panic!("{name}: {error}"));
            // Channels are outermost in the numbering of the pixels.
            let input = network.input;
            let pixel = |at: usize| {
                let (position, channel) = (at / input.channels, at % input.channels);
                let index = channel * input.height * input.width + position;
                ((index * 37 + 11) % 256) as u8
            };
            let image: Vec<u8> = (0..input.len()).map(pixel).collect();
            let got = outputs(&network, &image);
            let model = rten::Model::load_file(&path).unwrap();
            let values = model_input(&image, input, shape, &options);
            let (sides, by_rten) = run(&model, shape, values);
            let got = in_model_order(&network, &got, &sides);
            assert_close(&got, by_torch);
            assert_close(&got, &by_rten);
        }
    }
}

#[test]
fn layers_and_provenance_are_as_expected() {
    let read = |name: &str| import(&folder().join(name), &ImportOptions::default()).unwrap();
    for name in ["separable-script.onnx", "separable-dynamo.onnx"] {
        let network = read(name);
        assert_eq!(network.head, Head::Softmax);
        let kinds: Vec<&str> = network
            .layers
            .iter()
            .map(|layer| match layer.operator {
                Operator::Conv { .. } => "conv",
                Operator::AveragePool { .. } => "mean",
                _ => "other",
            })
            .collect();
        assert_eq!(
            kinds,
            ["conv", "conv", "conv", "conv", "conv", "mean"],
            "{name}"
        );
        assert_eq!(network.provenance["source"], name);
        assert_eq!(network.provenance["opset"], "20");
        assert!(network.provenance["producer"].starts_with("pytorch 2."));
        assert_eq!(network.name, name.trim_end_matches(".onnx"));
    }
    assert_eq!(read("flat-dynamo.onnx").head, Head::Sigmoid);
}

#[test]
fn data_that_is_missing_is_named() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("net.onnx");
    std::fs::copy(folder().join("flat-dynamo.onnx"), &path).unwrap();
    common::refused(
        import(&path, &ImportOptions::default()),
        "flat-dynamo.onnx.data",
    );
    let bytes = std::fs::read(&path).unwrap();
    common::refused(
        thresh_onnx::import_bytes(bytes, &ImportOptions::default()),
        "in the model's folder",
    );
    common::refused(
        import(&root.path().join("none"), &ImportOptions::default()),
        "cannot read",
    );
}
