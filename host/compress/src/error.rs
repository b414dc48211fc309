//! What can go wrong.

use std::path::{Path, PathBuf};

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
