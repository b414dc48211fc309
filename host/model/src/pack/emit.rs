//! Addresses, columns and streams: from quantised layers to an image.

use super::calibrate::Quantised;
use super::deal::{self, Deal};
use super::{PackOptions, tables};
use crate::image::{Image, ImageError, MapSize, Needs, Pass, PeData, Run, Shortage, shortage};
use crate::network::Network;
use crate::stream::{self, Entry, NO_FREQUENCIES};
use thresh_regs::{Config, PassDescriptor, WIDE_BYTES};

/// What is packed.
pub(super) struct Job<'a> {
    pub network: &'a Network,
    pub layers: &'a [Quantised],
    /// The inputs that are sent.
    pub inputs: &'a [usize],
    pub options: &'a PackOptions,
}

/// A layer for one number of PEs.
pub(super) struct Plan {
    descriptor: PassDescriptor,
    deal: Deal,
    codebook: Vec<i16>,
    /// Columns of each PE.
    columns: Vec<Vec<Vec<Entry>>>,
}

/// A number that fits, since the memories of every configuration have 16-bit addresses at most.
fn short(value: usize) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

impl Job<'_> {
    /// Deals the layers and gives everything its address, or says what does not fit.
    pub fn allocate(&self, config: &Config) -> Result<Vec<Plan>, Shortage> {
        let pes = config.num_pes;
        let count = self.layers.len();
        // Maps 0, 2, 4 ... lie at address 0, maps 1, 3, 5 ... behind the largest of those.
        let words = |layer: &Quantised| layer.outputs().div_ceil(pes);
        let mut maps = vec![self.inputs.len().div_ceil(pes)];
        maps.extend(self.layers.iter().map(words));
        maps[count] *= WIDE_BYTES;
        let upper = maps.iter().step_by(2).copied().max().unwrap_or(0);
        let base = |map: usize| if map.is_multiple_of(2) { 0 } else { upper };
        let biases: usize = self.layers.iter().map(words).sum();
        let (mut needs, mut bias_base) = (
            Needs {
                store: biases,
                ..Needs::default()
            },
            0,
        );
        let mut entries = vec![biases; pes];
        let mut inputs = deal::natural(self.inputs.len(), pes);
        let mut plans = Vec::new();
        for (i, layer) in self.layers.iter().enumerate() {
            let last = i + 1 == count;
            let deal = if last {
                deal::natural(layer.outputs(), pes)
            } else {
                deal::balanced(layer, pes)
            };
            let (codebook, columns) = columns(layer, &inputs, &deal, pes);
            for (words, columns) in entries.iter_mut().zip(&columns) {
                *words += columns.iter().map(Vec::len).sum::<usize>();
            }
            let rows = deal.len() / pes;
            let descriptor = PassDescriptor {
                last,
                relu: layer.relu,
                in_signed: i > 0 && !self.layers[i - 1].relu,
                out_wide: last,
                keep: false,
                shift: layer.shift.max(1),
                in_base: short(base(i)),
                out_base: short(base(i + 1)),
                col_base: short(needs.columns),
                bias_base: short(bias_base),
                groups: short(inputs.len() / pes),
                out_step: 1,
                rows: short(rows),
                accs: short(rows),
                codebook_base: short(needs.codebook),
                ..PassDescriptor::default()
            };
            needs.activations = needs
                .activations
                .max(base(i) + maps[i])
                .max(base(i + 1) + maps[i + 1]);
            needs.store = needs.store.max(entries.iter().copied().max().unwrap_or(0));
            needs.columns += inputs.len() + 1;
            needs.accumulators = needs.accumulators.max(rows);
            needs.codebook += codebook.len();
            needs.passes += 1;
            if let Some(shortage) = shortage(&needs, i, config) {
                return Err(shortage);
            }
            bias_base += rows;
            inputs.clone_from(&deal);
            plans.push(Plan {
                descriptor,
                deal,
                codebook,
                columns,
            });
        }
        Ok(plans)
    }

    /// Codes the columns.
    pub fn emit(&self, config: &Config, plans: Vec<Plan>) -> Result<Image, ImageError> {
        let frequencies: Vec<_> = plans
            .iter()
            .map(|plan| {
                let mut frequencies = NO_FREQUENCIES;
                plan.columns
                    .iter()
                    .for_each(|columns| stream::count(columns, &mut frequencies));
                frequencies
            })
            .collect();
        let tables = tables::choose(&frequencies);
        let biases: usize = plans
            .iter()
            .map(|plan| usize::from(plan.descriptor.rows))
            .sum();
        let mut next = vec![biases; config.num_pes];
        let mut passes = Vec::new();
        for ((plan, layer), tables) in plans.into_iter().zip(self.layers).zip(tables) {
            let pes = plan.columns.iter().enumerate().map(|(pe, columns)| {
                let (stream, bits) = stream::encode(columns, &tables);
                let entries = columns.iter().map(Vec::len).sum();
                let entry_address = short(next[pe]);
                next[pe] += entries;
                let rows = plan.deal.iter().skip(pe).step_by(config.num_pes);
                let biases = rows
                    .map(|neuron| neuron.map_or(0, |n| layer.bias[n]))
                    .collect();
                PeData {
                    stream,
                    bits,
                    entries,
                    entry_address,
                    biases,
                }
            });
            let pes = pes.collect();
            let parameters = u32::try_from(layer.parameters).unwrap_or(u32::MAX);
            let codebook = plan.codebook;
            passes.push(Pass {
                descriptor: plan.descriptor,
                geometry: None,
                reuse: 0,
                begins_layer: true,
                parameters,
                tables,
                codebook,
                pes,
            });
        }
        let network = self.network;
        let numerals = network
            .labels
            .iter()
            .enumerate()
            .all(|(i, l)| *l == i.to_string());
        let mut image = Image {
            name: network.name.clone(),
            num_pes: config.num_pes,
            input: network.input,
            frame: network.frame,
            input_map: (self.inputs.len() < network.input.len()).then(|| self.inputs.to_vec()),
            maps: vec![MapSize {
                positions: 1,
                words: self.inputs.len().div_ceil(config.num_pes),
            }],
            runs: vec![Run {
                passes: passes.len(),
                entry_base: short(biases),
                writes: Vec::new(),
                reads: Vec::new(),
            }],
            passes,
            head: network.head,
            outputs: network.outputs(),
            logit_scale: self.layers[self.layers.len() - 1].scale as f32,
            labels: if numerals {
                Vec::new()
            } else {
                network.labels.clone()
            },
            provenance: if self.options.provenance {
                network.provenance.clone()
            } else {
                Default::default()
            },
        };
        image.make_usual();
        image.check()?;
        Ok(image)
    }
}

/// The codebook, with a zero if runs must be padded, and the columns of each PE. `inputs` and
/// `deal` say which input and which neuron each packed channel is.
fn columns(
    layer: &Quantised,
    inputs: &Deal,
    deal: &Deal,
    num_pes: usize,
) -> (Vec<i16>, Vec<Vec<Vec<Entry>>>) {
    let nonzeros = |pe: usize, input: Option<usize>| {
        let neurons = deal.iter().skip(pe).step_by(num_pes).enumerate();
        neurons.filter_map(move |(row, neuron)| Some((row, layer.row((*neuron)?)[input?]?)))
    };
    let padded = (0..num_pes).any(|pe| {
        inputs
            .iter()
            .any(|&input| stream::needs_padding(nonzeros(pe, input).map(|(row, _)| row)))
    });
    let mut codebook = layer.codebook.clone();
    let zero = padded.then(|| {
        codebook.push(0);
        (codebook.len() - 1) as u8
    });
    let column = |pe, input| stream::column(nonzeros(pe, input), zero);
    let columns = (0..num_pes).map(|pe| inputs.iter().map(|&input| column(pe, input)).collect());
    (codebook, columns.collect())
}
