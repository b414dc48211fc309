//! How many filters each layer keeps.

use thresh_model::network::{Layer, Network};

use crate::net;

/// A layer that may be split.
pub(super) struct Part {
    /// Its name.
    name: String,
    /// Outputs.
    outputs: usize,
    /// What it costs as it is.
    pub whole: f64,
    /// What each filter that is kept costs, were it never one of several that PEs work on at once.
    filter: f64,
    /// What the 1x1 layer costs for each filter that is kept.
    mixing: f64,
    /// PEs of the engine.
    pes: usize,
    /// Energies of the principal components of the responses, falling.
    energies: Vec<f64>,
}

/// What becomes of a layer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Choice {
    name: String,
    outputs: usize,
    /// Filters that it keeps; `None`: it stays whole.
    pub rank: Option<usize>,
}

impl Choice {
    /// As `name:kept/outputs`, with `before` in front of the numbers.
    pub fn show(&self, before: &str) -> String {
        let kept = self.rank.unwrap_or(self.outputs);
        format!("{}:{before}{kept}/{}", self.name, self.outputs)
    }
}

/// What a layer costs on `pes` PEs: its multiplications, with as many output channels as PEs are busy or wait for. On one PE those are
/// its own.
fn cost(layer: &Layer, pes: usize) -> f64 {
    let outputs = layer.operator.output().channels;
    layer.multiplications() / outputs as f64 * outputs.next_multiple_of(pes) as f64
}

/// What a network costs on `pes` PEs.
pub(super) fn cost_of_network(network: &Network, pes: usize) -> f64 {
    network.layers.iter().map(|layer| cost(layer, pes)).sum()
}

impl Part {
    /// `energies` are those of the principal components of the responses of `layer`, falling.
    pub fn new(layer: &Layer, energies: Vec<f64>, pes: usize) -> Self {
        let output = layer.operator.output();
        let places = output.height * output.width;
        let (inputs, outputs) = net::matrix_sizes(&layer.operator).expect("it has weights");
        Self {
            name: layer.name.clone(),
            outputs,
            whole: cost(layer, pes),
            filter: (inputs * places) as f64,
            mixing: (outputs.next_multiple_of(pes) * places) as f64,
            pes,
            energies,
        }
    }

    /// What the two layers cost that keep `rank` filters.
    fn split(&self, rank: usize) -> f64 {
        self.filter * rank.next_multiple_of(self.pes) as f64 + self.mixing * rank as f64
    }

    /// What is left of the layer with `rank` filters costs, or the layer as it is where that is less.
    pub fn cost(&self, rank: usize) -> f64 {
        self.split(rank).min(self.whole)
    }

    /// The layer with `rank` filters; whole where these save nothing.
    pub fn keep(&self, rank: usize) -> Choice {
        let saves = rank < self.outputs && self.split(rank) < self.whole;
        Choice {
            name: self.name.clone(),
            outputs: self.outputs,
            rank: saves.then_some(rank),
        }
    }

    /// Share of the energy, for each multiplication, of the filters from `fewer` on among `more`.
    fn value(&self, fewer: usize, more: usize) -> f64 {
        let held: f64 = self.energies[..more].iter().sum();
        let theirs: f64 = self.energies[fewer..more].iter().sum();
        theirs.max(0.0) / held.max(f64::MIN_POSITIVE) / (self.split(more) - self.split(fewer))
    }

    /// Fewer filters than `rank`: without the last one, and without all that share its turn on the PEs.
    fn fewer(&self, rank: usize) -> impl Iterator<Item = usize> {
        let turn = (rank - 1) / self.pes * self.pes;
        [rank - 1, turn].into_iter().filter(|&rank| rank > 0)
    }

    /// More filters than `rank`: one, and all that the PEs have room for in its turn.
    fn more(&self, rank: usize) -> impl Iterator<Item = usize> {
        let outputs = self.outputs;
        let turn = (rank + 1).next_multiple_of(self.pes);
        [rank + 1, turn]
            .into_iter()
            .filter(move |&rank| rank <= outputs)
    }
}

/// A layer and other filters for it.
type Step = (usize, usize);

/// The filters of each layer such that all together cost at most `budget`: from the layer where it loses the least share of
/// the energy for each multiplication saved, filters are removed, step by step; then those come back for which there is room
/// after all, the most valuable first. `None` if one filter each is too much.
pub(super) fn select(parts: &[Part], budget: f64) -> Option<Vec<Choice>> {
    let mut ranks: Vec<usize> = parts.iter().map(|part| part.outputs).collect();
    let total = |ranks: &[usize]| -> f64 {
        let costs = parts.iter().zip(ranks);
        costs.map(|(part, &rank)| part.cost(rank)).sum()
    };
    while total(&ranks) > budget {
        let value = |&(index, rank): &Step| parts[index].value(rank, ranks[index]);
        let (index, rank) = (0..parts.len())
            .flat_map(|index| {
                parts[index]
                    .fewer(ranks[index])
                    .map(move |rank| (index, rank))
            })
            .min_by(|a, b| value(a).total_cmp(&value(b)))?;
        ranks[index] = rank;
    }
    let room = |ranks: &[usize], &(index, rank): &Step| {
        let part = &parts[index];
        total(ranks) - part.cost(ranks[index]) + part.cost(rank) <= budget
    };
    while let Some((index, rank)) = (0..parts.len())
        .flat_map(|index| {
            parts[index]
                .more(ranks[index])
                .map(move |rank| (index, rank))
        })
        .filter(|step| room(&ranks, step))
        .max_by(|a, b| {
            let value = |&(index, rank): &Step| parts[index].value(ranks[index], rank);
            value(a).total_cmp(&value(b))
        })
    {
        ranks[index] = rank;
    }
    let kept = parts.iter().zip(ranks);
    Some(kept.map(|(part, rank)| part.keep(rank)).collect())
}

