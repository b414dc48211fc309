//! Windows over the positions of a map.

use crate::error::Result;
use crate::node::Node;
use crate::view::{Axis, View};
use thresh_model::Window;

/// The sides of a view that a window slides over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plane {
    /// Rows and columns, sides 2 and 3.
    Both,
    /// Columns and rows, sides 2 and 3.
    Turned,
    /// Rows or columns alone, side 2.
    One(Axis),
}

impl Plane {
    /// The plane of a view that has its channels in side 1.
    pub fn of(node: Node<'_>, view: &View) -> Result<Plane> {
        let rank = view.sides.len();
        let channels = rank >= 2 && view.sides[0].size == 1 && view.is_axis(1, Axis::Channel);
        let is = |index: usize, axis| view.is_axis(index, axis);
        if channels && rank == 4 && is(2, Axis::Row) && is(3, Axis::Column) {
            return Ok(Plane::Both);
        }
        if channels && rank == 4 && is(2, Axis::Column) && is(3, Axis::Row) {
            return Ok(Plane::Turned);
        }
        if channels && rank == 3 && is(2, Axis::Column) && view.shape.height == 1 {
            return Ok(Plane::One(Axis::Column));
        }
        if channels && rank == 3 && is(2, Axis::Row) && view.shape.width == 1 {
            return Ok(Plane::One(Axis::Row));
        }
        let got = format!(
            "{:?} over a map of {}",
            view.dims(),
            super::shape::text(view.shape)
        );
        let expected = "[1, channels, height, width] or [1, channels, length] of that map; \
                        give the shape of the image if the model's own is flat";
        Err(node.wrong("shape of the input", got, expected))
    }

    /// Number of sides.
    pub fn rank(self) -> usize {
        match self {
            Plane::Both | Plane::Turned => 2,
            Plane::One(_) => 1,
        }
    }

    /// One number a side as a number for rows and one for columns.
    pub fn spread(self, numbers: &[usize], other: usize) -> [usize; 2] {
        match self {
            Plane::Both => [numbers[0], numbers[1]],
            Plane::Turned => [numbers[1], numbers[0]],
            Plane::One(Axis::Row) => [numbers[0], other],
            Plane::One(_) => [other, numbers[0]],
        }
    }
}

/// As many numbers as `count`, which default to `default`.
fn counts(node: Node<'_>, name: &str, count: usize, default: usize) -> Result<Vec<usize>> {
    let counts = node.counts(name)?.unwrap_or_else(|| vec![default; count]);
    let got = format!("{counts:?}");
    node.expect(counts.len() == count, name, got, format!("{count} numbers"))?;
    Ok(counts)
}

/// How far the values of a kernel stand apart.
pub(super) fn dilations(node: Node<'_>, plane: Plane) -> Result<Vec<usize>> {
    let dilations = counts(node, "dilations", plane.rank(), 1)?;
    let ok = dilations.iter().all(|&dilation| dilation > 0);
    node.expect(ok, "dilations", format!("{dilations:?}"), "numbers above 0")?;
    Ok(dilations)
}

/// The window that the attributes of a node say, with this kernel, which holds what dilation adds; and by how much
/// `ceil_mode` makes it look over the lower and right edge beyond the padding.
pub(crate) fn window(
    node: Node<'_>,
    view: &View,
    plane: Plane,
    kernel: &[usize],
) -> Result<(Window, [usize; 2])> {
    let rank = plane.rank();
    let counts = |name: &str, count: usize, default: usize| counts(node, name, count, default);
    let stride = counts("strides", rank, 1)?;
    let sides = [kernel, &stride].concat();
    let ok = kernel.len() == rank && sides.iter().all(|&side| side > 0);
    let got = format!("kernel {kernel:?}, stride {stride:?}");
    node.expect(ok, "window", got, format!("{rank} numbers each, above 0"))?;

    let mut window = Window {
        kernel: plane.spread(kernel, 1),
        stride: plane.spread(&stride, 1),
        pads: [0; 4],
    };
    let size = [view.shape.height, view.shape.width];
    match node.text("auto_pad").as_deref() {
        None | Some("" | "NOTSET") => {
            let pads = counts("pads", 2 * rank, 0)?;
            let [before, after] = [&pads[..rank], &pads[rank..]].map(|p| plane.spread(p, 0));
            window.pads = [before[0], before[1], after[0], after[1]];
        }
        Some("VALID") => {}
        Some(mode @ ("SAME_UPPER" | "SAME_LOWER")) => {
            for axis in [0, 1] {
                let places = size[axis].div_ceil(window.stride[axis]);
                let reach = (places - 1) * window.stride[axis] + window.kernel[axis];
                let all = reach.saturating_sub(size[axis]);
                let before = if mode == "SAME_UPPER" {
                    all / 2
                } else {
                    all.div_ceil(2)
                };
                window.pads[axis] = before;
                window.pads[axis + 2] = all - before;
            }
        }
        Some(other) => {
            let expected = "NOTSET, VALID, SAME_UPPER or SAME_LOWER";
            return Err(node.wrong("auto_pad", other, expected));
        }
    }

    let mut over = [0, 0];
    if node.int("ceil_mode", 0) != 0 {
        over = [0, 1].map(|axis| over_the_edge(&window, axis, size[axis]));
        window.pads[2] += over[0];
        window.pads[3] += over[1];
    }
    if window.places(size).is_none() {
        let got = format!("kernel {:?}, padding {:?}", window.kernel, window.pads);
        let expected = format!("a place on a map of {size:?}; give a larger shape");
        return Err(node.wrong("window", got, expected));
    }
    Ok((window, over))
}

/// Positions that the last window has outside the padding when the number of windows is rounded up.
/// A window that would start behind the map and the padding before it does not count.
fn over_the_edge(window: &Window, axis: usize, size: usize) -> usize {
    let (kernel, stride) = (window.kernel[axis], window.stride[axis]);
    let (before, after) = (window.pads[axis], window.pads[axis + 2]);
    let padded = size + before + after;
    let Some(room) = padded.checked_sub(kernel) else {
        return 0;
    };
    let mut last = room.div_ceil(stride);
    if last * stride >= size + before {
        last = last.saturating_sub(1);
    }
    (last * stride + kernel).saturating_sub(padded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_up_looks_over_the_edge_but_not_behind_it() {
        let window = |kernel, stride, pad| Window {
            kernel: [1, kernel],
            stride: [1, stride],
            pads: [0, pad, 0, pad],
        };
        assert_eq!(over_the_edge(&window(2, 2, 0), 1, 5), 1);
        assert_eq!(over_the_edge(&window(2, 2, 0), 1, 6), 0);
        assert_eq!(over_the_edge(&window(3, 2, 0), 1, 112), 1);
        // The window at 6 would see padding alone.
        assert_eq!(over_the_edge(&window(2, 2, 1), 1, 5), 0);
        assert_eq!(over_the_edge(&window(9, 2, 0), 1, 5), 0);
    }
}
