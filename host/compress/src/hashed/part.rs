//! What is stored of a layer, and which stored value each of its weights is.

use thresh_model::{Hashed, Operator, Weights};

use super::{
    Frequencies, HashedOptions, dct,
    pools::{Curve, Pool, pools},
};
use crate::net::matrix_sizes;

/// A layer as sums of patterns: for each pair of an input and an output channel, and each pattern, a coefficient that is a stored
/// value or its negative.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Input channels; all inputs where there is no window.
    pub channels: usize,
    /// Outputs.
    pub outputs: usize,
    /// Height and width of the window; `None`: coefficients are the weights themselves.
    pub window: Option<[usize; 2]>,
    /// Patterns that share a pool, lowest first.
    pub bands: Vec<Band>,
}

/// Patterns of a window whose coefficients share a pool.
#[derive(Clone, Debug)]
pub(super) struct Band {
    /// What the names of its layers have behind that of the old layer.
    pub suffix: String,
    /// Each with a value a position of the window.
    pub patterns: Vec<Vec<f32>>,
    /// Which value a coefficient is.
    pub picks: Picks,
}

/// Which stored value a coefficient is.
#[derive(Clone, Debug)]
pub(super) enum Picks {
    /// That of the hash; the pool holds zeros.
    Hashed(Hashed),
    /// One of its own.
    Own {
        /// Outputs.
        outputs: usize,
        /// Coefficients of a pattern.
        filters: usize,
        /// Those of each pattern that are stored; the others are zero.
        counts: Vec<usize>,
    },
}

const FLAT: Curve = Curve {
    alpha: 1.0,
    beta: 1.0,
};

impl Part {
    /// A layer whose weights are all stored.
    pub fn whole(operator: &Operator) -> Self {
        Self::plain(operator, 0, usize::MAX)
    }

    /// A layer of which at most `budget` values are stored; `channels` are those of the map that it reads.
    pub fn hashed(
        operator: &Operator,
        channels: usize,
        budget: usize,
        options: &HashedOptions,
    ) -> Self {
        match operator {
            Operator::Conv { window, .. } if window.kernel != [1, 1] => {
                Self::windowed(operator, window.kernel, budget, options)
            }
            _ => Self::plain(operator, channels, budget),
        }
    }

    /// Weights in one pool.
    fn plain(operator: &Operator, channels: usize, budget: usize) -> Self {
        let (inputs, outputs) = matrix_sizes(operator).expect("a layer with weights");
        let channels = match operator {
            Operator::Dense { .. } => channels,
            _ => inputs,
        };
        let pool = pools(&[inputs * outputs], budget, outputs, FLAT)[0];
        let patterns = vec![vec![1.0]];
        Self {
            channels: inputs,
            outputs,
            window: None,
            bands: vec![Band::new("", patterns, [inputs, channels], outputs, pool)],
        }
    }

    /// A convolution with a window of more than one position.
    fn windowed(
        operator: &Operator,
        kernel: [usize; 2],
        budget: usize,
        options: &HashedOptions,
    ) -> Self {
        let (inputs, outputs) = matrix_sizes(operator).expect("a layer with weights");
        let taps = kernel[0] * kernel[1];
        let channels = inputs / taps;
        let bands = match (options.transform, options.frequencies) {
            (false, _) => {
                let tap = |at: usize| (0..taps).map(move |i| f32::from(u8::from(i == at)));
                let patterns = (0..taps).map(|at| tap(at).collect()).collect();
                let pool = pools(&[inputs * outputs], budget, outputs, FLAT)[0];
                vec![Band::new("", patterns, [inputs; 2], outputs, pool)]
            }
            (true, Frequencies::Low) => vec![Band::low(kernel, channels, outputs, budget)],
            (true, Frequencies::All) => {
                let curve = Curve {
                    alpha: options.alpha,
                    beta: options.beta,
                };
                by_band(kernel, channels, outputs, budget, curve)
            }
        };
        Self {
            channels,
            outputs,
            window: Some(kernel),
            bands,
        }
    }

    /// Number of stored values.
    pub fn len(&self) -> usize {
        self.bands.iter().map(Band::len).sum()
    }
}

/// A pool for each band of frequencies that gets values.
fn by_band(
    kernel: [usize; 2],
    channels: usize,
    outputs: usize,
    budget: usize,
    curve: Curve,
) -> Vec<Band> {
    let all = dct::bands(kernel);
    let sizes: Vec<usize> = all.iter().map(|b| b.len() * channels * outputs).collect();
    let pools = pools(&sizes, budget, outputs, curve);
    let bands = all.iter().zip(pools).enumerate();
    bands
        .filter(|(_, (_, pool))| pool.values > 0)
        .map(|(number, (frequencies, pool))| {
            let columns = channels * frequencies.len();
            let patterns = frequencies.iter().map(|&f| dct::pattern(kernel, f));
            let suffix = format!(".band{number}");
            Band::new(&suffix, patterns.collect(), [columns; 2], outputs, pool)
        })
        .collect()
}

impl Band {
    /// A pool for the coefficients of `columns`, those of all and those of a position; each has its own value where the pool has as
    /// many.
    fn new(
        suffix: &str,
        patterns: Vec<Vec<f32>>,
        [columns, channels]: [usize; 2],
        outputs: usize,
        pool: Pool,
    ) -> Self {
        let filters = columns * outputs / patterns.len();
        let picks = match pool.values == columns * outputs {
            true => Picks::Own {
                outputs,
                filters,
                counts: vec![filters; patterns.len()],
            },
            false => Picks::Hashed(Hashed {
                outputs,
                inputs: columns,
                channels,
                groups: pool.groups,
                pool: Box::new(Weights::Float(vec![0.0; pool.values])),
            }),
        };
        Self {
            suffix: suffix.into(),
            patterns,
            picks,
        }
    }

    /// The lowest frequencies, as many as there are values for; the last one for some of the filters.
    fn low(kernel: [usize; 2], channels: usize, outputs: usize, budget: usize) -> Self {
        let filters = channels * outputs;
        let frequencies = dct::bands(kernel).concat();
        let budget = budget.min(frequencies.len() * filters);
        let kept = budget.div_ceil(filters);
        let patterns = frequencies[..kept].iter().map(|&f| dct::pattern(kernel, f));
        let counts = (0..kept).map(|at| (budget - at * filters).min(filters));
        Self {
            suffix: String::new(),
            patterns: patterns.collect(),
            picks: Picks::Own {
                outputs,
                filters,
                counts: counts.collect(),
            },
        }
    }

    /// Number of stored values.
    pub fn len(&self) -> usize {
        match &self.picks {
            Picks::Hashed(hashed) => hashed.pool.len(),
            Picks::Own { counts, .. } => counts.iter().sum(),
        }
    }

    /// Which value the coefficient of `output` and `column` is, and whether with the other sign; `None`: it is zero. Columns count
    /// patterns inside channels.
    pub fn pick(&self, output: usize, column: usize) -> Option<(usize, bool)> {
        match &self.picks {
            Picks::Hashed(hashed) => Some(hashed.picks(output, column)),
            Picks::Own {
                outputs,
                filters,
                counts,
            } => {
                let (channel, pattern) = (column / counts.len(), column % counts.len());
                // An output further in each channel: what is missing is spread over both.
                let filter = channel * outputs + (output + channel) % outputs;
                let before = |filter: usize| filter * counts[pattern] / filters;
                let at = before(filter);
                let first: usize = counts[..pattern].iter().sum();
                (before(filter + 1) > at).then_some((first + at, false))
            }
        }
    }
}
