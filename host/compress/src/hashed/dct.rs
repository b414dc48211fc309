//! The orthonormal cosine transform (DCT-II) of a window.

use std::f64::consts::{FRAC_PI_2, SQRT_2};

/// Frequencies of a window of `height x width` positions, down and across, band by band: those of band `j` have the sum `j`.
pub(super) fn bands([height, width]: [usize; 2]) -> Vec<Vec<[usize; 2]>> {
    let of_band = |band: usize| {
        let down = (0..=band).map(|down| [down, band - down]);
        let inside = down.filter(|&[down, across]| down < height && across < width);
        inside.collect()
    };
    (0..height + width - 1).map(of_band).collect()
}

/// The pattern of a frequency in the window, row by row. The patterns of all frequencies are orthonormal, so that a window
/// is the sum of its patterns, each times its coefficient.
pub(super) fn pattern([height, width]: [usize; 2], [down, across]: [usize; 2]) -> Vec<f32> {
    let row = |y: usize| wave(height, down, y);
    let at = |place: usize| (row(place / width) * wave(width, across, place % width)) as f32;
    (0..height * width).map(at).collect()
}

/// The wave of `frequency` over `size` positions, at one of them.
fn wave(size: usize, frequency: usize, position: usize) -> f64 {
    let norm = (size as f64).sqrt().recip();
    match frequency {
        0 => norm,
        _ => norm * SQRT_2 * cosine((2 * position + 1) * frequency, size),
    }
}

/// The cosine of `steps` of `2 * size` to half a turn. Those of one magnitude have the same bits, so that a layer of patterns
/// has few distinct weights.
fn cosine(steps: usize, size: usize) -> f64 {
    let (quarter, half, turn) = (size, 2 * size, 4 * size);
    let steps = steps % turn;
    let steps = if steps > half { turn - steps } else { steps };
    let angle = |steps: usize| FRAC_PI_2 * steps as f64 / size as f64;
    match steps {
        steps if steps == quarter => 0.0,
        steps if steps < quarter => angle(steps).cos(),
        steps => -angle(half - steps).cos(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: [[usize; 2]; 6] = [[1, 1], [2, 2], [3, 3], [5, 5], [3, 2], [1, 7]];

    #[test]
    fn patterns_are_orthonormal_and_as_many_as_positions() {
        for window in WINDOWS {
            let all: Vec<[usize; 2]> = bands(window).concat();
            assert_eq!(all.len(), window[0] * window[1]);
            let patterns: Vec<Vec<f32>> = all.iter().map(|&f| pattern(window, f)).collect();
            for (i, a) in patterns.iter().enumerate() {
                for (j, b) in patterns.iter().enumerate() {
                    let product: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                    let expected = f32::from(u8::from(i == j));
                    assert!(
                        (product - expected).abs() < 1e-6,
                        "{window:?} {i} {j}: {product}"
                    );
                }
            }
        }
    }

    #[test]
    fn bands_rise_in_frequency() {
        let bands = bands([3, 3]);
        let sizes: Vec<usize> = bands.iter().map(Vec::len).collect();
        assert_eq!(sizes, [1, 2, 3, 2, 1]);
        assert_eq!(bands[1], [[0, 1], [1, 0]]);
        assert!(pattern([3, 3], [0, 0]).iter().all(|&x| x == 1.0 / 3.0));
        // Each wave crosses zero as often as its frequency says.
        for frequency in 0..5 {
            let wave: Vec<f64> = (0..5).map(|y| wave(5, frequency, y)).collect();
            let signs: Vec<bool> = wave
                .iter()
                .filter(|x| **x != 0.0)
                .map(|x| *x > 0.0)
                .collect();
            let crossed = signs.windows(2).filter(|pair| pair[0] != pair[1]).count();
            assert_eq!(crossed, frequency, "{wave:?}");
        }
    }

    #[test]
    fn patterns_have_few_distinct_values() {
        for band in bands([5, 5]) {
            let patterns = band.iter().flat_map(|&f| pattern([5, 5], f));
            let mut sizes: Vec<u32> = patterns.map(|x| x.abs().to_bits()).collect();
            sizes.sort_unstable();
            sizes.dedup();
            // Zero and, in the middle band, 3 of the constant by an even wave, 3 of odd by odd, 6 of even by even.
            assert!(sizes.len() <= 13, "{}", sizes.len());
        }
    }
}
