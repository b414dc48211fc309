//! `thresh boards`.

use super::synth;
use crate::bars;
use crate::files;
use crate::itself::{line, run};
use crate::output::{Output, Verdict, sentence, table};
use crate::overwrite::Paths;
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use thresh_fpga::{BOARDS, Build, Report, Resource, design_sha256};
use thresh_model::idx;
use thresh_regs::uart::BAUD;

/// Tell what each board holds and how fast networks run on it.
///
/// Reads the reports of `thresh synth --board NAME --out FOLDER`, packs each network for each board's engine, and counts cycles on the
/// Verilated engine. Rates are the board's clock over these cycles: computing alone, without the link. A network that does not
/// stay on the chip is marked, and its rate counts its loads.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thresh boards
  thresh boards lenet-300-100.safetensors lenet-5.safetensors -o fpga/results/README.md")]
pub struct Boards {
    /// Compressed networks.
    #[arg(value_name = "NETWORK.safetensors")]
    networks: Vec<PathBuf>,
    /// Where the reports are.
    #[arg(long, value_name = "FOLDER", default_value = "fpga/results")]
    results: PathBuf,
    /// Where the page goes; without it, to stdout.
    #[arg(short, long, value_name = "FILE.md")]
    output: Option<PathBuf>,
    /// Test images an engine reads, the first ones.
    #[arg(long, default_value_t = 100)]
    count: usize,
    /// The data set.
    #[arg(long, value_name = "NAME", default_value = "mnist")]
    data: String,
    /// Where packed networks are kept.
    #[arg(long, value_name = "FOLDER", default_value = ".work/boards")]
    work: PathBuf,
}

/// What a network takes on a board.
struct Speed {
    cycles: f64,
    /// Inferences a second at the clock that the board was routed for.
    rate: f64,
    resident: bool,
}

impl Paths for Boards {
    fn reads(&self) -> Vec<PathBuf> {
        let reports = BOARDS.iter().map(|build| report_path(&self.results, build));
        let mut paths: Vec<PathBuf> = reports.collect();
        paths.extend(self.networks.iter().cloned());
        paths.push(idx::data_folder().join(&self.data));
        paths
    }

    fn writes(&self) -> Vec<PathBuf> {
        Vec::from_iter(self.output.clone())
    }
}

impl Boards {
    pub fn run(self, output: &Output) -> Result<Verdict> {
        ensure!(self.count > 0, "got --count 0, expected 1 or more");
        std::fs::create_dir_all(&self.work).with_context(|| self.work.display().to_string())?;
        let names: Vec<String> = self.networks.iter().map(|path| name(path)).collect();
        let bar = bars::bar("boards", BOARDS.len() as u64);
        let mut rows = vec![];
        let mut values = vec![];
        for build in BOARDS {
            let report = report(&self.results, build)?;
            let earlier = match &report {
                Some(report) => is_earlier(build, report)?,
                None => false,
            };
            let speeds: Vec<Option<Speed>> = match &report {
                Some(report) => self
                    .networks
                    .iter()
                    .map(|n| self.speed(build, report, n, output))
                    .collect(),
                None => names.iter().map(|_| None).collect(),
            };
            values.push(json!({
                "board": build.name,
                "config": build.config,
                "report": report,
                "earlier_engine": earlier,
                "networks": names.iter().zip(&speeds).map(|(name, speed)| json!({
                    "network": name,
                    "cycles": speed.as_ref().map(|s| s.cycles),
                    "resident": speed.as_ref().map(|s| s.resident),
                    "inferences_per_second": speed.as_ref().map(|s| s.rate),
                })).collect::<Vec<_>>(),
            }));
            rows.push(cells(build, report.as_ref(), earlier, &speeds));
            bar.inc(1);
        }
        bar.finish_and_clear();
        let page = self.page(&names, rows);
        if let Some(path) = &self.output {
            files::write(path, page.as_bytes())?;
        }
        output.result(&page, &json!(values))?;
        Ok(Verdict::Holds)
    }

