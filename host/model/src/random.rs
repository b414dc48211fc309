//! Random images for the tests of every crate: what no packer would make, but the engine must run.

use crate::huffman::CodeLengths;
use crate::image::{Image, Pass, PeData};
use crate::network::Shape;
use crate::stream::{self, Entry, Frequencies, MAX_STEP, NO_FREQUENCIES};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use thresh_regs::{Config, PassDescriptor, WIDE_BYTES};

/// A sound image for `config`, the same for the same seed: several passes, dense ones and `1x1`
/// convolutions, with every flag, with sparse and full columns, long runs and sums that saturate.
pub fn image(config: &Config, seed: u64) -> Image {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let plan = plan(config, &mut rng);
    let descriptors = &plan.descriptors;
    let biases: usize = descriptors
        .iter()
        .filter(|d| !d.keep)
        .map(|d| usize::from(d.rows))
        .sum();
    let entry_base = biases + rng.random_range(0..3);
    let pointers = descriptors
        .iter()
        .map(|d| usize::from(d.col_base) + columns(d, config) + 1);
    let store = config.store_words(pointers.max().unwrap_or(0));
    let mut passes: Vec<Pass> = Vec::new();
    let mut bias_base = 0;
    let mut codebook_base = 0;
    let mut next = vec![entry_base; config.num_pes];
    for (i, &descriptor) in descriptors.iter().enumerate() {
        let left = descriptors.len() - i;
        let codes = ((1 << config.codebook_addr_bits) - codebook_base) / left;
        let room = (store - next.iter().max().copied().unwrap_or(0)) / left;
        let mut pass = fill(
            &mut rng,
            config,
            descriptor,
            codes.min(256),
            room,
            passes.last(),
        );
        pass.descriptor.bias_base = bias_base as u16;
        pass.descriptor.codebook_base = codebook_base as u16;
        codebook_base += pass.codebook.len();
        bias_base += pass.pes[0].biases.len();
        for (next, pe) in next.iter_mut().zip(&mut pass.pes) {
            pe.entry_address = *next as u16;
            *next += pe.entries;
        }
        passes.push(pass);
    }
    let outputs = passes[passes.len() - 1].channels() - rng.random_range(0..config.num_pes);
    let labels = if rng.random_bool(0.3) {
        (0..outputs).map(|i| format!("out {i}")).collect()
    } else {
        vec![]
    };
    Image {
        name: format!("random-{seed}"),
        num_pes: config.num_pes,
        input: plan.input,
        input_map: plan.input_map,
        entry_base: entry_base as u16,
        passes,
        outputs,
        logit_scale: 1.0,
        labels,
        provenance: BTreeMap::from([("seed".into(), seed.to_string())]),
    }
}

/// A random input of `image`: each byte is zero but with probability `density`.
pub fn input(image: &Image, density: f64, seed: u64) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut byte = || {
        if rng.random_bool(density) {
            rng.random_range(1..=255)
        } else {
            0
        }
    };
    (0..image.input.len()).map(|_| byte()).collect()
}

/// Shapes and addresses.
struct Plan {
    input: Shape,
    input_map: Option<Vec<usize>>,
    descriptors: Vec<PassDescriptor>,
}

fn columns(d: &PassDescriptor, config: &Config) -> usize {
    usize::from(d.groups) * config.num_pes
}

/// A number from 1 to `most`, small ones as likely as large ones.
fn size(rng: &mut ChaCha8Rng, most: usize) -> usize {
    match rng.random_range(0..8) {
        0 => most,
        1..3 => rng.random_range(1..=most),
        _ => rng.random_range(1..=most.min(most / 8 + 4)),
    }
}

fn plan(config: &Config, rng: &mut ChaCha8Rng) -> Plan {
    let half = (1usize << config.act_addr_bits) / 2;
    let accs = 1usize << config.acc_addr_bits;
    let positions = if rng.random_bool(0.6) {
        1
    } else {
        rng.random_range(2..=accs.min(half / WIDE_BYTES).min(16))
    };
    let count = rng.random_range(1..=(1usize << config.pass_addr_bits).min(5));
    // Pointers left for each pass, its last one apart.
    let pointers = (1usize << config.col_addr_bits) / count - 4;
    let most_groups = (half / positions).min(pointers / config.num_pes).max(1);
    let channels = size(rng, most_groups * config.num_pes);
    let mut groups = channels.div_ceil(config.num_pes);
    let (mut in_base, mut upper, mut col_base) =
        (rng.random_range(0..=half - groups * positions), false, 0);
    let mut in_signed = rng.random_bool(0.3);
    let mut descriptors: Vec<PassDescriptor> = Vec::new();
    for i in 0..count {
        let last = i + 1 == count;
        let kept = descriptors
            .last()
            .filter(|d| d.keep)
            .map(|d| usize::from(d.rows));
        let keep = !last && rng.random_bool(0.25);
        let fits = kept.is_none_or(|rows| rows * positions * WIDE_BYTES <= half);
        let out_wide = last && fits && rng.random_bool(0.6);
        let most_rows = if last {
            accs.min(if out_wide { half / WIDE_BYTES } else { half }) / positions
        } else {
            (accs / positions).min(most_groups).max(1)
        };
        let rows = kept.unwrap_or_else(|| size(rng, most_rows));
        let out_words = rows * positions * if out_wide { WIDE_BYTES } else { 1 };
        let out_base = if upper { 0 } else { half } + rng.random_range(0..=half - out_words);
        col_base += rng.random_range(0..3);
        descriptors.push(PassDescriptor {
            last,
            relu: rng.random_bool(0.5),
            in_signed,
            out_wide,
            keep,
            shift: if rng.random_bool(0.2) {
                rng.random_range(1..=31)
            } else {
                rng.random_range(8..=18)
            },
            in_base: in_base as u16,
            out_base: out_base as u16,
            col_base: col_base as u16,
            groups: groups as u16,
            positions: positions as u16,
            rows: rows as u16,
            accs: (rows * positions) as u16,
            ..Default::default()
        });
        let d = &descriptors[i];
        col_base += columns(d, config) + 1;
        if !keep {
            (groups, in_base, upper) = (rows, out_base, !upper);
            in_signed = d.relu == rng.random_bool(0.2);
        }
    }
    let (input, input_map) = if positions == 1 && rng.random_bool(0.4) {
        let len = channels + rng.random_range(1..=channels + 20);
        let mut map: Vec<usize> = (0..len).collect();
        map.shuffle(rng);
        map.truncate(channels);
        map.sort_unstable();
        (
            Shape {
                channels: 1,
                height: 1,
                width: len,
            },
            Some(map),
        )
    } else {
        (
            Shape {
                channels,
                height: 1,
                width: positions,
            },
            None,
        )
    };
    Plan {
        input,
        input_map,
        descriptors,
    }
}

