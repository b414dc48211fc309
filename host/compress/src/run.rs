//! The loop that every stage of training shares: epochs, batches, rate, accuracy, checkpoints, progress.

use std::{ops::ControlFlow, path::PathBuf};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use thresh_model::Dataset;

use crate::{
    Backend,
    checkpoint::{Identity, State, Store},
    data::Data,
    error::{Error, Result},
    history::{EpochRecord, Recorder},
    net::{self, Affine, Batch, Net},
    progress::{EpochInfo, Progress, StageInfo, StepInfo},
    random::{Purpose, generator, shuffled},
};

/// What a run gets from its caller beside options and data.
pub struct Context<'a> {
    /// Where checkpoints go; without it, nothing is written and nothing can be continued.
    pub folder: Option<PathBuf>,
    /// The command that makes the network again, for its provenance.
    pub command: String,
    /// Receives reports.
    pub progress: &'a mut dyn Progress,
}

/// One stage: holds what is trained, and changes it at every step.
pub(crate) trait Stage {
    /// Name in reports and of the checkpoint.
    fn name(&self) -> &'static str;
    /// The weights that a forward pass uses now.
    fn weights(&self) -> Vec<Affine>;
    /// Something to do before a step of the `steps` of the stage, as moving a mask. `step` is below `steps`.
    fn before(&mut self, _step: usize, _steps: usize) {}
    /// Changes what is trained, by the gradients with respect to [`Self::weights`].
    fn step(&mut self, gradients: Vec<Affine>, rate: f64);
    /// Everything that the next epoch depends on.
    fn state(&self) -> State;
    /// The reverse of [`Self::state`]; `None` if something is missing or of another size.
    fn restore(&mut self, state: State) -> Option<()>;
}

/// How the rate goes on after the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fall {
    /// It stays.
    None,
    /// It falls to 0 along half a cosine.
    Cosine,
}

/// How a stage is run.
pub(crate) struct Plan<'a> {
    /// What the weights belong to.
    pub net: &'a Net,
    pub purpose: Purpose,
    pub seed: u64,
    pub epochs: usize,
    pub batch: usize,
    /// Rate at the start.
    pub rate: f64,
    /// Images are moved by up to this many pixels each way.
    pub shift: usize,
    /// How the rate goes on.
    pub fall: Fall,
}

/// Runs the epochs of `stage` that no checkpoint holds yet, and gives the accuracy on the test images at its end.
pub(crate) fn run(
    stage: &mut dyn Stage,
    plan: &Plan<'_>,
    data: &Data,
    mut identity: Identity,
    context: &mut Context<'_>,
) -> Result<f64> {
    data.check_measurable()?;
    if Backend::chosen() != Backend::Cpu {
        identity.insert("backend".into(), Backend::chosen().name().into());
    }
    let name = stage.name();
    let store = match &context.folder {
        Some(folder) => Some(Store::new(folder, name, identity.clone())?),
        None => None,
    };
    let mut resumed = 0;
    if let Some(store) = &store
        && let Some((epochs, state)) = store.load()?
    {
        stage
            .restore(state)
            .ok_or_else(|| store.corrupt("its tensors are not those of this stage"))?;
        resumed = epochs;
    }
    let mut recorder = Recorder::begin(context.folder.as_deref(), name, &identity, resumed)?;
    let steps = data.train().len().div_ceil(plan.batch);
    context.progress.stage(&StageInfo {
        stage: name,
        epochs: plan.epochs,
        steps,
        resumed,
    });
    let mut accuracy = None;
    for epoch in resumed..plan.epochs {
        let mut random = generator(plan.seed, plan.purpose, epoch);
        let order = shuffled(data.train().len(), &mut random);
        let mut sum = 0.0;
        for (step, chosen) in order.chunks(plan.batch).enumerate() {
            let done = (epoch * steps + step) as f64 / (plan.epochs * steps) as f64;
            stage.before(epoch * steps + step, plan.epochs * steps);
            let batch = batch(data.train(), chosen, plan, &mut random);
            let (loss, gradients) = plan.net.gradients(&stage.weights(), &batch);
            if !loss.is_finite() {
                return Err(Error::Diverged {
                    stage: name,
                    epoch,
                    step,
                    loss,
                });
            }
            stage.step(gradients, plan.rate_at(done));
            sum += f64::from(loss) * chosen.len() as f64;
            context.progress.step(&StepInfo {
                stage: name,
                epoch,
                step,
                loss,
            });
        }
        let weights = stage.weights();
        let now = plan.net.accuracy(&weights, data.test());
        accuracy = Some(now);
        let info = EpochInfo {
            stage: name,
            epoch,
            loss: sum / data.train().len() as f64,
            accuracy: now,
            weights: net::live_weights(&weights),
            guess: data.guess(),
        };
        recorder.epoch(EpochRecord {
            epoch,
            loss: Some(info.loss),
            accuracy: info.accuracy,
            weights: info.weights,
        })?;
        if let Some(store) = &store {
            store.save(epoch + 1, &stage.state())?;
        }
        let flow = context.progress.epoch(&info);
        if flow == ControlFlow::Break(()) {
            return Err(Error::Stopped {
                stage: name,
                epochs: epoch + 1,
            });
        }
    }
    Ok(accuracy.unwrap_or_else(|| plan.net.accuracy(&stage.weights(), data.test())))
}

