//! What can be wrong with an image.

use super::{FORMAT_VERSION, MAGIC, Shortage};
use crate::huffman::CodeError;
use crate::stream::StreamError;
use thresh_regs::Table;

/// Why bytes are no image, or an image is not sound, or does not go with a configuration or an input.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ImageError {
    /// Not our file.
    #[error(
        "got a file that starts with {got:02x?}, expected {MAGIC:02x?}: this is no .thresh image"
    )]
    Magic {
        /// First bytes.
        got: Vec<u8>,
    },
    /// Another format.
    #[error(
        "got image format {got}, expected {FORMAT_VERSION}; pack the network again with this version of thresh"
    )]
    Version {
        /// Its version.
        got: u8,
    },
    /// Other field widths.
    #[error(
        "got an image for {what} of {got} bits, expected {expected}; pack the network again with this version of thresh"
    )]
    Widths {
        /// The field.
        what: &'static str,
        /// Bits in the image.
        got: u8,
        /// Bits that engines have.
        expected: &'static str,
    },
    /// Cut off or with something appended.
    #[error("got {got} bytes, the header says {expected}; copy the file again")]
    Length {
        /// Bytes there are.
        got: usize,
        /// Bytes there should be.
        expected: usize,
    },
    /// Damaged.
    #[error(
        "got CRC-32 {got:08x}, the header says {expected:08x}: the file is damaged; copy it again"
    )]
    Crc {
        /// CRC of the bytes.
        got: u32,
        /// CRC that the header gives.
        expected: u32,
    },
    /// The bytes end inside something.
    #[error("the image ends inside {what}; pack the network again")]
    Truncated {
        /// What was being read.
        what: &'static str,
    },
    /// A text that is none.
    #[error("{what} is not UTF-8; pack the network again")]
    Text {
        /// What it is.
        what: &'static str,
    },
    /// The same content has another, the only right, form.
    #[error("the image is not in its shortest form from byte {byte} on; pack the network again")]
    NotCanonical {
        /// First byte that differs.
        byte: usize,
    },
    /// A value that no engine or network has.
    #[error("{what} is {got}, expected {expected}; pack the network again")]
    Value {
        /// What it is.
        what: &'static str,
        /// Its value.
        got: i64,
        /// What it may be.
        expected: String,
    },
    /// Something wrong in a pass.
    #[error("pass {pass}: {source}")]
    Pass {
        /// Index of the pass.
        pass: usize,
        /// What is wrong.
        source: Box<ImageError>,
    },
    /// A wrong code table.
    #[error("{table:?} table: {source}")]
    Code {
        /// The table.
        table: Table,
        /// What is wrong.
        source: CodeError,
    },
    /// A stream that cannot be decoded.
    #[error("stream of PE {pe}: {source}")]
    Stream {
        /// The PE.
        pe: usize,
        /// What is wrong.
        source: StreamError,
    },
    /// For another engine.
    #[error(
        "got an image for {got} PEs, configuration {config} has {expected}; pack the network with --config {config}"
    )]
    Target {
        /// PEs of the image.
        got: usize,
        /// PEs of the configuration.
        expected: usize,
        /// Name of the configuration.
        config: String,
    },
    /// For an engine that computes hashes.
    #[error(
        "pass {pass} picks its weights by a hash, which configuration {config} does not compute; pack the network with --config {config}"
    )]
    Hashed {
        /// The first such pass.
        pass: usize,
        /// Name of the configuration.
        config: String,
    },
    /// For an engine with other activations.
    #[error(
        "got an image for activations of {got} bits, configuration {config} has {expected}; pack the network with --config {config}"
    )]
    ActBits {
        /// Bits in the image.
        got: u32,
        /// Bits in the configuration.
        expected: u32,
        /// Name of the configuration.
        config: String,
    },
    /// Too large.
    #[error(
        "the image does not fit configuration {config}: {shortage}; use a larger configuration or a smaller network"
    )]
    TooLarge {
        /// Name of the configuration.
        config: String,
        /// What is missing.
        shortage: Shortage,
    },
    /// An input of another size.
    #[error("got {got} {unit}, expected {expected}: {what}")]
    DataLength {
        /// What they are for.
        what: &'static str,
        /// What is counted.
        unit: &'static str,
        /// How many there are.
        got: usize,
        /// How many there should be.
        expected: usize,
    },
}

impl ImageError {
    pub(super) fn value(
        what: &'static str,
        got: impl TryInto<i64>,
        expected: impl ToString,
    ) -> Self {
        let got = got.try_into().unwrap_or(i64::MAX);
        ImageError::Value {
            what,
            got,
            expected: expected.to_string(),
        }
    }

    pub(crate) fn in_pass(self, pass: usize) -> Self {
        ImageError::Pass {
            pass,
            source: Box::new(self),
        }
    }
}
