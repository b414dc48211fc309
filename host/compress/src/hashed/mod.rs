//! Hashed weights: HashedNets (Chen et al., 1504.04788) and FreshNets (Chen et al., 1506.04449).
//!
//! A layer keeps a pool of far fewer values than it has weights; a hash of output and input picks the value of each weight and its sign,
//! so that nothing but the pool is stored. Only pools are trained, from nothing, by back-propagation: the gradient of a value is
//! the sum over its weights.
//!
//! Convolutions are hashed by frequency: a window is the sum of the patterns of the cosine transform (module `dct`), each times a coefficient, and
//! the coefficients of one band of frequencies share a pool (module `pools`), larger in low bands. Module `export` makes layers of it that run
//! without ever building a window.

mod dct;
mod export;
mod part;
mod pools;
mod tied;

use rand::RngExt;
use thresh_model::{Layer, Network, Operator, Weights};

use crate::{
    amount::Amount,
    checkpoint::Identity,
    data::{Data, hex},
    error::{Error, Result},
    guard::Guard,
    method::{Method, check_not_hashed, note_made},
    net::{self, Net, matrix_sizes, scales},
    options::{Options, Value, invalid, options},
    post_training::{prune_pool, shared_pool},
    random::{Purpose, generator},
    run::{self, Context, Fall, Plan},
    train::{check_data, check_loop, description},
};
use export::{Stored, export};
use part::{Part, Picks};
use sha2::{Digest, Sha256};
use tied::{Hashing, Tied};

/// Magnitudes that the codes of a layer can tell apart, with a sign and zero, at most.
const MOST_CODES: usize = 126;

/// Frequencies of a convolution that are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Frequencies {
    /// All, hashed.
    #[default]
    All,
    /// The lowest ones, each coefficient with a value of its own.
    Low,
}

impl Value for Frequencies {
    const EXPECTED: &'static str = "all or low";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "all" => Some(Self::All),
            "low" => Some(Self::Low),
            _ => None,
        }
    }

    fn show(&self) -> String {
        match self {
            Self::All => "all".into(),
            Self::Low => "low".into(),
        }
    }
}

options! {
    /// Options of [`HashedNets`].
    pub struct HashedOptions {
        /// Values that are stored of the hashed layers, a number for all of them or a share of their weights (6.25%), the same in each layer.
        share: Amount = Amount::Percent(6.25),
        /// Whether the frequencies of convolutions are hashed (FreshNets); if not, their weights are (HashedNets).
        transform: bool = true,
        /// Frequencies of convolutions: all, hashed; or low, which keeps the lowest ones, each with a value of its own.
        frequencies: Frequencies = Frequencies::All,
        /// Band x, 0 to 1, gets values as x^(alpha - 1) * (1 - x)^(beta - 1): alpha and beta of 1 treat all bands alike.
        alpha: f64 = 0.2,
        /// See alpha.
        beta: f64 = 2.5,
        /// Layers whose weights are all stored.
        keep: Vec<String> = Vec::new(),
        /// Weights of a layer that is hashed, at least.
        least: usize = 1000,
        /// Passes over the training images.
        epochs: usize = 20,
        /// Rate of the first step; it falls to 0 along half a cosine.
        rate: f64 = 0.05,
        /// Images of one step.
        batch: usize = 128,
        /// Share of the last step that the next one repeats.
        momentum: f64 = 0.9,
        /// Pull of every value towards 0.
        decay: f64 = 0.0001,
        /// Share of the values of each pool that become 0 after these, the smallest.
        prune: f64 = 0.0,
        /// Magnitudes that the values of a pool share after these; 0: values stay as they are.
        codes: usize = 32,
        /// Passes over the training images while shared magnitudes are tuned.
        tune_epochs: usize = 2,
        /// Rate of the first step of tuning; it falls to 0 along half a cosine.
        tune_rate: f64 = 0.001,
        /// Most pixels that an image is moved by, each way.
        shift: usize = 1,
        /// Where all random numbers come from.
        seed: u64 = 1,
    }
}

/// The method `hashed`.
#[derive(Clone, Debug, Default)]
pub struct HashedNets {
    /// Its options.
    pub options: HashedOptions,
}

