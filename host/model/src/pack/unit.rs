//! What the engine runs between two drains: from the network's layers to units.
//!
//! A unit sums one or more terms into the same accumulators, adds a bias, perhaps clips and
//! pools, and drains one value. A term is a convolution of one value with weights: a fully connected
//! layer is one whose kernel is the map, an average one of equal weights, a residual one of ones.

use super::PackError;
use super::share::{self, Shared};
use super::slice::Taps;
use super::{average, pools};
use crate::network::{Activation, Layer, Network, Operator, Shape, Weights, Window, shuffled};

/// Where the weights of a position stand in a term's codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// `[output][input of the group][ky][kx]`.
    ChannelsFirst,
    /// `[output][ky][kx][input]`: a fully connected layer that reads a map.
    ChannelsLast,
}

/// A convolution of one value into the sums of a unit.
#[derive(Clone, Debug)]
pub(super) struct Term {
    /// The value that it reads: 0 is the input, `i + 1` the output of unit `i`.
    pub source: usize,
    /// Shape of that value.
    pub input: Shape,
    pub outputs: usize,
    pub groups: usize,
    pub window: Window,
    /// One kernel position for the whole map.
    pub shared: bool,
    pub order: Order,
    /// Codes; 0 is no weight, `k` is `codebook[k - 1]`.
    pub codes: Vec<u8>,
    pub codebook: Vec<f64>,
    /// The pool that a hash picks the codes from, if they are still as it does.
    pub pool: Option<Pool>,
    /// Its weights are parameters of the network, not those of a copy or a mean.
    pub trained: bool,
}

/// The pool of a term.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    /// Codes, counted from 1 as those of the term; the codes of a weight and of its negative differ in the lowest bit of what
    /// is counted from 0.
    pub codes: Vec<u8>,
    /// Parts, as in [`Hashed`](crate::network::Hashed).
    pub groups: usize,
    /// The column of each input: input channels of a convolution, else those of all positions.
    pub columns: Vec<usize>,
}

impl Term {
    /// One that adds a value as it is.
    fn copy(source: usize, shape: Shape) -> Term {
        Term {
            source,
            input: shape,
            outputs: shape.channels,
            groups: shape.channels,
            window: Window::valid([1, 1]),
            shared: false,
            order: Order::ChannelsFirst,
            codes: vec![1; shape.channels],
            codebook: vec![1.0],
            pool: None,
            trained: false,
        }
    }

    /// Input channels of a group.
    pub fn group_inputs(&self) -> usize {
        self.input.channels / self.groups
    }

    pub fn taps(&self) -> usize {
        self.window.kernel[0] * self.window.kernel[1]
    }

    /// Row and column of a kernel position in a rectangle of the kernel that it lies in; the first one where one weight
    /// is for all positions.
    pub fn within(&self, tap: usize, taps: &Taps) -> Option<[usize; 2]> {
        if self.shared {
            return Some([0, 0]);
        }
        let (y, x) = (tap / self.window.kernel[1], tap % self.window.kernel[1]);
        let inside = taps[0].contains(&y) && taps[1].contains(&x);
        inside.then(|| [y - taps[0].start, x - taps[1].start])
    }

    fn index(&self, output: usize, input: usize, tap: usize) -> usize {
        match self.order {
            Order::ChannelsFirst => (output * self.group_inputs() + input) * self.taps() + tap,
            Order::ChannelsLast => (output * self.taps() + tap) * self.group_inputs() + input,
        }
    }

    /// The codes of an output.
    pub fn row_codes(&self, output: usize) -> &[u8] {
        let length = self.group_inputs() * self.taps();
        &self.codes[output * length..][..length]
    }

