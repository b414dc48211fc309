//! Pools whose windows are too large for one drain: the largest of a window is the largest of the largest of its
//! parts, exactly, on each axis by itself.

use crate::geometry::MOST_TAPS;
use crate::network::Window;

/// A pool along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Axis {
    kernel: usize,
    stride: usize,
    before: usize,
    after: usize,
}

impl Axis {
    /// Every position by itself.
    const NONE: Axis = Axis {
        kernel: 1,
        stride: 1,
        before: 0,
        after: 0,
    };

    fn places(&self, side: usize) -> usize {
        (side + self.before + self.after - self.kernel) / self.stride + 1
    }

    /// Positions of the map in the window that has the most.
    fn widest(&self, side: usize) -> usize {
        let of = |place: usize| {
            let start = place * self.stride;
            let end = (start + self.kernel).saturating_sub(self.before).min(side);
            end - start.saturating_sub(self.before).min(end)
        };
        (0..self.places(side)).map(of).max().unwrap_or(0)
    }

    /// Two pools one behind the other that give what this one does; the first one's windows are small enough.
    fn cut(&self, side: usize) -> [Axis; 2] {
        let places = self.places(side);
        // Of one place the stride is free.
        let divides = |step: &usize| places == 1 || self.stride.is_multiple_of(*step);
        let (kernel, step) = (1..=MOST_TAPS.min(self.kernel))
            .rev()
            .filter(divides)
            .flat_map(|step| (step..=MOST_TAPS).rev().map(move |kernel| (kernel, step)))
            .filter(|(kernel, step)| {
                *kernel < self.kernel && (self.kernel - kernel).is_multiple_of(*step)
            })
            .min_by_key(|(kernel, step)| {
                // As few pools as there can be, then as few values as there can be.
                let left = (self.kernel - kernel) / step + 1;
                (left.div_ceil(MOST_TAPS), MOST_TAPS - step, left)
            })
            .expect("a kernel of 15 that moves by 1 is a part of any larger one");
        // Places that do not meet the map are left out.
        let skipped = match self.before >= kernel {
            true => (self.before - kernel) / step + 1,
            false => 0,
        };
        let stride = if places == 1 { step } else { self.stride };
        let parts = (self.kernel - kernel) / step + 1;
        let all = (places - 1) * (stride / step) + parts;
        let last = ((side + self.before - 1) / step).min(all - 1);
        let first = Axis {
            kernel,
            stride: step,
            before: self.before - skipped * step,
            after: (last * step + kernel).saturating_sub(self.before + side),
        };
        let there = first.places(side);
        let second = Axis {
            kernel: parts,
            stride: match places {
                1 => there + skipped + parts,
                _ => stride / step,
            },
            before: skipped,
            after: ((places - 1) * (stride / step) + parts).saturating_sub(skipped + there),
        };
        [first, second]
    }

    /// Pools one behind the other that give what this one does, each with windows that are small enough.
    fn chain(self, side: usize) -> Vec<Axis> {
        let (mut chain, mut left, mut side) = (Vec::new(), self, side);
        while left.widest(side) > MOST_TAPS {
            let [first, second] = left.cut(side);
            side = first.places(side);
            chain.push(first);
            left = second;
        }
        chain.push(left);
        chain
    }
}

/// Windows of pools one behind the other that give what `window` does on a map of `size` (height, width).
pub(super) fn chain(window: &Window, size: [usize; 2]) -> Vec<Window> {
    let chains = [0, 1].map(|axis| {
        let whole = Axis {
            kernel: window.kernel[axis],
            stride: window.stride[axis],
            before: window.pads[axis],
            after: window.pads[axis + 2],
        };
        whole.chain(size[axis])
    });
    let length = chains[0].len().max(chains[1].len());
    let at = |i: usize| {
        let [y, x] = chains
            .each_ref()
            .map(|c| c.get(i).copied().unwrap_or(Axis::NONE));
        Window {
            kernel: [y.kernel, x.kernel],
            stride: [y.stride, x.stride],
            pads: [y.before, x.before, y.after, x.after],
        }
    };
    (0..length).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn largest(values: &[i32], axis: &Axis) -> Vec<i32> {
        let of = |place: usize| {
            let start = (place * axis.stride).saturating_sub(axis.before);
            let end = (place * axis.stride + axis.kernel).saturating_sub(axis.before);
            *values[start..end.min(values.len())].iter().max().unwrap()
        };
        (0..axis.places(values.len())).map(of).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn a_chain_gives_what_the_window_does(
            values in prop::collection::vec(-99i32..99, 1..300), kernel in 1usize..260, stride in 1usize..40,
            before in 0usize..260, after in 0usize..260,
        ) {
            let axis = Axis { kernel, stride, before: before % kernel, after: after % kernel };
            let side = values.len();
            prop_assume!(side + axis.before + axis.after >= kernel);
            let last = (axis.places(side) - 1) * stride;
            prop_assume!(last < side + axis.before);
            let mut got = values.clone();
            let chain = axis.chain(side);
            for step in &chain {
                prop_assert!(step.before < step.kernel && step.widest(got.len()) <= MOST_TAPS);
                got = largest(&got, step);
            }
            prop_assert_eq!(got, largest(&values, &axis), "{:?}", chain);
        }
    }

    #[test]
    fn a_whole_map_is_two_pools_that_tile_it() {
        let window = Window::whole([28, 5]);
        let [a, b] = chain(&window, [28, 5])[..] else {
            panic!("two pools")
        };
        assert_eq!((a.kernel, a.stride), ([14, 5], [14, 5]));
        assert_eq!(b.kernel, [2, 1]);
    }
}
