use super::fake::{Fake, Faults};
use super::*;
use crate::Counters;
use std::collections::BTreeMap;
use thresh_model::{CodeLengths, Frame, Head, ImageError, MapSize, Pass, PeData, Run, Shape};
use thresh_regs::{CODEBOOK_WINDOW, Config, DESCRIPTOR_WINDOW, DESCRIPTOR_WORDS, PassDescriptor};

const INPUT: [u8; 3] = [7, 8, 9];

fn tiny() -> &'static Config {
    Config::named("tiny").unwrap()
}

fn code(lengths: &[u8]) -> CodeLengths {
    CodeLengths::new(lengths.to_vec()).unwrap()
}

/// Three inputs, two hidden values, two wide outputs, for two PEs. Only PE 0 has an entry, in
/// column 0 of pass 0.
fn image() -> Image {
    let data = |first: u8, bits: usize, entries, entry_address, bias| PeData {
        stream: vec![first; bits.div_ceil(8)],
        bits,
        entries,
        entry_address,
        biases: vec![bias],
    };
    let hidden = PassDescriptor {
        relu: true,
        shift: 3,
        out_base: 2,
        groups: 2,
        out_step: 1,
        rows: 1,
        accs: 1,
        ..PassDescriptor::default()
    };
    let last = PassDescriptor {
        last: true,
        out_wide: true,
        shift: 1,
        in_base: 2,
        out_base: 3,
        col_base: 5,
        bias_base: 1,
        groups: 1,
        out_step: 1,
        rows: 1,
        accs: 1,
        codebook_base: 1,
        ..PassDescriptor::default()
    };
    let mut image = Image {
        name: "test".into(),
        num_pes: 2,
        act_bits: 8,
        input: Shape {
            channels: 3,
            height: 1,
            width: 1,
        },
        frame: Frame::default(),
        input_map: None,
        maps: vec![MapSize {
            positions: 1,
            words: 2,
        }],
        runs: vec![Run {
            passes: 2,
            entry_base: 2,
            ..Run::default()
        }],
        passes: vec![
            Pass {
                descriptor: hidden,
                geometry: None,
                reuse: 0,
                begins_layer: true,
                filters: None,
                parameters: 8,
                tables: [code(&[1, 1]), code(&[1]), code(&[1])],
                codebook: vec![-256],
                pes: vec![data(0b1000_0000, 4, 1, 2, -5), data(0, 4, 0, 2, 6)],
            },
            Pass {
                descriptor: last,
                geometry: None,
                reuse: 0,
                begins_layer: true,
                filters: None,
                parameters: 6,
                tables: [code(&[1]), code(&[]), code(&[])],
                codebook: vec![],
                pes: vec![data(0, 0, 0, 3, 1), data(0, 0, 0, 2, 2)],
            },
        ],
        outputs: 2,
        head: Head::Logits,
        logit_scale: 1.0,
        labels: vec![],
        provenance: BTreeMap::new(),
    };
    image.make_usual();
    image
}

fn opened() -> Device<Fake> {
    Device::open(Fake::new(tiny())).unwrap()
}

fn loaded() -> Device<Fake> {
    let mut device = opened();
    device.load(&image()).unwrap();
    device.transport_mut().writes.clear();
    device
}

fn short() -> Timeouts {
    let limit = Duration::from_millis(1);
    Timeouts {
        reset: limit,
        load: limit,
        run: limit,
    }
}

/// Asserts that `device` refuses to run, and that its error says so with `reason`.
#[track_caller]
fn assert_empty(device: &mut Device<Fake>, reason: &str) {
    assert!(device.image().is_none());
    let writes = device.transport_mut().writes.len();
    let error = device.run(&INPUT).unwrap_err();
    assert!(matches!(error, DriverError::Empty { .. }), "{error}");
    assert!(
        error.to_string().contains(reason) && error.to_string().contains("load an image"),
        "{error}"
    );
    assert_eq!(
        device.transport_mut().writes.len(),
        writes,
        "a refused run writes nothing"
    );
}

#[test]
fn opening_tells_the_configuration_and_writes_nothing() {
    for config in thresh_regs::CONFIGS {
        let device = Device::open(Fake::new(config)).unwrap();
        assert_eq!(device.info().config(), Some(config));
        assert_eq!(device.into_transport().writes, []);
    }
}

