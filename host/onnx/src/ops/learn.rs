//! The operators of `ai.onnx.ml` that linear models and multilayer perceptrons use.

use super::{affine, cut, dense, each, head};
use crate::error::Result;
use crate::importer::{Importer, Value};
use crate::node::Node;
use crate::tensor::{Data, Tensor};
use crate::view::{End, View};
use thresh_model::Head;

pub(super) fn run<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    if let Some(view) = head::behind_class(importer, node)? {
        return Ok(view);
    }
    match node.operator() {
        "Scaler" => scaler(importer, node),
        "LinearRegressor" => regressor(importer, node),
        "LinearClassifier" => classifier(importer, node),
        "ArrayFeatureExtractor" => cut::features(importer, node),
        "Normalizer" => head::normalized(importer, node),
        // Names for the probabilities.
        "ZipMap" => head::ended(importer, node, 0),
        _ => Err(node.unknown()),
    }
}

/// `(x - offset) * scale` of each feature.
fn scaler<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let view = head::flat(importer, node, 0)?;
    let count = view.shape.len();
    importer.budget.take(count.checked_mul(4))?;
    let values = |name: &str, default: f32| -> Result<Vec<f32>> {
        match node.floats(name).unwrap_or_default() {
            [] => Ok(vec![default; count]),
            &[value] => Ok(vec![value; count]),
            values if values.len() == count => Ok(values.to_vec()),
            values => Err(node.wrong(
                name,
                format!("{} values", values.len()),
                format!("1 or {count}"),
            )),
        }
    };
    let (offset, scale) = (values("offset", 0.0)?, values("scale", 1.0)?);
    let shift = offset
        .iter()
        .zip(&scale)
        .map(|(offset, scale)| -offset * scale)
        .collect();
    if view.shape.channels == count {
        return affine::apply(importer, node, view, scale, shift);
    }
    let [scale, shift] = each::in_map_order(importer, &view, [scale, shift])?;
    each::apply(importer, view, scale, shift)
}

/// `coefficients x + intercepts`, with as many rows as there are outputs.
fn linear<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    view: View,
    coefficients: &[f32],
    intercepts: &[f32],
) -> Result<View> {
    let features = view.shape.len();
    importer.budget.take(coefficients.len().checked_mul(2))?;
    let outputs = coefficients.len() / features;
    let ok = outputs > 0
        && outputs * features == coefficients.len()
        && (intercepts.is_empty() || intercepts.len() == outputs);
    let got = format!("{} and {} intercepts", coefficients.len(), intercepts.len());
    let expected = format!("a row of {features} for each output");
    node.expect(ok, "number of coefficients", got, expected)?;
    let by_output = Tensor {
        dims: vec![outputs, features],
        data: Data::Float(coefficients.to_vec()),
    };
    let view = dense::product(importer, node, view, &by_output.transposed(&[1, 0]))?;
    if intercepts.is_empty() {
        return Ok(view);
    }
    affine::apply(
        importer,
        node,
        view,
        vec![1.0; outputs],
        intercepts.to_vec(),
    )
}

fn regressor<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let view = head::flat(importer, node, 0)?;
    let after = node.text("post_transform").unwrap_or_else(|| "NONE".into());
    let expected = "NONE; export the model without it";
    node.expect(after == "NONE", "post_transform", &after, expected)?;
    let coefficients = node.floats("coefficients").unwrap_or_default();
    let intercepts = node.floats("intercepts").unwrap_or_default();
    linear(importer, node, view, coefficients, intercepts)
}

/// The class and the scores of each.
fn classifier<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let view = head::flat(importer, node, 0)?;
    let features = view.shape.len();
    let mut coefficients = node.floats("coefficients").unwrap_or_default();
    let mut intercepts = node.floats("intercepts").unwrap_or_default();
    let after = node.text("post_transform").unwrap_or_else(|| "NONE".into());
    let two = |values: &[f32]| {
        let (first, second) = values.split_at(values.len() / 2);
        first.len() == second.len() && first.iter().zip(second).all(|(a, b)| *a == -*b)
    };
    // Of two classes one row says all, and a second one is its negative.
    let mirrored = coefficients.len() == 2 * features && two(coefficients) && two(intercepts);
    let single = coefficients.len() == features;
    let pair = after == "LOGISTIC" && (single || mirrored);
    if pair && mirrored {
        coefficients = &coefficients[features..];
        intercepts = &intercepts[intercepts.len() / 2..];
    }
    let got = format!("one row of coefficients, post_transform {after}");
    node.expect(
        pair || !single,
        "classes",
        got,
        "LOGISTIC, or a row for each class",
    )?;
    let mut view = linear(importer, node, view, coefficients, intercepts)?;
    view = importer.plain(view)?;
    view.head = match after.as_str() {
        "NONE" => Head::Logits,
        "SOFTMAX" => Head::Softmax,
        "LOGISTIC" => Head::Sigmoid,
        _ => {
            let expected = "NONE, SOFTMAX or LOGISTIC; export the model without it";
            return Err(node.wrong("post_transform", after, expected));
        }
    };
    if pair {
        view.end = End::Both;
    }
    if let Some(scores) = node.proto.output.get(1).filter(|name| !name.is_empty()) {
        importer.define(scores, Value::View(view.clone()));
    }
    view.end = End::Class;
    Ok(view)
}
