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
mod share;
mod slice;
mod stretch;
mod tables;
mod tile;
mod unit;

use crate::image::{Image, ImageError, Shortage};
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
    /// Nothing to calibrate with.
    #[error(
        "got no calibration inputs, expected at least one; activation ranges are measured on them"
    )]
    NoCalibration,
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
    #[error("layer {layer} cannot run on configuration {config}: {what}; {}", hint(.others))]
    Unsupported {
        /// Name of the layer.
        layer: String,
        /// Name of the configuration.
        config: String,
        /// What it is.
        what: &'static str,
        /// Configurations that would run the network.
        others: Vec<&'static str>,
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
    #[error("layer {layer} does not fit configuration {config}: {shortage}; {}", hint(.others))]
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

fn hint(others: &[&'static str]) -> String {
    match others {
        [] => "no configuration holds this network: prune it further".into(),
        _ => format!("it would fit {}", others.join(", ")),
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
/// range of every hidden activation.
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
    if calibration.is_empty() {
        return Err(PackError::NoCalibration);
    }
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
    let measured = calibrate::measure(network, &units, calibration, options.percentile, progress);
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
            other.feature.is_none() && other.name != config.name && job.emit(other).is_ok()
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
        Misfit::Unit(unit, what) => PackError::Unsupported {
            layer: layer(unit),
            config: config.name.into(),
            what,
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
