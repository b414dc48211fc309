//! `thresh demo`.

use super::bench;
use super::info::parts_table;
use crate::device::Spec;
use crate::input::DataSet;
use crate::measure::{Plan, Report, measure};
use crate::output::{Output, Verdict};
use crate::overwrite::Paths;
use crate::{draw, target};
use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use thresh_model::idx::Split;
use thresh_model::{Dataset, Image};
use thresh_regs::Config;

/// The image that is kept with the sources; `thresh make` makes it.
pub const IMAGE: &[u8] = include_bytes!("../../images/lenet-300-100.thresh");

/// Digits that are drawn, from the start of the test set.
const DRAWN: usize = 4;

/// Show what this is about: a compressed network on the Verilated engine.
///
/// Draws some digits with the engine's answers, runs all test digits, compares every logit with the
/// bit-exact reference, and shows where every byte of the image goes. Ends with status 0 only if
/// all logits agree.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thresh demo
  thresh demo --count 500
  scripts/demo                                  sets up first")]
pub struct Demo {
    /// How many test digits, the first ones [default: all].
    #[arg(long)]
    count: Option<usize>,
}

impl Paths for Demo {
    fn reads(&self) -> Vec<PathBuf> {
        vec![DataSet::Mnist.folder()]
    }

    fn writes(&self) -> Vec<PathBuf> {
        vec![]
    }
}

impl Demo {
    pub fn run(self, output: &Output) -> Result<Verdict> {
        let image = Image::from_bytes(IMAGE).context("the image kept with the sources")?;
        let config = target::config_for(&image, None)?;
        let data = DataSet::Mnist.load(Split::Test, image.input)?;
        let count = self.count.unwrap_or(data.len()).clamp(1, data.len().max(1));

        output.text(format!(
            "{} on the Verilated engine {}\n",
            image.name, config.name
        ))?;
        output.text(digits(&image, config, &data)?)?;
        let plan = Plan {
            image: &image,
            config,
            spec: &Spec::Virtual,
            data: &data,
            count,
            threads: bench::all_threads(),
        };
        let report = Report::new(&plan, &measure(&plan, output)?, bench::clock_of(config));
        let accounts = image.account()?;
        let layers = image.sizes()?.len();
        let (parameters, nonzeros) = image.sizes()?.iter().fold((0, 0), |(all, live), size| {
            (all + size.parameters, live + size.nonzeros)
        });
        output.text(format!(
            "\n{}\n\n{}\n\n{} bytes hold {nonzeros} weights of {parameters} parameters, {} bytes as float32:\n\n{}\n",
            report.text(),
            report.layer_table(),
            IMAGE.len(),
            4 * parameters,
            parts_table(&accounts, layers),
        ))?;
        let mut value = report.json();
        value["image_bytes"] = json!(IMAGE.len());
        value["float32_bytes"] = json!(4 * parameters);
        let verdict = match report.holds() {
            true => "The engine and the reference agree in every bit.",
            false => "The engine and the reference DIFFER.",
        };
        output.result(verdict, &value)?;
        Ok(Verdict::of(report.holds()))
    }
}

/// The first digits of the test set with the engine's answers below.
fn digits(image: &Image, config: &Config, data: &Dataset) -> Result<String> {
    let mut device = target::open(&Spec::Virtual, config, image)?;
    let mut pictures = Vec::new();
    for index in 0..DRAWN.min(data.len()) {
        let inference = device.run(data.image(index))?;
        let caption = format!(
            "{} in {} cycles",
            image.label(inference.class),
            inference.counters.cycles
        );
        pictures.push((draw::picture(data.shape, data.image(index)), caption));
    }
    Ok(draw::row(&pictures))
}
