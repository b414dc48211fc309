//! Runs a data set through virtual devices and holds every result against the reference.

mod compare;
mod report;

pub use compare::difference;
pub use report::Report;

use crate::device::Spec;
use crate::output::Output;
use crate::target::AnyDevice;
use crate::{bars, target};
use anyhow::{Context, Result};
use compare::{profile_difference, wrong_logits};
use indicatif::ProgressBar;
use std::io::IsTerminal;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use thresh_driver::Counters;
use thresh_model::{Dataset, Image, Reference};
use thresh_regs::Config;

/// Passes are counted one by one in so many inferences at most.
const PROFILED: usize = 200;
/// As many where each needs its weights loaded anew.
const PROFILED_SPILLED: usize = 20;
/// Inferences that share one load of the weights where these do not stay on the chip.
const BATCH: usize = 50;

/// What is to be measured.
pub struct Plan<'a> {
    pub image: &'a Image,
    pub config: &'static Config,
    /// What runs it: one device, or virtual ones.
    pub spec: &'a Spec,
    pub data: &'a Dataset,
    /// How many images, the first ones.
    pub count: usize,
    pub threads: usize,
}

/// One inference.
#[derive(Clone, Debug)]
pub struct Record {
    pub index: usize,
    pub right: bool,
    /// Probability that the network gives to the class that is right, where its model gave any.
    pub probability: Option<f32>,
    pub counters: Counters,
    /// Counters of each pass, where they were asked for.
    pub passes: Option<Vec<Counters>>,
    /// What differs from the reference: the first logit, or a count.
    pub difference: Option<String>,
    /// Logits of the reference.
    pub logits: usize,
    /// Logits that differ.
    pub wrong_logits: usize,
}

/// All inferences, by index.
pub struct Measurement {
    pub records: Vec<Record>,
    /// Cycles that all virtual devices were clocked, loading left out; none where they cannot be told.
    pub simulated_cycles: Option<u64>,
    /// Of these, the cycles of the batches that the records tell of, with loads and transfers between runs.
    pub batch_cycles: u64,
    /// Time that the batches took, over all threads.
    pub batch_time: Duration,
    pub elapsed: Duration,
    pub threads: usize,
    /// Where the first wrong inference goes wrong.
    pub first_mismatch: Option<String>,
}

/// Runs the plan on as many virtual devices as it has threads.
pub fn measure(plan: &Plan<'_>, output: &Output) -> Result<Measurement> {
    let reference = Reference::new(plan.image)?;
    let threads = plan.threads.clamp(1, plan.count.max(1));
    let bar = bars::bar("bench", plan.count as u64);
    if !std::io::stderr().is_terminal() {
        output.note(format!(
            "running {} inferences on {threads} {}",
            plan.count,
            match plan.spec {
                Spec::Virtual => "virtual devices".into(),
                Spec::Link(..) => format!("device, {}", plan.spec.name()),
            }
        ));
    }
    let shared = Shared {
        plan,
        reference: &reference,
        ahead: plan.image.loaded_ahead(plan.config) > 0,
        bar: &bar,
        next: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
        wrong: AtomicUsize::new(0),
        records: Mutex::new(Vec::with_capacity(plan.count)),
    };
    let start = Instant::now();
    let workers: Vec<Result<Clocked>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| shared.work()))
            .collect();
        let joined = handles.into_iter().map(|handle| handle.join());
        joined
            .map(|result| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let elapsed = start.elapsed();
    bar.finish_and_clear();
    let (mut simulated_cycles, mut batch_cycles) = (Some(0), 0);
    let mut batch_time = Duration::ZERO;
    for clocked in workers {
        let clocked = clocked?;
        simulated_cycles = simulated_cycles
            .zip(clocked.all)
            .map(|(sum, more)| sum + more);
        batch_cycles += clocked.batches;
        batch_time += clocked.time;
    }
    let mut records = shared
        .records
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    records.sort_by_key(|record| record.index);
    let first = records
        .iter()
        .find_map(|r| Some((r.index, r.difference.as_ref()?)));
    let first_mismatch = match first {
        Some((index, difference)) => Some(locate(plan, &reference, index, difference)?),
        None => None,
    };
    Ok(Measurement {
        records,
        simulated_cycles,
        batch_cycles,
        batch_time,
        elapsed,
        threads,
        first_mismatch,
    })
}

/// Cycles that a device was clocked, once the image was loaded.
#[derive(Default)]
struct Clocked {
    all: Option<u64>,
    /// In batches, not pass by pass.
    batches: u64,
    /// Time that they took.
    time: Duration,
}

