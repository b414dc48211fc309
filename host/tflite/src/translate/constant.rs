//! Constants: weights, biases, and what arithmetic is done with.

use super::Translator;
use super::node::{Node, int};
use crate::error::Result;
use crate::file::{Kind, Quantisation, Tensor};
use prost::bytes::Bytes;
use thresh_onnx::proto::{TensorProto, data_type};

/// Values of a tensor in the order of ONNX.
fn tensor(dims: &[usize], data_type: i32, raw: impl Into<Bytes>) -> TensorProto {
    TensorProto {
        dims: dims.iter().map(|&side| side as i64).collect(),
        data_type,
        raw_data: raw.into(),
        ..Default::default()
    }
}

/// A list of real numbers, or one alone.
pub(super) fn numbers(values: &[f32], alone: bool) -> TensorProto {
    let dims: &[usize] = if alone { &[] } else { &[values.len()] };
    TensorProto {
        float_data: values.to_vec(),
        ..tensor(dims, data_type::FLOAT, Bytes::new())
    }
}

/// A list of integers.
pub(super) fn integers(values: Vec<i64>) -> TensorProto {
    TensorProto {
        int64_data: values.clone(),
        ..tensor(&[values.len()], data_type::INT64, Bytes::new())
    }
}

/// Bytes of values of `size` bytes each, with their sides in another order.
fn transposed(data: &[u8], size: usize, dims: &[usize], order: &[usize]) -> Vec<u8> {
    let mut strides = vec![1; dims.len()];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis] * dims[axis];
    }
    let turned: Vec<(usize, usize)> = order
        .iter()
        .map(|&axis| (dims[axis], strides[axis]))
        .collect();
    let mut bytes = Vec::with_capacity(data.len());
    for mut at in 0..data.len() / size.max(1) {
        let mut from = 0;
        for &(side, stride) in turned.iter().rev() {
            from += at % side * stride;
            at /= side;
        }
        bytes.extend_from_slice(&data[from * size..(from + 1) * size]);
    }
    bytes
}

impl<'a> Translator<'a> {
    /// The constant that a tensor is, under its own number.
    pub fn resolved(&self, tensor: usize) -> usize {
        self.aliases.get(&tensor).copied().unwrap_or(tensor)
    }

    pub fn is_constant(&self, tensor: usize) -> bool {
        let tensor = self.resolved(tensor);
        self.file.tensors[tensor].data.is_some() && !self.values.contains_key(&tensor)
    }

    /// Input `index` of a node, which must be a constant.
    pub fn constant(&self, node: &Node<'_>, index: usize) -> Result<usize> {
        let tensor = node.input(index)?;
        let expected = "a constant; convert the model for inference";
        let ok = self.is_constant(tensor);
        node.expect(ok, format!("input {index}"), "computed", expected)?;
        Ok(self.resolved(tensor))
    }

