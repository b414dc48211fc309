//! A network as a safetensors file.
//!
//! Tensors: `<i>.weight` (float32, in the operator's shape) or `<i>.codebook` (float32) with
//! `<i>.codes` (uint8, in the operator's shape), and `<i>.bias`. The weights of a layer that is hashed are those of its pool, in one
//! row. Metadata: `format`, `name`,
//! `input`, `input_scale`, `labels`, `layers` and `provenance`, JSON where they are not plain text.

use super::Hashed;
use super::{Layer, Network, NetworkError, Operator, Weights};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Value of the metadata key `format`.
const FORMAT: &str = "thresh-network-2";

fn content(what: impl ToString, got: impl ToString, expected: impl ToString) -> NetworkError {
    let [what, got, expected] = [what.to_string(), got.to_string(), expected.to_string()];
    NetworkError::Content {
        what,
        got,
        expected,
    }
}

impl Network {
    /// Writes the network to a file.
    ///
    /// # Errors
    /// If the network is not sound or the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), NetworkError> {
        let io = |source| NetworkError::Io {
            path: path.to_path_buf(),
            source,
        };
        std::fs::write(path, self.to_safetensors()?).map_err(io)
    }

    /// Reads a network from a file.
    ///
    /// # Errors
    /// If the file cannot be read, is malformed, or holds a network that is not sound.
    pub fn load(path: &Path) -> Result<Self, NetworkError> {
        let io = |source| NetworkError::Io {
            path: path.to_path_buf(),
            source,
        };
        Self::from_safetensors(&std::fs::read(path).map_err(io)?)
    }

    /// The network as the bytes of a safetensors file; the same network gives the same bytes.
    ///
    /// # Errors
    /// If the network is not sound.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, NetworkError> {
        self.check()?;
        let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
        let floats = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
        for (i, layer) in self.layers.iter().enumerate() {
            let (weights, shape) = match &layer.weights {
                Weights::Hashed(hashed) => (&*hashed.pool, vec![hashed.pool.len()]),
                weights => (weights, shape(&layer.operator)),
            };
            match weights {
                Weights::Float(values) => {
                    tensors.push((format!("{i}.weight"), Dtype::F32, shape, floats(values)));
                }
                Weights::Shared { codebook, codes } => {
                    let size = vec![codebook.len()];
                    tensors.push((format!("{i}.codebook"), Dtype::F32, size, floats(codebook)));
                    tensors.push((format!("{i}.codes"), Dtype::U8, shape, codes.clone()));
                }
                // The check has refused it.
                Weights::Hashed(_) => {}
            }
            let size = vec![layer.bias.len()];
            tensors.push((format!("{i}.bias"), Dtype::F32, size, floats(&layer.bias)));
        }
        let layers: Vec<Value> = self.layers.iter().map(layer_json).collect();
        // One key, since the container keeps its metadata in a map of no order.
        let mut header = json!({
            "format": FORMAT,
            "name": self.name,
            "input": self.input,
            "input_scale": self.input_scale,
            "frame": self.frame,
            "head": self.head,
            "labels": self.labels,
            "layers": layers,
            "provenance": self.provenance,
        });
        if !self.input_mean.is_empty() {
            header["input_mean"] = json!(self.input_mean);
        }
        let metadata = HashMap::from([(KEY.to_string(), header.to_string())]);
        let views = tensors
            .iter()
            .map(|(name, dtype, shape, data)| {
                Ok((name, TensorView::new(*dtype, shape.clone(), data)?))
            })
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
        Ok(safetensors::serialize(views, Some(metadata))?)
    }

    /// Reads a network from the bytes of a safetensors file.
    ///
    /// # Errors
    /// If they are malformed, or the network is not sound.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, NetworkError> {
        let (_, metadata) = SafeTensors::read_metadata(bytes)?;
        let tensors = SafeTensors::deserialize(bytes)?;
        let metadata = metadata.metadata().clone().unwrap_or_default();
        let text = metadata
            .get(KEY)
            .ok_or_else(|| content("metadata", "none", KEY))?;
        let header: Value =
            serde_json::from_str(text).map_err(|e| content("metadata", e, "JSON"))?;
        let format = header["format"].as_str().unwrap_or_default();
        if format != FORMAT {
            return Err(content("format", format, FORMAT));
        }
        let layers: Vec<Value> = take(&header, "layers")?;
        let layers = layers
            .iter()
            .enumerate()
            .map(|(i, value)| layer(&tensors, i, value));
        let network = Network {
            name: take(&header, "name")?,
            input: take(&header, "input")?,
            input_scale: take(&header, "input_scale")?,
            input_mean: given(&header, "input_mean")?.unwrap_or_default(),
            frame: take(&header, "frame")?,
            head: take(&header, "head")?,
            layers: layers.collect::<Result<_, _>>()?,
            labels: take(&header, "labels")?,
            provenance: take::<BTreeMap<String, String>>(&header, "provenance")?,
        };
        network.check()?;
        Ok(network)
    }
}

