//! From a `TensorProto` to a constant.

use super::{Data, Tensor, external, sides};
use crate::budget::{Budget, product};
use crate::error::{ImportError, Result};
use crate::proto::{EXTERNAL, TensorProto, data_type as t};
use half::{bf16, f16};
use std::path::Path;

/// Where the values of external constants lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    /// The folder of the model; none if it was not read from a file.
    pub folder: Option<&'a Path>,
}

/// Reads `proto`, called `name` in messages.
pub(crate) fn decode(
    name: &str,
    proto: &TensorProto,
    source: Source<'_>,
    budget: &mut Budget,
) -> Result<Tensor> {
    let dims = sides(name, &proto.dims)?;
    let count = product(&dims);
    budget.take(count)?;
    let count = count.expect("the budget takes no other");
    let raw;
    let bytes: &[u8] = if proto.data_location == EXTERNAL {
        raw = external::read(name, &proto.external_data, source.folder, count)?;
        &raw
    } else {
        &proto.raw_data
    };
    let from_bytes = proto.data_location == EXTERNAL || !bytes.is_empty();
    let data = match proto.data_type {
        t::UINT4 | t::INT4 => from_halves(proto, from_bytes.then_some(bytes), count),
        _ if from_bytes => from_raw(name, proto.data_type, bytes)?,
        _ => from_fields(name, proto)?,
    };
    if data.len() != count {
        let expected = format!("{count}, the product of its sides {dims:?}");
        return Err(ImportError::tensor(
            name,
            "number of values",
            data.len(),
            expected,
        ));
    }
    Ok(Tensor { dims, data })
}

fn unknown(name: &str, data_type: i32) -> ImportError {
    let expected = "a number type of ONNX: float, float16, bfloat16, double, an integer or bool";
    ImportError::tensor(name, "data type", data_type, expected)
}

fn from_raw(name: &str, data_type: i32, bytes: &[u8]) -> Result<Data> {
    macro_rules! values {
        ($kind:ident, $type:ty, $make:expr) => {{
            const SIZE: usize = size_of::<$type>();
            if !bytes.len().is_multiple_of(SIZE) {
                let expected = format!("a multiple of {SIZE}");
                return Err(ImportError::tensor(
                    name,
                    "number of bytes",
                    bytes.len(),
                    expected,
                ));
            }
            let word = |b: &[u8]| <$type>::from_le_bytes(std::array::from_fn(|i| b[i]));
            Data::$kind(bytes.chunks_exact(SIZE).map(word).map($make).collect())
        }};
    }
    Ok(match data_type {
        t::FLOAT => values!(Float, f32, |v| v),
        t::DOUBLE => values!(Float, f64, |v| v as f32),
        t::FLOAT16 => values!(Float, f16, f16::to_f32),
        t::BFLOAT16 => values!(Float, bf16, bf16::to_f32),
        t::INT64 => values!(Int, i64, |v| v),
        t::INT32 => values!(Int, i32, i64::from),
        t::INT16 => values!(Int, i16, i64::from),
        t::INT8 => values!(Int, i8, i64::from),
        t::UINT8 | t::BOOL => values!(Int, u8, i64::from),
        t::UINT16 => values!(Int, u16, i64::from),
        t::UINT32 => values!(Int, u32, i64::from),
        t::UINT64 => values!(Int, u64, |v| v as i64),
        other => return Err(unknown(name, other)),
    })
}

/// Integers of 4 bits, of which a byte has two, the first in its lower half.
fn from_halves(proto: &TensorProto, bytes: Option<&[u8]>, count: usize) -> Data {
    let fields: Vec<u8> = proto.int32_data.iter().map(|&word| word as u8).collect();
    let halves = bytes.unwrap_or(&fields).iter();
    let halves = halves.flat_map(|byte| [byte & 15, byte >> 4]);
    let signed = |half: u8| i64::from(half) - i64::from(half >= 8) * 16;
    let value = |half: u8| match proto.data_type {
        t::INT4 => signed(half),
        _ => i64::from(half),
    };
    Data::Int(halves.map(value).take(count).collect())
}

