//! Random networks through driver, bus and Verilated engine, against the reference: every value
//! that every pass drains, the logits, and the counters.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/limited.rs"]
mod limited;

use limited::Limited;
use thresh_driver::{Counters, Device};
use thresh_model::cycles::predict;
use thresh_model::pack::{PackError, PackOptions, pack};
use thresh_model::{Image, Reference, random};
use thresh_regs::Config;
use thresh_sim::VirtualDevice;

/// Networks for each configuration, times the scale.
const NETWORKS: u64 = 12;
/// Cycles that one network, its load and all its runs, may take.
const CYCLE_LIMIT: u64 = 20_000_000;
/// Random graphs that are run, times the scale.
const GRAPHS: u64 = 200;
/// Share of a pass's cycles that the cycle model may be off by.
const MODEL_TOLERANCE: f64 = 0.05;
/// Share of input activations that are not zero, one inference each.
const DENSITIES: [f64; 4] = [0.3, 1.0, 0.0, 0.05];

/// What the counters of one run must obey.
fn check_counters(counters: &Counters, num_pes: usize, macs: u64) {
    assert_eq!(counters.macs, macs, "MACs: engine, reference");
    assert_eq!(
        counters.macs + counters.starved + counters.seeking,
        num_pes as u64 * (counters.scan_cycles + counters.flush_cycles),
        "every PE cycle of scan and flush is counted once: {counters:?}"
    );
    assert_eq!(
        counters.fetch_cycles
            + counters.scan_cycles
            + counters.flush_cycles
            + counters.drain_cycles,
        counters.cycles,
        "every cycle has one phase: {counters:?}"
    );
}

fn check_network(device: &mut Device<Limited>, image: &Image, seed: u64) -> u64 {
    let reference = Reference::new(image).expect("random images are sound");
    device.transport_mut().allow(CYCLE_LIMIT);
    device.load(image).unwrap_or_else(|error| panic!("{error}"));
    let mut macs = 0;
    for density in DENSITIES {
        let input = random::input(image, density, seed);
        let expected = reference.run(&input).expect("of the right size");
        // Pass by pass: what each drains is read before the next can overwrite it.
        let check = |device: &mut Device<Limited>, pass: usize, counters: &Counters| {
            let got = device.activations(pass)?;
            if let Some(difference) = reference.explain_difference(&expected, pass, &got) {
                panic!("density {density}: {difference}");
            }
            check_counters(counters, image.num_pes, expected.macs[pass]);
            Ok(())
        };
        device.run_with(&input, check).expect("runs");
        // All at once.
        let result = device.run(&input).expect("runs");
        assert_eq!(result.logits, expected.logits, "density {density}");
        check_counters(&result.counters, image.num_pes, expected.macs.iter().sum());
        macs += result.counters.macs;
    }
    macs
}

/// All networks run on one device, so that what one leaves behind meets the next.
fn check_config(name: &str) {
    let config = Config::named(name).expect("a configuration");
    let device = VirtualDevice::new(name).expect("a model of every configuration");
    let mut device = Device::open(Limited::new(device, CYCLE_LIMIT)).expect("an engine");
    let mut macs = 0;
    for seed in (common::seed()..).take(common::scaled(NETWORKS) as usize) {
        println!("{name}, network {seed}; {}", common::again(seed));
        macs += check_network(&mut device, &random::image(config, seed), seed);
    }
    println!(
        "{name}: {} cycles, {macs} MACs",
        device.transport_mut().now()
    );
    assert!(macs > 0, "the networks do nothing");
}

