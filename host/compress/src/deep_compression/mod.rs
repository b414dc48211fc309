//! Deep Compression (Han, Mao, Dally, 1510.00149): pruning, weight sharing, tuning of the shared values.
//!
//! 1. `prune`: more and more weights of small magnitude are removed while the others are trained on ([`prune`]).
//! 2. `retrain`: the others are trained while the rate falls ([`retrain`]).
//! 3. `share-train`: weights are trained while each is used as the shared value that stands for it ([`rate`]); 0 epochs unless asked for.
//! 4. `share`: k-means in each layer; every weight becomes a code ([`share`]).
//! 5. `fine-tune`: the shared values are trained, the codes stay ([`tune`]).
//!
//! The paper's Huffman coding is done by the packer.

mod balance;
mod cut;
mod grid;
pub mod prune;
pub mod rate;
pub mod retrain;
pub mod share;
pub mod tune;

use std::ops::ControlFlow;

use sha2::{Digest, Sha256};
use thresh_model::network::{Activation, Head, Layer, Network, Operator, Weights};

use crate::{
    amount::Amount,
    checkpoint::Identity,
    compact::Compact,
    data::{Data, hex},
    error::{Error, Result},
    guard::Guard,
    history::{EpochRecord, Histogram, Recorder},
    method::{Method, check_not_hashed, note_made},
    net::{self, Affine, Net},
    options::{Options, Value, invalid, options},
    progress::{EpochInfo, StageInfo},
    random::Purpose,
    run::{self, Context, Fall, Plan, Stage},
    train::{check_data, check_loop, description},
};
use prune::Masked;
use rate::Sharing;
use retrain::Retrained;
use tune::Tuned;

/// PEs of the largest engine.
const MOST_PES: usize = 64;

options! {
    /// Options of [`DeepCompression`]. The defaults are recommended for LeNet-300-100 on MNIST.
    pub struct DeepCompressionOptions {
        /// Weights that stay in the whole network, a number or a share (10%), where no densities are given.
        weights: Amount = Amount::Weights(3000),
        /// Share of the weights that stays in each layer; empty: the layers compete.
        densities: Vec<f64> = Vec::new(),
        /// How much a weight counts less where few share its input or neuron; 0: magnitude alone.
        structure: f64 = 2.0,
        /// Bits that a weight counts for, beside those it takes, at each position where it is multiplied; structure must not be 0.
        mac_price: f64 = 0.0,
        /// PEs of which each keeps equally many weights of a layer; 0: as it comes.
        balance: usize = 0,
        /// Share of the weights of a layer that may come back by their gradients, while pruning begins; 0: what is removed stays so.
        regrow: f64 = 0.0,
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
        /// Shared values of each layer, or one number for all layers.
        codes: Vec<usize> = vec![16],
        /// What the bits of codes count for beside the error of sharing; 0: nothing, 1: as much as at the error that k-means makes.
        code_price: f64 = 0.0,
        /// Passes over the training images while weights are trained as they are shared.
        share_epochs: usize = 0,
        /// Rate of the first step of these; it falls to 0 along half a cosine.
        share_rate: f64 = 0.01,
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
        let expected = format!("one for each of {} layers with weights", layers.len());
        let wrong = |name, value, expected: &str| Err(invalid(name, value, expected));
        let codes = self.codes.show();
        if self.codes.len() != 1 && self.codes.len() != layers.len() {
            return wrong("codes", codes, &format!("one number, or {expected}"));
        }
        if self.codes.iter().any(|codes| !(1..=255).contains(codes)) {
            return wrong("codes", codes, "each 1 to 255");
        }
        if self.weights == Amount::Weights(0) && self.densities.is_empty() {
            return wrong("weights", "0".into(), "at least 1");
        }
        let densities = self.densities.show();
        if !self.densities.is_empty() && self.densities.len() != layers.len() {
            return wrong("densities", densities, &expected);
        }
        if self.balance > MOST_PES {
            return wrong("balance", self.balance.show(), "0 to 64");
        }
        if self.regrow > 0.5 {
            return wrong("regrow", self.regrow.show(), "0 to 0.5");
        }
        if self.densities.iter().any(|&density| density > 1.0) {
            return wrong("densities", densities, "each 0 to 1");
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
        let net = Net::new(network)?;
        let dense = net::layers_of(network);
        check_data(network, data)?;
        check_not_hashed(network, self.name())?;
        data.check_measurable()?;
        options.check(&dense)?;
        let identity = identity(options, network, &dense, data);
        let until = |stage: &str| until(&identity, stage);
        let before = net.accuracy(&dense, data.test());
        let plan = |net, purpose, epochs, rate, fall| Plan {
            net,
            purpose,
            seed: options.seed,
            epochs,
            batch: options.batch,
            rate,
            fall,
            shift: options.shift,
            guard: Guard::of(network),
        };

        let mut pruning = Masked::new(&net, dense, options);
        let how = plan(
            &net,
            Purpose::Prune,
            options.prune_epochs,
            options.prune_rate,
            Fall::None,
        );
        run::run(&mut pruning, &how, data, until("prune"), context)?;
        let pruned = Compact::new(&net, &pruning.finish());
        let small = net.reading(pruned.inputs());

        let how = plan(
            &small,
            Purpose::Retrain,
            options.retrain_epochs,
            options.retrain_rate,
            Fall::Cosine,
        );
        let mut retraining = Retrained::new(pruned.layers.clone(), options.momentum, options.decay);
        let after_prune = run::run(&mut retraining, &how, data, until("retrain"), context)?;
        let retrained = retraining.weights();

        let mut sharing = Sharing::new(&retrained, options);
        if options.share_epochs > 0 {
            let how = plan(
                &small,
                Purpose::Share,
                options.share_epochs,
                options.share_rate,
                Fall::Cosine,
            );
            run::run(&mut sharing, &how, data, until("share"), context)?;
        }
        let (retrained, shared) = sharing.finish();
        let mut tuning = Tuned::new(&retrained, shared, options.momentum);
        let shared = tuning.weights();
        let after_share = small.accuracy(&shared, data.test());
        report_sharing(
            after_share,
            data.guess(),
            &retrained,
            &shared,
            &until("share"),
            context,
        )?;

        let how = plan(
            &small,
            Purpose::FineTune,
            options.tune_epochs,
            options.tune_rate,
            Fall::Cosine,
        );
        let after = run::run(&mut tuning, &how, data, until("tune"), context)?;

        let mut result = network.clone();
        let tuned = tuning.finish();
        let layers = net::weighted(&mut result).zip(net.sizes()).zip(tuned);
        for (index, ((layer, (inputs, outputs)), (shared, bias))) in layers.enumerate() {
            layer.weights = Weights::Shared {
                codebook: shared.codebook,
                codes: pruned.expand(index, &shared.codes, inputs, outputs),
            };
            layer.bias = pruned.expand_bias(index, &bias, outputs);
        }
        note_made(&mut result, self, options.seed, after, data, context);
        let mut note = |key: &str, value: String| result.provenance.insert(key.into(), value);
        note("deep-compression.accuracy.before", before.to_string());
        note("deep-compression.accuracy.prune", after_prune.to_string());
        note("deep-compression.accuracy.share", after_share.to_string());
        Ok(result)
    }
}

/// Sharing is one step without epochs; it is reported as a stage of one.
fn report_sharing(
    accuracy: f64,
    guess: f64,
    before: &[Affine],
    after: &[Affine],
    identity: &Identity,
    context: &mut Context<'_>,
) -> Result<()> {
    let stage = "share";
    let weights = net::live_weights(after);
    let mut recorder = Recorder::begin(context.folder.as_deref(), stage, identity, 1)?;
    let histogram = |layer: &Affine| Histogram::new(&net::values(&layer.weight));
    recorder.unshared(before.iter().map(histogram).collect());
    recorder.epoch(EpochRecord {
        epoch: 0,
        loss: None,
        accuracy,
        weights,
    })?;
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
        guess,
    });
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Stopped { stage, epochs: 1 }),
    }
}

