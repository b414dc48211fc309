//! The hidden layers of a network to train, as the option `hidden` writes them.

use std::{fmt, str::FromStr};

use thresh_model::{Activation, Frame, Head, Layer, Network, Operator, Shape, Weights, Window};

use crate::{
    error::Result,
    options::{Value, invalid},
};

/// The most weights of a layer that can be trained: a gigabyte of them.
const MOST_WEIGHTS: usize = 1 << 28;

/// One hidden layer. A ReLU follows all but pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// Fully connected with this many outputs: `300`.
    Dense(usize),
    /// Convolution: `conv20x5` has 20 outputs and a window of 5 x 5; `conv20x5s2p1` moves it by 2 positions and puts 1
    /// row or column of zeros on each side of the map.
    Conv {
        /// Output channels.
        outputs: usize,
        /// Height and width of the window in positions.
        kernel: usize,
        /// Positions that the window moves by.
        stride: usize,
        /// Zeros on each side of the map.
        pads: usize,
    },
    /// Largest value of each window: `pool2` has windows of 2 x 2 beside each other, `pool3s2` some of 3 x 3 that overlap.
    MaxPool {
        /// Height and width of the window in positions.
        kernel: usize,
        /// Positions that the window moves by.
        stride: usize,
    },
}

impl FromStr for Hidden {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "got {text:?}, expected outputs as 300, a convolution as conv20x5 or conv20x5s2p1, or a pool as pool2 or pool3s2"
            )
        };
        parse(text).ok_or_else(wrong)
    }
}

fn parse(text: &str) -> Option<Hidden> {
    // The number behind `letter`, if it stands at the end of `text`, and what is before it.
    let split = |text: &str, letter: char| match text.split_once(letter) {
        None => Some((text.to_string(), None)),
        Some((before, number)) => Some((before.to_string(), Some(number.parse().ok()?))),
    };
    if let Some(sizes) = text.strip_prefix("conv") {
        let (sizes, pads) = split(sizes, 'p')?;
        let (sizes, stride) = split(&sizes, 's')?;
        let (outputs, kernel) = sizes.split_once('x')?;
        Some(Hidden::Conv {
            outputs: outputs.parse().ok()?,
            kernel: kernel.parse().ok()?,
            stride: stride.unwrap_or(1),
            pads: pads.unwrap_or(0),
        })
    } else if let Some(sizes) = text.strip_prefix("pool") {
        let (kernel, stride) = split(sizes, 's')?;
        let kernel = kernel.parse().ok()?;
        Some(Hidden::MaxPool {
            kernel,
            stride: stride.unwrap_or(kernel),
        })
    } else {
        text.parse().ok().map(Hidden::Dense)
    }
}

impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Hidden::Dense(outputs) => write!(f, "{outputs}"),
            Hidden::Conv {
                outputs,
                kernel,
                stride,
                pads,
            } => {
                write!(f, "conv{outputs}x{kernel}")?;
                if stride != 1 {
                    write!(f, "s{stride}")?;
                }
                if pads != 0 {
                    write!(f, "p{pads}")?;
                }
                Ok(())
            }
            Hidden::MaxPool { kernel, stride } => {
                write!(f, "pool{kernel}")?;
                if stride != kernel {
                    write!(f, "s{stride}")?;
                }
                Ok(())
            }
        }
    }
}

