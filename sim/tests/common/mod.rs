//! What every bench needs: a seed that can be set and is printed, and a scale for long runs.
#![allow(dead_code, reason = "each bench uses a part")]

use std::env;

/// Starts the random sequences of all benches; a failure prints it.
const SEED: &str = "THRESH_SEED";
/// Multiplies the cycles and networks of random benches.
const SCALE: &str = "THRESH_TEST_SCALE";

fn number(variable: &str, default: u64) -> u64 {
    match env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable}={text}: expected a number")),
        Err(_) => default,
    }
}

/// The seed of this run.
pub fn seed() -> u64 {
    number(SEED, 1)
}

/// `count` times the scale of this run.
pub fn scaled(count: u64) -> u64 {
    count * number(SCALE, 1)
}

/// How to run the same again.
pub fn again(seed: u64) -> String {
    format!("run again with {SEED}={seed}")
}
