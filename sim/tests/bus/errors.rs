//! Each bit of ERROR: what raises it, that it clears, and that the engine runs a network afterwards.

#![allow(
    clippy::unusual_byte_groupings,
    reason = "bits are grouped by code word"
)]

use crate::{Words, common};
use thresh_driver::{Device, Transport};
use thresh_model::{Reference, random};
use thresh_regs::{
    ACTIVATION_WINDOW, CODEBOOK_WINDOW, Config, DESCRIPTOR_WINDOW, PassDescriptor, Register, Table,
    reg,
};
use thresh_sim::VirtualDevice;

const CONFIG: &str = "tiny";

fn fields(register: Register, values: &[(&str, u32)]) -> u32 {
    values
        .iter()
        .map(|(name, value)| register.field(name).put(*value))
        .sum()
}

fn control(device: &mut VirtualDevice, command: &str) {
    device.put(reg::CONTROL, reg::CONTROL.field(command).put(1));
}

/// Tables of two symbols, `0` and `1` as code words.
fn write_tables(device: &mut VirtualDevice, symbols: [[u32; 2]; 3]) {
    for (table, symbols) in Table::ALL.into_iter().zip(symbols) {
        for length in 1..=15 {
            let count = if length == 1 { 2 } else { 0 };
            let values = [
                ("count", count),
                ("length", length),
                ("table", table as u32),
            ];
            device.put(reg::CODE_COUNT, fields(reg::CODE_COUNT, &values));
        }
        for (index, symbol) in symbols.into_iter().enumerate() {
            let values = [
                ("symbol", symbol),
                ("index", index as u32),
                ("table", table as u32),
            ];
            device.put(reg::CODE_SYMBOL, fields(reg::CODE_SYMBOL, &values));
        }
    }
}

struct Load {
    pe: u32,
    first: u32,
    count: u32,
    address: u32,
    rows: u32,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            pe: 0,
            first: 0,
            count: 1,
            address: 0,
            rows: 10,
        }
    }
}

fn open_load(device: &mut VirtualDevice, load: &Load) {
    device.put(
        reg::LOAD_TARGET,
        fields(
            reg::LOAD_TARGET,
            &[("pe", load.pe), ("taps", 1), ("segments", 1)],
        ),
    );
    let column = fields(
        reg::LOAD_COLUMN,
        &[("first", load.first), ("count", load.count)],
    );
    device.put(reg::LOAD_COLUMN, column);
    let entry = fields(
        reg::LOAD_ENTRY,
        &[("address", load.address), ("rows", load.rows)],
    );
    device.put(reg::LOAD_ENTRY, entry);
    control(device, "load");
}

/// `raise` must set exactly the bit `name`, which must stay until it is cleared.
fn check(name: &str, raise: impl FnOnce(&mut VirtualDevice)) {
    let mut device = VirtualDevice::new(CONFIG).expect("a model");
    // Counts 1 or 3, runs 0 or 9, codes 0 or 1.
    write_tables(&mut device, [[1, 3], [0, 9], [0, 1]]);
    assert_eq!(device.get(reg::ERROR), 0, "before");
    raise(&mut device);
    let bit = reg::ERROR.field(name).put(1);
    assert_eq!(device.get(reg::ERROR), bit, "{name}");
    assert_eq!(reg::STATUS.field("error").get(device.get(reg::STATUS)), 1);
    device.put(reg::ERROR, !bit);
    assert_eq!(device.get(reg::ERROR), bit, "a zero clears nothing");
    device.put(reg::ERROR, bit);
    assert_eq!(device.get(reg::ERROR), 0, "a one clears");
    assert_eq!(reg::STATUS.field("error").get(device.get(reg::STATUS)), 0);
    device.wait_while("loading");

    let config = Config::named(CONFIG).expect("a configuration");
    let image = random::image(config, common::seed());
    let input = random::input(&image, 0.5, common::seed());
    let expected = Reference::new(&image)
        .expect("sound")
        .run(&input)
        .expect("runs");
    let mut device = Device::open(device).expect("an engine");
    device.load(&image).expect("loads");
    assert_eq!(
        device.run(&input).expect("runs").logits,
        expected.logits,
        "afterwards"
    );
}

#[test]
fn a_sound_load_raises_nothing() {
    let mut device = VirtualDevice::new(CONFIG).expect("a model");
    write_tables(&mut device, [[1, 3], [0, 9], [0, 1]]);
    open_load(
        &mut device,
        &Load {
            count: 2,
            ..Load::default()
        },
    );
    // Two columns: one entry (run 9, code 1), then three (runs 0, codes 0).
    device.put(reg::STREAM, 0b0_1_1_1_00_00_00 << 22);
    device.wait_while("loading");
    assert_eq!(device.get(reg::ERROR), 0);
}

#[test]
fn bad_code() {
    check("bad_code", |device| {
        for length in 1..=15 {
            let count = u32::from(length == 2);
            let values = [("count", count), ("length", length), ("table", 0)];
            device.put(reg::CODE_COUNT, fields(reg::CODE_COUNT, &values));
        }
        open_load(device, &Load::default());
        device.put(reg::STREAM, u32::MAX);
        device.wait_while("loading");
    });
}

