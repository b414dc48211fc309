//! From units to an image: layouts, cuts, addresses, streams.

use super::calibrate::Quantised;
use super::deal::{self, Deal};
use super::slice::{Slice, Taps};
use super::stretch::{Plan, Stretch};
use super::tile::{self, Area, Counts, Layout, Limits, Reading, Subject};
use super::unit::{Order, Pool, Term, Unit, used};
use super::{PackOptions, Step, tables};
use crate::image::{
    Filters, Image, ImageError, MapSize, Memory, POOL_COLUMN, Pass, PeData, Run, Shortage,
    Transfer, words,
};
use crate::network::Network;
use crate::stream::{self, Entry, NO_FREQUENCIES};
use std::collections::BTreeSet;
use std::ops::Range;
use thresh_regs::{Config, PassDescriptor, Table, WeightStore};

/// What is packed.
pub(super) struct Job<'a> {
    pub network: &'a Network,
    pub units: &'a [Unit],
    pub quantised: &'a [Quantised],
    /// By value and channel: how often it is not zero.
    pub activity: &'a [Vec<f64>],
    pub options: &'a PackOptions,
    pub progress: &'a dyn Fn(Step),
}

/// Why there is no image for a configuration.
pub(super) enum Misfit {
    /// A memory is too small for a unit.
    Memory(usize, Shortage),
    /// A unit does what the configuration cannot, and what helps where none can.
    Unit(usize, Refusal),
    /// The image is not sound.
    Image(ImageError),
}

/// What a configuration cannot do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub what: &'static str,
    /// What helps if no configuration can.
    pub advice: &'static str,
}

/// Terms' readings, a cut, and the slices that it makes of the terms.
type Cutted = (Vec<Reading>, tile::Cut, Vec<Slice>);

impl From<ImageError> for Misfit {
    fn from(error: ImageError) -> Self {
        Misfit::Image(error)
    }
}

/// Positions of a map that meet the output with the same kernel positions.
struct Region {
    /// For each kernel position, whether it meets the output from here.
    taps: Vec<bool>,
    positions: usize,
}

impl Region {
    /// The regions of the input of a term.
    fn all(term: &Term) -> Vec<Region> {
        let side = [term.input.height, term.input.width];
        let [height, width] = term.window.kernel;
        if term.shared || term.order == Order::ChannelsLast {
            return vec![Region {
                taps: vec![true; height * width],
                positions: 1,
            }];
        }
        let places = term.window.places(side).unwrap_or([1, 1]);
        // Rows and columns that meet the same kernel rows and columns, with how many they are.
        let classes = |axis: usize| {
            let mut classes: Vec<(Vec<bool>, usize)> = Vec::new();
            for at in 0..side[axis] {
                let meets = |k: usize| {
                    let start = (at + term.window.pads[axis]).checked_sub(k);
                    let stride = term.window.stride[axis];
                    start.is_some_and(|s| s.is_multiple_of(stride) && s / stride < places[axis])
                };
                let met: Vec<bool> = (0..term.window.kernel[axis]).map(meets).collect();
                match classes.iter_mut().find(|(same, _)| *same == met) {
                    Some((_, count)) => *count += 1,
                    None => classes.push((met, 1)),
                }
            }
            classes
        };
        let (rows, columns) = (classes(0), classes(1));
        let mut regions = Vec::new();
        for (ys, height) in &rows {
            for (xs, width) in &columns {
                let taps = ys.iter().flat_map(|&y| xs.iter().map(move |&x| y && x));
                regions.push(Region {
                    taps: taps.collect(),
                    positions: height * width,
                });
            }
        }
        regions
    }
}

/// Loads are counted in this part of a multiply-accumulate.
const LOAD_UNITS: f64 = 256.0;

/// A number that fits, since the memories of every configuration have 16-bit addresses at most.
pub(super) fn short(value: usize) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

/// The columns of every PE.
type Columns = Vec<Vec<Vec<Entry>>>;

/// Where the passes of a unit are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On the chip together, with the maps that they read and write.
    Together,
    /// One after the other, each in one half of the memories, so that the next can be loaded beside it.
    Halves,
    /// One after the other, each in all of the memories.
    Alone,
}

/// Weights that passes share.
#[derive(Clone)]
pub(super) struct Weights {
    /// The filters of every channel, if all have the same.
    pub filters: Option<Filters>,
    pub codebook: Vec<i16>,
    pub columns: Columns,
    pub biases: Vec<Vec<i16>>,
}

/// A row, counted through all segments, and a code.
type Placed = (u32, u8);

/// How a unit is cut.
struct Cutting<'a> {
    unit: usize,
    /// By term.
    readings: &'a [Reading],
    /// The slices of a term follow each other, and its ranges of input words have one length, but for the last.
    slices: &'a [Slice],
}

