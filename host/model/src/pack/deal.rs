//! Which PE and row each neuron gets.

use thresh_regs::HASH_LANES;

/// The neuron of each packed channel (row x num_pes + PE); `None` fills up the last row.
pub(crate) type Deal = Vec<Option<usize>>;

/// Swaps a neuron of the fullest PE with a smaller one of another PE, if that makes the fuller of
/// the two emptier.
fn improve(pes: &mut [(usize, Vec<usize>)], weights: &[usize]) -> bool {
    let full = (0..pes.len()).max_by_key(|&pe| pes[pe].0).unwrap_or(0);
    let mut best: Option<(usize, [usize; 3], usize)> = None;
    for other in (0..pes.len()).filter(|&pe| pe != full) {
        let gap = pes[full].0 - pes[other].0;
        for (i, &a) in pes[full].1.iter().enumerate() {
            for (j, &b) in pes[other].1.iter().enumerate() {
                let less = weights[a].saturating_sub(weights[b]);
                let left = (gap - less.min(gap)).max(less);
                if (1..gap).contains(&less) && best.is_none_or(|(_, _, least)| left < least) {
                    best = Some((less, [other, i, j], left));
                }
            }
        }
    }
    let Some((less, [other, i, j], _)) = best else {
        return false;
    };
    let (a, b) = (pes[full].1[i], pes[other].1[j]);
    pes[full].1[i] = b;
    pes[other].1[j] = a;
    pes[full].0 -= less;
    pes[other].0 += less;
    true
}

/// The order of an output that must stay: packed channel is output.
pub(super) fn natural(outputs: usize, num_pes: usize) -> Deal {
    let channels = outputs.next_multiple_of(num_pes);
    (0..channels).map(|c| (c < outputs).then_some(c)).collect()
}

/// The same where a hash counts channels: with room up to a multiple of [`HASH_LANES`].
pub(super) fn hashed(outputs: usize) -> Deal {
    natural(outputs, HASH_LANES)
}

/// Deals outputs of these loads (none for one that is left out) so that the PEs have about the same:
/// the largest first, each to the PE with the least that has a free row (Graham, "Bounds on
/// multiprocessing timing anomalies", 1969).
pub(crate) fn balanced(loads: &[Option<usize>], num_pes: usize) -> Deal {
    let mut order: Vec<usize> = (0..loads.len()).filter(|&o| loads[o].is_some()).collect();
    let rows = order.len().div_ceil(num_pes).max(1);
    let weights: Vec<usize> = loads.iter().map(|n| n.unwrap_or(0)).collect();
    order.sort_by_key(|&output| std::cmp::Reverse(weights[output]));
    let mut pes: Vec<(usize, Vec<usize>)> = vec![(0, Vec::new()); num_pes];
    for output in order {
        let free = pes.iter_mut().filter(|(_, list)| list.len() < rows);
        let (load, list) = free
            .min_by_key(|(load, _)| *load)
            .expect("rows for every output");
        *load += weights[output];
        list.push(output);
    }
    while improve(&mut pes, &weights) {}
    arranged(pes, rows, &weights)
}

/// As [`balanced`], for outputs whose loads differ by region: near the border of a map only some
/// kernel positions meet the output. PEs wait for each other after some tokens, so what
/// counts is the fullest PE of each region; outputs are swapped as long as the sum of those falls.
/// `regions` are the loads of each output; none for one that is left out.
pub(super) fn balanced_by_region(regions: &[Option<Vec<f32>>], num_pes: usize) -> Deal {
    let total = |loads: &Vec<f32>| loads.iter().sum::<f32>() as usize;
    let totals: Vec<Option<usize>> = regions.iter().map(|r| r.as_ref().map(total)).collect();
    let weights: Vec<usize> = totals.iter().map(|n| n.unwrap_or(0)).collect();
    let first = balanced(&totals, num_pes);
    let count = regions.iter().flatten().map(Vec::len).max().unwrap_or(0);
    if count < 2 || weights.len() > MOST_SWAPPED {
        return first;
    }
    let rows = first.len() / num_pes;
    // One slot a row of each PE; an empty one may be swapped too.
    let mut slots = first;
    let none = vec![0.0; count];
    let of = |slot: Option<usize>| slot.and_then(|o| regions[o].as_ref()).unwrap_or(&none);
    let mut loads = vec![vec![0.0f32; count]; num_pes];
    for (at, &slot) in slots.iter().enumerate() {
        let load = &mut loads[at % num_pes];
        load.iter_mut().zip(of(slot)).for_each(|(sum, x)| *sum += x);
    }
    for _ in 0..MOST_SWEEPS {
        let mut changed = false;
        for a in 0..slots.len() {
            for b in a + 1..slots.len() {
                let (pe, other) = (a % num_pes, b % num_pes);
                if pe == other || slots[a] == slots[b] {
                    continue;
                }
                let pairs = of(slots[b]).iter().zip(of(slots[a]));
                let moved: Vec<f32> = pairs.map(|(b, a)| b - a).collect();
                let (mut before, mut after) = (0.0, 0.0);
                for (r, moved) in moved.iter().enumerate() {
                    let (x, y) = (loads[pe][r], loads[other][r]);
                    let rest = (0..num_pes).filter(|&k| k != pe && k != other);
                    let rest = rest.map(|k| loads[k][r]).fold(0.0, f32::max);
                    before += rest.max(x).max(y);
                    after += rest.max(x + moved).max(y - moved);
                }
                if after < before * (1.0 - 1e-5) {
                    for (r, moved) in moved.iter().enumerate() {
                        loads[pe][r] += moved;
                        loads[other][r] -= moved;
                    }
                    slots.swap(a, b);
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
    let list = |pe: usize| -> Vec<usize> {
        let slots = slots.iter().skip(pe).step_by(num_pes);
        slots.flatten().copied().collect()
    };
    let pes = (0..num_pes).map(|pe| (0, list(pe))).collect();
    arranged(pes, rows, &weights)
}

/// Units of more outputs are not improved by swapping: it would take long, and they have many rows in a PE
/// to even out.
const MOST_SWAPPED: usize = 160;
const MOST_SWEEPS: usize = 12;

/// The rows of every PE in order.
fn arranged(mut pes: Vec<(usize, Vec<usize>)>, rows: usize, weights: &[usize]) -> Deal {
    let num_pes = pes.len();
    for (_, list) in &mut pes {
        list.sort_by_key(|&output| std::cmp::Reverse(weights[output]));
    }
    // PEs with a row more come first: then the channels that fill up the last row are the last, and take
    // no column pointers.
    pes.sort_by_key(|(_, list)| std::cmp::Reverse(list.len()));
    // Dense rows come first in a PE, so that runs are short: 5 % of an image, measured, against the
    // outputs' own order.
    let channel = |c: usize| pes[c % num_pes].1.get(c / num_pes).copied();
    (0..rows * num_pes).map(channel).collect()
}
