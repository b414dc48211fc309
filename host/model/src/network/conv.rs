//! The convolution.

use super::{Shape, Window};

/// Adds the convolution of `values`, a map of shape `input`, to `sums`; see
/// [`Operator::Conv`](super::Operator::Conv) for the order of the weights.
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
                for (o, sum) in sums.iter_mut().enumerate() {
                    let row = (group * to_group + o) * from_group + within;
                    *sum += weights[(row * kernel_height + ky) * kernel_width + kx] * value;
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
