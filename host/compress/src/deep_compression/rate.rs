//! Weight sharing by rate and distortion together, and training under it.
//!
//! A weight takes the shared value that makes the sum of its squared error and of the priced bits of its code smallest, where the bits of
//! a code are minus the logarithm of its share among the codes of the layer (entropy-constrained quantisation: Chou, Lookabaugh, Gray, 1989).
//! The price is told in units of what a bit is worth where k-means stands: at many values an error falls fourfold with each
//! bit, so that a bit is worth `2 ln 2` times the error.
//!
//! In training each weight is used as the shared value that stands for it, its gradient goes to the weight itself, and shared values are
//! the means of their members.

use std::f64::consts::LN_2;

use burn::tensor::Tensor;

use super::{
    DeepCompressionOptions,
    share::{Shared, k_means, nearest},
};
use crate::{
    checkpoint::State,
    net::{self, Affine},
    run::Stage,
    sgd::descend,
};

/// Steps between two choices of the codes.
const STEPS_A_CHOICE: usize = 25;

/// Rounds of choosing codes and moving shared values without training; it settles earlier.
const MAX_ROUNDS: usize = 100;

/// Weights, the codes that stand for them, and the shared values.
pub(crate) struct Sharing {
    layers: Vec<Layer>,
    momentum: f64,
}

struct Layer {
    inputs: usize,
    outputs: usize,
    /// Places of the living weights in the `[inputs, outputs]` tensor.
    places: Vec<usize>,
    weights: Vec<f32>,
    velocity: Vec<f32>,
    /// Index of the shared value of each.
    codes: Vec<usize>,
    codebook: Vec<f32>,
    /// Squared error that a bit is worth.
    price: f64,
    bias: Tensor<1>,
    bias_velocity: Tensor<1>,
}

impl Sharing {
    /// Shares the living weights of `layers`.
    pub fn new(layers: &[Affine], options: &DeepCompressionOptions) -> Self {
        let layers = layers
            .iter()
            .zip(options.codes.iter().cycle())
            .map(|(layer, &codes)| Layer::new(layer, codes, options.code_price))
            .collect();
        Self {
            layers,
            momentum: options.momentum,
        }
    }

    /// The weights as they are without sharing, and how they are shared.
    pub fn finish(mut self) -> (Vec<Affine>, Vec<Shared>) {
        self.layers.iter_mut().for_each(Layer::settle);
        let weights = self
            .layers
            .iter()
            .map(|layer| layer.affine(|i| layer.weights[i]));
        (
            weights.collect(),
            self.layers.iter().map(Layer::shared).collect(),
        )
    }
}

impl Layer {
    fn new(layer: &Affine, codes: usize, price: f64) -> Self {
        let (inputs, outputs) = layer.sizes();
        let living = net::values(&layer.weight).into_iter().enumerate();
        let (places, weights): (Vec<usize>, Vec<f32>) = living.filter(|(_, w)| *w != 0.0).unzip();
        let codebook = k_means(&weights, codes);
        let mut layer = Self {
            inputs,
            outputs,
            places,
            velocity: vec![0.0; weights.len()],
            codes: weights.iter().map(|&w| nearest(&codebook, w)).collect(),
            weights,
            codebook,
            price: 0.0,
            bias: layer.bias.clone(),
            bias_velocity: layer.bias.zeros_like(),
        };
        layer.price = price * 2.0 * LN_2 * layer.error();
        layer
    }

    /// Mean squared error of the shared values.
    fn error(&self) -> f64 {
        let error = |(&w, &code): (&f32, &usize)| f64::from(w - self.codebook[code]).powi(2);
        let sum: f64 = self.weights.iter().zip(&self.codes).map(error).sum();
        sum / self.weights.len().max(1) as f64
    }

    /// Gives every weight the code that costs it least.
    fn choose(&mut self) {
        let mut members = vec![0usize; self.codebook.len()];
        self.codes.iter().for_each(|&code| members[code] += 1);
        let all = self.codes.len().max(1) as f64;
        // A value without members is not lost for ever.
        let bits = |n: usize| (all / (n as f64).max(0.5)).log2();
        let prices: Vec<f64> = members.iter().map(|&n| self.price * bits(n)).collect();
        for (&weight, code) in self.weights.iter().zip(&mut self.codes) {
            let cost = |k: usize| f64::from(weight - self.codebook[k]).powi(2) + prices[k];
            let costs = (0..prices.len()).map(|k| (cost(k), k));
            let least = costs.min_by(|a, b| a.0.total_cmp(&b.0));
            *code = least.expect("a codebook where there are weights").1;
        }
    }

