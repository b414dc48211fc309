//! Deep Compression (Han, Mao, Dally, 1510.00149): pruning, weight sharing, tuning of the shared values.
//!
//! 1. `prune`: more and more weights of small magnitude are removed while the others are trained on ([`prune`]).
//! 2. `retrain`: the others are trained while the rate falls ([`retrain`]).
//! 3. `share`: k-means in each layer; every weight becomes a code ([`share`]).
//! 4. `fine-tune`: the shared values are trained, the codes stay ([`tune`]).
//!
//! The paper's Huffman coding is done by the packer.

pub mod prune;
pub mod retrain;
pub mod share;
pub mod tune;

use std::ops::ControlFlow;

use sha2::{Digest, Sha256};
use thresh_model::network::{Network, Weights};

use crate::{
    checkpoint::Identity,
    compact::Compact,
    data::{Data, hex},
    error::{Error, Result},
    method::Method,
    mlp::{self, Affine},
    options::{Options, invalid, options},
    progress::{EpochInfo, StageInfo},
    random::Purpose,
    run::{self, Context, Fall, Plan, Stage},
    train::check_loop,
};
use prune::Masked;
use retrain::Retrained;
use share::Shared;
use tune::Tuned;

options! {
    /// Options of [`DeepCompression`]. The defaults are recommended for LeNet-300-100 on MNIST.
    pub struct DeepCompressionOptions {
        /// Weights that stay in the whole network, where no densities are given.
        weights: usize = 3000,
        /// Share of the weights that stays in each layer; empty: the layers compete.
        densities: Vec<f64> = Vec::new(),
        /// How much a weight counts less where few share its input or neuron; 0: magnitude alone.
        structure: f64 = 2.0,
        /// Passes over the training images while weights are removed.
        prune_epochs: usize = 40,
        /// Rate while weights are removed.
        prune_rate: f64 = 0.1,
        /// Passes over the training images with the weights that are left.
        retrain_epochs: usize = 160,
        /// Rate of the first step of these; it falls to 0 along half a cosine.
        retrain_rate: f64 = 0.1,
        /// Pull of every weight towards 0 while pruning and retraining.
        decay: f64 = 0.0002,
        /// Shared values of each layer.
        codes: usize = 16,
        /// Passes over the training images while tuning shared values.
        tune_epochs: usize = 20,
        /// Rate of the first step of tuning; it falls to 0 along half a cosine.
        tune_rate: f64 = 0.003,
        /// Images of one step.
        batch: usize = 128,
        /// Share of the last step that the next one repeats.
        momentum: f64 = 0.9,
        /// Most pixels that an image is moved by, each way.
        shift: usize = 1,
        /// Where all random numbers come from.
        seed: u64 = 1,
    }
}

impl DeepCompressionOptions {
    fn check(&self, layers: &[Affine]) -> Result<()> {
        check_loop(self.batch, self.momentum)?;
        if !(1..=255).contains(&self.codes) {
            return Err(invalid("codes", self.codes, "1 to 255"));
        }
        let text = || self.list()[1].value.clone();
        if !self.densities.is_empty() && self.densities.len() != layers.len() {
            let expected = format!("one for each of {} layers", layers.len());
            return Err(invalid("densities", text(), &expected));
        }
        if self.densities.iter().any(|&density| density > 1.0) {
            return Err(invalid("densities", text(), "each 0 to 1"));
        }
        Ok(())
    }
}

/// The method `deep-compression`.
#[derive(Clone, Debug, Default)]
pub struct DeepCompression {
    /// Its options.
    pub options: DeepCompressionOptions,
}

