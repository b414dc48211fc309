//! Tensor networks (Singh, Jahromi, Orus, 2403.14379): the bonds of a kernel are truncated.
//!
//! A kernel `K[o, i, h, w]` is brought into one of the forms of [`Form`], whose bonds keep only their largest singular values (for CP: whose sum
//! has only so many terms), and the layer becomes the chain of layers that the form is. Fully connected layers have two legs that are
//! longer than 1; all forms that cut these are the same for them.

mod cp;
mod form;
mod kernel;
pub mod study;

use thresh_model::network::{Network, Operator};

use crate::{
    chain,
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
pub use form::Form;
pub(crate) use form::links;
pub(crate) use kernel::Kernel;

options! {
    /// Options of [`TensorNetwork`].
    pub struct TensorOptions {
        /// What a kernel becomes: a cut (o|ihw, i|ohw, h|oiw, w|oih, oi|hw, oh|iw, ow|ih), tucker, cp or mps.
        form: Form = Form::Tucker,
        /// Rank of the bonds, one for all layers or one for each, 0 for a layer that stays; empty: as --set keep asks for.
        rank: Vec<usize> = Vec::new(),
        /// Multiplications that a layer may have, as a share of those before, where no rank is given.
        keep: f64 = 0.5,
        /// Layers that are cut; empty: all that the form fits, but the last.
        layers: Vec<String> = Vec::new(),
        /// Whether a layer is cut even where that saves no multiplication.
        always: bool = false,
        /// Passes over the training images behind the truncation.
        tune_epochs: usize = 4,
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

/// The method `tensor`.
#[derive(Clone, Debug, Default)]
pub struct TensorNetwork {
    /// Its options.
    pub options: TensorOptions,
}

/// A layer that can be cut, before it is.
#[derive(Clone, Debug)]
pub struct Part {
    /// Number of the layer.
    pub layer: usize,
    /// Its name.
    pub name: String,
    /// The largest rank that the form can have.
    pub full_rank: usize,
    kernel: Kernel,
}

/// What became of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Truncated {
    /// Its name.
    pub name: String,
    /// Rank of the bonds.
    pub rank: usize,
    /// Norm of what was cut off, as a share of that of the kernel.
    pub norm_loss: f64,
}

impl Method for TensorNetwork {
    fn name(&self) -> &'static str {
        "tensor"
    }

    fn describe(&self) -> &'static str {
        "Replace a layer by the chain of layers that a tensor network of its kernel is, with truncated bonds; then train on."
    }

    fn options(&self) -> &dyn Options {
        &self.options
    }

    fn options_mut(&mut self) -> &mut dyn Options {
        &mut self.options
    }

    fn run(&self, network: &Network, data: &Data, context: &mut Context<'_>) -> Result<Network> {
        let options = &self.options;
        check_loop(options.batch, options.momentum)?;
        check_data(network, data)?;
        check_not_hashed(network, self.name())?;
        data.check_measurable()?;
        Net::new(network)?;
        let ranks = self.ranks(network)?;
        let mut small = network.clone();
        let truncated = truncate(&mut small, options.form, &ranks);
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
        let list = |value: fn(&Truncated) -> String| -> String {
            let each = truncated.iter();
            let words: Vec<String> = each.map(|t| format!("{}:{}", t.name, value(t))).collect();
            words.join(" ")
        };
        let mut note = |key: &str, value: String| small.provenance.insert(key.into(), value);
        note("tensor.ranks", list(|t| t.rank.to_string()));
        note("tensor.norm-loss", list(|t| format!("{:.4}", t.norm_loss)));
        tune.finish(self, network, small, data, context)
    }
}