impl Method for HashedNets {
    fn name(&self) -> &'static str {
        "hashed"
    }

    fn describe(&self) -> &'static str {
        "Train the same layers anew with weights that a hash picks from small pools, those of convolutions by frequency."
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
        check_not_hashed(network, self.name())?;
        options.check()?;
        let net = Net::new(network)?;
        let parts = parts(network, options)?;
        let mut stored = start(&parts, options.seed);
        // What the engine cannot count is refused before it is trained.
        export(network, &parts, &stored)?;

        let plan = |purpose, epochs, rate| Plan {
            net: &net,
            purpose,
            seed: options.seed,
            epochs,
            batch: options.batch,
            rate,
            shift: options.shift,
            fall: Fall::Cosine,
            guard: Guard::of(network),
        };
        let how = plan(Purpose::Train, options.epochs, options.rate);
        let identity = options.identity(network, data);
        let learned = ["prune", "codes", "tune-epochs", "tune-rate"];
        let mut until = identity.clone();
        until.retain(|key, _| !learned.contains(&key.as_str()));
        let mut stage = hashing("hash", &parts, &stored, options, options.decay);
        let trained = run::run(&mut stage, &how, data, until, context)?;
        take(&mut stored, &stage);

        options.share_values(&mut stored);
        let how = plan(Purpose::FineTune, options.tune_epochs, options.tune_rate);
        let mut stage = hashing("fine-tune", &parts, &stored, options, 0.0);
        let shared = net.accuracy(&run::Stage::weights(&stage), data.test());
        let accuracy = run::run(&mut stage, &how, data, identity, context)?;
        take(&mut stored, &stage);

        let mut small = export(network, &parts, &stored)?;
        note_made(&mut small, self, options.seed, accuracy, data, context);
        let values: usize = parts.iter().map(Part::len).sum();
        let mut note = |key: &str, value: String| small.provenance.insert(key.into(), value);
        note("hashed.pools", tell(network, &parts));
        note("hashed.values", values.to_string());
        note("hashed.bytes", bytes(&stored).to_string());
        note("hashed.accuracy.train", trained.to_string());
        note("hashed.accuracy.share", shared.to_string());
        Ok(small)
    }
}

impl HashedOptions {
    fn check(&self) -> Result<()> {
        check_loop(self.batch, self.momentum)?;
        let wrong = |name, value: String, expected| Err(invalid(name, value, expected));
        if self.share == Amount::Weights(0) {
            return wrong("share", self.share.show(), "at least 1");
        }
        for (name, value) in [("alpha", self.alpha), ("beta", self.beta)] {
            if !(0.01..=100.0).contains(&value) {
                return wrong(name, value.show(), "0.01 to 100");
            }
        }
        if !self.transform && self.frequencies == Frequencies::Low {
            return wrong(
                "frequencies",
                self.frequencies.show(),
                "all where transform=false: then there are no frequencies",
            );
        }
        if self.prune >= 1.0 {
            return wrong("prune", self.prune.show(), "at least 0, below 1");
        }
        if self.codes > MOST_CODES {
            return wrong("codes", self.codes.show(), "0 to 126");
        }
        Ok(())
    }

    /// What the result depends on: no weight of the network, since all are trained anew.
    fn identity(&self, network: &Network, data: &Data) -> Identity {
        let settings = self.list().into_iter();
        let mut identity: Identity = settings.map(|s| (s.name, s.value)).collect();
        let names: Vec<&str> = network.layers.iter().map(|l| l.name.as_str()).collect();
        let shape = description(network) + &names.join(",");
        identity.insert("data".into(), data.hash().into());
        identity.insert("network".into(), hex(&Sha256::digest(shape)));
        identity
    }

    /// Prunes and shares the values of each pool.
    fn share_values(&self, stored: &mut [Stored]) {
        for values in stored.iter_mut().flat_map(|stored| &mut stored.values) {
            let mut kept = values.to_dense();
            prune_pool(&mut kept, self.prune);
            *values = match self.codes {
                0 => Weights::Float(kept),
                codes => shared_pool(&kept, 2 * codes),
            };
        }
    }
}

