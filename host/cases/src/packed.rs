//! A network as an image, as `thresh import --bits 8 --config ulx3s-85f --calibrate` makes it, and as the engine runs it.

use anyhow::{Context, Result};
use thresh_compress::{PostTraining, Statistics, compress_with, equalise};
use thresh_model::{Network, PackOptions, Reference, pack};
use thresh_regs::Config;

/// The board that cases are packed for.
pub const BOARD: &str = "ulx3s-85f";

/// An image that runs.
pub struct Packed {
    reference: Reference,
    scale: f32,
}

impl Packed {
    /// Brings channels to one range, shares weights among 255 values a layer, and packs; `inputs` calibrate.
    ///
    /// # Errors
    /// If the network cannot be compressed or packed.
    pub fn new(network: &Network, inputs: &[Vec<u8>]) -> Result<Packed> {
        let config = Config::named(BOARD).context(BOARD)?;
        let inputs: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
        let mut network = network.clone();
        let mut statistics = Statistics::measured(&network, &inputs);
        equalise(&mut network, &mut statistics);
        let options = PostTraining {
            bits: Some(8),
            ..PostTraining::default()
        };
        let network = compress_with(&network, &options, &statistics)?;
        let image = pack::pack(&network, config, &inputs, &PackOptions::default())?;
        Ok(Packed {
            scale: image.logit_scale,
            reference: Reference::new(&image)?,
        })
    }

    /// The outputs for an input, as real numbers.
    ///
    /// # Errors
    /// If the input has another length.
    pub fn logits(&self, input: &[u8]) -> Result<Vec<f32>> {
        let outputs = self.reference.run(input)?;
        let real = |&value: &i32| value as f32 * self.scale;
        Ok(outputs.logits.iter().map(real).collect())
    }
}