/// The options that no stage before theirs depends on, by the beginnings of their names, in the order of the stages.
const STAGES: [(&str, &[&str]); 4] = [
    ("prune", &["prune-"]),
    ("retrain", &["retrain-"]),
    ("share", &["codes", "code-price", "share-"]),
    ("tune", &["tune-"]),
];

/// What a checkpoint of `stage` belongs to: nothing of the stages behind it.
fn until(identity: &Identity, stage: &str) -> Identity {
    let mut later = STAGES.iter().skip_while(|(name, _)| *name != stage).skip(1);
    let later: Vec<&str> = later
        .by_ref()
        .flat_map(|(_, names)| names.iter().copied())
        .collect();
    let mut identity = identity.clone();
    identity.retain(|key, _| !later.iter().any(|name| key.starts_with(name)));
    identity
}

fn identity(
    options: &DeepCompressionOptions,
    network: &Network,
    layers: &[Affine],
    data: &Data,
) -> Identity {
    let mut hash = Sha256::new();
    hash.update(network.input_scale.to_le_bytes());
    let last = network.layers.len() - 1;
    let plain = |(index, layer): (usize, &Layer)| {
        let dense = matches!(layer.operator, Operator::Dense { .. });
        let activation = match index < last {
            true => Activation::Relu,
            false => Activation::None,
        };
        dense && layer.inputs == [index] && layer.activation == activation
    };
    // All of a network of fully connected layers with ReLU between them follows from its weights.
    let plain = network.layers.iter().enumerate().all(plain);
    if !plain || !network.frame.is_empty() || network.head == Head::Sigmoid {
        hash.update(description(network));
    }
    for layer in layers {
        for value in net::values(&layer.weight)
            .iter()
            .chain(&net::values(&layer.bias))
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
