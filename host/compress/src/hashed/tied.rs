//! Training of stored values: the gradient of one is the sum of those of its weights.

use burn::tensor::{IndexingUpdateOp, Int, Tensor};
use thresh_model::Weights;

use super::part::{Band, Part};
use crate::{
    checkpoint::State,
    net::{self, Affine},
    run::Stage,
    sgd::descend,
};

/// The layers of a network in training, by the values that are stored of them.
pub(super) struct Hashing {
    pub layers: Vec<Tied>,
    pub name: &'static str,
    pub momentum: f64,
    pub decay: f64,
}

/// A layer whose weights are sums of patterns, times values that are shared.
#[derive(Clone, Debug)]
pub(super) struct Tied {
    channels: usize,
    outputs: usize,
    /// `[positions of the window, patterns]`; `None`: the one pattern of one position.
    patterns: Option<Tensor<2>>,
    /// The value of each coefficient, by pattern, channel, output.
    picks: Tensor<1, Int>,
    /// Its sign; 0: the coefficient is zero.
    signs: Tensor<1>,
    pub values: Tensor<1>,
    velocity: Tensor<1>,
    pub bias: Tensor<1>,
    bias_velocity: Tensor<1>,
}

impl Tied {
    /// The layer `part` with what is `stored` of each of its bands. What is trained are values that are not zero, or the magnitudes
    /// of a codebook.
    pub fn new(part: &Part, stored: &[Weights], bias: &[f32]) -> Self {
        let mut patterns: Vec<&[f32]> = Vec::new();
        let (mut picks, mut signs) = (Vec::new(), Vec::new());
        let mut values: Vec<f32> = Vec::new();
        for (band, stored) in part.bands.iter().zip(stored) {
            let trained = Trained::of(stored);
            for pattern in 0..band.patterns.len() {
                for channel in 0..part.channels {
                    let column = channel * band.patterns.len() + pattern;
                    for output in 0..part.outputs {
                        let (at, sign) = trained.pick(band, output, column);
                        picks.push(values.len() + at);
                        signs.push(sign);
                    }
                }
            }
            patterns.extend(band.patterns.iter().map(Vec::as_slice));
            values.extend(trained.values);
        }
        let taps = patterns[0].len();
        let basis = || -> Vec<f32> {
            let tap = |tap: usize| patterns.iter().map(move |pattern| pattern[tap]);
            (0..taps).flat_map(tap).collect()
        };
        let basis = part
            .window
            .map(|_| net::matrix(&basis(), taps, patterns.len()));
        let (values, bias) = (net::vector(&values), net::vector(bias));
        Self {
            channels: part.channels,
            outputs: part.outputs,
            patterns: basis,
            picks: net::indices(&picks),
            signs: net::vector(&signs),
            velocity: values.zeros_like(),
            values,
            bias_velocity: bias.zeros_like(),
            bias,
        }
    }

    /// What is stored of each band, after training; `before` as it was given to [`Self::new`].
    pub fn stored(&self, before: &[Weights]) -> Vec<Weights> {
        let values = net::values(&self.values);
        let mut values = values.as_slice();
        let mut stored = Vec::with_capacity(before.len());
        for before in before {
            let (own, others) = values.split_at(Trained::of(before).values.len());
            values = others;
            stored.push(match before {
                Weights::Shared { codes, .. } => {
                    let negative = own.iter().map(|value| -value);
                    Weights::Shared {
                        codebook: own.iter().copied().chain(negative).collect(),
                        codes: codes.clone(),
                    }
                }
                before => {
                    let alive = (0..before.len()).map(|at| before.get(at) != 0.0);
                    let value = |(alive, &value)| if alive { value } else { 0.0 };
                    Weights::Float(alive.zip(own).map(value).collect())
                }
            });
        }
        stored
    }

    /// The weights, `[inputs, outputs]`.
    fn weight(&self) -> Tensor<2> {
        let coefficients = self.values.clone().select(0, self.picks.clone()) * self.signs.clone();
        let Some(patterns) = &self.patterns else {
            return coefficients.reshape([self.channels, self.outputs]);
        };
        let [taps, count] = patterns.dims();
        let (channels, outputs) = (self.channels, self.outputs);
        let spread = patterns
            .clone()
            .matmul(coefficients.reshape([count, channels * outputs]));
        spread
            .reshape([taps, channels, outputs])
            .swap_dims(0, 1)
            .reshape([channels * taps, outputs])
    }