/// What the threads share.
struct Shared<'a> {
    plan: &'a Plan<'a>,
    reference: &'a Reference,
    /// Whether some run is loaded while the one before it runs.
    ahead: bool,
    bar: &'a ProgressBar,
    next: AtomicUsize,
    stop: AtomicBool,
    wrong: AtomicUsize,
    records: Mutex<Vec<Record>>,
}

impl Shared<'_> {
    /// Runs images until there are none left.
    fn work(&self) -> Result<Clocked> {
        let result = self.run();
        if result.is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
        result
    }

    fn run(&self) -> Result<Clocked> {
        let mut device = target::open(self.plan.spec, self.plan.config, self.plan.image)?;
        let loaded = device.transport_mut().cycles();
        let batch = match self.plan.image.is_resident() {
            true => 1,
            false => self
                .plan
                .count
                .div_ceil(self.plan.threads.max(1))
                .min(BATCH),
        };
        let mut records = Vec::new();
        let mut clocked = Clocked::default();
        loop {
            let first = self.next.fetch_add(batch, Ordering::Relaxed);
            if first >= self.plan.count || self.stop.load(Ordering::Relaxed) {
                break;
            }
            let indices = first..self.plan.count.min(first + batch);
            let done = self
                .infer(&mut device, indices.clone(), &mut clocked)
                .with_context(|| format!("test images {indices:?}"))?;
            for record in done {
                if record.difference.is_some() {
                    let wrong = 1 + self.wrong.fetch_add(1, Ordering::Relaxed);
                    self.bar.set_message(format!("{wrong} mismatches"));
                }
                records.push(record);
                self.bar.inc(1);
            }
        }
        let cycles = device.transport_mut().cycles();
        clocked.all = cycles.zip(loaded).map(|(end, start)| end - start);
        self.records
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .extend(records);
        Ok(clocked)
    }

    fn infer(
        &self,
        device: &mut AnyDevice,
        indices: Range<usize>,
        clocked: &mut Clocked,
    ) -> Result<Vec<Record>> {
        let data = self.plan.data;
        let profiled = match self.plan.image.is_resident() {
            true => PROFILED,
            false => PROFILED_SPILLED,
        };
        let every = self.plan.count.div_ceil(profiled).max(1);
        let counted = indices.clone().filter(|index| index.is_multiple_of(every));
        let counted: Vec<&[u8]> = counted.map(|index| data.image(index)).collect();
        let inputs: Vec<&[u8]> = indices.clone().map(|index| data.image(index)).collect();
        let (start, begun) = (device.transport_mut().cycles(), Instant::now());
        let inferences = device.run_batch(&inputs)?;
        let end = device.transport_mut().cycles();
        clocked.time += begun.elapsed();
        clocked.batches += end.zip(start).map_or(0, |(end, start)| end - start);
        device.set_overlap(false);
        let mut profiles = device.profile_batch(&counted)?.into_iter();
        device.set_overlap(true);
        let mut records = Vec::new();
        for (index, got) in indices.zip(inferences) {
            let expected = self.reference.run(data.image(index))?;
            let label = usize::from(data.labels[index]);
            let mut difference = difference(&got, &expected, self.plan.config.num_pes);
            let profile = match index.is_multiple_of(every) {
                true => profiles.next(),
                false => None,
            };
            if let Some(profile) = &profile {
                difference =
                    difference.or_else(|| profile_difference(profile, &got, &expected, self.ahead));
            }
            records.push(Record {
                index,
                right: got.class == label,
                probability: self
                    .plan
                    .image
                    .probabilities(&got.logits)
                    .and_then(|all| all.get(label).copied()),
                counters: got.counters,
                passes: profile.map(|profile| profile.passes),
                difference,
                logits: expected.logits.len(),
                wrong_logits: wrong_logits(&got, &expected),
            });
        }
        Ok(records)
    }
}

/// Says where an inference goes wrong first: runs it again pass by pass on a fresh device.
fn locate(
    plan: &Plan<'_>,
    reference: &Reference,
    index: usize,
    difference: &str,
) -> Result<String> {
    let input = plan.data.image(index);
    let expected = reference.run(input)?;
    let mut device = target::open(plan.spec, plan.config, plan.image)?;
    let mut first = None;
    device.run_with(input, |device, pass, _| {
        let got = device.activations(pass)?;
        first = first
            .take()
            .or_else(|| reference.explain_difference(&expected, pass, &got));
        Ok(())
    })?;
    if let Some(found) = first {
        return Ok(format!("test image {index}: {difference}; first: {found}"));
    }
    Ok(format!(
        "test image {index}: {difference}; pass by pass on a fresh device, every activation is right"
    ))
}