#[test]
fn opening_refuses_what_it_cannot_drive() {
    let shape = |num_pes, act_bits| {
        let put = |name, value| reg::SHAPE.field(name).put(value);
        put("num_pes", num_pes)
            | put("act_bits", act_bits)
            | put("code_bits", 8)
            | put("step_bits", 8)
    };
    let cases = [
        (
            reg::ID,
            0xffff_ffff,
            vec![
                "no Thresh engine",
                "0xffffffff",
                "expected 0x54485348",
                "port",
            ],
        ),
        (
            reg::VERSION,
            0x0002_0304,
            vec!["version 2.3.4", "needs 0.x", "thresh synth"],
        ),
        (
            reg::MAP_HASH,
            0x1234,
            vec!["0x00001234", "expected 0x", "thresh synth"],
        ),
        (
            reg::SHAPE,
            shape(2, 12),
            vec!["act_bits 12", "expected 8 or 16"],
        ),
        (
            reg::SHAPE,
            shape(0, 8),
            vec!["num_pes 0", "expected a power of two"],
        ),
    ];
    for (register, word, texts) in cases {
        let mut fake = Fake::new(tiny());
        fake.faults.reads.insert(register.offset, word);
        let error = Device::open(fake).unwrap_err().to_string();
        assert!(
            texts.iter().all(|text| error.contains(text)),
            "{}: {error}",
            register.name
        );
        assert!(error.contains("fake engine"), "{error}");
    }
}

#[test]
fn a_load_sends_all_of_an_image() {
    let mut device = opened();
    let report = device.load(&image()).unwrap();
    assert_eq!(device.image(), Some(&image()));
    let fake = device.into_transport();
    assert_eq!(report.words, fake.writes.len() as u64);
    let said: u64 = image()
        .sizes()
        .unwrap()
        .iter()
        .map(|size| size.link_bytes)
        .sum();
    assert_eq!(
        4 * report.words,
        said + 8,
        "what the image says, and the reset before it"
    );

    let get = |register: Register, name: &str| -> Vec<u32> {
        fake.written(register)
            .iter()
            .map(|&word| register.field(name).get(word))
            .collect()
    };
    assert_eq!(
        fake.writes[0],
        (reg::CONTROL.offset, reg::CONTROL.field("reset").put(1))
    );
    assert_eq!(get(reg::CONTROL, "load").iter().sum::<u32>(), 8);
    assert_eq!(get(reg::LOAD_TARGET, "pe"), [0, 0, 1, 1, 0, 0, 1, 1]);
    assert_eq!(get(reg::LOAD_TARGET, "raw"), [0, 1, 0, 1, 0, 1, 0, 1]);
    assert_eq!(get(reg::LOAD_COLUMN, "first"), [0, 0, 0, 0, 5, 0, 5, 0]);
    assert_eq!(get(reg::LOAD_COLUMN, "count"), [4, 1, 4, 1, 2, 1, 2, 1]);
    assert_eq!(get(reg::LOAD_ENTRY, "address"), [2, 0, 2, 0, 3, 1, 2, 1]);
    assert_eq!(fake.written(reg::STREAM), [1 << 31, 0xfffb, 0, 6, 1, 2]);
    assert_eq!(fake.written(reg::CODE_COUNT).len(), 2 * 3 * 16);
    assert_eq!(fake.written(reg::CODE_SYMBOL).len(), 4 + 1);
    assert_eq!(fake.peek(CODEBOOK_WINDOW.offset), 0xff00);
    for (i, pass) in image().passes.iter().enumerate() {
        let words = std::array::from_fn(|word| {
            fake.peek(DESCRIPTOR_WINDOW.offset + 4 * (DESCRIPTOR_WORDS * i + word) as u32)
        });
        assert_eq!(PassDescriptor::from_words(&words), Ok(pass.descriptor));
    }
}

