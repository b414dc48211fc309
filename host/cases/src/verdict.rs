//! What becomes of a case.

use crate::case::{Case, Compare, Expect};
use crate::packed::Packed;
use anyhow::{Result, ensure};
use std::panic::{AssertUnwindSafe, catch_unwind};
use thresh_model::{Head, Network};

/// Largest error of the float network, of outputs that are at most 1; of larger ones a share.
pub const TOLERANCE: f32 = 1e-4;

/// What became of a case.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It was not imported: why.
    Refused(String),
    /// It was imported.
    Taken {
        /// Largest difference of the float network to the runtime, by the largest output where that is above 1.
        float: f32,
        /// The image for the board, or why there is none.
        image: Result<Errors, String>,
    },
}

/// Errors of 8-bit models, root mean squares of the differences to the float model's outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Errors {
    /// Of the image.
    pub image: f32,
    /// Of onnxruntime's model; `None` where there is none.
    pub onnxruntime: Option<f32>,
    /// Largest output of the float model.
    pub largest: f32,
}

impl Errors {
    /// Whether the image is as good.
    pub fn holds(&self) -> bool {
        self.onnxruntime.is_none_or(|other| self.image <= other)
    }
}

impl Verdict {
    /// Imports the model of `case`, packs it, and compares.
    pub fn of(case: &Case) -> Verdict {
        let tried = catch_unwind(AssertUnwindSafe(|| import(case)));
        let network = match tried {
            Ok(Ok(network)) => network,
            Ok(Err(error)) => return Verdict::Refused(error.to_string()),
            Err(_) => return Verdict::Refused("the importer panicked".into()),
        };
        let Some((at, float)) = float_error(case, &network) else {
            return Verdict::Taken {
                float: f32::INFINITY,
                image: Err("outputs of another number".into()),
            };
        };
        let image = catch_unwind(AssertUnwindSafe(|| image_errors(case, &network, at)));
        Verdict::Taken {
            float,
            image: match image {
                Ok(result) => result.map_err(|error| format!("{error:#}")),
                Err(_) => Err("the packer panicked".into()),
            },
        }
    }

    /// Whether the image is further from the float model than that of onnxruntime.
    pub fn is_further(&self) -> bool {
        matches!(self, Verdict::Taken { image: Ok(errors), .. } if !errors.holds())
    }

    /// What is wrong with it; nothing where it is as expected. An image that is further away is not wrong.
    pub fn fault(&self, case: &Case) -> Option<String> {
        match (self, case.about.expect) {
            (Verdict::Refused(why), Expect::Taken) => Some(format!("refused: {why}")),
            (Verdict::Refused(why), _) => {
                let words = case.about.refused.as_deref().unwrap_or_default();
                // The list of all operators that are taken names nothing.
                let reason = why.split(", expected").next().unwrap_or(why);
                let named = words.is_empty() || words.iter().any(|word| reason.contains(word));
                (!named).then(|| format!("refused without {}: {why}", words.join(" or ")))
            }
            (Verdict::Taken { .. }, Expect::Refused) => {
                Some("taken, though it can only be refused".into())
            }
            (Verdict::Taken { float, .. }, _) if float.is_nan() || *float > TOLERANCE => {
                Some(format!("float error {float:.1e}"))
            }
            (
                Verdict::Taken {
                    image: Err(why), ..
                },
                _,
            ) => Some(format!("not packed: {why}")),
            (Verdict::Taken { image: Ok(_), .. }, _) => None,
        }
    }
}

fn import(case: &Case) -> Result<Network> {
    let options = case.options()?;
    let network = match case.path.extension().is_some_and(|end| end == "tflite") {
        true => thresh_tflite::import(&case.path, &options)?,
        false => thresh_onnx::import(&case.path, &options)?,
    };
    let [channels, height, width] = case.about.shape;
    let got = network.input;
    // A line may lie along either side: its bytes are the same.
    ensure!(
        got.channels == channels && got.len() == channels * height * width,
        "input read as {got:?}, meant as {:?}",
        case.about.shape
    );
    Ok(network)
}

/// What a user sees of `logits`, in the form that the model gives.
fn outputs(case: &Case, head: Head, logits: &[f32], count: usize) -> Option<Vec<f32>> {
    match case.about.compare {
        Compare::Class => Some(vec![head.class(logits) as f32]),
        Compare::Values => {
            let values = head.apply(logits);
            if values.len() == count {
                return Some(values);
            }
            head.probabilities(logits)
                .filter(|values| values.len() == count)
        }
    }
}

/// The reading of the model that is nearest, and the error beside it.
fn float_error(case: &Case, network: &Network) -> Option<(usize, f32)> {
    let prepared = network.prepare();
    let logits: Vec<Vec<f32>> = case
        .inputs
        .iter()
        .map(|input| prepared.logits(input))
        .collect();
    let errors = case.expected.iter().enumerate().map(|(at, rows)| {
        let mut worst = 0.0f32;
        for (index, logits) in logits.iter().enumerate() {
            let expected = rows.row(index);
            let got = outputs(case, network.head, logits, expected.len())?;
            for (got, expected) in got.iter().zip(expected) {
                let error = (got - expected).abs() / expected.abs().max(1.0);
                worst = if error.is_nan() {
                    error
                } else {
                    worst.max(error)
                };
            }
        }
        Some((at, worst))
    });
    let errors: Vec<(usize, f32)> = errors.collect::<Option<_>>()?;
    errors.into_iter().min_by(|a, b| a.1.total_cmp(&b.1))
}

/// Packs and runs; `at` is the reading of the model that counts.
fn image_errors(case: &Case, network: &Network, at: usize) -> Result<Errors> {
    let packed = Packed::new(network, &case.inputs)?;
    let expected = &case.expected[at];
    let (mut image, mut other, mut largest, mut count) = (0.0f64, 0.0f64, 0.0f32, 0);
    for (index, input) in case.inputs.iter().enumerate() {
        let right = expected.row(index);
        let logits = packed.logits(input)?;
        let got = outputs(case, network.head, &logits, right.len());
        let got = got.unwrap_or_else(|| vec![f32::NAN; right.len()]);
        let int8 = case.int8.as_ref().map(|rows| rows.row(index));
        for (place, &right) in right.iter().enumerate() {
            image += square(case, got[place], right);
            other += int8.map_or(0.0, |int8| square(case, int8[place], right));
            largest = largest.max(right.abs());
            count += 1;
        }
    }
    let mean = |sum: f64| (sum / f64::from(count)).sqrt() as f32;
    Ok(Errors {
        image: mean(image),
        onnxruntime: case.int8.as_ref().map(|_| mean(other)),
        largest: if case.about.compare == Compare::Class {
            1.0
        } else {
            largest
        },
    })
}

/// Square of a difference; of classes 1 where they differ.
fn square(case: &Case, got: f32, right: f32) -> f64 {
    match case.about.compare {
        Compare::Class => f64::from(u8::from(got != right)),
        Compare::Values => f64::from(got - right).powi(2),
    }
}
