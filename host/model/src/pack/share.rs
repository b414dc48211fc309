//! The weights of a layer as codes.

use super::PackError;
use crate::network::{Hashed, Weights};

/// A layer as codes: 0 is no weight, `k` is `codebook[k - 1]`.
pub(super) struct Shared {
    /// Not zero, but for a pool's.
    pub codebook: Vec<f64>,
    pub codes: Vec<u8>,
    /// The codes of the pool, if the layer has one.
    pub pool: Option<Vec<u8>>,
}

/// The codebook of a layer and its codes.
pub(super) fn shared(layer: &str, weights: &Weights) -> Result<Shared, PackError> {
    let (codebook, codes) = match weights {
        Weights::Shared { codebook, codes } => {
            let zero = |code: u8| code == 0 || codebook[usize::from(code) - 1] == 0.0;
            let codes = codes
                .iter()
                .map(|&code| if zero(code) { 0 } else { code })
                .collect();
            (codebook.iter().map(|&w| f64::from(w)).collect(), codes)
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
            (distinct.iter().map(|&w| f64::from(w)).collect(), codes)
        }
        Weights::Hashed(hashed) => {
            let (codebook, pool) = signed(layer, hashed)?;
            let code = |index: usize| {
                let (at, negative) = hashed.picks(index / hashed.inputs, index % hashed.inputs);
                (pool[at] ^ u8::from(negative)) + 1
            };
            let codes = (0..hashed.len()).map(code).collect();
            return Ok(Shared {
                codebook,
                codes,
                pool: Some(pool.iter().map(|code| code + 1).collect()),
            });
        }
    };
    Ok(Shared {
        codebook,
        codes,
        pool: None,
    })
}

/// The codebook of a pool and its codes, counted from 0: of each pair of weights the second is the negative of the first, so
/// that the lowest bit of a code is a sign. Zero is a weight as any other, since a hash leaves none out.
fn signed(layer: &str, hashed: &Hashed) -> Result<(Vec<f64>, Vec<u8>), PackError> {
    let values = hashed.pool.to_dense();
    let mut sizes: Vec<f32> = values.iter().map(|value| value.abs()).collect();
    sizes.sort_by(f32::total_cmp);
    sizes.dedup();
    let (got, limit) = (sizes.len(), usize::from(u8::MAX) / 2);
    if got > limit {
        return Err(PackError::Codebook {
            layer: layer.into(),
            got,
            limit,
        });
    }
    let code = |value: &f32| {
        let found = sizes.binary_search_by(|size| size.total_cmp(&value.abs()));
        let index = found.expect("the size of a value of the pool");
        2 * index as u8 + u8::from(*value < 0.0)
    };
    let codes = values.iter().map(code).collect();
    let pair = |size: f32| [f64::from(size), -f64::from(size)];
    Ok((sizes.into_iter().flat_map(pair).collect(), codes))
}
