//! Quantised networks: integers behind a scale and a zero point are taken for the real numbers that they stand for.
//!
//! A tensor of integers of the model is the view of its real values, and has a [`Mark`] that says how they are stored.
//! What a quantiser does besides rounding is kept: its limits are those of the layer before it ([`range`]).

mod constants;
mod expand;
mod qonnx;
mod range;

pub(crate) use expand::expand;
pub(crate) use range::finish;
pub(super) use range::{activated, scaled};

use super::affine;
use crate::error::Result;
use crate::importer::{Importer, Value};
use crate::node::Node;
use crate::proto::data_type as t;
use crate::tensor::{Data, Tensor};
use crate::view::View;
use std::collections::HashMap;
use std::rc::Rc;

/// How the integers of a tensor stand for real numbers: `(integer - zero) * scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mark {
    pub scale: f32,
    pub zero: f32,
}

/// What is known of the quantised tensors of a model.
#[derive(Debug, Default)]
pub(crate) struct Quantised<'a> {
    /// Tensors of integers that depend on the input.
    marks: HashMap<&'a str, Mark>,
    /// `TensorProto.DataType` of constants that nodes make.
    types: HashMap<&'a str, i32>,
    /// Whether weights were stored as integers.
    pub constants: bool,
}

/// Operators that only move or choose integers, and may work on them.
const MOVES: &[&str] = &[
    "Concat",
    "Dropout",
    "Flatten",
    "Gather",
    "Identity",
    "MaxPool",
    "ReduceMax",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
];

/// The domains of QONNX, by age.
const QONNX: &[&str] = &[
    "qonnx.custom_op.general",
    "onnx.brevitas",
    "finn.custom_op.general",
];

/// The result of `node` if it has to do with quantisation; else it is for the others.
pub(super) fn run<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<Option<Value>> {
    let domain = node.proto.domain.as_str();
    if QONNX.contains(&domain) {
        return qonnx::run(importer, node).map(Some);
    }
    if !matches!(domain, "" | "ai.onnx" | "com.microsoft") {
        return Ok(None);
    }
    match node.operator() {
        "QuantizeLinear" => return quantise(importer, node).map(Some),
        "DequantizeLinear" => return dequantise(importer, node).map(Some),
        "DynamicQuantizeLinear" => return dynamic(importer, node).map(Some),
        "Constant" => {
            let value = node.attribute("value").and_then(|a| a.t.as_ref());
            if let (Some(tensor), Some(output)) = (value, node.proto.output.first()) {
                importer.quantised.types.insert(output, tensor.data_type);
            }
            return Ok(None);
        }
        "Clip" => {
            if let Some(value) = clip(importer, node)? {
                return Ok(Some(value));
            }
        }
        _ => {}
    }
    moved(importer, node)?;
    Ok(None)
}

/// Whether `node` may work on the integers that it reads; its outputs are integers of the same kind then.
fn moved<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<()> {
    let marks = |name: &String| importer.quantised.marks.get(name.as_str()).copied();
    let Some(mark) = node.proto.input.iter().find_map(marks) else {
        return Ok(());
    };
    if matches!(node.operator(), "Shape" | "Size") {
        return Ok(());
    }
    let joins = node.operator() == "Concat";
    let same = |name: &String| marks(name) == Some(mark);
    let ok = MOVES.contains(&node.operator()) && (!joins || node.proto.input.iter().all(same));
    let expected = "a DequantizeLinear of them before it; export the model again";
    node.expect(ok, "input", "quantised integers", expected)?;
    for output in &node.proto.output {
        importer.quantised.marks.insert(output, mark);
    }
    Ok(())
}

/// The least and the largest integer of an element type.
fn limits(node: Node<'_>, element: i32) -> Result<[f32; 2]> {
    Ok(match element {
        t::UINT8 => [0.0, 255.0],
        t::INT8 => [-128.0, 127.0],
        t::UINT16 => [0.0, 65535.0],
        t::INT16 => [-32768.0, 32767.0],
        t::UINT4 => [0.0, 15.0],
        t::INT4 => [-8.0, 7.0],
        other => {
            let expected = "int4, uint4, int8, uint8, int16 or uint16";
            return Err(node.wrong("data type of the integers", other, expected));
        }
    })
}

/// The element type that a `QuantizeLinear` makes.
fn element<'a>(importer: &Importer<'a>, node: Node<'a>) -> i32 {
    let asked = node.int("output_dtype", 0);
    if let (Ok(asked @ 1..), None) = (i32::try_from(asked), node.input(2)) {
        return asked;
    }
    let Some(zero) = node.input(2) else {
        return t::UINT8;
    };
    let made = importer.quantised.types.get(zero).copied();
    made.or_else(|| importer.element(zero)).unwrap_or(t::UINT8)
}

/// Scale and zero point of a node, as many of each as there are values or one.
struct Scales {
    scale: Rc<Tensor>,
    zero: Option<Rc<Tensor>>,
}

impl Scales {
    fn of<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<Scales> {
        let scale = importer.constant(node, 1)?;
        let bad = scale.to_floats().into_iter();
        let mut bad = bad.filter(|scale| !(scale.is_finite() && *scale > 0.0));
        if let Some(scale) = bad.next() {
            return Err(node.wrong("scale", scale, "a finite number above 0"));
        }
        let zero = importer.optional(node, 2)?;
        Ok(Scales { scale, zero })
    }