/// Random graphs of layers, packed for a configuration in turn: every operator, in one run or in many.
/// The cycle model is held against the counters of every pass.
#[test]
fn graphs() {
    let names = [
        "tiny",
        "ulx3s-85f",
        "tiny",
        "ulx3s-25f",
        "solo",
        "ulx3s-85f-32",
        "tiny16",
        "ulx3s-85f-a16",
        "ulx3s-85f-hashed",
    ];
    let mut devices: Vec<Device<Limited>> = names[1..]
        .iter()
        .map(|name| {
            let device = VirtualDevice::new(name).expect("a model of every configuration");
            Device::open(Limited::new(device, CYCLE_LIMIT)).expect("an engine")
        })
        .collect();
    let (mut run, mut refused, mut streamed, mut longer, mut hashed) = (0, 0, 0, 0, 0);
    let (mut passes, mut off) = (0, 0);
    // Cycles of the same inferences without and with overlap.
    let mut overlapped = (0, 0);
    for seed in common::seed().. {
        if run == common::scaled(GRAPHS) {
            break;
        }
        let name = names[seed as usize % names.len()];
        let network = random::network(seed);
        let config = Config::named(name).expect("a configuration");
        let inputs: Vec<Vec<u8>> = (0..3)
            .map(|i| random::bytes(network.input.len(), 0.5, seed + i))
            .collect();
        let calibration: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
        let options = PackOptions {
            overlap: seed % 3 != 0,
            ..PackOptions::default()
        };
        let image = match pack(&network, config, &calibration, &options) {
            Ok(image) => image,
            Err(PackError::Unsupported { .. } | PackError::TooLarge { .. }) => {
                refused += 1;
                continue;
            }
            Err(error) => panic!("graph {seed}: {error}"),
        };
        println!("{name}, graph {seed}; {}", common::again(seed));
        let at = names[1..].iter().position(|n| *n == name).expect("opened");
        let device = &mut devices[at];
        device.transport_mut().allow(CYCLE_LIMIT);
        device
            .load(&image)
            .unwrap_or_else(|error| panic!("{error}"));
        let reference = Reference::new(&image).expect("sound");
        let expected = reference.run(&inputs[0]).expect("of the right size");
        let model = predict(config, &reference, &inputs[0]).expect("sound");
        let check = |device: &mut Device<Limited>, pass: usize, counters: &Counters| {
            let got = device.activations(pass)?;
            if let Some(difference) = reference.explain_difference(&expected, pass, &got) {
                panic!("graph {seed}: {difference}");
            }
            check_counters(counters, image.num_pes, expected.macs[pass]);
            passes += 1;
            let far = model[pass].total().abs_diff(counters.cycles);
            assert!(
                far as f64 <= MODEL_TOLERANCE * counters.cycles as f64 + 1.0,
                "graph {seed}, pass {pass}: model {:?}, engine {counters:?}, {:?}",
                model[pass],
                image.passes[pass].geometry
            );
            off += usize::from(far > 0);
            Ok(())
        };
        device.set_overlap(false);
        let start = device.transport_mut().now();
        let result = device.run_with(&inputs[0], check).expect("runs");
        let alone = device.transport_mut().now() - start;
        device.set_overlap(true);
        assert_eq!(result.inference.logits, expected.logits, "graph {seed}");
        let pairs = (1..image.runs.len()).filter(|&run| image.loads_beside(run, run - 1));
        if pairs.count() > 0 {
            let start = device.transport_mut().now();
            let check = |device: &mut Device<Limited>, pass: usize, _: &Counters| {
                let got = device.activations(pass)?;
                if let Some(difference) = reference.explain_difference(&expected, pass, &got) {
                    panic!("graph {seed}, loaded ahead: {difference}");
                }
                Ok(())
            };
            let result = device.run_with(&inputs[0], check).expect("runs");
            assert_eq!(result.inference.logits, expected.logits, "graph {seed}");
            overlapped.0 += alone;
            overlapped.1 += device.transport_mut().now() - start;
        }
        let batch = device.run_batch(&calibration).expect("runs");
        for (inference, input) in batch.iter().zip(&inputs) {
            let expected = reference.run(input).expect("of the right size");
            assert_eq!(inference.logits, expected.logits, "graph {seed}, batch");
            let macs: u64 = expected.macs.iter().sum();
            check_counters(&inference.counters, image.num_pes, macs);
        }
        run += 1;
        streamed += usize::from(!image.is_resident());
        longer += usize::from(!image.is_resident() && image.runs.iter().any(|run| run.passes > 1));
        let is_hashed = |pass: &&thresh_model::Pass| pass.descriptor.hashed;
        hashed += image.passes.iter().filter(is_hashed).count();
    }
    println!(
        "{run} graphs, {streamed} of several runs, {longer} with runs of several passes, {refused} refused; {hashed} hashed passes; model off in {off} of {passes} passes"
    );
    assert!(
        run > 9 * refused && streamed > 0 && longer > 0 && hashed > 0,
        "{run} {refused} {streamed} {longer} {hashed}"
    );
    let (alone, beside) = overlapped;
    println!("loading and running: {alone} cycles in turn, {beside} with loads ahead");
    assert!(beside > 0 && beside < alone, "{beside} {alone}");
}

#[test]
fn one_pe() {
    check_config("solo");
}

#[test]
fn two_pes() {
    check_config("tiny");
}

#[test]
fn four_pes_with_single_port_stores() {
    check_config("icebreaker");
}

#[test]
fn two_pes_with_single_port_stores() {
    check_config("hx8k");
}

#[test]
fn eight_pes() {
    check_config("ulx3s-25f");
}

#[test]
fn sixteen_pes() {
    check_config("ulx3s-85f");
}

#[test]
fn sixteen_pes_with_smaller_memories() {
    check_config("versa-45f");
}

#[test]
fn two_pes_with_activations_of_sixteen_bits() {
    check_config("tiny16");
}

#[test]
fn sixteen_pes_with_activations_of_sixteen_bits() {
    check_config("ulx3s-85f-a16");
}

#[test]
fn thirty_two_pes() {
    check_config("ulx3s-85f-32");
}

#[test]
fn sixteen_pes_with_hashed_stores() {
    check_config("ulx3s-85f-hashed");
}
