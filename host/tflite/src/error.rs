//! What can go wrong.

use std::path::PathBuf;
use thresh_onnx::ImportError;

/// The operators that the importer takes.
pub const OPERATORS: &[&str] = &[
    "ADD",
    "AVERAGE_POOL_2D",
    "BATCH_TO_SPACE_ND",
    "CAST",
    "CONCATENATION",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "DEQUANTIZE",
    "DIV (by a constant)",
    "EXPAND_DIMS",
    "FULLY_CONNECTED",
    "GATHER (of a shape)",
    "LEAKY_RELU",
    "LOG_SOFTMAX (last)",
    "LOGISTIC (last)",
    "MAX_POOL_2D",
    "MAXIMUM",
    "MEAN",
    "MINIMUM",
    "MUL (by a constant)",
    "PACK (of a shape)",
    "PAD",
    "PADV2",
    "PRELU",
    "QUANTIZE",
    "REDUCE_MAX",
    "REDUCE_PROD (of a shape)",
    "RELU",
    "RELU6",
    "RELU_0_TO_1",
    "RELU_N1_TO_1",
    "RESHAPE",
    "SHAPE",
    "SLICE",
    "SOFTMAX (last)",
    "SPACE_TO_BATCH_ND",
    "SPLIT",
    "SQUEEZE",
    "STRIDED_SLICE",
    "SUB",
    "SUM",
    "TRANSPOSE",
];

/// Why a model cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TfliteError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}; expected a TensorFlow Lite model", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is no TensorFlow Lite model, or a damaged one.
    #[error(
        "not a sound TensorFlow Lite model ({0}); expected a file that the converter has written"
    )]
    Format(String),
    /// An operator that is not known.
    #[error(
        "tensor {tensor}: got operator {operator}, expected one of those in docs/quantised.md{near}; convert the model without it",
        near = thresh_onnx::near(operator, OPERATORS)
    )]
    Operator {
        /// Its name in TensorFlow Lite.
        operator: String,
        /// The tensor that it makes.
        tensor: String,
    },
    /// A known operator in a form that cannot be a layer.
    #[error("tensor {tensor} ({operator}): {what} is {got}, expected {expected}")]
    Node {
        /// Its name in TensorFlow Lite.
        operator: String,
        /// The tensor that it makes.
        tensor: String,
        /// What is wrong.
        what: String,
        /// What it is.
        got: String,
        /// What it should be, and what to do.
        expected: String,
    },
    /// What cannot be read is at the end of the model, behind all weights.
    #[error("{error}; --logits {before} imports what comes before it")]
    Ending {
        /// What is wrong there.
        error: Box<TfliteError>,
        /// The tensor before it.
        before: String,
    },
    /// Something about the model as a whole, a tensor of it, or an option.
    #[error("{what}: got {got}, expected {expected}")]
    Model {
        /// What is wrong.
        what: String,
        /// What it is.
        got: String,
        /// What it should be, and what to do.
        expected: String,
    },
    /// What the graph cannot be made into a network for.
    #[error(transparent)]
    Import(#[from] ImportError),
}

impl TfliteError {
    pub(crate) fn model(what: impl ToString, got: impl ToString, expected: impl ToString) -> Self {
        TfliteError::Model {
            what: what.to_string(),
            got: got.to_string(),
            expected: expected.to_string(),
        }
    }
}

impl From<planus::Error> for TfliteError {
    fn from(error: planus::Error) -> Self {
        TfliteError::Format(error.to_string())
    }
}

pub(crate) type Result<T, E = TfliteError> = std::result::Result<T, E>;
