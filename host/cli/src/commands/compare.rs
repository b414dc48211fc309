//! `thresh compare`.

mod tables;
mod trial;
mod ways;

use super::compress::is_imported;
use super::import::ModelArgs;
use super::{Compute, Setting, apply, boards, parse_setting, recipe_parser, train};
use crate::data::{DataArgs, HoldOut, Wanted, check_measurable};
use crate::itself::{line, run};
use crate::output::{Output, Verdict, facts, sentence};
use crate::overwrite::Paths;
use crate::page::{Grid, document_with_end};
use crate::{bars, files, target};
use anyhow::{Context, Result, ensure};
use clap::Args;
use std::path::{Path, PathBuf};
use tables::{Clock, Found};
use thresh_compress::{Hidden, Options, Recipe, accuracy};
use thresh_fpga::{BOARDS, Build, Top};
use thresh_model::Network;
use thresh_regs::Config;
use trial::{Outcome, Plan, Trial, hash, run_all, train_words};
use ways::{Asked, WAYS, Way, parse_at, parse_set, parse_settings};

const EXAMPLES: &str = "\
Examples:
  thresh compare --net lenet-5 --data fashion-mnist --html compare.html
                                                trains LeNet-5, then everything: some hours on two cores
  thresh compare net.safetensors --net lenet-5 --methods deep-compression,dense --board ulx3s-25f
  thresh compare net.safetensors --at deep-compression:weights=3000 --at 'tensor:form=oh keep=0.3'
  thresh compare net.safetensors --set low-rank.tune-epochs=2 --compress codes=31 --json > compare.json
  thresh compare --net lenet-5 --list           the commands that would be run

docs/compare.md says what is measured.";

/// Compare all methods on one network, one data set and one board.
///
/// Every method is tried at several sizes; small networks that are trained from nothing stand beside them. Each trial is made, packed
/// and measured by commands of this program, which the page names: accuracy in float and as packed on the bit-exact reference, bytes of the image,
/// on the wire and on the chip, multiply-accumulates and cycles on the Verilated engine, inferences a second at the board's Fmax.
/// Ends with status 3 if a trial failed, or a logit differs from the reference.
///
/// Trials are remembered: the same command goes on where it was interrupted, and more trials cost only what is new.
#[derive(Debug, Args)]
pub struct Compare {
    /// The network, or an ONNX file [default: one is trained, as --net says].
    #[arg(value_name = "NETWORK.safetensors|MODEL.onnx")]
    network: Option<PathBuf>,
    /// The network whose recommended options are the defaults [default: lenet-300-100; for a network from ONNX options of its own].
    #[arg(long, value_name = "NAME", value_parser = recipe_parser())]
    net: Option<Recipe>,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    model: ModelArgs,
    /// Training images that are not learned, the last ones: COUNT, or SHARE% of them. Where there are no test images they are measured on.
    #[arg(long, value_name = "COUNT|SHARE%")]
    hold_out: Option<HoldOut>,
    /// The board that is to run them.
    #[arg(long, value_name = "NAME", value_parser = target::board_parser(), default_value = "ulx3s-85f")]
    board: &'static Build,
    /// Only these methods.
    #[arg(long, value_name = "METHOD,...", value_delimiter = ',', value_parser = Way::named)]
    methods: Vec<&'static Way>,
    /// A trial in the place of the usual ones of its method, with blanks between several settings; may be given several times.
    #[arg(long, value_name = "METHOD:NAME=VALUE...", value_parser = parse_at)]
    at: Vec<Asked>,
    /// Set an option in all trials of a method.
    #[arg(long, value_name = "METHOD.NAME=VALUE", value_parser = parse_set)]
    set: Vec<(&'static Way, Setting)>,
    /// Set an option of the sharing behind methods that leave weights as they are: those of `thresh sweep --compress`.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_setting)]
    compress: Vec<Setting>,
    /// Set an option of training, for all that is trained from nothing.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_setting)]
    train: Vec<Setting>,
    /// Test images that the engine reads, the first ones.
    #[arg(long, default_value_t = 100)]
    count: usize,
    /// Where the reports of `thresh synth` are, for the board's Fmax.
    #[arg(long, value_name = "FOLDER", default_value = "fpga/results")]
    results: PathBuf,
    /// Trials at once [default: one a processor].
    #[arg(long, value_name = "COUNT")]
    jobs: Option<usize>,
    /// Where trials are kept [default: .work/DATA/compare, .work/DATA/NET/compare with --net].
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
    /// Where a page with the table and pictures goes.
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// Print the commands instead of running them.
    #[arg(long, conflicts_with = "html")]
    list: bool,
}

/// The network that methods make smaller.
struct Origin {
    path: PathBuf,
    /// What tells it from others.
    hash: String,
    /// Hidden layers that it was trained with, if it says so.
    hidden: Option<Vec<Hidden>>,
    /// Words of the command that trains it, where none is given.
    training: Option<Vec<String>>,
    network: Option<Network>,
}

impl Origin {
    /// The network, which is trained if it has to be.
    fn network(&self, output: &Output) -> Result<Network> {
        if let Some(network) = &self.network {
            return Ok(network.clone());
        }
        if let Some(words) = self.training.as_ref().filter(|_| !self.path.exists()) {
            output.note(line(words));
            run(words)?;
        }
        files::network(&self.path)
    }
}

/// The methods and their usual trials, then examples: what stands behind the options in the help.
pub fn help() -> String {
    let mut text = String::from("Methods, with their usual trials:\n");
    for way in WAYS {
        text += &format!("  {}: {}\n", way.name, way.describe());
        for trial in way.trials {
            text += &format!("      --at {}:{trial}\n", way.name);
        }
    }
    format!("{text}\n{EXAMPLES}")
}

impl Paths for Compare {
    fn reads(&self) -> Vec<PathBuf> {
        let mut paths = self.data.paths();
        paths.extend(self.network.clone());
        paths.extend(
            BOARDS
                .iter()
                .map(|build| boards::report_path(&self.results, build)),
        );
        paths
    }

