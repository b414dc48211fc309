//! Identity, activation memory, and addresses that hold nothing.

use crate::{Words, common};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use thresh_driver::{Device, Transport, TransportError};
use thresh_regs::{ACTIVATION_WINDOW, ADDRESS_BITS, Access, CONFIGS, Config, REGISTERS, reg};
use thresh_sim::VirtualDevice;

/// The configurations that have a model in this build.
fn built() -> impl Iterator<Item = &'static Config> {
    CONFIGS.iter().filter(|config| {
        let built = thresh_hw::is_built(config);
        if !built {
            println!("skipped: {}", thresh_hw::not_built(config));
        }
        built
    })
}

#[test]
fn every_engine_says_what_it_is() {
    for config in built() {
        let device = VirtualDevice::new(config.name).expect("a model of every configuration");
        let device = Device::open(device).expect("an engine");
        let mut got = device.info().to_config();
        // Names are not in the hardware.
        (got.name, got.doc) = (config.name, config.doc);
        assert_eq!(got, *config);
    }
}

#[test]
fn activation_memory_keeps_every_word() {
    let seed = common::seed();
    println!("{}", common::again(seed));
    for config in built() {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut device = VirtualDevice::new(config.name).expect("a model");
        let words = (config.num_pes << config.act_addr_bits) / config.acts_per_word();
        let mut expected: Vec<u32> = (0..words).map(|_| random.next_u32()).collect();
        device
            .write(ACTIVATION_WINDOW.offset, &expected)
            .expect("acknowledged");
        // Single words again, in any order.
        for _ in 0..100 {
            let index = random.next_u32() as usize % words;
            expected[index] = random.next_u32();
            let address = ACTIVATION_WINDOW.offset + 4 * index as u32;
            device
                .write(address, &[expected[index]])
                .expect("acknowledged");
        }
        let mut got = vec![0; words];
        device
            .read(ACTIVATION_WINDOW.offset, &mut got)
            .expect("acknowledged");
        assert_eq!(got, expected, "{}", config.name);
    }
}

#[test]
fn registers_read_as_the_map_says() {
    let mut device = VirtualDevice::new("tiny").expect("a model");
    for register in REGISTERS {
        // Nothing that rings a doorbell.
        let word = if register.name == "CONTROL" { 0 } else { 1 };
        let before = device.get(*register);
        if register.access != Access::Ro && register.name != "STREAM" {
            device.put(*register, word);
        }
        let after = device.get(*register);
        match register.access {
            Access::Rw => assert_eq!(after, word, "{}", register.name),
            Access::Wo => assert_eq!((before, after), (0, 0), "{}", register.name),
            Access::Ro | Access::Rw1c => assert_eq!(after, before, "{}", register.name),
        }
    }
    assert_eq!(device.get(reg::ERROR), 0);
}

#[test]
fn an_access_outside_the_map_is_refused_by_the_transport() {
    let mut device = VirtualDevice::new("tiny").expect("a model");
    let mut word = [0];
    for address in [2, 1 << ADDRESS_BITS, u32::MAX - 3] {
        let error = device.read(address, &mut word).expect_err("outside");
        assert!(matches!(error, TransportError::Address { .. }), "{error}");
    }
    assert_eq!(device.cycles(), 0, "the engine saw an access");
}

#[test]
fn an_unknown_configuration_is_named_with_those_there_are() {
    let error = VirtualDevice::new("huge")
        .err()
        .expect("unknown")
        .to_string();
    assert!(
        error.contains("huge") && error.contains("ulx3s-25f"),
        "{error}"
    );
}

#[test]
#[cfg(not(feature = "trace"))]
fn waves_need_the_feature() {
    let mut device = VirtualDevice::new("tiny").expect("a model");
    let error = device
        .trace_to("waves.vcd".as_ref())
        .expect_err("built without");
    assert!(error.to_string().contains("feature \"trace\""), "{error}");
}

#[test]
#[cfg(feature = "trace")]
fn waves_are_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("waves.vcd");
    let mut device = VirtualDevice::new("tiny").expect("a model");
    device.trace_to(&path).expect("writable");
    assert_eq!(device.get(reg::ID), thresh_regs::ID);
    drop(device);
    let waves = std::fs::read_to_string(path).expect("written");
    assert!(
        waves.contains("$enddefinitions") && waves.contains("strobe"),
        "no waves"
    );
}
