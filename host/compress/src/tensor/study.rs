//! The study of 2403.14379: how much of the norm of a kernel a truncated bond costs, and how much accuracy; layer by layer and cut by cut,
//! as it is and after some epochs of training on.

use std::path::Path;

use thresh_model::Network;

use super::{Form, Part, Truncated, form_for, parts, truncate};
use crate::{
    data::Data,
    error::{Error, Result},
    fine_tune::{FineTune, identity},
    guard::Guard,
    history::History,
    method::check_not_hashed,
    net::{self, Net},
    options::{invalid, options},
    run::{Context, Fall},
    train::{check_data, check_loop},
};

options! {
    /// Options of [`cuts`].
    pub struct CutOptions {
        /// Forms that every layer is brought into.
        forms: Vec<Form> = Form::CUTS.to_vec(),
        /// Layers that are cut; empty: all that a form fits, but the last.
        layers: Vec<String> = Vec::new(),
        /// Ranks, as shares of the largest one.
        shares: Vec<f64> = vec![0.125, 0.25, 0.5, 0.75],
        /// Those of the shares at which the network is also trained on.
        retrain: Vec<f64> = vec![0.25],
        /// Epochs that it is trained on.
        epochs: usize = 5,
        /// Rate of these; it stays.
        rate: f64 = 0.002,
        /// Images that are learned in an epoch, the first ones.
        train: usize = 10_000,
        /// Test images that accuracies are measured on, the first ones.
        test: usize = 10_000,
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

/// One layer with one bond truncated, all others whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Name of the layer.
    pub layer: String,
    /// What it became.
    pub form: Form,
    /// Rank of the bonds.
    pub rank: usize,
    /// The largest one.
    pub full_rank: usize,
    /// Multiplications of the chain by those of the layer.
    pub cost: f64,
    /// Norm of what was cut off, as a share of that of the kernel.
    pub norm_loss: f64,
    /// Share of the test images that is classified rightly, without training on.
    pub accuracy: f64,
    /// The same after each epoch of training on; empty where there was none.
    pub retrained: Vec<f64>,
}

/// What [`cuts`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    /// Accuracy of the network as it was.
    pub before: f64,
    /// The same after as many epochs of training on without any cut: what the epochs alone give.
    pub control: Vec<f64>,
    /// Layer by layer, form by form, rising rank.
    pub points: Vec<Point>,
}

/// Cuts every layer of `network` in every form at every share, one at a time. `done` is told what was found, and how many points there
/// are in all.
///
/// # Errors
///
/// If an option is impossible, the network is none for the data, and as a [`Method`](crate::Method).
pub fn cuts(
    network: &Network,
    data: &Data,
    options: &CutOptions,
    context: &mut Context<'_>,
    done: &mut dyn FnMut(&Point, usize),
) -> Result<Study> {
    options.check()?;
    check_data(network, data)?;
    check_not_hashed(network, "study")?;
    data.check_measurable()?;
    let data = &data.first(options.train, options.test)?;
    let accuracy = |network: &Network| -> Result<f64> {
        Ok(Net::new(network)?.accuracy(&net::layers_of(network), data.test()))
    };
    let plan = options.plan(network)?;
    let before = accuracy(network)?;
    let control = match plan.iter().any(|(.., retrain)| *retrain) {
        true => options.retrained(network, "control", data, context)?,
        false => Vec::new(),
    };
    let mut points = Vec::with_capacity(plan.len());
    for (part, form, rank, retrain) in &plan {
        let mut cut = network.clone();
        let truncated = truncate(&mut cut, *form, &[(part.clone(), *rank)]);
        let Some(Truncated { norm_loss, .. }) = truncated.into_iter().next() else {
            continue;
        };
        let own = network.layers[part.layer].multiplications();
        let others = network.multiplications() - own;
        // Names of layers may hold anything, as those of ONNX do.
        let name = format!("{}-{}-{rank}", part.layer, form.name().replace('|', "_"));
        let point = Point {
            layer: part.name.clone(),
            form: *form,
            rank: *rank,
            full_rank: part.full_rank,
            cost: (cut.multiplications() - others) / own,
            norm_loss,
            accuracy: accuracy(&cut)?,
            retrained: match retrain {
                true => options.retrained(&cut, &name, data, context)?,
                false => Vec::new(),
            },
        };
        done(&point, plan.len());
        points.push(point);
    }
    Ok(Study {
        before,
        control,
        points,
    })
}

