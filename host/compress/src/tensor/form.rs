//! The forms that a kernel can be brought into, each a chain of smaller layers.

use faer::Mat;
use thresh_model::{Operator, Shape, Window};

use super::{
    cp,
    kernel::{Kernel, Leg, directions, halves},
};
use crate::{chain::Link, options::Value};

use Leg::{H, I, O, W};

/// How a kernel is taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `o|ihw`: fewer filters of the whole window, then 1x1.
    Outputs,
    /// `i|ohw`: 1x1 to fewer channels, then the whole window.
    Inputs,
    /// `h|oiw`: rows of the window alone, several for each output, then columns of each output's own.
    Rows,
    /// `w|oih`: columns of the window alone, several for each output, then rows of each output's own.
    Columns,
    /// `oi|hw`: a few planes that all channels are filtered with, then 1x1.
    Planes,
    /// `oh|iw`: 1 x k, then k x 1.
    RowColumn,
    /// `ow|ih`: k x 1, then 1 x k.
    ColumnRow,
    /// Tucker-2: 1x1, the whole window between fewer channels, 1x1.
    Tucker,
    /// Canonical polyadic: 1x1, k x 1 and 1 x k channel by channel, 1x1.
    Cp,
    /// Matrix product: 1x1, k x 1, 1 x k, 1x1.
    Mps,
}

/// A layer of the chain of a form.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    suffix: &'static str,
    outputs: usize,
    groups: usize,
    /// Whether it has the rows and the columns of the window.
    legs: [bool; 2],
    /// `[outputs, inputs / groups, rows, columns]`, row-major.
    weights: Vec<f64>,
}

/// Rounds of alternating least squares for Tucker-2.
const TUCKER_ROUNDS: usize = 10;

impl Form {
    /// All of them; the first seven are the cuts.
    pub const ALL: [Form; 10] = [
        Form::Outputs,
        Form::Inputs,
        Form::Rows,
        Form::Columns,
        Form::Planes,
        Form::RowColumn,
        Form::ColumnRow,
        Form::Tucker,
        Form::Cp,
        Form::Mps,
    ];

