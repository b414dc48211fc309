//! Functions of a model: their nodes in the place of those that call them.

use crate::error::{ImportError, Result};
use crate::proto::{AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto};
use prost::Message;
use std::collections::HashMap;

/// Most functions inside each other.
const MOST_DEPTH: usize = 32;
/// Most nodes of a model with its functions written out.
const MOST_NODES: usize = 1 << 20;
/// Most bytes of what is written out.
const MOST_BYTES: usize = 1 << 30;

/// Writes out the functions of `model` in its graph.
pub(crate) fn write_out(model: &ModelProto, graph: &mut GraphProto) -> Result<()> {
    if model.functions.is_empty() {
        return Ok(());
    }
    let key = |domain: &str, name: &str| {
        let domain = if domain == "ai.onnx" { "" } else { domain };
        (domain.to_string(), name.to_string())
    };
    let functions = model.functions.iter();
    let functions = functions.map(|f| (key(&f.domain, &f.name), f)).collect();
    let mut writer = Writer {
        functions,
        key,
        nodes: vec![],
        calls: 0,
        bytes: 0,
    };
    for node in std::mem::take(&mut graph.node) {
        writer.write(node, 0)?;
    }
    graph.node = writer.nodes;
    Ok(())
}

struct Writer<'m, K> {
    functions: HashMap<(String, String), &'m FunctionProto>,
    key: K,
    nodes: Vec<NodeProto>,
    calls: usize,
    bytes: usize,
}

impl<K: Fn(&str, &str) -> (String, String)> Writer<'_, K> {
    fn write(&mut self, node: NodeProto, depth: usize) -> Result<()> {
        let Some(&function) = self.functions.get(&(self.key)(&node.domain, &node.op_type)) else {
            self.nodes.push(node);
            return self.limit(self.nodes.len(), MOST_NODES, "nodes of the model");
        };
        self.limit(depth, MOST_DEPTH, "functions inside each other")?;
        self.calls += 1;
        self.limit(self.calls, MOST_NODES, "calls of functions")?;
        let call = self.calls;
        let mut names: HashMap<&str, String> = HashMap::new();
        for (at, name) in function.input.iter().enumerate() {
            names.insert(name, node.input.get(at).cloned().unwrap_or_default());
        }
        for (at, name) in function.output.iter().enumerate() {
            // One that goes straight through is copied.
            let out = node.output.get(at).filter(|out| !out.is_empty());
            match (out, names.get(name.as_str())) {
                (Some(out), Some(input)) => self.nodes.push(NodeProto {
                    input: vec![input.clone()],
                    output: vec![out.clone()],
                    op_type: "Identity".into(),
                    ..Default::default()
                }),
                (Some(out), None) => {
                    names.insert(name, out.clone());
                }
                (None, _) => {}
            }
        }
        let renamed = |name: &String| match (name.is_empty(), names.get(name.as_str())) {
            (true, _) => String::new(),
            (false, Some(name)) => name.clone(),
            (false, None) => format!("{name}/call {call}"),
        };
        let prefix = match (node.name.as_str(), node.output.first()) {
            ("", Some(output)) => output.as_str(),
            (name, _) => name,
        };
        for inner in &function.node {
            let attribute = inner.attribute.iter();
            let attribute = attribute
                .filter_map(|a| given(a, &node, function))
                .collect();
            let inner = NodeProto {
                input: inner.input.iter().map(renamed).collect(),
                output: inner.output.iter().map(renamed).collect(),
                name: format!("{prefix}/{}", inner.name),
                op_type: inner.op_type.clone(),
                attribute,
                domain: inner.domain.clone(),
            };
            self.bytes = self.bytes.saturating_add(inner.encoded_len());
            self.limit(self.bytes, MOST_BYTES, "bytes of the functions")?;
            self.write(inner, depth + 1)?;
        }
        Ok(())
    }

    fn limit(&self, got: usize, most: usize, what: &'static str) -> Result<()> {
        if got > most {
            let expected = format!("at most {most}; export the model again");
            return Err(ImportError::model(what, got, expected));
        }
        Ok(())
    }
}

/// The attribute that `attribute` of a function's node is where `node` calls it; `None` if it is left out.
fn given(
    attribute: &AttributeProto,
    node: &NodeProto,
    function: &FunctionProto,
) -> Option<AttributeProto> {
    if attribute.ref_attr_name.is_empty() {
        return Some(attribute.clone());
    }
    let own = node.attribute.iter().chain(&function.attribute_proto);
    let found = own
        .into_iter()
        .find(|a| a.name == attribute.ref_attr_name)?;
    Some(AttributeProto {
        name: attribute.name.clone(),
        ..found.clone()
    })
}
