//! From a network to an image for one configuration.
//!
//! Layers become units, each of which is drained once (`unit`); weights become codes (`share`); what
//! cannot change an output is forgotten; ranges are measured and numbers become integers
//! (`calibrate`); output channels are dealt to PEs (`deal`); units are cut into passes that the
//! memories hold (`tile`); units that fit on the chip together run as one (`stretch`); columns are coded (`tables`) and everything gets its address (`emit`).

mod average;
mod calibrate;
pub(crate) mod deal;
mod emit;
mod pools;
mod ranges;
mod share;
mod slice;
mod stretch;
mod tables;
mod tile;
mod unit;

use crate::image::{Image, ImageError, Memory, Shortage};
use crate::network::{Network, NetworkError};
use emit::Misfit;
use thresh_regs::{CONFIGS, Config};

/// Choices of the packer.
#[derive(Clone, Debug, PartialEq)]
pub struct PackOptions {
    /// Share of calibration values, in percent, that an activation's range covers. 100, the default,
    /// covers all: with pruned networks a smaller one agrees with the float network less often
    /// (`cargo run --release -p thresh-model --example calibration` measures it).
    pub percentile: f64,
    /// Whether the image carries the network's provenance.
    pub provenance: bool,
    /// What does not stay on the chip is cut so small that two runs have room beside each other: one
    /// can be loaded while the other runs. Only where the engine can do that.
    pub overlap: bool,
}

impl Default for PackOptions {
    fn default() -> Self {
        PackOptions {
            percentile: 100.0,
            provenance: true,
            overlap: false,
        }
    }
}

/// Why a network cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The network is not sound.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The packed image would not be sound.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// Nothing to calibrate with, and a layer whose range the network does not say.
    #[error(
        "got no calibration inputs, expected at least one: the range of layer {layer} is measured on them, since the network does not say it; give some (`--calibrate`)"
    )]
    NoCalibration {
        /// Name of the first such layer.
        layer: String,
    },
    /// Too many weights to share.
    #[error(
        "layer {layer} has {got} distinct non-zero weights, a codebook holds {limit}; share them: `thresh pack --bits 8 --config NAME NETWORK.safetensors -o IMAGE.thresh`, or --bits 8 of `thresh import` and `thresh report`"
    )]
    Codebook {
        /// Name of the layer.
        layer: String,
        /// Distinct weights.
        got: usize,
        /// Most that there may be.
        limit: usize,
    },
    /// Something that no pass of the configuration does.
    #[error("layer {layer} cannot run on configuration {config}: {what}; {}", hint(.others, .advice))]
    Unsupported {
        /// Name of the layer.
        layer: String,
        /// Name of the configuration.
        config: String,
        /// What it is.
        what: &'static str,
        /// Configurations that would run the network.
        others: Vec<&'static str>,
        /// What helps where there is none.
        advice: &'static str,
    },
    /// Numbers out of reach of the arithmetic.
    #[error(
        "layer {layer}: no requantising shift from 1 to 31 keeps {what} in range; rescale the layer or calibrate with other inputs"
    )]
    Range {
        /// Name of the layer.
        layer: String,
        /// What would overflow.
        what: &'static str,
    },
    /// Too large.
    #[error("layer {layer} does not fit configuration {config}: {shortage}; {}", hint(.others, advice(.shortage.memory)))]
    TooLarge {
        /// Name of the layer.
        layer: String,
        /// Name of the configuration.
        config: String,
        /// What is missing.
        shortage: Shortage,
        /// Configurations that would hold the network.
        others: Vec<&'static str>,
    },
}

fn hint(others: &[&'static str], advice: &str) -> String {
    match (others, advice) {
        ([], "") => "no configuration runs this network".into(),
        ([], advice) => format!("no configuration runs this network; {advice}"),
        _ => format!("it would fit {}", others.join(", ")),
    }
}

/// What helps where a memory of every configuration is too small.
fn advice(memory: Memory) -> &'static str {
    match memory {
        Memory::WeightStore => "prune it further, so that fewer weights are left",
        Memory::Columns => "prune it further, so that fewer of its input channels are left",
        Memory::Rows => "prune it further, so that fewer of its output channels are left",
        Memory::Activations | Memory::Accumulators | Memory::Tables => {
            "train it with a smaller pool window behind this layer, or a smaller stride"
        }
        Memory::Codebook => "share its weights among fewer values",
        Memory::Passes => "train it with fewer layers",
    }
}

/// What the packer is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Runs the float network on calibration inputs: how many are done, and how many there are.
    Calibrate(usize, usize),
    /// Cuts units into passes: how many are done, and how many there are. With [`PackOptions::overlap`] a second round begins when not
    /// everything stays on the chip.
    Cut(usize, usize),
    /// Codes and checks the passes, of which there are so many.
    Code(usize),
}

/// A packed network, with what an image does not hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Packed {
    /// The image.
    pub image: Image,
    /// Name of every layer of the image. The packer joins and adds layers, so that they are not those of
    /// the network.
    pub layers: Vec<String>,
}

/// Packs `network` for `config`. `calibration` inputs, `network.input.len()` bytes each, set the
/// range of every hidden activation; a range that the network says ([`Layer::range`](crate::network::Layer::range)) limits it, and takes
/// its place where there are no inputs.
///
/// # Errors
/// See [`PackError`].
pub fn pack(
    network: &Network,
    config: &Config,
    calibration: &[&[u8]],
    options: &PackOptions,
) -> Result<Image, PackError> {
    let packed = pack_with(network, config, calibration, options, &|_| {})?;
    Ok(packed.image)
}

/// As [`pack`], with the names of the layers; `progress` is told what is being done.
///
/// # Errors
/// See [`PackError`].
pub fn pack_with(
    network: &Network,
    config: &Config,
    calibration: &[&[u8]],
    options: &PackOptions,
    progress: &dyn Fn(Step),
) -> Result<Packed, PackError> {
    network.check()?;
    if let Some(input) = calibration
        .iter()
        .find(|input| input.len() != network.input.len())
    {
        let what = "a calibration input has one byte for every value of the network's input shape";
        let (got, expected) = (input.len(), network.input.len());
        return Err(ImageError::DataLength {
            what,
            unit: "bytes",
            got,
            expected,
        }
        .into());
    }
    let mut units = unit::units(network)?;
    unit::trim(&mut units);
    let measured = calibrate::measure(network, &units, calibration, options.percentile, progress)?;
    let quantised = calibrate::quantise(
        &units,
        network.input_scale,
        &measured.ranges,
        config.act_bits,
    )?;
    let job = emit::Job {
        network,
        units: &units,
        quantised: &quantised,
        activity: &measured.activity,
        options,
        progress,
    };
    let others = || {
        let fits = |other: &&Config| {
            other.feature.is_none() && other.name != config.name && job.takes(other)
        };
        CONFIGS
            .iter()
            .filter(fits)
            .map(|other| other.name)
            .collect()
    };
    let layer = |unit: usize| units[unit].name.clone();
    let image = job.emit(config).map_err(|misfit| match misfit {
        Misfit::Image(error) => error.into(),
        Misfit::Unit(unit, refusal) => PackError::Unsupported {
            layer: layer(unit),
            config: config.name.into(),
            what: refusal.what,
            advice: refusal.advice,
            others: others(),
        },
        Misfit::Memory(unit, shortage) => PackError::TooLarge {
            layer: layer(unit),
            config: config.name.into(),
            shortage,
            others: others(),
        },
    })?;
    Ok(Packed {
        image,
        layers: units.into_iter().map(|unit| unit.name).collect(),
    })
}

#[cfg(test)]
mod tests;
