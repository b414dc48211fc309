//! What a pass over a map does: kernel, stride, padding, pool; and what the engine is told of it.
//!
//! The engine knows no geometry but two tables, a word for each row and each column of a map. They
//! are made here; the reference goes by [`Geometry`] itself.

use thresh_regs::{PassDescriptor, TableWord};

/// The most rows or columns of a kernel or a pool window: a table word has four bits for them.
pub const MOST_TAPS: usize = 15;

/// The most segments of a column: a load has eight bits for them.
pub const MOST_SEGMENTS: usize = 255;

/// The largest height or width.
pub const MOST_SIDE: usize = u16::MAX as usize;

/// The geometry of a pass over a map: a convolution, and perhaps a pool behind it. Pairs are height
/// and width, or down and to the right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Input channels; those that fill up the last bank word are not counted.
    pub channels: usize,
    /// The map that is read.
    pub input: [usize; 2],
    /// What is done with each position.
    pub kernel: Kernel,
    /// The map of sums.
    pub output: [usize; 2],
    /// What the drain makes of it.
    pub pool: Option<Places>,
}

/// How positions of the input meet positions of the sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// A kernel of this size slides with this stride; the first place begins `pad` positions before
    /// the map, inside it where that is below zero.
    Slides {
        /// Size.
        size: [usize; 2],
        /// Stride.
        stride: [usize; 2],
        /// Positions above and left of the map.
        pad: [i32; 2],
    },
    /// There is one place: every position meets the one sum of a channel with a weight of its own.
    Whole {
        /// Size.
        size: [usize; 2],
        /// Positions above and left of the map.
        pad: [i32; 2],
    },
    /// Every position meets the one sum of a channel, with one weight for all positions.
    Shared,
}

/// The places of a pool window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// Size of the window.
    pub size: [usize; 2],
    /// Stride.
    pub stride: [usize; 2],
    /// Positions above and left of the map of sums.
    pub pad: [usize; 2],
    /// Number of places.
    pub output: [usize; 2],
}

impl Places {
    /// First position and number of positions of the map that a window covers, on one axis.
    pub fn window(&self, axis: usize, place: usize, side: usize) -> (usize, usize) {
        let start = place * self.stride[axis];
        let end = (start + self.size[axis])
            .saturating_sub(self.pad[axis])
            .min(side);
        let start = start.saturating_sub(self.pad[axis]);
        (start, end.saturating_sub(start))
    }

    /// Whether on one axis every position of the map is in exactly one window.
    fn tiles(&self, axis: usize, side: usize) -> bool {
        let mut next = 0;
        for place in 0..self.output[axis] {
            let (start, count) = self.window(axis, place, side);
            if start != next {
                return false;
            }
            next = start + count;
        }
        next == side
    }
}

/// The words of the geometry tables that a pass reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// One word a column of the input map.
    pub x: Vec<TableWord>,
    /// One word a row of the input map.
    pub y: Vec<TableWord>,
    /// One word a column of the pooled map; none without a pool.
    pub pool_x: Vec<TableWord>,
    /// One word a row of the pooled map; none without a pool.
    pub pool_y: Vec<TableWord>,
}

impl Kernel {
    /// A kernel of one position that visits every one.
    pub const POINT: Kernel = Kernel::Slides {
        size: [1, 1],
        stride: [1, 1],
        pad: [0, 0],
    };

    /// Height and width.
    pub fn size(&self) -> [usize; 2] {
        match *self {
            Kernel::Slides { size, .. } | Kernel::Whole { size, .. } => size,
            Kernel::Shared => [1, 1],
        }
    }

    fn stride(&self) -> [usize; 2] {
        match *self {
            Kernel::Slides { stride, .. } => stride,
            Kernel::Whole { .. } | Kernel::Shared => [1, 1],
        }
    }

