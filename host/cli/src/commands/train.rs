//! `thresh train`.

use super::{Compute, Setting, apply, parse_setting, recipe_parser, recipe_words};
use crate::data::{DataArgs, HoldOut, Wanted, check_measurable};
use crate::output::{Output, Verdict, facts, percent};
use crate::overwrite::Paths;
use crate::{bars, files, provenance};
use anyhow::Result;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use thresh_compress::train::{HELD_OUT, HELD_OUT_ACCURACY};
use thresh_compress::{Context, Data, Hidden, Recipe, TrainOptions};
use thresh_model::Network;

pub const EXAMPLES: &str = "\
Examples:
  thresh train                                  LeNet-300-100 on MNIST
  thresh train --net lenet-5                    LeNet-5: two convolutions, two fully connected layers
  thresh train --hidden conv8x3p1,pool2,64 -o .work/own/train.safetensors
  thresh train --data fashion-mnist --hidden 128,64 --epochs 20 -o .work/clothes/train.safetensors
  thresh train --set rate=0.05 --set shift=0";

/// Train a network: fully connected layers, or convolutions and pools before them.
///
/// The network is saved as a safetensors file. A checkpoint is kept after every epoch; the same
/// command goes on where it was interrupted, and gives the same network to the bit.
#[derive(Debug, Args)]
pub struct Train {
    /// Where the network goes [default: .work/DATA/train.safetensors, .work/DATA/NET/train.safetensors with --net].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    data: DataArgs,
    /// The network, with the options that are recommended for it. LeNet-5 has a ReLU behind each convolution, unlike
    /// Caffe's: it costs no parameter, and the engine skips the zeros.
    #[arg(long, value_name = "NAME", value_parser = recipe_parser(), default_value = Recipe::default().name())]
    net: Recipe,
    /// Other hidden layers, with commas between: 300 has 300 outputs, conv20x5 is a convolution of 20 outputs with a
    /// window of 5x5 (conv20x5s2p1: stride 2, padding 1), pool2 takes the largest of 2x2.
    #[arg(long, value_name = "LAYERS", value_delimiter = ',')]
    hidden: Option<Vec<Hidden>>,
    /// Passes over the training images.
    #[arg(long)]
    epochs: Option<usize>,
    /// Where all random numbers come from.
    #[arg(long)]
    seed: Option<u64>,
    /// Set any option of training; --help lists them.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_setting)]
    set: Vec<Setting>,
    /// Where checkpoints are kept [default: the folder of the output].
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
    /// Measure on the last COUNT training images, or SHARE% of them, which are then not learned, in the place of the test
    /// images: for a network that is to be compressed to a budget, and for data without test images.
    #[arg(long, value_name = "COUNT|SHARE%")]
    hold_out: Option<HoldOut>,
}

/// The default place of what belongs to a data set and a network.
pub fn work_folder(data: &DataArgs, recipe: Recipe) -> PathBuf {
    let folder = Path::new(".work").join(data.name());
    match recipe == Recipe::default() {
        true => folder,
        false => folder.join(recipe.name()),
    }
}

impl Paths for Train {
    fn reads(&self) -> Vec<PathBuf> {
        self.data.paths()
    }

    fn writes(&self) -> Vec<PathBuf> {
        vec![self.path()]
    }
}

impl Train {
    /// Where the network goes.
    fn path(&self) -> PathBuf {
        let usual = || work_folder(&self.data, self.net).join("train.safetensors");
        self.output.clone().unwrap_or_else(usual)
    }

    pub fn run(self, output: &Output) -> Result<Verdict> {
        let path = self.path();
        let mut options = self.net.training();
        apply(&self.set, &mut options)?;
        options.hidden = self.hidden.unwrap_or(options.hidden);
        options.epochs = self.epochs.unwrap_or(options.epochs);
        options.seed = self.seed.unwrap_or(options.seed);

        let mut words = vec!["train".to_string()];
        words.extend(self.compute.words());
        words.extend(self.data.words());
        words.extend(recipe_words(self.net));
        words.extend(provenance::changed("--set", &options, &self.net.training()));
        words.extend(HoldOut::words(self.hold_out));
        words.extend(["-o".into(), provenance::file_name(&path)]);
        let command = provenance::chained(&Default::default(), &words);

        let folder = self
            .work
            .unwrap_or_else(|| files::folder(&path).to_path_buf());
        let whole = self.data.read(&Wanted::default())?;
        let data = HoldOut::apply(self.hold_out, &whole)?;
        check_measurable(&self.data, &data)?;
        self.compute.choose()?;
        let network = train(&options, &data, folder, command)?;
        files::save_network(&path, &network)?;
        report(output, &network, &path)
    }
}

/// Trains with progress on stderr.
pub fn train(
    options: &TrainOptions,
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
    Ok(thresh_compress::train(options, data, &mut context)?)
}

/// Prints what a network is.
pub fn report(output: &Output, network: &Network, path: &Path) -> Result<Verdict> {
    let nonzero = |layer: &thresh_model::Layer| layer.weights.nonzeros();
    let weights: usize = network.layers.iter().map(|layer| layer.weights.len()).sum();
    let live: usize = network.layers.iter().map(nonzero).sum();
    let of = |key: &str| network.provenance.get(key)?.parse::<f64>().ok();
    let accuracy = of("accuracy").or(of("train.accuracy"));
    let tested = network.provenance.contains_key(HELD_OUT_ACCURACY);
    let on = match network.provenance.get(HELD_OUT) {
        Some(count) if !tested => format!("{count} training images held out"),
        _ => "the test set".into(),
    };
    let text = facts(&[
        ("network", network.name.clone()),
        ("weights", format!("{live} of {weights} are not zero")),
        (
            "accuracy",
            accuracy.map_or("unknown".into(), |a| format!("{} of {on}", percent(a))),
        ),
        ("saved as", path.display().to_string()),
    ]);
    let layers: Vec<_> = network
        .layers
        .iter()
        .map(|layer| json!({"name": layer.name, "weights": layer.weights.len(), "nonzeros": nonzero(layer)}))
        .collect();
    let value = json!({
        "network": network.name,
        "file": path.display().to_string(),
        "weights": weights,
        "nonzeros": live,
        "accuracy": accuracy,
        "layers": layers,
        "provenance": network.provenance,
    });
    output.result(text, &value)?;
    Ok(Verdict::Holds)
}
