//! Stretches: units that follow each other and run as one, without the host, since all that they load and all maps between them fit on the
//! chip. A network that fits whole is one stretch.

use super::Step;
use super::emit::{Draft, Job, Misfit, Place, Weights, filled, hashed, part, point, short};
use super::tile::Layout;
use crate::image::{ImageError, MapSize, Memory, Pass, Run, Shortage, Transfer, words};
use std::collections::BTreeSet;
use std::ops::Range;
use thresh_regs::{Config, PassDescriptor};

/// Units that follow each other.
#[derive(Clone)]
pub(super) struct Stretch {
    pub units: Range<usize>,
    /// Their passes, in order.
    pub drafts: Vec<Draft>,
    /// How they run: as one, or one by one.
    pub place: Place,
}

/// Passes and runs so far.
#[derive(Default)]
pub(super) struct Plan {
    /// Values that the host keeps, rising.
    pub kept: Vec<usize>,
    pub passes: Vec<Pass>,
    pub runs: Vec<Run>,
}

impl Plan {
    pub fn new(kept: BTreeSet<usize>) -> Plan {
        Plan {
            kept: kept.into_iter().collect(),
            ..Plan::default()
        }
    }

    /// The number of the map that holds a value.
    ///
    /// # Panics
    /// If the host does not keep it.
    pub fn index(&self, value: usize) -> usize {
        let kept = self.kept.binary_search(&value);
        kept.expect("what goes through the host is kept there")
    }
}

