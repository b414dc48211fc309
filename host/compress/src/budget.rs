//! Compression to a budget: the number of weights that a network may keep is searched for, by trials that are
//! compressed, packed and measured.
//!
//! [`Budget`] says what is allowed, [`search()`] which number of weights is tried next, and [`Trials`] runs one trial. All
//! choices are made on training images that were held out ([`Data::hold_out`](crate::Data::hold_out)), so that the
//! test images are left for one measurement at the end.

mod parse;
mod search;
mod trial;

use std::fmt;

pub use search::{Found, Search, Stop, search};
pub use trial::{Trials, packed_accuracy};

/// What a packed network may take, and how well it must read. At least one bound is there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    /// Most bytes of the image, without provenance.
    pub bytes: Option<u64>,
    /// Most cycles of an inference, by the cycle model, mean of some images.
    pub cycles: Option<f64>,
    /// Least share of the held-out images that the packed network classifies rightly, 0 to 1.
    pub accuracy: Option<f64>,
}

/// One bound of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Bytes of the image.
    Bytes,
    /// Cycles of an inference.
    Cycles,
    /// Share of images that are classified rightly.
    Accuracy,
    /// The memories of the configuration, which bound every budget.
    Memory,
}

impl Bound {
    /// Its name in a budget.
    pub fn name(self) -> &'static str {
        match self {
            Bound::Bytes => "bytes",
            Bound::Cycles => "cycles",
            Bound::Accuracy => "accuracy",
            Bound::Memory => "memory",
        }
    }
}

/// What a trial came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Weights that it was to keep.
    pub weights: usize,
    /// Weights that are not zero.
    pub nonzeros: usize,
    /// Share of the held-out images that are classified rightly, as packed; in float where it cannot be packed.
    pub accuracy: f64,
    /// What it takes; none if the configuration does not hold it.
    pub packed: Option<Packed>,
}

/// What a packed network takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Packed {
    /// Bytes of the image, without provenance.
    pub bytes: u64,
    /// Cycles of an inference, mean.
    pub cycles: f64,
}

impl Budget {
    /// The bounds that a trial does not keep.
    pub fn missed(&self, trial: &Measured) -> Vec<Bound> {
        let mut missed = Vec::new();
        let above = |most: Option<f64>, got: f64| most.is_some_and(|most| got > most);
        match trial.packed {
            None => missed.push(Bound::Memory),
            Some(packed) => {
                if above(self.bytes.map(|bytes| bytes as f64), packed.bytes as f64) {
                    missed.push(Bound::Bytes);
                }
                if above(self.cycles, packed.cycles) {
                    missed.push(Bound::Cycles);
                }
            }
        }
        if self.accuracy.is_some_and(|least| trial.accuracy < least) {
            missed.push(Bound::Accuracy);
        }
        missed
    }

    /// How far a trial is from the budget: the sum of what it is over each bound, as a share of the bound; for the
    /// accuracy, of the error that is allowed. 0 keeps the budget.
    pub fn distance(&self, trial: &Measured) -> f64 {
        let over = |got: f64, most: f64| (got / most.max(f64::MIN_POSITIVE) - 1.0).max(0.0);
        let size = match trial.packed {
            None => f64::INFINITY,
            Some(packed) => {
                let bytes = self
                    .bytes
                    .map(|most| over(packed.bytes as f64, most as f64));
                let cycles = self.cycles.map(|most| over(packed.cycles, most));
                bytes.unwrap_or(0.0) + cycles.unwrap_or(0.0)
            }
        };
        // An error of nothing is as good as one image in ten thousand.
        let error = |accuracy: f64| (1.0 - accuracy).max(1e-4);
        let wrong = self
            .accuracy
            .map(|least| over(error(trial.accuracy), error(least)));
        size + wrong.unwrap_or(0.0)
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes.map(|most| format!("bytes<={most}"));
        let cycles = self.cycles.map(|most| format!("cycles<={most}"));
        let percent = |least: f64| format!("accuracy>={}", round(100.0 * least));
        let words = [bytes, cycles, self.accuracy.map(percent)];
        let words: Vec<String> = words.into_iter().flatten().collect();
        f.write_str(&words.join(","))
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} weights: ", self.nonzeros)?;
        match self.packed {
            Some(Packed { bytes, cycles }) => write!(f, "{bytes} bytes, {cycles:.0} cycles")?,
            None => f.write_str("does not fit the configuration")?,
        }
        write!(f, ", {:.2} %", 100.0 * self.accuracy)
    }
}

/// Without the noise that a percentage in binary has behind its last digit.
fn round(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(bytes: u64, cycles: f64, accuracy: f64) -> Measured {
        Measured {
            weights: 10,
            nonzeros: 9,
            accuracy,
            packed: Some(Packed { bytes, cycles }),
        }
    }

    #[test]
    fn every_bound_that_is_missed_is_named() {
        let budget: Budget = "bytes<=3k,cycles<=2000,accuracy>=99.2".parse().unwrap();
        assert_eq!(budget.missed(&trial(3000, 2000.0, 0.992)), []);
        assert_eq!(budget.distance(&trial(3000, 2000.0, 0.992)), 0.0);
        let worse = trial(3300, 2001.0, 0.984);
        assert_eq!(
            budget.missed(&worse),
            [Bound::Bytes, Bound::Cycles, Bound::Accuracy]
        );
        let distance = budget.distance(&worse);
        assert!((distance - (0.1 + 0.0005 + 1.0)).abs() < 1e-9, "{distance}");
        let mut large = trial(1, 1.0, 1.0);
        large.packed = None;
        assert_eq!(budget.missed(&large), [Bound::Memory]);
        assert!(budget.distance(&large).is_infinite());
        assert!(large.to_string().contains("does not fit"), "{large}");
        assert_eq!(
            worse.to_string(),
            "9 weights: 3300 bytes, 2001 cycles, 98.40 %"
        );
    }
}
