//! `thresh study`.

use super::import::ModelArgs;
use super::{Compute, Setting, apply, parse_setting, recipe_parser, train};
use crate::data::{DataArgs, HoldOut, Wanted, check_measurable};
use crate::output::{Output, Verdict, facts, percent};
use crate::overwrite::Paths;
use crate::page::{Grid, document};
use crate::{bars, files, plot};
use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::PathBuf;
use thresh_compress::tensor::study::{CutOptions, Point, Study, cuts};
use thresh_compress::{Context, Options, Recipe};

/// Find out what a network can do without.
#[derive(Debug, Args)]
pub struct StudyCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Cuts(Cuts),
}

pub const CUTS_EXAMPLES: &str = "\
Examples:
  thresh study cuts --net lenet-5 --data fashion-mnist --html cuts.html
  thresh study cuts net.safetensors --set forms=o,i,tucker --set shares=0.1,0.5 --set retrain=
  thresh study cuts net.safetensors --set layers=conv2 --set epochs=1 --json > cuts.json

docs/compress.md explains the forms.";

/// Truncate the kernel of every layer across every cut, one at a time, and tell what it costs.
///
/// A table with the norm that is cut off and the accuracy that goes with it, layer by layer and cut by cut, as it is and after some epochs
/// of training on; a page with both as pictures. Training on keeps checkpoints: the same command goes on where it was interrupted.
#[derive(Debug, Args)]
struct Cuts {
    /// The network, or an ONNX file [default: .work/DATA/train.safetensors, .work/DATA/NET/train.safetensors with --net].
    #[arg(value_name = "NETWORK.safetensors|MODEL.onnx")]
    network: Option<PathBuf>,
    /// The network whose folder is the default.
    #[arg(long, value_name = "NAME", value_parser = recipe_parser(), default_value = Recipe::default().name())]
    net: Recipe,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    model: ModelArgs,
    /// Set any option of the study; --help lists them.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_setting)]
    set: Vec<Setting>,
    /// Measure on the last COUNT training images, or SHARE% of them, in the place of the test images.
    #[arg(long, value_name = "COUNT|SHARE%")]
    hold_out: Option<HoldOut>,
    /// Where a page with the tables and pictures goes.
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// Where checkpoints are kept [default: cuts beside the network].
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
}

impl Paths for StudyCommand {
    fn reads(&self) -> Vec<PathBuf> {
        let What::Cuts(command) = &self.what;
        command.reads()
    }

    fn writes(&self) -> Vec<PathBuf> {
        let What::Cuts(command) = &self.what;
        command.writes()
    }
}

impl StudyCommand {
    pub fn run(self, output: &Output) -> Result<Verdict> {
        match self.what {
            What::Cuts(command) => command.run(output),
        }
    }
}

impl Paths for Cuts {
    fn reads(&self) -> Vec<PathBuf> {
        let mut paths = self.data.paths();
        paths.push(self.input());
        paths
    }

    fn writes(&self) -> Vec<PathBuf> {
        Vec::from_iter(self.html.clone())
    }
}

impl Cuts {
    /// The network.
    fn input(&self) -> PathBuf {
        let usual = || train::work_folder(&self.data, self.net).join("train.safetensors");
        self.network.clone().unwrap_or_else(usual)
    }

    fn run(self, output: &Output) -> Result<Verdict> {
        let mut options = CutOptions::default();
        apply(&self.set, &mut options)?;
        let input = self.input();
        let network = self.model.network(&input)?;
        let whole = self.data.read(&Wanted::by(&network))?;
        let data = HoldOut::apply(self.hold_out, &whole)?;
        check_measurable(&self.data, &data)?;
        self.compute.choose()?;
        let folder = self
            .work
            .unwrap_or_else(|| files::folder(&input).join("cuts"));
        let mut progress = bars::Training::new();
        let mut context = Context {
            folder: Some(folder),
            command: "study cuts".into(),
            progress: &mut progress,
        };
        let bar = bars::bar("cuts", 0);
        let study = cuts(
            &network,
            &data,
            &options,
            &mut context,
            &mut |point, all| {
                bar.set_length(all as u64);
                bar.inc(1);
                bar.set_message(format!("{} {}", point.layer, point.form.name()));
            },
        )
        .with_context(|| input.display().to_string())?;
        bar.finish_and_clear();
        let grids = [by_layer(&study), by_cut(&study)];
        let facts_of = [
            ("network", network.name.clone()),
            ("data", self.data.name()),
            ("accuracy", percent(study.before)),
            ("options", options.line()),
        ];
        if let Some(path) = &self.html {
            let title = format!("Cuts of {} on {}", network.name, self.data.name());
            let pictures = pictures(&study).context("cannot draw the pictures of the page")?;
            let page = document(
                &title,
                &facts_of,
                &grids,
                &[("Norm and accuracy", pictures)],
            )?;
            files::write(path, page.as_bytes())?;
            output.note(format!("the page is {}", path.display()));
        }
        let tables: Vec<String> = grids.iter().map(Grid::text).collect();
        let text = format!("{}\n\n{}", facts(&facts_of), tables.join("\n\n"));
        output.result(
            text,
            &value(&study, &network.name, &self.data.name(), &options),
        )?;
        Ok(Verdict::Holds)
    }
}

/// Points of accuracy, in percent.
fn points(from: f64, to: f64) -> String {
    format!("{:.2}", 100.0 * (from - to))
}

