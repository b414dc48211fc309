//! A PCIe device in this process: the engine behind its endpoint, the configuration space that a PHY keeps, and QEMU's side of the socket.

mod config_space;
mod device;
mod proxy;
mod tlp;

pub use config_space::{CONFIG_BYTES, ConfigSpace};
pub use device::{COMPLETER, PcieDevice};
pub use proxy::{BarMemory, ProxyError, Served, serve};
pub use tlp::{Completion, Kind, NoCompletion, Request};
