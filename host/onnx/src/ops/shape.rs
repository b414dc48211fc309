//! Operators that move no values of the map: they turn the view.

use super::{cut, shuffle, widened};
use crate::budget::product;
use crate::error::Result;
use crate::importer::{Importer, Value};
use crate::node::Node;
use crate::proto::data_type as t;
use crate::tensor::{Data, MOST_RANK, Tensor};
use crate::view::{Side, View};
use thresh_model::Shape;

/// A shape in messages.
pub(crate) fn text(shape: Shape) -> String {
    format!("{} x {} x {}", shape.channels, shape.height, shape.width)
}

pub(super) fn run<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    // They may follow the host's part, so the check that they do not is left out.
    let mut view = match importer.input(node, 0)? {
        Value::View(view) => view,
        Value::Constant(_) => return Err(node.wrong("input 0", "a constant", "computed")),
    };
    let dims = cut::dims(importer, &view);
    if let Some(view) = shuffle::run(importer, node, &view)? {
        return Ok(view);
    }
    match node.operator() {
        "Identity" => {}
        "Dropout" => dropout(importer, node)?,
        "Cast" => cast(importer, node, &view)?,
        "Transpose" => {
            let order = permutation(node, dims.len())?;
            let ok = importer.batch == 1 || order.first() == Some(&0);
            let got = format!("{order:?}");
            node.expect(ok, "perm", got, "the batch first; export with a batch of 1")?;
            view.sides = order.iter().map(|&side| view.sides[side].clone()).collect();
        }
        "Flatten" => {
            let sizes = flat(node, &dims)?;
            let sizes = unbatched(importer, node, sizes)?;
            regroup(node, &mut view, &sizes)?;
        }
        "Reshape" => {
            let sizes = reshaped(importer, node, &view)?;
            regroup(node, &mut view, &sizes)?;
        }
        "Expand" => {
            let target = importer.constant(node, 1)?;
            let target = integers(node, &target)?;
            let got = format!("{target:?} of {dims:?}");
            let rank = target.len().max(dims.len());
            node.expect(rank <= MOST_RANK, "shape", &got, "fewer sides")?;
            let wide = |values: Vec<i64>| [vec![1; rank - values.len()], values].concat();
            let own = wide(dims.iter().map(|&side| side as i64).collect());
            let ok = wide(target)
                .iter()
                .zip(&own)
                .all(|(&to, &side)| to == 1 || to == side);
            let expected =
                "the sides that there are: values that depend on the input cannot be repeated";
            node.expect(ok, "shape", got, expected)?;
            view = widened(view, rank);
        }
        "Squeeze" => {
            for side in squeezed(importer, node, &dims)?.into_iter().rev() {
                view.sides.remove(side);
            }
        }
        _ => {
            for side in unsqueezed(importer, node, dims.len())? {
                let ok = importer.batch == 1 || side > 0;
                node.expect(
                    ok,
                    "axes",
                    side,
                    "sides behind the batch; export with a batch of 1",
                )?;
                view.sides.insert(side, Side::unit());
            }
        }
    }
    Ok(view)
}

/// The sides that a `Reshape` of `view` asks for, of one image.
pub(super) fn reshaped<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    view: &View,
) -> Result<Vec<usize>> {
    let target = target(importer, node)?;
    let sizes = resolved(node, &cut::dims(importer, view), &target)?;
    unbatched(importer, node, sizes)
}

/// `sizes` with one image in the place of all that the model takes at once.
fn unbatched(importer: &Importer<'_>, node: Node<'_>, mut sizes: Vec<usize>) -> Result<Vec<usize>> {
    if importer.batch > 1 {
        let ok = sizes.first() == Some(&importer.batch);
        let got = format!("{sizes:?}");
        let expected = format!(
            "the batch of {} first; export with a batch of 1",
            importer.batch
        );
        node.expect(ok, "new shape", got, expected)?;
        sizes[0] = 1;
    }
    Ok(sizes)
}

/// `Dropout` passes all values on, also where the model was exported while it was trained.
fn dropout<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<()> {
    let training = importer.optional(node, 2)?;
    if training.is_some_and(|mode| mode.data.len() == 1 && mode.float_at(0) != 0.0) {
        importer.warnings.push(format!(
            "node {} (Dropout): exported in training mode, taken as in inference, where it does nothing; \
             call model.eval() before the export",
            node.name()
        ));
    }
    Ok(())
}

fn cast(importer: &Importer<'_>, node: Node<'_>, view: &View) -> Result<()> {
    let to = node.int("to", 0);
    let is = |kinds: &[i32]| kinds.iter().any(|&kind| i64::from(kind) == to);
    if is(&[t::FLOAT, t::FLOAT16, t::DOUBLE, t::BFLOAT16]) {
        return Ok(());
    }
    // The bytes of the input are integers already.
    let uniform = match &view.preprocessing {
        Some(preprocessing) => preprocessing.uniform(),
        None => Some((1.0, 0.0)),
    };
    let whole = |(scale, shift): (f32, f32)| {
        let scale = scale * importer.input_scale;
        scale.fract() == 0.0 && shift.fract() == 0.0
    };
    let raw = view.value == 0 && view.each.is_none() && uniform.is_some_and(whole);
    let wide = is(&[t::INT16, t::INT32, t::INT64]);
    node.expect(raw && wide, "data type", to, "a float")
}

