//! Reports as text.

use std::fmt;

use comfy_table::{CellAlignment, Table, presets};

use crate::{Block, Home, Report, Resource, Usage};

/// One row a report, in Markdown. Fmax is the median over the seeds, with the slowest and the fastest.
pub fn table(reports: &[Report]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    let mut header = vec!["build".to_owned(), "device".to_owned()];
    header.extend(Resource::ALL.map(|resource| resource.name().to_owned()));
    header.extend(["target MHz", "Fmax MHz", "seeds"].map(str::to_owned));
    table.set_header(header);
    for report in reports {
        let mut row = vec![report.name.clone(), report.device.clone()];
        row.extend(Resource::ALL.map(|resource| share(report, resource)));
        row.push(format!("{}", report.target_mhz));
        row.push(match report.runs.len() {
            1 => format!("{:.1}", report.fmax_max()),
            _ => format!(
                "{:.1} ({:.1}-{:.1})",
                report.fmax_median(),
                report.fmax_min(),
                report.fmax_max()
            ),
        });
        row.push(report.runs.len().to_string());
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

fn share(report: &Report, resource: Resource) -> String {
    match report.usage.iter().find(|usage| usage.resource == resource) {
        Some(usage) if usage.available > 0 => {
            format!("{} ({} %)", usage.used, percent(usage))
        }
        _ => "-".into(),
    }
}

/// Rounded up, so that something used is never 0.
fn percent(usage: &Usage) -> u64 {
    (usage.used * 100).div_ceil(usage.available.max(1))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: engine {} on {}",
            self.name, self.config, self.device
        )?;
        for usage in &self.usage {
            let name = usage.resource.name();
            writeln!(
                f,
                "  {name:<12}{:>7} of {:>6} ({} %)",
                usage.used,
                usage.available,
                percent(usage)
            )?;
        }
        let (min, median, max) = (self.fmax_min(), self.fmax_median(), self.fmax_max());
        writeln!(
            f,
            "  Fmax        {median:.1} MHz median of {} ({min:.1} to {max:.1})",
            self.runs.len()
        )?;
        let verdict = if self.meets_timing() { "met" } else { "MISSED" };
        writeln!(
            f,
            "  target      {} MHz, {verdict} by the fastest seed",
            self.target_mhz
        )?;
        writeln!(f, "  slowest     {}", self.critical_path)?;
        for memory in self
            .memories
            .iter()
            .filter(|memory| matches!(memory.home, Home::FlipFlops | Home::Logic))
        {
            let home = if memory.home == Home::FlipFlops {
                "flip-flops"
            } else {
                "logic"
            };
            writeln!(
                f,
                "  {} of {} x {} bits is in {home}",
                memory.name, memory.words, memory.width
            )?;
        }
        if !self.blocks.is_empty() {
            write!(f, "{}", block_table(&self.blocks))?;
        }
        write!(
            f,
            "  with {}, {}",
            self.versions.yosys, self.versions.nextpnr
        )
    }
}

/// Blocks in Markdown: what all instances of a kind take together.
pub fn block_table(blocks: &[Block]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "block",
        "instances",
        "LUTs",
        "flip-flops",
        "block RAMs",
        "SPRAMs",
        "multipliers",
    ]);
    for b in blocks {
        let mut row = vec![b.path.clone()];
        row.extend(
            [
                b.instances,
                b.luts,
                b.flip_flops,
                b.block_rams,
                b.sprams,
                b.multipliers,
            ]
            .map(|n| n.to_string()),
        );
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{table}\n")
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    #[test]
    fn a_row_tells_all_seeds() {
        let text = table(&[sample()]);
        let row = text.lines().nth(2).unwrap();
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let expected = [
            "",
            "icebreaker",
            "iCE40UP5K-SG48",
            "2000 (38 %)",
            "-",
            "-",
            "4 (100 %)",
            "4 (50 %)",
            "16",
            "19.0 (15.0-21.0)",
            "4",
            "",
        ];
        assert_eq!(cells, expected);
    }

    #[test]
    fn a_missed_target_shows() {
        let mut report = sample();
        assert!(report.to_string().contains("met by the fastest seed"));
        report.target_mhz = 30.0;
        assert!(report.to_string().contains("MISSED"), "{report}");
    }
}
