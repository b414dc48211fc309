//! Training a network from nothing.

use std::collections::BTreeMap;

use rand::RngExt;
use serde_json::json;
use sha2::{Digest, Sha256};
use thresh_model::{Dataset, Head, Network, Operator, Shape};

use crate::{
    checkpoint::{Identity, State},
    data::{Data, hex},
    error::{Error, Result},
    guard::Guard,
    hidden::{self, Hidden},
    net::{self, Affine, Net},
    options::{Options, invalid, options},
    random::{Purpose, generator},
    recipe::Recipe,
    run::{self, Context, Fall, Plan, Stage},
    sgd::Sgd,
};

options! {
    /// Options of [`train`]. The defaults are recommended for MNIST.
    pub struct TrainOptions {
        /// Hidden layers: outputs, convolutions (conv20x5: outputs, window), pools (pool2).
        hidden: Vec<Hidden> = vec![Hidden::Dense(300), Hidden::Dense(100)],
        /// Passes over the training images.
        epochs: usize = 20,
        /// Images of one step.
        batch: usize = 128,
        /// Rate of the first step; it falls to 0 along half a cosine.
        rate: f64 = 0.05,
        /// Share of the last step that the next one repeats.
        momentum: f64 = 0.9,
        /// Pull of every weight towards 0.
        decay: f64 = 0.0001,
        /// Most pixels that an image is moved by, each way.
        shift: usize = 1,
        /// What the input byte 255 stands for.
        white: f32 = 3.2457,
        /// Where all random numbers come from.
        seed: u64 = 1,
    }
}

impl TrainOptions {
    fn check(&self) -> Result<()> {
        check_loop(self.batch, self.momentum)?;
        if self.white <= 0.0 || self.white.is_nan() {
            return Err(invalid("white", self.white, "a number above 0"));
        }
        Ok(())
    }
}

/// Checks what all loops share.
pub(crate) fn check_loop(batch: usize, momentum: f64) -> Result<()> {
    if batch == 0 {
        return Err(invalid("batch", batch, "at least 1"));
    }
    if !(0.0..1.0).contains(&momentum) {
        return Err(invalid("momentum", momentum, "at least 0, below 1"));
    }
    Ok(())
}

/// Trains a network `input - hidden - ... - classes` with ReLU behind every hidden layer but pools.
///
/// The input byte `b` means `b * input_scale`; no mean is subtracted, so black is an exact zero.
/// The same options and data give the same bits on the same machine, with any number of threads; another processor may
/// add in another order.
///
/// # Errors
///
/// If an option is impossible, a checkpoint in the working folder is damaged or belongs to another run, a file
/// cannot be written, the loss diverges, or the caller stops the run.
pub fn train(options: &TrainOptions, data: &Data, context: &mut Context<'_>) -> Result<Network> {
    options.check()?;
    let mut network = hidden::network(
        &name(&options.hidden),
        data.train().shape,
        options.white / 255.0,
        &options.hidden,
        data.labels().len().max(data.classes()),
    )?;
    if !data.labels().is_empty() {
        network.labels = data.labels().to_vec();
    }
    run_on(network, options, data, identity(options, data), context)
}

/// Trains the layers of `network` from random weights; its own weights and biases are not read. `options.hidden` and
/// `options.white` are not used: layers and input scale are those of `network`.
///
/// Any graph of layers can be trained; slopes and limits of activations stay. Determinism is as for [`train()`].
///
/// # Errors
///
/// As [`train()`]; and if the network is not sound or has no weights, or the data has other images or more
/// classes than the network.
pub fn train_network(
    network: &Network,
    options: &TrainOptions,
    data: &Data,
    context: &mut Context<'_>,
) -> Result<Network> {
    options.check()?;
    check_data(network, data)?;
    let mut identity = identity(options, data);
    identity.insert("layers".into(), hex(&Sha256::digest(description(network))));
    run_on(network.clone(), options, data, identity, context)
}

fn run_on(
    mut network: Network,
    options: &TrainOptions,
    data: &Data,
    identity: Identity,
    context: &mut Context<'_>,
) -> Result<Network> {
    let net = Net::new(&network)?;
    let layers = start(&net.sizes(), options.seed);
    let mut stage = Dense {
        descent: Sgd::new(&layers, options.momentum, options.decay),
        layers,
    };
    let plan = Plan {
        net: &net,
        purpose: Purpose::Train,
        seed: options.seed,
        epochs: options.epochs,
        batch: options.batch,
        rate: options.rate,
        shift: options.shift,
        fall: Fall::Cosine,
        guard: Guard::Off,
    };
    let accuracy = run::run(&mut stage, &plan, data, identity, context)?;
    net::put_layers(&mut network, &stage.layers);
    network.provenance = BTreeMap::from([
        ("command".into(), context.command.clone()),
        ("data".into(), data.source().to_string()),
        ("seed".into(), options.seed.to_string()),
        ("train.accuracy".into(), accuracy.to_string()),
        ("train.options".into(), options.line()),
    ]);
    note_held_out(&mut network, data);
    Ok(network)
}

