//! `thresh compress --budget`: the number of weights that keeps some bounds.

use crate::output::{Output, facts, percent, table};
use crate::report::Report;
use crate::{bars, files};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use thresh_compress::budget::{
    Bound, Found, Measured, Search, Stop, Trials, packed_accuracy, search,
};
use thresh_compress::{
    Budget, Data, DeepCompression, DeepCompressionOptions, Method, Options, train::HELD_OUT as KEY,
};
use thresh_model::{Dataset, Image, Network, Reference};
use thresh_regs::Config;

/// Training images that are held out to choose by, unless another number is asked for.
pub const HELD_OUT: usize = 5000;

/// Held-out images that cycles are the mean of.
const CYCLE_IMAGES: usize = 20;

/// What is to be searched.
pub struct Task<'a> {
    pub bounds: Budget,
    /// The network before compression.
    pub network: &'a Network,
    /// Without the images that are held out.
    pub data: &'a Data,
    pub config: &'static Config,
    /// Each trial has a folder of its own in its folder `budget`.
    pub folder: &'a Path,
    /// Most trials; none: as many as a search usually has.
    pub trials: Option<usize>,
}

/// What a search gave.
pub struct Outcome {
    /// The chosen network.
    pub network: Network,
    /// The folder of its trial.
    pub folder: PathBuf,
    /// How it was found.
    pub table: Searched,
}

/// How a network was found.
pub struct Searched {
    bounds: Budget,
    held_out: usize,
    found: Found<()>,
    image: Image,
}

impl Task<'_> {
    /// Searches with progress on stderr. `command` gives the command line of an ordinary run of a method.
    pub fn run(
        &self,
        method: &dyn Method,
        command: &dyn Fn(&dyn Method) -> String,
        output: &Output,
    ) -> Result<Outcome> {
        let options = options(method)?;
        let held_out = self.data.test().len();
        let apart = self.network.provenance.get(KEY);
        let apart: usize = apart.and_then(|count| count.parse().ok()).unwrap_or(0);
        if apart < held_out {
            output.note(format!(
                "the network has learned the {held_out} images that are held out, so they are read better than new ones; \
                 `thresh train --hold-out {held_out}` makes one that has not"
            ));
        }
        let folder = self.folder.join("budget");
        let trials = Trials {
            network: self.network,
            data: self.data,
            options: &options,
            config: self.config,
            calibration: super::pack::CALIBRATION,
            cycle_images: CYCLE_IMAGES,
            folder: &folder,
        };
        let weights = self.network.layers.iter().map(|layer| layer.weights.len());
        let all = weights.sum();
        let mut how = Search::new(&self.bounds, all, options.weights.of(all));
        how.trials = self.trials.unwrap_or(how.trials);
        let mut count = 0;
        let found = search(&self.bounds, &how, |weights| {
            count += 1;
            output.note(format!("trial {count}: at most {weights} weights"));
            let method = DeepCompression {
                options: DeepCompressionOptions {
                    weights: weights.into(),
                    ..options.clone()
                },
            };
            let mut progress = bars::Training::new();
            let (measured, network) = trials.run(weights, command(&method), &mut progress)?;
            drop(progress);
            let missed = missed(&self.bounds.missed(&measured));
            output.note(format!("trial {count}: {measured}; {missed}"));
            Ok((measured, network))
        })?;
        let network = found.result;
        let image = trials
            .pack(&network)?
            .context("the chosen trial was packed")?;
        let chosen = found.trials[found.chosen].weights;
        Ok(Outcome {
            network,
            folder: folder.join(chosen.to_string()),
            table: Searched {
                bounds: self.bounds,
                held_out,
                found: Found {
                    trials: found.trials,
                    chosen: found.chosen,
                    result: (),
                    stop: found.stop,
                },
                image,
            },
        })
    }
}

/// The options of a method whose number of weights can be searched.
fn options(method: &dyn Method) -> Result<DeepCompressionOptions> {
    let known = DeepCompression::default();
    ensure!(
        method.name() == known.name(),
        "got --budget with the method {}, expected {}: no other has a number of weights to search",
        method.name(),
        known.name()
    );
    let mut options = DeepCompressionOptions::default();
    for setting in method.options().list() {
        options.set(&setting.name, &setting.value)?;
    }
    ensure!(
        options.densities.is_empty(),
        "got --set densities={} with --budget, expected none: the search is for the weights of the whole network, for which \
         its layers compete",
        options
            .densities
            .iter()
            .map(f64::to_string)
            .collect::<Vec<_>>()
            .join(",")
    );
    Ok(options)
}

