//! Verilated models of the Thresh engine, and the virtual device.
//!
//! - [`Model`] is any Verilated module, its ports by name: what the test benches drive.
//! - [`Master`] does bus accesses on anything that has the engine's [`Pins`].
//! - [`VirtualDevice`] is a whole engine behind [`thresh_driver::Transport`], bus cycle by bus cycle.
//! - `netlist`, with the cargo feature of that name: what synthesis made of an engine, in cells of its device.
//! - [`uart`] has engines behind a serial line, bit by bit.
//! - [`BackDoor`] is one whose weights do not go through the loader, for images that take hours to load.
//!
//! The models are made when the crate is built, from the same Verilog that goes to the FPGA.
#![doc = "\n"]
#![doc = include_str!("../README.md")]

mod back_door;
mod device;
mod ffi;
mod master;
mod model;
#[cfg(feature = "netlist")]
pub mod netlist;
pub mod pcie;
pub mod uart;

pub use back_door::{BackDoor, BackDoorError};
pub use device::{DeviceError, EnginePins, VirtualDevice, WAVES_VARIABLE};
pub use master::{ACK_CYCLES, Master, Pins, Response};
pub use model::{Memory, MemoryId, Model, ModelError, Port, PortId};
