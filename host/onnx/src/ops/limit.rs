//! Limits of values: `Clip`, `Min` and `Max` with constants, in any order and with any bounds.

use super::activation::activate;
use super::affine;
use crate::error::Result;
use crate::importer::{Importer, Value, open};
use crate::node::Node;
use crate::tensor::Tensor;
use crate::view::View;
use std::rc::Rc;
use thresh_model::Activation;

/// The least and the largest value of each channel, where there are such.
type Limits = [Option<Vec<f32>>; 2];

pub(super) fn run<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    if node.operator() == "Clip" {
        let view = importer.padded(node, 0)?;
        let limits = [
            limit(importer, node, 1, "min")?,
            limit(importer, node, 2, "max")?,
        ];
        let channels = view.shape.channels;
        importer.budget.take(channels.checked_mul(4))?;
        let limits = limits.map(|limit| limit.map(|value| vec![value; channels]));
        return limited(importer, node, view, limits);
    }
    // All constants first: their order does not matter.
    let mut view = None;
    let mut constants: Vec<Rc<Tensor>> = Vec::new();
    for index in 0..node.proto.input.len() {
        match importer.input(node, index)? {
            Value::Constant(constant) => constants.push(constant),
            Value::View(other) if view.is_none() => view = Some(other),
            Value::View(_) => {
                return Err(node.wrong("inputs", "two maps", "one map, and constants"));
            }
        }
    }
    let Some(mut view) = view else {
        return Err(node.wrong("inputs", "none", "a map and constants"));
    };
    open(node, &view)?;
    for constant in constants {
        let channels = view.shape.channels;
        importer.budget.take(channels.checked_mul(4))?;
        let rank = view.sides.len().max(constant.dims.len());
        let (wide, values) = affine::channels(node, view, &constant)?;
        let ok = wide.sides.len() == rank;
        node.expect(ok, "sides of the limit", constant.dims.len(), rank)?;
        let limits = match node.operator() {
            "Max" => [Some(values), None],
            _ => [None, Some(values)],
        };
        view = limited(importer, node, wide, limits)?;
    }
    Ok(view)
}

/// A limit as an attribute before version 11 and as an input since.
fn limit<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    index: usize,
    name: &str,
) -> Result<Option<f32>> {
    if let Some(attribute) = node.attribute(name) {
        return Ok(Some(attribute.f));
    }
    let Some(tensor) = importer.optional(node, index)? else {
        return Ok(None);
    };
    let count = tensor.data.len();
    node.expect(count == 1, "values of a limit", count, 1)?;
    Ok(Some(tensor.float_at(0)))
}

/// `x` between the limits, as one of the network's activations between two shifts.
fn limited<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    view: View,
    [low, high]: Limits,
) -> Result<View> {
    // Exporters write the largest number for no limit.
    let low = low.filter(|low| low.iter().any(|&value| value > f32::MIN));
    let high = high.filter(|high| high.iter().any(|&value| value < f32::MAX));
    let finite = |limit: &Vec<f32>| limit.iter().all(|value| value.is_finite());
    for limit in [&low, &high].into_iter().flatten() {
        let got = format!("{:?}", &limit[..limit.len().min(8)]);
        node.expect(finite(limit), "limits", got, "finite numbers")?;
    }
    if let Some(view) = tightened(importer, &view, &low, &high) {
        return Ok(view);
    }
    let count = view.shape.channels;
    let (ones, minus) = (vec![1.0; count], vec![-1.0; count]);
    let negative = |values: &[f32]| values.iter().map(|value| -value).collect::<Vec<f32>>();
    match (low, high) {
        (None, None) => Ok(view),
        (Some(low), None) => {
            let view = affine::apply(importer, node, view, ones.clone(), negative(&low))?;
            let view = activate(importer, node, view, Activation::Relu)?;
            affine::apply(importer, node, view, ones, low)
        }
        (None, Some(high)) => {
            let view = affine::apply(importer, node, view, minus.clone(), high.clone())?;
            let view = activate(importer, node, view, Activation::Relu)?;
            affine::apply(importer, node, view, minus, high)
        }
        (Some(low), Some(high)) => {
            let width: Vec<f32> = high
                .iter()
                .zip(&low)
                .map(|(high, low)| high - low)
                .collect();
            let ok = width.iter().all(|&value| value == width[0] && value > 0.0);
            let got = format!("{} to {}", low[0], high[0]);
            node.expect(ok, "limits", got, "a lower one below the upper one")?;
            let view = affine::apply(importer, node, view, ones.clone(), negative(&low))?;
            let view = activate(importer, node, view, Activation::Clipped(width[0]))?;
            affine::apply(importer, node, view, ones, low)
        }
    }
}

/// The view with a tighter activation in its layer, where a shift or a sign alone stands between them; `None` if that does
/// not do.
fn tightened(
    importer: &mut Importer<'_>,
    view: &View,
    low: &Option<Vec<f32>>,
    high: &Option<Vec<f32>>,
) -> Option<View> {
    let single = |limit: &Option<Vec<f32>>, default: f32| match limit {
        None => Some(default),
        Some(values) => values
            .iter()
            .all(|&value| value == values[0])
            .then_some(values[0]),
    };
    let (low, high) = (
        single(low, f32::NEG_INFINITY)?,
        single(high, f32::INFINITY)?,
    );
    let (scale, shift) = match &view.preprocessing {
        Some(preprocessing) => preprocessing.uniform()?,
        None => (1.0, 0.0),
    };
    let own = View {
        preprocessing: None,
        ..view.clone()
    };
    let layer = importer.layer_of(&own)?;
    let largest = match layer.activation {
        Activation::Relu => f32::INFINITY,
        Activation::Clipped(limit) => limit,
        _ => return None,
    };
    let inside = |limit: f32| (limit - shift) / scale;
    let (low, high) = match scale > 0.0 {
        true => (inside(low), inside(high)),
        false => (inside(high), inside(low)),
    };
    // A lower limit above zero takes more than the layer has.
    if scale == 0.0 || low > 0.0 || high <= 0.0 || high.is_nan() || low.is_nan() {
        return None;
    }
    let most = high.min(largest);
    if most.is_finite() {
        layer.activation = Activation::Clipped(most);
    }
    Some(view.clone())
}