/// Names of the layers, in their order.
fn layers(study: &Study) -> Vec<&str> {
    let mut layers: Vec<&str> = study.points.iter().map(|p| p.layer.as_str()).collect();
    layers.dedup();
    layers
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

fn shown(value: Option<f64>, places: usize) -> String {
    value.map_or("-".into(), |value| format!("{value:.places$}"))
}

/// Means over the cuts of each layer, and of those that were trained on.
fn by_layer(study: &Study) -> Grid {
    let lost = |accuracy: f64| 100.0 * (study.before - accuracy);
    let row = |name: &str, points: Vec<&Point>| {
        let tuned: Vec<&&Point> = points.iter().filter(|p| !p.retrained.is_empty()).collect();
        let after = |epoch: usize| {
            mean(
                tuned
                    .iter()
                    .filter_map(|p| p.retrained.get(epoch))
                    .map(|&a| lost(a)),
            )
        };
        let epochs = tuned.iter().map(|p| p.retrained.len()).max().unwrap_or(0);
        vec![
            name.to_string(),
            points.len().to_string(),
            shown(mean(points.iter().map(|p| p.norm_loss)), 3),
            shown(mean(points.iter().map(|p| lost(p.accuracy))), 2),
            tuned.len().to_string(),
            shown(mean(tuned.iter().map(|p| p.norm_loss)), 3),
            shown(mean(tuned.iter().map(|p| lost(p.accuracy))), 2),
            shown(after(0), 2),
            shown(epochs.checked_sub(1).and_then(after), 2),
        ]
    };
    let mut rows: Vec<Vec<String>> = layers(study)
        .into_iter()
        .map(|name| {
            row(
                name,
                study.points.iter().filter(|p| p.layer == name).collect(),
            )
        })
        .collect();
    rows.push(row("all", study.points.iter().collect()));
    if let (Some(first), Some(last)) = (study.control.first(), study.control.last()) {
        let mut control = vec!["-".to_string(); 9];
        control[0] = "no cut".into();
        control[7] = points(study.before, *first);
        control[8] = points(study.before, *last);
        rows.push(control);
    }
    Grid {
        title: "Layer by layer".into(),
        header: vec![
            "layer", "points", "norm lost", "points lost", "trained on", "norm lost", "before", "1 epoch", "all epochs",
        ],
        rows,
        note: "Means over the cuts and ranks of a layer; losses of norm are shares of the kernel's, of accuracy percentage points. The last four \
               columns are of the points that were trained on: their loss before, after the first and after the last epoch. `no cut` was trained \
               on as long without any."
            .into(),
    }
}

/// Every point.
fn by_cut(study: &Study) -> Grid {
    let rows = study.points.iter().map(|point| {
        let after: Vec<String> = point
            .retrained
            .iter()
            .map(|&accuracy| points(study.before, accuracy))
            .collect();
        vec![
            point.layer.clone(),
            point.form.name().into(),
            format!("{} of {}", point.rank, point.full_rank),
            percent(point.cost),
            format!("{:.3}", point.norm_loss),
            percent(point.accuracy),
            points(study.before, point.accuracy),
            after.join(" "),
        ]
    });
    Grid {
        title: "Cut by cut".into(),
        header: vec![
            "layer", "form", "rank", "cost", "norm lost", "accuracy", "points lost", "after each epoch",
        ],
        rows: rows.collect(),
        note: "One layer is cut, all others are whole. Cost: multiplications of the chain by those of the layer. After each epoch: percentage \
               points lost after as many epochs of training on; below 0 is better than the network was."
            .into(),
    }
}

/// Accuracy against norm, a colour a layer.
fn pictures(study: &Study) -> Result<Vec<String>> {
    let kinds = |accuracy: &dyn Fn(&Point) -> Option<f64>| -> Vec<(String, Vec<(f64, f64)>)> {
        let series = |name: &str| {
            let own = study.points.iter().filter(|p| p.layer == name);
            let at = |p: &Point| Some((p.norm_loss, 100.0 * (study.before - accuracy(p)?)));
            (name.to_string(), own.filter_map(at).collect::<Vec<_>>())
        };
        let mut kinds: Vec<_> = layers(study).into_iter().map(series).collect();
        kinds.retain(|(_, points)| !points.is_empty());
        kinds
    };
    let axes = ["norm lost, share of the kernel's", "accuracy lost, points"];
    let mut pictures = vec![plot::scatter(
        "as cut",
        axes,
        &kinds(&|p| Some(p.accuracy)),
    )?];
    let epochs = study.points.iter().map(|p| p.retrained.len()).max();
    let mut shown = vec![1, epochs.unwrap_or(0)];
    shown.dedup();
    for epoch in shown {
        let after = kinds(&|p| p.retrained.get(epoch.checked_sub(1)?).copied());
        if !after.is_empty() {
            let caption = match epoch {
                1 => "after 1 epoch".to_string(),
                epoch => format!("after {epoch} epochs"),
            };
            pictures.push(plot::scatter(&caption, axes, &after)?);
        }
    }
    Ok(pictures)
}

fn value(study: &Study, network: &str, data: &str, options: &CutOptions) -> Value {
    let points: Vec<Value> = study
        .points
        .iter()
        .map(|point| {
            json!({
                "layer": point.layer,
                "form": point.form.name(),
                "rank": point.rank,
                "full_rank": point.full_rank,
                "cost": point.cost,
                "norm_loss": point.norm_loss,
                "accuracy": point.accuracy,
                "retrained": point.retrained,
            })
        })
        .collect();
    let options: serde_json::Map<String, Value> = options
        .list()
        .into_iter()
        .map(|setting| (setting.name, setting.value.into()))
        .collect();
    json!({
        "network": network,
        "data": data,
        "accuracy": study.before,
        "control": study.control,
        "options": options,
        "points": points,
    })
}
