//! A TensorFlow Lite file as plain values, checked.

use crate::error::{Result, TfliteError};
use crate::operators;
use crate::schema::{self, Buffer, Other, Tables};
use planus::{ReadAsRoot, Vector};
use prost::bytes::Bytes;

/// Most operators and tensors of a graph.
const MOST_OPERATORS: usize = 1 << 16;
const MOST_TENSORS: usize = 1 << 18;

/// Most sides of a tensor, and most tensors that an operator reads or makes.
pub(crate) const MOST_RANK: usize = 8;
const MOST_ENDS: usize = 1 << 10;

/// What a tensor holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Float32,
    Float16,
    Bfloat16,
    Int4,
    Int8,
    Uint8,
    Int16,
    Int32,
    Int64,
    Bool,
    /// By its number.
    Other(i8),
}

impl Kind {
    fn of(number: i8) -> Kind {
        match number {
            0 => Kind::Float32,
            1 => Kind::Float16,
            2 => Kind::Int32,
            3 => Kind::Uint8,
            4 => Kind::Int64,
            6 => Kind::Bool,
            7 => Kind::Int16,
            9 => Kind::Int8,
            17 => Kind::Int4,
            18 => Kind::Bfloat16,
            other => Kind::Other(other),
        }
    }

    /// Whether it is one of real numbers.
    pub fn is_float(self) -> bool {
        matches!(self, Kind::Float32 | Kind::Float16 | Kind::Bfloat16)
    }

    /// The least and the largest integer of activations of this kind.
    pub fn limits(self) -> Option<[i64; 2]> {
        match self {
            Kind::Int8 => Some([-128, 127]),
            Kind::Uint8 => Some([0, 255]),
            Kind::Int16 => Some([-32768, 32767]),
            _ => None,
        }
    }

    /// Bytes of `count` values; `None` for a kind that is not read.
    fn bytes(self, count: usize) -> Option<usize> {
        match self {
            Kind::Float32 | Kind::Int32 => count.checked_mul(4),
            Kind::Int64 => count.checked_mul(8),
            Kind::Float16 | Kind::Bfloat16 | Kind::Int16 => count.checked_mul(2),
            Kind::Int8 | Kind::Uint8 | Kind::Bool => Some(count),
            Kind::Int4 => Some(count.div_ceil(2)),
            Kind::Other(_) => None,
        }
    }
}

/// How integers stand for real numbers: `(integer - zero) * scale`, one of each or one a place along `axis`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Quantisation {
    pub scale: Vec<f32>,
    /// As many as scales.
    pub zero: Vec<i64>,
    pub axis: usize,
}

/// A value of the graph.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    pub name: String,
    /// Sides; 0 or less where a file says nothing.
    pub shape: Vec<i32>,
    /// Sides, with -1 for those that are not known; empty where all are.
    pub signature: Vec<i32>,
    pub kind: Kind,
    pub quantisation: Option<Quantisation>,
    /// Of a constant.
    pub data: Option<Bytes>,
}

/// A node of the graph; tensors are indices.
pub(crate) struct Operator<'a> {
    pub name: String,
    /// An input that is left out is `None`.
    pub inputs: Vec<Option<usize>>,
    pub outputs: Vec<usize>,
    pub options: Option<Other<'a>>,
}

/// The graph of a file.
pub(crate) struct File<'a> {
    pub tensors: Vec<Tensor>,
    pub operators: Vec<Operator<'a>>,
    pub inputs: Vec<usize>,
    pub outputs: Vec<usize>,
}

/// Whether these are the first bytes of a TensorFlow Lite model.
pub fn is_tflite(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(b"TFL3")
}

fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}

/// The values of a list of at most `most`.
fn list<'a, T: planus::VectorRead<'a>>(
    what: &str,
    vector: Option<Vector<'a, T>>,
    most: usize,
) -> Result<Vec<T>> {
    let Some(vector) = vector else {
        return Ok(vec![]);
    };
    let count = vector.len();
    if count > most {
        return Err(TfliteError::model(what, count, format!("at most {most}")));
    }
    Ok(vector.iter().collect())
}

