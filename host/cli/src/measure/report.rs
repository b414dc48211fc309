//! What a measurement says, as text and as JSON.

use super::{BATCH, Measurement, Plan, Record};
use crate::device::Spec;
use crate::output::{facts, percent, ratio, table};
use serde_json::{Value, json};
use thresh_driver::Counters;

/// Bits of a second on a serial line at 3 Mbaud.
const UART_BAUD: f64 = 3e6;

/// Bits of a byte on a serial line, start and stop bit included.
const UART_BITS_A_BYTE: f64 = 10.0;

/// The numbers of a measurement.
#[derive(Clone, Debug)]
pub struct Report {
    pub count: usize,
    pub right: usize,
    /// Mean probability of the class that is right, where the network gives probabilities.
    probability: Option<f64>,
    pub mismatches: usize,
    logits: usize,
    wrong_logits: usize,
    first_mismatch: Option<String>,
    config: &'static str,
    /// The device at the end of a link, if it is one.
    device: Option<String>,
    /// Seconds that the inferences took, without those pass by pass.
    run_seconds: f64,
    num_pes: usize,
    /// Counters of all inferences together.
    total: Counters,
    min_cycles: u64,
    max_cycles: u64,
    layers: Vec<LayerReport>,
    profiled: usize,
    clock_mhz: Option<f64>,
    link_bytes: usize,
    simulated_cycles: Option<u64>,
    /// Of all batches, where the weights do not stay on the chip.
    batch_cycles: Option<u64>,
    seconds: f64,
    threads: usize,
}

/// The counters of one layer, over all inferences that were run pass by pass.
#[derive(Clone, Debug)]
struct LayerReport {
    passes: usize,
    total: Counters,
}

impl Report {
    /// Sums up. Rates are told for a clock of `clock_mhz`.
    pub fn new(plan: &Plan<'_>, measured: &Measurement, clock_mhz: Option<f64>) -> Report {
        let records = &measured.records;
        let cycles = || records.iter().map(|record| record.counters.cycles);
        let image = plan.image;
        let transfers = image
            .runs
            .iter()
            .flat_map(|run| run.writes.iter().chain(&run.reads));
        let bytes: usize = transfers
            .map(|transfer| image.transfer_bytes(transfer))
            .sum();
        Report {
            count: records.len(),
            right: records.iter().filter(|record| record.right).count(),
            probability: records
                .iter()
                .map(|record| record.probability.map(f64::from))
                .sum::<Option<f64>>()
                .filter(|_| !records.is_empty())
                .map(|sum| sum / records.len() as f64),
            mismatches: records
                .iter()
                .filter(|record| record.difference.is_some())
                .count(),
            logits: records.iter().map(|record| record.logits).sum(),
            wrong_logits: records.iter().map(|record| record.wrong_logits).sum(),
            first_mismatch: measured.first_mismatch.clone(),
            config: plan.config.name,
            device: match plan.spec {
                Spec::Virtual => None,
                Spec::Link(..) => Some(plan.spec.name()),
            },
            run_seconds: measured.batch_time.as_secs_f64(),
            num_pes: plan.config.num_pes,
            total: records.iter().map(|record| record.counters).sum(),
            min_cycles: cycles().min().unwrap_or(0),
            max_cycles: cycles().max().unwrap_or(0),
            layers: layers(plan, records),
            profiled: records
                .iter()
                .filter(|record| record.passes.is_some())
                .count(),
            clock_mhz,
            link_bytes: bytes,
            simulated_cycles: measured.simulated_cycles,
            batch_cycles: (!image.is_resident() && measured.simulated_cycles.is_some())
                .then_some(measured.batch_cycles),
            seconds: measured.elapsed.as_secs_f64(),
            threads: measured.threads,
        }
    }

    /// Whether engine and reference agreed in everything, and anything was run at all.
    pub fn holds(&self) -> bool {
        self.count > 0 && self.mismatches == 0
    }

    fn mean(&self, value: u64) -> f64 {
        ratio(value as f64, self.count as f64)
    }

    fn compute_seconds(&self) -> Option<f64> {
        self.clock_mhz
            .map(|mhz| self.mean(self.total.cycles) / (mhz * 1e6))
    }

    fn link_seconds(&self) -> f64 {
        self.link_bytes as f64 * UART_BITS_A_BYTE / UART_BAUD
    }

    /// Inferences a second over a link, as it is.
    fn measured_rate(&self) -> f64 {
        ratio(self.count as f64, self.run_seconds)
    }

    pub fn accuracy(&self) -> f64 {
        ratio(self.right as f64, self.count as f64)
    }

