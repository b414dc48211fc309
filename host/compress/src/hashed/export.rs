//! From stored values to a network that the engine runs without ever building a window's weights.
//!
//! A convolution becomes, for each of its bands, the patterns of that band over each input channel (depthwise) and a convolution `1x1`
//! with the coefficients; the outputs of the bands are added.

use thresh_model::{
    Activation, Hashed, Layer, Network, NetworkError, Operator, Shape, Weights, Window,
};

use super::part::{Band, Part, Picks};
use crate::chain::unused;

/// What is stored of a layer.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    /// Of each band.
    pub values: Vec<Weights>,
    /// One an output.
    pub bias: Vec<f32>,
}

/// `network` with its layers with weights as `parts`, of which `stored` is kept.
///
/// # Errors
///
/// If the hash cannot count the rows, columns or values of a layer.
pub(super) fn export(
    network: &Network,
    parts: &[Part],
    stored: &[Stored],
) -> Result<Network, NetworkError> {
    let mut made = Made {
        taken: network.layers.iter().map(|l| l.name.clone()).collect(),
        layers: Vec::new(),
        values: vec![0],
    };
    let mut kept = parts.iter().zip(stored);
    for layer in &network.layers {
        let mut layer = layer.clone();
        layer
            .inputs
            .iter_mut()
            .for_each(|input| *input = made.values[*input]);
        match crate::net::matrix_sizes(&layer.operator) {
            None => made.layers.push(layer),
            Some(_) => {
                let (part, stored) = kept.next().expect("a part for each layer with weights");
                made.part(layer, part, stored);
            }
        }
        made.values.push(made.layers.len());
    }
    let network = Network {
        layers: made.layers,
        ..network.clone()
    };
    network.check()?;
    Ok(network)
}

struct Made {
    /// Names of layers.
    taken: Vec<String>,
    layers: Vec<Layer>,
    /// The value that each value of the old network is.
    values: Vec<usize>,
}

impl Made {
    fn part(&mut self, old: Layer, part: &Part, stored: &Stored) {
        let Operator::Conv { input, window, .. } = &old.operator else {
            return self.own(old, part, stored);
        };
        if part.window.is_none() {
            return self.own(old, part, stored);
        }
        // All patterns come first: then each sum takes over the bands before it, and only the whole is rounded.
        let named = |band: &Band| format!("{}{}", old.name, band.suffix);
        let maps: Vec<usize> = (part.bands.iter())
            .map(|band| self.patterns(&named(band), *input, *window, band, old.inputs[0]))
            .collect();
        let mut sum = None;
        let bands = part.bands.iter().zip(&stored.values).zip(maps);
        for (number, ((band, values), patterns)) in bands.enumerate() {
            let name = named(band);
            let map = self.layers[patterns - 1].operator.output();
            let conv = Operator::Conv {
                input: map,
                outputs: part.outputs,
                groups: 1,
                window: Window::valid([1, 1]),
            };
            let bias = match number {
                0 => stored.bias.clone(),
                _ => vec![0.0; part.outputs],
            };
            let one = part.bands.len() == 1;
            let name = if one {
                old.name.clone()
            } else {
                self.name(name)
            };
            let output = self.push(name, vec![patterns], conv, band.weights(values), bias);
            sum = Some(match sum {
                None => output,
                Some(sum) => {
                    let shape = Shape {
                        channels: part.outputs,
                        ..map
                    };
                    let name = match number + 1 == part.bands.len() {
                        true => old.name.clone(),
                        false => self.name(format!("{}.sum{number}", old.name)),
                    };
                    let none = Weights::Float(vec![]);
                    self.push(
                        name,
                        vec![sum, output],
                        Operator::Add { shape },
                        none,
                        vec![],
                    )
                }
            });
        }
        let last = self.layers.last_mut().expect("a band at least");
        last.activation = old.activation;
    }

    /// A layer that keeps its operator.
    fn own(&mut self, old: Layer, part: &Part, stored: &Stored) {
        self.layers.push(Layer {
            weights: part.bands[0].weights(&stored.values[0]),
            bias: stored.bias.clone(),
            ..old
        });
    }

    /// The patterns of a band over each channel of the map `input`, which is the value `from`.
    fn patterns(
        &mut self,
        name: &str,
        input: Shape,
        window: Window,
        band: &Band,
        from: usize,
    ) -> usize {
        let outputs = input.channels * band.patterns.len();
        let operator = Operator::Conv {
            input,
            outputs,
            groups: input.channels,
            window,
        };
        let weights = Weights::Float(band.patterns.concat().repeat(input.channels));
        let name = self.name(format!("{name}.basis"));
        self.push(name, vec![from], operator, weights, vec![0.0; outputs])
    }

    /// Adds a layer without activation; gives its value.
    fn push(
        &mut self,
        name: String,
        inputs: Vec<usize>,
        operator: Operator,
        weights: Weights,
        bias: Vec<f32>,
    ) -> usize {
        self.layers.push(Layer {
            name,
            inputs,
            operator,
            weights,
            bias,
            activation: Activation::None,
            range: None,
        });
        self.layers.len()
    }

    fn name(&mut self, name: String) -> String {
        let name = unused(&self.taken, name);
        self.taken.push(name.clone());
        name
    }
}

impl Band {
    /// The coefficients as weights of a layer that reads the columns.
    fn weights(&self, stored: &Weights) -> Weights {
        let (outputs, filters, patterns) = match &self.picks {
            Picks::Hashed(hashed) => {
                return Weights::Hashed(Hashed {
                    pool: Box::new(stored.clone()),
                    ..hashed.clone()
                });
            }
            Picks::Own {
                outputs,
                filters,
                counts,
            } => (*outputs, *filters, counts.len()),
        };
        let columns = filters / outputs * patterns;
        let places = (0..outputs * columns).map(|at| self.pick(at / columns, at % columns));
        match stored {
            Weights::Shared { codebook, codes } => Weights::Shared {
                codebook: codebook.clone(),
                codes: places.map(|p| p.map_or(0, |(at, _)| codes[at])).collect(),
            },
            stored => Weights::Float(
                places
                    .map(|p| p.map_or(0.0, |(at, _)| stored.get(at)))
                    .collect(),
            ),
        }
    }
}