    /// The weights of an output: input channel, kernel position (row x width + column), code.
    pub fn row(&self, output: usize) -> impl Iterator<Item = (usize, usize, u8)> + '_ {
        let (inputs, taps) = (self.group_inputs(), self.taps());
        let first = output / (self.outputs / self.groups) * inputs;
        let codes = self.row_codes(output);
        let place = move |i: usize| match self.order {
            Order::ChannelsFirst => (i / taps, i % taps),
            Order::ChannelsLast => (i % inputs, i / inputs),
        };
        codes
            .iter()
            .enumerate()
            .filter(|(_, code)| **code != 0)
            .map(move |(i, &code)| {
                let (input, tap) = place(i);
                (first + input, tap, code)
            })
    }

    /// The codes of a depthwise convolution that has the same filters in every channel.
    pub fn filters(&self) -> Option<&[u8]> {
        let depthwise = self.groups > 1 && self.groups == self.input.channels;
        let mut groups = self
            .codes
            .chunks_exact(self.codes.len() / self.groups.max(1));
        let first = groups.next().filter(|_| depthwise)?;
        groups.all(|group| group == first).then_some(first)
    }

    /// The same convolution into `channels` outputs, those from `first` on.
    fn moved(self, first: usize, channels: usize) -> Term {
        let inputs = self.input.channels;
        let mut moved = Term {
            outputs: channels,
            groups: 1,
            codes: vec![0; channels * inputs * self.taps()],
            pool: None,
            ..self.clone()
        };
        for output in 0..self.outputs {
            for (channel, tap, code) in self.row(output) {
                let index = moved.index(first + output, channel, tap);
                moved.codes[index] = code;
            }
        }
        moved
    }

    /// Leaves out the kernel positions at the borders that no place of the window has on a map of one position.
    fn crop(&mut self) {
        let Some(places) = self.window.places([1, 1]) else {
            return;
        };
        let mut window = self.window;
        let mut first = [0; 2];
        for axis in 0..2 {
            let (pad, stride) = (self.window.pads[axis], self.window.stride[axis]);
            let met = |place: usize| pad.checked_sub(place * stride);
            let met = (0..places[axis]).filter_map(met);
            let met: Vec<usize> = met.filter(|&k| k < self.window.kernel[axis]).collect();
            let (Some(&least), Some(&most)) = (met.iter().min(), met.iter().max()) else {
                // Nothing but padding: all weights count for nothing.
                return;
            };
            first[axis] = least;
            window.kernel[axis] = most + 1 - least;
            window.pads[axis] = pad - least;
            let end = (places[axis] - 1) * stride + window.kernel[axis];
            window.pads[axis + 2] = end.saturating_sub(window.pads[axis] + 1);
        }
        let mut cropped = Term {
            codes: vec![
                0;
                self.outputs * self.group_inputs() * window.kernel[0] * window.kernel[1]
            ],
            window,
            ..self.clone()
        };
        let inputs = self.group_inputs();
        for output in 0..self.outputs {
            let group = output / (self.outputs / self.groups) * inputs;
            for (channel, tap, code) in self.row(output) {
                let (y, x) = (tap / self.window.kernel[1], tap % self.window.kernel[1]);
                let (Some(y), Some(x)) = (y.checked_sub(first[0]), x.checked_sub(first[1])) else {
                    continue;
                };
                if y < window.kernel[0] && x < window.kernel[1] {
                    let tap = y * window.kernel[1] + x;
                    let index = cropped.index(output, channel - group, tap);
                    cropped.codes[index] = code;
                }
            }
        }
        *self = cropped;
    }

    pub fn weight(&self, code: u8) -> f64 {
        self.codebook[usize::from(code) - 1]
    }

    /// Forgets the weights of an output.
    fn clear_row(&mut self, output: usize) {
        let length = self.group_inputs() * self.taps();
        self.codes[output * length..][..length].fill(0);
    }

    /// Forgets the weights of an output for an input channel.
    fn clear(&mut self, output: usize, input: usize) {
        let inputs = self.group_inputs();
        let first = output / (self.outputs / self.groups) * inputs;
        if let Some(within) = input.checked_sub(first).filter(|&within| within < inputs) {
            for tap in 0..self.taps() {
                let index = self.index(output, within, tap);
                self.codes[index] = 0;
            }
        }
    }

    /// Whether every place of the window lies on the map, so that a constant input gives a constant.
    fn inside(&self) -> bool {
        self.shared || self.window.pads == [0; 4]
    }

    /// What input channel `input` with the value `x` everywhere adds to an output; none if it
    /// depends on the position.
    fn constant(&self, output: usize, input: usize, x: f64) -> Option<f64> {
        let positions = if self.shared {
            (self.input.height * self.input.width) as f64
        } else {
            1.0
        };
        let inputs = self.group_inputs();
        let first = output / (self.outputs / self.groups) * inputs;
        let Some(within) = input.checked_sub(first).filter(|&within| within < inputs) else {
            return Some(0.0);
        };
        let codes = (0..self.taps()).map(|tap| self.codes[self.index(output, within, tap)]);
        let sum: f64 = codes
            .filter(|code| *code != 0)
            .map(|code| self.weight(code))
            .sum();
        (sum == 0.0 || x == 0.0 || self.inside()).then_some(sum * x * positions)
    }
}

