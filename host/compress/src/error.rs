//! What can go wrong.

use std::path::{Path, PathBuf};

use crate::budget::{Bound, Measured};

/// What can go wrong in training and compression.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The data cannot be read.
    #[error(transparent)]
    Idx(#[from] thresh_model::idx::IdxError),
    /// The images or labels are not what training needs.
    #[error("data: {0}")]
    Data(String),
    /// An option has an impossible name or value.
    #[error("option {name} = {value:?}: {expected}")]
    Option {
        /// Its name.
        name: String,
        /// The value given.
        value: String,
        /// What is possible.
        expected: String,
    },
    /// The network is not sound.
    #[error(transparent)]
    Unsound(#[from] thresh_model::NetworkError),
    /// The network is none that this method can take.
    #[error("network {network:?}: {reason}")]
    Network {
        /// Its name.
        network: String,
        /// Why not.
        reason: String,
    },
    /// A checkpoint is damaged.
    #[error("checkpoint {}: {reason}; remove the file to start this stage again", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The record of earlier epochs is damaged.
    #[error(
        "history {}: {reason}; remove the file: nothing but the curves of earlier epochs is lost",
        path.display()
    )]
    History {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint belongs to a run with other options, data or network.
    #[error(
        "checkpoint {}: made with {key} = {found:?}, this run has {expected:?}; \
         run with the old value, choose another folder, or remove the file to start again",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The first difference.
        key: String,
        /// Its value in the checkpoint.
        found: String,
        /// Its value in this run.
        expected: String,
    },
    /// The loss is no number any more.
    #[error("{stage}: the loss is {loss} in epoch {epoch}, step {step}; lower the rate")]
    Diverged {
        /// The stage.
        stage: &'static str,
        /// Epoch, from 0.
        epoch: usize,
        /// Step in the epoch, from 0.
        step: usize,
        /// The loss.
        loss: f32,
    },
    /// [`Progress::epoch`](crate::Progress::epoch) asked to stop.
    #[error("stopped in stage {stage} after {epochs} epochs")]
    Stopped {
        /// The stage.
        stage: &'static str,
        /// Epochs of it that are finished, and saved if there is a working folder.
        epochs: usize,
    },
    /// A budget that cannot be read.
    #[error("budget {part:?}: {expected}")]
    Budget {
        /// The bound.
        part: String,
        /// What was got, and what is possible.
        expected: String,
    },
    /// No trial kept the budget.
    #[error(
        "none of {trials} trials keeps the budget {budget}; the closest has {closest}, which misses {}; \
         allow more, or train longer (prune-epochs, retrain-epochs)",
        names(missed)
    )]
    BudgetMissed {
        /// The budget.
        budget: String,
        /// Trials.
        trials: usize,
        /// The closest one.
        closest: Measured,
        /// What it misses.
        missed: Vec<Bound>,
    },
    /// A network cannot be packed.
    #[error(transparent)]
    Pack(Box<thresh_model::PackError>),
    /// A packed image is not sound, or an input does not fit it.
    #[error(transparent)]
    Image(#[from] thresh_model::ImageError),
    /// No recipe has this name.
    #[error("no network {name:?}; there are: {known}")]
    Recipe {
        /// The name.
        name: String,
        /// All names.
        known: String,
    },
    /// No method has this name.
    #[error("no compression method {name:?}; there are: {known}")]
    Method {
        /// The name.
        name: String,
        /// All names.
        known: String,
    },
}

/// Bounds with commas between.
fn names(bounds: &[Bound]) -> String {
    let names: Vec<_> = bounds.iter().map(|bound| bound.name()).collect();
    names.join(", ")
}

impl Error {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_path_buf(),
            source,
        }
    }

    pub(crate) fn corrupt(path: &Path, reason: impl Into<String>) -> Self {
        Self::Corrupt {
            path: path.to_path_buf(),
            reason: reason.into(),
        }
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
