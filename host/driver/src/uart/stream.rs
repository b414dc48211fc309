//! What the link needs of a line.

use std::io;
use std::time::Duration;

/// A line that carries bytes in both directions, in order, and may lose or damage some.
pub trait ByteStream {
    /// Sends all of `bytes`. It may return before they are on the line.
    ///
    /// # Errors
    /// When the line is gone or takes no more bytes.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Waits for bytes for `limit` at most, and gives how many were put into `buffer`: 0 when none came.
    ///
    /// # Errors
    /// When the line is gone.
    fn receive(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<usize>;

    /// Time since some moment, as the line knows it: that of a simulated line is simulated.
    fn now(&self) -> Duration;

    /// Bits a second.
    fn baud(&self) -> u32;

    /// What line it is, for messages, as `serial port /dev/ttyUSB0`.
    fn describe(&self) -> String;
}
