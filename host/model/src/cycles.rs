//! How many cycles the engine takes for a pass, without simulating it.
//!
//! [`Scatter`] follows each token from the scan to the PEs and keeps, of every stage, only the cycle
//! in which the token reaches it: the scan gives a token a cycle, the broadcast sends one when every
//! FIFO that it goes to has room, a PE takes an entry a cycle and seeks ahead. With weights in block
//! RAM that is what the gateware does, cycle by cycle; with a single-port store seek and walk are one
//! time of service. It knows nothing of values: a token is the number of its entries in each PE, so
//! tokens of maps can be counted as well as those of [`dense`] passes.

use crate::geometry::Geometry;
use crate::image::{Image, ImageError, Pass};
use crate::reference::Reference;
use std::collections::VecDeque;
use thresh_regs::{Config, WeightStore};

/// Stages between the scan's token register and the FIFOs: looked up, sent.
const SEND_LATENCY: u64 = 2;
/// Tokens that stand in the broadcast when it stands still: held, looked up, sent.
const SEND_SLOTS: usize = 3;
/// Stages that add a lane's column on an engine that runs maps.
const LANE_STAGES: usize = 2;
/// Cycle in which the first vector lies in the scan's register.
const FIRST_VECTOR: u64 = 2;
/// From the last entry's address to the cycle in which the sequencer sees the PE at rest.
const FLUSH_LATENCY: u64 = 7;
/// The same from the cycle in which a column without entries is found.
const EMPTY_LATENCY: u64 = 2;
/// Cycles that a pass without a map fetches its descriptor, and one with.
const FETCH: u64 = 7;
const FETCH_MAP: u64 = 13;
/// The same of a hashed pass, whether over a map or not.
const FETCH_HASHED: u64 = 14;
/// Stages between the walk and the entry's address in a hashed store.
const HASH_STAGES: u64 = 5;
/// Cycles before a pooling drain knows its first window.
const POOL_START: u64 = 2;
/// From a column found to the cycle of its first entry's address, through the queue.
const QUEUE_LATENCY: u64 = 2;
/// Cycles of a drain beside one for each bank word that a PE writes; one more where pools are built in.
const DRAIN_LATENCY: u64 = 6;
/// Cycles of a seek in a single-port store.
const SEEK: u64 = 2;

/// Cycles of a pass, by phase, as the engine's counters have them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassCycles {
    /// Fetching the descriptor.
    pub fetch: u64,
    /// Scanning and broadcasting.
    pub scan: u64,
    /// PEs at work after the last broadcast.
    pub flush: u64,
    /// Draining accumulators.
    pub drain: u64,
    /// Of `scan`, those in which a token waited for a full FIFO.
    pub stalls: u64,
}

impl PassCycles {
    /// Cycles of all phases.
    pub fn total(&self) -> u64 {
        self.fetch + self.scan + self.flush + self.drain
    }
}

/// Scan, broadcast and PEs of one pass, token by token.
#[derive(Clone, Debug)]
pub struct Scatter {
    pes: Vec<Pe>,
    fifo_depth: usize,
    queue_depth: usize,
    store: WeightStore,
    lane_stages: usize,
    /// Cycle in which the vector at hand lies in the scan's register, and in its lanes if it holds
    /// something.
    vector: Option<(u64, Option<u64>)>,
    /// Cycle in which the last token stands in its register.
    token: u64,
    /// Cycle in which it leaves it.
    leaves: u64,
    /// Cycles in which the last tokens were sent, the latest last.
    sent: VecDeque<u64>,
    stalls: u64,
}

/// What a PE's next token meets.
#[derive(Clone, Debug, Default)]
struct Pe {
    /// Cycles in which the tokens that may still fill the FIFO leave it.
    pops: VecDeque<u64>,
    /// Cycle in which the last token's pointers are known, and in which they go to the queue.
    found: u64,
    leaves: u64,
    /// Cycles in which the walks of the columns that may still fill the queue begin.
    walks: VecDeque<u64>,
    /// Cycle in which its walk, or its seek at the one port, begins.
    walk: u64,
    /// Cycle in which the walk, or the one port, is free.
    free: u64,
    /// Cycle of the last entry's address.
    last: u64,
    entries: u64,
}

