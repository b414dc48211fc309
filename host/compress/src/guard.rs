//! What keeps training from ending below its start: a rate that is tried out, lowered where the loss rises, and the best weights kept.
//!
//! A network that was trained elsewhere is trained on with rates that were chosen for others. Whether they suit it is measured on a *gauge*: the
//! images that are held out, where some are, or else some of the training images; never on test images.
//!
//! 1. Before the first epoch the first batches are learned with the given rate and with smaller ones, each time from the start; the largest
//!    rate is taken that does not fall behind the best of them.
//! 2. An epoch behind which the loss is no number, or the network is no better than a guess, or clearly worse than before, is run again with a third of
//!    the rate.
//! 3. At the end the best of the weights at the start and behind each epoch are taken, where they can stand for each other.

use thresh_model::{Dataset, Network};

use crate::{
    checkpoint::State,
    data::Data,
    net::{Affine, Net},
};

/// What a lowered rate is divided by.
const STEP: f64 = 3.0;

/// Times that a rate is lowered in a stage, at most.
pub(crate) const MOST_LOWERED: usize = 6;

/// Rates that are tried before the first epoch: the given one and smaller ones; more where the last of them is not sound.
pub(crate) const TRIED: usize = 4;

/// Images of a gauge, as one of so many training images, but not fewer and not more than these.
const GAUGE: (usize, usize, usize) = (8, 500, 4000);

/// Share of what the best of the tried rates gains that a larger one has to gain.
const LEAST_GAIN: f64 = 0.5;

/// Loss that a larger rate may have above that; 1 is about the loss of a network that is sure of the right one of three classes.
const LOSS_SLACK: f64 = 0.05;

/// Share of the gauge by which a larger rate may be behind the start.
const TRIAL_SLACK: f64 = 0.02;

/// Share of the gauge by which an epoch may be behind the one before it.
const EPOCH_SLACK: f64 = 0.05;

/// Share of the gauge within which the loss says which of two is better.
const BEST_SLACK: f64 = 0.01;

/// Key of what is kept in a checkpoint beside the state of the stage.
const KEY: &str = "guard";
/// How the names of the tensors of the best weights begin.
const BEST: &str = "guard.best.";

/// When a stage is guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// Never.
    Off,
    /// Only where it went wrong without: then it begins again.
    Rescue,
    /// From the start.
    On,
}

impl Guard {
    /// Of a network that is trained on: one that [`train`](crate::train()) made has options that suit it.
    pub fn of(network: &Network) -> Self {
        match network.provenance.contains_key("train.options") {
            true => Self::Rescue,
            false => Self::On,
        }
    }
}

/// What was measured on the gauge. Single precision, as a checkpoint has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measure {
    /// Images that are classified rightly.
    pub right: usize,
    /// Mean loss.
    pub loss: f32,
}

/// Images that training is measured on.
pub(crate) struct Gauge {
    set: Dataset,
    /// How many of them are in their most frequent class.
    guess: usize,
    /// Least loss of a network that answers the same to every image, where classes are learned together.
    guess_loss: f64,
}

impl Gauge {
    pub fn new(data: &Data) -> Self {
        let from = match data.held_out() {
            Some(_) => data.test(),
            None => data.train(),
        };
        let (part, least, most) = GAUGE;
        let count = match data.held_out() {
            Some(_) => from.len(),
            None => (from.len() / part).clamp(least, most).min(from.len()),
        };
        Self::of(spread(from, count))
    }

    fn of(set: Dataset) -> Self {
        let mut members = [0_usize; 256];
        for &label in &set.labels {
            members[usize::from(label)] += 1;
        }
        let share = |&members: &usize| members as f64 / set.len() as f64;
        let bits = |share: f64| {
            if share > 0.0 {
                -share * share.ln()
            } else {
                0.0
            }
        };
        Self {
            guess: members.iter().copied().max().unwrap_or(0),
            guess_loss: members.iter().map(share).map(bits).sum(),
            set,
        }
    }

    pub fn measure(&self, net: &Net, layers: &[Affine]) -> Measure {
        let (right, loss) = net.measure(layers, &self.set);
        Measure {
            right,
            loss: loss as f32,
        }
    }

    /// This share of the images.
    fn share(&self, share: f64) -> usize {
        (self.set.len() as f64 * share) as usize
    }

    /// Whether training made a network that is hardly better than a guess of one that was.
    pub fn collapsed(&self, before: Measure, now: Measure) -> bool {
        let slack = self.share(EPOCH_SLACK);
        now.right <= self.guess + slack && before.right > self.guess + 2 * slack
    }

    /// Whether a trial left the network about as good as at the start.
    pub fn sound(&self, start: Measure, trial: Measure) -> bool {
        trial.loss.is_finite() && trial.right + self.share(TRIAL_SLACK) >= start.right
    }

