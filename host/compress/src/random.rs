//! Random numbers that depend on nothing but the seed, a stage and an epoch, so that an interrupted run goes on with the same ones.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What the numbers are for. The order is part of what a seed gives: add new ones at the end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Start,
    Train,
    Prune,
    Retrain,
    FineTune,
    Share,
    Responses,
    Cut,
}

/// The generator of one epoch.
pub(crate) fn generator(seed: u64, purpose: Purpose, epoch: usize) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(((purpose as u64) << 32) | epoch as u64);
    generator
}

/// The numbers below `count` in random order.
pub(crate) fn shuffled(count: usize, generator: &mut ChaCha8Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, generator.random_range(0..=last));
    }
    order
}
