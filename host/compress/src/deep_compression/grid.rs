//! The weights of one layer as numbers, to choose among.

use std::ops::Range;

use crate::net::{self, Affine};

/// The weights of one layer, row-major by input.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Grid {
    pub inputs: usize,
    pub outputs: usize,
    pub values: Vec<f32>,
}

impl Grid {
    pub fn new(layer: &Affine) -> Self {
        let (inputs, outputs) = layer.sizes();
        Self {
            inputs,
            outputs,
            values: net::values(&layer.weight),
        }
    }

    /// The part of a row.
    pub fn row(&mut self, input: usize, outputs: Range<usize>) -> &mut [f32] {
        &mut self.values[input * self.outputs..][outputs]
    }

    pub fn column(&mut self, output: usize) -> impl Iterator<Item = &mut f32> {
        self.values.iter_mut().skip(output).step_by(self.outputs)
    }

    /// Living weights of each input, and of each output.
    pub fn counts(&self) -> (Vec<usize>, Vec<usize>) {
        let (mut by_input, mut by_output) = (vec![0; self.inputs], vec![0; self.outputs]);
        for (index, &value) in self.values.iter().enumerate() {
            if value != 0.0 {
                by_input[index / self.outputs] += 1;
                by_output[index % self.outputs] += 1;
            }
        }
        (by_input, by_output)
    }

    /// Clears the weights for which `keep`, asked in order, says no.
    pub fn retain(&mut self, mut keep: impl FnMut() -> bool) {
        for value in &mut self.values {
            if !keep() {
                *value = 0.0;
            }
        }
    }
}
