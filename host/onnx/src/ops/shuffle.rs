//! The channel shuffle: a `Reshape` that cuts the channels in two sides, a `Transpose` of the two, and a
//! `Reshape` that joins them again.

use super::shape::reshaped;
use crate::error::Result;
use crate::importer::{Importer, open};
use crate::node::Node;
use crate::view::{Axis, Cut, Side, View};
use thresh_model::Operator;

/// The next step of a shuffle; `None` if `node` is none.
pub(super) fn run<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    view: &View,
) -> Result<Option<View>> {
    let Some(cut) = view.cut else {
        return begin(importer, node, view);
    };
    match node.operator() {
        "Identity" | "Dropout" | "Cast" => Ok(None),
        "Transpose" if node.ints("perm") == Some(&[0, 2, 1, 3, 4]) => {
            let mut view = view.clone();
            view.sides.swap(1, 2);
            let turned = !cut.turned;
            view.cut = Some(Cut { turned, ..cut });
            Ok(Some(view))
        }
        "Reshape" => {
            let sizes = reshaped(importer, node, view)?;
            let whole = View::of_map(view.value, view.shape);
            let expected = format!("{:?}, the end of a channel shuffle", whole.dims());
            let ok = sizes == whole.dims();
            node.expect(ok, "new shape", format!("{sizes:?}"), expected)?;
            if !cut.turned {
                return Ok(Some(View {
                    cut: None,
                    sides: whole.sides,
                    ..view.clone()
                }));
            }
            let view = View {
                cut: None,
                ..view.clone()
            };
            let view = importer.plain(view)?;
            let operator = Operator::Shuffle {
                shape: view.shape,
                groups: cut.groups,
            };
            importer.push(node, vec![view.value], operator).map(Some)
        }
        _ => open(node, view).map(|()| None),
    }
}

/// The first step: sides `[1, groups, channels / groups, height, width]` of a map.
fn begin<'a>(importer: &mut Importer<'a>, node: Node<'a>, view: &View) -> Result<Option<View>> {
    let whole = View::of_map(view.value, view.shape);
    if node.operator() != "Reshape" || view.sides != whole.sides {
        return Ok(None);
    }
    let sizes = reshaped(importer, node, view)?;
    let shape = view.shape;
    let &[1, groups, within, height, width] = sizes.as_slice() else {
        return Ok(None);
    };
    let cuts = groups > 1 && within > 1 && groups.checked_mul(within) == Some(shape.channels);
    if !cuts || [height, width] != [shape.height, shape.width] {
        return Ok(None);
    }
    open(node, view)?;
    let part = |size| Side {
        size,
        axes: vec![Axis::Channel],
    };
    let mut sides = whole.sides;
    sides.splice(1..2, [part(groups), part(within)]);
    Ok(Some(View {
        sides,
        cut: Some(Cut {
            groups,
            turned: false,
        }),
        ..view.clone()
    }))
}