    /// The gradient of each value, from that of the weights.
    pub fn summed(&self, gradient: Tensor<2>) -> Tensor<1> {
        let (channels, outputs) = (self.channels, self.outputs);
        let coefficients = match &self.patterns {
            None => gradient,
            Some(patterns) => {
                let [taps, _] = patterns.dims();
                let taken = gradient
                    .reshape([channels, taps, outputs])
                    .swap_dims(0, 1)
                    .reshape([taps, channels * outputs]);
                patterns.clone().transpose().matmul(taken)
            }
        };
        let count = self.signs.dims()[0];
        self.values.zeros_like().select_assign(
            0,
            self.picks.clone(),
            coefficients.reshape([count]) * self.signs.clone(),
            IndexingUpdateOp::Add,
        )
    }

    fn tensors(&mut self) -> [(&'static str, &mut Tensor<1>); 4] {
        [
            ("values", &mut self.values),
            ("velocity", &mut self.velocity),
            ("bias", &mut self.bias),
            ("bias-velocity", &mut self.bias_velocity),
        ]
    }
}

/// The values that are trained of a band, and how its coefficients are made of them.
struct Trained<'a> {
    stored: &'a Weights,
    values: Vec<f32>,
}

impl<'a> Trained<'a> {
    fn of(stored: &'a Weights) -> Self {
        let values = match stored {
            // The second half are the negatives of the first.
            Weights::Shared { codebook, .. } => codebook[..codebook.len() / 2].to_vec(),
            stored => stored.to_dense(),
        };
        // Where all was pruned there is one that nothing depends on.
        let values = if values.is_empty() { vec![0.0] } else { values };
        Self { stored, values }
    }

    /// The value of a coefficient, and its sign or 0.
    fn pick(&self, band: &Band, output: usize, column: usize) -> (usize, f32) {
        let Some((at, negative)) = band.pick(output, column) else {
            return (0, 0.0);
        };
        let sign = if negative { -1.0 } else { 1.0 };
        let magnitudes = self.values.len();
        match self.stored {
            Weights::Shared { codes, .. } => match usize::from(codes[at]).checked_sub(1) {
                None => (0, 0.0),
                Some(code) if code < magnitudes => (code, sign),
                Some(code) => (code - magnitudes, -sign),
            },
            _ if self.values[at] == 0.0 => (at, 0.0),
            _ => (at, sign),
        }
    }
}

impl Stage for Hashing {
    fn name(&self) -> &'static str {
        self.name
    }

    fn weights(&self) -> Vec<Affine> {
        let affine = |layer: &Tied| Affine {
            weight: layer.weight(),
            bias: layer.bias.clone(),
        };
        self.layers.iter().map(affine).collect()
    }

    fn step(&mut self, gradients: Vec<Affine>, rate: f64) {
        for (layer, gradient) in self.layers.iter_mut().zip(gradients) {
            let mut pull = layer.summed(gradient.weight);
            if self.decay != 0.0 {
                pull = pull + layer.values.clone() * self.decay;
            }
            descend(
                &mut layer.values,
                &mut layer.velocity,
                pull,
                self.momentum,
                rate,
            );
            descend(
                &mut layer.bias,
                &mut layer.bias_velocity,
                gradient.bias,
                self.momentum,
                rate,
            );
        }
    }

    fn state(&self) -> State {
        let mut state = State::new();
        for (index, layer) in self.layers.clone().iter_mut().enumerate() {
            for (name, tensor) in layer.tensors() {
                state.insert(format!("{name}.{index}"), net::values(tensor));
            }
        }
        state
    }

    fn restore(&mut self, mut state: State) -> Option<()> {
        for (index, layer) in self.layers.iter_mut().enumerate() {
            for (name, tensor) in layer.tensors() {
                let values = state.remove(&format!("{name}.{index}"))?;
                if tensor.dims() != [values.len()] {
                    return None;
                }
                *tensor = net::vector(&values);
            }
        }
        Some(())
    }
}
