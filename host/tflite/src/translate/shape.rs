//! Operators that move or choose values, and sums over sides.

use super::arithmetic::list;
use super::known;
use super::node::{Node, int, ints};
use super::{Translator, Value};
use crate::error::Result;
use crate::file::MOST_RANK;
use planus::Vector;

/// `RESHAPE`, `SQUEEZE`, `EXPAND_DIMS` and `TRANSPOSE`.
pub(super) fn moved(translator: &mut Translator<'_>, node: &Node<'_>) -> Result<()> {
    let value = translator.value(node, 0)?;
    let (name, dims) = match node.operator() {
        "TRANSPOSE" => {
            let order = known::list(translator, node, 1)?;
            let rank = value.dims.len();
            let order: Vec<usize> = order
                .iter()
                .map(|&side| node.axis(side, rank))
                .collect::<Result<_>>()?;
            let mut sorted = order.clone();
            sorted.sort_unstable();
            let ok = sorted.into_iter().eq(0..rank);
            node.expect(
                ok,
                "order",
                format!("{order:?}"),
                format!("each of {rank} sides once"),
            )?;
            let dims = order.iter().map(|&side| value.dims[side]).collect();
            let order = vec![ints("perm", &order)];
            (
                translator.emit(node, "Transpose", &[&value.name], order),
                dims,
            )
        }
        _ => {
            let dims = known::sides(translator, node, &value.dims)?;
            (translator.reshaped(node, &value.name, &dims), dims)
        }
    };
    same(translator, node, name, dims)
}

/// Takes `name` for the tensor that `node` makes of values of input 0: no quantiser is needed where it is the same one.
pub(super) fn same(
    translator: &mut Translator<'_>,
    node: &Node<'_>,
    name: String,
    dims: Vec<usize>,
) -> Result<()> {
    let from = &node.file.tensors[node.input(0)?];
    let to = node.made();
    if from.kind == to.kind && from.quantisation == to.quantisation {
        translator.values.insert(node.output, Value { name, dims });
        return Ok(());
    }
    translator.finish(node, name, dims, None)
}

/// `MEAN`, `SUM` and `REDUCE_MAX`.
pub(super) fn reduce(translator: &mut Translator<'_>, node: &Node<'_>) -> Result<()> {
    let value = translator.value(node, 0)?;
    let rank = value.dims.len();
    let axes = known::list(translator, node, 1)?;
    let mut axes: Vec<usize> = axes
        .iter()
        .map(|&axis| node.axis(axis, rank))
        .collect::<Result<_>>()?;
    axes.sort_unstable();
    axes.dedup();
    let keeps = node.option::<u8>(0)?.unwrap_or(0) != 0;
    let mut dims = value.dims.clone();
    for &axis in axes.iter().rev() {
        match keeps {
            true => dims[axis] = 1,
            false => {
                dims.remove(axis);
            }
        }
    }
    let operator = match node.operator() {
        "MEAN" => "ReduceMean",
        "SUM" => "ReduceSum",
        _ => "ReduceMax",
    };
    let attributes = vec![ints("axes", &axes), int("keepdims", i64::from(keeps))];
    let output = translator.emit(node, operator, &[&value.name], attributes);
    translator.finish(node, output, dims, None)
}

pub(super) fn concatenation(translator: &mut Translator<'_>, node: &Node<'_>) -> Result<()> {
    let mut values = Vec::new();
    for index in 0..node.operator.inputs.len() {
        values.push(translator.value(node, index)?);
    }
    let Some(first) = values.first() else {
        return Err(node.wrong("inputs", "none", "at least one"));
    };
    let rank = first.dims.len();
    let axis = node.axis(node.option::<i32>(0)?.unwrap_or(0).into(), rank)?;
    let mut dims = first.dims.clone();
    dims[axis] = 0;
    for value in &values {
        let others = |dims: &[usize]| [&dims[..axis], &dims[axis + 1..]].concat();
        let ok = value.dims.len() == rank && others(&value.dims) == others(&first.dims);
        let got = format!("{:?} and {:?}", first.dims, value.dims);
        node.expect(ok, "shapes", got, "the same sides but one")?;
        dims[axis] += value.dims[axis];
    }
    let names: Vec<&str> = values.iter().map(|value| value.name.as_str()).collect();
    let attributes = vec![int("axis", axis as i64)];
    let output = translator.emit(node, "Concat", &names, attributes);
    translator.finish(node, output, dims, node.option(1)?)
}

