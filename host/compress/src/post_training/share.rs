//! Weight sharing without training: codebooks that cost the outputs least.

mod k_means;

use k_means::Values;
use thresh_model::network::Weights;

/// Most weights of a layer that k-means looks at: more are represented by evenly spaced ones of their rising order.
pub(super) const SAMPLE: usize = 1 << 18;

/// The weights that are not zero as at most `count` shared values; `cost` says for each weight what a squared error of it costs, empty
/// where all cost the same. No more than `count` different values are kept as they are.
pub(super) fn shared(weights: &[f32], cost: &[f64], count: usize) -> Weights {
    shared_by(weights, cost, |values| values.k_means(count), count)
}

fn shared_by(
    weights: &[f32],
    cost: &[f64],
    centroids: impl Fn(&Values) -> Vec<f32>,
    count: usize,
) -> Weights {
    let cost_of = |index: usize| cost.get(index).copied().unwrap_or(1.0);
    let alive = weights
        .iter()
        .enumerate()
        .filter(|(_, weight)| **weight != 0.0);
    let mut alive: Vec<(f32, f64)> = alive
        .map(|(index, &weight)| (weight, cost_of(index)))
        .collect();
    alive.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let codebook = few(&alive, count).unwrap_or_else(|| {
        let last = alive.len() - 1;
        let sample = match alive.len() > SAMPLE {
            true => (0..SAMPLE)
                .map(|i| alive[i * last / (SAMPLE - 1)])
                .collect(),
            false => alive,
        };
        centroids(&Values::new(&sample))
    });
    let codes = weights.iter().map(|&weight| match weight {
        0.0 => 0,
        weight => code(&codebook, weight),
    });
    let codes = codes.collect();
    Weights::Shared { codebook, codes }
}

/// The different values of a rising list, if there are at most `count`.
fn few(rising: &[(f32, f64)], count: usize) -> Option<Vec<f32>> {
    let mut distinct: Vec<f32> = Vec::new();
    for &(value, _) in rising {
        if distinct.last() != Some(&value) {
            if distinct.len() == count {
                return None;
            }
            distinct.push(value);
        }
    }
    Some(distinct)
}

/// The code of a weight other than zero: that of the nearest value of a rising codebook.
pub(super) fn code(codebook: &[f32], weight: f32) -> u8 {
    let above = codebook.partition_point(|value| *value < weight);
    let nearer = |at: usize| match at.checked_sub(1) {
        Some(below)
            if at == codebook.len() || weight - codebook[below] <= codebook[at] - weight =>
        {
            below
        }
        _ => at,
    };
    // At most 255 values, so that the code fits.
    match codebook.is_empty() {
        true => 0,
        false => (nearer(above) + 1) as u8,
    }
}

/// The values of a pool as at most `count` shared ones and their negatives, which a hash asks for as often.
pub(crate) fn shared_pool(values: &[f32], count: usize) -> Weights {
    let sizes: Vec<f32> = values.iter().map(|value| value.abs()).collect();
    let most = count.div_ceil(2);
    // What a linear start leaves without a member is not stored.
    let shared = shared_by(&sizes, &[], |values| values.linear(most), most);
    let Weights::Shared {
        mut codebook,
        codes,
    } = shared
    else {
        return Weights::Float(values.to_vec());
    };
    let negative = codebook.len() as u8;
    codebook.extend_from_within(..);
    codebook[usize::from(negative)..]
        .iter_mut()
        .for_each(|value| *value = -*value);
    let signed = |(code, value): (u8, &f32)| match code > 0 && *value < 0.0 {
        true => code + negative,
        false => code,
    };
    let codes = codes.into_iter().zip(values).map(signed).collect();
    Weights::Shared { codebook, codes }
}
