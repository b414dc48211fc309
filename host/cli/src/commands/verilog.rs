//! `thresh verilog`.

use crate::output::{Output, Verdict, facts};
use crate::overwrite::Paths;
use crate::{files, target};
use anyhow::{Result, anyhow, ensure};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use thresh_regs::Config;
use thresh_regs::uart::{BAUD, CLOCK_HZ};

/// Write the engine as Verilog.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thresh verilog --config icebreaker -o engine.v
  thresh verilog --config tiny | less
  thresh verilog --config ulx3s-25f --uart --clock 25 --baud 3000000 -o top.v
  thresh verilog --config ulx3s-25f --wishbone -o wishbone_engine.v")]
pub struct Verilog {
    /// The engine.
    #[arg(long, value_name = "NAME", value_parser = target::config_parser())]
    config: &'static Config,
    /// With the bridge to a serial line: the module uart_engine, pins clock, reset, rx, tx.
    #[arg(long)]
    uart: bool,
    /// As a Wishbone slave for a SoC: the module wishbone_engine, pins clock and wb_*.
    #[arg(long, conflicts_with = "uart")]
    wishbone: bool,
    /// Clock of the bridge, in MHz.
    #[arg(long, value_name = "MHZ", requires = "uart", default_value_t = f64::from(CLOCK_HZ) / 1e6)]
    clock: f64,
    /// Rate of the line, in bits a second.
    #[arg(long, requires = "uart", default_value_t = BAUD)]
    baud: u32,
    /// Where it goes; without it, to stdout.
    #[arg(short, long, value_name = "FILE.v")]
    output: Option<PathBuf>,
}

impl Paths for Verilog {
    fn reads(&self) -> Vec<PathBuf> {
        vec![]
    }

    fn writes(&self) -> Vec<PathBuf> {
        Vec::from_iter(self.output.clone())
    }
}

impl Verilog {
    pub fn run(self, output: &Output) -> Result<Verdict> {
        target::check_built(self.config)?;
        let module = match (self.uart, self.wishbone) {
            (false, false) => thresh_hw::configuration(self.config),
            (false, true) => thresh_hw::wishbone::wishbone_engine(self.config),
            (true, _) => {
                let hz = self.clock * 1e6;
                ensure!(
                    (1.0..=f64::from(u32::MAX)).contains(&hz),
                    "got --clock {}, expected MHz, up to 4000",
                    self.clock
                );
                let made = thresh_hw::uart::uart_engine(self.config, hz.round() as u32, self.baud);
                made.map_err(|error| anyhow!("--baud: {error}"))?
            }
        };
        let mut value = json!({
            "config": self.config.name,
            "module": module.name,
            "lines": module.verilog.lines().count(),
            "ports": module.ports.iter().map(|port| json!({
                "name": port.name,
                "bits": port.bits,
                "direction": if port.input { "input" } else { "output" },
            })).collect::<Vec<_>>(),
        });
        let Some(path) = self.output else {
            value["verilog"] = json!(module.verilog);
            output.result(module.verilog.trim_end(), &value)?;
            return Ok(Verdict::Holds);
        };
        files::write(&path, module.verilog.as_bytes())?;
        value["file"] = json!(path.display().to_string());
        let text = facts(&[
            (
                "engine",
                format!("{}, {} PEs", self.config.name, self.config.num_pes),
            ),
            (
                "module",
                format!("{}, {} lines", module.name, module.verilog.lines().count()),
            ),
            ("saved as", path.display().to_string()),
        ]);
        output.result(text, &value)?;
        Ok(Verdict::Holds)
    }
}
