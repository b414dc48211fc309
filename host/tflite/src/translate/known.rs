//! Integers that are known: constants, shapes, and what converters make of them.

use super::Translator;
use super::node::Node;
use super::shape::option_list;
use crate::error::Result;
use crate::file::{Kind, MOST_RANK};

/// A list of integers, or one alone.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    values: Vec<i64>,
    /// Whether there are no sides.
    alone: bool,
}

/// Most integers of a list that is computed with.
const MOST: usize = 64;

/// The integers that `tensor` is known to have.
fn known(translator: &Translator<'_>, tensor: usize) -> Result<Option<Known>> {
    if let Some(known) = translator.known.get(&tensor) {
        return Ok(Some(known.clone()));
    }
    let constant = &translator.file.tensors[tensor];
    let integers = matches!(constant.kind, Kind::Int32 | Kind::Int64);
    if !integers || constant.data.is_none() || translator.values.contains_key(&tensor) {
        return Ok(None);
    }
    if constant
        .data
        .as_ref()
        .is_some_and(|data| data.len() > 8 * MOST)
    {
        return Ok(None);
    }
    Ok(Some(Known {
        values: constant.integers()?,
        alone: constant.shape.is_empty(),
    }))
}

/// The list of integers at input `index`.
pub(super) fn list(translator: &Translator<'_>, node: &Node<'_>, index: usize) -> Result<Vec<i64>> {
    let known = known(translator, node.input(index)?)?;
    let expected = "integers that are known; convert the model for inference";
    let wrong = || node.wrong(format!("input {index}"), "computed", expected);
    Ok(known.ok_or_else(wrong)?.values)
}

/// Computes what `node` makes if that is known, or a constant under another number; `false` if it is neither.
pub(super) fn run(translator: &mut Translator<'_>, node: &Node<'_>) -> Result<bool> {
    if node.operator() == "DEQUANTIZE" {
        let from = node.input(0)?;
        if translator.is_constant(from) {
            let from = translator.resolved(from);
            translator.aliases.insert(node.output, from);
            return Ok(true);
        }
        return Ok(false);
    }
    let made = match node.operator() {
        "SHAPE" => {
            let tensor = node.input(0)?;
            let dims = match translator.values.get(&tensor) {
                Some(value) => value.dims.clone(),
                None => translator.file.tensors[tensor].dims()?,
            };
            Some(Known {
                values: dims.iter().map(|&side| side as i64).collect(),
                alone: false,
            })
        }
        "PACK" | "CONCATENATION" | "STRIDED_SLICE" | "REDUCE_PROD" | "MUL" | "ADD" | "SUB"
        | "CAST" | "GATHER" | "RESHAPE" | "SQUEEZE" | "EXPAND_DIMS" => {
            let mut inputs = Vec::new();
            for tensor in node.operator.inputs.iter().flatten() {
                match known(translator, *tensor)? {
                    Some(known) => inputs.push(known),
                    None => return Ok(false),
                }
            }
            computed(node, &inputs)?
        }
        _ => None,
    };
    let Some(made) = made else {
        return Ok(false);
    };
    let count = made.values.len();
    node.expect(
        count <= MOST,
        "number of values",
        count,
        format!("at most {MOST}"),
    )?;
    translator.known.insert(node.output, made);
    Ok(true)
}

/// What `node` makes of integers.
fn computed(node: &Node<'_>, inputs: &[Known]) -> Result<Option<Known>> {
    let Some(first) = inputs.first() else {
        return Ok(None);
    };
    let alone = first.alone;
    let all = || {
        inputs
            .iter()
            .flat_map(|known| known.values.clone())
            .collect()
    };
    Ok(Some(match node.operator() {
        "PACK" => Known {
            values: all(),
            alone: false,
        },
        "CONCATENATION" => Known {
            values: all(),
            alone: false,
        },
        "STRIDED_SLICE" => {
            let list = |index: usize| inputs.get(index).map_or(&[][..], |known| &known.values);
            let (&[from], &[to], &[1]) = (list(1), list(2), list(3)) else {
                return Err(node.wrong("slice", "of several sides", "a range of a list, step 1"));
            };
            let masks = Masks::of(node)?;
            let size = first.values.len();
            let (from, to) = masks.range(0, from, to, size);
            let got = format!("{from} to {to} of {size}");
            node.expect(from <= to && to <= size, "range", got, "a part of the list")?;
            Known {
                values: first.values[from..to].to_vec(),
                alone: masks.shrinks(0),
            }
        }
        "GATHER" => {
            let Some(second) = inputs.get(1) else {
                return Ok(None);
            };
            let size = first.values.len();
            let place = |&at: &i64| node.axis(at, size).map(|at| first.values[at]);
            Known {
                values: second.values.iter().map(place).collect::<Result<_>>()?,
                alone: second.alone,
            }
        }
        "REDUCE_PROD" => {
            let product = first.values.iter().try_fold(1i64, |n, &v| n.checked_mul(v));
            let wrong = || node.wrong("product", "too large", "one of 63 bits");
            Known {
                values: vec![product.ok_or_else(wrong)?],
                alone: node.option::<u8>(0)?.unwrap_or(0) == 0,
            }
        }
        "MUL" | "ADD" | "SUB" => {
            let Some(second) = inputs.get(1) else {
                return Ok(None);
            };
            let (a, b) = (&first.values, &second.values);
            let got = format!("{} and {}", a.len(), b.len());
            let ok = a.len() == b.len() || a.len() == 1 || b.len() == 1;
            node.expect(ok, "values", got, "as many, or one")?;
            let at =
                |values: &[i64], index: usize| values[if values.len() == 1 { 0 } else { index }];
            let value = |index: usize| {
                let (x, y) = (at(a, index), at(b, index));
                let value = match node.operator() {
                    "MUL" => x.checked_mul(y),
                    "ADD" => x.checked_add(y),
                    _ => x.checked_sub(y),
                };
                value.ok_or_else(|| node.wrong("integers", format!("{x} and {y}"), "a result"))
            };
            let count = if a.is_empty() || b.is_empty() {
                0
            } else {
                a.len().max(b.len())
            };
            Known {
                values: (0..count).map(value).collect::<Result<_>>()?,
                alone: alone && second.alone,
            }
        }
        "CAST" => {
            let ok = matches!(node.made().kind, Kind::Int32 | Kind::Int64);
            if !ok {
                return Ok(None);
            }
            first.clone()
        }
        // Of one value, or of a list that stays one.
        _ => Known {
            values: first.values.clone(),
            alone: node.made().shape.is_empty(),
        },
    }))
}

