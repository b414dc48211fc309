//! Arithmetic, comparison and choice of constants, with the sides of one laid over those of the other.

use crate::budget::product as count_of;
use crate::error::Result;
use crate::importer::Importer;
use crate::node::Node;
use crate::tensor::{Data, MOST_RANK, Tensor};
use std::rc::Rc;

/// The sides that these have together, and for each of them the index of the value that belongs to an index of the result.
fn together<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    tensors: &[&Tensor],
) -> Result<(Vec<usize>, Vec<Vec<usize>>)> {
    let rank = tensors.iter().map(|t| t.dims.len()).max().unwrap_or(0);
    let most = format!("at most {MOST_RANK}");
    node.expect(rank <= MOST_RANK, "number of sides", rank, most)?;
    let padded = |t: &&Tensor| [vec![1; rank - t.dims.len()], t.dims.clone()].concat();
    let all: Vec<Vec<usize>> = tensors.iter().map(padded).collect();
    let mut dims = vec![1; rank];
    for (axis, side) in dims.iter_mut().enumerate() {
        for sides in &all {
            let ok = *side == 1 || sides[axis] == 1 || sides[axis] == *side;
            let got = format!("{all:?}");
            node.expect(ok, "shapes", got, "one shape, or sides of length 1")?;
            if *side == 1 {
                *side = sides[axis];
            }
        }
    }
    let count = count_of(&dims);
    importer
        .budget
        .take(count.and_then(|n| n.checked_mul(1 + tensors.len())))?;
    let count = count.unwrap_or(0);
    let index = |sides: &Vec<usize>| {
        let mut indices = Vec::with_capacity(count);
        for mut at in 0..count {
            let (mut index, mut stride) = (0, 1);
            for (&side, &own) in dims.iter().zip(sides).rev() {
                index += if own == 1 { 0 } else { at % side * stride };
                at /= side;
                stride *= own;
            }
            indices.push(index);
        }
        indices
    };
    let indices = all.iter().map(index).collect();
    Ok((dims, indices))
}

/// An operator of two constants; `None` if there is none of this name.
pub(super) fn of_two<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    left: &Tensor,
    right: &Tensor,
) -> Result<Option<Tensor>> {
    const KNOWN: &[&str] = &[
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Mod",
        "Pow",
        "Min",
        "Max",
        "Sum",
        "Equal",
        "Greater",
        "Less",
        "GreaterOrEqual",
        "LessOrEqual",
        "And",
        "Or",
        "Xor",
    ];
    let operator = node.operator();
    if !KNOWN.contains(&operator) {
        return Ok(None);
    }
    let (dims, indices) = together(importer, node, &[left, right])?;
    let pairs = indices[0].iter().zip(&indices[1]);
    let data = match (&left.data, &right.data) {
        (Data::Int(x), Data::Int(y)) => {
            let values = pairs.map(|(&i, &j)| {
                let (x, y) = (x[i], y[j]);
                let value = of_integers(operator, x, y);
                value.ok_or_else(|| node.wrong("integers", format!("{x} and {y}"), "a result"))
            });
            Data::Int(values.collect::<Result<_>>()?)
        }
        (x, y) => {
            let truth = compared(operator, 0.0, 0.0).is_some();
            let value = |(&i, &j): (&usize, &usize)| {
                let (x, y) = (f64::from(float(x, i)), f64::from(float(y, j)));
                match compared(operator, x, y) {
                    Some(truth) => f32::from(truth),
                    None => of_floats(operator, x, y) as f32,
                }
            };
            let values: Vec<f32> = pairs.map(value).collect();
            match truth {
                true => Data::Int(values.iter().map(|&value| value as i64).collect()),
                false => Data::Float(values),
            }
        }
    };
    Ok(Some(Tensor { dims, data }))
}

fn float(data: &Data, index: usize) -> f32 {
    match data {
        Data::Float(values) => values[index],
        Data::Int(values) => values[index] as f32,
    }
}

fn of_integers(operator: &str, x: i64, y: i64) -> Option<i64> {
    if let Some(truth) = compared(operator, x, y) {
        return Some(i64::from(truth));
    }
    match operator {
        "Add" | "Sum" => x.checked_add(y),
        "Sub" => x.checked_sub(y),
        "Mul" => x.checked_mul(y),
        "Div" => x.checked_div(y),
        // With the sign of the divisor.
        "Mod" => x
            .checked_rem(y)
            .map(|rest| match rest != 0 && (rest < 0) != (y < 0) {
                true => rest + y,
                false => rest,
            }),
        "Pow" => x.checked_pow(u32::try_from(y).ok()?),
        "Min" => Some(x.min(y)),
        "Max" => Some(x.max(y)),
        "And" => Some(i64::from(x != 0 && y != 0)),
        "Or" => Some(i64::from(x != 0 || y != 0)),
        _ => Some(i64::from((x != 0) != (y != 0))),
    }
}

