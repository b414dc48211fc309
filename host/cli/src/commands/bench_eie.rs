//! `thresh bench-eie`.

use super::bench::all_threads;
use crate::eie::{self, LAYERS, Load, Measured, Published};
use crate::output::{Output, Verdict, percent, ratio, table};
use crate::overwrite::Paths;
use crate::{bars, target};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use thresh_regs::Config;

/// Run the nine layers of EIE on an engine of 64 PEs, cycle by cycle, and compare.
///
/// Weights and activations stand at random positions, at the densities that EIE was measured with. Every
/// output is compared with the bit-exact reference; the command ends with status 3 if one differs.
/// Needs a build with the feature eie, which takes some minutes more. Weights are put into the
/// simulated memories past the loader: with --loader they go through it, which takes many minutes a layer.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cargo run --release -p thresh-cli --features eie -- bench-eie
  thresh bench-eie --layers alex-6,nt-we --seed 7 --json
  thresh bench-eie --layers nt-we --loader")]
pub struct BenchEie {
    /// Which layers: alex-6, alex-7, alex-8, vgg-6, vgg-7, vgg-8, nt-we, nt-wd, nt-lstm [default: all].
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    layers: Vec<String>,
    /// Where the random numbers begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Layers that run at once [default: one a processor].
    #[arg(long)]
    threads: Option<usize>,
    /// Load the weights over the bus, through decoder and loader, as a board must.
    #[arg(long)]
    loader: bool,
}

impl Paths for BenchEie {
    fn reads(&self) -> Vec<PathBuf> {
        vec![]
    }

    fn writes(&self) -> Vec<PathBuf> {
        vec![]
    }
}

impl BenchEie {
    pub fn run(self, output: &Output) -> Result<Verdict> {
        let layers = chosen(&self.layers)?;
        let threads = self.threads.unwrap_or_else(all_threads);
        ensure!(threads > 0, "got --threads 0, expected 1 or more");
        let config = Config::named(eie::CONFIG).context("EIE's configuration is gone")?;
        target::check_built(config)?;
        let load = if self.loader {
            Load::Loader
        } else {
            Load::BackDoor
        };
        let results = self.measure(&layers, config, load, threads, output)?;
        let holds = results.iter().all(|(_, m)| m.difference.is_none());
        let text = [
            layer_table(&results),
            phase_table(&results),
            summary(&results, self.seed, load),
        ]
        .join("\n\n");
        let value = json!({
            "config": config.name,
            "seed": self.seed,
            "loaded": match load { Load::BackDoor => "back door", Load::Loader => "loader" },
            "eie_clock_mhz": eie::CLOCK,
            "matches_reference": holds,
            "layers": results.iter().map(|(p, m)| to_json(p, m)).collect::<Vec<_>>(),
        });
        output.result(text, &value)?;
        Ok(Verdict::of(holds))
    }

    /// Runs the layers on `threads` threads; results are in the order of the layers.
    fn measure(
        &self,
        layers: &[Published],
        config: &Config,
        load: Load,
        threads: usize,
        output: &Output,
    ) -> Result<Vec<(Published, Measured)>> {
        let bar = bars::bar("bench-eie", layers.len() as u64);
        let next = AtomicUsize::new(0);
        let results: Mutex<Vec<(usize, Result<Measured>)>> = Mutex::default();
        let work = || {
            while let Some((index, published)) = {
                let index = next.fetch_add(1, Ordering::Relaxed);
                layers.get(index).map(|published| (index, published))
            } {
                let name = published.layer.name;
                bar.set_message(name);
                if !std::io::stderr().is_terminal() {
                    output.note(format!("running {name}"));
                }
                let result = eie::run(&published.layer, config, self.seed, load);
                bar.inc(1);
                let mut results = results
                    .lock()
                    .unwrap_or_else(|poisoned| poisoned.into_inner());
                results.push((index, result));
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..threads.min(layers.len()) {
                scope.spawn(work);
            }
        });
        bar.finish_and_clear();
        let mut results = results
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        results.sort_by_key(|(index, _)| *index);
        let pairs = results.into_iter();
        pairs
            .map(|(index, result)| Ok((layers[index], result?)))
            .collect()
    }
}

