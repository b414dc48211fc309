//! `BatchNormalization`, and arithmetic with constants: a factor and a summand for each channel.

use super::quantised::scaled;
use super::{each, widened};
use crate::error::Result;
use crate::importer::Importer;
use crate::node::Node;
use crate::tensor::Tensor;
use crate::view::{Axis, Padding, Preprocessing, View};
use std::rc::Rc;
use thresh_model::{Activation, Operator, Weights};

/// `x * scale[channel] + shift[channel]`, in the layer of `view` if that can be.
pub(super) fn apply<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    mut view: View,
    scale: Vec<f32>,
    shift: Vec<f32>,
) -> Result<View> {
    if scale.iter().all(|&s| s == 1.0) && shift.iter().all(|&s| s == 0.0) {
        return Ok(view);
    }
    // What follows may copy as many values.
    importer.budget.take(scale.len().checked_mul(3))?;
    let shifts = shift.iter().any(|&s| s != 0.0);
    if view.each.is_some()
        || (view.padding != Padding::default() && (shifts || view.padding.lowest))
    {
        view = importer.plain(view)?;
    }
    if let Some(before) = &mut view.preprocessing {
        let before = Rc::make_mut(before);
        for (channel, (&scale, &shift)) in scale.iter().zip(&shift).enumerate() {
            before.scale[channel] *= scale;
            before.shift[channel] = before.shift[channel] * scale + shift;
        }
        return Ok(view);
    }
    if let Some(layer) = importer.layer_of(&view)
        && layer.activation == Activation::None
        && matches!(
            layer.operator,
            Operator::Conv { .. } | Operator::Dense { .. }
        )
        && let Weights::Float(weights) = &mut layer.weights
    {
        let row = weights.len() / scale.len();
        for (weights, &scale) in weights.chunks_exact_mut(row.max(1)).zip(&scale) {
            weights.iter_mut().for_each(|weight| *weight *= scale);
        }
        layer.range = layer.range.map(|range| scaled(range, &scale, &shift));
        for (bias, (&scale, &shift)) in layer.bias.iter_mut().zip(scale.iter().zip(&shift)) {
            *bias = *bias * scale + shift;
        }
        return Ok(view);
    }
    if view.exclusive {
        // The next layer may take it.
        let from = (0..scale.len()).collect();
        view.preprocessing = Some(Rc::new(Preprocessing { scale, shift, from }));
        return Ok(view);
    }
    view = importer.plain(view)?;
    importer.per_channel(node.name(), &view, scale, shift)
}

/// `Add`, `Sub`, `Mul` and `Div` with a constant, which comes first if `reversed`.
pub(super) fn arithmetic<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    view: View,
    constant: &Tensor,
    reversed: bool,
) -> Result<View> {
    let (view, values, each) = match channels(node, view.clone(), constant) {
        Ok((view, values)) => (view, values, false),
        Err(error) => {
            let (view, values) = each::values(importer, &view, constant)?.ok_or(error)?;
            (view, values, true)
        }
    };
    let all = |value: f32| vec![value; values.len()];
    let negative = || values.iter().map(|&value| -value).collect();
    let (scale, shift) = match (node.operator(), reversed) {
        ("Add", _) => (all(1.0), values),
        ("Sub", false) => (all(1.0), negative()),
        ("Sub", true) => (all(-1.0), values),
        ("Mul", _) => {
            let zero = all(0.0);
            (values, zero)
        }
        ("Div", false) => (values.iter().map(|&value| 1.0 / value).collect(), all(0.0)),
        _ => return Err(node.wrong("divisor", "computed", "a constant")),
    };
    if each {
        return each::apply(importer, view, scale, shift);
    }
    apply(importer, node, view, scale, shift)
}

pub(super) fn negative<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let view = importer.padded(node, 0)?;
    let channels = view.shape.channels;
    apply(
        importer,
        node,
        view,
        vec![-1.0; channels],
        vec![0.0; channels],
    )
}

pub(super) fn normalization<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let view = importer.padded(node, 0)?;
    let training = node.int("training_mode", 0) != 0 || node.int("spatial", 1) != 1;
    let expected = "neither; export the model for inference";
    node.expect(!training, "mode", "training_mode or spatial=0", expected)?;
    // Behind a flatten, each value has a mean of its own.
    let by_channel = view.sides.len() >= 2 && view.is_axis(1, Axis::Channel);
    let ok = by_channel || each::is_flat(&view, 1);
    let got = format!("{:?}", view.dims());
    let expected = "channels in side 1; normalise before flattening";
    node.expect(ok, "shape of the input", got, expected)?;
    let channels = view.sides[1].size;
    let mut parameters = Vec::new();
    for index in 1..=4 {
        let tensor = importer.constant(node, index)?;
        let got = format!("{:?}", tensor.dims);
        node.expect(
            tensor.dims == [channels],
            format!("shape of input {index}"),
            got,
            channels,
        )?;
        parameters.push(tensor.to_floats());
    }
    let epsilon = f64::from(node.float("epsilon", 1e-5));
    let [factor, bias, mean, variance] = [0, 1, 2, 3].map(|index| &parameters[index]);
    let mut scale = Vec::new();
    let mut shift = Vec::new();
    for channel in 0..channels {
        let deviation = (f64::from(variance[channel]) + epsilon).sqrt();
        let by = f64::from(factor[channel]) / deviation;
        scale.push(by as f32);
        shift.push((f64::from(bias[channel]) - f64::from(mean[channel]) * by) as f32);
    }
    if by_channel {
        return apply(importer, node, view, scale, shift);
    }
    let [scale, shift] = each::in_map_order(importer, &view, [scale, shift])?;
    each::apply(importer, view, scale, shift)
}

/// The value of `constant` for each channel of `view`, which may get more sides of length 1.
pub(super) fn channels(node: Node<'_>, view: View, constant: &Tensor) -> Result<(View, Vec<f32>)> {
    let mut dims = constant.dims.clone();
    // Before version 7 a constant could be laid at a side other than the last.
    if let (Some(axis), true) = (node.attribute("axis"), node.int("broadcast", 0) != 0) {
        let axis = node.axis(axis.i, view.sides.len())?;
        while dims.len() + axis < view.sides.len() {
            dims.push(1);
        }
    }
    let view = widened(view, dims.len());
    let first = view.sides.len() - dims.len();
    let channels = view.shape.channels;
    let got = format!("{dims:?} on {:?}", view.dims());
    let wrong = || node.wrong("shape of the constant", &got, "one value, or one a channel");
    let fits = |(at, &dim): (usize, &usize)| dim == 1 || dim == view.sides[first + at].size;
    if !dims.iter().enumerate().all(fits) || constant.data.len() == 0 {
        return Err(wrong());
    }
    // Exporters write one value as a map of equal ones.
    let constant = Tensor {
        dims,
        data: constant.data.clone(),
    };
    let constant = constant.reduced();
    let dims = &constant.dims;
    let varies: Vec<usize> = (0..dims.len()).filter(|&i| dims[i] != 1).collect();
    let values = match varies.as_slice() {
        [] => vec![constant.float_at(0); channels],
        &[index] if view.is_axis(first + index, Axis::Channel) && dims[index] == channels => {
            constant.to_floats()
        }
        _ => return Err(wrong()),
    };
    Ok((view, values))
}
