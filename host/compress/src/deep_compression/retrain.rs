//! Retraining of what pruning left, under a mask that stays.

use burn::tensor::Tensor;

use crate::{
    checkpoint::State,
    net::{self, Affine},
    run::{self, Stage},
    sgd::Sgd,
};

/// Weights of which those that are 0 at the start stay 0.
pub(crate) struct Retrained {
    layers: Vec<Affine>,
    /// 1 where a weight lives, 0 where it is pruned.
    masks: Vec<Tensor<2>>,
    descent: Sgd,
}

impl Retrained {
    pub fn new(layers: Vec<Affine>, momentum: f64, decay: f64) -> Self {
        let mask = |layer: &Affine| {
            let (inputs, outputs) = layer.sizes();
            let weights = net::values(&layer.weight).into_iter();
            let mask: Vec<f32> = weights.map(|w| f32::from(u8::from(w != 0.0))).collect();
            net::matrix(&mask, inputs, outputs)
        };
        Self {
            masks: layers.iter().map(mask).collect(),
            descent: Sgd::new(&layers, momentum, decay),
            layers,
        }
    }
}

impl Stage for Retrained {
    fn name(&self) -> &'static str {
        "retrain"
    }

    fn weights(&self) -> Vec<Affine> {
        self.layers.clone()
    }

    fn step(&mut self, mut gradients: Vec<Affine>, rate: f64) {
        for (gradient, mask) in gradients.iter_mut().zip(&self.masks) {
            gradient.weight = gradient.weight.clone() * mask.clone();
        }
        self.descent.step(&mut self.layers, gradients, rate);
    }

    fn state(&self) -> State {
        let mut state = State::new();
        run::put(&mut state, "layer", &self.layers);
        run::put(&mut state, "velocity", &self.descent.velocity);
        state
    }

    fn restore(&mut self, mut state: State) -> Option<()> {
        run::take(&mut state, "layer", &mut self.layers)?;
        run::take(&mut state, "velocity", &mut self.descent.velocity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pruned_stays_pruned_and_the_rest_is_trained() {
        let layer = Affine {
            weight: net::matrix(&[0.5, 0.0, -0.0, -0.25], 2, 2),
            bias: net::vector(&[0.0, 1.0]),
        };
        let mut stage = Retrained::new(vec![layer.clone()], 0.9, 0.01);
        for _ in 0..20 {
            let gradient = Affine {
                weight: layer.weight.ones_like(),
                bias: layer.bias.ones_like(),
            };
            stage.step(vec![gradient], 0.1);
        }
        let weights = net::values(&stage.weights()[0].weight);
        assert_eq!(weights[1..3], [0.0, 0.0]);
        assert!(weights[0] < 0.0 && weights[3] < -1.0, "{weights:?}");
    }
}
