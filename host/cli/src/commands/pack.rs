//! `thresh pack`.

use super::plan;
use super::post_training::{Compressed, PostTrainingArgs};
use crate::accuracy::{self, Accuracies};
use crate::calibration::Calibrated;
use crate::data::{DataArgs, HoldOut, Wanted};
use crate::output::{Output, Verdict, facts, ratio};
use crate::overwrite::Paths;
use crate::{bars, files, provenance, target};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use thresh_compress::{Data, Recipe};
use thresh_model::pack::{Packed, pack_with};
use thresh_model::{Image, Network, PackOptions};
use thresh_regs::Config;

/// Pack a network into the image that an engine runs.
///
/// The ranges of the activations are measured on training images. The image holds the command that
/// makes it again; every byte of it is shown by `thresh info`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thresh pack --config ulx3s-25f -o net.thresh        packs .work/mnist/compressed.safetensors
  thresh pack --config tiny --plan lenet-5.safetensors -o lenet-5.thresh
  thresh pack --config icebreaker clothes.safetensors --data fashion-mnist -o clothes.thresh
  thresh pack --config ulx3s-85f --bits 8 low.safetensors -o low.thresh      weights that are not shared yet")]
pub struct Pack {
    /// The network [default: .work/DATA/compressed.safetensors].
    #[arg(value_name = "NETWORK.safetensors")]
    network: Option<PathBuf>,
    /// The engine that is to run it.
    #[arg(long, value_name = "NAME", value_parser = target::config_parser())]
    config: &'static Config,
    /// Where the image goes.
    #[arg(short, long, value_name = "FILE.thresh")]
    output: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Number of training images that calibrate, the first ones.
    #[arg(long, value_name = "COUNT", default_value_t = CALIBRATION)]
    calibration: usize,
    /// Share of calibration values, in percent, that an activation's range covers.
    #[arg(long, value_name = "PERCENT", default_value_t = PackOptions::default().percentile)]
    percentile: f64,
    #[command(flatten)]
    post_training: PostTrainingArgs,
    /// Measure the accuracy on the first COUNT test images of --data: of the float network, of the compressed one where --keep or --bits
    /// makes one, and of the packed one.
    #[arg(long, value_name = "COUNT")]
    test: Option<usize>,
    /// With --test: measure on the last COUNT training images, or SHARE% of them.
    #[arg(long, value_name = "COUNT|SHARE%", requires = "test")]
    hold_out: Option<HoldOut>,
    /// Cut what does not stay on the chip so small that each run can be loaded while the one before it runs:
    /// more passes, but no waiting for short loads.
    #[arg(long)]
    overlap: bool,
    /// Leave out where the network comes from.
    #[arg(long)]
    no_provenance: bool,
    /// Print the passes, or the layers of a large network: what each reads, sums, drains, loads, and its
    /// predicted cycles.
    #[arg(long)]
    plan: bool,
    /// With --plan: print every pass, even where there are so many that layers are printed.
    #[arg(long, requires = "plan")]
    passes: bool,
}

/// Training images that calibrate, unless another number is asked for.
pub const CALIBRATION: usize = 10_000;

impl Paths for Pack {
    fn reads(&self) -> Vec<PathBuf> {
        let mut paths = self.data.paths();
        paths.push(self.input());
        paths
    }

    fn writes(&self) -> Vec<PathBuf> {
        vec![self.output.clone()]
    }
}

impl Pack {
    /// The network.
    fn input(&self) -> PathBuf {
        let folder = || super::train::work_folder(&self.data, Recipe::default());
        let usual = || folder().join("compressed.safetensors");
        self.network.clone().unwrap_or_else(usual)
    }