/// One pass before it has addresses.
#[derive(Clone)]
pub(super) struct Draft {
    pub unit: usize,
    /// Index of its weights.
    pub weights: usize,
    pub pass: Pass,
    pub slice: Slice,
    pub rows: Range<usize>,
    pub area: Area,
}

impl Job<'_> {
    /// Packs for `config`: all on the chip if it fits, else run by run through the host's memory, each of as many units as fit together.
    pub fn emit(&self, config: &Config) -> Result<Image, Misfit> {
        let layouts = self.layouts(config, true);
        let mut weights = Vec::new();
        let stretches = self.stretches(config, &layouts, &mut weights)?;
        let resident = matches!(&stretches[..], [all] if all.place == Place::Together);
        if !resident && self.options.overlap && config.loads_beside() {
            match self.halves(config, &layouts) {
                Err(Misfit::Memory(..)) => {}
                done => return done,
            }
        }
        self.assemble(config, &layouts, stretches, &weights)
    }

    /// Whether every unit can be cut for `config`: what there is to know before anything is coded.
    pub fn takes(&self, config: &Config) -> bool {
        let layouts = self.layouts(config, false);
        (0..self.units.len()).all(|unit| self.cut(config, &layouts, unit, Place::Alone, 0).is_ok())
    }

    /// Packs pass by pass, each for one half of the memories.
    fn halves(&self, config: &Config, layouts: &[Layout]) -> Result<Image, Misfit> {
        let (mut weights, mut drafts) = (Vec::new(), Vec::new());
        for unit in 0..self.units.len() {
            (self.progress)(Step::Cut(unit, self.units.len()));
            self.draft(
                config,
                layouts,
                unit,
                Place::Halves,
                &mut weights,
                &mut drafts,
            )?;
        }
        let all = Stretch {
            units: 0..self.units.len(),
            drafts,
            place: Place::Halves,
        };
        self.assemble(config, layouts, vec![all], &weights)
    }

    /// The image of stretches that follow each other.
    fn assemble(
        &self,
        config: &Config,
        layouts: &[Layout],
        stretches: Vec<Stretch>,
        weights: &[Weights],
    ) -> Result<Image, Misfit> {
        let drafts = || stretches.iter().flat_map(|stretch| &stretch.drafts);
        let owners: Vec<usize> = drafts().map(|draft| draft.weights).collect();
        (self.progress)(Step::Code(owners.len()));
        let mut plan = Plan::new(self.kept(&stretches));
        for stretch in stretches {
            match stretch.place {
                Place::Together => {
                    self.place_together(config, layouts, stretch, weights, &mut plan)?;
                }
                place => {
                    let halves = place == Place::Halves;
                    self.place_spilled(config, layouts, stretch.drafts, weights, halves, &mut plan);
                }
            }
        }
        let mut image = self.image(config, layouts, plan);
        code(&mut image, &owners, weights);
        image.describe();
        image.check()?;
        image
            .check_target(config)
            .map_err(|error| self.misfit(&image, error))?;
        Ok(image)
    }

    /// The layouts of the input and of every unit's output; `balanced` such that PEs have about the same to do.
    fn layouts(&self, config: &Config, balanced: bool) -> Vec<Layout> {
        let pes = config.num_pes;
        let input = self.network.value(0);
        let reads = || {
            let terms = self.units.iter().flat_map(|unit| &unit.terms);
            terms.filter(|term| term.source == 0)
        };
        let mut layouts = Vec::new();
        let single = input.height * input.width == 1;
        let dense = reads().all(|t| t.order == Order::ChannelsLast || single && !t.shared);
        if dense {
            // Each value is a channel, and those that nothing reads are not sent.
            let mut used = vec![false; input.len()];
            for term in reads() {
                for output in 0..term.outputs {
                    for (channel, tap, _) in term.row(output) {
                        let position = match term.order {
                            Order::ChannelsLast => tap,
                            // The input has one, whatever the kernel.
                            Order::ChannelsFirst => 0,
                        };
                        used[position * input.channels + channel] = true;
                    }
                }
            }
            if !self.network.frame.is_empty() {
                // What is left out is told of the image without its frame.
                used.fill(true);
            }
            if !used.contains(&true) {
                used[0] = true;
            }
            let kept: Deal = (0..used.len()).filter(|&i| used[i]).map(Some).collect();
            let length = kept.len().next_multiple_of(pes);
            let deal = kept.into_iter().chain(std::iter::repeat(None)).take(length);
            layouts.push(Layout::new(deal.collect(), used.len(), [1, 1], true, pes));
        } else {
            let deal = deal::natural(input.channels, pes);
            let side = [input.height, input.width];
            layouts.push(Layout::new(deal, input.channels, side, false, pes));
        }
        let counted = self.counted(config);
        for (i, unit) in self.units.iter().enumerate() {
            let deal = if i + 1 == self.units.len() || !balanced {
                deal::natural(unit.channels(), pes)
            } else if counted[i + 1] {
                deal::hashed(unit.channels())
            } else {
                // What an output costs is how often its weights meet something, not how many they are.
                let regions: Vec<Vec<Region>> = unit.terms.iter().map(Region::all).collect();
                let load = |o: usize| {
                    let terms = unit.terms.iter().zip(&regions);
                    let loads = terms.flat_map(|(term, regions)| self.loads(term, regions, o));
                    (!unit.dead[o]).then(|| loads.collect())
                };
                let loads: Vec<Option<Vec<f32>>> = (0..unit.channels()).map(load).collect();
                deal::balanced_by_region(&loads, pes)
            };
            let side = [unit.output.height, unit.output.width];
            layouts.push(Layout::new(deal, unit.channels(), side, false, pes));
        }
        layouts
    }

    /// By value: whether a hash counts its channels, so that they must stay in order.
    fn counted(&self, config: &Config) -> Vec<bool> {
        let mut counted = vec![false; self.units.len() + 1];
        for (i, unit) in self.units.iter().enumerate() {
            for term in unit.terms.iter().filter(|t| hashed(config, t).is_some()) {
                counted[i + 1] = true;
                counted[term.source] = true;
            }
        }
        // What has the same filters in every channel is stored once where channels stay in order.
        for (i, unit) in self.units.iter().enumerate().rev() {
            for term in unit.terms.iter().filter(|t| t.filters().is_some()) {
                counted[term.source] |= counted[i + 1];
            }
        }
        counted
    }

    /// Multiply-accumulates of one output in each region of the input of a term, times a constant.
    fn loads(&self, term: &Term, regions: &[Region], output: usize) -> Vec<f32> {
        let activity = &self.activity[term.source];
        let mut taps = vec![0.0; term.window.kernel[0] * term.window.kernel[1]];
        for (channel, tap, _) in term.row(output) {
            taps[tap] += activity[channel] * LOAD_UNITS;
        }
        let of = |region: &Region| {
            let met = taps.iter().zip(&region.taps).filter(|(_, met)| **met);
            (met.map(|(load, _)| load).sum::<f64>() * region.positions as f64) as f32
        };
        regions.iter().map(of).collect()
    }

    pub(super) fn misfit(&self, image: &Image, error: ImageError) -> Misfit {
        match error {
            ImageError::TooLarge { shortage, .. } => {
                let layer = image.layer_of(shortage.pass).min(self.units.len() - 1);
                Misfit::Memory(layer, shortage)
            }
            error => Misfit::Image(error),
        }
    }

    /// How a unit is cut; `pass` is the number of its first pass.
    fn cut(
        &self,
        config: &Config,
        layouts: &[Layout],
        index: usize,
        place: Place,
        pass: usize,
    ) -> Result<Cutted, Misfit> {
        let unit = &self.units[index];
        let own = &layouts[index + 1];
        let wide = index + 1 == self.units.len();
        let sources: Vec<&Layout> = unit.terms.iter().map(|t| &layouts[t.source]).collect();
        let readings = unit
            .terms
            .iter()
            .zip(&sources)
            .map(|(term, source)| {
                let pool = hashed(config, term);
                let reading = tile::reading(term, source, unit, config, pool.is_some())?;
                match pool.is_none_or(|pool| in_order(pool, term, source, reading, config.num_pes)) {
                    true => Ok(reading),
                    false => Err(Refusal {
                        what: "its input does not lie as its hash counts, since another layer reads it as a map",
                        advice: "compress it without a hash",
                    }),
                }
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|what| Misfit::Unit(index, what))?;
        let count = |term: usize, taps: &Taps| {
            self.counts(config, layouts, index, term, readings[term], taps)
        };
        let used = |term: usize| {
            let (t, quantised) = (&unit.terms[term], &self.quantised[index].terms[term]);
            let mut used = vec![false; t.window.kernel[0] * t.window.kernel[1]];
            for (_, tap, code) in (0..t.outputs).flat_map(|output| t.row(output)) {
                used[tap] |= quantised.code(code).is_some();
            }
            used
        };
        let pools: Vec<Option<usize>> = (unit.terms.iter())
            .map(|term| hashed(config, term).map(|pool| part(pool, config.num_pes).0))
            .collect();
        let subject = Subject {
            pools: &pools,
            unit,
            rows: own.words,
            wide,
            readings: &readings,
            sources,
            count: &count,
            used: &used,
            memo: Default::default(),
        };
        let limits = Limits {
            config,
            spilled: place != Place::Together,
            overlap: place == Place::Halves,
        };
        let cut = subject.cut(&limits).map_err(|(memory, need)| {
            let have = limits.words(memory);
            let shortage = Shortage {
                pass,
                memory,
                need,
                have,
            };
            Misfit::Memory(index, shortage)
        })?;
        let slices = subject.slices(&cut, &limits);
        Ok((readings, cut, slices))
    }

    /// Cuts a unit into passes.
    pub(super) fn draft(
        &self,
        config: &Config,
        layouts: &[Layout],
        index: usize,
        place: Place,
        weights: &mut Vec<Weights>,
        drafts: &mut Vec<Draft>,
    ) -> Result<(), Misfit> {
        let unit = &self.units[index];
        let own = &layouts[index + 1];
        let (readings, cut, slices) = self.cut(config, layouts, index, place, drafts.len())?;
        let mut first = true;
        let before = drafts.len();
        let cutting = Cutting {
            unit: index,
            readings: &readings,
            slices: &slices,
        };
        for start in (0..own.words).step_by(cut.rows) {
            let rows = start..(start + cut.rows).min(own.words);
            let known = weights.len();
            let (new, of) = self.weights(config, layouts, &cutting, &rows);
            weights.extend(new);
            for area in Area::all(unit, cut.window) {
                for (k, slice) in slices.iter().enumerate() {
                    let keep = k + 1 < slices.len();
                    if keep && !area.meets(&unit.terms[slice.term], slice) {
                        continue;
                    }
                    let reading = readings[slice.term];
                    let pass =
                        self.pass(config, layouts, index, slice, reading, &rows, &area, keep);
                    let begins_layer = std::mem::take(&mut first);
                    drafts.push(Draft {
                        unit: index,
                        weights: known + of[k],
                        pass: Pass {
                            begins_layer,
                            ..pass
                        },
                        slice: slice.clone(),
                        rows: rows.clone(),
                        area,
                    });
                }
            }
        }
        count_parameters(unit, &mut drafts[before..]);
        Ok(())
    }

    /// Non-zeros of some taps of a term.
    fn counts(
        &self,
        config: &Config,
        layouts: &[Layout],
        unit: usize,
        term: usize,
        reading: Reading,
        taps: &Taps,
    ) -> Counts {
        let (own, t) = (&layouts[unit + 1], &self.units[unit].terms[term]);
        let source = &layouts[t.source];
        let pes = config.num_pes;
        let groups = source.groups(reading);
        if hashed(config, t).is_some() {
            return vec![vec![0; groups]; own.deal.len()];
        }
        let count = |output: &Option<usize>| {
            let mut counts = vec![0; groups];
            for (channel, tap, code) in output.iter().flat_map(|&o| t.row(o)) {
                let counts_here = t.within(tap, taps).is_some();
                if counts_here && self.quantised[unit].terms[term].code(code).is_some() {
                    let (column, _) = place(source, reading, channel, tap, t.input.channels, pes);
                    counts[column / pes] += 1;
                }
            }
            counts
        };
        own.deal.iter().map(count).collect()
    }

    /// The weights of some rows of a unit for the slices that a cut makes, and which of them each slice has. Rows are gone
    /// through once for all ranges of input words.
    fn weights(
        &self,
        config: &Config,
        layouts: &[Layout],
        subject: &Cutting<'_>,
        rows: &Range<usize>,
    ) -> (Vec<Weights>, Vec<usize>) {
        let slices = subject.slices;
        let last = slices.len() - 1;
        let (mut weights, mut of) = (Vec::new(), Vec::new());
        let mut at = 0;
        while at <= last {
            let term = slices[at].term;
            let t = &self.units[subject.unit].terms[term];
            let alike = |s: &&Slice| s.term == term && (t.shared || s.taps == slices[at].taps);
            let end = at + slices[at..].iter().take_while(alike).count();
            let mut ranges: Vec<&Range<usize>> =
                slices[at..end].iter().map(|s| &s.groups).collect();
            let known = weights.len();
            if t.shared {
                // All parts of the map have the same weights.
                ranges.dedup();
            }
            let which = |s: &Slice| ranges.iter().position(|&groups| *groups == s.groups);
            of.extend(
                slices[at..end]
                    .iter()
                    .map(|s| known + which(s).unwrap_or(0)),
            );
            if let Some(pool) = hashed(config, t) {
                let pooled = || self.pooled(config, subject.unit, term, pool);
                weights.extend(ranges.iter().map(|_| pooled()));
            } else {
                let first = &slices[at];
                for columns in self.columns(config, layouts, subject, first, &ranges, rows) {
                    weights.push(self.coded(config, subject.unit, first, columns));
                }
            }
            at = end;
        }
        if of[..last].contains(&of[last]) {
            weights.push(weights[of[last]].clone());
            of[last] = weights.len() - 1;
        }
        // The last range of a unit drains.
        let (own, quantised) = (&layouts[subject.unit + 1], &self.quantised[subject.unit]);
        let bias = |pe: usize, row: usize| {
            own.deal[row * config.num_pes + pe].map_or(0, |output| quantised.bias[output])
        };
        for (pe, biases) in weights[of[last]].biases.iter_mut().enumerate() {
            *biases = rows.clone().map(|row| bias(pe, row)).collect();
        }
        (weights, of)
    }

    /// The pool of a term as columns.
    fn pooled(&self, config: &Config, unit: usize, term: usize, pool: &Pool) -> Weights {
        let quantised = &self.quantised[unit].terms[term];
        let pes = config.num_pes;
        let (length, parts) = part(pool, pes);
        let entry = |pe: usize, at: usize| {
            let group = (at % parts * pes + pe) % pool.groups;
            Entry {
                step: 0,
                code: quantised.pool_code(pool.codes[at / parts * pool.groups + group]),
            }
        };
        let columns = (0..pes).map(|pe| {
            let entries: Vec<Entry> = (0..length).map(|at| entry(pe, at)).collect();
            entries.chunks(POOL_COLUMN).map(<[Entry]>::to_vec).collect()
        });
        Weights {
            filters: None,
            codebook: quantised.codebook.clone(),
            columns: columns.collect(),
            biases: vec![Vec::new(); pes],
        }
    }

    /// Rows and codes of every column of the taps of a slice in each of these ranges of its term, by range, PE and column.
    fn columns(
        &self,
        config: &Config,
        layouts: &[Layout],
        subject: &Cutting<'_>,
        slice: &Slice,
        ranges: &[&Range<usize>],
        rows: &Range<usize>,
    ) -> Vec<Vec<Vec<Vec<Placed>>>> {
        let (unit, term, pes) = (subject.unit, slice.term, config.num_pes);
        let (own, quantised) = (&layouts[unit + 1], &self.quantised[unit].terms[term]);
        let t = &self.units[unit].terms[term];
        let source = &layouts[t.source];
        let reading = subject.readings[term];
        let channels: Vec<usize> = ranges
            .iter()
            .map(|groups| source.columns(reading, groups, pes))
            .collect();
        let mut columns: Vec<Vec<Vec<Vec<Placed>>>> = channels
            .iter()
            .map(|&channels| vec![vec![Vec::new(); channels]; pes])
            .collect();
        // Segments are numbered alike in every window of the unit.
        let geometry = Area::all(&self.units[unit], [usize::MAX >> 1; 2])[0].geometry(
            &self.units[unit],
            t,
            slice,
            channels[0],
        );
        let length = ranges[0].len().max(1);
        for (at, row) in rows.clone().enumerate() {
            for (pe, output) in own.deal[row * pes..][..pes].iter().enumerate() {
                for (channel, tap, code) in output.iter().flat_map(|&o| t.row(o)) {
                    let here = t.within(tap, &slice.taps);
                    let (Some(code), Some([y, x])) = (quantised.code(code), here) else {
                        continue;
                    };
                    let (column, _) = place(source, reading, channel, tap, t.input.channels, pes);
                    let range = column / pes / length;
                    let column = column - range * length * pes;
                    if range < ranges.len() && column < channels[range] {
                        let segment = match reading {
                            Reading::Flat => 0,
                            Reading::Map => geometry.segment(y, x),
                        };
                        let row = (segment * rows.len() + at) as u32;
                        columns[range][pe][column].push((row, code));
                    }
                }
            }
        }
        columns
    }

    /// The entries of columns, with the codebook that they need.
    fn coded(
        &self,
        config: &Config,
        unit: usize,
        slice: &Slice,
        mut columns: Vec<Vec<Vec<Placed>>>,
    ) -> Weights {
        let term = slice.term;
        let mut codebook = self.quantised[unit].terms[term].codebook.clone();
        let mut zero = None;
        columns
            .iter_mut()
            .flatten()
            .for_each(|column| column.sort_unstable());
        let rows = |column: &[Placed]| -> Vec<usize> {
            column.iter().map(|&(row, _)| row as usize).collect()
        };
        if columns
            .iter()
            .flatten()
            .any(|column| stream::needs_padding(rows(column)))
        {
            codebook.push(0);
            zero = Some((codebook.len() - 1) as u8);
        }
        let entries = |column: Vec<Placed>| {
            let rows = column.into_iter().map(|(row, code)| (row as usize, code));
            stream::column(rows, zero)
        };
        let columns = columns
            .into_iter()
            .map(|pe| pe.into_iter().map(entries).collect());
        let t = &self.units[unit].terms[term];
        let quantised = &self.quantised[unit].terms[term];
        let filters = t.filters().map(|codes| Filters {
            count: t.outputs / t.groups,
            codes: (codes.iter().enumerate())
                .filter(|(i, _)| t.within(i % t.taps(), &slice.taps).is_some())
                .map(|(_, &code)| quantised.code(code))
                .collect(),
        });
        Weights {
            filters,
            codebook,
            columns: columns.collect(),
            biases: vec![Vec::new(); config.num_pes],
        }
    }

    /// A pass without addresses, but for where it begins in a position.
    #[expect(
        clippy::too_many_arguments,
        reason = "a pass is cut along all of these"
    )]
    fn pass(
        &self,
        config: &Config,
        layouts: &[Layout],
        unit: usize,
        slice: &Slice,
        reading: Reading,
        rows: &Range<usize>,
        area: &Area,
        keep: bool,
    ) -> Pass {
        let (u, q) = (&self.units[unit], &self.quantised[unit]);
        let (t, groups) = (&u.terms[slice.term], &slice.groups);
        let source = &layouts[t.source];
        let channels = source.columns(reading, groups, config.num_pes);
        let geometry = (reading == Reading::Map).then(|| area.geometry(u, t, slice, channels));
        let signed = t
            .source
            .checked_sub(1)
            .is_some_and(|s| !self.quantised[s].relu);
        let mut descriptor = PassDescriptor {
            relu: q.relu,
            in_signed: signed,
            out_wide: unit + 1 == self.units.len(),
            keep,
            shift: q.shift.max(1),
            groups: short(groups.len()),
            rows: short(rows.len()),
            accs: short(rows.len()),
            out_step: 1,
            ..PassDescriptor::default()
        };
        if let Some(pool) = hashed(config, t) {
            let (length, parts) = part(pool, config.num_pes);
            let above = (t.outputs - 1) / config.num_pes;
            descriptor.hashed = true;
            descriptor.hash_rows = short(above + 1);
            descriptor.hash_lanes = (t.outputs - above * config.num_pes) as u8;
            descriptor.hash_length = short(length);
            descriptor.hash_mask = (parts - 1) as u8;
        }
        if let Some(geometry) = &geometry {
            descriptor.in_step = 1;
            geometry.describe(&mut descriptor, config.num_pes);
        }
        Pass {
            descriptor,
            geometry,
            reuse: 0,
            begins_layer: false,
            filters: None,
            parameters: 0,
            tables: Default::default(),
            codebook: Vec::new(),
            pes: vec![PeData::default(); config.num_pes],
        }
    }

    /// Size of a value as the host keeps it.
    pub(super) fn map(&self, config: &Config, layouts: &[Layout], value: usize) -> MapSize {
        let layout = &layouts[value];
        let wide = value == self.units.len();
        MapSize {
            positions: layout.positions(),
            words: layout.words * if wide { config.acts_per_word() } else { 1 },
        }
    }

    /// Pass by pass: each is loaded, and its input and output go through the host's memory. With `overlap` in
    /// half of the memories.
    fn place_spilled(
        &self,
        config: &Config,
        layouts: &[Layout],
        drafts: Vec<Draft>,
        weights: &[Weights],
        overlap: bool,
        plan: &mut Plan,
    ) {
        // The pass whose weights were loaded last, and which they are.
        let mut loaded: Option<(usize, usize)> = None;
        // Consecutive runs take lower and upper halves in turn, and so do consecutive weights.
        let half = |upper: bool, memory| if upper { words(config, memory) / 2 } else { 0 };
        let mut upper = true;
        for mut draft in drafts {
            let unit = &self.units[draft.unit];
            let slice = &draft.slice;
            let term = &unit.terms[slice.term];
            let source = &layouts[term.source];
            let output = &layouts[draft.unit + 1];
            let i = plan.passes.len();
            match loaded {
                Some((at, same)) if same == draft.weights => draft.pass.reuse = i - at,
                _ => {
                    loaded = Some((i, draft.weights));
                    upper = overlap && !upper;
                }
            }
            let own = &weights[draft.weights];
            let codebook = half(upper, Memory::Codebook);
            let store = half(upper, Memory::WeightStore);
            let d = &mut draft.pass.descriptor;
            let column = half(upper, Memory::Columns);
            point(d, column, slice.groups.start * config.num_pes);
            d.bias_base = short(store);
            // A codebook that is larger than half waits for its turn.
            if own.codebook.len() <= words(config, Memory::Codebook) - codebook {
                d.codebook_base = short(codebook);
            }
            d.last = true;
            let parts = d.value_words(config.act_bits);
            let mut writes = Vec::new();
            let mut reads = Vec::new();
            let mut address = 0;
            let mut part = |map, position, positions, word, words| {
                let transfer = Transfer {
                    map: plan.index(map),
                    position,
                    positions,
                    word,
                    words,
                    address: short(address),
                };
                address += positions * words;
                transfer
            };
            if draft.pass.geometry.is_some() {
                let (rows, columns) = (
                    draft.area.input(unit, term, slice, 0).0,
                    draft.area.input(unit, term, slice, 1).0,
                );
                let (start, count) = (slice.groups.start, slice.groups.len());
                if columns.len() == source.side[1] {
                    let position = rows.start * source.side[1];
                    let positions = rows.len() * source.side[1];
                    writes.push(part(term.source, position, positions, start, count));
                } else {
                    for row in rows {
                        let position = row * source.side[1] + columns.start;
                        writes.push(part(term.source, position, columns.len(), start, count));
                    }
                }
            } else {
                // Words of all positions, counted through.
                let mut word = slice.groups.start;
                while word < slice.groups.end {
                    let (position, first) = (word / source.words, word % source.words);
                    let count = (source.words - first).min(slice.groups.end - word);
                    writes.push(part(term.source, position, 1, first, count));
                    word += count;
                }
            }
            if !d.keep {
                let (start, size) = (draft.area.start, draft.area.size);
                let (word, count) = (draft.rows.start * parts, draft.rows.len() * parts);
                let base = part(draft.unit + 1, 0, 0, 0, 0).address;
                d.out_base = base;
                if size[1] == output.side[1] {
                    let position = start[0] * output.side[1];
                    let positions = size[0] * size[1];
                    reads.push(part(draft.unit + 1, position, positions, word, count));
                } else {
                    for row in 0..size[0] {
                        let position = (start[0] + row) * output.side[1] + start[1];
                        reads.push(part(draft.unit + 1, position, size[1], word, count));
                    }
                }
            }
            let entries = store + own.biases[0].len();
            let odd = overlap && i % 2 == 1;
            plan.runs.push(Run {
                passes: 1,
                entry_base: short(entries),
                first: short(half(odd, Memory::Passes)),
                table_base: short(half(odd, Memory::Tables)),
                writes,
                reads,
            });
            let mut next = vec![entries; config.num_pes];
            plan.passes.push(filled(draft, weights, &mut next));
        }
    }

    /// The image that runs as planned, its streams not coded yet.
    pub(super) fn image(&self, config: &Config, layouts: &[Layout], plan: Plan) -> Image {
        let maps = plan.kept.iter();
        let maps = maps
            .map(|&value| self.map(config, layouts, value))
            .collect();
        let network = self.network;
        let numerals = network
            .labels
            .iter()
            .enumerate()
            .all(|(i, l)| *l == i.to_string());
        let framed = network.value(0).len();
        let input = &layouts[0];
        let kept: Vec<usize> = input.deal.iter().flatten().copied().collect();
        let partial = input.flat && kept.len() < framed;
        debug_assert!(used(self.units).len() == layouts.len());
        Image {
            name: network.name.clone(),
            num_pes: config.num_pes,
            act_bits: config.act_bits,
            input: network.input,
            frame: network.frame,
            input_map: partial.then_some(kept),
            maps,
            passes: plan.passes,
            runs: plan.runs,
            outputs: network.output().channels,
            head: network.head,
            logit_scale: self.quantised[self.quantised.len() - 1].scale as f32,
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
        }
    }
}

