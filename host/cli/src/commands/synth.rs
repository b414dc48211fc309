//! `thresh synth`.

use crate::bars;
use crate::output::{Output, Verdict};
use crate::target;
use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;
use std::io::{IsTerminal, stderr};
use std::path::PathBuf;
use thresh_fpga::{Board, FlowError, Options, Report, synthesise};
use thresh_regs::Config;

/// Synthesise, place and route the engine for a board, and report size and clock.
///
/// Runs the Yosys and nextpnr of `scripts/setup`. Ends with status 3 if no seed meets the board's
/// clock, or if the design is not what the project says of it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thresh synth --config icebreaker
  thresh synth --config ulx3s-25f --seeds 5 --out fpga/results")]
pub struct Synth {
    /// The board, and the engine that is built for it.
    #[arg(long, value_name = "NAME", value_parser = target::board_parser())]
    config: &'static Board,
    /// Number of seeds to place and route with.
    #[arg(long, default_value_t = 1)]
    seeds: u32,
    /// The first seed.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    first_seed: u32,
    /// Clock to demand, in MHz [default: that of the board].
    #[arg(long, value_name = "MHZ")]
    clock: Option<f64>,
    /// Make the bitstream of the fastest seed.
    #[arg(long)]
    bitstream: bool,
    /// Where the report goes, as CONFIG.json; without it, it is only printed.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Where sources, logs and results of the tools are kept [default: target/fpga/CONFIG].
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
}

impl Synth {
    pub fn run(self, output: &Output) -> Result<Verdict> {
        let board = self.config;
        let config = Config::named(board.name).with_context(|| {
            format!(
                "board {} has no engine configuration of its name",
                board.name
            )
        })?;
        let folder = self
            .work
            .unwrap_or_else(|| PathBuf::from("target/fpga").join(board.name));
        let options = Options {
            seeds: self.seeds,
            first_seed: self.first_seed,
            target_mhz: self.clock,
            pack: self.bitstream,
            ..Options::new(folder)
        };
        let verilog = thresh_hw::configuration(config).verilog;
        let bar = bars::bar("synth", 1);
        let result = synthesise(board, &verilog, &options, &mut |progress| {
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
            Err(FlowError::TimingMissed { board, report }) => (
                *report.clone(),
                Some(FlowError::TimingMissed { board, report }),
            ),
            Err(error) => return Err(error.into()),
        };
        let holds = print(&report, config, output)?;
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
fn print(report: &Report, config: &Config, output: &Output) -> Result<bool> {
    let claims = report.claims(config);
    let mut text = report.to_string();
    for claim in &claims {
        let mark = if claim.holds { "holds" } else { "FAILS" };
        text.push_str(&format!("\n{mark}: {} (got {})", claim.text, claim.got));
    }
    let claims_json: Vec<_> = claims
        .iter()
        .map(|c| json!({"text": c.text, "holds": c.holds, "got": c.got}))
        .collect();
    output.result(text, &json!({"report": report, "claims": claims_json}))?;
    Ok(claims.iter().all(|claim| claim.holds))
}
