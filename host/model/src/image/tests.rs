use super::*;
use crate::random;
use proptest::prelude::*;
use thresh_regs::{CONFIGS, Config};

fn any_image() -> impl Strategy<Value = (&'static Config, Image)> {
    (0..CONFIGS.len(), any::<u64>())
        .prop_map(|(i, seed)| (&CONFIGS[i], random::image(&CONFIGS[i], seed)))
}

/// Puts the right length and CRC into damaged bytes.
fn fix_up(bytes: &mut [u8]) {
    let length = bytes.len() as u32;
    bytes[write::LENGTH_AT..write::CRC_AT].copy_from_slice(&length.to_le_bytes());
    let crc = write::crc(bytes).to_le_bytes();
    bytes[write::CRC_AT..write::HEADER_BYTES].copy_from_slice(&crc);
}

/// Bytes give an error, or an image that is sound and has exactly these bytes.
fn read_or_refuse(bytes: &[u8]) -> Option<ImageError> {
    match Image::from_bytes(bytes) {
        Err(error) => {
            assert!(!error.to_string().is_empty());
            Some(error)
        }
        Ok(image) => {
            assert_eq!(image.to_bytes().unwrap(), bytes);
            let reference = crate::Reference::new(&image).unwrap();
            reference.run(&random::input(&image, 0.1, 1)).unwrap();
            None
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn images_round_trip_and_are_accounted((config, image) in any_image()) {
        let bytes = image.to_bytes().unwrap();
        prop_assert_eq!(&Image::from_bytes(&bytes).unwrap(), &image);
        prop_assert!(image.check_target(config).is_ok());
        let accounts = image.account().unwrap();
        let bits: u64 = accounts.iter().map(|a| a.bits).sum();
        prop_assert_eq!(bits, 8 * bytes.len() as u64);
        let layers: u64 = accounts.iter().filter(|a| a.layer.is_some()).map(|a| a.bits).sum();
        let sizes = image.sizes().unwrap();
        prop_assert_eq!(sizes.iter().map(|s| s.bits).sum::<u64>(), layers);
        let entries: usize = image.passes.iter().flat_map(|p| &p.pes).map(|pe| pe.entries).sum();
        prop_assert_eq!(sizes.iter().map(|s| s.stored() + s.padding).sum::<u64>(), entries as u64);
        let streams: u64 = accounts.iter().filter(|a| matches!(a.part, Part::Symbols(_))).map(|a| a.bits).sum();
        let stored: usize = image.passes.iter().flat_map(|p| &p.pes).map(|pe| pe.bits).sum();
        prop_assert_eq!(streams, stored as u64);
    }

    #[test]
    fn a_flipped_bit_is_noticed((_, image) in any_image(), at in any::<prop::sample::Index>(), bit in 0..8) {
        let mut bytes = image.to_bytes().unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1u8 << bit;
        prop_assert!(Image::from_bytes(&bytes).is_err());
        fix_up(&mut bytes);
        read_or_refuse(&bytes);
    }

    #[test]
    fn a_cut_is_noticed((_, image) in any_image(), at in any::<prop::sample::Index>()) {
        let mut bytes = image.to_bytes().unwrap();
        bytes.truncate(at.index(bytes.len()));
        prop_assert!(Image::from_bytes(&bytes).is_err());
        if bytes.len() >= write::HEADER_BYTES {
            fix_up(&mut bytes);
            prop_assert!(Image::from_bytes(&bytes).is_err());
        }
    }

    #[test]
    fn random_bytes_are_refused(
        (_, image) in any_image(),
        at in any::<prop::sample::Index>(),
        noise in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        prop_assert!(Image::from_bytes(&noise).is_err());
        let mut bytes = image.to_bytes().unwrap();
        let at = at.index(bytes.len()).max(write::HEADER_BYTES);
        bytes.truncate(at);
        bytes.extend(noise);
        fix_up(&mut bytes);
        read_or_refuse(&bytes);
    }
}

#[test]
fn damage_with_a_right_crc_gives_sound_images_or_errors_of_many_kinds() {
    let mut kinds = std::collections::BTreeSet::new();
    let mut sound = 0;
    for seed in 0..10 {
        let bytes = random::image(&CONFIGS[1], seed).to_bytes().unwrap();
        let end = bytes.len().min(300);
        for at in write::HEADER_BYTES..end {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << (at % 8);
            fix_up(&mut bytes);
            match read_or_refuse(&bytes) {
                None => sound += 1,
                Some(error) => {
                    let text = format!("{error:?}");
                    kinds.insert(text.split([' ', '{', '(']).next().unwrap().to_string());
                }
            }
        }
    }
    assert!(sound > 20, "{sound}");
    for kind in ["Pass", "Text", "NotCanonical", "Truncated"] {
        assert!(kinds.contains(kind), "{kind} not in {kinds:?}");
    }
}

#[test]
fn each_header_field_has_its_error() {
    let good = random::image(&CONFIGS[1], 1).to_bytes().unwrap();
    let change = |at: usize, to: u8, fix: bool| {
        let mut bytes = good.clone();
        bytes[at] = to;
        if fix {
            fix_up(&mut bytes);
        }
        Image::from_bytes(&bytes).unwrap_err()
    };
    assert!(matches!(change(0, b'x', true), ImageError::Magic { .. }));
    assert_eq!(change(4, 9, true), ImageError::Version { got: 9 });
    assert!(matches!(
        change(5, 3, true),
        ImageError::Value {
            what: "number of PEs",
            ..
        }
    ));
    for bits in [0, 9, 32] {
        let error = change(6, bits, true);
        assert!(
            matches!(
                error,
                ImageError::Widths {
                    what: "activations",
                    ..
                }
            ),
            "{error}"
        );
        let text = format!("activations of {bits} bits, expected 8 or 16");
        assert!(error.to_string().contains(&text), "{error}");
    }
    assert!(matches!(change(9, 1, false), ImageError::Length { .. }));
    assert!(matches!(change(20, 77, false), ImageError::Crc { .. }));
    assert!(matches!(
        Image::from_bytes(&[]),
        Err(ImageError::Magic { .. })
    ));
    assert!(matches!(
        Image::from_bytes(&good[..16]),
        Err(ImageError::Truncated { .. })
    ));
    let mut long = good.clone();
    long.push(0);
    assert!(matches!(
        Image::from_bytes(&long),
        Err(ImageError::Length { .. })
    ));
}

/// An image, changed: what `check` says, and that it is never written.
fn broken(change: impl FnOnce(&mut Image)) -> String {
    let seed = (0..)
        .find(|&s| random::image(&CONFIGS[2], s).passes.len() == 3)
        .unwrap();
    let mut image = random::image(&CONFIGS[2], seed);
    change(&mut image);
    let error = image.check().unwrap_err();
    assert_eq!(image.to_bytes().unwrap_err(), error);
    error.to_string()
}

#[test]
fn unsound_images_are_refused_by_name() {
    let says = |text: String, part: &str| assert!(text.contains(part), "{text}");
    says(broken(|i| i.passes.clear()), "number of passes");
    says(broken(|i| i.num_pes = 3), "power of two");
    says(
        broken(|i| i.passes[1].descriptor.shift = 0),
        "pass 1: shift",
    );
    says(
        broken(|i| i.passes[1].descriptor.shift = 32),
        "pass 1: shift is 32, expected less than 32",
    );
    says(broken(|i| i.passes[0].descriptor.rows = 0), "rows is 0");
    says(broken(|i| i.passes[0].descriptor.accs += 1), "accs");
    says(
        broken(|i| i.passes[0].descriptor.last = true),
        "last is 1, expected false",
    );
    says(
        broken(|i| i.passes[2].descriptor.last = false),
        "last is 0, expected true",
    );
    says(broken(|i| i.passes[2].descriptor.keep = true), "pass 2");
    says(
        broken(|i| i.passes[1].descriptor.col_base = i.passes[0].descriptor.col_base),
        "column pointer",
    );
    says(
        broken(|i| i.passes[0].codebook.clear()),
        "codebook has 0 weights",
    );
    says(
        broken(|i| i.passes[0].pes[0].biases.push(0)),
        "number of biases",
    );
    says(
        broken(|i| i.passes[1].pes[1].entry_address += 1),
        "entry address",
    );
    says(broken(|i| i.passes[0].pes[0].bits -= 1), "stream");
    says(
        broken(|i| i.passes[0].pes[0].stream.push(0)),
        "length of a stream in bytes",
    );
    says(broken(|i| i.runs[0].entry_base = 0), "address");
    says(
        broken(|i| {
            i.labels.clear();
            i.outputs += 4;
        }),
        "output position",
    );
    says(broken(|i| i.logit_scale = f32::NAN), "logit scale");
    says(broken(|i| i.labels = vec!["one".into()]), "labels");
    says(broken(|i| i.input.width = 0), "input values");
    says(broken(|i| i.input_map = Some(vec![])), "input map");
    says(broken(|i| i.passes[1].descriptor.in_base = 500), "in");
}

#[test]
fn one_output_of_a_sigmoid_tells_two_classes_apart() {
    let mut image = random::image(Config::named("tiny").unwrap(), 1);
    (image.head, image.logit_scale) = (Head::Logits, 0.5);
    assert_eq!(image.class(&[-3, 7, 7]), 1);
    assert_eq!(image.probabilities(&[-3, 7]), None);
    image.head = Head::Sigmoid;
    assert_eq!([-1, 0, 1].map(|logit| image.class(&[logit])), [0, 0, 1]);
    assert_eq!(image.class(&[-3, 7, 7]), 1);
    let one = image.probabilities(&[2]).unwrap();
    let second = 1.0 / (1.0 + (-1.0f32).exp());
    assert!(
        (one[1] - second).abs() < 1e-6 && (one[0] + one[1] - 1.0).abs() < 1e-6,
        "{one:?}"
    );
    image.head = Head::Softmax;
    let two = image.probabilities(&[2, 0]).unwrap();
    assert!((two[0] - second).abs() < 1e-6, "{two:?}");
}

#[test]
fn another_target_is_refused_with_need_and_have() {
    let image = random::image(&CONFIGS[2], 5);
    let other = image.check_target(&CONFIGS[3]).unwrap_err().to_string();
    let has = format!("{} has {}", CONFIGS[3].name, CONFIGS[3].num_pes);
    assert!(other.contains("4 PEs") && other.contains(&has), "{other}");
    let fits = Config {
        num_pes: 4,
        ..CONFIGS[2]
    };
    let needs = image.needs();
    for (memory, bits) in [
        ("codebook", needs.codebook),
        ("accumulators", needs.accumulators),
    ] {
        let width = bits.next_power_of_two().ilog2() - 1;
        let small = match memory {
            "codebook" => Config {
                codebook_addr_bits: width,
                ..fits
            },
            _ => Config {
                acc_addr_bits: width,
                ..fits
            },
        };
        let text = image.check_target(&small).unwrap_err().to_string();
        assert!(
            text.contains(memory) && text.contains(&format!("there are {}", 1 << width)),
            "{text}"
        );
    }
}

#[test]
fn a_store_of_one_port_holds_the_pointers_too() {
    let image = random::image(&CONFIGS[2], 5);
    let needs = image.needs();
    let room = |words: usize, store| Config {
        weight_addr_bits: words.next_power_of_two().ilog2(),
        store,
        ..CONFIGS[2]
    };
    let tight = room(needs.store, thresh_regs::WeightStore::SinglePort);
    let words = 1usize << tight.weight_addr_bits;
    assert_eq!(
        image.check_target(&tight).is_ok(),
        needs.store + needs.columns <= words
    );
    assert!(
        image
            .check_target(&room(needs.store, thresh_regs::WeightStore::BlockRam))
            .is_ok()
    );
    assert!(
        image
            .check_target(&room(
                needs.store + needs.columns,
                thresh_regs::WeightStore::SinglePort
            ))
            .is_ok()
    );
}

#[test]
fn words_are_read_from_bit_31_down_and_biases_low_half_first() {
    let pe = PeData {
        stream: vec![1, 2, 3, 4, 0x80],
        bits: 33,
        biases: vec![1, -1, 2],
        ..Default::default()
    };
    assert_eq!(pe.words().collect::<Vec<_>>(), [0x0102_0304, 0x8000_0000]);
    assert_eq!(pe.bias_words().collect::<Vec<_>>(), [0xffff_0001, 2]);
}

#[test]
fn every_descriptor_field_is_written() {
    // Those that follow from a geometry.
    let derived = [
        "accs",
        "pool",
        "sweep",
        "segments",
        "width",
        "height",
        "x_table",
        "y_table",
        "tap_columns",
        "row_step",
        "group_columns",
        "pool_width",
        "pool_height",
        "pool_x_table",
        "pool_y_table",
    ];
    let image = random::image(&CONFIGS[1], 1);
    let context = predict::Context::new(&image, 2);
    let mut visited = 0;
    let mut descriptor = PassDescriptor::default();
    let mut marks = predict::Marks::default();
    predict::fields(&mut descriptor, &mut marks, &context, |_, _| {
        visited += 1;
        // The first one is of three flags.
        Ok::<_, ImageError>(if visited == 1 { 7 } else { 1 })
    })
    .unwrap();
    assert_eq!(visited, predict::FIELDS);
    predict::hashed(&mut descriptor, &context, |_, _| Ok::<_, ImageError>(1)).unwrap();
    let words = descriptor.to_words().unwrap();
    assert!(marks.begins_layer && marks.repeats);
    for field in thresh_regs::DESCRIPTOR_FIELDS {
        if derived.contains(&field.name) {
            continue;
        }
        assert_eq!(
            words[field.word as usize] >> field.lsb & 1,
            1,
            "{}",
            field.name
        );
    }
}

#[test]
fn what_costs_no_bytes_is_bounded() {
    let image = random::image(&CONFIGS[0], 1);
    let mut pass = image.passes[0].clone();
    (pass.reuse, pass.descriptor.rows) = (0, u16::MAX);
    let mut volume = check::Volume::default();
    let added = (0..2000).find_map(|_| volume.add(&pass).err());
    let error = added.unwrap().to_string();
    assert!(error.contains("rows of all passes"), "{error}");
}
