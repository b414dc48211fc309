//! One layer becomes several in a row.

use thresh_model::network::{Activation, Layer, Network, Operator, Weights};

/// A layer of a chain, without activation and, but for the last, without biases.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// What the name of the layer ends with; the last keeps the old name.
    pub suffix: &'static str,
    /// What it computes.
    pub operator: Operator,
    /// Its weights, in the order of a [`Network`].
    pub weights: Vec<f32>,
}

/// Puts `links`, the first of which reads what layer `at` read, in the place of that layer. The last gets its name, its activation and
/// `bias`. Gives the number of the last.
///
/// # Panics
///
/// If there is no such layer or no link.
pub(crate) fn replace(network: &mut Network, at: usize, links: Vec<Link>, bias: Vec<f32>) -> usize {
    let old = network.layers[at].clone();
    let last = at + links.len().checked_sub(1).expect("a link at least");
    let mut taken: Vec<String> = network.layers.iter().map(|l| l.name.clone()).collect();
    let mut chain = Vec::with_capacity(links.len());
    for (index, link) in (at..).zip(links) {
        let end = index == last;
        let name = match end {
            true => old.name.clone(),
            false => unused(&taken, format!("{}{}", old.name, link.suffix)),
        };
        taken.push(name.clone());
        chain.push(Layer {
            name,
            inputs: match index == at {
                true => old.inputs.clone(),
                false => vec![index],
            },
            bias: match end {
                true => bias.clone(),
                false => vec![0.0; link.operator.biases()],
            },
            operator: link.operator,
            weights: Weights::Float(link.weights),
            activation: match end {
                true => old.activation.clone(),
                false => Activation::None,
            },
            range: None,
        });
    }
    network.layers.splice(at..=at, chain);
    // What read the old layer reads the last of the chain.
    for layer in &mut network.layers[last + 1..] {
        let behind = layer.inputs.iter_mut().filter(|input| **input > at);
        behind.for_each(|input| *input += last - at);
    }
    last
}

/// `name`, or the first of its followers that is not taken.
pub(crate) fn unused(taken: &[String], name: String) -> String {
    let mut candidates =
        std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}{number}")));
    candidates
        .find(|name| !taken.contains(name))
        .expect("there are more names than layers")
}