/// The part of `value` from `from` to `to` of each side.
pub(super) fn part(
    translator: &mut Translator<'_>,
    node: &Node<'_>,
    value: &Value,
    ranges: &[(usize, usize)],
) -> String {
    let all = ranges.iter().enumerate();
    let cut = all.filter(|(side, range)| **range != (0, value.dims[*side]));
    let cut: Vec<(usize, (usize, usize))> = cut.map(|(side, &range)| (side, range)).collect();
    if cut.is_empty() {
        return value.name.clone();
    }
    let lists = [
        cut.iter().map(|(_, range)| range.0 as i64).collect(),
        cut.iter().map(|(_, range)| range.1 as i64).collect(),
        cut.iter().map(|(side, _)| *side as i64).collect(),
    ];
    let lists = lists.map(|values| list(translator, values));
    let inputs = [&value.name, &lists[0], &lists[1], &lists[2]].map(String::as_str);
    translator.emit(node, "Slice", &inputs, vec![])
}

/// `SLICE` and `STRIDED_SLICE`.
pub(super) fn slice(translator: &mut Translator<'_>, node: &Node<'_>) -> Result<()> {
    let value = translator.value(node, 0)?;
    let rank = value.dims.len();
    let (from, to) = (
        known::list(translator, node, 1)?,
        known::list(translator, node, 2)?,
    );
    let ok = from.len() == rank && to.len() == rank;
    let got = format!("{} and {}", from.len(), to.len());
    node.expect(ok, "numbers for each side", got, rank)?;
    let strided = node.operator() == "STRIDED_SLICE";
    let mut masks = known::Masks::default();
    if strided {
        masks = known::Masks::of(node)?;
        let steps = known::list(translator, node, 3)?;
        let ok = steps.iter().all(|&step| step == 1);
        node.expect(ok, "steps", format!("{steps:?}"), "1 everywhere")?;
    }
    let mut ranges = Vec::new();
    let mut dims = Vec::new();
    for side in 0..rank {
        let size = value.dims[side];
        let (start, end) = if strided {
            masks.range(side, from[side], to[side], size)
        } else {
            let start = usize::try_from(from[side]).unwrap_or(size);
            let end = match to[side] {
                -1 => size,
                count => start.saturating_add(usize::try_from(count).unwrap_or(0)),
            };
            (start, end)
        };
        let got = format!("{start} to {end} of {size}");
        node.expect(
            start < end && end <= size,
            "range",
            got,
            "a part of the side",
        )?;
        ranges.push((start, end));
        if !masks.shrinks(side) {
            dims.push(end - start);
        }
    }
    let mut output = part(translator, node, &value, &ranges);
    if dims.len() != rank {
        output = translator.reshaped(node, &output, &dims);
    }
    same(translator, node, output, dims)
}

/// `SPLIT` in equal parts; its axis is input 0.
pub(super) fn split(translator: &mut Translator<'_>, node: &Node<'_>) -> Result<()> {
    let value = translator.value(node, 1)?;
    let axis = known::list(translator, node, 0)?;
    let axis = axis.first().copied().unwrap_or(0);
    let axis = node.axis(axis, value.dims.len())?;
    let (size, parts) = (value.dims[axis], node.operator.outputs.len());
    let ok = size.is_multiple_of(parts) && size > 0;
    node.expect(ok, "parts", format!("{parts} of {size}"), "equal ones")?;
    let step = size / parts;
    let mut dims = value.dims.clone();
    dims[axis] = step;
    for (index, &output) in node.operator.outputs.iter().enumerate() {
        let mut ranges: Vec<(usize, usize)> = value.dims.iter().map(|&side| (0, side)).collect();
        ranges[axis] = (index * step, (index + 1) * step);
        let name = part(translator, node, &value, &ranges);
        translator.made(node, output, name, dims.clone())?;
    }
    Ok(())
}

/// The list of integers of option `slot`.
pub(super) fn option_list(node: &Node<'_>, slot: usize) -> Result<Option<Vec<i64>>> {
    let Some(list) = node.option::<Vector<'_, i32>>(slot)? else {
        return Ok(None);
    };
    let got = format!("{} sides", list.len());
    node.expect(
        list.len() <= MOST_RANK,
        "options",
        got,
        format!("at most {MOST_RANK}"),
    )?;
    Ok(Some(list.iter().map(i64::from).collect()))
}
