//! A graph of TensorFlow Lite as one of ONNX.
//!
//! Every tensor keeps its order of sides, channels last; convolutions and pools have a transpose before and behind them,
//! which the importer of ONNX turns into views. Integers stand for real numbers: a quantised activation is a
//! `QuantizeLinear` and a `DequantizeLinear`, whose limits become the range of the layer before them.

mod arithmetic;
mod constant;
mod input;
mod known;
mod layers;
mod node;
mod pad;
mod shape;
mod spread;
mod window;

use crate::error::{Result, TfliteError};
use crate::file::{File, Operator};
use node::Node;
use std::collections::{HashMap, HashSet};
use thresh_onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    ValueInfoProto,
};
use thresh_onnx::{ImportError, ImportOptions};

/// The version of the operators of ONNX that are written.
const OPSET: i64 = 11;

/// Operators with weights, behind which a model has not ended.
const WEIGHTED: &[&str] = &[
    "BATCH_MATMUL",
    "CONV_2D",
    "CONV_3D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "TRANSPOSE_CONV",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
    "WHILE",
];

/// What a graph becomes.
pub(crate) struct Translated {
    pub model: ModelProto,
    pub options: ImportOptions,
    pub places: Places,
}

/// The operator of TensorFlow Lite that each node stands for, by the node's name.
#[derive(Default)]
pub(crate) struct Places {
    operators: HashMap<String, String>,
    /// The name of the tensor that each value of ONNX is.
    tensors: HashMap<String, String>,
}

impl Places {
    /// `error` with the operator's own name.
    pub fn named(&self, error: ImportError) -> TfliteError {
        match error {
            ImportError::Node {
                operator,
                node,
                what,
                got,
                expected,
            } => TfliteError::Node {
                operator: self.operators.get(&node).cloned().unwrap_or(operator),
                tensor: node,
                what,
                got,
                expected,
            },
            ImportError::Operator { operator, node } => TfliteError::Operator {
                operator: self.operators.get(&node).cloned().unwrap_or(operator),
                tensor: node,
            },
            ImportError::Ending { error, before } => {
                let error = self.named(*error);
                match self.tensors.get(&before) {
                    Some(before) => TfliteError::Ending {
                        error: Box::new(error),
                        before: before.clone(),
                    },
                    None => error,
                }
            }
            other => other.into(),
        }
    }
}

/// A tensor that depends on the input, as the graph of ONNX has it.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    /// Its name.
    pub name: String,
    pub dims: Vec<usize>,
}

/// A graph of ONNX in the making.
pub(crate) struct Translator<'a> {
    file: &'a File<'a>,
    graph: GraphProto,
    places: Places,
    /// Of tensors that depend on the input.
    values: HashMap<usize, Value>,
    /// Constants under another number, as `DEQUANTIZE` makes them.
    aliases: HashMap<usize, usize>,
    /// Sides and values of integers that are known, as those of shapes.
    known: HashMap<usize, known::Known>,
    /// Of values between `SPACE_TO_BATCH_ND` and `BATCH_TO_SPACE_ND`.
    spread: HashMap<usize, spread::Spread>,
    /// Names of constants that stand in the graph, by tensor and order of sides.
    constants: HashMap<(usize, Vec<usize>), String>,
    names: usize,
    /// Values that constants may still have.
    budget: usize,
    limit: usize,
}

/// The graph of `file` as one of ONNX.
pub(crate) fn translate<'a>(file: &'a File<'a>, options: &ImportOptions) -> Result<Translated> {
    let mut translator = Translator {
        file,
        graph: GraphProto::default(),
        places: Places::default(),
        values: HashMap::new(),
        aliases: HashMap::new(),
        known: HashMap::new(),
        spread: HashMap::new(),
        constants: HashMap::new(),
        names: 0,
        budget: options.most_values,
        limit: options.most_values,
    };
    let output = translator.output(options.output.as_deref())?;
    let options = translator.input(options)?;
    let operators = needed(file, output);
    for (at, operator) in operators.iter().enumerate() {
        if let Err(error) = translator.operator(operator) {
            return Err(translator.with_hint(&operators[at..], error));
        }
    }
    for (&tensor, value) in &translator.values {
        let name = file.tensors[tensor].name.clone();
        translator.places.tensors.insert(value.name.clone(), name);
    }
    let name = &file.tensors[output].name;
    let Some(value) = translator.values.get(&output).cloned() else {
        let what = format!("output {name}");
        let expected = "one that depends on the input";
        return Err(TfliteError::model(what, "a constant", expected));
    };
    if translator.spread.contains_key(&output) {
        let what = format!("output {name}");
        let expected = "one before SPACE_TO_BATCH_ND or behind BATCH_TO_SPACE_ND";
        return Err(TfliteError::model(what, "a divided map", expected));
    }
    translator.graph.output = vec![ValueInfoProto {
        name: value.name,
        r#type: None,
    }];
    let model = ModelProto {
        producer_name: "TensorFlow Lite".into(),
        graph: Some(translator.graph),
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: OPSET,
        }],
        ..Default::default()
    };
    Ok(Translated {
        model,
        options: ImportOptions {
            output: None,
            ..options
        },
        places: translator.places,
    })
}

/// The operators that `output` depends on, in the order of the file.
fn needed<'a>(file: &'a File<'a>, output: usize) -> Vec<&'a Operator<'a>> {
    let mut tensors = HashSet::from([output]);
    let mut needed = Vec::new();
    for operator in file.operators.iter().rev() {
        if operator.outputs.iter().any(|made| tensors.contains(made)) {
            tensors.extend(operator.inputs.iter().flatten());
            needed.push(operator);
        }
    }
    needed.reverse();
    needed
}

