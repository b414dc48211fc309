//! Weight sharing by k-means, with the linear start of Deep Compression.

/// Most rounds of k-means; it converges far earlier.
const MAX_ROUNDS: usize = 1000;

/// The shared weights of one layer, row-major by output.
#[derive(Clone, Debug, PartialEq)]
pub struct Shared {
    /// The shared values.
    pub codebook: Vec<f32>,
    /// 0 for a pruned weight, `k` for `codebook[k - 1]`.
    pub codes: Vec<u8>,
}

/// `count` values at equal distances from the least to the greatest of `values` (section 3.2 of the paper).
pub fn linear_start(values: &[f32], count: usize) -> Vec<f32> {
    let least = values.iter().copied().fold(f32::INFINITY, f32::min);
    let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    match count {
        0 => Vec::new(),
        1 => vec![0.5 * (least + most)],
        _ => (0..count)
            .map(|i| {
                let share = i as f64 / (count - 1) as f64;
                (f64::from(least) * (1.0 - share) + f64::from(most) * share) as f32
            })
            .collect(),
    }
}

/// One-dimensional k-means from [`linear_start`], in rising order. A value that no member chooses is left out, so
/// that fewer than `count` may come back.
pub fn k_means(values: &[f32], count: usize) -> Vec<f32> {
    if values.is_empty() {
        return Vec::new();
    }
    let mut centroids = linear_start(values, count);
    centroids.dedup();
    for _ in 0..MAX_ROUNDS {
        let mut sums = vec![(0.0f64, 0usize); centroids.len()];
        for &value in values {
            let sum = &mut sums[nearest(&centroids, value)];
            sum.0 += f64::from(value);
            sum.1 += 1;
        }
        let next: Vec<f32> = centroids
            .iter()
            .zip(&sums)
            .map(|(&old, &(sum, members))| match members {
                0 => old,
                members => (sum / members as f64) as f32,
            })
            .collect();
        if next == centroids {
            break;
        }
        centroids = next;
    }
    let mut used = vec![false; centroids.len()];
    for &value in values {
        used[nearest(&centroids, value)] = true;
    }
    let mut keep = used.iter();
    centroids.retain(|_| *keep.next().expect("one flag a centroid"));
    centroids
}

/// Index of the value nearest to `value`; the first of equally near ones.
pub(super) fn nearest(codebook: &[f32], value: f32) -> usize {
    let distance = |index: usize| (codebook[index] - value).abs();
    (1..codebook.len()).fold(0, |best, i| {
        if distance(i) < distance(best) {
            i
        } else {
            best
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_start_is_linear_between_least_and_greatest() {
        assert_eq!(
            linear_start(&[-1.0, 0.1, 3.0], 5),
            [-1.0, 0.0, 1.0, 2.0, 3.0]
        );
        assert_eq!(linear_start(&[-1.0, 3.0], 1), [1.0]);
        assert_eq!(linear_start(&[2.0], 3), [2.0, 2.0, 2.0]);
    }

    #[test]
    fn clusters_apart_are_found() {
        let values = [-2.1, -1.9, 0.5, 0.7, 3.0, 3.0, 3.3];
        let found = k_means(&values, 3);
        for (found, expected) in found.iter().zip([-2.0, 0.6, 3.1]) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn few_values_need_few_centroids() {
        assert!(k_means(&[], 4).is_empty());
        assert_eq!(k_means(&[0.5, 0.5], 4), [0.5]);
        assert_eq!(k_means(&[-1.0, 2.0, 2.0], 16), [-1.0, 2.0]);
    }

    fn error(values: &[f32], centroids: &[f32]) -> f64 {
        values
            .iter()
            .map(|&v| f64::from(v - centroids[nearest(centroids, v)]).powi(2))
            .sum()
    }

    proptest! {
        #[test]
        fn k_means_improves_the_linear_start(
            values in prop::collection::vec(-3.0f32..3.0, 1..300),
            count in 1usize..20,
        ) {
            let start = linear_start(&values, count);
            let found = k_means(&values, count);
            prop_assert!(!found.is_empty() && found.len() <= count);
            prop_assert!(found.is_sorted());
            prop_assert!(error(&values, &found) <= error(&values, &start) + 1e-6);
            // Each centroid is the mean of its members, of which there is at least one.
            for (index, &centroid) in found.iter().enumerate() {
                let members: Vec<f64> = values
                    .iter()
                    .filter(|&&value| nearest(&found, value) == index)
                    .map(|&value| f64::from(value))
                    .collect();
                prop_assert!(!members.is_empty());
                let mean = members.iter().sum::<f64>() / members.len() as f64;
                prop_assert!((mean - f64::from(centroid)).abs() < 1e-5);
            }
        }
    }
}