    /// Makes every shared value the mean of its members.
    fn centre(&mut self) {
        let mut sums = vec![(0.0f64, 0usize); self.codebook.len()];
        for (&weight, &code) in self.weights.iter().zip(&self.codes) {
            sums[code].0 += f64::from(weight);
            sums[code].1 += 1;
        }
        for (value, (sum, members)) in self.codebook.iter_mut().zip(sums) {
            if members > 0 {
                *value = (sum / members as f64) as f32;
            }
        }
    }

    /// Chooses and centres until the codes stay.
    fn settle(&mut self) {
        for _ in 0..MAX_ROUNDS {
            let before = self.codes.clone();
            self.choose();
            self.centre();
            if self.codes == before {
                break;
            }
        }
    }

    /// The layer with the value that `value` gives for each living weight.
    fn affine(&self, value: impl Fn(usize) -> f32) -> Affine {
        let mut all = vec![0.0; self.inputs * self.outputs];
        for (index, &place) in self.places.iter().enumerate() {
            all[place] = value(index);
        }
        Affine {
            weight: net::matrix(&all, self.inputs, self.outputs),
            bias: self.bias.clone(),
        }
    }

    /// The shared values that have members, in rising order, and the codes in the order of a network.
    fn shared(&self) -> Shared {
        let mut used: Vec<usize> = self.codes.clone();
        used.sort_by(|&a, &b| {
            self.codebook[a]
                .total_cmp(&self.codebook[b])
                .then(a.cmp(&b))
        });
        used.dedup();
        let mut number = vec![0; self.codebook.len()];
        for (index, &code) in used.iter().enumerate() {
            // At most 255 values, so that the code fits.
            number[code] = (index + 1) as u8;
        }
        let mut codes = vec![0; self.inputs * self.outputs];
        for (&place, &code) in self.places.iter().zip(&self.codes) {
            codes[place % self.outputs * self.inputs + place / self.outputs] = number[code];
        }
        Shared {
            codebook: used.iter().map(|&code| self.codebook[code]).collect(),
            codes,
        }
    }

    fn step(&mut self, gradient: Affine, momentum: f64, rate: f64) {
        let pull = net::values(&gradient.weight);
        let moved = self.weights.iter_mut().zip(&mut self.velocity);
        for ((weight, velocity), &place) in moved.zip(&self.places) {
            *velocity = momentum as f32 * *velocity + pull[place];
            *weight -= rate as f32 * *velocity;
        }
        self.centre();
        descend(
            &mut self.bias,
            &mut self.bias_velocity,
            gradient.bias,
            momentum,
            rate,
        );
    }
}

