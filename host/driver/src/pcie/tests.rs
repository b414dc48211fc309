//! The link on a made-up sysfs, whose BAR is a file: places, refusals, and which bytes an access touches.

use super::*;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;
use thresh_regs::pcie::{DEVICE_ID, VENDOR_ID};
use thresh_regs::{ACTIVATION_WINDOW, ADDRESS_BITS, ID};

const PLACE: &str = "0000:00:04.0";

struct Bus(TempDir);

impl Bus {
    fn new() -> Bus {
        Bus(tempfile::tempdir().unwrap())
    }

    /// An engine at `place`, whose memory is zero but for the identity.
    fn with(self, place: &str) -> Bus {
        let end = 0xfe00_0000u32 + BAR0_BYTES - 1;
        self.file(place, "vendor", format!("{VENDOR_ID:#06x}\n"));
        self.file(place, "device", format!("{DEVICE_ID:#06x}\n"));
        self.file(place, "enable", "0\n");
        let resource = format!("0x00000000fe000000 {end:#018x} 0x0000000000040200\n0x0 0x0 0x0\n");
        self.file(place, "resource", resource);
        let mut memory = vec![0u8; BAR0_BYTES as usize];
        memory[..4].copy_from_slice(&ID.to_le_bytes());
        self.file(place, "resource0", memory);
        self
    }

    fn path(&self, place: &str, name: &str) -> PathBuf {
        self.0.path().join(place).join(name)
    }

    fn file(&self, place: &str, name: &str, bytes: impl AsRef<[u8]>) {
        fs::create_dir_all(self.0.path().join(place)).unwrap();
        fs::write(self.path(place, name), bytes).unwrap();
    }

    fn open(&self, place: &str) -> Result<PcieTransport, PcieError> {
        PcieTransport::open_below(self.0.path(), place)
    }

    #[track_caller]
    fn refused(&self, place: &str, texts: &[&str]) {
        let error = self.open(place).err().expect("it is refused").to_string();
        for text in texts {
            assert!(error.contains(text), "no {text:?} in: {error}");
        }
    }

    fn word(&self, name: &str, address: u32) -> u32 {
        let bytes = fs::read(self.path(PLACE, name)).unwrap();
        let at = address as usize;
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    }
}

#[test]
fn places_are_read_and_written() {
    for (text, place) in [
        ("0000:00:04.0", "0000:00:04.0"),
        ("0:4.0", "0000:00:04.0"),
        ("10000:e1:1f.7", "10000:e1:1f.7"),
    ] {
        assert_eq!(text.parse::<Slot>().unwrap().to_string(), place);
    }
    for text in [
        "x",
        "00:04",
        "00:20.0",
        "00:04.8",
        "1:2:3:4.0",
        "00:+4.0",
        "-1:04.0",
        "00:04.",
        "é:é.é",
    ] {
        let error = text.parse::<Slot>().expect_err(text).to_string();
        assert!(error.contains("expected a PCI address"), "{error}");
    }
}

#[test]
fn the_only_engine_needs_no_place_and_is_enabled() {
    let bus = Bus::new().with(PLACE);
    bus.file("0000:00:00.0", "vendor", "0x8086\n");
    bus.file("0000:00:00.0", "device", "0x1237\n");
    let transport = bus.open("").unwrap();
    assert_eq!(transport.describe(), format!("PCIe device {PLACE}"));
    assert_eq!(transport.slot().to_string(), PLACE);
    assert_eq!(fs::read_to_string(bus.path(PLACE, "enable")).unwrap(), "1");
    bus.refused("00:04.0", &["used by another program"]);
    drop(transport);
    assert!(bus.open("00:04.0").is_ok());
}

