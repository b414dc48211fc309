//! Low-rank layers (Zhang, Zou, He, Sun, 1505.06798): the responses of a layer lie near a subspace.
//!
//! A layer `y = W x + b` with `d` outputs becomes two: `d'` filters of the same window, without bias or activation, and a layer `1x1` that
//! makes the `d` outputs of theirs. Which subspace is best is read off responses to images of the training set:
//!
//! - *linear*: the principal components of the responses;
//! - *nonlinear*: the error counts behind the ReLU that follows (section 3.2 of the paper, module `solve`);
//! - *asymmetric*: each layer is solved for the inputs that the layers before it, already approximated, really give (section 3.3).
//!
//! How many filters each layer keeps is chosen by the energy that its principal components hold, under one budget of multiplications
//! for the whole network (section 3.4, module `rank`). Fully connected layers are windows that cover the whole map.

mod rank;
mod responses;
mod solve;
mod split;

use sha2::{Digest, Sha256};
use thresh_model::network::{Activation, Network, Operator};

use crate::{
    checkpoint::Identity,
    data::{Data, hex},
    deep_compression::retrain::Retrained,
    error::{Error, Result},
    method::Method,
    net::{self, Net},
    options::{Options, invalid, options},
    random::Purpose,
    run::{self, Context, Fall, Plan},
    train::{check_data, check_loop, description, note_held_out},
};
use rank::Choice;
use responses::Sample;
use solve::Moments;

options! {
    /// Options of [`LowRank`].
    pub struct LowRankOptions {
        /// Multiplications of the network before by those after.
        speedup: f64 = 4.0,
        /// Filters that each layer keeps, one number for each that may be split; empty: chosen by energy under the speed-up.
        ranks: Vec<usize> = Vec::new(),
        /// Whether layers compete for filters; if not, each gets the same speed-up.
        select: bool = true,
        /// Whether errors count behind the ReLU.
        nonlinear: bool = true,
        /// Whether a layer is solved for what the approximated layers before it give.
        asymmetric: bool = true,
        /// Training images whose responses are read.
        images: usize = 3000,
        /// Positions of a map that are read of an image.
        places: usize = 10,
        /// Passes over the training images behind the approximation.
        tune_epochs: usize = 8,
        /// Rate of the first step of these; it falls to 0 along half a cosine.
        tune_rate: f64 = 0.01,
        /// Images of one step.
        batch: usize = 64,
        /// Share of the last step that the next one repeats.
        momentum: f64 = 0.9,
        /// Pull of every weight towards 0.
        decay: f64 = 0.0001,
        /// Most pixels that an image is moved by, each way.
        shift: usize = 1,
        /// Where all random numbers come from.
        seed: u64 = 1,
    }
}

/// The method `low-rank`.
#[derive(Clone, Debug, Default)]
pub struct LowRank {
    /// Its options.
    pub options: LowRankOptions,
}

impl Method for LowRank {
    fn name(&self) -> &'static str {
        "low-rank"
    }

    fn describe(&self) -> &'static str {
        "Replace a layer by fewer filters and a 1x1 layer behind them, which give nearly the same responses; then train on."
    }

    fn options(&self) -> &dyn Options {
        &self.options
    }

    fn options_mut(&mut self) -> &mut dyn Options {
        &mut self.options
    }

    fn run(&self, network: &Network, data: &Data, context: &mut Context<'_>) -> Result<Network> {
        let options = &self.options;
        check_data(network, data)?;
        data.check_measurable()?;
        let layers = candidates(network);
        options.check(network, &layers)?;
        let net = Net::new(network)?;
        let before = net.accuracy(&net::layers_of(network), data.test());

        let sample = Sample::new(network, &layers, data.train(), options);
        let wanted = sample.all();
        let moments: Vec<Moments> = wanted.iter().map(|y| Moments::of(y, y)).collect();
        let choices = self.choices(network, &layers, &moments)?;
        let mut small = network.clone();
        for (index, (&layer, choice)) in layers.iter().zip(&choices).enumerate() {
            let Some(rank) = choice.rank else { continue };
            let name = &network.layers[layer].name;
            let relu = options.nonlinear && network.layers[layer].activation == Activation::Relu;
            let given = match options.asymmetric {
                // Of the original layer, at what it gets now.
                true => sample.response(&small, name, index),
                false => wanted[index].clone(),
            };
            let found = match relu {
                true => solve::nonlinear(&wanted[index], &given, rank),
                false => solve::linear(&Moments::of(&wanted[index], &given), rank),
            };
            split::split(&mut small, name, &found);
        }
        small.check()?;
        let cost = |network: &Network| -> f64 { network.layers.iter().map(rank::cost).sum() };
        let speedup = cost(network) / cost(&small);

        let net = Net::new(&small)?;
        let approximated = net.accuracy(&net::layers_of(&small), data.test());
        let mut accuracy = approximated;
        if options.tune_epochs > 0 {
            let plan = Plan {
                net: &net,
                purpose: Purpose::FineTune,
                seed: options.seed,
                epochs: options.tune_epochs,
                batch: options.batch,
                rate: options.tune_rate,
                shift: options.shift,
                fall: Fall::Cosine,
            };
            let mut stage = Retrained::new(net::layers_of(&small), options.momentum, options.decay);
            accuracy = run::run(
                &mut stage,
                &plan,
                data,
                self.identity(network, data),
                context,
            )?;
            net::put_layers(&mut small, &run::Stage::weights(&stage));
        }
        if small.labels.is_empty() && data.labels().len() == small.outputs() {
            small.labels = data.labels().to_vec();
        }
        let kept: Vec<String> = choices.iter().map(Choice::to_string).collect();
        let mut note = |key: &str, value: String| small.provenance.insert(key.into(), value);
        note("command", context.command.clone());
        note("data", data.source().to_string());
        note("seed", options.seed.to_string());
        note("method", self.name().into());
        note("low-rank.options", options.line());
        note("low-rank.filters", kept.join(" "));
        note("low-rank.speedup", format!("{speedup:.3}"));
        note("low-rank.accuracy.before", before.to_string());
        note("low-rank.accuracy.split", approximated.to_string());
        note("accuracy", accuracy.to_string());
        note_held_out(&mut small, data);
        Ok(small)
    }
}

