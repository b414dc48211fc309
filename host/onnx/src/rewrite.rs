//! What exporters write as several nodes, brought back to the operator that it is: before anything is read.

mod activation;
mod named;
mod probability;

use crate::budget::Budget;
use crate::proto::{AttributeProto, GraphProto, NodeProto, TensorProto};
use crate::tensor::{Source, Tensor, decode};
use std::collections::HashMap;

/// Replaces the last node of each known pattern. What else belonged to it is left out later, if nothing else reads it.
pub(crate) fn rewrite(graph: &mut GraphProto) {
    let mut changes: HashMap<usize, Vec<NodeProto>> = HashMap::new();
    let finder = Finder::new(graph);
    for (at, node) in graph.node.iter().enumerate() {
        let found = PATTERNS.iter().find_map(|pattern| pattern(&finder, node));
        changes.extend(found.map(|found| (at, found)));
    }
    if changes.is_empty() {
        return;
    }
    let old = std::mem::take(&mut graph.node);
    for (at, node) in old.into_iter().enumerate() {
        match changes.remove(&at) {
            Some(found) => graph.node.extend(found),
            None => graph.node.push(node),
        }
    }
}

/// The nodes for `node`, the last of which has its outputs.
type Pattern = fn(&Finder<'_>, &NodeProto) -> Option<Vec<NodeProto>>;

const PATTERNS: &[Pattern] = &[
    activation::parametric,
    activation::leaky_max,
    activation::leaky_where,
    probability::softmax,
    probability::log_softmax,
    probability::sigmoid,
    named::gated,
    named::gelu,
    named::centred,
];

struct Finder<'g> {
    nodes: HashMap<&'g str, &'g NodeProto>,
    initializers: HashMap<&'g str, &'g TensorProto>,
}

impl<'g> Finder<'g> {
    fn new(graph: &'g GraphProto) -> Self {
        let mut nodes = HashMap::new();
        for node in graph.node.iter().filter(|node| node.domain.is_empty()) {
            nodes.extend(node.output.first().map(|name| (name.as_str(), node)));
        }
        let tensors = graph.initializer.iter();
        Finder {
            nodes,
            initializers: tensors
                .map(|tensor| (tensor.name.as_str(), tensor))
                .collect(),
        }
    }

    /// The inputs of the node that makes `name`, if it is one of `operators`.
    fn inputs(&self, name: &str, operators: &[&str]) -> Option<&'g [String]> {
        let node = self.nodes.get(name)?;
        operators
            .contains(&node.op_type.as_str())
            .then_some(&node.input)
    }

    /// The input of the node that makes `name`, if it is `operator`.
    fn input(&self, name: &str, operator: &str) -> Option<&'g str> {
        self.inputs(name, &[operator])?.first().map(String::as_str)
    }

    fn is_constant(&self, name: &str) -> bool {
        let made = self.nodes.get(name);
        self.initializers.contains_key(name) || made.is_some_and(|node| node.op_type == "Constant")
    }

    /// The one value of a constant.
    fn number(&self, name: &str) -> Option<f32> {
        let read = |proto: &TensorProto| -> Option<Tensor> {
            // Longer than one number in any of its forms; it may be looked at often.
            let fields = [
                proto.float_data.len(),
                proto.double_data.len(),
                proto.int32_data.len(),
            ];
            let long = proto.raw_data.len() > 8
                || fields.into_iter().any(|count| count > 1)
                || proto.int64_data.len().max(proto.uint64_data.len()) > 1;
            if long {
                return None;
            }
            let source = Source { folder: None };
            decode(name, proto, source, &mut Budget::new(1)).ok()
        };
        let tensor = match (self.initializers.get(name), self.nodes.get(name)) {
            (Some(proto), _) => read(proto)?,
            (None, Some(node)) if node.op_type == "Constant" => {
                let attribute = node.attribute.first()?;
                match &attribute.t {
                    Some(proto) => read(proto)?,
                    None => return (attribute.name == "value_float").then_some(attribute.f),
                }
            }
            (None, Some(node))
                if matches!(
                    node.op_type.as_str(),
                    "Cast" | "Identity" | "Expand" | "Reshape"
                ) =>
            {
                return self.number_behind(node.input.first()?, 8);
            }
            _ => return None,
        };
        (tensor.data.len() == 1).then(|| tensor.float_at(0))
    }

    fn number_behind(&self, name: &str, steps: usize) -> Option<f32> {
        match self.nodes.get(name) {
            Some(node)
                if steps > 0
                    && matches!(
                        node.op_type.as_str(),
                        "Cast" | "Identity" | "Expand" | "Reshape"
                    ) =>
            {
                self.number_behind(node.input.first()?, steps - 1)
            }
            Some(node) if node.op_type != "Constant" => None,
            _ => self.number(name),
        }
    }

    /// The number and the other input of a node of two inputs that makes `name`, in either order.
    fn by_number(&self, name: &str, operator: &str) -> Option<(f32, &'g str)> {
        let [left, right] = self.inputs(name, &[operator])? else {
            return None;
        };
        match (self.number(left), self.number(right)) {
            (Some(number), None) => Some((number, right)),
            (None, Some(number)) => Some((number, left)),
            _ => None,
        }
    }

    /// `-x` as a node, for `name`.
    fn negative(&self, name: &str) -> Option<&'g str> {
        self.input(name, "Neg").or_else(|| {
            self.by_number(name, "Mul")
                .filter(|found| found.0 == -1.0)
                .map(|found| found.1)
        })
    }

    /// The name behind reshapes and their like.
    fn before<'n>(&self, mut name: &'n str) -> &'n str
    where
        'g: 'n,
    {
        for _ in 0..8 {
            match self.inputs(
                name,
                &[
                    "Reshape",
                    "Expand",
                    "Unsqueeze",
                    "Squeeze",
                    "Identity",
                    "Cast",
                ],
            ) {
                Some([input, ..]) => name = input,
                _ => break,
            }
        }
        name
    }
}

/// A node with the outputs of `node`.
fn instead(
    node: &NodeProto,
    operator: &str,
    inputs: &[&str],
    attribute: Vec<AttributeProto>,
) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|name| name.to_string()).collect(),
        output: node.output.clone(),
        name: node.name.clone(),
        op_type: operator.into(),
        attribute,
        domain: String::new(),
    }
}

/// Both inputs, in both orders.
fn orders(node: &NodeProto) -> Vec<(&str, &str)> {
    match node.input.as_slice() {
        [a, b] => vec![(a, b), (b, a)],
        _ => vec![],
    }
}
