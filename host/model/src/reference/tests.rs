use super::*;
use crate::random;
use thresh_regs::CONFIGS;

#[test]
fn requantising_rounds_half_up_and_saturates() {
    for (value, shift, signed, unsigned) in [
        (5, 1, 3, 3),
        (-5, 1, -2, 0),
        (4, 3, 1, 1),
        (3, 3, 0, 0),
        (-4, 3, 0, 0),
        (-12, 3, -1, 0),
        (300, 1, 127, 150),
        (1000, 1, 127, 255),
        (i32::MIN, 1, -128, 0),
        (i32::MAX, 31, 1, 1),
        (i32::MIN, 31, -1, 0),
        (1 << 29, 31, 0, 0),
        (1 << 30, 31, 1, 1),
    ] {
        assert_eq!(
            requantise(value, shift, false),
            signed,
            "{value} >> {shift}"
        );
        assert_eq!(
            requantise(value, shift, true),
            unsigned,
            "{value} >> {shift}"
        );
    }
}

/// The engine's layout and arithmetic once more, straight from the words of the contract: banks,
/// entries with steps, one accumulator at a time.
fn plain(image: &Image, input: &[u8]) -> (Vec<Vec<i32>>, Vec<u64>) {
    let pes = image.num_pes;
    let mut banks = vec![vec![0u8; 1 << 16]; pes];
    for (byte, at) in image
        .input_bytes(input)
        .unwrap()
        .into_iter()
        .zip(image.input_window())
    {
        banks[at % pes][at / pes] = byte;
    }
    let (mut all, mut macs) = (Vec::new(), Vec::new());
    let mut accs = vec![vec![0i32; 1 << 16]; pes];
    for (i, pass) in image.passes.iter().enumerate() {
        let d = pass.descriptor;
        let (groups, rows) = (usize::from(d.groups), usize::from(d.rows));
        let mut count = 0;
        for (pe, accs) in accs.iter_mut().enumerate() {
            let decoded = pass.decode(pe).unwrap();
            for position in 0..usize::from(d.positions) {
                for c in 0..groups * pes {
                    let byte = banks[c % pes][usize::from(d.in_base) + position * groups + c / pes];
                    let act = if d.in_signed {
                        i32::from(byte as i8)
                    } else {
                        i32::from(byte)
                    };
                    let mut row = -1;
                    for entry in &decoded.columns[c] {
                        row += i32::from(entry.step) + 1;
                        let weight = i32::from(pass.codebook[usize::from(entry.code)]);
                        let acc = &mut accs[position * rows + row as usize];
                        *acc = acc.wrapping_add(weight.wrapping_mul(act));
                        count += u64::from(act != 0);
                    }
                }
            }
        }
        macs.push(count);
        let mut values = Vec::new();
        if !d.keep {
            for k in 0..usize::from(d.accs) {
                for pe in 0..pes {
                    let bias = i32::from(pass.pes[pe].biases[k % rows]);
                    let v = accs[pe][k].wrapping_add(bias.wrapping_mul(256));
                    accs[pe][k] = 0;
                    let out = usize::from(d.out_base);
                    if d.out_wide {
                        banks[pe][out + 4 * k..out + 4 * k + 4].copy_from_slice(&v.to_le_bytes());
                        values.push(v);
                    } else {
                        let exact = (f64::from(v) / 2f64.powi(d.shift.into()) + 0.5).floor();
                        let v = if d.relu {
                            exact.clamp(0.0, 255.0)
                        } else {
                            exact.clamp(-128.0, 127.0)
                        };
                        banks[pe][out + k] = v as i32 as u8;
                        values.push(v as i32);
                    }
                }
            }
            let window = image.output_window(i);
            let bytes: Vec<u8> = window.map(|at| banks[at % pes][at / pes]).collect();
            assert_eq!(image.output_values(i, &bytes).unwrap(), values);
        }
        all.push(values);
    }
    (all, macs)
}

#[test]
fn random_images_give_what_the_contract_says() {
    let (mut saturated, mut macs) = (0, 0);
    for config in CONFIGS {
        for seed in 0..40 {
            let image = random::image(config, seed);
            let input = random::input(&image, [0.05, 0.3, 1.0][seed as usize % 3], seed);
            let reference = Reference::new(&image).unwrap();
            let outputs = reference.run(&input).unwrap();
            let (acts, counts) = plain(&image, &input);
            for (pass, acts) in acts.iter().enumerate() {
                let difference = reference.explain_difference(&outputs, pass, acts);
                assert_eq!(difference, None, "{} seed {seed}", config.name);
            }
            assert_eq!(outputs.macs, counts, "{} seed {seed}", config.name);
            macs += counts.iter().sum::<u64>();
            saturated += outputs
                .acts
                .iter()
                .flatten()
                .filter(|&&v| v == 255 || v == -128)
                .count();
        }
    }
    assert!(macs > 100_000 && saturated > 1_000, "{macs} {saturated}");
}

#[test]
fn a_difference_is_named() {
    let image = random::image(&CONFIGS[1], 3);
    let reference = Reference::new(&image).unwrap();
    let outputs = reference.run(&random::input(&image, 0.5, 3)).unwrap();
    let pass = image.passes.len() - 1;
    let channels = image.passes[pass].channels();
    let mut got = outputs.acts[pass].clone();
    let index = got.len() - 1;
    got[index] ^= 1;
    let difference = reference.explain_difference(&outputs, pass, &got).unwrap();
    assert_eq!(
        (difference.pass, difference.layer),
        (pass, image.layer_of(pass))
    );
    assert_eq!(
        (difference.position, difference.channel),
        (index / channels, index % channels)
    );
    assert_eq!((difference.got, difference.pe), (Some(got[index]), 1));
    assert!(difference.to_string().contains("layer"));
    got.truncate(index);
    let short = reference.explain_difference(&outputs, pass, &got).unwrap();
    assert_eq!((short.channel, short.got), (index % channels, None));
}
