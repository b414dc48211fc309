//! Responses of layers to images, before their activation.

use rand::RngExt;
use rayon::prelude::*;
use thresh_model::{
    Dataset,
    network::{Layer, Network, Operator},
};

use super::{LowRankOptions, find};
use crate::random::{Purpose, generator, shuffled};

/// Responses of one layer: one row of as many values as it has outputs for each image and place.
#[derive(Clone, Debug)]
pub(super) struct Responses {
    /// Outputs of the layer.
    pub outputs: usize,
    /// The rows.
    pub values: Vec<f32>,
}

/// Which images and places are read.
pub(super) struct Sample<'a> {
    network: &'a Network,
    images: Vec<&'a [u8]>,
    /// For each layer of interest its number, and the places read of each image, as many for each.
    layers: Vec<(usize, Vec<usize>)>,
}

impl<'a> Sample<'a> {
    /// Images and places, at random, for `layers` of `network`.
    pub fn new(
        network: &'a Network,
        layers: &[usize],
        set: &'a Dataset,
        options: &LowRankOptions,
    ) -> Self {
        let mut random = generator(options.seed, Purpose::Responses, 0);
        let order = shuffled(set.len(), &mut random);
        let images: Vec<&[u8]> = order
            .iter()
            .take(options.images)
            .map(|&index| set.image(index))
            .collect();
        let mut places = |layer: usize| {
            let output = network.layers[layer].operator.output();
            let positions = output.height * output.width;
            let count = options.places.min(positions);
            let one = |_| match count == positions {
                true => (0..positions).collect::<Vec<_>>(),
                false => (0..count)
                    .map(|_| random.random_range(0..positions))
                    .collect(),
            };
            (layer, (0..images.len()).flat_map(one).collect())
        };
        let layers = layers.iter().map(|&layer| places(layer)).collect();
        Self {
            network,
            images,
            layers,
        }
    }

    /// Of every layer, to what it gets in the network itself.
    pub fn all(&self) -> Vec<Responses> {
        let names = self
            .layers
            .iter()
            .map(|(layer, _)| self.network.layers[*layer].name.as_str());
        let indices: Vec<(usize, &str)> = names.enumerate().collect();
        self.read(self.network, &indices)
    }

    /// Of the layer of interest `index`, which is called `name` in `changed`, to what it gets there.
    pub fn response(&self, changed: &Network, name: &str, index: usize) -> Responses {
        self.read(changed, &[(index, name)])
            .pop()
            .expect("one layer")
    }

    fn read(&self, giving: &Network, wanted: &[(usize, &str)]) -> Vec<Responses> {
        let prepared = giving.prepare();
        let layers: Vec<&Layer> = wanted
            .iter()
            .map(|(_, name)| &giving.layers[find(giving, name)])
            .collect();
        let weights: Vec<Vec<f32>> = layers
            .iter()
            .map(|layer| layer.weights.to_dense())
            .collect();
        let rows: Vec<Vec<Vec<f32>>> = self
            .images
            .par_iter()
            .enumerate()
            .map(|(image, bytes)| {
                let values = prepared.forward(bytes);
                let each = wanted.iter().zip(&layers).zip(&weights);
                each.map(|((&(index, _), layer), weights)| {
                    let (_, places) = &self.layers[index];
                    let count = places.len() / self.images.len();
                    let places = &places[image * count..][..count];
                    respond(layer, weights, &values[layer.inputs[0]], places)
                })
                .collect()
            })
            .collect();
        wanted
            .iter()
            .enumerate()
            .map(|(at, &(index, _))| Responses {
                outputs: self.network.layers[self.layers[index].0]
                    .operator
                    .output()
                    .channels,
                values: rows
                    .iter()
                    .flat_map(|row| row[at].iter().copied())
                    .collect(),
            })
            .collect()
    }
}

/// What `layer` makes of `input` at `places`, before its activation.
fn respond(layer: &Layer, weights: &[f32], input: &[f32], places: &[usize]) -> Vec<f32> {
    let outputs = layer.operator.output().channels;
    let inputs = weights.len() / outputs;
    let mut out = Vec::with_capacity(places.len() * outputs);
    for &place in places {
        let window = under(&layer.operator, input, place, inputs);
        let rows = weights.chunks_exact(inputs).zip(&layer.bias);
        out.extend(
            rows.map(|(row, bias)| bias + row.iter().zip(&window).map(|(w, x)| w * x).sum::<f32>()),
        );
    }
    out
}

/// The values under the window at `place`, in the order of the weights of one output.
fn under(operator: &Operator, input: &[f32], place: usize, count: usize) -> Vec<f32> {
    let Operator::Conv {
        input: map, window, ..
    } = operator
    else {
        return input.to_vec();
    };
    let [_, width] = window
        .places([map.height, map.width])
        .expect("a network that was checked");
    let (top, left) = (
        place / width * window.stride[0],
        place % width * window.stride[1],
    );
    let mut values = vec![0.0; count];
    for channel in 0..map.channels {
        for ky in 0..window.kernel[0] {
            for kx in 0..window.kernel[1] {
                let inside = |at: usize, pad: usize, size: usize| {
                    at.checked_sub(pad).filter(|&at| at < size)
                };
                let y = inside(top + ky, window.pads[0], map.height);
                let x = inside(left + kx, window.pads[1], map.width);
                if let (Some(y), Some(x)) = (y, x) {
                    let to = (channel * window.kernel[0] + ky) * window.kernel[1] + kx;
                    values[to] = input[(y * map.width + x) * map.channels + channel];
                }
            }
        }
    }
    values
}
