//! `thresh import`.

use super::{pack, plan};
use crate::calibration::Calibration;
use crate::data::{DataArgs, HoldOut, Wanted};
use crate::output::{Output, Verdict, facts, percent, ratio};
use crate::overwrite::Paths;
use crate::{files, kind, provenance, target};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use thresh_compress::{PostTraining, compress_after_training};
use thresh_model::{Network, PackOptions, Shape, random};
use thresh_onnx::ImportOptions;
use thresh_regs::Config;

/// Import a trained network from an ONNX file.
///
/// The value that the model reads is (byte x scale - mean) / std of its channel; that and batch
/// normalisation go into the weights. With --keep and --bits the network is compressed at once,
/// without retraining; with --config it is packed as well.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thresh import net.onnx -o net.safetensors --mean 0.1307 --std 0.3081
  thresh import net.onnx -o small.safetensors --keep 0.4 --bits 4 --test 1000
  thresh import net.onnx -o net.thresh --keep 0.2 --bits 4 --config ulx3s-25f
  thresh import resnet.onnx -o resnet.thresh --keep 0.1 --bits 4 --config ulx3s-85f --calibrate random --plan

docs/import.md lists the operators that work.")]
pub struct Import {
    /// The model; external data lies in its folder.
    #[arg(value_name = "MODEL.onnx")]
    model: PathBuf,
    /// Where the network goes, or the image with --config.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    reading: ModelArgs,
    /// Share of the weights that stays, the largest ones: one for all layers, or one each.
    #[arg(long, value_name = "SHARE,...", value_delimiter = ',')]
    keep: Vec<f64>,
    /// Take the share of --keep from all layers together.
    #[arg(long, requires = "keep")]
    global: bool,
    /// Share the weights of each layer among 2^BITS - 1 values.
    #[arg(long, value_name = "BITS")]
    bits: Option<u32>,
    /// Measure the accuracy on the first COUNT test images of --data.
    #[arg(long, value_name = "COUNT")]
    test: Option<usize>,
    /// With --test: measure on the last COUNT training images, or SHARE% of them.
    #[arg(long, value_name = "COUNT|SHARE%", requires = "test")]
    hold_out: Option<HoldOut>,
    /// Pack for this engine.
    #[arg(long, value_name = "NAME", value_parser = target::config_parser())]
    config: Option<&'static Config>,
    #[command(flatten)]
    data: DataArgs,
    /// What calibrates the packer instead of --data: random, random:COUNT or random:COUNT:SEED for bytes
    /// without meaning; a picture (PNG or JPEG) or a folder of them; an IDX file; a NumPy file of bytes.
    #[arg(long, value_name = "INPUTS", requires = "config")]
    calibrate: Option<Calibration>,
    /// Cut what does not stay on the chip so small that each run can be loaded while the one before it runs.
    #[arg(long, requires = "config")]
    overlap: bool,
    /// Replace all weights by random ones of this seed, and biases by zeros, before anything else: for the plan of
    /// a network whose weights are not at hand.
    #[arg(long, value_name = "SEED")]
    random_weights: Option<u64>,
    /// Print the passes, or the layers of a large network: what each reads, sums, drains, loads, and its
    /// predicted cycles.
    #[arg(long, requires = "config")]
    plan: bool,
    /// With --plan: print every pass, even where there are so many that layers are printed.
    #[arg(long, requires = "plan")]
    passes: bool,
}

/// Where the help of these options stands.
const MODEL: &str = "How an ONNX model is read";

/// How an ONNX model is to be read.
#[derive(Clone, Debug, Args)]
pub struct ModelArgs {
    /// Mean of the input, one for all channels or one each.
    #[arg(
        long,
        help_heading = MODEL,
        value_name = "MEAN,...",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    mean: Vec<f32>,
    /// Standard deviation of the input, one for all channels or one each.
    #[arg(long, help_heading = MODEL, value_name = "STD,...", value_delimiter = ',')]
    std: Vec<f32>,
    /// Value of byte 1 before mean and deviation [default: 1/255].
    #[arg(long, help_heading = MODEL, value_name = "SCALE")]
    scale: Option<f32>,
    /// The model wants blue first.
    #[arg(long, help_heading = MODEL)]
    bgr: bool,
    /// Shape of the image, where the model does not say it.
    #[arg(long, help_heading = MODEL, value_name = "CHANNELSxHEIGHTxWIDTH", value_parser = parse_shape)]
    shape: Option<Shape>,
    /// Output to import, where there are several.
    #[arg(long, help_heading = MODEL, value_name = "NAME")]
    logits: Option<String>,
    /// Names of the outputs, in their order.
    #[arg(long, help_heading = MODEL, value_name = "NAME,...", value_delimiter = ',')]
    labels: Vec<String>,
}

