//! What the packer made of a network: the passes in order, with what they take and cost.

use crate::output::table;
use anyhow::Result;
use serde_json::{Value, json};
use thresh_model::cycles::{PassCycles, predict};
use thresh_model::geometry::{Geometry, Kernel};
use thresh_model::image::{Memory, words};
use thresh_model::{Image, Pass, Reference};
use thresh_regs::Config;

/// Inputs that predicted cycles are the mean of.
const INPUTS: usize = 3;

/// The plan of an image as text and as JSON. `inputs` are samples, of which a few are counted.
pub fn plan(image: &Image, config: &Config, inputs: &[&[u8]]) -> Result<(String, Value)> {
    let reference = Reference::new(image)?;
    let mut runs: Vec<Vec<PassCycles>> = Vec::new();
    for input in inputs.iter().take(INPUTS) {
        runs.push(predict(config, &reference, input)?);
    }
    let cycles = |pass: usize| {
        let all = runs.iter().map(|run| run[pass].total());
        all.sum::<u64>() / runs.len().max(1) as u64
    };
    let mut rows = Vec::new();
    let mut values = Vec::new();
    let mut link = 0;
    for (i, pass) in image.passes.iter().enumerate() {
        let (run, place) = image.run_of(i);
        let transfers = &image.runs[run];
        let bytes = |list: &[thresh_model::Transfer]| -> usize {
            list.iter().map(|t| image.window(t).len()).sum()
        };
        let first = place == 0;
        let last = place + 1 == transfers.passes;
        let written = if first { bytes(&transfers.writes) } else { 0 };
        let read = if last { bytes(&transfers.reads) } else { 0 };
        link += written + read;
        let d = &pass.descriptor;
        let entries = pass.pes.iter().map(|pe| pe.entries).max().unwrap_or(0);
        let weights = match pass.reuse {
            0 => format!("{entries} entries"),
            back => format!("as pass {}", i - back),
        };
        let layer = image.layer_of(i) + 1;
        rows.push(vec![
            i.to_string(),
            run.to_string(),
            layer.to_string(),
            reads(pass),
            format!("{} x {}", pass.channels(), sums(pass)),
            if d.keep { "kept".into() } else { drained(pass) },
            weights,
            d.accs.to_string(),
            written.to_string(),
            read.to_string(),
            cycles(i).to_string(),
        ]);
        values.push(json!({
            "pass": i, "run": run, "layer": layer, "reuse": pass.reuse, "keep": d.keep,
            "columns": pass.columns(), "rows": d.rows, "accumulators": d.accs,
            "entries_of_fullest_pe": entries, "bytes_written": written, "bytes_read": read,
            "predicted_cycles": cycles(i),
        }));
    }
    let header = [
        "pass",
        "run",
        "layer",
        "reads",
        "sums",
        "drains",
        "weights of a PE",
        "accumulators",
        "bytes in",
        "bytes out",
        "cycles",
    ];
    let passes = table(&header, rows).to_string();
    let needs = image.needs();
    let memories = Memory::ALL.map(|memory| {
        let (need, have) = (needs.of(memory, config.store), words(config, memory));
        (memory, need, have)
    });
    let memory = memories
        .map(|(memory, need, have)| vec![memory.name().into(), need.to_string(), have.to_string()]);
    let memory = table(&["memory", "most in a run", "there are"], memory).to_string();
    let total: u64 = (0..image.passes.len()).map(cycles).sum();
    let resident = match image.is_resident() {
        true => "all weights stay loaded".into(),
        false => format!("{} runs, each loaded when it is due", image.runs.len()),
    };
    let text = format!(
        "{passes}\n\n{memory}\n\n{} passes; {resident}; {total} cycles predicted, mean of {} inputs; \
         {link} bytes of activations an inference",
        image.passes.len(),
        runs.len()
    );
    let value = json!({
        "passes": values, "runs": image.runs.len(), "resident": image.is_resident(),
        "predicted_cycles": total, "activation_bytes": link,
        "memories": memories.map(|(m, need, have)| json!({"memory": m.name(), "need": need, "have": have})),
    });
    Ok((text, value))
}

fn side([height, width]: [usize; 2]) -> String {
    format!("{height} x {width}")
}

fn reads(pass: &Pass) -> String {
    match &pass.geometry {
        None => format!("{} channels", pass.columns()),
        Some(g) => {
            let kernel = match g.kernel {
                Kernel::Slides { size, stride, .. } => {
                    format!("kernel {}, stride {}", side(size), side(stride))
                }
                Kernel::Whole { .. } => "whole".into(),
                Kernel::Shared => "one weight".into(),
            };
            format!("{} x {}, {kernel}", g.channels, side(g.input))
        }
    }
}

fn sums(pass: &Pass) -> String {
    side(pass.geometry.as_ref().map_or([1, 1], |g| g.output))
}

fn drained(pass: &Pass) -> String {
    let drained = pass.geometry.as_ref().map_or([1, 1], Geometry::drained);
    let pooled = pass.geometry.as_ref().is_some_and(|g| g.pool.is_some());
    format!("{}{}", side(drained), if pooled { ", pooled" } else { "" })
}
