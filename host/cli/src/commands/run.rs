//! `thresh run`.

use crate::data::{DataArgs, HoldOut, Wanted};
use crate::device::{self, Spec};
use crate::input::{self, Input};
use crate::output::{Output, Verdict, percent};
use crate::overwrite::Paths;
use crate::target::AnyDevice;
use crate::{draw, files, target};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::path::PathBuf;
use thresh_model::{Image, Reference};
use thresh_regs::Config;

/// Run inputs through a network.
///
/// On a device, simulated or real, every logit is compared with the bit-exact reference as well.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thresh run net.thresh digit.png               a picture of the network's input size
  thresh run net.thresh --invert scan.png       black on white
  thresh run net.thresh --digit 0 --digit 7     of the MNIST test set
  thresh run net.thresh --digit 0 --device uart:/dev/ttyUSB1
  thresh run net.thresh --digit 0 --device pcie:
  thresh run net.thresh .data/mnist/train-images.idx3-ubyte:42 --on reference --json")]
pub struct Run {
    /// The image.
    #[arg(value_name = "IMAGE.thresh")]
    image: PathBuf,
    /// A picture (PNG or JPEG), or IDX-FILE:INDEX, or FILE.npy:INDEX (uint8 or int8, [count, height, width, channels] or [count,
    /// channels, height, width], see --layout).
    #[arg(value_name = "INPUT", required_unless_present = "digit")]
    inputs: Vec<String>,
    /// An image of the test set, by its index.
    #[arg(long, value_name = "INDEX")]
    digit: Vec<usize>,
    #[command(flatten)]
    data: DataArgs,
    /// Measure on the last COUNT training images, or SHARE% of them, in the place of the test images.
    #[arg(long, value_name = "COUNT|SHARE%")]
    hold_out: Option<HoldOut>,
    /// Turn black to white and white to black in the INPUTs, not in images of --digit.
    #[arg(long)]
    invert: bool,
    /// What computes.
    #[arg(long, value_enum, default_value_t)]
    on: BackEnd,
    /// The device: virtual, or a board as uart:PORT, uart:PORT,BAUD or pcie:PLACE (docs/uart.md, docs/pcie.md).
    #[arg(long, value_name = "DEVICE", default_value = device::VIRTUAL, value_parser = device::parse)]
    device: Spec,
    /// The engine of the virtual device [default: the first that holds the image].
    #[arg(long, value_name = "NAME", value_parser = target::config_parser())]
    config: Option<&'static Config>,
    /// Draw the inputs even if stdout is no terminal.
    #[arg(long)]
    draw: bool,
}

/// What computes an inference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum BackEnd {
    /// The engine of the device.
    #[default]
    #[value(alias = "virtual")]
    Engine,
    /// The bit-exact model in software.
    Reference,
}

impl Paths for Run {
    fn reads(&self) -> Vec<PathBuf> {
        let inputs = self.inputs.iter().flat_map(|text| input::paths(text));
        let mut paths: Vec<PathBuf> = inputs.collect();
        paths.extend(self.data.paths());
        paths.push(self.image.clone());
        paths
    }

    fn writes(&self) -> Vec<PathBuf> {
        vec![]
    }
}

impl Run {
    pub fn run(self, output: &Output) -> Result<Verdict> {
        let image = files::image(&self.image)?;
        let spec = match self.on {
            BackEnd::Engine => &self.device,
            BackEnd::Reference => &Spec::Virtual,
        };
        let config = target::config_on(spec, &image, self.config)
            .with_context(|| self.image.display().to_string())?;
        let inputs = self.read_inputs(&image)?;
        let reference = Reference::new(&image)?;
        let mut device = match self.on {
            BackEnd::Engine => Some(target::open(spec, config, &image)?),
            BackEnd::Reference => None,
        };
        let mut values = Vec::new();
        let mut equal = true;
        for input in &inputs {
            if self.draw || output.is_terminal() {
                output.text(draw::picture(image.input, &input.bytes).join("\n"))?;
            }
            let (text, value, same) = infer(&image, &reference, device.as_mut(), input)
                .with_context(|| input.name.clone())?;
            output.text(text)?;
            values.push(value);
            equal &= same;
        }
        let on = device.as_ref().map_or("reference", |_| config.name);
        let over = device.as_ref().map(|_| spec.name());
        if output.is_json() {
            output.result(
                "",
                &json!({"image": image.name, "on": on, "device": over, "inferences": values}),
            )?;
        }
        Ok(Verdict::of(equal))
    }

