//! Random networks: every operator, odd sizes, strides, pads, groups, branches.

use crate::network::{
    Activation, Frame, Hashed, Head, Layer, Network, Operator, Shape, Weights, Window,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// A random network of one to six layers, the same for the same seed. Weights are shared values, so that it
/// can be packed.
pub fn network(seed: u64) -> Network {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x6772_6170_6873);
    let mut input = Shape {
        channels: rng.random_range(1..=5),
        height: rng.random_range(1..=13),
        width: rng.random_range(1..=13),
    };
    if rng.random_bool(0.15) {
        // Room for windows that no pass takes whole.
        (input.height, input.width) = [(1, 50), (33, 4), (21, 21)][rng.random_range(0..3)];
    }
    let frame = match rng.random_range(0..5) {
        0 => Frame {
            pads: std::array::from_fn(|_| rng.random_range(0..=2)),
            marked: true,
        },
        _ => Frame::default(),
    };
    let mut graph = Graph {
        shapes: vec![frame.around(input)],
        layers: Vec::new(),
        rng,
        hashes: ChaCha8Rng::seed_from_u64(seed ^ 0x6861_7368),
    };
    for _ in 0..graph.rng.random_range(1..=5) {
        graph.layer();
    }
    if graph.rng.random_bool(0.6) {
        graph.dense(true);
    }
    let last = graph.layers.last_mut().expect("at least one layer");
    last.activation = Activation::None;
    let head = [Head::Logits, Head::Softmax, Head::Sigmoid][graph.rng.random_range(0..3)];
    Network {
        name: format!("graph-{seed}"),
        input,
        input_scale: 1.0 / 255.0,
        input_mean: vec![],
        frame,
        layers: graph.layers,
        head,
        labels: vec![],
        provenance: BTreeMap::from([("seed".into(), seed.to_string())]),
    }
}

struct Graph {
    rng: ChaCha8Rng,
    /// Of its own, so that what is hashed changes nothing else.
    hashes: ChaCha8Rng,
    shapes: Vec<Shape>,
    layers: Vec<Layer>,
}

impl Graph {
    fn layer(&mut self) {
        match self.rng.random_range(0..16) {
            0..6 => self.conv(),
            6 | 7 => self.pool(true),
            8 => self.pool(false),
            9 | 10 => self.add(),
            11 | 12 => self.concat(),
            13 => self.shuffle(),
            14 => self.select(),
            _ => self.dense(false),
        }
    }

    fn push(&mut self, operator: Operator, inputs: Vec<usize>) {
        let weights = self.weights(&operator);
        let weights = self.hashed(&operator, inputs[0], weights);
        let bias = (0..operator.biases())
            .map(|_| self.rng.random_range(-0.2..0.2))
            .collect();
        let channels = operator.output().channels;
        let activation = match self.rng.random_range(0..10) {
            0..5 => Activation::Relu,
            5 => Activation::Clipped(self.rng.random_range(0.5..6.0)),
            6 => Activation::Leaky(vec![self.rng.random_range(0.01..0.5)]),
            7 if channels <= 40 => {
                let slope = |_| self.rng.random_range(-0.3..0.5);
                Activation::Leaky((0..channels).map(slope).collect())
            }
            _ => Activation::None,
        };
        self.shapes.push(operator.output());
        self.layers.push(Layer {
            name: format!("layer{}", self.layers.len()),
            inputs,
            operator,
            weights,
            bias,
            activation,
            range: None,
        });
    }

    /// The value that the next layer reads: nearly always the last.
    fn source(&mut self) -> usize {
        let last = self.shapes.len() - 1;
        if self.rng.random_bool(0.1) {
            self.rng.random_range(0..=last)
        } else {
            last
        }
    }

    fn weights(&mut self, operator: &Operator) -> Weights {
        let count = operator.weights().expect("small");
        if count == 0 {
            return Weights::Float(vec![]);
        }
        let density = [0.1, 0.3, 0.6, 1.0][self.rng.random_range(0..4)];
        let values = self.rng.random_range(1..=15u8);
        let fan = count as f32 / operator.biases() as f32 * density as f32;
        let gain = (2.0 / fan.max(1.0)).sqrt();
        let codebook = (0..values)
            .map(|_| gain * self.rng.random_range(-1.5..1.5))
            .collect();
        let mut code = || match self.rng.random_bool(density) {
            true => self.rng.random_range(1..=values),
            false => 0,
        };
        Weights::Shared {
            codebook,
            codes: (0..count).map(|_| code()).collect(),
        }
    }

    /// Now and then the first of `weights` as the pool of a layer that can be hashed.
    fn hashed(&mut self, operator: &Operator, source: usize, weights: Weights) -> Weights {
        let channels = match operator {
            Operator::Dense { inputs, .. } if source == 0 => *inputs,
            Operator::Dense { .. } => self.shapes[source].channels,
            Operator::Conv {
                input,
                groups: 1,
                window,
                ..
            } if window.kernel == [1, 1] && window.pads == [0; 4] => input.channels,
            _ => return weights,
        };
        let Weights::Shared { codebook, codes } = weights else {
            return weights;
        };
        let groups = 1 << self.hashes.random_range(0..5);
        let parts = codes.len() / groups;
        if parts == 0 || self.hashes.random_bool(0.4) {
            return Weights::Shared { codebook, codes };
        }
        let length = groups * self.hashes.random_range(1..=parts.min(400));
        let outputs = operator.biases();
        Weights::Hashed(Hashed {
            outputs,
            inputs: codes.len() / outputs,
            channels,
            groups,
            pool: Box::new(Weights::Shared {
                codebook,
                codes: codes[..length].to_vec(),
            }),
        })
    }

