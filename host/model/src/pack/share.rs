//! The weights of a layer as codes.

use super::PackError;
use crate::network::Weights;

/// The codebook of a layer and its codes: 0 is no weight, `k` is `codebook[k - 1]`, which is not zero.
pub(super) fn shared(layer: &str, weights: &Weights) -> Result<(Vec<f64>, Vec<u8>), PackError> {
    match weights {
        Weights::Shared { codebook, codes } => {
            let zero = |code: u8| code == 0 || codebook[usize::from(code) - 1] == 0.0;
            let codes = codes
                .iter()
                .map(|&code| if zero(code) { 0 } else { code })
                .collect();
            Ok((codebook.iter().map(|&w| f64::from(w)).collect(), codes))
        }
        Weights::Float(values) => {
            let mut distinct: Vec<f32> = values.iter().copied().filter(|&w| w != 0.0).collect();
            distinct.sort_by(f32::total_cmp);
            distinct.dedup();
            let (got, limit) = (distinct.len(), usize::from(u8::MAX));
            if got > limit {
                return Err(PackError::Codebook {
                    layer: layer.into(),
                    got,
                    limit,
                });
            }
            let code = |w: &f32| match distinct.binary_search_by(|d| d.total_cmp(w)) {
                Ok(index) => index as u8 + 1,
                Err(_) => 0,
            };
            let codes = values.iter().map(code).collect();
            Ok((distinct.iter().map(|&w| f64::from(w)).collect(), codes))
        }
    }
}