    pub fn run(self, output: &Output) -> Result<Verdict> {
        let input = self.input();
        let percentile = self.percentile;
        ensure!(
            percentile > 0.0 && percentile <= 100.0,
            "got --percentile {percentile}, expected more than 0 and at most 100"
        );
        let network = files::network(&input)?;
        let options = PackOptions {
            percentile,
            provenance: !self.no_provenance,
            overlap: self.overlap,
        };

        let mut words = vec!["pack".to_string()];
        words.extend(self.data.words());
        words.extend(["--config".into(), self.config.name.into()]);
        if self.calibration != CALIBRATION {
            words.extend(["--calibration".into(), self.calibration.to_string()]);
        }
        if percentile != PackOptions::default().percentile {
            words.extend(["--percentile".into(), percentile.to_string()]);
        }
        if self.overlap {
            words.push("--overlap".into());
        }
        words.extend(self.post_training.words());
        words.extend([
            provenance::file_name(&input),
            "-o".into(),
            provenance::file_name(&self.output),
        ]);
        let command = provenance::chained(&network.provenance, &words);

        let data = self.data.read(&Wanted::by(&network))?;
        let test = match self.test {
            None => None,
            Some(count) => {
                let test = self.data.test(&Wanted::by(&network), self.hold_out)?;
                accuracy::check_count(count, &test)?;
                Some((test, count))
            }
        };
        check_source(&network, &data)?;
        let images = calibration_images(&network, &data, self.calibration)?;
        let place = || input.display().to_string();
        // What is shared already is left as it is.
        let Compressed {
            before,
            mut network,
            statistics,
        } = match self.post_training.compresses() {
            true => self.post_training.apply(network, &images, output),
            false => Ok(Compressed::unchanged(network)),
        }
        .with_context(place)?;
        let calibrated = Calibrated::new(&network, &images, statistics.as_ref());
        let mut extras = Extras {
            accuracies: None,
            calibrated: Some(calibrated),
        };
        extras.warn(output);
        network.provenance = provenance::of_image(&network.provenance, command);
        let packed = pack_shown(&network, self.config, &images, &options).with_context(place)?;
        if let Some((test, count)) = &test {
            let mut accuracies = Accuracies::new(before.as_ref(), &network, test, *count)?;
            accuracies.packed = Some(accuracy::of_image(&packed.image, test, *count)?);
            extras.accuracies = Some(accuracies);
        }
        if self.plan {
            let inputs = &images[..images.len().min(plan::INPUTS)];
            return save_plan(
                &packed,
                self.config,
                inputs,
                self.passes,
                &self.output,
                &extras,
                output,
            );
        }
        save(&packed.image, self.config, &self.output, &extras, output)
    }
}

/// What is printed of an image beside its sizes.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    pub accuracies: Option<Accuracies>,
    pub calibrated: Option<Calibrated>,
}

impl Extras {
    /// Says what is wrong with the inputs that calibrate.
    pub fn warn(&self, output: &Output) {
        let warning = self.calibrated.as_ref().and_then(|c| c.warning.as_ref());
        if let Some(warning) = warning {
            output.note(format!("warning: {warning}"));
        }
    }

    fn add_to(&self, value: &mut serde_json::Value) {
        if let Some(accuracies) = &self.accuracies {
            value["accuracies"] = json!(accuracies);
        }
        if let Some(calibrated) = &self.calibrated {
            value["calibration"] = json!(calibrated);
        }
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        self.accuracies
            .map(|accuracies| accuracies.lines())
            .unwrap_or_default()
    }
}

/// Refuses data that the network did not learn from.
pub fn check_source(network: &Network, data: &Data) -> Result<()> {
    if let Some(trained) = network.provenance.get("data") {
        ensure!(
            trained == data.source(),
            "the network was trained on data with SHA-256 {trained}, the data given has {}; choose it by --data",
            data.source()
        );
    }
    Ok(())
}

/// Packs with the first `calibration` images of the data that the network was trained on.
pub fn pack_network(
    mut network: Network,
    config: &Config,
    data: &Data,
    calibration: usize,
    options: &PackOptions,
    command: String,
) -> Result<Packed> {
    check_source(&network, data)?;
    let inputs = calibration_images(&network, data, calibration)?;
    network.provenance = provenance::of_image(&network.provenance, command);
    pack_shown(&network, config, &inputs, options)
}

