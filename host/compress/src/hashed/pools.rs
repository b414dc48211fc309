//! How many values each band of a layer keeps.

use thresh_regs::HASH_LANES;

/// Values of a part of a pool, at least: with fewer, a pool is not cut into parts.
const LEAST_PART: usize = 8;

/// The pool of a band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pool {
    /// Values.
    pub values: usize,
    /// Parts.
    pub groups: usize,
}

/// How the share of values that a band keeps falls from the lowest to the highest: `x^(alpha - 1) * (1 - x)^(beta - 1)`, the
/// density of a Beta distribution, at the middle of the band in the range 0 to 1 of all bands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Curve {
    pub alpha: f64,
    pub beta: f64,
}

impl Curve {
    fn at(self, band: usize, bands: usize) -> f64 {
        let x = (band as f64 + 0.5) / bands as f64;
        x.powf(self.alpha - 1.0) * (1.0 - x).powf(self.beta - 1.0)
    }
}

/// The pools of bands with `sizes` coefficients, lowest band first, of a layer with `outputs`: together `budget` values, or,
/// where parts are not whole, fewer than [`HASH_LANES`] less. No pool has more values than its band has coefficients.
pub(super) fn pools(sizes: &[usize], budget: usize, outputs: usize, curve: Curve) -> Vec<Pool> {
    let counts = counts(sizes, budget, curve);
    let mut left = budget.min(sizes.iter().sum());
    let mut pools: Vec<Pool> = counts
        .iter()
        .zip(sizes)
        .map(|(&count, &size)| {
            let groups = if count == size {
                1
            } else {
                groups(count, outputs)
            };
            let values = count - count % groups;
            left -= values;
            Pool { values, groups }
        })
        .collect();
    // What rounding left goes to low bands first.
    loop {
        let mut given = 0;
        for (pool, &size) in pools.iter_mut().zip(sizes) {
            let more = pool.groups;
            if pool.values > 0 && more <= left - given && pool.values + more <= size {
                pool.values += more;
                given += more;
            }
        }
        if given == 0 {
            return pools;
        }
        left -= given;
    }
}

/// The largest number of parts that leaves each some values, and an output.
fn groups(values: usize, outputs: usize) -> usize {
    let powers = (0..=HASH_LANES.ilog2()).map(|log| 1 << log);
    let fits = |groups: &usize| values / groups >= LEAST_PART && *groups <= outputs;
    powers.rev().find(fits).unwrap_or(1)
}

/// `budget` in proportion to size and curve, but no more than the size.
fn counts(sizes: &[usize], budget: usize, curve: Curve) -> Vec<usize> {
    let weight = |band: usize| sizes[band] as f64 * curve.at(band, sizes.len());
    let mut counts = vec![0; sizes.len()];
    let mut open: Vec<usize> = (0..sizes.len()).collect();
    let mut left = budget;
    // Bands that would get more than they have are full; what is left goes to the others.
    let scale = loop {
        let scale = left as f64 / open.iter().map(|&band| weight(band)).sum::<f64>();
        let full = |band: &usize| scale * weight(*band) >= sizes[*band] as f64;
        let Some(at) = open.iter().position(full) else {
            break scale;
        };
        let band = open.remove(at);
        counts[band] = sizes[band].min(left);
        left -= counts[band];
        if open.is_empty() {
            return counts;
        }
    };
    for &band in &open {
        counts[band] = (scale * weight(band)) as usize;
    }
    // The largest fractions get what rounding down left.
    open.sort_by(|&a, &b| {
        let fraction = |band| (scale * weight(band)).fract();
        fraction(b).total_cmp(&fraction(a)).then(a.cmp(&b))
    });
    let given: usize = open.iter().map(|&band| counts[band]).sum();
    for &band in open.iter().take(left.saturating_sub(given)) {
        counts[band] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CURVE: Curve = Curve {
        alpha: 0.2,
        beta: 2.5,
    };

    /// Coefficients of the bands of a window of 5 x 5.
    fn sizes(filters: usize) -> Vec<usize> {
        [1, 2, 3, 4, 5, 4, 3, 2, 1].map(|n| n * filters).into()
    }

    #[test]
    fn low_bands_get_more_of_the_budget() {
        let sizes = sizes(1000);
        let pools = pools(&sizes, 25_000 / 16, 50, CURVE);
        let rates: Vec<f64> = pools
            .iter()
            .zip(&sizes)
            .map(|(pool, &size)| pool.values as f64 / size as f64)
            .collect();
        assert!(rates.is_sorted_by(|low, high| low > high), "{rates:?}");
        assert!(rates[0] > 0.4 && rates[8] < 0.005, "{rates:?}");
    }

    #[test]
    fn a_flat_curve_gives_each_band_its_share() {
        let flat = Curve {
            alpha: 1.0,
            beta: 1.0,
        };
        let values = |budget| -> Vec<usize> {
            let pools = pools(&sizes(100), budget, 1, flat);
            pools.iter().map(|pool| pool.values).collect()
        };
        assert_eq!(values(250), [10, 20, 30, 40, 50, 40, 30, 20, 10]);
        assert_eq!(values(9999), sizes(100));
    }

    #[test]
    fn pools_are_cut_where_parts_stay_large_enough() {
        for (values, outputs, expected) in [
            (127, 50, 8),
            (128, 50, 16),
            (9000, 50, 16),
            (9000, 10, 8),
            (15, 50, 1),
            (16, 50, 2),
            (0, 50, 1),
        ] {
            assert_eq!(groups(values, outputs), expected, "{values} {outputs}");
        }
    }

    proptest! {
        #[test]
        fn pools_take_the_budget(
            filters in 1usize..2000,
            share in 0.001f64..1.0,
            outputs in 1usize..100,
            alpha in 0.1f64..4.0,
            beta in 0.1f64..4.0,
        ) {
            let sizes = sizes(filters);
            let budget = ((share * 25.0 * filters as f64) as usize).max(1);
            let pools = pools(&sizes, budget, outputs, Curve { alpha, beta });
            let values: usize = pools.iter().map(|pool| pool.values).sum();
            prop_assert!(values <= budget && values + HASH_LANES > budget, "{values} {budget}");
            for (pool, &size) in pools.iter().zip(&sizes) {
                prop_assert!(pool.values <= size);
                prop_assert!(pool.values.is_multiple_of(pool.groups));
                prop_assert!(pool.groups == 1 || pool.values / pool.groups >= LEAST_PART);
            }
        }
    }
}
