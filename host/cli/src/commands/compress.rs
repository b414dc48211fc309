//! `thresh compress`.

use super::import::ModelArgs;
use super::{
    Compute, Setting, apply, budget, parse_setting, recipe_parser, recipe_words, report, train,
};
use crate::data::{DataArgs, HoldOut, Wanted, check_measurable};
use crate::output::{Output, Verdict, percent};
use crate::overwrite::Paths;
use crate::report::Subject;
use crate::{bars, files, provenance, target};
use anyhow::{Result, ensure};
use clap::Args;
use std::path::PathBuf;
use thresh_compress::train::HELD_OUT_ACCURACY;
use thresh_compress::{Budget, Context, Data, Method, Recipe, recipe::pretrained};
use thresh_model::Network;
use thresh_regs::Config;

pub const EXAMPLES: &str = "\
Examples:
  thresh compress                               .work/mnist/train.safetensors by Deep Compression
  thresh compress --net lenet-5                 the shares and codes of Deep Compression's paper
  thresh compress --set weights=2000 --set codes=8 net.safetensors -o small.safetensors
  thresh compress --set densities=0.01,0.05,0.2 --set codes=64,32,16
  thresh compress --method low-rank --speedup 4 net.safetensors -o small.safetensors
  thresh compress --method hashed --net lenet-5 --set share=6.25% net.safetensors -o small.safetensors
  thresh compress --report --html report.html   what became of each layer, as tables and as a page
  thresh compress --budget 'bytes<=3k,cycles<=2000,accuracy>=98.5' --config ulx3s-25f
  thresh compress net.onnx --mean 0.1307 --std 0.3081 --data photos --set weights=10% -o small.safetensors
                                                any network, on your own data (photos/train/CLASS/*.png)

docs/compress.md explains reports and budgets.";

/// Make a network smaller: fewer weights, and few distinct values of them.
///
/// Any network will do: one of `thresh train`, one of `thresh import`, or an ONNX file. It goes on learning from --data
/// while weights are removed, and is never begun anew.
///
/// A checkpoint is kept after every epoch; the same command goes on where it was interrupted, and
/// gives the same network to the bit.
#[derive(Debug, Args)]
pub struct Compress {
    /// The network, or an ONNX file [default: .work/DATA/train.safetensors, .work/DATA/NET/train.safetensors with --net].
    #[arg(value_name = "NETWORK.safetensors|MODEL.onnx")]
    network: Option<PathBuf>,
    /// Where the compressed network goes [default: compressed.safetensors beside the network].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The network whose recommended options are the defaults [default: lenet-300-100; for a network from ONNX options
    /// of its own].
    #[arg(long, value_name = "NAME", value_parser = recipe_parser())]
    net: Option<Recipe>,
    /// How.
    #[arg(long, default_value = DEFAULT_METHOD)]
    method: String,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    model: ModelArgs,
    /// Where all random numbers come from.
    #[arg(long)]
    seed: Option<u64>,
    /// Set any option of the method; --help lists them.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_setting)]
    set: Vec<Setting>,
    /// Multiplications before by those after, for methods that are told by it: --set speedup=TIMES.
    #[arg(long, value_name = "TIMES")]
    speedup: Option<String>,
    /// Where checkpoints are kept [default: the folder of the output].
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
    /// Measure on the last COUNT training images, or SHARE% of them, which are then not learned, in the place of the test
    /// images: for all that is chosen by the result, and for data without test images [default with --budget: 5000].
    #[arg(long, value_name = "COUNT|SHARE%")]
    hold_out: Option<HoldOut>,
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

impl Paths for Compress {
    fn reads(&self) -> Vec<PathBuf> {
        let mut paths = self.data.paths();
        paths.push(self.input());
        paths
    }

    fn writes(&self) -> Vec<PathBuf> {
        let path = self.path();
        let image = self.budget.is_some().then(|| path.with_extension("thresh"));
        [Some(path), image, self.html.clone()]
            .into_iter()
            .flatten()
            .collect()
    }
}

impl Compress {
    /// The network.
    fn input(&self) -> PathBuf {
        let folder = || train::work_folder(&self.data, self.net.unwrap_or_default());
        let usual = || folder().join("train.safetensors");
        self.network.clone().unwrap_or_else(usual)
    }

    /// Where the compressed network goes.
    fn path(&self) -> PathBuf {
        let usual = || files::folder(&self.input()).join("compressed.safetensors");
        self.output.clone().unwrap_or_else(usual)
    }

    pub fn run(self, output: &Output) -> Result<Verdict> {
        let recipe = self.net.unwrap_or_default();
        recipe.method(&self.method)?;
        let (input, path) = (self.input(), self.path());
        self.compute.choose()?;
        let reports = self.report || self.html.is_some();
        ensure!(
            self.config.is_none() || reports || self.budget.is_some(),
            "got --config without --report, --html or --budget, expected one of them: compression itself is for no engine"
        );
        let config = match self.config {
            Some(config) => config,
            None => report::default_config()?,
        };
        let network = self.model.network(&input)?;
        let imported = is_imported(&network);
        let budget = self.budget.is_some();
        let [mut method, usual] = choose_methods(&self.method, self.net, imported, budget)?;
        apply(&self.set, method.options_mut())?;
        if let Some(speedup) = &self.speedup {
            method.options_mut().set("speedup", speedup)?;
        }
        if let Some(seed) = self.seed {
            method.options_mut().set("seed", &seed.to_string())?;
        }
        let folder = self
            .work
            .unwrap_or_else(|| files::folder(&path).to_path_buf());
        let whole = self.data.read(&Wanted::by(&network))?;
        let hold_out = self
            .hold_out
            .or(self.budget.map(|_| HoldOut::Count(budget::HELD_OUT)));
        let data = &HoldOut::apply(hold_out, &whole)?;
        check_measurable(&self.data, data)?;
        let tests = !whole.test().is_empty();
        ensure!(
            tests || self.budget.is_none(),
            "{} has no test images, expected some with --budget: they measure what the held-out images choose; add a test split",
            self.data.name()
        );

        let mut words = vec!["compress".to_string()];
        if self.method != DEFAULT_METHOD {
            words.extend(["--method".into(), self.method.clone()]);
        }
        words.extend(self.compute.words());
        words.extend(self.data.words());
        match self.net {
            Some(net) if imported => words.extend(["--net".into(), net.name().into()]),
            net => words.extend(recipe_words(net.unwrap_or_default())),
        }
        words.extend(self.model.words());
        words.extend(HoldOut::words(hold_out));
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
        if hold_out.is_some() && tests {
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
                    name: self.data.name(),
                    data: &whole,
                    test: if tests { whole.test() } else { data.test() },
                    held_out: !tests,
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
            }
            (None, Some(made)) => output.result(made.text(), &made.json())?,
            (None, None) => {
                train::report(output, &compressed, &path)?;
            }
        }
        Ok(verdict(&compressed, &self.method, data.guess(), output))
    }
}

/// A network that is no better than a guess is no success; says so, and what may have been wrong.
fn verdict(network: &Network, method: &str, guess: f64, output: &Output) -> Verdict {
    let of = |key: &str| network.provenance.get(key)?.parse::<f64>().ok();
    let measured = of(HELD_OUT_ACCURACY).or(of("accuracy"));
    let Some(accuracy) = measured.filter(|&accuracy| accuracy <= guess) else {
        return Verdict::Holds;
    };
    let before = of(&format!("{method}.accuracy.before"));
    let step = match before {
        Some(before) if before <= guess => {
            "it was so before compression: check the data, the order of its classes, and how images become inputs (--scale, --mean, --std)"
        }
        _ => "keep more, or train longer or with a lower rate, in another working folder",
    };
    output.note(format!(
        "got a network that is right for {} of the images, expected more than the {} of one that gives each the most frequent class; {step}",
        percent(accuracy),
        percent(guess)
    ));
    Verdict::Fails
}

/// The method with the options to begin with, and with those that the command line is read against.
pub fn choose_methods(
    name: &str,
    net: Option<Recipe>,
    imported: bool,
    budget: bool,
) -> Result<[Box<dyn Method>; 2]> {
    if imported && net.is_none() && name == DEFAULT_METHOD {
        return Ok([Box::new(pretrained()), Box::new(pretrained())]);
    }
    let recipe = net.unwrap_or_default();
    let usual = recipe.method(name)?;
    Ok(match budget && name == DEFAULT_METHOD {
        true => [Box::new(recipe.for_budget()), usual],
        false => [recipe.method(name)?, usual],
    })
}

/// Whether a network was made elsewhere: `thresh import` says what its ONNX file was written for.
pub fn is_imported(network: &Network) -> bool {
    network.provenance.contains_key("opset")
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
