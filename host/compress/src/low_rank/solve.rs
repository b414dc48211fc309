//! The map of a rank that gives the best responses.

use faer::linalg::solvers::{Llt, SelfAdjointEigen, Solve};
use faer::{Mat, Side};

use super::responses::Responses;

/// Weights of the penalty, one after the other, and rounds with each (section 3.2 of the paper).
const PENALTIES: [(f64, usize); 2] = [(0.01, 25), (1.0, 25)];

/// Share of the mean energy that is added to each, so that outputs that are always zero divide nothing.
const RIDGE: f64 = 1e-7;

/// `z ~ spread (basis y) + bias`.
#[derive(Clone, Debug)]
pub(super) struct LowRankMap {
    /// Outputs x rank.
    pub spread: Mat<f64>,
    /// Rank x outputs.
    pub basis: Mat<f64>,
    /// One an output.
    pub bias: Vec<f64>,
}

/// Means of two sets of responses, and their second moments about the means.
pub(super) struct Moments {
    mean_z: Vec<f64>,
    mean_y: Vec<f64>,
    zy: Mat<f64>,
    yy: Mat<f64>,
}

fn matrix(responses: &Responses) -> Mat<f64> {
    let rows = responses.values.len() / responses.outputs;
    Mat::from_fn(rows, responses.outputs, |i, j| {
        f64::from(responses.values[i * responses.outputs + j])
    })
}

fn centred(values: &Mat<f64>) -> (Vec<f64>, Mat<f64>) {
    let rows = values.nrows() as f64;
    let mean: Vec<f64> = (0..values.ncols())
        .map(|j| (0..values.nrows()).map(|i| values[(i, j)]).sum::<f64>() / rows)
        .collect();
    let centred = Mat::from_fn(values.nrows(), values.ncols(), |i, j| {
        values[(i, j)] - mean[j]
    });
    (mean, centred)
}

impl Moments {
    /// Of what is wanted and what is given, row by row.
    pub fn of(wanted: &Responses, given: &Responses) -> Self {
        Self::between(&matrix(wanted), &matrix(given))
    }

    fn between(wanted: &Mat<f64>, given: &Mat<f64>) -> Self {
        let (mean_z, z) = centred(wanted);
        let (mean_y, y) = centred(given);
        let rows = wanted.nrows() as f64;
        Self {
            mean_z,
            mean_y,
            zy: (z.transpose() * &y) / faer::Scale(rows),
            yy: (y.transpose() * &y) / faer::Scale(rows),
        }
    }

    /// Energies of the principal components of what is given, falling.
    pub fn energies(&self) -> Vec<f64> {
        let (values, _) = eigen(&self.yy);
        values
    }
}

/// Eigenvalues of a symmetric matrix, falling, and their vectors as columns.
fn eigen(matrix: &Mat<f64>) -> (Vec<f64>, Mat<f64>) {
    let found = SelfAdjointEigen::new(matrix.as_ref(), Side::Lower)
        .expect("a symmetric matrix of finite numbers");
    let count = matrix.nrows();
    let values = (0..count).rev().map(|i| found.S()[i]).collect();
    let vectors = Mat::from_fn(count, count, |i, j| found.U()[(i, count - 1 - j)]);
    (values, vectors)
}

/// The best map of `rank` in the squared error (reduced-rank regression): with both sets the same, the principal components.
pub(super) fn linear(moments: &Moments, rank: usize) -> LowRankMap {
    let count = moments.yy.nrows();
    let trace: f64 = (0..count).map(|i| moments.yy[(i, i)]).sum();
    let ridge = (RIDGE * trace / count as f64).max(f64::MIN_POSITIVE);
    let damped = Mat::from_fn(count, count, |i, j| {
        moments.yy[(i, j)] + if i == j { ridge } else { 0.0 }
    });
    let solver = Llt::new(damped.as_ref(), Side::Lower).expect("positive definite by the ridge");
    // The map of full rank, transposed; then its fitted values' principal components.
    let full = solver.solve(moments.zy.transpose());
    let fitted = &moments.zy * &full;
    let even = Mat::from_fn(count, count, |i, j| 0.5 * (fitted[(i, j)] + fitted[(j, i)]));
    let (_, vectors) = eigen(&even);
    let spread = vectors.subcols(0, rank).to_owned();
    let basis = spread.transpose() * full.transpose();
    let mapped = &spread * &basis;
    let bias = (0..count)
        .map(|i| {
            moments.mean_z[i]
                - (0..count)
                    .map(|j| mapped[(i, j)] * moments.mean_y[j])
                    .sum::<f64>()
        })
        .collect();
    LowRankMap {
        spread,
        basis,
        bias,
    }
}