/// The metadata key.
const KEY: &str = "thresh";

fn take<T: serde::de::DeserializeOwned>(header: &Value, key: &str) -> Result<T, NetworkError> {
    let got = &header[key];
    T::deserialize(got).map_err(|e| content(key, got, e))
}

/// The value of a key that may be left out.
fn given<T: serde::de::DeserializeOwned>(
    header: &Value,
    key: &str,
) -> Result<Option<T>, NetworkError> {
    header.get(key).map(|_| take(header, key)).transpose()
}

fn layer_json(layer: &Layer) -> Value {
    let mut value = json!({
        "name": layer.name,
        "inputs": layer.inputs,
        "operator": layer.operator,
        "activation": layer.activation,
    });
    if let Weights::Hashed(hashed) = &layer.weights {
        value["hashed"] = json!({"channels": hashed.channels, "groups": hashed.groups});
    }
    if let Some(range) = layer.range {
        value["range"] = json!(range);
    }
    value
}

/// What a file says of a hash.
#[derive(Deserialize)]
struct HashedShape {
    channels: usize,
    groups: usize,
}

/// The shape of the weight tensor.
fn shape(operator: &Operator) -> Vec<usize> {
    match operator {
        Operator::Dense { inputs, outputs } => vec![*outputs, *inputs],
        Operator::Conv {
            input,
            outputs,
            groups,
            window,
        } => vec![
            *outputs,
            input.channels / groups,
            window.kernel[0],
            window.kernel[1],
        ],
        Operator::MaxPool { .. }
        | Operator::AveragePool { .. }
        | Operator::Add { .. }
        | Operator::Concat { .. }
        | Operator::Shuffle { .. }
        | Operator::Select { .. } => vec![0],
    }
}

fn layer(tensors: &SafeTensors<'_>, i: usize, value: &Value) -> Result<Layer, NetworkError> {
    let tensor = |part: &str, dtype: Dtype| {
        let name = format!("{i}.{part}");
        let tensor = tensors.tensor(&name)?;
        match tensor.dtype() == dtype {
            true => Ok(tensor),
            false => Err(content(
                name,
                format!("{:?}", tensor.dtype()),
                format!("{dtype:?}"),
            )),
        }
    };
    let floats = |tensor: &TensorView<'_>| -> Vec<f32> {
        let word = |bytes: &[u8]| f32::from_le_bytes(std::array::from_fn(|i| bytes[i]));
        tensor.data().chunks_exact(4).map(word).collect()
    };
    let shared = tensors
        .names()
        .iter()
        .any(|name| **name == format!("{i}.codes"));
    let operator: Operator = take(value, "operator")?;
    let (weights, got) = if shared {
        let codes = tensor("codes", Dtype::U8)?;
        let codebook = floats(&tensor("codebook", Dtype::F32)?);
        (
            Weights::Shared {
                codebook,
                codes: codes.data().to_vec(),
            },
            codes.shape().to_vec(),
        )
    } else {
        let weight = tensor("weight", Dtype::F32)?;
        (Weights::Float(floats(&weight)), weight.shape().to_vec())
    };
    let bias = floats(&tensor("bias", Dtype::F32)?);
    let layer = Layer {
        name: take(value, "name")?,
        inputs: take(value, "inputs")?,
        operator,
        weights,
        bias,
        activation: take(value, "activation")?,
        range: given(value, "range")?,
    };
    // Groups that do not divide are for the check of the network to name.
    let divides = !matches!(layer.operator, Operator::Conv { groups: 0, .. });
    let expected = if divides {
        shape(&layer.operator)
    } else {
        vec![]
    };
    if value.get("hashed").is_some() && !expected.is_empty() {
        let HashedShape { channels, groups } = take(value, "hashed")?;
        let outputs = layer.operator.biases();
        let inputs = layer.operator.weights().unwrap_or(0).checked_div(outputs);
        if channels == 0 || groups == 0 {
            return Err(content("hashed", 0, "channels and groups of at least 1"));
        }
        let pool = Box::new(layer.weights);
        let weights = Weights::Hashed(Hashed {
            outputs,
            inputs: inputs.unwrap_or(0),
            channels,
            groups,
            pool,
        });
        return Ok(Layer { weights, ..layer });
    }
    if got != expected {
        let what = format!("shape of the weights of layer {i}");
        return Err(content(what, format!("{got:?}"), format!("{expected:?}")));
    }
    Ok(layer)
}
