//! How a file is damaged.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// A damaged file.
pub struct Changed {
    pub bytes: Vec<u8>,
    /// Whether its check sums are to be right all the same, so that what lies behind them is reached.
    pub deep: bool,
}

/// Numbers at which sizes and offsets go wrong.
const EDGES: [u64; 10] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    i64::MAX as u64,
    u64::MAX,
];

/// Most bytes that one change of a length takes away or puts in.
const MOST: usize = 64;

/// One of `seeds` with one to five changes. Half of the changes are near the beginning, where headers are.
pub fn changed(seeds: &[Vec<u8>], rng: &mut ChaCha8Rng) -> Changed {
    let mut bytes = seeds[rng.random_range(0..seeds.len())].clone();
    for _ in 0..rng.random_range(1..=5) {
        if bytes.is_empty() {
            break;
        }
        let reach = match rng.random() {
            true => bytes.len().min(256),
            false => bytes.len(),
        };
        let at = rng.random_range(0..reach);
        let length = rng.random_range(0..=MOST).min(bytes.len() - at);
        match rng.random_range(0..8) {
            0..=2 => bytes[at] = rng.random(),
            3 => bytes[at] ^= 1 << rng.random_range(0..8),
            4 => {
                let edge = EDGES[rng.random_range(0..EDGES.len())].to_le_bytes();
                let width = [1, 2, 4, 8][rng.random_range(0..4)].min(bytes.len() - at);
                bytes[at..at + width].copy_from_slice(&edge[..width]);
            }
            5 => drop(bytes.drain(at..at + length)),
            6 => {
                let other = &seeds[rng.random_range(0..seeds.len())];
                let from = rng.random_range(0..other.len());
                let piece = other[from..(from + length).min(other.len())].to_vec();
                drop(bytes.splice(at..at, piece));
            }
            _ => bytes.truncate(rng.random_range(0..=bytes.len())),
        }
    }
    Changed {
        bytes,
        deep: rng.random(),
    }
}

/// Where the check sum of a packed image stands (`docs/model-format.md`).
const CRC: std::ops::Range<usize> = 13..17;

/// Makes the check sum of a packed image right.
pub fn repair_image(bytes: &mut [u8]) {
    if bytes.len() < CRC.end {
        return;
    }
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..CRC.start]);
    hasher.update(&bytes[CRC.end..]);
    bytes[CRC].copy_from_slice(&hasher.finalize().to_le_bytes());
}

/// Makes the check sums of a PNG picture's chunks right, as far as the lengths of the chunks hold.
pub fn repair_png(bytes: &mut [u8]) {
    let mut at = 8;
    while let Some(length) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes(std::array::from_fn(|i| length[i])) as usize;
        let Some(end) = at
            .checked_add(8 + length)
            .filter(|end| end + 4 <= bytes.len())
        else {
            return;
        };
        let sum = crc32fast::hash(&bytes[at + 4..end]).to_be_bytes();
        bytes[end..end + 4].copy_from_slice(&sum);
        at = end + 4;
    }
}
