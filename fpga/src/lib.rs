//! Boards and the synthesis flow: the engine's Verilog in, resources, Fmax and a bitstream out.
//!
//! [`synthesise`] puts the engine into a top, a measuring one or that of a board, runs Yosys and nextpnr in a folder where everything is
//! kept, and gives a [`Report`]. A design that does not fit, misses its clock or vanishes is a [`FlowError`], never a
//! report that reads like success. [`Report::claims`] holds a report against what the project says of its engine.
//!
//! ```no_run
//! use std::path::Path;
//! use thresh_fpga::{Build, FlowError, Options, synthesise};
//!
//! # fn main() -> Result<(), FlowError> {
//! # let verilog = "";
//! let build = Build::measuring("icebreaker").expect("an engine of the table");
//! let options = Options { seeds: 3, ..Options::new("target/fpga/icebreaker") };
//! let report = synthesise(build, verilog, &options, &mut |p| eprintln!("{}/{} {}", p.done, p.total, p.doing))?;
//! report.save(Path::new("fpga/results"))?;
//! println!("{report}");
//! # Ok(())
//! # }
//! ```
//!
//! The tools are those of `scripts/setup`, or any folder named by `THRESH_TOOLS` that holds `bin/yosys` and the others.

mod bitstream;
mod blocks;
mod builds;
mod check;
mod device;
mod error;
mod family;
mod flow;
mod memory;
mod netlist;
mod place;
mod report;
mod synth;
mod table;
mod tools;

pub use bitstream::Bitstream;
pub use blocks::Block;
pub use builds::{BOARDS, Board, Build, MEASURED, Top};
pub use check::Claim;
pub use device::Device;
pub use error::FlowError;
pub use family::{BITSTREAM, Family, Resource};
pub use flow::{Options, Progress, design_sha256, synthesise};
pub use memory::{Home, Memory};
pub use netlist::{CellModels, cell_models, netlist};
pub use place::{CriticalPath, Run};
pub use report::{Report, Usage, Versions};
pub use table::{block_table, table};
pub use tools::Tools;