    fn writes(&self) -> Vec<PathBuf> {
        Vec::from_iter(self.html.clone())
    }
}

impl Compare {
    pub fn run(self, output: &Output) -> Result<Verdict> {
        ensure!(self.count > 0, "got --count 0, expected 1 or more");
        ensure!(self.jobs != Some(0), "got --jobs 0, expected 1 or more");
        self.compute.choose()?;
        let config = Config::named(self.board.config).context("a board has a configuration")?;
        let hashing = self.board.hashing();
        let hashed = hashing.and_then(|build| Config::named(build.config));
        let hashed = hashed.unwrap_or(config);
        let recipe = self.net.unwrap_or_default();
        let folder = self
            .work
            .clone()
            .unwrap_or_else(|| train::work_folder(&self.data, recipe).join("compare"));
        let data_words = self.data.own_words();
        let mut training_words = self.compute.words();
        training_words.extend_from_slice(&data_words);
        training_words.extend(HoldOut::words(self.hold_out));
        let given = self.given()?;
        let wanted = given.as_ref().map_or(Wanted::default(), Wanted::by);
        let whole = self.data.read(&wanted)?;
        let data = HoldOut::apply(self.hold_out, &whole)?;
        check_measurable(&self.data, &data)?;
        let tests = !whole.test().is_empty();
        let measured = if tests { whole.test() } else { data.test() };
        let mut measuring_words = data_words.clone();
        if !tests {
            measuring_words.extend(HoldOut::words(self.hold_out));
        }
        let origin = self.origin(given, &training_words, &folder, data.hash())?;
        let count = self.count.min(measured.len());
        let plan = Plan {
            network: &origin.path,
            network_hash: &origin.hash,
            imported: origin.network.as_ref().is_some_and(is_imported),
            model: self.model.words(),
            hidden: origin.hidden.as_deref(),
            net: self.net,
            training_words,
            data_words,
            measuring_words,
            data_hash: data.hash(),
            config,
            hashed,
            count,
            train: &self.train,
            sharing: &self.compress,
            set: &self.set,
            folder: &folder,
        };
        let trials = self.trials(&plan, output)?;
        if self.list {
            let trained = origin.training.iter().map(|words| line(words));
            let lines: Vec<String> = trained
                .chain(trials.iter().flat_map(Trial::commands))
                .collect();
            output.result(lines.join("\n"), &lines)?;
            return Ok(Verdict::Holds);
        }
        let network = origin.network(output)?;
        let outcomes = self.outcomes(&trials, output)?;
        let found = Found {
            network: &network.name,
            file: origin.path.display().to_string(),
            accuracy: accuracy(&network, measured)?,
            data: self.data.name(),
            measured: match tests {
                true => format!("{} test images", measured.len()),
                false => format!("{} training images held out", measured.len()),
            },
            board: self.board.name,
            clocks: self.clocks(&trials)?,
            count,
            training: origin.training.as_deref(),
            trials: &trials,
            outcomes,
        };
        self.tell(&found, output)
    }

