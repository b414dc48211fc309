//! How a run reports what it does, and how it is asked to stop.

use std::ops::ControlFlow;

/// A stage that begins or goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StageInfo {
    /// Name: `train`, `prune`, `retrain`, `share`, `fine-tune`.
    pub stage: &'static str,
    /// Epochs in all.
    pub epochs: usize,
    /// Steps of an epoch.
    pub steps: usize,
    /// Epochs that a checkpoint already holds.
    pub resumed: usize,
}

/// A step that is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepInfo {
    /// Name of the stage.
    pub stage: &'static str,
    /// Epoch, from 0.
    pub epoch: usize,
    /// Step in the epoch, from 0.
    pub step: usize,
    /// Mean loss over the batch.
    pub loss: f32,
}

/// An epoch that is done (and saved, where there is a working folder).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochInfo {
    /// Name of the stage.
    pub stage: &'static str,
    /// Epoch, from 0.
    pub epoch: usize,
    /// Mean loss over the epoch.
    pub loss: f64,
    /// Share of the test images that are classified rightly.
    pub accuracy: f64,
    /// Weights that are not zero.
    pub weights: usize,
    /// Share of the test images that are in their most frequent class: what is right for a network that answers the same to every image.
    pub guess: f64,
}

/// A rate that is lower than the given one from now on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateInfo {
    /// Name of the stage.
    pub stage: &'static str,
    /// Epoch that begins, or begins again, with it, from 0.
    pub epoch: usize,
    /// Rate of the first step that was asked for.
    pub given: f64,
    /// What is taken in its place.
    pub rate: f64,
}

/// Weights of an earlier epoch that a stage ends with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeptInfo {
    /// Name of the stage.
    pub stage: &'static str,
    /// Epochs behind which they were; 0: those at the start.
    pub epochs: usize,
    /// Epochs in all.
    pub of: usize,
}

/// Receives what a run reports. Every function has an empty default.
pub trait Progress {
    /// A stage begins or goes on.
    fn stage(&mut self, _info: &StageInfo) {}

    /// A step is done.
    fn step(&mut self, _info: &StepInfo) {}

    /// A rate is lowered, by what the first batches showed or since an epoch went wrong.
    fn rate(&mut self, _info: &RateInfo) {}

    /// A stage ends with the weights of an earlier epoch: later ones were worse.
    fn kept(&mut self, _info: &KeptInfo) {}

    /// An epoch is done. `Break` stops the run with [`Error::Stopped`](crate::Error::Stopped); started again with
    /// the same working folder it goes on after this epoch.
    fn epoch(&mut self, _info: &EpochInfo) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Reports nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {}
