//! What a descriptor is expected to be: only what differs is written.

use super::{Image, Pass};
use thresh_regs::PassDescriptor;

/// Fields of a descriptor, in the order of [`fields`].
pub(super) const FIELDS: u32 = 15;

/// What earlier passes say about a descriptor.
#[derive(Clone, Debug)]
pub(super) struct Context {
    pes: usize,
    passes: usize,
    index: usize,
    outputs: usize,
    next_col: usize,
    next_bias: usize,
    next_codebook: usize,
    /// Input and output of the last pass that drained: base, groups, positions.
    input: [usize; 3],
    in_signed: bool,
    before: Option<PassDescriptor>,
}

impl Context {
    pub(super) fn new(image: &Image, passes: usize) -> Self {
        let channels = image.input_map.as_ref().map_or(image.input.len(), Vec::len);
        Context {
            pes: image.num_pes,
            passes,
            index: 0,
            outputs: image.outputs,
            next_col: 0,
            next_bias: 0,
            next_codebook: 0,
            input: [0, channels.div_ceil(image.num_pes), 1],
            in_signed: false,
            before: None,
        }
    }

    /// Goes on behind `pass`.
    pub(super) fn step(&mut self, pass: &Pass) {
        let d = &pass.descriptor;
        self.index += 1;
        self.next_col = usize::from(d.col_base) + pass.columns() + 1;
        self.next_codebook = usize::from(d.codebook_base) + pass.codebook.len();
        if !d.keep {
            self.next_bias = usize::from(d.bias_base) + usize::from(d.rows);
            self.input = [d.out_base, d.rows, d.positions].map(usize::from);
            self.in_signed = !d.relu;
        }
        self.before = Some(*d);
    }
}

/// Visits every field of a descriptor: `visit(predicted, actual)` gives the value that it gets.
///
/// A field is predicted from the passes before and from the fields visited before it.
pub(super) fn fields<E>(
    d: &mut PassDescriptor,
    c: &Context,
    mut visit: impl FnMut(usize, u16) -> Result<u16, E>,
) -> Result<(), E> {
    let last = c.index + 1 == c.passes;
    let kept = c.before.filter(|before| before.keep);
    d.last = visit(last.into(), d.last.into())? != 0;
    d.out_wide = visit(last.into(), d.out_wide.into())? != 0;
    d.relu = visit((!last).into(), d.relu.into())? != 0;
    d.keep = visit(0, d.keep.into())? != 0;
    d.in_signed = visit(c.in_signed.into(), d.in_signed.into())? != 0;
    d.shift = visit(1, d.shift.into())? as u8;
    d.in_base = visit(c.input[0], d.in_base)?;
    d.groups = visit(c.input[1], d.groups)?;
    d.positions = visit(c.input[2], d.positions)?;
    let rows = if last { c.outputs.div_ceil(c.pes) } else { 0 };
    d.rows = visit(kept.map_or(rows, |k| k.rows.into()), d.rows)?;
    d.accs = visit(usize::from(d.rows) * usize::from(d.positions), d.accs)?;
    // Maps lie at address zero and behind the network's input in turn.
    let behind = usize::from(d.groups) * usize::from(d.positions);
    d.out_base = visit(if d.in_base == 0 { behind } else { 0 }, d.out_base)?;
    d.col_base = visit(c.next_col, d.col_base)?;
    d.bias_base = visit(c.next_bias, d.bias_base)?;
    d.codebook_base = visit(c.next_codebook, d.codebook_base)?;
    Ok(())
}
