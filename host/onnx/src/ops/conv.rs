//! `Conv`.

use super::window::{Plane, dilations, window};
use crate::budget::product;
use crate::error::Result;
use crate::importer::Importer;
use crate::node::{MOST_COUNT, Node};
use crate::tensor::Tensor;
use crate::view::{Axis, Padding, Preprocessing, View};
use std::rc::Rc;
use thresh_model::{Frame, Operator, Shape, Window, network::FRAME_MARK};

pub(super) fn conv<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let mut view = importer.padded(node, 0)?;
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
    if view.each.is_some() || view.padding.lowest {
        view = importer.plain(view)?;
    }
    let dilations = dilations(node, plane)?;
    let spread = dilated(node, &kernel.dims[2..], &dilations)?;
    let (mut window, _) = window(node, &view, plane, &spread)?;

    let outputs = kernel.dims[0];
    importer.budget.take(product(&kernel.dims))?;
    let area = window.kernel[0].checked_mul(window.kernel[1]);
    let all = product(&kernel.dims[..2]).zip(area);
    importer
        .budget
        .take(all.and_then(|(rows, area)| rows.checked_mul(area)))?;
    let mut weights = placed(&kernel, plane, &dilations, window.kernel);
    let mut bias = match importer.optional(node, 2)? {
        Some(bias) => {
            let got = format!("{:?}", bias.dims);
            node.expect(bias.dims == [outputs], "shape of the bias", got, outputs)?;
            bias.to_floats()
        }
        None => vec![0.0; outputs],
    };

    let outside = [0, 1, 2, 3].map(|side| window.pads[side] + view.padding.pads[side]);
    let moves_mean = |p: &Preprocessing| outside != [0; 4] && p.shifts();
    let frames = view.value == 0 && view.exclusive;
    let folds = |p: &Rc<Preprocessing>| match groups {
        1 => !moves_mean(p) || frames,
        _ => !moves_mean(p) && p.keeps_order(),
    };
    if view.preprocessing.as_ref().is_some_and(|p| !folds(p)) {
        let (padding, around) = (view.padding, view.shape);
        let inner = View {
            padding: Padding::default(),
            ..view.clone().resized(view.inner())
        };
        view = importer.plain(inner)?.resized(around);
        view.padding = padding;
    }
    window.pads = outside;
    let mut shape = view.inner();
    if let Some(preprocessing) = &view.preprocessing {
        importer.expects(view.value, preprocessing);
        let area = window.kernel[0] * window.kernel[1];
        let folded = Folded::new(preprocessing, &weights, kernel.dims[1], groups, area);
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

/// The sides of a kernel whose values stand `dilations` apart.
fn dilated(node: Node<'_>, kernel: &[usize], dilations: &[usize]) -> Result<Vec<usize>> {
    let side = |(&kernel, &dilation): (&usize, &usize)| {
        let last = kernel.checked_sub(1)?.checked_mul(dilation)?;
        last.checked_add(1).filter(|&side| side <= MOST_COUNT)
    };
    let sides: Option<Vec<usize>> = kernel.iter().zip(dilations).map(side).collect();
    let got = format!("kernel {kernel:?}, dilations {dilations:?}");
    let expected = format!("sides from 1 to {MOST_COUNT} with what lies between the values");
    sides.ok_or_else(|| node.wrong("window", got, expected))
}

/// The weights of `kernel` as `[outputs, channels, height, width]` of this size, with zeros between values that are
/// `dilations` apart.
fn placed(kernel: &Tensor, plane: Plane, dilations: &[usize], size: [usize; 2]) -> Vec<f32> {
    if dilations.iter().all(|&dilation| dilation == 1) && plane != Plane::Turned {
        return kernel.to_floats();
    }
    let dilations = plane.spread(dilations, 1);
    let own = plane.spread(&kernel.dims[2..], 1);
    let (inner, area) = (own[0] * own[1], size[0] * size[1]);
    let mut weights = vec![0.0; kernel.data.len() / inner * area];
    for index in 0..kernel.data.len() {
        let (row, at) = (index / inner, index % inner);
        let [y, x] = match plane {
            Plane::Turned => [at % own[0], at / own[0]],
            _ => [at / own[1], at % own[1]],
        };
        let place = y * dilations[0] * size[1] + x * dilations[1];
        weights[row * area + place] = kernel.float_at(index);
    }
    weights
}

/// The output map of a window over `plane`, with as many sides as the input had.
pub(super) fn on_plane(mut output: View, plane: Plane) -> View {
    if plane == Plane::Turned {
        output.sides.swap(2, 3);
    }
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
    /// `channels` are those of a group.
    fn new(
        preprocessing: &Preprocessing,
        weights: &[f32],
        channels: usize,
        groups: usize,
        area: usize,
    ) -> Self {
        let Preprocessing { scale, shift, from } = preprocessing;
        let mut folded = vec![0.0; weights.len()];
        let mut shifts = Vec::new();
        let rows = weights.chunks_exact(channels * area);
        let in_group = (rows.len() / groups).max(1);
        let pairs = rows.zip(folded.chunks_exact_mut(channels * area));
        for (output, (row, folded)) in pairs.enumerate() {
            let first = output / in_group * channels;
            let mut sums = vec![0.0; area];
            for (channel, taps) in row.chunks_exact(area).enumerate() {
                let to = from[first + channel] - first;
                for (position, &weight) in taps.iter().enumerate() {
                    folded[to * area + position] += weight * scale[first + channel];
                    sums[position] += weight * shift[first + channel];
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
