//! What exporters write as several nodes, brought back to the operator that it is: before anything is read.

use crate::budget::Budget;
use crate::proto::{AttributeProto, GraphProto, NodeProto, TensorProto};
use crate::tensor::{Source, Tensor, decode};
use std::collections::HashMap;

/// Replaces the last node of each known pattern. What else belonged to it is left out later, if nothing else reads it.
pub(crate) fn rewrite(graph: &mut GraphProto) {
    let mut changes = Vec::new();
    let finder = Finder::new(graph);
    for (at, node) in graph.node.iter().enumerate() {
        let found = PATTERNS.iter().find_map(|pattern| pattern(&finder, node));
        if let Some(found) = found {
            changes.push((at, found));
        }
    }
    for (at, found) in changes.into_iter().rev() {
        graph.node.splice(at..=at, found);
    }
}

/// The nodes for `node`, the last of which has its outputs.
type Pattern = fn(&Finder<'_>, &NodeProto) -> Option<Vec<NodeProto>>;

const PATTERNS: &[Pattern] = &[
    parametric,
    leaky_max,
    leaky_where,
    softmax,
    log_softmax,
    sigmoid,
    gated,
    gelu,
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
            initializers: tensors.map(|tensor| (tensor.name.as_str(), tensor)).collect(),
        }
    }

    /// The inputs of the node that makes `name`, if it is one of `operators`.
    fn inputs(&self, name: &str, operators: &[&str]) -> Option<&'g [String]> {
        let node = self.nodes.get(name)?;
        operators.contains(&node.op_type.as_str()).then_some(&node.input)
    }

    /// The input of the node that makes `name`, if it is `operator`.
    fn input(&self, name: &str, operator: &str) -> Option<&'g str> {
        self.inputs(name, &[operator])?.first().map(String::as_str)
    }

    /// The one value of a constant.
    fn number(&self, name: &str) -> Option<f32> {
        let read = |proto: &TensorProto| -> Option<Tensor> {
            let small = Budget::new(16);
            decode(name, proto, Source { folder: None }, &mut { small }).ok()
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
            (None, Some(node)) if matches!(node.op_type.as_str(), "Cast" | "Identity" | "Expand" | "Reshape") => {
                return self.number_behind(node.input.first()?, 8);
            }
            _ => return None,
        };
        (tensor.data.len() == 1).then(|| tensor.float_at(0))
    }

    fn number_behind(&self, name: &str, steps: usize) -> Option<f32> {
        match self.nodes.get(name) {
            Some(node) if steps > 0 && matches!(node.op_type.as_str(), "Cast" | "Identity" | "Expand" | "Reshape") => {
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
        self.input(name, "Neg")
            .or_else(|| self.by_number(name, "Mul").filter(|found| found.0 == -1.0).map(|found| found.1))
    }

    /// The name behind reshapes and their like.
    fn before<'n>(&self, mut name: &'n str) -> &'n str
    where
        'g: 'n,
    {
        for _ in 0..8 {
            match self.inputs(name, &["Reshape", "Expand", "Unsqueeze", "Squeeze", "Identity", "Cast"]) {
                Some([input, ..]) => name = input,
                _ => break,
            }
        }
        name
    }
}

/// A node with the outputs of `node`.
fn instead(node: &NodeProto, operator: &str, inputs: &[&str], attribute: Vec<AttributeProto>) -> NodeProto {
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

/// `relu(x) + c * relu(-x)`, as Keras has its PReLU: the slope is `-c`.
fn parametric(finder: &Finder<'_>, node: &NodeProto) -> Option<Vec<NodeProto>> {
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
fn leaky_max(finder: &Finder<'_>, node: &NodeProto) -> Option<Vec<NodeProto>> {
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
fn leaky_where(finder: &Finder<'_>, node: &NodeProto) -> Option<Vec<NodeProto>> {
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
fn softmax(finder: &Finder<'_>, node: &NodeProto) -> Option<Vec<NodeProto>> {
    let ("Div", [above, below]) = (node.op_type.as_str(), node.input.as_slice()) else {
        return None;
    };
    let shifted = finder.input(above, "Exp")?;
    let axis = axis(finder, finder.before(below), above)?;
    let x = unshifted(finder, shifted);
    Some(vec![instead(node, "Softmax", &[x], axis)])
}

/// `x - log(sum(exp(x)))`.
fn log_softmax(finder: &Finder<'_>, node: &NodeProto) -> Option<Vec<NodeProto>> {
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
    Some(vec![instead(node, "LogSoftmax", &[unshifted(finder, x)], axis)])
}

/// `1 / (1 + exp(-x))`.
fn sigmoid(finder: &Finder<'_>, node: &NodeProto) -> Option<Vec<NodeProto>> {
    let below = match (node.op_type.as_str(), node.input.as_slice()) {
        ("Div", [one, below]) if finder.number(one) == Some(1.0) => below,
        ("Reciprocal", [below]) => below,
        _ => return None,
    };
    let (one, exp) = finder.by_number(below, "Add")?;
    let x = finder.negative(finder.input(exp, "Exp")?)?;
    (one == 1.0).then(|| vec![instead(node, "Sigmoid", &[x], vec![])])
}

/// A map times what an activation makes of it or of another one: none of these can be read, but all have names.
fn gated(finder: &Finder<'_>, node: &NodeProto) -> Option<Vec<NodeProto>> {
    if node.op_type != "Mul" {
        return None;
    }
    orders(node).into_iter().find_map(|(x, gate)| {
        // A factor between them changes no name.
        let scaled = finder.by_number(gate, "Div").or_else(|| finder.by_number(gate, "Mul"));
        let gate = scaled.map_or(gate, |found| found.1);
        let gate = finder.before(gate);
        let made = finder.nodes.get(gate)?;
        let from = made.input.first()?;
        let own = from == x;
        let name = match made.op_type.as_str() {
            "Sigmoid" if own => "SiLU (x times its Sigmoid)",
            "HardSigmoid" if own => "HardSwish",
            "Clip" | "Min" if finder.by_number(from, "Add").is_some_and(|found| found.1 == x) => "HardSwish",
            "Tanh" if finder.input(from, "Softplus") == Some(x) => "Mish",
            "Sigmoid" | "HardSigmoid" => "Mul by a computed Sigmoid (squeeze-and-excitation, or another gate)",
            _ => return None,
        };
        Some(vec![instead(node, name, &[x], vec![])])
    })
}

/// `x * (1 + erf(x / sqrt(2)))`, of which `Erf` tells.
fn gelu(finder: &Finder<'_>, node: &NodeProto) -> Option<Vec<NodeProto>> {
    if node.op_type != "Erf" {
        return None;
    }
    let x = finder.by_number(node.input.first()?, "Div").or_else(|| finder.by_number(node.input.first()?, "Mul"))?;
    Some(vec![instead(node, "GELU (Erf)", &[x.1], vec![])])
}
