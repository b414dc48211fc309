//! The hash of the hashed weight store: which value of a layer's pool a weight is, and with which sign.
//!
//! Trainer, packer and reference call [`hash`]; the gateware is built from the same constants. It takes a step of
//! additions, shifts and exclusive ors only, so that a PE computes one a cycle without a multiplier for it.

/// One round: `x ^= x >> right ^ column.rotate_left(rotate)`, then `x += x << left`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashRound {
    /// Places that the state is shifted right.
    pub right: u32,
    /// Places that the column is rotated left.
    pub rotate: u32,
    /// Places that the state is shifted left.
    pub left: u32,
}

const fn round(right: u32, rotate: u32, left: u32) -> HashRound {
    HashRound {
        right,
        rotate,
        left,
    }
}

/// The rounds, found by a search for the fewest collisions of neighbouring rows and columns.
pub const HASH_ROUNDS: [HashRound; 3] = [round(7, 1, 5), round(8, 7, 4), round(3, 15, 9)];

/// Places of the shift behind the last round: `x ^= x >> HASH_FOLD`.
pub const HASH_FOLD: u32 = 6;

/// Hashed values are shared among the rows with one remainder by this or a smaller power of two, so that a PE keeps its share
/// of a pool only; and columns of consecutive positions are a multiple of it apart. An engine of more PEs does not run them.
pub const HASH_LANES: usize = 16;

/// Bits of [`hash`].
pub const HASH_BITS: u32 = 16;

/// The hash of a weight by output `row` and input `column`.
pub const fn hash(row: u16, column: u16) -> u16 {
    let mut x = row;
    let mut i = 0;
    while i < HASH_ROUNDS.len() {
        let round = HASH_ROUNDS[i];
        x ^= x >> round.right ^ column.rotate_left(round.rotate);
        x = x.wrapping_add(x << round.left);
        i += 1;
    }
    x ^ x >> HASH_FOLD
}

/// The one of `count` values that a hash picks.
pub const fn hash_index(hash: u16, count: usize) -> usize {
    (hash as usize * count) >> HASH_BITS
}

/// Whether the value is subtracted.
pub const fn hash_negates(hash: u16) -> bool {
    hash & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `rows x columns` weights, how often two that lie `apart` share one of `count` values, times `count`.
    fn collisions(rows: u16, columns: u16, apart: [u16; 2], count: usize) -> f64 {
        let index = |row, column| hash_index(hash(row, column), count);
        let mut same = 0;
        for row in 0..rows {
            for column in 0..columns {
                same += usize::from(index(row, column) == index(row + apart[0], column + apart[1]));
            }
        }
        (same * count) as f64 / f64::from(rows) / f64::from(columns)
    }

    #[test]
    fn values_are_picked_evenly() {
        for (rows, columns, count) in [(500, 1024, 1563), (50, 500, 100), (300, 784, 31)] {
            let mut picked = vec![0u32; count];
            let mut negative = 0;
            for row in 0..rows {
                for column in 0..columns {
                    let hash = hash(row, column);
                    picked[hash_index(hash, count)] += 1;
                    negative += u32::from(hash_negates(hash));
                }
            }
            let weights = f64::from(rows) * f64::from(columns);
            let mean = weights / count as f64;
            let distance = |&n: &u32| (f64::from(n) - mean).powi(2) / mean;
            let spread = picked.iter().map(distance).sum::<f64>() / (count - 1) as f64;
            assert!(spread < 2.0, "{rows} x {columns}: {spread}");
            let share = f64::from(negative) / weights;
            assert!((share - 0.5).abs() < 0.02, "{rows} x {columns}: {share}");
        }
    }

    #[test]
    fn neighbours_collide_as_seldom_as_others() {
        for apart in [[0, 1], [1, 0], [1, 1], [0, 16], [16, 0], [0, 2], [2, 0]] {
            let times = collisions(256, 512, apart, 100);
            assert!((0.5..1.6).contains(&times), "{apart:?}: {times}");
        }
    }
}
