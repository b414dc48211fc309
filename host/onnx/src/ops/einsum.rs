//! `Einsum` of a tensor and a constant matrix, as a `MatMul` with its sides in other orders.

use super::dense;
use crate::error::Result;
use crate::importer::{Importer, Value, open};
use crate::node::Node;
use crate::view::View;

pub(super) fn run<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let equation = node.text("equation").unwrap_or_default();
    let equation: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let expected =
        "letters of a tensor and of a constant matrix with one letter in common, as bi,io->bo";
    let wrong = || node.wrong("equation", &equation, expected);
    let letters = |text: &str| text.chars().collect::<Vec<char>>();
    let (inputs, output) = equation.split_once("->").ok_or_else(wrong)?;
    let (left, right) = inputs.split_once(',').ok_or_else(wrong)?;
    let (mut tensor, mut matrix) = (letters(left), letters(right));
    let output = letters(output);
    let (mut view, mut constant) = (importer.input(node, 0)?, importer.input(node, 1)?);
    if matches!(view, Value::Constant(_)) {
        std::mem::swap(&mut view, &mut constant);
        std::mem::swap(&mut tensor, &mut matrix);
    }
    let (Value::View(mut view), Value::Constant(constant)) = (view, constant) else {
        return Err(wrong());
    };
    open(node, &view)?;
    let distinct =
        |letters: &[char]| (1..letters.len()).all(|at| !letters[..at].contains(&letters[at]));
    let &[first, second] = matrix.as_slice() else {
        return Err(wrong());
    };
    let sums = |letter: char| tensor.contains(&letter) && !output.contains(&letter);
    let made = |letter: char| output.contains(&letter) && !tensor.contains(&letter);
    let (from, to, turned) = match (sums(first) && made(second), sums(second) && made(first)) {
        (true, _) => (first, second, false),
        (_, true) => (second, first, true),
        _ => return Err(wrong()),
    };
    let ok = tensor.len() == view.sides.len()
        && constant.dims.len() == 2
        && output.len() == tensor.len()
        && distinct(&tensor)
        && distinct(&output)
        && tensor
            .iter()
            .all(|&letter| letter == from || output.contains(&letter));
    if !ok {
        return Err(wrong());
    }
    // The letter that goes stands last, and so does the one that comes.
    let at = tensor
        .iter()
        .position(|&letter| letter == from)
        .ok_or_else(wrong)?;
    let side = view.sides.remove(at);
    view.sides.push(side);
    tensor.remove(at);
    tensor.push(to);
    let matrix = match turned {
        true => constant.transposed(&[1, 0]),
        false => constant.transposed(&[0, 1]),
    };
    let product = dense::product(importer, node, view, &matrix)?;
    let place = |letter: &char| tensor.iter().position(|other| other == letter);
    let sides = output
        .iter()
        .map(|letter| Some(product.sides[place(letter)?].clone()));
    let sides: Option<Vec<_>> = sides.collect();
    let sides = sides.ok_or_else(wrong)?;
    Ok(View { sides, ..product })
}
