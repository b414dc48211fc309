//! `SPACE_TO_BATCH_ND` and `BATCH_TO_SPACE_ND`, between which a convolution is a dilated one.
//!
//! The first puts every `block`-th row (or column) of a padded map into a map of its own, the second puts them back. Here
//! the map stays as it is: what it has between the two is told by `Spread`, and a convolution there is dilated by the block.

use super::Translator;
use super::node::Node;
use super::{arithmetic, known, layers, pad, shape};
use crate::error::Result;
use std::ops::Range;

/// How the file has a value whose sides are those of the whole map.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spread {
    /// What each side is divided by; their product multiplies the batch.
    block: Vec<usize>,
    /// Positions of each side that are left out already, as the crops at the end do it.
    trimmed: Vec<[usize; 2]>,
}

impl Spread {
    /// The sides that the file has for a map of `dims`.
    fn sides(&self, dims: &[usize]) -> Vec<usize> {
        let mut sides: Vec<usize> = dims
            .iter()
            .zip(self.block.iter().zip(&self.trimmed))
            .map(|(side, (block, trimmed))| (side + trimmed[0] + trimmed[1]) / block)
            .collect();
        if let Some(batch) = sides.first_mut() {
            *batch *= self.block.iter().product::<usize>();
        }
        sides
    }

    /// Whether side `axis` of `sides` holds one position and is not divided.
    fn is_unit(&self, sides: &[usize], axis: usize) -> bool {
        axis > 0 && sides[axis] == 1 && self.block[axis] == 1
    }
}

/// Most maps that a map is divided into.
const MOST: usize = 1 << 20;

/// What converters write around a dilated convolution.
const EXPECTED: &str = "a convolution of stride 1, its bias and its activation, between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND; \
                        convert the model with a batch of 1";

/// Adds what `node` computes if it begins, ends or lies between the two; `false` if it does not.
pub(super) fn run(translator: &mut Translator<'_>, node: &Node<'_>) -> Result<bool> {
    let mut inputs = node.operator.inputs.iter().flatten();
    let from = inputs.find_map(|tensor| translator.spread.get(tensor).cloned());
    let Some(spread) = from else {
        match node.operator() {
            "SPACE_TO_BATCH_ND" => begin(translator, node)?,
            "BATCH_TO_SPACE_ND" => return Err(node.wrong("input 0", "not divided", EXPECTED)),
            _ => return Ok(false),
        }
        return Ok(true);
    };
    match node.operator() {
        "BATCH_TO_SPACE_ND" => {
            end(translator, node, &spread)?;
            return Ok(true);
        }
        "CONV_2D" | "DEPTHWISE_CONV_2D" => {
            for slot in [1, 2] {
                let stride = node.count("stride", slot, 0)?;
                node.expect(stride == 1, "stride", stride, EXPECTED)?;
            }
            let padding = node.option::<i8>(0)?.unwrap_or(0);
            node.expect(padding == 1, "padding", "SAME", "VALID")?;
            match node.operator() {
                "CONV_2D" => layers::conv(translator, node)?,
                _ => layers::depthwise(translator, node)?,
            }
        }
        "ADD" | "SUB" | "MUL" | "DIV" | "MINIMUM" | "MAXIMUM" => {
            each_channel(translator, node)?;
            arithmetic::binary(translator, node)?;
        }
        "PRELU" => {
            each_channel(translator, node)?;
            arithmetic::activation(translator, node)?;
        }
        "RELU" | "RELU6" | "RELU_N1_TO_1" | "RELU_0_TO_1" | "LEAKY_RELU" => {
            arithmetic::activation(translator, node)?;
        }
        "QUANTIZE" | "DEQUANTIZE" => arithmetic::cast(translator, node)?,
        "RESHAPE" | "SQUEEZE" | "EXPAND_DIMS" => {
            let spread = reshaped(translator, node, spread)?;
            translator.spread.insert(node.output, spread);
            return Ok(true);
        }
        other => return Err(node.wrong("operator on a divided map", other, EXPECTED)),
    }
    translator.spread.insert(node.output, spread);
    Ok(true)
}