    /// Whether an epoch is to be run again: `keeps` where it should not make a network worse.
    pub fn wrong(&self, before: Measure, now: Measure, keeps: bool) -> bool {
        let fell = now.right + self.share(EPOCH_SLACK) < before.right && now.loss > before.loss;
        !now.loss.is_finite() || self.collapsed(before, now) || keeps && fell
    }

    /// Whether `now` is better than `best`, with what it began from: never below that; of two about as right the one with the smaller loss.
    fn better(&self, start: Measure, best: Measure, now: Measure) -> bool {
        let slack = self.share(BEST_SLACK);
        let clearly = now.right > best.right + slack;
        let about = now.right + slack >= best.right && now.loss < best.loss;
        now.loss.is_finite() && now.right >= start.right && (clearly || about)
    }

    /// The first of `trials`, which are those of falling rates, that does not fall behind the best of them; the last if all do.
    pub fn largest(&self, start: Measure, trials: &[Measure]) -> usize {
        let finite = |trial: &&Measure| trial.loss.is_finite();
        let losses = trials.iter().filter(finite).map(|t| f64::from(t.loss));
        let best = losses.fold(f64::INFINITY, f64::min);
        let right = trials.iter().filter(finite).map(|trial| trial.right).max();
        let right = right.unwrap_or(0) as f64;
        let begun = right.min(start.right as f64);
        let least = begun + LEAST_GAIN * (right - begun);
        // To come down to the loss of a guess is no gain.
        let gain = (f64::from(start.loss).min(self.guess_loss) - best).max(0.0);
        let most = best + (1.0 - LEAST_GAIN) * gain + LOSS_SLACK;
        let good = |trial: &Measure| {
            let right = (trial.right + self.share(TRIAL_SLACK)) as f64;
            f64::from(trial.loss) <= most && right >= least
        };
        let found = trials.iter().position(good);
        found.unwrap_or(trials.len().saturating_sub(1))
    }
}

/// Every so many of the images, so that there are `count`.
fn spread(set: &Dataset, count: usize) -> Dataset {
    let size = set.shape.len();
    let mut images = Vec::with_capacity(count * size);
    let mut labels = Vec::with_capacity(count);
    for at in 0..count {
        let index = at * set.len() / count;
        images.extend_from_slice(set.image(index));
        labels.push(set.labels[index]);
    }
    Dataset {
        shape: set.shape,
        images,
        labels,
    }
}

/// What a guarded stage knows beside its own state.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    /// How often the rate was lowered.
    pub lowered: usize,
    /// What the stage began from.
    start: Measure,
    /// Epochs behind which the best weights were.
    pub best_epochs: usize,
    /// What these reach.
    best: Measure,
    /// The state of the stage with them; nothing where an earlier state cannot stand for a later one.
    state: State,
}

impl Watch {
    /// At the start of a stage with this state.
    pub fn new(lowered: usize, start: Measure, state: State) -> Self {
        Self {
            lowered,
            start,
            best_epochs: 0,
            best: start,
            state,
        }
    }

    /// What a rate of 1 is now.
    pub fn factor(&self) -> f64 {
        factor(self.lowered)
    }

    /// An epoch is done, so that there are `epochs` of them.
    pub fn epoch(&mut self, epochs: usize, now: Measure, state: &State, gauge: &Gauge) {
        if gauge.better(self.start, self.best, now) {
            (self.best, self.best_epochs) = (now, epochs);
            self.state.clone_from(state);
        }
    }

    /// The state with the best weights.
    pub fn best(self) -> State {
        self.state
    }

    /// Adds what is known to the `state` of a checkpoint.
    pub fn put(&self, state: &mut State) {
        let count = |count: usize| count as f32;
        state.insert(
            KEY.into(),
            vec![
                count(self.lowered),
                count(self.best_epochs),
                count(self.start.right),
                self.start.loss,
                count(self.best.right),
                self.best.loss,
            ],
        );
        for (name, values) in &self.state {
            state.insert(format!("{BEST}{name}"), values.clone());
        }
    }

    /// Takes it from there; `None` if the checkpoint is of a stage without guard.
    pub fn take(state: &mut State) -> Option<Self> {
        let known = state.remove(KEY)?;
        let &[lowered, best_epochs, first, first_loss, right, loss] = known.as_slice() else {
            return None;
        };
        let measure = |right: f32, loss| Measure {
            right: right as usize,
            loss,
        };
        let names: Vec<String> = state.keys().cloned().collect();
        let mut best = State::new();
        for name in names {
            if let Some(own) = name.strip_prefix(BEST)
                && let Some(values) = state.remove(&name)
            {
                best.insert(own.into(), values);
            }
        }
        Some(Self {
            lowered: lowered as usize,
            best_epochs: best_epochs as usize,
            start: measure(first, first_loss),
            best: measure(right, loss),
            state: best,
        })
    }
}

/// What the rate is multiplied by where it was lowered so often.
pub(crate) fn factor(lowered: usize) -> f64 {
    (0..lowered).fold(1.0, |factor, _| factor / STEP)
}

