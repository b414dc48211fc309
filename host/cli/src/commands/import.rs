//! `thresh import`.

pub mod model;
mod report;

use super::pack::{self, Extras};
use super::plan;
use super::post_training::{Compressed, PostTrainingArgs};
use crate::accuracy::{self, Accuracies};
use crate::calibration::{Calibrated, Calibration};
use crate::data::{DataArgs, HoldOut, Source, Wanted};
use crate::output::{Output, Verdict};
use crate::overwrite::Paths;
use crate::{files, provenance, target};
use anyhow::{Context, Result};
use clap::Args;
use model::{flag, list};
use report::report;
use std::path::PathBuf;
use thresh_model::{Dataset, Layer, Network, Operator, PackOptions, random};
use thresh_regs::Config;

pub use model::ModelArgs;

/// Import a trained network from a file of ONNX or TensorFlow Lite.
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
    #[command(flatten)]
    post_training: PostTrainingArgs,
    /// Measure the accuracy on the first COUNT test images of --data: of the float network, of the compressed one, and with
    /// --config of the packed one.
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
    /// What calibrates packer and compression instead of --data: random, random:COUNT or random:COUNT:SEED for bytes
    /// without meaning; a picture (PNG or JPEG) or a folder of them; an IDX file; a NumPy file of bytes.
    #[arg(long, value_name = "INPUTS")]
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

/// Inputs that are like those that the network will see.
struct Known {
    images: Vec<Vec<u8>>,
    /// What they are in a sentence, where the command does not say it.
    what: Option<String>,
}

/// What an image is made for and from, beside the network.
struct Packing<'a> {
    config: &'static Config,
    images: &'a [&'a [u8]],
    /// What the images are in a sentence, where the command does not say it.
    what: Option<&'a str>,
    /// Images to measure on, and how many of them.
    test: Option<(&'a Dataset, usize)>,
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
        let test = match self.test {
            None => None,
            Some(count) => {
                let test = self.data.test(&Wanted::by(&network), self.hold_out)?;
                accuracy::check_count(count, &test)?;
                Some((test, count))
            }
        };
        let known = self.inputs(&network, output)?;
        let images: Vec<&[u8]> = known.images.iter().map(Vec::as_slice).collect();
        let compressed = self.post_training.apply(network, &images, output);
        let Compressed {
            before,
            network,
            statistics,
        } = compressed.with_context(place)?;
        let accuracies = match &test {
            None => None,
            Some((test, count)) => Some(Accuracies::new(before.as_ref(), &network, test, *count)?),
        };
        match self.config {
            Some(config) => {
                let calibrated = Calibrated::new(&network, &images, statistics.as_ref());
                let extras = Extras {
                    accuracies,
                    calibrated: Some(calibrated),
                };
                let what = known.what.as_deref();
                let packing = Packing {
                    config,
                    images: &images,
                    what,
                    test: test.as_ref().map(|(test, count)| (test, *count)),
                };
                self.pack(network, command, &packing, extras, output)
            }
            None => {
                files::save_network(&self.output, &network)?;
                report(output, &network, accuracies.as_ref(), &self.output)
            }
        }
    }

    /// What calibrates: what was asked for, or training images where they are needed or known to be there.
    fn inputs(&self, network: &Network, output: &Output) -> Result<Known> {
        let asked = self.data.data != Source::default();
        if let Some(calibration) = &self.calibrate {
            let inputs = calibration.load(network, self.data.layout)?;
            output.note(format!("calibrating with {}", inputs.what));
            return Ok(Known {
                images: inputs.images,
                what: Some(inputs.what),
            });
        }
        if self.config.is_some() && !asked && has_ranges(network) {
            output.note("the model says the ranges of its activations: nothing is to be measured");
            return Ok(Known {
                images: vec![],
                what: Some("ranges of the model".into()),
            });
        }
        if self.config.is_none() && self.test.is_none() && !asked {
            return Ok(Known {
                images: vec![],
                what: None,
            });
        }
        let data = self.data.read(&Wanted::by(network))?;
        let images = pack::calibration_images(network, &data, pack::CALIBRATION)?;
        Ok(Known {
            images: images.into_iter().map(<[u8]>::to_vec).collect(),
            what: None,
        })
    }

    fn pack(
        &self,
        mut network: Network,
        command: String,
        packing: &Packing<'_>,
        mut extras: Extras,
        output: &Output,
    ) -> Result<Verdict> {
        let Packing {
            config,
            images,
            what,
            test,
        } = *packing;
        let options = PackOptions {
            overlap: self.overlap,
            ..PackOptions::default()
        };
        network.provenance = provenance::of_image(&network.provenance, command);
        let text = what.map(|what| ("calibration".to_string(), what.to_string()));
        network.provenance.extend(text);
        extras.warn(output);
        let packed = pack::pack_shown(&network, config, images, &options)
            .with_context(|| self.model.display().to_string())?;
        if let (Some(accuracies), Some((test, count))) = (&mut extras.accuracies, test) {
            accuracies.packed = Some(accuracy::of_image(&packed.image, test, count)?);
        }
        if self.plan {
            let random = random::inputs(network.input, plan::INPUTS, 1);
            let random: Vec<&[u8]> = random.iter().map(Vec::as_slice).collect();
            let samples = match images.len() {
                0 => &random,
                count => &images[..count.min(plan::INPUTS)],
            };
            return pack::save_plan(
                &packed,
                config,
                samples,
                self.passes,
                &self.output,
                &extras,
                output,
            );
        }
        pack::save(&packed.image, config, &self.output, &extras, output)
    }

    /// The command without what has no influence on the file.
    fn words(&self) -> Vec<String> {
        let config = self.config.map(|config| config.name);
        let asked = self.data.data != Source::default();
        let data = match &self.calibrate {
            None if config.is_some() || asked || self.test.is_some() => self.data.words(),
            Some(Calibration::Files(path)) => {
                vec!["--calibrate".into(), provenance::file_name(path)]
            }
            Some(random) => vec!["--calibrate".into(), random.to_string()],
            None => vec![],
        };
        // Then the training images say what the values are like.
        let test = self
            .test
            .filter(|_| config.is_none() && self.calibrate.is_none());
        [
            vec!["import".to_string()],
            data,
            list("--test", test.as_slice()),
            list("--config", config.as_slice()),
            self.reading.words(),
            list("--random-weights", self.random_weights.as_slice()),
            self.post_training.words(),
            flag("--overlap", self.overlap),
            vec![
                provenance::file_name(&self.model),
                "-o".into(),
                provenance::file_name(&self.output),
            ],
        ]
        .concat()
    }
}

/// Whether the quantisers of a model say the range of every hidden layer that has weights or sums.
fn has_ranges(network: &Network) -> bool {
    let hidden = &network.layers[..network.layers.len() - 1];
    let sums =
        |layer: &&Layer| !layer.bias.is_empty() || matches!(layer.operator, Operator::Add { .. });
    let mut sums = hidden.iter().filter(sums).peekable();
    sums.peek().is_some() && sums.all(|layer| layer.range.is_some())
}
