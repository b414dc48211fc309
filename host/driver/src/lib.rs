//! The host driver of the Thresh engine.
//!
//! [`Device`] drives an engine over any [`Transport`]: it checks who answers, loads a packed image
//! and runs inferences. It does no arithmetic of its own: what comes out is what the engine says.

mod counters;
mod device;
mod engine;
mod error;
mod pcie;
mod transport;
pub mod uart;

pub use counters::Counters;
pub use device::{
    Device, Inference, LOAD_TIMEOUT, LoadReport, Profile, RESET_TIMEOUT, RUN_TIMEOUT, Timeouts,
};
pub use engine::EngineInfo;
pub use error::{DriverError, EngineErrors};
pub use pcie::{PcieError, PcieTransport, Slot};
pub use transport::{Transport, TransportError, check_access};