/// The layers of these names, in EIE's order; all if none is named.
fn chosen(names: &[String]) -> Result<Vec<Published>> {
    let known = || LAYERS.map(|published| published.layer.name);
    if let Some(name) = names.iter().find(|name| !known().contains(&name.as_str())) {
        bail!(
            "got --layers {name}, expected some of {}",
            known().join(", ")
        );
    }
    let wanted = |p: &Published| names.is_empty() || names.iter().any(|name| name == p.layer.name);
    Ok(LAYERS.into_iter().filter(wanted).collect())
}

fn layer_table(results: &[(Published, Measured)]) -> String {
    let header = [
        "layer",
        "in x out",
        "weights",
        "activations",
        "cycles",
        "EIE",
        "ratio",
        "MAC/PE/cycle",
        "EIE",
        "reference",
    ];
    let rows = results.iter().map(|(p, m)| {
        let layer = &p.layer;
        vec![
            layer.name.to_string(),
            format!("{} x {}", layer.inputs, layer.outputs),
            percent(layer.weights),
            percent(layer.activations),
            m.counters.cycles.to_string(),
            format!("{:.0}", p.cycles()),
            format!("{:.2}", p.cycles() / m.counters.cycles as f64),
            format!("{:.3}", m.share()),
            format!("{:.2}", p.share()),
            m.difference.clone().unwrap_or_else(|| "same".into()),
        ]
    });
    table(&header, rows).to_string()
}

fn phase_table(results: &[(Published, Measured)]) -> String {
    let shallow = format!("model, FIFO of {}", 1 << eie::FIFO_BITS);
    let header = [
        "layer",
        "MACs",
        "scan + flush",
        "MAC/PE/cycle",
        "drain",
        "fetch",
        "starved",
        "seeking",
        "FIFO stalls",
        "imbalance",
        "model",
        shallow.as_str(),
    ];
    let rows = results.iter().map(|(p, m)| {
        let c = &m.counters;
        let busy = c.scan_cycles + c.flush_cycles;
        let share =
            |part: u64| percent(ratio(part as f64, (c.macs + c.starved + c.seeking) as f64));
        vec![
            p.layer.name.to_string(),
            c.macs.to_string(),
            busy.to_string(),
            format!("{:.3}", m.busy_share()),
            c.drain_cycles.to_string(),
            c.fetch_cycles.to_string(),
            share(c.starved),
            share(c.seeking),
            c.fifo_stalls.to_string(),
            format!("{:.3}", m.model.imbalance()),
            m.model.cycles.total().to_string(),
            m.shallow.cycles.total().to_string(),
        ]
    });
    table(&header, rows).to_string()
}

fn summary(results: &[(Published, Measured)], seed: u64, load: Load) -> String {
    let cycles: u64 = results.iter().map(|(_, m)| m.simulated_cycles).sum();
    let time: f64 = results.iter().map(|(_, m)| m.elapsed.as_secs_f64()).sum();
    let values: usize = results.iter().map(|(_, m)| m.values).sum();
    let loaded = match load {
        Load::BackDoor => {
            "Weights were put into the simulated memories past the loader (--loader sends them through it)."
        }
        Load::Loader => "Weights went through decoder and loader.",
    };
    format!(
        "Cycles only: EIE is an ASIC at {} MHz, this engine is simulated, and no clock is claimed for it.\n\
         Positions of weights and activations are random, seed {seed}; EIE's are those of its networks.\n\
         {loaded}\n\
         {values} values compared with the reference; {cycles} cycles simulated, {:.2} Mcycle/s a thread.",
        eie::CLOCK,
        cycles as f64 / time / 1e6
    )
}

fn to_json(p: &Published, m: &Measured) -> Value {
    let counters: serde_json::Map<String, Value> = m
        .counters
        .list()
        .into_iter()
        .map(|(name, value)| (name.into(), json!(value)))
        .collect();
    json!({
        "layer": p.layer.name,
        "inputs": p.layer.inputs,
        "outputs": p.layer.outputs,
        "weight_density": p.layer.weights,
        "activation_density": p.layer.activations,
        "entries": m.entries,
        "cycles": m.counters.cycles,
        "eie_cycles": p.cycles(),
        "ratio": p.cycles() / m.counters.cycles as f64,
        "macs_per_pe_cycle": m.share(),
        "eie_macs_per_pe_cycle": p.share(),
        "busy_macs_per_pe_cycle": m.busy_share(),
        "imbalance": m.model.imbalance(),
        "model_cycles": m.model.cycles.total(),
        "model_cycles_eie_fifo": m.shallow.cycles.total(),
        "counters": counters,
        "difference": m.difference,
    })
}
