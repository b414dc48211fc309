//! Random images for the tests of every crate: what no packer would make, but the engine must run.

use crate::geometry::{Geometry, Kernel, Places};
use crate::huffman::CodeLengths;
use crate::image::{Image, MapSize, Pass, PeData, Run, TableWords};
use crate::network::{Frame, Head, Shape};
use crate::stream::{self, Entry, Frequencies, MAX_STEP, NO_FREQUENCIES};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use thresh_regs::{Config, PassDescriptor};

/// A sound image for `config`, the same for the same seed: several passes, fully connected ones and, where
/// the configuration has maps, convolutions of any kernel, stride and padding with and without
/// pools; with every flag, with sparse and full columns, long runs and sums that saturate.
pub fn image(config: &Config, seed: u64) -> Image {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let plan = std::iter::repeat_with(|| plan(config, &mut rng))
        .find_map(|plan| plan)
        .expect("some plan fits");
    let descriptors: Vec<PassDescriptor> = plan.passes.iter().map(|(d, _)| *d).collect();
    let biases: usize = descriptors
        .iter()
        .filter(|d| !d.keep)
        .map(|d| usize::from(d.rows))
        .sum();
    let entry_base = biases + rng.random_range(0..3);
    let pointers = plan
        .passes
        .iter()
        .map(|(d, g)| usize::from(d.col_base) + pointers(d, g.as_ref(), config));
    let store = config.store_words(pointers.max().unwrap_or(0));
    let mut passes: Vec<Pass> = Vec::new();
    let mut bias_base = 0;
    let mut codebook_base = 0;
    let mut next = vec![entry_base; config.num_pes];
    for (i, (descriptor, geometry)) in plan.passes.iter().cloned().enumerate() {
        let left = descriptors.len() - i;
        let codes = ((1 << config.codebook_addr_bits) - codebook_base) / left;
        let room = (store - next.iter().max().copied().unwrap_or(0)) / left;
        let mut pass = fill(
            &mut rng,
            config,
            (descriptor, geometry),
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
    let named = rng.random_bool(0.3);
    let run = Run {
        passes: passes.len(),
        entry_base: entry_base as u16,
        ..Run::default()
    };
    let head = [Head::Logits, Head::Softmax, Head::Sigmoid][rng.random_range(0..3)];
    let labels = match named {
        true => (0..head.classes(outputs))
            .map(|i| format!("out {i}"))
            .collect(),
        false => vec![],
    };
    let mut image = Image {
        name: format!("random-{seed}"),
        num_pes: config.num_pes,
        act_bits: config.act_bits,
        input: plan.input,
        frame: Frame::default(),
        input_map: plan.input_map,
        maps: vec![plan.size],
        passes,
        runs: vec![run],
        outputs,
        head,
        logit_scale: 1.0,
        labels,
        provenance: BTreeMap::from([("seed".into(), seed.to_string())]),
    };
    image.describe();
    image.make_usual();
    image
}

/// A random input of `image`: each byte is zero but with probability `density`.
pub fn input(image: &Image, density: f64, seed: u64) -> Vec<u8> {
    bytes(image.input.len(), density, seed)
}

/// Random bytes, each zero but with probability `density`.
pub fn bytes(len: usize, density: f64, seed: u64) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut byte = || {
        if rng.random_bool(density) {
            rng.random_range(1..=255)
        } else {
            0
        }
    };
    (0..len).map(|_| byte()).collect()
}

/// Shapes and addresses.
struct Plan {
    input: Shape,
    input_map: Option<Vec<usize>>,
    size: MapSize,
    passes: Vec<(PassDescriptor, Option<Geometry>)>,
}

fn pointers(d: &PassDescriptor, g: Option<&Geometry>, config: &Config) -> usize {
    match g {
        Some(g) => g.channels * g.segments() + 1,
        None => usize::from(d.groups) * config.num_pes + 1,
    }
}

/// A number from 1 to `most`, small ones as likely as large ones.
fn size(rng: &mut ChaCha8Rng, most: usize) -> usize {
    match rng.random_range(0..8) {
        0 => most,
        1..3 => rng.random_range(1..=most),
        _ => rng.random_range(1..=most.min(most / 8 + 4)),
    }
}

/// A map in activation memory.
#[derive(Clone, Copy)]
struct Map {
    base: usize,
    /// Bank words of a position.
    words: usize,
    side: [usize; 2],
    upper: bool,
}

/// What a pass may take.
struct Room {
    accs: usize,
    words: usize,
    pointers: usize,
    taps: usize,
    table: usize,
}

/// Column pointers of a network, log2, at most: more take longer and show nothing else.
const MOST_POINTER_BITS: u32 = 11;

/// Shapes and addresses; none if no first pass fits.
fn plan(config: &Config, rng: &mut ChaCha8Rng) -> Option<Plan> {
    let half = (1usize << config.act_addr_bits) / 2;
    let maps = config.maps && rng.random_bool(0.7);
    let side = if maps {
        [rng.random_range(1..=9), rng.random_range(1..=9)]
    } else {
        [1, 1]
    };
    let positions = side[0] * side[1];
    if positions > half {
        return None;
    }
    let count = rng.random_range(1..=(1usize << config.pass_addr_bits).min(5));
    // Pointers left for each pass, its last one apart.
    let pointers_left = (1usize << config.col_addr_bits.min(MOST_POINTER_BITS)) / count - 4;
    let most_groups = (half / positions).min(pointers_left / config.num_pes);
    let groups = size(rng, most_groups.max(1));
    let channels = groups * config.num_pes - rng.random_range(0..config.num_pes);
    let mut map = Map {
        base: rng.random_range(0..=half - groups * positions),
        words: groups,
        side,
        upper: false,
    };
    let mut col_base = 0;
    let mut in_signed = rng.random_bool(0.3);
    let mut tables = TableWords::default();
    let mut passes: Vec<(PassDescriptor, Option<Geometry>)> = Vec::new();
    for i in 0..count {
        let end = i + 1 == count;
        let room = Room {
            accs: 1 << config.acc_addr_bits,
            words: half,
            pointers: pointers_left,
            taps: 1 << config.row_bits,
            table: (1 << config.table_addr_bits) / count,
        };
        let kept = passes.last().filter(|(d, _)| d.keep).cloned();
        let first = (i == 0).then_some(channels);
        let Some(mut pass) = pass(rng, config, map, first, kept.as_ref(), &room, end) else {
            // There is no room for what is left: end here.
            break;
        };
        let (d, g) = (&mut pass.0, &pass.1);
        let drained = g.as_ref().map_or([1, 1], Geometry::drained);
        let words = usize::from(d.rows) * d.value_words(config.act_bits);
        let places = drained[0] * drained[1];
        let stride = words - 1 + usize::from(d.out_step);
        let out_words = (places - 1) * stride + words;
        let out_base = if map.upper { 0 } else { half } + rng.random_range(0..=half - out_words);
        d.in_signed = in_signed;
        d.out_base = out_base as u16;
        col_base += rng.random_range(0..3);
        d.col_base = col_base as u16;
        col_base += pointers(d, g.as_ref(), config);
        if let Some(g) = g {
            tables.add(g, d);
        }
        if !d.keep {
            map = Map {
                base: out_base,
                words: stride,
                side: drained,
                upper: !map.upper,
            };
            in_signed = d.relu == rng.random_bool(0.2);
        }
        passes.push(pass);
    }
    let last = passes.len().checked_sub(1)?;
    passes[last].0.last = true;
    passes[last].0.keep = false;
    let (input, input_map) = if positions == 1 && passes[0].1.is_none() && rng.random_bool(0.4) {
        let len = channels + rng.random_range(1..=channels + 20);
        let mut map: Vec<usize> = (0..len).collect();
        map.shuffle(rng);
        map.truncate(channels);
        map.sort_unstable();
        let shape = Shape {
            channels: 1,
            height: 1,
            width: len,
        };
        (shape, Some(map))
    } else {
        let shape = Shape {
            channels,
            height: side[0],
            width: side[1],
        };
        (shape, None)
    };
    let size = MapSize {
        positions,
        words: groups,
    };
    Some(Plan {
        input,
        input_map,
        size,
        passes,
    })
}

/// A pass that reads `map`; none if a few tries find none that there is room for. `first` gives the channels
/// of the network's input; `kept` is the pass before if it keeps its sums.
fn pass(
    rng: &mut ChaCha8Rng,
    config: &Config,
    map: Map,
    first: Option<usize>,
    kept: Option<&(PassDescriptor, Option<Geometry>)>,
    room: &Room,
    end: bool,
) -> Option<(PassDescriptor, Option<Geometry>)> {
    if let Some((d, g)) = kept {
        // The same geometry meets the same sums.
        let mut d = PassDescriptor {
            keep: !end && rng.random_bool(0.2),
            relu: rng.random_bool(0.5),
            ..*d
        };
        d.out_wide &= end && !d.pool;
        return Some((d, g.clone()));
    }
    let positions = map.side[0] * map.side[1];
    for _ in 0..60 {
        let mapped = config.maps && (positions > 1 || rng.random_bool(0.2)) && rng.random_bool(0.8);
        let geometry = match mapped {
            true => Some(geometry(rng, config, map, first)?),
            false => None,
        };
        let sums = geometry.as_ref().map_or(1, Geometry::positions);
        let drained = geometry.as_ref().map_or([1, 1], Geometry::drained);
        let places = drained[0] * drained[1];
        let taps = geometry.as_ref().map_or(1, Geometry::taps);
        let pools = geometry.as_ref().is_some_and(|g| g.pool.is_some());
        let out_wide = end && !pools && rng.random_bool(0.6);
        let parts = if out_wide { config.acts_per_word() } else { 1 };
        let most_rows = (room.accs / sums)
            .min(room.words / places / parts)
            .min(room.taps / taps);
        let next_room = if end {
            most_rows
        } else {
            (room.pointers / config.num_pes / places).max(1)
        };
        let most_rows = most_rows.min(next_room);
        let groups = match &geometry {
            Some(g) => g.channels.div_ceil(config.num_pes),
            None => map.words * positions,
        };
        let columns = match &geometry {
            Some(g) => g.channels * g.segments(),
            None => groups * config.num_pes,
        };
        let table = geometry.as_ref().map_or(0, |g| {
            let t = g.tables(1);
            (t.x.len() + t.pool_x.len()).max(t.y.len() + t.pool_y.len())
        });
        if most_rows == 0 || columns > room.pointers || table > room.table {
            continue;
        }
        // A pass over a map may leave out the first words of each position.
        let left_out = match &geometry {
            Some(_) if first.is_none() => rng.random_range(0..=map.words - groups),
            _ => 0,
        };
        let rows = size(rng, most_rows);
        let mut d = PassDescriptor {
            relu: rng.random_bool(0.5),
            out_wide,
            keep: !end && rng.random_bool(0.25),
            shift: if rng.random_bool(0.2) {
                rng.random_range(1..=31)
            } else {
                rng.random_range(8..=18)
            },
            in_base: (map.base + left_out) as u16,
            groups: groups as u16,
            rows: rows as u16,
            accs: (rows * sums) as u16,
            out_step: 1,
            ..Default::default()
        };
        if let Some(g) = &geometry {
            d.in_step = (map.words - groups + 1) as u16;
            g.describe(&mut d, config.num_pes);
        }
        return Some((d, geometry));
    }
    None
}

fn geometry(
    rng: &mut ChaCha8Rng,
    config: &Config,
    map: Map,
    first: Option<usize>,
) -> Option<Geometry> {
    let channels = first.unwrap_or_else(|| {
        let words = rng.random_range(1..=map.words);
        words * config.num_pes
    });
    if rng.random_bool(0.1) {
        return Some(Geometry {
            channels,
            input: map.side,
            kernel: Kernel::Shared,
            output: [1, 1],
            pool: None,
        });
    }
    let whole = rng.random_bool(0.15);
    let mut size = [0; 2];
    let mut stride = [1; 2];
    let mut pad = [0; 2];
    let mut output = [1; 2];
    for axis in 0..2 {
        let side = map.side[axis];
        if whole {
            size[axis] = side;
            continue;
        }
        size[axis] = rng.random_range(1..=(side + 1).min(5));
        stride[axis] = rng.random_range(1..=3);
        let before = rng.random_range(0..=2usize);
        let after = rng.random_range(0..=2);
        let room = (side + before + after).checked_sub(size[axis])?;
        pad[axis] = before as i32;
        output[axis] = room / stride[axis] + 1;
    }
    let pool = rng.random_bool(0.4).then(|| {
        let mut pool = Places {
            size: [1; 2],
            stride: [1; 2],
            pad: [0; 2],
            output: [1; 2],
        };
        for (axis, &side) in output.iter().enumerate() {
            pool.size[axis] = rng.random_range(1..=3);
            pool.stride[axis] = rng.random_range(1..=3);
            pool.pad[axis] = rng.random_range(0..pool.size[axis]);
            // Every window meets the map.
            let most = (side + pool.pad[axis] - 1) / pool.stride[axis] + 1;
            pool.output[axis] = rng.random_range(1..=most);
        }
        pool
    });
    Some(Geometry {
        channels,
        input: map.side,
        kernel: match whole {
            true => Kernel::Whole { size, pad },
            false => Kernel::Slides { size, stride, pad },
        },
        output,
        pool,
    })
}

/// Fills a pass with weights and biases: at most `codes` codes, `room` entries in a PE.
fn fill(
    rng: &mut ChaCha8Rng,
    config: &Config,
    (descriptor, geometry): (PassDescriptor, Option<Geometry>),
    codes: usize,
    room: usize,
    before: Option<&Pass>,
) -> Pass {
    let segments = geometry.as_ref().map_or(1, Geometry::segments);
    let columns = (pointers(&descriptor, geometry.as_ref(), config) - 1) / segments;
    let rows = usize::from(descriptor.rows) * segments;
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
        for _ in 0..columns {
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
        let rows = if descriptor.keep { 0 } else { descriptor.rows };
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
        geometry,
        reuse: 0,
        begins_layer: before.is_none_or(|pass| !pass.descriptor.keep),
        filters: None,
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

mod fill;
mod graph;
pub use fill::{inputs, weights};
pub use graph::network;

#[cfg(test)]
mod tests;
