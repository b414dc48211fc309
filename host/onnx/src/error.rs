//! What can go wrong.

use std::path::PathBuf;
use thresh_model::NetworkError;

/// The operators that the importer takes.
pub const OPERATORS: &[&str] = &[
    "Add",
    "ArgMax (last)",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "Clip",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "DequantizeLinear",
    "Div (by a constant)",
    "Dropout",
    "Einsum (with a constant matrix)",
    "Expand (of constants)",
    "Flatten",
    "Gather",
    "GatherND (of one side)",
    "Gemm",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Identity",
    "LeakyRelu",
    "LogSoftmax (last)",
    "MatMul (with a constant)",
    "Max (with constants)",
    "MaxPool",
    "Min (with constants)",
    "Mul (by a constant)",
    "Neg",
    "PRelu",
    "Pad (with zeros)",
    "QuantizeLinear",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceSum",
    "Relu",
    "Reshape",
    "Shape",
    "Sigmoid (last)",
    "Slice",
    "Softmax (last)",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Sub",
    "Sum",
    "Transpose",
    "Unsqueeze",
];

/// Why a model cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A file cannot be read.
    #[error("cannot read {path}: {error}; expected an ONNX model and its data", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The file is no ONNX model.
    #[error("not an ONNX model ({0}); expected a file that an exporter to ONNX has written")]
    Format(String),
    /// An operator that is not known.
    #[error(
        "node {node}: got operator {operator}, expected one of those in docs/import.md{near}; export the model without it",
        near = near(operator, OPERATORS)
    )]
    Operator {
        /// Its type, with its domain if that is not ONNX's own.
        operator: String,
        /// Name of the node.
        node: String,
    },
    /// A file of another kind.
    #[error("got {got}, expected an ONNX model; {step}")]
    Kind {
        /// What the file is.
        got: &'static str,
        /// What helps.
        step: &'static str,
    },
    /// What cannot be read is at the end of the model, behind all weights.
    #[error("{error}; --logits {before} imports what comes before it")]
    Ending {
        /// What is wrong there.
        error: Box<ImportError>,
        /// The value before it.
        before: String,
    },
    /// A known operator in a form that cannot be a layer.
    #[error("node {node} ({operator}): {what} is {got}, expected {expected}")]
    Node {
        /// Its type.
        operator: String,
        /// Name of the node.
        node: String,
        /// What is wrong.
        what: String,
        /// What it is.
        got: String,
        /// What it should be, and what to do.
        expected: String,
    },
    /// A constant that cannot be read.
    #[error("constant {name}: {what} is {got}, expected {expected}; export the model again")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong.
        what: &'static str,
        /// What it is.
        got: String,
        /// What it should be.
        expected: String,
    },
    /// Something about the model as a whole, or an option.
    #[error("{what}: got {got}, expected {expected}")]
    Model {
        /// What is wrong.
        what: &'static str,
        /// What it is.
        got: String,
        /// What it should be, and what to do.
        expected: String,
    },
    /// The model asks for more memory than any is given.
    #[error(
        "values of all constants and layers: got {got}, expected at most {limit}; take a smaller model"
    )]
    TooLarge {
        /// How many there are at least.
        got: String,
        /// Most that there may be.
        limit: usize,
    },
    /// The network that comes out is not sound.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

impl ImportError {
    pub(crate) fn model(
        what: &'static str,
        got: impl ToString,
        expected: impl ToString,
    ) -> ImportError {
        ImportError::Model {
            what,
            got: got.to_string(),
            expected: expected.to_string(),
        }
    }

    pub(crate) fn tensor(
        name: &str,
        what: &'static str,
        got: impl ToString,
        expected: impl ToString,
    ) -> ImportError {
        ImportError::Tensor {
            name: name.to_string(),
            what,
            got: got.to_string(),
            expected: expected.to_string(),
        }
    }
}

/// Up to three of `known` whose names are near that of `operator`, the nearest first, as the end of a list in an error;
/// empty if there are none.
pub fn near(operator: &str, known: &[&str]) -> String {
    let plain = |name: &str| name.split(' ').next().unwrap_or(name).to_lowercase();
    let own = operator.rsplit('.').next().unwrap_or(operator);
    let own: String = own.chars().take(LONGEST).collect();
    let own = plain(&own);
    let mut near: Vec<(f64, &str)> = known
        .iter()
        .map(|&name| {
            (
                strsim::normalized_damerau_levenshtein(&own, &plain(name)),
                name,
            )
        })
        .filter(|(likeness, _)| *likeness >= NEAR)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let names: Vec<&str> = near.iter().take(3).map(|&(_, name)| name).collect();
    match names.as_slice() {
        [] => String::new(),
        names => format!(", such as {}", names.join(", ")),
    }
}

/// How alike names that are near are at least: 0 for nothing in common, 1 for the same.
const NEAR: f64 = 0.6;

/// Characters of a name that are looked at.
const LONGEST: usize = 64;

pub(crate) type Result<T, E = ImportError> = std::result::Result<T, E>;