fn from_fields(name: &str, proto: &TensorProto) -> Result<Data> {
    let words = &proto.int32_data;
    // A 16-bit float lies in the lower half of its word.
    let low = |&word: &i32| word as u16;
    Ok(match proto.data_type {
        t::FLOAT => Data::Float(proto.float_data.clone()),
        t::DOUBLE => Data::Float(proto.double_data.iter().map(|&v| v as f32).collect()),
        t::FLOAT16 => Data::Float(
            words
                .iter()
                .map(|w| f16::from_bits(low(w)).to_f32())
                .collect(),
        ),
        t::BFLOAT16 => Data::Float(
            words
                .iter()
                .map(|w| bf16::from_bits(low(w)).to_f32())
                .collect(),
        ),
        t::INT64 => Data::Int(proto.int64_data.clone()),
        t::INT32 | t::INT16 | t::INT8 | t::UINT16 | t::UINT8 | t::BOOL => {
            Data::Int(words.iter().map(|&v| i64::from(v)).collect())
        }
        t::UINT32 | t::UINT64 => Data::Int(proto.uint64_data.iter().map(|&v| v as i64).collect()),
        other => return Err(unknown(name, other)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(proto: &TensorProto) -> Result<Tensor> {
        decode("x", proto, Source { folder: None }, &mut Budget::new(1000))
    }

    #[test]
    fn every_way_to_store_a_number_is_read() {
        let raw = |data_type, bytes: &[u8]| TensorProto {
            dims: vec![2],
            data_type,
            raw_data: bytes.to_vec().into(),
            ..Default::default()
        };
        let one_two = Data::Float(vec![1.0, -2.0]);
        let half = [f16::from_f32(1.0), f16::from_f32(-2.0)]
            .map(f16::to_le_bytes)
            .concat();
        let brain = [bf16::from_f32(1.0), bf16::from_f32(-2.0)]
            .map(bf16::to_le_bytes)
            .concat();
        let double = [1.0f64, -2.0].map(f64::to_le_bytes).concat();
        let float = [1.0f32, -2.0].map(f32::to_le_bytes).concat();
        for (kind, bytes) in [
            (t::FLOAT, float),
            (t::DOUBLE, double),
            (t::FLOAT16, half),
            (t::BFLOAT16, brain),
        ] {
            assert_eq!(read(&raw(kind, &bytes)).unwrap().data, one_two);
        }
        let ints = Data::Int(vec![1, -2]);
        let long = [1i64, -2].map(i64::to_le_bytes).concat();
        assert_eq!(read(&raw(t::INT64, &long)).unwrap().data, ints);
        assert_eq!(read(&raw(t::INT8, &[1, 254])).unwrap().data, ints);
        let mut fields = raw(t::FLOAT, &[]);
        fields.float_data = vec![1.0, -2.0];
        assert_eq!(read(&fields).unwrap().data, one_two);
        fields = raw(t::FLOAT16, &[]);
        fields.int32_data = vec![0x3c00, 0xc000];
        assert_eq!(read(&fields).unwrap().data, one_two);
        fields = raw(t::DOUBLE, &[]);
        fields.double_data = vec![1.0, -2.0];
        assert_eq!(read(&fields).unwrap().data, one_two);
        fields = raw(t::INT64, &[]);
        fields.int64_data = vec![1, -2];
        assert_eq!(read(&fields).unwrap().data, ints);
    }

    #[test]
    fn sizes_that_do_not_go_together_are_refused() {
        let mut proto = TensorProto {
            dims: vec![2],
            data_type: t::FLOAT,
            raw_data: vec![0; 7].into(),
            ..Default::default()
        };
        let says = |proto: &TensorProto, part: &str| {
            let text = read(proto).unwrap_err().to_string();
            assert!(text.contains(part), "{text}");
        };
        says(&proto, "number of bytes is 7, expected a multiple of 4");
        proto.raw_data = vec![0; 4].into();
        says(&proto, "number of values is 1, expected 2");
        proto.dims = vec![-1];
        says(&proto, "a side is -1");
        proto.dims = vec![i64::MAX, i64::MAX];
        says(&proto, "got too many to count");
        proto.dims = vec![1; 9];
        says(&proto, "number of sides is 9");
        proto.dims = vec![1];
        proto.data_type = 8;
        says(&proto, "data type is 8");
    }
}
