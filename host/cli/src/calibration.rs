//! Inputs that calibrate the packer where no data set of the network is at hand.

use crate::input;
use anyhow::{Context, Result, bail, ensure};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use thresh_model::{Network, Operator, Shape, idx, random};

/// Seed of random inputs, unless another is asked for.
const SEED: u64 = 1;

/// Most random inputs, unless more are asked for.
const MOST_RANDOM: usize = 64;

/// Multiply-accumulates of the float network that calibration may take, unless a number of inputs is
/// asked for: some ten seconds.
const MOST_WORK: u64 = 20_000_000_000;

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
            count: count.map(|count| count as usize),
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
    /// The inputs for a network.
    pub fn load(&self, network: &Network) -> Result<Inputs> {
        let shape = network.input;
        match self {
            Calibration::Random { count, seed } => {
                let count = count.unwrap_or_else(|| usual(network));
                let plural = if count == 1 { "" } else { "s" };
                Ok(Inputs {
                    images: random::inputs(shape, count, *seed),
                    what: format!("{count} random input{plural}, seed {seed}"),
                })
            }
            Calibration::Files(path) => {
                let place = || format!("calibration inputs {}", path.display());
                let images = files(path, shape).with_context(place)?;
                ensure!(
                    !images.is_empty(),
                    "{}: got no inputs, expected at least one",
                    place()
                );
                let what = format!("{} inputs of {}", images.len(), path.display());
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

fn files(path: &Path, shape: Shape) -> Result<Vec<Vec<u8>>> {
    if path.is_dir() {
        return folder(path, shape);
    }
    let bytes = fs::read(path).context(
        "expected random, a PNG picture or a folder of them, an IDX file, or a NumPy file of bytes",
    )?;
    if bytes.starts_with(NPY) {
        return npy(&bytes, shape);
    }
    if path.extension().is_some_and(|extension| extension == "png") {
        return Ok(vec![input::png(path, shape)?]);
    }
    let (sizes, bytes) = idx::read(path, 3)?;
    let got = Shape {
        channels: 1,
        height: sizes[1],
        width: sizes[2],
    };
    input::check_shape("the file", got, shape)?;
    Ok(split(&bytes, shape))
}

fn folder(path: &Path, shape: Shape) -> Result<Vec<Vec<u8>>> {
    let mut pictures = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "png") {
            pictures.push(path);
        }
    }
    pictures.sort();
    let read = |path: &PathBuf| input::png(path, shape).with_context(|| path.display().to_string());
    pictures.iter().map(read).collect()
}

fn split(bytes: &[u8], shape: Shape) -> Vec<Vec<u8>> {
    let inputs = bytes.chunks_exact(shape.len().max(1));
    inputs.map(<[u8]>::to_vec).collect()
}

/// First bytes of a NumPy file, its major version behind them.
const NPY: &[u8] = b"\x93NUMPY";

/// The images of a NumPy file of bytes: `[count, height, width, channels]`, or without the last side where
/// there is one channel.
fn npy(bytes: &[u8], shape: Shape) -> Result<Vec<Vec<u8>>> {
    let damaged = "the NumPy file ends in its header; save it again";
    let header = |from: usize, to: usize| bytes.get(from..to).context(damaged);
    let (start, length): (usize, usize) = match header(6, 7)? {
        [1] => (10, usize::from(bytes_to_u16(header(8, 10)?))),
        _ => (12, bytes_to_u32(header(8, 12)?) as usize),
    };
    let end = start.checked_add(length).context(damaged)?;
    let text = String::from_utf8_lossy(header(start, end)?).replace(' ', "");
    let kind = between(&text, "'descr':'", "'").unwrap_or_default();
    let expected = "|u1 in C order: save images of uint8, numpy.ascontiguousarray(images)";
    ensure!(
        matches!(kind, "|u1" | "<u1" | "u1") && text.contains("'fortran_order':False"),
        "got a NumPy file of type {kind:?}, expected {expected}"
    );
    let sides = between(&text, "'shape':(", ")").unwrap_or_default();
    let sides: Vec<usize> = sides
        .split(',')
        .filter(|side| !side.is_empty())
        .map(|side| {
            side.parse()
                .context("the NumPy file has a side that is no number")
        })
        .collect::<Result<_>>()?;
    let image = [shape.height, shape.width, shape.channels];
    let same = match sides.as_slice() {
        [_, sides @ ..] if sides.len() == 3 => sides == image,
        [_, sides @ ..] if sides.len() == 2 => shape.channels == 1 && sides == &image[..2],
        _ => false,
    };
    ensure!(
        same,
        "got an array of {sides:?}, expected [count, {}, {}, {}]: the network takes no other images",
        shape.height,
        shape.width,
        shape.channels
    );
    let data = &bytes[end..];
    let expected = sides[0].checked_mul(shape.len());
    ensure!(
        expected == Some(data.len()),
        "got {} bytes of data, expected {}: the file is damaged; save it again",
        data.len(),
        expected.map_or("another number".into(), |n| n.to_string())
    );
    Ok(split(data, shape))
}

fn bytes_to_u16(bytes: &[u8]) -> u16 {
    u16::from_le_bytes([bytes[0], bytes[1]])
}

fn bytes_to_u32(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        channels: 3,
        height: 2,
        width: 2,
    };

    fn file(kind: &str, shape: &str, data: usize) -> Vec<u8> {
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = NPY.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.bytes());
        bytes.extend((0..data).map(|i| i as u8));
        bytes
    }

    #[test]
    fn arrays_of_bytes_are_read() {
        let images = npy(&file("|u1", "(2, 2, 2, 3)", 24), SHAPE).unwrap();
        assert_eq!(images.len(), 2);
        assert_eq!(images[1][0], 12);
        let grey = Shape {
            channels: 1,
            ..SHAPE
        };
        assert_eq!(npy(&file("|u1", "(1, 2, 2)", 4), grey).unwrap().len(), 1);
    }

    #[test]
    fn other_arrays_are_refused() {
        let says = |bytes: &[u8], part: &str| {
            let text = format!("{:#}", npy(bytes, SHAPE).unwrap_err());
            assert!(text.contains(part), "{text}");
        };
        says(&file("<f4", "(2, 2, 2, 3)", 96), "<f4");
        says(
            &file("|u1", "(2, 3, 2, 2)", 24),
            "expected [count, 2, 2, 3]",
        );
        says(&file("|u1", "(2, 2)", 4), "expected [count, 2, 2, 3]");
        says(&file("|u1", "(2, 2, 2, 3)", 23), "got 23 bytes");
        says(&file("|u1", "(x, 2, 2, 3)", 23), "no number");
        says(&file("|u1", "(2, 2, 2, 3)", 24)[..30], "ends in its header");
    }

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
