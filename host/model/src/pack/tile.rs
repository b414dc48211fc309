//! How a unit is cut into passes: groups of output rows, windows of output positions, ranges of
//! input channels.

use super::deal::Deal;
use super::emit::Refusal;
use super::slice::{self, Slice, Taps};
use super::unit::{Order, Term, Unit};
use crate::geometry::{Geometry, Kernel, MOST_SEGMENTS, MOST_SIDE, Places};
use crate::image::{Memory, POOL_COLUMN, words};
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;
use thresh_regs::Config;

/// How a value lies in the banks.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// The channel of each packed channel.
    pub deal: Deal,
    /// Packed channel of each channel; none for one that is left out.
    pub packed: Vec<Option<usize>>,
    /// Height and width.
    pub side: [usize; 2],
    /// Bank words of a position.
    pub words: usize,
    /// Packed channels up to the last that is one.
    pub channels: usize,
    /// The value's positions are taken as channels of one position.
    pub flat: bool,
}

impl Layout {
    pub fn new(deal: Deal, channels: usize, side: [usize; 2], flat: bool, num_pes: usize) -> Self {
        let mut packed = vec![None; channels];
        for (at, channel) in deal.iter().enumerate() {
            if let Some(channel) = channel {
                packed[*channel] = Some(at);
            }
        }
        Layout {
            packed,
            side,
            words: deal.len() / num_pes,
            channels: deal
                .iter()
                .rposition(Option::is_some)
                .map_or(1, |at| at + 1),
            deal,
            flat,
        }
    }

    pub fn positions(&self) -> usize {
        self.side[0] * self.side[1]
    }

    /// Bank words over which ranges of the input go.
    pub fn groups(&self, reading: Reading) -> usize {
        match reading {
            Reading::Flat => self.words * self.positions(),
            Reading::Map => self.words,
        }
    }

    /// Columns of some of those bank words.
    pub fn columns(&self, reading: Reading, groups: &Range<usize>, num_pes: usize) -> usize {
        match reading {
            Reading::Flat => groups.len() * num_pes,
            Reading::Map => (groups.end * num_pes).min(self.channels) - groups.start * num_pes,
        }
    }
}

/// How a pass reads a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// The input is one position; a kernel position and a channel are a column.
    Flat,
    /// Over a map.
    Map,
}

/// How passes read a term, or what about it no pass can do.
pub(super) fn reading(
    term: &Term,
    layout: &Layout,
    unit: &Unit,
    config: &Config,
    hashed: bool,
) -> Result<Reading, Refusal> {
    let single = unit.sums == [1, 1] && !term.shared;
    let [height, width] = term.window.kernel;
    let whole = single && term.order == Order::ChannelsLast;
    let segments = height * width;
    let tables = words(config, Memory::Tables);
    // Column pointers of the fewest channels that a pass can take.
    let pointers = layout.columns(Reading::Map, &(0..1), config.num_pes) * segments + 1;
    let fits = segments <= MOST_SEGMENTS
        && height <= tables
        && width <= tables
        && pointers <= words(config, Memory::Columns);
    if unit.pool.is_none() && whole && (layout.flat || layout.positions() == 1 || !fits || hashed) {
        return Ok(Reading::Flat);
    }
    if !config.maps {
        return if whole && unit.pool.is_none() {
            Ok(Reading::Flat)
        } else {
            Err(Refusal {
                what: "it is no fully connected layer, and this configuration runs nothing else",
                advice: "",
            })
        };
    }
    let pool = unit.pool.map_or([1, 1], |pool| pool.stride);
    if !single
        && term
            .window
            .stride
            .iter()
            .chain(&pool)
            .any(|&stride| stride > MOST_SIDE)
    {
        return Err(Refusal {
            what: "a stride is larger than 65535",
            advice: "use a smaller stride",
        });
    }
    Ok(Reading::Map)
}

/// How a unit is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Output rows of a pass.
    pub rows: usize,
    /// Height and width of a window of drained positions.
    pub window: [usize; 2],
    /// Bank words of an input range, for a flat term of the whole input.
    pub groups: usize,
    /// Rows and columns of a kernel.
    pub taps: [usize; 2],
}