#[test]
fn what_is_no_engine_is_refused() {
    let empty = Bus::new();
    empty.refused("", &["no PCIe device has the id 1204:5448", "lspci"]);
    empty.refused(
        "00:05.0",
        &["no PCIe device 0000:00:05.0", "no Thresh engine"],
    );
    let gone = empty.0.path().join("nowhere");
    let error = PcieTransport::open_below(&gone, "").err().unwrap();
    assert!(error.to_string().contains("/sys mounted"), "{error}");

    let two = Bus::new().with(PLACE).with("0000:01:00.0");
    two.refused("", &["there are 2", "pcie:0000:00:04.0, pcie:0000:01:00.0"]);
    two.file("0000:00:00.0", "vendor", "0x8086\n");
    two.file("0000:00:00.0", "device", "0x1237\n");
    two.refused(
        "00:00.0",
        &[
            "has the id 8086:1237, expected 1204:5448",
            "pcie:0000:01:00.0",
        ],
    );

    let damaged = Bus::new().with(PLACE);
    damaged.file(
        PLACE,
        "resource",
        "0x00000000fe000000 0x00000000fe0fffff 0x40200\n",
    );
    damaged.refused("", &["has 1048576 bytes, expected 2097152"]);
    damaged.file(PLACE, "resource", "0x0 0x0 0x0\n");
    damaged.refused("", &["has 0 bytes"]);
    for line in [
        "",
        "rubbish",
        "0x0",
        "0x2 0x1 0x0",
        "0x0 0xffffffffffffffff 0x0",
    ] {
        damaged.file(PLACE, "resource", line);
        damaged.refused("", &["resource", "expected first and last address"]);
    }
    assert_eq!(
        fs::read_to_string(damaged.path(PLACE, "enable")).unwrap(),
        "0\n",
        "nothing is changed before all is known"
    );
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let denied = file(
        Path::new("resource0"),
        std::io::ErrorKind::PermissionDenied.into(),
    );
    assert!(
        denied
            .to_string()
            .contains("resource0: permission denied; run thresh as root"),
        "{denied}"
    );
    let bus = Bus::new().with(PLACE);
    fs::remove_file(bus.path(PLACE, "resource0")).unwrap();
    bus.refused("", &["resource0", "is the device still there?"]);
}

#[test]
fn words_go_where_they_belong() {
    let bus = Bus::new().with(PLACE);
    let mut transport = bus.open("").unwrap();
    let base = ACTIVATION_WINDOW.offset;
    transport.write(base + 8, &[0x0403_0201, u32::MAX]).unwrap();
    assert_eq!(bus.word("resource0", base + 8), 0x0403_0201);
    let mut words = [0; 3];
    transport.read(base + 4, &mut words).unwrap();
    assert_eq!(words, [0, 0x0403_0201, u32::MAX]);
    transport
        .write_stream(reg::STREAM.offset, &[1, 2, 3])
        .unwrap();
    assert_eq!(bus.word("resource0", reg::STREAM.offset), 3);
    assert_eq!(bus.word("resource0", reg::STREAM.offset + 4), 0);
    for (address, count) in [
        (2, 1),
        (1 << ADDRESS_BITS, 1),
        ((1 << ADDRESS_BITS) - 4, 2),
        (u32::MAX - 3, 1),
    ] {
        let error = transport.write(address, &vec![0; count]).unwrap_err();
        assert!(matches!(error, TransportError::Address { .. }), "{error}");
        assert!(transport.read(address, &mut vec![0; count]).is_err());
    }
    assert!(transport.write_stream(1 << ADDRESS_BITS, &[]).is_err());
}

#[test]
fn memory_is_written_joined_where_the_system_can_and_registers_never() {
    let bus = Bus::new().with(PLACE);
    bus.file(PLACE, "resource0_wc", vec![0; BAR0_BYTES as usize]);
    let mut transport = bus.open("").unwrap();
    let base = ACTIVATION_WINDOW.offset;
    transport.write(base, &[7]).unwrap();
    transport.write(reg::PASS.offset, &[8]).unwrap();
    transport.write_stream(reg::STREAM.offset, &[9]).unwrap();
    let words = |name| [base, reg::PASS.offset, reg::STREAM.offset].map(|a| bus.word(name, a));
    assert_eq!(words("resource0_wc"), [7, 0, 0]);
    assert_eq!(words("resource0"), [0, 8, 9]);
}

#[test]
fn a_device_that_is_gone_is_told_from_one_that_says_all_ones() {
    let bus = Bus::new().with(PLACE);
    let mut transport = bus.open("").unwrap();
    let base = ACTIVATION_WINDOW.offset;
    transport.write(base, &[u32::MAX]).unwrap();
    transport.read(base, &mut [0]).unwrap();
    transport.bar.write(reg::ID.offset, &[u32::MAX]);
    for error in [
        transport.read(base, &mut [0]).unwrap_err(),
        transport.write(base, &[1]).unwrap_err(),
        transport
            .write_stream(reg::STREAM.offset, &[1])
            .unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(
            text.contains("PCIe device 0000:00:04.0 answers no more"),
            "{text}"
        );
    }
    drop(transport);
    bus.refused("", &["answers no more"]);
}

#[test]
fn the_endpoint_counts_if_it_is_there() {
    let bus = Bus::new().with(PLACE);
    let transport = bus.open("").unwrap();
    assert_eq!(transport.endpoint_counters(), None);
    transport.bar.write(ENDPOINT_BASE, &[ENDPOINT_ID, 5, 6]);
    let counters = transport.endpoint_counters().unwrap();
    assert_eq!(
        counters[..3],
        [("READS", 5), ("WRITES", 6), ("UNSUPPORTED", 0)]
    );
}
