//! Verdicts on cases: files of many exporters that `scripts/import_cases` has made.
//!
//! Each model is imported, its float network compared with what a runtime computed, and an image of 8 bits a weight with
//! the 8-bit model of onnxruntime on the same inputs. [`Case`] says what a case is, [`Verdict`] what became of it, [`table`] how
//! that is told.

pub mod case;
mod packed;
pub mod table;
mod verdict;

pub use case::Case;
pub use packed::{BOARD, Packed};
pub use verdict::{Errors, TOLERANCE, Verdict};
