//! What can go wrong at a device.

use crate::transport::TransportError;
use std::fmt;
use std::time::Duration;
use thresh_model::ImageError;
use thresh_regs::reg;

/// Why a device refuses or fails. Every message says what was got, what was expected, and what to
/// do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// The link failed.
    #[error("{doing}: {source}")]
    Link {
        /// What was being done.
        doing: String,
        /// Why it failed.
        source: TransportError,
    },
    /// Something else answers.
    #[error(
        "{device} is no Thresh engine: register ID reads {got:#010x}, expected {:#010x} (THSH); check \
         which port it is, and that its bitstream is loaded",
        thresh_regs::ID
    )]
    NotAnEngine {
        /// What is at the other end.
        device: String,
        /// What `ID` reads.
        got: u32,
    },
    /// An engine of another major version.
    #[error(
        "{device} has engine version {}, this driver needs {}.x; build its bitstream anew with \
         `thresh synth`, or use the thresh that it was built with",
        version(*.got), thresh_regs::VERSION >> reg::VERSION.field("major").lsb
    )]
    Version {
        /// What is at the other end.
        device: String,
        /// What `VERSION` reads.
        got: u32,
    },
    /// An engine with other registers.
    #[error(
        "{device} has another register map: MAP_HASH reads {got:#010x}, expected {:#010x}; build its \
         bitstream anew with `thresh synth`, or use the thresh that it was built with",
        thresh_regs::map_hash()
    )]
    MapHash {
        /// What is at the other end.
        device: String,
        /// What `MAP_HASH` reads.
        got: u32,
    },
    /// An engine whose registers name a configuration that cannot be.
    #[error(
        "{device} has {what} {got}, expected {expected}; build its bitstream anew with `thresh synth`"
    )]
    Shape {
        /// What is at the other end.
        device: String,
        /// The quantity.
        what: &'static str,
        /// Its value.
        got: u32,
        /// What this driver needs.
        expected: String,
    },
    /// An image that is not sound or not for this device, or an input that is not for the image.
    /// Nothing was written.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// An index past the last pass.
    #[error("there is no pass {got}: the image has passes 0 to {}", .passes.saturating_sub(1))]
    NoPass {
        /// The index.
        got: usize,
        /// Number of passes.
        passes: usize,
    },
    /// Nothing to run.
    #[error("{device} holds no network: {reason}; load an image first")]
    Empty {
        /// What is at the other end.
        device: String,
        /// Why not.
        reason: String,
    },
    /// The engine did not become ready.
    #[error(
        "{doing}: the engine is not ready after {limit:?} (STATUS {status:#x}); it was reset, load the image again"
    )]
    Timeout {
        /// What was being done.
        doing: String,
        /// How long was waited.
        limit: Duration,
        /// The last value of `STATUS`.
        status: u32,
    },
    /// The engine reports an error.
    #[error("{doing}: {errors}; the engine was reset, load the image again")]
    Engine {
        /// What was being done.
        doing: String,
        /// What it reports.
        errors: EngineErrors,
    },
}

fn version(word: u32) -> String {
    let part = |name| reg::VERSION.field(name).get(word);
    format!("{}.{}.{}", part("major"), part("minor"), part("patch"))
}

/// A value of the `ERROR` register; shown as a sentence for each of its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineErrors(pub u32);

impl EngineErrors {
    /// Whether the error called `name` in the register map is among them.
    pub fn contains(&self, name: &str) -> bool {
        reg::ERROR
            .fields
            .iter()
            .any(|field| field.name == name && field.get(self.0) != 0)
    }
}

impl fmt::Display for EngineErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let mut separator = "the engine reports that ";
        for field in reg::ERROR
            .fields
            .iter()
            .filter(|field| field.get(self.0) != 0)
        {
            write!(f, "{separator}{} ({})", field.doc, field.name)?;
            rest &= !field.put(field.max());
            separator = ", and that ";
        }
        match (rest, self.0) {
            (0, 0) => f.write_str("the engine reports an error without saying which"),
            (0, _) => Ok(()),
            (rest, _) => write!(f, "{separator}ERROR has the unknown bits {rest:#x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_bits_become_sentences() {
        for field in reg::ERROR.fields {
            let errors = EngineErrors(field.put(1));
            assert!(errors.contains(field.name));
            assert!(errors.to_string().contains(field.doc), "{errors}");
        }
        let two = EngineErrors(reg::ERROR.field("bad_code").put(1) | 1 << 31);
        let text = two.to_string();
        assert!(
            text.contains("no code word of its table (bad_code), and that"),
            "{text}"
        );
        assert!(text.contains("unknown bits 0x80000000"), "{text}");
        assert!(!two.contains("row_range"));
        assert!(EngineErrors(0).to_string().contains("without saying which"));
    }

    #[test]
    fn a_version_is_written_by_its_parts() {
        let error = DriverError::Version {
            device: "it".into(),
            got: 0x0001_0203,
        };
        assert!(error.to_string().contains("version 1.2.3"), "{error}");
    }
}
