//! `thresh info`.

mod image;
mod network;

pub use image::parts_table;

use crate::files::{self, Model};
use crate::output::{Output, Verdict};
use crate::overwrite::Paths;
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;

/// Show what a network is made of, or where every byte of an image goes.
#[derive(Debug, Args)]
#[command(after_help = "\
Of a network: its layers with sizes, weights and multiplications, and its provenance: the command that made it, accuracies, and what each method says of
its layers, as low-rank.filters, tensor.ranks or hashed.pools.

Of an image: parts are counted in bits, since nothing in an image is padded but its end; the total is the size of
the file. `resident` are the bytes on the chip, `link` those of all register and window writes that
load it, without the framing of a link.

Examples:
  thresh info train.safetensors
  thresh info net.thresh
  thresh info net.thresh --json")]
pub struct Info {
    /// The image, or the network.
    #[arg(value_name = "IMAGE.thresh|NETWORK.safetensors")]
    file: PathBuf,
}

impl Paths for Info {
    fn reads(&self) -> Vec<PathBuf> {
        vec![self.file.clone()]
    }

    fn writes(&self) -> Vec<PathBuf> {
        vec![]
    }
}

impl Info {
    pub fn run(self, output: &Output) -> Result<Verdict> {
        match files::model(&self.file)? {
            Model::Image(image) => image::print(&image, output),
            Model::Network(network) => network::print(&network, output),
        }
        .with_context(|| self.file.display().to_string())?;
        Ok(Verdict::Holds)
    }
}