#[test]
fn an_image_for_another_engine_is_refused_before_the_first_write() {
    let mut large = image();
    large.passes[0].descriptor.out_base = 200;
    large.passes[1].descriptor.in_base = 200;
    let mut unsound = image();
    unsound.passes[0].pes[0].stream = vec![0xff];
    let mut device = loaded();
    for (bad, text) in [
        (large, "does not fit configuration tiny"),
        (unsound, "pass 0"),
    ] {
        let error = device.load(&bad).unwrap_err();
        assert!(matches!(error, DriverError::Image(_)), "{error}");
        assert!(error.to_string().contains(text), "{error}");
    }
    let mut other = Device::open(Fake::new(Config::named("icebreaker").unwrap())).unwrap();
    let error = other.load(&image()).unwrap_err().to_string();
    assert!(
        error.contains("for 2 PEs") && error.contains("icebreaker has 4"),
        "{error}"
    );
    assert_eq!(other.into_transport().writes, []);
    let mut wider = Device::open(Fake::new(Config::named("tiny16").unwrap())).unwrap();
    let error = wider.load(&image()).unwrap_err().to_string();
    assert!(
        error.contains("activations of 8 bits") && error.contains("tiny16 has 16"),
        "{error}"
    );
    assert_eq!(wider.into_transport().writes, []);
    assert_eq!(
        device.image(),
        Some(&image()),
        "the image before is still there"
    );
    assert_eq!(device.into_transport().writes, []);
}

#[test]
fn a_load_that_fails_anywhere_leaves_nothing() {
    let writes = {
        let mut device = opened();
        device.load(&image()).unwrap().words as usize
    };
    for (broken, lasting) in (0..writes).flat_map(|write| [(write, false), (write, true)]) {
        let mut device = loaded();
        device.transport_mut().faults.broken_write = Some((broken, lasting));
        let error = device.load(&image()).unwrap_err();
        assert!(
            matches!(error, DriverError::Link { .. }),
            "write {broken}: {error}"
        );
        device.transport_mut().faults.broken_write = None;
        assert_empty(&mut device, "no answer at address");
        if !lasting {
            let control = device.transport_mut().written(reg::CONTROL);
            assert_eq!(control.last(), Some(&reg::CONTROL.field("reset").put(1)));
        }
        device.load(&image()).unwrap();
        device.run(&INPUT).unwrap();
    }
}

#[test]
fn an_error_of_the_engine_is_told_with_the_load_that_met_it() {
    for load in 0..8 {
        let mut device = opened();
        let bit = reg::ERROR.field("store_range").put(1);
        device.transport_mut().faults.bad_load = Some((load, bit));
        let error = device.load(&image()).unwrap_err();
        let DriverError::Engine { errors, .. } = &error else {
            panic!("{error}")
        };
        assert!(errors.contains("store_range"));
        let part = ["weights", "biases"][load % 2];
        let place = format!("{part} of pass {} into PE {}", load / 4, load / 2 % 2);
        assert!(error.to_string().contains(&place), "{error}");
        assert_empty(&mut device, "than the weight store has (store_range)");
        assert_eq!(
            device.transport_mut().peek(reg::ERROR.offset),
            0,
            "errors are cleared"
        );
    }
}

#[test]
fn every_wait_has_an_end() {
    type Work = fn(&mut Device<Fake>) -> Result<(), DriverError>;
    let load: Work = |device| device.load(&image()).map(drop);
    let run: Work = |device| device.run(&INPUT).map(drop);
    let step: Work = |device| device.step(0, None).map(drop);
    let cases = [
        ("clearing", load, "resetting"),
        ("loading", load, "weights of pass 0 into PE 0"),
        ("busy", run, "running the network"),
        ("busy", step, "running pass 0"),
    ];
    for (stuck, work, text) in cases {
        let mut device = loaded();
        device.set_timeouts(short());
        device.transport_mut().faults.stuck = Some(stuck);
        let error = work(&mut device).unwrap_err();
        assert!(matches!(error, DriverError::Timeout { .. }), "{error}");
        let status = reg::STATUS.field(stuck).put(1);
        let status = format!("STATUS {status:#x}");
        assert!(
            error.to_string().contains(text) && error.to_string().contains(&status),
            "{error}"
        );
        assert_empty(&mut device, "not ready after 1ms");
        device.transport_mut().faults = Faults::default();
        device.load(&image()).unwrap();
    }
}

