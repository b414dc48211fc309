//! Constants that nodes make, each where a weight is wanted.

mod common;

use common::{Model, float, floats, int, ints, tensor};
use thresh_onnx::proto::{AttributeProto, NodeProto, TensorProto, data_type};

/// Uses `make`'s constant of shape `[4, n]` as weights, and compares with the other runtime.
#[track_caller]
fn right(make: impl Fn(&mut Model) -> String) {
    let mut m = Model::new(&[1, 4], 1);
    m.opset = 18;
    let w = make(&mut m);
    let o = m.node("MatMul", &["x", &w], &[]);
    m.is_right(&o);
}

#[test]
fn arithmetic_with_sides_laid_over_each_other() {
    for op in ["Add", "Sub", "Mul", "Div", "Pow", "Min", "Max"] {
        for (left, right_sides) in [(&[4, 3][..], &[3][..]), (&[4, 1], &[1, 3]), (&[], &[4, 3])] {
            right(|m| {
                let (a, b) = (m.between(left, 0.5, 2.0), m.between(right_sides, 0.5, 2.0));
                m.node(op, &[&a, &b], &[])
            });
        }
    }
    for op in [
        "Neg",
        "Abs",
        "Sqrt",
        "Exp",
        "Log",
        "Reciprocal",
        "Floor",
        "Ceil",
        "Round",
        "Sigmoid",
        "Tanh",
        "Relu",
    ] {
        right(|m| {
            let a = m.between(&[4, 3], 0.5, 2.5);
            m.node(op, &[&a], &[])
        });
    }
    right(|m| {
        let (a, b) = (m.random(&[4, 3]), m.random(&[3, 5]));
        m.node("MatMul", &[&a, &b], &[])
    });
}

#[test]
fn choices() {
    for op in ["Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Equal"] {
        right(|m| {
            let (a, b, zero) = (
                m.random(&[4, 3]),
                m.random(&[4, 3]),
                m.floats(&[], vec![0.0]),
            );
            let truth = m.node(op, &[&a, &zero], &[]);
            let truth = m.node("Not", &[&truth], &[]);
            m.node("Where", &[&truth, &a, &b], &[])
        });
    }
}

#[test]
fn reductions() {
    for op in [
        "ReduceSum",
        "ReduceProd",
        "ReduceMean",
        "ReduceMax",
        "ReduceMin",
        "ReduceL2",
        "ReduceSumSquare",
    ] {
        right(|m| {
            let (a, axes) = (m.random(&[4, 5, 3]), m.ints(&[1]));
            // The other runtime has the axes of some as attributes alone.
            let old = !matches!(op, "ReduceSum");
            match old {
                true => {
                    m.opset = 13;
                    m.node(op, &[&a], &[ints("axes", &[1]), int("keepdims", 0)])
                }
                false => m.node(op, &[&a, &axes], &[int("keepdims", 0)]),
            }
        });
    }
    // The number of values of a map, as an exporter of a flatten has it.
    let mut m = Model::new(&[1, 2, 3, 4], 2);
    let s = m.node("Shape", &["x"], &[int("start", 1)]);
    let p = m.node("ReduceProd", &[&s], &[int("keepdims", 1)]);
    let one = m.ints(&[-1]);
    let t = m.node("Concat", &[&one, &p], &[int("axis", 0)]);
    let f = m.node("Reshape", &["x", &t], &[]);
    let w = m.random(&[24, 3]);
    let o = m.node("MatMul", &[&f, &w], &[]);
    m.is_right(&o);
}

#[test]
fn parts_and_repeats() {
    right(|m| {
        let a = m.random(&[6, 9]);
        let lists = [[5, 1], [-7, 8], [0, 1], [-1, 3]].map(|list| m.ints(&list));
        let [b, c, d, e] = lists.each_ref().map(String::as_str);
        let s = m.node("Slice", &[&a, b, c, d, e], &[]);
        let list = m.ints(&[0, 2, -1, 1]);
        m.node("Gather", &[&s, &list], &[int("axis", 0)])
    });
    right(|m| {
        let (a, b) = (m.random(&[4, 2]), m.random(&[4, 3]));
        m.node("Concat", &[&a, &b], &[int("axis", 1)])
    });
    right(|m| {
        let a = m.random(&[4, 1]);
        let dims = m.ints(&[4, 3]);
        m.node("Expand", &[&a, &dims], &[])
    });
    right(|m| {
        let a = m.random(&[2, 3]);
        let times = m.ints(&[2, 1]);
        m.node("Tile", &[&a, &times], &[])
    });
    right(|m| {
        let (from, to, step) = (scalar(m, 11), scalar(m, -1), scalar(m, -1));
        let r = m.node("Range", &[&from, &to, &step], &[]);
        let f = m.node("Cast", &[&r], &[int("to", i64::from(data_type::FLOAT))]);
        let dims = m.ints(&[4, 3]);
        m.node("Reshape", &[&f, &dims], &[])
    });
    right(|m| {
        let a = m.random(&[4, 5]);
        let sizes = m.ints(&[2, 3]);
        let first = m.node("Split", &[&a, &sizes], &[int("axis", 1)]);
        let second = format!("{first}b");
        let node: &mut NodeProto = m.graph.node.last_mut().unwrap();
        node.output.push(second.clone());
        second
    });
    let mut m = Model::new(&[1, 4], 1);
    let a = m.random(&[4, 5]);
    let list = m.ints(&[5]);
    let g = m.node("Gather", &[&a, &list], &[int("axis", 1)]);
    let o = m.node("MatMul", &["x", &g], &[]);
    m.is_refused(&o, "one of 5 sides");
}

/// A whole number without sides.
fn scalar(m: &mut Model, value: i64) -> String {
    let name = m.ints(&[value]);
    m.graph.initializer.last_mut().unwrap().dims.clear();
    name
}

#[test]
fn constants_of_one_value() {
    let attribute: AttributeProto = float("value_float", 0.5);
    right(|m| {
        let dims = m.ints(&[4, 3]);
        let value = TensorProto {
            dims: vec![1],
            data_type: data_type::FLOAT,
            float_data: vec![0.25],
            ..Default::default()
        };
        let w = m.node("ConstantOfShape", &[&dims], &[tensor("value", value)]);
        let h = m.node("Constant", &[], std::slice::from_ref(&attribute));
        let v = m.node("Constant", &[], &[floats("value_floats", &[1.0, 2.0, 3.0])]);
        let w = m.node("Mul", &[&w, &h], &[]);
        m.node("Add", &[&w, &v], &[])
    });
}
