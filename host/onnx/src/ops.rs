//! The operators: each makes layers, folds itself into a layer, or turns a view.

mod activation;
mod affine;
mod constant;
mod conv;
mod dense;
mod pool;
mod quantised;
mod shape;
mod shuffle;
mod window;

pub(crate) use quantised::{Quantised, expand, finish};
pub(crate) use shape::text;

use crate::error::Result;
use crate::importer::{Importer, Value, open};
use crate::node::Node;
use crate::view::{Axis, Side, View};
use thresh_model::{Head, Operator};

/// What the first output of `node` is.
pub(crate) fn run<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<Value> {
    if let Some(value) = quantised::run(importer, node)? {
        return Ok(value);
    }
    if !matches!(node.proto.domain.as_str(), "" | "ai.onnx") {
        return Err(node.unknown());
    }
    if let Some(value) = constant::run(importer, node)? {
        return Ok(value);
    }
    let view = match node.operator() {
        "Conv" => conv::conv(importer, node)?,
        "Gemm" => dense::gemm(importer, node)?,
        "MatMul" => dense::mat_mul(importer, node)?,
        "Add" | "Sub" | "Mul" | "Div" => binary(importer, node)?,
        "Sum" => sum(importer, node)?,
        "BatchNormalization" => affine::normalization(importer, node)?,
        "Relu" | "LeakyRelu" | "PRelu" | "Clip" | "Max" => activation::run(importer, node)?,
        "MaxPool" | "AveragePool" => pool::windows(importer, node)?,
        "GlobalMaxPool" | "GlobalAveragePool" | "ReduceMean" => pool::whole(importer, node)?,
        "Softmax" | "Sigmoid" => head(importer, node)?,
        "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" | "Transpose" | "Identity" | "Dropout"
        | "Cast" => shape::run(importer, node)?,
        "Concat" => concat(importer, node)?,
        "Gather" | "Slice" => {
            let expected = "constants alone: values that depend on the input cannot be cut";
            return Err(node.wrong("an input", "computed", expected));
        }
        _ => return Err(node.unknown()),
    };
    Ok(Value::View(view))
}

/// `Add`, `Sub`, `Mul` and `Div` of a view and a constant, and `Add` and `Sub` of two views.
fn binary<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let (left, right) = (importer.input(node, 0)?, importer.input(node, 1)?);
    match (left, right) {
        (Value::View(view), Value::Constant(constant)) => {
            open(node, &view)?;
            affine::arithmetic(importer, node, view, &constant, false)
        }
        (Value::Constant(constant), Value::View(view)) => {
            open(node, &view)?;
            affine::arithmetic(importer, node, view, &constant, true)
        }
        (Value::View(left), Value::View(right)) if node.operator() == "Add" => {
            add(importer, node, left, right)
        }
        (Value::View(left), Value::View(right)) if node.operator() == "Sub" => {
            let minus = vec![-1.0; right.shape.channels];
            let zero = vec![0.0; right.shape.channels];
            let right = affine::apply(importer, node, right, minus, zero)?;
            add(importer, node, left, right)
        }
        _ => Err(node.wrong("inputs", "both computed", "one of them a constant")),
    }
}

fn sum<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let mut sum = importer.view(node, 0)?;
    for index in 1..node.proto.input.len() {
        let next = importer.view(node, index)?;
        sum = add(importer, node, sum, next)?;
    }
    Ok(sum)
}

fn add<'a>(importer: &mut Importer<'a>, node: Node<'a>, left: View, right: View) -> Result<View> {
    open(node, &left)?;
    open(node, &right)?;
    let rank = left.sides.len().max(right.sides.len());
    let left = importer.plain(widened(left, rank))?;
    let right = importer.plain(widened(right, rank))?;
    let got = format!("{:?} and {:?}", left.dims(), right.dims());
    let ok = left.sides == right.sides && left.shape == right.shape;
    let expected = "two maps of one shape and one order of sides";
    node.expect(ok, "shape of the inputs", got, expected)?;
    let operator = Operator::Add { shape: left.shape };
    let output = importer.push(node, vec![left.value, right.value], operator)?;
    Ok(View {
        sides: left.sides,
        ..output
    })
}

/// Maps of one height and width, joined along their channels.
fn concat<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let mut views = Vec::new();
    for index in 0..node.proto.input.len() {
        let view = importer.view(node, index)?;
        views.push(importer.plain(view)?);
    }
    let Some(first) = views.first().cloned() else {
        return Err(node.wrong("inputs", "none", "at least one"));
    };
    // The axis was 1 where none was given, before version 4.
    let axis = node.axis(node.int("axis", 1), first.sides.len())?;
    for view in &views {
        let others = |view: &View| {
            let mut sides = view.sides.clone();
            sides.remove(axis);
            sides
        };
        let plane = |view: &View| [view.shape.height, view.shape.width];
        let ok = view.sides.len() == first.sides.len()
            && view.is_axis(axis, Axis::Channel)
            && others(view) == others(&first)
            && plane(view) == plane(&first);
        let got = format!("{:?} and {:?}, axis {axis}", first.dims(), view.dims());
        let expected = "maps of one height and width, joined along their channels";
        node.expect(ok, "shape of the inputs", got, expected)?;
    }
    if views.len() == 1 {
        return Ok(first);
    }
    let operator = Operator::Concat {
        inputs: views.iter().map(|view| view.shape).collect(),
    };
    let values = views.iter().map(|view| view.value).collect();
    let output = importer.push(node, values, operator)?;
    let mut sides = first.sides;
    let joined = Side::over(&[Axis::Channel], output.shape);
    sides.splice(axis..=axis, joined);
    Ok(View { sides, ..output })
}

/// The view with sides of length 1 before the others, `rank` in all.
fn widened(mut view: View, rank: usize) -> View {
    while view.sides.len() < rank {
        view.sides.insert(0, Side::unit());
    }
    view
}

/// `Softmax` and `Sigmoid`, which the host does.
fn head<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let view = importer.view(node, 0)?;
    let view = importer.plain(view)?;
    if node.operator() == "Sigmoid" {
        return Ok(View {
            head: Head::Sigmoid,
            ..view
        });
    }
    // Before version 13 the sides from the axis on were taken together.
    let together = node.opset < 13;
    let default = if together { 1 } else { -1 };
    let axis = node.axis(node.int("axis", default), view.sides.len())?;
    let outside = |(index, side): (usize, &Side)| {
        side.size != 1 && (index < axis || (index > axis && !together))
    };
    let ok = !view.sides.iter().enumerate().any(outside);
    let got = format!("{axis} of {:?}", view.dims());
    node.expect(ok, "axis", got, "the one over all outputs")?;
    Ok(View {
        head: Head::Softmax,
        ..view
    })
}
