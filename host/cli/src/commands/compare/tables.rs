//! What a comparison found, as tables, pictures and JSON.

use super::trial::{Engine, Outcome, Trial};
use super::ways::WAYS;
use crate::itself::line;
use crate::output::percent;
use crate::page::Grid;
use crate::plot;
use anyhow::Result;
use serde_json::{Value, json};
use thresh_compress::sweep::front_of;

/// What was found.
pub struct Found<'a> {
    pub network: &'a str,
    pub file: String,
    /// Share of the images that the network itself reads, in float.
    pub accuracy: f64,
    pub data: String,
    /// Images that accuracies are of.
    pub measured: String,
    pub board: &'static str,
    /// The engines, the board's own first.
    pub clocks: Vec<Clock>,
    /// Test images that the engine reads.
    pub count: usize,
    /// Words of the command that trained the network, if it was trained here.
    pub training: Option<&'a [String]>,
    pub trials: &'a [Trial],
    /// What came of each; why it came to no end.
    pub outcomes: Vec<Result<Outcome, String>>,
}

/// The clock that rates of an engine are told for.
pub struct Clock {
    /// Name of the engine's configuration.
    pub config: &'static str,
    pub mhz: f64,
    /// Where it comes from.
    pub source: String,
}

/// A cost that a picture shows.
type Cost = fn(&Engine) -> f64;

const COSTS: [(&str, Cost); 2] = [
    ("bytes", |engine| engine.bytes as f64),
    ("cycles", |engine| engine.cycles),
];

