//! Devices by what `--device` says: the simulated one, or one at the end of a link.

use anyhow::{Context, Result, anyhow, bail, ensure};
use std::path::Path;
use std::time::Duration;
use thresh_driver::uart::{self, Patience, SerialStream, UartTransport};
use thresh_driver::{PcieError, PcieTransport, Transport};
use thresh_regs::uart::BAUD;

/// What `--device` says of the device in this process.
pub const VIRTUAL: &str = "virtual";

/// Patience with a port that may have no device, in a search: two hellos.
const SEARCH: Patience = Patience {
    answer: uart::ANSWER_TIMEOUT,
    attempts: uart::ATTEMPTS,
    hello: Duration::from_millis(150),
    hello_attempts: 2,
};

/// A kind of link.
pub struct Link {
    /// What `--device` begins with.
    pub prefix: &'static str,
    /// What follows behind a colon.
    pub help: &'static str,
    /// Opens what follows.
    pub open: fn(&str) -> Result<Box<dyn Transport>>,
    /// What this machine has that may have a device at its end.
    pub find: fn() -> Result<Vec<Found>>,
}

/// An end of a link.
pub struct Found {
    /// What `--device` says of it.
    pub spec: String,
    /// The device there, or why there is none.
    pub device: Result<Box<dyn Transport>>,
}

/// Every kind of link.
pub const LINKS: &[Link] = &[
    Link {
        prefix: "pcie",
        help: "[DOMAIN:BUS:DEVICE.FUNCTION]",
        open: open_pcie,
        find: find_pcie,
    },
    Link {
        prefix: "uart",
        help: "PORT[,BAUD]",
        open: open_uart,
        find: find_uart,
    },
];

/// A value of `--device`.
#[derive(Clone)]
pub enum Spec {
    /// The Verilated engine in this process.
    Virtual,
    /// A link, and what to open of it.
    Link(&'static Link, String),
}

impl std::fmt::Debug for Spec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}

impl Spec {
    /// As `--device` says it.
    pub fn name(&self) -> String {
        match self {
            Spec::Virtual => VIRTUAL.into(),
            Spec::Link(link, end) => format!("{}:{end}", link.prefix),
        }
    }
}

/// How devices are written, for help and errors.
pub fn forms() -> String {
    let links = LINKS
        .iter()
        .map(|link| format!("{}:{}", link.prefix, link.help));
    let forms: Vec<String> = std::iter::once(VIRTUAL.into()).chain(links).collect();
    forms.join(" or ")
}

/// Reads the value of `--device`.
pub fn parse(text: &str) -> Result<Spec> {
    if text == VIRTUAL {
        return Ok(Spec::Virtual);
    }
    text.split_once(':')
        .and_then(|(prefix, end)| {
            let link = LINKS.iter().find(|link| link.prefix == prefix)?;
            Some(Spec::Link(link, end.into()))
        })
        .ok_or_else(|| {
            anyhow!(
                "got {text:?}, expected {}; thresh devices lists them",
                forms()
            )
        })
}

/// The engine in a slot, or the only one where none is named.
fn open_pcie(place: &str) -> Result<Box<dyn Transport>> {
    Ok(Box::new(PcieTransport::open(place)?))
}

fn find_pcie() -> Result<Vec<Found>> {
    let slots = match PcieTransport::find() {
        // Many machines have none.
        Err(PcieError::NoBus { .. }) => vec![],
        found => found?,
    };
    let found = slots.into_iter().map(|slot| Found {
        spec: format!("pcie:{slot}"),
        device: open_pcie(&slot.to_string()),
    });
    Ok(found.collect())
}

fn open_uart(end: &str) -> Result<Box<dyn Transport>> {
    ensure!(
        !end.is_empty(),
        "got no serial port, expected uart:PORT[,BAUD]; thresh devices lists them"
    );
    let (port, baud) = match end.rsplit_once(',') {
        None => (end, BAUD),
        Some((port, baud)) => match baud.parse() {
            Ok(baud) if baud > 0 => (port, baud),
            _ => bail!(
                "got the rate {baud:?}, expected a number of bits a second, as in uart:{port},115200"
            ),
        },
    };
    let stream = SerialStream::open(Path::new(port), baud)?;
    Ok(Box::new(UartTransport::open(stream)?))
}

fn find_uart() -> Result<Vec<Found>> {
    let ports = uart::find().context("listing the serial ports")?;
    let device = |path: &Path| -> Result<Box<dyn Transport>> {
        let stream = SerialStream::open(path, BAUD)?;
        Ok(Box::new(UartTransport::open_with(stream, SEARCH)?))
    };
    let found = ports.into_iter().map(|port| Found {
        spec: format!("uart:{}", port.path.display()),
        device: device(&port.path),
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_as_they_are_written() {
        let all = [
            "virtual",
            "pcie:",
            "pcie:00:04.0",
            "uart:/dev/ttyUSB1",
            "uart:/dev/ttyUSB1,115200",
        ];
        for text in all {
            assert_eq!(parse(text).expect("a device").name(), text);
        }
        for text in ["", "pcie", "uart", "usb:1", "virtual:", "PCIE:"] {
            let error = parse(text).expect_err("no device").to_string();
            let forms = "virtual or pcie:[DOMAIN:BUS:DEVICE.FUNCTION] or uart:PORT[,BAUD]";
            assert!(error.contains(forms), "{error}");
        }
        let error = open_pcie("4").err().expect("no place").to_string();
        assert!(error.contains("expected a PCI address"), "{error}");
        let error = open_uart("").err().expect("no port").to_string();
        assert!(error.contains("uart:PORT"), "{error}");
        for rate in ["x", "0", "", "-1"] {
            let error = open_uart(&format!("/dev/null,{rate}"))
                .err()
                .expect("no rate");
            assert!(error.to_string().contains("bits a second"), "{error}");
        }
    }
}
