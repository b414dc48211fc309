//! One node of the graph: its attributes, and errors that name it.

use crate::error::{ImportError, Result};
use crate::proto::{AttributeProto, NodeProto};

/// A node with the version of its operators.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a> {
    pub proto: &'a NodeProto,
    pub opset: i64,
}

impl<'a> Node<'a> {
    pub fn operator(&self) -> &'a str {
        &self.proto.op_type
    }

    /// Its name, or that of its first output.
    pub fn name(&self) -> &'a str {
        match (self.proto.name.as_str(), self.proto.output.first()) {
            ("", Some(output)) => output,
            (name, _) => name,
        }
    }

    /// The error that `what` is `got`, and not `expected`.
    pub fn wrong(
        &self,
        what: impl ToString,
        got: impl ToString,
        expected: impl ToString,
    ) -> ImportError {
        ImportError::Node {
            operator: self.operator().to_string(),
            node: self.name().to_string(),
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

    /// The error that this operator does not exist here.
    pub fn unknown(&self) -> ImportError {
        let operator = match self.proto.domain.as_str() {
            "" | "ai.onnx" => self.operator().to_string(),
            domain => format!("{domain}.{}", self.operator()),
        };
        ImportError::Operator {
            operator,
            node: self.name().to_string(),
        }
    }

    /// Name of an input; `None` if it is left out.
    pub fn input(&self, index: usize) -> Option<&'a str> {
        let name = self.proto.input.get(index)?;
        (!name.is_empty()).then_some(name)
    }

    pub fn attribute(&self, name: &str) -> Option<&'a AttributeProto> {
        self.proto.attribute.iter().find(|a| a.name == name)
    }

    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |a| a.i)
    }

    pub fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).map_or(default, |a| a.f)
    }

    pub fn ints(&self, name: &str) -> Option<&'a [i64]> {
        self.attribute(name).map(|a| a.ints.as_slice())
    }

    pub fn floats(&self, name: &str) -> Option<&'a [f32]> {
        self.attribute(name).map(|a| a.floats.as_slice())
    }

    /// A list of numbers that count something.
    pub fn counts(&self, name: &str) -> Result<Option<Vec<usize>>> {
        let Some(ints) = self.ints(name) else {
            return Ok(None);
        };
        let count = |&i: &i64| {
            usize::try_from(i)
                .ok()
                .filter(|&n| n <= MOST_COUNT)
                .ok_or_else(|| self.wrong(name, i, format!("0 to {MOST_COUNT}")))
        };
        ints.iter().map(count).collect::<Result<_>>().map(Some)
    }

    pub fn text(&self, name: &str) -> Option<String> {
        let text = |a: &AttributeProto| String::from_utf8_lossy(&a.s).into_owned();
        self.attribute(name).map(text)
    }

    /// An index of one of `rank` sides, counted from the end where it is negative.
    pub fn axis(&self, axis: i64, rank: usize) -> Result<usize> {
        let from_end = if axis < 0 { rank as i64 } else { 0 };
        axis.checked_add(from_end)
            .and_then(|axis| usize::try_from(axis).ok())
            .filter(|&axis| axis < rank)
            .ok_or_else(|| self.wrong("axis", axis, format!("one of {rank} sides")))
    }

    /// Indices of sides without repetition, in rising order.
    pub fn axes(&self, axes: &[i64], rank: usize) -> Result<Vec<usize>> {
        let axes = axes.iter().map(|&axis| self.axis(axis, rank));
        let mut axes: Vec<usize> = axes.collect::<Result<_>>()?;
        axes.sort_unstable();
        let count = axes.len();
        axes.dedup();
        self.expect(axes.len() == count, "axes", "one twice", "each side once")?;
        Ok(axes)
    }
}

/// The largest kernel side, stride, padding or length of an axis.
pub(crate) const MOST_COUNT: usize = 1 << 20;