/// Whether a path is named as an ONNX model.
fn is_model(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "onnx")
}

impl ModelArgs {
    /// Reads a network or, as these options say, an ONNX model.
    pub fn network(&self, path: &Path) -> Result<Network> {
        if is_model(path) {
            return self.import(path, None);
        }
        self.check_unused(path)?;
        files::network(path)
    }

    /// Reads a model; `command` is what its provenance says.
    fn import(&self, model: &Path, command: Option<String>) -> Result<Network> {
        kind::check_model(model)?;
        let default = ImportOptions::default();
        let options = ImportOptions {
            scale: self.scale.unwrap_or(default.scale),
            mean: self.mean.clone(),
            std: self.std.clone(),
            bgr: self.bgr,
            shape: self.shape,
            output: self.logits.clone(),
            labels: self.labels.clone(),
            command,
            ..default
        };
        thresh_onnx::import(model, &options).with_context(|| model.display().to_string())
    }

    /// Refuses these options for `network`, which is no ONNX model.
    fn check_unused(&self, network: &Path) -> Result<()> {
        let words = self.words();
        ensure!(
            words.is_empty(),
            "got {} for {}, expected an ONNX model with it: a network says itself how its input is read; leave it out",
            words.join(" "),
            network.display()
        );
        Ok(())
    }

    /// Words of a command line that say the same.
    pub fn words(&self) -> Vec<String> {
        let shape = self
            .shape
            .map(|s| format!("{}x{}x{}", s.channels, s.height, s.width));
        [
            list("--mean", &self.mean),
            list("--std", &self.std),
            list("--scale", self.scale.as_slice()),
            flag("--bgr", self.bgr),
            list("--shape", shape.as_slice()),
            list("--logits", self.logits.as_slice()),
            list("--labels", &self.labels),
        ]
        .concat()
    }
}

/// An option with its values, if it has some.
fn list<T: ToString>(name: &str, values: &[T]) -> Vec<String> {
    if values.is_empty() {
        return vec![];
    }
    let values: Vec<String> = values.iter().map(T::to_string).collect();
    vec![name.into(), values.join(",")]
}

/// A flag, if it is set.
fn flag(name: &str, set: bool) -> Vec<String> {
    Vec::from_iter(set.then(|| name.to_string()))
}

fn parse_shape(text: &str) -> Result<Shape> {
    let sides: Vec<&str> = text.split('x').collect();
    let sides: Result<Vec<usize>, _> = sides.iter().map(|side| side.parse()).collect();
    match sides.as_deref() {
        Ok(&[channels, height, width]) => Ok(Shape {
            channels,
            height,
            width,
        }),
        _ => bail!("got {text:?}, expected CHANNELSxHEIGHTxWIDTH, as 3x32x32"),
    }
}

impl Paths for Import {
    fn reads(&self) -> Vec<PathBuf> {
        let mut paths = self.data.paths();
        paths.extend(self.calibrate.iter().flat_map(Calibration::paths));
        paths.push(self.model.clone());
        paths
    }

    fn writes(&self) -> Vec<PathBuf> {
        vec![self.output.clone()]
    }
}

impl Import {
    pub fn run(self, output: &Output) -> Result<Verdict> {
        let command = format!("thresh {}", self.words().join(" "));
        let place = || self.model.display().to_string();
        let mut network = self.reading.import(&self.model, Some(command.clone()))?;
        if let Some(seed) = self.random_weights {
            random::weights(&mut network, seed);
        }
        let post_training = PostTraining {
            keep: self.keep.clone(),
            global: self.global,
            bits: self.bits,
        };
        if !post_training.is_empty() {
            network = compress_after_training(&network, &post_training).with_context(place)?;
        }
        let accuracy = match self.test {
            Some(count) => Some(accuracy(&network, &self.data, self.hold_out, count)?),
            None => None,
        };
        match self.config {
            Some(config) => self.pack(network, config, command, output),
            None => {
                files::save_network(&self.output, &network)?;
                report(output, &network, accuracy, &self.output)
            }
        }
    }