#[test]
fn row_range() {
    check("row_range", |device| {
        open_load(
            device,
            &Load {
                rows: 9,
                ..Load::default()
            },
        );
        device.put(reg::STREAM, 0b0_1_0 << 29);
        device.wait_while("loading");
    });
}

#[test]
fn store_range() {
    check("store_range", |device| {
        open_load(
            device,
            &Load {
                address: 510,
                ..Load::default()
            },
        );
        device.put(reg::STREAM, 0b1_00_00_00 << 25);
        device.wait_while("loading");
    });
}

#[test]
fn column_range() {
    check("column_range", |device| {
        open_load(
            device,
            &Load {
                first: 255,
                ..Load::default()
            },
        );
        device.put(reg::STREAM, 0);
        device.wait_while("loading");
    });
}

#[test]
fn not_idle() {
    check("not_idle", |device| {
        open_load(device, &Load::default());
        control(device, "start");
        control(device, "reset");
        device.wait_while("clearing");
    });
}

#[test]
fn no_load() {
    check("no_load", |device| device.put(reg::STREAM, 0));
}

#[test]
fn bad_target() {
    check("bad_target", |device| {
        open_load(
            device,
            &Load {
                pe: 2,
                ..Load::default()
            },
        )
    });
}

#[test]
fn bad_address() {
    check("bad_address", |device| {
        let mut word = [1];
        device.read(0x0f00, &mut word).expect("acknowledged");
        assert_eq!(word, [0], "of an address that holds nothing");
    });
    check("bad_address", |device| {
        device.write(0x0f00, &[7]).expect("acknowledged");
    });
}

/// An engine that runs a pass which takes `2 * groups` activations and drains `accs` sums.
fn running(config: &str, groups: u16, accs: u16) -> VirtualDevice {
    let mut device = VirtualDevice::new(config).expect("a model");
    let pass = PassDescriptor {
        last: true,
        shift: 1,
        groups,
        out_step: 1,
        rows: 8,
        accs,
        ..PassDescriptor::default()
    };
    let words = pass.to_words().expect("fits");
    device
        .write(DESCRIPTOR_WINDOW.offset, &words)
        .expect("acknowledged");
    control(&mut device, "start");
    device
}

/// The name of every error bit that is set; clears them.
fn errors(device: &mut VirtualDevice) -> Vec<&'static str> {
    let word = device.get(reg::ERROR);
    device.put(reg::ERROR, word);
    let set = reg::ERROR
        .fields
        .iter()
        .filter(|field| field.get(word) != 0);
    set.map(|field| field.name).collect()
}

/// What is written while a pass runs: the engine's answer, by configuration.
fn refusals(config: &str) -> Vec<&'static str> {
    let writes: [(&str, u32, u32); 10] = [
        (
            "LOAD_TARGET",
            reg::LOAD_TARGET.offset,
            fields(reg::LOAD_TARGET, &[("taps", 1), ("segments", 1)]),
        ),
        ("LOAD_COLUMN", reg::LOAD_COLUMN.offset, 0),
        ("LOAD_ENTRY", reg::LOAD_ENTRY.offset, 0),
        (
            "CODE_COUNT",
            reg::CODE_COUNT.offset,
            fields(reg::CODE_COUNT, &[("length", 15)]),
        ),
        ("CODE_SYMBOL", reg::CODE_SYMBOL.offset, 0),
        ("descriptor", DESCRIPTOR_WINDOW.offset + 64, 0),
        ("codebook", CODEBOOK_WINDOW.offset, 0),
        (
            "load",
            reg::CONTROL.offset,
            reg::CONTROL.field("load").put(1),
        ),
        (
            "start",
            reg::CONTROL.offset,
            reg::CONTROL.field("start").put(1),
        ),
        ("activations", ACTIVATION_WINDOW.offset, 0),
    ];
    let refused = writes.into_iter().filter(|&(name, address, word)| {
        let mut device = running(config, 120, 128);
        device.write(address, &[word]).expect("acknowledged");
        let status = device.get(reg::STATUS);
        assert_eq!(
            reg::STATUS.field("busy").get(status),
            1,
            "{name} came too late"
        );
        let errors = errors(&mut device);
        assert!(
            errors.is_empty() || errors == ["not_idle"],
            "{name}: {errors:?}"
        );
        !errors.is_empty()
    });
    refused.map(|(name, ..)| name).collect()
}

#[test]
fn all_but_activations_is_loaded_while_passes_run() {
    assert_eq!(refusals(CONFIG), ["start", "activations"]);
}

#[test]
fn nothing_is_loaded_into_single_port_stores_while_passes_run() {
    assert_eq!(refusals("icebreaker").len(), 10);
}

#[test]
fn a_reset_ends_a_run_and_clears_the_sums() {
    // A pass that scans all of the map for long.
    let mut device = running(CONFIG, 128, 16);
    assert_eq!(reg::STATUS.field("busy").get(device.get(reg::STATUS)), 1);
    control(&mut device, "reset");
    device.wait_while("clearing");
    let status = device.get(reg::STATUS);
    assert_eq!(reg::STATUS.field("busy").get(status), 0);
    assert_eq!(reg::STATUS.field("done").get(status), 0);
    assert_eq!(device.get(reg::ERROR), 0);
}