/// The map of `rank` whose responses differ least behind a ReLU: in turn, the best values in the place of the wanted ones with a
/// penalty on their distance from the map's, and the best map to those.
pub(super) fn nonlinear(wanted: &Responses, given: &Responses, rank: usize) -> LowRankMap {
    let (y, x) = (matrix(wanted), matrix(given));
    let mut map = linear(&Moments::between(&y, &x), rank);
    for (penalty, rounds) in PENALTIES {
        for _ in 0..rounds {
            let near = (&x * map.basis.transpose()) * map.spread.transpose();
            let best = Mat::from_fn(y.nrows(), y.ncols(), |i, j| {
                auxiliary(y[(i, j)].max(0.0), near[(i, j)] + map.bias[j], penalty)
            });
            map = linear(&Moments::between(&best, &x), rank);
        }
    }
    map
}

/// The `z` that makes `(r(z) - wanted)^2 + penalty (z - near)^2` least, `wanted` being not below 0.
fn auxiliary(wanted: f64, near: f64, penalty: f64) -> f64 {
    let error = |z: f64| (z.max(0.0) - wanted).powi(2) + penalty * (z - near).powi(2);
    let below = near.min(0.0);
    let above = ((penalty * near + wanted) / (penalty + 1.0)).max(0.0);
    if error(below) <= error(above) {
        below
    } else {
        above
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn responses(outputs: usize, count: usize, value: impl Fn(usize, usize) -> f32) -> Responses {
        Responses {
            outputs,
            values: (0..count * outputs)
                .map(|at| value(at / outputs, at % outputs))
                .collect(),
        }
    }

    fn error(map: &LowRankMap, wanted: &Responses, given: &Responses, relu: bool) -> f64 {
        let (y, x) = (matrix(wanted), matrix(given));
        let near = (&x * map.basis.transpose()) * map.spread.transpose();
        let pass = |value: f64| if relu { value.max(0.0) } else { value };
        let square = |(i, j)| (pass(y[(i, j)]) - pass(near[(i, j)] + map.bias[j])).powi(2);
        let places = (0..y.nrows()).flat_map(|i| (0..y.ncols()).map(move |j| (i, j)));
        places.map(square).sum()
    }

    /// Numbers that look random.
    fn noise(i: usize, j: usize) -> f32 {
        let mut state = (i as u64) << 20 | j as u64;
        for _ in 0..3 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state ^= state >> 29;
        }
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    }

    #[test]
    fn responses_in_a_subspace_are_met() {
        let set = responses(6, 200, |i, j| {
            noise(i, 100) * j as f32 + noise(i, 101) + 3.0
        });
        let map = linear(&Moments::of(&set, &set), 2);
        assert!(error(&map, &set, &set, false) < 1e-6);
        let energies = Moments::of(&set, &set).energies();
        assert!(
            energies[2] < 1e-9 * energies[0] && energies[0] >= energies[1],
            "{energies:?}"
        );
    }

    #[test]
    fn behind_a_relu_the_nonlinear_map_is_better() {
        let set = responses(8, 600, |i, j| noise(i, j) + noise(i, j / 2 + 50) - 0.1);
        for rank in [2, 4, 6] {
            let plain = error(&linear(&Moments::of(&set, &set), rank), &set, &set, true);
            let better = error(&nonlinear(&set, &set, rank), &set, &set, true);
            assert!(
                better < 0.97 * plain,
                "rank {rank}: {better} against {plain}"
            );
        }
    }

    #[test]
    fn what_is_given_wrong_is_made_good() {
        let wanted = responses(5, 300, noise);
        let given = responses(5, 300, |i, j| 0.5 * noise(i, j) + 1.0);
        let symmetric = linear(&Moments::of(&wanted, &wanted), 4);
        let asymmetric = linear(&Moments::of(&wanted, &given), 4);
        let worse = error(&symmetric, &wanted, &given, false);
        let better = error(&asymmetric, &wanted, &given, false);
        assert!(better < 0.5 * worse, "{better} against {worse}");
    }

    #[test]
    fn outputs_that_are_always_zero_do_no_harm() {
        let set = responses(4, 50, |i, j| if j == 2 { 0.0 } else { noise(i, j) });
        let map = nonlinear(&set, &set, 2);
        assert!(map.bias.iter().all(|value| value.is_finite()));
    }

    proptest! {
        #[test]
        fn no_value_is_better_than_the_auxiliary_one(wanted in 0.0..5.0f64, near in -5.0..5.0f64, other in -6.0..6.0f64, penalty in 0.01..1.0f64) {
            let error = |z: f64| (z.max(0.0) - wanted).powi(2) + penalty * (z - near).powi(2);
            prop_assert!(error(auxiliary(wanted, near, penalty)) <= error(other) + 1e-12);
        }
    }
}
