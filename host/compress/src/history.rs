//! What a working folder remembers of its runs: every epoch, and the weights of each layer before they were shared.
//!
//! The file `history.json` is for people and reports; no run reads anything from it but what it writes back. It is
//! written before the checkpoint of an epoch, so that an interruption between the two leaves an epoch too many, which is
//! dropped when the stage goes on, and never one too few.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    checkpoint::{Identity, write_atomically},
    data::hex,
    error::{Error, Result},
};

/// Name of the file in a working folder.
pub const FILE: &str = "history.json";
/// Changes when a field gets another meaning.
const VERSION: u32 = 1;

/// Stages in the order in which they were run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    version: u32,
    /// The stages.
    pub stages: Vec<StageRecord>,
    /// The weights of each layer before sharing, once the stage `share` was reached.
    pub unshared: Vec<Histogram>,
}

/// One stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    /// Name: `train`, `prune`, `retrain`, `share`, `fine-tune`.
    pub stage: String,
    /// SHA-256 of what its checkpoint belongs to: options, data, network.
    run: String,
    /// Its epochs, those before a folder had a history left out.
    pub epochs: Vec<EpochRecord>,
}

/// One epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Epoch of its stage, from 0.
    pub epoch: usize,
    /// Mean loss over the epoch; none for a stage that does not train.
    pub loss: Option<f64>,
    /// Share of the test images (or of those held out) that are classified rightly.
    pub accuracy: f64,
    /// Weights that are not zero.
    pub weights: usize,
}

/// How many weights have about which value. Pruned weights are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Least and greatest weight.
    pub range: [f32; 2],
    /// Weights in each of equally wide parts of the range.
    pub counts: Vec<usize>,
}

impl Histogram {
    /// Parts of a range.
    const BINS: usize = 80;

    /// Counts the `values` that are not zero.
    pub fn new(values: &[f32]) -> Self {
        let live = || values.iter().copied().filter(|&value| value != 0.0);
        let least = live().fold(f32::INFINITY, f32::min);
        let most = live().fold(f32::NEG_INFINITY, f32::max);
        if least > most {
            return Self {
                range: [0.0; 2],
                counts: Vec::new(),
            };
        }
        let mut counts = vec![0; Self::BINS];
        let width = f64::from(most) - f64::from(least);
        for value in live() {
            let share = (f64::from(value) - f64::from(least)) / width.max(f64::MIN_POSITIVE);
            counts[((share * Self::BINS as f64) as usize).min(Self::BINS - 1)] += 1;
        }
        Self {
            range: [least, most],
            counts,
        }
    }
}

impl History {
    /// The history of the working folder `folder`; an empty one if there is none.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is none of this program.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(Error::io(&path, e)),
        };
        let wrong = |reason: String| Error::History {
            path: path.clone(),
            reason,
        };
        let history: Self = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
        if history.version != VERSION {
            return Err(wrong(format!(
                "it has version {}, this program writes version {VERSION}",
                history.version
            )));
        }
        Ok(history)
    }

    /// The epochs of a stage, none if it was not run.
    pub fn epochs(&self, stage: &str) -> &[EpochRecord] {
        let found = self.stages.iter().find(|record| record.stage == stage);
        found.map_or(&[], |record| &record.epochs)
    }
}

/// Keeps the history of a run up to date.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    /// None: nothing is kept.
    path: Option<PathBuf>,
    history: History,
    stage: usize,
}

impl Recorder {
    /// A stage begins or goes on behind `resumed` epochs. Of the history of `folder` stays what belongs to this stage
    /// and to those before it; a stage that begins anew ends what came behind it.
    pub fn begin(
        folder: Option<&Path>,
        stage: &str,
        identity: &Identity,
        resumed: usize,
    ) -> Result<Self> {
        let mut history = match folder {
            Some(folder) => History::read(folder)?,
            None => History::default(),
        };
        history.version = VERSION;
        let run = fingerprint(identity);
        let found = history.stages.iter().position(|s| s.stage == stage);
        let at = match found {
            Some(at) => {
                let record = &mut history.stages[at];
                if record.run != run {
                    record.epochs.clear();
                    record.run = run;
                }
                record.epochs.retain(|epoch| epoch.epoch < resumed);
                if resumed == 0 {
                    history.stages.truncate(at + 1);
                }
                at
            }
            None => {
                history.stages.push(StageRecord {
                    stage: stage.into(),
                    run,
                    epochs: Vec::new(),
                });
                history.stages.len() - 1
            }
        };
        Ok(Self {
            path: folder.map(|folder| folder.join(FILE)),
            history,
            stage: at,
        })
    }

