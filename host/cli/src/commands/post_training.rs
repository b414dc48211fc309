//! Compression without retraining, where a network is imported, packed or reported on.

use super::import::model::{flag, list};
use crate::output::Output;
use anyhow::Result;
use clap::Args;
use thresh_compress::{PostTraining, Statistics, compress_with, equalise};
use thresh_model::Network;

/// Where the help of these options stands.
const HEADING: &str = "Compression without retraining";

/// What is done to the weights.
#[derive(Clone, Debug, Args)]
pub struct PostTrainingArgs {
    /// Share of the weights that stays, the largest ones: one for all layers, or one each.
    #[arg(long, help_heading = HEADING, value_name = "SHARE,...", value_delimiter = ',')]
    keep: Vec<f64>,
    /// Take the share of --keep from all layers together.
    #[arg(long, help_heading = HEADING, requires = "keep")]
    global: bool,
    /// Share the weights of each layer among 2^BITS - 1 values; 8 is nearly as good as floats.
    #[arg(long, help_heading = HEADING, value_name = "BITS")]
    bits: Option<u32>,
    /// Leave the ranges of channels as they are. Without this, channels of one layer are brought to one range, where that changes
    /// nothing of what the network computes.
    #[arg(long, help_heading = HEADING)]
    no_equalise: bool,
}

impl PostTrainingArgs {
    /// Whether weights are pruned or shared.
    pub fn compresses(&self) -> bool {
        !self.options().is_empty()
    }

    fn options(&self) -> PostTraining {
        PostTraining {
            keep: self.keep.clone(),
            global: self.global,
            bits: self.bits,
        }
    }

    /// Words of a command line that say the same.
    pub fn words(&self) -> Vec<String> {
        [
            list("--keep", &self.keep),
            flag("--global", self.global),
            list("--bits", self.bits.as_slice()),
            flag("--no-equalise", self.no_equalise),
        ]
        .concat()
    }

    /// The network with channels of one range, and that network compressed; `images` say what its values are like.
    pub fn apply(
        &self,
        mut network: Network,
        images: &[&[u8]],
        output: &Output,
    ) -> Result<Compressed> {
        if self.no_equalise && !self.compresses() {
            return Ok(Compressed::unchanged(network));
        }
        let mut statistics = Statistics::measured(&network, images);
        if !self.no_equalise {
            equalise(&mut network, &mut statistics);
        }
        if !self.compresses() {
            return Ok(Compressed {
                statistics: Some(statistics),
                ..Compressed::unchanged(network)
            });
        }
        if images.is_empty() {
            let first = match network.input_mean.is_empty() {
                true => "no layer",
                false => "the first layer alone",
            };
            output.note(format!(
                "no inputs are at hand that say what the layers read: the biases of {first} are corrected for the weights that change; \
                 --calibrate INPUTS gives some"
            ));
        }
        let small = compress_with(&network, &self.options(), &statistics)?;
        Ok(Compressed {
            before: Some(network),
            network: small,
            statistics: Some(statistics),
        })
    }
}

/// What became of a network.
pub struct Compressed {
    /// The network as it was, if it was compressed.
    pub before: Option<Network>,
    /// The network as it is.
    pub network: Network,
    /// What is known of the values of the float network, if that was asked for.
    pub statistics: Option<Statistics>,
}

impl Compressed {
    /// As it is.
    pub fn unchanged(network: Network) -> Compressed {
        Compressed {
            before: None,
            network,
            statistics: None,
        }
    }
}
