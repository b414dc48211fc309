//! Pooling: windows that slide, and means over all positions.

use super::conv::on_plane;
use super::window::{Plane, window};
use crate::error::Result;
use crate::importer::Importer;
use crate::node::Node;
use crate::view::{Axis, Side, View};
use thresh_model::{Operator, Window};

/// `MaxPool` and `AveragePool`.
pub(super) fn windows<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let view = importer.view(node, 0)?;
    let plane = Plane::of(node, &view)?;
    let Some(kernel) = node.counts("kernel_shape")? else {
        return Err(node.wrong("kernel_shape", "missing", "one number a side"));
    };
    let (window, over) = window(node, &view, plane, &kernel)?;
    let view = importer.plain(view)?;
    let input = view.shape;
    let largest = node.operator() == "MaxPool";
    let operator = if largest {
        let last = node
            .proto
            .output
            .get(1)
            .is_some_and(|name| !name.is_empty());
        node.expect(
            !last,
            "second output",
            "present",
            "none: indices are not given",
        )?;
        Operator::MaxPool { input, window }
    } else {
        let counts = node.int("count_include_pad", 0) != 0 || window.pads == [0; 4];
        let expected = "1, or no padding; positions outside the map count as zeros";
        node.expect(counts, "count_include_pad", 0, expected)?;
        let expected = "windows inside the padded map; pool without ceil_mode";
        node.expect(
            over == [0, 0],
            "ceil_mode",
            format!("{over:?} over the edge"),
            expected,
        )?;
        Operator::AveragePool { input, window, excluded: [0; 4] }
    };
    let output = importer.push(node, vec![view.value], operator)?;
    Ok(on_plane(output, plane))
}

/// `GlobalAveragePool`, `GlobalMaxPool` and `ReduceMean` over positions.
pub(super) fn whole<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let view = importer.view(node, 0)?;
    let rank = view.sides.len();
    let mut keep = true;
    let mut sides: Vec<usize> = (2..rank).collect();
    if node.operator() == "ReduceMean" {
        keep = node.int("keepdims", 1) != 0;
        let given = match node.ints("axes") {
            Some(axes) => Some(axes.to_vec()),
            None => match importer.optional(node, 1)? {
                Some(axes) => Some(super::shape::integers(node, &axes)?),
                None => None,
            },
        };
        sides = match given.as_deref() {
            None | Some([]) if node.int("noop_with_empty_axes", 0) != 0 => return Ok(view),
            None | Some([]) => (0..rank).collect(),
            Some(axes) => node.axes(axes, rank)?,
        };
    }
    let over = |axis: Axis| {
        sides
            .iter()
            .any(|&side| view.sides[side].axes.contains(&axis))
    };
    let got = format!("{sides:?} of {:?}", view.dims());
    node.expect(!over(Axis::Channel), "axes", got, "height and width alone")?;
    let side = |axis: Axis| if over(axis) { axis.of(view.shape) } else { 1 };
    let window = Window::whole([side(Axis::Row), side(Axis::Column)]);
    let mut view = importer.plain(view)?;
    if window.kernel != [1, 1] {
        let input = view.shape;
        let operator = match node.operator() {
            "GlobalMaxPool" => Operator::MaxPool { input, window },
            _ => Operator::AveragePool { input, window, excluded: [0; 4] },
        };
        let output = importer.push(node, vec![view.value], operator)?;
        view = View {
            sides: view.sides,
            ..output
        };
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
