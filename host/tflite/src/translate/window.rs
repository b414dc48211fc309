//! Windows over the positions of a map.

use super::Translator;
use super::node::{Node, int, ints};
use crate::error::Result;

/// Kernel, stride and padding of a node.
pub(super) struct Window {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    /// Above, left, below, right.
    pub pads: [usize; 4],
    /// Height and width of the output.
    pub places: [usize; 2],
}

impl Window {
    /// On a map of `size`; the padding of the node is its option 0.
    pub fn new(
        node: &Node<'_>,
        size: [usize; 2],
        kernel: [usize; 2],
        stride: [usize; 2],
        dilation: [usize; 2],
    ) -> Result<Window> {
        let same = match node.option::<i8>(0)?.unwrap_or(0) {
            0 => true,
            1 => false,
            other => return Err(node.wrong("padding", other, "0 (SAME) or 1 (VALID)")),
        };
        let mut window = Window {
            kernel,
            stride,
            dilation,
            pads: [0; 4],
            places: [0; 2],
        };
        for axis in [0, 1] {
            let reach = (kernel[axis] - 1) * dilation[axis] + 1;
            if same {
                let places = size[axis].div_ceil(stride[axis]);
                let all = ((places - 1) * stride[axis] + reach).saturating_sub(size[axis]);
                window.pads[axis] = all / 2;
                window.pads[axis + 2] = all - all / 2;
                window.places[axis] = places;
                continue;
            }
            let Some(room) = size[axis].checked_sub(reach) else {
                let got = format!("{reach} on a side of {}", size[axis]);
                return Err(node.wrong("kernel", got, "one that fits; give a larger shape"));
            };
            window.places[axis] = room / stride[axis] + 1;
        }
        Ok(window)
    }

    /// As attributes of ONNX.
    pub fn attributes(&self) -> Vec<thresh_onnx::proto::AttributeProto> {
        vec![
            ints("kernel_shape", &self.kernel),
            ints("strides", &self.stride),
            ints("pads", &self.pads),
        ]
    }
}

/// Batch, height, width and channels of a map.
pub(super) fn map(node: &Node<'_>, dims: &[usize]) -> Result<[usize; 4]> {
    let sides = <[usize; 4]>::try_from(dims).ok();
    let sides = sides.filter(|sides| !sides.contains(&0));
    let expected = "[1, height, width, channels]";
    sides.ok_or_else(|| node.wrong("shape of input 0", format!("{dims:?}"), expected))
}

/// `AVERAGE_POOL_2D` and `MAX_POOL_2D`.
pub(super) fn pool(translator: &mut Translator<'_>, node: &Node<'_>) -> Result<()> {
    let value = translator.value(node, 0)?;
    let [batch, height, width, channels] = map(node, &value.dims)?;
    let stride = [node.count("stride", 2, 0)?, node.count("stride", 1, 0)?];
    let kernel = [node.count("kernel", 4, 0)?, node.count("kernel", 3, 0)?];
    let window = Window::new(node, [height, width], kernel, stride, [1, 1])?;
    let mut attributes = window.attributes();
    let operator = match node.operator() {
        "MAX_POOL_2D" => "MaxPool",
        _ => {
            // Padding does not count.
            attributes.push(int("count_include_pad", 0));
            "AveragePool"
        }
    };
    let input = translator.channels_first(node, &value);
    let output = translator.emit(node, operator, &[&input], attributes);
    let output = translator.channels_last(node, &output);
    let dims = vec![batch, window.places[0], window.places[1], channels];
    translator.finish(node, output, dims, node.option(5)?)
}
