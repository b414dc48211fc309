//! Which number of weights is tried next.
//!
//! More weights take more bytes and cycles and read better; so a trial that is too large sends the search to fewer, one
//! that reads too badly to more. From the first guess on the steps grow until both sides are known, then the ratio
//! between them is halved.

use super::{Bound, Budget, Measured};
use crate::error::{Error, Result};

/// How the search begins and ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// Weights of the first trial.
    pub start: usize,
    /// Weights that there are.
    pub most: usize,
    /// Trials at most.
    pub trials: usize,
    /// Ends when the best number of weights is known to this share of it.
    pub precision: f64,
}

/// The first step from the guess, as a ratio; each further one is the square of the one before, until this many squares.
const STEP: f64 = 1.5;
const MOST_SQUARES: u32 = 3;

/// Rough bits of a kept weight in an image, for the first guess.
const WEIGHT_BITS: f64 = 11.0;

impl Search {
    /// A search among `most` weights that begins where the bytes of `budget` suggest, or else at `usual`.
    pub fn new(budget: &Budget, most: usize, usual: usize) -> Self {
        let guess = budget
            .bytes
            .map(|bytes| (bytes as f64 * 8.0 / WEIGHT_BITS) as usize);
        Self {
            start: guess.unwrap_or(usual).clamp(1, most.max(1)),
            most,
            trials: 12,
            precision: 0.03,
        }
    }
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found<T> {
    /// All trials, in their order.
    pub trials: Vec<Measured>,
    /// Index of the one that was chosen.
    pub chosen: usize,
    /// What it left.
    pub result: T,
    /// Why it is not smaller, or, where no accuracy is asked for, not larger.
    pub stop: Stop,
}

/// Why no better trial was chosen.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// The next trial misses bounds.
    Bounds {
        /// The bounds.
        bounds: Vec<Bound>,
        /// The trial.
        trial: Measured,
    },
    /// There are no more, or no fewer, weights.
    Weights,
    /// All trials were used up before another one missed a bound.
    Trials,
}

/// Where to go from a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Fewer,
    More,
    /// Fewer weights read worse, more take more.
    Nowhere,
}

/// Looks for the fewest weights that keep `budget`; where it asks for no accuracy, for the most.
///
/// `trial` compresses to a number of weights and gives what it measured, and anything to be kept of the best.
///
/// # Errors
///
/// If no trial keeps the budget, with the closest one; and the errors of `trial`.
pub fn search<T>(
    budget: &Budget,
    how: &Search,
    mut trial: impl FnMut(usize) -> Result<(Measured, T)>,
) -> Result<Found<T>> {
    let smallest = budget.accuracy.is_some();
    let mut trials: Vec<Measured> = Vec::new();
    let mut best: Option<(usize, T)> = None;
    let mut bracket = Bracket::default();
    let mut next = Some(how.start);
    while let Some(weights) = next
        && trials.len() < how.trials
    {
        let (measured, result) = trial(weights)?;
        let missed = budget.missed(&measured);
        trials.push(measured);
        if missed.is_empty() {
            best = Some((trials.len() - 1, result));
        }
        let way = way(&missed, smallest);
        match way {
            Way::Fewer => bracket.high = Some(weights),
            Way::More => bracket.low = Some(weights),
            Way::Nowhere => break,
        }
        next = bracket.next(how);
    }
    let Some((chosen, result)) = best else {
        let closest = trials
            .iter()
            .min_by(|a, b| budget.distance(a).total_cmp(&budget.distance(b)));
        return Err(match closest {
            Some(closest) => Error::BudgetMissed {
                budget: budget.to_string(),
                trials: trials.len(),
                closest: *closest,
                missed: budget.missed(closest),
            },
            None => Error::Budget {
                part: budget.to_string(),
                expected: "got 0 trials, expected at least 1".into(),
            },
        });
    };
    let beyond = trials.iter().filter(|t| match smallest {
        true => t.weights < trials[chosen].weights,
        false => t.weights > trials[chosen].weights,
    });
    let nearest = beyond.min_by_key(|t| t.weights.abs_diff(trials[chosen].weights));
    let stop = match nearest {
        Some(trial) => Stop::Bounds {
            bounds: budget.missed(trial),
            trial: *trial,
        },
        None if next.is_none() => Stop::Weights,
        None => Stop::Trials,
    };
    Ok(Found {
        trials,
        chosen,
        result,
        stop,
    })
}

fn way(missed: &[Bound], smallest: bool) -> Way {
    let bad = missed.contains(&Bound::Accuracy);
    let large = missed.iter().any(|&bound| bound != Bound::Accuracy);
    match (large, bad) {
        (true, true) => Way::Nowhere,
        (true, false) => Way::Fewer,
        (false, true) => Way::More,
        (false, false) if smallest => Way::Fewer,
        (false, false) => Way::More,
    }
}

/// The nearest trials on both sides of what is looked for.
#[derive(Clone, Copy, Debug, Default)]
struct Bracket {
    low: Option<usize>,
    high: Option<usize>,
    steps: u32,
}

