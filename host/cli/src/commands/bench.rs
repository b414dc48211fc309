//! `thresh bench`.

use crate::data::{DataArgs, HoldOut, Wanted};
use crate::device::{self, Spec};
use crate::measure::{Plan, Report, measure};
use crate::output::{Output, Verdict};
use crate::overwrite::Paths;
use crate::{files, target};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use thresh_fpga::{BOARDS, MEASURED};
use thresh_regs::Config;

/// Run a test set through an engine, the Verilated one or a board's, and measure.
///
/// Every logit and every count of multiply-accumulates is compared with the bit-exact reference;
/// the command ends with status 3 if one differs, and names the first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thresh bench net.thresh                       all 10,000 digits
  thresh bench net.thresh --count 500 --threads 1
  thresh bench net.thresh --clock 48 --json
  thresh bench net.thresh --device uart:/dev/ttyUSB1
  thresh bench net.thresh --device pcie:")]
pub struct Bench {
    /// The image.
    #[arg(value_name = "IMAGE.thresh")]
    image: PathBuf,
    /// How many images of the test set, the first ones [default: all].
    #[arg(long)]
    count: Option<usize>,
    #[command(flatten)]
    data: DataArgs,
    /// Measure on the last COUNT training images, or SHARE% of them, in the place of the test images.
    #[arg(long, value_name = "COUNT|SHARE%")]
    hold_out: Option<HoldOut>,
    /// The device: virtual, or a board as uart:PORT, uart:PORT,BAUD or pcie:PLACE (docs/uart.md, docs/pcie.md).
    #[arg(long, value_name = "DEVICE", default_value = device::VIRTUAL, value_parser = device::parse)]
    device: Spec,
    /// The engine [default: the first that holds the image].
    #[arg(long, value_name = "NAME", value_parser = target::config_parser())]
    config: Option<&'static Config>,
    /// Clock to tell rates for, in MHz [default: the target of the engine's board].
    #[arg(long, value_name = "MHZ")]
    clock: Option<f64>,
    /// Virtual devices that run at once [default: one a processor].
    #[arg(long)]
    threads: Option<usize>,
}

/// The clock of the first board of a configuration, or what its engine must reach, in MHz.
pub fn clock_of(config: &Config) -> Option<f64> {
    let mut builds = BOARDS.iter().chain(MEASURED);
    builds
        .find(|build| build.config == config.name)
        .map(|build| build.target_mhz)
}

/// One thread a processor.
pub fn all_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Paths for Bench {
    fn reads(&self) -> Vec<PathBuf> {
        let mut paths = self.data.paths();
        paths.push(self.image.clone());
        paths
    }

    fn writes(&self) -> Vec<PathBuf> {
        vec![]
    }
}

impl Bench {
    pub fn run(self, output: &Output) -> Result<Verdict> {
        if let Some(clock) = self.clock {
            ensure!(
                clock.is_finite() && clock > 0.0,
                "got --clock {clock}, expected a number of MHz above 0"
            );
        }
        let image = files::image(&self.image)?;
        let config = target::config_on(&self.device, &image, self.config)
            .with_context(|| self.image.display().to_string())?;
        let data = self.data.test(&Wanted::by_image(&image), self.hold_out)?;
        let count = self.count.unwrap_or(data.len());
        ensure!(
            (1..=data.len()).contains(&count),
            "got --count {count}, expected 1 to {}: so many test images has {}",
            data.len(),
            self.data.name()
        );
        let threads = match self.device {
            Spec::Virtual => self.threads.unwrap_or_else(all_threads),
            Spec::Link(..) => 1,
        };
        let plan = Plan {
            image: &image,
            config,
            spec: &self.device,
            data: &data,
            count,
            threads,
        };
        let measured = measure(&plan, output)?;
        let report = Report::new(&plan, &measured, self.clock.or_else(|| clock_of(config)));
        let mut value = report.json();
        value["image"] = json!(self.image.display().to_string());
        value["data"] = json!(self.data.name());
        output.result(
            format!("{}\n\n{}", report.text(), report.layer_table()),
            &value,
        )?;
        Ok(Verdict::of(report.holds()))
    }
}
