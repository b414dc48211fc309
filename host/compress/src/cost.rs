//! What a network costs where every weight is multiplied at every position.

use thresh_model::network::{Layer, Network};

/// Multiplications of a layer for one input; 0 for one without weights. Those with zeros outside the map count too, as in the papers.
pub(crate) fn multiplications(layer: &Layer) -> f64 {
    let output = layer.operator.output();
    let weights = layer.operator.weights().unwrap_or(0);
    (weights * output.height * output.width) as f64
}

/// Multiplications of all layers.
pub(crate) fn of_network(network: &Network) -> f64 {
    network.layers.iter().map(multiplications).sum()
}
