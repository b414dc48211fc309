//! The quantisers of QONNX, which Brevitas, QKeras and HAWQ export: real numbers behind scale, zero point and bit width.

use super::{affine, range};
use crate::error::Result;
use crate::importer::{Importer, Value};
use crate::node::Node;
use crate::tensor::{Data, Tensor};
use crate::view::View;
use std::rc::Rc;

pub(super) fn run<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<Value> {
    match node.operator() {
        "Quant" | "IntQuant" => quant(importer, node),
        "BipolarQuant" => bipolar(importer, node),
        "Trunc" => trunc(importer, node).map(Value::View),
        _ => Err(node.unknown()),
    }
}

/// How a number becomes an integer.
fn rounding(node: Node<'_>) -> Result<fn(f32) -> f32> {
    let mode = node.text("rounding_mode").unwrap_or("ROUND".into());
    Ok(match mode.to_uppercase().as_str() {
        "ROUND" | "HALF_EVEN" => f32::round_ties_even,
        "CEIL" => f32::ceil,
        "FLOOR" => f32::floor,
        "UP" => |x| x.abs().ceil().copysign(x),
        "DOWN" => f32::trunc,
        "HALF_UP" => f32::round,
        "HALF_DOWN" => |x| (x.abs() - 0.5).ceil().copysign(x),
        _ => {
            let expected = "ROUND, HALF_EVEN, CEIL, FLOOR, UP, DOWN, HALF_UP or HALF_DOWN; export the model again";
            return Err(node.wrong("rounding_mode", mode, expected));
        }
    })
}

/// The least and the largest integer of `bits` bits.
fn integers(node: Node<'_>, bits: f32) -> Result<[f32; 2]> {
    let signed = node.int("signed", 1) != 0;
    let narrow = if node.int("narrow", 0) != 0 { 1.0 } else { 0.0 };
    let least = if signed { 2.0 } else { 1.0 };
    let ok = (least..=32.0).contains(&bits);
    node.expect(ok, "bit width", bits, format!("{least} to 32"))?;
    Ok(if signed {
        let half = (bits - 1.0).exp2();
        [narrow - half, half - 1.0]
    } else {
        [0.0, bits.exp2() - 1.0 - narrow]
    })
}

/// Input `index`, which must be one number.
fn number<'a>(importer: &mut Importer<'a>, node: Node<'a>, index: usize) -> Result<f32> {
    let tensor = importer.constant(node, index)?;
    let count = tensor.data.len();
    node.expect(count == 1, format!("values of input {index}"), count, 1)?;
    Ok(tensor.float_at(0))
}

/// Input 1, whose values must be above 0.
fn scale<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<Rc<Tensor>> {
    let scale = importer.constant(node, 1)?;
    let values = scale.to_floats();
    match values.iter().find(|s| !(s.is_finite() && **s > 0.0)) {
        Some(bad) => Err(node.wrong("scale", bad, "a finite number above 0")),
        None => Ok(scale),
    }
}

/// For each value of a constant with sides `dims`, the place of its value in `other`, which is laid at the last sides.
fn broadcast(
    node: Node<'_>,
    dims: &[usize],
    other: &Tensor,
) -> Result<impl Fn(usize) -> usize + use<>> {
    let got = format!("{:?} for {dims:?}", other.dims);
    let skip = dims.len().checked_sub(other.dims.len());
    let fits = skip.is_some_and(|skip| {
        let pairs = other.dims.iter().zip(&dims[skip..]);
        pairs.into_iter().all(|(a, b)| *a == 1 || a == b)
    });
    let one = other.data.len() == 1;
    node.expect(
        fits || one,
        "shape of scale or zero point",
        got,
        "sides of the weights, or 1",
    )?;
    let mut strides = Vec::new();
    let mut stride = 1;
    let sides = other.dims.iter().zip(&dims[skip.unwrap_or(0)..]);
    for (&side, &size) in sides.rev() {
        strides.push((size, if side == 1 { 0 } else { stride }));
        stride *= side;
    }
    Ok(move |mut index: usize| {
        if one {
            return 0;
        }
        let mut place = 0;
        for &(size, stride) in &strides {
            place += index % size * stride;
            index /= size;
        }
        place
    })
}

