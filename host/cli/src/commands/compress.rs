//! `thresh compress`.

use super::{Setting, apply, budget, parse_setting, recipe_parser, recipe_words, report, train};
use crate::input::DataSet;
use crate::output::{Output, Verdict};
use crate::report::Subject;
use crate::{bars, files, provenance, target};
use anyhow::{Result, ensure};
use clap::Args;
use std::path::PathBuf;
use thresh_compress::{Budget, Context, Data, Method, Recipe};
use thresh_model::Network;
use thresh_regs::Config;

pub const EXAMPLES: &str = "\
Examples:
  thresh compress                               .work/mnist/train.safetensors by Deep Compression
  thresh compress --net lenet-5                 the shares and codes of Deep Compression's paper
  thresh compress --set weights=2000 --set codes=8 net.safetensors -o small.safetensors
  thresh compress --set densities=0.01,0.05,0.2 --set codes=64,32,16
  thresh compress --report --html report.html   what became of each layer, as tables and as a page
  thresh compress --budget 'bytes<=3k,cycles<=2000,accuracy>=98.5' --config ulx3s-25f

docs/compress.md explains reports and budgets.";

/// Make a network smaller: fewer weights, and few distinct values of them.
///
/// A checkpoint is kept after every epoch; the same command goes on where it was interrupted, and
/// gives the same network to the bit.
#[derive(Debug, Args)]
pub struct Compress {
    /// The network [default: .work/DATA/train.safetensors, .work/DATA/NET/train.safetensors with --net].
    #[arg(value_name = "NETWORK.safetensors")]
    network: Option<PathBuf>,
    /// Where the compressed network goes [default: compressed.safetensors beside the network].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The network whose recommended options are the defaults.
    #[arg(long, value_name = "NAME", value_parser = recipe_parser(), default_value = Recipe::default().name())]
    net: Recipe,
    /// How.
    #[arg(long, default_value = DEFAULT_METHOD)]
    method: String,
    /// What the network learned.
    #[arg(long, value_enum, default_value_t)]
    data: DataSet,
    /// Where all random numbers come from.
    #[arg(long)]
    seed: Option<u64>,
    /// Set any option of the method; --help lists them.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_setting)]
    set: Vec<Setting>,
    /// Where checkpoints are kept [default: the folder of the output].
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
    /// Measure on the last COUNT training images, which are then not learned, in the place of the test images: for all
    /// that is chosen by the result [default with --budget: 5000].
    #[arg(long, value_name = "COUNT")]
    hold_out: Option<usize>,
    /// Print what became of each layer, as `thresh report` does.
    #[arg(long)]
    report: bool,
    /// Where a page with that report and pictures goes.
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// Search the number of weights that keeps these bounds, as bytes<=3k,cycles<=2000,accuracy>=99.2: the fewest where an
    /// accuracy is asked for, else the most.
    #[arg(long, value_name = "BOUNDS")]
    budget: Option<Budget>,
    /// The engine that the report and the budget are for [default: ulx3s-25f].
    #[arg(long, value_name = "NAME", value_parser = target::config_parser())]
    config: Option<&'static Config>,
    /// Trials of a budget at most [default: 12].
    #[arg(long, value_name = "COUNT", requires = "budget")]
    trials: Option<usize>,
}

/// The method of `thresh compress` and `thresh make`.
pub const DEFAULT_METHOD: &str = "deep-compression";

