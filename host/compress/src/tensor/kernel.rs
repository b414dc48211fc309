//! A kernel as a tensor of four legs, and its cuts in two.

use faer::Mat;
use thresh_model::Operator;

/// The legs of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leg {
    /// Output channels.
    O,
    /// Input channels.
    I,
    /// Rows of the window.
    H,
    /// Columns of the window.
    W,
}

/// `K[o, i, h, w]`.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    /// Sizes of the legs, in their order.
    pub sizes: [usize; 4],
    /// Row-major in that order.
    pub values: Vec<f64>,
}

impl Kernel {
    /// Of a convolution without groups, or of a fully connected layer, whose window is one place; `None` for others.
    pub fn of(operator: &Operator, weights: &[f32]) -> Option<Self> {
        let sizes = match operator {
            Operator::Dense { inputs, outputs } => [*outputs, *inputs, 1, 1],
            Operator::Conv {
                input,
                outputs,
                groups: 1,
                window,
            } => {
                let [height, width] = window.kernel;
                [*outputs, input.channels, height, width]
            }
            _ => return None,
        };
        Some(Self {
            sizes,
            values: weights.iter().copied().map(f64::from).collect(),
        })
    }

    /// The Frobenius norm.
    pub fn norm(&self) -> f64 {
        self.values
            .iter()
            .map(|value| value * value)
            .sum::<f64>()
            .sqrt()
    }

    /// Norm of the difference to `other`, as a share of the own norm; 0 for a kernel of zeros.
    pub fn loss(&self, other: &Self) -> f64 {
        let pairs = self.values.iter().zip(&other.values);
        let difference: f64 = pairs.map(|(a, b)| (a - b) * (a - b)).sum();
        match self.norm() {
            0.0 => 0.0,
            norm => difference.sqrt() / norm,
        }
    }

    /// Size of a leg.
    pub fn size(&self, leg: Leg) -> usize {
        self.sizes[leg as usize]
    }

    /// As a matrix: `rows` are the legs of its rows, the first the slowest; the others those of its columns, in the order of the kernel.
    pub fn unfold(&self, rows: &[Leg]) -> Mat<f64> {
        let columns = others(rows);
        let count = |legs: &[Leg]| legs.iter().map(|&leg| self.size(leg)).product();
        Mat::from_fn(count(rows), count(&columns), |row, column| {
            let mut at = [0; 4];
            self.spread(row, rows, &mut at);
            self.spread(column, &columns, &mut at);
            self.values[self.index(at)]
        })
    }

    /// The kernel of these sizes whose [`Self::unfold`] is `matrix`.
    pub fn fold(sizes: [usize; 4], rows: &[Leg], matrix: &Mat<f64>) -> Self {
        let columns = others(rows);
        let mut kernel = Self {
            sizes,
            values: vec![0.0; sizes.iter().product()],
        };
        for row in 0..matrix.nrows() {
            for column in 0..matrix.ncols() {
                let mut at = [0; 4];
                kernel.spread(row, rows, &mut at);
                kernel.spread(column, &columns, &mut at);
                let index = kernel.index(at);
                kernel.values[index] = matrix[(row, column)];
            }
        }
        kernel
    }

    /// The kernel with `matrix` (columns: the old leg) multiplied to a leg, which gets as many values as the matrix has rows.
    pub fn multiplied(&self, leg: Leg, matrix: &Mat<f64>) -> Self {
        let mut sizes = self.sizes;
        sizes[leg as usize] = matrix.nrows();
        Self::fold(sizes, &[leg], &(matrix * self.unfold(&[leg])))
    }

    fn index(&self, at: [usize; 4]) -> usize {
        let legs = at.iter().zip(&self.sizes);
        legs.fold(0, |index, (at, size)| index * size + at)
    }

    /// Takes the number of a row or column apart into the places along its legs.
    fn spread(&self, mut number: usize, legs: &[Leg], at: &mut [usize; 4]) {
        for &leg in legs.iter().rev() {
            at[leg as usize] = number % self.size(leg);
            number /= self.size(leg);
        }
    }
}

fn others(legs: &[Leg]) -> Vec<Leg> {
    let all = [Leg::O, Leg::I, Leg::H, Leg::W].into_iter();
    all.filter(|leg| !legs.contains(leg)).collect()
}

/// The best `left right` of this rank for `matrix`, each with the square root of the singular values.
pub(crate) fn halves(matrix: &Mat<f64>, rank: usize) -> (Mat<f64>, Mat<f64>) {
    let svd = matrix.thin_svd().expect("a matrix of finite numbers");
    let root = |r: usize| svd.S()[r].sqrt();
    let left = Mat::from_fn(matrix.nrows(), rank, |i, r| svd.U()[(i, r)] * root(r));
    let right = Mat::from_fn(rank, matrix.ncols(), |r, j| svd.V()[(j, r)] * root(r));
    (left, right)
}

/// The first `rank` left singular vectors of `matrix`, as columns.
pub(crate) fn directions(matrix: &Mat<f64>, rank: usize) -> Mat<f64> {
    let svd = matrix.thin_svd().expect("a matrix of finite numbers");
    Mat::from_fn(matrix.nrows(), rank, |i, r| svd.U()[(i, r)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel() -> Kernel {
        Kernel {
            sizes: [2, 3, 4, 5],
            values: (0..120).map(|n| f64::from(n * n * 37 % 101)).collect(),
        }
    }

    #[test]
    fn a_kernel_unfolds_along_any_legs_and_folds_back() {
        let kernel = kernel();
        for rows in [
            &[Leg::O][..],
            &[Leg::I],
            &[Leg::H],
            &[Leg::W],
            &[Leg::O, Leg::I],
            &[Leg::W, Leg::O],
        ] {
            let matrix = kernel.unfold(rows);
            assert_eq!(matrix.nrows() * matrix.ncols(), 120);
            let back = Kernel::fold(kernel.sizes, rows, &matrix);
            assert_eq!(back.values, kernel.values, "{rows:?}");
        }
        // K[1, 2, 3, 4] by hand.
        let matrix = kernel.unfold(&[Leg::W, Leg::O]);
        assert_eq!(matrix[(4 * 2 + 1, 2 * 4 + 3)], kernel.values[119]);
    }

    #[test]
    fn halves_of_full_rank_are_the_matrix_and_of_less_the_nearest() {
        let matrix = kernel().unfold(&[Leg::O, Leg::H]);
        let (left, right) = halves(&matrix, 8);
        let back = Kernel::fold(kernel().sizes, &[Leg::O, Leg::H], &(&left * &right));
        assert!(kernel().loss(&back) < 1e-12);
        let mut last = 0.0;
        for rank in (1..8).rev() {
            let (left, right) = halves(&matrix, rank);
            let back = Kernel::fold(kernel().sizes, &[Leg::O, Leg::H], &(&left * &right));
            // Eckart and Young: the loss is that of the singular values left out.
            let svd = matrix.thin_svd().unwrap();
            let left_out: f64 = (rank..8).map(|r| svd.S()[r].powi(2)).sum();
            let loss = kernel().loss(&back);
            assert!((loss - left_out.sqrt() / kernel().norm()).abs() < 1e-9);
            assert!(loss > last);
            last = loss;
        }
    }
}