    /// For people.
    pub fn text(&self) -> String {
        let t = &self.total;
        let mean = |value: u64| format!("{:.1}", self.mean(value));
        let pe_cycles = (self.num_pes as u64 * (t.scan_cycles + t.flush_cycles)) as f64;
        let of_pes = |value: u64| {
            format!(
                "{} ({} of PE cycles in scan and flush)",
                mean(value),
                percent(ratio(value as f64, pe_cycles))
            )
        };
        let mut lines = vec![
            (
                "engine",
                format!(
                    "{}, {} PEs, {}",
                    self.config,
                    self.num_pes,
                    self.device.as_deref().unwrap_or("Verilated")
                ),
            ),
            (
                "accuracy",
                format!(
                    "{}, {} of {}",
                    percent(self.accuracy()),
                    self.right,
                    self.count
                ),
            ),
            (
                "mismatches",
                format!(
                    "{} of {} inferences, {} of {} logits differ from the reference",
                    self.mismatches, self.count, self.wrong_logits, self.logits
                ),
            ),
            (
                "cycles",
                format!(
                    "{} mean, {} to {}",
                    mean(t.cycles),
                    self.min_cycles,
                    self.max_cycles
                ),
            ),
            (
                "  of which",
                format!(
                    "fetch {}, scan {}, flush {}, drain {}",
                    mean(t.fetch_cycles),
                    mean(t.scan_cycles),
                    mean(t.flush_cycles),
                    mean(t.drain_cycles)
                ),
            ),
            ("MACs", mean(t.macs)),
            (
                "utilisation",
                format!(
                    "{} = MACs / (PEs x cycles)",
                    percent(t.utilisation(self.num_pes))
                ),
            ),
            ("working", of_pes(t.macs)),
            ("starved", of_pes(t.starved)),
            ("seeking", of_pes(t.seeking)),
            (
                "broadcasts",
                format!(
                    "{}, and {} cycles waiting for a full FIFO",
                    mean(t.broadcasts),
                    mean(t.fifo_stalls)
                ),
            ),
        ];
        if let Some(probability) = self.probability {
            let text = format!("{} for the class that is right, mean", percent(probability));
            lines.insert(2, ("probability", text));
        }
        if let Some(cycles) = self.batch_cycles {
            lines.push((
                "with loads",
                format!(
                    "{} cycles an inference, over a bus that never waits, with up to {BATCH} inferences a load",
                    mean(cycles)
                ),
            ));
        }
        if let (Some(mhz), Some(compute)) = (self.clock_mhz, self.compute_seconds()) {
            let both = compute + self.link_seconds();
            lines.push((
                "compute",
                format!(
                    "{:.0} inferences/s at {mhz} MHz, input and output left out",
                    ratio(1.0, compute)
                ),
            ));
            lines.push((
                "with link",
                format!(
                    "{:.0} inferences/s at {mhz} MHz: an estimate for a UART of {} Mbaud, {} bytes of input and output an \
                     inference, without framing",
                    ratio(1.0, both), UART_BAUD / 1e6, self.link_bytes
                ),
            ));
        }
        lines.push(match self.simulated_cycles {
            Some(cycles) => (
                "simulation",
                format!(
                    "{:.1} s on {} threads, {:.2} M cycles/s",
                    self.seconds,
                    self.threads,
                    ratio(cycles as f64, self.seconds) / 1e6
                ),
            ),
            None => (
                "measured",
                format!(
                    "{:.1} inferences/s with input and output",
                    self.measured_rate()
                ),
            ),
        });
        if let Some(first) = &self.first_mismatch {
            lines.push(("MISMATCH", first.clone()));
        }
        facts(&lines)
    }

    /// The counters of each layer, for people.
    pub fn layer_table(&self) -> String {
        let header = [
            "layer",
            "passes",
            "cycles",
            "scan",
            "flush",
            "drain",
            "MACs",
            "utilisation",
            "starved",
            "seeking",
            "broadcasts",
            "FIFO stalls",
        ];
        let rows = self.layers.iter().enumerate().map(|(index, layer)| {
            let t = &layer.total;
            let mean = |value: u64| format!("{:.1}", ratio(value as f64, self.profiled as f64));
            vec![
                (index + 1).to_string(),
                layer.passes.to_string(),
                mean(t.cycles),
                mean(t.scan_cycles),
                mean(t.flush_cycles),
                mean(t.drain_cycles),
                mean(t.macs),
                percent(t.utilisation(self.num_pes)),
                mean(t.starved),
                mean(t.seeking),
                mean(t.broadcasts),
                mean(t.fifo_stalls),
            ]
        });
        format!(
            "{}\nMeans over {} inferences that were run pass by pass.",
            table(&header, rows),
            self.profiled
        )
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let means = |total: &Counters, count: usize| -> Value {
            let mean = |value: u64| json!(ratio(value as f64, count as f64));
            total
                .list()
                .into_iter()
                .map(|(name, value)| (name.to_string(), mean(value)))
                .collect()
        };
        let layers: Vec<Value> = self
            .layers
            .iter()
            .map(|layer| {
                json!({
                    "passes": layer.passes,
                    "mean": means(&layer.total, self.profiled),
                    "utilisation": layer.total.utilisation(self.num_pes),
                })
            })
            .collect();
        let compute = self.compute_seconds();
        json!({
            "config": self.config,
            "device": self.device,
            "measured_inferences_per_second": self.device.is_some().then(|| self.measured_rate()),
            "num_pes": self.num_pes,
            "inferences": self.count,
            "right": self.right,
            "accuracy": self.accuracy(),
            "mean_probability_of_label": self.probability,
            "mismatches": self.mismatches,
            "logits": self.logits,
            "wrong_logits": self.wrong_logits,
            "first_mismatch": self.first_mismatch,
            "cycles": {"mean": self.mean(self.total.cycles), "min": self.min_cycles, "max": self.max_cycles},
            "mean": means(&self.total, self.count),
            "cycles_with_loads": self.batch_cycles.map(|cycles| self.mean(cycles)),
            "utilisation": self.total.utilisation(self.num_pes),
            "layers": layers,
            "profiled_inferences": self.profiled,
            "clock_mhz": self.clock_mhz,
            "inferences_per_second": compute.map(|seconds| ratio(1.0, seconds)),
            "uart_estimate": {
                "baud": UART_BAUD,
                "bytes_per_inference": self.link_bytes,
                "inferences_per_second": compute.map(|seconds| ratio(1.0, seconds + self.link_seconds())),
            },
            "simulation": {
                "seconds": self.seconds,
                "threads": self.threads,
                "cycles": self.simulated_cycles,
                "cycles_per_second": self.simulated_cycles.map(|cycles| ratio(cycles as f64, self.seconds)),
            },
        })
    }
}

