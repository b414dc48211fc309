//! `thresh sweep`.

mod jobs;
mod tables;

use super::{Setting, apply, pack, parse_setting};
use crate::data::{DataArgs, HoldOut, Wanted};
use crate::output::{Output, Verdict, facts, percent};
use crate::overwrite::Paths;
use crate::page::{Grid, document};
use crate::{bars, files, provenance, target};
use anyhow::{Context, Result, ensure};
use clap::Args;
use jobs::Event;
use serde_json::json;
use std::path::{Path, PathBuf};
use thresh_compress::budget::packed_accuracy;
use thresh_compress::sweep::{DHINGRA, Member, Plan, Trial, family, front, holds, smallest};
use thresh_compress::{Data, Hidden, Options, Silent, TrainOptions};
use thresh_model::{PackOptions, Reference};
use thresh_regs::Config;

pub const EXAMPLES: &str = "\
Examples:
  thresh sweep --list                           the family and what each member would cost
  thresh sweep --floor 95 --stop                the smallest net of the family that reads 95 % of MNIST
  thresh sweep --family 'conv{4,8}x{3p1,5p2},pool2,{,16}' --data fashion-mnist --floor 85 --html sweep.html
  thresh sweep --jobs 8                         eight trials at once on this machine
  thresh sweep --slurm                          a job array on a cluster whose machines share the folder

A family is written as --hidden writes layers, with alternatives in braces; an empty one leaves the layer out. docs/sweep.md
says what is measured.";

/// Find the smallest network that reads well enough.
///
/// Every member of a family is trained, its weights shared, packed for --config and costed: accuracy on held-out training images by the
/// bit-exact reference, bytes of the image, cycles by the cycle model. Prints the trials that no other beats, and the smallest net
/// that holds the floor, which is then measured on the test images and saved.
///
/// Trials are remembered: the same command goes on where it was interrupted, and a larger family costs only what is new.
#[derive(Debug, Args)]
pub struct Sweep {
    /// Networks to try: hidden layers with alternatives in braces; may be given several times [default: the family of Dhingra's paper].
    #[arg(long, value_name = "LAYERS")]
    family: Vec<String>,
    /// Accuracy that the smallest net must have on the held-out images, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 95.0)]
    floor: f64,
    /// The network to compare with, as --hidden of `thresh train` writes it; it is not trained [default: the paper's,
    /// conv32x5p2,pool2,conv64x5p2,pool2,1024].
    #[arg(long, value_name = "LAYERS")]
    base: Option<String>,
    #[command(flatten)]
    data: DataArgs,
    /// Training images that trials are measured on, the last ones: COUNT, or SHARE% of them.
    #[arg(long, value_name = "COUNT|SHARE%", default_value = "5000")]
    hold_out: HoldOut,
    /// The engine that is to run them.
    #[arg(long, value_name = "NAME", value_parser = target::config_parser(), default_value = "ulx3s-25f")]
    config: &'static Config,
    /// Set any option of training; --help lists them.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_setting)]
    set: Vec<Setting>,
    /// Set any option of the compression behind it, as weights=40% to prune too; --help lists them.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_setting)]
    compress: Vec<Setting>,
    /// Only print the members, smallest first, and what each would cost.
    #[arg(long, conflicts_with_all = ["html", "jobs", "slurm", "stop"])]
    list: bool,
    /// Stop at the first trial that holds the floor, smallest first: the others cannot be smaller.
    #[arg(long, conflicts_with = "slurm")]
    stop: bool,
    /// Trials at once on this machine [default: one a processor].
    #[arg(long, value_name = "COUNT")]
    jobs: Option<usize>,
    /// Run the trials as a Slurm job array, and wait for it.
    #[arg(long, conflicts_with = "jobs")]
    slurm: bool,
    /// A further word for sbatch, as --sbatch=--time=30; may be given several times.
    #[arg(
        long,
        value_name = "WORD",
        requires = "slurm",
        allow_hyphen_values = true
    )]
    sbatch: Vec<String>,
    /// Run this trial alone, counted from 0 in the order of --list: what the jobs run.
    #[arg(long, value_name = "INDEX", conflicts_with_all = ["list", "slurm", "stop"])]
    trial: Option<usize>,
    /// Where trials are kept, and the smallest net goes [default: .work/DATA/sweep].
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Where a page with the tables and pictures goes.
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
}

