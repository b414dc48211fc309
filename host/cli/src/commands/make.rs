//! `thresh make`.

use super::{Setting, apply, compress, pack, parse_setting, train};
use crate::input::DataSet;
use crate::output::{Output, Verdict};
use crate::{files, provenance, target};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use thresh_compress::{TrainOptions, method};
use thresh_model::PackOptions;
use thresh_regs::Config;

/// Train, compress and pack in one go.
///
/// Without options, this makes the image that `thresh demo` runs. The image holds this command;
/// checkpoints are kept, so that the same command goes on where it was interrupted.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thresh make -o host/cli/images/lenet-300-100.thresh
  thresh make --config icebreaker --compress weights=2000 -o small.thresh
  thresh make --data fashion-mnist --train hidden=128,64 -o clothes.thresh

`thresh train --help` and `thresh compress --help` list the options and their defaults.")]
pub struct Make {
    /// Where the image goes.
    #[arg(short, long, value_name = "FILE.thresh")]
    output: PathBuf,
    /// The engine that is to run it.
    #[arg(long, value_name = "NAME", value_parser = target::config_parser(), default_value = DEFAULT_CONFIG)]
    config: &'static Config,
    /// What to learn.
    #[arg(long, value_enum, default_value_t)]
    data: DataSet,
    /// Set an option of training.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_setting)]
    train: Vec<Setting>,
    /// Set an option of compression.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_setting)]
    compress: Vec<Setting>,
    /// Where checkpoints and networks are kept [default: .work/DATA].
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
}

const DEFAULT_CONFIG: &str = "ulx3s-25f";

impl Make {
    pub fn run(self, output: &Output) -> Result<Verdict> {
        let mut training = TrainOptions::default();
        apply(&self.train, &mut training)?;
        let mut method = method(compress::DEFAULT_METHOD)?;
        apply(&self.compress, method.options_mut())?;

        let mut words = vec!["make".to_string()];
        if self.config.name != DEFAULT_CONFIG {
            words.extend(["--config".into(), self.config.name.into()]);
        }
        words.extend(self.data.words());
        words.extend(provenance::changed(
            "--train",
            &training,
            &TrainOptions::default(),
        ));
        words.extend(compress::changed("--compress", &*method)?);
        let command = provenance::chained(&Default::default(), &words);

        let data = self.data.to_train_on()?;
        let folder = self.work.unwrap_or_else(|| train::work_folder(self.data));
        let dense = train::train(&training, &data, folder.clone(), command.clone())?;
        files::save_network(&folder.join("train.safetensors"), &dense)?;
        let small = compress::compress(&*method, &dense, &data, folder.clone(), command.clone())?;
        files::save_network(&folder.join("compressed.safetensors"), &small)?;
        let options = PackOptions::default();
        let image = pack::pack_network(
            small,
            self.config,
            &data,
            pack::CALIBRATION,
            &options,
            command,
        )?;
        pack::save(&image, self.config, &self.output, output)
    }
}
