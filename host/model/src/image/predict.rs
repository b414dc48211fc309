//! What a pass is expected to be: only what differs is written.

use super::{Image, Pass};
use crate::geometry::{Geometry, Kernel, Places};
use thresh_regs::PassDescriptor;

/// Fields of a descriptor, in the order of [`fields`].
pub(super) const FIELDS: u32 = 17;

/// What earlier passes say about one.
#[derive(Clone, Debug)]
pub(super) struct Context {
    pes: usize,
    passes: usize,
    index: usize,
    outputs: usize,
    /// Passes of the run left, this one included, of every run from this one on.
    runs: Vec<usize>,
    next_col: usize,
    next_bias: usize,
    next_codebook: usize,
    /// The map that is read next: base, words of a position, height and width.
    input: (usize, usize, [usize; 2]),
    channels: usize,
    in_signed: bool,
    before: Option<PassDescriptor>,
    geometry: Option<Geometry>,
}

impl Context {
    pub(super) fn new(image: &Image, passes: usize) -> Self {
        let framed = image.frame.around(image.input);
        let single = image.maps[0].positions == 1;
        Context {
            pes: image.num_pes,
            passes,
            index: 0,
            outputs: image.outputs,
            runs: image.runs.iter().rev().map(|run| run.passes).collect(),
            next_col: 0,
            next_bias: 0,
            next_codebook: 0,
            input: (
                0,
                image.maps[0].words,
                if single {
                    [1, 1]
                } else {
                    [framed.height, framed.width]
                },
            ),
            channels: image.input_channels(),
            in_signed: false,
            before: None,
            geometry: None,
        }
    }

    /// Goes on behind `pass`.
    pub(super) fn step(&mut self, pass: &Pass) {
        let d = &pass.descriptor;
        self.index += 1;
        if pass.reuse == 0 {
            self.next_col = usize::from(pass.pointer_base()) + pass.pointers();
            self.next_codebook = usize::from(d.codebook_base) + pass.codebook.len();
        }
        if !d.keep {
            let drained = pass.geometry.as_ref().map_or([1, 1], Geometry::drained);
            self.next_bias = usize::from(d.bias_base) + usize::from(d.rows);
            self.input = (d.out_base.into(), d.rows.into(), drained);
            self.channels = usize::from(d.rows) * self.pes;
            self.in_signed = !d.relu;
        }
        self.before = Some(*d);
        self.geometry.clone_from(&pass.geometry);
        if let Some(left) = self.runs.last_mut() {
            *left -= 1;
            if *left == 0 {
                // Another run begins with empty memories.
                self.runs.pop();
                (self.next_col, self.next_codebook, self.next_bias) = (0, 0, 0);
            }
        }
    }

    fn ends_run(&self) -> bool {
        self.runs.last() == Some(&1)
    }
}

/// What a file says of a pass beside its descriptor.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    /// A layer begins.
    pub begins_layer: bool,
    /// All channels have the same filters.
    pub repeats: bool,
}

/// Visits every field of a descriptor that does not follow from a geometry: `visit(predicted,
/// actual)` gives the value that it gets.
///
/// A field is predicted from the passes before and from the fields visited before it.
pub(super) fn fields<E>(
    d: &mut PassDescriptor,
    marks: &mut Marks,
    c: &Context,
    mut visit: impl FnMut(usize, u16) -> Result<u16, E>,
) -> Result<(), E> {
    let end = c.index + 1 == c.passes;
    let kept = c.before.filter(|before| before.keep);
    // With flags above that most passes do not have.
    let flags = [marks.begins_layer, d.hashed, marks.repeats].map(u16::from);
    let kind = flags[0] | flags[1] << 1 | flags[2] << 2;
    let kind = visit(kept.is_none().into(), kind)?;
    let flag = |bit: u32| kind >> bit & 1 != 0;
    (marks.begins_layer, d.hashed, marks.repeats) = (flag(0), flag(1), flag(2));
    d.last = visit(c.ends_run().into(), d.last.into())? != 0;
    d.out_wide = visit(end.into(), d.out_wide.into())? != 0;
    d.relu = visit((!end).into(), d.relu.into())? != 0;
    d.keep = visit(0, d.keep.into())? != 0;
    d.in_signed = visit(c.in_signed.into(), d.in_signed.into())? != 0;
    d.shift = visit(1, d.shift.into())? as u8;
    let (base, words, [height, width]) = c.input;
    d.map = visit((height * width > 1).into(), d.map.into())? != 0;
    d.in_base = visit(base, d.in_base)?;
    let groups = if d.map { words } else { words * height * width };
    d.groups = visit(groups, d.groups)?;
    let rows = if end { c.outputs.div_ceil(c.pes) } else { 0 };
    d.rows = visit(kept.map_or(rows, |k| k.rows.into()), d.rows)?;
    // Maps lie at address zero and behind the network's input in turn.
    let behind = words * height * width;
    d.out_base = visit(if d.in_base == 0 { behind } else { 0 }, d.out_base)?;
    let next_col = if d.hashed { 0 } else { c.next_col };
    d.col_base = visit(next_col, d.col_base)?;
    d.bias_base = visit(c.next_bias, d.bias_base)?;
    d.codebook_base = visit(c.next_codebook, d.codebook_base)?;
    d.in_step = visit(d.map.into(), d.in_step)?;
    d.out_step = visit(1, d.out_step)?;
    Ok(())
}