/// What is stored of each layer with weights.
fn parts(network: &Network, options: &HashedOptions) -> Result<Vec<Part>> {
    let large = |operator: &Operator| operator.weights().unwrap_or(0) >= options.least.max(1);
    let fits = |layer: &&Layer| can_hash(&layer.operator) && large(&layer.operator);
    let layers: Vec<&Layer> = network.layers.iter().filter(fits).collect();
    let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
    for name in &options.keep {
        if !names.contains(&name.as_str()) {
            let expected = format!("layers that would be hashed: {}", names.join(", "));
            return Err(invalid("keep", name, &expected));
        }
    }
    let chosen = |layer: &&Layer| !options.keep.contains(&layer.name);
    let hashed: Vec<&Layer> = layers.into_iter().filter(chosen).collect();
    let weights: usize = hashed.iter().map(|layer| layer.weights.len()).sum();
    if hashed.is_empty() {
        return Err(Error::Network {
            network: network.name.clone(),
            reason: format!(
                "no layer is hashed, expected a convolution without groups or a fully connected layer of at least {} \
                 weights that is not in keep; choose another network, or a smaller number: least",
                options.least
            ),
        });
    }
    let budget = options.share.of(weights);
    if budget > weights {
        let expected = format!("at most {weights}, the weights of the hashed layers");
        return Err(invalid("share", options.share, &expected));
    }
    let part = |layer: &Layer| {
        if !hashed.iter().any(|hashed| hashed.name == layer.name) {
            return Part::whole(&layer.operator);
        }
        let own = layer.weights.len();
        let budget = (own as f64 * budget as f64 / weights as f64).round() as usize;
        // The columns of the network's input are those of one position.
        let channels = match layer.inputs[0] {
            0 => layer.operator.inputs(),
            input => network.value(input).channels,
        };
        Part::hashed(&layer.operator, channels, budget.max(1), options)
    };
    let weighted = |layer: &&Layer| matrix_sizes(&layer.operator).is_some();
    Ok(network.layers.iter().filter(weighted).map(part).collect())
}

/// Whether the weights of an operator can be hashed.
fn can_hash(operator: &Operator) -> bool {
    match operator {
        Operator::Dense { .. } => true,
        Operator::Conv { groups, window, .. } => {
            let framed = window.kernel == [1, 1] && window.pads != [0; 4];
            *groups == 1 && !framed && !scales(operator)
        }
        _ => false,
    }
}

/// Random values (He et al., 1502.01852, uniform): orthonormal patterns make weights of the same size of them.
fn start(parts: &[Part], seed: u64) -> Vec<Stored> {
    let mut random = generator(seed, Purpose::Start, 0);
    let mut layer = |part: &Part| {
        let taps = part.window.map_or(1, |[height, width]| height * width);
        let reach = (6.0 / (part.channels * taps) as f32).sqrt();
        let mut values = |count: usize| -> Vec<f32> {
            let value = |_| random.random_range(-reach..reach);
            (0..count).map(value).collect()
        };
        let bands = part.bands.iter();
        Stored {
            values: bands
                .map(|band| Weights::Float(values(band.len())))
                .collect(),
            bias: vec![0.0; part.outputs],
        }
    };
    parts.iter().map(&mut layer).collect()
}

fn hashing(
    name: &'static str,
    parts: &[Part],
    stored: &[Stored],
    options: &HashedOptions,
    decay: f64,
) -> Hashing {
    let layer = |(part, stored): (&Part, &Stored)| Tied::new(part, &stored.values, &stored.bias);
    Hashing {
        layers: parts.iter().zip(stored).map(layer).collect(),
        name,
        momentum: options.momentum,
        decay,
    }
}

/// Puts what was trained into `stored`.
fn take(stored: &mut [Stored], trained: &Hashing) {
    for (stored, layer) in stored.iter_mut().zip(&trained.layers) {
        stored.values = layer.stored(&stored.values);
        stored.bias = net::values(&layer.bias);
    }
}

/// The values of each pool, by layer and band.
fn tell(network: &Network, parts: &[Part]) -> String {
    let weighted = |layer: &&Layer| matrix_sizes(&layer.operator).is_some();
    let layers = network.layers.iter().filter(weighted).zip(parts);
    let words = layers.flat_map(|(layer, part)| {
        part.bands.iter().map(|band| {
            let own = match band.picks {
                Picks::Hashed(_) => "",
                Picks::Own { .. } => " not hashed",
            };
            format!("{}{}:{}{own}", layer.name, band.suffix, band.len())
        })
    });
    words.collect::<Vec<_>>().join(", ")
}

/// Bytes of all values: four each, or codes of a magnitude and a sign, and two for each magnitude.
fn bytes(stored: &[Stored]) -> usize {
    let of = |values: &Weights| match values {
        Weights::Shared { codebook, codes } => {
            let zero = usize::from(codes.contains(&0));
            let bits = (codebook.len() + zero).next_power_of_two().ilog2() as usize;
            (codes.len() * bits).div_ceil(8) + codebook.len()
        }
        values => 4 * values.len(),
    };
    stored.iter().flat_map(|layer| &layer.values).map(of).sum()
}

#[cfg(test)]
mod tests;
