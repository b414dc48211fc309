//! What was imported, in words and as JSON.

use crate::accuracy::Accuracies;
use crate::output::{Output, Verdict, facts};
use anyhow::Result;
use serde_json::json;
use std::path::Path;
use thresh_model::Network;

/// Prints what was imported.
pub fn report(
    output: &Output,
    network: &Network,
    accuracies: Option<&Accuracies>,
    path: &Path,
) -> Result<Verdict> {
    let shape = network.input;
    let weights: usize = network.layers.iter().map(|layer| layer.weights.len()).sum();
    let nonzeros = network.nonzeros();
    let framed = if network.frame.is_empty() {
        ""
    } else {
        ", with a frame"
    };
    let mut lines = vec![
        ("network", network.name.clone()),
        (
            "input",
            format!(
                "{} x {} x {}{framed}",
                shape.channels, shape.height, shape.width
            ),
        ),
        ("layers", network.layers.len().to_string()),
        ("outputs", network.outputs().to_string()),
        ("weights", format!("{nonzeros} of {weights} are not zero")),
    ];
    lines.extend(accuracies.map(Accuracies::lines).unwrap_or_default());
    lines.push(("saved as", path.display().to_string()));
    let layers: Vec<_> = network
        .layers
        .iter()
        .map(|layer| {
            json!({
                "name": layer.name,
                "operator": layer.operator,
                "weights": layer.weights.len(),
                "nonzeros": layer.weights.nonzeros(),
            })
        })
        .collect();
    let value = json!({
        "network": network.name,
        "file": path.display().to_string(),
        "input": shape,
        "frame": network.frame,
        "head": network.head,
        "outputs": network.outputs(),
        "weights": weights,
        "nonzeros": nonzeros,
        "accuracy": accuracies.map(Accuracies::last),
        "accuracies": accuracies,
        "layers": layers,
        "provenance": network.provenance,
    });
    output.result(facts(&lines), &value)?;
    Ok(Verdict::Holds)
}