/// A comparison; `None` if `operator` is none.
fn compared<T: PartialOrd>(operator: &str, x: T, y: T) -> Option<bool> {
    Some(match operator {
        "Equal" => x == y,
        "Greater" => x > y,
        "Less" => x < y,
        "GreaterOrEqual" => x >= y,
        "LessOrEqual" => x <= y,
        _ => return None,
    })
}

fn of_floats(operator: &str, x: f64, y: f64) -> f64 {
    match operator {
        "Add" | "Sum" => x + y,
        "Sub" => x - y,
        "Mul" => x * y,
        "Div" => x / y,
        "Mod" => x % y,
        "Pow" => x.powf(y),
        "Min" => x.min(y),
        "Max" => x.max(y),
        _ => f64::NAN,
    }
}

/// An operator of one constant; `None` if there is none of this name.
pub(super) fn of_one(node: Node<'_>, tensor: &Tensor) -> Option<Tensor> {
    let dims = tensor.dims.clone();
    let data = match (&tensor.data, node.operator()) {
        (Data::Int(values), "Neg") => {
            Data::Int(values.iter().map(|v| v.saturating_neg()).collect())
        }
        (Data::Int(values), "Abs") => {
            Data::Int(values.iter().map(|v| v.saturating_abs()).collect())
        }
        (Data::Int(values), "Sign") => Data::Int(values.iter().map(|v| v.signum()).collect()),
        (Data::Int(values), "Not") => {
            Data::Int(values.iter().map(|&v| i64::from(v == 0)).collect())
        }
        (Data::Int(values), "Floor" | "Ceil" | "Round" | "Min" | "Max" | "Sum") => {
            Data::Int(values.clone())
        }
        (_, operator) => {
            let value: fn(f64) -> f64 = match operator {
                "Neg" => |x| -x,
                "Abs" => f64::abs,
                "Sign" => |x| if x == 0.0 { 0.0 } else { x.signum() },
                "Sqrt" => f64::sqrt,
                "Exp" => f64::exp,
                "Log" => f64::ln,
                "Reciprocal" => |x| 1.0 / x,
                "Floor" => f64::floor,
                "Ceil" => f64::ceil,
                "Round" => f64::round_ties_even,
                "Relu" => |x| x.max(0.0),
                "Sigmoid" => |x| 1.0 / (1.0 + (-x).exp()),
                "Tanh" => f64::tanh,
                "Softplus" => |x| x.exp().ln_1p(),
                _ => return None,
            };
            let values = tensor.to_floats();
            Data::Float(values.iter().map(|&x| value(f64::from(x)) as f32).collect())
        }
    };
    Some(Tensor { dims, data })
}

/// `Min`, `Max` and `Sum` of any number.
pub(super) fn all<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    inputs: &[Rc<Tensor>],
) -> Result<Tensor> {
    let mut all = Tensor::clone(&inputs[0]);
    for next in &inputs[1..] {
        if let Some(both) = of_two(importer, node, &all, next)? {
            all = both;
        }
    }
    Ok(all)
}

/// `Where`: the second or the third, as the first says.
pub(super) fn choose<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    inputs: &[Rc<Tensor>],
) -> Result<Tensor> {
    let [truth, yes, no] = [&*inputs[0], &*inputs[1], &*inputs[2]];
    let (dims, at) = together(importer, node, &[truth, yes, no])?;
    let is = |index: usize| float(&truth.data, at[0][index]) != 0.0;
    let count = at[0].len();
    let data = match (&yes.data, &no.data) {
        (Data::Int(yes), Data::Int(no)) => {
            let value = |i: usize| if is(i) { yes[at[1][i]] } else { no[at[2][i]] };
            Data::Int((0..count).map(value).collect())
        }
        (yes, no) => {
            let value = |i: usize| match is(i) {
                true => float(yes, at[1][i]),
                false => float(no, at[2][i]),
            };
            Data::Float((0..count).map(value).collect())
        }
    };
    Ok(Tensor { dims, data })
}

/// `MatMul` of two matrices.
pub(super) fn product<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    left: &Tensor,
    right: &Tensor,
) -> Result<Tensor> {
    let got = format!("{:?} and {:?}", left.dims, right.dims);
    let (&[rows, inner], &[other, columns]) = (left.dims.as_slice(), right.dims.as_slice()) else {
        return Err(node.wrong("shapes of constants", got, "two matrices"));
    };
    node.expect(
        inner == other,
        "shapes of constants",
        got,
        "matrices that fit",
    )?;
    // As many steps as the budget has values, so that no file keeps the importer busy for long.
    importer.budget.take(count_of(&[rows, inner, columns]))?;
    importer.budget.take(count_of(&[rows, columns]))?;
    let (left, right) = (left.to_floats(), right.to_floats());
    let mut data = vec![0.0; rows * columns];
    for (at, value) in data.iter_mut().enumerate() {
        let (row, column) = (at / columns, at % columns);
        let terms = (0..inner)
            .map(|k| f64::from(left[row * inner + k]) * f64::from(right[k * columns + column]));
        *value = terms.sum::<f64>() as f32;
    }
    Ok(Tensor {
        dims: vec![rows, columns],
        data: Data::Float(data),
    })
}
