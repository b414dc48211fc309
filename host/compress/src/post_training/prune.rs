//! Pruning by magnitude.

/// The least magnitude that stays.
#[derive(Clone, Debug)]
pub(super) struct Threshold {
    least: f32,
    /// Weights of just this magnitude that stay, the first ones.
    pub equal: usize,
}

impl Threshold {
    /// Such that a `share` of all weights stays, rounded to the nearest number.
    pub fn new(layers: &[Vec<f32>], share: f64) -> Self {
        let mut sizes: Vec<f32> = layers.iter().flatten().map(|weight| weight.abs()).collect();
        let keep = (share * sizes.len() as f64).round() as usize;
        let Some(last) = keep.checked_sub(1) else {
            return Self {
                least: f32::INFINITY,
                equal: 0,
            };
        };
        let (larger, least, _) = sizes.select_nth_unstable_by(last, |a, b| b.total_cmp(a));
        let least = *least;
        let above = larger.iter().filter(|&&size| size > least).count();
        Self {
            least,
            equal: keep - above,
        }
    }

    /// Removes what does not stay; `spare` counts how many of the least magnitude still may.
    pub fn apply(&self, weights: &mut [f32], spare: &mut usize) {
        for weight in weights {
            let size = weight.abs();
            if size == self.least && *spare > 0 {
                *spare -= 1;
            } else if size <= self.least {
                *weight = 0.0;
            }
        }
    }
}

/// Removes a share of the values of a pool, the smallest; at least one stays.
pub(crate) fn prune_pool(values: &mut [f32], share: f64) {
    if share <= 0.0 {
        return;
    }
    let keep = (1.0 - share).max(1.0 / values.len().max(1) as f64);
    let threshold = Threshold::new(&[values.to_vec()], keep);
    threshold.apply(values, &mut threshold.equal.clone());
}