#[test]
fn a_run_writes_the_input_with_its_filling_and_reads_the_logits() {
    let mut device = loaded();
    device.transport_mut().poke_activations(0, &[0xff; 6]);
    // Bytes of two PEs interleaved: logits -2 and 0x01020304.
    device
        .transport_mut()
        .poke_activations(6, &[0xfe, 4, 0xff, 3, 0xff, 2, 0xff, 1]);
    for (i, register) in Counters::REGISTERS.iter().enumerate() {
        device.transport_mut().poke(register.offset, 100 + i as u32);
    }
    let inference = device.run(&INPUT).unwrap();
    assert_eq!(inference.logits, [-2, 0x0102_0304]);
    assert_eq!(inference.class, 1);
    assert_eq!(inference.counters.cycles, 100);
    assert_eq!(inference.counters, device.counters().unwrap());
    let fake = device.transport_mut();
    assert_eq!(
        fake.peek(ACTIVATION_WINDOW.offset),
        u32::from_le_bytes([7, 8, 9, 0])
    );
    assert_eq!(
        fake.peek(ACTIVATION_WINDOW.offset + 4) & 0xffff,
        0xffff,
        "what lies behind is kept"
    );
    assert_eq!(fake.written(reg::PASS), [0]);
    assert_eq!(
        fake.written(reg::CONTROL),
        [reg::CONTROL.field("start").put(1)]
    );
}

#[test]
fn a_profile_steps_through_the_passes_and_sums_their_counters() {
    let mut device = loaded();
    device.transport_mut().poke(reg::CYCLES.offset, 21);
    device.transport_mut().poke_activations(4, &[200, 3]);
    let profile = device.run_profiled(&INPUT).unwrap();
    assert_eq!(profile.passes.len(), 2);
    assert_eq!(profile.inference.counters.cycles, 42);
    assert_eq!(device.activations(0).unwrap(), [200, 3]);
    let fake = device.transport_mut();
    assert_eq!(fake.written(reg::PASS), [0, 1]);
    let step = reg::CONTROL.field("start").put(1) | reg::CONTROL.field("step").put(1);
    assert_eq!(fake.written(reg::CONTROL), [step, step]);
    let error = device.step(2, None).unwrap_err().to_string();
    assert!(
        error.contains("no pass 2") && error.contains("0 to 1"),
        "{error}"
    );
    assert!(device.image().is_some());
}

#[test]
fn a_wrong_input_is_refused_and_the_network_stays() {
    let mut device = loaded();
    let error = device.run(&[1, 2]).unwrap_err();
    assert!(
        matches!(error, DriverError::Image(ImageError::DataLength { .. })),
        "{error}"
    );
    assert!(
        error.to_string().contains("got 2 bytes, expected 3"),
        "{error}"
    );
    assert_eq!(device.transport_mut().writes, []);
    device.run(&INPUT).unwrap();
}

#[test]
fn an_error_in_a_run_empties_the_device() {
    let mut device = loaded();
    device.transport_mut().faults.bad_start = reg::ERROR.field("bad_address").put(1);
    let error = device.run(&INPUT).unwrap_err().to_string();
    assert!(
        error.contains("running the network") && error.contains("(bad_address)"),
        "{error}"
    );
    assert_empty(&mut device, "bad_address");
}

#[test]
fn a_device_that_holds_nothing_refuses_everything() {
    let mut device = opened();
    assert_empty(&mut device, "none was loaded");
    for error in [
        device.step(0, None).unwrap_err(),
        device.activations(0).unwrap_err(),
    ] {
        assert!(matches!(error, DriverError::Empty { .. }), "{error}");
    }
}

#[test]
fn activations_are_written_at_any_place() {
    for start in 0..5 {
        for len in 0..9 {
            let mut device = opened();
            device.transport_mut().poke_activations(0, &[0xaa; 16]);
            let acts: Vec<u16> = (1..=len).collect();
            device.write_activations("writing", start, &acts).unwrap();
            let mut expected = [0xaa; 16];
            expected[start..start + acts.len()].copy_from_slice(&acts);
            assert_eq!(
                device.read_activations("reading", 0..16).unwrap(),
                expected,
                "{start} {len}"
            );
        }
    }
}

#[test]
fn activations_of_sixteen_bits_are_two_to_a_word() {
    for start in 0..3 {
        for len in 0..5 {
            let mut device = Device::open(Fake::new(Config::named("tiny16").unwrap())).unwrap();
            device.transport_mut().poke_activations(0, &[0xaa; 16]);
            let acts: Vec<u16> = (1..=len).map(|i| 0x0100 * i + 7).collect();
            device.write_activations("writing", start, &acts).unwrap();
            let mut expected = [0xaaaa; 8];
            expected[start..start + acts.len()].copy_from_slice(&acts);
            let got = device.read_activations("reading", 0..8).unwrap();
            assert_eq!(got, expected, "{start} {len}");
            let first = u32::from(expected[0]) | u32::from(expected[1]) << 16;
            assert_eq!(device.transport_mut().peek(ACTIVATION_WINDOW.offset), first);
        }
    }
}
