//! Whether a network is sound, and what can be wrong with one.

use super::{Network, Weights};
use std::collections::BTreeSet;

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
        let mut inputs = shape.len();
        let mut names = BTreeSet::new();
        for layer in &self.layers {
            let place = format!("layer {}", layer.name);
            expect(
                names.insert(&layer.name),
                &place,
                "name",
                &layer.name,
                "another name than any other layer",
            )?;
            let operator = &layer.operator;
            expect(
                operator.inputs() == inputs,
                &place,
                "number of inputs",
                operator.inputs(),
                inputs,
            )?;
            let outputs = operator.outputs();
            expect(
                range.contains(&outputs),
                &place,
                "number of outputs",
                outputs,
                "at least 1",
            )?;
            let weights = operator.weights();
            let got = weights.map_or("too many".into(), |n| n.to_string());
            let expected = format!("at most {MOST_VALUES}");
            expect(
                weights.is_some_and(|n| n <= MOST_VALUES),
                &place,
                "number of weights",
                got,
                expected,
            )?;
            let (got, expected) = (layer.weights.len(), weights.unwrap_or(0));
            expect(got == expected, &place, "number of weights", got, expected)?;
            let (got, expected) = (layer.bias.len(), operator.biases());
            expect(got == expected, &place, "number of biases", got, expected)?;
            check_values(&place, &layer.weights, &layer.bias)?;
            inputs = outputs;
        }
        let (got, labels) = (self.labels.len(), self.outputs());
        expect(
            got == 0 || got == labels,
            place,
            "number of labels",
            got,
            format!("{labels}, or none"),
        )
    }
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
    };
    match values.iter().chain(bias).find(|value| !value.is_finite()) {
        Some(value) => expect(false, place, "a weight or bias", value, "a finite number"),
        None => Ok(()),
    }
}
