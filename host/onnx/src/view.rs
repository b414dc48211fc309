//! A tensor of the model as a view of a map of the network.
//!
//! The network keeps a map position by position with the channels inside; a model may hold the same
//! values with its sides in any order, split or joined. A view says which axes of the map each side
//! runs over, so that `Transpose`, `Reshape` and their like move no values: what they change is
//! settled in the weights of the next fully connected layer.

mod pending;

pub(crate) use pending::{Each, End, Padding, Preprocessing};

use crate::budget::product;
use std::rc::Rc;
use thresh_model::{Head, Shape};

/// An axis of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    Channel,
    Row,
    Column,
}

impl Axis {
    pub const ALL: [Axis; 3] = [Axis::Channel, Axis::Row, Axis::Column];

    /// Its length in a map.
    pub fn of(self, shape: Shape) -> usize {
        match self {
            Axis::Channel => shape.channels,
            Axis::Row => shape.height,
            Axis::Column => shape.width,
        }
    }
}

/// One side of a tensor: the axes that it runs over, outermost first. Axes of length 1 are left out,
/// so that a side of length 1 has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Side {
    pub size: usize,
    pub axes: Vec<Axis>,
}

impl Side {
    /// A side of length 1.
    pub fn unit() -> Side {
        Side {
            size: 1,
            axes: vec![],
        }
    }

    /// The side over `axes` of a map; `None` if its length does not fit a machine word.
    pub fn over(axes: &[Axis], shape: Shape) -> Option<Side> {
        let sizes: Vec<usize> = axes.iter().map(|axis| axis.of(shape)).collect();
        let long = |axis: &Axis| axis.of(shape) != 1;
        Some(Side {
            size: product(&sizes)?,
            axes: axes.iter().copied().filter(long).collect(),
        })
    }
}

/// A tensor of the model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct View {
    /// The value of the network: 0 is its input, `i + 1` the output of layer `i`.
    pub value: usize,
    /// Shape of that value with its padding.
    pub shape: Shape,
    pub sides: Vec<Side>,
    /// Whether nothing else reads the value, so that its layer may be changed.
    pub exclusive: bool,
    /// What the host makes of the values; nothing can be computed behind it.
    pub head: Head,
    /// What is done to the values first.
    pub preprocessing: Option<Rc<Preprocessing>>,
    /// What is done to each value then.
    pub each: Option<Rc<Each>>,
    /// What stands around the map then.
    pub padding: Padding,
    /// How far the host's part goes.
    pub end: End,
    /// Of a tensor whose channels are cut in two sides, the first step of a shuffle.
    pub cut: Option<Cut>,
}

/// Channels that are cut in two sides, which stand in the sides 1 and 2 of `[1, ., ., height, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Length of the outer side.
    pub groups: usize,
    /// Whether the inner side stands before the outer one.
    pub turned: bool,
}

impl View {
    /// The sides as numbers.
    pub fn dims(&self) -> Vec<usize> {
        self.sides.iter().map(|side| side.size).collect()
    }

    /// The view of a map of `shape` with the sides of a map `[1, channels, height, width]`.
    pub fn of_map(value: usize, shape: Shape) -> View {
        let [channels, rows, columns] = Axis::ALL.map(|axis| Side {
            size: axis.of(shape),
            axes: Vec::from_iter((axis.of(shape) != 1).then_some(axis)),
        });
        View {
            value,
            shape,
            sides: vec![Side::unit(), channels, rows, columns],
            exclusive: true,
            head: Head::Logits,
            preprocessing: None,
            each: None,
            padding: Padding::default(),
            end: End::Values,
            cut: None,
        }
    }

    /// Shape of the map without padding.
    pub fn inner(&self) -> Shape {
        let [top, left, bottom, right] = self.padding.pads;
        Shape {
            channels: self.shape.channels,
            height: self.shape.height - top - bottom,
            width: self.shape.width - left - right,
        }
    }

    /// The view with `shape` in the place of its own; sides over one axis follow.
    pub fn resized(mut self, shape: Shape) -> View {
        for axis in Axis::ALL {
            let new = axis.of(shape);
            if axis.of(self.shape) == new {
                continue;
            }
            if let Some(index) = self.side_of(axis) {
                self.sides[index] = Side {
                    size: new,
                    axes: Vec::from_iter((new != 1).then_some(axis)),
                };
            }
            *match axis {
                Axis::Channel => &mut self.shape.channels,
                Axis::Row => &mut self.shape.height,
                Axis::Column => &mut self.shape.width,
            } = new;
        }
        self
    }