fn layers(plan: &Plan<'_>, records: &[Record]) -> Vec<LayerReport> {
    let mut layers: Vec<LayerReport> = Vec::new();
    for pass in 0..plan.image.passes.len() {
        let layer = plan.image.layer_of(pass);
        layers.resize(
            layer + 1,
            LayerReport {
                passes: 0,
                total: Counters::default(),
            },
        );
        let counters = records
            .iter()
            .filter_map(|record| record.passes.as_ref()?.get(pass).copied());
        layers[layer].passes += 1;
        layers[layer].total = layers[layer].total + counters.sum();
    }
    layers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::bench::clock_of;
    use std::time::Duration;
    use thresh_regs::Config;

    /// A report over inferences of so many cycles, of which those listed are wrong.
    fn report(cycles: &[u64], wrong: &[usize]) -> Report {
        let image = thresh_model::Image::from_bytes(crate::commands::demo::IMAGE).unwrap();
        let config = Config::named("ulx3s-25f").unwrap();
        let data = thresh_model::Dataset {
            shape: image.input,
            images: vec![],
            labels: vec![],
        };
        let records = cycles.iter().enumerate().map(|(index, &cycles)| Record {
            index,
            right: true,
            probability: Some(0.5 + index as f32 / 4.0),
            counters: Counters {
                cycles,
                macs: 4 * cycles,
                ..Counters::default()
            },
            passes: None,
            difference: wrong
                .contains(&index)
                .then(|| "logit 3 is 1, expected 2".to_string()),
            logits: 10,
            wrong_logits: usize::from(wrong.contains(&index)),
        });
        let measured = Measurement {
            records: records.collect(),
            simulated_cycles: Some(5000),
            batch_cycles: 4000,
            batch_time: Duration::from_secs(1),
            elapsed: Duration::from_secs(2),
            threads: 1,
            first_mismatch: wrong.first().map(|index| format!("test image {index}")),
        };
        let plan = Plan {
            image: &image,
            spec: &Spec::Virtual,
            config,
            data: &data,
            count: cycles.len(),
            threads: 1,
        };
        Report::new(&plan, &measured, clock_of(config))
    }

    #[test]
    fn one_difference_or_no_inference_is_a_failure() {
        assert!(report(&[100, 300], &[]).holds());
        assert!(!report(&[], &[]).holds());
        let wrong = report(&[100, 300, 200], &[1]);
        assert!(!wrong.holds());
        let text = wrong.text();
        assert!(
            text.contains("1 of 3 inferences, 1 of 30 logits differ"),
            "{text}"
        );
        assert!(
            text.contains("MISMATCH") && text.contains("test image 1"),
            "{text}"
        );
        assert_eq!(wrong.json()["mismatches"], 1);
    }

    #[test]
    fn means_and_rates_are_those_of_the_records() {
        let json = report(&[100, 300], &[]).json();
        assert_eq!(
            json["cycles"],
            json!({"mean": 200.0, "min": 100, "max": 300})
        );
        assert_eq!(json["utilisation"], 0.5);
        assert_eq!(json["mean_probability_of_label"], 0.625);
        let mhz = clock_of(Config::named("ulx3s-25f").unwrap()).unwrap();
        assert!((json["inferences_per_second"].as_f64().unwrap() - mhz * 1e6 / 200.0).abs() < 1e-6);
        assert_eq!(json["simulation"]["cycles_per_second"], 2500.0);
    }
}