/// What follows the bias of a unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Clip {
    /// Nothing.
    None,
    /// From zero up to a limit, if there is one.
    Relu(Option<f64>),
}

/// One drain, and all that is summed for it.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub name: String,
    /// Weights and biases of its layers before anything was cut.
    pub parameters: usize,
    pub terms: Vec<Term>,
    pub bias: Vec<f64>,
    pub clip: Clip,
    /// Height and width of the sums.
    pub sums: [usize; 2],
    pub pool: Option<Window>,
    /// What it drains.
    pub output: Shape,
    /// The network's value that this is, for its range.
    pub value: usize,
    /// Whether its channels are the positive and the negative part of that value's, in turn.
    pub halves: bool,
    /// Whether a channel has no weight, no bias and no use, so that it need not be computed.
    pub dead: Vec<bool>,
}

impl Unit {
    pub fn channels(&self) -> usize {
        self.output.channels
    }

    fn weightless(&self, output: usize) -> bool {
        self.terms
            .iter()
            .all(|term| term.row_codes(output).iter().all(|code| *code == 0))
    }

    fn clipped(&self, x: f64) -> f64 {
        match self.clip {
            Clip::None => x,
            Clip::Relu(limit) => x.clamp(0.0, limit.unwrap_or(f64::INFINITY)),
        }
    }
}

/// How consumers see a value of the network.
#[derive(Clone, Debug)]
struct View {
    /// The engine's value.
    value: usize,
    /// Of a value that is kept as positive and negative parts: by channel, whether the negative part
    /// counts as it is (otherwise it is subtracted).
    halves: Option<Vec<bool>>,
}

/// The network as units. The last of them drains what the network gives.
pub(super) fn units(network: &Network) -> Result<Vec<Unit>, PackError> {
    let mut lowering = Lowering {
        network,
        units: Vec::new(),
        views: vec![View {
            value: 0,
            halves: None,
        }],
        users: users(network),
    };
    for (i, layer) in network.layers.iter().enumerate() {
        lowering.layer(i, layer)?;
    }
    let last = network.layers.len();
    lowering.crop();
    let view = &lowering.views[last];
    let unit = view.value.checked_sub(1).map(|unit| &lowering.units[unit]);
    let plain = |unit: &Unit| unit.clip == Clip::None && unit.pool.is_none();
    if view.halves.is_some() || !unit.is_some_and(plain) {
        // What is clipped or pooled is drained in eight bits, and copied out as whole sums.
        let layer = network.layers[last - 1].name.clone();
        lowering.copy(last, format!("{layer} (copied)"));
    }
    Ok(lowering.units)
}

/// How many layers read each value; the network's output counts as read.
fn users(network: &Network) -> Vec<usize> {
    let mut users = vec![0; network.layers.len() + 1];
    for layer in &network.layers {
        layer.inputs.iter().for_each(|&input| users[input] += 1);
    }
    users[network.layers.len()] += 1;
    users
}

