//! One operator of the file: its options, and errors that name it.

use crate::error::{Result, TfliteError};
use crate::file::{File, Operator, Tensor};
use planus::TableRead;
use thresh_onnx::proto::AttributeProto;

/// An operator with the tensor that it makes.
pub(crate) struct Node<'a> {
    pub file: &'a File<'a>,
    pub operator: &'a Operator<'a>,
    pub output: usize,
    /// Name of the nodes of ONNX that stand for it.
    pub name: String,
}

impl<'a> Node<'a> {
    pub fn operator(&self) -> &'a str {
        &self.operator.name
    }

    /// The tensor that it makes.
    pub fn made(&self) -> &'a Tensor {
        &self.file.tensors[self.output]
    }

    /// The number of input `index`; `None` if it is left out.
    pub fn optional(&self, index: usize) -> Option<usize> {
        self.operator.inputs.get(index).copied().flatten()
    }

    /// The number of input `index`.
    pub fn input(&self, index: usize) -> Result<usize> {
        let missing = || self.wrong(format!("input {index}"), "missing", "a tensor");
        self.optional(index).ok_or_else(missing)
    }

    /// The error that `what` is `got`, and not `expected`.
    pub fn wrong(
        &self,
        what: impl ToString,
        got: impl ToString,
        expected: impl ToString,
    ) -> TfliteError {
        TfliteError::Node {
            operator: self.operator().to_string(),
            tensor: self.name.clone(),
            what: what.to_string(),
            got: got.to_string(),
            expected: expected.to_string(),
        }
    }

    /// An error unless `ok`.
    pub fn expect(
        &self,
        ok: bool,
        what: impl ToString,
        got: impl ToString,
        expected: impl ToString,
    ) -> Result<()> {
        if ok {
            return Ok(());
        }
        Err(self.wrong(what, got, expected))
    }

    /// The error that this operator is none of those that are taken.
    pub fn unknown(&self) -> TfliteError {
        TfliteError::Operator {
            operator: self.operator().to_string(),
            tensor: self.name.clone(),
        }
    }

    /// Option `slot`, if it is there.
    pub fn option<T: TableRead<'a>>(&self, slot: usize) -> Result<Option<T>> {
        match self.operator.options {
            Some(options) => Ok(options.field(slot)?),
            None => Ok(None),
        }
    }

    /// Option `slot`, which counts something from 1 on.
    pub fn count(&self, what: &str, slot: usize, default: i32) -> Result<usize> {
        let got = self.option(slot)?.unwrap_or(default);
        let count = usize::try_from(got).ok();
        let count = count.filter(|count| (1..=MOST_COUNT).contains(count));
        count.ok_or_else(|| self.wrong(what, got, format!("1 to {MOST_COUNT}")))
    }

    /// An index of one of `rank` sides, counted from the end where it is negative.
    pub fn axis(&self, axis: i64, rank: usize) -> Result<usize> {
        let from_end = if axis < 0 { rank as i64 } else { 0 };
        axis.checked_add(from_end)
            .and_then(|axis| usize::try_from(axis).ok())
            .filter(|&axis| axis < rank)
            .ok_or_else(|| self.wrong("axis", axis, format!("one of {rank} sides")))
    }
}

/// The largest kernel side, stride or dilation.
const MOST_COUNT: usize = 1 << 20;

// `AttributeProto.AttributeType`.
const FLOAT: i32 = 1;
const INT: i32 = 2;
const INTS: i32 = 7;

fn attribute(name: &str, kind: i32) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: kind,
        ..Default::default()
    }
}

pub(crate) fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto {
        i,
        ..attribute(name, INT)
    }
}

pub(crate) fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto {
        f,
        ..attribute(name, FLOAT)
    }
}

pub(crate) fn ints(name: &str, ints: &[usize]) -> AttributeProto {
    AttributeProto {
        ints: ints.iter().map(|&i| i as i64).collect(),
        ..attribute(name, INTS)
    }
}
