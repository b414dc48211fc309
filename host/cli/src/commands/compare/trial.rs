//! Trials of a comparison: the commands that make a network, pack it and measure it, and what they said.

use super::ways::{self, Asked, Start, Way};
use crate::commands::{Setting, apply, compress, sweep};
use crate::itself::{line, run_beside};
use crate::{files, provenance};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use thresh_compress::sweep::Plan as SweepPlan;
use thresh_compress::{Hidden, Options, Recipe};
use thresh_regs::Config;

/// What all trials share.
pub struct Plan<'a> {
    /// The network that is made smaller, and what tells it from others.
    pub network: &'a Path,
    pub network_hash: &'a str,
    /// It was made elsewhere.
    pub imported: bool,
    /// Words that say how it is read, if it is an ONNX file.
    pub model: Vec<String>,
    /// Hidden layers that it was trained with, if it says so.
    pub hidden: Option<&'a [Hidden]>,
    /// The recipe that was asked for.
    pub net: Option<Recipe>,
    /// Words that choose data, held-out images and what is computed on, for what trains.
    pub training_words: Vec<String>,
    /// Words that choose the data.
    pub data_words: Vec<String>,
    /// The same for what measures.
    pub measuring_words: Vec<String>,
    pub data_hash: &'a str,
    pub config: &'static Config,
    /// The configuration for networks that keep pools.
    pub hashed: &'static Config,
    /// Test images that the engine reads.
    pub count: usize,
    /// Settings of training, of the sharing behind, and of methods.
    pub train: &'a [Setting],
    pub sharing: &'a [Setting],
    pub set: &'a [(&'static ways::Way, Setting)],
    /// Where trials are kept.
    pub folder: &'a Path,
}

/// One trial before it is run.
#[derive(Debug)]
pub struct Trial {
    pub method: &'static str,
    /// Its settings, as they were asked for.
    pub settings: String,
    /// The engine that it runs on.
    pub config: &'static Config,
    pub folder: PathBuf,
    /// Words of the commands that make its network, the last of which compresses it.
    making: Vec<Vec<String>>,
    pack: Vec<String>,
    info: Vec<String>,
    report: Vec<String>,
    bench: Vec<String>,
}

/// What a trial came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Share of the test images that is read, in float.
    pub float_accuracy: f64,
    /// Weights, and those that are not zero.
    pub weights: usize,
    pub nonzeros: usize,
    /// None if the engine does not hold it; then `reason` says why.
    pub engine: Option<Engine>,
    pub reason: Option<String>,
}

/// What it takes on the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Engine {
    /// Share of the test images that is read as packed, on the reference.
    pub accuracy: f64,
    /// Bytes of the image without provenance.
    pub bytes: u64,
    /// Bytes of all register and window writes that load it.
    pub link_bytes: u64,
    /// Bytes on the chip.
    pub resident_bytes: u64,
    /// Multiply-accumulates of an inference.
    pub macs: f64,
    /// Cycles of an inference, with its loads if it is streamed.
    pub cycles: f64,
    /// Its weights do not stay on the chip.
    pub streamed: bool,
    /// Logits of the Verilated engine, and those that differ from the reference.
    pub logits: u64,
    pub wrong_logits: u64,
}

/// A step that makes a network: a command but for input and output, and what its result depends on.
struct Step {
    /// Name of its folder.
    name: &'static str,
    words: Vec<String>,
    options: String,
}

/// Name of the file of a trial's outcome in its folder.
const RESULT: &str = "trial.json";

/// Name of the file that the process that runs a trial holds.
const LOCK: &str = "lock";

/// Characters of a folder's name that say what it is; a hash behind them tells trials apart.
const NAME: usize = 80;

