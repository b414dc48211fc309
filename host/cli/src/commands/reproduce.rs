//! `thresh reproduce`.

use crate::bars;
use crate::experiments::{Experiment, TRAINED, Trained};
use crate::files;
use crate::itself::{line, run};
use crate::output::{Output, Verdict, percent, table};
use crate::overwrite::Paths;
use anyhow::{Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use thresh_model::idx;

/// Make every network of the results page again, from its seed, and measure it.
///
/// Each network is trained, compressed, packed, and run over the test images on the Verilated engine, by commands of
/// this program that the page prints. Takes hours; what was interrupted goes on where it was. Ends with status 3 if an engine
/// differs from the reference anywhere.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thresh reproduce --list
  thresh reproduce -o docs/results.md
  thresh reproduce --only lenet-5 --count 1000")]
pub struct Reproduce {
    /// Where the page goes.
    #[arg(short, long, value_name = "FILE.md")]
    output: Option<PathBuf>,
    /// Only networks whose name holds this, capital letters or not.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Only this data set.
    #[arg(long, value_name = "NAME")]
    data: Option<String>,
    /// Test images on the Verilated engine, the first ones [default: 10000, of LeNet-5 1000].
    #[arg(long, value_name = "COUNT")]
    count: Option<usize>,
    /// Where networks, checkpoints and images are kept.
    #[arg(long, value_name = "FOLDER", default_value = ".work/reproduce")]
    work: PathBuf,
    /// Print the commands instead of running them.
    #[arg(long)]
    list: bool,
}

/// The commands of one experiment, and what they said.
struct Row {
    trained: &'static Trained,
    experiment: &'static Experiment,
    commands: Commands,
    report: Value,
    bench: Value,
}

/// Words of `thresh`, in the order in which they are run.
struct Commands {
    train: Vec<String>,
    compress: Vec<String>,
    pack: Vec<String>,
    report: Vec<String>,
    bench: Vec<String>,
}

impl Commands {
    fn new(trained: &Trained, experiment: &Experiment, work: &Path, count: Option<usize>) -> Self {
        let count = count.unwrap_or(trained.images);
        let name = |text: &str| {
            text.to_lowercase()
                .replace([' ', ','], "-")
                .replace('\'', "")
        };
        let folder = work.join(trained.data).join(name(trained.name));
        let own = folder.join(name(experiment.name));
        let path = |path: &Path| path.display().to_string();
        let dense = path(&folder.join("train.safetensors"));
        let small = path(&own.join("compressed.safetensors"));
        let image = path(&own.join("image.thresh"));
        let words = |command: &str, rest: &[&str]| -> Vec<String> {
            let all = [&[command, "--data", trained.data], rest].concat();
            all.into_iter().map(String::from).collect()
        };
        let sets: Vec<&str> = experiment
            .set
            .concat()
            .into_iter()
            .flat_map(|set| ["--set", set])
            .collect();
        let config = ["--config", experiment.config];
        Commands {
            train: words("train", &[trained.train, &["-o", &dense]].concat()),
            compress: words(
                "compress",
                &[trained.recipe, &sets, &[&dense, "-o", &small]].concat(),
            ),
            pack: words(
                "pack",
                &[&config[..], &["--no-provenance", &small, "-o", &image]].concat(),
            ),
            report: words("report", &[&config[..], &[&small]].concat()),
            bench: words(
                "bench",
                &[&config[..], &["--count", &count.to_string(), &image]].concat(),
            ),
        }
    }

    fn all(&self) -> [&Vec<String>; 5] {
        [
            &self.train,
            &self.compress,
            &self.pack,
            &self.report,
            &self.bench,
        ]
    }
}

impl Paths for Reproduce {
    fn reads(&self) -> Vec<PathBuf> {
        vec![idx::data_folder()]
    }

    fn writes(&self) -> Vec<PathBuf> {
        Vec::from_iter(self.output.clone())
    }
}

impl Reproduce {
    pub fn run(self, output: &Output) -> Result<Verdict> {
        let chosen = self.chosen()?;
        let commands = |&(trained, experiment): &(&'static Trained, &'static Experiment)| {
            Commands::new(trained, experiment, &self.work, self.count)
        };
        if self.list {
            let lines: Vec<String> = chosen
                .iter()
                .map(commands)
                .flat_map(|c| c.all().map(|words| line(words)))
                .collect();
            output.result(lines.join("\n"), &lines)?;
            return Ok(Verdict::Holds);
        }
        let bar = bars::bar("reproduce", chosen.len() as u64);
        let mut rows: Vec<Row> = Vec::new();
        for pair in &chosen {
            let commands = commands(pair);
            let (trained, experiment) = *pair;
            output.note(format!(
                "{} on {}: {}",
                trained.name, trained.data, experiment.name
            ));
            // A network that is compressed in several ways is trained once.
            if rows.last().map(|row| &row.commands.train) != Some(&commands.train) {
                run(&commands.train)?;
            }
            run(&commands.compress)?;
            run(&commands.pack)?;
            rows.push(Row {
                trained,
                experiment,
                report: run(&commands.report)?,
                bench: run(&commands.bench)?,
                commands,
            });
            bar.inc(1);
        }
        bar.finish_and_clear();
        let page = page(&rows);
        if let Some(path) = &self.output {
            files::write(path, page.as_bytes())?;
        }
        output.result(
            &page,
            &json!(rows.iter().map(Row::json).collect::<Vec<_>>()),
        )?;
        Ok(Verdict::of(rows.iter().all(|row| row.wrong() == Some(0))))
    }

    fn chosen(&self) -> Result<Vec<(&'static Trained, &'static Experiment)>> {
        let wanted = |trained: &&Trained| {
            let name = trained.name.to_lowercase();
            let named = self
                .only
                .as_ref()
                .is_none_or(|only| name.contains(&only.to_lowercase()));
            named && self.data.as_ref().is_none_or(|data| data == trained.data)
        };
        let chosen: Vec<_> = TRAINED
            .iter()
            .filter(wanted)
            .flat_map(|trained| {
                trained
                    .experiments
                    .iter()
                    .map(move |experiment| (trained, experiment))
            })
            .collect();
        let known: Vec<String> = TRAINED
            .iter()
            .map(|t| format!("{} on {}", t.name, t.data))
            .collect();
        ensure!(
            !chosen.is_empty(),
            "no network is called so; there are {}",
            known.join(", ")
        );
        Ok(chosen)
    }
}

impl Row {
    fn number(&self, from: &Value, path: &str) -> Option<f64> {
        from.pointer(path).and_then(Value::as_f64)
    }

    fn wrong(&self) -> Option<u64> {
        self.bench["wrong_logits"].as_u64()
    }

    /// The error in percent behind a stage of the compression.
    fn error(&self, stage: &str) -> String {
        let stages = self.report["errors"].as_array().into_iter().flatten();
        let error = stages
            .filter(|s| s["stage"] == stage)
            .find_map(|s| s["error"].as_f64());
        error.map_or("-".into(), percent)
    }

    /// The error in percent as packed, which is the last one of a report.
    fn packed_error(&self) -> String {
        let last = self.report["errors"]
            .as_array()
            .and_then(|stages| stages.last());
        last.and_then(|stage| stage["error"].as_f64())
            .map_or("-".into(), percent)
    }

    fn json(&self) -> Value {
        json!({
            "network": self.trained.name,
            "data": self.trained.data,
            "experiment": self.experiment.name,
            "commands": self.commands.all().map(|words| line(words)),
            "report": self.report,
            "bench": self.bench,
        })
    }

    fn cells(&self) -> Vec<String> {
        let whole = |value: Option<f64>| value.map_or("-".into(), |v| format!("{v:.0}"));
        let (bytes, float) = (
            self.number(&self.report, "/bytes"),
            self.number(&self.report, "/float32_bytes"),
        );
        let times = bytes.zip(float).map(|(bytes, float)| float / bytes);
        vec![
            format!("{}, {}", self.trained.name, self.experiment.name),
            self.error("float, all weights"),
            self.packed_error(),
            whole(self.number(&self.report, "/kept")),
            whole(bytes),
            times.map_or("-".into(), |times| format!("{times:.0}x")),
            format!("{} ({} PEs)", self.experiment.config, self.bench["num_pes"]),
            whole(self.number(&self.bench, "/cycles/mean")),
            format!("{} of {}", self.bench["wrong_logits"], self.bench["logits"]),
        ]
    }

    fn layers(&self) -> Vec<Vec<String>> {
        let layers = self.report["layers"].as_array().into_iter().flatten();
        let cells = |layer: &Value| {
            let two = |path: &str| {
                let value = self.number(layer, path);
                value.map_or("-".into(), |v| format!("{v:.2}"))
            };
            let name = layer["name"].as_str().unwrap_or("-");
            vec![
                format!("{}, {}: {name}", self.trained.name, self.experiment.name),
                layer["weights"].to_string(),
                layer["kept"].to_string(),
                two("/bits_per_kept_weight"),
                two("/bound_bits_per_kept_weight"),
            ]
        };
        layers.map(cells).collect()
    }
}

/// All tables, and the commands behind them.
fn page(rows: &[Row]) -> String {
    let mut page = String::from("# Results\n\nThis page is the output of `scripts/reproduce`.\n");
    let mut sets: Vec<&str> = rows.iter().map(|row| row.trained.data).collect();
    sets.dedup();
    for data in sets {
        let of = || rows.iter().filter(|row| row.trained.data == data);
        let header = [
            "network",
            "error, float",
            "error, packed",
            "weights",
            "bytes",
            "smaller",
            "engine",
            "cycles",
            "logits wrong",
        ];
        page += &format!("\n## {data}\n\n{}\n", table(&header, of().map(Row::cells)));
        let header = [
            "layer",
            "weights",
            "kept",
            "bits a kept weight",
            "entropy bound",
        ];
        page += &format!("\n{}\n", table(&header, of().flat_map(Row::layers)));
        page += "\n```\n";
        let mut before: Option<&Vec<String>> = None;
        for row in of() {
            // A network that is compressed in several ways is trained once.
            let skip = usize::from(before == Some(&row.commands.train));
            row.commands
                .all()
                .into_iter()
                .skip(skip)
                .for_each(|words| page += &format!("{}\n", line(words)));
            before = Some(&row.commands.train);
        }
        page += "```\n";
    }
    page += "\nErrors are those of all test images, packed ones on the reference; cycles and logits are those of the Verilated \
             engine, on as many of the first test images as `--count` says above. Bytes are those of the image without provenance; \
             smaller than 32-bit floats. [compress.md](compress.md) says how bits and bounds are reckoned.\n";
    page
}
