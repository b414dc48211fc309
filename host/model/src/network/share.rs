//! Weights that are few values already.

use super::Weights;
use std::collections::BTreeSet;

/// Most values of a codebook.
const MOST: usize = u8::MAX as usize;

impl Weights {
    /// The same weights as codes of a codebook in rising order, where they are floats of at most 255 values other than
    /// zero; else as they are. Nothing is rounded.
    pub fn shared_if_few(self) -> Weights {
        let Weights::Float(values) = &self else {
            return self;
        };
        if values.is_empty() {
            return self;
        }
        let mut distinct = BTreeSet::new();
        for value in values.iter().filter(|&&value| value != 0.0) {
            distinct.insert(Ordered(*value));
            if distinct.len() > MOST {
                return self;
            }
        }
        let codebook: Vec<f32> = distinct.into_iter().map(|Ordered(value)| value).collect();
        let code = |value: &f32| {
            let found = codebook.binary_search_by(|centroid| centroid.total_cmp(value));
            found.map_or(0, |index| index as u8 + 1)
        };
        let codes = values.iter().map(code).collect();
        Weights::Shared { codebook, codes }
    }
}

/// A float in the order of all floats.
#[derive(Clone, Copy, Debug)]
struct Ordered(f32);

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_are_shared_and_nothing_changes() {
        let values = vec![0.5, 0.0, -0.25, 0.5, -0.0, 3.0];
        let weights = Weights::Float(values.clone()).shared_if_few();
        let Weights::Shared { codebook, codes } = &weights else {
            panic!("{weights:?}");
        };
        assert_eq!(codebook, &[-0.25, 0.5, 3.0]);
        assert_eq!(codes, &[2, 0, 1, 2, 0, 3]);
        assert_eq!(weights.to_dense(), values);
        let none = Weights::Float(vec![]);
        assert_eq!(none.clone().shared_if_few(), none);
    }

    #[test]
    fn a_value_too_many_stays_float() {
        let values = |count: u16| Weights::Float((0..=count).map(f32::from).collect());
        assert!(matches!(
            values(255).shared_if_few(),
            Weights::Shared { .. }
        ));
        assert_eq!(values(256).shared_if_few(), values(256));
    }
}