/// Says of which passes of a unit the weights are parameters of the network, in the first pass that has them: all
/// parameters in the first of these, but one for each other.
fn count_parameters(unit: &Unit, drafts: &mut [Draft]) {
    let mut seen = BTreeSet::new();
    let mut own: Vec<usize> = Vec::new();
    for (i, draft) in drafts.iter().enumerate() {
        if unit.terms[draft.slice.term].trained && seen.insert(draft.weights) {
            own.push(i);
        }
    }
    for (k, &i) in own.iter().enumerate() {
        let first = unit.parameters.saturating_sub(own.len() - 1).max(1);
        let parameters = if k == 0 { first } else { 1 };
        drafts[i].pass.parameters = u32::try_from(parameters).unwrap_or(u32::MAX);
    }
}

/// The pool of a term, if the engine computes hashes.
pub(super) fn hashed<'a>(config: &Config, term: &'a Term) -> Option<&'a Pool> {
    let pool = term.pool.as_ref();
    pool.filter(|_| config.store == WeightStore::Hashed)
}

/// Words of a pool in a PE, and the parts that these are.
pub(super) fn part(pool: &Pool, pes: usize) -> (usize, usize) {
    let parts = (pool.groups / pes).max(1);
    (pool.codes.len() / pool.groups * parts, parts)
}

