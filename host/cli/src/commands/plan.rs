//! What the packer made of a network: its passes in order, or the sums of each layer's, with what they take
//! and cost.

use crate::bars;
use crate::output::table as table_of;
use anyhow::Result;
use serde_json::{Value, json};
use thresh_model::cycles::predict_each;
use thresh_model::geometry::{Geometry, Kernel};
use thresh_model::image::{Memory, words};
use thresh_model::pack::Packed;
use thresh_model::{Image, Pass, Reference, Transfer};
use thresh_regs::Config;

/// Inputs that predicted cycles are the mean of.
pub const INPUTS: usize = 3;

/// Passes from which on one input is counted, since that takes long, and layers are printed.
const MANY: usize = 200;

/// What one pass takes and costs.
struct Row {
    run: usize,
    layer: usize,
    /// Activations that are written before it and read behind it.
    written: usize,
    read: usize,
    /// Bytes that load it.
    loaded: u64,
    /// Entries of the fullest PE, and of all of them; those of a pass that reuses them are 0.
    fullest: usize,
    entries: usize,
    cycles: u64,
}

/// The plan of an image as text and as JSON. `inputs` are samples, of which a few are counted. Where
/// there are many passes they are printed only if `passes` is set; layers are always there.
pub fn plan(
    packed: &Packed,
    config: &Config,
    inputs: &[&[u8]],
    passes: bool,
) -> Result<(String, Value)> {
    let image = &packed.image;
    let many = image.passes.len() > MANY;
    let inputs = &inputs[..inputs.len().min(if many { 1 } else { INPUTS })];
    let rows = rows(image, &cycles(image, config, inputs)?);
    let layers = Layer::all(packed, &rows);
    let passes = passes || !many;
    let table = match passes {
        true => passes_table(image, &rows),
        false => layers_table(&layers),
    };
    let needs = image.needs();
    let memories = Memory::ALL.map(|memory| {
        let (need, have) = (needs.of(memory, config.store), words(config, memory));
        (memory, need, have)
    });
    let memory = memories
        .map(|(memory, need, have)| vec![memory.name().into(), need.to_string(), have.to_string()]);
    let memory = table_of(&["memory", "most in a run", "there are"], memory).to_string();
    let total: u64 = rows.iter().map(|row| row.cycles).sum();
    let link: usize = rows.iter().map(|row| row.written + row.read).sum();
    let loaded: u64 = rows.iter().map(|row| row.loaded).sum();
    let ahead = image.loaded_ahead(config);
    let resident = match image.is_resident() {
        true => format!("all weights stay loaded, by {loaded} bytes"),
        false => format!(
            "{} runs, each loaded when it is due, {ahead} of them while the one before runs, by {loaded} bytes \
             an inference",
            image.runs.len()
        ),
    };
    let plural = if inputs.len() == 1 { "" } else { "s" };
    let text = format!(
        "{table}\n\n{memory}\n\n{} passes; {resident}; {total} cycles predicted, mean of {} input{plural}; \
         {link} bytes of activations an inference",
        rows.len(),
        inputs.len()
    );
    let layers: Vec<Value> = layers.iter().map(Layer::json).collect();
    let mut value = json!({
        "layers": layers, "number_of_passes": rows.len(),
        "runs": image.runs.len(), "runs_loaded_ahead": ahead, "resident": image.is_resident(),
        "predicted_cycles": total, "inputs_counted": inputs.len(),
        "activation_bytes": link, "load_bytes": loaded,
        "memories": memories.map(|(m, need, have)| json!({"memory": m.name(), "need": need, "have": have})),
    });
    if passes {
        value["passes"] = passes_json(image, &rows);
    }
    Ok((text, value))
}

/// The cycles of every pass, mean of the inputs.
fn cycles(image: &Image, config: &Config, inputs: &[&[u8]]) -> Result<Vec<u64>> {
    let reference = Reference::new(image)?;
    let passes = image.passes.len();
    let mut cycles = vec![0; passes];
    let shown = bars::bar("predict", (passes * inputs.len()) as u64);
    for input in inputs {
        let run = predict_each(config, &reference, input, |_| shown.inc(1))?;
        let sums = cycles.iter_mut().zip(run);
        sums.for_each(|(sum, pass)| *sum += pass.total());
    }
    shown.finish_and_clear();
    let count = inputs.len().max(1) as u64;
    cycles.iter_mut().for_each(|cycles| *cycles /= count);
    Ok(cycles)
}