impl Stage for Sharing {
    fn name(&self) -> &'static str {
        "share-train"
    }

    fn weights(&self) -> Vec<Affine> {
        let used = |layer: &Layer| layer.affine(|i| layer.codebook[layer.codes[i]]);
        self.layers.iter().map(used).collect()
    }

    fn before(&mut self, step: usize, _steps: usize) {
        if step.is_multiple_of(STEPS_A_CHOICE) {
            for layer in &mut self.layers {
                layer.choose();
                layer.centre();
            }
        }
    }

    fn step(&mut self, gradients: Vec<Affine>, rate: f64) {
        for (layer, gradient) in self.layers.iter_mut().zip(gradients) {
            layer.step(gradient, self.momentum, rate);
        }
    }

    fn state(&self) -> State {
        let mut state = State::new();
        for (index, layer) in self.layers.iter().enumerate() {
            let codes = layer.codes.iter().map(|&code| code as f32).collect();
            for (name, values) in [
                ("weights", layer.weights.clone()),
                ("velocity", layer.velocity.clone()),
                ("codes", codes),
                ("codebook", layer.codebook.clone()),
                ("bias", net::values(&layer.bias)),
                ("bias-velocity", net::values(&layer.bias_velocity)),
            ] {
                state.insert(format!("{name}.{index}"), values);
            }
        }
        state
    }

    fn restore(&mut self, mut state: State) -> Option<()> {
        for (index, layer) in self.layers.iter_mut().enumerate() {
            let mut take = |name: &str, length: usize| {
                let values = state.remove(&format!("{name}.{index}"))?;
                (values.len() == length).then_some(values)
            };
            let living = layer.places.len();
            layer.weights = take("weights", living)?;
            layer.velocity = take("velocity", living)?;
            layer.codebook = take("codebook", layer.codebook.len())?;
            let codes = take("codes", living)?;
            layer.codes = codes.iter().map(|&code| code as usize).collect();
            if layer.codes.iter().any(|&code| code >= layer.codebook.len()) {
                return None;
            }
            layer.bias = net::vector(&take("bias", layer.outputs)?);
            layer.bias_velocity = net::vector(&take("bias-velocity", layer.outputs)?);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, generator};
    use rand::RngExt;

    fn options(codes: usize, price: f64) -> DeepCompressionOptions {
        DeepCompressionOptions {
            codes: vec![codes],
            code_price: price,
            momentum: 0.9,
            ..DeepCompressionOptions::default()
        }
    }

    /// A layer of 40 inputs and 30 outputs, of which about half the weights live.
    fn random_layer(seed: u64) -> Affine {
        let mut random = generator(seed, Purpose::Start, 0);
        let mut weight = |_| match random.random_bool(0.5) {
            true => 0.0,
            false => random.random_range(-1.0f32..1.0).powi(3),
        };
        let weights: Vec<f32> = (0..40 * 30).map(&mut weight).collect();
        Affine {
            weight: net::matrix(&weights, 40, 30),
            bias: net::vector(&[0.0; 30]),
        }
    }

    /// Entropy of the codes in bits, and mean squared error, of the living weights.
    fn rate_and_error(layer: &Affine, shared: &Shared) -> (f64, f64) {
        let rows = layer.to_rows();
        let mut members = vec![0usize; shared.codebook.len()];
        let (mut error, mut living) = (0.0, 0usize);
        for (&weight, &code) in rows.iter().zip(&shared.codes) {
            assert_eq!(weight == 0.0, code == 0);
            if code > 0 {
                let index = usize::from(code) - 1;
                members[index] += 1;
                living += 1;
                error += f64::from(weight - shared.codebook[index]).powi(2);
            }
        }
        let share = |&n: &usize| n as f64 / living as f64;
        let bits = members
            .iter()
            .filter(|n| **n > 0)
            .map(|n| -share(n) * share(n).log2());
        (bits.sum(), error / living as f64)
    }

    #[test]
    fn pruned_weights_get_code_0_and_the_order_is_by_output() {
        // Two inputs, three outputs.
        let layer = Affine {
            weight: net::matrix(&[1.0, 0.0, -1.0, 0.0, 1.0, -1.0], 2, 3),
            bias: net::vector(&[0.0; 3]),
        };
        let (weights, shared) =
            Sharing::new(std::slice::from_ref(&layer), &options(16, 0.0)).finish();
        assert_eq!(shared[0].codebook, [-1.0, 1.0]);
        assert_eq!(shared[0].codes, [2, 0, 0, 2, 1, 1]);
        assert_eq!(net::values(&weights[0].weight), net::values(&layer.weight));
    }

    #[test]
    fn without_a_price_it_is_k_means() {
        let layer = random_layer(5);
        let living: Vec<f32> = layer.to_rows().into_iter().filter(|w| *w != 0.0).collect();
        let (_, shared) = Sharing::new(&[layer], &options(8, 0.0)).finish();
        assert_eq!(shared[0].codebook, k_means(&living, 8));
    }

    #[test]
    fn a_price_buys_bits_with_error_better_than_fewer_values_do() {
        for seed in 0..5 {
            let layer = random_layer(seed);
            let of = |codes, price| {
                let (_, shared) =
                    Sharing::new(std::slice::from_ref(&layer), &options(codes, price)).finish();
                rate_and_error(&layer, &shared[0])
            };
            let (plain, priced) = (of(16, 0.0), of(16, 4.0));
            assert!(
                priced.0 < plain.0 - 0.3 && priced.1 > plain.1,
                "seed {seed}: {plain:?} {priced:?}"
            );
            // The number of values that k-means needs to be as exact takes more bits.
            let exact = (2..=16)
                .map(|codes| of(codes, 0.0))
                .find(|(_, error)| *error <= priced.1);
            assert!(
                exact.is_some_and(|(bits, _)| bits > priced.0),
                "seed {seed}: {exact:?} {priced:?}"
            );
        }
    }

    #[test]
    fn training_moves_weights_and_shared_values_follow() {
        let mut sharing = Sharing::new(&[random_layer(9)], &options(4, 1.0));
        let dead: Vec<bool> = net::values(&sharing.weights()[0].weight)
            .iter()
            .map(|w| *w == 0.0)
            .collect();
        let before = sharing.layers[0].codebook.clone();
        for step in 0..60 {
            sharing.before(step, 60);
            let layer = &sharing.weights()[0];
            let gradient = Affine {
                weight: layer.weight.ones_like(),
                bias: layer.bias.ones_like(),
            };
            sharing.step(vec![gradient], 0.001);
        }
        let layer = &sharing.layers[0];
        assert!(
            layer
                .codebook
                .iter()
                .zip(&before)
                .all(|(now, before)| now < before)
        );
        let now: Vec<bool> = net::values(&sharing.weights()[0].weight)
            .iter()
            .map(|w| *w == 0.0)
            .collect();
        assert_eq!(now, dead);
        // A state that is restored gives the same weights.
        let mut other = Sharing::new(&[random_layer(9)], &options(4, 1.0));
        other.restore(sharing.state()).unwrap();
        assert_eq!(
            net::values(&other.weights()[0].weight),
            net::values(&sharing.weights()[0].weight)
        );
    }
}