fn missed(bounds: &[Bound]) -> String {
    let names: Vec<&str> = bounds.iter().map(|bound| bound.name()).collect();
    match names.as_slice() {
        [] => "keeps the budget".into(),
        names => format!("misses {}", names.join(", ")),
    }
}

impl Searched {
    /// Writes the image, measures on the test images for the first time, and prints everything.
    pub fn finish(
        self,
        network: &Network,
        config: &Config,
        test: &Dataset,
        path: &Path,
        report: Option<Report>,
        output: &Output,
    ) -> Result<()> {
        let image_path = path.with_extension("thresh");
        files::write(&image_path, &self.image.to_bytes()?)?;
        let bar = bars::bar("reference", test.len() as u64);
        let packed = packed_accuracy(&Reference::new(&self.image)?, test, &|| bar.inc(1))?;
        bar.finish_and_clear();
        let float: Option<f64> = network
            .provenance
            .get("accuracy")
            .and_then(|a| a.parse().ok());
        let chosen = &self.found.trials[self.found.chosen];
        let lines = facts(&[
            ("budget", self.bounds.to_string()),
            ("engine", config.name.into()),
            (
                "chosen",
                format!("{chosen}, of {} training images held out", self.held_out),
            ),
            ("stopped by", self.stop()),
            (
                "test",
                format!(
                    "{} as packed, {} in float, of {} test images, which chose nothing",
                    percent(packed),
                    float.map_or("unknown".into(), percent),
                    test.len()
                ),
            ),
            (
                "saved as",
                format!("{} and {}", path.display(), image_path.display()),
            ),
        ]);
        let mut text = format!("{}\n\n{lines}", self.trials());
        let mut value = json!({
            "budget": self.bounds.to_string(),
            "config": config.name,
            "held_out": self.held_out,
            "trials": self.found.trials.iter().map(|t| self.trial(t)).collect::<Vec<_>>(),
            "chosen": self.found.chosen,
            "stopped_by": self.stopped_by(),
            "test_accuracy": {"packed": packed, "float": float, "images": test.len()},
            "file": path.display().to_string(),
            "image": image_path.display().to_string(),
            "provenance": network.provenance,
        });
        if let Some(report) = report {
            text += &format!("\n\n{}", report.text());
            value["report"] = report.json();
        }
        output.result(text, &value)
    }

    fn trials(&self) -> String {
        let rows = self.found.trials.iter().enumerate().map(|(index, trial)| {
            let number = |value: Option<f64>| value.map_or("-".into(), |v| format!("{v:.0}"));
            let mut verdict = missed(&self.bounds.missed(trial));
            if index == self.found.chosen {
                verdict = "chosen".into();
            }
            vec![
                (index + 1).to_string(),
                trial.weights.to_string(),
                trial.nonzeros.to_string(),
                number(trial.packed.map(|packed| packed.bytes as f64)),
                number(trial.packed.map(|packed| packed.cycles)),
                percent(trial.accuracy),
                verdict,
            ]
        });
        let header = [
            "trial", "at most", "weights", "bytes", "cycles", "accuracy", "",
        ];
        table(&header, rows).to_string()
    }

    fn trial(&self, trial: &Measured) -> Value {
        let missed = self.bounds.missed(trial);
        json!({
            "weights": trial.weights,
            "nonzeros": trial.nonzeros,
            "bytes": trial.packed.map(|packed| packed.bytes),
            "cycles": trial.packed.map(|packed| packed.cycles),
            "accuracy": trial.accuracy,
            "missed": missed.iter().map(|bound| bound.name()).collect::<Vec<_>>(),
        })
    }

    fn stopped_by(&self) -> Vec<&'static str> {
        match &self.found.stop {
            Stop::Bounds { bounds, .. } => bounds.iter().map(|bound| bound.name()).collect(),
            Stop::Weights => vec!["weights"],
            Stop::Trials => vec!["trials"],
        }
    }

    fn stop(&self) -> String {
        match &self.found.stop {
            Stop::Bounds { trial, .. } => format!("{}: {trial}", self.stopped_by().join(", ")),
            Stop::Weights if self.bounds.accuracy.is_some() => {
                "no fewer weights are possible".into()
            }
            Stop::Weights => "no more weights are there".into(),
            Stop::Trials => "the number of trials; --trials allows more".into(),
        }
    }
}