impl Found<'_> {
    fn engine(&self, index: usize) -> Option<&Engine> {
        self.outcomes[index].as_ref().ok()?.engine.as_ref()
    }

    /// Inferences a second of a trial.
    fn rate(&self, trial: &Trial, engine: &Engine) -> Option<f64> {
        let own = |clock: &&Clock| clock.config == trial.config.name;
        let clock = self.clocks.iter().find(own)?;
        Some(clock.mhz * 1e6 / engine.cycles)
    }

    /// The engines with their clocks, in words.
    fn engines(&self) -> String {
        let engine =
            |clock: &Clock| format!("{} at {:.1} MHz, {}", clock.config, clock.mhz, clock.source);
        let engines: Vec<String> = self.clocks.iter().map(engine).collect();
        engines.join("; ")
    }

    /// The trials that no other beats, by each cost.
    fn fronts(&self) -> [Vec<usize>; 2] {
        COSTS.map(|(_, cost)| {
            let points = (0..self.trials.len()).map(|index| {
                let engine = self.engine(index)?;
                Some((cost(engine), engine.accuracy))
            });
            front_of(&points.collect::<Vec<_>>())
        })
    }

    /// Whether all trials came to an end, and no logit differs from the reference.
    pub fn holds(&self) -> bool {
        let wrong = |index| self.engine(index).map_or(0, |engine| engine.wrong_logits);
        self.outcomes.iter().all(Result::is_ok) && (0..self.trials.len()).all(|i| wrong(i) == 0)
    }

    /// What was compared.
    pub fn summary(&self) -> Vec<(&'static str, String)> {
        let logits: u64 = self.held().map(|engine| engine.logits).sum();
        let wrong: u64 = self.held().map(|engine| engine.wrong_logits).sum();
        vec![
            ("network", format!("{}, {}", self.network, self.file)),
            (
                "in float",
                format!("{} of {}", percent(self.accuracy), self.measured),
            ),
            ("data", self.data.clone()),
            ("board", self.board.into()),
            ("engine", self.engines()),
            (
                "logits",
                format!("{wrong} of {logits} differ from the reference"),
            ),
        ]
    }

    fn held(&self) -> impl Iterator<Item = &Engine> {
        (0..self.trials.len()).filter_map(|index| self.engine(index))
    }

    /// The table of all trials; then, if there are some, those that the engine does not hold or that failed.
    pub fn grids(&self) -> Vec<Grid> {
        let mut grids = vec![self.table()];
        let reasons: Vec<Vec<String>> = self
            .trials
            .iter()
            .zip(&self.outcomes)
            .filter_map(|(trial, outcome)| {
                let reason = match outcome {
                    Ok(outcome) => outcome.reason.as_ref()?,
                    Err(error) => error,
                };
                let what = if outcome.is_ok() {
                    "not held"
                } else {
                    "failed"
                };
                Some(vec![trial.name(), what.into(), reason.clone()])
            })
            .collect();
        if !reasons.is_empty() {
            grids.push(Grid {
                title: "Without figures".into(),
                header: vec!["trial", "what", "why"],
                rows: reasons,
                note: "Not held: the network was made, but the engine cannot run it. What failed is tried again by the same command.".into(),
            });
        }
        grids
    }

    fn table(&self) -> Grid {
        let fronts = self.fronts();
        let row = |(index, trial): (usize, &Trial)| {
            let mut row = vec![
                trial.method.to_string(),
                trial.settings.clone(),
                trial.config.name.into(),
            ];
            let Ok(outcome) = &self.outcomes[index] else {
                row.extend(std::iter::repeat_n("-".to_string(), 10));
                return row;
            };
            row.extend([
                outcome.nonzeros.to_string(),
                percent(outcome.float_accuracy),
            ]);
            let Some(engine) = &outcome.engine else {
                row.extend(std::iter::repeat_n("-".to_string(), 8));
                return row;
            };
            let on: Vec<&str> = COSTS
                .iter()
                .zip(&fronts)
                .filter(|(_, front)| front.contains(&index))
                .map(|((name, _), _)| *name)
                .collect();
            let streamed = if engine.streamed { ", streamed" } else { "" };
            row.extend([
                percent(engine.accuracy),
                engine.bytes.to_string(),
                engine.link_bytes.to_string(),
                engine.resident_bytes.to_string(),
                format!("{:.0}", engine.macs),
                format!("{:.0}{streamed}", engine.cycles),
                self.rate(trial, engine)
                    .map_or_else(|| "-".into(), |rate| format!("{rate:.0}")),
                on.join(", "),
            ]);
            row
        };
        Grid {
            title: "Trials".into(),
            header: vec![
                "method",
                "at",
                "engine",
                "weights",
                "in float",
                "as packed",
                "bytes",
                "on the wire",
                "resident",
                "MACs",
                "cycles",
                "inferences/s",
                "front",
            ],
            rows: self.trials.iter().enumerate().map(row).collect(),
            note: format!(
                "Weights: those that are not zero. In float (compress) and as packed, on the bit-exact reference (report): share \
                 of {} that is read. Bytes: the image without provenance (pack). On the wire: all register and window \
                 writes that load it; resident: on the chip (info). MACs and cycles: an inference on the Verilated engine, mean of the first {} \
                 of them (bench); streamed: with its loads. Inferences a second computing alone: {}. Front: no \
                 other trial reads more for no more bytes, or cycles.",
                self.measured,
                self.count,
                self.engines()
            ),
        }
    }

    /// The commands behind every trial, for the page.
    pub fn commands(&self) -> Grid {
        let rows = self.trials.iter().flat_map(|trial| {
            let name = trial.name();
            let lines = trial.commands().into_iter();
            lines.map(move |command| vec![command, name.clone()])
        });
        let trained = self.training.iter();
        let trained = trained.map(|words| vec![line(words), "the network".into()]);
        Grid {
            title: "Commands".into(),
            header: vec!["command", "of"],
            rows: trained.chain(rows).collect(),
            note: "Each figure is what one of these commands prints with --json.".into(),
        }
    }

    /// Accuracy against each cost, a colour a method.
    pub fn pictures(&self) -> Result<Vec<String>> {
        let names = [
            ("accuracy against bytes", "bytes of the image"),
            ("accuracy against cycles", "cycles of an inference"),
        ];
        let fronts = self.fronts();
        let pictures = COSTS.iter().zip(names).zip(&fronts);
        pictures
            .map(|(((_, cost), (caption, axis)), front)| {
                let at = |index: usize| {
                    let engine = self.engine(index)?;
                    Some((cost(engine).log10(), 100.0 * engine.accuracy))
                };
                let kind = |method: &str| {
                    let own = (0..self.trials.len()).filter(|&i| self.trials[i].method == method);
                    (method.to_string(), own.filter_map(at).collect::<Vec<_>>())
                };
                // A method has the same colour whatever it is compared with.
                let kinds: Vec<_> = WAYS.iter().map(|way| kind(way.name)).collect();
                let front: Vec<_> = front.iter().filter_map(|&index| at(index)).collect();
                plot::scatter_with_front(caption, [axis, "accuracy as packed, %"], &kinds, &front)
            })
            .collect()
    }

    /// Every figure.
    pub fn json(&self) -> Value {
        let fronts = self.fronts();
        let trials: Vec<Value> = self
            .trials
            .iter()
            .zip(&self.outcomes)
            .enumerate()
            .map(|(index, (trial, outcome))| {
                let mut value = json!({
                    "method": trial.method,
                    "at": trial.settings,
                    "config": trial.config.name,
                    "folder": trial.folder,
                    "commands": trial.commands(),
                });
                match outcome {
                    Ok(outcome) => {
                        value["outcome"] = json!(outcome);
                        let rate = outcome.engine.as_ref();
                        let rate = rate.and_then(|engine| self.rate(trial, engine));
                        value["inferences_per_second"] = json!(rate);
                    }
                    Err(error) => value["failed"] = json!(error),
                }
                for ((name, _), front) in COSTS.iter().zip(&fronts) {
                    value[format!("on_front_by_{name}")] = json!(front.contains(&index));
                }
                value
            })
            .collect();
        let clock = |clock: &Clock| json!({"config": clock.config, "mhz": clock.mhz, "source": clock.source});
        json!({
            "network": self.network,
            "file": self.file,
            "float_accuracy": self.accuracy,
            "data": self.data,
            "measured_on": self.measured,
            "training": self.training.map(line),
            "board": self.board,
            "engines": self.clocks.iter().map(clock).collect::<Vec<Value>>(),
            "inferences": self.count,
            "front_by_bytes": fronts[0],
            "front_by_cycles": fronts[1],
            "trials": trials,
        })
    }
}

/// A trial in a line.
pub fn told(trial: &Trial, outcome: &Result<Outcome, String>) -> String {
    let what = match outcome {
        Ok(Outcome {
            engine: Some(engine),
            ..
        }) => format!(
            "{}, {} bytes, {:.0} cycles",
            percent(engine.accuracy),
            engine.bytes,
            engine.cycles
        ),
        Ok(outcome) => format!(
            "{} in float; the engine does not hold it",
            percent(outcome.float_accuracy)
        ),
        Err(error) => format!("failed: {error}"),
    };
    format!("{}: {what}", trial.name())
}