    /// None if the engine cannot run it; why is told on stderr.
    fn speed(
        &self,
        build: &Build,
        report: &Report,
        network: &Path,
        output: &Output,
    ) -> Option<Speed> {
        let image = self
            .work
            .join(format!("{}-{}.thresh", name(network), build.config));
        let (network, image) = (network.display().to_string(), image.display().to_string());
        let words =
            |words: &[&str]| -> Vec<String> { words.iter().map(|w| w.to_string()).collect() };
        let pack = words(&[
            "pack",
            "--data",
            &self.data,
            "--config",
            build.config,
            "--no-provenance",
            "--plan",
            &network,
            "-o",
            &image,
        ]);
        let count = self.count.to_string();
        let bench = words(&[
            "bench",
            "--data",
            &self.data,
            "--config",
            build.config,
            "--count",
            &count,
            &image,
        ]);
        let both = run(&pack).and_then(|plan| Ok((plan, run(&bench)?)));
        match both {
            Ok((plan, bench)) => {
                let resident = plan["resident"].as_bool().unwrap_or(false);
                let at = if resident {
                    "/cycles/mean"
                } else {
                    "/cycles_with_loads"
                };
                let cycles = bench.pointer(at).and_then(Value::as_f64)?;
                Some(Speed {
                    cycles,
                    rate: report.target_mhz * 1e6 / cycles,
                    resident,
                })
            }
            Err(error) => {
                output.note(format!("{network} on {}: {}", build.name, sentence(&error)));
                None
            }
        }
    }

    fn page(&self, names: &[String], rows: Vec<Vec<String>>) -> String {
        let mut header = vec![
            "board",
            "device",
            "engine",
            "LUTs",
            "flip-flops",
            "block RAMs",
            "multipliers",
            "clock MHz",
            "Fmax MHz",
            "seeds",
        ];
        header.extend(names.iter().map(String::as_str));
        let results = self.results.display().to_string();
        let commands: Vec<String> = BOARDS
            .iter()
            .map(|build| {
                let words = [
                    "synth", "--board", build.name, "--seeds", "3", "--out", &results,
                ];
                line(&words.map(String::from))
            })
            .collect();
        format!(
            "# Boards\n\nThis page is the output of `thresh boards`, from the reports beside it.\n\n{}\n\n\
             PLL, engine and serial bridge, from the oscillator's pin on; Fmax is the median over the seeds, with the slowest and the fastest. \
             A network's column has cycles an inference, mean of the first {} test images on the Verilated engine, and inferences a second at the \
             board's clock, computing alone. `earlier engine`: the gateware has changed since. `streamed`: it does not stay on the chip, and the cycles are those with its loads. `-`: the engine \
             does not run it.\n\n```\n{}\n```\n",
            table(&header, rows.into_iter()),
            self.count,
            commands.join("\n"),
        )
    }
}

/// Where the report of `build` is in the folder `results`.
pub fn report_path(results: &Path, build: &Build) -> PathBuf {
    results.join(format!("{}.json", build.title()))
}

/// The report of `build` in the folder `results`, if it is there.
pub fn report(results: &Path, build: &Build) -> Result<Option<Report>> {
    let path = report_path(results, build);
    match path.exists() {
        true => Ok(Some(Report::load(&path)?)),
        false => Ok(None),
    }
}

/// Whether the engine is another one now than that of `report`.
pub fn is_earlier(build: &Build, report: &Report) -> Result<bool> {
    let now = synth::verilog(build, Some(report.target_mhz), BAUD)?;
    Ok(design_sha256(&now) != report.design_sha256)
}

/// The stem of a network's file.
fn name(path: &Path) -> String {
    path.file_stem().map_or_else(
        || "network".into(),
        |stem| stem.to_string_lossy().into_owned(),
    )
}

fn cells(
    build: &Build,
    report: Option<&Report>,
    earlier: bool,
    speeds: &[Option<Speed>],
) -> Vec<String> {
    let config = build.config.to_owned();
    let mut row = vec![build.name.to_owned(), build.device.name.to_owned(), config];
    let used = |resource| match report {
        Some(report) if build.device.capacity(resource) > 0 => {
            format!(
                "{} of {}",
                report.used(resource),
                build.device.capacity(resource)
            )
        }
        _ => "-".into(),
    };
    row.extend(
        [
            Resource::Lut,
            Resource::FlipFlop,
            Resource::BlockRam,
            Resource::Multiplier,
        ]
        .map(used),
    );
    match report {
        Some(report) => row.extend([
            report.target_mhz.to_string(),
            format!(
                "{:.1} ({:.1} to {:.1})",
                report.fmax_median(),
                report.fmax_min(),
                report.fmax_max()
            ),
            match earlier {
                true => format!("{}, earlier engine", report.runs.len()),
                false => report.runs.len().to_string(),
            },
        ]),
        None => row.extend(["-", "not routed", "0"].map(String::from)),
    }
    row.extend(speeds.iter().map(|speed| match speed {
        Some(speed) => format!(
            "{:.0} cycles, {:.0}/s{}",
            speed.cycles,
            speed.rate,
            if speed.resident { "" } else { ", streamed" }
        ),
        None => "-".into(),
    }));
    row
}