/// An error unless the constants of `node` have one value, or one a channel.
fn each_channel(translator: &Translator<'_>, node: &Node<'_>) -> Result<()> {
    for &tensor in node.operator.inputs.iter().flatten() {
        if translator.spread.contains_key(&tensor) {
            continue;
        }
        let got = format!("{:?}", translator.file.tensors[tensor].shape);
        let dims = translator.file.tensors[tensor].dims()?;
        let others = dims.split_last().map_or(&[][..], |(_, others)| others);
        let ok = translator.is_constant(tensor) && others.iter().all(|&side| side == 1);
        node.expect(ok, "shape of an operand of a divided map", got, EXPECTED)?;
    }
    let values = node.operator.inputs.iter().flatten();
    let values = values.filter(|tensor| translator.spread.contains_key(tensor));
    let count = values.count();
    node.expect(count == 1, "divided maps", count, "one and a constant")
}

/// Blocks of the sides from 1 on, and two numbers each for those sides, all of which a node has for a map of `rank` sides.
fn numbers(
    translator: &Translator<'_>,
    node: &Node<'_>,
    rank: usize,
) -> Result<(Vec<usize>, Vec<[usize; 2]>)> {
    let number = |what: &str, got: i64, allowed: Range<i64>| -> Result<usize> {
        let expected = format!("{} to {}", allowed.start, allowed.end - 1);
        let ok = allowed.contains(&got);
        node.expect(ok, what, got, expected)?;
        Ok(got as usize)
    };
    let given = known::list(translator, node, 1)?;
    let pairs = known::list(translator, node, 2)?;
    let ok = (1..=rank.saturating_sub(2)).contains(&given.len()) && pairs.len() == 2 * given.len();
    let got = format!("{} blocks and {} numbers", given.len(), pairs.len());
    let expected =
        format!("a block and two numbers for each side between batch and channels of {rank}");
    node.expect(ok, "inputs 1 and 2", got, expected)?;
    let mut blocks = vec![1; rank];
    let mut all = vec![[0; 2]; rank];
    for (at, (&block, pair)) in given.iter().zip(pairs.chunks_exact(2)).enumerate() {
        blocks[at + 1] = number("block", block, 1..1 << 16)?;
        for (to, &got) in all[at + 1].iter_mut().zip(pair) {
            *to = number("padding or crop", got, 0..(1 << 20) + 1)?;
        }
    }
    Ok((blocks, all))
}

fn begin(translator: &mut Translator<'_>, node: &Node<'_>) -> Result<()> {
    let value = translator.value(node, 0)?;
    let rank = value.dims.len();
    let (block, mut pads) = numbers(translator, node, rank)?;
    let all = block
        .iter()
        .fold(1usize, |all, &block| all.saturating_mul(block));
    node.expect(
        all <= MOST,
        "product of the blocks",
        all,
        format!("at most {MOST}"),
    )?;
    for (axis, &side) in value.dims.iter().enumerate() {
        let all = side + pads[axis][0] + pads[axis][1];
        let ok = all.is_multiple_of(block[axis]);
        let expected = format!("a multiple of the block {}", block[axis]);
        node.expect(ok, "padded side", all, expected)?;
    }
    // What is cut off at the end need not be padded.
    let mut trimmed = vec![[0; 2]; rank];
    if let Some(crops) = crops(translator, node, rank)? {
        for (axis, crops) in crops.iter().enumerate() {
            for end in [0, 1] {
                let less = crops[end].min(pads[axis][end]);
                trimmed[axis][end] = less;
                pads[axis][end] -= less;
            }
        }
    }
    let pads: Vec<i64> = pads.iter().flatten().map(|&pad| pad as i64).collect();
    let (name, dims) = pad::padded(translator, node, value, &pads, None)?;
    shape::same(translator, node, name, dims)?;
    let spread = Spread { block, trimmed };
    translator.spread.insert(node.output, spread);
    Ok(())
}

