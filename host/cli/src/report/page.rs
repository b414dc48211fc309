//! The report as one HTML page that needs no other file.

use super::Report;
use super::tables::{grids, summary};
use crate::page::document;
use crate::plot;
use anyhow::{Context, Result};

/// The page.
///
/// # Errors
///
/// If a picture cannot be drawn.
pub fn page(report: &Report) -> Result<String> {
    let title = format!("{} on {}", report.network, report.data);
    let figures = figures(report).context("cannot draw the pictures of the page")?;
    document(&title, &summary(report), &grids(report), &figures)
}

/// Titles, and the pictures below each.
fn figures(report: &Report) -> Result<Vec<(&'static str, Vec<String>)>> {
    let history = &report.history;
    let mut curves = Vec::new();
    if !history.stages.is_empty() {
        curves.push(plot::losses(history)?);
        curves.push(plot::errors(history)?);
    }
    let mut weights = Vec::new();
    let shared: Vec<_> = report
        .layers
        .iter()
        .filter(|l| !l.centroids.is_empty())
        .collect();
    for (index, layer) in shared.iter().enumerate() {
        let before = history
            .unshared
            .get(index)
            .filter(|_| history.unshared.len() == shared.len());
        if let Some(before) = before.filter(|before| !before.counts.is_empty()) {
            weights.push(plot::unshared(&layer.name, before, &layer.centroids)?);
        }
        weights.push(plot::shared(&layer.name, &layer.centroids)?);
    }
    let names: Vec<&str> = report
        .layers
        .iter()
        .map(|layer| layer.name.as_str())
        .collect();
    Ok(vec![
        ("Epochs", curves),
        (
            "Bytes by part",
            vec![plot::parts(&names, &report.accounts)?],
        ),
        ("Weights before and after sharing", weights),
    ])
}
