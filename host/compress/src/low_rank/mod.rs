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
//!
//! The *3-d* variant first splits a window `k x k` into `k x 1` and `1 x k`, for the square root of the speed-up, and approximates the
//! responses of the second as above, for the rest.

mod rank;
mod responses;
mod solve;
mod spatial;
mod split;

use thresh_model::{
    image::MAX_PES,
    network::{Activation, Network, Operator},
};

use crate::{
    data::Data,
    error::{Error, Result},
    fine_tune::FineTune,
    guard::Guard,
    method::{Method, check_not_hashed},
    net::Net,
    options::{Options, invalid, options},
    run::{Context, Fall},
    train::{check_data, check_loop},
};
use rank::Choice;
use responses::Sample;
use solve::Moments;

options! {
    /// Options of [`LowRank`].
    pub struct LowRankOptions {
        /// Multiplications of the network before by those after.
        speedup: f64 = 4.0,
        /// PEs of the engine that the speed-up is for: each owns filters, so as many cost as the next multiple of the PEs. 1: multiplications are counted.
        pes: usize = 1,
        /// Filters that each layer keeps, one number for each that may be split; empty: chosen by energy under the speed-up.
        ranks: Vec<usize> = Vec::new(),
        /// Whether layers compete for filters; if not, each gets the same speed-up.
        select: bool = true,
        /// Whether errors count behind the ReLU.
        nonlinear: bool = true,
        /// Whether a layer is solved for what the approximated layers before it give.
        asymmetric: bool = true,
        /// Whether windows are first split into k x 1 and 1 x k (the 3-d variant).
        spatial: bool = false,
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
        check_not_hashed(network, self.name())?;
        data.check_measurable()?;
        let layers = candidates(network);
        options.check(network, &layers)?;
        Net::new(network)?;
        let sample = Sample::new(network, &layers, data.train(), options);
        let wanted = sample.all();
        let mut small = network.clone();
        let columns = match options.spatial {
            true => spatial::split(&mut small, &layers, options.speedup),
            false => vec![None; layers.len()],
        };
        let moments: Vec<Moments> = wanted.iter().map(|y| Moments::of(y, y)).collect();
        let names: Vec<&str> = layers
            .iter()
            .map(|&layer| network.layers[layer].name.as_str())
            .collect();
        let choices = self.choices(network, &small, &names, &moments)?;
        for (index, (name, choice)) in names.iter().zip(&choices).enumerate() {
            // A layer whose window was split is solved too where it keeps all of its filters.
            let rank = match (choice.rank, columns[index]) {
                (Some(rank), _) => rank,
                (None, Some(_)) => wanted[index].outputs,
                (None, None) => continue,
            };
            let old = &network.layers[layers[index]];
            let relu = options.nonlinear && old.activation == Activation::Relu;
            let given = match options.asymmetric || columns[index].is_some() {
                // Of the layer as it is now, at what it gets now.
                true => sample.response(&small, name, index),
                false => wanted[index].clone(),
            };
            let found = match relu {
                true => solve::nonlinear(&wanted[index], &given, rank),
                false => solve::linear(&Moments::of(&wanted[index], &given), rank),
            };
            match choice.rank {
                Some(_) => split::split(&mut small, name, &found),
                None => split::refit(&mut small, name, &found),
            }
        }
        let tune = FineTune {
            epochs: options.tune_epochs,
            rate: options.tune_rate,
            batch: options.batch,
            momentum: options.momentum,
            decay: options.decay,
            shift: options.shift,
            seed: options.seed,
            fall: Fall::Cosine,
            guard: Guard::of(network),
        };
        let between =
            |column: &Option<usize>| column.map_or(String::new(), |rank| format!("{rank}-"));
        let kept: Vec<String> = choices
            .iter()
            .zip(&columns)
            .map(|(choice, column)| choice.show(&between(column)))
            .collect();
        small
            .provenance
            .insert("low-rank.filters".into(), kept.join(" "));
        if options.pes > 1 {
            let [before, after] =
                [network, &small].map(|network| rank::cost_of_network(network, options.pes));
            small.provenance.insert(
                "low-rank.speedup.pes".into(),
                format!("{:.3}", before / after),
            );
        }
        tune.finish(self, network, small, data, context)
    }
}

impl LowRank {
    /// What becomes of each of the layers called `names`, as they are in `split`, so that `network` becomes as much faster as it should.
    fn choices(
        &self,
        network: &Network,
        split: &Network,
        names: &[&str],
        moments: &[Moments],
    ) -> Result<Vec<Choice>> {
        let options = &self.options;
        let parts: Vec<rank::Part> = names
            .iter()
            .zip(moments)
            .map(|(name, moments)| {
                rank::Part::new(
                    &split.layers[find(split, name)],
                    moments.energies(),
                    options.pes,
                )
            })
            .collect();
        if !options.ranks.is_empty() {
            let chosen = parts.iter().zip(&options.ranks);
            return Ok(chosen.map(|(part, &rank)| part.keep(rank)).collect());
        }
        let whole = rank::cost_of_network(network, options.pes);
        let fixed = rank::cost_of_network(split, options.pes)
            - parts.iter().map(|part| part.whole).sum::<f64>();
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
                    "at most {most:.2}: with one filter in each of {} layers{}",
                    parts.len(),
                    match options.spatial {
                        true => " behind its columns; without spatial=true more may be saved",
                        false => "",
                    }
                ),
            )
        })
    }
}

/// The number of the layer called `name`.
///
/// # Panics
///
/// If there is none.
fn find(network: &Network, name: &str) -> usize {
    let mut layers = network.layers.iter();
    layers
        .position(|layer| layer.name == name)
        .expect("a layer keeps its name")
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
        if !self.pes.is_power_of_two() || self.pes > MAX_PES {
            let expected = format!("a power of two up to {MAX_PES}");
            return Err(invalid("pes", self.pes, &expected));
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
        if self.spatial && !self.ranks.is_empty() {
            return Err(invalid(
                "spatial",
                true,
                "false where ranks are given: the 3-d variant chooses them by the speed-up",
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
