//! The 3-d variant: windows `k x k` become `k x 1` and `1 x k` first.

use thresh_model::network::Network;

use crate::{
    chain, cost,
    tensor::{Form, Kernel, links},
};

use super::find;

/// Splits the windows of those of `layers` where that saves multiplications, each for the speed-up `speedup`. Gives the channels between.
pub(super) fn split(network: &mut Network, layers: &[usize], speedup: f64) -> Vec<Option<usize>> {
    let names: Vec<String> = layers
        .iter()
        .map(|&layer| network.layers[layer].name.clone())
        .collect();
    let each = names.iter().map(|name| {
        let at = find(network, name);
        let layer = &network.layers[at];
        let kernel = Kernel::of(&layer.operator, &layer.weights.to_dense())?;
        if kernel.sizes[2] == 1 || kernel.sizes[3] == 1 {
            return None;
        }
        let budget = cost::multiplications(layer) / speedup;
        let cost = |rank: usize| Form::ColumnRow.cost(rank, &layer.operator, kernel.sizes);
        let ranks = 1..=Form::ColumnRow.full_rank(kernel.sizes);
        let rank = ranks.rev().find(|&rank| cost(rank) <= budget)?;
        let pieces = Form::ColumnRow.pieces(&kernel, rank);
        let links = links(&pieces, &layer.operator);
        let bias = layer.bias.clone();
        chain::replace(network, at, links, bias);
        Some(rank)
    });
    each.collect()
}
