//! How inputs vary, and what it costs where they do not.

use serde::Serialize;
use std::collections::HashSet;
use thresh_compress::Statistics;
use thresh_model::Network;

/// Different inputs that are enough for ranges: with fewer the largest activations of others are often beyond them.
const ENOUGH: usize = 8;

/// Mean deviation of a value over all inputs, in steps of a byte, below which they are as good as equal.
const LEAST_DEVIATION: f64 = 2.0;

/// How calibration inputs vary.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Variation {
    /// How many there are.
    pub inputs: usize,
    /// How many of them are different.
    pub distinct: usize,
    /// How many have the same value everywhere, as black ones do.
    pub flat: usize,
    /// Deviation of a value over all inputs, mean of the values of an input, in steps of a byte.
    pub deviation: f64,
}

impl Variation {
    pub fn of(images: &[&[u8]]) -> Variation {
        let inputs = images.len();
        let length = images.first().map_or(0, |image| image.len());
        let mut sums = vec![[0u64; 2]; length];
        for image in images {
            for (sum, &byte) in sums.iter_mut().zip(*image) {
                let byte = u64::from(byte);
                *sum = [sum[0] + byte, sum[1] + byte * byte];
            }
        }
        let share = 1.0 / inputs.max(1) as f64;
        let deviation = |[sum, squares]: &[u64; 2]| {
            let mean = *sum as f64 * share;
            (*squares as f64 * share - mean * mean).max(0.0).sqrt()
        };
        let flat = |image: &&&[u8]| image.iter().all(|byte| *byte == image[0]);
        Variation {
            inputs,
            distinct: images.iter().collect::<HashSet<_>>().len(),
            flat: images.iter().filter(flat).count(),
            deviation: sums.iter().map(deviation).sum::<f64>() / length.max(1) as f64,
        }
    }

    /// What is wrong with inputs that vary so; none if nothing is.
    fn fault(&self) -> Option<String> {
        let Variation {
            inputs,
            distinct,
            flat,
            deviation,
        } = *self;
        Some(match (inputs, distinct) {
            (0, _) => return None,
            (1, _) if flat == 1 => "there is 1 input, of one value everywhere".into(),
            (1, _) => "there is 1 input".into(),
            (_, 1) => format!("all {inputs} inputs are equal"),
            _ if flat == inputs => format!("each of {inputs} inputs has one value everywhere"),
            _ if 2 * flat > inputs => {
                format!("{flat} of {inputs} inputs have one value everywhere")
            }
            _ if distinct < ENOUGH && distinct < inputs => {
                format!("of {inputs} inputs {distinct} are different")
            }
            _ if distinct < ENOUGH => format!("there are {inputs} inputs"),
            _ if deviation < LEAST_DEVIATION => {
                format!("{inputs} inputs differ by {deviation:.1} of 255 in the mean")
            }
            _ => return None,
        })
    }
}

/// What is to be said of calibration inputs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibrated {
    #[serde(flatten)]
    pub variation: Variation,
    /// Layers that are zero on all inputs looked at.
    pub silent: Vec<String>,
    /// What is wrong with them, and what it costs; none if nothing is.
    pub warning: Option<String>,
}

impl Calibrated {
    /// Looks at the inputs that calibrate `network`; `statistics` are what they say of it, if that is known.
    pub fn new(network: &Network, images: &[&[u8]], statistics: Option<&Statistics>) -> Calibrated {
        let variation = Variation::of(images);
        let silent = match statistics {
            Some(statistics) => silent(network, statistics),
            None => silent(network, &Statistics::measured(network, images)),
        };
        let mut parts = Vec::from_iter(variation.fault());
        if !silent.is_empty() {
            let names = silent
                .iter()
                .take(3)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ");
            let more = match silent.len() {
                0..=3 => String::new(),
                all => format!(" and {} more", all - 3),
            };
            parts.push(format!(
                "nothing but zeros comes out of layer {names}{more}"
            ));
        }
        let warning = (!parts.is_empty()).then(|| {
            format!(
                "the ranges of activations are measured on inputs that say little: {}; what another input makes beyond these ranges is clipped, \
                 which may change every answer; calibrate with some 100 different inputs like those that the network will see",
                parts.join(", and ")
            )
        });
        Calibrated {
            variation,
            silent,
            warning,
        }
    }
}

/// Names of the hidden layers that are zero on all inputs that were measured.
fn silent(network: &Network, statistics: &Statistics) -> Vec<String> {
    let hidden = &network.layers[..network.layers.len() - 1];
    let zero = |value: usize| statistics.most(value).iter().all(|most| *most == 0.0);
    let layers = hidden.iter().enumerate();
    layers
        .filter(|(index, _)| statistics.inputs() > 0 && zero(index + 1))
        .map(|(_, layer)| layer.name.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(images: &[&[u8]]) -> String {
        Variation::of(images).fault().unwrap_or_default()
    }

    #[test]
    fn what_does_not_vary_is_named() {
        assert_eq!(fault(&[&[1, 2]]), "there is 1 input");
        assert_eq!(
            fault(&[&[0, 0]]),
            "there is 1 input, of one value everywhere"
        );
        assert_eq!(fault(&[&[1, 2][..]; 5]), "all 5 inputs are equal");
        assert_eq!(
            fault(&[&[0, 0], &[7, 7], &[0, 0]]),
            "each of 3 inputs has one value everywhere"
        );
        assert_eq!(
            fault(&[&[0, 0], &[7, 7], &[0, 0], &[0, 8]]),
            "3 of 4 inputs have one value everywhere"
        );
        assert_eq!(
            fault(&[&[0, 1], &[7, 8], &[0, 1], &[0, 8]]),
            "of 4 inputs 3 are different"
        );
        assert_eq!(
            fault(&[&[0, 1], &[7, 8], &[0, 2], &[0, 8]]),
            "there are 4 inputs"
        );
        let near: Vec<[u8; 4]> = (0..16u8)
            .map(|i| [100 + i % 2, 7 + i / 2 % 2, 9 + i / 4 % 2, i / 8])
            .collect();
        let near: Vec<&[u8]> = near.iter().map(|image| &image[..]).collect();
        assert_eq!(fault(&near), "16 inputs differ by 0.5 of 255 in the mean");
        let far: Vec<[u8; 2]> = (0..16u8).map(|i| [16 * i, 255 - 13 * i]).collect();
        let far: Vec<&[u8]> = far.iter().map(|image| &image[..]).collect();
        assert_eq!(fault(&far), "");
        assert_eq!(Variation::of(&far).distinct, 16);
    }
}
