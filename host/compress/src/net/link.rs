//! Between two layers with weights: which weights of the second read a channel of the first.

use std::ops::Range;

use thresh_model::{Operator, Window};

use super::Net;

/// The way from the outputs of one layer with weights to the next one.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// The next operator with weights.
    next: Operator,
    /// Channels of the map that it reads, which are the outputs of the layer before.
    channels: usize,
    /// Whether there is a ReLU on the way.
    relu: bool,
    /// Whether nothing on the way puts zeros beside a map, so that a channel of one constant value adds the same to
    /// every output of a channel behind it.
    even: bool,
}

impl Link {
    /// The rows and columns of the next matrix with the weights that read `channel`.
    pub fn readers(&self, channel: usize) -> (Vec<usize>, Range<usize>) {
        match &self.next {
            Operator::Conv {
                input,
                outputs,
                groups,
                window,
            } => {
                let (from, to) = (input.channels / groups, outputs / groups);
                let (group, within) = (channel / from, channel % from);
                let area = window.kernel[0] * window.kernel[1];
                let rows = within * area..(within + 1) * area;
                (rows.collect(), group * to..(group + 1) * to)
            }
            next => {
                let rows = channel..next.inputs();
                (rows.step_by(self.channels).collect(), 0..next.biases())
            }
        }
    }

    /// What reaches the next matrix from a channel that is `bias` everywhere; `None` if it is not the same everywhere.
    pub fn constant(&self, bias: f32) -> Option<f32> {
        let value = if self.relu { bias.max(0.0) } else { bias };
        (self.even || value == 0.0).then_some(value)
    }
}

impl Net {
    /// The ways between the layers with weights, one less than these.
    pub fn links(&self) -> Vec<Link> {
        let weighted: Vec<(usize, &Operator)> = self.weighted().collect();
        let link = |pair: &[(usize, &Operator)]| {
            let [(from, before), (to, next)] = [pair[0], pair[1]];
            let zeros = |window: &Window| window.pads != [0; 4];
            let padded = |operator: &Operator| match operator {
                Operator::Conv { window, .. } | Operator::AveragePool { window, .. } => {
                    zeros(window)
                }
                _ => false,
            };
            let between = &self.steps[from..to];
            Link {
                next: next.clone(),
                channels: before.biases(),
                relu: between.iter().any(|step| step.relu),
                even: !self.steps[from + 1..=to]
                    .iter()
                    .any(|step| padded(&step.operator)),
            }
        };
        weighted.windows(2).map(link).collect()
    }
}
