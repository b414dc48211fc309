//! Serial ports of this machine.

use super::ByteStream;
use serial2::{KeepSettings, SerialPort};
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a port may take no byte at all.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// A serial port: eight data bits, no parity, one stop bit, no flow control.
#[derive(Debug)]
pub struct SerialStream {
    port: SerialPort,
    path: PathBuf,
    baud: u32,
    opened: Instant,
}

impl SerialStream {
    /// Opens the port at `path`, and keeps other programs that lock ports away from it until this is dropped. What came before
    /// is dropped.
    ///
    /// # Errors
    /// If there is no such port, another program has it, it may not be opened, or does not know the rate; the message says what
    /// to do.
    pub fn open(path: &Path, baud: u32) -> io::Result<Self> {
        let told = |error| explain(error, path, baud);
        // Settings belong to whoever has the lock.
        let mut port = SerialPort::open(path, KeepSettings).map_err(told)?;
        lock(&port).map_err(told)?;
        let mut settings = port.get_configuration().map_err(told)?;
        settings.set_raw();
        settings.set_baud_rate(baud).map_err(told)?;
        port.set_configuration(&settings).map_err(told)?;
        port.discard_buffers().map_err(told)?;
        port.set_write_timeout(SEND_TIMEOUT)?;
        Ok(SerialStream {
            port,
            path: path.into(),
            baud,
            opened: Instant::now(),
        })
    }

    fn gone(&self) -> io::Error {
        io::Error::new(
            ErrorKind::BrokenPipe,
            format!(
                "{} is gone: was the cable pulled?; plug it in, and open it again",
                self.path.display()
            ),
        )
    }
}

/// Takes the lock of the port, which lasts as long as the port is open. Programs that know nothing of it are not kept out.
fn lock(port: &SerialPort) -> io::Result<()> {
    // Another handle of the same open file, whose lock it is.
    let file = File::from(port.as_fd().try_clone_to_owned()?);
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(ErrorKind::ResourceBusy.into()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The error with the port, and with what to do.
fn explain(error: io::Error, path: &Path, baud: u32) -> io::Error {
    let path = path.display();
    let hint = match error.kind() {
        ErrorKind::NotFound => match find() {
            Ok(found) if !found.is_empty() => {
                let names: Vec<String> =
                    found.iter().map(|f| f.path.display().to_string()).collect();
                format!("there are: {}", names.join(", "))
            }
            _ => "there is no serial port at all; plug the board in".into(),
        },
        ErrorKind::PermissionDenied => {
            "it belongs to another user or group; join the group, mostly dialout".into()
        }
        // Also if it lets nobody else open it.
        ErrorKind::ResourceBusy => {
            "another program has the port; end it, or name another port".into()
        }
        _ => format!("is it a serial port, and does it know {baud} baud?"),
    };
    io::Error::new(error.kind(), format!("{path}: {error}: {hint}"))
}

impl ByteStream for SerialStream {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.port
            .write_all(bytes)
            .map_err(|error| match error.kind() {
                ErrorKind::TimedOut => io::Error::new(
                    ErrorKind::TimedOut,
                    format!(
                        "{} took no byte within {SEND_TIMEOUT:?}: is it a serial port?",
                        self.path.display()
                    ),
                ),
                _ => self.gone(),
            })
    }

    fn receive(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<usize> {
        // Whole milliseconds are waited; less than one must not be none.
        let limit = match limit {
            Duration::ZERO => limit,
            _ => limit.max(Duration::from_millis(1)),
        };
        self.port.set_read_timeout(limit)?;
        match self.port.read(buffer) {
            Ok(0) => Err(self.gone()),
            Ok(count) => Ok(count),
            Err(error) => match error.kind() {
                ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(0),
                _ => Err(self.gone()),
            },
        }
    }

    fn now(&self) -> Duration {
        self.opened.elapsed()
    }

    fn baud(&self) -> u32 {
        self.baud
    }

    fn describe(&self) -> String {
        format!("serial port {}", self.path.display())
    }
}

/// A serial port that this machine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its path.
    pub path: PathBuf,
}

/// The serial ports of this machine, in order of their names. Nothing is sent to them.
///
/// # Errors
/// If the operating system does not list them.
pub fn find() -> io::Result<Vec<Found>> {
    let mut paths = SerialPort::available_ports()?;
    paths.sort();
    Ok(paths.into_iter().map(|path| Found { path }).collect())
}