    /// The cuts of a kernel in two.
    pub const CUTS: [Form; 7] = {
        let [a, b, c, d, e, f, g, ..] = Self::ALL;
        [a, b, c, d, e, f, g]
    };

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Form::Outputs => "o|ihw",
            Form::Inputs => "i|ohw",
            Form::Rows => "h|oiw",
            Form::Columns => "w|oih",
            Form::Planes => "oi|hw",
            Form::RowColumn => "oh|iw",
            Form::ColumnRow => "ow|ih",
            Form::Tucker => "tucker",
            Form::Cp => "cp",
            Form::Mps => "mps",
        }
    }

    /// The one called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.name() == name)
    }

    /// The legs of the rows of a cut; none for other forms.
    fn rows(self) -> &'static [Leg] {
        match self {
            Form::Outputs => &[O],
            Form::Inputs => &[I],
            Form::Rows => &[H],
            Form::Columns => &[W],
            Form::Planes => &[O, I],
            Form::RowColumn => &[O, H],
            Form::ColumnRow => &[O, W],
            Form::Tucker | Form::Cp | Form::Mps => &[],
        }
    }

    /// The rank from which on nothing is lost, or, for CP, from which on it is no longer worth asking.
    pub(crate) fn full_rank(self, sizes: [usize; 4]) -> usize {
        let [o, i, h, w] = sizes;
        match self {
            Form::Tucker => o.max(i),
            Form::Cp => (o * i * h * w) / [o, i, h, w].into_iter().max().unwrap_or(1),
            Form::Mps => i.max(o).max((i * h).min(w * o)),
            cut => {
                let rows: usize = cut.rows().iter().map(|&leg| sizes[leg as usize]).product();
                rows.min(o * i * h * w / rows)
            }
        }
    }

    /// Whether it takes anything apart in a kernel of these sizes: a window of one place has no rows and columns to cut.
    pub(crate) fn fits(self, sizes: [usize; 4]) -> bool {
        let [.., h, w] = sizes;
        match self {
            Form::Rows => h > 1,
            Form::Columns => w > 1,
            Form::Planes => h * w > 1,
            _ => true,
        }
    }

    /// Multiplications of the chain with `rank` in the place of `operator`, whose kernel is of `sizes`.
    pub(crate) fn cost(self, rank: usize, operator: &Operator, sizes: [usize; 4]) -> f64 {
        self.cost_by_piece(rank, operator, sizes).iter().sum()
    }

    /// The same layer by layer of the chain.
    pub(crate) fn cost_by_piece(
        self,
        rank: usize,
        operator: &Operator,
        sizes: [usize; 4],
    ) -> Vec<f64> {
        let [o, i, h, w] = sizes;
        let rank = rank.clamp(1, self.full_rank(sizes));
        // Weights of each piece, and the sides of the window that it has; the map is that behind it.
        let pieces: Vec<(usize, [bool; 2])> = match self {
            Form::Outputs => vec![(rank * i * h * w, [true; 2]), (o * rank, [false; 2])],
            Form::Inputs => vec![(rank * i, [false; 2]), (o * rank * h * w, [true; 2])],
            Form::Rows => vec![
                (o * rank * i * w, [false, true]),
                (o * rank * h, [true, false]),
            ],
            Form::Columns => vec![
                (o * rank * i * h, [true, false]),
                (o * rank * w, [false, true]),
            ],
            Form::Planes => vec![(i * rank * h * w, [true; 2]), (o * i * rank, [false; 2])],
            Form::RowColumn => vec![(rank * i * w, [false, true]), (o * rank * h, [true, false])],
            Form::ColumnRow => vec![(rank * i * h, [true, false]), (o * rank * w, [false, true])],
            Form::Tucker => {
                let [ro, ri] = tucker_ranks(rank, sizes);
                vec![
                    (ri * i, [false; 2]),
                    (ro * ri * h * w, [true; 2]),
                    (o * ro, [false; 2]),
                ]
            }
            Form::Cp => vec![
                (rank * i, [false; 2]),
                (rank * h, [true, false]),
                (rank * w, [false, true]),
                (o * rank, [false; 2]),
            ],
            Form::Mps => {
                let r1 = rank.min(i).min(o * h * w);
                let r2 = rank.min(r1 * h).min(o * w);
                let r3 = rank.min(r2 * w).min(o);
                vec![
                    (r1 * i, [false; 2]),
                    (r2 * r1 * h, [true, false]),
                    (r3 * r2 * w, [false, true]),
                    (o * r3, [false; 2]),
                ]
            }
        };
        let Operator::Conv { input, window, .. } = operator else {
            return pieces.iter().map(|(weights, _)| *weights as f64).collect();
        };
        let mut size = [input.height, input.width];
        let cost = |(weights, legs): (usize, [bool; 2])| {
            size = part(window, legs)
                .places(size)
                .expect("a network that was checked");
            (weights * size[0] * size[1]) as f64
        };
        pieces.into_iter().map(cost).collect()
    }

    /// The chain that stands for `kernel`, with this rank of all its bonds, or the full one of those that have less.
    pub(crate) fn pieces(self, kernel: &Kernel, rank: usize) -> Vec<Piece> {
        let [o, i, h, w] = kernel.sizes;
        let rank = rank.clamp(1, self.full_rank(kernel.sizes));
        let piece = |suffix, outputs, groups, legs, weights| Piece {
            suffix,
            outputs,
            groups,
            legs,
            weights,
        };
        let cut = || halves(&kernel.unfold(self.rows()), rank);
        match self {
            Form::Outputs => {
                let (left, right) = cut();
                vec![
                    piece("basis", rank, 1, [true, true], rows_of(&right)),
                    piece("", o, 1, [false, false], rows_of(&left)),
                ]
            }
            Form::Inputs => {
                let (left, right) = cut();
                let back = Kernel::fold([rank, o, h, w], &[O], &right);
                vec![
                    piece("in", rank, 1, [false, false], columns_of(&left)),
                    piece("", o, 1, [true, true], rows_of(&back.unfold(&[I]))),
                ]
            }
            Form::Rows | Form::Columns => {
                let (left, right) = cut();
                let tall = self == Form::Rows;
                let wide = if tall { w } else { h };
                // `right` is [r, (o, i, other side)]; the outputs of the first piece are (o, r).
                let mut weights = Vec::with_capacity(o * rank * i * wide);
                for output in 0..o {
                    for r in 0..rank {
                        let first = output * i * wide;
                        weights.extend((first..first + i * wide).map(|column| right[(r, column)]));
                    }
                }
                let side = columns_of(&left);
                let own = (0..o).flat_map(|_| side.iter().copied()).collect();
                let name = if tall { "row" } else { "column" };
                vec![
                    piece(name, o * rank, 1, [!tall, tall], weights),
                    piece("", o, o, [tall, !tall], own),
                ]
            }
            Form::Planes => {
                let (left, right) = cut();
                let planes = rows_of(&right);
                let all = (0..i).flat_map(|_| planes.iter().copied()).collect();
                vec![
                    piece("planes", i * rank, i, [true, true], all),
                    piece("", o, 1, [false, false], rows_of(&left)),
                ]
            }
            Form::RowColumn | Form::ColumnRow => {
                let (left, right) = cut();
                let row_first = self == Form::RowColumn;
                let side = if row_first { h } else { w };
                // `left` is [(o, side), r].
                let mut weights = Vec::with_capacity(o * rank * side);
                for output in 0..o {
                    for r in 0..rank {
                        weights.extend((0..side).map(|at| left[(output * side + at, r)]));
                    }
                }
                let name = if row_first { "row" } else { "column" };
                vec![
                    piece(name, rank, 1, [!row_first, row_first], rows_of(&right)),
                    piece("", o, 1, [row_first, !row_first], weights),
                ]
            }
            Form::Tucker => {
                let (outputs, inputs, core) = tucker(kernel, rank);
                vec![
                    piece("in", inputs.ncols(), 1, [false, false], columns_of(&inputs)),
                    piece("core", outputs.ncols(), 1, [true, true], core.values),
                    piece("", o, 1, [false, false], rows_of(&outputs)),
                ]
            }
            Form::Cp => {
                let [a, b, c, d] = cp::factors(kernel, rank);
                vec![
                    piece("in", rank, 1, [false, false], columns_of(&b)),
                    piece("column", rank, rank, [true, false], columns_of(&c)),
                    piece("row", rank, rank, [false, true], columns_of(&d)),
                    piece("", o, 1, [false, false], rows_of(&a)),
                ]
            }
            Form::Mps => {
                // In the order i, h, w, o, one bond after the other.
                let (first, rest) = halves(&kernel.unfold(&[I]), rank.min(i).min(o * h * w));
                let r1 = first.ncols();
                // `rest` is [r1, (o, h, w)].
                let rest = Kernel::fold([r1, o, h, w], &[O], &rest);
                let (second, rest) = halves(&rest.unfold(&[O, H]), rank.min(r1 * h).min(o * w));
                let r2 = second.ncols();
                // `rest` is [r2, (o, w)].
                let rest = Kernel::fold([r2, o, w, 1], &[O], &rest);
                let (third, fourth) = halves(&rest.unfold(&[O, H]), rank.min(r2 * w).min(o));
                let r3 = third.ncols();
                let middle = |factor: &Mat<f64>, inputs: usize, side: usize| {
                    // `factor` is [(inputs, side), outputs].
                    let rows = (0..factor.ncols())
                        .flat_map(move |r| (0..inputs * side).map(move |at| (at, r)));
                    rows.map(|at| factor[at]).collect::<Vec<f64>>()
                };
                vec![
                    piece("in", r1, 1, [false, false], columns_of(&first)),
                    piece("column", r2, 1, [true, false], middle(&second, r1, h)),
                    piece("row", r3, 1, [false, true], middle(&third, r2, w)),
                    piece("", o, 1, [false, false], columns_of(&fourth)),
                ]
            }
        }
    }
}

