//! The limits of quantisers, as ranges and activations of the layers before them.

use crate::error::Result;
use crate::importer::Importer;
use crate::node::Node;
use crate::view::{End, View};
use thresh_model::{Activation, Head, Layer, Operator, Weights};

/// `view` behind a quantiser that has the real numbers of `range`.
///
/// A quantiser whose numbers begin at 0 is the activation too: exporters leave out a ReLU before it. One that reaches
/// below 0 says only what is to be expected.
pub(super) fn limit<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    view: View,
    range: [f32; 2],
) -> Result<View> {
    let sound = range.iter().all(|limit| limit.is_finite()) && range[0] <= range[1];
    let got = format!("{} to {}", range[0], range[1]);
    node.expect(sound, "range of the quantiser", got, "finite numbers")?;
    // Bytes have their own limits.
    if view.value == 0 {
        return Ok(view);
    }
    if view.head != Head::Logits || view.end != End::Values {
        return Ok(view);
    }
    let view = match (&view.preprocessing, &view.each) {
        (None, None) => view,
        _ => importer.plain(view)?,
    };
    let Some(index) = view.value.checked_sub(1) else {
        return Ok(view);
    };
    let clips = range[0] == 0.0 && range[1] > 0.0;
    let held = held(&importer.layers, view.value, importer.input_scale);
    let negative = held.is_none_or(|held| held[0] < 0.0);
    let higher = held.is_none_or(|held| held[1] > range[1]);
    if clips && view.exclusive && (negative || higher) {
        let layer = &mut importer.layers[index];
        if let Some(clipped) = clipped(&layer.activation, range[1]) {
            layer.activation = clipped;
            narrow(layer, range);
            return Ok(view);
        }
    }
    if clips && negative {
        let view = importer.plain(view)?;
        let channels = view.shape.channels;
        let (ones, zeros) = (vec![1.0; channels], vec![0.0; channels]);
        let view = importer.per_channel(node.name(), &view, ones, zeros)?;
        if let Some(layer) = importer.layer_of(&view) {
            layer.activation = Activation::Clipped(range[1]);
            layer.range = Some(range);
        }
        return Ok(view);
    }
    let layer = &mut importer.layers[index];
    match layer.range {
        // Another reader may have a quantiser of its own.
        Some([least, most]) if !view.exclusive => {
            let range = [least.min(range[0]), most.max(range[1])];
            layer.range = Some(activated(range, &layer.activation));
        }
        _ => narrow(layer, range),
    }
    Ok(view)
}

/// Makes the range of `layer` that part of it which lies in `range`, and which its activation leaves.
fn narrow(layer: &mut Layer, range: [f32; 2]) {
    let range = activated(range, &layer.activation);
    let both = layer
        .range
        .map(|old| [old[0].max(range[0]), old[1].min(range[1])]);
    layer.range = Some(both.filter(|both| both[0] < both[1]).unwrap_or(range));
}

/// The one activation that does `first` and limits the rest to 0 to `top`.
fn clipped(first: &Activation, top: f32) -> Option<Activation> {
    match first {
        Activation::None | Activation::Relu => Some(Activation::Clipped(top)),
        Activation::Clipped(limit) => Some(Activation::Clipped(limit.min(top))),
        Activation::Leaky(slopes) if slopes.iter().all(|&slope| slope >= 0.0) => {
            Some(Activation::Clipped(top))
        }
        Activation::Leaky(_) => None,
    }
}

/// Between which numbers a value lies whatever the input is; `None` if nothing holds it.
fn held(layers: &[Layer], value: usize, scale: f32) -> Option<[f32; 2]> {
    let mut at = value;
    loop {
        let Some(layer) = at.checked_sub(1).map(|index| &layers[index]) else {
            return Some([0.0, 255.0 * scale]);
        };
        match (&layer.activation, &layer.operator) {
            (Activation::Relu, _) => return Some([0.0, f32::INFINITY]),
            (Activation::Clipped(limit), _) => return Some([0.0, *limit]),
            // What is outside the map counts as 0, and lies between them as well.
            (
                Activation::None,
                Operator::MaxPool { .. }
                | Operator::AveragePool { .. }
                | Operator::Select { .. }
                | Operator::Shuffle { .. },
            ) => at = layer.inputs[0],
            (Activation::None, Operator::Concat { .. }) => {
                let top = |&value: &usize| match layers[value.checked_sub(1)?].activation {
                    Activation::Relu => Some(f32::INFINITY),
                    Activation::Clipped(limit) => Some(limit),
                    _ => None,
                };
                let tops: Option<Vec<f32>> = layer.inputs.iter().map(top).collect();
                return tops.map(|tops| [0.0, tops.into_iter().fold(0.0, f32::max)]);
            }
            _ => return None,
        }
    }
}

