//! Constants as integers and back.

use super::Scales;
use crate::error::Result;
use crate::importer::Importer;
use crate::node::Node;
use crate::tensor::{Data, Tensor};

/// Which scale each value of a constant has.
struct Places {
    /// Values between two of one scale, and how many scales follow each other.
    inner: usize,
    side: usize,
    /// Values of a side that have one scale.
    block: usize,
    /// Scales along that side; 1 where there is one for all.
    count: usize,
    /// Whether each place along the other sides has scales of its own, as blocks have.
    each: bool,
}

impl Places {
    fn of(node: Node<'_>, tensor: &Tensor, scales: &Tensor) -> Result<Places> {
        let rank = tensor.dims.len();
        let block = node.int("block_size", 0);
        let got = || format!("{:?} for {:?}", scales.dims, tensor.dims);
        let wrong = || node.wrong("shape of the scales", got(), "one, or one a channel");
        if scales.data.len() == 1 {
            return Ok(Places {
                inner: 1,
                side: 1,
                block: 1,
                count: 1,
                each: false,
            });
        }
        let axis = node.axis(node.int("axis", 1), rank)?;
        let side = tensor.dims[axis];
        let inner = tensor.dims[axis + 1..].iter().product::<usize>().max(1);
        if block > 0 {
            let block = usize::try_from(block).map_err(|_| wrong())?;
            let mut dims = tensor.dims.clone();
            dims[axis] = side.div_ceil(block);
            node.expect(
                scales.dims == dims,
                "shape of the scales",
                got(),
                format!("{dims:?}"),
            )?;
            return Ok(Places {
                inner,
                side,
                block,
                count: dims[axis],
                each: true,
            });
        }
        if scales.data.len() != side || scales.dims.iter().filter(|&&side| side != 1).count() > 1 {
            return Err(wrong());
        }
        Ok(Places {
            inner,
            side,
            block: 1,
            count: side,
            each: false,
        })
    }

    fn at(&self, index: usize) -> usize {
        if self.count == 1 && !self.each {
            return 0;
        }
        let along = index / self.inner % self.side / self.block;
        if !self.each {
            return along;
        }
        let outer = index / self.inner / self.side;
        (outer * self.count + along) * self.inner + index % self.inner
    }
}

/// Calls `each(index, scale, zero point)` for every value of `tensor`.
fn zip<'a, T>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    tensor: &Tensor,
    scales: &Scales,
    each: impl Fn(usize, f32, f32) -> T,
) -> Result<Vec<T>> {
    let count = tensor.data.len();
    importer.budget.take(Some(count))?;
    if count == 0 {
        return Ok(vec![]);
    }
    let scale = Places::of(node, tensor, &scales.scale)?;
    let zero = scales.zero.as_ref();
    let zero = zero.map(|zero| Places::of(node, tensor, zero).map(|places| (places, zero)));
    let zero = zero.transpose()?;
    let value = |index: usize| {
        let zero = zero
            .as_ref()
            .map_or(0.0, |(places, zero)| zero.float_at(places.at(index)));
        each(index, scales.scale.float_at(scale.at(index)), zero)
    };
    Ok((0..count).map(value).collect())
}

/// `(value - zero) * scale`.
pub(super) fn dequantised<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    tensor: &Tensor,
    scales: &Scales,
) -> Result<Tensor> {
    let real = |index: usize, scale: f32, zero: f32| match &tensor.data {
        // Sums of 32 bits are no floats before they are shifted.
        Data::Int(values) => ((values[index] as f64 - f64::from(zero)) * f64::from(scale)) as f32,
        Data::Float(values) => (values[index] - zero) * scale,
    };
    let data = Data::Float(zip(importer, node, tensor, scales, real)?);
    let dims = tensor.dims.clone();
    Ok(Tensor { dims, data })
}

/// `value / scale`, rounded half to even, behind the zero point and inside `limits`.
pub(super) fn quantised<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    tensor: &Tensor,
    scales: &Scales,
    limits: [f32; 2],
) -> Result<Tensor> {
    let integer = |index: usize, scale: f32, zero: f32| {
        let value = (tensor.float_at(index) / scale).round_ties_even() + zero;
        value.clamp(limits[0], limits[1]) as i64
    };
    let data = Data::Int(zip(importer, node, tensor, scales, integer)?);
    let dims = tensor.dims.clone();
    Ok(Tensor { dims, data })
}
