//! `PAD` and `PADV2`.

use super::arithmetic::list;
use super::known;
use super::node::Node;
use super::{Translator, Value};
use crate::error::Result;

pub(super) fn pad(translator: &mut Translator<'_>, node: &Node<'_>) -> Result<()> {
    let value = translator.value(node, 0)?;
    let pads = known::list(translator, node, 1)?;
    let with = match node.operator() {
        "PADV2" => {
            let at = translator.constant(node, 2)?;
            let sides: Vec<usize> = (0..translator.file.tensors[at].dims()?.len()).collect();
            Some(translator.weights(node, at, &sides)?.0)
        }
        _ => None,
    };
    let (name, dims) = padded(translator, node, value, &pads, with)?;
    translator.finish(node, name, dims, None)
}

/// `value` with `pads` before and behind each side, of the constant `with` or 0; and its sides then.
pub(super) fn padded(
    translator: &mut Translator<'_>,
    node: &Node<'_>,
    value: Value,
    pads: &[i64],
    with: Option<String>,
) -> Result<(String, Vec<usize>)> {
    let rank = value.dims.len();
    let got = format!("{} numbers for {rank} sides", pads.len());
    node.expect(pads.len() == 2 * rank, "padding", got, "two for each side")?;
    let mut dims = Vec::new();
    for (&side, pads) in value.dims.iter().zip(pads.chunks_exact(2)) {
        let ok = pads.iter().all(|pad| (0..=1 << 20).contains(pad));
        node.expect(ok, "padding", format!("{pads:?}"), "0 to 1048576")?;
        dims.push(side + (pads[0] + pads[1]) as usize);
    }
    if pads.iter().all(|&pad| pad == 0) {
        return Ok((value.name, dims));
    }
    // A map has its channels first there, as the operators around it.
    let order: Vec<usize> = if rank == 4 {
        vec![0, 3, 1, 2]
    } else {
        (0..rank).collect()
    };
    let part = |at: usize| order.iter().map(move |&side| side * 2 + at);
    let pads = part(0).chain(part(1)).map(|at| pads[at]).collect();
    let pads = Some(list(translator, pads));
    let input = match rank {
        4 => translator.channels_first(node, &value),
        _ => value.name,
    };
    let all: Vec<&str> = std::iter::once(&input)
        .chain(&pads)
        .chain(&with)
        .map(String::as_str)
        .collect();
    let mut output = translator.emit(node, "Pad", &all, vec![]);
    if rank == 4 {
        output = translator.channels_last(node, &output);
    }
    Ok((output, dims))
}
