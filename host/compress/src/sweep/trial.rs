//! One trial: train, compress, pack, measure.

use std::{fs, path::PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thresh_model::{Network, PackError, Shape};
use thresh_regs::Config;

use crate::{
    amount::Amount,
    budget::{Packed, Trials},
    checkpoint::write_atomically,
    data::{Data, hex},
    deep_compression::DeepCompressionOptions,
    error::{Error, Result},
    hidden::{self, Hidden},
    options::{Options, Value},
    progress::Progress,
    run::Context,
    train::{TrainOptions, train},
};

/// Name of the file of a trial's result in its folder.
const RESULT: &str = "trial.json";

/// Name of the file that the process that runs a trial holds.
const LOCK: &str = "lock";

/// Bytes of a float32.
const FLOAT: usize = 4;

/// A network of a family before it is trained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its hidden layers, as the option `hidden` writes them.
    pub hidden: String,
    /// Weights and biases.
    pub parameters: usize,
    /// Multiplications of an inference, those with zeros too.
    pub multiplications: u64,
    /// Bytes of parameters and of the two largest neighbouring maps, as float32: what an inference in float takes.
    pub memory: usize,
}

/// What a trial came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Share of the held-out images that is read, in float.
    pub float_accuracy: f64,
    /// The same as packed; in float where the engine does not hold it.
    pub accuracy: f64,
    /// Weights that are not zero.
    pub nonzeros: usize,
    /// Bytes of the image without provenance and cycles of an inference; none if the engine does not hold it or cannot run it.
    pub packed: Option<(u64, f64)>,
}

/// A member with its outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Who.
    pub member: Member,
    /// What came of it.
    pub outcome: Outcome,
}

/// What all trials of a sweep share.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// What to learn from and, in the place of the test images, what to choose by.
    pub data: &'a Data,
    /// Options of training but `hidden`.
    pub training: TrainOptions,
    /// Options of the compression behind it.
    pub compression: DeepCompressionOptions,
    /// The engine that is to run it.
    pub config: &'static Config,
    /// Training images that calibrate, the first ones.
    pub calibration: usize,
    /// Held-out images that cycles are the mean of, the first ones.
    pub cycle_images: usize,
    /// Where each trial has a folder of its own.
    pub folder: PathBuf,
}

impl Member {
    /// The network with these hidden layers from `input` to `classes`.
    ///
    /// # Errors
    ///
    /// If a layer is impossible.
    pub fn new(hidden: &[Hidden], input: Shape, classes: usize) -> Result<Self> {
        let network = hidden::network("member", input, 1.0, hidden, classes)?;
        let parameters = network.parameters();
        let maps: Vec<usize> = (0..=network.layers.len())
            .map(|value| network.value(value).len())
            .collect();
        let pairs = maps.windows(2).map(|pair| pair[0] + pair[1]);
        Ok(Self {
            hidden: hidden.to_vec().show(),
            parameters,
            multiplications: network.multiplications() as u64,
            memory: FLOAT * (parameters + pairs.max().unwrap_or(0)),
        })
    }
}

