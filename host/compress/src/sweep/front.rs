//! Which trials are worth having.

use super::Trial;

/// The trials that no other beats: less of `cost` at no less accuracy, or more accuracy at no more `cost`. Rising by cost; of equals the
/// first. Trials without a cost (not packed) are none.
pub fn front(trials: &[Trial], cost: impl Fn(&Trial) -> Option<f64>) -> Vec<usize> {
    let point = |trial: &Trial| Some((cost(trial)?, trial.outcome.accuracy));
    front_of(&trials.iter().map(point).collect::<Vec<_>>())
}

/// As [`front`], of costs with their accuracies.
pub fn front_of(points: &[Option<(f64, f64)>]) -> Vec<usize> {
    let mut order: Vec<(usize, f64, f64)> = (0..points.len())
        .filter_map(|index| points[index].map(|(cost, accuracy)| (index, cost, accuracy)))
        .collect();
    order.sort_by(|(a, x, worse), (b, y, better)| {
        x.total_cmp(y).then(better.total_cmp(worse)).then(a.cmp(b))
    });
    let mut best = f64::NEG_INFINITY;
    let mut kept = Vec::new();
    for (index, _, accuracy) in order {
        if accuracy > best {
            best = accuracy;
            kept.push(index);
        }
    }
    kept
}

/// Shares that differ by less are the same: a floor is written in percent, an accuracy counted in images.
const SAME: f64 = 1e-9;

/// Whether a trial is packed and reads at least `floor` of the held-out images.
pub fn holds(trial: &Trial, floor: f64) -> bool {
    trial.outcome.packed.is_some() && trial.outcome.accuracy >= floor - SAME
}

/// The trial with the fewest parameters that [`holds`] `floor`; of equals the more accurate.
pub fn smallest(trials: &[Trial], floor: f64) -> Option<usize> {
    (0..trials.len())
        .filter(|&index| holds(&trials[index], floor))
        .min_by(|&a, &b| {
            let (a, b) = (&trials[a], &trials[b]);
            let better = b.outcome.accuracy.total_cmp(&a.outcome.accuracy);
            a.member.parameters.cmp(&b.member.parameters).then(better)
        })
}
