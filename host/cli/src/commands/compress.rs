//! `thresh compress`.

use super::{Setting, apply, parse_setting, recipe_parser, recipe_words, train};
use crate::input::DataSet;
use crate::output::{Output, Verdict};
use crate::{bars, files, provenance};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use thresh_compress::{Context, Data, Method, Recipe};
use thresh_model::Network;

pub const EXAMPLES: &str = "\
Examples:
  thresh compress                               .work/mnist/train.safetensors by Deep Compression
  thresh compress --net lenet-5                 the shares and codes of Deep Compression's paper
  thresh compress --set weights=2000 --set codes=8 net.safetensors -o small.safetensors
  thresh compress --set densities=0.01,0.05,0.2 --set codes=64,32,16";

/// Make a network smaller: fewer weights, and few distinct values of them.
///
/// A checkpoint is kept after every epoch; the same command goes on where it was interrupted, and
/// gives the same network to the bit.
#[derive(Debug, Args)]
pub struct Compress {
    /// The network [default: .work/DATA/train.safetensors, .work/DATA/NET/train.safetensors with --net].
    #[arg(value_name = "NETWORK.safetensors")]
    network: Option<PathBuf>,
    /// Where the compressed network goes [default: compressed.safetensors beside the network].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The network whose recommended options are the defaults.
    #[arg(long, value_name = "NAME", value_parser = recipe_parser(), default_value = Recipe::default().name())]
    net: Recipe,
    /// How.
    #[arg(long, default_value = DEFAULT_METHOD)]
    method: String,
    /// What the network learned.
    #[arg(long, value_enum, default_value_t)]
    data: DataSet,
    /// Where all random numbers come from.
    #[arg(long)]
    seed: Option<u64>,
    /// Set any option of the method; --help lists them.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_setting)]
    set: Vec<Setting>,
    /// Where checkpoints are kept [default: the folder of the output].
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
}

/// The method of `thresh compress` and `thresh make`.
pub const DEFAULT_METHOD: &str = "deep-compression";

impl Compress {
    pub fn run(self, output: &Output) -> Result<Verdict> {
        let input = self
            .network
            .unwrap_or_else(|| train::work_folder(self.data, self.net).join("train.safetensors"));
        let path = self
            .output
            .unwrap_or_else(|| files::folder(&input).join("compressed.safetensors"));
        let mut method = self.net.method(&self.method)?;
        apply(&self.set, method.options_mut())?;
        if let Some(seed) = self.seed {
            method.options_mut().set("seed", &seed.to_string())?;
        }
        let network = files::network(&input)?;

        let mut words = vec!["compress".to_string()];
        if self.method != DEFAULT_METHOD {
            words.extend(["--method".into(), self.method.clone()]);
        }
        words.extend(self.data.words());
        words.extend(recipe_words(self.net));
        words.extend(changed("--set", &*method, self.net)?);
        words.extend([
            provenance::file_name(&input),
            "-o".into(),
            provenance::file_name(&path),
        ]);
        let command = provenance::chained(&network.provenance, &words);

        let folder = self
            .work
            .unwrap_or_else(|| files::folder(&path).to_path_buf());
        let compressed = compress(
            &*method,
            &network,
            &self.data.to_train_on()?,
            folder,
            command,
        )?;
        files::save_network(&path, &compressed)?;
        train::report(output, &compressed, &path)
    }
}

/// The options of a method that are not those of `recipe`, as words of a command line.
pub fn changed(flag: &str, changed: &dyn Method, recipe: Recipe) -> Result<Vec<String>> {
    Ok(provenance::changed(
        flag,
        changed.options(),
        recipe.method(changed.name())?.options(),
    ))
}

/// Compresses with progress on stderr.
pub fn compress(
    method: &dyn Method,
    network: &Network,
    data: &Data,
    folder: PathBuf,
    command: String,
) -> Result<Network> {
    let mut progress = bars::Training::new();
    let mut context = Context {
        folder: Some(folder),
        command,
        progress: &mut progress,
    };
    Ok(method.run(network, data, &mut context)?)
}
