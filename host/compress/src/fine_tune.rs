//! Training on of a network whose layers were replaced, and what tells one compression from another.

use sha2::{Digest, Sha256};
use thresh_model::Network;

use crate::{
    checkpoint::Identity,
    data::{Data, hex},
    deep_compression::retrain::Retrained,
    equal::equal_norms,
    error::Result,
    guard::Guard,
    method::{Method, note_made},
    net::{self, Net},
    options::Options,
    random::Purpose,
    run::{self, Context, Fall, Plan, Stage},
    train::description,
};

/// How a network is trained on.
pub(crate) struct FineTune {
    pub epochs: usize,
    pub rate: f64,
    pub batch: usize,
    pub momentum: f64,
    pub decay: f64,
    pub shift: usize,
    pub seed: u64,
    pub fall: Fall,
    pub guard: Guard,
}

impl FineTune {
    /// Trains the weights of `network` that are not zero. Gives the accuracy on the test images,
    /// measured without training where there are no epochs.
    pub fn run(
        &self,
        network: &mut Network,
        data: &Data,
        identity: Identity,
        context: &mut Context<'_>,
    ) -> Result<f64> {
        let net = Net::new(network)?;
        if self.epochs == 0 {
            return Ok(net.accuracy(&net::layers_of(network), data.test()));
        }
        let plan = Plan {
            net: &net,
            purpose: Purpose::FineTune,
            seed: self.seed,
            epochs: self.epochs,
            batch: self.batch,
            rate: self.rate,
            shift: self.shift,
            fall: self.fall,
            guard: self.guard,
        };
        let mut stage = Retrained::new(net::layers_of(network), self.momentum, self.decay);
        let accuracy = run::run(&mut stage, &plan, data, identity, context)?;
        net::put_layers(network, &stage.weights());
        Ok(accuracy)
    }

    /// Ends `method`, which has replaced layers of `network` by those of `small`: trains these on, and notes what both methods
    /// of that kind tell, the accuracies before, behind the replacement (`split`) and in the end.
    pub fn finish(
        &self,
        method: &dyn Method,
        network: &Network,
        mut small: Network,
        data: &Data,
        context: &mut Context<'_>,
    ) -> Result<Network> {
        small.check()?;
        if self.guard == Guard::On {
            equal_norms(&mut small);
        }
        let measured = |network: &Network| -> Result<f64> {
            let net = Net::new(network)?;
            Ok(net.accuracy(&net::layers_of(network), data.test()))
        };
        let (before, split) = (measured(network)?, measured(&small)?);
        let speedup = network.multiplications() / small.multiplications();
        let identity = identity(method.options(), network, data);
        let accuracy = self.run(&mut small, data, identity, context)?;
        note_made(&mut small, method, self.seed, accuracy, data, context);
        let mut note = |key: &str, value: String| {
            let key = format!("{}.{key}", method.name());
            small.provenance.insert(key, value)
        };
        note("speedup", format!("{speedup:.3}"));
        note("accuracy.before", before.to_string());
        note("accuracy.split", split.to_string());
        Ok(small)
    }
}

/// What the result of a method with `options` depends on.
pub(crate) fn identity(options: &dyn Options, network: &Network, data: &Data) -> Identity {
    let mut hash = Sha256::new();
    hash.update(description(network));
    for layer in &network.layers {
        for value in layer.weights.to_dense().iter().chain(&layer.bias) {
            hash.update(value.to_le_bytes());
        }
    }
    let settings = options.list().into_iter();
    let mut identity: Identity = settings.map(|s| (s.name, s.value)).collect();
    identity.insert("data".into(), data.hash().into());
    identity.insert("network".into(), hex(&hash.finalize()));
    identity
}