    fn pack(
        &self,
        network: Network,
        config: &Config,
        command: String,
        output: &Output,
    ) -> Result<Verdict> {
        let options = PackOptions {
            overlap: self.overlap,
            ..PackOptions::default()
        };
        let place = || self.model.display().to_string();
        let (packed, samples) = match &self.calibrate {
            Some(calibration) => {
                let inputs = calibration.load(&network, self.data.layout)?;
                output.note(format!("calibrating with {}", inputs.what));
                let mut network = network;
                network.provenance = provenance::of_image(&network.provenance, command);
                let text = ("calibration".to_string(), inputs.what.clone());
                network.provenance.extend([text]);
                let images: Vec<&[u8]> = inputs.images.iter().map(Vec::as_slice).collect();
                let packed =
                    pack::pack_shown(&network, config, &images, &options).with_context(place)?;
                (packed, inputs.images)
            }
            None => {
                let data = self.data.read(&Wanted::by(&network))?;
                let count = pack::CALIBRATION;
                let packed = pack::pack_network(network, config, &data, count, &options, command)
                    .with_context(place)?;
                let samples = 0..data.train().len().min(plan::INPUTS);
                let samples = samples.map(|index| data.train().image(index).to_vec());
                (packed, samples.collect())
            }
        };
        if self.plan {
            let samples: Vec<&[u8]> = samples.iter().map(Vec::as_slice).collect();
            return pack::save_plan(&packed, config, &samples, self.passes, &self.output, output);
        }
        pack::save(&packed.image, config, &self.output, output)
    }

    /// The command without what has no influence on the file.
    fn words(&self) -> Vec<String> {
        let config = self.config.map(|config| config.name);
        let data = match (config, &self.calibrate) {
            (Some(_), None) => self.data.words(),
            (Some(_), Some(Calibration::Files(path))) => {
                vec!["--calibrate".into(), provenance::file_name(path)]
            }
            (Some(_), Some(random)) => vec!["--calibrate".into(), random.to_string()],
            (None, _) => vec![],
        };
        [
            vec!["import".to_string()],
            data,
            list("--config", config.as_slice()),
            self.reading.words(),
            list("--random-weights", self.random_weights.as_slice()),
            list("--keep", &self.keep),
            flag("--overlap", self.overlap),
            flag("--global", self.global),
            list("--bits", self.bits.as_slice()),
            vec![
                provenance::file_name(&self.model),
                "-o".into(),
                provenance::file_name(&self.output),
            ],
        ]
        .concat()
    }
}

/// Share of the first `count` test images whose largest output is that of their label.
fn accuracy(
    network: &Network,
    data: &DataArgs,
    hold_out: Option<HoldOut>,
    count: usize,
) -> Result<f64> {
    let test = data.test(&Wanted::by(network), hold_out)?;
    let all = test.len();
    ensure!(
        (1..=all).contains(&count),
        "got --test {count}, expected 1 to {all}: there are no more test images"
    );
    let prepared = network.prepare();
    let is_right = |index: &usize| {
        let logits = prepared.logits(test.image(*index));
        let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
        best == Some(usize::from(test.labels[*index]))
    };
    let right = (0..count).filter(is_right).count();
    Ok(ratio(right as f64, count as f64))
}

/// Prints what was imported.
fn report(
    output: &Output,
    network: &Network,
    accuracy: Option<f64>,
    path: &Path,
) -> Result<Verdict> {
    let shape = network.input;
    let weights: usize = network.layers.iter().map(|layer| layer.weights.len()).sum();
    let nonzeros = network.nonzeros();
    let framed = if network.frame.is_empty() {
        ""
    } else {
        ", with a frame"
    };
    let mut lines = vec![
        ("network", network.name.clone()),
        (
            "input",
            format!(
                "{} x {} x {}{framed}",
                shape.channels, shape.height, shape.width
            ),
        ),
        ("layers", network.layers.len().to_string()),
        ("outputs", network.outputs().to_string()),
        ("weights", format!("{nonzeros} of {weights} are not zero")),
    ];
    if let Some(accuracy) = accuracy {
        lines.push((
            "accuracy",
            format!("{} of the images asked for", percent(accuracy)),
        ));
    }
    lines.push(("saved as", path.display().to_string()));
    let layers: Vec<_> = network
        .layers
        .iter()
        .map(|layer| {
            json!({
                "name": layer.name,
                "operator": layer.operator,
                "weights": layer.weights.len(),
                "nonzeros": layer.weights.nonzeros(),
            })
        })
        .collect();
    let value = json!({
        "network": network.name,
        "file": path.display().to_string(),
        "input": shape,
        "frame": network.frame,
        "head": network.head,
        "outputs": network.outputs(),
        "weights": weights,
        "nonzeros": nonzeros,
        "accuracy": accuracy,
        "layers": layers,
        "provenance": network.provenance,
    });
    output.result(facts(&lines), &value)?;
    Ok(Verdict::Holds)
}
