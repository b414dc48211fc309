//! Operators that compute on integers, in those that compute on real numbers with quantisers around them.

use crate::proto::{AttributeProto, GraphProto, NodeProto, TensorProto, data_type};
use std::collections::{HashMap, HashSet};

/// The nodes that stand for one.
struct Nodes {
    /// Prefix of the values between them, with which no name of the graph begins.
    prefix: String,
    count: usize,
    list: Vec<NodeProto>,
    /// Whether there must be a constant of 1.
    one: bool,
    /// Scale and zero point of tensors of integers.
    scales: HashMap<String, [String; 2]>,
}

/// Writes operators with integers (`QLinearConv`, `QGemm`, `MatMulInteger` ...) of `graph` as `DequantizeLinear`, the same
/// operator on real numbers, and `QuantizeLinear`.
pub(crate) fn expand(graph: &mut GraphProto) {
    let mut nodes = Nodes {
        prefix: prefix(graph),
        count: 0,
        list: Vec::with_capacity(graph.node.len()),
        one: false,
        scales: HashMap::new(),
    };
    for node in std::mem::take(&mut graph.node) {
        let ours = matches!(node.domain.as_str(), "" | "ai.onnx" | "com.microsoft");
        if !(ours && (nodes.expand(&node) || nodes.padded(&node))) {
            nodes.follow(&node);
            nodes.list.push(node);
        }
    }
    if nodes.one {
        graph.initializer.push(TensorProto {
            data_type: data_type::FLOAT,
            float_data: vec![1.0],
            name: nodes.named("one"),
            ..Default::default()
        });
    }
    graph.node = nodes.list;
}

/// A text with which no name of a value begins.
fn prefix(graph: &GraphProto) -> String {
    let made = graph.node.iter().flat_map(|node| &node.output);
    let given = graph.input.iter().map(|info| &info.name);
    let constant = graph.initializer.iter().map(|tensor| &tensor.name);
    let names: HashSet<&str> = made
        .chain(given)
        .chain(constant)
        .map(String::as_str)
        .collect();
    let mut prefix = "real".to_string();
    while names.iter().any(|name| name.starts_with(&prefix)) {
        prefix.push('_');
    }
    prefix
}

impl Nodes {
    fn named(&self, what: &str) -> String {
        format!("{}:{what}", self.prefix)
    }

