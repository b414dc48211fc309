//! Random inputs and weights for networks of which only the shape matters.

use crate::network::{Activation, Network, Operator, Shape, Weights};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// `count` inputs of `shape`, one byte a value, each byte as likely as any other; the same for the same
/// seed.
pub fn inputs(shape: Shape, count: usize, seed: u64) -> Vec<Vec<u8>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x696e_7075_7473);
    let input = |_| (0..shape.len()).map(|_| rng.random()).collect();
    (0..count).map(input).collect()
}

/// Replaces the weights of every layer by random ones, the same for the same seed, and its biases by
/// zeros: what a plan of a network needs whose weights are not at hand, or are all equal. Weights are
/// normal, of a deviation that keeps the size of values from layer to layer (He and others, "Delving
/// deep into rectifiers", 2015).
pub fn weights(network: &mut Network, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x7765_6967_6874);
    for layer in &mut network.layers {
        let outputs = match &layer.operator {
            Operator::Dense { outputs, .. } | Operator::Conv { outputs, .. } => *outputs,
            _ => continue,
        };
        let count = layer.weights.len();
        let fan = (count / outputs.max(1)).max(1) as f32;
        let gain = if layer.activation == Activation::None {
            1.0
        } else {
            2.0
        };
        let deviation = (gain / fan).sqrt();
        let weight = |_| deviation * normal(&mut rng);
        layer.weights = Weights::Float((0..count).map(weight).collect());
        layer.bias.fill(0.0);
    }
    let text = format!("random, seed {seed}");
    network.provenance.insert("weights".into(), text);
}

/// A normal value of deviation 1 (Box and Muller, "A note on the generation of random normal deviates",
/// 1958).
fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let radius = (-2.0 * rng.random_range(f32::MIN_POSITIVE..1.0).ln()).sqrt();
    radius * (std::f32::consts::TAU * rng.random_range(0.0..1.0f32)).cos()
}
