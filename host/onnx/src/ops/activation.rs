//! Activations.

use super::affine::channels;
use super::quantised::activated;
use crate::error::Result;
use crate::importer::{Importer, Value, open};
use crate::node::Node;
use crate::tensor::Tensor;
use crate::view::View;
use thresh_model::Activation;

pub(super) fn run<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    if node.operator() == "Max" {
        return above_zero(importer, node);
    }
    let view = importer.view(node, 0)?;
    apply(importer, node, view)
}

/// `Max` of a value and the constant 0, as an exporter writes a lower limit.
fn above_zero<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let count = node.proto.input.len();
    node.expect(count == 2, "number of inputs", count, 2)?;
    let (left, right) = (importer.input(node, 0)?, importer.input(node, 1)?);
    let (Value::View(view), Value::Constant(zero)) = (match left {
        Value::View(_) => (left, right),
        Value::Constant(_) => (right, left),
    }) else {
        return Err(node.wrong(
            "inputs",
            "two maps or constants",
            "a map and the constant 0",
        ));
    };
    open(node, &view)?;
    let limit = one(node, &zero)?;
    let rank = zero.dims.len();
    let ok = limit == 0.0 && rank <= view.sides.len();
    node.expect(ok, "constant", format!("{limit} of {rank} sides"), "0")?;
    activate(importer, node, view, Activation::Relu)
}

fn apply<'a>(importer: &mut Importer<'a>, node: Node<'a>, mut view: View) -> Result<View> {
    let activation = match node.operator() {
        "Relu" => Activation::Relu,
        "LeakyRelu" => Activation::Leaky(vec![node.float("alpha", 0.01)]),
        "Clip" => clip(importer, node)?,
        _ => {
            let slopes = importer.constant(node, 1)?;
            importer.budget.take(Some(view.shape.channels))?;
            let rank = view.sides.len();
            let found = channels(node, view, &slopes)?;
            view = found.0;
            let ok = view.sides.len() == rank;
            node.expect(ok, "sides of the slopes", slopes.dims.len(), rank)?;
            Activation::Leaky(if slopes.data.len() == 1 {
                vec![slopes.float_at(0)]
            } else {
                found.1
            })
        }
    };
    activate(importer, node, view, activation)
}

fn activate<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    view: View,
    activation: Activation,
) -> Result<View> {
    let view = importer.plain(view)?;
    if let Some(layer) = importer.layer_of(&view)
        && let Some(both) = joined(&layer.activation, &activation)
    {
        layer.range = layer.range.map(|range| activated(range, &activation));
        layer.activation = both;
        return Ok(view);
    }
    let channels = view.shape.channels;
    let (ones, zeros) = (vec![1.0; channels], vec![0.0; channels]);
    let view = importer.per_channel(node.name(), &view, ones, zeros)?;
    if let Some(layer) = importer.layer_of(&view) {
        layer.activation = activation;
    }
    Ok(view)
}

/// The one activation that does `first` and then `second`.
fn joined(first: &Activation, second: &Activation) -> Option<Activation> {
    use Activation::{Clipped, Leaky, None as Nothing, Relu};
    match (first, second) {
        (Nothing, second) => Some(second.clone()),
        (Clipped(a), Clipped(b)) => Some(Clipped(a.min(*b))),
        (Relu, Clipped(limit)) => Some(Clipped(*limit)),
        (Relu | Clipped(_), Relu | Leaky(_)) => Some(first.clone()),
        _ => None,
    }
}

/// `Clip`, with limits as attributes before version 11 and as inputs since.
fn clip<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<Activation> {
    let mut limit = |index: usize, name: &str, default: f32| -> Result<f32> {
        if let Some(attribute) = node.attribute(name) {
            return Ok(attribute.f);
        }
        match importer.optional(node, index)? {
            Some(tensor) => one(node, &tensor),
            None => Ok(default),
        }
    };
    let least = limit(1, "min", f32::NEG_INFINITY)?;
    let most = limit(2, "max", f32::INFINITY)?;
    node.expect(least == 0.0, "lower limit", least, "0")?;
    // An exporter may write the largest number for no limit.
    if most >= f32::MAX {
        return Ok(Activation::Relu);
    }
    node.expect(most > 0.0, "upper limit", most, "above 0")?;
    Ok(Activation::Clipped(most))
}

fn one(node: Node<'_>, tensor: &Tensor) -> Result<f32> {
    let count = tensor.data.len();
    node.expect(count == 1, "values of a limit", count, 1)?;
    Ok(tensor.float_at(0))
}
