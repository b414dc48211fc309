//! `thresh make`.

use super::{
    Compute, Setting, apply, compress, pack, parse_setting, recipe_parser, recipe_words, train,
};
use crate::data::{DataArgs, HoldOut, Wanted, check_measurable};
use crate::output::{Output, Verdict};
use crate::overwrite::Paths;
use crate::{files, provenance, target};
use anyhow::{Context, Result, ensure};
use clap::Args;
use std::path::PathBuf;
use thresh_compress::Recipe;
use thresh_model::PackOptions;
use thresh_regs::Config;

/// Train, compress and pack in one go.
///
/// Without options, this makes the image that `thresh demo` runs. The image holds this command;
/// checkpoints are kept, so that the same command goes on where it was interrupted. An output that ends in .safetensors is
/// the compressed network, for any engine.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thresh make -o host/cli/images/lenet-300-100.thresh
  thresh make --net lenet-5 -o lenet-5.safetensors
  thresh make --config icebreaker --compress weights=2000 -o small.thresh
  thresh make --data fashion-mnist --train hidden=128,64 -o clothes.thresh

`thresh train --help` and `thresh compress --help` list the options and their defaults.")]
pub struct Make {
    /// Where the image goes; FILE.safetensors: where the compressed network goes, which is then not packed.
    #[arg(short, long, value_name = "FILE.thresh")]
    output: PathBuf,
    /// The engine that is to run it [default: ulx3s-25f].
    #[arg(long, value_name = "NAME", value_parser = target::config_parser())]
    config: Option<&'static Config>,
    /// The network, with the options that are recommended for it.
    #[arg(long, value_name = "NAME", value_parser = recipe_parser(), default_value = Recipe::default().name())]
    net: Recipe,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    data: DataArgs,
    /// Measure on the last COUNT training images, or SHARE% of them, which are then not learned, in the place of the test
    /// images: for data without test images.
    #[arg(long, value_name = "COUNT|SHARE%")]
    hold_out: Option<HoldOut>,
    /// Set an option of training.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_setting)]
    train: Vec<Setting>,
    /// Set an option of compression.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_setting)]
    compress: Vec<Setting>,
    /// Where checkpoints and networks are kept [default: .work/DATA, .work/DATA/NET with --net].
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
}

const DEFAULT_CONFIG: &str = "ulx3s-25f";

impl Paths for Make {
    fn reads(&self) -> Vec<PathBuf> {
        self.data.paths()
    }

    fn writes(&self) -> Vec<PathBuf> {
        let folder = self.folder();
        let [dense, small] =
            ["train", "compressed"].map(|name| folder.join(name).with_extension("safetensors"));
        // The compressed network may be what is asked for.
        let small = Some(small).filter(|path| *path != self.output);
        [Some(dense), small, Some(self.output.clone())]
            .into_iter()
            .flatten()
            .collect()
    }
}

impl Make {
    /// Where checkpoints and networks are kept.
    fn folder(&self) -> PathBuf {
        let usual = || train::work_folder(&self.data, self.net);
        self.work.clone().unwrap_or_else(usual)
    }

    pub fn run(self, output: &Output) -> Result<Verdict> {
        let packs = self
            .output
            .extension()
            .is_none_or(|end| end != "safetensors");
        ensure!(
            packs || self.config.is_none(),
            "got --config with the output {}, which is not packed, expected an output FILE.thresh, or no --config",
            self.output.display()
        );
        self.compute.choose()?;
        let mut training = self.net.training();
        apply(&self.train, &mut training)?;
        let mut method = self.net.method(compress::DEFAULT_METHOD)?;
        apply(&self.compress, method.options_mut())?;

        let mut words = vec!["make".to_string()];
        if let Some(config) = self.config.filter(|config| config.name != DEFAULT_CONFIG) {
            words.extend(["--config".into(), config.name.into()]);
        }
        words.extend(self.compute.words());
        words.extend(self.data.words());
        words.extend(recipe_words(self.net));
        words.extend(provenance::changed(
            "--train",
            &training,
            &self.net.training(),
        ));
        words.extend(compress::changed("--compress", &*method, self.net)?);
        words.extend(HoldOut::words(self.hold_out));
        if !packs {
            words.extend(["-o".into(), provenance::file_name(&self.output)]);
        }
        let command = provenance::chained(&Default::default(), &words);

        let whole = self.data.read(&Wanted::default())?;
        let data = HoldOut::apply(self.hold_out, &whole)?;
        check_measurable(&self.data, &data)?;
        let folder = self.folder();
        let dense = train::train(&training, &data, folder.clone(), command.clone())?;
        files::save_network(&folder.join("train.safetensors"), &dense)?;
        let small = compress::compress(&*method, &dense, &data, folder.clone(), command.clone())?;
        files::save_network(&folder.join("compressed.safetensors"), &small)?;
        if !packs {
            files::save_network(&self.output, &small)?;
            return train::report(output, &small, &self.output);
        }
        let config = match self.config {
            Some(config) => config,
            None => Config::named(DEFAULT_CONFIG).context("the default configuration exists")?,
        };
        let options = PackOptions::default();
        let packed =
            pack::pack_network(small, config, &whole, pack::CALIBRATION, &options, command)?;
        pack::save(
            &packed.image,
            config,
            &self.output,
            &pack::Extras::default(),
            output,
        )
    }
}