    fn read_inputs(&self, image: &Image) -> Result<Vec<Input>> {
        let mut inputs: Vec<Input> = self
            .inputs
            .iter()
            .map(|text| input::read(text, image.input, self.data.layout, self.invert))
            .collect::<Result<_>>()?;
        if !self.digit.is_empty() {
            let name = self.data.name();
            let data = self.data.test(&Wanted::by_image(image), self.hold_out)?;
            for &index in &self.digit {
                inputs.push(input::of_data(&format!("{name} test image"), &data, index)?);
            }
        }
        Ok(inputs)
    }
}

/// One inference as text and as JSON, and whether engine and reference agree.
fn infer(
    image: &Image,
    reference: &Reference,
    device: Option<&mut AnyDevice>,
    input: &Input,
) -> Result<(String, Value, bool)> {
    let expected = reference.run(&input.bytes)?;
    let clocked = |device: &mut AnyDevice| -> Result<_> {
        let start = device.transport_mut().cycles();
        let inference = device.run(&input.bytes)?;
        let end = device.transport_mut().cycles();
        Ok((inference, end.zip(start).map(|(end, start)| end - start)))
    };
    let (measured, clocked) = device.map(clocked).transpose()?.unzip();
    let clocked: Option<u64> = clocked.flatten();
    let logits = measured
        .as_ref()
        .map_or(&expected.logits, |inference| &inference.logits);
    let class = image.class(logits);
    let same = *logits == expected.logits;
    let probabilities = image.probabilities(logits);
    let real: Vec<f64> = logits
        .iter()
        .map(|&v| f64::from(v) * f64::from(image.logit_scale))
        .collect();

    let mut text = format!("{}: {}", input.name, image.label(class));
    if let Some(label) = input.label {
        let mark = if label == class { "right" } else { "wrong" };
        text.push_str(&format!(" ({mark}: it is {})", image.label(label)));
    }
    text.push_str(&outputs(image, logits, probabilities.as_deref()));
    let mut value = json!({
        "input": input.name,
        "answer": image.label(class),
        "class": class,
        "label": input.label,
        "logits": logits,
        "values": real,
        "probabilities": probabilities,
    });
    match &measured {
        Some(inference) => {
            let counters = &inference.counters;
            text.push_str(&format!(
                "\n  {} cycles, {} MACs",
                counters.cycles, counters.macs
            ));
            if let (Some(clocked), false) = (clocked, image.is_resident()) {
                text.push_str(&format!(
                    "\n  {clocked} cycles with loads and transfers between runs, over a bus that never waits"
                ));
            }
            value["cycles_with_transfers"] = json!(clocked);
            value["counters"] = counters
                .list()
                .into_iter()
                .map(|(n, v)| (n.to_string(), json!(v)))
                .collect();
            value["matches_reference"] = json!(same);
            if !same {
                text.push_str(&format!(
                    "\n  MISMATCH: the reference says {:?}",
                    expected.logits
                ));
                value["reference_logits"] = json!(expected.logits);
            }
        }
        None => {
            let macs: u64 = expected.macs.iter().sum();
            text.push_str(&format!("\n  {macs} MACs"));
            value["macs"] = json!(macs);
        }
    }
    Ok((text, value, same))
}

/// A line for each logit, with the probability of its class where the model had some; one output of a sigmoid has a line more,
/// for the class that it does not stand for.
fn outputs(image: &Image, logits: &[i32], probabilities: Option<&[f32]>) -> String {
    // The second of two classes is the one whose logit there is.
    let classes = image.head.classes(logits.len());
    let first = classes - logits.len();
    let line = |class: usize| {
        let mut line = format!("\n  {:>12}", image.label(class));
        match class.checked_sub(first).map(|output| logits[output]) {
            Some(logit) => {
                let real = f64::from(logit) * f64::from(image.logit_scale);
                line += &format!(" {logit:>11} {real:>9.3}");
            }
            None => line += &" ".repeat(22),
        }
        if let Some(probabilities) = probabilities {
            line += &format!(" {:>9}", percent(probabilities[class].into()));
        }
        line
    };
    (0..classes).map(line).collect()
}