impl Plan<'_> {
    /// Options of compression that only share weights: all are kept.
    pub fn sharing(codes: usize) -> DeepCompressionOptions {
        DeepCompressionOptions {
            weights: Amount::Percent(100.0),
            densities: Vec::new(),
            structure: 0.0,
            prune_epochs: 0,
            retrain_epochs: 0,
            tune_epochs: 1,
            tune_rate: 0.0005,
            codes: vec![codes],
            ..DeepCompressionOptions::default()
        }
    }

    /// The folder of a trial: another one for every other plan.
    pub fn folder(&self, member: &Member) -> PathBuf {
        let options = TrainOptions {
            hidden: Vec::new(),
            ..self.training.clone()
        };
        let parts = [
            member.hidden.clone(),
            options.line(),
            self.compression.line(),
            self.config.name.to_string(),
            self.data.hash().to_string(),
            format!("{} {}", self.calibration, self.cycle_images),
        ];
        let hash = hex(&Sha256::digest(parts.join("\n")));
        let name: Vec<&str> = member.hidden.split(',').collect();
        // A name that a file system takes; the hash tells them apart.
        let name: String = name.join("-").chars().take(80).collect();
        self.folder.join(format!("{name}-{}", &hash[..8]))
    }

    /// The result of a trial that was run before.
    ///
    /// # Errors
    ///
    /// If there is one that cannot be read.
    pub fn known(&self, member: &Member) -> Result<Option<Trial>> {
        let path = self.folder(member).join(RESULT);
        match fs::read(&path) {
            Ok(bytes) => {
                let read = serde_json::from_slice(&bytes);
                Ok(Some(
                    read.map_err(|e| Error::corrupt(&path, e.to_string()))?,
                ))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io(&path, e)),
        }
    }

    /// Runs a trial, or goes on with one that was interrupted; gives what is known where another process ran it in the meantime. Only one
    /// process at a time runs a trial: others wait for it.
    ///
    /// # Errors
    ///
    /// As [`Self::known`] and [`Self::run`], and if the folder of the trial cannot be written.
    pub fn run_or_wait(
        &self,
        member: &Member,
        command: &str,
        progress: &mut dyn Progress,
    ) -> Result<Trial> {
        let folder = self.folder(member);
        let path = folder.join(LOCK);
        let locked = || {
            fs::create_dir_all(&folder)?;
            let file = fs::File::create(&path)?;
            file.lock()?;
            Ok(file)
        };
        let lock = locked().map_err(|e| Error::io(&path, e))?;
        let trial = match self.known(member)? {
            Some(trial) => trial,
            None => self.run(member, command, progress)?.0,
        };
        drop(lock);
        Ok(trial)
    }

    /// Runs a trial, or goes on with one that was interrupted.
    ///
    /// # Errors
    ///
    /// As [`train()`] and [`Trials::run`].
    pub fn run(
        &self,
        member: &Member,
        command: &str,
        progress: &mut dyn Progress,
    ) -> Result<(Trial, Network)> {
        let folder = self.folder(member);
        let mut training = self.training.clone();
        training.set("hidden", &member.hidden)?;
        let mut context = Context {
            folder: Some(folder.join("train")),
            command: command.to_string(),
            progress,
        };
        let network = train(&training, self.data, &mut context)?;
        let float_accuracy = crate::accuracy(&network, self.data.test())?;
        let trials = Trials {
            network: &network,
            data: self.data,
            options: &self.compression,
            config: self.config,
            calibration: self.calibration,
            cycle_images: self.cycle_images,
            folder: &folder,
        };
        let weights: usize = network.layers.iter().map(|l| l.weights.len()).sum();
        let weights = self.compression.weights.of(weights);
        let packed = |packed: Packed| (packed.bytes, packed.cycles);
        let (outcome, network) = match trials.run(weights, command.to_string(), progress) {
            Ok((measured, network)) => (
                Outcome {
                    float_accuracy,
                    accuracy: measured.accuracy,
                    nonzeros: measured.nonzeros,
                    packed: measured.packed.map(packed),
                },
                network,
            ),
            // The engine has no pass for one of its layers.
            Err(Error::Pack(error)) if matches!(*error, PackError::Unsupported { .. }) => (
                Outcome {
                    float_accuracy,
                    accuracy: float_accuracy,
                    nonzeros: network.nonzeros(),
                    packed: None,
                },
                network.clone(),
            ),
            Err(error) => return Err(error),
        };
        let trial = Trial {
            member: member.clone(),
            outcome,
        };
        let text = serde_json::to_vec_pretty(&trial).expect("a trial is plain data");
        write_atomically(&folder.join(RESULT), &text)?;
        Ok((trial, network))
    }
}