impl TensorNetwork {
    /// The layers to be cut, with their ranks.
    fn ranks(&self, network: &Network) -> Result<Vec<(Part, usize)>> {
        let options = &self.options;
        let all = parts(network, options.form);
        let names: Vec<&str> = all.iter().map(|part| part.name.as_str()).collect();
        let known = names.join(", ");
        for name in &options.layers {
            if !names.contains(&name.as_str()) {
                let expected = format!("layers that {} can cut: {known}", options.form.name());
                return Err(invalid("layers", name, &expected));
            }
        }
        let wanted = |part: &Part| match options.layers.is_empty() {
            true => part.layer + 1 < network.layers.len(),
            false => options.layers.contains(&part.name),
        };
        let parts: Vec<Part> = all.into_iter().filter(wanted).collect();
        if parts.is_empty() {
            return Err(Error::Network {
                network: network.name.clone(),
                reason: format!(
                    "no layer can be cut as {}, expected a convolution without groups, or a fully connected layer, before the last layer; \
                     choose another form or network",
                    options.form.name()
                ),
            });
        }
        if !(options.keep > 0.0 && options.keep <= 1.0) {
            return Err(invalid("keep", options.keep, "above 0 and at most 1"));
        }
        let ranks: Vec<usize> = match options.rank.as_slice() {
            [] => parts
                .iter()
                .map(|part| self.affordable(network, part))
                .collect(),
            &[rank] => vec![rank; parts.len()],
            // As the layers were given, or in the order of the network.
            ranks if ranks.len() == parts.len() => {
                let given = |part: &Part| options.layers.iter().position(|name| *name == part.name);
                let places = parts.iter().enumerate();
                places
                    .map(|(at, part)| ranks[given(part).unwrap_or(at)])
                    .collect()
            }
            ranks => {
                let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
                let expected = format!("one for all or one for each of {}", names.join(", "));
                return Err(invalid(
                    "rank",
                    crate::options::Value::show(&ranks.to_vec()),
                    &expected,
                ));
            }
        };
        let saves = |(part, rank): &(Part, usize)| {
            let whole = network.layers[part.layer].multiplications();
            *rank > 0 && (options.always || self.cost(network, part, *rank) < whole)
        };
        let chosen = parts.into_iter().zip(ranks).map(|(part, rank)| {
            let rank = rank.min(part.full_rank);
            (part, rank)
        });
        let chosen: Vec<(Part, usize)> = chosen.filter(saves).collect();
        if chosen.is_empty() {
            return Err(Error::Network {
                network: network.name.clone(),
                reason: format!(
                    "with {} no layer multiplies less as {}; choose smaller ranks, another form, or always=true",
                    match options.rank.is_empty() {
                        true => format!("keep={}", options.keep),
                        false => format!("rank={}", crate::options::Value::show(&options.rank)),
                    },
                    options.form.name()
                ),
            });
        }
        Ok(chosen)
    }

    fn cost(&self, network: &Network, part: &Part, rank: usize) -> f64 {
        let operator = &network.layers[part.layer].operator;
        form_for(self.options.form, operator).cost(rank, operator, part.kernel.sizes)
    }

    /// The largest rank that keeps the share of the multiplications; 1 if none does.
    fn affordable(&self, network: &Network, part: &Part) -> usize {
        let whole = network.layers[part.layer].multiplications();
        let most = self.options.keep * whole;
        let fits = |rank: &usize| self.cost(network, part, *rank) <= most;
        (1..=part.full_rank).rev().find(fits).unwrap_or(1)
    }
}

/// The layers of `network` that `form` can cut.
pub fn parts(network: &Network, form: Form) -> Vec<Part> {
    let layers = network.layers.iter().enumerate();
    let part = |(index, layer): (usize, &thresh_model::Layer)| {
        let kernel = Kernel::of(&layer.operator, &layer.weights.to_dense())?;
        let form = form_for(form, &layer.operator);
        form.fits(kernel.sizes).then(|| Part {
            layer: index,
            name: layer.name.clone(),
            full_rank: form.full_rank(kernel.sizes),
            kernel,
        })
    };
    layers.filter_map(part).collect()
}

/// The form that `form` is for a layer: a matrix has but one cut.
fn form_for(form: Form, operator: &Operator) -> Form {
    match (operator, form) {
        (Operator::Dense { .. }, Form::Inputs | Form::RowColumn | Form::ColumnRow) => Form::Outputs,
        (Operator::Dense { .. }, Form::Tucker | Form::Cp | Form::Mps) => Form::Outputs,
        _ => form,
    }
}

/// Brings layers of `network`, as [`parts`] gave them, into `form` with these ranks.
///
/// # Panics
///
/// If a part is not of this network and form.
pub fn truncate(network: &mut Network, form: Form, ranks: &[(Part, usize)]) -> Vec<Truncated> {
    let mut made: Vec<(usize, Truncated)> = Vec::new();
    let mut order: Vec<&(Part, usize)> = ranks.iter().collect();
    // From the back, so that the numbers of those before stay.
    order.sort_by_key(|(part, _)| std::cmp::Reverse(part.layer));
    for (part, rank) in order {
        let layer = &network.layers[part.layer];
        assert_eq!(layer.name, part.name, "a part of this network");
        let pieces = form_for(form, &layer.operator).pieces(&part.kernel, *rank);
        let whole = form::compose(&pieces, part.kernel.sizes);
        let links = links(&pieces, &layer.operator);
        let bias = layer.bias.clone();
        made.push((
            part.layer,
            Truncated {
                name: part.name.clone(),
                rank: *rank,
                norm_loss: part.kernel.loss(&whole),
            },
        ));
        chain::replace(network, part.layer, links, bias);
    }
    made.sort_by_key(|(layer, _)| *layer);
    made.into_iter().map(|(_, truncated)| truncated).collect()
}

#[cfg(test)]
mod tests;
