//! The 3-d variant: windows `k x k` become `k x 1` and `1 x k` first.

use thresh_model::network::Network;

use crate::{
    chain,
    tensor::{Form, Kernel, links},
};

use super::find;

/// Share of what a layer may multiply in the end that its columns `k x 1` take at most: the rest is for what the channels need.
const COLUMNS: f64 = 0.5;

/// Splits the windows of those of `layers` where that saves multiplications, each for the square root of `speedup`, and such that the rest
/// of it can be saved behind the columns. Gives the channels between.
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
        let whole = layer.multiplications();
        let fits = |rank: &usize| {
            let pieces = Form::ColumnRow.cost_by_piece(*rank, &layer.operator, kernel.sizes);
            let all: f64 = pieces.iter().sum();
            all <= whole / speedup.sqrt() && pieces[0] <= COLUMNS * whole / speedup
        };
        let ranks = 1..=Form::ColumnRow.full_rank(kernel.sizes);
        let rank = ranks.rev().find(fits)?;
        let pieces = Form::ColumnRow.pieces(&kernel, rank);
        let links = links(&pieces, &layer.operator);
        let bias = layer.bias.clone();
        chain::replace(network, at, links, bias);
        Some(rank)
    });
    each.collect()
}