    /// A window with a place on a map of these sides; now and then one as large as the map, or with padding as wide as the kernel or wider.
    fn window(&mut self, side: [usize; 2], most: usize, wide: bool) -> Window {
        let mut window = Window::valid([1, 1]);
        let chance = if side.iter().any(|&side| side > 15) {
            0.6
        } else {
            0.1
        };
        let most = if self.rng.random_bool(chance) {
            50
        } else {
            most
        };
        let wide = wide && self.rng.random_bool(0.1);
        for (axis, &side) in side.iter().enumerate() {
            let kernel = self.rng.random_range(1..=most.min(side));
            window.kernel[axis] = kernel;
            window.stride[axis] = self.rng.random_range(1..=3);
            let pads = if wide { kernel + 3 } else { kernel.min(6) };
            window.pads[axis] = self.rng.random_range(0..pads);
            window.pads[axis + 2] = self.rng.random_range(0..pads);
        }
        window
    }

    fn conv(&mut self) {
        let source = self.source();
        let input = self.shapes[source];
        let window = self.window([input.height, input.width], 5, true);
        let (groups, outputs) = match self.rng.random_range(0..5) {
            // Depthwise, with a multiplier.
            0 => (
                input.channels,
                input.channels * self.rng.random_range(1..=2),
            ),
            1 if input.channels.is_multiple_of(2) => (2, 2 * self.rng.random_range(1..=5)),
            _ => (1, self.rng.random_range(1..=12)),
        };
        let operator = Operator::Conv {
            input,
            outputs,
            groups,
            window,
        };
        self.push(operator, vec![source]);
    }

    fn pool(&mut self, largest: bool) {
        let source = self.source();
        let input = self.shapes[source];
        let mut window = self.window([input.height, input.width], 4, !largest);
        let operator = if largest {
            // Every window meets the map.
            for axis in 0..2 {
                let side = [input.height, input.width][axis] + window.pads[axis];
                let total = side + window.pads[axis + 2];
                let last =
                    (total - window.kernel[axis]) / window.stride[axis] * window.stride[axis];
                if last >= side {
                    window.pads[axis + 2] = 0;
                }
            }
            Operator::MaxPool { input, window }
        } else {
            if self.rng.random_bool(0.4) {
                window = Window::whole([input.height, input.width]);
            }
            let some = window.pads.map(|pad| self.rng.random_range(0..=pad));
            let all = [[0; 4], window.pads, some][self.rng.random_range(0..3)];
            let counted = window.counted([input.height, input.width], all);
            // Every window has a position that counts.
            let none = counted.iter().flatten().any(|&count| count == 0);
            let excluded = if none { [0; 4] } else { all };
            Operator::AveragePool {
                input,
                window,
                excluded,
            }
        };
        self.push(operator, vec![source]);
    }

    /// A residual sum of the last value and another of its shape, or its own convolution.
    fn add(&mut self) {
        let last = self.shapes.len() - 1;
        let shape = self.shapes[last];
        let other = (0..last).find(|&value| self.shapes[value] == shape);
        let other = other.unwrap_or_else(|| {
            let side = [3.min(shape.height), 3.min(shape.width)];
            let pad = [(side[0] - 1) / 2, (side[1] - 1) / 2];
            let window = Window {
                kernel: side,
                stride: [1, 1],
                pads: [pad[0], pad[1], side[0] - 1 - pad[0], side[1] - 1 - pad[1]],
            };
            let operator = Operator::Conv {
                input: shape,
                outputs: shape.channels,
                groups: 1,
                window,
            };
            self.push(operator, vec![last]);
            self.shapes.len() - 1
        });
        self.push(Operator::Add { shape }, vec![last, other]);
    }

    /// Two to four maps of one height and width, joined: values before, and convolutions that nothing else
    /// reads.
    fn concat(&mut self) {
        let last = self.shapes.len() - 1;
        let shape = self.shapes[last];
        let same = |other: &Shape| (other.height, other.width) == (shape.height, shape.width);
        let there: Vec<usize> = (0..=last).filter(|&v| same(&self.shapes[v])).collect();
        let mut inputs = Vec::new();
        for _ in 0..self.rng.random_range(2..=4) {
            if self.rng.random_bool(0.5) {
                inputs.push(there[self.rng.random_range(0..there.len())]);
                continue;
            }
            let operator = Operator::Conv {
                input: shape,
                outputs: self.rng.random_range(1..=6),
                groups: 1,
                window: Window::valid([1, 1]),
            };
            self.push(operator, vec![last]);
            inputs.push(self.shapes.len() - 1);
        }
        let shapes = inputs.iter().map(|&input| self.shapes[input]).collect();
        self.push(Operator::Concat { inputs: shapes }, inputs);
    }

    fn shuffle(&mut self) {
        let source = self.source();
        let shape = self.shapes[source];
        let divides = |groups: &usize| shape.channels.is_multiple_of(*groups);
        let groups: Vec<usize> = (1..=shape.channels).filter(divides).collect();
        let groups = groups[self.rng.random_range(0..groups.len())];
        self.push(Operator::Shuffle { shape, groups }, vec![source]);
    }

    fn select(&mut self) {
        let source = self.source();
        let input = self.shapes[source];
        let count = self.rng.random_range(1..=input.channels + 1);
        let channels = (0..count).map(|_| self.rng.random_range(0..input.channels));
        let channels = channels.collect();
        self.push(Operator::Select { input, channels }, vec![source]);
    }

    fn dense(&mut self, end: bool) {
        let source = match end {
            true => self.shapes.len() - 1,
            false => self.source(),
        };
        let inputs = self.shapes[source].len();
        let outputs = self.rng.random_range(1..=20);
        self.push(Operator::Dense { inputs, outputs }, vec![source]);
    }
}