impl Scatter {
    /// The engine of `config`, at the start of a pass.
    pub fn new(config: &Config) -> Self {
        Scatter {
            pes: vec![Pe::default(); config.num_pes],
            fifo_depth: 1 << config.fifo_addr_bits,
            queue_depth: 1 << config.queue_addr_bits,
            store: config.store,
            lane_stages: if config.maps { LANE_STAGES } else { 0 },
            vector: None,
            token: 0,
            leaves: 0,
            sent: VecDeque::new(),
            stalls: 0,
        }
    }

    /// The scan reads a vector, of all its banks, of zeros.
    pub fn empty_vector(&mut self) {
        let here = self.next_vector();
        self.vector = Some((here, None));
    }

    /// The scan reads a vector that holds something; its tokens follow.
    pub fn vector(&mut self) {
        let here = self.next_vector();
        // Lanes are loaded while the last token of the vector before goes on to its register.
        self.vector = Some((here, Some((here + 1).max(self.token))));
    }

    fn next_vector(&self) -> u64 {
        match self.vector {
            None => FIRST_VECTOR,
            Some((here, lanes)) => (here + 1).max(lanes.unwrap_or(0)),
        }
    }

    /// A token of the vector at hand: its entries in each PE, by PE; none in a PE that it is not sent
    /// to.
    ///
    /// # Panics
    /// If no vector was read.
    pub fn token(&mut self, entries: impl IntoIterator<Item = Option<usize>> + Clone) {
        let lanes = self.vector.and_then(|(_, lanes)| lanes);
        let lanes = lanes.expect("a token is of a vector that holds something");
        self.token = (lanes + 1).max(if self.sent.is_empty() {
            0
        } else {
            self.leaves + 1
        });
        let slots = SEND_SLOTS + self.lane_stages;
        let room = self.sent.len().checked_sub(slots).map(|i| self.sent[i] + 1);
        self.leaves = self.token.max(room.unwrap_or(0));
        let arrives = self.leaves + SEND_LATENCY + self.lane_stages as u64;
        let due = arrives.max(self.sent.back().map_or(0, |sent| sent + 1));
        let wanting = || {
            self.pes
                .iter()
                .zip(entries.clone())
                .filter(|(_, n)| n.is_some())
        };
        let room = wanting().map(|(pe, _)| pe.room(self.fifo_depth)).max();
        if room.is_none() {
            // Nobody wants it: it goes by.
            self.sent_at(due, slots);
            return;
        }
        let sent = due.max(room.unwrap_or(0));
        self.stalls += sent - due;
        self.sent_at(sent, slots);
        for (pe, entries) in self.pes.iter_mut().zip(entries) {
            if let Some(entries) = entries {
                let depths = (self.fifo_depth, self.queue_depth);
                pe.push(sent, entries as u64, depths, self.store);
            }
        }
    }

    fn sent_at(&mut self, cycle: u64, slots: usize) {
        if self.sent.len() == slots {
            self.sent.pop_front();
        }
        self.sent.push_back(cycle);
    }

    /// Entries that each PE was given so far.
    pub fn work(&self) -> impl Iterator<Item = u64> + '_ {
        self.pes.iter().map(|pe| pe.entries)
    }

    /// The cycles of scan and flush when no token follows; the other phases are 0.
    pub fn end(&self) -> PassCycles {
        let sent = self.sent.back().copied().unwrap_or(0);
        let read = self.vector.map_or(0, |(here, _)| here);
        let scan = sent.max(read) + 2;
        let busy = self.pes.iter().filter(|pe| !pe.pops.is_empty());
        let stages = match self.store {
            WeightStore::Hashed => HASH_STAGES,
            _ => 0,
        };
        let rest = busy.map(|pe| pe.rest(stages)).max().unwrap_or(0);
        PassCycles {
            scan,
            flush: (rest + 1).saturating_sub(scan).max(1),
            stalls: self.stalls,
            ..PassCycles::default()
        }
    }
}

