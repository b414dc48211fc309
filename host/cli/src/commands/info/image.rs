//! What is in a packed image.

use crate::output::{Output, facts, percent, ratio, table};
use anyhow::Result;
use serde_json::{Value, json};
use thresh_model::Image;
use thresh_model::image::{Account, Memory, Part, Size, words};
use thresh_regs::{CONFIGS, Config};

/// Prints where every byte of an image goes.
pub fn print(image: &Image, output: &Output) -> Result<()> {
    let accounts = image.account()?;
    let sizes = image.sizes()?;
    let bytes = image.to_bytes()?.len();
    let text = [
        summary(image, bytes, &sizes),
        layers_table(&sizes, bytes),
        parts_table(&accounts, sizes.len()),
        memories_table(image),
    ]
    .join("\n\n");
    output.result(text, &to_json(image, bytes, &accounts, &sizes))
}

/// The sum of a quantity over all layers.
fn sum(sizes: &[Size], get: impl Fn(&Size) -> u64) -> u64 {
    sizes.iter().map(get).sum()
}

fn summary(image: &Image, bytes: usize, sizes: &[Size]) -> String {
    let float = sum(sizes, Size::float_bytes);
    let shape = image.input;
    let fits: Vec<&str> = CONFIGS
        .iter()
        .filter(|config| image.check_target(config).is_ok())
        .map(|c| c.name)
        .collect();
    let input = match &image.input_map {
        Some(map) => format!(", of which {} are sent", map.len()),
        None => String::new(),
    };
    let mut lines = vec![
        ("network", image.name.clone()),
        (
            "for",
            format!(
                "{} PEs: {}",
                image.num_pes,
                if fits.is_empty() {
                    "no configuration".into()
                } else {
                    fits.join(", ")
                }
            ),
        ),
        (
            "input",
            format!(
                "{} x {} x {} values{input}",
                shape.width, shape.height, shape.channels
            ),
        ),
        ("outputs", image.outputs.to_string()),
        ("activations", format!("{} bits", image.act_bits)),
        (
            "size",
            format!(
                "{bytes} bytes, {:.1} times smaller than {float} bytes of float32",
                ratio(float as f64, bytes as f64)
            ),
        ),
        (
            "resident",
            format!("{} bytes on the chip", sum(sizes, |s| s.resident_bytes)),
        ),
        (
            "link",
            format!("{} bytes to load it", sum(sizes, |s| s.link_bytes)),
        ),
    ];
    lines.extend(
        image
            .provenance
            .iter()
            .map(|(key, value)| (key.as_str(), value.clone())),
    );
    facts(&lines)
}

fn layers_table(sizes: &[Size], bytes: usize) -> String {
    let header = [
        "layer",
        "parameters",
        "float32 bytes",
        "non-zeros",
        "stored",
        "copies",
        "repeated",
        "padding zeros",
        "file bytes",
        "bits/non-zero",
        "resident",
        "link",
    ];
    let row = |name: String, size: &Size, file_bits: u64| {
        let share = ratio(size.nonzeros as f64, size.parameters as f64);
        vec![
            name,
            size.parameters.to_string(),
            size.float_bytes().to_string(),
            size.nonzeros.to_string(),
            percent(share),
            size.copies.to_string(),
            size.repeated.to_string(),
            size.padding.to_string(),
            in_bytes(file_bits),
            format!("{:.2}", ratio(file_bits as f64, size.stored() as f64)),
            size.resident_bytes.to_string(),
            size.link_bytes.to_string(),
        ]
    };
    let total = Size {
        parameters: sum(sizes, |s| s.parameters),
        nonzeros: sum(sizes, |s| s.nonzeros),
        copies: sum(sizes, |s| s.copies),
        repeated: sum(sizes, |s| s.repeated),
        padding: sum(sizes, |s| s.padding),
        bits: 8 * bytes as u64,
        resident_bytes: sum(sizes, |s| s.resident_bytes),
        link_bytes: sum(sizes, |s| s.link_bytes),
    };
    let rows = sizes
        .iter()
        .enumerate()
        .map(|(i, size)| row((i + 1).to_string(), size, size.bits));
    table(
        &header,
        rows.chain([row("image".into(), &total, total.bits)]),
    )
    .to_string()
}

