//! Pruning and weight sharing without data: nothing is retrained.
//!
//! For networks that come trained from elsewhere. It loses more accuracy than a [`Method`](crate::Method) that trains,
//! but takes every kind of layer and only seconds.

use thresh_model::network::{Layer, Network, Weights};

use crate::{
    deep_compression::share::{Shared, k_means, linear_start},
    error::Result,
    net::scales,
    options::invalid,
};

/// Most bits of a code; code 0 is a pruned weight.
const MOST_BITS: u32 = 8;

/// Most weights of a layer that k-means looks at: more are represented by evenly spaced ones of their rising order.
const SAMPLE: usize = 1 << 18;

/// Most rounds of k-means over a sample.
const MOST_ROUNDS: usize = 300;

/// What is done to a network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PostTraining {
    /// Share of the weights that stays, those of largest magnitude, 0 to 1: one for all layers, or one for each layer
    /// that is pruned. Nothing is pruned where there is none. A layer that only scales channels is never pruned.
    pub keep: Vec<f64>,
    /// Whether the one share of `keep` is that of all weights together, so that layers of small weights lose more.
    pub global: bool,
    /// Bits of a code, 1 to 8: a layer gets at most `2^bits - 1` shared values by k-means. None: weights stay floats.
    pub bits: Option<u32>,
}

/// The network with `options` applied; layers without weights stay as they are.
///
/// # Errors
///
/// If an option is impossible, the number of shares is not that of the layers that are pruned, or the network is not
/// sound.
pub fn compress_after_training(network: &Network, options: &PostTraining) -> Result<Network> {
    network.check()?;
    options.check()?;
    let mut network = network.clone();
    let mut layers: Vec<&mut Layer> = network
        .layers
        .iter_mut()
        .filter(|layer| is_pruned(layer))
        .collect();
    let mut weights: Vec<Vec<f32>> = layers
        .iter()
        .map(|layer| layer.weights.stored().to_dense())
        .collect();
    match options.keep.as_slice() {
        [] => {}
        &[share] if options.global => {
            let threshold = Threshold::new(&weights, share);
            let mut spare = threshold.equal;
            weights
                .iter_mut()
                .for_each(|weights| threshold.apply(weights, &mut spare));
        }
        shares => {
            if shares.len() != 1 && shares.len() != weights.len() {
                let expected = format!("1 share, or one for each of {} layers", weights.len());
                return Err(invalid("keep", options.shares(), &expected));
            }
            for (weights, &share) in weights.iter_mut().zip(shares.iter().cycle()) {
                let threshold = Threshold::new(std::slice::from_ref(weights), share);
                threshold.apply(weights, &mut threshold.equal.clone());
            }
        }
    }
    for (layer, weights) in layers.iter_mut().zip(weights) {
        layer.weights = layer.weights.with_stored(Weights::Float(weights));
    }
    if let Some(bits) = options.bits {
        for layer in network
            .layers
            .iter_mut()
            .filter(|layer| !layer.weights.is_empty())
        {
            let values = layer.weights.stored().to_dense();
            let most = (1 << bits) - 1;
            let values = match &layer.weights {
                Weights::Hashed(_) => shared_pool(&values, most),
                _ => shared(&values, most),
            };
            layer.weights = layer.weights.with_stored(values);
        }
    }
    network
        .provenance
        .insert("post-training".into(), options.line());
    network.check()?;
    Ok(network)
}

impl PostTraining {
    /// Whether nothing is done.
    pub fn is_empty(&self) -> bool {
        self.keep.is_empty() && self.bits.is_none()
    }

    fn shares(&self) -> String {
        let shares: Vec<String> = self.keep.iter().map(f64::to_string).collect();
        shares.join(",")
    }

