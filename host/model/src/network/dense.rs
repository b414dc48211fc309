//! The fully connected operator.

/// Outputs whose sums are kept in registers.
const LANES: usize = 16;

/// The weights, row-major by output, in the order in which [`add_products`] reads them: `[outputs / 16][input][16 outputs]`,
/// filled up with zeros.
pub(super) fn spread(inputs: usize, weights: &[f32]) -> Vec<f32> {
    let rows = weights.len() / inputs.max(1);
    let mut spread = vec![0.0; rows.div_ceil(LANES) * inputs * LANES];
    for (output, row) in weights.chunks_exact(inputs.max(1)).enumerate() {
        let block = &mut spread[output / LANES * inputs * LANES..][..inputs * LANES];
        let lanes = block.iter_mut().skip(output % LANES).step_by(LANES);
        lanes.zip(row).for_each(|(to, &weight)| *to = weight);
    }
    spread
}

/// Adds `weights * input` to `sums`; `weights` are as [`spread`] orders them. Products are added up input by input.
pub(super) fn add_products(weights: &[f32], input: &[f32], sums: &mut [f32]) {
    // Most inputs are zero after a ReLU, and in an image.
    let used: Vec<(usize, f32)> = input
        .iter()
        .copied()
        .enumerate()
        .filter(|&(_, x)| x != 0.0)
        .collect();
    let blocks = weights.chunks_exact((input.len() * LANES).max(1));
    for (sums, block) in sums.chunks_mut(LANES).zip(blocks) {
        let block = block.as_chunks::<LANES>().0;
        let mut own = [0.0; LANES];
        for &(i, x) in &used {
            let pairs = own.iter_mut().zip(&block[i]);
            pairs.for_each(|(sum, weight)| *sum += weight * x);
        }
        sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
    }
}