impl Plan<'_> {
    fn rate_at(&self, done: f64) -> f64 {
        match self.fall {
            Fall::None => self.rate,
            Fall::Cosine => self.rate * 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
        }
    }
}

/// The images `chosen`, each moved at random.
fn batch(set: &Dataset, chosen: &[usize], plan: &Plan<'_>, random: &mut ChaCha8Rng) -> Batch {
    let size = plan.net.inputs();
    let mut inputs = Vec::with_capacity(chosen.len() * size);
    let mut image = vec![0; set.shape.len()];
    for &index in chosen {
        let reach = plan.shift as i64;
        let (down, right) = match reach {
            0 => (0, 0),
            _ => (
                random.random_range(-reach..=reach),
                random.random_range(-reach..=reach),
            ),
        };
        image.fill(0);
        moved(set, index, down, right, &mut image);
        plan.net.read(&image, &mut inputs);
    }
    Batch {
        inputs: net::matrix(&inputs, chosen.len(), size),
        labels: chosen
            .iter()
            .map(|&index| usize::from(set.labels[index]))
            .collect(),
    }
}

/// Writes image `index`, moved by `down` and `right` pixels, to `out`, which is zero before.
fn moved(set: &Dataset, index: usize, down: i64, right: i64, out: &mut [u8]) {
    let shape = set.shape;
    let (height, width) = (shape.height as i64, shape.width as i64);
    let image = set.image(index);
    let (from, to) = (right.max(0), width.min(width + right));
    if from >= to {
        return;
    }
    let length = (to - from) as usize * shape.channels;
    for y in down.max(0)..height.min(height + down) {
        let at = |y: i64, x: i64| (y * width + x) as usize * shape.channels;
        out[at(y, from)..][..length]
            .copy_from_slice(&image[at(y - down, from - right)..][..length]);
    }
}

/// Puts the tensors of `layers` into `state` under `<what>.<layer>.weight` and `.bias`.
pub(crate) fn put(state: &mut State, what: &str, layers: &[Affine]) {
    for (index, layer) in layers.iter().enumerate() {
        state.insert(format!("{what}.{index}.weight"), net::values(&layer.weight));
        state.insert(format!("{what}.{index}.bias"), net::values(&layer.bias));
    }
}

/// The reverse of [`put`], for layers of the same sizes.
pub(crate) fn take(state: &mut State, what: &str, layers: &mut [Affine]) -> Option<()> {
    for (index, layer) in layers.iter_mut().enumerate() {
        let (inputs, outputs) = layer.sizes();
        let weight = state.remove(&format!("{what}.{index}.weight"))?;
        let bias = state.remove(&format!("{what}.{index}.bias"))?;
        if weight.len() != inputs * outputs || bias.len() != outputs {
            return None;
        }
        *layer = Affine {
            weight: net::matrix(&weight, inputs, outputs),
            bias: net::vector(&bias),
        };
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use thresh_model::network::Shape;

    use super::*;

    #[test]
    fn an_image_moves_and_black_comes_in_at_the_border() {
        let shape = Shape {
            channels: 1,
            height: 2,
            width: 3,
        };
        let set = Dataset {
            shape,
            images: vec![1, 2, 3, 4, 5, 6],
            labels: vec![0],
        };
        let at = |down, right| {
            let mut out = vec![0; 6];
            moved(&set, 0, down, right, &mut out);
            out
        };
        assert_eq!(at(0, 0), [1, 2, 3, 4, 5, 6]);
        assert_eq!(at(1, 0), [0, 0, 0, 1, 2, 3]);
        assert_eq!(at(-1, 1), [0, 4, 5, 0, 0, 0]);
        assert_eq!(at(0, -2), [3, 0, 0, 6, 0, 0]);
        assert_eq!(at(5, 5), [0; 6]);
    }

    #[test]
    fn the_channels_of_a_position_move_together() {
        let shape = Shape {
            channels: 2,
            height: 2,
            width: 2,
        };
        let set = Dataset {
            shape,
            images: (1..=8).collect(),
            labels: vec![0],
        };
        let mut out = vec![0; 8];
        moved(&set, 0, 1, -1, &mut out);
        assert_eq!(out, [0, 0, 0, 0, 3, 4, 0, 0]);
    }

    #[test]
    fn the_rate_falls_along_a_cosine() {
        let plan = Plan {
            net: &crate::net::dense(&[1, 1]),
            purpose: Purpose::Train,
            seed: 0,
            epochs: 1,
            batch: 1,
            rate: 2.0,
            shift: 0,
            fall: Fall::Cosine,
        };
        assert!((plan.rate_at(0.0) - 2.0).abs() < 1e-12);
        assert!((plan.rate_at(0.5) - 1.0).abs() < 1e-12);
        assert!(plan.rate_at(1.0).abs() < 1e-12);
    }
}
