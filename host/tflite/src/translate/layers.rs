//! Convolutions and fully connected layers.

use super::node::{Node, int, ints};
use super::window::{Window, map};
use super::{Translator, constant::integers};
use crate::error::Result;

pub(super) fn conv(translator: &mut Translator<'_>, node: &Node<'_>) -> Result<()> {
    let value = translator.value(node, 0)?;
    let [.., channels] = map(node, &value.dims)?;
    let kernel = translator.constant(node, 1)?;
    // [outputs, height, width, inputs].
    let (weights, dims) = translator.weights(node, kernel, &[0, 3, 1, 2])?;
    let ok = channels.is_multiple_of(dims[1]) && dims[0].is_multiple_of(channels / dims[1].max(1));
    let got = format!("{dims:?} of outputs, inputs, height, width");
    let expected = format!("inputs that divide {channels} channels");
    node.expect(ok, "shape of the weights", got, expected)?;
    let dilation = [node.count("dilation", 5, 1)?, node.count("dilation", 4, 1)?];
    let groups = channels / dims[1];
    let fused = node.option(3)?;
    layer(translator, node, &weights, &dims, groups, dilation, fused)
}

pub(super) fn depthwise(translator: &mut Translator<'_>, node: &Node<'_>) -> Result<()> {
    let value = translator.value(node, 0)?;
    let [.., channels] = map(node, &value.dims)?;
    let kernel = translator.constant(node, 1)?;
    // [1, height, width, channels x multiplier].
    let (weights, dims) = translator.weights(node, kernel, &[3, 0, 1, 2])?;
    let ok = dims[1] == 1 && dims[0].is_multiple_of(channels);
    let got = format!("{:?}", [dims[1], dims[2], dims[3], dims[0]]);
    let expected = format!("1, height, width and a multiple of {channels}");
    node.expect(ok, "shape of the weights", got, expected)?;
    let dilation = [node.count("dilation", 6, 1)?, node.count("dilation", 5, 1)?];
    let fused = node.option(4)?;
    layer(translator, node, &weights, &dims, channels, dilation, fused)
}

/// A convolution with the weights `name`, `[outputs, inputs of a group, height, width]`.
fn layer(
    translator: &mut Translator<'_>,
    node: &Node<'_>,
    weights: &str,
    kernel: &[usize],
    groups: usize,
    dilation: [usize; 2],
    fused: Option<i8>,
) -> Result<()> {
    let value = translator.value(node, 0)?;
    let [batch, height, width, _] = map(node, &value.dims)?;
    let stride = [node.count("stride", 2, 0)?, node.count("stride", 1, 0)?];
    let sides = [kernel[2], kernel[3]];
    let blocks = translator.blocks(node.input(0)?);
    let dilation = [dilation[0] * blocks[0], dilation[1] * blocks[1]];
    let most = dilation[0].max(dilation[1]);
    node.expect(most <= 1 << 20, "dilation", most, "1 to 1048576")?;
    let window = Window::new(node, [height, width], sides, stride, dilation)?;
    let outputs = kernel[0];
    let scale = bias_scale(translator, node)?;
    let bias = translator.bias(node, 2, outputs, scale)?;
    let mut attributes = window.attributes();
    attributes.extend([
        ints("dilations", &window.dilation),
        int("group", groups as i64),
    ]);
    let input = translator.channels_first(node, &value);
    let mut inputs = vec![input.as_str(), weights];
    inputs.extend(bias.as_deref());
    let output = translator.emit(node, "Conv", &inputs, attributes);
    let output = translator.channels_last(node, &output);
    let dims = vec![batch, window.places[0], window.places[1], outputs];
    translator.finish(node, output, dims, fused)
}

/// What a bias of integers is to be multiplied by, from the scales of input and weights.
fn bias_scale(translator: &Translator<'_>, node: &Node<'_>) -> Result<Option<Vec<f32>>> {
    let scales = |tensor: usize| {
        let quantisation = translator.file.tensors[tensor].quantisation.as_ref();
        quantisation.map(|quantisation| quantisation.scale.clone())
    };
    let input = scales(node.input(0)?);
    let weights = scales(translator.constant(node, 1)?);
    Ok(match (input.as_deref(), weights) {
        (Some(&[input]), Some(weights)) => {
            Some(weights.into_iter().map(|scale| scale * input).collect())
        }
        _ => None,
    })
}

pub(super) fn fully_connected(translator: &mut Translator<'_>, node: &Node<'_>) -> Result<()> {
    let value = translator.value(node, 0)?;
    let format = node.option::<i8>(1)?.unwrap_or(0);
    let expected = "0: one row an output; convert the model again";
    node.expect(format == 0, "format of the weights", format, expected)?;
    let matrix = translator.constant(node, 1)?;
    let sides = translator.file.tensors[matrix].dims()?;
    let &[outputs @ (1..), inputs @ (1..)] = sides.as_slice() else {
        let expected = "[outputs, inputs]";
        return Err(node.wrong("shape of the weights", format!("{sides:?}"), expected));
    };
    let count: Option<usize> = value
        .dims
        .iter()
        .try_fold(1usize, |n, &side| n.checked_mul(side));
    let rows = count
        .filter(|count| count.is_multiple_of(inputs))
        .map(|count| count / inputs);
    let Some(rows) = rows.filter(|&rows| rows > 0) else {
        let expected = format!("a multiple of {inputs} values, as the weights have it");
        return Err(node.wrong("shape of input 0", format!("{:?}", value.dims), expected));
    };
    let scale = bias_scale(translator, node)?;
    let bias = translator.bias(node, 2, outputs, scale)?;
    let keeps = node.option::<u8>(2)?.unwrap_or(0) != 0;
    let last = value.dims.last() == Some(&inputs);
    let mut dims = match keeps && last {
        true => value.dims.clone(),
        false => vec![rows, inputs],
    };
    if let Some(side) = dims.last_mut() {
        *side = outputs;
    }
    let output = if rows == 1 {
        let flat = translator.reshaped(node, &value.name, &[1, inputs]);
        let (weights, _) = translator.weights(node, matrix, &[0, 1])?;
        let mut all = vec![flat.as_str(), weights.as_str()];
        all.extend(bias.as_deref());
        let output = translator.emit(node, "Gemm", &all, vec![int("transB", 1)]);
        match dims.len() {
            2 => output,
            _ => translator.reshaped(node, &output, &dims),
        }
    } else {
        // On every position of a map.
        let (weights, _) = translator.weights(node, matrix, &[1, 0])?;
        let mut input = value.name.clone();
        if !last {
            input = translator.reshaped(node, &input, &[rows, inputs]);
        }
        let mut output = translator.emit(node, "MatMul", &[&input, &weights], vec![]);
        if let Some(bias) = bias {
            output = translator.emit(node, "Add", &[&output, &bias], vec![]);
        }
        let made: Vec<usize> = match last {
            true => [&value.dims[..value.dims.len() - 1], &[outputs]].concat(),
            false => vec![rows, outputs],
        };
        match made == dims {
            true => output,
            false => translator.reshaped(node, &output, &dims),
        }
    };
    translator.finish(node, output, dims, node.option(0)?)
}

impl Translator<'_> {
    /// The values of `name` with other sides.
    pub fn reshaped(&mut self, node: &Node<'_>, name: &str, dims: &[usize]) -> String {
        let sides = integers(dims.iter().map(|&side| side as i64).collect());
        let sides = self.initializer(sides);
        self.emit(node, "Reshape", &[name, &sides], vec![])
    }
}
