//! Running what is loaded.

use super::{Content, Device};
use crate::counters::Counters;
use crate::error::DriverError;
use crate::transport::Transport;
use std::sync::Arc;
use thresh_model::Image;
use thresh_regs::reg;

/// What one inference gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inference {
    /// The outputs of the network, as [`thresh_model::Reference`] gives them.
    pub logits: Vec<i32>,
    /// What they say, as [`Image::class`]: the index of the largest, the first of equals.
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
        let mut inferences = self.run_batch(&[input])?;
        Ok(inferences.remove(0))
    }

    /// Like [`Device::run`] on each of `inputs`: runs that do not stay on the chip are loaded
    /// once for all of them, while the host keeps the maps of each. Runs that hand sums on in the
    /// accumulators are still loaded for each input.
    ///
    /// # Errors
    /// As [`Device::run`]; nothing is written if any input has another size.
    pub fn run_batch(&mut self, inputs: &[&[u8]]) -> Result<Vec<Inference>, DriverError> {
        let mut counters = vec![Vec::new(); inputs.len()];
        let image = Arc::clone(self.loaded()?);
        let done = self.each_run(inputs, |device, turn, ahead| {
            let start = reg::CONTROL.field("start").put(1);
            let first = image.runs[turn.run].first.into();
            let doing = "running the network";
            let counted = device.guarded(|device| device.start(doing, first, start, ahead))?;
            counters[turn.input].push(counted);
            Ok(())
        })?;
        let inferences = done.into_iter().zip(counters);
        Ok(inferences
            .map(|(maps, counters)| maps.end(counters.into_iter().sum()))
            .collect())
    }

    /// Like [`Device::run`], but pass by pass, with the counters of each.
    ///
    /// # Errors
    /// As [`Device::run`].
    pub fn run_profiled(&mut self, input: &[u8]) -> Result<Profile, DriverError> {
        self.run_with(input, |_, _, _| Ok(()))
    }

    /// Like [`Device::run_batch`], but pass by pass, with the counters of each.
    ///
    /// # Errors
    /// As [`Device::run_batch`].
    pub fn profile_batch(&mut self, inputs: &[&[u8]]) -> Result<Vec<Profile>, DriverError> {
        self.stepwise(inputs, |_, _, _| Ok(()))
    }

    /// Like [`Device::run_profiled`]; calls `after` behind every pass, with its index and counters, when
    /// [`Device::activations`] still gives what it drained.
    ///
    /// # Errors
    /// As [`Device::run`], and those of `after`.
    pub fn run_with(
        &mut self,
        input: &[u8],
        after: impl FnMut(&mut Self, usize, &Counters) -> Result<(), DriverError>,
    ) -> Result<Profile, DriverError> {
        let mut profiles = self.stepwise(&[input], after)?;
        Ok(profiles.remove(0))
    }

    fn stepwise(
        &mut self,
        inputs: &[&[u8]],
        mut after: impl FnMut(&mut Self, usize, &Counters) -> Result<(), DriverError>,
    ) -> Result<Vec<Profile>, DriverError> {
        let image = Arc::clone(self.loaded()?);
        let mut counters = vec![Vec::new(); inputs.len()];
        let done = self.each_run(inputs, |device, turn, mut ahead| {
            for pass in image.run_passes(turn.run) {
                let counted = device.step(pass, ahead.take())?;
                after(device, pass, &counted)?;
                counters[turn.input].push(counted);
            }
            Ok(())
        })?;
        let profile = |(maps, passes): (Maps, Vec<Counters>)| Profile {
            inference: maps.end(passes.iter().copied().sum()),
            passes,
        };
        Ok(done.into_iter().zip(counters).map(profile).collect())
    }

    /// For each run and input: writes what the run reads, calls `compute` with the turn and the run to load
    /// meanwhile, and reads what it gave. A run that is not resident is loaded once for all
    /// inputs where it can be, and while the one before it runs where it can be.
    fn each_run(
        &mut self,
        inputs: &[&[u8]],
        mut compute: impl FnMut(&mut Self, Turn, Option<usize>) -> Result<(), DriverError>,
    ) -> Result<Vec<Maps>, DriverError> {
        let image = Arc::clone(self.loaded()?);
        let begun = inputs.iter().map(|input| Maps::begin(&image, input));
        let mut batch: Vec<Maps> = begun.collect::<Result<_, _>>()?;
        if batch.is_empty() {
            return Ok(batch);
        }
        let turns = turns(&image, batch.len());
        let beside = self.overlap && self.info.to_config().loads_beside();
        // The run that is loaded, and the one beside it.
        let mut loaded = image.is_resident().then_some(0);
        let mut ready = None;
        for (at, &turn) in turns.iter().enumerate() {
            let run = turn.run;
            let mut ahead = None;
            if loaded != Some(run) {
                if ready != Some(run) {
                    self.guarded(|device| device.load_run(&image, run))?;
                }
                // The next one is loaded beside the first turn of this one.
                let mut later = turns[at..].iter().map(|turn| turn.run);
                let next = later.find(|&next| next != run);
                ahead = next.filter(|&next| beside && image.loads_beside(next, run));
                (loaded, ready) = (Some(run), ahead);
            }
            let maps = &mut batch[turn.input];
            self.guarded(|device| device.write_inputs(maps, run))?;
            compute(self, turn, ahead)?;
            self.guarded(|device| device.read_outputs(maps, run))?;
        }
        Ok(batch)
    }

    /// Writes what a run reads.
    fn write_inputs(&mut self, maps: &Maps, run: usize) -> Result<(), DriverError> {
        let image = &maps.image;
        for write in &image.runs[run].writes {
            let acts = image.gather(write, &maps.maps[write.map]);
            let start = image.window(write).start;
            self.write_activations("writing activations", start, &acts)?;
        }
        Ok(())
    }

    /// Reads what a run gives.
    fn read_outputs(&mut self, maps: &mut Maps, run: usize) -> Result<(), DriverError> {
        let image = Arc::clone(&maps.image);
        for read in &image.runs[run].reads {
            let acts = self.read_activations("reading activations", image.window(read))?;
            image.scatter(read, &acts, &mut maps.maps[read.map]);
        }
        Ok(())
    }

    /// Runs one pass of the run that is loaded on what activation memory holds.
    /// Meanwhile the run `ahead` is loaded.
    pub(super) fn step(
        &mut self,
        pass: usize,
        ahead: Option<usize>,
    ) -> Result<Counters, DriverError> {
        self.check_pass(pass)?;
        let image = self.loaded()?;
        let (run, place) = image.run_of(pass);
        let place = usize::from(image.runs[run].first) + place;
        let step = reg::CONTROL.field("start").put(1) | reg::CONTROL.field("step").put(1);
        self.guarded(|device| device.start(&format!("running pass {pass}"), place, step, ahead))
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
        let acts = self.guarded(|device| device.read_activations(&doing, window))?;
        Ok(self.loaded()?.output_values(pass, &acts)?)
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

    /// Starts at a descriptor, loads the run `ahead` meanwhile, and waits for the end.
    fn start(
        &mut self,
        doing: &str,
        descriptor: usize,
        control: u32,
        ahead: Option<usize>,
    ) -> Result<Counters, DriverError> {
        let descriptor = reg::PASS.field("pass").put(descriptor as u32);
        self.set(doing, reg::PASS, descriptor)?;
        self.set(doing, reg::CONTROL, control)?;
        if let Some(run) = ahead {
            let image = Arc::clone(self.loaded()?);
            self.load_run(&image, run)?;
        }
        let (done, busy) = (reg::STATUS.field("done"), reg::STATUS.field("busy"));
        self.wait(doing, self.timeouts.run, |status| {
            done.get(status) != 0 && busy.get(status) == 0
        })?;
        self.counters()
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

/// One run of one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn {
    run: usize,
    /// Index of the input.
    input: usize,
}

/// Everything that is run for `inputs` inputs, in order: a run for all of them before the next, but where runs hand
/// sums on in the accumulators, which are those of one input.
fn turns(image: &Image, inputs: usize) -> Vec<Turn> {
    let of_span = |span: std::ops::Range<usize>| {
        let inputs = 0..inputs;
        inputs.flat_map(move |input| span.clone().map(move |run| Turn { run, input }))
    };
    image.spans().into_iter().flat_map(of_span).collect()
}

/// The maps of an inference that is under way.
struct Maps {
    image: Arc<Image>,
    maps: Vec<Vec<u16>>,
}

impl Maps {
    /// The maps with the input in the first.
    fn begin(image: &Arc<Image>, input: &[u8]) -> Result<Self, DriverError> {
        let mut maps: Vec<Vec<u16>> = (0..image.maps.len())
            .map(|map| vec![0; image.map_acts(map)])
            .collect();
        maps[0] = image.input_acts(input)?;
        Ok(Maps {
            image: Arc::clone(image),
            maps,
        })
    }

    fn end(&self, counters: Counters) -> Inference {
        let logits = self.image.logits(&self.maps[self.maps.len() - 1]);
        Inference {
            class: self.image.class(&logits),
            logits,
            counters,
        }
    }
}