    /// The place of the window in which offset `k` meets position `at`, on one axis, if there is one
    /// among `places`.
    pub fn place(&self, axis: usize, at: usize, k: usize, places: usize) -> Option<usize> {
        match *self {
            Kernel::Slides { stride, pad, .. } => {
                let start = behind(at, pad[axis])?.checked_sub(k)?;
                let place = start
                    .is_multiple_of(stride[axis])
                    .then_some(start / stride[axis])?;
                (place < places).then_some(place)
            }
            Kernel::Whole { pad, .. } => (behind(at, pad[axis]) == Some(k)).then_some(0),
            Kernel::Shared => Some(0),
        }
    }
}

/// A position counted from `pad` positions before the map; none if it lies before them.
fn behind(at: usize, pad: i32) -> Option<usize> {
    usize::try_from(at as i64 + i64::from(pad)).ok()
}

impl Geometry {
    /// Column pointers of an input channel: kernel height times width.
    pub fn segments(&self) -> usize {
        let [height, width] = self.kernel.size();
        height * width
    }

    /// Whether there is one place, so that each segment is sought for itself.
    fn single(&self) -> bool {
        !matches!(self.kernel, Kernel::Slides { .. })
    }

    /// Segments that a load counts rows across: a kernel row, or one segment.
    pub fn taps(&self) -> usize {
        if self.single() {
            1
        } else {
            self.kernel.size()[1]
        }
    }

    /// The segment of kernel row `ky`, kernel column `kx`.
    ///
    /// In a kernel row, columns that meet the same positions (they differ by a multiple of the
    /// stride) stand together, the last first: then those that meet the map are neighbours, and
    /// their accumulators rise.
    pub fn segment(&self, ky: usize, kx: usize) -> usize {
        let width = self.kernel.size()[1];
        if self.single() {
            return ky * width + kx;
        }
        let stride = self.kernel.stride()[1];
        let (phase, m) = (kx % stride, kx / stride);
        ky * width + taps_before(width, stride, phase) + phase_taps(width, stride, phase) - 1 - m
    }

