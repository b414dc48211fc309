//! Windows of every size, their dilation and what they leave out, against an independent runtime.

mod common;

use common::{Model, int, ints, text};
use thresh_model::Operator;
use thresh_onnx::{ImportOptions, import_bytes};

#[test]
fn dilation_is_a_larger_kernel() {
    for (kernel, attributes) in [
        (vec![4, 2, 3, 3], vec![ints("dilations", &[2, 2])]),
        (
            vec![4, 2, 3, 2],
            vec![ints("dilations", &[1, 3]), ints("pads", &[1, 3, 0, 2])],
        ),
        (
            vec![4, 1, 3, 3],
            vec![
                ints("dilations", &[3, 2]),
                int("group", 2),
                ints("strides", &[2, 1]),
            ],
        ),
        (
            vec![4, 2, 1, 3],
            vec![ints("dilations", &[4, 4]), ints("pads", &[0, 4, 0, 4])],
        ),
    ] {
        let mut m = Model::new(&[1, 2, 12, 11], 1);
        let o = m.conv("x", &kernel, &attributes);
        let options = ImportOptions {
            mean: vec![0.3],
            ..Default::default()
        };
        m.agrees(&o, &options);
    }
    let mut m = Model::new(&[1, 3, 40], 1);
    let o = m.conv(
        "x",
        &[4, 3, 5],
        &[ints("dilations", &[4]), ints("pads", &[8, 8])],
    );
    let network = m.is_right(&o);
    let Operator::Conv { window, .. } = &network.layers[0].operator else {
        panic!("a convolution")
    };
    assert_eq!(
        (window.kernel, network.layers[0].weights.nonzeros()),
        ([1, 17], 60)
    );
    for (dilation, part) in [(0, "above 0"), (1 << 20, "with what lies between")] {
        let mut m = Model::new(&[1, 3, 40], 1);
        let o = m.conv("x", &[4, 3, 5], &[ints("dilations", &[dilation])]);
        m.is_refused(&o, part);
    }
    let mut m = Model::new(&[1, 2, 9, 9], 1);
    let o = m.node(
        "MaxPool",
        &["x"],
        &[ints("kernel_shape", &[2, 2]), ints("dilations", &[2, 2])],
    );
    m.is_refused(&o, "pool without dilation");
}

#[test]
fn windows_of_any_size() {
    // A line with a long kernel, a patch, a kernel of the whole map.
    let mut m = Model::new(&[1, 2, 200], 2);
    let o = m.conv("x", &[3, 2, 80], &[ints("strides", &[4])]);
    m.is_right(&o);
    let mut m = Model::new(&[1, 3, 32, 32], 2);
    let c = m.conv("x", &[4, 3, 16, 16], &[ints("strides", &[16, 16])]);
    let o = m.node("GlobalMaxPool", &[&c], &[]);
    m.is_right(&o);
    let mut m = Model::new(&[1, 3, 20, 18], 2);
    let c = m.conv("x", &[4, 3, 1, 1], &[]);
    let o = m.node("GlobalMaxPool", &[&c], &[]);
    m.is_right(&o);
    let o = m.conv(&c, &[5, 4, 20, 18], &[]);
    m.is_right(&o);
    // Padding as wide as the kernel and wider, and on one side alone.
    for pads in [[3, 3, 3, 3], [4, 0, 0, 5], [0, 0, 2, 0]] {
        let mut m = Model::new(&[1, 3, 6, 5], 2);
        let o = m.conv("x", &[4, 3, 3, 3], &[ints("pads", &pads)]);
        m.is_right(&o);
    }
    let mut m = Model::new(&[1, 3, 1, 1], 2);
    let o = m.conv("x", &[4, 3, 3, 3], &[ints("pads", &[1, 1, 1, 1])]);
    m.is_right(&o);
}

#[test]
fn means_leave_the_padding_out() {
    for (kernel, stride, pads) in [
        ([3, 3], [1, 1], [1, 1, 1, 1]),
        ([3, 2], [2, 2], [1, 0, 0, 1]),
        ([2, 4], [1, 3], [0, 2, 1, 1]),
    ] {
        for count in [0, 1] {
            let mut m = Model::new(&[1, 3, 8, 7], 3);
            let window = [
                ints("kernel_shape", &kernel),
                ints("strides", &stride),
                ints("pads", &pads),
                int("count_include_pad", count),
            ];
            let o = m.node("AveragePool", &["x"], &window);
            m.is_right(&o);
        }
    }
    let mut m = Model::new(&[1, 3, 8, 7], 3);
    let window = [
        ints("kernel_shape", &[3, 3]),
        ints("strides", &[2, 2]),
        text("auto_pad", "SAME_UPPER"),
    ];
    let o = m.node("AveragePool", &["x"], &window);
    m.is_right(&o);
}

