//! Engines behind a serial line, simulated from the pins on.
//!
//! - [`Line`] holds a Verilated engine with its bridge, and moves its serial pins bit by bit.
//! - [`SimulatedStream`] is such a line as the driver's [`ByteStream`](thresh_driver::uart::ByteStream), in simulated time.
//! - [`Pty`] serves one at a pseudo-terminal, so that any program may open it as a serial port.

mod line;
mod pty;
mod stream;

pub use line::{Line, Noise, Rates};
pub use pty::{Pty, PtyError};
pub use stream::SimulatedStream;