impl<'a> File<'a> {
    /// Reads the first graph of `bytes`.
    pub fn read(bytes: &'a Bytes) -> Result<File<'a>> {
        if !is_tflite(bytes) {
            return Err(TfliteError::Format("no TFL3 in bytes 4 to 7".into()));
        }
        let model = schema::Model::read_as_root(bytes)?;
        let version = model.version()?.unwrap_or(0);
        if version != 3 {
            return Err(TfliteError::model("version of the schema", version, 3));
        }
        let codes = match model.operator_codes()? {
            Some(codes) => codes
                .iter()
                .take(MOST_ENDS)
                .map(code)
                .collect::<Result<_>>()?,
            None => vec![],
        };
        let graph = match model.subgraphs()?.and_then(|graphs| graphs.get(0)) {
            Some(graph) => graph?,
            None => {
                return Err(TfliteError::model(
                    "graphs",
                    "none",
                    "one; convert the model again",
                ));
            }
        };
        let buffers = model.buffers()?;
        // Lists may be shared, but not so much that a small file becomes a large one.
        let mut budget = bytes.len().saturating_mul(4);
        let tensors: Vec<Tensor> = each("tensors", graph.tensors()?, MOST_TENSORS, |tensor| {
            read_tensor(tensor, buffers, bytes, &mut budget)
        })?;
        let operators = each(
            "operators",
            graph.operators()?,
            MOST_OPERATORS,
            |operator| read_operator(operator, &codes, tensors.len()),
        )?;
        let ends = |what: &str, ends: Option<Vector<'a, i32>>| -> Result<Vec<usize>> {
            let ends = list(what, ends, MOST_ENDS)?;
            ends.into_iter()
                .map(|end| index(end, tensors.len()))
                .collect()
        };
        Ok(File {
            inputs: ends("inputs of the model", graph.inputs()?)?,
            outputs: ends("outputs of the model", graph.outputs()?)?,
            tensors,
            operators,
        })
    }
}

/// What `make` makes of each table.
fn each<'a, T, U>(
    what: &str,
    tables: Option<Tables<'a, T>>,
    most: usize,
    mut make: impl FnMut(T) -> Result<U>,
) -> Result<Vec<U>>
where
    T: planus::VectorReadInner<'a, Error = planus::Error>,
{
    let Some(tables) = tables else {
        return Ok(vec![]);
    };
    let count = tables.len();
    if count > most {
        return Err(TfliteError::model(what, count, format!("at most {most}")));
    }
    tables.iter().map(|table| make(table?)).collect()
}

fn code(code: Result<schema::OperatorCode<'_>, planus::Error>) -> Result<String> {
    let code = code?;
    // Old files have the number in a byte alone, where 127 stands for a larger one.
    let old = i32::from(code.deprecated_builtin_code()?.unwrap_or(0));
    let number = old.max(code.builtin_code()?.unwrap_or(0));
    let name = operators::name(number);
    if name != "CUSTOM" {
        return Ok(name);
    }
    Ok(format!("CUSTOM {}", text(code.custom_code()?)))
}

/// A tensor's number.
fn index(number: i32, count: usize) -> Result<usize> {
    let index = usize::try_from(number).ok().filter(|&index| index < count);
    index.ok_or_else(|| TfliteError::model("number of a tensor", number, format!("below {count}")))
}

