//! A PCIe endpoint behind a PHY: transaction layer packets to accesses of the engine's bus.
//!
//! The PHY does links, credits, configuration space and BAR decoding; the packets of the endpoint come and go as 32-bit words, as
//! `docs/pcie.md` says. In the order of the data: [`Intake`] keeps whole packets that [`Check`] finds sound, [`Unpack`] takes
//! their headers apart, [`Bridge`] does what they ask on the bus, with [`Span`] for its byte counts, [`Sender`] sends
//! completions, [`Counters`] counts. [`Endpoint`] wires them.

mod bridge;
mod check;
mod counters;
mod endpoint;
mod intake;
mod sender;
mod span;
mod unpack;

pub use bridge::{Bridge, BridgeState};
pub use check::Check;
pub use counters::Counters;
pub use endpoint::Endpoint;
pub use intake::Intake;
pub use sender::Sender;
pub use span::Span;
pub use unpack::{Unpack, UnpackState};
