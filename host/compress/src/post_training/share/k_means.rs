//! One-dimensional k-means of values that cost differently much.

use crate::deep_compression::share::linear_start;
use std::collections::BinaryHeap;

/// Most rounds over all values.
const MOST_ROUNDS: usize = 300;

/// Rising values with sums of their costs, so that the members of a centroid, which stand in a row, are summed at once.
pub(super) struct Values {
    values: Vec<f32>,
    /// Sums of cost, cost times value, cost times squared value, of the values before each.
    sums: Vec<[f64; 3]>,
}

/// Values in a row, by what is lost when one stands for them.
#[derive(PartialEq)]
struct Row {
    loss: f64,
    start: usize,
    end: usize,
}

impl Eq for Row {}

impl PartialOrd for Row {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Row {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.loss
            .total_cmp(&other.loss)
            .then(other.start.cmp(&self.start))
    }
}

impl Values {
    /// Of values in rising order, each with its cost.
    pub fn new(rising: &[(f32, f64)]) -> Self {
        let mut sums = vec![[0.0; 3]];
        let mut sum = [0.0; 3];
        for &(value, cost) in rising {
            let value = f64::from(value);
            sum = [
                sum[0] + cost,
                sum[1] + cost * value,
                sum[2] + cost * value * value,
            ];
            sums.push(sum);
        }
        Self {
            values: rising.iter().map(|(value, _)| *value).collect(),
            sums,
        }
    }

    /// At most `count` centroids, in rising order, each with a member: the better of what follows from a linear start, as Deep Compression has
    /// it, and from one that halves, again and again, the row that loses most.
    pub fn k_means(&self, count: usize) -> Vec<f32> {
        if self.values.is_empty() || count == 0 {
            return Vec::new();
        }
        let linear = self.linear(count);
        let halved = self.settle(self.halved(count));
        match self.loss(&halved) < self.loss(&linear) {
            true => halved,
            false => linear,
        }
    }

    /// What follows from a linear start alone.
    pub fn linear(&self, count: usize) -> Vec<f32> {
        self.settle(linear_start(&self.values, count))
    }

    /// The mean of a row; none if nothing of it costs anything.
    fn mean(&self, start: usize, end: usize) -> Option<f64> {
        let cost = self.sums[end][0] - self.sums[start][0];
        let value = self.sums[end][1] - self.sums[start][1];
        let (least, most) = (
            self.values.get(start)?,
            self.values.get(end.checked_sub(1)?)?,
        );
        // Rounding of long sums may lead out of a row of few.
        (cost > 0.0 && start < end).then(|| (value / cost).clamp((*least).into(), (*most).into()))
    }

    /// What is lost when `centroid` stands for a row.
    fn lost(&self, start: usize, end: usize, centroid: f64) -> f64 {
        let [cost, value, square] =
            [0, 1, 2].map(|power| self.sums[end][power] - self.sums[start][power]);
        (square - 2.0 * centroid * value + centroid * centroid * cost).max(0.0)
    }

    /// The means of rows that come about when the one that loses most is cut at its mean until there are `count`.
    fn halved(&self, count: usize) -> Vec<f32> {
        let row = |start: usize, end: usize| Row {
            loss: self
                .mean(start, end)
                .map_or(0.0, |mean| self.lost(start, end, mean)),
            start,
            end,
        };
        let mut rows = BinaryHeap::from([row(0, self.values.len())]);
        let mut done = Vec::new();
        while rows.len() + done.len() < count {
            let Some(worst) = rows.pop() else {
                break;
            };
            let (start, end) = (worst.start, worst.end);
            let middle = self.mean(start, end).unwrap_or(self.values[start].into());
            let cut = start
                + self.values[start..end].partition_point(|value| f64::from(*value) <= middle);
            match start < cut && cut < end {
                true => rows.extend([row(start, cut), row(cut, end)]),
                false => done.push(worst),
            }
        }
        let rows = rows.into_iter().chain(done);
        rows.filter_map(|row| self.mean(row.start, row.end))
            .map(|mean| mean as f32)
            .collect()
    }

