//! Nodes whose result is known: constants, shapes, and the arithmetic that exporters make of them.

use super::shape::{flat, integers, permutation, resolved, squeezed, target, unsqueezed};
use crate::budget::product;
use crate::error::Result;
use crate::importer::{Importer, Value};
use crate::node::Node;
use crate::proto::data_type as t;
use crate::tensor::{Data, MOST_RANK, Tensor};
use std::rc::Rc;

/// The result of `node`; `None` if it is not one of these.
pub(super) fn run<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<Option<Value>> {
    let known = |tensor: Tensor| Ok(Some(Value::Constant(Rc::new(tensor))));
    match node.operator() {
        "Constant" => return known(constant(importer, node)?),
        "Shape" => return known(shape(importer, node)?),
        _ => {}
    }
    let mut inputs = Vec::new();
    for (index, name) in node.proto.input.iter().enumerate() {
        if name.is_empty() {
            continue;
        }
        match importer.input(node, index)? {
            Value::Constant(tensor) => inputs.push(tensor),
            Value::View(_) => return Ok(None),
        }
    }
    let Some(first) = inputs.first().cloned() else {
        return Ok(None);
    };
    let second = inputs.get(1);
    let dims = &first.dims;
    let copies = !matches!(
        node.operator(),
        "ConstantOfShape" | "Concat" | "Identity" | "Dropout"
    );
    importer.budget.take(if copies {
        Some(first.data.len())
    } else {
        Some(0)
    })?;
    let tensor = match node.operator() {
        "Identity" | "Dropout" => return Ok(Some(Value::Constant(first))),
        "ConstantOfShape" => filled(importer, node, &first)?,
        "Cast" => cast(node, &first)?,
        "Concat" => concat(importer, node, &inputs)?,
        "Gather" => match second {
            Some(indices) => gather(node, &first, indices)?,
            None => return Ok(None),
        },
        "Slice" => slice(node, &inputs)?,
        "Add" | "Sub" | "Mul" | "Div" => match second {
            Some(second) => arithmetic(importer, node, &first, second)?,
            None => return Ok(None),
        },
        "Transpose" => first.transposed(&permutation(node, dims.len())?),
        "Flatten" => reshaped(node, &first, flat(node, dims)?)?,
        "Reshape" => {
            let target = target(importer, node)?;
            reshaped(node, &first, resolved(node, dims, &target)?)?
        }
        "Squeeze" => {
            let mut kept = dims.clone();
            for side in squeezed(importer, node, dims)?.into_iter().rev() {
                kept.remove(side);
            }
            reshaped(node, &first, kept)?
        }
        "Unsqueeze" => {
            let mut more = dims.clone();
            for side in unsqueezed(importer, node, dims.len())? {
                more.insert(side, 1);
            }
            reshaped(node, &first, more)?
        }
        _ => return Ok(None),
    };
    known(tensor)
}

fn reshaped(node: Node<'_>, tensor: &Tensor, dims: Vec<usize>) -> Result<Tensor> {
    let got = format!("{dims:?}");
    let expected = "as many values as before";
    tensor
        .reshaped(dims)
        .ok_or_else(|| node.wrong("new shape", got, expected))
}

fn constant<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<Tensor> {
    let expected = "value, value_float, value_floats, value_int or value_ints";
    let Some(attribute) = node.proto.attribute.first() else {
        return Err(node.wrong("attribute", "none", expected));
    };
    Ok(match attribute.name.as_str() {
        "value" => match &attribute.t {
            Some(proto) => importer.attribute(node, proto)?,
            None => return Err(node.wrong("attribute value", "empty", "a tensor")),
        },
        "value_float" => Tensor::float(attribute.f),
        "value_floats" => Tensor {
            dims: vec![attribute.floats.len()],
            data: Data::Float(attribute.floats.clone()),
        },
        "value_int" => Tensor {
            dims: vec![],
            data: Data::Int(vec![attribute.i]),
        },
        "value_ints" => Tensor::ints(attribute.ints.clone()),
        other => return Err(node.wrong("attribute", other, expected)),
    })
}

fn shape<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<Tensor> {
    let dims = match importer.input(node, 0)? {
        Value::Constant(tensor) => tensor.dims.clone(),
        Value::View(view) => view.dims(),
    };
    let (from, to) = (node.int("start", 0), node.int("end", i64::MAX));
    let range = clamped(from, to, dims.len());
    Ok(Tensor::ints(
        dims[range].iter().map(|&side| side as i64).collect(),
    ))
}

/// Indices from `from` to `to`, counted from the end where negative, inside `0..size`.
fn clamped(from: i64, to: i64, size: usize) -> std::ops::Range<usize> {
    let size = size as i64;
    let inside = |index: i64| {
        let index = if index < 0 {
            index.saturating_add(size)
        } else {
            index
        };
        index.clamp(0, size) as usize
    };
    let from = inside(from);
    from..inside(to).max(from)
}

fn filled<'a>(importer: &mut Importer<'a>, node: Node<'a>, shape: &Tensor) -> Result<Tensor> {
    let dims = crate::tensor::sides(node.name(), &integers(node, shape)?)?;
    let count = product(&dims);
    importer.budget.take(count)?;
    let count = count.unwrap_or(0);
    let value = match node.attribute("value").and_then(|a| a.t.as_ref()) {
        Some(proto) => importer.attribute(node, proto)?,
        None => Tensor::float(0.0),
    };
    node.expect(
        value.data.len() == 1,
        "number of values",
        value.data.len(),
        1,
    )?;
    let data = value.data.pick(std::iter::repeat_n(0, count));
    Ok(Tensor { dims, data })
}

