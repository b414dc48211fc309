//! Training under the eye of the module `guard`.

use super::Run;
use crate::{
    checkpoint::State,
    error::{Error, Result},
    guard::{Gauge, MOST_LOWERED, Measure, TRIED, Watch, factor},
    progress::{KeptInfo, RateInfo},
};

/// The first steps of an epoch that a rate is tried with: one in so many of them, but not fewer and not more than these.
const TRIAL: (usize, usize, usize) = (4, 10, 100);

impl Run<'_, '_> {
    /// All epochs as [`Self::plain`]; nothing if the loss is no number, or a network that was better than a guess is so no longer.
    pub fn unless_wrong(&mut self, start: &State, gauge: &Gauge) -> Result<Option<f64>> {
        let now = self.stage.state();
        self.back_to(start);
        let before = gauge.measure(self.plan.net, &self.stage.weights());
        self.back_to(&now);
        match self.plain() {
            Ok(accuracy) => {
                let after = gauge.measure(self.plan.net, &self.stage.weights());
                let collapsed = self.stage.keeps() && gauge.collapsed(before, after);
                Ok((!collapsed).then_some(accuracy))
            }
            Err(Error::Diverged { .. }) if before.loss.is_finite() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All epochs, as the module `guard` says; the stage is at its start, or where `watch` was saved.
    pub fn guarded(&mut self, watch: Option<Watch>, gauge: &Gauge) -> Result<f64> {
        let mut recorder = self.begin()?;
        let measure = |run: &Self| gauge.measure(run.plan.net, &run.stage.weights());
        let mut before = measure(self);
        let mut watch = match watch {
            Some(watch) => watch,
            None => self.watch(before, gauge)?,
        };
        for epoch in self.resumed..self.plan.epochs {
            let begin = self.stage.state();
            let loss = loop {
                let learned = self.learn(epoch, self.steps(), watch.factor(), true);
                let now = measure(self);
                let last = watch.lowered == MOST_LOWERED;
                match learned {
                    Err(wrong) if last => return Err(self.diverged(epoch, wrong)),
                    Ok(loss) if last || !gauge.wrong(before, now, self.stage.keeps()) => {
                        before = now;
                        break loss;
                    }
                    _ => {}
                }
                self.back_to(&begin);
                watch.lowered += 1;
                self.tell_rate(epoch, &watch);
            };
            let mut state = self.stage.state();
            if self.stage.keeps() {
                watch.epoch(epoch + 1, before, &state, gauge);
            }
            watch.put(&mut state);
            self.end(epoch, loss, state, &mut recorder)?;
        }
        if self.stage.keeps() && watch.best_epochs < self.plan.epochs {
            self.context.progress.kept(&KeptInfo {
                stage: self.stage.name(),
                epochs: watch.best_epochs,
                of: self.plan.epochs,
            });
            self.back_to(&watch.best());
        }
        Ok(self.accuracy())
    }

    /// Tries the first batches with several rates; the stage is where it was then.
    fn watch(&mut self, start: Measure, gauge: &Gauge) -> Result<Watch> {
        if !start.loss.is_finite() {
            return Err(self.diverged(0, (0, start.loss)));
        }
        let state = self.stage.state();
        let (part, least, most) = TRIAL;
        let steps = (self.steps() / part).clamp(least, most).min(self.steps());
        let mut trials = Vec::with_capacity(TRIED);
        for lowered in 0..=MOST_LOWERED {
            let sound = trials
                .last()
                .is_some_and(|&trial| gauge.sound(start, trial));
            if lowered >= TRIED && sound {
                break;
            }
            let trial = match self.learn(0, steps, factor(lowered), false) {
                Ok(_) => gauge.measure(self.plan.net, &self.stage.weights()),
                Err((_, loss)) => Measure { right: 0, loss },
            };
            trials.push(trial);
            self.back_to(&state);
        }
        let lowered = gauge.largest(start, &trials);
        let best = match self.stage.keeps() {
            true => state,
            false => State::new(),
        };
        let watch = Watch::new(lowered, start, best);
        if lowered > 0 {
            self.tell_rate(0, &watch);
        }
        Ok(watch)
    }

    fn tell_rate(&mut self, epoch: usize, watch: &Watch) {
        self.context.progress.rate(&RateInfo {
            stage: self.stage.name(),
            epoch,
            given: self.plan.rate,
            rate: self.plan.rate * watch.factor(),
        });
    }
}
