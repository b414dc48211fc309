//! Models made in code, and their outputs by an independent runtime.

// Every test program uses a part of it.
#![allow(dead_code)]

use prost::Message;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rten_tensor::prelude::*;
use thresh_model::{Network, Shape};
use thresh_onnx::proto::*;
use thresh_onnx::{ImportOptions, import_bytes};

/// Largest difference to the other runtime, for values around 1.
pub const TOLERANCE: f32 = 1e-4;

/// A model in the making. Its input is `x`.
pub struct Model {
    pub graph: GraphProto,
    pub opset: i64,
    pub rng: ChaCha8Rng,
}

impl Model {
    /// With an input of these sides, of which -1 is symbolic.
    pub fn new(dims: &[i64], seed: u64) -> Model {
        let dim = |&size: &i64| Dimension {
            value: Some(match size {
                -1 => DimensionValue::Name("N".into()),
                size => DimensionValue::Size(size),
            }),
        };
        let shape = TensorShapeProto {
            dim: dims.iter().map(dim).collect(),
        };
        Model {
            graph: GraphProto {
                name: "made".into(),
                input: vec![info("x", Some(shape))],
                ..Default::default()
            },
            opset: 17,
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    fn name(&self) -> String {
        format!("v{}", self.graph.node.len() + self.graph.initializer.len())
    }

    pub fn floats(&mut self, dims: &[i64], values: Vec<f32>) -> String {
        self.graph.initializer.push(TensorProto {
            dims: dims.to_vec(),
            data_type: data_type::FLOAT,
            float_data: values,
            name: format!("c{}", self.name()),
            ..Default::default()
        });
        self.graph.initializer.last().unwrap().name.clone()
    }

    pub fn ints(&mut self, values: &[i64]) -> String {
        self.graph.initializer.push(TensorProto {
            dims: vec![values.len() as i64],
            data_type: data_type::INT64,
            int64_data: values.to_vec(),
            name: format!("c{}", self.name()),
            ..Default::default()
        });
        self.graph.initializer.last().unwrap().name.clone()
    }

    /// A constant of random values from `from` to `to`.
    pub fn between(&mut self, dims: &[i64], from: f32, to: f32) -> String {
        let count = dims.iter().product::<i64>();
        let values = (0..count)
            .map(|_| self.rng.random_range(from..to))
            .collect();
        self.floats(dims, values)
    }

    pub fn random(&mut self, dims: &[i64]) -> String {
        self.between(dims, -1.0, 1.0)
    }

    /// Adds a node, and gives the name of its output.
    pub fn node(&mut self, op: &str, inputs: &[&str], attributes: &[AttributeProto]) -> String {
        let output = self.name();
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|name| name.to_string()).collect(),
            output: vec![output.clone()],
            name: format!("{op}_{output}"),
            op_type: op.into(),
            attribute: attributes.to_vec(),
            ..Default::default()
        });
        output
    }

    /// A convolution with a bias; `kernel` has all its sides.
    pub fn conv(&mut self, input: &str, kernel: &[i64], attributes: &[AttributeProto]) -> String {
        let weights = self.random(kernel);
        let bias = self.random(&kernel[..1]);
        self.node("Conv", &[input, &weights, &bias], attributes)
    }

    /// The same model with the defaults of windows written out, which the other runtime needs.
    fn spelled_out(&self) -> Model {
        let mut graph = self.graph.clone();
        for node in &mut graph.node {
            if !matches!(node.op_type.as_str(), "Conv" | "MaxPool" | "AveragePool") {
                continue;
            }
            let has = |node: &NodeProto, name: &str| node.attribute.iter().any(|a| a.name == name);
            let same = node.attribute.iter().any(|a| a.s.starts_with(b"SAME"));
            let kernel = node.attribute.iter().find(|a| a.name == "kernel_shape");
            let rank = match kernel {
                Some(kernel) => kernel.ints.len(),
                None => {
                    let weights = self
                        .graph
                        .initializer
                        .iter()
                        .find(|t| t.name == node.input[1]);
                    weights.unwrap().dims.len() - 2
                }
            };
            for (name, count, value) in [
                ("strides", rank, 1),
                ("dilations", rank, 1),
                ("pads", 2 * rank, 0),
            ] {
                let stands = has(node, name) || (name == "pads" && same);
                if !stands {
                    node.attribute.push(ints(name, &vec![value; count]));
                }
            }
        }
        Model {
            graph,
            opset: self.opset,
            rng: self.rng.clone(),
        }
    }

    /// The file with this output.
    pub fn bytes(&self, output: &str) -> Vec<u8> {
        let mut graph = self.graph.clone();
        graph.output = vec![info(output, None)];
        ModelProto {
            ir_version: 8,
            producer_name: "test".into(),
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto {
                version: self.opset,
                ..Default::default()
            }],
            ..Default::default()
        }
        .encode_to_vec()
    }

    /// Imports the model and compares its outputs on random images with those of the other runtime.
    #[track_caller]
    pub fn agrees(&mut self, output: &str, options: &ImportOptions) -> Network {
        let bytes = self.bytes(output);
        let network = import_bytes(bytes, options).unwrap_or_else(|error| panic!("{error}"));
        let bytes = self.spelled_out().bytes(output);
        let dims = self.graph.input[0]
            .r#type
            .as_ref()
            .unwrap()
            .tensor_type
            .as_ref()
            .unwrap();
        let size = |dim: &Dimension| match dim.value {
            Some(DimensionValue::Size(size)) => size as usize,
            _ => 1,
        };
        let dims: Vec<usize> = dims.shape.as_ref().unwrap().dim.iter().map(size).collect();
        for _ in 0..3 {
            let image: Vec<u8> = (0..network.input.len())
                .map(|_| self.rng.random())
                .collect();
            let values = model_input(&image, network.input, &dims, options);
            let (sides, expected) = by_rten(&bytes, &dims, values);
            let got = in_model_order(&network, &outputs(&network, &image), &sides);
            assert_close(&got, &expected);
        }
        network
    }

    /// As [`Model::agrees`] with default options.
    #[track_caller]
    pub fn is_right(&mut self, output: &str) -> Network {
        self.agrees(output, &ImportOptions::default())
    }

    /// The error of the import, which must hold `part`.
    #[track_caller]
    pub fn is_refused(&self, output: &str, part: &str) {
        refused(
            import_bytes(self.bytes(output), &ImportOptions::default()),
            part,
        );
    }
}

