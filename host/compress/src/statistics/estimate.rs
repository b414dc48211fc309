//! Means and variances without inputs.

use super::Value;
use thresh_model::{Activation, Layer, Network, Operator, network::FRAME_MARK};

/// Deviations from the mean that a value is taken to reach.
const REACH: f64 = 3.0;

/// Mean and variance of a channel.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    mean: f64,
    variance: f64,
}

/// What weights and biases say of every value, channel by channel.
pub(super) fn values(network: &Network) -> Vec<Value> {
    let mut all = vec![input(network)];
    for layer in &network.layers {
        let sums = sums(layer, &all);
        let moments = sums.iter().enumerate();
        all.push(
            moments
                .map(|(c, sum)| activated(&layer.activation, c, *sum))
                .collect(),
        );
    }
    all.iter().map(|moments| value(moments)).collect()
}

fn value(moments: &[Moments]) -> Value {
    let most = |m: &Moments| (m.mean.abs() + REACH * m.variance.sqrt()) as f32;
    Value {
        mean: moments.iter().map(|m| m.mean as f32).collect(),
        variance: moments.iter().map(|m| m.variance as f32).collect(),
        most: moments.iter().map(most).collect(),
    }
}

/// Bytes spread evenly, and where the mean is known, around that.
fn input(network: &Network) -> Vec<Moments> {
    let (map, image) = (network.value(0), network.input);
    let scale = f64::from(network.input_scale);
    let spread = (256.0 * scale).powi(2) / 12.0;
    let framed =
        1.0 - image.height as f64 * image.width as f64 / (map.height as f64 * map.width as f64);
    let marked = f64::from(FRAME_MARK) * scale;
    let moments = |channel: usize| match channel < image.channels {
        true => Moments {
            mean: network
                .input_mean
                .get(channel)
                .map_or(127.5 * scale, |&mean| mean.into()),
            variance: spread,
        },
        false => Moments {
            mean: 0.0,
            variance: marked * marked * framed * (1.0 - framed),
        },
    };
    (0..map.channels).map(moments).collect()
}

/// Of the sums of a layer, before its activation.
fn sums(layer: &Layer, all: &[Vec<Moments>]) -> Vec<Moments> {
    let read = &all[layer.inputs[0]];
    match &layer.operator {
        Operator::Dense { .. } | Operator::Conv { .. } => weighted(layer, read),
        Operator::MaxPool { .. } | Operator::AveragePool { .. } => read.clone(),
        Operator::Add { .. } => {
            let both = read.iter().zip(&all[layer.inputs[1]]);
            let sum = |(a, b): (&Moments, &Moments)| Moments {
                mean: a.mean + b.mean,
                variance: a.variance + b.variance,
            };
            both.map(sum).collect()
        }
        Operator::Concat { .. } => {
            let maps = layer.inputs.iter().map(|&value| all[value].as_slice());
            maps.collect::<Vec<_>>().concat()
        }
        Operator::Shuffle { shape, groups } => {
            let from = |k: usize| k % groups * (shape.channels / groups) + k / groups;
            (0..shape.channels).map(|k| read[from(k)]).collect()
        }
        Operator::Select { channels, .. } => {
            channels.iter().map(|&channel| read[channel]).collect()
        }
    }
}

fn weighted(layer: &Layer, read: &[Moments]) -> Vec<Moments> {
    let weights = layer.weights.to_dense();
    let outputs = layer.bias.len();
    let rows = weights.chunks_exact((weights.len() / outputs.max(1)).max(1));
    let sum = |(output, (row, bias)): (usize, (&[f32], &f32))| {
        let mut sum = Moments {
            mean: (*bias).into(),
            variance: 0.0,
        };
        for (at, &weight) in row.iter().enumerate() {
            let input = read[crate::equalise::column(&layer.operator, output, at, read.len())];
            let weight = f64::from(weight);
            sum.mean += weight * input.mean;
            sum.variance += weight * weight * input.variance;
        }
        sum
    };
    rows.zip(&layer.bias).enumerate().map(sum).collect()
}

/// The moments of what an activation makes of a normal value.
fn activated(activation: &Activation, channel: usize, sum: Moments) -> Moments {
    let slope = match activation {
        Activation::None => return sum,
        Activation::Relu | Activation::Clipped(_) => 0.0,
        Activation::Leaky(slopes) => f64::from(slopes[channel % slopes.len()]),
    };
    let [above, above_square] = positive(sum);
    let [below, below_square] = positive(Moments {
        mean: -sum.mean,
        ..sum
    });
    let mut mean = above - slope * below;
    let mut square = above_square + slope * slope * below_square;
    if let Activation::Clipped(limit) = activation {
        let limit = f64::from(*limit);
        mean = mean.min(limit);
        square = square.min(limit * limit);
    }
    Moments {
        mean,
        variance: (square - mean * mean).max(0.0),
    }
}

/// Mean and mean square of the positive part of a normal value.
fn positive(Moments { mean, variance }: Moments) -> [f64; 2] {
    let deviation = variance.sqrt();
    if deviation == 0.0 {
        return [mean.max(0.0), mean.max(0.0).powi(2)];
    }
    let z = mean / deviation;
    let pi = std::f64::consts::PI;
    let density = (-0.5 * z * z).exp() / (2.0 * pi).sqrt();
    // Boyd's approximation of the tail (1959), within 1 % of it everywhere.
    let tail = density * pi / ((pi - 1.0) * z.abs() + (z * z + 2.0 * pi).sqrt());
    let share = if z < 0.0 { tail } else { 1.0 - tail };
    let first = mean * share + deviation * density;
    let second = (mean * mean + variance) * share + mean * deviation * density;
    [first.max(0.0), second.max(0.0)]
}
