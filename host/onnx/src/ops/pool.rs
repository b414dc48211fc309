//! Pooling: windows that slide over a map.

use super::conv::on_plane;
use super::window::{Plane, dilations, window};
use crate::error::Result;
use crate::importer::Importer;
use crate::node::Node;
use crate::view::{Padding, View};
use thresh_model::{Activation, Operator, Window};

/// `MaxPool` and `AveragePool`.
pub(super) fn windows<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let view = importer.padded(node, 0)?;
    let plane = Plane::of(node, &view)?;
    let Some(kernel) = node.counts("kernel_shape")? else {
        return Err(node.wrong("kernel_shape", "missing", "one number a side"));
    };
    let apart = dilations(node, plane)?;
    let ok = apart.iter().all(|&dilation| dilation == 1);
    let expected = "1 everywhere; pool without dilation";
    node.expect(ok, "dilations", format!("{apart:?}"), expected)?;
    let (window, over) = window(node, &view, plane, &kernel)?;
    let operator = node.operator();
    let output = match operator {
        "MaxPool" => {
            let indices = node.proto.output.get(1);
            let read = indices.is_some_and(|name| !name.is_empty() && importer.is_used(name));
            let expected = "not read: the places of the largest values are not given";
            node.expect(!read, "second output", "read", expected)?;
            largest(importer, node, view, window)?
        }
        _ => {
            // Positions over the edge, which rounding up adds, never count.
            let mut excluded = [0, 0, over[0], over[1]];
            if node.int("count_include_pad", 0) == 0 {
                excluded = window.pads;
            }
            mean(importer, node, view, window, excluded)?
        }
    };
    Ok(on_plane(output, plane))
}

/// The largest values under `window`, whose own padding does not count.
pub(super) fn largest<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    view: View,
    window: Window,
) -> Result<View> {
    let around = view.padding.pads;
    let pads = [0, 1, 2, 3].map(|side| window.pads[side] + around[side]);
    let joined = Window { pads, ..window };
    // A zero outside changes nothing where no value is below it.
    let free = view.padding.lowest || nonnegative(importer, &view);
    let (view, window) = match around == [0; 4] || !free || !meets(&view, &joined) {
        true => (importer.plain(view)?, window),
        false => {
            let padding = Padding::default();
            let inner = View {
                padding,
                ..view.clone()
            }
            .resized(view.inner());
            (importer.plain(inner)?, joined)
        }
    };
    let input = view.shape;
    importer.push(node, vec![view.value], Operator::MaxPool { input, window })
}

/// Whether every place of `window` has a position of the map inside.
fn meets(view: &View, window: &Window) -> bool {
    let inner = view.inner();
    let size = [inner.height, inner.width];
    let Some(places) = window.places(size) else {
        return false;
    };
    [0, 1].into_iter().all(|axis| {
        let last = (places[axis] - 1) * window.stride[axis];
        window.pads[axis] < window.kernel[axis] && last < size[axis] + window.pads[axis]
    })
}

/// Whether no value of the map of `view` is below zero.
fn nonnegative(importer: &Importer<'_>, view: &View) -> bool {
    let raised = view.preprocessing.as_ref().is_none_or(|p| {
        let values = p.scale.iter().chain(&p.shift);
        values.copied().all(|value| value >= 0.0)
    });
    // Each step goes to a value before, so that there are few; sums of many branches are not followed.
    let mut values = vec![view.value];
    for _ in 0..64 {
        let Some(value) = values.pop() else {
            return raised && view.each.is_none();
        };
        let Some(layer) = value.checked_sub(1).map(|index| &importer.layers[index]) else {
            continue;
        };
        match (&layer.activation, &layer.operator) {
            (Activation::Relu | Activation::Clipped(_), _) => {}
            (_, Operator::Conv { .. } | Operator::Dense { .. }) => return false,
            _ if layer.inputs.len() > 64 => return false,
            _ => values.extend(&layer.inputs),
        }
    }
    false
}

/// The means under `window`, of whose own padding `excluded` does not count.
pub(super) fn mean<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    view: View,
    mut window: Window,
    excluded: [usize; 4],
) -> Result<View> {
    let view = match view.padding.lowest {
        true => importer.plain(view)?,
        false => view,
    };
    let inner = View {
        padding: Padding::default(),
        ..view.clone().resized(view.inner())
    };
    let inner = importer.plain(inner)?;
    window.pads = [0, 1, 2, 3].map(|side| window.pads[side] + view.padding.pads[side]);
    let input = inner.shape;
    let operator = Operator::AveragePool {
        input,
        window,
        excluded,
    };
    importer.push(node, vec![inner.value], operator)
}