    /// The network, if one is given.
    fn given(&self) -> Result<Option<Network>> {
        if let Some(path) = &self.network {
            return self.model.network(path).map(Some);
        }
        let words = self.model.words();
        ensure!(
            words.is_empty(),
            "got {} without a network, expected an ONNX model with it; leave it out",
            words.join(" ")
        );
        Ok(None)
    }

    /// Where the network comes from. One that is trained here is known by its command and data, so that trials are listed, or refused,
    /// before that.
    fn origin(
        &self,
        given: Option<Network>,
        training_words: &[String],
        folder: &Path,
        data_hash: &str,
    ) -> Result<Origin> {
        if let (Some(path), Some(network)) = (&self.network, given) {
            return Ok(Origin {
                path: path.clone(),
                hash: hash(&network.to_safetensors()?),
                hidden: hidden(&network),
                training: None,
                network: Some(network),
            });
        }
        let recipe = self.net.unwrap_or_default();
        let mut options = recipe.training();
        apply(&self.train, &mut options)?;
        let mut words = train_words(recipe, &options, training_words);
        let hash = hash(format!("{}\n{data_hash}", words.join(" ")).as_bytes());
        let path = folder
            .join(format!("network-{}", &hash[..8]))
            .join("train.safetensors");
        words.extend(["-o".into(), path.display().to_string()]);
        Ok(Origin {
            path,
            hash,
            hidden: Some(options.hidden),
            training: Some(words),
            network: None,
        })
    }

    /// All trials that are asked for, in the order of the methods.
    fn trials(&self, plan: &Plan<'_>, output: &Output) -> Result<Vec<Trial>> {
        for (way, _) in &self.set {
            self.check_chosen(way, "--set")?;
        }
        for asked in &self.at {
            self.check_chosen(asked.way, "--at")?;
        }
        let chosen = || WAYS.iter().filter(|way| self.is_chosen(way));
        let trains = self.network.is_none() || chosen().any(Way::trains);
        ensure!(
            trains || self.train.is_empty(),
            "got --train, but nothing is trained from nothing; leave it out"
        );
        ensure!(
            chosen().any(|way| way.shares) || self.compress.is_empty(),
            "got --compress, but no method has its weights shared behind it; leave it out, or say --set METHOD.NAME=VALUE"
        );
        let mut trials: Vec<Trial> = Vec::new();
        for way in chosen() {
            let mut asked: Vec<Asked> = self
                .at
                .iter()
                .filter(|a| a.way.name == way.name)
                .cloned()
                .collect();
            if asked.is_empty() {
                for text in way.trials {
                    let settings = parse_settings(text)?;
                    let width = settings.iter().any(|(name, _)| name == ways::WIDTH);
                    if width && plan.hidden.is_none() {
                        output.note(format!(
                            "{} at {text} is left out: the network does not say which hidden layers it was trained with; \
                             --at {}:hidden=LAYERS trains others",
                            way.name, way.name
                        ));
                        continue;
                    }
                    asked.push(Asked { way, settings });
                }
            }
            for asked in &asked {
                let trial = plan.trial(asked)?;
                if trials.iter().all(|other| other.folder != trial.folder) {
                    trials.push(trial);
                }
            }
        }
        ensure!(!trials.is_empty(), "no trial is left; give some by --at");
        Ok(trials)
    }