/// A window of a unit's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    /// First drained position, on each axis.
    pub start: [usize; 2],
    /// Drained positions.
    pub size: [usize; 2],
    /// First position of the sums.
    sums_start: [usize; 2],
    /// Positions of the sums.
    pub sums: [usize; 2],
}

impl Area {
    pub fn positions(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// The windows of `size` that cover a unit's output.
    pub fn all(unit: &Unit, size: [usize; 2]) -> Vec<Area> {
        let output = [unit.output.height, unit.output.width];
        let mut areas = Vec::new();
        for y in (0..output[0]).step_by(size[0]) {
            for x in (0..output[1]).step_by(size[1]) {
                let size = [size[0].min(output[0] - y), size[1].min(output[1] - x)];
                areas.push(Area::new(unit, [y, x], size));
            }
        }
        areas
    }

    fn new(unit: &Unit, start: [usize; 2], size: [usize; 2]) -> Area {
        let (mut sums_start, mut sums) = (start, size);
        if let Some(pool) = &unit.pool {
            for axis in 0..2 {
                let first = start[axis] * pool.stride[axis];
                let last = (start[axis] + size[axis] - 1) * pool.stride[axis] + pool.kernel[axis];
                sums_start[axis] = first.saturating_sub(pool.pads[axis]);
                let end = last.saturating_sub(pool.pads[axis]).min(unit.sums[axis]);
                sums[axis] = end - sums_start[axis];
            }
        }
        Area {
            start,
            size,
            sums_start,
            sums,
        }
    }

    fn pool(&self, unit: &Unit) -> Option<Places> {
        let pool = unit.pool.as_ref()?;
        let pad = |axis: usize| {
            pool.pads[axis] + self.sums_start[axis] - self.start[axis] * pool.stride[axis]
        };
        Some(Places {
            size: pool.kernel,
            stride: pool.stride,
            pad: [pad(0), pad(1)],
            output: self.size,
        })
    }

    /// The rows or columns of the input that meet the window's sums, on one axis, and the padding
    /// before them: below zero where the kernel begins inside them. Rows are read whole unless the window is narrower than the
    /// unit's output.
    pub fn input(
        &self,
        unit: &Unit,
        term: &Term,
        slice: &Slice,
        axis: usize,
    ) -> (Range<usize>, i32) {
        let side = [term.input.height, term.input.width][axis];
        let taps = &slice.taps[axis];
        if term.shared {
            return (taps.clone(), 0);
        }
        let met = self.met(term, slice, axis);
        let whole = axis == 1 && slice.whole_rows && self.size[1] == unit.output.width;
        let read = match &met {
            _ if whole => 0..side,
            Some(met) => met.clone(),
            None => 0..1,
        };
        if met.is_none() {
            // Behind all of them.
            let behind = i32::try_from(read.end).unwrap_or(i32::MAX);
            return (read, -behind);
        }
        let first = self.sums_start[axis] * term.window.stride[axis] + taps.start;
        let pad = (term.window.pads[axis] + read.start) as i64 - first as i64;
        (read, pad.clamp(i32::MIN.into(), i32::MAX.into()) as i32)
    }

    /// Whether a slice adds something to the window's sums.
    pub fn meets(&self, term: &Term, slice: &Slice) -> bool {
        term.shared || (0..2).all(|axis| self.met(term, slice, axis).is_some())
    }

    /// The rows or columns of the input that meet the window's sums.
    fn met(&self, term: &Term, slice: &Slice, axis: usize) -> Option<Range<usize>> {
        let side = [term.input.height, term.input.width][axis];
        let (stride, pad) = (term.window.stride[axis], term.window.pads[axis]);
        let taps = &slice.taps[axis];
        let of = |first: usize, last: usize| {
            let start = (first * stride + taps.start).saturating_sub(pad);
            let end = (last * stride + taps.end).saturating_sub(pad).min(side);
            (start < end).then_some(start..end)
        };
        let (first, last) = (
            self.sums_start[axis],
            self.sums_start[axis] + self.sums[axis] - 1,
        );
        if stride <= taps.len() {
            return of(first, last);
        }
        // Between places there are positions that none meets.
        let mut met = (first..=last).filter_map(|place| of(place, place));
        let start = met.next()?;
        Some(start.start..met.next_back().map_or(start.end, |end| end.end))
    }

    /// The geometry of the pass that adds a slice of a term to the window's sums.
    pub fn geometry(&self, unit: &Unit, term: &Term, slice: &Slice, channels: usize) -> Geometry {
        let (rows, top) = self.input(unit, term, slice, 0);
        let (columns, left) = self.input(unit, term, slice, 1);
        let size = slice.taps.each_ref().map(Range::len);
        let kernel = if term.shared {
            Kernel::Shared
        } else if unit.sums == [1, 1] {
            Kernel::Whole {
                size,
                pad: [top, left],
            }
        } else {
            Kernel::Slides {
                size,
                stride: term.window.stride,
                pad: [top, left],
            }
        };
        Geometry {
            channels,
            input: [rows.len(), columns.len()],
            kernel,
            output: self.sums,
            pool: self.pool(unit),
        }
    }
}

/// What passes may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits<'a> {
    pub config: &'a Config,
    /// Inputs and outputs of each pass are in activation memory for it alone.
    pub spilled: bool,
    /// Two runs have room beside each other in all that is loaded.
    pub overlap: bool,
}