/// Whether the inputs of a term lie in the columns that its hash counts.
fn in_order(pool: &Pool, term: &Term, source: &Layout, reading: Reading, pes: usize) -> bool {
    let inputs = term.group_inputs();
    let mut columns = pool.columns.iter().enumerate();
    columns.all(|(input, &column)| {
        let (channel, tap) = match term.order {
            Order::ChannelsFirst => (input, 0),
            Order::ChannelsLast => (input % inputs, input / inputs),
        };
        place(source, reading, channel, tap, term.input.channels, pes).0 == column
    })
}

/// Sets where the column pointers of a pass begin; `first` is the first column of a hashed one.
pub(super) fn point(d: &mut PassDescriptor, pointer: usize, first: usize) {
    if d.hashed {
        d.hash_pool = short(pointer);
        d.col_base = short(first);
    } else {
        d.col_base = short(pointer);
    }
}

/// The column of a weight, counted over all bank words of its input, and the tap that is left in it.
fn place(
    source: &Layout,
    reading: Reading,
    channel: usize,
    tap: usize,
    channels: usize,
    pes: usize,
) -> (usize, usize) {
    let packed = |channel: usize| source.packed[channel].unwrap_or(0);
    match reading {
        Reading::Flat if source.flat => (packed(tap * channels + channel), 0),
        Reading::Flat => (tap * source.words * pes + packed(channel), 0),
        Reading::Map => (packed(channel), tap),
    }
}

