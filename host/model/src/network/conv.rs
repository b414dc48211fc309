//! The convolution.

use super::{Shape, Window};

/// The weights of [`Operator::Conv`](super::Operator::Conv) in the order in which [`add_products`]
/// reads them: `[group][ky][kx][input of the group][output of the group]`, so that the products of one
/// input value stand in a row.
pub(super) fn spread(groups: usize, window: &Window, outputs: usize, weights: &[f32]) -> Vec<f32> {
    let taps = window.kernel[0] * window.kernel[1];
    let to_group = outputs / groups;
    let from_group = weights.len() / (outputs * taps).max(1);
    let mut spread = vec![0.0; weights.len()];
    for (row, weights) in weights.chunks_exact(taps.max(1)).enumerate() {
        let (output, within) = (row / from_group, row % from_group);
        let (group, o) = (output / to_group, output % to_group);
        for (tap, &weight) in weights.iter().enumerate() {
            spread[((group * taps + tap) * from_group + within) * to_group + o] = weight;
        }
    }
    spread
}

/// Adds the convolution of `values`, a map of shape `input`, to `sums`; `weights` are as [`spread`]
/// orders them.
pub(super) fn add_products(
    input: Shape,
    groups: usize,
    window: &Window,
    weights: &[f32],
    values: &[f32],
    outputs: usize,
    sums: &mut [f32],
) {
    let places = window.places([input.height, input.width]);
    let [_, width] = places.expect("a network that was checked");
    let [kernel_height, kernel_width] = window.kernel;
    let (from_group, to_group) = (input.channels / groups, outputs / groups);
    for (at, &value) in values.iter().enumerate().filter(|(_, v)| **v != 0.0) {
        let (position, channel) = (at / input.channels, at % input.channels);
        let (y, x) = (position / input.width, position % input.width);
        let (group, within) = (channel / from_group, channel % from_group);
        for ky in 0..kernel_height {
            let Some(oy) = place(y + window.pads[0], ky, window.stride[0]) else {
                continue;
            };
            for kx in 0..kernel_width {
                let Some(ox) = place(x + window.pads[1], kx, window.stride[1]) else {
                    continue;
                };
                if ox >= width || (oy * width + ox) * outputs >= sums.len() {
                    continue;
                }
                let sums = &mut sums[(oy * width + ox) * outputs + group * to_group..][..to_group];
                let tap = (group * kernel_height + ky) * kernel_width + kx;
                let weights = &weights[(tap * from_group + within) * to_group..][..to_group];
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += weight * value;
                }
            }
        }
    }
}

/// The place of the window in which offset `k` meets `at`, a coordinate with the padding.
fn place(at: usize, k: usize, stride: usize) -> Option<usize> {
    let start = at.checked_sub(k)?;
    start.is_multiple_of(stride).then_some(start / stride)
}