impl<'a> Translator<'a> {
    /// The tensor to import: the one named, or the only output.
    fn output(&self, name: Option<&str>) -> Result<usize> {
        let names = |tensors: &[usize]| {
            let names = tensors.iter().map(|&t| self.file.tensors[t].name.as_str());
            format!(
                "{}: {}",
                tensors.len(),
                names.collect::<Vec<_>>().join(", ")
            )
        };
        match (name, self.file.outputs.as_slice()) {
            (None, &[output]) => Ok(output),
            (None, outputs) => {
                let expected = "one; name the one to import";
                Err(TfliteError::model(
                    "outputs of the model",
                    names(outputs),
                    expected,
                ))
            }
            (Some(name), outputs) => {
                let all = 0..self.file.tensors.len();
                let all = outputs.iter().copied().chain(all);
                let named = |&tensor: &usize| self.file.tensors[tensor].name == name;
                let found = all.into_iter().find(named);
                let wrong = || {
                    let expected =
                        format!("a tensor of the model; its outputs are {}", names(outputs));
                    TfliteError::model("output to import", name, expected)
                };
                found.ok_or_else(wrong)
            }
        }
    }

    /// `error` at the first of `operators`, with the advice to end before it where no weights follow.
    fn with_hint(&self, operators: &[&Operator<'_>], error: TfliteError) -> TfliteError {
        let weighted = |operator: &&Operator<'_>| WEIGHTED.contains(&operator.name.as_str());
        let refused = matches!(
            error,
            TfliteError::Operator { .. } | TfliteError::Node { .. }
        );
        let inputs = operators.first().map_or(&[][..], |first| &first.inputs);
        let mut inputs = inputs.iter().flatten();
        let before = inputs.find(|tensor| self.values.contains_key(tensor));
        match before.filter(|_| refused && !operators.iter().any(weighted)) {
            Some(&tensor) if !self.file.inputs.contains(&tensor) => TfliteError::Ending {
                error: Box::new(error),
                before: self.file.tensors[tensor].name.clone(),
            },
            _ => error,
        }
    }

    /// Adds what `operator` computes.
    fn operator(&mut self, operator: &'a Operator<'a>) -> Result<()> {
        let node = self.node(operator)?;
        if spread::run(self, &node)? || known::run(self, &node)? {
            return Ok(());
        }
        match node.operator() {
            "CONV_2D" => layers::conv(self, &node),
            "DEPTHWISE_CONV_2D" => layers::depthwise(self, &node),
            "FULLY_CONNECTED" => layers::fully_connected(self, &node),
            "AVERAGE_POOL_2D" | "MAX_POOL_2D" => window::pool(self, &node),
            "MEAN" | "SUM" | "REDUCE_MAX" => shape::reduce(self, &node),
            "PAD" | "PADV2" => pad::pad(self, &node),
            "ADD" | "SUB" | "MUL" | "DIV" | "MINIMUM" | "MAXIMUM" => {
                arithmetic::binary(self, &node)
            }
            "CONCATENATION" => shape::concatenation(self, &node),
            "RESHAPE" | "SQUEEZE" | "EXPAND_DIMS" | "TRANSPOSE" => shape::moved(self, &node),
            "SLICE" | "STRIDED_SLICE" => shape::slice(self, &node),
            "SPLIT" => shape::split(self, &node),
            "SOFTMAX" | "LOG_SOFTMAX" | "LOGISTIC" => arithmetic::head(self, &node),
            "RELU" | "RELU6" | "RELU_N1_TO_1" | "RELU_0_TO_1" | "LEAKY_RELU" | "PRELU" => {
                arithmetic::activation(self, &node)
            }
            "QUANTIZE" | "DEQUANTIZE" | "CAST" => arithmetic::cast(self, &node),
            _ => Err(node.unknown()),
        }
    }

    /// The node of `operator`, with a name for the nodes of ONNX.
    fn node(&mut self, operator: &'a Operator<'a>) -> Result<Node<'a>> {
        let Some(&output) = operator.outputs.first() else {
            let what = format!("outputs of {}", operator.name);
            return Err(TfliteError::model(
                what,
                "none",
                "one; convert the model again",
            ));
        };
        // A fused operator has the names of all that it was made of.
        let full = self.file.tensors[output].name.as_str();
        let short = full.split(';').next().unwrap_or(full);
        let mut name = short.to_string();
        if name.is_empty() || self.places.operators.contains_key(&name) {
            name = format!("{short}.{output}");
        }
        self.places
            .operators
            .insert(name.clone(), operator.name.clone());
        Ok(Node {
            file: self.file,
            operator,
            output,
            name,
        })
    }

    /// A name that no tensor has.
    fn fresh(&mut self) -> String {
        self.names += 1;
        format!("%{}", self.names)
    }

    /// Adds a node of ONNX, and gives the name of its output.
    pub fn emit(
        &mut self,
        node: &Node<'_>,
        operator: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> String {
        let output = self.fresh();
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|name| name.to_string()).collect(),
            output: vec![output.clone()],
            name: node.name.clone(),
            op_type: operator.to_string(),
            attribute: attributes,
            domain: String::new(),
        });
        output
    }

    /// Adds a constant, and gives its name.
    pub fn initializer(&mut self, tensor: TensorProto) -> String {
        let name = self.fresh();
        self.graph.initializer.push(TensorProto {
            name: name.clone(),
            ..tensor
        });
        name
    }

    /// Takes `count` values off what constants may have.
    pub fn take(&mut self, count: usize) -> Result<()> {
        match self.budget.checked_sub(count) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => {
                let got = (self.limit - self.budget).saturating_add(count).to_string();
                let limit = self.limit;
                Err(ImportError::TooLarge { got, limit }.into())
            }
        }
    }
}
