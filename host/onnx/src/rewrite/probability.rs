//! Probabilities of several nodes.

use super::{Finder, instead};
use crate::proto::{AttributeProto, NodeProto};

/// The one axis that a reduction over `of` says.
fn axis(finder: &Finder<'_>, sum: &str, of: &str) -> Option<Vec<AttributeProto>> {
    let node = finder.nodes.get(sum)?;
    let input = node.input.first()?;
    if node.op_type != "ReduceSum" || input != of {
        return None;
    }
    let axis = match node.attribute.iter().find(|a| a.name == "axes") {
        Some(axes) => *axes.ints.first().filter(|_| axes.ints.len() == 1)?,
        None => finder.number(node.input.get(1)?)? as i64,
    };
    Some(vec![AttributeProto {
        name: "axis".into(),
        i: axis,
        ..Default::default()
    }])
}

/// What `shifted` is the difference of to its largest value, if it is one.
fn unshifted<'g>(finder: &Finder<'g>, shifted: &'g str) -> &'g str {
    let difference = || {
        let [x, largest] = finder.inputs(shifted, &["Sub"])? else {
            return None;
        };
        let mut largest = finder.before(largest);
        // As one writes it who is afraid of infinities.
        if let Some([a, b]) = finder.inputs(largest, &["Max"]) {
            largest = finder.before(if finder.number(a).is_some() { b } else { a });
        }
        (finder.input(largest, "ReduceMax")? == x).then_some(x.as_str())
    };
    difference().unwrap_or(shifted)
}

/// `exp(x) / sum(exp(x))`.
pub(super) fn softmax(finder: &Finder<'_>, node: &NodeProto) -> Option<Vec<NodeProto>> {
    let ("Div", [above, below]) = (node.op_type.as_str(), node.input.as_slice()) else {
        return None;
    };
    let shifted = finder.input(above, "Exp")?;
    let axis = axis(finder, finder.before(below), above)?;
    let x = unshifted(finder, shifted);
    Some(vec![instead(node, "Softmax", &[x], axis)])
}

/// `x - log(sum(exp(x)))`.
pub(super) fn log_softmax(finder: &Finder<'_>, node: &NodeProto) -> Option<Vec<NodeProto>> {
    let ("Sub", [x, log]) = (node.op_type.as_str(), node.input.as_slice()) else {
        return None;
    };
    let sum = finder.before(finder.input(finder.before(log), "Log")?);
    let exp = finder.nodes.get(sum)?.input.first()?;
    if finder.input(exp, "Exp")? != x {
        return None;
    }
    let axis = axis(finder, sum, exp)?;
    // The name lives as long as the graph, which the finder has.
    let x = finder.input(exp, "Exp")?;
    Some(vec![instead(
        node,
        "LogSoftmax",
        &[unshifted(finder, x)],
        axis,
    )])
}

/// `1 / (1 + exp(-x))`.
pub(super) fn sigmoid(finder: &Finder<'_>, node: &NodeProto) -> Option<Vec<NodeProto>> {
    let below = match (node.op_type.as_str(), node.input.as_slice()) {
        ("Div", [one, below]) if finder.number(one) == Some(1.0) => below,
        ("Reciprocal", [below]) => below,
        _ => return None,
    };
    let (one, exp) = finder.by_number(below, "Add")?;
    let x = finder.negative(finder.input(exp, "Exp")?)?;
    (one == 1.0).then(|| vec![instead(node, "Sigmoid", &[x], vec![])])
}
