//! What is still to be done to the map of a view.

/// What is done to the values of a map, channel by channel, that no layer does yet: to those of the network's input, or
/// behind an activation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Preprocessing {
    /// By channel of the model.
    pub scale: Vec<f32>,
    /// By channel of the model, added after scaling.
    pub shift: Vec<f32>,
    /// The channel of the image that each channel of the model reads.
    pub from: Vec<usize>,
}

impl Preprocessing {
    pub fn is_identity(&self) -> bool {
        self.keeps_order()
            && self.scale.iter().all(|&scale| scale == 1.0)
            && self.shift.iter().all(|&shift| shift == 0.0)
    }

    pub fn keeps_order(&self) -> bool {
        self.from.iter().enumerate().all(|(to, &from)| to == from)
    }

    /// Whether something is added to a channel.
    pub fn shifts(&self) -> bool {
        self.shift.iter().any(|&shift| shift != 0.0)
    }

    /// The factor and the summand, where all channels have the same ones and their order is kept.
    pub fn uniform(&self) -> Option<(f32, f32)> {
        let (&scale, &shift) = (self.scale.first()?, self.shift.first()?);
        let same = |values: &[f32], value: f32| values.iter().all(|&other| other == value);
        let all = self.keeps_order() && same(&self.scale, scale) && same(&self.shift, shift);
        all.then_some((scale, shift))
    }
}

/// A factor and a summand for each value of a map, in its order, that no layer applies yet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Each {
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
}

/// What stands around a map that no layer has yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Padding {
    /// Positions above, left, below, right.
    pub pads: [usize; 4],
    /// Whether they hold less than any value, as for a largest value to come; else zeros.
    pub lowest: bool,
}

/// What the host's part has been so far, besides [`Head`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// The outputs.
    #[default]
    Values,
    /// One minus the probability of the second of two classes.
    First,
    /// The probabilities of both classes.
    Both,
    /// The class.
    Class,
}
