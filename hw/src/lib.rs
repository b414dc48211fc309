//! The Thresh engine in Rust-HDL.
//!
//! [`primitives`] are a few hand-written cells; [`engine`] is built from them, one block a file;
//! [`configurations`] makes engines of the table in `thresh-regs`; [`uart`], [`pcie`] and [`wishbone`] are links to one.

pub mod configurations;
pub mod emit;
pub mod engine;
mod link;
pub mod pcie;
pub mod primitives;
pub mod uart;
pub mod wishbone;

pub use configurations::{configuration, is_built, not_built};
pub use emit::{Module, Port, emit};
