//! What cannot be read, but has a name that says more than its nodes.

use super::{Finder, instead, orders};
use crate::proto::NodeProto;

/// A map times what an activation makes of it or of another one: none of these can be read, but all have names.
pub(super) fn gated(finder: &Finder<'_>, node: &NodeProto) -> Option<Vec<NodeProto>> {
    if node.op_type != "Mul" {
        return None;
    }
    orders(node).into_iter().find_map(|(x, gate)| {
        if finder.is_constant(x) {
            return None;
        }
        // A factor between them changes no name.
        let scaled = finder
            .by_number(gate, "Div")
            .or_else(|| finder.by_number(gate, "Mul"));
        let gate = scaled.map_or(gate, |found| found.1);
        let gate = finder.before(gate);
        let made = finder.nodes.get(gate)?;
        let from = made.input.first()?;
        let own = from == x;
        let name = match made.op_type.as_str() {
            "Sigmoid" if own => "SiLU (x times its Sigmoid)",
            "HardSigmoid" if own => "HardSwish",
            "Clip" | "Min"
                if finder
                    .by_number(from, "Add")
                    .is_some_and(|found| found.1 == x) =>
            {
                "HardSwish"
            }
            "Tanh" if finder.input(from, "Softplus") == Some(x) => "Mish",
            "Sigmoid" | "HardSigmoid" => {
                "Mul by a computed Sigmoid (squeeze-and-excitation, or another gate)"
            }
            _ => return None,
        };
        Some(vec![instead(node, name, &[x], vec![])])
    })
}

/// `x * (1 + erf(x / sqrt(2)))`, of which `Erf` tells, or what is near to it with the third power of `x`.
pub(super) fn gelu(finder: &Finder<'_>, node: &NodeProto) -> Option<Vec<NodeProto>> {
    let input = node.input.first()?;
    match node.op_type.as_str() {
        "Erf" => {
            let scaled = finder
                .by_number(input, "Div")
                .or_else(|| finder.by_number(input, "Mul"));
            Some(vec![instead(node, "GELU (Erf)", &[scaled?.1], vec![])])
        }
        "Pow" if finder.number(node.input.get(1)?) == Some(3.0) => Some(vec![instead(
            node,
            "third power (GELU by Tanh)",
            &[input],
            vec![],
        )]),
        _ => None,
    }
}

/// `x - mean(x)`, with which a normalisation by the values themselves begins.
pub(super) fn centred(finder: &Finder<'_>, node: &NodeProto) -> Option<Vec<NodeProto>> {
    let ("Sub", [x, mean]) = (node.op_type.as_str(), node.input.as_slice()) else {
        return None;
    };
    let of = finder.inputs(finder.before(mean), &["ReduceMean", "GlobalAveragePool"])?;
    let name = "Sub of its own mean (LayerNormalization, InstanceNormalization)";
    (of.first()? == x).then(|| vec![instead(node, name, &[x], vec![])])
}