    /// Positions of the map of sums.
    pub fn positions(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Positions that are drained.
    pub fn drained(&self) -> [usize; 2] {
        self.pool.map_or(self.output, |pool| pool.output)
    }

    /// Accumulators of an output row, with `rows` accumulators a position.
    fn row_step(&self, rows: usize) -> usize {
        match self.single() {
            true => 0,
            false => rows * self.output[1],
        }
    }

    /// The words of the geometry tables, with `rows` accumulators a position.
    pub fn tables(&self, rows: usize) -> Tables {
        let row_step = self.row_step(rows);
        let (x, y) = match self.kernel {
            Kernel::Shared => {
                let word = TableWord {
                    count: 1,
                    ..TableWord::default()
                };
                (vec![word; self.input[1]], vec![word; self.input[0]])
            }
            Kernel::Whole { pad, .. } => {
                // One place: kernel offset and position with padding are the same.
                let words = |axis: usize, step: usize| {
                    let size = self.kernel.size()[axis];
                    let word = |at: usize| {
                        let Some(k) = behind(at, pad[axis]) else {
                            return TableWord::default();
                        };
                        TableWord {
                            column: column(k * step),
                            count: u16::from(k < size),
                            ..TableWord::default()
                        }
                    };
                    (0..self.input[axis]).map(word).collect()
                };
                (words(1, 1), words(0, self.kernel.size()[1]))
            }
            Kernel::Slides { pad, size, stride } => {
                let y = (0..self.input[0])
                    .map(|at| {
                        let Some(at) = behind(at, pad[0]) else {
                            return TableWord::default();
                        };
                        let meets = Meets::new(at, size[0], stride[0], self.output[0]);
                        TableWord {
                            base: wrap((meets.q - meets.first) * row_step as i64),
                            column: column(
                                (meets.phase + stride[0] * meets.first as usize) * size[1],
                            ),
                            start: 0,
                            count: meets.count(),
                        }
                    })
                    .collect();
                let x = (0..self.input[1])
                    .map(|at| {
                        let Some(at) = behind(at, pad[1]) else {
                            return TableWord::default();
                        };
                        let meets = Meets::new(at, size[1], stride[1], self.output[1]);
                        let before = taps_before(size[1], stride[1], meets.phase) as i64;
                        TableWord {
                            base: wrap((meets.q - before - meets.taps + 1) * rows as i64),
                            column: 0,
                            start: if meets.count() == 0 {
                                0
                            } else {
                                (before + meets.taps - 1 - meets.last) as u16
                            },
                            count: meets.count(),
                        }
                    })
                    .collect();
                (x, y)
            }
        };
        let pool = |axis: usize, step: usize| {
            let word = |pool: &Places, place: usize| {
                let (start, count) = pool.window(axis, place, self.output[axis]);
                TableWord {
                    base: wrap((start * step) as i64),
                    count: count as u16,
                    ..TableWord::default()
                }
            };
            let places = self.pool.iter();
            places
                .flat_map(|pool| (0..pool.output[axis]).map(move |place| word(pool, place)))
                .collect()
        };
        Tables {
            x,
            y,
            pool_x: pool(1, rows),
            pool_y: pool(0, row_step),
        }
    }

    /// Sets the fields of `descriptor` that follow from the geometry and its `rows`.
    pub fn describe(&self, descriptor: &mut PassDescriptor, num_pes: usize) {
        let rows = usize::from(descriptor.rows);
        let [height, width] = self.kernel.size();
        let stride = self.kernel.stride()[0];
        let sweeps = |pool: &Places| (0..2).any(|axis| !pool.tiles(axis, self.output[axis]));
        descriptor.map = true;
        descriptor.pool = self.pool.is_some();
        descriptor.sweep = self.pool.as_ref().is_some_and(sweeps);
        descriptor.segments = u8::try_from(height * width).unwrap_or(u8::MAX);
        descriptor.accs = short(rows * self.positions());
        descriptor.width = short(self.input[1]);
        descriptor.height = short(self.input[0]);
        descriptor.tap_columns = short(stride * width);
        descriptor.row_step = short(self.row_step(rows));
        descriptor.group_columns = short(num_pes * self.segments());
        let [pool_height, pool_width] = self.pool.map_or([0, 0], |pool| pool.output);
        descriptor.pool_width = short(pool_width);
        descriptor.pool_height = short(pool_height);
    }
}

/// Kernel columns of a phase: those that are `phase` modulo the stride.
fn phase_taps(size: usize, stride: usize, phase: usize) -> usize {
    size.saturating_sub(phase).div_ceil(stride)
}

/// Kernel columns of the phases before `phase`.
fn taps_before(size: usize, stride: usize, phase: usize) -> usize {
    // Later phases have none.
    (0..phase.min(size))
        .map(|p| phase_taps(size, stride, p))
        .sum()
}

/// The taps of one phase that meet places of the window: offsets `phase + stride * m`, at place
/// `q - m`, for `m` from `first` to `last`.
struct Meets {
    phase: usize,
    q: i64,
    taps: i64,
    first: i64,
    last: i64,
}

impl Meets {
    /// `at` counts from the beginning of the padding.
    fn new(at: usize, size: usize, stride: usize, places: usize) -> Self {
        let (q, phase) = ((at / stride) as i64, at % stride);
        let taps = phase_taps(size, stride, phase) as i64;
        Meets {
            phase,
            q,
            taps,
            first: (q - places as i64 + 1).max(0),
            last: (taps - 1).min(q),
        }
    }

    fn count(&self) -> u16 {
        (self.last - self.first + 1).max(0) as u16
    }
}

/// A number of accumulators as a table word holds it: modulo its field.
fn wrap(accumulators: i64) -> u16 {
    accumulators.rem_euclid(1 << 12) as u16
}

/// Column pointers as a table word holds them. A word that counts nothing may say more than fits.
fn column(pointers: usize) -> u16 {
    pointers.min((1 << 12) - 1) as u16
}

/// A number that fits where an image was checked.
fn short(value: usize) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