fn regroup(node: Node<'_>, view: &mut View, sizes: &[usize]) -> Result<()> {
    let Some(sides) = view.regrouped(sizes) else {
        let expected = format!(
            "sides that join those of {:?} over a map of {}; \
             give the shape of the image if the model's own is flat",
            view.dims(),
            text(view.shape)
        );
        return Err(node.wrong("new shape", format!("{sizes:?}"), expected));
    };
    view.sides = sides;
    Ok(())
}

/// The values of a list of integers.
pub(super) fn integers(node: Node<'_>, tensor: &Tensor) -> Result<Vec<i64>> {
    match &tensor.data {
        Data::Int(values) if tensor.dims.len() <= 1 => Ok(values.clone()),
        _ => Err(node.wrong(
            "a list of numbers",
            format!("{:?}", tensor.dims),
            "integers, one side",
        )),
    }
}

/// The order of sides that a `Transpose` asks for.
pub(super) fn permutation(node: Node<'_>, rank: usize) -> Result<Vec<usize>> {
    let Some(given) = node.ints("perm") else {
        return Ok((0..rank).rev().collect());
    };
    let order: Vec<usize> = given
        .iter()
        .map(|&axis| node.axis(axis, rank))
        .collect::<Result<_>>()?;
    let all = node.axes(given, rank)?.len() == rank;
    node.expect(
        all,
        "perm",
        format!("{given:?}"),
        format!("each of {rank} sides once"),
    )?;
    Ok(order)
}

/// The two sides that a `Flatten` makes of `dims`.
pub(super) fn flat(node: Node<'_>, dims: &[usize]) -> Result<Vec<usize>> {
    // The axis may be the one behind the last.
    let axis = match node.int("axis", 1) {
        axis if axis == dims.len() as i64 => dims.len(),
        axis => node.axis(axis, dims.len())?,
    };
    let (before, after) = dims.split_at(axis);
    let sizes = product(before).zip(product(after));
    let too_many = || node.wrong("shape", format!("{dims:?}"), "a smaller one");
    sizes
        .map(|(before, after)| vec![before, after])
        .ok_or_else(too_many)
}

/// The list of sides that a `Reshape` is given.
pub(super) fn target<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<Vec<i64>> {
    match node.ints("shape") {
        Some(shape) => Ok(shape.to_vec()),
        None => {
            let shape = importer.constant(node, 1)?;
            integers(node, &shape)
        }
    }
}

/// The sides that a `Reshape` to `target` makes of `dims`: 0 keeps a side, -1 takes the rest.
pub(super) fn resolved(node: Node<'_>, dims: &[usize], target: &[i64]) -> Result<Vec<usize>> {
    let got = || format!("{target:?} of {dims:?}");
    let expected = "as many values, one side of -1 at most";
    let wrong = || node.wrong("new shape", got(), expected);
    node.expect(target.len() <= MOST_RANK, "new shape", got(), "fewer sides")?;
    let keep = node.int("allowzero", 0) == 0;
    let mut sizes = Vec::new();
    let mut rest = None;
    for (index, &size) in target.iter().enumerate() {
        sizes.push(match size {
            -1 if rest.is_none() => {
                rest = Some(index);
                1
            }
            0 if keep => *dims.get(index).ok_or_else(wrong)?,
            size => usize::try_from(size).map_err(|_| wrong())?,
        });
    }
    let all = product(dims).ok_or_else(wrong)?;
    let known = product(&sizes).ok_or_else(wrong)?;
    if let Some(rest) = rest {
        sizes[rest] = all.checked_div(known).ok_or_else(wrong)?;
    }
    if product(&sizes) != Some(all) {
        return Err(wrong());
    }
    Ok(sizes)
}

/// Axes as an attribute (before version 13) or as input 1.
fn axes<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<Option<Vec<i64>>> {
    if let Some(axes) = node.ints("axes") {
        return Ok(Some(axes.to_vec()));
    }
    let axes = importer.optional(node, 1)?;
    axes.map(|axes| integers(node, &axes)).transpose()
}

/// The sides that a `Squeeze` removes, in rising order; all have length 1.
pub(super) fn squeezed<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    dims: &[usize],
) -> Result<Vec<usize>> {
    let Some(axes) = axes(importer, node)? else {
        return Ok((0..dims.len()).filter(|&side| dims[side] == 1).collect());
    };
    let sides = node.axes(&axes, dims.len())?;
    let ok = sides.iter().all(|&side| dims[side] == 1);
    node.expect(
        ok,
        "axes",
        format!("{sides:?} of {dims:?}"),
        "sides of length 1",
    )?;
    Ok(sides)
}

/// The places of the sides that an `Unsqueeze` of `rank` sides adds, in rising order.
pub(super) fn unsqueezed<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    rank: usize,
) -> Result<Vec<usize>> {
    let axes = axes(importer, node)?.unwrap_or_default();
    let rank = rank + axes.len();
    node.expect(
        rank <= MOST_RANK,
        "number of sides",
        rank,
        format!("at most {MOST_RANK}"),
    )?;
    node.axes(&axes, rank)
}
