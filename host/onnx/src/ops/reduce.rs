//! What reduces sides: means, sums and largest values over positions, means and sums over channels.

use super::conv::pointwise;
use super::{affine, pool};
use crate::error::Result;
use crate::importer::Importer;
use crate::node::Node;
use crate::view::{Axis, Side, View};
use thresh_model::Window;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Mean,
    Sum,
    Largest,
    Least,
}

pub(super) fn run<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let view = importer.padded(node, 0)?;
    let rank = view.sides.len();
    let kind = match node.operator() {
        "GlobalMaxPool" | "ReduceMax" => Kind::Largest,
        "ReduceMin" => Kind::Least,
        "ReduceSum" => Kind::Sum,
        _ => Kind::Mean,
    };
    if node.operator().starts_with("Global") {
        return reduced(importer, node, view, kind, (2..rank).collect(), true);
    }
    let keep = node.int("keepdims", 1) != 0;
    let given = match node.ints("axes") {
        Some(axes) => Some(axes.to_vec()),
        None => match importer.optional(node, 1)? {
            Some(axes) => Some(super::shape::integers(node, &axes)?),
            None => None,
        },
    };
    let sides = match given.as_deref() {
        None | Some([]) if node.int("noop_with_empty_axes", 0) != 0 => return Ok(view),
        None | Some([]) => (0..rank).collect(),
        Some(axes) => node.axes(axes, rank)?,
    };
    reduced(importer, node, view, kind, sides, keep)
}

fn reduced<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    mut view: View,
    kind: Kind,
    sides: Vec<usize>,
    keep: bool,
) -> Result<View> {
    let got = format!("{sides:?} of {:?}", view.dims());
    let batch = importer.batch > 1 && sides.contains(&0);
    node.expect(!batch, "axes", &got, "sides other than the batch")?;
    let over = |view: &View, axis: Axis| {
        let mut sides = sides.iter().map(|&side| &view.sides[side]);
        sides.any(|side| side.axes.contains(&axis))
    };
    let split = |axis: Axis| {
        let outside =
            |(at, side): (usize, &Side)| side.axes.contains(&axis) && !sides.contains(&at);
        view.sides.iter().enumerate().any(outside)
    };
    let ok = !Axis::ALL
        .into_iter()
        .any(|axis| over(&view, axis) && split(axis));
    node.expect(ok, "axes", &got, "whole axes of the map")?;
    let kept = view.sides.clone();
    let negated = |importer: &mut Importer<'a>, view: View| {
        let channels = view.shape.channels;
        affine::apply(
            importer,
            node,
            view,
            vec![-1.0; channels],
            vec![0.0; channels],
        )
    };
    if kind == Kind::Least {
        view = negated(importer, view)?;
    }
    if over(&view, Axis::Channel) {
        let expected = "height and width alone; channels have a mean and a sum, no largest value";
        let ok = matches!(kind, Kind::Mean | Kind::Sum);
        node.expect(ok, "axes", &got, expected)?;
        view = channels(importer, node, view, kind)?;
        view.sides = kept.clone();
    }
    let side = |axis: Axis| match kept_over(&kept, &sides, axis) {
        true => axis.of(view.shape),
        false => 1,
    };
    let window = Window::whole([side(Axis::Row), side(Axis::Column)]);
    if window.kernel != [1, 1] {
        view = match kind {
            Kind::Mean | Kind::Sum => pool::mean(importer, node, view, window, [0; 4])?,
            Kind::Largest | Kind::Least => pool::largest(importer, node, view, window)?,
        };
        view.sides = kept;
    }
    if kind == Kind::Sum {
        let area = (window.kernel[0] * window.kernel[1]) as f32;
        let channels = view.shape.channels;
        view = affine::apply(
            importer,
            node,
            view,
            vec![area; channels],
            vec![0.0; channels],
        )?;
    }
    if kind == Kind::Least {
        view = negated(importer, view)?;
    }
    for &side in sides.iter().rev() {
        if keep {
            view.sides[side] = Side::unit();
        } else {
            view.sides.remove(side);
        }
    }
    Ok(view)
}

fn kept_over(kept: &[Side], sides: &[usize], axis: Axis) -> bool {
    sides.iter().any(|&side| kept[side].axes.contains(&axis))
}

/// The mean or the sum over all channels: a convolution of equal weights.
fn channels<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    view: View,
    kind: Kind,
) -> Result<View> {
    let view = importer.plain(view)?;
    let count = view.shape.channels;
    let weight = match kind {
        Kind::Mean => 1.0 / count as f32,
        _ => 1.0,
    };
    importer.budget.take(Some(count))?;
    let operator = pointwise(view.shape, 1);
    let inputs = vec![view.value];
    importer.push_weights(
        node.name(),
        inputs,
        operator,
        vec![weight; count],
        vec![0.0],
    )
}
