//! Why values are moved in a way that cannot be read: for an operator behind, which cannot be read either.
//!
//! Attention splits its channels among heads, and a group norm among groups. Both are refused at the `Reshape` that does so,
//! but what is to be taken out of the model is what the values are moved for.

use crate::error::{ImportError, OPERATORS};
use crate::node::Node;
use std::collections::HashSet;

/// Operators that move values, or choose some.
const MOVES: &[&str] = &[
    "Cast",
    "Expand",
    "Flatten",
    "Gather",
    "Identity",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
];

/// Operators that leave each value in its place.
const EACH: &[&str] = &[
    "Add",
    "DequantizeLinear",
    "Div",
    "Mul",
    "QuantizeLinear",
    "Sub",
];

/// `error` at node `at` of a graph with this `input`, or that of a node which takes what `at` moves and is in no form taken.
pub(crate) fn of(input: &str, nodes: &[Node<'_>], at: usize, error: ImportError) -> ImportError {
    let first = &nodes[at];
    let moves = MOVES.contains(&first.operator());
    if !moves || !matches!(error, ImportError::Node { .. }) {
        return error;
    }
    let mut computed = HashSet::from([input]);
    let mut moved = HashSet::new();
    for (index, node) in nodes.iter().enumerate() {
        let among = |names: &HashSet<&str>| {
            let inputs = node.proto.input.iter();
            inputs.filter(|name| names.contains(name.as_str())).count()
        };
        let outputs = node.proto.output.iter().map(String::as_str);
        let operator = node.operator();
        let parts = among(&computed);
        if parts == 0 || matches!(operator, "Shape" | "Size") {
            continue;
        }
        computed.extend(outputs.clone());
        if index == at {
            moved.extend(outputs);
            continue;
        }
        if among(&moved) == 0 {
            continue;
        }
        if !is_known(node) {
            return node.unknown();
        }
        if parts > 1 && matches!(operator, "MatMul" | "Einsum" | "Mul") {
            let expected =
                "one constant; products of computed values, as in attention, cannot be layers";
            return node.wrong("product", "of two computed values", expected);
        }
        if MOVES.contains(&operator) || EACH.contains(&operator) {
            moved.extend(outputs);
        }
    }
    error
}

/// Whether `node` is one of the operators that are taken in some form.
fn is_known(node: &Node<'_>) -> bool {
    let operator = node.operator();
    match node.proto.domain.as_str() {
        "" | "ai.onnx" => {
            let known = |known: &&str| known.split(' ').next() == Some(operator);
            // Of constants, or as a part of several nodes that are one.
            let others = ["DynamicQuantizeLinear", "Exp", "Log", "Size", "Where"];
            OPERATORS.iter().any(known) || others.contains(&operator)
        }
        "ai.onnx.ml" => true,
        // Quantisers.
        _ => [
            "BipolarQuant",
            "DequantizeLinear",
            "IntQuant",
            "Quant",
            "QuantizeLinear",
            "Trunc",
        ]
        .contains(&operator),
    }
}