    fn line(&self) -> String {
        let keep = (!self.keep.is_empty()).then(|| format!("keep={}", self.shares()));
        let global = self.global.then(|| "global".to_string());
        let bits = self.bits.map(|bits| format!("bits={bits}"));
        keep.into_iter()
            .chain(global)
            .chain(bits)
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn check(&self) -> Result<()> {
        // NaN is in no range.
        if !self.keep.iter().all(|share| (0.0..=1.0).contains(share)) {
            return Err(invalid("keep", self.shares(), "each 0 to 1"));
        }
        if self.global && self.keep.len() != 1 {
            return Err(invalid(
                "keep",
                self.shares(),
                "one share, for all layers together",
            ));
        }
        match self.bits {
            Some(bits) if !(1..=MOST_BITS).contains(&bits) => {
                Err(invalid("bits", bits, &format!("1 to {MOST_BITS}")))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a layer has weights, and is not one that only scales channels: each of those counts.
fn is_pruned(layer: &Layer) -> bool {
    !layer.weights.is_empty() && !scales(&layer.operator)
}

/// The least magnitude that stays.
#[derive(Clone, Debug)]
struct Threshold {
    least: f32,
    /// Weights of just this magnitude that stay, the first ones.
    equal: usize,
}

impl Threshold {
    /// Such that a `share` of all weights stays, rounded to the nearest number.
    fn new(layers: &[Vec<f32>], share: f64) -> Self {
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
    fn apply(&self, weights: &mut [f32], spare: &mut usize) {
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

/// The weights that are not zero as at most `count` shared values.
fn shared(weights: &[f32], count: usize) -> Weights {
    let mut alive: Vec<f32> = weights
        .iter()
        .copied()
        .filter(|&weight| weight != 0.0)
        .collect();
    let codebook = if alive.len() > SAMPLE {
        alive.sort_unstable_by(f32::total_cmp);
        let last = alive.len() - 1;
        let sample: Vec<f32> = (0..SAMPLE)
            .map(|i| alive[i * last / (SAMPLE - 1)])
            .collect();
        k_means_sorted(&sample, count)
    } else {
        k_means(&alive, count)
    };
    let Shared { codebook, codes } = Shared::among(weights, codebook);
    Weights::Shared { codebook, codes }
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

/// The values of a pool as at most `count` shared ones and their negatives, which a hash asks for as often.
pub(crate) fn shared_pool(values: &[f32], count: usize) -> Weights {
    let sizes: Vec<f32> = values.iter().map(|value| value.abs()).collect();
    let count = count.div_ceil(2);
    let mut distinct: Vec<f32> = sizes.iter().copied().filter(|&size| size > 0.0).collect();
    distinct.sort_unstable_by(f32::total_cmp);
    distinct.dedup();
    let shared = match distinct.len() <= count {
        true => {
            let Shared { codebook, codes } = Shared::among(&sizes, distinct);
            Weights::Shared { codebook, codes }
        }
        false => shared(&sizes, count),
    };
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

/// As [`k_means`] for many values in rising order: the members of a centroid stand in a row, so that a round
/// only looks for where they end.
fn k_means_sorted(values: &[f32], count: usize) -> Vec<f32> {
    let mut sums = vec![0.0f64];
    for &value in values {
        sums.push(sums[sums.len() - 1] + f64::from(value));
    }
    let mut centroids = linear_start(values, count);
    centroids.dedup();
    for _ in 0..MOST_ROUNDS {
        let ends = ends(values, &centroids);
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let members = starts.zip(&ends).zip(&centroids);
        let mut next: Vec<f32> = members
            .map(|((start, &end), &old)| match end - start {
                0 => old,
                members => ((sums[end] - sums[start]) / members as f64) as f32,
            })
            .collect();
        // Sums of many values may round two means past each other.
        next.sort_unstable_by(f32::total_cmp);
        next.dedup();
        if next == centroids {
            break;
        }
        centroids = next;
    }
    let ends = ends(values, &centroids);
    let mut start = 0;
    let mut members = ends
        .into_iter()
        .map(|end| end - std::mem::replace(&mut start, end));
    centroids.retain(|_| members.next().is_some_and(|members| members > 0));
    centroids
}

/// Where the values that are nearest to each centroid end; both rise.
fn ends(values: &[f32], centroids: &[f32]) -> Vec<usize> {
    let mut ends: Vec<usize> = centroids
        .windows(2)
        .map(|pair| values.partition_point(|value| value - pair[0] <= pair[1] - value))
        .collect();
    ends.extend((!centroids.is_empty()).then_some(values.len()));
    ends
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use thresh_model::network::{Activation, Frame, Head, Operator, Shape, Window};

    /// A convolution, a layer that scales, a mean, a fully connected layer.
    fn network(values: impl Fn(usize) -> f32) -> Network {
        let shape = |channels, height, width| Shape {
            channels,
            height,
            width,
        };
        let map = shape(4, 5, 5);
        let layer = |name: &str, operator: Operator| {
            let count = operator.weights().unwrap();
            Layer {
                name: name.into(),
                inputs: vec![],
                weights: Weights::Float((0..count).map(&values).collect()),
                bias: vec![0.5; operator.biases()],
                operator,
                activation: Activation::None,
                range: None,
            }
        };
        let conv = |input, groups, kernel| Operator::Conv {
            input,
            outputs: 4,
            groups,
            window: Window::valid(kernel),
        };
        let whole = Operator::AveragePool {
            input: map,
            window: Window::whole([5, 5]),
            excluded: [0; 4],
        };
        Network {
            name: "test".into(),
            input: shape(2, 7, 7),
            input_scale: 1.0,
            input_mean: vec![],
            frame: Frame::default(),
            layers: Layer::in_sequence([
                layer("conv", conv(shape(2, 7, 7), 1, [3, 3])),
                layer("scale", conv(map, 4, [1, 1])),
                layer("mean", whole),
                layer(
                    "fc",
                    Operator::Dense {
                        inputs: 4,
                        outputs: 10,
                    },
                ),
            ]),
            head: Head::Logits,
            labels: vec![],
            provenance: BTreeMap::new(),
        }
    }

    fn nonzeros(network: &Network) -> Vec<usize> {
        network
            .layers
            .iter()
            .map(|layer| layer.weights.nonzeros())
            .collect()
    }

    #[test]
    fn the_largest_weights_stay_in_each_layer() {
        let network = network(|i| {
            if i % 2 == 0 {
                i as f32 + 1.0
            } else {
                -(i as f32) - 1.0
            }
        });
        let options = PostTraining {
            keep: vec![0.25],
            ..Default::default()
        };
        let small = compress_after_training(&network, &options).unwrap();
        assert_eq!(nonzeros(&small), [18, 4, 0, 10]);
        let dense = small.layers[3].weights.to_dense();
        assert_eq!(dense[..30], [0.0; 30]);
        assert_eq!(dense[30..], network.layers[3].weights.to_dense()[30..]);
        assert_eq!(small.layers[0].bias, network.layers[0].bias);
        assert_eq!(small.provenance["post-training"], "keep=0.25");
        let each = PostTraining {
            keep: vec![1.0, 0.0],
            ..Default::default()
        };
        assert_eq!(
            nonzeros(&compress_after_training(&network, &each).unwrap()),
            [72, 4, 0, 0]
        );
    }

    #[test]
    fn one_share_of_all_weights_takes_from_layers_of_small_ones() {
        // Magnitudes 1 to 72 in the convolution, 1 to 40 in the fully connected layer.
        let network = network(|i| i as f32 + 1.0);
        let options = PostTraining {
            keep: vec![0.5],
            global: true,
            bits: None,
        };
        let small = compress_after_training(&network, &options).unwrap();
        // 56 of 112 stay: 41 to 72 of the one, 29 to 40 of both.
        assert_eq!(nonzeros(&small), [44, 4, 0, 12]);
        assert_eq!(nonzeros(&small).iter().sum::<usize>(), 56 + 4);
    }

    #[test]
    fn equal_weights_are_counted_out() {
        let network = network(|_| 0.5);
        let options = PostTraining {
            keep: vec![0.4],
            global: true,
            bits: Some(2),
        };
        let small = compress_after_training(&network, &options).unwrap();
        assert_eq!(nonzeros(&small), [45, 4, 0, 0]);
        assert_eq!(small.provenance["post-training"], "keep=0.4 global bits=2");
        let shared = |layer: &Layer| matches!(&layer.weights, Weights::Shared { codebook, .. } if codebook.len() <= 3);
        assert!(shared(&small.layers[0]) && shared(&small.layers[1]) && shared(&small.layers[3]));
        assert!(small.layers[2].weights.is_empty());
    }

    #[test]
    fn many_weights_are_represented_by_some() {
        let values: Vec<f32> = (0..3 * SAMPLE)
            .map(|i| if i % 3 == 0 { -1.0 } else { 2.0 })
            .collect();
        let Weights::Shared { codebook, codes } = shared(&values, 15) else {
            panic!("shared")
        };
        assert_eq!(codebook, [-1.0, 2.0]);
        assert_eq!(codes[..6], [1, 2, 2, 1, 2, 2]);
    }

    #[test]
    fn impossible_options_are_refused() {
        let network = network(|i| i as f32);
        let says = |keep: Vec<f64>, global: bool, bits: Option<u32>, part: &str| {
            let options = PostTraining { keep, global, bits };
            let text = compress_after_training(&network, &options)
                .unwrap_err()
                .to_string();
            assert!(text.contains(part), "{text}");
        };
        says(vec![1.5], false, None, "each 0 to 1");
        says(vec![f64::NAN], false, None, "each 0 to 1");
        says(vec![0.5; 3], false, None, "one for each of 2 layers");
        says(vec![0.5; 2], true, None, "one share");
        says(vec![], true, None, "one share");
        says(vec![], false, Some(0), "1 to 8");
        says(vec![], false, Some(9), "1 to 8");
    }

    proptest! {
        #[test]
        fn a_share_stays_and_what_stays_is_larger(
            values in prop::collection::vec(-1.0f32..1.0, 116),
            share in 0.0f64..=1.0,
            bits in 1u32..=8,
        ) {
            let network = network(|i| values[i % values.len()]);
            let options = PostTraining { keep: vec![share], global: false, bits: None };
            let pruned = compress_after_training(&network, &options).unwrap();
            for index in [0, 3] {
                let (before, after) = (&network.layers[index].weights, &pruned.layers[index].weights);
                let kept = (share * before.len() as f64).round() as usize;
                prop_assert!(after.nonzeros() <= kept);
                let largest_gone = (0..before.len())
                    .filter(|&i| after.get(i) == 0.0)
                    .map(|i| before.get(i).abs())
                    .fold(0.0, f32::max);
                prop_assert!((0..after.len()).all(|i| after.get(i) == 0.0 || after.get(i).abs() >= largest_gone));
            }
            let shared = compress_after_training(&pruned, &PostTraining { bits: Some(bits), ..Default::default() }).unwrap();
            prop_assert_eq!(nonzeros(&shared)[0], nonzeros(&pruned)[0]);
            let distinct = |layer: &Layer| match &layer.weights {
                Weights::Shared { codebook, .. } => codebook.len(),
                _ => usize::MAX,
            };
            prop_assert!(shared.layers.iter().filter(|l| !l.bias.is_empty()).all(|l| distinct(l) < 1 << bits));
        }
    }
}
