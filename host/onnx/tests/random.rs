//! Random graphs, against an independent runtime.

mod common;

use common::{Model, float, int, ints, text};
use rand::RngExt;
use thresh_onnx::ImportOptions;

/// Graphs of one run.
const GRAPHS: u64 = 600;

/// A value of the graph under construction.
#[derive(Clone, Debug)]
struct Map {
    name: String,
    /// Channels, height, width.
    shape: [i64; 3],
}

struct Maker {
    m: Model,
    maps: Vec<Map>,
}

impl Maker {
    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.m.rng.random_range(0..of.len())].clone()
    }

    /// Mostly the last map, sometimes one before.
    fn source(&mut self) -> Map {
        let back = self.m.rng.random_range(0..4).min(self.maps.len() - 1);
        let back = if back == 3 { 2 } else { 0 };
        self.maps[self.maps.len() - 1 - back.min(self.maps.len() - 1)].clone()
    }

    fn conv(&mut self) {
        let from = self.source();
        let [channels, height, width] = from.shape;
        let kernel = [
            self.pick(&[1, 2, 3]).min(height),
            self.pick(&[1, 2, 3]).min(width),
        ];
        let stride = [self.pick(&[1, 1, 2]), self.pick(&[1, 1, 2])];
        let groups = self.pick(&[1, 1, channels]);
        let outputs = match groups {
            1 => self.m.rng.random_range(1..7),
            groups => groups * self.pick(&[1, 2]),
        };
        let mut attributes = vec![int("group", groups), ints("strides", &stride)];
        let mut pads = [0; 4];
        if self.m.rng.random_bool(0.3) {
            attributes.push(text("auto_pad", "SAME_UPPER"));
            for axis in [0, 1] {
                let size = [height, width][axis];
                let places = (size + stride[axis] - 1) / stride[axis];
                pads[axis] = ((places - 1) * stride[axis] + kernel[axis] - size).max(0);
            }
        } else {
            pads = [0; 4].map(|_: i64| self.pick(&[0, 0, 1, 2]));
            attributes.push(ints("pads", &pads));
        }
        let name = self.m.conv(
            &from.name,
            &[outputs, channels / groups, kernel[0], kernel[1]],
            &attributes,
        );
        let side = |axis: usize| {
            ([height, width][axis] + pads[axis] + pads[axis + 2] - kernel[axis]) / stride[axis] + 1
        };
        self.maps.push(Map {
            name,
            shape: [outputs, side(0), side(1)],
        });
    }

    fn pool(&mut self) {
        let from = self.source();
        let [channels, height, width] = from.shape;
        let kernel = [
            self.pick(&[1, 2, 3]).min(height),
            self.pick(&[1, 2, 3]).min(width),
        ];
        let stride = [self.pick(&[1, 2]), self.pick(&[1, 2])];
        let largest = self.m.rng.random_bool(0.6);
        let op = if largest { "MaxPool" } else { "AveragePool" };
        let pads = [0, 1, 2, 3].map(|side: usize| (kernel[side % 2] - 1).min(self.pick(&[0, 1])));
        let up = largest && self.m.rng.random_bool(0.5);
        let mut attributes = vec![
            ints("kernel_shape", &kernel),
            ints("strides", &stride),
            ints("pads", &pads),
        ];
        attributes.push(if largest {
            int("ceil_mode", up.into())
        } else {
            int("count_include_pad", self.m.rng.random_range(0..2))
        });
        let name = self.m.node(op, &[&from.name], &attributes);
        let side = |axis: usize| {
            let (size, before) = ([height, width][axis], pads[axis]);
            let room = size + before + pads[axis + 2] - kernel[axis];
            let places = if up {
                (room + stride[axis] - 1) / stride[axis]
            } else {
                room / stride[axis]
            };
            // A window that starts behind the map does not count.
            let last = if places * stride[axis] >= size + before {
                places - 1
            } else {
                places
            };
            last + 1
        };
        self.maps.push(Map {
            name,
            shape: [channels, side(0), side(1)],
        });
    }

    fn pointwise(&mut self) {
        let from = self.source();
        let channels = from.shape[0];
        let name = match self.m.rng.random_range(0..9) {
            7 => {
                let (op, limit) = (
                    self.pick(&["Min", "Max"]),
                    self.m.rng.random_range(-0.5..0.5),
                );
                let limit = self.m.floats(&[], vec![limit]);
                self.m.node(op, &[&limit, &from.name], &[])
            }
            8 => {
                let low = self.m.rng.random_range(-0.6..0.3);
                let high = low + self.m.rng.random_range(0.1..0.7);
                let (low, high) = (
                    self.m.floats(&[], vec![low]),
                    self.m.floats(&[], vec![high]),
                );
                self.m.node("Clip", &[&from.name, &low, &high], &[])
            }
            0 | 1 => self.m.node("Relu", &[&from.name], &[]),
            2 => self
                .m
                .node("LeakyRelu", &[&from.name], &[float("alpha", 0.2)]),
            3 => {
                let slopes = self.m.random(&[channels, 1, 1]);
                self.m.node("PRelu", &[&from.name, &slopes], &[])
            }
            4 => {
                let (low, high) = (self.m.floats(&[], vec![0.0]), self.m.floats(&[], vec![0.8]));
                self.m.node("Clip", &[&from.name, &low, &high], &[])
            }
            5 => {
                let parts = [(0.5, 1.5), (-0.5, 0.5), (-0.5, 0.5), (0.5, 2.0)];
                let p = parts.map(|(low, high)| self.m.between(&[channels], low, high));
                let inputs = [from.name.as_str(), &p[0], &p[1], &p[2], &p[3]];
                self.m.node("BatchNormalization", &inputs, &[])
            }
            _ => {
                let op = self.pick(&["Add", "Sub", "Mul"]);
                let constant = self.m.random(&[1, channels, 1, 1]);
                self.m.node(op, &[&from.name, &constant], &[])
            }
        };
        self.maps.push(Map { name, ..from });
    }

    fn pad(&mut self) {
        let from = self.source();
        let pads = [0; 4].map(|_: i64| self.pick(&[0, 0, 1, 2]));
        let [top, left, bottom, right] = pads;
        let list = self.m.ints(&[0, 0, top, left, 0, 0, bottom, right]);
        let name = self.m.node("Pad", &[&from.name, &list], &[]);
        let [channels, height, width] = from.shape;
        let shape = [channels, height + top + bottom, width + left + right];
        self.maps.push(Map { name, shape });
    }

    fn cut(&mut self) {
        let from = self.source();
        let axis = self.m.rng.random_range(0..3);
        let size = from.shape[axis];
        let (first, step) = (self.m.rng.random_range(0..size), self.pick(&[1, 1, 2]));
        let last = self.m.rng.random_range(first..size) + 1;
        let lists = [first, last, axis as i64 + 1, step].map(|number| self.m.ints(&[number]));
        let [a, b, c, d] = lists.each_ref().map(String::as_str);
        let name = self.m.node("Slice", &[&from.name, a, b, c, d], &[]);
        let mut shape = from.shape;
        shape[axis] = (last - first + step - 1) / step;
        self.maps.push(Map { name, shape });
    }

    fn sum(&mut self) {
        let last = self.source();
        let same: Vec<Map> = self
            .maps
            .iter()
            .filter(|map| map.shape == last.shape)
            .cloned()
            .collect();
        let other = self.pick(&same);
        let name = self.m.node("Add", &[&last.name, &other.name], &[]);
        self.maps.push(Map { name, ..last });
    }

    fn join(&mut self) {
        let last = self.source();
        let same = |map: &&Map| map.shape[1..] == last.shape[1..];
        let same: Vec<Map> = self.maps.iter().filter(same).cloned().collect();
        let mut names = vec![last.name.clone()];
        let mut shape = last.shape;
        for _ in 0..self.m.rng.random_range(1..3) {
            let other = self.pick(&same);
            shape[0] += other.shape[0];
            names.push(other.name);
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let name = self.m.node("Concat", &names, &[int("axis", 1)]);
        self.maps.push(Map { name, shape });
    }

    /// Fully connected layers behind the last map, and perhaps a head.
    fn finish(&mut self) -> String {
        let Map { name, shape } = self.maps.last().unwrap().clone();
        let mut inputs = shape.iter().product();
        let mut flat = match self.m.rng.random_range(0..4) {
            0 => self.m.node("Flatten", &[&name], &[]),
            1 => {
                let target = self.m.ints(&[1, -1]);
                self.m.node("Reshape", &[&name, &target], &[])
            }
            2 => {
                let order = self.pick(&[[0, 2, 3, 1], [0, 3, 1, 2], [0, 3, 2, 1]]);
                let turned = self.m.node("Transpose", &[&name], &[ints("perm", &order)]);
                self.m.node("Flatten", &[&turned], &[])
            }
            _ => {
                inputs = shape[0];
                let mean = self.m.node("GlobalAveragePool", &[&name], &[]);
                self.m.node("Flatten", &[&mean], &[])
            }
        };
        for _ in 0..self.m.rng.random_range(1..3) {
            let outputs = self.m.rng.random_range(2..8);
            let range = 1.0 / (inputs as f32).sqrt();
            let (w, b) = (
                self.m.between(&[outputs, inputs], -range, range),
                self.m.random(&[outputs]),
            );
            let gemm = self.m.node("Gemm", &[&flat, &w, &b], &[int("transB", 1)]);
            flat = self.m.node("LeakyRelu", &[&gemm], &[float("alpha", 0.5)]);
            inputs = outputs;
        }
        match self.m.rng.random_range(0..3) {
            0 => self.m.node("Softmax", &[&flat], &[int("axis", -1)]),
            1 => self.m.node("Sigmoid", &[&flat], &[]),
            _ => flat,
        }
    }
}