/// The net that the paper begins with: 3,274,634 parameters on MNIST.
const BASE: &str = "conv32x5p2,pool2,conv64x5p2,pool2,1024";

/// Values that a weight can have.
pub const CODES: usize = 63;

/// Held-out images that cycles are the mean of.
const CYCLE_IMAGES: usize = 20;

/// Options of training: short, since there are many trials.
pub fn training() -> TrainOptions {
    TrainOptions {
        hidden: Vec::new(),
        epochs: 6,
        batch: 64,
        rate: 0.02,
        white: 1.0,
        ..TrainOptions::default()
    }
}

/// The trials that came to an end, and how many did not.
struct Trials {
    trials: Vec<Trial>,
    failed: usize,
}

/// What was found.
struct Found<'a> {
    floor: f64,
    data: String,
    config: &'static Config,
    held_out: usize,
    members: usize,
    /// Members that were not tried, as a smaller one held the floor.
    left: usize,
    /// Members whose trials failed.
    failed: usize,
    /// None if it is not for such images.
    base: Option<Member>,
    trials: &'a [Trial],
    smallest: Option<Smallest>,
}

/// The smallest net that holds the floor.
struct Smallest {
    index: usize,
    /// Share of the test images that is read, as packed.
    test: Option<f64>,
    bytes: usize,
    network: PathBuf,
    image: PathBuf,
}

impl Paths for Sweep {
    fn reads(&self) -> Vec<PathBuf> {
        self.data.paths()
    }

    fn writes(&self) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = self.found().into();
        paths.extend(self.html.clone());
        paths
    }
}

impl Sweep {
    /// Where trials are kept.
    fn folder(&self) -> PathBuf {
        let usual = || Path::new(".work").join(self.data.name()).join("sweep");
        self.output.clone().unwrap_or_else(usual)
    }

    /// Where the smallest net goes, and its image.
    fn found(&self) -> [PathBuf; 2] {
        ["smallest.safetensors", "smallest.thresh"].map(|name| self.folder().join(name))
    }

    pub fn run(self, output: &Output) -> Result<Verdict> {
        ensure!(
            (0.0..=100.0).contains(&self.floor),
            "got --floor {}, expected a share in percent, from 0 to 100",
            self.floor
        );
        ensure!(self.jobs != Some(0), "got --jobs 0, expected 1 or more");
        let folder = self.folder();
        let [network, image] = self.found();
        let whole = self.data.read(&Wanted::default())?;
        let data = HoldOut::apply(Some(self.hold_out), &whole)?;
        let members = self.members(&data)?;
        let base = self.base(&data)?;
        if self.list {
            let grid = tables::members(&members, base.as_ref());
            output.result(grid.text(), &members)?;
            return Ok(Verdict::Holds);
        }
        let mut plan = Plan {
            data: &data,
            training: training(),
            compression: Plan::sharing(CODES),
            config: self.config,
            calibration: pack::CALIBRATION,
            cycle_images: CYCLE_IMAGES,
            folder: folder.clone(),
        };
        let own = |(name, _): &&Setting| name == "hidden";
        if let Some((_, value)) = self.set.iter().find(own) {
            anyhow::bail!("got --set hidden={value}, expected the layers as --family {value}");
        }
        apply(&self.set, &mut plan.training)?;
        apply(&self.compress, &mut plan.compression)?;
        if let Some(index) = self.trial {
            return self.one(&plan, &members, index, output);
        }
        let Trials { trials, failed } = self.all(&plan, &members, output)?;
        let floor = self.floor / 100.0;
        let best = match smallest(&trials, floor) {
            Some(index) => {
                Some(self.keep(&plan, &whole, &trials[index], index, &network, &image)?)
            }
            None => {
                // What an earlier run found does not hold this floor.
                for path in [&network, &image].into_iter().filter(|path| path.exists()) {
                    std::fs::remove_file(path).with_context(|| path.display().to_string())?;
                }
                None
            }
        };
        let found = Found {
            floor,
            data: self.data.name(),
            config: self.config,
            held_out: data.test().len(),
            members: members.len(),
            left: members.len() - trials.len() - failed,
            failed,
            base,
            trials: &trials,
            smallest: best,
        };
        self.tell(&found, &plan, output)
    }