    /// The one scale and zero point of all values.
    fn one(&self, node: Node<'_>) -> Result<Mark> {
        let zero = self.zero.as_ref();
        let zeros = zero.map_or(1, |zero| zero.data.len());
        let counts = (self.scale.data.len(), zeros);
        let expected = "one of each; quantise activations per tensor";
        let got = format!("{} and {}", counts.0, counts.1);
        node.expect(counts == (1, 1), "scales and zero points", got, expected)?;
        Ok(Mark {
            scale: self.scale.float_at(0),
            zero: zero.map_or(0.0, |zero| zero.float_at(0)),
        })
    }
}

fn quantise<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<Value> {
    let scales = Scales::of(importer, node)?;
    let element = element(importer, node);
    let [least, most] = limits(node, element)?;
    let output = node.proto.output.first().map_or("", String::as_str);
    match importer.input(node, 0)? {
        Value::Constant(tensor) => {
            let tensor = constants::quantised(importer, node, &tensor, &scales, [least, most])?;
            importer.quantised.types.insert(output, element);
            Ok(Value::Constant(Rc::new(tensor)))
        }
        Value::View(view) => {
            let mark = scales.one(node)?;
            importer.quantised.marks.insert(output, mark);
            let real = |integer: f32| (integer - mark.zero) * mark.scale;
            let view = range::limit(importer, node, view, [real(least), real(most)])?;
            Ok(Value::View(view))
        }
    }
}

fn dequantise<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<Value> {
    let scales = Scales::of(importer, node)?;
    match importer.input(node, 0)? {
        Value::Constant(tensor) => {
            importer.quantised.constants = true;
            let tensor = constants::dequantised(importer, node, &tensor, &scales)?;
            Ok(Value::Constant(Rc::new(tensor)))
        }
        Value::View(view) => {
            let mark = scales.one(node)?;
            let name = node.input(0).unwrap_or_default();
            let stored = importer.quantised.marks.get(name).copied();
            // Integers that no quantiser has made: those of the input, and sums of products.
            let stored = stored.unwrap_or(Mark {
                scale: 1.0,
                zero: 0.0,
            });
            let scale = mark.scale / stored.scale;
            let shift = (stored.zero - mark.zero) * mark.scale;
            let view = shifted(importer, node, view, scale, shift)?;
            Ok(Value::View(view))
        }
    }
}

/// `view * scale + shift`.
fn shifted<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    view: View,
    scale: f32,
    shift: f32,
) -> Result<View> {
    if scale == 1.0 && shift == 0.0 {
        return Ok(view);
    }
    crate::importer::open(node, &view)?;
    importer.budget.take(Some(view.shape.channels))?;
    let all = |value: f32| vec![value; view.shape.channels];
    let (scale, shift) = (all(scale), all(shift));
    affine::apply(importer, node, view, scale, shift)
}

/// `DynamicQuantizeLinear`: the real numbers stay, with a scale of 1 and a zero point of 0.
fn dynamic<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<Value> {
    let Value::View(view) = importer.input(node, 0)? else {
        let expected = "a value that depends on the network's input";
        return Err(node.wrong("input 0", "a constant", expected));
    };
    for (output, value) in node.proto.output.iter().skip(1).zip([1.0, 0.0]) {
        let value = Value::Constant(Rc::new(Tensor::float(value)));
        importer.define(output, value);
    }
    Ok(Value::View(view))
}

/// `Clip` of integers (QCDQ): fewer of them.
fn clip<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<Option<Value>> {
    let input = importer.input(node, 0)?;
    let name = node.input(0).unwrap_or_default();
    let mark = importer.quantised.marks.get(name).copied();
    match (input, mark) {
        (Value::Constant(tensor), _) => {
            let [least, most] = integers(importer, node)?;
            importer.budget.take(Some(tensor.data.len()))?;
            // Not `clamp`: limits of a file may be in any order.
            let inside = |value: f32| value.max(least).min(most);
            let data = match &tensor.data {
                Data::Float(values) => Data::Float(values.iter().map(|&v| inside(v)).collect()),
                Data::Int(values) => {
                    Data::Int(values.iter().map(|&v| inside(v as f32) as i64).collect())
                }
            };
            let dims = tensor.dims.clone();
            Ok(Some(Value::Constant(Rc::new(Tensor { dims, data }))))
        }
        (Value::View(view), Some(mark)) => {
            let limits = integers(importer, node)?;
            let output = node.proto.output.first().map_or("", String::as_str);
            importer.quantised.marks.insert(output, mark);
            count(importer, limits);
            let limits = limits.map(|integer| (integer - mark.zero) * mark.scale);
            let rises = limits[0] < limits[1];
            let got = format!("{limits:?}");
            node.expect(rises, "limits", got, "two that rise")?;
            let view = range::limit(importer, node, view, limits)?;
            Ok(Some(Value::View(view)))
        }
        (Value::View(_), None) => Ok(None),
    }
}

/// Warns where activations have fewer integers than 8 bits have.
fn count<'a>(importer: &mut Importer<'a>, integers: [f32; 2]) {
    let count = integers[1] - integers[0] + 1.0;
    let warning = format!(
        "activations of {count} values are computed with finer steps here; \
         a network that was trained with few bits may answer otherwise"
    );
    if count < FEW && !importer.warnings.contains(&warning) {
        importer.warnings.push(warning);
    }
}

/// Values that the narrowest 8 bits have.
const FEW: f32 = 254.0;

/// The limits of a `Clip`.
fn integers<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<[f32; 2]> {
    let mut limit = |index: usize, name: &str, default: f32| -> Result<f32> {
        let Some(tensor) = importer.optional(node, index)? else {
            return Ok(node.float(name, default));
        };
        let count = tensor.data.len();
        node.expect(count == 1, "values of a limit", count, 1)?;
        Ok(tensor.float_at(0))
    };
    let least = limit(1, "min", f32::NEG_INFINITY)?;
    Ok([least, limit(2, "max", f32::INFINITY)?])
}