impl Pe {
    /// The cycle in which the sequencer sees it at rest.
    fn rest(&self, stages: u64) -> u64 {
        let walked = match self.entries {
            0 => 0,
            _ => self.last + FLUSH_LATENCY + stages,
        };
        walked.max(self.leaves + EMPTY_LATENCY)
    }

    /// The first cycle in which the FIFO takes a token.
    fn room(&self, depth: usize) -> u64 {
        let oldest = self.pops.len().checked_sub(depth);
        oldest.map_or(0, |i| self.pops[i] + 1)
    }

    fn push(
        &mut self,
        sent: u64,
        entries: u64,
        (depth, queue): (usize, usize),
        store: WeightStore,
    ) {
        let before = self.pops.back().map_or(0, |pop| pop + 1);
        let pop;
        match store {
            WeightStore::BlockRam | WeightStore::Hashed => {
                pop = (sent + 1).max(before).max(self.found.saturating_sub(1));
                self.found = (pop + 2).max(self.leaves + 1);
                let full = self.walks.len().checked_sub(queue);
                let room = full.map_or(0, |i| self.walks[i]);
                self.leaves = self.found;
                if entries > 0 {
                    self.leaves = self.found.max(room);
                    self.walk = (self.leaves + QUEUE_LATENCY).max(self.free);
                    self.free = self.walk + entries;
                    if self.walks.len() == queue {
                        self.walks.pop_front();
                    }
                    self.walks.push_back(self.walk);
                }
            }
            WeightStore::SinglePort => {
                // One token waits in a register while another has the port.
                pop = (sent + 1).max(before).max(self.walk);
                self.walk = (pop + 1).max(self.free);
                self.free = self.walk + SEEK + entries;
            }
        }
        self.last = self.free.max(1) - 1;
        self.entries += entries;
        if self.pops.len() == depth {
            self.pops.pop_front();
        }
        self.pops.push_back(pop);
    }
}

/// Entries of every column in every PE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryCounts {
    num_pes: usize,
    /// By column, then PE.
    counts: Vec<u16>,
}

impl EntryCounts {
    /// Those of a pass without a map.
    ///
    /// # Errors
    /// If a stream is malformed.
    pub fn new(pass: &Pass) -> Result<Self, ImageError> {
        let num_pes = pass.pes.len();
        let mut counts = vec![0; pass.columns() * num_pes];
        if pass.descriptor.hashed {
            return Ok(EntryCounts::hashed(pass));
        }
        for (pe, decoded) in pass.decoded().enumerate() {
            let decoded = decoded?;
            for (column, entries) in decoded.columns.iter().enumerate() {
                counts[column * num_pes + pe] = entries.len() as u16;
            }
        }
        Ok(EntryCounts { num_pes, counts })
    }

    /// Those of a hashed pass: every column means all rows.
    fn hashed(pass: &Pass) -> Self {
        let num_pes = pass.pes.len();
        let rows = |at: usize| pass.hashed_rows(at % num_pes) as u16;
        EntryCounts {
            num_pes,
            counts: (0..pass.columns() * num_pes).map(rows).collect(),
        }
    }

    /// Those of one column, by PE.
    pub fn column(&self, column: usize) -> impl Iterator<Item = usize> + Clone + '_ {
        let start = column * self.num_pes;
        let counts = &self.counts[start..start + self.num_pes];
        counts.iter().map(|&count| usize::from(count))
    }
}

/// What a pass without a map costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DenseCost {
    /// Its cycles.
    pub cycles: PassCycles,
    /// Multiply-accumulates of each PE.
    pub work: Vec<u64>,
}

impl DenseCost {
    /// The largest number of multiply-accumulates of a PE over their mean; 1 when there are none.
    pub fn imbalance(&self) -> f64 {
        let sum: u64 = self.work.iter().sum();
        match self.work.iter().max() {
            Some(&most) if sum > 0 => most as f64 * self.work.len() as f64 / sum as f64,
            _ => 1.0,
        }
    }
}

