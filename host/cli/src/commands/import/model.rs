//! How a model of another program is read.

use crate::files;
use crate::kind::{self, Kind};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use std::io::Write;
use std::path::Path;
use thresh_model::{Network, Shape};
use thresh_onnx::ImportOptions;

/// Where the help of these options stands.
const MODEL: &str = "How a model is read";

/// How a model of ONNX or TensorFlow Lite is to be read.
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
    /// Value of byte 1 before mean and deviation [default: what an input of integers says, else 1/255].
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

/// Whether a path is named as a model.
fn is_model(path: &Path) -> bool {
    path.extension()
        .is_some_and(|end| end == "onnx" || end == "tflite")
}

impl ModelArgs {
    /// Reads a network or, as these options say, a model.
    pub fn network(&self, path: &Path) -> Result<Network> {
        if is_model(path) {
            return self.import(path, None);
        }
        self.check_unused(path)?;
        files::network(path)
    }

    /// Reads a model; `command` is what its provenance says.
    pub fn import(&self, model: &Path, command: Option<String>) -> Result<Network> {
        kind::check_model(model)?;
        let default = ImportOptions::default();
        let options = ImportOptions {
            scale: self.scale,
            mean: self.mean.clone(),
            std: self.std.clone(),
            bgr: self.bgr,
            shape: self.shape,
            output: self.logits.clone(),
            labels: self.labels.clone(),
            command,
            ..default
        };
        let imported = match Kind::at(model) {
            Some(Kind::TfLite) => {
                thresh_tflite::import_with_warnings(model, &options).map_err(anyhow::Error::from)
            }
            _ => thresh_onnx::import_with_warnings(model, &options).map_err(anyhow::Error::from),
        };
        let imported = imported.with_context(|| model.display().to_string())?;
        for warning in &imported.warnings {
            // A message that nobody can read is no reason to stop.
            let _ = writeln!(std::io::stderr(), "warning: {warning}");
        }
        Ok(imported.network)
    }

    /// Refuses these options for `network`, which is no model.
    fn check_unused(&self, network: &Path) -> Result<()> {
        let words = self.words();
        ensure!(
            words.is_empty(),
            "got {} for {}, expected an ONNX or TFLite model with it: a network says itself how its input is read; leave it out",
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
pub fn list<T: ToString>(name: &str, values: &[T]) -> Vec<String> {
    if values.is_empty() {
        return vec![];
    }
    let values: Vec<String> = values.iter().map(T::to_string).collect();
    vec![name.into(), values.join(",")]
}

/// A flag, if it is set.
pub fn flag(name: &str, set: bool) -> Vec<String> {
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