/// What `activation` makes of the numbers of `range`.
pub(in crate::ops) fn activated([least, most]: [f32; 2], activation: &Activation) -> [f32; 2] {
    match activation {
        Activation::None => [least, most],
        Activation::Relu => [least.max(0.0), most.max(0.0)],
        Activation::Clipped(limit) => [least.clamp(0.0, *limit), most.clamp(0.0, *limit)],
        Activation::Leaky(slopes) => {
            let mut all = [most.max(0.0), least.max(0.0)].to_vec();
            for slope in slopes {
                all.extend([least.min(0.0) * slope, most.min(0.0) * slope]);
            }
            around(all)
        }
    }
}

/// What the numbers of `range` are times one of `scale` plus the one of `shift` beside it.
pub(in crate::ops) fn scaled(range: [f32; 2], scale: &[f32], shift: &[f32]) -> [f32; 2] {
    let both = scale.iter().zip(shift);
    around(both.flat_map(|(scale, shift)| range.map(|limit| limit * scale + shift)))
}

/// The least and the largest of some numbers.
fn around(numbers: impl IntoIterator<Item = f32>) -> [f32; 2] {
    let none = [f32::INFINITY, f32::NEG_INFINITY];
    numbers.into_iter().fold(none, |[least, most], number| {
        [least.min(number), most.max(number)]
    })
}

/// Ranges that follow from those of quantisers, and codebooks of weights that were integers.
pub(crate) fn finish(importer: &mut Importer<'_>) {
    if importer.quantised.constants {
        for layer in &mut importer.layers {
            let weights = std::mem::replace(&mut layer.weights, Weights::Float(vec![]));
            layer.weights = weights.shared_if_few();
        }
    }
    if importer.layers.iter().all(|layer| layer.range.is_none()) {
        return;
    }
    let mut ranges = vec![Some([0.0, 255.0 * importer.input_scale])];
    for layer in &mut importer.layers {
        if layer.range.is_none() {
            let range = follows(layer, &ranges).map(|range| activated(range, &layer.activation));
            let finite = |range: &[f32; 2]| range.iter().all(|limit| limit.is_finite());
            layer.range = range.filter(finite);
        }
        ranges.push(layer.range);
    }
}

/// The range of what `layer` computes before its activation, where that is as sharp as those of its inputs.
fn follows(layer: &Layer, ranges: &[Option<[f32; 2]>]) -> Option<[f32; 2]> {
    let inputs: Option<Vec<[f32; 2]>> = layer.inputs.iter().map(|&value| ranges[value]).collect();
    let inputs = inputs?;
    match &layer.operator {
        Operator::MaxPool { .. }
        | Operator::Select { .. }
        | Operator::Shuffle { .. }
        | Operator::Concat { .. } => Some(around(inputs.into_iter().flatten())),
        Operator::AveragePool { window, .. } => {
            let zero = (window.pads != [0; 4]).then_some(0.0);
            Some(around(inputs.into_iter().flatten().chain(zero)))
        }
        Operator::Add { .. } => {
            let sum = |at: usize| inputs.iter().map(|range| range[at]).sum::<f32>();
            Some([sum(0), sum(1)])
        }
        // One factor for each channel, or channels in another order.
        Operator::Conv {
            input,
            outputs,
            groups,
            window,
        } if window.kernel == [1, 1] => {
            let row = input.channels / (*groups).max(1);
            let mut all = Vec::new();
            for output in 0..*outputs {
                let weights = (0..row).map(|at| layer.weights.get(output * row + at));
                let mut weights = weights.filter(|&weight| weight != 0.0);
                let weight = weights.next().unwrap_or(0.0);
                if weights.next().is_some() {
                    return None;
                }
                let bias = layer.bias[output];
                all.extend(inputs[0].map(|limit| limit * weight + bias));
                all.extend((window.pads != [0; 4]).then_some(bias));
            }
            Some(around(all))
        }
        Operator::Conv { .. } | Operator::Dense { .. } => None,
    }
}