fn cast(node: Node<'_>, tensor: &Tensor) -> Result<Tensor> {
    let to = node.int("to", 0);
    let is = |kinds: &[i32]| kinds.iter().any(|&kind| i64::from(kind) == to);
    let data = if is(&[t::FLOAT, t::FLOAT16, t::DOUBLE, t::BFLOAT16]) {
        Data::Float(tensor.to_floats())
    } else if is(&[t::INT32, t::INT64]) {
        match &tensor.data {
            Data::Int(values) => Data::Int(values.clone()),
            // Saturates, and takes NaN for 0.
            Data::Float(values) => Data::Int(values.iter().map(|&v| v as i64).collect()),
        }
    } else {
        return Err(node.wrong("data type", to, "a float, int32 or int64"));
    };
    Ok(Tensor {
        dims: tensor.dims.clone(),
        data,
    })
}

/// Joins lists; constants of more sides are joined by no exporter.
fn concat<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    inputs: &[Rc<Tensor>],
) -> Result<Tensor> {
    let mut ints = Vec::new();
    for tensor in inputs {
        importer.budget.take(Some(tensor.data.len()))?;
        ints.extend(integers(node, tensor)?);
    }
    Ok(Tensor::ints(ints))
}

fn gather(node: Node<'_>, tensor: &Tensor, indices: &Tensor) -> Result<Tensor> {
    let axis = node.int("axis", 0);
    let got = format!("{axis} of {:?}", tensor.dims);
    node.expect(
        axis == 0 && tensor.dims.len() == 1,
        "axis",
        got,
        "0 of a list",
    )?;
    let size = tensor.data.len();
    let places = integers(node, indices)?;
    let places: Vec<usize> = places
        .iter()
        .map(|&place| node.axis(place, size))
        .collect::<Result<_>>()?;
    Ok(Tensor {
        dims: indices.dims.clone(),
        data: tensor.data.pick(places.into_iter()),
    })
}

/// `Slice` of a list, with its range as attributes (before version 10) or as inputs.
fn slice(node: Node<'_>, inputs: &[Rc<Tensor>]) -> Result<Tensor> {
    let tensor = &inputs[0];
    let number = |index: usize, name: &str, default: i64| -> Result<i64> {
        let list = match (node.ints(name), inputs.get(index)) {
            (Some(list), _) => list.to_vec(),
            (None, Some(tensor)) => integers(node, tensor)?,
            (None, None) => vec![default],
        };
        match list.as_slice() {
            &[number] => Ok(number),
            other => Err(node.wrong(name, format!("{other:?}"), "one number")),
        }
    };
    let (from, to) = (number(1, "starts", 0)?, number(2, "ends", i64::MAX)?);
    let (axis, step) = (number(3, "axes", 0)?, number(4, "steps", 1)?);
    let ok = tensor.dims.len() == 1 && matches!(axis, 0 | -1) && step == 1;
    let got = format!("axis {axis}, step {step} of {:?}", tensor.dims);
    node.expect(ok, "slice", got, "axis 0, step 1 of a list")?;
    let range = clamped(from, to, tensor.data.len());
    Ok(Tensor {
        dims: vec![range.len()],
        data: tensor.data.pick(range),
    })
}

/// Arithmetic of two constants of one shape, or of which one is a single value.
fn arithmetic<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    left: &Tensor,
    right: &Tensor,
) -> Result<Tensor> {
    let single = |tensor: &Tensor| tensor.data.len() == 1;
    let (a, b) = (&left.dims, &right.dims);
    let ok = a == b || single(left) || single(right);
    node.expect(
        ok,
        "shapes",
        format!("{a:?} and {b:?}"),
        "one shape, or a single value",
    )?;
    let larger = if single(left) { right } else { left };
    let rank = a.len().max(b.len());
    node.expect(
        rank <= MOST_RANK,
        "number of sides",
        rank,
        format!("at most {MOST_RANK}"),
    )?;
    importer.budget.take(Some(larger.data.len()))?;
    let at = |tensor: &Tensor, index: usize| if single(tensor) { 0 } else { index };
    let count = larger.data.len();
    let data = if let (Data::Int(x), Data::Int(y)) = (&left.data, &right.data) {
        let value = |index: usize| {
            let (x, y) = (x[at(left, index)], y[at(right, index)]);
            let value = match node.operator() {
                "Add" => x.checked_add(y),
                "Sub" => x.checked_sub(y),
                "Mul" => x.checked_mul(y),
                _ => x.checked_div(y),
            };
            value.ok_or_else(|| node.wrong("integers", format!("{x} and {y}"), "a result"))
        };
        Data::Int((0..count).map(value).collect::<Result<_>>()?)
    } else {
        let value = |index: usize| {
            let (x, y) = (
                left.float_at(at(left, index)),
                right.float_at(at(right, index)),
            );
            match node.operator() {
                "Add" => x + y,
                "Sub" => x - y,
                "Mul" => x * y,
                _ => x / y,
            }
        };
        Data::Float((0..count).map(value).collect())
    };
    Ok(Tensor {
        dims: larger.dims.clone(),
        data,
    })
}
