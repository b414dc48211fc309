//! `thresh synth`.

use crate::bars;
use crate::output::{Output, Verdict};
use crate::overwrite::Paths;
use crate::target;
use anyhow::{Context, Result, anyhow, ensure};
use clap::{ArgGroup, Args};
use serde_json::json;
use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use thresh_fpga::{Build, FlowError, Options, Report, Top, synthesise};
use thresh_regs::Config;
use thresh_regs::uart::BAUD;

/// Synthesise, place and route: a board's bitstream, or the engine alone, for its size and clock.
///
/// Runs the Yosys and nextpnr of `scripts/setup`. Ends with status 3 if no seed meets the clock, or if the design is not what the
/// project says of it. The bitstream of a board is that of the fastest seed; `thresh flash` loads it.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("build").args(["board", "config"]).required(true))]
#[command(after_help = "\
Examples:
  thresh synth --board icebreaker
  thresh synth --board ulx3s-85f --seeds 3 --out fpga/results
  thresh synth --config ulx3s-25f --seeds 5 --out fpga/results")]
pub struct Synth {
    /// Build the bitstream of this board: PLL, serial bridge, engine.
    #[arg(long, value_name = "NAME", value_parser = target::board_parser())]
    board: Option<&'static Build>,
    /// Measure the engine of this configuration between registers.
    #[arg(long, value_name = "NAME", value_parser = target::measured_parser())]
    config: Option<&'static Build>,
    /// Number of seeds to place and route with.
    #[arg(long, default_value_t = 1)]
    seeds: u32,
    /// The first seed.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    first_seed: u32,
    /// Clock to demand, in MHz; a board's engine then runs at it [default: that of the build].
    #[arg(long, value_name = "MHZ")]
    clock: Option<f64>,
    /// Rate of a board's serial line, in bits a second.
    #[arg(long, conflicts_with = "config", default_value_t = BAUD)]
    baud: u32,
    /// Where the report goes, as CONFIG.json or board-BOARD.json; without it, it is only printed.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Where sources, logs, results of the tools and the bitstream are kept [default: target/fpga/CONFIG or target/fpga/board-BOARD].
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
}

/// Where the flow of `build` keeps its files unless told.
pub fn work_folder(build: &Build) -> PathBuf {
    Path::new("target/fpga").join(build.title())
}

fn config(build: &Build) -> Result<&'static Config> {
    Config::named(build.config)
        .with_context(|| format!("there is no configuration {}", build.config))
}

/// What `build` is made of, for a clock of `mhz` or its own and a line of `baud`.
pub fn verilog(build: &Build, mhz: Option<f64>, baud: u32) -> Result<String> {
    let config = config(build)?;
    let module = match build.top {
        Top::Measure => thresh_hw::configuration(config),
        Top::Board(_) => {
            let hz = mhz.unwrap_or(build.target_mhz) * 1e6;
            ensure!(
                (1.0..=f64::from(u32::MAX)).contains(&hz),
                "got --clock {}, expected MHz, up to 4000",
                hz / 1e6
            );
            thresh_hw::uart::uart_engine(config, hz.round() as u32, baud)
                .map_err(|error| anyhow!("--baud: {error}"))?
        }
    };
    Ok(module.verilog)
}

impl Paths for Synth {
    fn reads(&self) -> Vec<PathBuf> {
        vec![]
    }

    fn writes(&self) -> Vec<PathBuf> {
        let build = self.board.or(self.config);
        let report = |folder: &PathBuf| Some(folder.join(format!("{}.json", build?.title())));
        Vec::from_iter(self.out.as_ref().and_then(report))
    }
}

impl Synth {
    pub fn run(self, output: &Output) -> Result<Verdict> {
        let build = self
            .board
            .or(self.config)
            .context("neither a board nor a configuration was given")?;
        let verilog = verilog(build, self.clock, self.baud)?;
        let folder = self.work.unwrap_or_else(|| work_folder(build));
        let options = Options {
            seeds: self.seeds,
            first_seed: self.first_seed,
            target_mhz: self.clock,
            pack: matches!(build.top, Top::Board(_)),
            ..Options::new(&folder)
        };
        let bar = bars::bar("synth", 1);
        let result = synthesise(build, &verilog, &options, &mut |progress| {
            bar.set_length(progress.total.into());
            bar.set_position(progress.done.into());
            bar.set_message(progress.doing.clone());
            if !stderr().is_terminal() {
                output.note(format!(
                    "{}/{} {}",
                    progress.done + 1,
                    progress.total,
                    progress.doing
                ));
            }
        });
        bar.finish_and_clear();
        let (report, missed) = match result {
            Ok(report) => (report, None),
            Err(FlowError::TimingMissed { build, report }) => (
                *report.clone(),
                Some(FlowError::TimingMissed { build, report }),
            ),
            Err(error) => return Err(error.into()),
        };
        let bitstream = report
            .bitstream_bytes
            .map(|_| folder.join(thresh_fpga::BITSTREAM));
        let holds = print(&report, config(build)?, bitstream.as_deref(), output)?;
        // A design that is too slow leaves no result that could be taken for a good one.
        match (&self.out, &missed) {
            (Some(folder), None) => {
                output.note(format!("report: {}", report.save(folder)?.display()))
            }
            (_, Some(error)) => output.note(format!("thresh: {error}")),
            (None, None) => {}
        }
        Ok(Verdict::of(holds && missed.is_none()))
    }
}

/// Prints a report with its claims; gives whether all of them hold.
fn print(
    report: &Report,
    config: &Config,
    bitstream: Option<&Path>,
    output: &Output,
) -> Result<bool> {
    let claims = report.claims(config);
    let mut text = report.to_string();
    for claim in &claims {
        let mark = if claim.holds { "holds" } else { "FAILS" };
        text.push_str(&format!("\n{mark}: {} (got {})", claim.text, claim.got));
    }
    if let Some(bitstream) = bitstream {
        text.push_str(&format!("\nbitstream: {}", bitstream.display()));
    }
    let claims_json: Vec<_> = claims
        .iter()
        .map(|c| json!({"text": c.text, "holds": c.holds, "got": c.got}))
        .collect();
    output.result(
        text,
        &json!({"report": report, "claims": claims_json, "bitstream": bitstream}),
    )?;
    Ok(claims.iter().all(|claim| claim.holds))
}