/// Share of the images of `set` that `network`, in float, classifies rightly; the first of equal outputs counts.
///
/// # Errors
///
/// If the network is not sound or has no weights, or takes other images.
pub fn accuracy(network: &Network, set: &Dataset) -> Result<f64> {
    let net = Net::new(network)?;
    let data = Data::new(set.clone(), set.clone())?;
    check_data(network, &data)?;
    Ok(net.accuracy(&net::layers_of(network), set))
}

/// Key of the number of training images that a network did not learn from, and that accuracies were measured on.
pub const HELD_OUT: &str = "held-out";

/// Key of the accuracy on these, where that on the test images was measured too and is the `accuracy`.
pub const HELD_OUT_ACCURACY: &str = "accuracy.held-out";

/// Says in the provenance what accuracies were measured on.
pub(crate) fn note_held_out(network: &mut Network, data: &Data) {
    network.provenance.remove(HELD_OUT_ACCURACY);
    match data.held_out() {
        Some(count) => network
            .provenance
            .insert(HELD_OUT.into(), count.to_string()),
        None => network.provenance.remove(HELD_OUT),
    };
}

/// The name of a network with these hidden layers.
fn name(hidden: &[Hidden]) -> String {
    let recipe = Recipe::ALL.into_iter();
    let mut known = recipe.filter(|recipe| recipe.training().hidden == hidden);
    if let Some(recipe) = known.next() {
        return recipe.name().to_string();
    }
    let words: Vec<_> = hidden.iter().map(Hidden::to_string).collect();
    let dense = hidden.iter().all(|layer| matches!(layer, Hidden::Dense(_)));
    match words.as_slice() {
        [] => "linear".to_string(),
        words if dense => format!("lenet-{}", words.join("-")),
        words => words.join("-"),
    }
}

/// Refuses data with other images or more classes than `network` has.
pub(crate) fn check_data(network: &Network, data: &Data) -> Result<()> {
    network.check()?;
    let (shape, classes) = (data.train().shape, data.classes());
    // To a fully connected layer an image is a list of values.
    let mut readers = network.layers.iter().filter(|l| l.inputs.contains(&0));
    let flat = network.frame.is_empty()
        && readers.all(|layer| matches!(layer.operator, Operator::Dense { .. }));
    let fits = network.input == shape || flat && network.input.len() == shape.len();
    let known = network.head.classes(network.outputs());
    if fits && known >= classes {
        return Ok(());
    }
    let text = |s: Shape| format!("{} x {} x {}", s.width, s.height, s.channels);
    Err(Error::Network {
        network: network.name.clone(),
        reason: format!(
            "it takes images of {} (width x height x channels) to {} classes; the data has images of {} and {classes} \
             classes; choose other data, or a network for these",
            text(network.input),
            known,
            text(shape),
        ),
    })
}

/// Everything of a network that training and compression do not change, as text.
pub(crate) fn description(network: &Network) -> String {
    let layers: Vec<_> = network
        .layers
        .iter()
        .map(|layer| json!([layer.inputs, layer.operator, layer.activation]))
        .collect();
    let mut text = json!([network.input, network.input_scale, network.frame, layers]).to_string();
    // Softmax or none: it is one loss.
    if network.head == Head::Sigmoid {
        text += "sigmoid";
    }
    text
}

fn identity(options: &TrainOptions, data: &Data) -> Identity {
    let mut identity: Identity = options
        .list()
        .into_iter()
        .map(|s| (s.name, s.value))
        .collect();
    identity.insert("data".into(), data.hash().into());
    identity
}

/// Layers with random weights (He et al., 1502.01852, uniform) and zero biases.
fn start(sizes: &[(usize, usize)], seed: u64) -> Vec<Affine> {
    let mut random = generator(seed, Purpose::Start, 0);
    sizes
        .iter()
        .map(|&(inputs, outputs)| {
            let reach = (6.0 / inputs as f32).sqrt();
            let weights: Vec<f32> = (0..inputs * outputs)
                .map(|_| random.random_range(-reach..reach))
                .collect();
            Affine {
                weight: net::matrix(&weights, inputs, outputs),
                bias: net::vector(&vec![0.0; outputs]),
            }
        })
        .collect()
}

/// All weights are trained.
struct Dense {
    layers: Vec<Affine>,
    descent: Sgd,
}

impl Stage for Dense {
    fn name(&self) -> &'static str {
        "train"
    }

    fn weights(&self) -> Vec<Affine> {
        self.layers.clone()
    }

    fn step(&mut self, gradients: Vec<Affine>, rate: f64) {
        self.descent.step(&mut self.layers, gradients, rate);
    }

    fn state(&self) -> State {
        let mut state = State::new();
        run::put(&mut state, "layer", &self.layers);
        run::put(&mut state, "velocity", &self.descent.velocity);
        state
    }

    fn restore(&mut self, mut state: State) -> Option<()> {
        run::take(&mut state, "layer", &mut self.layers)?;
        run::take(&mut state, "velocity", &mut self.descent.velocity)
    }
}