/// Fills a pass with weights and biases: at most `codes` codes, `room` entries in a PE.
fn fill(
    rng: &mut ChaCha8Rng,
    config: &Config,
    descriptor: PassDescriptor,
    codes: usize,
    room: usize,
    before: Option<&Pass>,
) -> Pass {
    let rows = usize::from(descriptor.rows);
    let room = room.min([60, 300, 300, 1500][rng.random_range(0..4)]);
    let density = [0.0, 0.01, 0.05, 0.2, 0.6][rng.random_range(0..5)];
    let codes = rng.random_range(1..=codes.min(255));
    let mut codebook: Vec<i16> = match rng.random_range(0..3) {
        0 => (0..codes).map(|_| rng.random()).collect(),
        1 => (0..codes).map(|_| rng.random_range(-200..=200)).collect(),
        _ => (0..codes)
            .map(|i| [i16::MIN, i16::MAX, -1, 1][i % 4])
            .collect(),
    };
    let zero = rng.random_range(0..codes);
    if rows > MAX_STEP + 1 {
        codebook[zero] = 0;
    }
    let mut lists = Vec::new();
    for _ in 0..config.num_pes {
        let mut left = room;
        let mut list: Vec<Vec<Entry>> = Vec::new();
        for _ in 0..columns(&descriptor, config) {
            let density = match rng.random_range(0..12) {
                0..3 => 0.0,
                3 => 1.0,
                4 => 2.0 / rows as f64,
                _ => density,
            };
            let used: Vec<usize> = (0..rows)
                .filter(|_| rng.random_bool(density.min(1.0)))
                .collect();
            let entries: Vec<(usize, u8)> = used
                .into_iter()
                .map(|row| (row, rng.random_range(0..codes) as u8))
                .collect();
            let mut column = stream::column(entries, Some(zero as u8));
            column.truncate(left);
            left -= column.len();
            list.push(column);
        }
        lists.push(list);
    }
    let mut frequencies = NO_FREQUENCIES;
    lists
        .iter()
        .for_each(|list| stream::count(list, &mut frequencies));
    let tables = tables(rng, &frequencies, codes, before);
    let pes = lists.iter().map(|list| {
        let (stream, bits) = stream::encode(list, &tables);
        let entries = list.iter().map(Vec::len).sum();
        let rows = if descriptor.keep { 0 } else { rows };
        let biases = (0..rows)
            .map(|_| match rng.random_range(0..4) {
                0 => 0,
                1 => rng.random(),
                _ => rng.random_range(-300..300),
            })
            .collect();
        PeData {
            stream,
            bits,
            entries,
            entry_address: 0,
            biases,
        }
    });
    let pes = pes.collect();
    Pass {
        descriptor,
        parameters: rng.random_range(0..1000),
        tables,
        codebook,
        pes,
    }
}

/// Tables that hold all symbols used: the best ones, longer ones, or those of the pass before.
fn tables(
    rng: &mut ChaCha8Rng,
    frequencies: &Frequencies,
    codes: usize,
    before: Option<&Pass>,
) -> [CodeLengths; 3] {
    std::array::from_fn(|table| {
        let mut used = frequencies[table];
        let symbols = if table == 2 { codes } else { used.len() };
        if let Some(code) = before.map(|pass| &pass.tables[table])
            && code.cost(&used).is_some()
            && rng.random_bool(0.7)
        {
            return code.clone();
        }
        match rng.random_range(0..6) {
            0 => used[..symbols].iter_mut().for_each(|f| *f += 1),
            1 => used[..symbols]
                .iter_mut()
                .filter(|f| **f > 0)
                .for_each(|f| *f = 1 << rng.random_range(0..30)),
            2 => used[..symbols]
                .iter_mut()
                .for_each(|f| *f += 1 << rng.random_range(0..20)),
            _ => {}
        }
        CodeLengths::from_frequencies(&used)
    })
}

#[cfg(test)]
mod tests;