impl Compress {
    pub fn run(self, output: &Output) -> Result<Verdict> {
        let method = self.choose_method()?;
        let usual = self.net.method(&self.method)?;
        let input = self
            .network
            .unwrap_or_else(|| train::work_folder(self.data, self.net).join("train.safetensors"));
        let path = self
            .output
            .unwrap_or_else(|| files::folder(&input).join("compressed.safetensors"));
        let reports = self.report || self.html.is_some();
        let image = self.budget.is_some().then(|| path.with_extension("thresh"));
        let inputs = [input.as_path()];
        let outputs = [Some(path.as_path()), image.as_deref(), self.html.as_deref()];
        files::check_outputs(&inputs, outputs.into_iter().flatten())?;
        ensure!(
            self.config.is_none() || reports || self.budget.is_some(),
            "got --config without --report, --html or --budget, expected one of them: compression itself is for no engine"
        );
        let config = match self.config {
            Some(config) => config,
            None => report::default_config()?,
        };
        let network = files::network(&input)?;
        let folder = self
            .work
            .unwrap_or_else(|| files::folder(&path).to_path_buf());
        let whole = self.data.to_train_on()?;
        let held_out = self
            .hold_out
            .or(self.budget.map(|_| budget::HELD_OUT))
            .map(|count| Ok::<_, anyhow::Error>((count, whole.hold_out(count)?)))
            .transpose()?;
        let data = held_out.as_ref().map_or(&whole, |(_, data)| data);

        let mut words = vec!["compress".to_string()];
        if self.method != DEFAULT_METHOD {
            words.extend(["--method".into(), self.method.clone()]);
        }
        words.extend(self.data.words());
        words.extend(recipe_words(self.net));
        if let Some((count, _)) = held_out {
            words.extend(["--hold-out".into(), count.to_string()]);
        }
        let command = |method: &dyn Method| {
            let mut words = words.clone();
            let set = provenance::changed("--set", method.options(), usual.options());
            words.extend(set);
            words.extend([
                provenance::file_name(&input),
                "-o".into(),
                provenance::file_name(&path),
            ]);
            provenance::chained(&network.provenance, &words)
        };

        let (mut compressed, folder, searched) = match self.budget {
            Some(bounds) => {
                let task = budget::Task {
                    bounds,
                    network: &network,
                    data,
                    config,
                    folder: &folder,
                    trials: self.trials,
                };
                let found = task.run(&*method, &command, output)?;
                (found.network, found.folder, Some(found.table))
            }
            None => {
                let line = command(&*method);
                let made = compress(&*method, &network, data, folder.clone(), line)?;
                (made, folder, None)
            }
        };
        if held_out.is_some() {
            report::add_test_accuracy(&mut compressed, whole.test())?;
        }
        if compressed.nonzeros() == 0 {
            output
                .note("no weight is left: the network answers the same to every image; keep more");
        }
        files::save_network(&path, &compressed)?;
        let made = match reports {
            true => Some(report::make(
                &Subject {
                    network: &compressed,
                    config,
                    data: self.data,
                    folder: &folder,
                    calibration: super::pack::CALIBRATION,
                },
                self.html.as_deref(),
                output,
            )?),
            false => None,
        };
        match (searched, made) {
            (Some(searched), made) => {
                searched.finish(&compressed, config, whole.test(), &path, made, output)?;
                Ok(Verdict::Holds)
            }
            (None, Some(made)) => {
                output.result(made.text(), &made.json())?;
                Ok(Verdict::Holds)
            }
            (None, None) => train::report(output, &compressed, &path),
        }
    }

    /// The method with the options of the command line.
    fn choose_method(&self) -> Result<Box<dyn Method>> {
        let mut method: Box<dyn Method> = match self.budget {
            Some(_) if self.method == DEFAULT_METHOD => Box::new(self.net.for_budget()),
            _ => self.net.method(&self.method)?,
        };
        apply(&self.set, method.options_mut())?;
        if let Some(seed) = self.seed {
            method.options_mut().set("seed", &seed.to_string())?;
        }
        Ok(method)
    }
}

/// The options of a method that are not those of `recipe`, as words of a command line.
pub fn changed(flag: &str, changed: &dyn Method, recipe: Recipe) -> Result<Vec<String>> {
    Ok(provenance::changed(
        flag,
        changed.options(),
        recipe.method(changed.name())?.options(),
    ))
}

/// Compresses with progress on stderr.
pub fn compress(
    method: &dyn Method,
    network: &Network,
    data: &Data,
    folder: PathBuf,
    command: String,
) -> Result<Network> {
    let mut progress = bars::Training::new();
    let mut context = Context {
        folder: Some(folder),
        command,
        progress: &mut progress,
    };
    Ok(method.run(network, data, &mut context)?)
}