impl Bracket {
    /// The next number of weights; none if what is looked for is known well enough.
    fn next(&mut self, how: &Search) -> Option<usize> {
        let step = STEP.powi(1 << self.steps.min(MOST_SQUARES));
        match (self.low, self.high) {
            (Some(low), Some(high)) => {
                let gap = high - low;
                let enough = gap <= 1 || gap as f64 <= how.precision * low as f64;
                let middle = (low as f64 * high as f64).sqrt().round() as usize;
                (!enough).then(|| middle.clamp(low + 1, high - 1))
            }
            (None, Some(high)) => {
                self.steps += 1;
                (high > 1).then(|| ((high as f64 / step) as usize).clamp(1, high - 1))
            }
            (Some(low), None) => {
                self.steps += 1;
                (low < how.most).then(|| ((low as f64 * step) as usize).clamp(low + 1, how.most))
            }
            (None, None) => Some(how.start),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Packed;
    use super::*;
    use proptest::prelude::*;

    /// A world in which a weight takes 10 bits and half a cycle, and the error falls with the root of their number.
    fn world(weights: usize) -> Measured {
        Measured {
            weights,
            nonzeros: weights,
            accuracy: 1.0 - 0.5 / (weights as f64).sqrt(),
            packed: (weights <= 50_000).then_some(Packed {
                bytes: 100 + weights as u64 * 10 / 8,
                cycles: weights as f64 / 2.0,
            }),
        }
    }

    fn run(budget: &str, start: usize, most: usize) -> Result<Found<usize>> {
        let budget = budget.parse().unwrap();
        let how = Search {
            start,
            trials: 20,
            ..Search::new(&budget, most, start)
        };
        search(&budget, &how, |weights| Ok((world(weights), weights)))
    }

    #[test]
    fn without_an_accuracy_the_largest_is_taken_and_the_bound_is_named() {
        for (budget, right, bound) in [
            ("bytes<=3k", 2320, Bound::Bytes),
            ("cycles<=400", 800, Bound::Cycles),
            ("bytes<=3k,cycles<=400", 800, Bound::Cycles),
            ("bytes<=10M", 50_000, Bound::Memory),
        ] {
            for start in [1, 100, 2000, 30_000] {
                let found = run(budget, start, 100_000).unwrap();
                let weights = found.result as f64;
                let near = 0.96 * f64::from(right)..=f64::from(right);
                assert!(near.contains(&weights), "{budget} {start}: {weights}");
                assert_eq!(found.trials[found.chosen].weights, found.result);
                let Stop::Bounds { bounds, trial } = found.stop else {
                    panic!("{budget}: {:?}", found.stop)
                };
                assert_eq!(bounds, [bound]);
                assert!(trial.weights > found.result);
            }
        }
    }

    #[test]
    fn with_an_accuracy_the_smallest_is_taken() {
        let found = run("bytes<=10k,accuracy>=99", 4000, 100_000).unwrap();
        assert!((2500..2600).contains(&found.result), "{}", found.result);
        assert!(matches!(found.stop, Stop::Bounds { bounds, .. } if bounds == [Bound::Accuracy]));
    }

    #[test]
    fn the_ends_are_found() {
        let found = run("bytes<=1M", 10, 400).unwrap();
        assert_eq!((found.result, &found.stop), (400, &Stop::Weights));
        let found = run("accuracy>=1", 10, 400).unwrap();
        assert_eq!((found.result, &found.stop), (1, &Stop::Weights));
    }

    #[test]
    fn a_budget_that_cannot_be_kept_names_the_closest_trial() {
        let error = run("bytes<=3k,accuracy>=99.5", 2000, 100_000).unwrap_err();
        let message = error.to_string();
        for what in [
            "bytes<=3000,accuracy>=99.5",
            "the closest has",
            "which misses",
            "retrain-epochs",
        ] {
            assert!(message.contains(what), "{message}");
        }
        let Error::BudgetMissed { trials, .. } = error else {
            panic!("{error}")
        };
        assert!(trials <= 4, "{trials}");
        // Bytes that no number of weights keeps.
        let message = run("bytes<=50", 2000, 100_000).unwrap_err().to_string();
        assert!(message.contains("1 weights: 101 bytes"), "{message}");
    }

    #[test]
    fn an_error_of_a_trial_ends_the_search() {
        let budget = "bytes<=3k".parse().unwrap();
        let how = Search::new(&budget, 1000, 10);
        let result = search::<()>(&budget, &how, |_| Err(Error::Data("none".into())));
        assert!(matches!(result, Err(Error::Data(_))));
    }

    proptest! {
        #[test]
        fn any_search_ends_and_repeats_no_trial(start in 1usize..5000, most in 1usize..5000, bytes in 1u64..9000) {
            let budget = Budget { bytes: Some(bytes), ..Budget::default() };
            let how = Search { start: start.min(most), most, trials: 100, precision: 0.03 };
            let mut seen = std::collections::BTreeSet::new();
            let found = search(&budget, &how, |weights| {
                assert!((1..=most).contains(&weights));
                assert!(seen.insert(weights), "{weights} again");
                Ok((world(weights), weights))
            });
            if let Ok(found) = found {
                let fits = |weights| budget.missed(&world(weights)).is_empty();
                prop_assert!(fits(found.result));
                let beyond = (found.result as f64 * 1.04) as usize + 1;
                prop_assert!(beyond > most || !fits(beyond), "{}", found.result);
            } else {
                prop_assert!(bytes < 101);
            }
        }
    }
}
