//! Which PE and row each neuron gets.

/// The neuron of each packed channel (row x num_pes + PE); `None` fills up the last row.
pub(super) type Deal = Vec<Option<usize>>;

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

/// Deals outputs of these loads (none for one that is left out) so that the PEs have about the same:
/// the largest first, each to the PE with the least that has a free row (Graham, "Bounds on multiprocessing timing anomalies", 1969).
pub(super) fn balanced(loads: &[Option<usize>], num_pes: usize) -> Deal {
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
