//! Parts of a map: `Slice`, `Split` and `Gather` of channels, rows or columns.

use super::shape::integers;
use super::{constant, each};
use crate::error::Result;
use crate::importer::{Importer, Value, open};
use crate::node::Node;
use crate::tensor::{MOST_RANK, Tensor};
use crate::view::{Axis, Padding, Preprocessing, Side, View};
use std::rc::Rc;
use thresh_model::{Operator, Shape, Window};

pub(super) fn run<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    match node.operator() {
        "Slice" => slice(importer, node),
        "Split" => split(importer, node),
        _ => gather(importer, node),
    }
}

fn slice<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let mut view = importer.padded(node, 0)?;
    let mut lists = Vec::new();
    for index in 1..node.proto.input.len() {
        lists.push(importer.optional(node, index)?);
    }
    let dims = dims(importer, &view);
    for (side, kept) in constant::ranges(importer, node, &dims, &lists)? {
        view = part(importer, node, view, side, kept)?;
    }
    Ok(view)
}

/// The first part; the others are defined here.
fn split<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let view = importer.padded(node, 0)?;
    let side = node.axis(node.int("axis", 0), view.sides.len())?;
    let size = view.sides[side].size;
    importer.budget.take(Some(size))?;
    let names = &node.proto.output;
    let sizes = match node.ints("split") {
        Some(sizes) => sizes.to_vec(),
        None => match importer.optional(node, 1)? {
            Some(sizes) => integers(node, &sizes)?,
            None => {
                let each = size.div_ceil(names.len().max(1));
                let left = |at: usize| size.saturating_sub(at * each).min(each) as i64;
                (0..names.len()).map(left).collect()
            }
        },
    };
    let fits = sizes.iter().all(|&part| part > 0)
        && sizes
            .iter()
            .try_fold(0i64, |sum, &part| sum.checked_add(part))
            == Some(size as i64)
        && sizes.len() == names.len();
    let got = format!("{sizes:?} of {:?}", view.dims());
    let expected = format!("{} parts above 0 that make {size}", names.len());
    node.expect(fits, "split", got, expected)?;
    let mut first = None;
    let mut from = 0;
    for (at, (name, &part_size)) in names.iter().zip(&sizes).enumerate() {
        let to = from + part_size as usize;
        if at == 0 || importer.is_used(name) {
            let mut whole = view.clone();
            whole.exclusive &= names.len() == 1;
            let part = part(importer, node, whole, side, (from..to).collect())?;
            match at {
                0 => first = Some(part),
                _ => importer.define(name, Value::View(part)),
            }
        }
        from = to;
    }
    first.ok_or_else(|| node.wrong("outputs", "none", "at least one"))
}

fn gather<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let view = importer.padded(node, 0)?;
    let indices = importer.constant(node, 1)?;
    let side = node.axis(node.int("axis", 0), view.sides.len())?;
    let size = dims(importer, &view)[side];
    importer.budget.take(Some(indices.data.len()))?;
    let mut indices = Tensor::clone(&indices);
    // Of `GatherND`, a list of places on the first side alone.
    if node.operator() == "GatherND" {
        let ok = matches!(indices.dims.as_slice(), [_, 1]) && node.int("batch_dims", 0) == 0;
        let got = format!("{:?}", indices.dims);
        node.expect(ok, "shape of the indices", got, "[count, 1]; batch_dims 0")?;
        indices.dims.pop();
    }
    let got = format!("{:?}", indices.dims);
    let sides = indices.dims.clone();
    let kept = places(node, indices, size)?;
    let mut view = part(importer, node, view, side, kept)?;
    if sides.len() == 1 {
        return Ok(view);
    }
    // The sides of the indices stand in the place of the one that they are taken from.
    let mut sizes = view.dims();
    sizes.splice(side..=side, sides);
    let expected = "one that the values can be regrouped to";
    view.sides = view
        .regrouped(&sizes)
        .ok_or_else(|| node.wrong("shape of the indices", got, expected))?;
    Ok(view)
}

/// The places on a side of `size` that `indices` says, one after the other.
fn places(node: Node<'_>, indices: Tensor, size: usize) -> Result<Vec<usize>> {
    let got = format!("{:?}", indices.dims);
    let (some, most) = (indices.data.len() > 0, indices.dims.len() <= MOST_RANK);
    let expected = "at least one index";
    node.expect(some && most, "shape of the indices", got, expected)?;
    let list = Tensor {
        dims: vec![indices.data.len()],
        data: indices.data,
    };
    let list = integers(node, &list)?;
    list.iter().map(|&index| node.axis(index, size)).collect()
}

/// `ArrayFeatureExtractor`: some of the last side.
pub(super) fn features<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let view = importer.padded(node, 0)?;
    let indices = importer.constant(node, 1)?;
    let Some(side) = view.sides.len().checked_sub(1) else {
        return Err(node.wrong("shape of input 0", "no side", "at least one"));
    };
    let size = dims(importer, &view)[side];
    importer.budget.take(Some(indices.data.len()))?;
    let kept = places(node, Tensor::clone(&indices), size)?;
    part(importer, node, view, side, kept)
}

/// The sides, with all images that the model takes at once.
pub(super) fn dims(importer: &Importer<'_>, view: &View) -> Vec<usize> {
    let mut dims = view.dims();
    if let (true, Some(first)) = (importer.batch > 1, dims.first_mut()) {
        *first = importer.batch;
    }
    dims
}

