//! Progress on stderr: a bar where people look, lines where they do not.

use indicatif::{ProgressBar, ProgressStyle};
use std::cell::RefCell;
use std::io::{IsTerminal, Write};
use std::mem::{Discriminant, discriminant};
use std::ops::ControlFlow;
use thresh_compress::{EpochInfo, KeptInfo, Progress, RateInfo, StageInfo, StepInfo};
use thresh_model::pack::Step;

/// A bar of `total` of something.
pub fn bar(name: &'static str, total: u64) -> ProgressBar {
    let template = "{prefix:>10} {wide_bar:.cyan/blue} {pos}/{len} {elapsed}+{eta} {msg}";
    // The template is written here, and a bar of another look would do as well.
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style).with_prefix(name)
}

/// Shows a training run: a bar a stage with loss and accuracy; without a terminal a line an epoch.
pub struct Training {
    bar: ProgressBar,
    epochs: usize,
    steps: usize,
    loss: f32,
    last: String,
}

impl Training {
    pub fn new() -> Self {
        Training {
            bar: ProgressBar::hidden(),
            epochs: 0,
            steps: 1,
            loss: 0.0,
            last: String::new(),
        }
    }
}

/// Shows what the packer is at: a bar for each kind of step, if they are many.
pub struct Packing {
    state: RefCell<(Option<Discriminant<Step>>, ProgressBar)>,
}

impl Packing {
    pub fn new() -> Self {
        Packing {
            state: RefCell::new((None, ProgressBar::hidden())),
        }
    }

    pub fn at(&self, step: Step) {
        let (kind, shown) = &mut *self.state.borrow_mut();
        let (name, done, total) = match step {
            Step::Calibrate(done, total) => ("calibrate", done, total),
            Step::Cut(done, total) => ("cut", done, total),
            Step::Code(passes) => ("code", 0, passes),
        };
        let new = *kind != Some(discriminant(&step)) || shown.length() != Some(total as u64);
        if new {
            shown.finish_and_clear();
            *shown = bar(name, total as u64);
            *kind = Some(discriminant(&step));
        }
        shown.set_position(done as u64);
    }
}

impl Drop for Packing {
    fn drop(&mut self) {
        self.state.borrow().1.finish_and_clear();
    }
}

/// How much a new step counts in the loss that is shown.
const SMOOTHING: f32 = 0.05;

impl Progress for Training {
    fn stage(&mut self, info: &StageInfo) {
        self.bar.finish();
        self.bar = bar(info.stage, (info.epochs * info.steps) as u64);
        // The time of epochs that an earlier run did is not part of the estimate.
        self.bar.set_position((info.resumed * info.steps) as u64);
        self.bar.reset_eta();
        (self.epochs, self.steps) = (info.epochs, info.steps);
        (self.loss, self.last) = (0.0, String::new());
        if info.resumed > 0 {
            let text = format!(
                "{}: going on after epoch {} of {}",
                info.stage, info.resumed, info.epochs
            );
            self.line(&text);
        }
    }

    fn step(&mut self, info: &StepInfo) {
        let first = self.loss == 0.0;
        self.loss = if first {
            info.loss
        } else {
            self.loss + SMOOTHING * (info.loss - self.loss)
        };
        self.bar
            .set_position((info.epoch * self.steps + info.step + 1) as u64);
        self.bar
            .set_message(format!("loss {:.4} {}", self.loss, self.last));
    }

    fn rate(&mut self, info: &RateInfo) {
        let text = format!(
            "{}: the rate {} is too high for this network: {:.2e} from epoch {} on",
            info.stage,
            info.given,
            info.rate,
            info.epoch + 1
        );
        self.line(&text);
    }

    fn kept(&mut self, info: &KeptInfo) {
        let of = match info.epochs {
            0 => "from before its first epoch".to_string(),
            epochs => format!("of epoch {epochs} of {}", info.of),
        };
        self.line(&format!(
            "{}: the weights {of} are kept: no later ones are better",
            info.stage
        ));
    }

    fn epoch(&mut self, info: &EpochInfo) -> ControlFlow<()> {
        let accuracy = 100.0 * info.accuracy;
        self.last = format!("accuracy {accuracy:.2} % weights {}", info.weights);
        self.bar
            .set_position(((info.epoch + 1) * self.steps) as u64);
        self.bar
            .set_message(format!("loss {:.4} {}", info.loss, self.last));
        if !std::io::stderr().is_terminal() {
            let text = format!(
                "{} epoch {}/{}: loss {:.4} {}",
                info.stage,
                info.epoch + 1,
                self.epochs,
                info.loss,
                self.last
            );
            self.line(&text);
        }
        if info.epoch + 1 == self.epochs
            && let Some(text) = collapse(info)
        {
            self.line(&text);
        }
        ControlFlow::Continue(())
    }
}

/// What is said of a stage whose last epoch, `info`, left a network that no longer tells images apart.
fn collapse(info: &EpochInfo) -> Option<String> {
    (info.accuracy <= info.guess).then(|| {
        format!(
            "{}: the network is right for {:.2} % of the images, as one that gives each the most frequent class; \
             if later stages do not mend it, begin anew with a lower rate or less compression, in another working folder",
            info.stage,
            100.0 * info.accuracy
        )
    })
}

impl Training {
    fn line(&self, text: &str) {
        // A message that nobody can read is no reason to stop.
        self.bar
            .suspend(|| drop(writeln!(std::io::stderr(), "{text}")));
    }
}

impl Drop for Training {
    fn drop(&mut self) {
        self.bar.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_is_no_better_than_a_guess_is_told() {
        let info = EpochInfo {
            stage: "hash",
            epoch: 0,
            loss: 2.3,
            accuracy: 0.1135,
            weights: 1,
            guess: 0.1135,
        };
        let text = collapse(&info).unwrap();
        assert!(
            text.starts_with("hash: the network is right for 11.35 %"),
            "{text}"
        );
        let better = EpochInfo {
            accuracy: 0.1136,
            ..info
        };
        assert_eq!(collapse(&better), None);
    }
}
