//! One trial: compress, pack, measure.

use std::path::Path;

use thresh_model::{
    Dataset, Image, Network, PackError, PackOptions, Reference, cycles, image::ImageError,
    pack::pack,
};
use thresh_regs::Config;

use super::{Measured, Packed};
use crate::{
    data::Data,
    deep_compression::{DeepCompression, DeepCompressionOptions},
    error::{Error, Result},
    method::Method,
    progress::Progress,
    run::Context,
    train::accuracy,
};

/// What all trials of a search share.
#[derive(Clone, Copy, Debug)]
pub struct Trials<'a> {
    /// The network before compression; every trial begins with it, so that a trial's result is that of an ordinary
    /// run with its number of weights.
    pub network: &'a Network,
    /// What to learn from and, in the place of the test images, what to choose by.
    pub data: &'a Data,
    /// Options of each trial but `weights`.
    pub options: &'a DeepCompressionOptions,
    /// The engine that is to run it.
    pub config: &'static Config,
    /// Training images that calibrate, the first ones.
    pub calibration: usize,
    /// Held-out images that cycles are the mean of, the first ones.
    pub cycle_images: usize,
    /// Where each trial has a folder of its own for its checkpoints, named by its number of weights.
    pub folder: &'a Path,
}

impl Trials<'_> {
    /// Compresses to `weights`, packs, measures. A trial that was interrupted goes on where it was.
    ///
    /// # Errors
    ///
    /// As [`Method::run`], and if the network cannot be packed for another reason than its size.
    pub fn run(
        &self,
        weights: usize,
        command: String,
        progress: &mut dyn Progress,
    ) -> Result<(Measured, Network)> {
        let method = DeepCompression {
            options: DeepCompressionOptions {
                weights: weights.into(),
                ..self.options.clone()
            },
        };
        let mut context = Context {
            folder: Some(self.folder.join(weights.to_string())),
            command,
            progress,
        };
        let network = method.run(self.network, self.data, &mut context)?;
        let (accuracy, packed) = match self.pack(&network)? {
            Some(image) => {
                let reference = Reference::new(&image)?;
                let packed = Packed {
                    bytes: image.to_bytes()?.len() as u64,
                    cycles: self.cycles(&reference)?,
                };
                (
                    packed_accuracy(&reference, self.data.test(), &|| ())?,
                    Some(packed),
                )
            }
            None => (accuracy(&network, self.data.test())?, None),
        };
        let measured = Measured {
            weights,
            nonzeros: network.nonzeros(),
            accuracy,
            packed,
        };
        Ok((measured, network))
    }

    /// The image of `network` without its provenance; none if the configuration does not hold it.
    ///
    /// # Errors
    ///
    /// If it cannot be packed for another reason.
    pub fn pack(&self, network: &Network) -> Result<Option<Image>> {
        let count = self.calibration.min(self.data.train().len());
        let inputs: Vec<&[u8]> = (0..count).map(|i| self.data.train().image(i)).collect();
        let options = PackOptions {
            provenance: false,
            ..PackOptions::default()
        };
        match pack(network, self.config, &inputs, &options) {
            Ok(image) => Ok(Some(image)),
            Err(PackError::TooLarge { .. }) => Ok(None),
            Err(error) => Err(Error::Pack(Box::new(error))),
        }
    }

    fn cycles(&self, reference: &Reference) -> Result<f64> {
        let images = self.cycle_images.clamp(1, self.data.test().len());
        let mut sum = 0;
        for index in 0..images {
            let passes = cycles::predict(self.config, reference, self.data.test().image(index))?;
            sum += passes.iter().map(cycles::PassCycles::total).sum::<u64>();
        }
        Ok(sum as f64 / images as f64)
    }
}

/// Share of the images of `set` that a packed network classifies rightly, on the bit-exact reference, one thread a
/// processor. `done` is called for each image.
///
/// # Errors
///
/// If the images have another length than the input.
pub fn packed_accuracy(
    reference: &Reference,
    set: &Dataset,
    done: &(dyn Fn() + Sync),
) -> Result<f64> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let part = |from: usize| -> std::result::Result<usize, ImageError> {
        let mut right = 0;
        for index in (from..set.len()).step_by(threads) {
            let run = reference.run(set.image(index))?;
            let class = reference.image().class(&run.logits);
            right += usize::from(class == usize::from(set.labels[index]));
            done();
        }
        Ok(right)
    };
    let part = &part;
    let parts: Vec<_> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|from| scope.spawn(move || part(from)))
            .collect();
        let joined = handles.into_iter().map(|handle| handle.join());
        joined
            .map(|result| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let mut right = 0;
    for part in parts {
        right += part?;
    }
    Ok(right as f64 / set.len().max(1) as f64)
}
