//! The fully connected operator.

/// Adds `weights * input` to `sums`; `weights` is row-major by output.
pub(super) fn add_products(weights: &[f32], input: &[f32], sums: &mut [f32]) {
    // Most inputs are zero after a ReLU, and in an image.
    let used: Vec<(usize, f32)> = input
        .iter()
        .copied()
        .enumerate()
        .filter(|&(_, x)| x != 0.0)
        .collect();
    for (sum, row) in sums
        .iter_mut()
        .zip(weights.chunks_exact(input.len().max(1)))
    {
        *sum += used.iter().map(|&(i, x)| row[i] * x).sum::<f32>();
    }
}