impl Plan<'_> {
    /// The trial that is asked for; refuses options that there are not.
    pub fn trial(&self, asked: &Asked) -> Result<Trial> {
        let way = asked.way;
        let own = self.set.iter().filter(|(other, _)| other.name == way.name);
        let mut settings: Vec<Setting> = own.map(|(_, setting)| setting.clone()).collect();
        settings.extend(asked.settings.iter().cloned());
        let words: Vec<String> = asked
            .settings
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let shown = words.join(" ");
        let place = || format!("{} at {shown}", way.name);
        let config = match way.hashes {
            true => self.hashed,
            false => self.config,
        };
        let mut key = vec![self.data_hash.to_string(), config.name.into()];
        key.push(format!("{} {}", self.count, self.training_words.join(" ")));
        let first = match way.start {
            Start::Network => {
                key.push(self.network_hash.into());
                self.compress(way.name, &settings).with_context(place)?
            }
            Start::Nothing { options, .. } => {
                let recipe = self.net.unwrap_or_default();
                let mut options = options(recipe);
                apply(self.train, &mut options)?;
                ways::set_training(&mut options, &settings, self.hidden).with_context(place)?;
                Step {
                    name: "trained",
                    words: train_words(recipe, &options, &self.training_words),
                    options: options.line(),
                }
            }
        };
        let mut steps = vec![first];
        if way.shares {
            steps.push(self.share(matches!(way.start, Start::Network))?);
        }
        key.extend(steps.iter().map(|step| step.options.clone()));
        let hash = hash(key.join("\n").as_bytes());
        let name = format!("{}-{shown}", way.name).replace([' ', ',', '=', '/', '%', '|'], "-");
        let name: String = name.chars().take(NAME).collect();
        let folder = self.folder.join(format!("{name}-{}", &hash[..8]));
        Ok(self.with_commands(way, shown, config, folder, steps))
    }

    fn with_commands(
        &self,
        way: &Way,
        settings: String,
        config: &'static Config,
        folder: PathBuf,
        steps: Vec<Step>,
    ) -> Trial {
        let text = |path: &Path| path.display().to_string();
        let mut network = match way.start {
            Start::Network => Some(text(self.network)),
            Start::Nothing { .. } => None,
        };
        let mut model = self.model.as_slice();
        let mut making = Vec::new();
        for step in steps {
            let mut words = step.words;
            if let Some(input) = network {
                words.extend_from_slice(std::mem::take(&mut model));
                words.push(input);
            }
            let output = text(&folder.join(step.name).join("network.safetensors"));
            words.extend(["-o".into(), output.clone()]);
            network = Some(output);
            making.push(words);
        }
        let network = network.unwrap_or_default();
        let image = text(&folder.join("image.thresh"));
        let words = |command: &str, data: &[String], rest: &[&str]| -> Vec<String> {
            let mut words = vec![command.to_string()];
            words.extend_from_slice(data);
            words.extend(["--config", config.name].map(String::from));
            words.extend(rest.iter().map(|word| word.to_string()));
            words
        };
        let measured = &self.measuring_words;
        let count = self.count.to_string();
        Trial {
            method: way.name,
            settings,
            config,
            making,
            pack: words(
                "pack",
                &self.data_words,
                &["--no-provenance", &network, "-o", &image],
            ),
            info: vec!["info".into(), image.clone()],
            report: words("report", measured, &[&network]),
            // One device: the inferences that share a load are the same on every machine.
            bench: words(
                "bench",
                measured,
                &["--count", &count, "--threads", "1", &image],
            ),
            folder,
        }
    }

    /// Compression of the network by the method called `name`.
    fn compress(&self, name: &'static str, settings: &[Setting]) -> Result<Step> {
        let [method, usual] = ways::compression(name, self.net, self.imported, settings)?;
        let set = provenance::changed("--set", method.options(), usual.options());
        Ok(self.compress_step(name, name, set, method.options().line()))
    }

    /// Sharing of weights of which all are kept.
    fn share(&self, of_network: bool) -> Result<Step> {
        let name = compress::DEFAULT_METHOD;
        let imported = self.imported && of_network;
        let [usual, _] = compress::choose_methods(name, self.net, imported, false)?;
        let mut options = SweepPlan::sharing(sweep::CODES);
        apply(self.sharing, &mut options)?;
        let set = provenance::changed("--set", &options, usual.options());
        Ok(self.compress_step("shared", name, set, options.line()))
    }

    fn compress_step(
        &self,
        folder: &'static str,
        method: &str,
        set: Vec<String>,
        options: String,
    ) -> Step {
        let mut words = vec!["compress".to_string()];
        if method != compress::DEFAULT_METHOD {
            words.extend(["--method".into(), method.into()]);
        }
        words.extend_from_slice(&self.training_words);
        words.extend(
            self.net
                .iter()
                .flat_map(|net| ["--net".into(), net.name().into()]),
        );
        words.extend(set);
        Step {
            name: folder,
            words,
            options,
        }
    }
}

