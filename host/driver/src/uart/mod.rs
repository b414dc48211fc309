//! The link over a serial line: framed, checked, numbered, sent again when lost. `docs/uart.md` tells the protocol.
//!
//! [`UartTransport`] speaks it over any [`ByteStream`]: [`SerialStream`] is a port of this machine; a simulated line or a
//! faulty one can take its place.

mod frame;
mod port;
mod stream;
mod transport;

pub use frame::{Decoder, Frame, encode};
pub use port::{Found, SerialStream, find};
pub use stream::ByteStream;
pub use transport::{
    ANSWER_TIMEOUT, ATTEMPTS, HELLO_ATTEMPTS, HELLO_TIMEOUT, Patience, READS_AHEAD, Statistics,
    UartTransport, WINDOW,
};
