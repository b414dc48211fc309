//! Activations of several nodes.

use super::{Finder, instead, orders};
use crate::proto::{AttributeProto, NodeProto};

/// `relu(x) + c * relu(-x)`, as Keras has its PReLU: the slope is `-c`.
pub(super) fn parametric(finder: &Finder<'_>, node: &NodeProto) -> Option<Vec<NodeProto>> {
    let plus = match node.op_type.as_str() {
        "Add" => true,
        "Sub" => false,
        _ => return None,
    };
    let orders = orders(node);
    let orders = if plus { &orders[..] } else { orders.get(..1)? };
    orders.iter().find_map(|&(positive, negative)| {
        let x = finder.input(positive, "Relu")?;
        let [a, b] = finder.inputs(negative, &["Mul"])? else {
            return None;
        };
        let below = |name: &str| {
            let inner = finder.input(name, "Relu")?;
            (finder.negative(inner)? == x).then_some(())
        };
        let slope = match (below(a), below(b)) {
            (Some(()), _) => b,
            (_, Some(())) => a,
            _ => return None,
        };
        if !plus {
            return Some(vec![instead(node, "PRelu", &[x, slope], vec![])]);
        }
        let output = format!("{}/slope", node.output.first()?);
        let mut minus = instead(node, "Neg", &[slope], vec![]);
        minus.output = vec![output.clone()];
        Some(vec![minus, instead(node, "PRelu", &[x, &output], vec![])])
    })
}

fn alpha(value: f32) -> Vec<AttributeProto> {
    vec![AttributeProto {
        name: "alpha".into(),
        f: value,
        ..Default::default()
    }]
}

/// `max(x, slope * x)`.
pub(super) fn leaky_max(finder: &Finder<'_>, node: &NodeProto) -> Option<Vec<NodeProto>> {
    if node.op_type != "Max" {
        return None;
    }
    orders(node).into_iter().find_map(|(x, scaled)| {
        let (slope, of) = finder.by_number(scaled, "Mul")?;
        let ok = of == x && (0.0..=1.0).contains(&slope);
        ok.then(|| vec![instead(node, "LeakyRelu", &[x], alpha(slope))])
    })
}

/// `x` where it is above 0, else `slope * x`.
pub(super) fn leaky_where(finder: &Finder<'_>, node: &NodeProto) -> Option<Vec<NodeProto>> {
    let ("Where", [condition, yes, no]) = (node.op_type.as_str(), node.input.as_slice()) else {
        return None;
    };
    let above = finder.inputs(condition, &["Greater", "GreaterOrEqual"]);
    let below = finder.inputs(condition, &["Less", "LessOrEqual"]);
    let (x, scaled, sides) = match (above, below) {
        (Some(sides), _) => (yes, no, sides),
        (_, Some(sides)) => (no, yes, sides),
        _ => return None,
    };
    let [left, right] = sides else { return None };
    if left != x || finder.number(right) != Some(0.0) {
        return None;
    }
    if finder.number(scaled) == Some(0.0) {
        return Some(vec![instead(node, "Relu", &[x], vec![])]);
    }
    let (slope, of) = finder.by_number(scaled, "Mul")?;
    (of == x).then(|| vec![instead(node, "LeakyRelu", &[x], alpha(slope))])
}