impl Method for DeepCompression {
    fn name(&self) -> &'static str {
        "deep-compression"
    }

    fn describe(&self) -> &'static str {
        "Prune weights of small magnitude while training on, share the others by k-means, tune the shared values."
    }

    fn options(&self) -> &dyn Options {
        &self.options
    }

    fn options_mut(&mut self) -> &mut dyn Options {
        &mut self.options
    }

    fn run(&self, network: &Network, data: &Data, context: &mut Context<'_>) -> Result<Network> {
        let options = &self.options;
        let dense = mlp::layers_of(network)?;
        options.check(&dense)?;
        check_data(network, data)?;
        let identity = identity(options, network, &dense, data);
        let scale = network.input_scale;
        let before = mlp::accuracy(&dense, data.test(), scale, None);
        let plan = |purpose, epochs, rate, fall| Plan {
            purpose,
            seed: options.seed,
            epochs,
            batch: options.batch,
            rate,
            fall,
            shift: options.shift,
            input_scale: scale,
            inputs: None,
        };

        let mut pruning = Masked::new(dense, options);
        let mut how = plan(
            Purpose::Prune,
            options.prune_epochs,
            options.prune_rate,
            Fall::None,
        );
        run::run(&mut pruning, &how, data, identity.clone(), context)?;
        let pruned = Compact::new(&pruning.finish());

        how = plan(
            Purpose::Retrain,
            options.retrain_epochs,
            options.retrain_rate,
            Fall::Cosine,
        );
        how.inputs = Some(pruned.inputs());
        let mut retraining = Retrained::new(pruned.layers.clone(), options.momentum, options.decay);
        let after_prune = run::run(&mut retraining, &how, data, identity.clone(), context)?;
        let retrained = retraining.weights();

        let shared = retrained
            .iter()
            .map(|layer| Shared::new(layer, options.codes))
            .collect();
        let mut tuning = Tuned::new(&retrained, shared, options.momentum);
        let shared = tuning.weights();
        let after_share = mlp::accuracy(&shared, data.test(), scale, how.inputs);
        report_sharing(after_share, mlp::live_weights(&shared), context)?;

        how = plan(
            Purpose::FineTune,
            options.tune_epochs,
            options.tune_rate,
            Fall::Cosine,
        );
        how.inputs = Some(pruned.inputs());
        let after = run::run(&mut tuning, &how, data, identity, context)?;

        let mut result = network.clone();
        let tuned = tuning.finish();
        for (index, (layer, (shared, bias))) in result.layers.iter_mut().zip(tuned).enumerate() {
            let (inputs, outputs) = (layer.operator.inputs(), layer.operator.outputs());
            layer.weights = Weights::Shared {
                codebook: shared.codebook,
                codes: pruned.expand(index, &shared.codes, inputs, outputs),
            };
            layer.bias = pruned.expand_bias(index, &bias, outputs);
        }
        let mut note = |key: &str, value: String| result.provenance.insert(key.into(), value);
        note("command", context.command.clone());
        note("data", data.hash().to_string());
        note("seed", options.seed.to_string());
        note("method", self.name().into());
        note("deep-compression.options", options.line());
        note("deep-compression.accuracy.before", before.to_string());
        note("deep-compression.accuracy.prune", after_prune.to_string());
        note("deep-compression.accuracy.share", after_share.to_string());
        note("accuracy", after.to_string());
        Ok(result)
    }
}

/// Sharing is one step without epochs; it is reported as a stage of one.
fn report_sharing(accuracy: f64, weights: usize, context: &mut Context<'_>) -> Result<()> {
    let stage = "share";
    context.progress.stage(&StageInfo {
        stage,
        epochs: 1,
        steps: 1,
        resumed: 0,
    });
    let flow = context.progress.epoch(&EpochInfo {
        stage,
        epoch: 0,
        loss: 0.0,
        accuracy,
        weights,
    });
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Stopped { stage, epochs: 1 }),
    }
}

fn check_data(network: &Network, data: &Data) -> Result<()> {
    let outputs = network.layers.last().map_or(0, |layer| layer.bias.len());
    if network.input.len() != data.train().shape.len() || outputs < data.classes() {
        return Err(Error::Network {
            network: network.name.clone(),
            reason: format!(
                "it takes {} values to {outputs} classes; the data has {} values and {} classes",
                network.input.len(),
                data.train().shape.len(),
                data.classes()
            ),
        });
    }
    Ok(())
}

fn identity(
    options: &DeepCompressionOptions,
    network: &Network,
    layers: &[Affine],
    data: &Data,
) -> Identity {
    let mut hash = Sha256::new();
    hash.update(network.input_scale.to_le_bytes());
    for layer in layers {
        for value in mlp::values(&layer.weight)
            .iter()
            .chain(&mlp::values(&layer.bias))
        {
            hash.update(value.to_le_bytes());
        }
    }
    let mut identity: Identity = options
        .list()
        .into_iter()
        .map(|s| (s.name, s.value))
        .collect();
    identity.insert("data".into(), data.hash().into());
    identity.insert("network".into(), hex(&hash.finalize()));
    identity
}
