//! How few bits a model of positions and codes allows: what the coding of an image is held against.

use std::collections::BTreeMap;

/// Bits of `symbols` that occur so often, each coded by itself as well as any code can: their count times the
/// zeroth-order entropy of their frequencies (Shannon 1948, theorem 9). The frequencies themselves are left out.
pub fn symbol_bits(frequencies: &[u64]) -> f64 {
    let all: u64 = frequencies.iter().sum();
    let used = frequencies.iter().filter(|&&n| n > 0);
    let bits = used.map(|&n| n as f64 * (all as f64 / n as f64).log2());
    bits.sum()
}

/// Bits that name one of all ways to choose `chosen` of `cells`: `log2 binomial(cells, chosen)`.
///
/// That is what positions cost if each is as likely as any other. Where whole rows or columns are empty they cost less.
/// Nothing is left to say where all are chosen, or more than there are.
pub fn choice_bits(cells: u64, chosen: u64) -> f64 {
    let Some(rest) = cells.checked_sub(chosen) else {
        return 0.0;
    };
    let fewer = chosen.min(rest);
    let factor = |i: u64| ((cells - i) as f64 / (fewer - i) as f64).log2();
    (0..fewer).map(factor).sum()
}

/// Bits that say which cells of a grid are chosen, column by column: how many of the `rows` of each column are, at the
/// zeroth-order entropy of these numbers, then which ones ([`choice_bits`]).
///
/// A model that knows of empty and of dense columns, unlike [`choice_bits`] of the whole grid. The frequencies of the
/// numbers are left out.
pub fn column_bits(rows: u64, chosen: &[u64]) -> f64 {
    let mut numbers: BTreeMap<u64, u64> = BTreeMap::new();
    for &number in chosen {
        *numbers.entry(number).or_default() += 1;
    }
    let frequencies: Vec<u64> = numbers.values().copied().collect();
    let places: f64 = chosen.iter().map(|&n| choice_bits(rows, n)).sum();
    symbol_bits(&frequencies) + places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::huffman::CodeLengths;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        assert_eq!(symbol_bits(&[]), 0.0);
        assert_eq!(symbol_bits(&[0, 9]), 0.0);
        assert_eq!(symbol_bits(&[4, 0, 4]), 8.0);
        assert!((symbol_bits(&[1, 1, 2]) - 6.0).abs() < 1e-12);
        assert!((choice_bits(5, 2) - 10f64.log2()).abs() < 1e-12);
        assert!((choice_bits(52, 5) - 2_598_960f64.log2()).abs() < 1e-9);
        assert!((choice_bits(52, 47) - choice_bits(52, 5)).abs() < 1e-9);
        // Two empty columns of four, two with one cell of eight.
        assert!((column_bits(8, &[0, 1, 0, 1]) - (4.0 + 6.0)).abs() < 1e-12);
        assert_eq!(column_bits(8, &[]), 0.0);
        for chosen in [0, 7, 8] {
            assert_eq!(choice_bits(7, chosen), 0.0);
        }
    }

    proptest! {
        #[test]
        fn no_huffman_code_is_below_the_entropy(frequencies in prop::collection::vec(0u64..1000, 2..40)) {
            let code = CodeLengths::from_frequencies(&frequencies);
            let bits = code.cost(&frequencies).unwrap() as f64;
            let entropy = symbol_bits(&frequencies);
            let symbols: u64 = frequencies.iter().sum();
            prop_assert!(bits + 1e-6 >= entropy, "{bits} {entropy}");
            prop_assert!(bits <= entropy + symbols as f64 + 1e-6, "{bits} {entropy}");
        }

        #[test]
        fn a_choice_costs_less_than_a_mark_a_cell(cells in 0u64..500, share in 0.0..1.0f64) {
            let chosen = (cells as f64 * share) as u64;
            let marks = symbol_bits(&[chosen, cells - chosen]);
            prop_assert!(choice_bits(cells, chosen) <= marks + 1e-6);
        }
    }
}