    fn is_chosen(&self, way: &Way) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|other| other.name == way.name)
    }

    fn check_chosen(&self, way: &Way, flag: &str) -> Result<()> {
        ensure!(
            self.is_chosen(way),
            "got {flag} for {}, which --methods leaves out; add it there, or leave {flag} out",
            way.name
        );
        Ok(())
    }

    /// What came of all trials; those that are not known are run.
    fn outcomes(&self, trials: &[Trial], output: &Output) -> Result<Vec<Result<Outcome, String>>> {
        let known = trials
            .iter()
            .map(Trial::known)
            .collect::<Result<Vec<Option<Outcome>>>>()?;
        let wanted: Vec<usize> = (0..trials.len()).filter(|&i| known[i].is_none()).collect();
        if wanted.len() < trials.len() {
            output.note(format!(
                "{} of {} trials are known already",
                trials.len() - wanted.len(),
                trials.len()
            ));
        }
        let mut outcomes: Vec<Option<Result<Outcome, String>>> =
            known.into_iter().map(|outcome| outcome.map(Ok)).collect();
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let jobs = self.jobs.unwrap_or(processors);
        let bar = bars::bar("compare", wanted.len() as u64);
        bar.tick();
        run_all(trials, &wanted, jobs, &mut |index, outcome| {
            let outcome = outcome.map_err(|error| sentence(&error));
            let text = tables::told(&trials[index], &outcome);
            bar.set_message(text.clone());
            if bar.is_hidden() {
                output.note(text);
            }
            outcomes[index] = Some(outcome);
            bar.inc(1);
        });
        bar.finish_and_clear();
        let lost = || Err("it was not run".into());
        Ok(outcomes
            .into_iter()
            .map(|o| o.unwrap_or_else(lost))
            .collect())
    }

    /// The clocks of the board's engine and of the hashing one, if it has trials.
    fn clocks(&self, trials: &[Trial]) -> Result<Vec<Clock>> {
        let runs = |build: &&Build| trials.iter().any(|trial| trial.config.name == build.config);
        let others = self.board.hashing().filter(runs);
        let builds = std::iter::once(self.board).chain(others);
        builds.map(|build| self.clock(build)).collect()
    }

    /// The Fmax of `build` as it was routed, else its clock.
    fn clock(&self, build: &'static Build) -> Result<Clock> {
        let config = build.config;
        let what = match build.top {
            Top::Board(_) => build.name.to_string(),
            Top::Measure => format!("{}, {}", build.name, build.doc),
        };
        let Some(report) = boards::report(&self.results, build)? else {
            return Ok(Clock {
                config,
                mhz: build.target_mhz,
                source: format!(
                    "the clock of {what}: {} has no report of its routing",
                    self.results.display()
                ),
            });
        };
        let earlier = match boards::is_earlier(build, &report)? {
            true => ", of an earlier engine",
            false => "",
        };
        Ok(Clock {
            config,
            mhz: report.fmax_median(),
            source: format!(
                "Fmax of {what} after routing, median of {} seeds{earlier}",
                report.runs.len()
            ),
        })
    }

    fn tell(&self, found: &Found<'_>, output: &Output) -> Result<Verdict> {
        let summary = found.summary();
        let grids = found.grids();
        let text: Vec<String> = grids.iter().map(Grid::text).collect();
        let text = format!("{}\n\n{}", facts(&summary), text.join("\n\n"));
        if let Some(path) = &self.html {
            let title = format!("Methods on {}, {}", found.network, found.data);
            let pictures = found
                .pictures()
                .context("cannot draw the pictures of the page")?;
            let figures = [("Accuracy and cost", pictures)];
            let commands = [found.commands()];
            let page = document_with_end(&title, &summary, &grids, &figures, &commands)?;
            files::write(path, page.as_bytes())?;
            output.note(format!("the page is {}", path.display()));
        }
        output.result(text, &found.json())?;
        Ok(Verdict::of(found.holds()))
    }
}

/// Hidden layers that `network` was trained with, if it says so.
fn hidden(network: &Network) -> Option<Vec<Hidden>> {
    let options = network.provenance.get("train.options")?;
    let list = options
        .split(' ')
        .find_map(|word| word.strip_prefix("hidden="))?;
    let mut options = Recipe::default().training();
    options.set("hidden", list).ok()?;
    Some(options.hidden)
}
