use super::*;
use crate::random;
use thresh_regs::{CONFIGS, TableWord};

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
            requantise(value, shift, false, 8),
            signed,
            "{value} >> {shift}"
        );
        assert_eq!(
            requantise(value, shift, true, 8),
            unsigned,
            "{value} >> {shift}"
        );
    }
}

#[test]
fn activations_of_sixteen_bits_saturate_at_theirs() {
    for (value, shift, signed, unsigned) in [
        (5, 1, 3, 3),
        (-5, 1, -2, 0),
        (1000, 1, 500, 500),
        (65_533, 1, 32_767, 32_767),
        (65_536, 1, 32_767, 32_768),
        (131_071, 1, 32_767, 65_535),
        (-65_536, 1, -32_768, 0),
        (-65_538, 1, -32_768, 0),
        (i32::MIN, 15, -32_768, 0),
        (i32::MAX, 15, 32_767, 65_535),
    ] {
        let got = [false, true].map(|relu| requantise(value, shift, relu, 16));
        assert_eq!(got, [signed, unsigned], "{value} >> {shift}");
    }
}

/// The engine's layout and arithmetic once more, straight from the words of the contract: banks,
/// geometry tables, segments, entries with steps, one accumulator at a time.
fn plain(image: &Image, input: &[u8]) -> (Vec<Vec<i32>>, Vec<u64>) {
    let pes = image.num_pes;
    let mut banks = vec![vec![0u16; 1 << 16]; pes];
    let acts = image.input_acts(input).unwrap();
    let write = &image.runs[0].writes[0];
    for (act, at) in image
        .gather(write, &acts)
        .into_iter()
        .zip(image.window(write))
    {
        banks[at % pes][at / pes] = act;
    }
    let words = image.table_words(0);
    let (mut all, mut macs) = (Vec::new(), Vec::new());
    let mut accs = vec![vec![0i32; 1 << 12]; pes];
    for (i, pass) in image.passes.iter().enumerate() {
        let d = pass.descriptor;
        let rows = usize::from(d.rows);
        let (segments, taps) = (pass.segments(), pass.taps());
        let mut count = 0;
        for (pe, accs) in accs.iter_mut().enumerate() {
            // Entries of each segment: row in the kernel row, and weight.
            let mut store = vec![Vec::new(); pass.columns() * segments];
            for (c, column) in pass.decode(pe).unwrap().columns.iter().enumerate() {
                let mut row = -1;
                for entry in column {
                    row += i32::from(entry.step) + 1;
                    let weight = i32::from(pass.codebook[usize::from(entry.code)]);
                    let segment = row as usize / rows;
                    let row = row as usize - segment / taps * taps * rows;
                    store[c * segments + segment].push((row, weight));
                }
            }
            let mut at = usize::from(d.in_base);
            let one = TableWord {
                count: 1,
                ..TableWord::default()
            };
            let (width, height) = (usize::from(d.width).max(1), usize::from(d.height).max(1));
            for position in 0..width * height {
                let table = |table: &[TableWord], base: u16, at: usize| match d.map {
                    true => table[usize::from(base) + at],
                    false => one,
                };
                let x = table(&words.x, d.x_table, position % width);
                let y = table(&words.y, d.y_table, position / width);
                for group in 0..usize::from(d.groups) {
                    for (lane, bank) in banks.iter().enumerate() {
                        let act = match (d.in_signed, image.act_bits) {
                            (true, 8) => i32::from(bank[at] as u8 as i8),
                            (true, _) => i32::from(bank[at] as i16),
                            (false, _) => i32::from(bank[at]),
                        };
                        if act == 0 {
                            continue;
                        }
                        for tap in 0..usize::from(y.count) {
                            let first = (group * pes + lane) * segments
                                + usize::from(x.column + y.column + x.start)
                                + tap * usize::from(d.tap_columns);
                            let base = i32::from(x.base) + i32::from(y.base)
                                - (tap * usize::from(d.row_step)) as i32;
                            for segment in &store[first..first + usize::from(x.count)] {
                                for &(row, weight) in segment {
                                    let at = (base + row as i32).rem_euclid(1 << 12);
                                    let acc = &mut accs[at as usize];
                                    *acc = acc.wrapping_add(weight.wrapping_mul(act));
                                    count += 1;
                                }
                            }
                        }
                    }
                    let last = d.map && group + 1 == usize::from(d.groups);
                    at += if last { d.in_step.into() } else { 1 };
                }
            }
        }
        macs.push(count);
        let mut values = Vec::new();
        if !d.keep {
            let narrow = |v: i32| {
                let exact = (f64::from(v) / 2f64.powi(d.shift.into()) + 0.5).floor();
                let (low, high) = match (d.relu, image.act_bits) {
                    (true, 8) => (0.0, 255.0),
                    (false, 8) => (-128.0, 127.0),
                    (true, _) => (0.0, 65_535.0),
                    (false, _) => (-32_768.0, 32_767.0),
                };
                exact.clamp(low, high) as i32
            };
            // The accumulators of each result: one, or a window of the pool.
            let windows: Vec<(usize, Vec<usize>)> = if d.pool {
                let places = (0..usize::from(d.pool_height))
                    .flat_map(|y| (0..usize::from(d.pool_width)).map(move |x| (y, x)));
                let place = |(py, px): (usize, usize)| {
                    let x = words.x[usize::from(d.pool_x_table) + px];
                    let y = words.y[usize::from(d.pool_y_table) + py];
                    (0..rows).map(move |row| {
                        let all = (0..usize::from(y.count))
                            .flat_map(move |wy| (0..usize::from(x.count)).map(move |wx| (wy, wx)));
                        let base = usize::from(x.base) + usize::from(y.base) + row;
                        let acc = move |(wy, wx)| base + wy * usize::from(d.row_step) + wx * rows;
                        (row, all.map(acc).collect())
                    })
                };
                places.flat_map(place).collect()
            } else {
                (0..usize::from(d.accs))
                    .map(|k| (k % rows, vec![k]))
                    .collect()
            };
            let mut out = usize::from(d.out_base);
            for (row, window) in windows {
                for pe in 0..pes {
                    let bias = i32::from(pass.pes[pe].biases[row]);
                    let unit = if image.act_bits == 8 { 256 } else { 4096 };
                    let biased = |&k: &usize| accs[pe][k].wrapping_add(bias.wrapping_mul(unit));
                    if d.out_wide {
                        let v = biased(&window[0]);
                        let words = v.to_le_bytes();
                        let mut words = words.chunks(image.act_bits as usize / 8);
                        banks[pe][out..out + words.len()].fill_with(|| {
                            let word = words.next().unwrap();
                            word.iter()
                                .rfold(0, |all, &byte| all << 8 | u16::from(byte))
                        });
                        values.push(v);
                    } else {
                        let v = window.iter().map(biased).map(narrow).max().unwrap();
                        banks[pe][out] = if image.act_bits == 8 {
                            u16::from(v as u8)
                        } else {
                            v as u16
                        };
                        values.push(v);
                    }
                }
                out += match (d.out_wide, image.act_bits) {
                    (true, 8) => 4,
                    (true, _) => 2,
                    (false, _) => 1,
                };
                if row + 1 == rows {
                    out += usize::from(d.out_step) - 1;
                }
            }
            accs.iter_mut().for_each(|accs| accs.fill(0));
            let window = image.output_window(i);
            let acts: Vec<u16> = window.map(|at| banks[at % pes][at / pes]).collect();
            assert_eq!(image.output_values(i, &acts).unwrap(), values);
        }
        all.push(values);
    }
    (all, macs)
}

#[test]
fn random_images_give_what_the_contract_says() {
    let (mut saturated, mut macs) = ([0; 2], 0);
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
            let (wide, ends) = match config.act_bits {
                8 => (0, [255, -128]),
                _ => (1, [65_535, -32_768]),
            };
            let values = outputs.acts.iter().flatten();
            saturated[wide] += values.filter(|v| ends.contains(v)).count();
        }
    }
    assert!(
        macs > 100_000 && saturated.iter().all(|&n| n > 1_000),
        "{macs} {saturated:?}"
    );
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