fn quant<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<Value> {
    let scale = scale(importer, node)?;
    let zero = importer.constant(node, 2)?;
    let bits = number(importer, node, 3)?;
    let round = rounding(node)?;
    let signs = bits == 1.0 && node.int("signed", 1) != 0;
    match importer.input(node, 0)? {
        Value::Constant(tensor) => {
            importer.quantised.constants = true;
            importer.budget.take(Some(tensor.data.len()))?;
            let limits = if signs {
                [-1.0, 1.0]
            } else {
                integers(node, bits)?
            };
            let (scales, zeros) = (
                broadcast(node, &tensor.dims, &scale)?,
                broadcast(node, &tensor.dims, &zero)?,
            );
            let value = |index: usize| {
                let (scale, zero) = (scale.float_at(scales(index)), zero.float_at(zeros(index)));
                let integer = tensor.float_at(index) / scale + zero;
                let integer = match signs {
                    true if integer >= 0.0 => 1.0,
                    true => -1.0,
                    false => round(integer.max(limits[0]).min(limits[1])),
                };
                (integer - zero) * scale
            };
            let data = Data::Float((0..tensor.data.len()).map(value).collect());
            let dims = tensor.dims.clone();
            Ok(Value::Constant(Rc::new(Tensor { dims, data })))
        }
        Value::View(view) => {
            node.expect(!signs, "bit width of an activation", 1, SIGNS)?;
            let [least, most] = integers(node, bits)?;
            super::count(importer, [least, most]);
            let (view, scales) = affine::channels(node, view, &scale)?;
            let (view, zeros) = affine::channels(node, view, &zero)?;
            limit(importer, node, view, &scales, |channel| {
                [least - zeros[channel], most - zeros[channel]]
            })
        }
    }
}

/// What stands for activations of one bit.
const SIGNS: &str = "2 bits or more: a sign is no activation here; train the model with ReLU";

/// Limits `view` to integers of each channel times its scale, all together.
fn limit<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    view: View,
    scales: &[f32],
    integers: impl Fn(usize) -> [f32; 2],
) -> Result<Value> {
    let each = scales.iter().enumerate();
    let each = each.map(|(channel, scale)| integers(channel).map(|limit| limit * scale));
    let all = each.reduce(|all, one| [all[0].min(one[0]), all[1].max(one[1])]);
    let view = match all {
        Some(all) => range::limit(importer, node, view, all)?,
        None => view,
    };
    Ok(Value::View(view))
}

fn bipolar<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<Value> {
    let scale = scale(importer, node)?;
    let Value::Constant(tensor) = importer.input(node, 0)? else {
        return Err(node.wrong("bit width of an activation", 1, SIGNS));
    };
    importer.quantised.constants = true;
    importer.budget.take(Some(tensor.data.len()))?;
    let scales = broadcast(node, &tensor.dims, &scale)?;
    let value = |index: usize| {
        let scale = scale.float_at(scales(index));
        if tensor.float_at(index) >= 0.0 {
            scale
        } else {
            -scale
        }
    };
    let data = Data::Float((0..tensor.data.len()).map(value).collect());
    let dims = tensor.dims.clone();
    Ok(Value::Constant(Rc::new(Tensor { dims, data })))
}

/// `Trunc` drops the lowest bits of a mean. In its first version, of five inputs, what is left keeps its scale.
fn trunc<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let view = importer.view(node, 0)?;
    scale(importer, node)?;
    if node.proto.input.len() > 5 {
        return Ok(view);
    }
    let zero = importer.constant(node, 2)?;
    let zeros = zero.to_floats().iter().all(|&zero| zero == 0.0);
    node.expect(zeros, "zero point", "another one", "0")?;
    let dropped = number(importer, node, 3)? - number(importer, node, 4)?;
    let ok = (0.0..=32.0).contains(&dropped);
    node.expect(ok, "dropped bits", dropped, "0 to 32")?;
    super::shifted(importer, node, view, (-dropped).exp2(), 0.0)
}
