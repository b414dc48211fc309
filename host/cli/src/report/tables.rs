//! The report as tables, for terminals and for the page.

use super::{LayerReport, Report};
use crate::output::{facts, percent, ratio};
use crate::page::Grid;
use thresh_regs::Table;

/// All tables, for people.
pub fn text(report: &Report) -> String {
    let grids = grids(report);
    let tables: Vec<String> = grids.iter().map(Grid::text).collect();
    format!("{}\n\n{}", facts(&summary(report)), tables.join("\n\n"))
}

/// All tables.
pub fn grids(report: &Report) -> Vec<Grid> {
    vec![layers(report), bits(report), errors(report)]
}

/// The network in a few lines.
pub fn summary(report: &Report) -> Vec<(&'static str, String)> {
    let float = 4 * report.sum(|layer| layer.parameters);
    let times = ratio(float as f64, report.bytes as f64);
    let mut size = format!(
        "{} bytes without provenance, {times:.1} times smaller than {float} bytes of float32",
        report.bytes
    );
    if let Some(paper) = report.paper {
        let [before, after] = paper.kilobytes;
        size += &format!(" (paper: {before} KB to {after} KB)");
    }
    let weights = report.sum(|layer| layer.weights);
    let kept = report.sum(LayerReport::kept);
    vec![
        ("network", report.network.clone()),
        ("packed for", report.config.into()),
        ("data", report.data.clone()),
        (
            "weights",
            format!(
                "{kept} of {weights} ({})",
                percent(ratio(kept as f64, weights as f64))
            ),
        ),
        ("size", size),
    ]
}

/// A figure, and that of the paper in brackets.
fn beside(own: String, paper: Option<String>) -> String {
    match paper {
        Some(paper) => format!("{own} ({paper})"),
        None => own,
    }
}

/// `bits / count` with two digits.
fn each(bits: f64, count: u64) -> String {
    format!("{:.2}", ratio(bits, count as f64))
}

fn layers(report: &Report) -> Grid {
    let row = |index: usize, layer: &LayerReport| {
        let paper = report.paper.map(|paper| &paper.layers[index]);
        let coding = &layer.coding;
        let [count, run, code] =
            [Table::Count, Table::Run, Table::Code].map(|table| coding.table(table));
        let entries = run.symbols;
        let bits = |value: f64| format!("{value:.1}");
        vec![
            layer.name.clone(),
            layer.weights.to_string(),
            beside(
                percent(ratio(layer.kept() as f64, layer.weights as f64)),
                paper.map(|p| format!("{} %", p.kept)),
            ),
            beside(
                code.width.to_string(),
                paper.map(|p| p.code_bits[0].to_string()),
            ),
            beside(
                each(code.bits as f64, entries),
                paper.map(|p| bits(p.code_bits[1])),
            ),
            beside(
                run.width.to_string(),
                paper.map(|p| p.run_bits[0].to_string()),
            ),
            beside(
                each(run.bits as f64, entries),
                paper.map(|p| bits(p.run_bits[1])),
            ),
            each(count.bits as f64, entries),
            coding.padding.to_string(),
            (4 * layer.parameters).to_string(),
            in_bytes(coding.bits()),
        ]
    };
    let mut rows: Vec<Vec<String>> = report
        .layers
        .iter()
        .enumerate()
        .map(|(index, layer)| row(index, layer))
        .collect();
    let of = |table: Table| {
        let bits = report.sum(|l| l.coding.table(table).bits);
        each(
            bits as f64,
            report.sum(|l| l.coding.table(Table::Run).symbols),
        )
    };
    let kept = report.sum(LayerReport::kept) as f64;
    rows.push(vec![
        "image".into(),
        report.sum(|l| l.weights).to_string(),
        percent(ratio(kept, report.sum(|l| l.weights) as f64)),
        String::new(),
        of(Table::Code),
        String::new(),
        of(Table::Run),
        of(Table::Count),
        report.sum(|l| l.coding.padding).to_string(),
        (4 * report.sum(|l| l.parameters)).to_string(),
        report.bytes.to_string(),
    ]);
    let mut note = "Bits are those of an entry: a kept weight or a padding zero. Before coding every code, and every run, of a \
                    layer has the width of the largest. A count says how many entries a column has; the paper has none."
        .to_string();
    if let Some(paper) = report.paper {
        note += &format!(
            " In brackets: Deep Compression (arXiv 1510.00149), table {}.",
            paper.table
        );
    }
    Grid {
        title: "Layers, as the tables of Deep Compression".into(),
        header: vec![
            "layer",
            "weights",
            "kept",
            "code bits",
            "coded",
            "run bits",
            "coded",
            "count, coded",
            "padding zeros",
            "float32 bytes",
            "bytes",
        ],
        rows,
        note,
    }
}