fn rows(image: &Image, cycles: &[u64]) -> Vec<Row> {
    let layers = image.pass_layers();
    let bytes = |list: &[Transfer]| -> usize { list.iter().map(|t| image.transfer_bytes(t)).sum() };
    let mut rows = Vec::new();
    for (run, (transfers, passes)) in image.runs_with_passes().enumerate() {
        for i in passes.clone() {
            let pass = &image.passes[i];
            let entries = || pass.pes.iter().map(|pe| pe.entries);
            let at = |edge: usize, list| if i == edge { bytes(list) } else { 0 };
            rows.push(Row {
                run,
                layer: layers[i],
                written: at(passes.start, &transfers.writes),
                read: at(passes.end - 1, &transfers.reads),
                loaded: pass.link_bytes(),
                fullest: entries().max().unwrap_or(0),
                entries: entries().sum(),
                cycles: cycles[i],
            });
        }
    }
    rows
}

/// All passes of a layer.
struct Layer<'a> {
    name: &'a str,
    parameters: u32,
    /// Weights that are stored, once.
    entries: usize,
    passes: usize,
    written: usize,
    read: usize,
    loaded: u64,
    cycles: u64,
}

impl<'a> Layer<'a> {
    fn all(packed: &'a Packed, rows: &[Row]) -> Vec<Layer<'a>> {
        let mut layers: Vec<Layer<'a>> = Vec::new();
        for (row, pass) in rows.iter().zip(&packed.image.passes) {
            if row.layer == layers.len() {
                layers.push(Layer {
                    name: packed.layers.get(row.layer).map_or("", String::as_str),
                    parameters: pass.parameters,
                    entries: 0,
                    passes: 0,
                    written: 0,
                    read: 0,
                    loaded: 0,
                    cycles: 0,
                });
            }
            let layer = &mut layers[row.layer];
            layer.entries += row.entries;
            layer.passes += 1;
            layer.written += row.written;
            layer.read += row.read;
            layer.loaded += row.loaded;
            layer.cycles += row.cycles;
        }
        layers
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name, "parameters": self.parameters, "passes": self.passes,
            "entries_loaded": self.entries, "bytes_written": self.written, "bytes_read": self.read,
            "load_bytes": self.loaded, "predicted_cycles": self.cycles,
        })
    }
}

fn layers_table(layers: &[Layer<'_>]) -> String {
    let header = [
        "layer",
        "passes",
        "entries loaded",
        "bytes to load",
        "bytes in",
        "bytes out",
        "cycles",
    ];
    let rows = layers.iter().map(|layer| {
        let numbers = [
            layer.passes as u64,
            layer.entries as u64,
            layer.loaded,
            layer.written as u64,
            layer.read as u64,
            layer.cycles,
        ];
        let numbers = numbers.iter().map(u64::to_string);
        std::iter::once(layer.name.to_string())
            .chain(numbers)
            .collect()
    });
    table_of(&header, rows).to_string()
}

fn passes_table(image: &Image, rows: &[Row]) -> String {
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
    let lines = rows.iter().zip(&image.passes).enumerate();
    let lines = lines.map(|(i, (row, pass))| {
        let d = &pass.descriptor;
        let weights = match pass.reuse {
            0 => format!("{} entries", row.fullest),
            back => format!("as pass {}", i - back),
        };
        vec![
            i.to_string(),
            row.run.to_string(),
            (row.layer + 1).to_string(),
            reads(pass),
            format!("{} x {}", pass.channels(), sums(pass)),
            if d.keep { "kept".into() } else { drained(pass) },
            weights,
            d.accs.to_string(),
            row.written.to_string(),
            row.read.to_string(),
            row.cycles.to_string(),
        ]
    });
    table_of(&header, lines).to_string()
}

fn passes_json(image: &Image, rows: &[Row]) -> Value {
    let values = rows.iter().zip(&image.passes).enumerate();
    let values = values.map(|(i, (row, pass))| {
        let d = &pass.descriptor;
        json!({
            "pass": i, "run": row.run, "layer": row.layer + 1, "reuse": pass.reuse, "keep": d.keep,
            "columns": pass.columns(), "rows": d.rows, "accumulators": d.accs,
            "entries_of_fullest_pe": row.fullest, "bytes_written": row.written, "bytes_read": row.read,
            "predicted_cycles": row.cycles,
        })
    });
    values.collect()
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