fn read_operator<'a>(
    operator: schema::Operator<'a>,
    codes: &[String],
    tensors: usize,
) -> Result<Operator<'a>> {
    let at = operator.opcode_index()?.unwrap_or(0);
    let name = usize::try_from(at).ok().and_then(|at| codes.get(at));
    let Some(name) = name else {
        let expected = format!("below {}", codes.len());
        return Err(TfliteError::model("number of an operator", at, expected));
    };
    let inputs = list("inputs of an operator", operator.inputs()?, MOST_ENDS)?;
    let outputs = list("outputs of an operator", operator.outputs()?, MOST_ENDS)?;
    let input = |number: i32| match number {
        -1 => Ok(None),
        number => index(number, tensors).map(Some),
    };
    Ok(Operator {
        name: name.clone(),
        inputs: inputs.into_iter().map(input).collect::<Result<_>>()?,
        outputs: outputs
            .into_iter()
            .map(|number| index(number, tensors))
            .collect::<Result<_>>()?,
        options: operator.builtin_options()?,
    })
}

fn read_tensor<'a>(
    tensor: schema::Tensor<'a>,
    buffers: Option<Tables<'a, Buffer<'a>>>,
    bytes: &Bytes,
    budget: &mut usize,
) -> Result<Tensor> {
    let name = text(tensor.name()?);
    let place = format!("tensor {name}");
    let mut take = |count: usize| match budget.checked_sub(count) {
        Some(left) => {
            *budget = left;
            Ok(())
        }
        None => Err(TfliteError::Format(
            "lists that are shared too often".into(),
        )),
    };
    take(name.len())?;
    let sides = |sides| list(&format!("sides of {place}"), sides, MOST_RANK);
    let shape = sides(tensor.shape()?)?;
    let signature = sides(tensor.shape_signature()?)?;
    if tensor.sparsity()?.is_some() {
        return Err(TfliteError::model(
            place,
            "sparse",
            "all values; convert without sparsity",
        ));
    }
    if tensor.external_buffer()?.unwrap_or(0) != 0 {
        let expected = "values in this file; convert without external weights";
        return Err(TfliteError::model(
            place,
            "values in another file",
            expected,
        ));
    }
    let quantisation = match tensor.quantization()? {
        Some(parameters) => {
            let (scale, zero) = (parameters.scale()?, parameters.zero_point()?);
            take(scale.map_or(0, |s| s.len()))?;
            take(zero.map_or(0, |z| z.len()))?;
            let axis = parameters.quantized_dimension()?.unwrap_or(0);
            quantisation(&place, scale, zero, axis)?
        }
        None => None,
    };
    let buffer = tensor.buffer()?.unwrap_or(0);
    let data = match buffers.and_then(|buffers| buffers.get(buffer as usize)) {
        Some(buffer) => contents(&place, buffer?, bytes)?,
        None if buffer == 0 => None,
        None => {
            return Err(TfliteError::model(
                place,
                format!("buffer {buffer}"),
                "one of the file",
            ));
        }
    };
    Ok(Tensor {
        name,
        shape,
        signature,
        kind: Kind::of(tensor.r#type()?.unwrap_or(0)),
        quantisation,
        data,
    })
}

fn quantisation(
    place: &str,
    scale: Option<Vector<'_, f32>>,
    zero: Option<Vector<'_, i64>>,
    axis: i32,
) -> Result<Option<Quantisation>> {
    let scale: Vec<f32> = scale.map_or(vec![], |scale| scale.iter().collect());
    if scale.is_empty() {
        return Ok(None);
    }
    let mut zero: Vec<i64> = zero.map_or(vec![], |zero| zero.iter().collect());
    if zero.is_empty() {
        zero = vec![0; scale.len()];
    }
    if zero.len() == 1 {
        zero = vec![zero[0]; scale.len()];
    }
    let wrong = |what: &str, got: String, expected: &str| {
        Err(TfliteError::model(
            format!("{what} of {place}"),
            got,
            expected,
        ))
    };
    if zero.len() != scale.len() {
        let got = format!("{} for {} scales", zero.len(), scale.len());
        return wrong("zero points", got, "one for each scale");
    }
    // A channel of zeros may have the scale 0.
    if let Some(bad) = scale
        .iter()
        .find(|scale| !(scale.is_finite() && **scale >= 0.0))
    {
        return wrong("scale", bad.to_string(), "a finite number above 0");
    }
    let Ok(axis) = usize::try_from(axis) else {
        return wrong("quantised side", axis.to_string(), "0 or more");
    };
    Ok(Some(Quantisation { scale, zero, axis }))
}

/// The bytes of a constant: in a table, or behind all tables where a file is large.
fn contents(place: &str, buffer: Buffer<'_>, bytes: &Bytes) -> Result<Option<Bytes>> {
    if let Some(data) = buffer.data()?.filter(|data| !data.is_empty()) {
        return Ok(Some(bytes.slice_ref(data)));
    }
    // 1 stands for bytes that are not written yet.
    let offset = buffer.offset()?.unwrap_or(0);
    if offset <= 1 {
        return Ok(None);
    }
    let size = buffer.size()?.unwrap_or(0);
    let range = usize::try_from(offset).ok().zip(usize::try_from(size).ok());
    let range = range.and_then(|(from, size)| Some(from..from.checked_add(size)?));
    match range.filter(|range| range.end <= bytes.len()) {
        Some(range) => Ok(Some(bytes.slice(range))),
        None => {
            let got = format!("{size} bytes from {offset}");
            let expected = format!("bytes of this file of {}", bytes.len());
            Err(TfliteError::model(
                format!("values of {place}"),
                got,
                expected,
            ))
        }
    }
}

impl Tensor {
    /// Its sides as numbers that can be worked with.
    pub fn dims(&self) -> Result<Vec<usize>> {
        let side = |&side: &i32| {
            usize::try_from(side).map_err(|_| {
                let what = format!("a side of tensor {}", self.name);
                TfliteError::model(what, side, "0 or more")
            })
        };
        self.shape.iter().map(side).collect()
    }

    /// The bytes of a constant and how many values they are; as many bytes as values of its sides take.
    pub fn values(&self) -> Result<(&Bytes, usize)> {
        let dims = self.dims()?;
        let count = if dims.contains(&0) {
            Some(0)
        } else {
            dims.iter().try_fold(1usize, |n, &side| n.checked_mul(side))
        };
        let data = self.data.as_ref();
        let wanted = count.and_then(|count| Some((count, self.kind.bytes(count)?)));
        match (data, wanted) {
            (Some(data), Some((count, bytes))) if data.len() == bytes => Ok((data, count)),
            (data, _) => {
                let what = format!("values of tensor {}", self.name);
                let got = data.map_or("none".into(), |data| format!("{} bytes", data.len()));
                let expected = format!("those of {:?}, {:?}", self.kind, self.shape);
                Err(TfliteError::model(what, got, expected))
            }
        }
    }

    /// The values of a constant of integers.
    pub fn integers(&self) -> Result<Vec<i64>> {
        let (data, count) = self.values()?;
        fn words<const N: usize>(data: &[u8], make: impl Fn([u8; N]) -> i64) -> Vec<i64> {
            let word = |bytes: &[u8]| make(std::array::from_fn(|index| bytes[index]));
            data.chunks_exact(N).map(word).collect()
        }
        Ok(match self.kind {
            Kind::Int64 => words(data, i64::from_le_bytes),
            Kind::Int32 => words(data, |b| i32::from_le_bytes(b).into()),
            Kind::Int16 => words(data, |b| i16::from_le_bytes(b).into()),
            Kind::Int8 => words(data, |b| i8::from_le_bytes(b).into()),
            Kind::Uint8 | Kind::Bool => words(data, |b| u8::from_le_bytes(b).into()),
            Kind::Int4 => {
                let halves = data.iter().flat_map(|byte| [byte & 15, byte >> 4]);
                let signed = |half: u8| i64::from(half) - i64::from(half >= 8) * 16;
                halves.map(signed).take(count).collect()
            }
            kind => {
                let what = format!("values of tensor {}", self.name);
                return Err(TfliteError::model(what, format!("{kind:?}"), "integers"));
            }
        })
    }
}
