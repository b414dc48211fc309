//! Parts, joins and repeats of constants.

use super::integers;
use crate::budget::product;
use crate::error::Result;
use crate::importer::{Importer, Value};
use crate::node::Node;
use crate::tensor::{Data, MOST_RANK, Tensor};
use std::rc::Rc;

/// The values of `tensor` at these indices of side `side`.
fn part(tensor: &Tensor, side: usize, kept: &[usize]) -> Tensor {
    // The other sides of an empty tensor may be of any length.
    if tensor.data.len() == 0 || kept.is_empty() {
        let mut dims = tensor.dims.clone();
        dims[side] = kept.len();
        let data = tensor.data.pick(std::iter::empty());
        return Tensor { dims, data };
    }
    let size = tensor.dims[side];
    let inner: usize = tensor.dims[side + 1..].iter().product();
    let outer: usize = tensor.dims[..side].iter().product();
    let mut indices = Vec::with_capacity(outer.saturating_mul(kept.len()).saturating_mul(inner));
    for block in 0..outer {
        for &at in kept {
            let from = (block * size + at) * inner;
            indices.extend(from..from + inner);
        }
    }
    let mut dims = tensor.dims.clone();
    dims[side] = kept.len();
    let data = tensor.data.pick(indices.into_iter());
    Tensor { dims, data }
}

/// Joins constants along an axis.
pub(super) fn concat<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    inputs: &[Rc<Tensor>],
) -> Result<Tensor> {
    let first = &inputs[0].dims;
    let axis = node.axis(node.int("axis", 1), first.len())?;
    let others = |dims: &[usize]| {
        let mut dims = dims.to_vec();
        dims.remove(axis);
        dims
    };
    for tensor in inputs {
        importer.budget.take(tensor.data.len().checked_mul(2))?;
        let ok = tensor.dims.len() == first.len() && others(&tensor.dims) == others(first);
        let got = format!("{:?} and {first:?}", tensor.dims);
        node.expect(ok, "shapes of constants", got, "one shape besides the axis")?;
    }
    let empty = inputs.iter().all(|tensor| tensor.data.len() == 0);
    let [outer, inner] = match empty {
        true => [0, 0],
        false => [&first[..axis], &first[axis + 1..]].map(|sides| sides.iter().product::<usize>()),
    };
    let row = |tensor: &Tensor| tensor.dims[axis] * inner;
    let all_ints = inputs.iter().all(|t| matches!(t.data, Data::Int(_)));
    let mut data = match all_ints {
        true => Data::Int(vec![]),
        false => Data::Float(vec![]),
    };
    for block in 0..outer {
        for tensor in inputs {
            let range = block * row(tensor)..(block + 1) * row(tensor);
            match (&mut data, &tensor.data) {
                (Data::Int(all), Data::Int(values)) => all.extend(&values[range]),
                (Data::Float(all), _) => all.extend(range.map(|at| tensor.float_at(at))),
                (Data::Int(_), Data::Float(_)) => {}
            }
        }
    }
    let mut dims = first.clone();
    let sum = |sum: usize, tensor: &Rc<Tensor>| sum.checked_add(tensor.dims[axis]);
    let side = inputs.iter().try_fold(0, sum);
    dims[axis] =
        side.ok_or_else(|| node.wrong("shapes of constants", "too long", "shorter ones"))?;
    Ok(Tensor { dims, data })
}

pub(super) fn gather<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    tensor: &Tensor,
    indices: &Tensor,
) -> Result<Tensor> {
    let axis = node.axis(node.int("axis", 0), tensor.dims.len())?;
    let flat = Tensor {
        dims: vec![indices.data.len()],
        data: indices.data.clone(),
    };
    let size = tensor.dims[axis];
    let places = integers(node, &flat)?;
    let places: Vec<usize> = places
        .iter()
        .map(|&place| node.axis(place, size))
        .collect::<Result<_>>()?;
    let rank = tensor.dims.len() - 1 + indices.dims.len();
    let most = format!("at most {MOST_RANK}");
    node.expect(rank <= MOST_RANK, "number of sides", rank, most)?;
    let mut taken = tensor.dims.clone();
    taken[axis] = places.len();
    importer.budget.take(product(&taken))?;
    let mut picked = part(tensor, axis, &places);
    picked
        .dims
        .splice(axis..=axis, indices.dims.iter().copied());
    Ok(picked)
}

