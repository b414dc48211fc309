//! Compression methods by name.

use thresh_model::network::{Network, Weights};

use crate::{
    data::Data,
    error::{Error, Result},
    options::Options,
    recipe::Recipe,
    run::Context,
    train::note_held_out,
};

/// A way to make a network smaller.
pub trait Method {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// What it does, in a sentence.
    fn describe(&self) -> &'static str;

    /// Its options.
    fn options(&self) -> &dyn Options;

    /// Its options, to change them.
    fn options_mut(&mut self) -> &mut dyn Options;

    /// Compresses `network`.
    ///
    /// # Errors
    ///
    /// If an option is impossible, the network is none that this method takes, a checkpoint in the working folder is
    /// damaged or belongs to another run, a file cannot be written, the loss diverges, or the caller stops the run.
    fn run(&self, network: &Network, data: &Data, context: &mut Context<'_>) -> Result<Network>;
}

/// Refuses a network whose layers keep pools: every weight would become one of its own.
pub(crate) fn check_not_hashed(network: &Network, method: &str) -> Result<()> {
    let mut layers = network.layers.iter();
    match layers.find(|layer| matches!(layer.weights, Weights::Hashed(_))) {
        None => Ok(()),
        Some(layer) => Err(Error::Network {
            network: network.name.clone(),
            reason: format!(
                "the weights of layer {} are hashed, expected weights of their own: {method} would store each of them; give it the network \
                 before that, or prune and share the pools by the options of method hashed",
                layer.name
            ),
        }),
    }
}

/// Ends `method`: gives `network` the labels of the data if it has none, and notes what every method tells of how it was made.
pub(crate) fn note_made(
    network: &mut Network,
    method: &dyn Method,
    seed: u64,
    accuracy: f64,
    data: &Data,
    context: &Context<'_>,
) {
    let classes = network.head.classes(network.outputs());
    if network.labels.is_empty() && data.labels().len() == classes {
        network.labels = data.labels().to_vec();
    }
    let options = format!("{}.options", method.name());
    let mut note = |key: &str, value: String| network.provenance.insert(key.into(), value);
    note("command", context.command.clone());
    note("data", data.source().to_string());
    note("seed", seed.to_string());
    note("method", method.name().into());
    note(&options, method.options().line());
    note("accuracy", accuracy.to_string());
    note_held_out(network, data);
}

/// All methods, with their default options.
pub fn methods() -> Vec<Box<dyn Method>> {
    Recipe::default().methods()
}

/// The method called `name`, with its default options.
///
/// # Errors
///
/// If there is none.
pub fn method(name: &str) -> Result<Box<dyn Method>> {
    Recipe::default().method(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_found_by_its_name() {
        for known in methods() {
            assert_eq!(method(known.name()).unwrap().describe(), known.describe());
        }
        let message = method("zip").err().expect("no such method").to_string();
        assert!(
            message.contains("\"zip\"; there are: deep-compression"),
            "{message}"
        );
    }
}
