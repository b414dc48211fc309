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
    guard::{Gauge, Guard, MOST_LOWERED, Measure, TRIED, Watch, factor},
    history::{EpochRecord, Recorder},
    net::{self, Affine, Batch, Net},
    progress::{EpochInfo, KeptInfo, Progress, RateInfo, StageInfo, StepInfo},
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
    /// Whether weights of an earlier epoch, or those at the start, can stand for those at the end.
    fn keeps(&self) -> bool {
        true
    }
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
    /// Whether rate and weights are watched.
    pub guard: Guard,
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
    let store = match &context.folder {
        Some(folder) => Some(Store::new(folder, stage.name(), identity.clone())?),
        None => None,
    };
    let mut run = Run {
        stage,
        plan,
        data,
        store,
        identity,
        context,
        resumed: 0,
    };
    if plan.guard == Guard::Off || plan.epochs == 0 {
        run.resume()?;
        return run.plain();
    }
    let start = run.stage.state();
    let gauge = Gauge::new(data);
    let watch = run.resume()?;
    let watch = match (plan.guard, watch) {
        (_, Some(watch)) => Some(watch),
        (Guard::Rescue, None) => {
            if let Some(accuracy) = run.unless_wrong(&start, &gauge)? {
                return Ok(accuracy);
            }
            None
        }
        (_, None) => None,
    };
    if watch.is_none() {
        run.restart(&start);
    }
    run.guarded(watch, &gauge)
}

/// A stage that is run, and all that this takes.
struct Run<'a, 'c> {
    stage: &'a mut dyn Stage,
    plan: &'a Plan<'a>,
    data: &'a Data,
    store: Option<Store>,
    identity: Identity,
    context: &'a mut Context<'c>,
    /// Epochs that a checkpoint held.
    resumed: usize,
}

/// What came of an epoch: the mean loss, or the step and the loss of it that is no number.
type Learned = std::result::Result<f64, (usize, f32)>;

impl Run<'_, '_> {
    /// Goes on from a checkpoint if there is one; gives what a guarded stage left in it.
    fn resume(&mut self) -> Result<Option<Watch>> {
        let Some(store) = &self.store else {
            return Ok(None);
        };
        let Some((epochs, mut state)) = store.load()? else {
            return Ok(None);
        };
        let watch = Watch::take(&mut state);
        self.stage
            .restore(state)
            .ok_or_else(|| store.corrupt("its tensors are not those of this stage"))?;
        self.resumed = epochs;
        Ok(watch)
    }

    fn back_to(&mut self, state: &State) {
        let restored = self.stage.restore(state.clone());
        restored.expect("a stage takes the state that it gave");
    }

    /// Begins anew with the state that the stage had before any checkpoint.
    fn restart(&mut self, start: &State) {
        self.back_to(start);
        self.resumed = 0;
    }

    fn steps(&self) -> usize {
        self.data.train().len().div_ceil(self.plan.batch)
    }

    fn begin(&mut self) -> Result<Recorder> {
        let folder = self.context.folder.as_deref();
        let recorder = Recorder::begin(folder, self.stage.name(), &self.identity, self.resumed)?;
        self.context.progress.stage(&StageInfo {
            stage: self.stage.name(),
            epochs: self.plan.epochs,
            steps: self.steps(),
            resumed: self.resumed,
        });
        Ok(recorder)
    }

    fn accuracy(&self) -> f64 {
        self.plan
            .net
            .accuracy(&self.stage.weights(), self.data.test())
    }

    /// All epochs, with the rate as it was given.
    fn plain(&mut self) -> Result<f64> {
        let mut recorder = self.begin()?;
        let mut accuracy = None;
        for epoch in self.resumed..self.plan.epochs {
            let learned = self.learn(epoch, self.steps(), 1.0, true);
            let loss = learned.map_err(|wrong| self.diverged(epoch, wrong))?;
            accuracy = Some(self.end(epoch, loss, self.stage.state(), &mut recorder)?);
        }
        Ok(accuracy.unwrap_or_else(|| self.accuracy()))
    }