/// The view with these indices of side `side`.
fn part<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    view: View,
    side: usize,
    kept: Vec<usize>,
) -> Result<View> {
    let size = dims(importer, &view)[side];
    if kept.iter().copied().eq(0..size) {
        return Ok(view);
    }
    let view = match view.axis_of(side) {
        None => each::flattened(importer, view, side)?,
        Some(_) => view,
    };
    let got = || format!("{} of side {side} of {:?}", kept.len(), view.dims());
    let Some(axis) = view.axis_of(side) else {
        let expected = "a part of the channels, the rows or the columns alone";
        return Err(node.wrong("part", got(), expected));
    };
    node.expect(!kept.is_empty(), "part", got(), "at least one")?;
    pick(importer, node, view, axis, kept)
}

/// The view with these indices of `axis`.
pub(super) fn pick<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    view: View,
    axis: Axis,
    kept: Vec<usize>,
) -> Result<View> {
    open(node, &view)?;
    if axis == Axis::Channel {
        return channels(importer, node, view, kept);
    }
    let index = usize::from(axis == Axis::Column);
    let size = axis.of(view.shape);
    let step = match kept.as_slice() {
        &[first, second, ..] => second.saturating_sub(first),
        _ => 1,
    };
    let even = step > 0 && kept.windows(2).all(|pair| pair[0] + step == pair[1]);
    let got = format!("{:?} of {size}", &kept[..kept.len().min(8)]);
    let expected = "positions in rising order, one step apart";
    node.expect(even, "part", got, expected)?;
    let mut shape = view.shape;
    match axis {
        Axis::Row => shape.height = kept.len(),
        _ => shape.width = kept.len(),
    }
    if step == 1
        && let Some(view) = less_padding(
            importer,
            &view,
            index,
            kept[0],
            size - kept[0] - kept.len(),
            shape,
        )
    {
        return Ok(view);
    }
    let sides = view.clone().resized(shape).sides;
    let view = importer.plain(view)?;
    // A kernel with a single one, as long as what the places leave.
    let mut window = Window::valid([1, 1]);
    let length = size - (kept.len() - 1) * step;
    window.kernel[index] = length;
    window.stride[index] = step;
    let count = view.shape.channels;
    importer.budget.take(count.checked_mul(length))?;
    let mut weights = vec![0.0; count * length];
    weights
        .iter_mut()
        .skip(kept[0])
        .step_by(length)
        .for_each(|weight| *weight = 1.0);
    let operator = Operator::Conv {
        input: view.shape,
        outputs: count,
        groups: count,
        window,
    };
    let bias = vec![0.0; count];
    let layer = importer.push_weights(node.name(), vec![view.value], operator, weights, bias)?;
    Ok(View { sides, ..layer })
}

/// The view whose padding, or that of the convolution before it, is shorter; `None` if there is too little.
fn less_padding(
    importer: &mut Importer<'_>,
    view: &View,
    index: usize,
    before: usize,
    after: usize,
    shape: Shape,
) -> Option<View> {
    let less = |pads: &mut [usize; 4], before: usize, after: usize| {
        let [start, end] = [index, index + 2].map(|side| pads[side]);
        pads[index] = start.checked_sub(before)?;
        pads[index + 2] = end.checked_sub(after)?;
        Some(())
    };
    let mut padding = view.padding;
    if less(&mut padding.pads, before, after).is_some() {
        let view = view.clone().resized(shape);
        return Some(View { padding, ..view });
    }
    let plain = view.padding == Padding::default();
    let layer = importer.layer_of(view).filter(|_| plain)?;
    let Operator::Conv { window, .. } = &mut layer.operator else {
        return None;
    };
    let stride = window.stride[index];
    let mut pads = window.pads;
    let [before, after] = [before.checked_mul(stride)?, after.checked_mul(stride)?];
    less(&mut pads, before, after)?;
    window.pads = pads;
    Some(view.clone().resized(shape))
}

fn channels<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    view: View,
    kept: Vec<usize>,
) -> Result<View> {
    let count = view.shape.channels;
    let mut sorted = kept.clone();
    sorted.sort_unstable();
    if view.value == 0 && view.each.is_none() && sorted.iter().copied().eq(0..count) {
        // Another order of colours: into the first layer.
        let pick = |values: &[f32]| kept.iter().map(|&channel| values[channel]).collect();
        let preprocessing = view.preprocessing.as_ref().map(|p| {
            Rc::new(Preprocessing {
                scale: pick(&p.scale),
                shift: pick(&p.shift),
                from: kept.iter().map(|&channel| p.from[channel]).collect(),
            })
        });
        let plain = || Preprocessing {
            scale: vec![1.0; count],
            shift: vec![0.0; count],
            from: kept.clone(),
        };
        let preprocessing = preprocessing.or_else(|| Some(Rc::new(plain())));
        return Ok(View {
            preprocessing,
            ..view
        });
    }
    let mut shape = view.shape;
    shape.channels = kept.len();
    importer.budget.take(Some(kept.len()))?;
    let sides: Vec<Side> = view.clone().resized(shape).sides;
    let view = importer.plain(view)?;
    let operator = Operator::Select {
        input: view.shape,
        channels: kept,
    };
    let layer = importer.push(node, vec![view.value], operator)?;
    Ok(View { sides, ..layer })
}
