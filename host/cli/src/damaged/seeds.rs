//! Sound files to damage: small, and of every kind.

use super::SHAPE;
use image::codecs::{jpeg::JpegEncoder, png::PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use std::path::Path;
use thresh_onnx::ImportOptions;

/// The files of a folder of this repository with this ending.
fn files(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(&folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == ending));
    paths.sort();
    assert!(!paths.is_empty(), "no .{ending} in {}", folder.display());
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

/// Models that hold their own weights.
pub fn onnx() -> Vec<Vec<u8>> {
    let mut models = files("../onnx/tests/data", "onnx");
    models.extend(files("../onnx/tests/data/quantised", "onnx"));
    models.retain(|model| {
        thresh_onnx::import_bytes(model.clone(), &ImportOptions::default()).is_ok()
    });
    assert!(models.len() > 3);
    models
}

/// Models of TensorFlow Lite.
pub fn tflite() -> Vec<Vec<u8>> {
    let mut models = files("../tflite/tests/data", "tflite");
    models.retain(|model| {
        thresh_tflite::import_bytes(model.clone(), &ImportOptions::default()).is_ok()
    });
    assert!(models.len() > 3);
    models
}

/// Networks with float and with shared weights.
pub fn networks() -> Vec<Vec<u8>> {
    let post = thresh_compress::PostTraining {
        keep: vec![0.5],
        bits: Some(3),
        ..Default::default()
    };
    let both = |model: Vec<u8>| {
        let network = thresh_onnx::import_bytes(model, &ImportOptions::default()).unwrap();
        let shared = thresh_compress::compress_after_training(&network, &post).unwrap();
        [network, shared].map(|network| network.to_safetensors().unwrap())
    };
    onnx().into_iter().flat_map(both).collect()
}

/// Packed images.
pub fn images() -> Vec<Vec<u8>> {
    files("images", "thresh")
}

fn values() -> Vec<u8> {
    (0..SHAPE.len()).map(|i| (i * 37 % 251) as u8).collect()
}

/// NumPy arrays of two images.
pub fn arrays() -> Vec<Vec<u8>> {
    let sides = format!("(2, {}, {}, {})", SHAPE.height, SHAPE.width, SHAPE.channels);
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {sides}, }}");
    let padded = format!("{header:<117}\n");
    let mut array = b"\x93NUMPY\x01\x00".to_vec();
    array.extend((padded.len() as u16).to_le_bytes());
    array.extend(padded.as_bytes());
    array.extend(values().repeat(2));
    vec![array]
}

const WIDTH: u32 = SHAPE.width as u32;
const HEIGHT: u32 = SHAPE.height as u32;

pub fn png() -> Vec<Vec<u8>> {
    let mut file = Vec::new();
    let encoder = PngEncoder::new(&mut file);
    let written = encoder.write_image(&values(), WIDTH, HEIGHT, ExtendedColorType::Rgb8);
    written.unwrap();
    vec![file]
}

pub fn jpeg() -> Vec<Vec<u8>> {
    let mut file = Vec::new();
    let encoder = JpegEncoder::new(&mut file);
    let written = encoder.write_image(&values(), WIDTH, HEIGHT, ExtendedColorType::Rgb8);
    written.unwrap();
    vec![file]
}