    /// The side that runs over `axis` alone; where the axis has length 1, the one that stands where maps have it.
    pub fn side_of(&self, axis: Axis) -> Option<usize> {
        (0..self.sides.len()).find(|&index| self.axis_of(index) == Some(axis))
    }

    /// The axis that side `index` runs over alone; for a side of length 1 the one that maps have there.
    pub fn axis_of(&self, index: usize) -> Option<Axis> {
        use Axis::{Channel as C, Column as W, Row as H};
        match self.sides[index].axes.as_slice() {
            &[axis] => return Some(axis),
            [] => {}
            _ => return None,
        }
        let orders: &[&[Axis]] = match self.sides.len() {
            4 => &[&[C, H, W], &[H, W, C], &[C, W, H], &[W, H, C]],
            3 if self.shape.height == 1 => &[&[C, W], &[W, C]],
            3 => &[&[C, H], &[H, C], &[H, W]],
            2 => &[&[C], &[W], &[H]],
            _ => &[],
        };
        let fits = |order: &&&[Axis]| {
            let mut places = order.iter().enumerate();
            places.all(|(at, &axis)| self.is_axis(at + 1, axis))
        };
        orders
            .iter()
            .find(fits)?
            .get(index.checked_sub(1)?)
            .copied()
    }

    /// All axes, outermost first.
    fn axes(&self) -> Vec<Axis> {
        self.sides
            .iter()
            .flat_map(|side| side.axes.iter().copied())
            .collect()
    }

    /// The same values in the same order with sides of these lengths; `None` if a side would hold a
    /// part of an axis.
    pub fn regrouped(&self, sizes: &[usize]) -> Option<Vec<Side>> {
        let mut axes = self.axes().into_iter();
        let mut sides = Vec::new();
        for &size in sizes {
            let mut side = Side::unit();
            while side.size < size {
                let axis = axes.next()?;
                side.size = side.size.checked_mul(axis.of(self.shape))?;
                side.axes.push(axis);
            }
            if side.size != size {
                return None;
            }
            sides.push(side);
        }
        axes.next().is_none().then_some(sides)
    }

    /// Whether side `index` runs over `axis` and nothing else, whole.
    pub fn is_axis(&self, index: usize, axis: Axis) -> bool {
        let side = &self.sides[index];
        side.size == axis.of(self.shape) && side.axes.iter().all(|&a| a == axis)
    }

    /// Where in the map each value of the tensor lies, in the order of the tensor.
    pub fn order(&self) -> Vec<usize> {
        let axes = self.axes();
        let stride = |axis: &Axis| match axis {
            Axis::Channel => 1,
            Axis::Column => self.shape.channels,
            Axis::Row => self.shape.channels * self.shape.width,
        };
        let place = |mut at: usize| {
            let mut index = 0;
            for axis in axes.iter().rev() {
                index += at % axis.of(self.shape) * stride(axis);
                at /= axis.of(self.shape);
            }
            index
        };
        (0..self.shape.len()).map(place).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        channels: 2,
        height: 3,
        width: 5,
    };

    #[test]
    fn a_map_is_flattened_in_the_order_of_its_sides() {
        let mut view = View::of_map(1, SHAPE);
        assert_eq!(view.dims(), [1, 2, 3, 5]);
        view.sides = view.regrouped(&[1, 30]).unwrap();
        let order = view.order();
        // Value (channel 1, row 2, column 3) of the model, and its place in the map.
        assert_eq!(order[(3 + 2) * 5 + 3], (2 * 5 + 3) * 2 + 1);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert!(sorted.iter().copied().eq(0..30));
    }

    #[test]
    fn sides_are_joined_but_axes_not_split() {
        let view = View::of_map(1, SHAPE);
        assert_eq!(
            view.regrouped(&[2, 1, 15, 1]).unwrap()[2].axes,
            [Axis::Row, Axis::Column]
        );
        assert_eq!(view.regrouped(&[5, 6]), None);
        assert_eq!(view.regrouped(&[2, 3]), None);
        assert_eq!(view.regrouped(&[30, 2]), None);
        assert_eq!(view.regrouped(&[2, 0]), None);
        let unit = Shape {
            channels: 1,
            ..SHAPE
        };
        let view = View::of_map(0, unit);
        assert!(view.is_axis(1, Axis::Channel) && view.is_axis(2, Axis::Row));
        assert!(!view.is_axis(2, Axis::Column) && !view.is_axis(2, Axis::Channel));
    }
}