/// The crops at the end of the chain that `node` begins, if there is one such chain and nothing else takes a part of it.
fn crops(
    translator: &Translator<'_>,
    node: &Node<'_>,
    mut rank: usize,
) -> Result<Option<Vec<[usize; 2]>>> {
    let first = rank;
    let file = translator.file;
    let mut tensor = node.output;
    // A chain of converters is short.
    for _ in 0..16 {
        let takers = |tensor: usize| {
            let takes = move |operator: &&crate::file::Operator<'_>| {
                operator
                    .inputs
                    .iter()
                    .flatten()
                    .any(|&input| input == tensor)
            };
            file.operators.iter().filter(takes)
        };
        let mut all = takers(tensor);
        let (Some(taker), None) = (all.next(), all.next()) else {
            return Ok(None);
        };
        let ends = file.outputs.contains(&tensor);
        let Some(&made) = taker.outputs.first().filter(|_| !ends) else {
            return Ok(None);
        };
        if taker.name == "BATCH_TO_SPACE_ND" {
            if rank != first {
                return Ok(None);
            }
            let end = Node {
                file,
                operator: taker,
                output: made,
                name: node.name.clone(),
            };
            return Ok(Some(numbers(translator, &end, rank)?.1));
        }
        tensor = made;
        rank = file.tensors[made].shape.len();
    }
    Ok(None)
}

fn end(translator: &mut Translator<'_>, node: &Node<'_>, spread: &Spread) -> Result<()> {
    let value = translator.value(node, 0)?;
    let (block, crops) = numbers(translator, node, value.dims.len())?;
    let got = format!("{:?}", &block);
    node.expect(
        block == spread.block,
        "blocks",
        got,
        format!("{:?}, as they were divided", spread.block),
    )?;
    let mut ranges = Vec::new();
    for (axis, &side) in value.dims.iter().enumerate() {
        let left: [Option<usize>; 2] =
            std::array::from_fn(|end| crops[axis][end].checked_sub(spread.trimmed[axis][end]));
        let range = match left {
            [Some(from), Some(rest)] => side.checked_sub(rest).map(|to| (from, to)),
            _ => None,
        };
        let got = format!("{:?} of {side}", crops[axis]);
        let range = range.filter(|(from, to)| from < to);
        ranges.push(range.ok_or_else(|| node.wrong("crops", got, "less than the side"))?);
    }
    let dims = ranges.iter().map(|(from, to)| to - from).collect();
    let name = shape::part(translator, node, &value, &ranges);
    shape::same(translator, node, name, dims)
}

/// Adds the side of one position that `node` adds, or leaves it out.
fn reshaped(translator: &mut Translator<'_>, node: &Node<'_>, spread: Spread) -> Result<Spread> {
    let value = translator.value(node, 0)?;
    let sides = spread.sides(&value.dims);
    let wanted = known::sides(translator, node, &sides)?;
    let got = format!("{sides:?} to {wanted:?}");
    let wrong = || {
        node.wrong(
            "new shape of a divided map",
            &got,
            "a side of 1 more or less",
        )
    };
    let (mut made, mut dims) = (spread.clone(), value.dims);
    match wanted.len() as i64 - sides.len() as i64 {
        0 if wanted == sides => {}
        1 => {
            let added = (1..wanted.len()).find(|&axis| {
                wanted[axis] == 1 && [&wanted[..axis], &wanted[axis + 1..]].concat() == sides
            });
            let axis = added.ok_or_else(wrong)?;
            dims.insert(axis, 1);
            made.block.insert(axis, 1);
            made.trimmed.insert(axis, [0; 2]);
        }
        -1 => {
            let gone = (1..sides.len()).find(|&axis| {
                spread.is_unit(&sides, axis)
                    && [&sides[..axis], &sides[axis + 1..]].concat() == wanted
            });
            let axis = gone.ok_or_else(wrong)?;
            dims.remove(axis);
            made.block.remove(axis);
            made.trimmed.remove(axis);
        }
        _ => return Err(wrong()),
    }
    let name = translator.reshaped(node, &value.name, &dims);
    shape::same(translator, node, name, dims)?;
    Ok(made)
}

impl Translator<'_> {
    /// What the rows and columns of map `tensor`, `[batch, height, width, channels]`, are divided by.
    pub fn blocks(&self, tensor: usize) -> [usize; 2] {
        match self
            .spread
            .get(&tensor)
            .map(|spread| spread.block.as_slice())
        {
            Some(&[_, rows, columns, _]) => [rows, columns],
            _ => [1, 1],
        }
    }
}
