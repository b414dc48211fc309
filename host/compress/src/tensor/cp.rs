//! The canonical polyadic form by alternating least squares.

use faer::linalg::solvers::{Llt, Solve};
use faer::{Mat, Side};
use rand::RngExt;

use super::kernel::{Kernel, Leg, directions};
use crate::random::{Purpose, generator};

/// Rounds over the four legs.
const ROUNDS: usize = 60;

/// Share of the mean of the diagonal that is added to it, so that two directions that fall together divide nothing.
const RIDGE: f64 = 1e-9;

const LEGS: [Leg; 4] = [Leg::O, Leg::I, Leg::H, Leg::W];

/// `K[o, i, h, w] ~ sum over r of A[o, r] B[i, r] C[h, r] D[w, r]`: A to D, whose columns have the same norm in all four.
///
/// It begins with the main directions of every leg, and random ones where there are too few; the random numbers are always the same.
pub(super) fn factors(kernel: &Kernel, rank: usize) -> [Mat<f64>; 4] {
    let mut random = generator(0, Purpose::Cut, rank);
    let mut factors = LEGS.map(|leg| {
        let matrix = kernel.unfold(&[leg]);
        let known = directions(&matrix, rank.min(matrix.nrows()).min(matrix.ncols()));
        Mat::from_fn(matrix.nrows(), rank, |row, r| match r < known.ncols() {
            true => known[(row, r)],
            false => random.random_range(-1.0..1.0),
        })
    });
    for _ in 0..ROUNDS {
        for leg in LEGS {
            let others: Vec<&Mat<f64>> = LEGS
                .iter()
                .filter(|&&other| other != leg)
                .map(|&other| &factors[other as usize])
                .collect();
            let gram = |matrix: &Mat<f64>| matrix.transpose() * matrix;
            let [a, b, c] = [gram(others[0]), gram(others[1]), gram(others[2])];
            let trace: f64 = (0..rank).map(|r| a[(r, r)] * b[(r, r)] * c[(r, r)]).sum();
            let ridge = (RIDGE * trace / rank as f64).max(f64::MIN_POSITIVE);
            let normal = Mat::from_fn(rank, rank, |r, s| {
                a[(r, s)] * b[(r, s)] * c[(r, s)] + if r == s { ridge } else { 0.0 }
            });
            // Rows in the order of the columns of the kernel unfolded along this leg.
            let [na, nb, nc] = [others[0].nrows(), others[1].nrows(), others[2].nrows()];
            let product = Mat::from_fn(na * nb * nc, rank, |row, r| {
                others[0][(row / (nb * nc), r)]
                    * others[1][(row / nc % nb, r)]
                    * others[2][(row % nc, r)]
            });
            let wanted = kernel.unfold(&[leg]) * product;
            let Ok(solver) = Llt::new(normal.as_ref(), Side::Lower) else {
                continue;
            };
            factors[leg as usize] = solver.solve(wanted.transpose()).transpose().to_owned();
            if leg != Leg::W {
                normalise(&mut factors[leg as usize]);
            }
        }
    }
    balance(&mut factors);
    factors
}

fn norm(matrix: &Mat<f64>, column: usize) -> f64 {
    let squares = (0..matrix.nrows()).map(|row| matrix[(row, column)].powi(2));
    squares.sum::<f64>().sqrt()
}

fn scale(matrix: &mut Mat<f64>, column: usize, by: f64) {
    (0..matrix.nrows()).for_each(|row| matrix[(row, column)] *= by);
}

fn normalise(matrix: &mut Mat<f64>) {
    for column in 0..matrix.ncols() {
        let norm = norm(matrix, column);
        if norm > 0.0 {
            scale(matrix, column, 1.0 / norm);
        }
    }
}

/// Gives every column the same norm in all four.
fn balance(factors: &mut [Mat<f64>; 4]) {
    for column in 0..factors[0].ncols() {
        let norms = [0, 1, 2, 3].map(|leg: usize| norm(&factors[leg], column));
        let mean = norms.iter().product::<f64>().powf(0.25);
        if mean > 0.0 {
            for (factor, norm) in factors.iter_mut().zip(norms) {
                scale(factor, column, mean / norm);
            }
        }
    }
}