    /// Rounds of k-means from `centroids` until they stay.
    fn settle(&self, mut centroids: Vec<f32>) -> Vec<f32> {
        let sorted = |list: &mut Vec<f32>| {
            // Sums of many values may round two means past each other.
            list.sort_unstable_by(f32::total_cmp);
            list.dedup();
        };
        sorted(&mut centroids);
        for _ in 0..MOST_ROUNDS {
            let rows = self.rows(&centroids);
            let next = rows
                .zip(&centroids)
                .map(|((start, end), &old)| self.mean(start, end).map_or(old, |mean| mean as f32));
            let mut next: Vec<f32> = next.collect();
            sorted(&mut next);
            if next == centroids {
                break;
            }
            centroids = next;
        }
        let used: Vec<bool> = self
            .rows(&centroids)
            .map(|(start, end)| start < end)
            .collect();
        let mut used = used.into_iter();
        centroids.retain(|_| used.next().unwrap_or(false));
        centroids
    }

    /// What is lost when the nearest of `centroids` stands for each value.
    fn loss(&self, centroids: &[f32]) -> f64 {
        let rows = self.rows(centroids).zip(centroids);
        rows.map(|((start, end), &centroid)| self.lost(start, end, centroid.into()))
            .sum()
    }

    /// Where the values that are nearest to each centroid begin and end.
    fn rows(&self, centroids: &[f32]) -> impl Iterator<Item = (usize, usize)> {
        let between = |pair: &[f32]| {
            self.values
                .partition_point(|value| value - pair[0] <= pair[1] - value)
        };
        let mut ends: Vec<usize> = centroids.windows(2).map(between).collect();
        ends.extend((!centroids.is_empty()).then_some(self.values.len()));
        let mut start = 0;
        ends.into_iter()
            .map(move |end| (std::mem::replace(&mut start, end), end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(list: &[(f32, f64)]) -> Values {
        Values::new(list)
    }

    #[test]
    fn clusters_apart_are_found() {
        let equal = [-2.1, -1.9, 0.5, 0.7, 3.0, 3.0, 3.3].map(|value| (value, 1.0));
        for (found, expected) in values(&equal).k_means(3).iter().zip([-2.0, 0.6, 3.1]) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        assert!(values(&[]).k_means(3).is_empty());
        assert_eq!(values(&[(0.5, 1.0), (0.5, 0.0)]).k_means(4), [0.5]);
    }

    #[test]
    fn what_costs_more_is_met_better() {
        let list: Vec<(f32, f64)> = (0..100)
            .map(|i| (i as f32, if i < 10 { 1e6 } else { 1.0 }))
            .collect();
        let found = values(&list).k_means(12);
        let fine = found.iter().filter(|value| **value < 10.0).count();
        assert_eq!(fine, 10, "{found:?}");
    }

    #[test]
    fn small_values_beside_large_ones_get_centroids() {
        // 100 values up to 1, and 100 up to 1,000, of which an error costs a millionth.
        let rising = (1..=100).map(|i| (i as f32 / 100.0, 1.0));
        let list: Vec<(f32, f64)> = rising
            .chain((1..=100).map(|i| (i as f32 * 10.0, 1e-6)))
            .collect();
        let found = values(&list).k_means(31);
        let small = found.iter().filter(|value| **value < 1.5).count();
        assert!((14..=17).contains(&small), "{small} of {found:?}");
    }

    proptest! {
        #[test]
        fn each_centroid_is_the_mean_of_its_members(
            mut list in prop::collection::vec((-3.0f32..3.0, 0.01f64..10.0), 1..300),
            count in 1usize..20,
        ) {
            list.sort_by(|a, b| a.0.total_cmp(&b.0));
            let all = values(&list);
            let found = all.k_means(count);
            prop_assert!(!found.is_empty() && found.len() <= count);
            prop_assert!(found.is_sorted());
            prop_assert!(all.loss(&found) <= all.loss(&linear_start(&all.values, count)) + 1e-6);
            for ((start, end), &centroid) in all.rows(&found).zip(&found) {
                let (cost, sum) = list[start..end].iter().fold((0.0, 0.0), |(cost, sum), (value, c)| {
                    (cost + c, sum + c * f64::from(*value))
                });
                prop_assert!(start < end);
                prop_assert!((sum / cost - f64::from(centroid)).abs() < 1e-5);
            }
        }
    }
}
