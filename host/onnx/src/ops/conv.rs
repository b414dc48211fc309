//! `Conv`.

use super::window::{Plane, window};
use crate::budget::product;
use crate::error::Result;
use crate::importer::Importer;
use crate::node::Node;
use crate::view::{Axis, Preprocessing, View};
use std::rc::Rc;
use thresh_model::{Frame, Operator, Shape, Window, network::FRAME_MARK};

pub(super) fn conv<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let mut view = importer.view(node, 0)?;
    let plane = Plane::of(node, &view)?;
    let kernel = importer.constant(node, 1)?;
    let rank = plane.rank() + 2;
    let groups = usize::try_from(node.int("group", 1)).unwrap_or(0);
    let got = format!("{:?} in {groups} groups", kernel.dims);
    let channels = view.shape.channels;
    let ok = kernel.dims.len() == rank
        && groups > 0
        && kernel.dims[0].is_multiple_of(groups)
        && channels.is_multiple_of(groups)
        && kernel.dims[1] == channels / groups;
    let expected = format!("{rank} sides for {channels} input channels");
    node.expect(ok, "shape of the weights", got, expected)?;
    if let Some(given) = node.counts("kernel_shape")? {
        let ok = given == kernel.dims[2..];
        node.expect(
            ok,
            "kernel_shape",
            format!("{given:?}"),
            "that of the weights",
        )?;
    }
    let (mut window, _) = window(node, &view, plane, &kernel.dims[2..])?;

    importer.budget.take(product(&kernel.dims))?;
    let mut weights = kernel.to_floats();
    let outputs = kernel.dims[0];
    let mut bias = match importer.optional(node, 2)? {
        Some(bias) => {
            let got = format!("{:?}", bias.dims);
            node.expect(bias.dims == [outputs], "shape of the bias", got, outputs)?;
            bias.to_floats()
        }
        None => vec![0.0; outputs],
    };

    let moves_mean =
        |p: &Preprocessing| window.pads != [0; 4] && p.shift.iter().any(|&shift| shift != 0.0);
    let folds = |p: &Rc<Preprocessing>| groups == 1 && (!moves_mean(p) || view.exclusive);
    if view.preprocessing.as_ref().is_some_and(|p| !folds(p)) {
        view = importer.plain(view)?;
    }
    let mut shape = view.shape;
    if let Some(preprocessing) = &view.preprocessing {
        let area = window.kernel[0] * window.kernel[1];
        let folded = Folded::new(preprocessing, &weights, shape.channels, area);
        bias.iter_mut()
            .zip(&folded.shifts)
            .for_each(|(bias, shifts)| {
                *bias += shifts.iter().sum::<f32>();
            });
        weights = folded.weights;
        if moves_mean(preprocessing) {
            let mark = f32::from(FRAME_MARK) * importer.input_scale;
            importer.budget.take(product(&[outputs, area]))?;
            weights = marked(&weights, &folded.shifts, mark, shape.channels);
            importer.frame = Frame {
                pads: window.pads,
                marked: true,
            };
            window.pads = [0; 4];
            shape = importer.framed(shape);
        }
    }
    let operator = Operator::Conv {
        input: shape,
        outputs,
        groups,
        window,
    };
    let output = importer.push_weights(node.name(), vec![view.value], operator, weights, bias)?;
    Ok(on_plane(output, plane))
}

/// The output map of a window over `plane`, with as many sides as the input had.
pub(super) fn on_plane(mut output: View, plane: Plane) -> View {
    if let Plane::One(axis) = plane {
        // The other side has length 1.
        output.sides.remove(if axis == Axis::Row { 3 } else { 2 });
    }
    output
}

/// Weights `[outputs, channels, area]` with the preprocessing in them.
struct Folded {
    weights: Vec<f32>,
    /// What the shift of the preprocessing adds to each output at each position of the kernel.
    shifts: Vec<Vec<f32>>,
}

impl Folded {
    fn new(preprocessing: &Preprocessing, weights: &[f32], channels: usize, area: usize) -> Self {
        let Preprocessing { scale, shift, from } = preprocessing;
        let mut folded = vec![0.0; weights.len()];
        let mut shifts = Vec::new();
        let rows = weights.chunks_exact(channels * area);
        for (row, folded) in rows.zip(folded.chunks_exact_mut(channels * area)) {
            let mut sums = vec![0.0; area];
            for (channel, taps) in row.chunks_exact(area).enumerate() {
                for (position, &weight) in taps.iter().enumerate() {
                    folded[from[channel] * area + position] = weight * scale[channel];
                    sums[position] += weight * shift[channel];
                }
            }
            shifts.push(sums);
        }
        Folded {
            weights: folded,
            shifts,
        }
    }
}

/// The weights with one channel more, which takes `shifts` back where the input holds `mark`: outside
/// the image nothing is shifted.
fn marked(weights: &[f32], shifts: &[Vec<f32>], mark: f32, channels: usize) -> Vec<f32> {
    let area = shifts.first().map_or(0, Vec::len);
    let rows = weights.chunks_exact((channels * area).max(1)).zip(shifts);
    let row = |(row, shifts): (&[f32], &Vec<f32>)| {
        let back = shifts.iter().map(|shift| -shift / mark);
        row.iter().copied().chain(back).collect::<Vec<f32>>()
    };
    rows.flat_map(row).collect()
}

/// The operator of a 1x1 convolution of a whole map.
pub(super) fn pointwise(input: Shape, outputs: usize) -> Operator {
    Operator::Conv {
        input,
        outputs,
        groups: 1,
        window: Window::valid([1, 1]),
    }
}