/// The pass of a draft with its entry addresses; its streams are coded later.
pub(super) fn filled(draft: Draft, weights: &[Weights], next: &mut [usize]) -> Pass {
    let mut pass = draft.pass;
    let own = &weights[draft.weights];
    for (pe, data) in pass.pes.iter_mut().enumerate() {
        data.entry_address = short(next[pe]);
        if pass.reuse == 0 {
            data.entries = own.columns[pe].iter().map(Vec::len).sum();
            data.biases.clone_from(&own.biases[pe]);
            next[pe] += data.entries;
        }
    }
    if pass.reuse == 0 {
        pass.codebook.clone_from(&own.codebook);
    }
    pass
}

/// Codes the streams of every pass that has weights; `of` says which they are.
fn code(image: &mut Image, of: &[usize], weights: &[Weights]) {
    let with = |image: &Image| -> Vec<usize> {
        let passes = 0..image.passes.len();
        passes.filter(|&i| image.passes[i].reuse == 0).collect()
    };
    let owners = with(image);
    let frequencies: Vec<_> = owners
        .iter()
        .map(|&i| {
            let mut frequencies = NO_FREQUENCIES;
            let columns = weights[of[i]].columns.iter();
            columns.for_each(|columns| stream::count(columns, &mut frequencies));
            frequencies
        })
        .collect();
    let chosen = tables::choose(&frequencies);
    for (&i, tables) in owners.iter().zip(chosen) {
        let pass = &mut image.passes[i];
        let codes = if pass.descriptor.hashed {
            // Signs are the lowest bits of codes.
            (0..pass.codebook.len()).map(|code| code as u8).collect()
        } else {
            rising(&mut pass.codebook, tables[Table::Code as usize].lengths())
        };
        let mut all = Vec::new();
        for (data, columns) in pass.pes.iter_mut().zip(&weights[of[i]].columns) {
            let renamed = |entry: &Entry| Entry {
                code: codes[usize::from(entry.code)],
                ..*entry
            };
            let columns = columns.iter().map(|c| c.iter().map(renamed).collect());
            let columns: Vec<Vec<Entry>> = columns.collect();
            (data.stream, data.bits) = stream::encode(&columns, &tables);
            all.push(columns);
        }
        pass.tables = tables;
        let renamed = weights[of[i]].filters.clone().map(|filters| Filters {
            codes: (filters.codes.iter())
                .map(|code| code.map(|code| codes[usize::from(code)]))
                .collect(),
            ..filters
        });
        pass.filters = renamed.filter(|filters| filters.columns(pass) == Some(all));
    }
}

/// Puts weights whose code words are equally long into rising order, in which they take fewer bits, and gives what each code is then.
fn rising(codebook: &mut [i16], lengths: &[u8]) -> Vec<u8> {
    let length = |code: usize| lengths.get(code).copied().unwrap_or(0);
    let mut order: Vec<usize> = (0..codebook.len()).collect();
    let mut start = 0;
    while start < order.len() {
        let alike = |code: &&usize| length(**code) == length(start);
        let end = start + order[start..].iter().take_while(alike).count();
        order[start..end].sort_by_key(|&code| codebook[code]);
        start = end;
    }
    let mut codes = vec![0; codebook.len()];
    let weights: Vec<i16> = order.iter().map(|&code| codebook[code]).collect();
    for (new, &old) in order.iter().enumerate() {
        // At most 256 codes.
        codes[old] = new as u8;
    }
    codebook.copy_from_slice(&weights);
    codes
}