/// The sides that `RESHAPE`, `SQUEEZE` or `EXPAND_DIMS` makes of `dims`.
pub(super) fn sides(
    translator: &Translator<'_>,
    node: &Node<'_>,
    dims: &[usize],
) -> Result<Vec<usize>> {
    let rank = dims.len();
    match node.operator() {
        "SQUEEZE" => {
            let given = option_list(node, 0)?.unwrap_or_default();
            let mut gone: Vec<usize> = given
                .iter()
                .map(|&axis| node.axis(axis, rank))
                .collect::<Result<_>>()?;
            if gone.is_empty() {
                gone = (0..rank).filter(|&side| dims[side] == 1).collect();
            }
            let ok = gone.iter().all(|&side| dims[side] == 1);
            let got = format!("{gone:?} of {dims:?}");
            node.expect(ok, "sides", got, "sides of length 1")?;
            let kept = (0..rank).filter(|side| !gone.contains(side));
            Ok(kept.map(|side| dims[side]).collect())
        }
        "EXPAND_DIMS" => {
            let axis = list(translator, node, 1)?;
            let axis = axis.first().copied().unwrap_or(0);
            node.expect(
                rank < MOST_RANK,
                "sides",
                rank,
                format!("below {MOST_RANK}"),
            )?;
            let axis = node.axis(axis, rank + 1)?;
            let mut more = dims.to_vec();
            more.insert(axis, 1);
            Ok(more)
        }
        _ => {
            let known = match node.optional(1) {
                Some(tensor) => known(translator, tensor)?.map(|known| known.values),
                None => option_list(node, 0)?,
            };
            let target = match known {
                Some(target) => target,
                // The converter knows the sides, even where it leaves code that computes them.
                None => node.made().shape.iter().map(|&side| side.into()).collect(),
            };
            resolved(node, dims, &target)
        }
    }
}

/// `target` with the side that is -1 as long as it must be.
fn resolved(node: &Node<'_>, dims: &[usize], target: &[i64]) -> Result<Vec<usize>> {
    let got = format!("{target:?} of {dims:?}");
    let wrong = || node.wrong("new shape", &got, "as many values, one side of -1 at most");
    let product = |dims: &[usize]| dims.iter().try_fold(1usize, |n, &side| n.checked_mul(side));
    let all = product(dims).ok_or_else(wrong)?;
    let mut sizes = Vec::new();
    let mut rest = None;
    for (index, &size) in target.iter().enumerate().take(MOST_RANK + 1) {
        sizes.push(match size {
            -1 if rest.is_none() => {
                rest = Some(index);
                1
            }
            size => usize::try_from(size).map_err(|_| wrong())?,
        });
    }
    if let Some(rest) = rest {
        let known = product(&sizes).ok_or_else(wrong)?;
        sizes[rest] = all.checked_div(known).ok_or_else(wrong)?;
    }
    let ok = sizes.len() <= MOST_RANK && product(&sizes) == Some(all);
    if ok { Ok(sizes) } else { Err(wrong()) }
}

/// What `STRIDED_SLICE` does with the numbers of each side.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Masks {
    begin: i32,
    end: i32,
    shrink: i32,
}

impl Masks {
    pub fn of(node: &Node<'_>) -> Result<Masks> {
        let mask = |slot: usize| -> Result<i32> { Ok(node.option(slot)?.unwrap_or(0)) };
        for (what, slot) in [("ellipsis_mask", 2), ("new_axis_mask", 3)] {
            let got: i32 = mask(slot)?;
            node.expect(got == 0, what, got, 0)?;
        }
        Ok(Masks {
            begin: mask(0)?,
            end: mask(1)?,
            shrink: mask(4)?,
        })
    }

    pub fn shrinks(self, side: usize) -> bool {
        side < 32 && self.shrink >> side & 1 == 1
    }

    /// From where to where `side`, of length `size`, is cut.
    pub fn range(self, side: usize, from: i64, to: i64, size: usize) -> (usize, usize) {
        let inside = |index: i64| {
            let from_end = if index < 0 { size as i64 } else { 0 };
            index.saturating_add(from_end).clamp(0, size as i64) as usize
        };
        let set = |mask: i32| side < 32 && mask >> side & 1 == 1;
        let start = if set(self.begin) { 0 } else { inside(from) };
        let end = match (self.shrinks(side), set(self.end)) {
            (true, _) => start + 1,
            (false, true) => size,
            (false, false) => inside(to),
        };
        (start, end)
    }
}
