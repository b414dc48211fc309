//! Training a fully connected network from nothing.

use std::collections::BTreeMap;

use rand::RngExt;
use thresh_model::{Frame, Head, Network};

use crate::{
    checkpoint::{Identity, State},
    data::Data,
    error::Result,
    mlp::{self, Affine},
    options::{Options, invalid, options},
    random::{Purpose, generator},
    run::{self, Context, Fall, Plan, Stage},
    sgd::Sgd,
};

options! {
    /// Options of [`train`]. The defaults are recommended for MNIST.
    pub struct TrainOptions {
        /// Outputs of each hidden layer.
        hidden: Vec<usize> = vec![300, 100],
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
        if self.hidden.contains(&0) {
            return Err(invalid(
                "hidden",
                format!("{:?}", self.hidden),
                "every layer needs outputs",
            ));
        }
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

/// Trains a network `inputs - hidden - ... - classes` with ReLU between the layers.
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
    let mut sizes = vec![data.train().shape.len()];
    sizes.extend(&options.hidden);
    sizes.push(data.classes());
    let layers = start(&sizes, options.seed);
    let mut stage = Dense {
        descent: Sgd::new(&layers, options.momentum, options.decay),
        layers,
    };
    let input_scale = options.white / 255.0;
    let plan = Plan {
        purpose: Purpose::Train,
        seed: options.seed,
        epochs: options.epochs,
        batch: options.batch,
        rate: options.rate,
        shift: options.shift,
        input_scale,
        inputs: None,
        fall: Fall::Cosine,
    };
    let accuracy = run::run(&mut stage, &plan, data, identity(options, data), context)?;
    let hidden: Vec<_> = options.hidden.iter().map(usize::to_string).collect();
    Ok(Network {
        name: match hidden.as_slice() {
            [] => "linear".to_string(),
            hidden => format!("lenet-{}", hidden.join("-")),
        },
        input: data.train().shape,
        input_scale,
        frame: Frame::default(),
        head: Head::Logits,
        layers: mlp::network_layers(&stage.layers),
        labels: (0..data.classes()).map(|class| class.to_string()).collect(),
        provenance: BTreeMap::from([
            ("command".into(), context.command.clone()),
            ("data".into(), data.hash().to_string()),
            ("seed".into(), options.seed.to_string()),
            ("train.accuracy".into(), accuracy.to_string()),
            ("train.options".into(), options.line()),
        ]),
    })
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
fn start(sizes: &[usize], seed: u64) -> Vec<Affine> {
    let mut random = generator(seed, Purpose::Start, 0);
    sizes
        .windows(2)
        .map(|pair| {
            let (inputs, outputs) = (pair[0], pair[1]);
            let reach = (6.0 / inputs as f32).sqrt();
            let weights: Vec<f32> = (0..inputs * outputs)
                .map(|_| random.random_range(-reach..reach))
                .collect();
            Affine {
                weight: mlp::matrix(&weights, inputs, outputs),
                bias: mlp::vector(&vec![0.0; outputs]),
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