/// Row by row.
fn rows_of(matrix: &Mat<f64>) -> Vec<f64> {
    let places = (0..matrix.nrows()).flat_map(|r| (0..matrix.ncols()).map(move |c| (r, c)));
    places.map(|at| matrix[at]).collect()
}

/// Column by column.
fn columns_of(matrix: &Mat<f64>) -> Vec<f64> {
    let places = (0..matrix.ncols()).flat_map(|c| (0..matrix.nrows()).map(move |r| (r, c)));
    places.map(|at| matrix[at]).collect()
}

/// The ranks of the two bonds of Tucker-2: neither leg of the core is longer than the rest of it.
fn tucker_ranks(rank: usize, [o, i, h, w]: [usize; 4]) -> [usize; 2] {
    let outputs = rank.min(o).min(rank.min(i) * h * w);
    [outputs, rank.min(i).min(outputs * h * w)]
}

/// Tucker-2 by higher-order orthogonal iteration (De Lathauwer et al., 2000): `[o, r]`, `[i, r]`, and the core between.
fn tucker(kernel: &Kernel, rank: usize) -> (Mat<f64>, Mat<f64>, Kernel) {
    let ranks = tucker_ranks(rank, kernel.sizes);
    let mut inputs = directions(&kernel.unfold(&[I]), ranks[1]);
    let mut outputs = directions(&kernel.unfold(&[O]), ranks[0]);
    for _ in 0..TUCKER_ROUNDS {
        let narrow = kernel.multiplied(I, &inputs.transpose().to_owned());
        outputs = directions(&narrow.unfold(&[O]), ranks[0]);
        let narrow = kernel.multiplied(O, &outputs.transpose().to_owned());
        inputs = directions(&narrow.unfold(&[I]), ranks[1]);
    }
    let core = kernel
        .multiplied(O, &outputs.transpose().to_owned())
        .multiplied(I, &inputs.transpose().to_owned());
    (outputs, inputs, core)
}