/// The cost of a fully connected pass on the engine of `config`, when its input is `acts`: one a
/// column, in packed order. `counts` are those of `pass`.
///
/// # Panics
/// If the pass has a map, or `acts` has another length.
pub fn dense(config: &Config, pass: &Pass, counts: &EntryCounts, acts: &[u16]) -> DenseCost {
    assert!(pass.geometry.is_none(), "the pass has a map");
    assert_eq!(acts.len(), pass.columns(), "an activation for each column");
    let mut scatter = Scatter::new(config);
    for (group, vector) in acts.chunks(config.num_pes).enumerate() {
        if vector.iter().all(|&act| act == 0) {
            scatter.empty_vector();
            continue;
        }
        scatter.vector();
        for (lane, _) in vector.iter().enumerate().filter(|(_, act)| **act != 0) {
            let entries = counts.column(group * config.num_pes + lane);
            let everyone = pass.descriptor.hashed;
            scatter.token(entries.map(|n| (n > 0 || everyone).then_some(n)));
        }
    }
    let d = &pass.descriptor;
    let words = d.value_words(config.act_bits) as u64;
    DenseCost {
        cycles: PassCycles {
            fetch: if d.hashed { FETCH_HASHED } else { FETCH },
            drain: if d.keep {
                0
            } else {
                u64::from(d.accs) * words + DRAIN_LATENCY + u64::from(config.maps)
            },
            ..scatter.end()
        },
        work: scatter.work().collect(),
    }
}

/// Entries of every segment in every PE.
struct Segments {
    num_pes: usize,
    /// Every PE has entries.
    everyone: bool,
    /// By segment, then PE.
    counts: Vec<u16>,
    /// The same, summed over each kernel row, at its first segment.
    rows: Vec<u16>,
}

impl Segments {
    fn new(pass: &Pass, geometry: &Geometry) -> Result<Self, ImageError> {
        let num_pes = pass.pes.len();
        let (segments, taps) = (geometry.segments(), geometry.taps());
        if pass.descriptor.hashed {
            let counts = EntryCounts::hashed(pass).counts;
            return Ok(Segments {
                num_pes,
                everyone: true,
                rows: counts.clone(),
                counts,
            });
        }
        let height = usize::from(pass.descriptor.rows);
        let mut counts = vec![0u16; pass.columns() * segments * num_pes];
        for (pe, decoded) in pass.decoded().enumerate() {
            let decoded = decoded?;
            for (column, entries) in decoded.columns.iter().enumerate() {
                let mut row = 0;
                for entry in entries {
                    row += usize::from(entry.step);
                    counts[(column * segments + row / height) * num_pes + pe] += 1;
                    row += 1;
                }
            }
        }
        let mut rows = counts.clone();
        for (i, &count) in counts.iter().enumerate() {
            let (segment, pe) = (i / num_pes, i % num_pes);
            let first = segment / taps * taps;
            if first != segment {
                rows[first * num_pes + pe] += count;
            }
        }
        Ok(Segments {
            num_pes,
            everyone: false,
            counts,
            rows,
        })
    }

    /// What a token of `count` segments from `first` on finds in each PE, if its kernel row, at `row`, has
    /// entries there.
    fn token(&self, row: usize, first: usize, count: usize, token: &mut Vec<Option<usize>>) {
        let pes = self.num_pes;
        let rows = self.rows[row * pes..][..pes].iter();
        token.clear();
        token.extend(rows.map(|&entries| (entries > 0 || self.everyone).then_some(0)));
        for counts in self.counts[first * pes..][..count * pes].chunks_exact(pes) {
            for (sum, &n) in token.iter_mut().zip(counts) {
                if let Some(sum) = sum {
                    *sum += usize::from(n);
                }
            }
        }
    }
}

/// The cycles of every pass of `image` on the engine of `config`, for one input.
///
/// # Errors
/// If the image is not sound, or the input has another length.
pub fn predict(
    config: &Config,
    reference: &Reference,
    input: &[u8],
) -> Result<Vec<PassCycles>, ImageError> {
    predict_each(config, reference, input, |_| {})
}

/// As [`predict`]; `progress` is told the index of every pass before it is counted.
///
/// # Errors
/// As [`predict`].
pub fn predict_each(
    config: &Config,
    reference: &Reference,
    input: &[u8],
    mut progress: impl FnMut(usize),
) -> Result<Vec<PassCycles>, ImageError> {
    let image = reference.image();
    let mut all = Vec::new();
    let mut known = None;
    reference.observe(input, |pass, memory| {
        progress(pass);
        all.push(pass_cycles(config, image, pass, memory, &mut known)?);
        Ok(())
    })?;
    Ok(all)
}