#[track_caller]
pub fn refused(result: Result<Network, thresh_onnx::ImportError>, part: &str) {
    let text = match result {
        Ok(network) => panic!("imported {} layers", network.layers.len()),
        Err(error) => error.to_string(),
    };
    assert!(text.contains(part), "no {part:?} in: {text}");
}

fn info(name: &str, shape: Option<TensorShapeProto>) -> ValueInfoProto {
    let tensor = TensorTypeProto {
        elem_type: data_type::FLOAT,
        shape,
    };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            tensor_type: Some(tensor),
        }),
    }
}

// `AttributeProto.AttributeType`.
const FLOAT: i32 = 1;
const INT: i32 = 2;
const STRING: i32 = 3;
const TENSOR: i32 = 4;
const FLOATS: i32 = 6;
const INTS: i32 = 7;

fn attribute(name: &str, kind: i32) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: kind,
        ..Default::default()
    }
}

pub fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto {
        i,
        ..attribute(name, INT)
    }
}

pub fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto {
        ints: ints.to_vec(),
        ..attribute(name, INTS)
    }
}

pub fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto {
        f,
        ..attribute(name, FLOAT)
    }
}

pub fn floats(name: &str, floats: &[f32]) -> AttributeProto {
    AttributeProto {
        floats: floats.to_vec(),
        ..attribute(name, FLOATS)
    }
}

