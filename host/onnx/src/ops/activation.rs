//! Activations.

use super::affine::channels;
use super::quantised::activated;
use crate::error::Result;
use crate::importer::Importer;
use crate::node::Node;
use crate::view::{Padding, View};
use thresh_model::Activation;

pub(super) fn run<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let mut view = importer.padded(node, 0)?;
    let activation = match node.operator() {
        "Relu" => Activation::Relu,
        "LeakyRelu" => Activation::Leaky(vec![node.float("alpha", 0.01)]),
        _ => {
            let slopes = importer.constant(node, 1)?;
            importer.budget.take(Some(view.shape.channels))?;
            let rank = view.sides.len();
            let found = channels(node, view, &slopes)?;
            view = found.0;
            let ok = view.sides.len() == rank;
            node.expect(ok, "sides of the slopes", slopes.dims.len(), rank)?;
            let slopes = found.1;
            Activation::Leaky(match slopes.iter().all(|&slope| slope == slopes[0]) {
                true => vec![slopes[0]],
                false => slopes,
            })
        }
    };
    activate(importer, node, view, activation)
}

/// `activation` of each value, in the layer of `view` if that can be.
pub(super) fn activate<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    view: View,
    activation: Activation,
) -> Result<View> {
    // Zeros around the map stay zeros.
    if view.padding != Padding::default() && !view.padding.lowest && view.each.is_none() {
        let (padding, around, sides) = (view.padding, view.shape, view.sides.clone());
        let inner = View {
            padding: Padding::default(),
            ..view.clone().resized(view.inner())
        };
        let inner = activate(importer, node, inner, activation)?;
        return Ok(View {
            padding,
            shape: around,
            sides,
            ..inner
        });
    }
    let view = importer.plain(view)?;
    if let Some(layer) = importer.layer_of(&view)
        && let Some(both) = joined(&layer.activation, &activation)
    {
        layer.range = layer.range.map(|range| activated(range, &activation));
        layer.activation = both;
        return Ok(view);
    }
    let channels = view.shape.channels;
    let (ones, zeros) = (vec![1.0; channels], vec![0.0; channels]);
    let view = importer.per_channel(node.name(), &view, ones, zeros)?;
    if let Some(layer) = importer.layer_of(&view) {
        layer.activation = activation;
    }
    Ok(view)
}

/// The one activation that does `first` and then `second`.
fn joined(first: &Activation, second: &Activation) -> Option<Activation> {
    use Activation::{Clipped, Leaky, None as Nothing, Relu};
    match (first, second) {
        (Nothing, second) => Some(second.clone()),
        (Clipped(a), Clipped(b)) => Some(Clipped(a.min(*b))),
        (Relu, Clipped(limit)) => Some(Clipped(*limit)),
        (Relu | Clipped(_), Relu | Leaky(_)) => Some(first.clone()),
        _ => None,
    }
}