    /// The members of all families, fewest parameters first, none twice.
    fn members(&self, data: &Data) -> Result<Vec<Member>> {
        let families: Vec<&str> = match self.family.is_empty() {
            true => DHINGRA.to_vec(),
            false => self.family.iter().map(String::as_str).collect(),
        };
        let mut members = Vec::new();
        for text in families {
            for hidden in family(text)? {
                let member = member(&hidden, data).with_context(|| format!("family {text}"))?;
                if !members.contains(&member) {
                    members.push(member);
                }
            }
        }
        members.sort_by_key(|member| (member.parameters, member.multiplications));
        Ok(members)
    }

    /// The network to compare with. That of the paper is left out where it has no place on the images.
    fn base(&self, data: &Data) -> Result<Option<Member>> {
        let text = self.base.as_deref().unwrap_or(BASE);
        let [hidden] = &family(text).context("--base")?[..] else {
            anyhow::bail!("got --base {text:?}, expected one network, without alternatives");
        };
        match member(hidden, data) {
            Ok(member) => Ok(Some(member)),
            Err(_) if self.base.is_none() => Ok(None),
            Err(error) => Err(error.context("--base")),
        }
    }

    /// The command that makes the network of a trial, for its provenance.
    fn command(&self, plan: &Plan<'_>, member: &Member) -> String {
        let mut words = vec!["sweep".to_string()];
        words.extend(self.data.words());
        words.extend(HoldOut::words(Some(self.hold_out)));
        words.extend(["--config".into(), self.config.name.into()]);
        words.extend(["--family".into(), member.hidden.clone()]);
        // A family of one, whatever it reads.
        words.extend(["--floor".into(), "0".into()]);
        words.extend(provenance::changed("--set", &plan.training, &training()));
        let usual = Plan::sharing(CODES);
        words.extend(provenance::changed("--compress", &plan.compression, &usual));
        provenance::chained(&Default::default(), &words)
    }

    /// Runs one trial, for whoever runs them all.
    fn one(
        &self,
        plan: &Plan<'_>,
        members: &[Member],
        index: usize,
        output: &Output,
    ) -> Result<Verdict> {
        let member = members.get(index).with_context(|| {
            format!(
                "got --trial {index}, expected a number below {}: the family has no more members",
                members.len()
            )
        })?;
        let trial = match plan.known(member)? {
            Some(trial) => trial,
            None => {
                let mut progress = bars::Training::new();
                plan.run(member, &self.command(plan, member), &mut progress)?
                    .0
            }
        };
        output.result(tables::line(&trial), &trial)?;
        Ok(Verdict::Holds)
    }

    /// Runs all trials that are not known yet; with `--stop`, until one holds the floor.
    fn all(&self, plan: &Plan<'_>, members: &[Member], output: &Output) -> Result<Trials> {
        let mut known = members
            .iter()
            .map(|member| plan.known(member))
            .collect::<Result<Vec<Option<Trial>>, _>>()?;
        let missing = |known: &[Option<Trial>]| -> Vec<usize> {
            (0..known.len()).filter(|&i| known[i].is_none()).collect()
        };
        let wanted = missing(&known);
        if wanted.len() < members.len() {
            output.note(format!(
                "{} of {} trials are known already",
                members.len() - wanted.len(),
                members.len()
            ));
        }
        let read = |index: usize| -> Result<Trial> {
            let found = plan.known(&members[index])?;
            found.with_context(|| {
                format!(
                    "trial {index} ({}) left no result; see its log",
                    members[index].hidden
                )
            })
        };
        let mut failed: Vec<anyhow::Error> = Vec::new();
        if self.slurm {
            if !wanted.is_empty() {
                jobs::slurm(&wanted, &plan.folder, &self.sbatch, output)?;
            }
            for index in wanted {
                match read(index) {
                    Ok(trial) => known[index] = Some(trial),
                    Err(error) => failed.push(error),
                }
            }
        } else {
            let floor = self.floor / 100.0;
            let logs = |index: usize| plan.folder(&members[index]).join("log.txt");
            let bar = bars::bar("sweep", wanted.len() as u64);
            jobs::local(self.jobs, &wanted, &logs, &mut |index, event| {
                match event {
                    Event::Begins => {
                        let smaller = known[..index].iter().flatten();
                        let found = smaller.into_iter().any(|trial| holds(trial, floor));
                        return Ok(!(self.stop && found));
                    }
                    Event::Done => {
                        let trial = read(index)?;
                        bar.set_message(tables::line(&trial));
                        if bar.is_hidden() {
                            output.note(tables::line(&trial));
                        }
                        known[index] = Some(trial);
                    }
                    Event::Failed(error) => failed.push(error),
                }
                bar.inc(1);
                Ok(true)
            })?;
            bar.finish_and_clear();
        }
        let trials: Vec<Trial> = known.into_iter().flatten().collect();
        let count = failed.len();
        for error in failed {
            ensure!(!trials.is_empty(), "{error}\nno trial came to an end");
            output.note(error);
        }
        Ok(Trials {
            trials,
            failed: count,
        })
    }