/// Visits the fields of a hashed pass, as [`geometry`] visits numbers.
pub(super) fn hashed<E>(
    d: &mut PassDescriptor,
    c: &Context,
    mut visit: impl FnMut(usize, usize) -> Result<usize, E>,
) -> Result<(), E> {
    let mut field = |predicted, field: &mut u16| {
        let value = visit(predicted, (*field).into())?;
        *field = u16::try_from(value).unwrap_or(u16::MAX);
        Ok(())
    };
    field(c.next_col, &mut d.hash_pool)?;
    field(d.rows.into(), &mut d.hash_rows)?;
    let before = c.before.map_or(0, |before| before.hash_length);
    field(before.into(), &mut d.hash_length)?;
    let [mut lanes, mut mask] = [d.hash_lanes, d.hash_mask].map(u16::from);
    field(c.pes, &mut lanes)?;
    field(0, &mut mask)?;
    [d.hash_lanes, d.hash_mask] = [lanes, mask].map(|n| u8::try_from(n).unwrap_or(u8::MAX));
    Ok(())
}

/// How the kinds of kernel are written.
const SLIDES: usize = 0;
const WHOLE: usize = 1;
const SHARED: usize = 2;

/// Padding as it is written: what is below zero wraps.
fn unsigned(pad: i32) -> usize {
    pad as u32 as usize
}

fn signed(pad: usize) -> i32 {
    pad as u32 as i32
}

/// Visits every number of a geometry: `visit(predicted, actual)` gives the value that it gets.
/// Predictions come from the passes before and from the numbers visited before.
pub(super) fn geometry<E>(
    g: &mut Geometry,
    c: &Context,
    mut visit: impl FnMut(usize, usize) -> Result<usize, E>,
) -> Result<(), E> {
    let [height, width] = c.input.2;
    g.channels = visit(c.channels, g.channels)?;
    g.input[0] = visit(height, g.input[0])?;
    g.input[1] = visit(width, g.input[1])?;
    let before = match &c.geometry {
        Some(Geometry {
            kernel: Kernel::Slides { size, .. },
            ..
        }) => size[0],
        _ => 1,
    };
    let (kind, mut size, mut stride, mut pad) = match g.kernel {
        Kernel::Slides { size, stride, pad } => (SLIDES, size, stride, pad),
        Kernel::Whole { size, pad } => (WHOLE, size, [1, 1], pad),
        Kernel::Shared => (SHARED, [1, 1], [1, 1], [0, 0]),
    };
    match visit(SLIDES, kind)? {
        SLIDES => {
            size[0] = visit(before, size[0])?;
            size[1] = visit(size[0], size[1])?;
            stride[0] = visit(1, stride[0])?;
            stride[1] = visit(stride[0], stride[1])?;
            pad[0] = signed(visit(0, unsigned(pad[0]))?);
            pad[1] = signed(visit(unsigned(pad[0]), unsigned(pad[1]))?);
            g.kernel = Kernel::Slides { size, stride, pad };
        }
        WHOLE => {
            for axis in 0..2 {
                size[axis] = visit(g.input[axis], size[axis])?;
                pad[axis] = signed(visit(0, unsigned(pad[axis]))?);
            }
            g.kernel = Kernel::Whole { size, pad };
        }
        // Another number is none of ours: the form of what is read is checked.
        _ => g.kernel = Kernel::Shared,
    }
    for axis in 0..2 {
        let places = match g.kernel {
            Kernel::Whole { .. } | Kernel::Shared => 1,
            Kernel::Slides { size, stride, pad } => {
                let side = g.input[axis] as i64 + 2 * i64::from(pad[axis]);
                let room = usize::try_from(side)
                    .unwrap_or(0)
                    .saturating_sub(size[axis]);
                room.checked_div(stride[axis]).unwrap_or(0) + 1
            }
        };
        g.output[axis] = visit(places, g.output[axis])?;
    }
    let mut pool = g.pool.unwrap_or(Places {
        size: [0, 0],
        stride: [0, 0],
        pad: [0, 0],
        output: [0, 0],
    });
    // A window of no height says that there is no pool.
    pool.size[0] = visit(0, pool.size[0])?;
    if pool.size[0] == 0 {
        g.pool = None;
        return Ok(());
    }
    pool.size[1] = visit(pool.size[0], pool.size[1])?;
    for axis in 0..2 {
        pool.stride[axis] = visit(pool.size[axis], pool.stride[axis])?;
        pool.pad[axis] = visit(0, pool.pad[axis])?;
        let room = g.output[axis].saturating_sub(pool.size[axis]);
        let places = room.checked_div(pool.stride[axis]).unwrap_or(0) + 1;
        pool.output[axis] = visit(places, pool.output[axis])?;
    }
    g.pool = Some(pool);
    Ok(())
}

impl Geometry {
    /// A geometry to be filled in by [`geometry`].
    pub(super) fn blank() -> Self {
        Geometry {
            channels: 0,
            input: [0, 0],
            kernel: Kernel::Slides {
                size: [0, 0],
                stride: [0, 0],
                pad: [0, 0],
            },
            output: [0, 0],
            pool: None,
        }
    }
}