    /// An epoch is done.
    pub fn epoch(&mut self, epoch: EpochRecord) -> Result<()> {
        let epochs = &mut self.history.stages[self.stage].epochs;
        epochs.retain(|before| before.epoch < epoch.epoch);
        epochs.push(epoch);
        self.write()
    }

    /// The weights of each layer before sharing.
    pub fn unshared(&mut self, layers: Vec<Histogram>) {
        self.history.unshared = layers;
    }

    fn write(&self) -> Result<()> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let bytes = serde_json::to_vec(&self.history).map_err(|e| Error::History {
            path: path.clone(),
            reason: e.to_string(),
        })?;
        write_atomically(path, &bytes)
    }
}

fn fingerprint(identity: &Identity) -> String {
    let mut hash = Sha256::new();
    for (key, value) in identity {
        for text in [key, value] {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
    }
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(rate: &str) -> Identity {
        Identity::from([("rate".to_string(), rate.to_string())])
    }

    fn epoch(epoch: usize) -> EpochRecord {
        EpochRecord {
            epoch,
            loss: Some(1.0 / (epoch + 1) as f64),
            accuracy: 0.5,
            weights: 9,
        }
    }

    fn run(folder: &Path, stage: &str, rate: &str, epochs: std::ops::Range<usize>) {
        let mut recorder =
            Recorder::begin(Some(folder), stage, &identity(rate), epochs.start).unwrap();
        epochs.for_each(|index| recorder.epoch(epoch(index)).unwrap());
    }

    fn told(folder: &Path) -> Vec<(String, Vec<usize>)> {
        let stages = History::read(folder).unwrap().stages.into_iter();
        let epochs = |s: StageRecord| (s.stage, s.epochs.iter().map(|e| e.epoch).collect());
        stages.map(epochs).collect()
    }

    #[test]
    fn an_epoch_that_no_checkpoint_holds_is_dropped_and_run_again() {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), "train", "1", 0..3);
        // Interrupted between the history and the checkpoint of epoch 2.
        run(folder.path(), "train", "1", 2..4);
        assert_eq!(told(folder.path()), [("train".into(), vec![0, 1, 2, 3])]);
        let history = History::read(folder.path()).unwrap();
        assert_eq!(history.epochs("train")[3], epoch(3));
        assert!(history.epochs("prune").is_empty());
    }

    #[test]
    fn a_stage_that_begins_anew_ends_what_came_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), "train", "1", 0..2);
        run(folder.path(), "prune", "2", 0..1);
        run(folder.path(), "tune", "2", 0..1);
        // Going on with everything changes nothing.
        for (stage, rate, done) in [("train", "1", 2), ("prune", "2", 1), ("tune", "2", 1)] {
            run(folder.path(), stage, rate, done..done);
        }
        run(folder.path(), "tune", "2", 1..2);
        let stages = |names: &[(&str, &[usize])]| -> Vec<(String, Vec<usize>)> {
            let own = |&(name, epochs): &(&str, &[usize])| (name.to_string(), epochs.to_vec());
            names.iter().map(own).collect()
        };
        assert_eq!(
            told(folder.path()),
            stages(&[("train", &[0, 1]), ("prune", &[0]), ("tune", &[0, 1])])
        );
        run(folder.path(), "prune", "3", 0..1);
        assert_eq!(
            told(folder.path()),
            stages(&[("train", &[0, 1]), ("prune", &[0])])
        );
    }

    #[test]
    fn what_is_no_history_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (text, what) in [
            ("", "EOF"),
            ("{\"version\":", "EOF"),
            (
                "{\"version\":9,\"stages\":[],\"unshared\":[]}",
                "version 9, this program writes",
            ),
        ] {
            fs::write(folder.path().join(FILE), text).unwrap();
            let message = History::read(folder.path()).unwrap_err().to_string();
            assert!(
                message.contains(what) && message.contains("remove the file"),
                "{message}"
            );
        }
    }

    #[test]
    fn a_histogram_counts_what_is_left() {
        let histogram = Histogram::new(&[0.0, -1.0, 3.0, 0.0, 2.99, 1.0]);
        assert_eq!(histogram.range, [-1.0, 3.0]);
        assert_eq!(histogram.counts.iter().sum::<usize>(), 4);
        let of = |part: usize| histogram.counts[part];
        assert_eq!((of(0), of(40), of(79)), (1, 1, 2));
        assert_eq!(Histogram::new(&[0.5, 0.5]).counts[0], 2);
        assert!(Histogram::new(&[0.0]).counts.is_empty());
    }
}
