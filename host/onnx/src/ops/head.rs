//! Endings of a model, which the host does: probabilities, and the class.

use super::shape;
use crate::error::Result;
use crate::importer::{Importer, Value, open};
use crate::node::Node;
use crate::view::{Axis, End, Side, View};
use thresh_model::Head;

/// `Softmax`, `LogSoftmax`, `Sigmoid` and `Log` of a softmax.
pub(super) fn head<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    if node.operator() == "Log" {
        let view = ended(importer, node, 0)?;
        let softmax = view.head == Head::Softmax && view.end == End::Values;
        let expected = "a Softmax before it";
        node.expect(
            softmax,
            "operator",
            format!("behind {:?}", view.head),
            expected,
        )?;
        let head = Head::LogSoftmax;
        return Ok(View { head, ..view });
    }
    let view = importer.view(node, 0)?;
    let view = importer.plain(view)?;
    if node.operator() == "Sigmoid" {
        let head = Head::Sigmoid;
        return Ok(View { head, ..view });
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
    let head = match node.operator() {
        "Softmax" => Head::Softmax,
        _ => Head::LogSoftmax,
    };
    Ok(View { head, ..view })
}

/// Input `index`, behind which the host may have begun.
pub(super) fn ended<'a>(importer: &mut Importer<'a>, node: Node<'a>, index: usize) -> Result<View> {
    match importer.input(node, index)? {
        Value::View(view) if view.cut.is_none() => Ok(view),
        Value::View(view) => open(node, &view).map(|()| view),
        Value::Constant(_) => Err(node.wrong("an input", "a constant", "computed")),
    }
}

/// `ArgMax`: the host says the class.
pub(super) fn class<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let mut view = ended(importer, node, 0)?;
    view = importer.plain(view)?;
    let axis = node.axis(node.int("axis", 0), view.sides.len())?;
    let rest = view
        .sides
        .iter()
        .enumerate()
        .any(|(at, side)| at != axis && side.size != 1);
    // One output of a sigmoid is no class by itself.
    let single = view.sides[axis].size == 1 && view.end != End::Both;
    let ok = !rest && !single && view.end != End::Class;
    let got = format!("{axis} of {:?}", view.dims());
    node.expect(ok, "axis", got, "the one over all classes")?;
    view.sides[axis] = Side::unit();
    if node.int("keepdims", 1) == 0 {
        view.sides.remove(axis);
    }
    view.end = End::Class;
    Ok(view)
}

/// What follows the class and gives it another name or type; `None` if `view` is none.
pub(super) fn behind_class<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
) -> Result<Option<View>> {
    for index in 0..node.proto.input.len() {
        let Some(name) = node.input(index) else {
            continue;
        };
        let Some(Value::View(view)) = importer.known(name) else {
            continue;
        };
        if view.end != End::Class {
            return Ok(None);
        }
        let names = [
            "Cast",
            "Identity",
            "Reshape",
            "Squeeze",
            "Unsqueeze",
            "Flatten",
            "ArrayFeatureExtractor",
        ];
        let listed = index == 1 && node.operator() == "Gather";
        let view = view.clone();
        if names.contains(&node.operator()) || listed {
            return Ok(Some(view));
        }
        return open(node, &view).map(|()| None);
    }
    Ok(None)
}

/// The probability of the first of two classes from that of the second: `Sub` from 1 behind a sigmoid of one output.
pub(super) fn first_of_two<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
) -> Result<Option<View>> {
    if node.operator() != "Sub" {
        return Ok(None);
    }
    let (Value::Constant(one), Value::View(view)) =
        (importer.input(node, 0)?, importer.input(node, 1)?)
    else {
        return Ok(None);
    };
    let second = view.head == Head::Sigmoid && view.end == End::Values && view.shape.len() == 1;
    let ok = second && one.data.len() == 1 && one.float_at(0) == 1.0;
    let end = End::First;
    Ok(ok.then_some(View { end, ..view }))
}

/// Both probabilities, joined; `None` if these are others.
pub(super) fn both(views: &[View], axis: i64) -> Option<View> {
    let [first, second] = views else { return None };
    let own = |view: &View, end: End| {
        view.head == Head::Sigmoid && view.end == end && view.value == second.value
    };
    let sides = &second.sides;
    let axis = usize::try_from(if axis < 0 {
        axis + sides.len() as i64
    } else {
        axis
    })
    .ok()?;
    if !own(first, End::First) || !own(second, End::Values) || axis >= sides.len() {
        return None;
    }
    let mut view = second.clone();
    view.end = End::Both;
    view.sides[axis] = Side {
        size: 2,
        axes: vec![],
    };
    Some(view)
}

/// A `Normalizer` behind probabilities that make 1 already changes nothing.
pub(super) fn normalized<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let view = ended(importer, node, 0)?;
    let norm = node.text("norm").unwrap_or_else(|| "MAX".into());
    let sums = view.head == Head::Softmax || view.end == End::Both;
    let ok = norm == "L1" && sums && view.end != End::Class;
    let expected = "L1 behind probabilities that make 1; divide before the model";
    node.expect(ok, "norm", norm, expected)?;
    Ok(view)
}

/// The view over channels alone, for the operators of `ai.onnx.ml`.
pub(super) fn flat<'a>(importer: &mut Importer<'a>, node: Node<'a>, index: usize) -> Result<View> {
    let mut view = importer.padded(node, index)?;
    let dims = view.dims();
    let ok = matches!(dims.as_slice(), [_] | [1, _]) || view.is_axis(0, Axis::Channel);
    let got = format!("{dims:?} over {}", shape::text(view.shape));
    node.expect(ok, "shape of the input", got, "[1, features]")?;
    if dims.len() == 1 {
        view.sides.insert(0, Side::unit());
    }
    Ok(view)
}
