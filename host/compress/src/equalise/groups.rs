//! Which channels must have the same factor, and which must keep theirs.

use thresh_model::{Activation, Network, Operator, Weights};

/// A codebook holds so many values: what has no more of them, each several times, is quantised.
const MOST_CODES: usize = 255;

/// The channels of every value in groups of one factor.
pub(super) struct Groups {
    /// By value and channel: its group; none if its factor is 1.
    values: Vec<Vec<Option<usize>>>,
    count: usize,
    /// Values whose channels are joined, each of them once, in the order of the layers.
    sets: Vec<Vec<usize>>,
    /// By value: those that it is a part of, or that are its channels in another order.
    wholes: Vec<Vec<usize>>,
}

impl Groups {
    pub fn new(network: &Network) -> Self {
        let channels: Vec<usize> = (0..=network.layers.len())
            .map(|v| network.value(v).channels)
            .collect();
        let mut starts = vec![0];
        channels
            .iter()
            .for_each(|count| starts.push(starts[starts.len() - 1] + count));
        let elements = starts[channels.len()];
        let mut channel_union = Union::new(elements);
        let mut value_union = Union::new(channels.len());
        let mut wholes = vec![Vec::new(); channels.len()];
        let mut fixed = vec![false; elements];
        let mut fix = |value: usize| fixed[starts[value]..starts[value + 1]].fill(true);
        fix(0);
        fix(network.layers.len());
        for (index, layer) in network.layers.iter().enumerate() {
            let output = index + 1;
            if !layer.weights.is_empty() && !is_free(&layer.weights) {
                fix(layer.inputs[0]);
                fix(output);
            }
            if matches!(layer.activation, Activation::Clipped(_)) || layer.range.is_some() {
                fix(output);
            }
            if matches!(
                layer.operator,
                Operator::Concat { .. } | Operator::Shuffle { .. } | Operator::Select { .. }
            ) {
                layer
                    .inputs
                    .iter()
                    .for_each(|&input| wholes[input].push(output));
            }
            for (channel, input, from) in ties(&layer.operator) {
                channel_union.join(starts[output] + channel, starts[layer.inputs[input]] + from);
                value_union.join(output, layer.inputs[input]);
            }
        }
        let mut fixed_group = vec![false; elements];
        (0..elements)
            .filter(|&e| fixed[e])
            .for_each(|e| fixed_group[channel_union.root(e)] = true);
        let values = channels.iter().zip(&starts).map(|(&count, &start)| {
            let group = |element: usize| {
                Some(channel_union.root(element)).filter(|&root| !fixed_group[root])
            };
            (start..start + count).map(group).collect()
        });
        let values = values.collect();
        let mut sets = vec![Vec::new(); channels.len()];
        (0..channels.len()).for_each(|value| sets[value_union.root(value)].push(value));
        sets.retain(|set| !set.is_empty());
        Self {
            values,
            count: elements,
            sets,
            wholes,
        }
    }

    /// Numbers of groups are below this.
    pub fn len(&self) -> usize {
        self.count
    }

    /// The group of each channel of a value.
    pub fn of(&self, value: usize) -> &[Option<usize>] {
        &self.values[value]
    }

    /// Values whose channels have factors in common, in the order of the layers.
    pub fn sets(&self) -> &[Vec<usize>] {
        &self.sets
    }

    /// The values that a value is a part of.
    pub fn wholes(&self, value: usize) -> &[usize] {
        &self.wholes[value]
    }
}

/// Whether weights may be multiplied by factors: they are floats, and not the few values of a quantiser.
fn is_free(weights: &Weights) -> bool {
    let Weights::Float(values) = weights else {
        return false;
    };
    let mut distinct: Vec<u32> = values
        .iter()
        .filter(|w| **w != 0.0)
        .map(|w| w.to_bits())
        .collect();
    let all = distinct.len();
    distinct.sort_unstable();
    distinct.dedup();
    distinct.len() > MOST_CODES || 2 * distinct.len() > all
}

/// The channels that an operator without weights passes on: output channel, which of its inputs, channel of that.
fn ties(operator: &Operator) -> Vec<(usize, usize, usize)> {
    let same = |channels: usize| (0..channels).map(|c| (c, 0, c)).collect();
    match operator {
        Operator::Dense { .. } | Operator::Conv { .. } => vec![],
        Operator::MaxPool { input, .. } | Operator::AveragePool { input, .. } => {
            same(input.channels)
        }
        Operator::Add { shape } => (0..shape.channels)
            .flat_map(|c| [(c, 0, c), (c, 1, c)])
            .collect(),
        Operator::Concat { inputs } => {
            let maps = inputs.iter().enumerate();
            let channels =
                maps.flat_map(|(input, map)| (0..map.channels).map(move |from| (input, from)));
            channels
                .enumerate()
                .map(|(c, (input, from))| (c, input, from))
                .collect()
        }
        Operator::Shuffle { shape, groups } => {
            let from = |c: usize| c % groups * (shape.channels / groups) + c / groups;
            (0..shape.channels).map(|c| (c, 0, from(c))).collect()
        }
        Operator::Select { channels, .. } => channels
            .iter()
            .enumerate()
            .map(|(c, &from)| (c, 0, from))
            .collect(),
    }
}

/// Sets that grow together; the root of one is its least member.
struct Union(Vec<usize>);

impl Union {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn root(&self, mut at: usize) -> usize {
        while self.0[at] != at {
            at = self.0[at];
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        let root = a.min(b);
        // Shorter ways for those that are asked for again.
        self.0[a] = root;
        self.0[b] = root;
    }
}
