//! The report for programs.

use super::{LayerReport, Report};
use crate::output::ratio;
use serde_json::{Value, json};
use thresh_regs::Table;

/// Everything that the tables and pictures show.
pub fn json(report: &Report) -> Value {
    let kept = report.sum(LayerReport::kept);
    let bits = 8 * report.bytes as u64;
    let bound: f64 = report.layers.iter().map(LayerReport::bound).sum();
    let layers = report.layers.iter().enumerate();
    let layers: Vec<Value> = layers.map(|(i, layer)| json_of(report, i, layer)).collect();
    let parts = report.accounts.iter().map(|account| {
        let layer = account
            .layer
            .map(|layer| report.layers[layer].name.as_str());
        json!({"part": account.part.name(), "layer": layer, "bits": account.bits})
    });
    let errors = report.errors.stages.iter().map(
        |stage| json!({"stage": stage.name, "accuracy": stage.accuracy, "error": 1.0 - stage.accuracy, "of": stage.on}),
    );
    json!({
        "network": report.network,
        "config": report.config,
        "data": report.data,
        "weights": report.sum(|layer| layer.weights),
        "kept": kept,
        "bytes": report.bytes,
        "float32_bytes": 4 * report.sum(|layer| layer.parameters),
        "bits_per_kept_weight": ratio(bits as f64, kept as f64),
        "bound_bits_per_kept_weight": ratio(bound, kept as f64),
        "bits_outside_layers": report.outside_bits(),
        "layers": layers,
        "parts": parts.collect::<Vec<_>>(),
        "errors": errors.collect::<Vec<_>>(),
        "paper": report.paper.map(|paper| json!({
            "source": format!("arXiv 1510.00149, tables 1 and {}", paper.table),
            "error": paper.error.map(|percent| percent / 100.0),
            "kilobytes": paper.kilobytes,
        })),
        "history": report.history.stages,
    })
}

fn json_of(report: &Report, index: usize, layer: &LayerReport) -> Value {
    let coding = &layer.coding;
    let kept = layer.kept();
    let table = |table: Table| {
        let coded = coding.table(table);
        json!({
            "symbols": coded.symbols,
            "width": coded.width,
            "bits": coded.bits,
            "bits_per_symbol": ratio(coded.bits as f64, coded.symbols as f64),
            "entropy_bits": coded.entropy_bits,
            "table_bits": coded.table_bits,
        })
    };
    let streams = coding.position_bits() + coding.code_bits();
    let over = |bits: u64| (layer.bound() > 0.0).then(|| bits as f64 / layer.bound() - 1.0);
    let paper = report.paper.map(|paper| {
        let row = &paper.layers[index];
        json!({
            "layer": row.name, "kept": row.kept / 100.0, "code_bits": row.code_bits, "run_bits": row.run_bits,
        })
    });
    json!({
        "name": layer.name,
        "weights": layer.weights,
        "kept": kept,
        "share": ratio(kept as f64, layer.weights as f64),
        "padding": coding.padding,
        "codes": table(Table::Code),
        "runs": table(Table::Run),
        "counts": table(Table::Count),
        "codebook_bits": coding.codebook_bits,
        "bias_bits": coding.bias_bits,
        "descriptor_bits": coding.descriptor_bits,
        "bits": coding.bits(),
        "position_bits": coding.position_bits(),
        "code_bits": coding.code_bits(),
        "position_bound_bits": layer.position_bound(),
        "position_bits_by_column": layer.column_bound,
        "code_bound_bits": layer.code_bound(),
        "bits_per_kept_weight": ratio(coding.bits() as f64, kept as f64),
        "bound_bits_per_kept_weight": ratio(layer.bound(), kept as f64),
        "streams_over_bound": over(streams),
        "over_bound": over(coding.bits()),
        "paper": paper,
    })
}
