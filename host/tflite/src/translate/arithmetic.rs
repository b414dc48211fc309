//! Arithmetic, activations, quantisers, and what the host does at the end.

use super::constant::{integers, numbers};
use super::node::{Node, float, int};
use super::{Translator, Value};
use crate::error::Result;
use crate::file::{Kind, Tensor};
use thresh_onnx::proto::{TensorProto, data_type};

impl Translator<'_> {
    /// Takes `name` for the tensor that `node` makes, behind its fused activation and its quantiser.
    pub fn finish(
        &mut self,
        node: &Node<'_>,
        name: String,
        dims: Vec<usize>,
        fused: Option<i8>,
    ) -> Result<()> {
        let name = match fused.unwrap_or(0) {
            0 => name,
            1 => self.emit(node, "Relu", &[&name], vec![]),
            2 => self.limited(node, &name, [-1.0, 1.0]),
            3 => self.limited(node, &name, [0.0, 6.0]),
            other => {
                let got = match other {
                    4 => "TANH".to_string(),
                    5 => "SIGN_BIT".to_string(),
                    other => format!("number {other}"),
                };
                let expected = "NONE, RELU, RELU6 or RELU_N1_TO_1";
                return Err(node.wrong("fused activation", got, expected));
            }
        };
        self.made(node, node.output, name, dims)
    }

    /// Takes `name` for tensor `output`, behind its quantiser.
    pub fn made(
        &mut self,
        node: &Node<'_>,
        output: usize,
        name: String,
        dims: Vec<usize>,
    ) -> Result<()> {
        let file = self.file;
        let name = self.quantised(node, &file.tensors[output], name)?;
        self.values.insert(output, Value { name, dims });
        Ok(())
    }

    /// `name` behind the quantiser of `tensor`, if it has one.
    fn quantised(&mut self, node: &Node<'_>, tensor: &Tensor, name: String) -> Result<String> {
        if tensor.kind.is_float() {
            return Ok(name);
        }
        let element = match tensor.kind {
            Kind::Int8 => data_type::INT8,
            Kind::Uint8 => data_type::UINT8,
            Kind::Int16 => data_type::INT16,
            other => {
                let expected = "Float32, Int8, Uint8 or Int16";
                return Err(node.wrong("values of the output", format!("{other:?}"), expected));
            }
        };
        let Some(quantisation) = &tensor.quantisation else {
            let expected = "a scale; convert the model again";
            return Err(node.wrong("quantisation of the output", "none", expected));
        };
        let (&[scale], &[zero]) = (quantisation.scale.as_slice(), quantisation.zero.as_slice())
        else {
            let got = quantisation.scale.len();
            return Err(node.wrong(
                "scales of the output",
                got,
                "1; quantise activations as a whole",
            ));
        };
        node.expect(
            scale > 0.0,
            "scale of the output",
            scale,
            "a finite number above 0",
        )?;
        let [least, most] = tensor.kind.limits().unwrap_or([0, 0]);
        let ok = (least..=most).contains(&zero);
        node.expect(
            ok,
            "zero point of the output",
            zero,
            format!("{least} to {most}"),
        )?;
        let scale = self.initializer(numbers(&[scale], true));
        let zero = self.initializer(TensorProto {
            data_type: element,
            int32_data: vec![zero as i32],
            ..Default::default()
        });
        let integers = self.emit(node, "QuantizeLinear", &[&name, &scale, &zero], vec![]);
        Ok(self.emit(
            node,
            "DequantizeLinear",
            &[&integers, &scale, &zero],
            vec![],
        ))
    }

    /// `name` inside two limits, the lower of which is 0 or below.
    fn limited(&mut self, node: &Node<'_>, name: &str, [least, most]: [f32; 2]) -> String {
        let number = |value: f32| numbers(&[value], true);
        let mut name = name.to_string();
        if least != 0.0 {
            let shift = self.initializer(number(-least));
            name = self.emit(node, "Add", &[&name, &shift], vec![]);
        }
        let limits = [0.0, most - least].map(|limit| self.initializer(number(limit)));
        name = self.emit(node, "Clip", &[&name, &limits[0], &limits[1]], vec![]);
        if least != 0.0 {
            let shift = self.initializer(number(least));
            name = self.emit(node, "Add", &[&name, &shift], vec![]);
        }
        name
    }

    /// Input `index`: a value, or a constant with its sides as they are.
    fn operand(&mut self, node: &Node<'_>, index: usize) -> Result<Value> {
        let tensor = node.input(index)?;
        if !self.is_constant(tensor) {
            return self.value(node, index);
        }
        let at = self.resolved(tensor);
        let rank = self.file.tensors[at].dims()?.len();
        let order: Vec<usize> = (0..rank).collect();
        let (name, dims) = self.weights(node, at, &order)?;
        Ok(Value { name, dims })
    }
}

