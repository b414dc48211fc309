//! The operators: each makes layers, folds itself into a layer, or turns a view.

mod activation;
mod affine;
mod blocks;
mod constant;
mod conv;
mod cut;
mod dense;
mod each;
mod einsum;
mod head;
mod join;
mod learn;
mod limit;
mod pad;
mod pool;
mod quantised;
mod reduce;
mod shape;
mod shuffle;
mod window;

pub(crate) use each::flat_layer;
pub(crate) use quantised::{Quantised, expand, finish};
pub(crate) use shape::text;

use crate::error::Result;
use crate::importer::{Importer, Value};
use crate::node::Node;
use crate::view::{Side, View};

/// What the first output of `node` is; others that are used are defined.
pub(crate) fn run<'a>(importer: &mut Importer<'a>, node: Node<'a>) -> Result<Value> {
    if let Some(value) = quantised::run(importer, node)? {
        return Ok(value);
    }
    match node.proto.domain.as_str() {
        "" | "ai.onnx" => {}
        "ai.onnx.ml" => return learn::run(importer, node).map(Value::View),
        _ => return Err(node.unknown()),
    }
    if let Some(value) = constant::run(importer, node)? {
        return Ok(value);
    }
    if let Some(view) = head::behind_class(importer, node)? {
        return Ok(Value::View(view));
    }
    let view = match node.operator() {
        "Conv" => conv::conv(importer, node)?,
        "Gemm" => dense::gemm(importer, node)?,
        "MatMul" => dense::mat_mul(importer, node)?,
        "Einsum" => einsum::run(importer, node)?,
        "Add" | "Sub" | "Mul" | "Div" => join::binary(importer, node)?,
        "Neg" => affine::negative(importer, node)?,
        "Sum" => join::sum(importer, node)?,
        "Concat" => join::concat(importer, node)?,
        "BatchNormalization" => affine::normalization(importer, node)?,
        "Relu" | "LeakyRelu" | "PRelu" => activation::run(importer, node)?,
        "Clip" | "Min" | "Max" => limit::run(importer, node)?,
        "MaxPool" | "AveragePool" => pool::windows(importer, node)?,
        "GlobalMaxPool" | "GlobalAveragePool" | "ReduceMean" | "ReduceSum" | "ReduceMax"
        | "ReduceMin" => reduce::run(importer, node)?,
        "Pad" => pad::pad(importer, node)?,
        "Slice" | "Split" | "Gather" | "GatherND" => cut::run(importer, node)?,
        "SpaceToDepth" => blocks::blocks(importer, node)?,
        "Softmax" | "LogSoftmax" | "Sigmoid" | "Log" => head::head(importer, node)?,
        "ArgMax" => head::class(importer, node)?,
        "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" | "Transpose" | "Identity" | "Dropout"
        | "Cast" | "Expand" => shape::run(importer, node)?,
        _ => return Err(node.unknown()),
    };
    Ok(Value::View(view))
}

/// The view with sides of length 1 before the others, `rank` in all.
fn widened(mut view: View, rank: usize) -> View {
    while view.sides.len() < rank {
        view.sides.insert(0, Side::unit());
    }
    view
}
