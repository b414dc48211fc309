//! Pruning and weight sharing without data: nothing is retrained.
//!
//! For networks that come trained from elsewhere. It loses more accuracy than a [`Method`](crate::Method) that trains,
//! but takes every kind of layer and only seconds.

mod bias;
mod cost;
mod feedback;
mod prune;
mod share;

use thresh_model::network::{Layer, Network, Weights};

use crate::{error::Result, net::scales, options::invalid, statistics::Statistics};
use prune::Threshold;

pub(crate) use prune::prune_pool;
pub(crate) use share::shared_pool;

/// Most bits of a code; code 0 is a pruned weight.
const MOST_BITS: u32 = 8;

/// What is done to a network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PostTraining {
    /// Share of the weights that stays, those of largest magnitude, 0 to 1: one for all layers, or one for each layer
    /// that is pruned. Nothing is pruned where there is none. A layer that only scales channels is never pruned.
    pub keep: Vec<f64>,
    /// Whether the one share of `keep` is that of all weights together, so that layers of small weights lose more.
    pub global: bool,
    /// Bits of a code, 1 to 8: a layer gets at most `2^bits - 1` shared values by k-means. None: weights stay floats.
    pub bits: Option<u32>,
}

/// The network with `options` applied; layers without weights stay as they are. Without inputs the biases of the first layer alone are corrected, and only
/// where the network says the mean of its input; see [`compress_with`].
///
/// # Errors
///
/// If an option is impossible, the number of shares is not that of the layers that are pruned, or the network is not
/// sound.
pub fn compress_after_training(network: &Network, options: &PostTraining) -> Result<Network> {
    network.check()?;
    compress_with(network, options, &Statistics::estimated(network))
}

/// As [`compress_after_training`], with what is known of the network's values. Shared values are chosen by what an error of each weight costs at the
/// outputs: the variance of what it multiplies, times the gain from its sum to the outputs. Where inputs were measured, weights take up what those
/// before them lose, as far as their inputs go together. What the other weights make of the *mean* of their inputs goes into the biases.
///
/// # Errors
///
/// As [`compress_after_training`].
pub fn compress_with(
    network: &Network,
    options: &PostTraining,
    statistics: &Statistics,
) -> Result<Network> {
    network.check()?;
    options.check()?;
    let mut small = network.clone();
    prune(&mut small, options)?;
    let statistics = match statistics.inputs() {
        0 => statistics.with_input_mean(network),
        _ => statistics.clone(),
    };
    let gains = cost::gains(network);
    for index in 0..network.layers.len() {
        let before = &network.layers[index];
        if before.weights.is_empty() {
            continue;
        }
        let weights = &small.layers[index].weights;
        let values = weights.stored().to_dense();
        let most = options.bits.map(|bits| (1 << bits) - 1);
        let settled = match (weights, most) {
            (Weights::Hashed(_), Some(most)) => shared_pool(&values, most),
            (weights, None) => weights.stored().clone(),
            (_, Some(most)) => {
                let costs = cost::costs(network, before, &gains[index + 1], &statistics);
                share::shared(&values, &costs, most)
            }
        };
        let settled = match weights {
            Weights::Hashed(_) => weights.with_stored(settled),
            _ => fed_back(before, settled, &statistics),
        };
        small.layers[index].weights = settled;
        if small.layers[index].weights != before.weights {
            let old = before.weights.to_dense();
            // What is fed back has taken care of the frame.
            if statistics.inputs() == 0 {
                bias::mark(&mut small, index, &old);
            }
            bias::correct(&mut small, index, &old, &statistics);
        }
    }
    small
        .provenance
        .insert("post-training".into(), options.line());
    small.check()?;
    Ok(small)
}

/// The pruned or shared weights `settled` of a layer, where those that are left take up what others lose.
fn fed_back(layer: &Layer, settled: Weights, statistics: &Statistics) -> Weights {
    let old = layer.weights.to_dense();
    let pruned = settled.to_dense();
    if statistics.samples(layer.inputs[0]).is_empty() || pruned == old {
        return settled;
    }
    match settled {
        Weights::Shared { codebook, .. } => {
            let value = |index: usize, wanted: f32| match pruned[index] {
                0.0 => 0.0,
                _ => codebook[usize::from(share::code(&codebook, wanted)) - 1],
            };
            let new = feedback::settle(layer, &old, statistics, value);
            let code = |(new, pruned): (&f32, &f32)| match *pruned {
                0.0 => 0,
                _ => share::code(&codebook, *new),
            };
            let codes = new.iter().zip(&pruned).map(code).collect();
            Weights::Shared { codebook, codes }
        }
        _ => {
            let value = |index: usize, wanted: f32| match pruned[index] {
                0.0 => 0.0,
                _ => wanted,
            };
            Weights::Float(feedback::settle(layer, &old, statistics, value))
        }
    }
}

/// Prunes the layers of a network.
fn prune(network: &mut Network, options: &PostTraining) -> Result<()> {
    if options.keep.is_empty() {
        return Ok(());
    }
    let mut layers: Vec<&mut Layer> = network
        .layers
        .iter_mut()
        .filter(|layer| is_pruned(layer))
        .collect();
    let mut weights: Vec<Vec<f32>> = layers
        .iter()
        .map(|layer| layer.weights.stored().to_dense())
        .collect();
    match options.keep.as_slice() {
        &[share] if options.global => {
            let threshold = Threshold::new(&weights, share);
            let mut spare = threshold.equal;
            weights
                .iter_mut()
                .for_each(|weights| threshold.apply(weights, &mut spare));
        }
        shares => {
            if shares.len() != 1 && shares.len() != weights.len() {
                let expected = format!("1 share, or one for each of {} layers", weights.len());
                return Err(invalid("keep", options.shares(), &expected));
            }
            for (weights, &share) in weights.iter_mut().zip(shares.iter().cycle()) {
                let threshold = Threshold::new(std::slice::from_ref(weights), share);
                threshold.apply(weights, &mut threshold.equal.clone());
            }
        }
    }
    for (layer, weights) in layers.iter_mut().zip(weights) {
        layer.weights = layer.weights.with_stored(Weights::Float(weights));
    }
    Ok(())
}

impl PostTraining {
    /// Whether nothing is done.
    pub fn is_empty(&self) -> bool {
        self.keep.is_empty() && self.bits.is_none()
    }

    fn shares(&self) -> String {
        let shares: Vec<String> = self.keep.iter().map(f64::to_string).collect();
        shares.join(",")
    }

    fn line(&self) -> String {
        let keep = (!self.keep.is_empty()).then(|| format!("keep={}", self.shares()));
        let global = self.global.then(|| "global".to_string());
        let bits = self.bits.map(|bits| format!("bits={bits}"));
        keep.into_iter()
            .chain(global)
            .chain(bits)
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn check(&self) -> Result<()> {
        // NaN is in no range.
        if !self.keep.iter().all(|share| (0.0..=1.0).contains(share)) {
            return Err(invalid("keep", self.shares(), "each 0 to 1"));
        }
        if self.global && self.keep.len() != 1 {
            return Err(invalid(
                "keep",
                self.shares(),
                "one share, for all layers together",
            ));
        }
        match self.bits {
            Some(bits) if !(1..=MOST_BITS).contains(&bits) => {
                Err(invalid("bits", bits, &format!("1 to {MOST_BITS}")))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a layer has weights, and is not one that only scales channels: each of those counts.
fn is_pruned(layer: &Layer) -> bool {
    !layer.weights.is_empty() && !scales(&layer.operator)
}

#[cfg(test)]
mod tests;