impl Limits<'_> {
    /// Words of a memory that a pass may take.
    pub fn words(&self, memory: Memory) -> usize {
        let words = words(self.config, memory);
        let loaded = matches!(
            memory,
            Memory::WeightStore
                | Memory::Columns
                | Memory::Codebook
                | Memory::Passes
                | Memory::Tables
        );
        if loaded && self.overlap {
            words / 2
        } else {
            words
        }
    }
}

/// Non-zeros of some taps of a term: by packed output channel, then bank word of its input.
pub(super) type Counts = Vec<Vec<u32>>;

/// What one unit is to be cut for.
pub(super) struct Subject<'a> {
    pub unit: &'a Unit,
    /// Rows of all its outputs.
    pub rows: usize,
    pub wide: bool,
    pub readings: &'a [Reading],
    /// Layout of what each term reads.
    pub sources: Vec<&'a Layout>,
    /// Counts the non-zeros of some taps of a term.
    pub count: &'a dyn Fn(usize, &Taps) -> Counts,
    /// Which taps of a term have a weight.
    pub used: &'a dyn Fn(usize) -> Vec<bool>,
    /// Words of each term's pool in a PE; none where its weights are not picked by a hash.
    pub pools: &'a [Option<usize>],
    pub memo: Memo,
}

/// What is counted once.
#[derive(Default)]
pub(super) struct Memo {
    counts: RefCell<HashMap<(usize, Taps), Rc<Counts>>>,
    used: RefCell<HashMap<usize, Rc<OnceCell<Vec<bool>>>>>,
}

