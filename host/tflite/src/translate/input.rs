//! The input of the model, and values that operators read.

use super::node::{Node, ints};
use super::{Translator, Value};
use crate::error::{Result, TfliteError};
use crate::file::Kind;
use thresh_model::Shape;
use thresh_onnx::ImportOptions;
use thresh_onnx::proto::{
    Dimension, DimensionValue, NodeProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto, data_type,
};

/// Name of the input in the graph of ONNX.
const INPUT: &str = "input";

impl<'a> Translator<'a> {
    /// Declares the input; gives the options with what its quantiser says.
    pub(super) fn input(&mut self, options: &ImportOptions) -> Result<ImportOptions> {
        let &[input] = self.file.inputs.as_slice() else {
            let names = self.file.inputs.iter();
            let names: Vec<&str> = names.map(|&t| self.file.tensors[t].name.as_str()).collect();
            let got = format!("{}: {}", names.len(), names.join(", "));
            return Err(TfliteError::model("inputs of the model", got, "one image"));
        };
        let tensor = &self.file.tensors[input];
        let mut options = scaled(options, tensor)?;
        let mut dims = tensor.dims()?;
        let free = |side: usize| tensor.signature.get(side).is_some_and(|&size| size < 0);
        if free(0) && !dims.is_empty() {
            dims[0] = 1;
        }
        if let (Some(shape), 4) = (options.shape, dims.len()) {
            let sides = [shape.height, shape.width, shape.channels];
            for (side, size) in sides.into_iter().enumerate() {
                if free(side + 1) {
                    dims[side + 1] = size;
                }
            }
        }
        if dims.contains(&0) {
            let got = format!("{dims:?}");
            let expected = "sides from 1 on; give the shape of the image";
            return Err(TfliteError::model("shape of the input", got, expected));
        }
        let declared = match dims.as_slice() {
            // As ONNX has a map, so that no other reading is tried.
            &[batch, height, width, channels] => {
                options.shape.get_or_insert(Shape {
                    channels,
                    height,
                    width,
                });
                vec![batch, channels, height, width]
            }
            other => other.to_vec(),
        };
        self.graph.input = vec![info(&declared)];
        let mut name = INPUT.to_string();
        if dims.len() == 4 {
            self.graph.node.push(NodeProto {
                input: vec![name],
                output: vec!["%0".into()],
                name: tensor.name.clone(),
                op_type: "Transpose".into(),
                attribute: vec![ints("perm", LAST)],
                domain: String::new(),
            });
            name = "%0".into();
        }
        self.values.insert(input, Value { name, dims });
        Ok(options)
    }

    /// Input `index` of a node, which must depend on the network's input.
    pub fn value(&self, node: &Node<'_>, index: usize) -> Result<Value> {
        let tensor = node.input(index)?;
        let value = self.values.get(&tensor).cloned();
        value.ok_or_else(|| {
            let got = match self.is_constant(tensor) {
                true => "a constant",
                false => "made by no operator before",
            };
            let expected = "a value that depends on the network's input";
            node.wrong(format!("input {index}"), got, expected)
        })
    }

    /// `value`, a map, with its channels before rows and columns.
    pub fn channels_first(&mut self, node: &Node<'_>, value: &Value) -> String {
        self.emit(node, "Transpose", &[&value.name], vec![ints("perm", FIRST)])
    }

    /// The map `name` with its channels behind rows and columns.
    pub fn channels_last(&mut self, node: &Node<'_>, name: &str) -> String {
        self.emit(node, "Transpose", &[name], vec![ints("perm", LAST)])
    }
}

const FIRST: &[usize] = &[0, 3, 1, 2];
const LAST: &[usize] = &[0, 2, 3, 1];

/// `options` with the scale and the zero point of an input of integers, unless they say themselves what a byte is.
fn scaled(options: &ImportOptions, tensor: &crate::file::Tensor) -> Result<ImportOptions> {
    let lowest: i64 = match tensor.kind {
        Kind::Float32 => return Ok(options.clone()),
        Kind::Uint8 => 0,
        Kind::Int8 => -128,
        other => {
            let what = format!("values of the input {}", tensor.name);
            let expected = "Float32, Int8 or Uint8; convert the model with such an input";
            return Err(TfliteError::model(what, format!("{other:?}"), expected));
        }
    };
    let said = options.scale.is_some() || !options.mean.is_empty() || !options.std.is_empty();
    if said {
        return Ok(options.clone());
    }
    let (scale, zero) = match &tensor.quantisation {
        None => (1.0, 0),
        Some(quantisation) => match (quantisation.scale.as_slice(), quantisation.zero.as_slice()) {
            (&[scale], &[zero]) => (scale, zero),
            (scales, _) => {
                let what = format!("scales of the input {}", tensor.name);
                return Err(TfliteError::model(what, scales.len(), 1));
            }
        },
    };
    let shift = zero.saturating_sub(lowest) as f64;
    let mean = match shift {
        0.0 => vec![],
        shift => vec![(shift * f64::from(scale)) as f32],
    };
    Ok(ImportOptions {
        scale: Some(scale),
        mean,
        ..options.clone()
    })
}

fn info(dims: &[usize]) -> ValueInfoProto {
    let dim = |&size: &usize| Dimension {
        value: Some(DimensionValue::Size(size as i64)),
    };
    let shape = TensorShapeProto {
        dim: dims.iter().map(dim).collect(),
    };
    ValueInfoProto {
        name: INPUT.into(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: data_type::FLOAT,
                shape: Some(shape),
            }),
        }),
    }
}
