//! Sums and joins of maps.

use super::{affine, each, head, pad, widened};
use crate::error::Result;
use crate::importer::{Importer, Value, open};
use crate::node::Node;
use crate::view::{Axis, Side, View};
use thresh_model::Operator;

/// `Add`, `Sub`, `Mul` and `Div` of a view and a constant, and `Add` and `Sub` of two views.
pub(super) fn binary<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    if let Some(view) = head::first_of_two(importer, node)? {
        return Ok(view);
    }
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
            open(node, &right)?;
            let right = affine::apply(importer, node, right, minus, zero)?;
            add(importer, node, left, right)
        }
        _ => Err(node.wrong("inputs", "both computed", "one of them a constant")),
    }
}

pub(super) fn sum<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
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
    let mut left = importer.plain(widened(left, rank))?;
    let mut right = importer.plain(widened(right, rank))?;
    if left.shape != right.shape && left.dims() == right.dims() && rank > 0 {
        left = each::flattened(importer, left, rank - 1)?;
        right = each::flattened(importer, right, rank - 1)?;
    }
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

/// Maps joined along their channels, their rows or their columns.
pub(super) fn concat<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let mut views = Vec::new();
    for index in 0..node.proto.input.len() {
        views.push(head::ended(importer, node, index)?);
    }
    if let Some(view) = head::both(&views, node.int("axis", 1)) {
        return Ok(view);
    }
    for view in &views {
        open(node, view)?;
    }
    let Some(first) = views.first().cloned() else {
        return Err(node.wrong("inputs", "none", "at least one"));
    };
    // The axis was 1 where none was given, before version 4.
    let axis = node.axis(node.int("axis", 1), first.sides.len())?;
    let single = views.len() == 1;
    let views = views.into_iter().map(|view| match single {
        true => Ok(view),
        false => each::flattened(importer, view, axis),
    });
    let views = views.collect::<Result<Vec<View>>>()?;
    let first = views[0].clone();
    let along = first.axis_of(axis);
    for view in &views {
        let others = |view: &View| {
            let mut sides = view.sides.clone();
            sides.remove(axis);
            sides
        };
        let plane = |view: &View| match along {
            Some(Axis::Row) => [view.shape.channels, view.shape.width],
            Some(Axis::Column) => [view.shape.channels, view.shape.height],
            _ => [view.shape.height, view.shape.width],
        };
        let ok = view.sides.len() == first.sides.len()
            && along.is_some_and(|along| view.is_axis(axis, along))
            && others(view) == others(&first)
            && plane(view) == plane(&first);
        let got = format!("{:?} and {:?}, axis {axis}", first.dims(), view.dims());
        let expected = "maps of one height and width, joined along their channels";
        node.expect(ok, "shape of the inputs", got, expected)?;
    }
    if views.len() == 1 {
        return Ok(first);
    }
    if let Some(along @ (Axis::Row | Axis::Column)) = along {
        return end_to_end(importer, node, views, along);
    }
    let views: Result<Vec<View>> = views.into_iter().map(|view| importer.plain(view)).collect();
    let views = views?;
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

/// Maps one behind the other: the sum of each with zeros where the others are.
fn end_to_end<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    views: Vec<View>,
    along: Axis,
) -> Result<View> {
    let all: usize = views.iter().map(|view| along.of(view.shape)).sum();
    let mut before = 0;
    let mut sum: Option<View> = None;
    for view in views {
        let size = along.of(view.shape);
        let after = all - before - size;
        let pads = match along {
            Axis::Row => [before, 0, after, 0],
            _ => [0, before, 0, after],
        };
        before += size;
        let part = pad::around(importer, view, pads, false)?;
        sum = Some(match sum {
            None => part,
            Some(sum) => add(importer, node, sum, part)?,
        });
    }
    sum.ok_or_else(|| node.wrong("inputs", "none", "at least one"))
}
