//! Means as terms. Where padding does not count, what a value is divided by depends on the place of its window: by row
//! and by column, since what counts is a rectangle. Most places have one divisor; a term for all of them divides by it, and
//! each other row and column has a term that makes up the difference there.

use super::unit::{Order, Term};
use crate::network::{Shape, Window};

/// The rows or columns of places that a term is for, and what each position counts there.
struct Share {
    /// None: all.
    place: Option<usize>,
    /// Positions that the mean of most places is over.
    usual: usize,
    weight: f64,
}

/// What positions count by place, as the share of all places and what others are more or less.
fn shares(counted: &[usize]) -> Vec<Share> {
    let times = |count: usize| counted.iter().filter(|&&other| other == count).count();
    let usual = counted
        .iter()
        .copied()
        .max_by_key(|&count| (times(count), count));
    let usual = usual.expect("a place");
    let others = counted
        .iter()
        .enumerate()
        .filter(|(_, count)| **count != usual);
    let others = others.map(|(place, &count)| Share {
        place: Some(place),
        usual,
        weight: 1.0 / count as f64 - 1.0 / usual as f64,
    });
    let all = Share {
        place: None,
        usual,
        weight: 1.0 / usual as f64,
    };
    std::iter::once(all).chain(others).collect()
}

/// On one axis the kernel, stride, and padding before and behind of a window that meets a map only at one of its `places`,
/// and there as the window does: its stride is so large that all others lie outside.
fn single(window: &Window, axis: usize, side: usize, places: usize, place: usize) -> [usize; 4] {
    let (kernel, pad) = (window.kernel[axis], window.pads[axis]);
    let start = place * window.stride[axis];
    let stride = side + kernel + pad.max(start);
    let before = place * stride + pad - start;
    let end = (places - 1) * stride + kernel;
    [kernel, stride, before, end.saturating_sub(before + side)]
}

/// The terms of a mean over a map of shape `input`; all read value 0.
pub(super) fn terms(input: Shape, window: &Window, excluded: [usize; 4]) -> Vec<Term> {
    let size = [input.height, input.width];
    let whole = window.kernel == size && window.pads == [0; 4];
    let shared = whole && size != [1, 1];
    let term = |window: Window, weight: f64| {
        let window = if whole { Window::valid([1, 1]) } else { window };
        Term {
            source: 0,
            input,
            outputs: input.channels,
            groups: input.channels,
            window,
            shared,
            order: Order::ChannelsFirst,
            codes: vec![1; input.channels * window.kernel[0] * window.kernel[1]],
            codebook: vec![weight],
            pool: None,
            trained: false,
        }
    };
    let counted = window.counted(size, excluded);
    let [rows, columns] = counted.each_ref().map(|counted| shares(counted));
    let mut terms = Vec::new();
    for y in &rows {
        for x in &columns {
            let mut own = *window;
            for (axis, place) in [y.place, x.place].into_iter().enumerate() {
                if let Some(place) = place {
                    let places = counted[axis].len();
                    let [kernel, stride, before, after] =
                        single(window, axis, size[axis], places, place);
                    own.kernel[axis] = kernel;
                    own.stride[axis] = stride;
                    own.pads[axis] = before;
                    own.pads[axis + 2] = after;
                }
            }
            let all = y.place.is_none() && x.place.is_none();
            let weight = match all {
                true => 1.0 / (y.usual * x.usual) as f64,
                false => y.weight * x.weight,
            };
            terms.push(term(own, weight));
        }
    }
    terms
}
