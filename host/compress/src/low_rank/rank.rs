//! How many filters each layer keeps.

use thresh_model::network::Layer;

use crate::{cost, net};

/// A layer that may be split.
pub(super) struct Part {
    /// Its name.
    name: String,
    /// Outputs.
    outputs: usize,
    /// Multiplications as it is.
    pub whole: f64,
    /// Multiplications for each filter that is kept, of itself and of the 1x1 layer behind it.
    each: f64,
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

impl Part {
    /// `energies` are those of the principal components of the responses of `layer`, falling.
    pub fn new(layer: &Layer, energies: Vec<f64>) -> Self {
        let output = layer.operator.output();
        let (inputs, outputs) = net::matrix_sizes(&layer.operator).expect("it has weights");
        Self {
            name: layer.name.clone(),
            outputs,
            whole: cost::multiplications(layer),
            each: ((inputs + outputs) * output.height * output.width) as f64,
            energies,
        }
    }

    /// Multiplications with `rank` filters, where that is less than the layer as it is.
    pub fn cost(&self, rank: usize) -> f64 {
        (self.each * rank as f64).min(self.whole)
    }

    /// The layer with `rank` filters; whole where these save nothing.
    pub fn keep(&self, rank: usize) -> Choice {
        let saves = rank < self.outputs && self.each * (rank as f64) < self.whole;
        Choice {
            name: self.name.clone(),
            outputs: self.outputs,
            rank: saves.then_some(rank),
        }
    }
}

/// The filters of each layer such that the multiplications together are at most `budget`: from the layer where it costs the least share of
/// the energy for each multiplication saved, one filter after the other is removed; then those come back for which there is room
/// after all, the most valuable first. `None` if one filter each is too much.
pub(super) fn select(parts: &[Part], budget: f64) -> Option<Vec<Choice>> {
    let mut ranks: Vec<usize> = parts.iter().map(|part| part.outputs).collect();
    let total = |ranks: &[usize]| -> f64 {
        let costs = parts.iter().zip(ranks);
        costs.map(|(part, &rank)| part.cost(rank)).sum()
    };
    // Share of the energy, for each multiplication, of the filter that comes or goes beside `rank` others.
    let value = |index: usize, rank: usize| {
        let part = &parts[index];
        let held: f64 = part.energies[..=rank].iter().sum();
        part.energies[rank].max(0.0) / held.max(f64::MIN_POSITIVE) / part.each
    };
    while total(&ranks) > budget {
        let cheapest = (0..parts.len())
            .filter(|&index| ranks[index] > 1)
            .min_by(|&a, &b| value(a, ranks[a] - 1).total_cmp(&value(b, ranks[b] - 1)))?;
        ranks[cheapest] -= 1;
    }
    let room = |ranks: &[usize], index: usize| {
        let part = &parts[index];
        ranks[index] < part.outputs
            && total(ranks) - part.cost(ranks[index]) + part.cost(ranks[index] + 1) <= budget
    };
    while let Some(best) = (0..parts.len())
        .filter(|&index| room(&ranks, index))
        .max_by(|&a, &b| value(a, ranks[a]).total_cmp(&value(b, ranks[b])))
    {
        ranks[best] += 1;
    }
    let kept = parts.iter().zip(ranks);
    Some(kept.map(|(part, rank)| part.keep(rank)).collect())
}

/// The filters of each layer such that each takes the same share of its multiplications, and all together at most `budget`. `None` if
/// one filter each is too much.
pub(super) fn uniform(parts: &[Part], budget: f64) -> Option<Vec<Choice>> {
    let whole: f64 = parts.iter().map(|part| part.whole).sum();
    let share = budget / whole;
    if share >= 1.0 {
        return Some(parts.iter().map(|part| part.keep(part.outputs)).collect());
    }
    let ranks = parts
        .iter()
        .map(|part| (part.whole * share / part.each) as usize);
    let ranks: Vec<usize> = ranks.map(|rank| rank.max(1)).collect();
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
            each,
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
}