    /// All epochs as [`Self::plain`]; nothing if the loss is no number, or a network that was better than a guess is so no longer.
    fn unless_wrong(&mut self, start: &State, gauge: &Gauge) -> Result<Option<f64>> {
        let now = self.stage.state();
        self.back_to(start);
        let before = gauge.measure(self.plan.net, &self.stage.weights());
        self.back_to(&now);
        match self.plain() {
            Ok(accuracy) => {
                let after = gauge.measure(self.plan.net, &self.stage.weights());
                let collapsed = self.stage.keeps() && gauge.collapsed(before, after);
                Ok((!collapsed).then_some(accuracy))
            }
            Err(Error::Diverged { .. }) if before.loss.is_finite() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All epochs, as the module `guard` says; the stage is at its start, or where `watch` was saved.
    fn guarded(&mut self, watch: Option<Watch>, gauge: &Gauge) -> Result<f64> {
        let mut recorder = self.begin()?;
        let measure = |run: &Self| gauge.measure(run.plan.net, &run.stage.weights());
        let mut before = measure(self);
        let mut watch = match watch {
            Some(watch) => watch,
            None => self.watch(before, gauge)?,
        };
        for epoch in self.resumed..self.plan.epochs {
            let begin = self.stage.state();
            let loss = loop {
                let learned = self.learn(epoch, self.steps(), watch.factor(), true);
                let now = measure(self);
                let last = watch.lowered == MOST_LOWERED;
                match learned {
                    Err(wrong) if last => return Err(self.diverged(epoch, wrong)),
                    Ok(loss) if last || !gauge.wrong(before, now, self.stage.keeps()) => {
                        before = now;
                        break loss;
                    }
                    _ => {}
                }
                self.back_to(&begin);
                watch.lowered += 1;
                self.tell_rate(epoch, &watch);
            };
            let mut state = self.stage.state();
            if self.stage.keeps() {
                watch.epoch(epoch + 1, before, &state);
            }
            watch.put(&mut state);
            self.end(epoch, loss, state, &mut recorder)?;
        }
        if self.stage.keeps() && watch.best_epochs < self.plan.epochs {
            self.context.progress.kept(&KeptInfo {
                stage: self.stage.name(),
                epochs: watch.best_epochs,
                of: self.plan.epochs,
            });
            self.back_to(&watch.best());
        }
        Ok(self.accuracy())
    }

    /// Tries the first batches with several rates; the stage is where it was then.
    fn watch(&mut self, start: Measure, gauge: &Gauge) -> Result<Watch> {
        if !start.loss.is_finite() {
            return Err(self.diverged(0, (0, start.loss)));
        }
        let state = self.stage.state();
        let steps = (self.steps() / 8).clamp(10, 100).min(self.steps());
        let mut trials = Vec::with_capacity(TRIED);
        for lowered in 0..TRIED {
            let trial = match self.learn(0, steps, factor(lowered), false) {
                Ok(_) => gauge.measure(self.plan.net, &self.stage.weights()),
                Err((_, loss)) => Measure { right: 0, loss },
            };
            trials.push(trial);
            self.back_to(&state);
        }
        let lowered = gauge.largest(start, &trials);
        let best = match self.stage.keeps() {
            true => state,
            false => State::new(),
        };
        let watch = Watch::new(lowered, start, best);
        if lowered > 0 {
            self.tell_rate(0, &watch);
        }
        Ok(watch)
    }

    /// The first `count` steps of an epoch, with the rate times `factor`.
    fn learn(&mut self, epoch: usize, count: usize, factor: f64, told: bool) -> Learned {
        let (plan, data) = (self.plan, self.data);
        let steps = self.steps();
        let mut random = generator(plan.seed, plan.purpose, epoch);
        let order = shuffled(data.train().len(), &mut random);
        let mut sum = 0.0;
        for (step, chosen) in order.chunks(plan.batch).take(count).enumerate() {
            let done = (epoch * steps + step) as f64 / (plan.epochs * steps) as f64;
            self.stage
                .before(epoch * steps + step, plan.epochs * steps);
            let batch = batch(data.train(), chosen, plan, &mut random);
            let (loss, gradients) = plan.net.gradients(&self.stage.weights(), &batch);
            if !loss.is_finite() {
                return Err((step, loss));
            }
            self.stage.step(gradients, plan.rate_at(done) * factor);
            sum += f64::from(loss) * chosen.len() as f64;
            if told {
                self.context.progress.step(&StepInfo {
                    stage: self.stage.name(),
                    epoch,
                    step,
                    loss,
                });
            }
        }
        Ok(sum / data.train().len() as f64)
    }

    fn diverged(&self, epoch: usize, (step, loss): (usize, f32)) -> Error {
        Error::Diverged {
            stage: self.stage.name(),
            epoch,
            step,
            loss,
        }
    }

    fn tell_rate(&mut self, epoch: usize, watch: &Watch) {
        self.context.progress.rate(&RateInfo {
            stage: self.stage.name(),
            epoch,
            given: self.plan.rate,
            rate: self.plan.rate * watch.factor(),
        });
    }

    /// Measures, records, saves (`state`) and tells an epoch; gives the accuracy.
    fn end(
        &mut self,
        epoch: usize,
        loss: f64,
        state: State,
        recorder: &mut Recorder,
    ) -> Result<f64> {
        let accuracy = self.accuracy();
        let info = EpochInfo {
            stage: self.stage.name(),
            epoch,
            loss,
            accuracy,
            weights: net::live_weights(&self.stage.weights()),
            guess: self.data.guess(),
        };
        recorder.epoch(EpochRecord {
            epoch,
            loss: Some(info.loss),
            accuracy: info.accuracy,
            weights: info.weights,
        })?;
        if let Some(store) = &self.store {
            store.save(epoch + 1, &state)?;
        }
        match self.context.progress.epoch(&info) {
            ControlFlow::Continue(()) => Ok(accuracy),
            ControlFlow::Break(()) => Err(Error::Stopped {
                stage: self.stage.name(),
                epochs: epoch + 1,
            }),
        }
    }
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
            guard: Guard::Off,
        };
        assert!((plan.rate_at(0.0) - 2.0).abs() < 1e-12);
        assert!((plan.rate_at(0.5) - 1.0).abs() < 1e-12);
        assert!(plan.rate_at(1.0).abs() < 1e-12);
    }
}
