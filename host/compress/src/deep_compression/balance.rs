//! As many weights in every PE.
//!
//! The packer deals the outputs of a layer to PEs, but a PE that has few and heavy ones still has more to do. Here outputs are
//! dealt first, by the weights that a choice leaves them; then every PE keeps an equal share of the layer's weights, its strongest.

use super::prune::strongest;

/// Marks as many weights as `keep` does, or up to one a PE fewer where a PE has not enough: equally many in each of `pes` groups of outputs.
/// `keep` and `scores` are row-major by input; a weight with a score of 0 is none.
pub(super) fn balanced(keep: &[bool], scores: &[f32], outputs: usize, pes: usize) -> Vec<bool> {
    let mut counts = vec![0; outputs];
    for (place, _) in keep.iter().enumerate().filter(|(_, keep)| **keep) {
        counts[place % outputs] += 1;
    }
    let total: usize = counts.iter().sum();
    let groups = dealt(&counts, pes);
    let mut marks = vec![false; keep.len()];
    for (pe, group) in groups.iter().enumerate() {
        let share = (total + pes - 1 - pe) / pes;
        let inputs = keep.len() / outputs.max(1);
        let places: Vec<usize> = (0..inputs)
            .flat_map(|input| group.iter().map(move |output| input * outputs + output))
            .filter(|&place| scores[place] > 0.0)
            .collect();
        let own: Vec<f32> = places.iter().map(|&place| scores[place]).collect();
        for (&place, mark) in places.iter().zip(strongest(&own, share)) {
            marks[place] = mark;
        }
    }
    marks
}

/// The outputs of each PE: heaviest first to the PE with the fewest weights, equally many to each; outputs without weights to none.
fn dealt(counts: &[usize], pes: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..counts.len()).filter(|&o| counts[o] > 0).collect();
    order.sort_by_key(|&output| std::cmp::Reverse(counts[output]));
    let rows = order.len().div_ceil(pes.max(1));
    let mut groups = vec![Vec::new(); pes];
    let mut sums = vec![0; pes];
    for output in order {
        let free = (0..pes).filter(|&pe| groups[pe].len() < rows);
        if let Some(pe) = free.min_by_key(|&pe| sums[pe]) {
            sums[pe] += counts[output];
            groups[pe].push(output);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, generator};
    use rand::RngExt;

    #[test]
    fn every_pe_keeps_as_many_and_its_strongest() {
        let mut random = generator(11, Purpose::Start, 0);
        let (inputs, outputs, pes) = (50, 20, 8);
        // Outputs differ much in strength.
        let scores: Vec<f32> = (0..inputs * outputs)
            .map(|place| random.random_range(0.001..1.0f32) / (1 + place % outputs) as f32)
            .collect();
        let keep = strongest(&scores, 300);
        let marks = balanced(&keep, &scores, outputs, pes);
        let mut counts = vec![0; outputs];
        (0..keep.len())
            .filter(|&p| keep[p])
            .for_each(|p| counts[p % outputs] += 1);
        let groups = dealt(&counts, pes);
        let sum = |marks: &[bool], group: &[usize]| {
            let mine = |place: &usize| marks[*place] && group.contains(&(place % outputs));
            (0..marks.len()).filter(mine).count()
        };
        let before: Vec<usize> = groups.iter().map(|group| sum(&keep, group)).collect();
        let after: Vec<usize> = groups.iter().map(|group| sum(&marks, group)).collect();
        assert!(before.iter().max() > before.iter().min(), "{before:?}");
        assert_eq!(after, [38, 38, 38, 38, 37, 37, 37, 37]);
        assert_eq!(marks.iter().filter(|mark| **mark).count(), 300);
        let (marks, scores) = (&marks, &scores);
        for group in &groups {
            let of = |kept: bool| {
                let mine = move |place: &usize| {
                    marks[*place] == kept && group.contains(&(place % outputs))
                };
                (0..marks.len()).filter(mine).map(|place| scores[place])
            };
            let weakest = of(true).fold(f32::INFINITY, f32::min);
            assert!(of(false).all(|score| score <= weakest));
        }
    }

    #[test]
    fn few_outputs_and_dead_ones_do_no_harm() {
        let scores = [0.5, 0.0, 0.25, 0.0];
        assert_eq!(
            balanced(&[true, false, true, false], &scores, 2, 4),
            [true, false, false, false]
        );
        assert_eq!(balanced(&[false; 4], &scores, 2, 4), [false; 4]);
        assert!(balanced(&[], &[], 0, 4).is_empty());
    }
}