impl CutOptions {
    fn check(&self) -> Result<()> {
        check_loop(self.batch, self.momentum)?;
        for (name, shares) in [("shares", &self.shares), ("retrain", &self.retrain)] {
            if let Some(share) = shares.iter().find(|&&share| !(share > 0.0 && share <= 1.0)) {
                return Err(invalid(name, share, "shares above 0 and at most 1"));
            }
        }
        for (name, count) in [("train", self.train), ("test", self.test)] {
            if count == 0 {
                return Err(invalid(name, count, "at least 1"));
            }
        }
        Ok(())
    }

    /// Layers, forms and ranks, and whether the network is trained on.
    fn plan(&self, network: &Network) -> Result<Vec<(Part, Form, usize, bool)>> {
        let mut all: Vec<(Part, Form)> = Vec::new();
        for &form in &self.forms {
            for part in parts(network, form) {
                // A matrix has but one cut, and no form is wanted twice.
                let form = form_for(form, &network.layers[part.layer].operator);
                let same =
                    |(other, known): &(Part, Form)| (other.layer, *known) == (part.layer, form);
                if !all.iter().any(same) {
                    all.push((part, form));
                }
            }
        }
        all.sort_by_key(|(part, _)| part.layer);
        let known = |name: &String| all.iter().any(|(part, _)| part.name == *name);
        if let Some(name) = self.layers.iter().find(|name| !known(name)) {
            let mut names: Vec<&str> = all.iter().map(|(part, _)| part.name.as_str()).collect();
            names.dedup();
            return Err(invalid(
                "layers",
                name,
                &format!("layers that can be cut: {}", names.join(", ")),
            ));
        }
        if self.shares.is_empty() && self.retrain.is_empty() {
            return Err(invalid(
                "shares",
                "",
                "one share at least, or one to retrain at",
            ));
        }
        let mut plan = Vec::new();
        for (part, form) in all {
            let wanted = match self.layers.is_empty() {
                true => part.layer + 1 < network.layers.len(),
                false => self.layers.contains(&part.name),
            };
            if !wanted {
                continue;
            }
            let rank = |share: &f64| ((share * part.full_rank as f64).round() as usize).max(1);
            let retrained: Vec<usize> = self.retrain.iter().map(rank).collect();
            let mut ranks: Vec<usize> = self.shares.iter().map(rank).collect();
            ranks.extend(&retrained);
            ranks.sort_unstable();
            ranks.dedup();
            // With all of its rank a kernel is whole.
            ranks.retain(|&rank| rank < part.full_rank);
            let each = ranks.into_iter();
            plan.extend(each.map(|rank| (part.clone(), form, rank, retrained.contains(&rank))));
        }
        if plan.is_empty() {
            return Err(Error::Network {
                network: network.name.clone(),
                reason: "no layer can be cut, expected a convolution without groups, or a fully connected layer, before the last \
                         layer, and a share that leaves some of a rank out; choose other forms, shares or another network"
                    .into(),
            });
        }
        Ok(plan)
    }

    /// Accuracy after each epoch of training on.
    fn retrained(
        &self,
        network: &Network,
        name: &str,
        data: &Data,
        context: &mut Context<'_>,
    ) -> Result<Vec<f64>> {
        let tune = FineTune {
            epochs: self.epochs,
            rate: self.rate,
            batch: self.batch,
            momentum: self.momentum,
            decay: self.decay,
            shift: self.shift,
            seed: self.seed,
            // Each epoch is to stand for itself.
            fall: Fall::None,
            guard: Guard::Off,
        };
        if self.epochs == 0 {
            return Ok(Vec::new());
        }
        let folder = context.folder.as_ref().map(|folder| folder.join(name));
        let Some(folder) = folder else {
            return Err(Error::Option {
                name: "work".into(),
                value: "nothing".into(),
                expected: "a folder: the epochs of training on are read back from it".into(),
            });
        };
        let mut options = self.clone();
        // What one point is does not depend on which others there are.
        (options.forms, options.shares) = (Vec::new(), Vec::new());
        (options.layers, options.retrain) = (Vec::new(), Vec::new());
        let identity = identity(&options, network, data);
        let mut own = Context {
            folder: Some(folder.clone()),
            command: context.command.clone(),
            progress: &mut *context.progress,
        };
        tune.run(&mut network.clone(), data, identity, &mut own)?;
        epochs(&folder)
    }
}

fn epochs(folder: &Path) -> Result<Vec<f64>> {
    let history = History::read(folder)?;
    Ok(history
        .epochs("retrain")
        .iter()
        .map(|epoch| epoch.accuracy)
        .collect())
}
