//! Whether a network is sound, and what can be wrong with one.

use super::{Activation, Hashed, Layer, Network, Operator, Shape, Weights, Window};
use std::collections::BTreeSet;
use thresh_regs::HASH_LANES;

/// Why a network is not sound, or a file is no network.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// A number that is not as it should be.
    #[error("{place}: {what} is {got}, expected {expected}; train or convert the network again")]
    Value {
        /// The layer, or `network`.
        place: String,
        /// What is wrong.
        what: &'static str,
        /// What it is.
        got: String,
        /// What it should be.
        expected: String,
    },
    /// The file cannot be read or written.
    #[error("cannot access {path}: {source}", path = .path.display())]
    Io {
        /// The file.
        path: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Not a safetensors file.
    #[error("not a safetensors file ({0}); expected a network that thresh has saved")]
    Container(#[from] safetensors::SafeTensorError),
    /// A safetensors file, but not a network.
    #[error("{what}: got {got}, expected {expected}; expected a network that thresh has saved")]
    Content {
        /// What is wrong.
        what: String,
        /// What it is.
        got: String,
        /// What it should be.
        expected: String,
    },
}

/// The largest number of values of a map, and of weights of a layer, that is not refused.
const MOST_VALUES: usize = 1 << 30;

fn expect(
    ok: bool,
    place: &str,
    what: &'static str,
    got: impl ToString,
    expected: impl ToString,
) -> Result<(), NetworkError> {
    if ok {
        return Ok(());
    }
    let (got, expected) = (got.to_string(), expected.to_string());
    Err(NetworkError::Value {
        place: place.to_string(),
        what,
        got,
        expected,
    })
}

impl Network {
    /// Checks that sizes go together, that numbers are finite and that names are unique.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn check(&self) -> Result<(), NetworkError> {
        let place = "network";
        let shape = self.input;
        let values = shape
            .channels
            .checked_mul(shape.height)
            .and_then(|n| n.checked_mul(shape.width));
        let size = format!("{} x {} x {}", shape.channels, shape.height, shape.width);
        let range = 1..=MOST_VALUES;
        expect(
            values.is_some_and(|n| range.contains(&n)),
            place,
            "input shape",
            size,
            "at least one value",
        )?;
        let scale = self.input_scale;
        expect(
            scale.is_finite() && scale > 0.0,
            place,
            "input scale",
            scale,
            "above 0, finite",
        )?;
        expect(
            !self.layers.is_empty(),
            place,
            "number of layers",
            0,
            "at least 1",
        )?;
        let most = MOST_SIDE;
        let sides = [shape.channels, shape.height, shape.width];
        let pads = self.frame.pads.iter().copied();
        let widest = sides.into_iter().chain(pads).max().unwrap_or(0);
        let expected = format!("at most {most}");
        expect(
            widest <= most,
            place,
            "a side of the input or its frame",
            widest,
            expected,
        )?;
        let mut names = BTreeSet::new();
        let mut values = vec![self.value(0)];
        for layer in &self.layers {
            let place = format!("layer {}", layer.name);
            expect(
                names.insert(&layer.name),
                &place,
                "name",
                &layer.name,
                "another name than any other layer",
            )?;
            check_inputs(&place, layer, &values)?;
            check_operator(&place, &layer.operator)?;
            let output = layer.operator.output();
            let outputs = output
                .channels
                .checked_mul(output.height)
                .and_then(|n| n.checked_mul(output.width));
            expect(
                outputs.is_some_and(|n| range.contains(&n)),
                &place,
                "number of outputs",
                outputs.map_or("too many".into(), |n| n.to_string()),
                "at least 1",
            )?;
            let weights = layer.operator.weights();
            let got = weights.map_or("too many".into(), |n| n.to_string());
            let expected = format!("at most {MOST_VALUES}");
            expect(
                weights.is_some_and(|n| n <= MOST_VALUES),
                &place,
                "number of weights",
                got,
                expected,
            )?;
            if let Weights::Hashed(hashed) = &layer.weights {
                let channels = match layer.inputs[0] {
                    0 => hashed.inputs,
                    input => values[input].channels,
                };
                check_hashed(&place, &layer.operator, hashed, channels)?;
            }
            let (got, expected) = (layer.weights.len(), weights.unwrap_or(0));
            expect(got == expected, &place, "number of weights", got, expected)?;
            let (got, expected) = (layer.bias.len(), layer.operator.biases());
            expect(got == expected, &place, "number of biases", got, expected)?;
            check_values(&place, &layer.weights, &layer.bias)?;
            check_activation(&place, &layer.activation, output)?;
            if let Some([least, largest]) = layer.range {
                let ok = least.is_finite() && largest.is_finite() && least <= largest;
                let got = format!("{least} to {largest}");
                expect(ok, &place, "range", got, "two finite numbers that rise")?;
            }
            values.push(output);
        }
        let (got, channels) = (self.input_mean.len(), self.value(0).channels);
        let expected = format!("{channels}, or none");
        let what = "number of input means";
        expect(got == 0 || got == channels, place, what, got, expected)?;
        let wrong = self.input_mean.iter().find(|mean| !mean.is_finite());
        if let Some(mean) = wrong {
            expect(false, place, "an input mean", mean, "a finite number")?;
        }
        let (got, labels) = (self.labels.len(), self.head.classes(self.outputs()));
        expect(
            got == 0 || got == labels,
            place,
            "number of labels",
            got,
            format!("{labels}, or none"),
        )
    }
}

