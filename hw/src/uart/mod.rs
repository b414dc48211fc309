//! The bridge from a serial line to the engine's bus, one block a file, in the order of the data path. `docs/uart.md`
//! tells the protocol.

mod bridge;
mod crc;
mod deframer;
mod executor;
mod framer;
mod receiver;
mod top;
mod transmitter;

pub use bridge::Bridge;
pub use crc::Crc;
pub use deframer::Deframer;
pub use executor::{Executor, ExecutorState};
pub use framer::{Framer, FramerState};
pub use receiver::Receiver;
pub use top::{TOP, uart_engine};
pub use transmitter::Transmitter;
