//! Stochastic gradient descent with momentum.

use burn::tensor::Tensor;

use crate::net::Affine;

/// Velocities of all layers and the constants of the descent.
#[derive(Clone, Debug)]
pub(crate) struct Sgd {
    pub velocity: Vec<Affine>,
    pub momentum: f64,
    /// Share of each weight (not bias) that is added to its gradient.
    pub decay: f64,
}

impl Sgd {
    pub fn new(layers: &[Affine], momentum: f64, decay: f64) -> Self {
        Self {
            velocity: layers.iter().map(Affine::zeros_like).collect(),
            momentum,
            decay,
        }
    }

    /// `v = momentum * v + g + decay * w`, `w = w - rate * v`; the decay is left out for biases.
    pub fn step(&mut self, layers: &mut [Affine], gradients: Vec<Affine>, rate: f64) {
        for ((layer, velocity), gradient) in
            layers.iter_mut().zip(&mut self.velocity).zip(gradients)
        {
            let mut pull = gradient.weight;
            if self.decay != 0.0 {
                pull = pull + layer.weight.clone() * self.decay;
            }
            descend(
                &mut layer.weight,
                &mut velocity.weight,
                pull,
                self.momentum,
                rate,
            );
            descend(
                &mut layer.bias,
                &mut velocity.bias,
                gradient.bias,
                self.momentum,
                rate,
            );
        }
    }
}

/// One step of one tensor.
pub(crate) fn descend<const D: usize>(
    value: &mut Tensor<D>,
    velocity: &mut Tensor<D>,
    gradient: Tensor<D>,
    momentum: f64,
    rate: f64,
) {
    *velocity = velocity.clone() * momentum + gradient;
    *value = value.clone() - velocity.clone() * rate;
}
