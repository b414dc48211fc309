//! Training and compression of networks for Thresh.
//!
//! [`train()`] makes a network from labelled images, [`train_network`] one with given layers; a [`Method`] makes any
//! network smaller, [`budget::search()`] as small as a [`Budget`] asks for, and [`compress_after_training`] does so without data. What [`train()`] makes are fully
//! connected layers, convolutions and pools in a row, with ReLU; the others take every graph of layers. A [`Recipe`] is a known network with the options recommended for it.
//!
//! The first three run on burn, save a checkpoint after each epoch to a working folder, and go on from there when they
//! are started again with the same options: the result is the same to the bit. They do not pack: `thresh-model` does
//! that.

pub mod amount;
pub mod backend;
pub mod budget;
pub mod data;
pub mod deep_compression;
pub mod equalise;
pub mod error;
pub mod hashed;
pub mod hidden;
pub mod history;
pub mod low_rank;
pub mod method;
pub mod options;
pub mod post_training;
pub mod progress;
pub mod recipe;
pub mod statistics;
pub mod sweep;
pub mod tensor;
pub mod train;

mod chain;
mod checkpoint;
mod compact;
mod equal;
mod fine_tune;
mod guard;
mod net;
mod random;
mod run;
mod sgd;

pub use amount::Amount;
pub use backend::Backend;
pub use budget::Budget;
pub use data::Data;
pub use deep_compression::{DeepCompression, DeepCompressionOptions};
pub use equalise::equalise;
pub use error::{Error, Result};
pub use hashed::{HashedNets, HashedOptions};
pub use hidden::Hidden;
pub use history::History;
pub use low_rank::{LowRank, LowRankOptions};
pub use method::{Method, method, methods};
pub use options::{Options, Setting};
pub use post_training::{PostTraining, compress_after_training, compress_with};
pub use progress::{EpochInfo, KeptInfo, Progress, RateInfo, Silent, StageInfo, StepInfo};
pub use recipe::Recipe;
pub use run::Context;
pub use statistics::Statistics;
pub use tensor::{TensorNetwork, TensorOptions};
pub use train::{TrainOptions, accuracy, train, train_network};
