//! Slices of a term: the kernel positions and input channels that one pass adds. What is left out of all of
//! them has no weight.

use super::unit::Term;
use crate::geometry::{MOST_SEGMENTS, MOST_TAPS};
use std::ops::Range;

/// Rows and columns of a kernel; of the map where one weight is for all its positions.
pub(super) type Taps = [Range<usize>; 2];

/// A slice of a term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub term: usize,
    pub taps: Taps,
    /// Bank words of the input.
    pub groups: Range<usize>,
    /// Rows of the input are read whole where a window is as wide as the unit's output.
    pub whole_rows: bool,
}

/// Height and width of what the taps of a term are counted in.
pub(super) fn sides(term: &Term) -> [usize; 2] {
    match term.shared {
        true => [term.input.height, term.input.width],
        false => term.window.kernel,
    }
}

/// The most rows and columns of a kernel that a pass takes, whatever the configuration; `single` says that each kernel
/// position is sought for itself.
pub(super) fn most(term: &Term, single: bool) -> [usize; 2] {
    let [height, width] = sides(term);
    if term.shared {
        return [height, width];
    }
    if single {
        let width = width.min(MOST_SEGMENTS);
        return [height.min(MOST_SEGMENTS / width), width];
    }
    [height.min(MOST_TAPS), width.min(MOST_TAPS)]
}

/// Cuts the taps of a term into rectangles of at most these rows and columns: as few as there can be on each axis, of
/// about one size. Those in which nothing is `used` (by row, then column) are left out, but for one.
pub(super) fn cut(term: &Term, most: [usize; 2], used: impl FnOnce() -> Vec<bool>) -> Vec<Taps> {
    let [height, width] = sides(term);
    if height <= most[0] && width <= most[1] {
        return vec![[0..height, 0..width]];
    }
    let used = match term.shared {
        true => vec![true; height * width],
        false => used(),
    };
    let at = |y: usize, x: usize| used[y * width + x];
    let rows: Vec<bool> = (0..height).map(|y| (0..width).any(|x| at(y, x))).collect();
    let columns: Vec<bool> = (0..width).map(|x| (0..height).any(|y| at(y, x))).collect();
    let mut cut = Vec::new();
    for y in ranges(&rows, most[0]) {
        for x in ranges(&columns, most[1]) {
            let any = y.clone().any(|y| x.clone().any(|x| at(y, x)));
            if any {
                cut.push([y.clone(), x.clone()]);
            }
        }
    }
    if cut.is_empty() {
        cut.push([0..1, 0..1]);
    }
    cut
}

/// Ranges of at most `most` that cover what is used.
fn ranges(used: &[bool], most: usize) -> Vec<Range<usize>> {
    let cover = |most: usize| {
        let mut ranges = Vec::new();
        let mut at = 0;
        while let Some(start) = (at..used.len()).find(|&i| used[i]) {
            at = (start + most).min(used.len());
            let last = (start..at).rfind(|&i| used[i]).unwrap_or(start);
            ranges.push(start..last + 1);
        }
        ranges
    };
    let fewest = cover(most);
    let mut even = fewest.clone();
    for most in (1..most).rev() {
        let ranges = cover(most);
        if ranges.len() > fewest.len() {
            break;
        }
        even = ranges;
    }
    even
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn ranges_are_few_even_and_leave_out_what_is_not_used() {
        assert_eq!(ranges(&[true; 16], 15), [0..8, 8..16]);
        assert_eq!(ranges(&[true; 31], 15), [0..11, 11..22, 22..31]);
        // A kernel of three, dilated by eight.
        let dilated: Vec<bool> = (0..17).map(|i| i % 8 == 0).collect();
        assert_eq!(ranges(&dilated, 15), [0..9, 16..17]);
        assert_eq!(ranges(&dilated, 1), [0..1, 8..9, 16..17]);
        assert_eq!(ranges(&[false; 20], 15), []);
    }
}