/// The largest height, width or number of channels that is not refused.
const MOST_SIDE: usize = 1 << 20;

fn text(shape: Shape) -> String {
    format!("{} x {} x {}", shape.channels, shape.height, shape.width)
}

fn check_inputs(place: &str, layer: &Layer, values: &[Shape]) -> Result<(), NetworkError> {
    let (got, arity) = (layer.inputs.len(), layer.operator.arity());
    expect(got == arity, place, "number of values read", got, arity)?;
    expect(got > 0, place, "number of values read", got, "at least 1")?;
    for (at, &input) in layer.inputs.iter().enumerate() {
        let expected = format!("below {}: the input, or a layer before", values.len());
        expect(input < values.len(), place, "value read", input, expected)?;
        let got = values[input];
        match &layer.operator {
            Operator::Dense { inputs, .. } => {
                expect(
                    got.len() == *inputs,
                    place,
                    "number of inputs",
                    inputs,
                    got.len(),
                )?;
            }
            Operator::Conv { input: shape, .. }
            | Operator::MaxPool { input: shape, .. }
            | Operator::AveragePool { input: shape, .. }
            | Operator::Add { shape }
            | Operator::Shuffle { shape, .. }
            | Operator::Select { input: shape, .. } => {
                expect(got == *shape, place, "input shape", text(*shape), text(got))?;
            }
            Operator::Concat { inputs } => {
                let shape = inputs[at];
                expect(got == shape, place, "input shape", text(shape), text(got))?;
            }
        }
    }
    Ok(())
}

fn check_operator(place: &str, operator: &Operator) -> Result<(), NetworkError> {
    match operator {
        Operator::Dense { .. } | Operator::Add { .. } => Ok(()),
        Operator::Concat { inputs } => {
            let side = |map: &Shape| [map.height, map.width];
            let first = inputs.first().map(side);
            let other = inputs.iter().find(|map| Some(side(map)) != first);
            let got = other.map_or([0, 0], side);
            let expected = format!("{:?}, as the first one has it", first.unwrap_or_default());
            let what = "height and width of a map that is joined";
            expect(other.is_none(), place, what, format!("{got:?}"), expected)?;
            let channels = operator.output().channels;
            let expected = format!("at most {MOST_SIDE}");
            expect(
                channels <= MOST_SIDE,
                place,
                "number of outputs",
                channels,
                expected,
            )
        }
        Operator::Shuffle { shape, groups } => {
            let ok = *groups > 0 && shape.channels.is_multiple_of(*groups);
            let expected = format!("a divisor of {}", shape.channels);
            expect(ok, place, "number of groups", groups, expected)
        }
        Operator::Conv {
            input,
            outputs,
            groups,
            window,
        } => {
            let divides = |n: usize| *groups > 0 && n.is_multiple_of(*groups);
            let expected = format!("a divisor of {} and {outputs}", input.channels);
            let ok = divides(input.channels) && divides(*outputs);
            expect(ok, place, "number of groups", groups, expected)?;
            expect(
                *outputs <= MOST_SIDE,
                place,
                "number of outputs",
                outputs,
                MOST_SIDE,
            )?;
            check_window(place, *input, window, false)
        }
        Operator::MaxPool { input, window } => check_window(place, *input, window, true),
        Operator::AveragePool {
            input,
            window,
            excluded,
        } => {
            check_window(place, *input, window, false)?;
            let inside = excluded
                .iter()
                .zip(&window.pads)
                .all(|(out, pad)| out <= pad);
            let got = format!("{excluded:?} of {:?}", window.pads);
            let expected = "at most the padding";
            expect(inside, place, "padding that does not count", &got, expected)?;
            let counted = window.counted([input.height, input.width], *excluded);
            let ok = counted.iter().flatten().all(|&count| count > 0);
            let expected = "a position that counts in every window";
            expect(ok, place, "padding that does not count", got, expected)
        }
        Operator::Select { input, channels } => {
            let (got, most) = (channels.len(), MOST_SIDE);
            let expected = format!("1 to {most}");
            let what = "number of channels that are chosen";
            expect((1..=most).contains(&got), place, what, got, expected)?;
            let highest = channels.iter().copied().max().unwrap_or(0);
            let expected = format!("below {}", input.channels);
            let ok = highest < input.channels;
            expect(
                ok,
                place,
                "highest channel that is chosen",
                highest,
                expected,
            )
        }
    }
}

