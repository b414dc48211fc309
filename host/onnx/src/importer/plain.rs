//! Layers for what a view still has to do: factors and summands of channels, padding.

use super::Importer;
use crate::error::{ImportError, Result};
use crate::view::{Padding, Preprocessing, View};
use std::rc::Rc;
use thresh_model::{Operator, Window};

impl Importer<'_> {
    /// The view with nothing left to do before it: layers do it where there is something.
    pub fn plain(&mut self, view: View) -> Result<View> {
        if view.preprocessing.as_ref().is_some_and(|p| p.is_identity()) {
            let preprocessing = None;
            return self.plain(View {
                preprocessing,
                ..view
            });
        }
        if view.preprocessing.is_none() && view.each.is_none() && view.padding == Padding::default()
        {
            return Ok(view);
        }
        let sides = view.sides.clone();
        let same = |(made, _): &&(View, usize)| {
            view.each.is_none()
                && made.padding == view.padding
                && made.preprocessing == view.preprocessing
        };
        let made = self.made.get(&view.value).map_or(&[][..], Vec::as_slice);
        let known = made.iter().find(same).map(|&(_, value)| value);
        if let Some(value) = known {
            return Ok(View {
                value,
                preprocessing: None,
                padding: Padding::default(),
                ..view
            });
        }
        if view.each.is_some() {
            return crate::ops::flat_layer(self, view);
        }
        let key = view.clone();
        let inner = View {
            padding: Padding::default(),
            ..view.clone().resized(view.inner())
        };
        let pads = view.padding.pads;
        let shifts = view.preprocessing.as_ref().is_some_and(|p| p.shifts());
        let mut inner = match (&view.preprocessing, pads) {
            (Some(preprocessing), [0, 0, 0, 0]) => self.preprocess(&inner, preprocessing, pads)?,
            (Some(preprocessing), _) if !shifts => self.preprocess(&inner, preprocessing, pads)?,
            (Some(preprocessing), _) => {
                let inner = self.preprocess(&inner, preprocessing, [0; 4])?;
                self.copy(&inner, pads)?
            }
            (None, _) => self.copy(&inner, pads)?,
        };
        if view.padding.lowest {
            let expected = "zeros, or MaxPool behind it; pad with zeros";
            return Err(ImportError::model("padding", "the lowest value", expected));
        }
        let made = self.made.entry(key.value).or_default();
        // Few are read again; a search must not take long.
        if made.len() < 16 {
            made.push((key, inner.value));
        }
        inner.sides = sides;
        Ok(View {
            head: view.head,
            end: view.end,
            cut: view.cut,
            exclusive: view.exclusive,
            ..inner
        })
    }

    /// A layer that copies the map of `view` with zeros around it.
    fn copy(&mut self, view: &View, pads: [usize; 4]) -> Result<View> {
        let channels = view.shape.channels;
        let (ones, zeros) = (vec![1.0; channels], vec![0.0; channels]);
        self.per_channel_padded("padding", view, ones, zeros, pads)
    }

    /// A layer that does `preprocessing`, with zeros around the map.
    fn preprocess(
        &mut self,
        view: &View,
        preprocessing: &Rc<Preprocessing>,
        pads: [usize; 4],
    ) -> Result<View> {
        self.expects(view.value, preprocessing);
        let name = match view.value {
            0 => "preprocessing".to_string(),
            value => format!("{}.scaled", self.layers[value - 1].name),
        };
        let Preprocessing { scale, shift, from } = &**preprocessing;
        if preprocessing.keeps_order() {
            return self.per_channel_padded(&name, view, scale.clone(), shift.clone(), pads);
        }
        let channels = view.shape.channels;
        self.budget.take(channels.checked_mul(channels))?;
        let mut weights = vec![0.0; channels * channels];
        for (to, (&from, &scale)) in from.iter().zip(scale).enumerate() {
            weights[to * channels + from] = scale;
        }
        let operator = Operator::Conv {
            input: view.shape,
            outputs: channels,
            groups: 1,
            window: Window {
                pads,
                ..Window::valid([1, 1])
            },
        };
        self.push_weights(&name, vec![view.value], operator, weights, shift.clone())
    }

    /// Notes the input that `preprocessing`, which goes into a layer that reads `value`, expects.
    pub fn expects(&mut self, value: usize, preprocessing: &Preprocessing) {
        if value != 0 || !self.input_mean.is_empty() || !preprocessing.shifts() {
            return;
        }
        let mut mean = vec![0.0; preprocessing.from.len()];
        let Preprocessing { scale, shift, from } = preprocessing;
        for (&from, (&scale, &shift)) in from.iter().zip(scale.iter().zip(shift)) {
            let expected = -shift / scale;
            mean[from] = if expected.is_finite() { expected } else { 0.0 };
        }
        self.input_mean = mean;
    }

    /// The mean that each channel of the input map, with its frame, is expected to have; none if it is not known.
    pub fn input_mean(&self) -> Vec<f32> {
        let mut mean = self.input_mean.clone();
        if !mean.is_empty() && self.frame.marked {
            mean.push(0.0);
        }
        mean
    }

    /// Adds the layer `scale[c] * x + shift[c]` on every value of the map of `view`.
    pub fn per_channel(
        &mut self,
        name: &str,
        view: &View,
        scale: Vec<f32>,
        shift: Vec<f32>,
    ) -> Result<View> {
        let layer = self.per_channel_padded(name, view, scale, shift, [0; 4])?;
        Ok(View {
            value: layer.value,
            exclusive: true,
            ..view.clone()
        })
    }

    fn per_channel_padded(
        &mut self,
        name: &str,
        view: &View,
        scale: Vec<f32>,
        shift: Vec<f32>,
        pads: [usize; 4],
    ) -> Result<View> {
        let channels = view.shape.channels;
        self.budget.take(channels.checked_mul(2))?;
        let operator = Operator::Conv {
            input: view.shape,
            outputs: channels,
            groups: channels,
            window: Window {
                pads,
                ..Window::valid([1, 1])
            },
        };
        self.push_weights(name, vec![view.value], operator, scale, shift)
    }
}