#[cfg(test)]
mod tests {
    use thresh_model::Shape;

    use super::*;

    fn set(count: usize) -> Dataset {
        let shape = Shape {
            channels: 1,
            height: 1,
            width: 1,
        };
        Dataset {
            shape,
            images: (0..count).map(|at| (at % 251) as u8).collect(),
            labels: (0..count).map(|at| (at % 4) as u8).collect(),
        }
    }

    fn measure(right: usize, loss: f32) -> Measure {
        Measure { right, loss }
    }

    #[test]
    fn a_gauge_is_of_training_images_or_of_those_held_out() {
        let data = Data::new(set(8000), set(3)).unwrap();
        let gauge = Gauge::new(&data);
        assert_eq!((gauge.set.len(), gauge.guess), (1000, 1000));
        assert_eq!(gauge.set.image(1), data.train().image(8));
        assert_eq!(Gauge::new(&data.hold_out(30).unwrap()).set.len(), 30);
        let few = Data::new(set(9), set(3)).unwrap();
        assert_eq!(Gauge::new(&few).set, *few.train());
    }

    #[test]
    fn the_largest_rate_that_keeps_up_is_taken() {
        // 1000 images, a guess has 250 of them.
        let gauge = Gauge::of(set(1000));
        let start = measure(300, 3.0);
        let dead = measure(250, 1.39);
        let largest = |trials: &[Measure]| gauge.largest(start, trials);
        assert_eq!(largest(&[measure(600, 1.0), measure(700, 0.8)]), 0);
        assert_eq!(largest(&[dead, measure(700, 0.8), measure(500, 1.2)]), 1);
        assert_eq!(largest(&[measure(400, f32::NAN), dead]), 1);
        assert_eq!(largest(&[measure(300, 2.9), measure(600, 1.0)]), 1);
        // None is better than another.
        assert_eq!(largest(&[dead; 3]), 0);
        // From a large loss down to that of a guess is no gain.
        let start = measure(300, 9.0);
        assert_eq!(
            gauge.largest(start, &[measure(300, 1.39), measure(600, 1.0)]),
            1
        );
        assert_eq!(largest(&[measure(0, f32::NAN); 3]), 2);
        // A network that is good already may lose a little at first.
        let start = measure(950, 0.15);
        let largest = |trials: &[Measure]| gauge.largest(start, trials);
        assert_eq!(largest(&[measure(940, 0.17), measure(951, 0.149)]), 0);
        assert_eq!(largest(&[measure(900, 0.3), measure(951, 0.149)]), 1);
    }

    #[test]
    fn an_epoch_goes_wrong_by_what_is_no_number_a_guess_or_a_fall() {
        let gauge = Gauge::of(set(1000));
        let before = measure(600, 1.0);
        assert!(gauge.wrong(before, measure(700, f32::NAN), false));
        assert!(gauge.wrong(before, measure(300, 0.9), false));
        assert!(!gauge.wrong(before, measure(301, 2.0), false));
        assert!(gauge.wrong(before, measure(301, 2.0), true));
        assert!(!gauge.wrong(before, measure(560, 2.0), true));
        assert!(!gauge.wrong(before, measure(500, 0.9), true));
        // What was a guess before cannot become one.
        assert!(!gauge.wrong(measure(260, 3.0), measure(250, 1.39), true));
        assert!(gauge.sound(before, measure(580, 9.0)));
        assert!(!gauge.sound(before, measure(579, 0.1)));
    }

    #[test]
    fn the_best_is_kept_and_comes_back_from_a_checkpoint() {
        let gauge = Gauge::of(set(1000));
        let state = |value: f32| State::from([("layer".to_string(), vec![value])]);
        let mut watch = Watch::new(2, measure(500, 1.0), state(0.0));
        let mut epoch = |epochs, right, loss| {
            watch.epoch(epochs, measure(right, loss), &state(epochs as f32), &gauge);
            watch.best_epochs
        };
        // Below the start, no number, about as right with a smaller loss, clearly better, and clearly worse.
        assert_eq!(epoch(1, 499, 0.1), 0);
        assert_eq!(epoch(2, 900, f32::NAN), 0);
        assert_eq!(epoch(3, 505, 0.9), 3);
        assert_eq!(epoch(4, 500, 0.8), 4);
        assert_eq!(epoch(5, 600, 1.1), 5);
        assert_eq!(epoch(6, 580, 0.7), 5);
        let mut saved = state(7.0);
        watch.put(&mut saved);
        let read = Watch::take(&mut saved).unwrap();
        assert_eq!(saved, state(7.0));
        assert_eq!((read.lowered, read.best_epochs), (2, 5));
        assert_eq!((read.start, read.best), (watch.start, watch.best));
        assert!((read.factor() - 1.0 / 9.0).abs() < 1e-15);
        assert_eq!(read.best(), state(5.0));
        assert!(Watch::take(&mut saved).is_none());
    }
}