/// Arithmetic of two values, or of a value and a constant.
pub(super) fn binary(translator: &mut Translator<'_>, node: &Node<'_>) -> Result<()> {
    let (left, right) = (translator.operand(node, 0)?, translator.operand(node, 1)?);
    let operator = match node.operator() {
        "ADD" => "Add",
        "SUB" => "Sub",
        "MUL" => "Mul",
        "DIV" => "Div",
        "MINIMUM" => "Min",
        _ => "Max",
    };
    let fused = match operator {
        "Min" | "Max" => None,
        _ => node.option(0)?,
    };
    let rank = left.dims.len().max(right.dims.len());
    let side = |dims: &[usize], at: usize| {
        let at = (at + dims.len()).checked_sub(rank);
        at.map_or(1, |at| dims[at])
    };
    let mut dims = Vec::new();
    for at in 0..rank {
        let (a, b) = (side(&left.dims, at), side(&right.dims, at));
        let got = format!("{:?} and {:?}", left.dims, right.dims);
        node.expect(
            a == b || a == 1 || b == 1,
            "shapes",
            got,
            "sides that are equal, or 1",
        )?;
        dims.push(a.max(b));
    }
    let output = translator.emit(node, operator, &[&left.name, &right.name], vec![]);
    translator.finish(node, output, dims, fused)
}

pub(super) fn activation(translator: &mut Translator<'_>, node: &Node<'_>) -> Result<()> {
    let value = translator.value(node, 0)?;
    let name = &value.name;
    let output = match node.operator() {
        "RELU" => translator.emit(node, "Relu", &[name], vec![]),
        "RELU6" => translator.limited(node, name, [0.0, 6.0]),
        "RELU_0_TO_1" => translator.limited(node, name, [0.0, 1.0]),
        "RELU_N1_TO_1" => translator.limited(node, name, [-1.0, 1.0]),
        "LEAKY_RELU" => {
            let alpha = float("alpha", node.option(0)?.unwrap_or(0.0));
            translator.emit(node, "LeakyRelu", &[name], vec![alpha])
        }
        _ => {
            translator.constant(node, 1)?;
            let slopes = translator.operand(node, 1)?;
            translator.emit(node, "PRelu", &[name, &slopes.name], vec![])
        }
    };
    translator.finish(node, output, value.dims, None)
}

pub(super) fn head(translator: &mut Translator<'_>, node: &Node<'_>) -> Result<()> {
    let value = translator.value(node, 0)?;
    let mut name = value.name;
    let axis = int("axis", value.dims.len() as i64 - 1);
    let output = match node.operator() {
        "LOGISTIC" => translator.emit(node, "Sigmoid", &[&name], vec![]),
        "LOG_SOFTMAX" => translator.emit(node, "LogSoftmax", &[&name], vec![axis]),
        _ => {
            let beta: f32 = node.option(0)?.unwrap_or(1.0);
            let ok = beta.is_finite() && beta > 0.0;
            node.expect(ok, "beta", beta, "a finite number above 0")?;
            if beta != 1.0 {
                let beta = translator.initializer(numbers(&[beta], true));
                name = translator.emit(node, "Mul", &[&name, &beta], vec![]);
            }
            translator.emit(node, "Softmax", &[&name], vec![axis])
        }
    };
    translator.finish(node, output, value.dims, None)
}

/// `QUANTIZE`, `DEQUANTIZE` and `CAST`: real numbers stay what they are.
pub(super) fn cast(translator: &mut Translator<'_>, node: &Node<'_>) -> Result<()> {
    let value = translator.value(node, 0)?;
    if node.operator() == "CAST" {
        // A cast takes the integers themselves.
        let plain = |tensor: &Tensor| match &tensor.quantisation {
            Some(q) => q.scale == [1.0] && q.zero == [0],
            None => true,
        };
        let from = &node.file.tensors[node.input(0)?];
        let got = "integers with a scale";
        let expected = "a DEQUANTIZE in its place; convert the model again";
        node.expect(plain(from) && plain(node.made()), "input 0", got, expected)?;
        let ok = node.made().kind.is_float();
        let got = format!("{:?}", node.made().kind);
        node.expect(ok, "values of the output", got, "Float32")?;
    }
    translator.finish(node, value.name, value.dims, None)
}

/// A list of integers as a constant of the graph.
pub(super) fn list(translator: &mut Translator<'_>, values: Vec<i64>) -> String {
    translator.initializer(integers(values))
}