    /// The real values of constant `at` with its sides in the order `order`, as a value of ONNX; and its sides then.
    pub fn weights(
        &mut self,
        node: &Node<'_>,
        at: usize,
        order: &[usize],
    ) -> Result<(String, Vec<usize>)> {
        let file = self.file;
        let constant: &Tensor = &file.tensors[at];
        let dims = constant.dims()?;
        let ok = dims.len() == order.len() && !dims.contains(&0);
        let expected = format!("{} sides from 1 on", order.len());
        node.expect(ok, "shape of a constant", format!("{dims:?}"), expected)?;
        let turned: Vec<usize> = order.iter().map(|&axis| dims[axis]).collect();
        let key = (at, order.to_vec());
        if let Some(name) = self.constants.get(&key) {
            return Ok((name.clone(), turned));
        }
        let (data, count) = constant.values()?;
        self.take(count)?;
        let stays = order.iter().enumerate().all(|(to, &from)| to == from);
        let turn = |data: &Bytes, size: usize| match stays {
            true => data.clone(),
            false => transposed(data, size, &dims, order).into(),
        };
        let unpacked;
        let (data, size, kind) = match constant.kind {
            Kind::Float32 => (data, 4, data_type::FLOAT),
            Kind::Float16 => (data, 2, data_type::FLOAT16),
            Kind::Bfloat16 => (data, 2, data_type::BFLOAT16),
            Kind::Int8 => (data, 1, data_type::INT8),
            Kind::Uint8 => (data, 1, data_type::UINT8),
            Kind::Int16 => (data, 2, data_type::INT16),
            Kind::Int32 => (data, 4, data_type::INT32),
            Kind::Int64 => (data, 8, data_type::INT64),
            Kind::Int4 => {
                let values = constant.integers()?.into_iter();
                unpacked = Bytes::from_iter(values.map(|value| value as u8));
                (&unpacked, 1, data_type::INT8)
            }
            other => {
                let expected = "real numbers, or integers of 4 to 64 bits";
                return Err(node.wrong("values of a constant", format!("{other:?}"), expected));
            }
        };
        let values = self.initializer(tensor(&turned, kind, turn(data, size)));
        let name = match (&constant.quantisation, constant.kind.is_float()) {
            (_, true) => values,
            (Some(quantisation), false) => {
                let axis = order.iter().position(|&from| from == quantisation.axis);
                self.dequantised(node, &values, quantisation, axis)?
            }
            (None, false) => {
                let expected = "a scale; convert the model again";
                return Err(node.wrong("quantisation of a constant", "none", expected));
            }
        };
        self.constants.insert(key, name.clone());
        Ok((name, turned))
    }

    /// The real values of the integers `values`, whose scales stand along `axis`.
    pub fn dequantised(
        &mut self,
        node: &Node<'_>,
        values: &str,
        quantisation: &Quantisation,
        axis: Option<usize>,
    ) -> Result<String> {
        let Quantisation { scale, zero, .. } = quantisation;
        let alone = scale.len() == 1;
        let got = quantisation.axis;
        node.expect(
            alone || axis.is_some(),
            "quantised side",
            got,
            "one of the constant",
        )?;
        self.take(scale.len().saturating_mul(2))?;
        // Weights of a channel of zeros have any scale.
        let least = |&scale: &f32| {
            if scale > 0.0 {
                scale
            } else {
                f32::MIN_POSITIVE
            }
        };
        let scales: Vec<f32> = scale.iter().map(least).collect();
        let scales = self.initializer(numbers(&scales, alone));
        let mut zeros = integers(zero.clone());
        if alone {
            zeros.dims.clear();
        }
        let zeros = self.initializer(zeros);
        let axis = int("axis", axis.unwrap_or(0) as i64);
        Ok(self.emit(
            node,
            "DequantizeLinear",
            &[values, &scales, &zeros],
            vec![axis],
        ))
    }

    /// The bias at input `index`: real numbers, or integers whose scale is `scale` where they have none themselves.
    pub fn bias(
        &mut self,
        node: &Node<'_>,
        index: usize,
        outputs: usize,
        scale: Option<Vec<f32>>,
    ) -> Result<Option<String>> {
        let Some(tensor) = node.optional(index) else {
            return Ok(None);
        };
        let ok = self.is_constant(tensor);
        let expected = "a constant; convert the model for inference";
        node.expect(ok, "bias", "computed", expected)?;
        let at = self.resolved(tensor);
        let file = self.file;
        let bias: &Tensor = &file.tensors[at];
        let (_, count) = bias.values()?;
        node.expect(count == outputs, "values of the bias", count, outputs)?;
        if bias.kind.is_float() || bias.quantisation.is_some() {
            let rank = bias.dims()?.len();
            let order: Vec<usize> = (0..rank).collect();
            let (name, dims) = self.weights(node, at, &order)?;
            node.expect(
                dims == [outputs],
                "shape of the bias",
                format!("{dims:?}"),
                outputs,
            )?;
            return Ok(Some(name));
        }
        let Some(scale) = scale else {
            let expected = "a scale; convert the model again";
            return Err(node.wrong("quantisation of the bias", "none", expected));
        };
        let values = bias.integers()?;
        self.take(count)?;
        let values = self.initializer(integers(values));
        let quantisation = Quantisation {
            zero: vec![0; scale.len()],
            scale,
            axis: 0,
        };
        self.dequantised(node, &values, &quantisation, Some(0))
            .map(Some)
    }
}
