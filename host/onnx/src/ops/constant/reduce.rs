//! Sums, products, means, largest and least values of constants along sides.

use super::integers;
use crate::error::Result;
use crate::node::Node;
use crate::tensor::{Data, Tensor};
use std::rc::Rc;

/// What a reduction makes of its values.
pub(super) type Kind = fn(&[f64]) -> f64;

/// The reduction of this name.
pub(super) fn kind(operator: &str) -> Option<Kind> {
    let kind: Kind = match operator {
        "ReduceSum" => |values| values.iter().sum(),
        "ReduceProd" => |values| values.iter().product(),
        "ReduceMean" => |values| values.iter().sum::<f64>() / values.len() as f64,
        "ReduceMax" => |values| values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "ReduceMin" => |values| values.iter().copied().fold(f64::INFINITY, f64::min),
        "ReduceL1" => |values| values.iter().map(|x| x.abs()).sum(),
        "ReduceL2" => |values| values.iter().map(|x| x * x).sum::<f64>().sqrt(),
        "ReduceSumSquare" => |values| values.iter().map(|x| x * x).sum(),
        _ => return None,
    };
    Some(kind)
}

pub(super) fn run(
    node: Node<'_>,
    tensor: &Tensor,
    axes: Option<&Rc<Tensor>>,
    kind: Kind,
) -> Result<Tensor> {
    let rank = tensor.dims.len();
    let axes = match (node.ints("axes"), axes) {
        (Some(axes), _) => axes.to_vec(),
        (None, Some(axes)) => integers(node, axes)?,
        (None, None) => vec![],
    };
    let sides = match axes.is_empty() {
        true if node.int("noop_with_empty_axes", 0) != 0 => return Ok(tensor.clone()),
        true => (0..rank).collect(),
        false => node.axes(&axes, rank)?,
    };
    let got = format!("{:?}", tensor.dims);
    node.expect(
        tensor.data.len() > 0,
        "sides of a constant",
        got,
        "sides above 0",
    )?;
    let kept: Vec<usize> = (0..rank).filter(|side| !sides.contains(side)).collect();
    let turned = tensor.transposed(&[kept.clone(), sides.clone()].concat());
    let inner: usize = sides.iter().map(|&side| tensor.dims[side]).product();
    let floats: Vec<f64> = match &turned.data {
        Data::Float(values) => values.iter().map(|&x| f64::from(x)).collect(),
        Data::Int(values) => values.iter().map(|&x| x as f64).collect(),
    };
    let results = floats.chunks_exact(inner.max(1)).map(kind);
    let data = match &turned.data {
        Data::Float(_) => Data::Float(results.map(|x| x as f32).collect()),
        Data::Int(_) => Data::Int(results.map(|x| x as i64).collect()),
    };
    let keep = node.int("keepdims", 1) != 0;
    let side = |side: usize| match sides.contains(&side) {
        true => keep.then_some(1),
        false => Some(tensor.dims[side]),
    };
    let dims: Vec<usize> = (0..rank).filter_map(side).collect();
    Ok(Tensor { dims, data })
}