impl Subject<'_> {
    /// Bank words of the input of a term, over which ranges go.
    pub fn groups(&self, term: usize) -> usize {
        self.sources[term].groups(self.readings[term])
    }

    /// The most rows and columns of a term's kernel in a pass of any configuration.
    fn most_taps(&self, term: usize) -> [usize; 2] {
        match self.readings[term] {
            Reading::Flat => slice::sides(&self.unit.terms[term]),
            Reading::Map => slice::most(&self.unit.terms[term], self.unit.sums == [1, 1]),
        }
    }

    /// The taps of each pass that a cut makes of a term.
    fn taps(&self, term: usize, cut: &Cut, limits: &Limits<'_>) -> Vec<Taps> {
        let t = &self.unit.terms[term];
        let mut most = self.most_taps(term);
        // Maps that stay on the chip are read row by row.
        if !t.shared || limits.spilled {
            most = [0, 1].map(|axis| most[axis].min(cut.taps[axis]));
        }
        if self.readings[term] == Reading::Flat {
            most = slice::sides(t);
        }
        let known = self.memo.used.borrow_mut().entry(term).or_default().clone();
        let used = || known.get_or_init(|| (self.used)(term)).clone();
        slice::cut(t, most, used)
    }

    /// The slices that a cut makes of the terms, in order.
    pub fn slices(&self, cut: &Cut, limits: &Limits<'_>) -> Vec<Slice> {
        let mut slices = Vec::new();
        for (term, t) in self.unit.terms.iter().enumerate() {
            let groups = self.groups(term);
            let ranges = (0..groups).step_by(cut.groups);
            let ranges = ranges.map(|start| start..(start + cut.groups).min(groups));
            let [_, width] = slice::sides(t);
            let of = |taps: &Taps, groups: Range<usize>| Slice {
                term,
                taps: taps.clone(),
                groups,
                whole_rows: !limits.spilled || taps[1] == (0..width),
            };
            let taps = self.taps(term, cut, limits);
            if t.shared {
                // Passes over parts of a map have the same weights, which are loaded once.
                slices
                    .extend(ranges.flat_map(|g| taps.iter().map(move |taps| of(taps, g.clone()))));
            } else {
                let of = |taps| ranges.clone().map(move |groups| of(taps, groups));
                slices.extend(taps.iter().flat_map(of));
            }
        }
        slices
    }

    /// Entries of the fullest PE for some rows of a slice.
    fn entries(&self, slice: &Slice, rows: &Range<usize>, pes: usize) -> usize {
        let key = (slice.term, slice.taps.clone());
        let key = match self.unit.terms[slice.term].shared {
            true => (slice.term, [0..1, 0..1]),
            false => key,
        };
        let known = self.memo.counts.borrow().get(&key).cloned();
        let counts = known.unwrap_or_else(|| {
            let counts = Rc::new((self.count)(key.0, &key.1));
            let mut memo = self.memo.counts.borrow_mut();
            memo.insert(key, counts.clone());
            counts
        });
        let of = |pe: usize| {
            let rows = rows.clone().map(|row| &counts[row * pes + pe]);
            let words = rows.flat_map(|row| &row[slice.groups.clone()]);
            words.map(|&n| n as usize).sum::<usize>()
        };
        (0..pes).map(of).max().unwrap_or(0)
    }

    /// The largest cut that the memories hold, and the memory that is short where none does.
    pub fn cut(&self, limits: &Limits<'_>) -> Result<Cut, (Memory, usize)> {
        let unit = self.unit;
        let terms = || 0..unit.terms.len();
        let most_groups = terms().map(|t| self.groups(t)).max().unwrap_or(1);
        let most_taps = |axis: usize| terms().map(|t| self.most_taps(t)[axis]).max().unwrap_or(1);
        let mut cut = Cut {
            rows: self.rows,
            window: [unit.output.height, unit.output.width],
            groups: most_groups,
            taps: [most_taps(0), most_taps(1)],
        };
        while let Some((memory, need)) = self.shortage(&cut, limits) {
            let half = |n: &mut usize| {
                let shrinks = *n > 1;
                *n = n.div_ceil(2);
                shrinks
            };
            // A hash counts rows from the first.
            let rows_stay = self.pools.iter().any(Option::is_some);
            let half_rows = |rows: &mut usize| !rows_stay && half(rows);
            // What only fits kernel by kernel is not cut for overlap too: it would be loaded many times.
            let whole = limits.overlap;
            let half_kernel =
                |taps: &mut [usize; 2]| !whole && (half(&mut taps[0]) || half(&mut taps[1]));
            let half_taps = |taps: &mut [usize; 2]| {
                let [height, width] = *taps;
                !whole && half(&mut taps[usize::from(width > height)])
            };
            let spilled = limits.spilled;
            let large = self.outputs(&cut, limits) > limits.words(memory) / 2;
            let [height, width] = &mut cut.window;
            let taps = &mut cut.taps;
            let shrunk = match memory {
                Memory::Accumulators => {
                    half(height) || (spilled && half(width)) || half_rows(&mut cut.rows)
                }
                Memory::Tables => {
                    half(height)
                        || (spilled && half(width))
                        || half_rows(&mut cut.rows)
                        || (spilled && half_taps(taps))
                }
                Memory::Activations => {
                    spilled
                        && (half(height)
                            || half(width)
                            || (large && half_rows(&mut cut.rows))
                            || half(&mut cut.groups)
                            || half_rows(&mut cut.rows)
                            || half_taps(taps))
                }
                Memory::Columns => half(&mut cut.groups) || half_kernel(taps),
                Memory::Rows => half_rows(&mut cut.rows),
                Memory::WeightStore => {
                    spilled
                        && (half_rows(&mut cut.rows) || half(&mut cut.groups) || half_kernel(taps))
                }
                Memory::Codebook | Memory::Passes => false,
            };
            if !shrunk {
                return Err((memory, need));
            }
        }
        Ok(cut)
    }

    /// Bank words that a pass drains to, at most.
    fn outputs(&self, cut: &Cut, limits: &Limits<'_>) -> usize {
        cut.rows * cut.window[0] * cut.window[1] * self.value_words(limits.config)
    }

    /// Bank words of a value that is drained.
    fn value_words(&self, config: &Config) -> usize {
        if self.wide { config.acts_per_word() } else { 1 }
    }

    /// The first memory that is too small for a pass of this cut, and what it would need.
    fn shortage(&self, cut: &Cut, limits: &Limits<'_>) -> Option<(Memory, usize)> {
        let (config, unit) = (limits.config, self.unit);
        let pes = config.num_pes;
        let exceeds =
            |memory: Memory, need: usize| (need > limits.words(memory)).then_some((memory, need));
        let areas = Area::all(unit, cut.window);
        for slice in self.slices(cut, limits) {
            let (term, groups) = (slice.term, &slice.groups);
            let source = self.sources[term];
            let reading = self.readings[term];
            // First, since fewer channels are all that helps, and leave room for larger windows.
            let segments = match reading {
                Reading::Map if !unit.terms[term].shared => {
                    slice.taps.iter().map(Range::len).product()
                }
                _ => 1,
            };
            let columns = source.columns(reading, groups, pes);
            let pointers = match self.pools[term] {
                // Tokens name columns with the bits of a column pointer.
                Some(words) => {
                    words
                        .div_ceil(POOL_COLUMN)
                        .max(groups.start * pes + columns)
                        + 1
                }
                None => columns * segments + 1,
            };
            let found = exceeds(Memory::Columns, pointers);
            if found.is_some() {
                return found;
            }
            for area in &areas {
                let sums = area.sums[0] * area.sums[1];
                let found = exceeds(Memory::Accumulators, cut.rows * sums);
                if found.is_some() {
                    return found;
                }
                let mut taps = 1;
                let mut inputs = groups.len();
                if reading == Reading::Map {
                    let geometry = area.geometry(unit, &unit.terms[term], &slice, source.channels);
                    taps = geometry.taps();
                    inputs *= geometry.input[0] * geometry.input[1];
                    let pooled = geometry.pool.map_or([0, 0], |pool| pool.output);
                    let need = |axis: usize| geometry.input[axis] + pooled[axis];
                    let need = need(0).max(need(1));
                    let found = exceeds(Memory::Tables, need);
                    if found.is_some() {
                        return found;
                    }
                }
                let found = exceeds(Memory::Rows, cut.rows * taps);
                if found.is_some() {
                    return found;
                }
                if limits.spilled {
                    let outputs = cut.rows * area.positions() * self.value_words(config);
                    let found = exceeds(Memory::Activations, inputs + outputs);
                    if found.is_some() {
                        return found;
                    }
                }
            }
            if limits.spilled {
                for row in (0..self.rows).step_by(cut.rows) {
                    let rows = row..(row + cut.rows).min(self.rows);
                    let entries = match self.pools[term] {
                        Some(words) => words,
                        None => self.entries(&slice, &rows, pes),
                    };
                    // A padding zero for each step of 256 rows at most.
                    let padding = segments * cut.rows / 256 * groups.len() * pes;
                    let need = entries + padding.min(1 << 16) + rows.len();
                    let pointers = groups.len() * pes * segments + 1;
                    let have = limits.words(Memory::WeightStore);
                    let have = have.min(config.store_words(pointers));
                    if need > have {
                        return Some((Memory::WeightStore, need));
                    }
                }
            }
        }
        None
    }
}