/// Means by hand: where `ceil_mode` looks over the edge, what lies behind the padding never counts.
#[test]
fn means_over_the_edge_leave_out_what_lies_behind_it() {
    for (count, divisors) in [(0, [1.0, 2.0, 1.0]), (1, [2.0, 2.0, 2.0])] {
        // One row of 4 with a position of padding on both sides, windows of 2 from 0, 2 and 4: places -1 0 | 1 2 | 3 4.
        let window = [
            ints("kernel_shape", &[1, 2]),
            ints("strides", &[1, 2]),
            ints("pads", &[0, 1, 0, 1]),
            int("ceil_mode", 1),
            int("count_include_pad", count),
        ];
        let mut m = Model::new(&[1, 1, 1, 4], 4);
        let o = m.node("AveragePool", &["x"], &window);
        let network = import_bytes(m.bytes(&o), &ImportOptions::default()).unwrap();
        let got = network.forward(&[255, 51, 102, 204]);
        let sums = [1.0, 0.2 + 0.4, 0.8];
        let expected: Vec<f32> = sums
            .iter()
            .zip(divisors)
            .map(|(sum, by)| sum / by)
            .collect();
        common::assert_close(&got, &expected);
        // Without padding: 5 positions in windows of 3 by steps of 3, of which the second one holds 2.
        let window = [
            ints("kernel_shape", &[1, 3]),
            ints("strides", &[1, 3]),
            int("ceil_mode", 1),
            int("count_include_pad", count),
        ];
        let mut m = Model::new(&[1, 1, 1, 5], 4);
        let o = m.node("AveragePool", &["x"], &window);
        let network = import_bytes(m.bytes(&o), &ImportOptions::default()).unwrap();
        let got = network.forward(&[255, 0, 0, 255, 51]);
        common::assert_close(&got, &[1.0 / 3.0, 0.6]);
        // With padding of which the last window sees one position, and one behind it: 4 positions and 1 on each side,
        // windows of 3 by steps of 3 at -1 and 2.
        let window = [
            ints("kernel_shape", &[1, 3]),
            ints("strides", &[1, 2]),
            ints("pads", &[0, 1, 0, 1]),
            int("ceil_mode", 1),
            int("count_include_pad", count),
        ];
        let mut m = Model::new(&[1, 1, 1, 4], 4);
        let o = m.node("AveragePool", &["x"], &window);
        let network = import_bytes(m.bytes(&o), &ImportOptions::default()).unwrap();
        let got = network.forward(&[255, 51, 102, 204]);
        // At -1, 1 and 3: the last one sees position 3, the padding at 4, and nothing at 5.
        let by = if count == 1 {
            [3.0, 3.0, 2.0]
        } else {
            [2.0, 3.0, 1.0]
        };
        common::assert_close(&got, &[1.2 / by[0], 1.4 / by[1], 0.8 / by[2]]);
    }
}

#[test]
fn columns_before_rows() {
    // A line whose map has its rows behind its columns, as a side of length 1 that comes last.
    let mut m = Model::new(&[-1, 20, 3], 5);
    let t = m.node("Transpose", &["x"], &[ints("perm", &[0, 2, 1])]);
    let axes = m.ints(&[3]);
    let u = m.node("Unsqueeze", &[&t, &axes], &[]);
    let c = m.conv(
        &u,
        &[4, 3, 5, 1],
        &[ints("pads", &[2, 0, 1, 0]), ints("strides", &[2, 1])],
    );
    let r = m.node("Relu", &[&c], &[]);
    let p = m.node("MaxPool", &[&r], &[ints("kernel_shape", &[2, 1])]);
    let f = m.node("Flatten", &[&p], &[]);
    let w = m.random(&[36, 2]);
    let o = m.node("MatMul", &[&f, &w], &[]);
    m.is_right(&o);
    // A map that is turned.
    let mut m = Model::new(&[-1, 3, 6, 5], 5);
    let t = m.node("Transpose", &["x"], &[ints("perm", &[0, 1, 3, 2])]);
    let c = m.conv(
        &t,
        &[4, 3, 3, 2],
        &[ints("pads", &[2, 0, 1, 1]), ints("dilations", &[1, 2])],
    );
    let t = m.node("Transpose", &[&c], &[ints("perm", &[0, 1, 3, 2])]);
    let f = m.node("Flatten", &[&t], &[]);
    let w = m.random(&[4 * 6 * 5, 2]);
    let o = m.node("MatMul", &[&f, &w], &[]);
    m.is_right(&o);
}