/// The filters of each layer such that each takes the same share of its cost, and all together at most `budget`. `None` if
/// one filter each is too much.
pub(super) fn uniform(parts: &[Part], budget: f64) -> Option<Vec<Choice>> {
    let whole: f64 = parts.iter().map(|part| part.whole).sum();
    let share = budget / whole;
    if share >= 1.0 {
        return Some(parts.iter().map(|part| part.keep(part.outputs)).collect());
    }
    let ranks = parts.iter().map(|part| {
        let mut ranks = (1..=part.outputs).rev();
        ranks
            .find(|&rank| part.split(rank) <= part.whole * share)
            .unwrap_or(1)
    });
    let ranks: Vec<usize> = ranks.collect();
    let total: f64 = parts
        .iter()
        .zip(&ranks)
        .map(|(part, &rank)| part.cost(rank))
        .sum();
    (total <= budget).then(|| {
        parts
            .iter()
            .zip(ranks)
            .map(|(part, rank)| part.keep(rank))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, whole: f64, each: f64, energies: &[f64]) -> Part {
        Part {
            name: name.into(),
            outputs: energies.len(),
            whole,
            filter: each / 2.0,
            mixing: each / 2.0,
            pes: 1,
            energies: energies.to_vec(),
        }
    }

    #[test]
    fn the_layer_whose_energy_is_concentrated_gives_way() {
        let parts = [
            part("flat", 100.0, 30.0, &[1.0, 1.0, 1.0, 1.0]),
            part("steep", 100.0, 30.0, &[1.0, 0.1, 0.01, 0.001]),
        ];
        let chosen = select(&parts, 130.0).unwrap();
        assert_eq!(chosen[0].rank, None);
        assert_eq!(chosen[1].rank, Some(1));
        let even = uniform(&parts, 130.0).unwrap();
        assert_eq!([even[0].rank, even[1].rank], [Some(2), Some(2)]);
        assert_eq!(even[0].show(""), "flat:2/4");
    }

    #[test]
    fn room_that_a_large_filter_left_is_used() {
        let parts = [
            part("large", 100.0, 50.0, &[1.0, 0.0, 0.0]),
            part("small", 100.0, 10.0, &[1.0, 0.5, 0.5, 0.5, 0.4, 0.3]),
        ];
        let chosen = select(&parts, 100.0).unwrap();
        assert_eq!([chosen[0].rank, chosen[1].rank], [Some(1), Some(5)]);
    }

    #[test]
    fn a_budget_that_cannot_be_kept_is_told() {
        let parts = [part("a", 100.0, 30.0, &[1.0, 1.0])];
        assert_eq!(select(&parts, 29.0), None);
        assert_eq!(uniform(&parts, 29.0), None);
        assert_eq!(select(&parts, 100.0).unwrap()[0].rank, None);
    }

    #[test]
    fn filters_that_idle_pes_would_work_on_cost_nothing_more() {
        let energies = |fall: f64| -> Vec<f64> { (0..12).map(|i| fall.powi(i)).collect() };
        let on = |pes: usize| {
            let layer = |name: &str, fall: f64| Part {
                pes,
                ..part(name, 12.0 * 8.0, 8.0, &energies(fall))
            };
            [layer("flat", 0.9), layer("steep", 0.6)]
        };
        // One filter after the other on one PE; on four, of the flat layer all that a turn has room for.
        let alone = select(&on(1), 96.0).unwrap();
        let ranks: Vec<_> = alone.iter().map(|choice| choice.rank.unwrap()).collect();
        assert_eq!(ranks.iter().sum::<usize>(), 12, "{ranks:?}");
        let four = on(4);
        let chosen = select(&four, 96.0).unwrap();
        let ranks: Vec<_> = chosen.iter().map(|choice| choice.rank.unwrap()).collect();
        assert_eq!(ranks, [8, 4]);
        let costs = four.iter().zip(&ranks).map(|(part, &rank)| part.cost(rank));
        assert!(costs.sum::<f64>() <= 96.0);
        // The fifth filter takes a turn of its own, as the eighth does.
        assert_eq!(four[0].split(8) - four[0].split(5), 3.0 * 4.0);
        assert_eq!(four[0].split(5) - four[0].split(4), 4.0 * 4.0 + 4.0);
    }
}