/// With `inside` every window must meet the map.
fn check_window(
    place: &str,
    input: Shape,
    window: &Window,
    inside: bool,
) -> Result<(), NetworkError> {
    let Window {
        kernel,
        stride,
        pads,
    } = window;
    let sides = kernel.iter().chain(stride).chain(pads);
    let most = sides.copied().max().unwrap_or(0);
    let expected = format!("at most {MOST_SIDE}");
    expect(
        most <= MOST_SIDE,
        place,
        "a side of the window",
        most,
        expected,
    )?;
    let size = [input.height, input.width];
    let got = format!("kernel {kernel:?}, stride {stride:?}, padding {pads:?}");
    let expected = format!("sides of at least 1 and a place on a map of {size:?}");
    let places = window.places(size);
    expect(places.is_some(), place, "window", &got, expected)?;
    let meets = |axis: usize| {
        let last = (places.unwrap_or_default()[axis].max(1) - 1) * stride[axis];
        pads[axis] < kernel[axis] && last < size[axis] + pads[axis]
    };
    let expected = "every window to meet the map";
    expect(
        !inside || (meets(0) && meets(1)),
        place,
        "window",
        got,
        expected,
    )
}

fn check_activation(
    place: &str,
    activation: &Activation,
    output: Shape,
) -> Result<(), NetworkError> {
    match activation {
        Activation::None | Activation::Relu => Ok(()),
        Activation::Clipped(limit) => {
            let ok = limit.is_finite() && *limit > 0.0;
            expect(
                ok,
                place,
                "limit of the activation",
                limit,
                "above 0, finite",
            )
        }
        Activation::Leaky(slopes) => {
            let got = slopes.len();
            let expected = format!("1 or {}", output.channels);
            let ok = got == 1 || got == output.channels;
            expect(ok, place, "number of slopes", got, expected)?;
            let wrong = slopes.iter().find(|slope| !slope.is_finite());
            wrong.map_or(Ok(()), |slope| {
                expect(false, place, "a slope", slope, "a finite number")
            })
        }
    }
}

/// What is hashed: sizes that the hash and the engine can count.
fn check_hashed(
    place: &str,
    operator: &Operator,
    hashed: &Hashed,
    channels: usize,
) -> Result<(), NetworkError> {
    let plain = match operator {
        Operator::Dense { .. } => true,
        Operator::Conv { groups, window, .. } => {
            *groups == 1 && window.kernel == [1, 1] && window.pads == [0; 4]
        }
        _ => false,
    };
    let got = "another one";
    let expected = "fully connected, or 1 x 1 without groups and padding";
    expect(plain, place, "operator of hashed weights", got, expected)?;
    let (got, expected) = (hashed.outputs, operator.biases());
    expect(
        got == expected,
        place,
        "outputs of hashed weights",
        got,
        expected,
    )?;
    let inputs = operator.weights().unwrap_or(0) / operator.biases().max(1);
    expect(
        hashed.inputs == inputs,
        place,
        "inputs of hashed weights",
        hashed.inputs,
        inputs,
    )?;
    let channels = match operator {
        Operator::Dense { .. } => channels,
        _ => inputs,
    };
    let got = hashed.channels;
    expect(
        got == channels,
        place,
        "channels of hashed weights",
        got,
        channels,
    )?;
    let most = hashed.outputs.max(hashed.columns());
    let expected = format!("at most {}", 1 << 16);
    expect(
        most <= 1 << 16,
        place,
        "rows or columns of hashed weights",
        most,
        expected,
    )?;
    let nested = matches!(*hashed.pool, Weights::Hashed(_));
    expect(
        !nested,
        place,
        "pool",
        "hashed",
        "values, or codes of a codebook",
    )?;
    let groups = hashed.groups;
    let expected = format!("a power of two up to {HASH_LANES}");
    let ok = groups.is_power_of_two() && groups <= HASH_LANES;
    expect(ok, place, "parts of the pool", groups, expected)?;
    let got = hashed.pool.len();
    let expected = format!(
        "a multiple of {groups}, at least that and at most {}",
        groups << 16
    );
    let ok = (groups..=groups << 16).contains(&got) && got.is_multiple_of(groups);
    expect(ok, place, "length of the pool", got, expected)
}

fn check_values(place: &str, weights: &Weights, bias: &[f32]) -> Result<(), NetworkError> {
    let values = match weights {
        Weights::Float(values) => values,
        Weights::Shared { codebook, codes } => {
            let most = usize::from(u8::MAX);
            expect(
                codebook.len() <= most,
                place,
                "size of the codebook",
                codebook.len(),
                format!("at most {most}"),
            )?;
            let highest = codes.iter().copied().max().unwrap_or(0);
            let expected = format!("at most {}", codebook.len());
            expect(
                usize::from(highest) <= codebook.len(),
                place,
                "highest code",
                highest,
                expected,
            )?;
            codebook
        }
        Weights::Hashed(hashed) => return check_values(place, &hashed.pool, bias),
    };
    match values.iter().chain(bias).find(|value| !value.is_finite()) {
        Some(value) => expect(false, place, "a weight or bias", value, "a finite number"),
        None => Ok(()),
    }
}