/// The kernel that `pieces` together are.
pub(crate) fn compose(pieces: &[Piece], sizes: [usize; 4]) -> Kernel {
    let [_, i, h, w] = sizes;
    let side = |leg: bool, size: usize| if leg { size } else { 1 };
    let (first, others) = pieces.split_first().expect("a chain has a piece");
    let [rows, columns] = [side(first.legs[0], h), side(first.legs[1], w)];
    // What the first makes of every input channel; with groups, of its own alone.
    let mut made = Kernel {
        sizes: [first.outputs, i, rows, columns],
        values: match first.groups {
            1 => first.weights.clone(),
            groups => {
                let window = rows * columns;
                let mut values = vec![0.0; first.outputs * i * window];
                for output in 0..first.outputs {
                    let input = output / (first.outputs / groups);
                    values[(output * i + input) * window..][..window]
                        .copy_from_slice(&first.weights[output * window..][..window]);
                }
                values
            }
        },
    };
    for piece in others {
        if piece.groups == 1 && piece.legs == [false; 2] {
            let matrix = Mat::from_fn(piece.outputs, made.sizes[0], |row, column| {
                piece.weights[row * made.sizes[0] + column]
            });
            made = made.multiplied(O, &matrix);
            continue;
        }
        let [inputs, _, rows, columns] = made.sizes;
        let [own_rows, own_columns] = [side(piece.legs[0], h), side(piece.legs[1], w)];
        let each = inputs / piece.groups;
        let out_each = piece.outputs / piece.groups;
        let next = [
            piece.outputs,
            i,
            rows.max(own_rows),
            columns.max(own_columns),
        ];
        let mut values = vec![0.0; next.iter().product()];
        for output in 0..piece.outputs {
            for (at, &weight) in piece.weights[output * each * own_rows * own_columns..]
                [..each * own_rows * own_columns]
                .iter()
                .enumerate()
            {
                let (channel, row, column) = (
                    output / out_each * each + at / (own_rows * own_columns),
                    at / own_columns % own_rows,
                    at % own_columns,
                );
                for input in 0..i {
                    for y in 0..rows {
                        for x in 0..columns {
                            let from = ((channel * i + input) * rows + y) * columns + x;
                            let to =
                                ((output * i + input) * next[2] + y + row) * next[3] + x + column;
                            values[to] += weight * made.values[from];
                        }
                    }
                }
            }
        }
        made = Kernel {
            sizes: next,
            values,
        };
    }
    made
}

/// The layers that `pieces` are in the place of `operator`: who has the rows of the window moves down as it did, and who has its
/// columns, to the right.
pub(crate) fn links(pieces: &[Piece], operator: &Operator) -> Vec<Link> {
    let mut shape = match operator {
        Operator::Conv { input, .. } => *input,
        other => Shape {
            channels: other.inputs(),
            height: 1,
            width: 1,
        },
    };
    pieces
        .iter()
        .map(|piece| {
            let made = match operator {
                Operator::Conv { window, .. } => Operator::Conv {
                    input: shape,
                    outputs: piece.outputs,
                    groups: piece.groups,
                    window: part(window, piece.legs),
                },
                _ => Operator::Dense {
                    inputs: shape.channels,
                    outputs: piece.outputs,
                },
            };
            shape = made.output();
            Link {
                suffix: piece.suffix,
                operator: made,
                weights: piece.weights.iter().map(|&weight| weight as f32).collect(),
            }
        })
        .collect()
}

/// The sides of a window that a piece has.
fn part(window: &Window, [rows, columns]: [bool; 2]) -> Window {
    let mut part = *window;
    if !rows {
        (part.kernel[0], part.stride[0], part.pads[0], part.pads[2]) = (1, 1, 0, 0);
    }
    if !columns {
        (part.kernel[1], part.stride[1], part.pads[1], part.pads[3]) = (1, 1, 0, 0);
    }
    part
}

impl Value for Form {
    const EXPECTED: &'static str = "a cut (o|ihw, i|ohw, h|oiw, w|oih, oi|hw, oh|iw, ow|ih; the letters before | will do), tucker, cp or mps";
    const LIST: &'static str = "forms with commas between: cuts (o|ihw, i|ohw, h|oiw, w|oih, oi|hw, oh|iw, ow|ih; the letters before | will do), tucker, cp or mps";

    fn parse(text: &str) -> Option<Self> {
        // The legs of one side say which cut it is.
        let side = |form: &Form| form.name().split_once('|').map(|(side, _)| side);
        let cut = || Self::CUTS.into_iter().find(|form| side(form) == Some(text));
        Self::named(text).or_else(cut)
    }

    fn show(&self) -> String {
        self.name().into()
    }
}