/// Indices from `from` to `to` by `step`, counted from the end where negative, of a side of `size`.
fn range(from: i64, to: i64, step: i64, size: usize) -> Vec<usize> {
    let size = size as i64;
    let counted = |index: i64| match index < 0 {
        true => index.saturating_add(size),
        false => index,
    };
    // Backwards, an end before the first index means that it is taken too.
    let (low, high) = match step > 0 {
        true => (0, size),
        false => (-1, size - 1),
    };
    let (from, to) = (counted(from).clamp(low, high), counted(to).clamp(low, high));
    let mut kept = Vec::new();
    let mut at = from;
    while if step > 0 { at < to } else { at > to } {
        kept.push(at as usize);
        at = at.saturating_add(step);
    }
    kept
}

/// For each side that a `Slice` names, the indices that stay. Its lists are attributes before version 10, then `inputs`:
/// starts, ends, axes, steps.
pub(in crate::ops) fn ranges<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    dims: &[usize],
    inputs: &[Option<Rc<Tensor>>],
) -> Result<Vec<(usize, Vec<usize>)>> {
    let list = |index: usize, name: &str| -> Result<Option<Vec<i64>>> {
        match (node.ints(name), inputs.get(index).and_then(Option::as_ref)) {
            (Some(list), _) => Ok(Some(list.to_vec())),
            (None, Some(tensor)) => integers(node, tensor).map(Some),
            (None, None) => Ok(None),
        }
    };
    let missing = |name: &str| node.wrong(name, "missing", "one number a side");
    let starts = list(0, "starts")?.ok_or_else(|| missing("starts"))?;
    let ends = list(1, "ends")?.ok_or_else(|| missing("ends"))?;
    let axes = list(2, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = list(3, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    let counts = [starts.len(), ends.len(), axes.len(), steps.len()];
    let ok = counts.iter().all(|&count| count == starts.len());
    node.expect(
        ok,
        "lists of the slice",
        format!("{counts:?}"),
        "of one length",
    )?;
    let zero = steps.contains(&0);
    node.expect(!zero, "steps", 0, "other numbers")?;
    node.axes(&axes, dims.len())?;
    let mut kept = Vec::new();
    for at in 0..starts.len() {
        let side = node.axis(axes[at], dims.len())?;
        importer.budget.take(Some(dims[side]))?;
        kept.push((side, range(starts[at], ends[at], steps[at], dims[side])));
    }
    Ok(kept)
}

pub(super) fn slice<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    tensor: &Tensor,
    inputs: &[Option<Rc<Tensor>>],
) -> Result<Tensor> {
    let mut tensor = tensor.clone();
    for (side, kept) in ranges(importer, node, &tensor.dims, inputs)? {
        tensor = part(&tensor, side, &kept);
    }
    Ok(tensor)
}

/// The first part; the others are defined here.
pub(super) fn split<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    tensor: &Tensor,
    sizes: Option<&Rc<Tensor>>,
) -> Result<Value> {
    let axis = node.axis(node.int("axis", 0), tensor.dims.len())?;
    let names = &node.proto.output;
    let size = tensor.dims[axis];
    importer.budget.take(Some(size))?;
    let sizes = match (node.ints("split"), sizes) {
        (Some(sizes), _) => sizes.to_vec(),
        (None, Some(sizes)) => integers(node, sizes)?,
        (None, None) => {
            let each = size.div_ceil(names.len().max(1));
            let left = |at: usize| size.saturating_sub(at * each).min(each) as i64;
            (0..names.len()).map(left).collect()
        }
    };
    let all = sizes
        .iter()
        .try_fold(0i64, |sum, &part| sum.checked_add(part));
    let ok = sizes.len() == names.len()
        && sizes.iter().all(|&part| part >= 0)
        && all == Some(size as i64);
    node.expect(
        ok,
        "split",
        format!("{sizes:?} of {size}"),
        "parts that make it",
    )?;
    let mut from = 0;
    let mut parts = Vec::new();
    for part_size in sizes {
        let kept: Vec<usize> = (from..from + part_size as usize).collect();
        from += kept.len();
        parts.push(Value::Constant(Rc::new(part(tensor, axis, &kept))));
    }
    for (name, value) in names.iter().zip(&parts).skip(1) {
        importer.define(name, value.clone());
    }
    let first = parts.into_iter().next();
    first.ok_or_else(|| node.wrong("outputs", "none", "at least one"))
}