#[test]
fn random_graphs_compute_what_they_did() {
    let mut layers = 0;
    for seed in 0..GRAPHS {
        println!("seed {seed}");
        let mut m = Model::new(&[1], seed);
        let shape = [1, 2, 3].map(|_| m.rng.random_range(1..10));
        m = Model::new(&[-1, shape[0], shape[1], shape[2]], seed);
        let mut maker = Maker {
            m,
            maps: vec![Map {
                name: "x".into(),
                shape,
            }],
        };
        for _ in 0..maker.m.rng.random_range(2..12) {
            match maker.m.rng.random_range(0..13) {
                10 | 11 => maker.pad(),
                12 => maker.cut(),
                0..4 => maker.conv(),
                4 => maker.pool(),
                5..8 => maker.pointwise(),
                8 => maker.join(),
                _ => maker.sum(),
            }
        }
        let output = maker.finish();
        let values = |m: &mut Model, from: f32, to: f32| -> Vec<f32> {
            (0..shape[0])
                .map(|_| m.rng.random_range(from..to))
                .collect()
        };
        let m = &mut maker.m;
        let symbolic = [shape[0], shape[1], shape[2]].map(|side| side as usize);
        let options = ImportOptions {
            mean: if seed % 3 == 0 {
                vec![]
            } else {
                values(m, 0.1, 0.9)
            },
            std: if seed % 3 == 1 {
                vec![]
            } else {
                values(m, 0.3, 1.5)
            },
            bgr: m.rng.random_bool(0.3),
            shape: Some(thresh_model::Shape {
                channels: symbolic[0],
                height: symbolic[1],
                width: symbolic[2],
            }),
            ..ImportOptions::default()
        };
        layers += m.agrees(&output, &options).layers.len();
    }
    println!("{GRAPHS} graphs, {layers} layers");
}