struct Lowering<'a> {
    network: &'a Network,
    units: Vec<Unit>,
    /// By value of the network.
    views: Vec<View>,
    users: Vec<usize>,
}

impl Lowering<'_> {
    fn shape(&self, value: usize) -> Shape {
        self.network.value(value)
    }

    fn layer(&mut self, i: usize, layer: &Layer) -> Result<(), PackError> {
        let value = i + 1;
        let source = layer.inputs[0];
        match &layer.operator {
            Operator::Dense { .. } | Operator::Conv { .. } => {
                let terms = self.weighted(layer)?;
                let bias = layer.bias.iter().map(|&b| f64::from(b)).collect();
                self.push(layer, terms, bias, value);
            }
            Operator::Select { channels, .. } => {
                let from = |output: usize| Some(channels[output]);
                let term = self.chosen(source, channels.len(), from);
                self.push(layer, vec![term], vec![0.0; channels.len()], value);
            }
            Operator::AveragePool {
                input,
                window,
                excluded,
            } => {
                let terms = average::terms(*input, window, *excluded).into_iter();
                let terms = terms.map(|term| self.see(term, source)).collect();
                self.push(layer, terms, vec![0.0; input.channels], value);
            }
            Operator::Add { shape } => self.add(layer, *shape, value)?,
            Operator::Concat { inputs } => self.concat(layer, inputs, value),
            Operator::Shuffle { shape, groups } => {
                let from = |output| Some(shuffled(shape.channels, *groups, output));
                let term = self.chosen(source, shape.channels, from);
                self.push(layer, vec![term], vec![0.0; shape.channels], value);
            }
            Operator::MaxPool { input, window } => self.largest(layer, *input, window, value),
        }
        self.activate(layer, value)
    }

    /// The largest of each window, in the drain of the unit that gives its input where nothing else reads that, and of a copy otherwise;
    /// one behind the other where a window is too large for one drain.
    fn largest(&mut self, layer: &Layer, input: Shape, window: &Window, value: usize) {
        let source = layer.inputs[0];
        for (i, window) in pools::chain(window, [input.height, input.width])
            .iter()
            .enumerate()
        {
            let before = self.units.last().map(|unit| unit.output);
            let input = if i == 0 {
                input
            } else {
                before.unwrap_or(input)
            };
            let side = [input.height, input.width];
            let [height, width] = window.places(side).expect("a network that was checked");
            // One position that becomes several, with padding, is copied: fully connected passes do not pool.
            let one = [height, width] == [1, 1];
            let pools = |unit: &Unit| unit.pool.is_none() && (one || unit.sums != [1, 1]);
            let fits = self.views[source].halves.is_none()
                && self.users[source] == 1
                && self.views[source].value == self.units.len()
                && self.units.last().is_some_and(pools);
            if i > 0 {
                self.copy_unit(layer, input);
            } else if !fits {
                // A copy keeps what its source is clipped to.
                self.copy(source, layer.name.clone());
            }
            let unit = self.units.last_mut().expect("a unit to pool");
            // The largest of one is itself.
            unit.pool = (!one || unit.sums != [1, 1]).then_some(*window);
            unit.output = Shape {
                height,
                width,
                ..input
            };
            unit.value = value;
        }
        self.views.push(View {
            value: self.units.len(),
            halves: None,
        });
    }

    /// Appends a unit of `layer` that copies what the last one drains, of shape `input`.
    fn copy_unit(&mut self, layer: &Layer, input: Shape) {
        let last = self.units.last().expect("a unit to copy");
        let unit = Unit {
            name: format!("{} (of its parts)", layer.name),
            parameters: 0,
            terms: vec![Term::copy(self.units.len(), input)],
            bias: vec![0.0; input.channels],
            dead: vec![false; input.channels],
            clip: last.clip,
            sums: [input.height, input.width],
            pool: None,
            output: input,
            value: last.value,
            halves: false,
        };
        self.units.push(unit);
    }

    /// Forgets the kernel positions that never meet an input image of one position.
    fn crop(&mut self) {
        let terms = self.units.iter_mut().flat_map(|unit| &mut unit.terms);
        for term in terms.filter(|term| term.source == 0) {
            let one = [term.input.height, term.input.width] == [1, 1];
            if one && !term.shared && term.pool.is_none() {
                term.crop();
            }
        }
    }

    fn push(&mut self, layer: &Layer, terms: Vec<Term>, bias: Vec<f64>, value: usize) {
        let output = layer.operator.output();
        self.units.push(Unit {
            name: layer.name.clone(),
            parameters: layer.parameters(),
            dead: vec![false; bias.len()],
            terms,
            bias,
            clip: Clip::None,
            sums: [output.height, output.width],
            pool: None,
            output,
            value,
            halves: false,
        });
        self.views.push(View {
            value: self.units.len(),
            halves: None,
        });
    }

    /// The activation of a layer whose unit is the last.
    fn activate(&mut self, layer: &Layer, value: usize) -> Result<(), PackError> {
        let unit = self.units.last_mut().expect("the unit of the layer");
        match &layer.activation {
            Activation::None => {}
            // The largest of clipped values is the largest, clipped.
            Activation::Relu => {
                let limit = match unit.clip {
                    Clip::Relu(limit) => limit,
                    Clip::None => None,
                };
                unit.clip = Clip::Relu(limit);
            }
            Activation::Clipped(limit) => {
                let limit = match unit.clip {
                    Clip::Relu(Some(before)) => before.min(f64::from(*limit)),
                    _ => f64::from(*limit),
                };
                unit.clip = Clip::Relu(Some(limit));
            }
            Activation::Leaky(slopes) => self.split(layer, slopes, value),
        }
        Ok(())
    }

    /// Appends a unit that gives the positive and the negative part of each channel of the last
    /// unit, the latter times the size of its slope.
    fn split(&mut self, layer: &Layer, slopes: &[f32], value: usize) {
        let shape = self.shape(value);
        let source = self.units.len();
        let slope = |channel: usize| f64::from(slopes[channel % slopes.len()]);
        let mut codebook = vec![1.0];
        let mut codes = Vec::new();
        for channel in 0..shape.channels {
            codes.push(1);
            let weight = -slope(channel).abs();
            codes.push(code(&mut codebook, weight));
        }
        // The range of the unit is that of its value before the slopes: the sums are not clipped.
        let output = Shape {
            channels: 2 * shape.channels,
            ..shape
        };
        let term = Term {
            source,
            input: shape,
            outputs: output.channels,
            groups: shape.channels,
            window: Window::valid([1, 1]),
            shared: false,
            order: Order::ChannelsFirst,
            codes,
            codebook,
            pool: None,
            trained: false,
        };
        self.units.push(Unit {
            name: format!("{} (parts)", layer.name),
            parameters: 0,
            terms: vec![term],
            bias: vec![0.0; output.channels],
            dead: vec![false; output.channels],
            clip: Clip::Relu(None),
            sums: [shape.height, shape.width],
            pool: None,
            output,
            value,
            halves: true,
        });
        let signs = (0..shape.channels).map(|c| slope(c) < 0.0).collect();
        self.views[value] = View {
            value: self.units.len(),
            halves: Some(signs),
        };
    }

    /// Appends a unit that copies a value.
    fn copy(&mut self, value: usize, name: String) {
        let shape = self.shape(value);
        let term = self.identity(value);
        let clip = match (self.views[value].value.checked_sub(1), &term) {
            (Some(unit), _) if self.views[value].halves.is_none() => self.units[unit].clip,
            (None, _) => Clip::Relu(None),
            _ => Clip::None,
        };
        self.units.push(Unit {
            name,
            parameters: 0,
            terms: vec![term],
            bias: vec![0.0; shape.channels],
            dead: vec![false; shape.channels],
            clip: if value == self.network.layers.len() {
                Clip::None
            } else {
                clip
            },
            sums: [shape.height, shape.width],
            pool: None,
            output: shape,
            value,
            halves: false,
        });
    }

    /// A term that adds a value as it is.
    fn identity(&self, value: usize) -> Term {
        self.see(Term::copy(0, self.shape(value)), value)
    }

    /// `term`, which is to read a value of the network, as one that reads the engine's.
    fn see(&self, term: Term, value: usize) -> Term {
        let view = &self.views[value];
        let Some(signs) = &view.halves else {
            return Term {
                source: view.value,
                ..term
            };
        };
        // Every input channel becomes two; codes behind the codebook's are its negatives.
        let kept = term.codebook.len();
        let mut codebook = term.codebook.clone();
        codebook.extend(term.codebook.iter().map(|w| -w));
        let input = Shape {
            channels: 2 * term.input.channels,
            ..term.input
        };
        let mut wide = Term {
            source: view.value,
            input,
            codes: vec![0; 2 * term.codes.len()],
            codebook,
            pool: None,
            ..term.clone()
        };
        let outputs_of_group = term.outputs / term.groups;
        for output in 0..term.outputs {
            let first = output / outputs_of_group * term.group_inputs();
            let row: Vec<_> = term.row(output).collect();
            for (channel, tap, code) in row {
                let within = channel - first;
                let negative = if signs[channel] {
                    code
                } else {
                    code + kept as u8
                };
                let (at, other) = (
                    wide.index(output, 2 * within, tap),
                    wide.index(output, 2 * within + 1, tap),
                );
                wide.codes[at] = code;
                wide.codes[other] = negative;
            }
        }
        wide
    }

    fn weighted(&self, layer: &Layer) -> Result<Vec<Term>, PackError> {
        let source = layer.inputs[0];
        let Shared {
            codebook,
            codes,
            pool,
        } = share::shared(&layer.name, &layer.weights)?;
        let pool = match (&layer.weights, pool) {
            (Weights::Hashed(hashed), Some(codes)) => Some(Pool {
                codes,
                groups: hashed.groups,
                columns: (0..hashed.inputs)
                    .map(|input| hashed.column(input))
                    .collect(),
            }),
            _ => None,
        };
        let (input, outputs, groups, window, order) = match &layer.operator {
            Operator::Conv {
                input,
                outputs,
                groups,
                window,
            } => (*input, *outputs, *groups, *window, Order::ChannelsFirst),
            operator => {
                let shape = self.shape(source);
                let window = Window::whole([shape.height, shape.width]);
                (shape, operator.outputs(), 1, window, Order::ChannelsLast)
            }
        };
        let term = Term {
            source: 0,
            input,
            outputs,
            groups,
            window,
            shared: false,
            order,
            codes,
            codebook,
            pool,
            trained: true,
        };
        Ok(self.see_all(term, source))
    }

    /// As [`Self::see`], as two terms where weights and their negatives are too many for one codebook.
    fn see_all(&self, term: Term, value: usize) -> Vec<Term> {
        let view = &self.views[value];
        let room = 2 * term.codebook.len() <= usize::from(u8::MAX);
        let Some(signs) = view.halves.as_ref().filter(|_| !room) else {
            return vec![self.see(term, value)];
        };
        let input = Shape {
            channels: 2 * term.input.channels,
            ..term.input
        };
        // What is added: positive parts, and negative ones that count as they are. What is subtracted: the other negative parts.
        let part = |added: bool| {
            let sign = if added { 1.0 } else { -1.0 };
            let mut part = Term {
                source: view.value,
                input,
                codes: vec![0; 2 * term.codes.len()],
                codebook: term.codebook.iter().map(|w| sign * w).collect(),
                pool: None,
                ..term.clone()
            };
            let outputs_of_group = term.outputs / term.groups;
            for output in 0..term.outputs {
                let first = output / outputs_of_group * term.group_inputs();
                for (channel, tap, code) in term.row(output) {
                    let within = 2 * (channel - first);
                    if added {
                        let at = part.index(output, within, tap);
                        part.codes[at] = code;
                    }
                    if added == signs[channel] {
                        let at = part.index(output, within + 1, tap);
                        part.codes[at] = code;
                    }
                }
            }
            part
        };
        vec![part(true), part(false)]
    }

    /// A sum takes over the terms of the units before it that give its values for nothing else.
    fn add(&mut self, layer: &Layer, shape: Shape, value: usize) -> Result<(), PackError> {
        let mut terms = Vec::new();
        let mut bias = vec![0.0; shape.channels];
        let mut parameters = 0;
        let mut inputs = layer.inputs.clone();
        while let Some(at) = inputs.iter().position(|&input| self.takes_over(input)) {
            let unit = self.units.pop().expect("the unit of that value");
            inputs.remove(at);
            terms.splice(0..0, unit.terms);
            bias.iter_mut()
                .zip(unit.bias)
                .for_each(|(sum, b)| *sum += b);
            parameters += unit.parameters;
        }
        for input in inputs {
            terms.push(self.identity(input));
        }
        self.push(layer, terms, bias, value);
        let unit = self.units.last_mut().expect("just pushed");
        unit.parameters += parameters;
        Ok(())
    }

    /// Maps that are joined: the last units before it whose values nothing else reads are taken over, if
    /// all are clipped alike; what is left is copied to its channels.
    fn concat(&mut self, layer: &Layer, shapes: &[Shape], value: usize) {
        let mut firsts = Vec::new();
        let mut channels = 0;
        for shape in shapes {
            firsts.push(channels);
            channels += shape.channels;
        }
        let mut left: Vec<usize> = (0..shapes.len()).collect();
        let mut terms = Vec::new();
        let mut bias = vec![0.0; channels];
        let mut parameters = 0;
        let clip = self.joined_clip(layer);
        while let Some(at) = left
            .iter()
            .position(|&at| clip.is_some() && self.is_joined(layer.inputs[at]))
        {
            let unit = self.units.pop().expect("the unit of that value");
            let at = left.remove(at);
            let first = firsts[at];
            bias[first..first + unit.bias.len()].copy_from_slice(&unit.bias);
            parameters += unit.parameters;
            let moved = unit.terms.into_iter();
            terms.extend(moved.map(|term| term.moved(first, channels)));
        }
        for at in left {
            let (first, count) = (firsts[at], shapes[at].channels);
            let inside = |output: usize| output.checked_sub(first).filter(|&c| c < count);
            terms.push(self.chosen(layer.inputs[at], channels, inside));
        }
        self.push(layer, terms, bias, value);
        let unit = self.units.last_mut().expect("just pushed");
        unit.parameters += parameters;
        unit.clip = clip.unwrap_or(Clip::None);
    }

    /// What the maps that `layer` joins are clipped to, where all of them are clipped alike.
    fn joined_clip(&self, layer: &Layer) -> Option<Clip> {
        let clip = |&value: &usize| {
            let view = &self.views[value];
            let clip = match view.value.checked_sub(1) {
                Some(unit) => self.units[unit].clip,
                None => Clip::Relu(None),
            };
            view.halves.is_none().then_some(clip)
        };
        let mut clips = layer.inputs.iter().map(clip);
        let first = clips.next()??;
        clips.all(|clip| clip == Some(first)).then_some(first)
    }

    /// Whether a value can become a part of a joined one: it is that of the last unit, and nothing else
    /// reads it.
    fn is_joined(&self, value: usize) -> bool {
        let view = &self.views[value];
        self.users[value] == 1
            && view.value == self.units.len()
            && self
                .units
                .last()
                .is_some_and(|unit| unit.pool.is_none() && unit.value == value)
    }

    /// A term that gives each output channel the input channel that `from` says, as it is.
    fn chosen(&self, value: usize, outputs: usize, from: impl Fn(usize) -> Option<usize>) -> Term {
        let shape = self.shape(value);
        let mut codes = vec![0; outputs * shape.channels];
        for (output, codes) in codes.chunks_exact_mut(shape.channels).enumerate() {
            if let Some(channel) = from(output) {
                codes[channel] = 1;
            }
        }
        let term = Term {
            source: 0,
            input: shape,
            outputs,
            groups: 1,
            window: Window::valid([1, 1]),
            shared: false,
            order: Order::ChannelsFirst,
            codes,
            codebook: vec![1.0],
            pool: None,
            trained: false,
        };
        self.see(term, value)
    }

    fn takes_over(&self, value: usize) -> bool {
        let view = &self.views[value];
        self.users[value] == 1
            && view.halves.is_none()
            && view.value == self.units.len()
            && self.units.last().is_some_and(|unit| {
                unit.clip == Clip::None && unit.pool.is_none() && unit.value == value
            })
    }
}

