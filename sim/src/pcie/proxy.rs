//! Serves QEMU's `x-pci-proxy-dev`: a PCI function of a guest whose accesses come here over a socket.
//!
//! Messages are little-endian, a header `{i32 command, 4 bytes of nothing, u64 size}` and `size` bytes of body. QEMU waits for
//! the answer to each access, so the guest's CPU stands while the engine is clocked.

use super::config_space::ConfigSpace;
use std::io::{ErrorKind, Read, Write};
use thiserror::Error;
use thresh_driver::TransportError;
use thresh_regs::pcie::BAR0_BYTES;

const SYNC_MEMORY: i32 = 0;
const ANSWER: i32 = 1;
const CONFIG_WRITE: i32 = 2;
const CONFIG_READ: i32 = 3;
const BAR_WRITE: i32 = 4;
const BAR_READ: i32 = 5;
const SET_INTERRUPT: i32 = 6;
const RESET: i32 = 7;

const HEADER_BYTES: usize = 16;

/// No message of QEMU 7.2 has a longer body.
const MAX_BODY_BYTES: u64 = 256;

/// Why serving ended before QEMU did.
#[derive(Debug, Error)]
pub enum ProxyError {
    /// The socket failed.
    #[error("the socket to QEMU: {0}")]
    Io(#[from] std::io::Error),
    /// Another protocol.
    #[error("QEMU sent {got}, expected {expected}; x-pci-proxy-dev is spoken as QEMU 7.2 does")]
    Protocol {
        /// What came.
        got: String,
        /// What may come.
        expected: &'static str,
    },
    /// The device does not answer.
    #[error(transparent)]
    Device(#[from] TransportError),
}

/// What lies behind BAR0.
pub trait BarMemory {
    /// Reads `bytes.len()` bytes, 1 to 8, at `offset`.
    ///
    /// # Errors
    /// When nothing answers.
    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), TransportError>;

    /// Writes 1 to 8 bytes at `offset`.
    ///
    /// # Errors
    /// When nothing takes them.
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), TransportError>;
}

/// What a guest did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Reads of BAR0.
    pub reads: u64,
    /// Writes to BAR0.
    pub writes: u64,
    /// Accesses that QEMU sent here although they lie outside BAR0; they read as all ones.
    pub strays: u64,
}

/// Serves the guest at the other end of `socket` until it hangs up.
///
/// # Errors
/// If the socket fails in mid-message, QEMU says what is not understood, or the device does not answer.
pub fn serve(
    mut socket: impl Read + Write,
    device: &mut impl BarMemory,
) -> Result<Served, ProxyError> {
    let mut space = ConfigSpace::default();
    let mut served = Served::default();
    while let Some((command, body)) = receive(&mut socket)? {
        let value = match command {
            // The guest's memory and its interrupts are no business of a device that does neither DMA nor interrupts.
            SYNC_MEMORY | SET_INTERRUPT => continue,
            CONFIG_WRITE => {
                let [offset, value, length] = config(&body)?;
                space.write(offset as usize, &value.to_le_bytes()[..length as usize]);
                0
            }
            CONFIG_READ => {
                let [offset, _, length] = config(&body)?;
                let mut bytes = [0; 8];
                space.read(offset as usize, &mut bytes[..length as usize]);
                u64::from_le_bytes(bytes)
            }
            BAR_WRITE | BAR_READ => {
                let access = bar(&body, space.bar0())?;
                let mut bytes = access.value.to_le_bytes();
                let bytes_used = &mut bytes[..access.length];
                match (access.offset, command) {
                    (None, _) => {
                        served.strays += 1;
                        u64::MAX
                    }
                    (Some(offset), BAR_WRITE) => {
                        served.writes += 1;
                        device.write(offset, bytes_used)?;
                        0
                    }
                    (Some(offset), _) => {
                        served.reads += 1;
                        device.read(offset, bytes_used)?;
                        bytes[access.length..].fill(0);
                        u64::from_le_bytes(bytes)
                    }
                }
            }
            RESET => {
                space = ConfigSpace::default();
                send(&mut socket, None)?;
                continue;
            }
            other => {
                return Err(ProxyError::Protocol {
                    got: format!("command {other}"),
                    expected: "a command from 0 to 7",
                });
            }
        };
        send(&mut socket, Some(value))?;
    }
    Ok(served)
}

/// The next message, or none when QEMU has hung up.
fn receive(socket: &mut impl Read) -> Result<Option<(i32, Vec<u8>)>, ProxyError> {
    let mut header = [0; HEADER_BYTES];
    match socket.read(&mut header[..1]) {
        Ok(0) => return Ok(None),
        Ok(_) => {}
        // A guest that ends leaves unread answers behind.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    socket.read_exact(&mut header[1..])?;
    let command = i32::from_le_bytes(part(&header, 0));
    let size = u64::from_le_bytes(part(&header, 8));
    if size > MAX_BODY_BYTES {
        return Err(ProxyError::Protocol {
            got: format!("a message of {size} bytes"),
            expected: "256 at most",
        });
    }
    let mut body = vec![0; size as usize];
    socket.read_exact(&mut body)?;
    Ok(Some((command, body)))
}

fn send(socket: &mut impl Write, value: Option<u64>) -> std::io::Result<()> {
    let body = value.map(u64::to_le_bytes);
    let body = body.as_ref().map_or(&[][..], |bytes| &bytes[..]);
    let mut message = Vec::with_capacity(HEADER_BYTES + body.len());
    message.extend((ANSWER as u64).to_le_bytes());
    message.extend((body.len() as u64).to_le_bytes());
    message.extend(body);
    match socket.write_all(&message) {
        // Nobody waits for it any more; the next receive says so.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Offset, value and length of an access to the configuration space.
fn config(body: &[u8]) -> Result<[u32; 3], ProxyError> {
    if body.len() < 12 {
        return Err(short(body));
    }
    let words = [0, 4, 8].map(|at| u32::from_le_bytes(part(body, at)));
    if ![1, 2, 4].contains(&words[2]) {
        return Err(ProxyError::Protocol {
            got: format!("a configuration access of {} bytes", words[2]),
            expected: "1, 2 or 4",
        });
    }
    Ok(words)
}

struct Access {
    /// In BAR0, if it lies there.
    offset: Option<u32>,
    value: u64,
    length: usize,
}

fn bar(body: &[u8], base: u32) -> Result<Access, ProxyError> {
    if body.len() < 20 {
        return Err(short(body));
    }
    let address = u64::from_le_bytes(part(body, 0));
    let length = u32::from_le_bytes(part(body, 16));
    if ![1, 2, 4, 8].contains(&length) {
        return Err(ProxyError::Protocol {
            got: format!("an access of {length} bytes"),
            expected: "1, 2, 4 or 8",
        });
    }
    let offset = address.checked_sub(base.into());
    let inside = |offset: &u64| {
        offset
            .checked_add(length.into())
            .is_some_and(|end| end <= BAR0_BYTES.into())
    };
    Ok(Access {
        offset: offset.filter(inside).map(|offset| offset as u32),
        value: u64::from_le_bytes(part(body, 8)),
        length: length as usize,
    })
}

fn short(body: &[u8]) -> ProxyError {
    ProxyError::Protocol {
        got: format!("a body of {} bytes", body.len()),
        expected: "12 for the configuration space, 20 for a BAR",
    }
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N]
        .try_into()
        .expect("the length was checked")
}

#[cfg(test)]
mod tests;
