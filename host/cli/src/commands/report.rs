//! `thresh report`.

use super::post_training::PostTrainingArgs;
use super::{pack, recipe_parser, train};
use crate::data::{DataArgs, HoldOut, Wanted, check_measurable};
use crate::output::{Output, Verdict};
use crate::overwrite::Paths;
use crate::report::{Report, Subject};
use crate::{files, target};
use anyhow::{Context, Result};
use clap::Args;
use std::path::{Path, PathBuf};
use thresh_compress::history::FILE as HISTORY;
use thresh_compress::{Recipe, train::HELD_OUT_ACCURACY};
use thresh_model::Network;
use thresh_regs::Config;

/// Show what compression made of a network.
///
/// Layer by layer: weights, the share that is kept, bits of codes and runs before and after Huffman coding, with the
/// figures of Deep Compression's paper in brackets where the network is one of the paper's; bits a kept weight, everything
/// included, beside the entropy bound; the error from stage to stage, and as packed over all test images.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thresh report                                 .work/mnist/compressed.safetensors
  thresh report --net lenet-5 --html lenet-5.html
  thresh report small.safetensors --config icebreaker --json

`thresh info` shows where every byte of a packed image goes. docs/compress.md says what the tables mean.")]
pub struct ReportCommand {
    /// The compressed network [default: .work/DATA/compressed.safetensors, .work/DATA/NET/compressed.safetensors with --net].
    #[arg(value_name = "NETWORK.safetensors")]
    network: Option<PathBuf>,
    /// The network whose folder is the default.
    #[arg(long, value_name = "NAME", value_parser = recipe_parser(), default_value = Recipe::default().name())]
    net: Recipe,
    #[command(flatten)]
    data: DataArgs,
    /// Measure on the last COUNT training images, or SHARE% of them, in the place of the test images.
    #[arg(long, value_name = "COUNT|SHARE%")]
    hold_out: Option<HoldOut>,
    /// The engine that the network is packed for.
    #[arg(long, value_name = "NAME", value_parser = target::config_parser(), default_value = DEFAULT_CONFIG)]
    config: &'static Config,
    /// Where a page with the tables and pictures of epochs, weights and bytes goes.
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// Where the checkpoints were kept, for the record of the epochs [default: the folder of the network].
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
    /// Number of training images that calibrate, the first ones.
    #[arg(long, value_name = "COUNT", default_value_t = pack::CALIBRATION)]
    calibration: usize,
    #[command(flatten)]
    post_training: PostTrainingArgs,
}

/// The engine of reports and budgets, unless another one is asked for.
pub const DEFAULT_CONFIG: &str = "ulx3s-25f";

impl Paths for ReportCommand {
    fn reads(&self) -> Vec<PathBuf> {
        let mut paths = self.data.paths();
        let input = self.input();
        paths.push(self.folder(&input).join(HISTORY));
        paths.push(input);
        paths
    }

    fn writes(&self) -> Vec<PathBuf> {
        Vec::from_iter(self.html.clone())
    }
}

impl ReportCommand {
    /// The network.
    fn input(&self) -> PathBuf {
        let folder = || train::work_folder(&self.data, self.net);
        let usual = || folder().join("compressed.safetensors");
        self.network.clone().unwrap_or_else(usual)
    }

    /// Where the record of the epochs is.
    fn folder(&self, input: &Path) -> PathBuf {
        let usual = || files::folder(input).to_path_buf();
        self.work.clone().unwrap_or_else(usual)
    }

    pub fn run(self, output: &Output) -> Result<Verdict> {
        let input = self.input();
        let network = files::network(&input)?;
        let folder = self.folder(&input);
        let whole = self.data.read(&Wanted::by(&network))?;
        let measured = HoldOut::apply(self.hold_out, &whole)?;
        check_measurable(&self.data, &measured)?;
        let network = match self.post_training.compresses() {
            true => {
                let images = pack::calibration_images(&network, &whole, self.calibration)?;
                self.post_training.apply(network, &images, output)?.network
            }
            false => network,
        };
        let subject = Subject {
            network: &network,
            config: self.config,
            name: self.data.name(),
            data: &whole,
            test: measured.test(),
            held_out: self.hold_out.is_some(),
            folder: &folder,
            calibration: self.calibration,
        };
        let report = make(&subject, self.html.as_deref(), output)
            .with_context(|| input.display().to_string())?;
        output.result(report.text(), &report.json())?;
        Ok(Verdict::Holds)
    }
}

/// Makes a report, and writes its page.
pub fn make(subject: &Subject<'_>, html: Option<&Path>, output: &Output) -> Result<Report> {
    let report = Report::new(subject, output)?;
    if let Some(path) = html {
        files::write(path, report.page()?.as_bytes())?;
        output.note(format!("the page is {}", path.display()));
    }
    Ok(report)
}

/// The engine of [`DEFAULT_CONFIG`].
pub fn default_config() -> Result<&'static Config> {
    Config::named(DEFAULT_CONFIG).context("the default configuration exists")
}

/// A network whose accuracy was measured on images that were held out gets that on the test images beside it.
pub fn add_test_accuracy(network: &mut Network, test: &thresh_model::Dataset) -> Result<()> {
    let accuracy = thresh_compress::accuracy(network, test)?;
    let provenance = &mut network.provenance;
    if let Some(held) = provenance.insert("accuracy".into(), accuracy.to_string()) {
        provenance.insert(HELD_OUT_ACCURACY.into(), held);
    }
    Ok(())
}