fn bits(report: &Report) -> Grid {
    let over = |bits: f64, bound: f64| match bound > 0.0 {
        true => format!("{:+.1} %", 100.0 * (bits / bound - 1.0)),
        false => String::new(),
    };
    let row = |name: String, layers: &[LayerReport], outside: u64| {
        let sum = |get: &dyn Fn(&LayerReport) -> f64| layers.iter().map(get).sum::<f64>();
        let kept: u64 = layers.iter().map(LayerReport::kept).sum();
        let positions = sum(&|l| l.coding.position_bits() as f64);
        let symbols = sum(&|l| {
            [Table::Count, Table::Run]
                .map(|table| l.coding.table(table).entropy_bits)
                .iter()
                .sum()
        });
        let codes = sum(&|l| l.coding.code_bits() as f64);
        let all = sum(&|l| l.coding.bits() as f64) + outside as f64;
        let bound = sum(&LayerReport::bound);
        vec![
            name,
            kept.to_string(),
            each(positions, kept),
            each(symbols, kept),
            each(sum(&LayerReport::position_bound), kept),
            match layers.iter().map(|l| l.column_bound).sum::<Option<f64>>() {
                Some(bits) => each(bits, kept),
                None => String::new(),
            },
            each(codes, kept),
            each(sum(&LayerReport::code_bound), kept),
            each(all - positions - codes, kept),
            each(all, kept),
            each(bound, kept),
            over(positions + codes, bound),
            over(all, bound),
        ]
    };
    let mut rows: Vec<Vec<String>> = report
        .layers
        .iter()
        .map(|layer| row(layer.name.clone(), std::slice::from_ref(layer), 0))
        .collect();
    rows.push(row("image".into(), &report.layers, report.outside_bits()));
    Grid {
        title: "Bits a kept weight, everything included, beside the entropy bound".into(),
        header: vec![
            "layer",
            "kept",
            "positions",
            "of symbols",
            "bound",
            "by column",
            "codes",
            "bound",
            "rest",
            "all",
            "bound",
            "streams over",
            "all over",
        ],
        rows,
        note: "Written: counts and runs with their tables (positions), codes with their table, the rest (codebook, biases, \
               descriptor; for the image its header too). Bounds: log2 of the ways to choose the kept weights among all of the \
               layer, and the zeroth-order entropy of their codes; no table, codebook or bias is in a bound. A layer whose \
               columns differ much in density can be below the bound of its positions; by column: the same bound for each column, \
               and the entropy of how many weights a column keeps. Of symbols: zeroth-order entropy of the counts and runs as written. Over: written against bound, for positions and codes, and for everything."
            .into(),
    }
}

fn errors(report: &Report) -> Grid {
    let last = report.errors.stages.len() - 1;
    let rows = report.errors.stages.iter().enumerate();
    let rows = rows.map(|(index, stage)| {
        let paper = report.paper.and_then(|paper| match index {
            _ if stage.name.starts_with("float") => Some(paper.error[0]),
            index if index == last => Some(paper.error[1]),
            _ => None,
        });
        vec![
            stage.name.clone(),
            beside(
                percent(1.0 - stage.accuracy),
                paper.map(|error| format!("{error:.2} %")),
            ),
            percent(stage.accuracy),
            stage.on.clone(),
        ]
    });
    Grid {
        title: "Errors".into(),
        header: vec!["stage", "error", "accuracy", "of"],
        rows: rows.collect(),
        note: match report.paper {
            Some(_) => "In brackets: Deep Compression, table 1.".into(),
            None => String::new(),
        },
    }
}

/// Bits in bytes.
fn in_bytes(bits: u64) -> String {
    format!("{:.1}", bits as f64 / 8.0)
}