/// Bytes by part; a column for what belongs to the whole network, one for each layer, one for the sum.
pub fn parts_table(accounts: &[Account], layers: usize) -> String {
    let columns: Vec<Option<usize>> = std::iter::once(None).chain((0..layers).map(Some)).collect();
    let mut header = vec!["part".to_string(), "network".to_string()];
    header.extend((1..=layers).map(|layer| format!("layer {layer}")));
    header.extend(["bytes".to_string(), "share".to_string()]);
    let all: u64 = accounts.iter().map(|account| account.bits).sum();
    let row = |name: &str, wanted: &dyn Fn(Part) -> bool| {
        let bits = |column: Option<Option<usize>>| -> u64 {
            let counts =
                |a: &&Account| wanted(a.part) && column.is_none_or(|layer| a.layer == layer);
            accounts
                .iter()
                .filter(counts)
                .map(|account| account.bits)
                .sum()
        };
        let mut cells = vec![name.to_string()];
        cells.extend(columns.iter().map(|&column| match bits(Some(column)) {
            0 => String::new(),
            bits => in_bytes(bits),
        }));
        cells.extend([
            in_bytes(bits(None)),
            percent(ratio(bits(None) as f64, all as f64)),
        ]);
        cells
    };
    let mut parts: Vec<Part> = accounts.iter().map(|account| account.part).collect();
    parts.sort();
    parts.dedup();
    let mut rows: Vec<Vec<String>> = parts
        .into_iter()
        .map(|part| row(part.name(), &move |other| other == part))
        .collect();
    rows.push(row("total", &|_| true));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    table(&header, rows).to_string()
}

/// What the image takes of each memory, beside what the configurations for it have.
fn memories_table(image: &Image) -> String {
    let configs: Vec<&Config> = CONFIGS
        .iter()
        .filter(|c| c.num_pes == image.num_pes && c.act_bits == image.act_bits)
        .collect();
    let mut header = vec!["memory", "needed"];
    header.extend(configs.iter().map(|config| config.name));
    let needs = image.needs();
    let rows = Memory::ALL.map(|memory| {
        let mut row = vec![memory.name().to_string()];
        let store = configs
            .first()
            .map_or(thresh_regs::WeightStore::BlockRam, |config| config.store);
        row.push(needs.of(memory, store).to_string());
        row.extend(
            configs
                .iter()
                .map(|config| words(config, memory).to_string()),
        );
        row
    });
    table(&header, rows).to_string()
}

/// Bits in bytes, with the eighths that there are.
fn in_bytes(bits: u64) -> String {
    if bits.is_multiple_of(8) {
        (bits / 8).to_string()
    } else {
        format!("{:.3}", bits as f64 / 8.0)
    }
}

fn to_json(image: &Image, bytes: usize, accounts: &[Account], sizes: &[Size]) -> Value {
    let float = sum(sizes, Size::float_bytes);
    let layers: Vec<Value> = sizes
        .iter()
        .map(|size| {
            json!({
                "parameters": size.parameters,
                "float32_bytes": size.float_bytes(),
                "nonzeros": size.nonzeros,
                "copies": size.copies,
                "repeated": size.repeated,
                "padding": size.padding,
                "file_bits": size.bits,
                "resident_bytes": size.resident_bytes,
                "link_bytes": size.link_bytes,
            })
        })
        .collect();
    let parts: Vec<Value> = accounts
        .iter()
        .map(|a| json!({"part": a.part.name(), "layer": a.layer.map(|layer| layer + 1), "bits": a.bits}))
        .collect();
    json!({
        "kind": "image",
        "name": image.name,
        "num_pes": image.num_pes,
        "act_bits": image.act_bits,
        "configs": CONFIGS.iter().filter(|c| image.check_target(c).is_ok()).map(|c| c.name).collect::<Vec<_>>(),
        "input": [image.input.channels, image.input.height, image.input.width],
        "inputs_sent": image.input_map.as_ref().map_or(image.input.len(), Vec::len),
        "outputs": image.outputs,
        "bytes": bytes,
        "float32_bytes": float,
        "ratio": ratio(float as f64, bytes as f64),
        "parameters": sum(sizes, |s| s.parameters),
        "nonzeros": sum(sizes, |s| s.nonzeros),
        "copies": sum(sizes, |s| s.copies),
        "repeated": sum(sizes, |s| s.repeated),
        "padding": sum(sizes, |s| s.padding),
        "resident_bytes": sum(sizes, |s| s.resident_bytes),
        "link_bytes": sum(sizes, |s| s.link_bytes),
        "layers": layers,
        "parts": parts,
        "provenance": image.provenance,
    })
}