    /// Saves the smallest net, packed for use, and measures it on the test images.
    fn keep(
        &self,
        plan: &Plan<'_>,
        whole: &Data,
        trial: &Trial,
        index: usize,
        network_path: &Path,
        image_path: &Path,
    ) -> Result<Smallest> {
        // From its checkpoints: nothing is trained.
        let command = self.command(plan, &trial.member);
        let (_, mut network) = plan.run(&trial.member, &command, &mut Silent)?;
        let test = whole.test();
        if !test.is_empty() {
            super::report::add_test_accuracy(&mut network, test)?;
        }
        let count = plan.calibration.min(plan.data.train().len());
        let inputs: Vec<&[u8]> = (0..count).map(|i| plan.data.train().image(i)).collect();
        let image =
            thresh_model::pack::pack(&network, self.config, &inputs, &PackOptions::default())?;
        let bytes = image.to_bytes()?;
        files::save_network(network_path, &network)?;
        files::write(image_path, &bytes)?;
        let reference = Reference::new(&image)?;
        let test = match test.is_empty() {
            true => None,
            false => Some(packed_accuracy(&reference, test, &|| ())?),
        };
        Ok(Smallest {
            index,
            test,
            bytes: bytes.len(),
            network: network_path.into(),
            image: image_path.into(),
        })
    }

    fn tell(&self, found: &Found<'_>, plan: &Plan<'_>, output: &Output) -> Result<Verdict> {
        let grids = tables::grids(found);
        let summary = tables::summary(found);
        if let Some(path) = &self.html {
            let title = format!("Sweep on {}", found.data);
            let pictures =
                tables::pictures(found).context("cannot draw the pictures of the page")?;
            let page = document(&title, &summary, &grids, &[("Accuracy and cost", pictures)])?;
            files::write(path, page.as_bytes())?;
            output.note(format!("the page is {}", path.display()));
        }
        let text: Vec<String> = grids.iter().map(Grid::text).collect();
        let text = format!("{}\n\n{}", facts(&summary), text.join("\n\n"));
        let fronts = |cost: tables::Cost| front(found.trials, cost);
        let value = json!({
            "data": found.data,
            "config": found.config.name,
            "floor": found.floor,
            "held_out": found.held_out,
            "members": found.members,
            "training": plan.training.line(),
            "compression": plan.compression.line(),
            "failed": found.failed,
            "base": found.base,
            "trials": found.trials,
            "front_by_parameters": fronts(tables::parameters),
            "front_by_bytes": fronts(tables::bytes),
            "front_by_cycles": fronts(tables::cycles),
            "smallest": found.smallest.as_ref().map(|best| json!({
                "trial": best.index,
                "test_accuracy": best.test,
                "bytes": best.bytes,
                "network": best.network,
                "image": best.image,
                "times_fewer_parameters": tables::fewer(found, best),
                "times_less_memory": tables::less(found, best),
            })),
        });
        output.result(text, &value)?;
        if found.smallest.is_none() {
            output.note(format!(
                "no trial reads {} of the held-out images; try larger nets (--family) or longer training (--set epochs=...)",
                percent(found.floor)
            ));
        }
        Ok(Verdict::of(found.smallest.is_some() && found.failed == 0))
    }
}

fn member(hidden: &[Hidden], data: &Data) -> Result<Member> {
    let classes = data.labels().len().max(data.classes());
    Ok(Member::new(hidden, data.train().shape, classes)?)
}