    /// Adds a node for `of`, and gives the name of its output.
    fn add(
        &mut self,
        of: &NodeProto,
        operator: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> String {
        self.count += 1;
        let output = self.named(&self.count.to_string());
        let name = match (of.name.as_str(), of.output.first()) {
            ("", Some(output)) => output.clone(),
            (name, _) => name.to_string(),
        };
        self.list.push(NodeProto {
            input: inputs.iter().map(|name| name.to_string()).collect(),
            output: vec![output.clone()],
            name,
            op_type: operator.to_string(),
            attribute: attributes,
            domain: String::new(),
        });
        output
    }

    /// Makes the last node the one whose output is that of `of`.
    fn end(&mut self, of: &NodeProto) {
        if let Some(last) = self.list.last_mut() {
            last.output = of.output.clone();
        }
    }

    /// The real values of the inputs `index` to `index + 2`: integers, scale, zero point.
    fn real(&mut self, of: &NodeProto, index: usize, axis: Option<i64>) -> String {
        let at = |index: usize| of.input.get(index).map_or("", String::as_str);
        let inputs = [at(index), at(index + 1), at(index + 2)];
        let axis = axis.map(|axis| int("axis", axis));
        self.add(of, "DequantizeLinear", &inputs, Vec::from_iter(axis))
    }

    /// The integers of `value` by the scale and the zero point at `index`, as the output of `of`; without a scale the
    /// value itself.
    fn quantised(&mut self, of: &NodeProto, value: &str, index: usize) {
        let at = |index: usize| of.input.get(index).map_or("", String::as_str);
        match at(index) {
            "" => {}
            scale => {
                let inputs = [value, scale, at(index + 1)];
                self.scaled(of, [scale, at(index + 1)]);
                self.add(of, "QuantizeLinear", &inputs, vec![]);
            }
        }
        self.end(of);
    }

    /// Notes by what the outputs of `of` are quantised.
    fn scaled(&mut self, of: &NodeProto, scale: [&str; 2]) {
        for output in &of.output {
            self.scales
                .insert(output.clone(), scale.map(str::to_string));
        }
    }

    /// Notes by what the outputs of a node are quantised that makes integers or moves them.
    fn follow(&mut self, node: &NodeProto) {
        let at = |index: usize| node.input.get(index).map_or("", String::as_str);
        if node.op_type == "QuantizeLinear" {
            self.scaled(node, [at(1), at(2)]);
        } else if super::MOVES.contains(&node.op_type.as_str()) {
            let scale = node
                .input
                .first()
                .and_then(|name| self.scales.get(name))
                .cloned();
            if let Some(scale) = scale {
                self.scaled(node, [&scale[0], &scale[1]]);
            }
        }
    }

    /// Adds the nodes for a `Pad` of integers, whose constant is one of them; `false` if it is another node.
    fn padded(&mut self, node: &NodeProto) -> bool {
        let (Some(input), "Pad") = (node.input.first(), node.op_type.as_str()) else {
            return false;
        };
        let Some([scale, zero]) = self.scales.get(input).cloned() else {
            return false;
        };
        let at = |index: usize| node.input.get(index).map_or("", String::as_str);
        let real = |nodes: &mut Nodes, name: &str| {
            nodes.add(node, "DequantizeLinear", &[name, &scale, &zero], vec![])
        };
        // Left out it is the integer 0, which may be any number.
        if at(2).is_empty() {
            return false;
        }
        let (x, value) = (real(self, input), real(self, at(2)));
        let inputs = [x.as_str(), at(1), &value, at(3)];
        let count = node.input.len().min(inputs.len());
        let y = self.add(node, "Pad", &inputs[..count], node.attribute.clone());
        self.add(node, "QuantizeLinear", &[&y, &scale, &zero], vec![]);
        self.scaled(node, [&scale, &zero]);
        self.end(node);
        true
    }

    /// Adds the nodes for `node`; `false` if it computes on no integers, or its inputs are too few.
    fn expand(&mut self, node: &NodeProto) -> bool {
        let count = node.input.len();
        let kept = |names: &[&str]| {
            let given = node.attribute.iter();
            given
                .filter(|a| names.contains(&a.name.as_str()))
                .cloned()
                .collect::<Vec<_>>()
        };
        let plain = |node: &NodeProto| {
            let last = node.attribute.iter().find(|a| a.name == "channels_last");
            last.is_none_or(|a| a.i == 0)
        };
        match node.op_type.as_str() {
            "QLinearConv" if count >= 8 => {
                let x = self.real(node, 0, None);
                let w = self.real(node, 3, Some(0));
                let mut inputs = vec![x.as_str(), w.as_str()];
                let bias = node.input.get(8).filter(|bias| !bias.is_empty());
                let bias = bias.map(|bias| self.bias(node, bias, 1, 4));
                inputs.extend(bias.as_deref());
                let y = self.add(node, "Conv", &inputs, node.attribute.clone());
                self.quantised(node, &y, 6);
            }
            "QLinearMatMul" if count >= 8 => {
                let a = self.real(node, 0, None);
                let b = self.real(node, 3, Some(1));
                let y = self.add(node, "MatMul", &[&a, &b], vec![]);
                self.quantised(node, &y, 6);
            }
            "QGemm" if count >= 6 => {
                let by_output = node
                    .attribute
                    .iter()
                    .any(|a| a.name == "transB" && a.i != 0);
                let a = self.real(node, 0, None);
                let b = self.real(node, 3, Some(i64::from(!by_output)));
                let mut inputs = vec![a.as_str(), b.as_str()];
                let bias = node.input.get(6).filter(|bias| !bias.is_empty());
                let bias = bias.map(|bias| self.bias(node, bias, 1, 4));
                inputs.extend(bias.as_deref());
                // The bias is a sum of products, which alpha multiplies too.
                let alpha = node.attribute.iter().find(|a| a.name == "alpha");
                let mut attributes = kept(&["alpha", "transA", "transB"]);
                attributes.extend(alpha.map(|alpha| AttributeProto {
                    name: "beta".into(),
                    ..alpha.clone()
                }));
                let y = self.add(node, "Gemm", &inputs, attributes);
                self.quantised(node, &y, 7);
            }
            "QLinearAdd" | "QLinearMul" if count >= 7 => {
                let (a, b) = (self.real(node, 0, None), self.real(node, 3, None));
                let y = self.add(node, &node.op_type["QLinear".len()..], &[&a, &b], vec![]);
                self.quantised(node, &y, 6);
            }
            "QLinearConcat" if count >= 5 && (count - 2).is_multiple_of(3) => {
                let maps: Vec<String> = (2..count)
                    .step_by(3)
                    .map(|index| self.real(node, index, None))
                    .collect();
                let inputs: Vec<&str> = maps.iter().map(String::as_str).collect();
                let y = self.add(node, "Concat", &inputs, node.attribute.clone());
                self.quantised(node, &y, 0);
            }
            "QLinearGlobalAveragePool" | "QLinearAveragePool" if count >= 4 && plain(node) => {
                let x = self.real(node, 0, None);
                let attributes = node.attribute.iter();
                let attributes = attributes.filter(|a| a.name != "channels_last").cloned();
                let operator = &node.op_type["QLinear".len()..];
                let y = self.add(node, operator, &[&x], attributes.collect());
                self.quantised(node, &y, 3);
            }
            "QLinearReduceMean" | "QLinearLeakyRelu" | "QLinearSigmoid" | "QLinearSoftmax"
                if count >= 4 =>
            {
                let x = self.real(node, 0, None);
                let operator = &node.op_type["QLinear".len()..];
                let attributes = kept(&["alpha", "axis", "axes", "keepdims"]);
                let y = self.add(node, operator, &[&x], attributes);
                self.quantised(node, &y, 3);
            }
            "MatMulInteger" | "ConvInteger" if count >= 2 => {
                self.one = true;
                let at = |index: usize| node.input.get(index).map_or("", String::as_str);
                let scale = self.named("one");
                let convolves = node.op_type == "ConvInteger";
                let axis = int("axis", i64::from(!convolves));
                let x = self.add(node, "DequantizeLinear", &[at(0), &scale, at(2)], vec![]);
                let weights = [at(1), &scale, at(3)];
                let w = self.add(node, "DequantizeLinear", &weights, vec![axis]);
                let operator = &node.op_type[..node.op_type.len() - "Integer".len()];
                self.add(node, operator, &[&x, &w], node.attribute.clone());
                self.end(node);
            }
            _ => return false,
        }
        true
    }

    /// A bias of 32-bit integers whose scale is the product of those at `left` and `right`.
    fn bias(&mut self, of: &NodeProto, bias: &str, left: usize, right: usize) -> String {
        let at = |index: usize| of.input.get(index).map_or("", String::as_str);
        let scale = self.add(of, "Mul", &[at(left), at(right)], vec![]);
        self.add(
            of,
            "DequantizeLinear",
            &[bias, &scale],
            vec![int("axis", 0)],
        )
    }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        i: value,
        r#type: 2,
        ..Default::default()
    }
}