/// The words that train a network with `options`, but for where it goes.
pub fn train_words(
    recipe: Recipe,
    options: &dyn Options,
    training_words: &[String],
) -> Vec<String> {
    let mut words = vec!["train".to_string()];
    words.extend_from_slice(training_words);
    words.extend(["--net".into(), recipe.name().into()]);
    words.extend(provenance::changed("--set", options, &recipe.training()));
    words
}

/// SHA-256 in hexadecimal.
pub fn hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Trial {
    /// Its method and settings.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.settings)
    }

    /// The commands, in the order in which they are run.
    pub fn commands(&self) -> Vec<String> {
        let measuring = [&self.pack, &self.info, &self.report, &self.bench];
        let all = self.making.iter().chain(measuring);
        all.map(|words| line(words)).collect()
    }

    /// The outcome, if it was run before.
    pub fn known(&self) -> Result<Option<Outcome>> {
        let path = self.folder.join(RESULT);
        let place = || format!("{}; remove the file to run the trial again", path.display());
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).with_context(place)?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(place),
        }
    }

    /// Runs it, or goes on with it where it was interrupted. Only one process at a time runs a trial: others wait for it.
    pub fn run(&self, threads: usize) -> Result<Outcome> {
        let place = || self.folder.display().to_string();
        std::fs::create_dir_all(&self.folder).with_context(place)?;
        let lock = File::create(self.folder.join(LOCK)).with_context(place)?;
        lock.lock().with_context(place)?;
        if let Some(known) = self.known()? {
            return Ok(known);
        }
        let log = self.folder.join("log.txt");
        let run = |words: &[String]| run_beside(words, threads, &log);
        let mut made = Value::Null;
        for words in &self.making {
            made = run(words)?.map_err(|refusal| anyhow::anyhow!(refusal.message))?;
        }
        let mut said = Vec::new();
        let mut reason = None;
        for words in [&self.pack, &self.info, &self.report, &self.bench] {
            match run(words)? {
                Ok(value) => said.push(value),
                Err(refusal) if refusal.by_itself => {
                    reason = Some(refusal.message);
                    break;
                }
                Err(refusal) => anyhow::bail!(refusal.message),
            }
        }
        let engine = match &said[..] {
            [_, info, report, bench] => Some(engine(info, report, bench)?),
            _ => None,
        };
        let outcome = Outcome {
            float_accuracy: number(&made, "/accuracy")?,
            weights: number(&made, "/weights")? as usize,
            nonzeros: number(&made, "/nonzeros")? as usize,
            engine,
            reason,
        };
        let text = serde_json::to_vec_pretty(&outcome)?;
        files::write(&self.folder.join(RESULT), &text)?;
        Ok(outcome)
    }
}

fn engine(info: &Value, report: &Value, bench: &Value) -> Result<Engine> {
    let whole = |value, path| number(value, path).map(|number| number as u64);
    let last = report["errors"].as_array().and_then(|stages| stages.last());
    let last = last.context("a report without errors")?;
    let streamed = !bench["cycles_with_loads"].is_null();
    let cycles = match streamed {
        true => "/cycles_with_loads",
        false => "/cycles/mean",
    };
    Ok(Engine {
        accuracy: number(last, "/accuracy")?,
        bytes: whole(info, "/bytes")?,
        link_bytes: whole(info, "/link_bytes")?,
        resident_bytes: whole(info, "/resident_bytes")?,
        macs: number(bench, "/mean/macs")?,
        cycles: number(bench, cycles)?,
        streamed,
        logits: whole(bench, "/logits")?,
        wrong_logits: whole(bench, "/wrong_logits")?,
    })
}

fn number(value: &Value, path: &str) -> Result<f64> {
    let found = value.pointer(path).and_then(Value::as_f64);
    found.with_context(|| format!("a command of this program printed no number {path}"))
}

/// Runs the trials `wanted`, `jobs` at once, and tells `each` what came of them, in the order in which they end.
pub fn run_all(
    trials: &[Trial],
    wanted: &[usize],
    jobs: usize,
    each: &mut dyn FnMut(usize, Result<Outcome>),
) {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (processors / jobs).max(1);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (told, done) = mpsc::channel();
        for _ in 0..jobs.min(wanted.len()) {
            let (told, next) = (told.clone(), &next);
            scope.spawn(move || {
                while let Some(&index) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // The receiver waits for every trial.
                    let _ = told.send((index, trials[index].run(threads)));
                }
            });
        }
        drop(told);
        for (index, outcome) in done {
            each(index, outcome);
        }
    });
}
