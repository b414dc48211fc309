//! `SpaceToDepth`.

use super::window::Plane;
use crate::error::Result;
use crate::importer::Importer;
use crate::node::Node;
use crate::view::View;
use thresh_model::{Operator, Window};

/// `SpaceToDepth`: the positions of a block as channels, by a kernel that picks one each.
pub(super) fn blocks<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let view = importer.view(node, 0)?;
    let view = importer.plain(view)?;
    let ok = Plane::of(node, &view)? == Plane::Both;
    node.expect(
        ok,
        "shape of the input",
        format!("{:?}", view.dims()),
        "[1, channels, height, width]",
    )?;
    let size = usize::try_from(node.int("blocksize", 0)).unwrap_or(0);
    let divides = |side: usize| size > 0 && side.is_multiple_of(size);
    let ok = divides(view.shape.height) && divides(view.shape.width);
    node.expect(ok, "blocksize", size, "a divisor of height and width")?;
    let (count, area) = (view.shape.channels, size * size);
    let outputs = count * area;
    importer.budget.take(outputs.checked_mul(outputs))?;
    let mut weights = vec![0.0; outputs * outputs];
    for output in 0..outputs {
        let (place, channel) = (output / count, output % count);
        weights[output * outputs + channel * area + place] = 1.0;
    }
    let operator = Operator::Conv {
        input: view.shape,
        outputs,
        groups: 1,
        window: Window::whole([size, size]),
    };
    importer.push_weights(
        node.name(),
        vec![view.value],
        operator,
        weights,
        vec![0.0; outputs],
    )
}
