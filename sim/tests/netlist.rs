//! What synthesis made of the engine, in cells of ECP5 and iCE40, reads digits: a real network, from its image on.

#[path = "common/limited.rs"]
mod limited;

use limited::Limited;
use std::path::Path;
use thresh_driver::Device;
use thresh_model::idx::Split;
use thresh_model::{Dataset, Image, Reference};
use thresh_sim::VirtualDevice;

/// Digits that are read.
const DIGITS: usize = 25;
/// Cycles that loading and reading them may take.
const CYCLE_LIMIT: u64 = 2_000_000;

/// Every pass of every digit against the reference.
fn reads_digits(config: &str, image: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../host/cli/images")
        .join(image);
    let image = Image::from_bytes(&std::fs::read(&path).expect("a committed image"))
        .expect("a sound image");
    let digits = Dataset::load("mnist", Split::Test).expect("scripts/setup fetches it");
    let reference = Reference::new(&image).expect("a sound image");
    let netlist = VirtualDevice::of_netlist(config).expect("a netlist");
    let mut device = Device::open(Limited::new(netlist, CYCLE_LIMIT)).expect("an engine");
    device.load(&image).expect("loads");
    let mut right = 0;
    for index in 0..DIGITS {
        let digit = digits.image(index);
        let expected = reference.run(digit).expect("of the right size");
        let result = device.run(digit).expect("runs");
        assert_eq!(result.logits, expected.logits, "{config}: digit {index}");
        assert_eq!(
            result.counters.macs,
            expected.macs.iter().sum::<u64>(),
            "{config}: digit {index}"
        );
        let (_, label) = digits.iter().nth(index).expect("so many");
        right += usize::from(expected.argmax() == usize::from(label));
    }
    assert!(right > DIGITS * 9 / 10, "{config}: {right} of {DIGITS}");
}

#[test]
fn ice40_cells_read_digits() {
    reads_digits("icebreaker", "lenet-300-100-icebreaker.thresh");
}

#[test]
fn ecp5_cells_read_digits() {
    reads_digits("ulx3s-25f", "lenet-300-100.thresh");
}