impl LowRank {
    /// What becomes of each layer.
    fn choices(
        &self,
        network: &Network,
        layers: &[usize],
        moments: &[Moments],
    ) -> Result<Vec<Choice>> {
        let options = &self.options;
        let parts: Vec<rank::Part> = layers
            .iter()
            .zip(moments)
            .map(|(&layer, moments)| rank::Part::new(&network.layers[layer], moments.energies()))
            .collect();
        if !options.ranks.is_empty() {
            let chosen = parts.iter().zip(&options.ranks);
            return Ok(chosen.map(|(part, &rank)| part.keep(rank)).collect());
        }
        let whole: f64 = network.layers.iter().map(rank::cost).sum();
        let fixed = whole - parts.iter().map(|part| part.whole).sum::<f64>();
        let budget = whole / options.speedup - fixed;
        let chosen = match options.select {
            true => rank::select(&parts, budget),
            false => rank::uniform(&parts, budget),
        };
        chosen.ok_or_else(|| {
            let most = whole / (fixed + parts.iter().map(|part| part.cost(1)).sum::<f64>());
            invalid(
                "speedup",
                options.speedup,
                &format!(
                    "at most {most:.2}: with one filter in each of {} layers",
                    parts.len()
                ),
            )
        })
    }

    fn identity(&self, network: &Network, data: &Data) -> Identity {
        let mut hash = Sha256::new();
        hash.update(description(network));
        for layer in &network.layers {
            for value in layer.weights.to_dense().iter().chain(&layer.bias) {
                hash.update(value.to_le_bytes());
            }
        }
        let settings = self.options.list().into_iter();
        let mut identity: Identity = settings.map(|s| (s.name, s.value)).collect();
        identity.insert("data".into(), data.hash().into());
        identity.insert("network".into(), hex(&hash.finalize()));
        identity
    }
}

impl LowRankOptions {
    fn check(&self, network: &Network, layers: &[usize]) -> Result<()> {
        check_loop(self.batch, self.momentum)?;
        if layers.is_empty() {
            return Err(Error::Network {
                network: network.name.clone(),
                reason: "no layer can be split, expected a convolution without groups or a fully connected layer before the last \
                         layer; choose another method"
                    .into(),
            });
        }
        if self.speedup < 1.0 {
            return Err(invalid("speedup", self.speedup, "at least 1"));
        }
        if self.images == 0 {
            return Err(invalid("images", 0, "at least 1"));
        }
        if self.places == 0 {
            return Err(invalid("places", 0, "at least 1"));
        }
        if !self.ranks.is_empty() && self.ranks.len() != layers.len() {
            let names: Vec<&str> = layers
                .iter()
                .map(|&l| network.layers[l].name.as_str())
                .collect();
            return Err(invalid(
                "ranks",
                crate::options::Value::show(&self.ranks),
                &format!("one for each of {}", names.join(", ")),
            ));
        }
        if self.ranks.contains(&0) {
            return Err(invalid("ranks", 0, "each at least 1"));
        }
        Ok(())
    }
}

/// The layers that may be split: windows over all channels, but the last layer, whose outputs are few and all count.
fn candidates(network: &Network) -> Vec<usize> {
    let last = network.layers.len() - 1;
    let whole = |operator: &Operator| match operator {
        Operator::Dense { .. } => true,
        Operator::Conv { groups, .. } => *groups == 1,
        _ => false,
    };
    (0..last)
        .filter(|&layer| whole(&network.layers[layer].operator))
        .collect()
}

#[cfg(test)]
mod tests;
