//! Constants.

mod decode;
mod external;

pub(crate) use decode::{Source, decode};

use crate::budget::product;
use crate::error::{ImportError, Result};

/// Most sides of a tensor.
pub(crate) const MOST_RANK: usize = 8;

/// A constant: sides, and as many values in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tensor {
    pub dims: Vec<usize>,
    pub data: Data,
}

/// The values of a constant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Float(Vec<f32>),
    Int(Vec<i64>),
}

impl Data {
    pub fn len(&self) -> usize {
        match self {
            Data::Float(values) => values.len(),
            Data::Int(values) => values.len(),
        }
    }

    /// The values at these indices, which must be there.
    pub fn pick(&self, indices: impl Iterator<Item = usize>) -> Data {
        match self {
            Data::Float(values) => Data::Float(indices.map(|i| values[i]).collect()),
            Data::Int(values) => Data::Int(indices.map(|i| values[i]).collect()),
        }
    }
}

impl Tensor {
    pub fn ints(values: Vec<i64>) -> Tensor {
        Tensor {
            dims: vec![values.len()],
            data: Data::Int(values),
        }
    }

    pub fn int(value: i64) -> Tensor {
        Tensor {
            dims: vec![],
            data: Data::Int(vec![value]),
        }
    }

    pub fn float(value: f32) -> Tensor {
        Tensor {
            dims: vec![],
            data: Data::Float(vec![value]),
        }
    }

    /// The values as floats.
    pub fn to_floats(&self) -> Vec<f32> {
        match &self.data {
            Data::Float(values) => values.clone(),
            Data::Int(values) => values.iter().map(|&value| value as f32).collect(),
        }
    }

    /// The value at `index` as a float.
    pub fn float_at(&self, index: usize) -> f32 {
        match &self.data {
            Data::Float(values) => values[index],
            Data::Int(values) => values[index] as f32,
        }
    }

    /// With sides along which all values are equal cut to length 1.
    pub fn reduced(mut self) -> Tensor {
        if self.data.len() == 0 {
            return self;
        }
        for axis in 0..self.dims.len() {
            let size = self.dims[axis];
            let inner: usize = self.dims[axis + 1..].iter().product();
            let first = |index: usize| index / (inner * size) * (inner * size) + index % inner;
            let equal = match &self.data {
                Data::Float(v) => (0..v.len()).all(|i| v[i] == v[first(i)]),
                Data::Int(v) => (0..v.len()).all(|i| v[i] == v[first(i)]),
            };
            if size > 1 && equal {
                let kept = (0..self.data.len()).filter(|&i| (i / inner).is_multiple_of(size));
                self.data = self.data.pick(kept);
                self.dims[axis] = 1;
            }
        }
        self
    }

    /// The same values with other sides; `None` if their product differs.
    pub fn reshaped(&self, dims: Vec<usize>) -> Option<Tensor> {
        (product(&dims) == Some(self.data.len())).then(|| Tensor {
            dims,
            data: self.data.clone(),
        })
    }

    /// With its sides in the order of `order`, a permutation of them.
    pub fn transposed(&self, order: &[usize]) -> Tensor {
        let dims: Vec<usize> = order.iter().map(|&axis| self.dims[axis]).collect();
        // The other sides of an empty tensor may be of any length.
        if self.data.len() == 0 {
            let data = self.data.clone();
            return Tensor { dims, data };
        }
        let mut strides = vec![1; self.dims.len()];
        for axis in (1..self.dims.len()).rev() {
            strides[axis - 1] = strides[axis] * self.dims[axis].max(1);
        }
        let index = |mut at: usize| {
            let mut from = 0;
            for (&axis, &side) in order.iter().zip(&dims).rev() {
                from += at % side * strides[axis];
                at /= side;
            }
            from
        };
        let data = self.data.pick((0..self.data.len()).map(index));
        Tensor { dims, data }
    }
}

/// Sides that a file gives, as numbers that can be worked with.
pub(crate) fn sides(name: &str, dims: &[i64]) -> Result<Vec<usize>> {
    if dims.len() > MOST_RANK {
        let expected = format!("at most {MOST_RANK}");
        return Err(ImportError::tensor(
            name,
            "number of sides",
            dims.len(),
            expected,
        ));
    }
    let side = |&side: &i64| {
        usize::try_from(side).map_err(|_| ImportError::tensor(name, "a side", side, "0 or more"))
    };
    dims.iter().map(side).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_put_in_another_order() {
        let tensor = Tensor {
            dims: vec![2, 3],
            data: Data::Int(vec![0, 1, 2, 10, 11, 12]),
        };
        let turned = tensor.transposed(&[1, 0]);
        assert_eq!(turned.dims, [3, 2]);
        assert_eq!(turned.data, Data::Int(vec![0, 10, 1, 11, 2, 12]));
        assert_eq!(turned.transposed(&[1, 0]), tensor);
        assert_eq!(tensor.reshaped(vec![4]), None);
    }
}