/// Repeats sides of length 1.
pub(super) fn expand<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    tensor: &Tensor,
    shape: &Tensor,
) -> Result<Tensor> {
    let dims = crate::tensor::sides(node.name(), &integers(node, shape)?)?;
    let rank = dims.len().max(tensor.dims.len());
    let wide = |dims: &[usize]| [vec![1; rank - dims.len()], dims.to_vec()].concat();
    let (own, asked) = (wide(&tensor.dims), wide(&dims));
    let ok = own
        .iter()
        .zip(&asked)
        .all(|(&a, &b)| a == b || a == 1 || b == 1);
    let got = format!("{asked:?} of {own:?}");
    node.expect(ok, "shape", got, "the same sides, or longer ones of 1")?;
    let times: Vec<usize> = own
        .iter()
        .zip(&asked)
        .map(|(&a, &b)| if a == 1 { b } else { 1 })
        .collect();
    repeated(importer, tensor, own, &times)
}

pub(super) fn tile<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    tensor: &Tensor,
    repeats: &Tensor,
) -> Result<Tensor> {
    let times = crate::tensor::sides(node.name(), &integers(node, repeats)?)?;
    let ok = times.len() == tensor.dims.len();
    let got = format!("{times:?} of {:?}", tensor.dims);
    node.expect(ok, "repeats", got, "one number a side")?;
    repeated(importer, tensor, tensor.dims.clone(), &times)
}

/// The values with sides `dims`, each side so often.
fn repeated(
    importer: &mut Importer<'_>,
    tensor: &Tensor,
    dims: Vec<usize>,
    times: &[usize],
) -> Result<Tensor> {
    let all: Option<Vec<usize>> = dims
        .iter()
        .zip(times)
        .map(|(&a, &b)| a.checked_mul(b))
        .collect();
    let count = all.as_deref().and_then(product);
    for &side in all.iter().flatten() {
        importer.budget.take(Some(side))?;
    }
    importer
        .budget
        .take(count.and_then(|n| n.checked_mul(2 * (1 + dims.len()))))?;
    let mut result = Tensor {
        dims,
        data: tensor.data.clone(),
    };
    for (side, &times) in times.iter().enumerate() {
        if times != 1 {
            let size = result.dims[side];
            let kept: Vec<usize> = (0..size * times).map(|at| at % size).collect();
            result = part(&result, side, &kept);
        }
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_counted_from_both_ends() {
        assert_eq!(range(1, -1, 1, 5), [1, 2, 3]);
        assert_eq!(range(0, i64::MAX, 2, 5), [0, 2, 4]);
        assert_eq!(range(-1, i64::MIN, -1, 3), [2, 1, 0]);
        assert_eq!(range(9, -4, -2, 3), [2, 0]);
        assert!(range(2, 2, 1, 5).is_empty());
        assert_eq!(range(i64::MIN, 1, i64::MAX, 5), [0]);
    }
}
