//! What compression made of a network, layer by layer: the tables of Deep Compression's paper for it, what its bits are
//! spent on beside the fewest that a model of its positions and codes allows, and its errors from stage to stage.

mod errors;
mod json;
mod page;
mod paper;
mod tables;

use crate::bars;
use crate::commands::pack::check_source;
use crate::output::Output;
use anyhow::{Result, ensure};
use errors::{Errors, Packed};
use paper::Paper;
use std::path::Path;
use thresh_compress::budget::packed_accuracy;
use thresh_compress::{Data, History};
use thresh_model::entropy::{choice_bits, column_bits};
use thresh_model::image::{Account, Coding};
use thresh_model::pack::pack;
use thresh_model::{Dataset, Image, Layer, Network, Operator, PackOptions, Reference, Weights};
use thresh_regs::Config;

/// What is to be reported on.
pub struct Subject<'a> {
    /// The compressed network.
    pub network: &'a Network,
    /// The engine that it is packed for.
    pub config: &'static Config,
    /// What the data is called.
    pub name: String,
    /// What the network learned from; its training images calibrate.
    pub data: &'a Data,
    /// What is measured on.
    pub test: &'a Dataset,
    /// Whether that are training images that are held out.
    pub held_out: bool,
    /// Where the record of its epochs may lie.
    pub folder: &'a Path,
    /// Training images that calibrate.
    pub calibration: usize,
}

/// The report.
pub struct Report {
    network: String,
    config: &'static str,
    data: String,
    layers: Vec<LayerReport>,
    /// Bytes of the image without provenance.
    bytes: usize,
    accounts: Vec<Account>,
    errors: Errors,
    paper: Option<&'static Paper>,
    history: History,
}

/// One layer of the image.
pub struct LayerReport {
    /// Name of the network's layer, or a number where a layer of the image is none of the network's.
    name: String,
    /// Weights before compression; with the biases where the layer is none of the network's.
    weights: u64,
    /// Weights and biases before compression.
    parameters: u64,
    coding: Coding,
    /// Weights of the network's layer that are not zero; none where the layer is none of the network's.
    nonzeros: Option<u64>,
    /// The fewest bits of the positions that a model by column takes; none where the layer is none of the network's.
    column_bound: Option<f64>,
    /// Shared weights and how many members each has; none where weights are not shared.
    centroids: Vec<(f32, usize)>,
}

impl LayerReport {
    /// Weights that the image keeps. Where several passes store a weight again, it counts once.
    fn kept(&self) -> u64 {
        let stored = self.coding.nonzeros;
        self.nonzeros
            .map_or(stored, |nonzeros| nonzeros.min(stored))
    }

    /// The fewest bits of the positions, if every choice of them is as likely as any other.
    fn position_bound(&self) -> f64 {
        choice_bits(self.weights, self.kept())
    }

    /// The fewest bits of the codes of kept weights, if each is coded by itself.
    fn code_bound(&self) -> f64 {
        let stored = self.coding.nonzeros.max(1) as f64;
        self.coding.code_entropy_bits / stored * self.kept() as f64
    }

    fn bound(&self) -> f64 {
        self.position_bound() + self.code_bound()
    }
}

impl Report {
    /// Packs the network for its engine and runs all test images on the reference.
    pub fn new(subject: &Subject<'_>, output: &Output) -> Result<Report> {
        let (network, config) = (subject.network, subject.config);
        let data = subject.data;
        check(network, data)?;
        let count = subject.calibration.min(data.train().len());
        let inputs: Vec<&[u8]> = (0..count).map(|i| data.train().image(i)).collect();
        let options = PackOptions {
            provenance: false,
            ..PackOptions::default()
        };
        let image = pack(network, config, &inputs, &options)?;
        let layers = layers(network, &image)?;
        let weights: Vec<u64> = layers.iter().map(|layer| layer.weights).collect();
        let set = subject.test;
        let bar = bars::bar("reference", set.len() as u64);
        let packed = packed_accuracy(&Reference::new(&image)?, set, &|| bar.inc(1))?;
        bar.finish_and_clear();
        let packed = Packed {
            accuracy: packed,
            act_bits: image.act_bits,
            images: set.len(),
            held_out: subject.held_out,
        };
        let errors = Errors::new(&network.provenance, &packed);
        let mut history = History::read(subject.folder)?;
        if !errors.is_of(&history) {
            if !history.stages.is_empty() {
                output.note(format!(
                    "the history in {} is of another run, so the curves are left out; give the folder of its checkpoints by --work",
                    subject.folder.display()
                ));
            }
            history = History::default();
        }
        Ok(Report {
            network: network.name.clone(),
            config: config.name,
            data: subject.name.clone(),
            bytes: image.to_bytes()?.len(),
            accounts: image.account()?,
            paper: paper::paper(&network.name, &weights),
            layers,
            errors,
            history,
        })
    }

