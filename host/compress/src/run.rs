//! The loop that every stage of training shares: epochs, batches, rate, accuracy, checkpoints, progress.

mod guarded;
mod images;

use std::{ops::ControlFlow, path::PathBuf};

use crate::{
    Backend,
    checkpoint::{Identity, State, Store},
    data::Data,
    error::{Error, Result},
    guard::{Gauge, Guard, Watch},
    history::{EpochRecord, Recorder},
    net::{self, Affine, Net},
    progress::{EpochInfo, Progress, StageInfo, StepInfo},
    random::{Purpose, generator, shuffled},
};

use images::batch;

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

    /// The first `count` steps of an epoch, with the rate times `factor`.
    fn learn(&mut self, epoch: usize, count: usize, factor: f64, told: bool) -> Learned {
        let (plan, data) = (self.plan, self.data);
        let steps = self.steps();
        let mut random = generator(plan.seed, plan.purpose, epoch);
        let order = shuffled(data.train().len(), &mut random);
        let mut sum = 0.0;
        for (step, chosen) in order.chunks(plan.batch).take(count).enumerate() {
            let done = (epoch * steps + step) as f64 / (plan.epochs * steps) as f64;
            self.stage.before(epoch * steps + step, plan.epochs * steps);
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
mod tests;
