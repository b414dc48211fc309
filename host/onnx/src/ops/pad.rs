//! `Pad`: zeros around a map, which go into the padding of what reads it; and channels of zeros.

use super::cut;
use super::shape::integers;
use crate::error::Result;
use crate::importer::Importer;
use crate::node::{MOST_COUNT, Node};
use crate::view::{Axis, Padding, View};
use thresh_model::{Operator, Shape, Window};

pub(super) fn pad<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let view = importer.padded(node, 0)?;
    let rank = view.sides.len();
    let given = match node.ints("pads").or_else(|| node.ints("paddings")) {
        Some(pads) => pads.to_vec(),
        None => {
            let pads = importer.constant(node, 1)?;
            integers(node, &pads)?
        }
    };
    let sides = match importer.optional(node, 3)? {
        Some(axes) => {
            let axes = integers(node, &axes)?;
            let sides: Result<Vec<usize>> =
                axes.iter().map(|&axis| node.axis(axis, rank)).collect();
            sides?
        }
        None => (0..rank).collect(),
    };
    let got = format!("{given:?} of {:?}", view.dims());
    let ok = given.len() == 2 * sides.len();
    node.expect(ok, "pads", &got, format!("{} numbers", 2 * sides.len()))?;
    let limits = -(MOST_COUNT as i64)..=MOST_COUNT as i64;
    let ok = given.iter().all(|pad| limits.contains(pad));
    node.expect(ok, "pads", &got, format!("at most {MOST_COUNT}"))?;
    if given.iter().all(|&pad| pad == 0) {
        return Ok(view);
    }
    let mode = node.text("mode").unwrap_or_else(|| "constant".into());
    let only_cuts = given.iter().all(|&pad| pad <= 0);
    let expected = "constant; pad with zeros";
    node.expect(mode == "constant" || only_cuts, "mode", mode, expected)?;
    let value = match (node.attribute("value"), importer.optional(node, 2)?) {
        (Some(value), _) => value.f,
        (None, Some(value)) if value.data.len() == 1 => value.float_at(0),
        (None, Some(_)) => return Err(node.wrong("value", "several", "one")),
        (None, None) => 0.0,
    };
    let lowest = value <= f32::MIN;
    let expected = "0; pad with zeros";
    node.expect(
        value == 0.0 || lowest || only_cuts,
        "value",
        value,
        expected,
    )?;

    let mut before = [0; 3];
    let mut after = [0; 3];
    for (at, &side) in sides.iter().enumerate() {
        let pads = [given[at], given[at + sides.len()]];
        if pads == [0, 0] {
            continue;
        }
        let Some(axis) = view.axis_of(side) else {
            return Err(node.wrong("pads", got, "sides of channels, rows or columns"));
        };
        let index = Axis::ALL.iter().position(|&a| a == axis).unwrap_or(0);
        before[index] += pads[0];
        after[index] += pads[1];
    }
    let mut view = view;
    for (index, &axis) in Axis::ALL.iter().enumerate() {
        let size = axis.of(view.shape) as i64;
        let (from, to) = ((-before[index]).max(0), size - (-after[index]).max(0));
        node.expect(from < to, "pads", &got, "a map of which something is left")?;
        if (from, to) != (0, size) {
            let kept = (from as usize..to as usize).collect();
            view = cut::pick(importer, node, view, axis, kept)?;
        }
    }
    let [before, after] = [before, after].map(|pads| pads.map(|pad| pad.max(0) as usize));
    if before[0] + after[0] > 0 {
        node.expect(!lowest, "value", value, "0 on channels")?;
        view = more_channels(importer, node, view, before[0], after[0])?;
    }
    around(
        importer,
        view,
        [before[1], before[2], after[1], after[2]],
        lowest,
    )
}

/// `view` with padding, which is in addition to what it has.
pub(super) fn around(
    importer: &mut Importer<'_>,
    mut view: View,
    pads: [usize; 4],
    lowest: bool,
) -> Result<View> {
    if pads == [0; 4] {
        return Ok(view);
    }
    let differs = view.padding.pads != [0; 4] && view.padding.lowest != lowest;
    if differs || view.each.is_some() {
        view = importer.plain(view)?;
    }
    let [top, left, bottom, right] = pads;
    let mut shape = view.shape;
    shape.height += top + bottom;
    shape.width += left + right;
    let had = view.padding.pads;
    let mut view = view.resized(shape);
    view.padding = Padding {
        pads: [0, 1, 2, 3].map(|side| had[side] + pads[side]),
        lowest,
    };
    Ok(view)
}

/// The map with channels of zeros before and behind its own.
fn more_channels<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    view: View,
    before: usize,
    after: usize,
) -> Result<View> {
    let view = importer.plain(view)?;
    let channels = view.shape.channels;
    let outputs = channels + before + after;
    importer.budget.take(channels.checked_mul(outputs))?;
    let mut weights = vec![0.0; channels * outputs];
    for channel in 0..channels {
        weights[(before + channel) * channels + channel] = 1.0;
    }
    let operator = Operator::Conv {
        input: view.shape,
        outputs,
        groups: 1,
        window: Window::valid([1, 1]),
    };
    let bias = vec![0.0; outputs];
    let layer = importer.push_weights(node.name(), vec![view.value], operator, weights, bias)?;
    let shape = Shape {
        channels: outputs,
        ..view.shape
    };
    let resized = view.resized(shape);
    Ok(View {
        sides: resized.sides,
        ..layer
    })
}