impl Value for Hidden {
    const EXPECTED: &'static str = "a layer as 300, conv20x5, conv20x5s2p1, pool2 or pool3s2";
    const LIST: &'static str =
        "layers with commas between, as 300,100 or conv20x5,pool2,conv50x5s1p2,500, or nothing";
    fn parse(text: &str) -> Option<Self> {
        parse(text)
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

/// A network from maps of shape `input` through `hidden` to `classes` outputs; all its weights are 0.
///
/// # Errors
///
/// If a layer is impossible: without outputs, with a window that has no place, or larger than any memory.
pub(crate) fn network(
    name: &str,
    input: Shape,
    input_scale: f32,
    hidden: &[Hidden],
    classes: usize,
) -> Result<Network> {
    let wrong = |expected: &str| Err(invalid("hidden", hidden.to_vec().show(), expected));
    let mut shape = input;
    let mut layers: Vec<Layer> = Vec::new();
    let last = Hidden::Dense(classes);
    for (index, part) in hidden.iter().chain([&last]).enumerate() {
        let (kind, operator) = operator(*part, shape);
        if matches!(part, Hidden::Dense(0) | Hidden::Conv { outputs: 0, .. }) {
            return wrong("every layer needs outputs");
        }
        let output = operator.output();
        let values = output.channels.checked_mul(output.height * output.width);
        if values == Some(0) {
            return wrong(&format!(
                "the window of {part} has no place on a map of {} x {} (height x width); choose a smaller one, and a \
                 stride of at least 1",
                shape.height, shape.width
            ));
        }
        let few = |count: Option<usize>| count.filter(|&count| count <= MOST_WEIGHTS);
        let (Some(weights), Some(_)) = (few(operator.weights()), few(values)) else {
            return wrong(&format!(
                "{part} has more than {MOST_WEIGHTS} weights or outputs; choose fewer"
            ));
        };
        let relu = index < hidden.len() && !matches!(part, Hidden::MaxPool { .. });
        let before = layers.iter().filter(|layer| layer.name.starts_with(kind));
        layers.push(Layer {
            name: format!("{kind}{}", before.count() + 1),
            inputs: vec![index],
            weights: Weights::Float(vec![0.0; weights]),
            bias: vec![0.0; operator.biases()],
            operator,
            activation: if relu {
                Activation::Relu
            } else {
                Activation::None
            },
            range: None,
        });
        shape = output;
    }
    let network = Network {
        name: name.to_string(),
        input,
        input_scale,
        input_mean: vec![],
        frame: Frame::default(),
        head: Head::Logits,
        layers,
        labels: (0..classes).map(|class| class.to_string()).collect(),
        provenance: Default::default(),
    };
    network.check()?;
    Ok(network)
}

/// The operator, and what its layers are called.
fn operator(hidden: Hidden, input: Shape) -> (&'static str, Operator) {
    let square = |kernel, stride, pads| Window {
        kernel: [kernel; 2],
        stride: [stride; 2],
        pads: [pads; 4],
    };
    match hidden {
        Hidden::Dense(outputs) => {
            let inputs = input.len();
            ("fc", Operator::Dense { inputs, outputs })
        }
        Hidden::Conv {
            outputs,
            kernel,
            stride,
            pads,
        } => {
            let window = square(kernel, stride, pads);
            let operator = Operator::Conv {
                input,
                outputs,
                groups: 1,
                window,
            };
            ("conv", operator)
        }
        Hidden::MaxPool { kernel, stride } => {
            let window = square(kernel, stride, 0);
            ("pool", Operator::MaxPool { input, window })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: Shape = Shape {
        channels: 1,
        height: 28,
        width: 28,
    };

    #[test]
    fn a_layer_is_read_as_it_is_written() {
        for text in [
            "300",
            "conv20x5",
            "conv8x3s2",
            "conv8x3p1",
            "conv8x3s2p1",
            "pool2",
            "pool3s2",
        ] {
            assert_eq!(text.parse::<Hidden>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "-1",
            "x",
            "conv",
            "conv20",
            "conv20x",
            "conv20x5p1s2",
            "pool",
            "pool2p1",
            "conv1x1s",
        ] {
            let message = text.parse::<Hidden>().unwrap_err();
            assert!(message.contains("expected outputs as 300"), "{message}");
        }
    }

    #[test]
    fn lenet_5_has_the_parameters_of_the_paper() {
        let hidden = crate::Recipe::LeNet5.training().hidden;
        let network = network("lenet-5", DIGITS, 0.01, &hidden, 10).unwrap();
        assert_eq!(network.parameters(), 431_080);
        let weights = network.layers.iter().map(|layer| layer.weights.len());
        assert_eq!(
            weights.collect::<Vec<_>>(),
            [500, 0, 25_000, 0, 400_000, 5_000]
        );
        let names: Vec<_> = network
            .layers
            .iter()
            .map(|layer| layer.name.as_str())
            .collect();
        assert_eq!(names, ["conv1", "pool1", "conv2", "pool2", "fc1", "fc2"]);
    }

    #[test]
    fn impossible_layers_are_refused() {
        for (text, what) in [
            ("3,0", "every layer needs outputs"),
            ("conv0x5", "every layer needs outputs"),
            ("conv4x29", "conv4x29 has no place on a map of 28 x 28"),
            ("conv4x5s0", "a stride of at least 1"),
            ("conv4x0", "has no place"),
            ("pool14,pool3", "pool3 has no place on a map of 2 x 2"),
            ("99999999999,99999999999", "choose fewer"),
            ("conv9999999999999x5", "choose fewer"),
        ] {
            let hidden: Vec<Hidden> = Value::parse(text).unwrap();
            let message = network("x", DIGITS, 0.01, &hidden, 10)
                .unwrap_err()
                .to_string();
            assert!(message.contains(what), "{message}");
        }
    }
}