/// The entries that a pass finds, and whose weights they are: windows of one unit share them.
type Known = Option<(usize, Found)>;

enum Found {
    Columns(EntryCounts),
    Segments(Segments),
}

/// The entries of the weights of pass `index`.
fn found<'a>(image: &Image, index: usize, known: &'a mut Known) -> Result<&'a Found, ImageError> {
    let owner = image.weights_of(index);
    if known.as_ref().is_none_or(|(of, _)| *of != owner) {
        let source = &image.passes[owner];
        let found = match &image.passes[index].geometry {
            None => Found::Columns(EntryCounts::new(source)?),
            Some(geometry) => Found::Segments(Segments::new(source, geometry)?),
        };
        return Ok(&known.insert((owner, found)).1);
    }
    Ok(&known.as_ref().expect("just looked at").1)
}

/// The cycles of one pass, when activation memory holds `memory`.
fn pass_cycles(
    config: &Config,
    image: &Image,
    index: usize,
    memory: &[u16],
    known: &mut Known,
) -> Result<PassCycles, ImageError> {
    let pass = &image.passes[index];
    let found = found(image, index, known)?;
    let (d, pes) = (&pass.descriptor, config.num_pes);
    let start = usize::from(d.in_base) * pes;
    let (g, segments) = match (&pass.geometry, found) {
        (Some(g), Found::Segments(segments)) => (g, segments),
        (None, Found::Columns(counts)) => {
            let acts = &memory[start..start + pass.columns()];
            return Ok(dense(config, pass, counts, acts).cycles);
        }
        _ => unreachable!("passes that share weights are of one shape"),
    };
    let mut token = Vec::new();
    let tables = g.tables(d.rows.into());
    let groups = usize::from(d.groups);
    let stride = groups - 1 + usize::from(d.in_step);
    let mut scatter = Scatter::new(config);
    for (y, row) in tables.y.iter().enumerate() {
        for (x, column) in tables.x.iter().enumerate() {
            for group in 0..groups {
                let at = start + ((y * tables.x.len() + x) * stride + group) * pes;
                let lanes = (0..pes).filter(|&lane| memory[at + lane] != 0);
                let lanes: Vec<usize> = lanes.collect();
                if lanes.is_empty() || row.count == 0 || column.count == 0 {
                    scatter.empty_vector();
                    continue;
                }
                scatter.vector();
                for tap in 0..usize::from(row.count) {
                    for &lane in &lanes {
                        let unit = (group * pes + lane) * g.segments()
                            + usize::from(row.column + column.column)
                            + tap * usize::from(d.tap_columns);
                        let first = unit + usize::from(column.start);
                        segments.token(unit, first, column.count.into(), &mut token);
                        scatter.token(token.iter().copied());
                    }
                }
            }
        }
    }
    let latency = DRAIN_LATENCY + u64::from(config.maps);
    let drain = match &g.pool {
        _ if d.keep => 0,
        None => u64::from(d.accs) * d.value_words(config.act_bits) as u64 + latency,
        Some(_) => {
            let rows = u64::from(d.rows);
            let windows = tables.pool_y.iter().flat_map(|y| {
                let across = tables.pool_x.iter();
                across.map(move |x| rows * u64::from(x.count * y.count))
            });
            // A position of one accumulator waits a cycle for the tables, the last one while its
            // result is on its way.
            let windows: Vec<u64> = windows.collect();
            let last = windows
                .last()
                .map_or(0, |&cycles| 2u64.saturating_sub(cycles));
            let walk = POOL_START + windows.iter().map(|&cycles| cycles.max(2)).sum::<u64>();
            let sweep = if d.sweep { u64::from(d.accs) + 1 } else { 0 };
            (walk - last + latency).max(walk + sweep)
        }
    };
    Ok(PassCycles {
        fetch: if d.hashed { FETCH_HASHED } else { FETCH_MAP },
        drain,
        ..scatter.end()
    })
}

#[cfg(test)]
mod tests;
