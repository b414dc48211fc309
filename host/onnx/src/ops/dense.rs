//! `Gemm` and `MatMul`.

use super::conv::pointwise;
use crate::error::Result;
use crate::importer::{Importer, Value};
use crate::node::Node;
use crate::tensor::Tensor;
use crate::view::{Axis, Padding, Preprocessing, Side, View};
use std::rc::Rc;
use thresh_model::Operator;

pub(super) fn gemm<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let view = importer.padded(node, 0)?;
    let matrix = importer.constant(node, 1)?;
    let (rank, trans) = (view.sides.len(), node.int("transA", 0));
    let expected = "0, and two sides of input 0; flatten before it";
    node.expect(
        trans == 0 && rank == 2,
        "transA",
        format!("{trans} on {rank} sides"),
        expected,
    )?;
    let by_output = node.int("transB", 0) != 0;
    let mut matrix = Matrix::new(node, &matrix, by_output, node.float("alpha", 1.0))?;
    if let Some(bias) = importer.optional(node, 2)? {
        let count = bias.data.len();
        let ok = matches!(bias.dims.as_slice(), [] | [_] | [1, _])
            && (count == 1 || count == matrix.outputs);
        let expected = format!("1 or {} values", matrix.outputs);
        node.expect(
            ok,
            "shape of the bias",
            format!("{:?}", bias.dims),
            expected,
        )?;
        let beta = node.float("beta", 1.0);
        let value = |output: usize| beta * bias.float_at(if count == 1 { 0 } else { output });
        matrix.bias = (0..matrix.outputs).map(value).collect();
    }
    multiplied(importer, node, view, matrix)
}

pub(super) fn mat_mul<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<View> {
    let view = importer.padded(node, 0)?;
    if let Value::View(_) = importer.input(node, 1)? {
        let expected = "a constant: a product of two values that depend on the input, as in attention, is not known";
        return Err(node.wrong("inputs", "both computed", expected));
    }
    let mut matrix = importer.constant(node, 1)?;
    if let [1, rows, columns] = *matrix.dims.as_slice() {
        let sides = vec![rows, columns];
        matrix = matrix.reshaped(sides).map_or(matrix, Rc::new);
    }
    product(importer, node, view, &matrix)
}

/// The last side of `view` times `matrix`, whose outputs are columns.
pub(super) fn product<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    view: View,
    matrix: &Tensor,
) -> Result<View> {
    let matrix = Matrix::new(node, matrix, false, 1.0)?;
    multiplied(importer, node, view, matrix)
}

/// A fully connected layer, or one on every position of a map with its channels last.
fn multiplied<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    view: View,
    matrix: Matrix<'_>,
) -> Result<View> {
    let last = view.sides.len().checked_sub(1);
    let Some(last) = last else {
        return Err(node.wrong("sides of input 0", "none", "at least one"));
    };
    let positions = view.sides[..last].iter().any(|side| side.size != 1);
    if !positions {
        return dense(importer, node, view, matrix);
    }
    let ok = view.is_axis(last, Axis::Channel) && view.shape.channels == matrix.inputs;
    let got = format!("{:?}", view.dims());
    let expected = format!("the {} channels last, or one position", matrix.inputs);
    node.expect(ok, "shape of input 0", got, expected)?;
    importer
        .budget
        .take(matrix.inputs.checked_mul(matrix.outputs))?;
    let outer = |p: &Rc<Preprocessing>| {
        view.padding == Padding::default() && view.each.is_none() && p.keeps_order()
    };
    let view = match &view.preprocessing {
        Some(p) if outer(p) => view,
        _ => importer.plain(view)?,
    };
    let mut weights = Vec::new();
    let mut bias = matrix.bias.clone();
    for (output, bias) in bias.iter_mut().enumerate() {
        weights.extend((0..matrix.inputs).map(|input| {
            let weight = matrix.at(output, input);
            match &view.preprocessing {
                Some(p) => {
                    *bias += weight * p.shift[input];
                    weight * p.scale[input]
                }
                None => weight,
            }
        }));
    }
    if let Some(p) = &view.preprocessing {
        importer.expects(view.value, p);
    }
    let operator = pointwise(view.shape, matrix.outputs);
    let inputs = vec![view.value];
    let layer = importer.push_weights(node.name(), inputs, operator, weights, bias)?;
    Ok(ending(view, layer))
}

/// `layer` with the sides of `view`, but its own channels in the last one.
fn ending(view: View, layer: View) -> View {
    let mut sides = view.sides;
    sides.pop();
    sides.extend(Side::over(&[Axis::Channel], layer.shape));
    View { sides, ..layer }
}

/// A constant that a vector is multiplied by.
struct Matrix<'t> {
    tensor: &'t Tensor,
    inputs: usize,
    outputs: usize,
    /// Whether the outputs are rows.
    by_output: bool,
    alpha: f32,
    bias: Vec<f32>,
}

impl<'t> Matrix<'t> {
    fn new(node: Node<'_>, tensor: &'t Tensor, by_output: bool, alpha: f32) -> Result<Self> {
        let &[rows @ (1..), columns @ (1..)] = tensor.dims.as_slice() else {
            let got = format!("{:?}", tensor.dims);
            return Err(node.wrong("shape of the weights", got, "two sides above 0"));
        };
        let (inputs, outputs) = if by_output {
            (columns, rows)
        } else {
            (rows, columns)
        };
        Ok(Matrix {
            tensor,
            inputs,
            outputs,
            by_output,
            alpha,
            bias: vec![0.0; outputs],
        })
    }

    fn at(&self, output: usize, input: usize) -> f32 {
        let index = if self.by_output {
            output * self.inputs + input
        } else {
            input * self.outputs + output
        };
        self.alpha * self.tensor.float_at(index)
    }
}

/// The fully connected layer over all values of `view`.
fn dense<'a>(
    importer: &mut Importer<'a>,
    node: Node<'a>,
    view: View,
    matrix: Matrix<'_>,
) -> Result<View> {
    let (inputs, outputs) = (matrix.inputs, matrix.outputs);
    let ok =
        view.sides.last().is_some_and(|side| side.size == inputs) && view.shape.len() == inputs;
    let got = format!("{:?}", view.dims());
    node.expect(
        ok,
        "shape of input 0",
        got,
        format!("[1, {inputs}], as the weights have it"),
    )?;
    importer.budget.take(inputs.checked_mul(outputs))?;
    let view = match view.padding == Padding::default() {
        true => view,
        false => importer.plain(view)?,
    };
    if let Some(p) = &view.preprocessing {
        importer.expects(view.value, p);
    }
    let order = view.order();
    let channels = view.shape.channels;
    let mut weights = vec![0.0; inputs * outputs];
    let mut bias = matrix.bias.clone();
    for (output, row) in weights.chunks_exact_mut(inputs).enumerate() {
        for (input, &place) in order.iter().enumerate() {
            let mut weight = matrix.at(output, input);
            if let Some(each) = &view.each {
                bias[output] += weight * each.shift[place];
                weight *= each.scale[place];
            }
            let channel = place % channels;
            match &view.preprocessing {
                None => row[place] = weight,
                Some(p) => {
                    row[place - channel + p.from[channel]] += weight * p.scale[channel];
                    bias[output] += weight * p.shift[channel];
                }
            }
        }
    }
    let operator = Operator::Dense { inputs, outputs };
    let layer = importer.push_weights(node.name(), vec![view.value], operator, weights, bias)?;
    Ok(ending(view, layer))
}
