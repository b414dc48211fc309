//! Running what is loaded.

use super::{Content, Device};
use crate::counters::Counters;
use crate::error::DriverError;
use crate::transport::Transport;
use thresh_model::reference::argmax;
use thresh_regs::reg;

/// What one inference gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inference {
    /// The outputs of the network, as [`thresh_model::Reference`] gives them.
    pub logits: Vec<i32>,
    /// Index of the largest logit; the first of equals.
    pub class: usize,
    /// What the engine counted.
    pub counters: Counters,
}

/// An inference that was run pass by pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The inference; its counters are the sums over the passes.
    pub inference: Inference,
    /// What the engine counted in each pass.
    pub passes: Vec<Counters>,
}

impl<T: Transport> Device<T> {
    /// Runs the network on `input`, one byte for every value of the image's input shape.
    ///
    /// # Errors
    /// If nothing is loaded, the input has another size (nothing is written then), or link or engine
    /// fail.
    pub fn run(&mut self, input: &[u8]) -> Result<Inference, DriverError> {
        self.put_input(input)?;
        let start = reg::CONTROL.field("start").put(1);
        let counters = self.guarded(|device| device.start("running the network", 0, start))?;
        self.inference(counters)
    }

    /// Like [`Device::run`], but pass by pass, with the counters of each.
    ///
    /// # Errors
    /// As [`Device::run`].
    pub fn run_profiled(&mut self, input: &[u8]) -> Result<Profile, DriverError> {
        self.put_input(input)?;
        let passes = self.loaded()?.passes.len();
        let passes: Vec<Counters> = (0..passes)
            .map(|pass| self.step(pass))
            .collect::<Result<_, _>>()?;
        let inference = self.inference(passes.iter().copied().sum())?;
        Ok(Profile { inference, passes })
    }

    /// Writes an input to activation memory, with the zeros that fill up its channels.
    ///
    /// # Errors
    /// As [`Device::run`].
    pub fn put_input(&mut self, input: &[u8]) -> Result<(), DriverError> {
        let image = self.loaded()?;
        let bytes = image.input_bytes(input)?;
        let start = image.input_window().start;
        self.guarded(|device| device.write_activations("writing the input", start, &bytes))
    }

    /// Runs one pass on what activation memory holds. Passes are to be run in order, after
    /// [`Device::put_input`].
    ///
    /// # Errors
    /// If nothing is loaded, there is no such pass, or link or engine fail.
    pub fn step(&mut self, pass: usize) -> Result<Counters, DriverError> {
        self.check_pass(pass)?;
        let step = reg::CONTROL.field("start").put(1) | reg::CONTROL.field("step").put(1);
        self.guarded(|device| device.start(&format!("running pass {pass}"), pass, step))
    }

    /// The values that a pass has drained, in packed order (see
    /// [`Image::output_values`](thresh_model::Image::output_values)), as long as no later pass
    /// has overwritten them; empty for a pass that does not drain.
    ///
    /// # Errors
    /// If nothing is loaded, there is no such pass, or the link fails.
    pub fn activations(&mut self, pass: usize) -> Result<Vec<i32>, DriverError> {
        self.check_pass(pass)?;
        let window = self.loaded()?.output_window(pass);
        let doing = format!("reading the outputs of pass {pass}");
        let bytes = self.guarded(|device| device.read_activations(&doing, window))?;
        Ok(self.loaded()?.output_values(pass, &bytes)?)
    }

    /// What the engine counted in its last run.
    ///
    /// # Errors
    /// If the link fails.
    pub fn counters(&mut self) -> Result<Counters, DriverError> {
        let registers = Counters::REGISTERS;
        let first = registers.iter().map(|r| r.offset).min().unwrap_or(0);
        let last = registers.iter().map(|r| r.offset).max().unwrap_or(0);
        let mut words = vec![0; ((last - first) / 4 + 1) as usize];
        self.read("reading the counters", first, &mut words)?;
        Ok(Counters::from_words(|register| {
            words[((register.offset - first) / 4) as usize]
        }))
    }

    fn start(&mut self, doing: &str, pass: usize, control: u32) -> Result<Counters, DriverError> {
        self.set(doing, reg::PASS, reg::PASS.field("pass").put(pass as u32))?;
        self.set(doing, reg::CONTROL, control)?;
        let (done, busy) = (reg::STATUS.field("done"), reg::STATUS.field("busy"));
        self.wait(doing, self.timeouts.run, |status| {
            done.get(status) != 0 && busy.get(status) == 0
        })?;
        self.counters()
    }

    fn inference(&mut self, counters: Counters) -> Result<Inference, DriverError> {
        let last = self.loaded()?.passes.len().saturating_sub(1);
        let values = self.activations(last)?;
        let logits = self.loaded()?.logits(&values);
        Ok(Inference {
            class: argmax(&logits),
            logits,
            counters,
        })
    }

    fn check_pass(&self, got: usize) -> Result<(), DriverError> {
        let passes = self.loaded()?.passes.len();
        if got < passes {
            Ok(())
        } else {
            Err(DriverError::NoPass { got, passes })
        }
    }

    /// Does `work`, and gives the engine up if that fails.
    fn guarded<R>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<R, DriverError>,
    ) -> Result<R, DriverError> {
        debug_assert!(
            matches!(self.content, Content::Loaded(_)),
            "a run needs a network"
        );
        work(self).map_err(|error| self.abandon(error))
    }
}
