//! Import of TensorFlow Lite models as networks of Thresh.
//!
//! [`import`] turns a float, an 8-bit or a hybrid model into a [`Network`] of real numbers: the graph is written as one
//! of ONNX, whose importer makes the layers. Scales and zero points of activations become the ranges of layers, so that a
//! quantised model needs no calibration; that of the input says what a byte stands for.
//!
//! `docs/quantised.md` lists operators and limits. Files are not trusted: a malformed one is an error, and the values
//! that it can ask for are limited.

mod error;
mod file;
mod operators;
mod schema;
mod translate;

pub use error::{OPERATORS, TfliteError};
pub use file::is_tflite;

use error::Result;
use file::File;
use prost::bytes::Bytes;
use std::io::Read;
use std::path::Path;
use thresh_model::Network;
use thresh_onnx::{ImportOptions, Imported};

/// The largest file: offsets of a flatbuffer have 31 bits.
const MOST_BYTES: u64 = 1 << 31;

/// Reads the TensorFlow Lite model at `path`. Its labels are those of `options`, its provenance says the source.
///
/// Where the input is quantised and `options` say neither scale nor mean nor deviation, byte `b` stands for the integer
/// `b - 128` of an int8 input, for `b` of a uint8 input.
///
/// # Errors
/// See [`TfliteError`].
pub fn import(path: &Path, options: &ImportOptions) -> Result<Network> {
    import_with_warnings(path, options).map(|imported| imported.network)
}

/// As [`import`], with what was taken otherwise than the model says.
///
/// # Errors
/// See [`TfliteError`].
pub fn import_with_warnings(path: &Path, options: &ImportOptions) -> Result<Imported> {
    let io = |source| TfliteError::Io {
        path: path.to_path_buf(),
        source,
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(io)?;
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    if bytes.len() as u64 > MOST_BYTES {
        let expected = format!("at most {MOST_BYTES} bytes");
        return Err(TfliteError::model("file", "a larger one", expected));
    }
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    read(bytes.into(), name.as_deref(), options)
}

/// As [`import`], from the bytes of a model.
///
/// # Errors
/// See [`TfliteError`].
pub fn import_bytes(bytes: impl Into<Bytes>, options: &ImportOptions) -> Result<Network> {
    read(bytes.into(), None, options).map(|imported| imported.network)
}

fn read(bytes: Bytes, name: Option<&str>, options: &ImportOptions) -> Result<Imported> {
    let file = File::read(&bytes)?;
    let translated = translate::translate(&file, options)?;
    let imported = thresh_onnx::import_model(translated.model, name, &translated.options);
    let mut imported = imported.map_err(|error| translated.places.named(error))?;
    let network = &mut imported.network;
    // That of ONNX says nothing here.
    network.provenance.remove("opset");
    let format = ("format".to_string(), "TensorFlow Lite".to_string());
    network.provenance.extend([format]);
    Ok(imported)
}
