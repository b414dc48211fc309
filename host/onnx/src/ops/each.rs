//! A factor and a summand for each value of a map, as behind a flatten: into the next fully connected layer, or a layer of
//! their own.

use crate::budget::product;
use crate::error::{ImportError, Result};
use crate::importer::Importer;
use crate::tensor::Tensor;
use crate::view::{Axis, Each, Padding, Side, View};
use std::rc::Rc;
use thresh_model::{Operator, Window};

/// Whether side `index` of `view` holds all its values, with sides of length 1 around it.
pub(super) fn is_flat(view: &View, index: usize) -> bool {
    let others = |(at, side): (usize, &Side)| at == index || side.size == 1;
    view.sides.len() > index
        && view.padding == Padding::default()
        && view.sides.iter().enumerate().all(others)
        && view.sides[index].size == view.shape.len()
}

/// The view with its values in one position, if side `index` holds them all; the input alone stays as it is.
pub(super) fn flattened(importer: &mut Importer<'_>, mut view: View, index: usize) -> Result<View> {
    let count = view.shape.len();
    if view.value == 0 || !is_flat(&view, index) || view.shape.channels == count {
        return Ok(view);
    }
    view = importer.plain(view)?;
    importer.budget.take(count.checked_mul(2))?;
    let (scale, shift) = (vec![1.0; count], vec![0.0; count]);
    view.each = Some(Rc::new(Each { scale, shift }));
    importer.plain(view)
}

/// The value of `constant` for each value of a view that is flat, in the order of its map; `None` if that cannot be.
pub(super) fn values(
    importer: &mut Importer<'_>,
    view: &View,
    constant: &Tensor,
) -> Result<Option<(View, Vec<f32>)>> {
    let view = super::widened(view.clone(), constant.dims.len());
    let Some(index) = (0..view.sides.len()).find(|&index| is_flat(&view, index)) else {
        return Ok(None);
    };
    let first = view.sides.len() - constant.dims.len();
    let same = |(at, &dim): (usize, &usize)| dim == view.sides[first + at].size;
    if index < first || !constant.dims.iter().enumerate().all(same) {
        return Ok(None);
    }
    let [values] = in_map_order(importer, &view, [constant.to_floats()])?;
    Ok(Some((view, values)))
}

/// `values`, which have the order of the view, in the order of its map.
pub(super) fn in_map_order<const N: usize>(
    importer: &mut Importer<'_>,
    view: &View,
    values: [Vec<f32>; N],
) -> Result<[Vec<f32>; N]> {
    importer.budget.take(view.shape.len().checked_mul(N + 1))?;
    let order = view.order();
    Ok(values.map(|values| {
        let mut mapped = vec![0.0; order.len()];
        for (&place, value) in order.iter().zip(values) {
            mapped[place] = value;
        }
        mapped
    }))
}

/// `x * scale + shift` of each value, in the order of the map.
pub(super) fn apply(
    importer: &mut Importer<'_>,
    mut view: View,
    scale: Vec<f32>,
    shift: Vec<f32>,
) -> Result<View> {
    importer.budget.take(scale.len().checked_mul(4))?;
    if view
        .preprocessing
        .as_ref()
        .is_some_and(|p| !p.keeps_order())
    {
        view = importer.plain(view)?;
    }
    let mut each = match view.each.take() {
        Some(each) => Each::clone(&each),
        None => Each {
            scale: vec![1.0; scale.len()],
            shift: vec![0.0; scale.len()],
        },
    };
    if let Some(before) = view.preprocessing.take() {
        importer.expects(view.value, &before);
        let channels = before.scale.len();
        for at in 0..each.scale.len() {
            each.shift[at] += each.scale[at] * before.shift[at % channels];
            each.scale[at] *= before.scale[at % channels];
        }
    }
    for at in 0..scale.len() {
        each.scale[at] *= scale[at];
        each.shift[at] = each.shift[at] * scale[at] + shift[at];
    }
    view.each = Some(Rc::new(each));
    Ok(view)
}

/// The layer that does what is left to do to each value of `view`, which is flat: a kernel of the whole map for each
/// position of each channel.
pub(crate) fn flat_layer(importer: &mut Importer<'_>, mut view: View) -> Result<View> {
    let Some(each) = view.each.take() else {
        return Ok(view);
    };
    let Some(index) = (0..view.sides.len()).find(|&index| is_flat(&view, index)) else {
        let got = format!("{:?} over {}", view.dims(), super::text(view.shape));
        let expected =
            "a fully connected layer, or values that stay flat, behind a factor for each value";
        return Err(ImportError::model("shape of a map", got, expected));
    };
    let (shape, count) = (view.shape, view.shape.len());
    let area = shape.height * shape.width;
    importer.budget.take(product(&[count, area]))?;
    let mut weights = vec![0.0; count * area];
    let mut bias = vec![0.0; count];
    for channel in 0..shape.channels {
        for position in 0..area {
            let (output, at) = (
                channel * area + position,
                position * shape.channels + channel,
            );
            weights[output * area + position] = each.scale[at];
            bias[output] = each.shift[at];
        }
    }
    let operator = Operator::Conv {
        input: shape,
        outputs: count,
        groups: shape.channels,
        window: Window::valid([shape.height, shape.width]),
    };
    let mut layer = importer.push_weights("each", vec![view.value], operator, weights, bias)?;
    // The channels of the layer stand position by position inside a channel; the view may have another order.
    let position = |place: usize| place % shape.channels * area + place / shape.channels;
    let order: Vec<usize> = view.order().into_iter().map(position).collect();
    if !order.iter().copied().eq(0..count) {
        let input = layer.shape;
        let operator = Operator::Select {
            input,
            channels: order,
        };
        layer = importer.push_weights("order", vec![layer.value], operator, vec![], vec![])?;
    }
    let mut sides = view.sides;
    sides[index] = Side {
        size: count,
        axes: Vec::from_iter((count != 1).then_some(Axis::Channel)),
    };
    Ok(View {
        sides,
        head: view.head,
        exclusive: view.exclusive,
        ..layer
    })
}