/// The code of `weight`, which is added to `codebook` if it is not there.
fn code(codebook: &mut Vec<f64>, weight: f64) -> u8 {
    let found = codebook.iter().position(|w| *w == weight);
    let index = found.unwrap_or_else(|| {
        codebook.push(weight);
        codebook.len() - 1
    });
    u8::try_from(index + 1).unwrap_or(u8::MAX)
}

/// Forgets what cannot change an output: channels that nothing reads, and channels that are
/// constant, whose value goes into the next biases where it is the same at all positions.
pub(super) fn trim(units: &mut [Unit]) {
    loop {
        let used = used(units);
        let mut changed = false;
        for i in (0..units.len() - 1).rev() {
            for (channel, &used) in used[i + 1].iter().enumerate() {
                let unit = &units[i];
                if unit.dead[channel] {
                    continue;
                }
                let constant = unit.weightless(channel);
                let goes = !used || (constant && fold(units, i, channel));
                if goes {
                    let unit = &mut units[i];
                    unit.dead[channel] = true;
                    unit.bias[channel] = 0.0;
                    unit.terms
                        .iter_mut()
                        .for_each(|term| term.clear_row(channel));
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
}

/// By value and channel: whether a unit reads it.
pub(super) fn used(units: &[Unit]) -> Vec<Vec<bool>> {
    let channels = |value: usize| match value.checked_sub(1) {
        Some(unit) => units[unit].channels(),
        None => {
            let mut terms = units.iter().flat_map(|unit| &unit.terms);
            terms
                .find(|t| t.source == 0)
                .map_or(0, |t| t.input.channels)
        }
    };
    let mut used: Vec<Vec<bool>> = (0..=units.len())
        .map(|v| vec![false; channels(v)])
        .collect();
    for term in units.iter().flat_map(|unit| &unit.terms) {
        for output in 0..term.outputs {
            for (channel, _, _) in term.row(output) {
                used[term.source][channel] = true;
            }
        }
    }
    used
}

/// Moves a constant channel of unit `i` into the biases of those that read it; false if that cannot
/// be.
fn fold(units: &mut [Unit], i: usize, channel: usize) -> bool {
    let x = units[i].clipped(units[i].bias[channel]);
    let mut shifts = Vec::new();
    for (k, unit) in units.iter().enumerate() {
        for (t, term) in unit
            .terms
            .iter()
            .enumerate()
            .filter(|(_, t)| t.source == i + 1)
        {
            if term.pool.is_some() {
                // Its weights cannot be forgotten one by one.
                return false;
            }
            let group = term.outputs / term.groups;
            let first = channel / term.group_inputs() * group;
            for output in first..first + group {
                let Some(shift) = term.constant(output, channel, x) else {
                    return false;
                };
                shifts.push((k, t, output, shift));
            }
        }
    }
    for (k, t, output, shift) in shifts {
        units[k].bias[output] += shift;
        units[k].terms[t].clear(output, channel);
    }
    true
}
