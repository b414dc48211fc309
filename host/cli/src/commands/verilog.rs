//! `thresh verilog`.

use crate::output::{Output, Verdict, facts};
use crate::{files, target};
use anyhow::Result;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use thresh_regs::Config;

/// Write the engine as Verilog.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thresh verilog --config icebreaker -o engine.v
  thresh verilog --config tiny | less")]
pub struct Verilog {
    /// The engine.
    #[arg(long, value_name = "NAME", value_parser = target::config_parser())]
    config: &'static Config,
    /// Where it goes; without it, to stdout.
    #[arg(short, long, value_name = "FILE.v")]
    output: Option<PathBuf>,
}

impl Verilog {
    pub fn run(self, output: &Output) -> Result<Verdict> {
        target::check_built(self.config)?;
        let module = thresh_hw::configuration(self.config);
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
