//! Nodes whose result is known: constants, shapes, and the arithmetic that exporters make of them.

mod arithmetic;
mod pick;
mod reduce;

pub(super) use pick::ranges;

use super::shape::{flat, integers, permutation, resolved, squeezed, target, unsqueezed};
use crate::budget::product;
use crate::error::Result;
use crate::importer::{Importer, Value};
use crate::node::Node;
use crate::proto::data_type as t;
use crate::tensor::{Data, Tensor};
use std::rc::Rc;

/// The result of `node`; `None` if it is not one of these.
pub(super) fn run<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<Option<Value>> {
    let known = |tensor: Tensor| Ok(Some(Value::Constant(Rc::new(tensor))));
    match node.operator() {
        "Constant" => return known(constant(importer, node)?),
        "Shape" => return known(shape(importer, node)?),
        "Size" => {
            let dims = sides_of(importer, node)?;
            let all = product(&dims).and_then(|all| i64::try_from(all).ok());
            let too_many = || node.wrong("shape", format!("{dims:?}"), "a smaller one");
            return known(Tensor::int(all.ok_or_else(too_many)?));
        }
        _ => {}
    }
    let mut inputs = Vec::new();
    for (index, name) in node.proto.input.iter().enumerate() {
        if name.is_empty() {
            inputs.push(None);
            continue;
        }
        match importer.input(node, index)? {
            Value::Constant(tensor) => inputs.push(Some(tensor)),
            Value::View(_) => return Ok(None),
        }
    }
    let Some(Some(first)) = inputs.first().cloned() else {
        return Ok(None);
    };
    let given: Vec<Rc<Tensor>> = inputs.iter().flatten().cloned().collect();
    let dims = &first.dims;
    let operator = node.operator();
    if matches!(operator, "Identity" | "Dropout") {
        return Ok(Some(Value::Constant(first)));
    }
    if !matches!(operator, "ConstantOfShape" | "Range" | "Expand" | "Tile") {
        importer.budget.take(Some(first.data.len()))?;
    }
    let tensor = match operator {
        "ConstantOfShape" => filled(importer, node, &first)?,
        "Cast" => cast(node, &first)?,
        "Concat" => pick::concat(importer, node, &given)?,
        "Range" => range(importer, node, &given)?,
        "Gather" if given.len() == 2 => pick::gather(importer, node, &first, &given[1])?,
        "Slice" => pick::slice(importer, node, &first, &inputs[1..])?,
        "Split" => return pick::split(importer, node, &first, given.get(1)).map(Some),
        "Expand" if given.len() == 2 => pick::expand(importer, node, &first, &given[1])?,
        "Tile" if given.len() == 2 => pick::tile(importer, node, &first, &given[1])?,
        "Where" if given.len() == 3 => arithmetic::choose(importer, node, &given)?,
        "Min" | "Max" | "Sum" => arithmetic::all(importer, node, &given)?,
        "MatMul" if given.len() == 2 => arithmetic::product(importer, node, &first, &given[1])?,
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
        _ => match (given.get(1), reduce::kind(operator)) {
            (second, Some(kind)) => reduce::run(node, &first, second, kind)?,
            (None, None) => match arithmetic::of_one(node, &first) {
                Some(tensor) => tensor,
                None => return Ok(None),
            },
            (Some(second), None) => match arithmetic::of_two(importer, node, &first, second)? {
                Some(tensor) => tensor,
                None => return Ok(None),
            },
        },
    };
    known(tensor)
}

/// The one integer of `tensor`.
pub(super) fn integer(node: Node<'_>, tensor: &Tensor) -> Result<i64> {
    match &tensor.data {
        Data::Int(values) if values.len() == 1 => Ok(values[0]),
        _ => Err(node.wrong("a number", format!("{:?}", tensor.dims), "one integer")),
    }
}

/// The numbers from the first input to the second, by steps of the third.
fn range<'a>(importer: &mut Importer<'a>, node: Node<'a>, inputs: &[Rc<Tensor>]) -> Result<Tensor> {
    let [from, to, step] = inputs else {
        return Err(node.wrong("inputs", inputs.len(), 3));
    };
    let [from, to, step] = [from, to, step].map(|tensor| integer(node, tensor));
    let (from, to, step) = (from?, to?, step?);
    node.expect(step != 0, "step", step, "another number")?;
    let length = i128::from(to) - i128::from(from);
    let count = (length + i128::from(step) - i128::from(step.signum())) / i128::from(step);
    let count = usize::try_from(count.max(0)).ok();
    importer.budget.take(count)?;
    let numbers = (0..count.unwrap_or(0) as i64).map(|at| from + at * step);
    Ok(Tensor::ints(numbers.collect()))
}

/// The sides of input 0, with all images that the model takes at once.
fn sides_of<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<Vec<usize>> {
    Ok(match importer.input(node, 0)? {
        Value::Constant(tensor) => tensor.dims.clone(),
        Value::View(view) => super::cut::dims(importer, &view),
    })
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
    let dims = sides_of(importer, node)?;
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
    } else if is(&[t::BOOL]) {
        let values = tensor.to_floats();
        Data::Int(values.iter().map(|&v| i64::from(v != 0.0)).collect())
    } else if is(&[
        t::INT8,
        t::INT16,
        t::INT32,
        t::INT64,
        t::UINT8,
        t::UINT16,
        t::UINT32,
    ]) {
        match &tensor.data {
            Data::Int(values) => Data::Int(values.clone()),
            // Saturates, and takes NaN for 0.
            Data::Float(values) => Data::Int(values.iter().map(|&v| v as i64).collect()),
        }
    } else {
        return Err(node.wrong("data type", to, "a float, an integer or bool"));
    };
    Ok(Tensor {
        dims: tensor.dims.clone(),
        data,
    })
}
