//! Side by side with EIE: its layers, and how they are run on an engine of ours.

use crate::measure::difference;
use crate::target;
use anyhow::{Context, Result};
use std::time::{Duration, Instant};
use thresh_driver::{Counters, Device, Transport};
use thresh_model::cycles::{self, DenseCost, EntryCounts};
use thresh_model::synthetic::{SparseLayer, Synthetic};
use thresh_model::{Image, Reference};
use thresh_regs::Config;
use thresh_sim::{BackDoor, VirtualDevice};

/// The engine that has as many PEs as EIE.
pub const CONFIG: &str = "eie64";

/// PEs of EIE.
pub const PES: usize = 64;

/// Depth of EIE's activation FIFOs, log2.
pub const FIFO_BITS: u32 = 3;

/// EIE's clock in MHz (45 nm).
pub const CLOCK: f64 = 800.0;

/// A layer as EIE was measured on it.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// Its size and densities.
    pub layer: SparseLayer,
    /// What EIE takes for it, in microseconds.
    pub time: f64,
}

const fn published(
    name: &'static str,
    inputs: usize,
    outputs: usize,
    weights: f64,
    activations: f64,
    time: f64,
) -> Published {
    Published {
        layer: SparseLayer {
            name,
            inputs,
            outputs,
            weights,
            activations,
        },
        time,
    }
}

/// Sizes and densities are those of the benchmarks, times the actual times (table IV) of Han, Liu, Mao, Pu, Pedram, Horowitz and Dally, "EIE: Efficient Inference Engine on Compressed Deep
/// Neural Network", ISCA 2016, <https://arxiv.org/abs/1602.01528>.
pub const LAYERS: [Published; 9] = [
    published("alex-6", 9216, 4096, 0.09, 0.351, 30.3),
    published("alex-7", 4096, 4096, 0.09, 0.353, 12.2),
    published("alex-8", 4096, 1000, 0.25, 0.375, 9.9),
    published("vgg-6", 25088, 4096, 0.04, 0.183, 34.4),
    published("vgg-7", 4096, 4096, 0.04, 0.375, 8.7),
    published("vgg-8", 4096, 1000, 0.23, 0.411, 8.4),
    published("nt-we", 4096, 600, 0.10, 1.0, 8.0),
    published("nt-wd", 600, 8791, 0.11, 1.0, 13.9),
    published("nt-lstm", 1201, 2400, 0.10, 1.0, 7.5),
];

impl Published {
    /// Cycles that EIE takes.
    pub fn cycles(&self) -> f64 {
        self.time * CLOCK
    }

    /// Products of non-zero weights and activations in each cycle of each PE of EIE.
    pub fn share(&self) -> f64 {
        let SparseLayer {
            inputs,
            outputs,
            weights,
            activations,
            ..
        } = self.layer;
        let macs = inputs as f64 * outputs as f64 * weights * activations;
        macs / (PES as f64 * self.cycles())
    }
}

/// How weights come into the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Into the simulated memories, past the loader.
    BackDoor,
    /// Over the bus, through decoder and loader.
    Loader,
}

/// One layer, run once.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What the engine counted.
    pub counters: Counters,
    /// What the cycle model says.
    pub model: DenseCost,
    /// What the cycle model says of FIFOs as deep as EIE's.
    pub shallow: DenseCost,
    /// Non-zero weights.
    pub entries: usize,
    /// What differs from the reference, or what counters contradict each other in.
    pub difference: Option<String>,
    /// Values that were compared.
    pub values: usize,
    /// Cycles that were simulated, loading among them.
    pub simulated_cycles: u64,
    /// Time that the simulation took, loading among it.
    pub elapsed: Duration,
}

impl Measured {
    /// The share of one multiply-accumulate in each cycle of each PE.
    pub fn share(&self) -> f64 {
        self.counters.utilisation(self.model.work.len())
    }

    /// The same over scan and flush alone.
    pub fn busy_share(&self) -> f64 {
        let c = &self.counters;
        let cycles = self.model.work.len() as u64 * (c.scan_cycles + c.flush_cycles);
        crate::output::ratio(c.macs as f64, cycles as f64)
    }
}

/// Makes `layer` from `seed`, runs it on a virtual device of `config` and holds it against the
/// reference.
pub fn run(layer: &SparseLayer, config: &Config, seed: u64, load: Load) -> Result<Measured> {
    target::check_built(config)?;
    let doing = || format!("layer {} on {}", layer.name, config.name);
    let Synthetic { image, input } = layer.generate(config, seed).with_context(doing)?;
    match load {
        Load::BackDoor => {
            let device = BackDoor::new(config, &image).with_context(doing)?;
            let cycles = |device: &BackDoor| device.device().cycles();
            run_on(device, cycles, config, &image, &input).with_context(doing)
        }
        Load::Loader => {
            let device = VirtualDevice::new(config.name).with_context(doing)?;
            run_on(device, VirtualDevice::cycles, config, &image, &input).with_context(doing)
        }
    }
}

fn run_on<T: Transport>(
    transport: T,
    cycles: impl Fn(&T) -> u64,
    config: &Config,
    image: &Image,
    input: &[u8],
) -> Result<Measured> {
    let start = Instant::now();
    let mut device = Device::open(transport)?;
    device.load(image)?;
    let got = device.run(input)?;
    let elapsed = start.elapsed();
    let expected = Reference::new(image)?.run(input)?;
    let pass = &image.passes[0];
    let counts = EntryCounts::new(pass)?;
    let mut acts = image.input_acts(input)?;
    acts.resize(pass.columns(), 0);
    let shallow = Config {
        fifo_addr_bits: FIFO_BITS,
        ..*config
    };
    Ok(Measured {
        counters: got.counters,
        shallow: cycles::dense(&shallow, pass, &counts, &acts),
        model: cycles::dense(config, pass, &counts, &acts),
        entries: pass.pes.iter().map(|pe| pe.entries).sum(),
        difference: difference(&got, &expected, config.num_pes),
        values: expected.logits.len(),
        simulated_cycles: cycles(device.transport_mut()),
        elapsed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_from_sizes_densities_and_times() {
        let shares = LAYERS.map(|published| (100.0 * published.share()).round());
        assert_eq!(
            shares,
            [77.0, 85.0, 76.0, 43.0, 56.0, 90.0, 60.0, 82.0, 75.0]
        );
    }

    #[test]
    fn a_layer_runs_and_both_ways_to_load_it_give_the_same() {
        let layer = SparseLayer {
            name: "small",
            inputs: 200,
            outputs: 60,
            weights: 0.15,
            activations: 0.5,
        };
        let config = Config::named("ulx3s-25f").unwrap();
        let [fast, slow] =
            [Load::BackDoor, Load::Loader].map(|load| run(&layer, config, 3, load).unwrap());
        assert_eq!(fast.difference, None);
        assert_eq!(fast.values, 64);
        assert_eq!(fast.counters, slow.counters);
        assert!(fast.simulated_cycles < slow.simulated_cycles);
        assert_eq!(fast.model.cycles.total(), fast.counters.cycles);
        assert!(fast.share() > 0.5 && fast.share() < fast.busy_share());
    }
}
