//! Inputs that calibrate the packer where no data set of the network is at hand.

mod variation;

pub use variation::Calibrated;

use crate::data::LeftOut;
use crate::layout::Layout;
use crate::{input, npy, picture};
use anyhow::{Context, Result, bail, ensure};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use thresh_model::{Network, Operator, Shape, random};

/// Seed of random inputs, unless another is asked for.
const SEED: u64 = 1;

/// Most random inputs, unless more are asked for.
const MOST_RANDOM: usize = 64;

/// Multiply-accumulates of the float network that calibration may take, unless a number of inputs is
/// asked for: some ten seconds.
const MOST_WORK: u64 = 20_000_000_000;

/// Bytes of all random inputs together, at most.
const MOST_BYTES: usize = 1 << 30;

/// Where calibration inputs come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Calibration {
    /// Bytes without any meaning.
    Random {
        /// How many; none for a number that follows from the size of the network.
        count: Option<usize>,
        seed: u64,
    },
    /// A picture, a folder of pictures, an IDX file or a NumPy file.
    Files(PathBuf),
}

impl FromStr for Calibration {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut words = text.split(':');
        if words.next() != Some("random") {
            return Ok(Calibration::Files(text.into()));
        }
        let expected = "random, random:COUNT or random:COUNT:SEED, as random:16:7";
        let mut number = || words.next().map(u64::from_str).transpose();
        let (Ok(count), Ok(seed)) = (number(), number()) else {
            bail!("got {text:?}, expected {expected}");
        };
        ensure!(words.next().is_none(), "got {text:?}, expected {expected}");
        ensure!(count != Some(0), "got {text:?}, expected at least 1 input");
        Ok(Calibration::Random {
            count: count.map(|count| usize::try_from(count).unwrap_or(usize::MAX)),
            seed: seed.unwrap_or(SEED),
        })
    }
}

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Calibration::Random { count: None, .. } => write!(f, "random"),
            Calibration::Random {
                count: Some(count),
                seed,
            } => write!(f, "random:{count}:{seed}"),
            Calibration::Files(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Calibration inputs, and what they are in a sentence.
#[derive(Clone, Debug)]
pub struct Inputs {
    pub images: Vec<Vec<u8>>,
    pub what: String,
}

impl Calibration {
    /// The files that are read, or the folder that they are in.
    pub fn paths(&self) -> Vec<PathBuf> {
        match self {
            Calibration::Random { .. } => vec![],
            Calibration::Files(path) => vec![path.clone()],
        }
    }

    /// The inputs for a network; `layout` is the order of the sides of an array.
    pub fn load(&self, network: &Network, layout: Option<Layout>) -> Result<Inputs> {
        let shape = network.input;
        match self {
            Calibration::Random { count, seed } => {
                let count = count.unwrap_or_else(|| usual(network));
                let bytes = count.checked_mul(shape.len());
                ensure!(
                    bytes.is_some_and(|bytes| bytes <= MOST_BYTES),
                    "got {count} random inputs of {} bytes, expected at most {}",
                    shape.len(),
                    MOST_BYTES / shape.len().max(1)
                );
                let plural = if count == 1 { "" } else { "s" };
                Ok(Inputs {
                    images: random::inputs(shape, count, *seed),
                    what: format!("{count} random input{plural}, seed {seed}"),
                })
            }
            Calibration::Files(path) => {
                let place = || format!("calibration inputs {}", path.display());
                let images = files(path, shape, layout).with_context(place)?;
                ensure!(
                    !images.is_empty(),
                    "{}: got no inputs, expected at least one; of a folder, files that end in .png, .jpg or .jpeg are read",
                    place()
                );
                let plural = if images.len() == 1 { "" } else { "s" };
                let what = format!("{} input{plural} of {}", images.len(), path.display());
                Ok(Inputs { images, what })
            }
        }
    }
}

/// Number of random inputs for a network: fewer for a large one.
fn usual(network: &Network) -> usize {
    let products = network.layers.iter().map(|layer| {
        let output = layer.operator.output();
        let positions = match layer.operator {
            Operator::Conv { .. } => output.height * output.width,
            _ => 1,
        };
        layer.weights.len() as u64 * positions as u64
    });
    let work = products.sum::<u64>().max(1);
    ((MOST_WORK / work) as usize).clamp(1, MOST_RANDOM)
}

fn files(path: &Path, shape: Shape, layout: Option<Layout>) -> Result<Vec<Vec<u8>>> {
    if path.is_dir() {
        return folder(path, shape);
    }
    ensure!(
        path.exists(),
        "there is no such file; expected random, a picture (PNG or JPEG) or a folder of them, an IDX file, or a NumPy file of bytes"
    );
    if npy::is_named(path) {
        return npy::read(path, shape, layout);
    }
    if picture::is_named(path) {
        return Ok(vec![picture::read(path, shape)?]);
    }
    input::idx_images(path, shape)
}

fn folder(path: &Path, shape: Shape) -> Result<Vec<Vec<u8>>> {
    let (mut pictures, mut left_out) = (Vec::new(), LeftOut::default());
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if picture::is_named(&entry.path()) {
            pictures.push(entry.path());
        } else if !entry.file_name().to_string_lossy().starts_with('.') {
            left_out.add(&entry.path());
        }
    }
    left_out.tell(path, "PNG and JPEG pictures calibrate");
    pictures.sort();
    let read =
        |path: &PathBuf| picture::read(path, shape).with_context(|| path.display().to_string());
    pictures.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_where_inputs_come_from() {
        let random = |count, seed| Calibration::Random { count, seed };
        assert_eq!("random".parse::<Calibration>().unwrap(), random(None, SEED));
        let many = "random:16:7".parse::<Calibration>().unwrap();
        assert_eq!(many, random(Some(16), 7));
        assert_eq!(many.to_string(), "random:16:7");
        for wrong in ["random:", "random:0", "random:x", "random:1:2:3"] {
            assert!(wrong.parse::<Calibration>().is_err(), "{wrong}");
        }
        let files = "a/b.npy".parse::<Calibration>().unwrap();
        assert_eq!(files, Calibration::Files("a/b.npy".into()));
    }
}