/// The first `calibration` training images.
pub fn calibration_images<'a>(
    network: &Network,
    data: &'a Data,
    calibration: usize,
) -> Result<Vec<&'a [u8]>> {
    let (got, expected) = (data.train().shape, network.input);
    ensure!(
        got == expected,
        "the data has images of {} x {} x {}, expected {} x {} x {}: the network takes no others; choose other data, \
         or inputs that calibrate: `thresh import` takes --calibrate random, or --calibrate FILE",
        got.width,
        got.height,
        got.channels,
        expected.width,
        expected.height,
        expected.channels
    );
    let count = calibration.min(data.train().len());
    Ok((0..count).map(|index| data.train().image(index)).collect())
}

/// Packs, and shows how far it is.
pub fn pack_shown(
    network: &Network,
    config: &Config,
    inputs: &[&[u8]],
    options: &PackOptions,
) -> Result<Packed> {
    let steps = bars::Packing::new();
    Ok(pack_with(network, config, inputs, options, &|step| {
        steps.at(step)
    })?)
}

/// Writes an image and prints its plan.
pub fn save_plan(
    packed: &Packed,
    config: &Config,
    inputs: &[&[u8]],
    passes: bool,
    path: &Path,
    extras: &Extras,
    output: &Output,
) -> Result<Verdict> {
    files::write(path, &packed.image.to_bytes()?)?;
    let (mut text, mut value) = plan::plan(packed, config, inputs, passes)?;
    extras.add_to(&mut value);
    let lines = extras.lines();
    if !lines.is_empty() {
        text = format!("{text}\n\n{}", facts(&lines));
    }
    output.result(text, &value)?;
    Ok(Verdict::Holds)
}

/// Writes an image and prints what it is.
pub fn save(
    image: &Image,
    config: &Config,
    path: &Path,
    extras: &Extras,
    output: &Output,
) -> Result<Verdict> {
    let bytes = image.to_bytes()?;
    files::write(path, &bytes)?;
    let sizes = image.sizes()?;
    let sum = |get: fn(&thresh_model::image::Size) -> u64| sizes.iter().map(get).sum::<u64>();
    let (parameters, float) = (sum(|s| s.parameters), sum(|s| s.float_bytes()));
    let (nonzeros, padding) = (sum(|s| s.nonzeros), sum(|s| s.padding));
    let (copies, repeated) = (sum(|s| s.copies), sum(|s| s.repeated));
    let others = [
        (copies, "entries of copies and means"),
        (repeated, "entries loaded again for other windows"),
        (padding, "padding zeros"),
    ];
    let others = others
        .iter()
        .filter(|(count, what)| *count > 0 || *what == "padding zeros");
    let others: Vec<String> = others
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let times = ratio(float as f64, bytes.len() as f64);
    let mut lines = vec![
        ("image", format!("{} for {}", image.name, config.name)),
        (
            "size",
            format!(
                "{} bytes, {times:.1} times smaller than {float} bytes of float32",
                bytes.len()
            ),
        ),
        (
            "weights",
            format!(
                "{nonzeros} stored of {parameters} parameters, and {}",
                others.join(", ")
            ),
        ),
    ];
    lines.extend(extras.lines());
    lines.push(("saved as", path.display().to_string()));
    let mut value = json!({
        "image": image.name,
        "file": path.display().to_string(),
        "config": config.name,
        "bytes": bytes.len(),
        "float32_bytes": float,
        "ratio": times,
        "parameters": parameters,
        "nonzeros": nonzeros,
        "copies": copies,
        "repeated": repeated,
        "padding": padding,
        "provenance": image.provenance,
    });
    extras.add_to(&mut value);
    output.result(facts(&lines), &value)?;
    Ok(Verdict::Holds)
}