pub fn text(name: &str, s: &'static str) -> AttributeProto {
    AttributeProto {
        s: s.as_bytes().into(),
        ..attribute(name, STRING)
    }
}

pub fn tensor(name: &str, t: TensorProto) -> AttributeProto {
    AttributeProto {
        t: Some(t),
        ..attribute(name, TENSOR)
    }
}

/// What the network and its host make of an image.
pub fn outputs(network: &Network, image: &[u8]) -> Vec<f32> {
    network.head.apply(&network.forward(image))
}

/// The values that the model reads for an image: channels first, unless only channels last agree
/// with `dims`.
pub fn model_input(
    image: &[u8],
    shape: Shape,
    dims: &[usize],
    options: &ImportOptions,
) -> Vec<f32> {
    let Shape {
        channels,
        height,
        width,
    } = shape;
    let of = |values: &[f32], channel: usize, default: f32| match values {
        [] => default,
        [value] => *value,
        values => values[channel],
    };
    let value = |channel: usize, y: usize, x: usize| {
        let from = if options.bgr {
            channels - 1 - channel
        } else {
            channel
        };
        let byte = image[(y * width + x) * channels + from];
        let mean = of(&options.mean, channel, 0.0);
        (f32::from(byte) * options.scale.unwrap_or(1.0 / 255.0) - mean)
            / of(&options.std, channel, 1.0)
    };
    let mut values = Vec::new();
    let last =
        dims == [1, height, width, channels] || (height == 1 && dims == [1, width, channels]);
    let first =
        dims == [1, channels, height, width] || (height == 1 && dims == [1, channels, width]);
    if last && !first {
        for y in 0..height {
            for x in 0..width {
                values.extend((0..channels).map(|channel| value(channel, y, x)));
            }
        }
    } else {
        for channel in 0..channels {
            for y in 0..height {
                values.extend((0..width).map(|x| value(channel, y, x)));
            }
        }
    }
    values
}

/// Sides and values of the output, by the other runtime.
pub fn by_rten(bytes: &[u8], dims: &[usize], values: Vec<f32>) -> (Vec<usize>, Vec<f32>) {
    run(&rten::Model::load(bytes.to_vec()).unwrap(), dims, values)
}

pub fn run(model: &rten::Model, dims: &[usize], values: Vec<f32>) -> (Vec<usize>, Vec<f32>) {
    let input = rten_tensor::Tensor::from_data(dims, values);
    let output = model.run_one(input.into(), None).unwrap();
    let output = output.into_tensor::<f32>().unwrap();
    (output.shape().to_vec(), output.to_vec())
}

/// `values` of the network's output map in the order that an output with these sides has.
pub fn in_model_order(network: &Network, values: &[f32], sides: &[usize]) -> Vec<f32> {
    let Shape {
        channels,
        height,
        width,
    } = network.output();
    let first = sides.ends_with(&[channels, height, width]);
    if !first && sides.last() == Some(&channels) {
        return values.to_vec();
    }
    let positions = height * width;
    let index = |i: usize| i % positions * channels + i / positions;
    (0..values.len()).map(|i| values[index(i)]).collect()
}

#[track_caller]
pub fn assert_close(got: &[f32], expected: &[f32]) {
    assert_eq!(got.len(), expected.len());
    let difference = largest_difference(got, expected);
    let count = got.len().min(12);
    assert!(
        difference <= TOLERANCE,
        "{difference}: {:?} ..., expected {:?} ...",
        &got[..count],
        &expected[..count]
    );
}

/// The largest difference, relative for values above 1.
pub fn largest_difference(got: &[f32], expected: &[f32]) -> f32 {
    let pairs = got.iter().zip(expected);
    // A NaN must not pass for a small difference.
    let difference = |(a, b): (&f32, &f32)| {
        let difference = (a - b).abs() / b.abs().max(1.0);
        if difference.is_nan() {
            f32::INFINITY
        } else {
            difference
        }
    };
    pairs.map(difference).fold(0.0, f32::max)
}
