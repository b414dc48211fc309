//! Import of ONNX models as networks of Thresh.
//!
//! [`import`] turns a convolutional or fully connected classifier, as PyTorch, Keras and others
//! export it, into a [`Network`] with float weights. Batch normalisation, arithmetic with constants
//! and the preprocessing of the image ([`ImportOptions`]) go into the weights; reshapes and
//! transposes go into the order of the weights of the next fully connected layer. The network
//! computes what the model computes, up to the rounding of floats.
//!
//! `docs/import.md` lists operators and limits. An operator that cannot be a layer is refused by
//! name. Files are not trusted: a malformed one is an error, its external data must lie in its own
//! folder, and the values that it can ask for are limited.

mod budget;
mod cause;
mod error;
mod external;
mod functions;
mod graph;
mod importer;
mod kind;
mod node;
mod ops;
mod options;
mod outputs;
pub mod proto;
mod reading;
mod rewrite;
mod tensor;
mod view;

pub use error::{ImportError, OPERATORS, near};
pub use external::external_files;
pub use options::ImportOptions;

use error::Result;
use prost::Message;
use prost::bytes::Bytes;
use proto::ModelProto;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use tensor::Source;
use thresh_model::Network;

/// The largest file, as ONNX itself limits it: larger models keep their weights beside it.
const MOST_BYTES: u64 = 1 << 31;

/// A network, and what was taken otherwise than the model says.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The network.
    pub network: Network,
    /// One sentence each, for the user.
    pub warnings: Vec<String>,
}

/// Reads the ONNX model at `path`. Its labels are those of `options`, its provenance says the
/// source.
///
/// # Errors
/// See [`ImportError`].
pub fn import(path: &Path, options: &ImportOptions) -> Result<Network> {
    import_with_warnings(path, options).map(|imported| imported.network)
}

/// As [`import`], with the warnings.
///
/// # Errors
/// See [`ImportError`].
pub fn import_with_warnings(path: &Path, options: &ImportOptions) -> Result<Imported> {
    let io = |error| ImportError::Io {
        path: path.to_path_buf(),
        error,
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(io)?;
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    if bytes.len() as u64 > MOST_BYTES {
        let expected = format!("at most {MOST_BYTES} bytes; keep the weights in external data");
        return Err(ImportError::model("file", "a larger one", expected));
    }
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => path,
    };
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    read(bytes.into(), Some(folder), name.as_deref(), options)
}

/// As [`import`], from the bytes of a model without external data.
///
/// # Errors
/// See [`ImportError`].
pub fn import_bytes(bytes: impl Into<Bytes>, options: &ImportOptions) -> Result<Network> {
    import_bytes_with_warnings(bytes, options).map(|imported| imported.network)
}

/// As [`import_with_warnings`], from the bytes of a model without external data.
///
/// # Errors
/// See [`ImportError`].
pub fn import_bytes_with_warnings(
    bytes: impl Into<Bytes>,
    options: &ImportOptions,
) -> Result<Imported> {
    read(bytes.into(), None, None, options)
}

fn read(
    bytes: Bytes,
    folder: Option<&Path>,
    file: Option<&str>,
    options: &ImportOptions,
) -> Result<Imported> {
    if let Some(error) = kind::other(&bytes) {
        return Err(error);
    }
    let model =
        ModelProto::decode(bytes).map_err(|error| ImportError::Format(error.to_string()))?;
    read_model(model, folder, file, options)
}

/// As [`import_with_warnings`], from a model in memory without external data. `file` is the name of the file that it was
/// made of, for the network's name and provenance.
///
/// # Errors
/// See [`ImportError`].
pub fn import_model(
    model: ModelProto,
    file: Option<&str>,
    options: &ImportOptions,
) -> Result<Imported> {
    read_model(model, None, file, options)
}

fn read_model(
    mut model: ModelProto,
    folder: Option<&Path>,
    file: Option<&str>,
    options: &ImportOptions,
) -> Result<Imported> {
    check(options)?;
    let Some(mut graph) = model.graph.take() else {
        return Err(ImportError::model(
            "graph",
            "none",
            "one; export the model again",
        ));
    };
    let own = model
        .opset_import
        .iter()
        .find(|set| matches!(set.domain.as_str(), "" | "ai.onnx"));
    let opset = own.map_or(1, |set| set.version);
    functions::write_out(&model, &mut graph)?;
    ops::expand(&mut graph);
    rewrite::rewrite(&mut graph);
    let lowered = graph::lower(&graph, opset, Source { folder }, options)?;

    let stem = file.map(|file| {
        Path::new(file)
            .with_extension("")
            .to_string_lossy()
            .into_owned()
    });
    let name = options
        .name
        .clone()
        .or(stem)
        .unwrap_or_else(|| graph.name.clone());
    let producer = format!("{} {}", model.producer_name, model.producer_version);
    let mut provenance = BTreeMap::from([("opset".to_string(), opset.to_string())]);
    let more = [
        ("command", options.command.as_deref()),
        ("source", file),
        (
            "producer",
            Some(producer.trim()).filter(|text| !text.is_empty()),
        ),
    ];
    for (key, text) in more {
        provenance.extend(text.map(|text| (key.to_string(), text.to_string())));
    }
    let network = Network {
        name,
        input: lowered.input,
        input_scale: lowered.input_scale,
        input_mean: lowered.input_mean,
        frame: lowered.frame,
        layers: lowered.layers,
        head: lowered.head,
        labels: options.labels.clone(),
        provenance,
    };
    network.check()?;
    Ok(Imported {
        network,
        warnings: lowered.warnings,
    })
}

fn check(options: &ImportOptions) -> Result<()> {
    let positive = |scale: &f32| scale.is_finite() && *scale > 0.0;
    if let Some(scale) = options.scale.filter(|scale| !positive(scale)) {
        return Err(ImportError::model(
            "scale",
            scale,
            "a finite number above 0",
        ));
    }
    if let Some(mean) = options.mean.iter().find(|mean| !mean.is_finite()) {
        return Err(ImportError::model("mean", mean, "a finite number"));
    }
    if let Some(std) = options
        .std
        .iter()
        .find(|std| !(std.is_finite() && **std > 0.0))
    {
        return Err(ImportError::model("std", std, "a finite number above 0"));
    }
    Ok(())
}
