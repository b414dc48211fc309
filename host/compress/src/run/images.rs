//! Batches of images.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use thresh_model::Dataset;

use super::Plan;
use crate::net::{self, Batch};

/// The images `chosen`, each moved at random.
pub(super) fn batch(
    set: &Dataset,
    chosen: &[usize],
    plan: &Plan<'_>,
    random: &mut ChaCha8Rng,
) -> Batch {
    let size = plan.net.inputs();
    let mut inputs = Vec::with_capacity(chosen.len() * size);
    let mut image = vec![0; set.shape.len()];
    for &index in chosen {
        let reach = plan.shift as i64;
        let (down, right) = match reach {
            0 => (0, 0),
            _ => (
                random.random_range(-reach..=reach),
                random.random_range(-reach..=reach),
            ),
        };
        image.fill(0);
        moved(set, index, down, right, &mut image);
        plan.net.read(&image, &mut inputs);
    }
    Batch {
        inputs: net::matrix(&inputs, chosen.len(), size),
        labels: chosen
            .iter()
            .map(|&index| usize::from(set.labels[index]))
            .collect(),
    }
}

/// Writes image `index`, moved by `down` and `right` pixels, to `out`, which is zero before.
fn moved(set: &Dataset, index: usize, down: i64, right: i64, out: &mut [u8]) {
    let shape = set.shape;
    let (height, width) = (shape.height as i64, shape.width as i64);
    let image = set.image(index);
    let (from, to) = (right.max(0), width.min(width + right));
    if from >= to {
        return;
    }
    let length = (to - from) as usize * shape.channels;
    for y in down.max(0)..height.min(height + down) {
        let at = |y: i64, x: i64| (y * width + x) as usize * shape.channels;
        out[at(y, from)..][..length]
            .copy_from_slice(&image[at(y - down, from - right)..][..length]);
    }
}

#[cfg(test)]
mod tests {
    use thresh_model::network::Shape;

    use super::*;

    #[test]
    fn an_image_moves_and_black_comes_in_at_the_border() {
        let shape = Shape {
            channels: 1,
            height: 2,
            width: 3,
        };
        let set = Dataset {
            shape,
            images: vec![1, 2, 3, 4, 5, 6],
            labels: vec![0],
        };
        let at = |down, right| {
            let mut out = vec![0; 6];
            moved(&set, 0, down, right, &mut out);
            out
        };
        assert_eq!(at(0, 0), [1, 2, 3, 4, 5, 6]);
        assert_eq!(at(1, 0), [0, 0, 0, 1, 2, 3]);
        assert_eq!(at(-1, 1), [0, 4, 5, 0, 0, 0]);
        assert_eq!(at(0, -2), [3, 0, 0, 6, 0, 0]);
        assert_eq!(at(5, 5), [0; 6]);
    }

    #[test]
    fn the_channels_of_a_position_move_together() {
        let shape = Shape {
            channels: 2,
            height: 2,
            width: 2,
        };
        let set = Dataset {
            shape,
            images: (1..=8).collect(),
            labels: vec![0],
        };
        let mut out = vec![0; 8];
        moved(&set, 0, 1, -1, &mut out);
        assert_eq!(out, [0, 0, 0, 0, 3, 4, 0, 0]);
    }
}
