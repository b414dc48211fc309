//! Pooling.

use super::{Shape, Window};

/// Calls `each(output index, input index)` for every pair of values of one channel in which a
/// window meets the map, window by window.
fn pairs(input: Shape, window: &Window, mut each: impl FnMut(usize, usize)) {
    let places = window.places([input.height, input.width]);
    let [height, width] = places.expect("a network that was checked");
    let range = |place: usize, axis: usize, size: usize| {
        let start = place * window.stride[axis];
        let end = (start + window.kernel[axis]).saturating_sub(window.pads[axis]);
        start.saturating_sub(window.pads[axis])..end.min(size)
    };
    for oy in 0..height {
        for ox in 0..width {
            for y in range(oy, 0, input.height) {
                for x in range(ox, 1, input.width) {
                    for channel in 0..input.channels {
                        each(
                            (oy * width + ox) * input.channels + channel,
                            (y * input.width + x) * input.channels + channel,
                        );
                    }
                }
            }
        }
    }
}

/// Puts the largest value of each window into `largest`.
pub(super) fn largest(input: Shape, window: &Window, values: &[f32], largest: &mut [f32]) {
    largest.fill(f32::NEG_INFINITY);
    pairs(input, window, |to, from| {
        largest[to] = largest[to].max(values[from])
    });
}

/// Puts the mean of each window into `means`; `excluded` positions of the padding do not count.
pub(super) fn means(
    input: Shape,
    window: &Window,
    excluded: [usize; 4],
    values: &[f32],
    means: &mut [f32],
) {
    means.fill(0.0);
    pairs(input, window, |to, from| means[to] += values[from]);
    let [rows, columns] = window.counted([input.height, input.width], excluded);
    let areas = rows.iter().flat_map(|y| columns.iter().map(move |x| y * x));
    for (means, area) in means.chunks_exact_mut(input.channels).zip(areas) {
        means.iter_mut().for_each(|mean| *mean /= area as f32);
    }
}
