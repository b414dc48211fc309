//! A simulated device at a pseudo-terminal.

use super::{Line, Rates};
use crate::DeviceError;
use serial2::SerialPort;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use thiserror::Error;

/// Cycles between two looks at the terminal.
const SLICE_CYCLES: u64 = 1000;

/// Cycles that are simulated after the line has become idle, for what the engine does without it. With nothing to do the
/// clock stands still after them.
const LINGER_CYCLES: u64 = 200_000;

/// How long an idle device waits for bytes before it looks whether it shall end.
const IDLE_WAIT: Duration = Duration::from_millis(20);

/// Why there is no device at a pseudo-terminal.
#[derive(Debug, Error)]
pub enum PtyError {
    /// The device cannot be.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The operating system gives no pseudo-terminal.
    #[error("no pseudo-terminal: {0}; is /dev/pts mounted?")]
    Io(#[from] io::Error),
}

/// A Verilated device behind a pseudo-terminal, served by a thread until this is dropped.
///
/// It is as fast as the simulation, not as the rate says; the rate that a program sets on the terminal has no effect.
pub struct Pty {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    reset: Arc<AtomicBool>,
    server: Option<JoinHandle<io::Result<()>>>,
    // Kept open, so that the terminal lives on between programs.
    _port: SerialPort,
}

impl Pty {
    /// The device of the configuration `name` at power-on.
    ///
    /// # Errors
    /// If it has no model with serial pins, or there is no pseudo-terminal.
    pub fn new(name: &str, rates: Rates) -> Result<Self, PtyError> {
        let line = Line::new(name, rates)?;
        let (server, port) = SerialPort::pair()?;
        let path = std::fs::read_link(format!("/proc/self/fd/{}", port.as_raw_fd()))?;
        let (stop, reset) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicBool::new(false)),
        );
        let work = Server {
            line,
            port: server,
            stop: Arc::clone(&stop),
            reset: Arc::clone(&reset),
        };
        let thread = std::thread::Builder::new().name("pty".into());
        Ok(Pty {
            path,
            stop,
            reset,
            server: Some(thread.spawn(move || work.run())?),
            _port: port,
        })
    }

    /// The path to open.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Pulses the device's reset soon.
    pub fn reset(&self) {
        self.reset.store(true, Ordering::Relaxed);
    }

    /// Whether the device is still served. It ends only when the terminal fails.
    pub fn is_alive(&self) -> bool {
        self.server
            .as_ref()
            .is_some_and(|server| !server.is_finished())
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(server) = self.server.take() {
            // Its end is all that counts here.
            let _ = server.join();
        }
    }
}

struct Server {
    line: Line,
    port: SerialPort,
    stop: Arc<AtomicBool>,
    reset: Arc<AtomicBool>,
}

impl Server {
    fn run(mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        while !self.stop.load(Ordering::Relaxed) {
            if self.reset.swap(false, Ordering::Relaxed) {
                self.line.reset();
            }
            let idle = self.line.idle_cycles() > LINGER_CYCLES;
            self.port
                .set_read_timeout(if idle { IDLE_WAIT } else { Duration::ZERO })?;
            match self.port.read(&mut buffer) {
                Ok(count) => self.line.send(&buffer[..count]),
                Err(error) if is_nothing(&error) => {}
                Err(error) => return Err(error),
            }
            if self.line.idle_cycles() <= LINGER_CYCLES {
                self.line.run(SLICE_CYCLES);
            }
            let count = self.line.take(&mut buffer);
            match self.port.write_all(&buffer[..count]) {
                Ok(()) => {}
                // Nobody reads: bytes are lost, as on a line.
                Err(error) if is_nothing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