impl Job<'_> {
    /// Cuts all units, and puts as many that follow each other together as there is room for. What has no room as a whole runs pass by pass.
    pub fn stretches(
        &self,
        config: &Config,
        layouts: &[Layout],
        weights: &mut Vec<Weights>,
    ) -> Result<Vec<Stretch>, Misfit> {
        let mut stretches: Vec<Stretch> = Vec::new();
        for unit in 0..self.units.len() {
            (self.progress)(Step::Cut(unit, self.units.len()));
            let known = weights.len();
            if let Some(drafts) = self.whole(config, layouts, unit, weights)? {
                if let Some(last) = stretches.last_mut().filter(|s| s.place == Place::Together) {
                    let (end, length) = (last.units.end, last.drafts.len());
                    last.units.end = unit + 1;
                    last.drafts.extend(drafts.iter().cloned());
                    if self.fits(config, layouts, last, weights)? {
                        continue;
                    }
                    last.units.end = end;
                    last.drafts.truncate(length);
                }
                let own = Stretch {
                    units: unit..unit + 1,
                    drafts,
                    place: Place::Together,
                };
                if self.fits(config, layouts, &own, weights)? {
                    stretches.push(own);
                    continue;
                }
                weights.truncate(known);
            }
            let mut drafts = Vec::new();
            self.draft(config, layouts, unit, Place::Alone, weights, &mut drafts)?;
            stretches.push(Stretch {
                units: unit..unit + 1,
                drafts,
                place: Place::Alone,
            });
        }
        Ok(stretches)
    }

    /// Cuts a unit for a stretch, if there could be room for it; that much is found without coding anything.
    fn whole(
        &self,
        config: &Config,
        layouts: &[Layout],
        unit: usize,
        weights: &mut Vec<Weights>,
    ) -> Result<Option<Vec<Draft>>, Misfit> {
        let terms = self.units[unit].terms.iter();
        let entries = terms.zip(&self.quantised[unit].terms);
        let entries = entries.map(|(term, quantised)| {
            if let Some(pool) = hashed(config, term) {
                return config.num_pes * part(pool, config.num_pes).0;
            }
            let codes = term.codes.iter();
            codes
                .filter(|&&code| quantised.code(code).is_some())
                .count()
        });
        let room = config.num_pes * words(config, Memory::WeightStore);
        if entries.sum::<usize>() > room
            || self.allocate(config, layouts, &(unit..unit + 1)).is_err()
        {
            return Ok(None);
        }
        let (known, mut drafts) = (weights.len(), Vec::new());
        match self.draft(config, layouts, unit, Place::Together, weights, &mut drafts) {
            Ok(()) => Ok(Some(drafts)),
            Err(Misfit::Memory(..)) => {
                weights.truncate(known);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether there is room for a stretch.
    fn fits(
        &self,
        config: &Config,
        layouts: &[Layout],
        stretch: &Stretch,
        weights: &[Weights],
    ) -> Result<bool, Misfit> {
        let mut plan = Plan::new(self.kept(std::slice::from_ref(stretch)));
        match self.place_together(config, layouts, stretch.clone(), weights, &mut plan) {
            Ok(()) => {}
            Err(Misfit::Memory(..)) => return Ok(false),
            Err(error) => return Err(error),
        }
        let mut image = self.image(config, layouts, plan);
        image.describe();
        match image.check_target(config) {
            Ok(()) => Ok(true),
            Err(ImageError::TooLarge { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Values that are written before these units, or come from outside, and that they read.
    fn incoming(&self, units: &Range<usize>) -> impl Iterator<Item = usize> {
        (0..=units.start).filter(|&value| self.last_read(units, value).is_some())
    }

    /// Values that these units write and others read behind them, or that are the outputs.
    fn outgoing(&self, units: &Range<usize>) -> impl Iterator<Item = usize> {
        let behind = units.end..self.units.len();
        (units.start + 1..=units.end).filter(move |&value| {
            value == self.units.len() || self.last_read(&behind, value).is_some()
        })
    }

    /// The last of these units that reads a value.
    fn last_read(&self, units: &Range<usize>, value: usize) -> Option<usize> {
        let reads = |&unit: &usize| {
            let mut terms = self.units[unit].terms.iter();
            terms.any(|term| term.source == value)
        };
        units.clone().rev().find(reads)
    }

    /// Values that go through the host, with the input and the outputs.
    pub fn kept(&self, stretches: &[Stretch]) -> BTreeSet<usize> {
        let mut kept = BTreeSet::from([0, self.units.len()]);
        for stretch in stretches {
            let units = &stretch.units;
            match stretch.place {
                Place::Together => kept.extend(self.incoming(units).chain(self.outgoing(units))),
                _ => {
                    let terms = self.units[units.clone()]
                        .iter()
                        .flat_map(|unit| &unit.terms);
                    kept.extend(terms.map(|term| term.source));
                    kept.extend(units.start + 1..=units.end);
                }
            }
        }
        kept
    }

    /// A run of all passes of a stretch.
    pub fn place_together(
        &self,
        config: &Config,
        layouts: &[Layout],
        stretch: Stretch,
        weights: &[Weights],
        plan: &mut Plan,
    ) -> Result<(), Misfit> {
        let units = stretch.units;
        let bases = self.allocate(config, layouts, &units)?;
        let base = |value: usize| bases[value].expect("what is read or written has its place");
        let mut drafts = stretch.drafts;
        let (mut column, mut codebook, mut bias) = (0, 0, 0);
        let mut placed: Vec<Option<(usize, PassDescriptor)>> = vec![None; weights.len()];
        for (i, draft) in drafts.iter_mut().enumerate() {
            let own = &weights[draft.weights];
            let slice = &draft.slice;
            let source = &layouts[self.units[draft.unit].terms[slice.term].source];
            let output = &layouts[draft.unit + 1];
            let d = &mut draft.pass.descriptor;
            match &placed[draft.weights] {
                Some((at, before)) => {
                    draft.pass.reuse = i - at;
                    d.col_base = before.col_base;
                    d.hash_pool = before.hash_pool;
                    d.codebook_base = before.codebook_base;
                    d.bias_base = before.bias_base;
                }
                None => {
                    point(d, column, slice.groups.start * config.num_pes);
                    d.codebook_base = short(codebook);
                    d.bias_base = short(bias);
                    placed[draft.weights] = Some((i, *d));
                    codebook += own.codebook.len();
                    bias += own.biases[0].len();
                    let segments = draft.pass.geometry.as_ref().map_or(1, |g| g.segments());
                    column += own.columns[0].len() * segments + 1;
                }
            }
            let unit = &self.units[draft.unit];
            let term = &unit.terms[slice.term];
            let input = base(term.source);
            d.in_base = short(input + slice.groups.start);
            if draft.pass.geometry.is_some() {
                let first = draft.area.input(unit, term, slice, 0).0.start;
                d.in_base =
                    short(input + first * source.side[1] * source.words + slice.groups.start);
                d.in_step = short(source.words - slice.groups.len() + 1);
            }
            let parts = d.value_words(config.act_bits);
            let position = draft.area.start[0] * output.side[1];
            let start = (position * output.words + draft.rows.start) * parts;
            d.out_base = short(base(draft.unit + 1) + start);
            if draft.pass.geometry.is_some() {
                d.out_step = short((output.words - draft.rows.len()) * parts + 1);
            }
            d.last = false;
        }
        let last = drafts.len() - 1;
        drafts[last].pass.descriptor.last = true;
        let whole = |value: usize| {
            let MapSize { positions, words } = self.map(config, layouts, value);
            Transfer {
                map: plan.index(value),
                position: 0,
                positions,
                word: 0,
                words,
                address: short(base(value)),
            }
        };
        let run = Run {
            passes: drafts.len(),
            entry_base: short(bias),
            first: 0,
            table_base: 0,
            writes: self.incoming(&units).map(whole).collect(),
            reads: self.outgoing(&units).map(whole).collect(),
        };
        plan.runs.push(run);
        let mut next = vec![bias; config.num_pes];
        for draft in drafts {
            plan.passes.push(filled(draft, weights, &mut next));
        }
        Ok(())
    }

    /// Bank addresses of what these units read and write, where all maps have room that are alive together.
    fn allocate(
        &self,
        config: &Config,
        layouts: &[Layout],
        units: &Range<usize>,
    ) -> Result<Vec<Option<usize>>, Misfit> {
        let outgoing: BTreeSet<usize> = self.outgoing(units).collect();
        // The value that is written when this one is read for the last time.
        let last_use = |value: usize| match outgoing.contains(&value) {
            true => units.end,
            false => self.last_read(units, value).map_or(value, |unit| unit + 1),
        };
        let mut bases: Vec<Option<usize>> = vec![None; layouts.len()];
        let values: Vec<usize> = self
            .incoming(units)
            .chain(units.start + 1..=units.end)
            .collect();
        for &value in &values {
            let size = self.map(config, layouts, value);
            let length = size.positions * size.words;
            // Maps that are read when this one is written, or later.
            let before = values.iter().filter(|&&other| other < value);
            let alive = before.filter(|&&other| last_use(other) >= value);
            let mut taken: Vec<Range<usize>> = alive
                .filter_map(|&other| {
                    let size = self.map(config, layouts, other);
                    let base = bases[other]?;
                    Some(base..base + size.positions * size.words)
                })
                .collect();
            taken.sort_by_key(|range| range.start);
            let mut base = 0;
            for range in taken {
                if base + length > range.start {
                    base = base.max(range.end);
                }
            }
            let have = words(config, Memory::Activations);
            if base + length > have {
                let shortage = Shortage {
                    pass: 0,
                    memory: Memory::Activations,
                    need: base + length,
                    have,
                };
                return Err(Misfit::Memory(value.max(1) - 1, shortage));
            }
            bases[value] = Some(base);
        }
        Ok(bases)
    }
}