    /// Bits that belong to no layer.
    fn outside_bits(&self) -> u64 {
        let outside = self.accounts.iter().filter(|a| a.layer.is_none());
        outside.map(|account| account.bits).sum()
    }

    fn sum(&self, get: impl Fn(&LayerReport) -> u64) -> u64 {
        self.layers.iter().map(get).sum()
    }

    /// For people.
    pub fn text(&self) -> String {
        tables::text(self)
    }

    /// For programs.
    pub fn json(&self) -> serde_json::Value {
        json::json(self)
    }

    /// One page with everything, and pictures.
    pub fn page(&self) -> Result<String> {
        page::page(self)
    }
}

/// Refuses data that the network did not learn from, or cannot read.
fn check(network: &Network, data: &Data) -> Result<()> {
    check_source(network, data)?;
    let (got, expected) = (data.train().shape.len(), network.input.len());
    ensure!(
        got == expected,
        "the data has images of {got} values, expected {expected}: the network takes no others; choose other data"
    );
    Ok(())
}

/// The layers of an image with what the network knows of them.
fn layers(network: &Network, image: &Image) -> Result<Vec<LayerReport>> {
    let (codings, sizes) = (image.coding()?, image.sizes()?);
    let own: Vec<_> = network
        .layers
        .iter()
        .filter(|l| l.parameters() > 0)
        .collect();
    let parameters: Vec<u64> = own.iter().map(|l| l.parameters() as u64).collect();
    let packed = sizes.iter().map(|size| size.parameters).filter(|&p| p > 0);
    // A residual sum and the convolution before it are one layer of the image.
    let named = packed.eq(parameters);
    let mut own = own.into_iter();
    let layers = codings.into_iter().zip(&sizes).enumerate();
    let layers = layers.map(|(index, (coding, size))| {
        let layer = if named && size.parameters > 0 {
            own.next()
        } else {
            None
        };
        let weights = layer.map_or(size.parameters, |layer| layer.weights.len() as u64);
        LayerReport {
            name: layer.map_or_else(|| (index + 1).to_string(), |layer| layer.name.clone()),
            weights,
            parameters: size.parameters,
            coding,
            nonzeros: layer.map(|layer| layer.weights.nonzeros() as u64),
            column_bound: layer.and_then(column_bound),
            centroids: layer.map_or_else(Vec::new, |layer| centroids(&layer.weights)),
        }
    });
    Ok(layers.collect())
}

/// As [`column_bits`]: a column is what reads one value under the window of a convolution, or one input.
/// There is none for a convolution in groups.
fn column_bound(layer: &Layer) -> Option<f64> {
    if matches!(layer.operator, Operator::Conv { groups: 2.., .. }) {
        return None;
    }
    let rows = layer.operator.biases();
    let mut kept = vec![0; layer.weights.len() / rows.max(1)];
    for index in 0..layer.weights.len() {
        let column = index % kept.len();
        kept[column] += u64::from(layer.weights.get(index) != 0.0);
    }
    Some(column_bits(rows as u64, &kept))
}

fn centroids(weights: &Weights) -> Vec<(f32, usize)> {
    let Weights::Shared { codebook, codes } = weights.stored() else {
        return Vec::new();
    };
    let mut members = vec![0; codebook.len()];
    for &code in codes.iter().filter(|&&code| code > 0) {
        members[usize::from(code) - 1] += 1;
    }
    codebook.iter().copied().zip(members).collect()
}
