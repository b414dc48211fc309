//! Reader of IDX files, the form in which MNIST and its like come.

use crate::network::Shape;
use std::path::{Path, PathBuf};

/// Images and their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Shape of an image.
    pub shape: Shape,
    /// Bytes of all images, `shape.len()` each.
    pub images: Vec<u8>,
    /// One label an image.
    pub labels: Vec<u8>,
}

/// Which part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// To train with.
    Train,
    /// To test with.
    Test,
}

/// Why data cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum IdxError {
    /// The file is not there, or cannot be read.
    #[error("cannot read {path}: {source}; run scripts/setup to fetch the data, or set THRESH_DATA to its folder", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Not what it should be.
    #[error("{path}: {what} is {got}, expected {expected}; give another file, or run scripts/setup to fetch its own again", path = .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
        /// What it is.
        got: u64,
        /// What it should be.
        expected: u64,
    },
}

impl Dataset {
    /// Reads a split of the data set in sub-folder `name` (`mnist`, `fashion-mnist`) of
    /// [`data_folder`].
    ///
    /// # Errors
    /// If a file is missing or malformed.
    pub fn load(name: &str, split: Split) -> Result<Self, IdxError> {
        Self::load_from(&data_folder().join(name), split)
    }

    /// Reads a split from a folder.
    ///
    /// # Errors
    /// If a file is missing or malformed.
    pub fn load_from(folder: &Path, split: Split) -> Result<Self, IdxError> {
        let prefix = match split {
            Split::Train => "train",
            Split::Test => "test",
        };
        let images = folder.join(format!("{prefix}-images.idx3-ubyte"));
        let labels = folder.join(format!("{prefix}-labels.idx1-ubyte"));
        let (sizes, bytes) = read(&images, 3)?;
        let (count, label_bytes) = read(&labels, 1)?;
        if count[0] != sizes[0] {
            let what = "number of labels";
            let (got, expected) = (count[0] as u64, sizes[0] as u64);
            return Err(IdxError::Format {
                path: labels,
                what,
                got,
                expected,
            });
        }
        let shape = Shape {
            channels: 1,
            height: sizes[1],
            width: sizes[2],
        };
        Ok(Dataset {
            shape,
            images: bytes,
            labels: label_bytes,
        })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The bytes of one image.
    ///
    /// # Panics
    /// If there is no image `index`.
    pub fn image(&self, index: usize) -> &[u8] {
        &self.images[index * self.shape.len()..][..self.shape.len()]
    }

    /// The images and their labels.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], u8)> {
        (0..self.len()).map(|i| (self.image(i), self.labels[i]))
    }
}

/// The folder of the data sets: `THRESH_DATA`, or `.data`.
pub fn data_folder() -> PathBuf {
    std::env::var_os("THRESH_DATA").map_or_else(|| PathBuf::from(".data"), PathBuf::from)
}

/// The sizes and the bytes of an IDX file of unsigned bytes in `dimensions` dimensions.
///
/// # Errors
/// If the file cannot be read, or is malformed.
pub fn read(path: &Path, dimensions: usize) -> Result<(Vec<usize>, Vec<u8>), IdxError> {
    let bytes = std::fs::read(path).map_err(|source| IdxError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    parse(&bytes, dimensions).map_err(|(what, got, expected)| IdxError::Format {
        path: path.to_path_buf(),
        what,
        got,
        expected,
    })
}

/// The type byte of unsigned bytes.
const UNSIGNED_BYTES: u64 = 8;

type Wrong = (&'static str, u64, u64);

fn parse(bytes: &[u8], dimensions: usize) -> Result<(Vec<usize>, Vec<u8>), Wrong> {
    let word = |i: usize| {
        let bytes = bytes.get(4 * i..4 * i + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    let header = 4 * (dimensions as u64 + 1);
    let short = ("length in bytes", bytes.len() as u64, header);
    let expected = UNSIGNED_BYTES << 8 | dimensions as u64;
    match word(0) {
        None => return Err(short),
        Some(magic) if u64::from(magic) != expected => {
            return Err(("magic number", u64::from(magic), expected));
        }
        Some(_) => {}
    }
    let sizes: Option<Vec<usize>> = (1..=dimensions).map(|i| Some(word(i)? as usize)).collect();
    let sizes = sizes.ok_or(short)?;
    let values = sizes
        .iter()
        .try_fold(1u64, |product, &size| product.checked_mul(size as u64));
    let expected = values.unwrap_or(u64::MAX).saturating_add(header);
    if bytes.len() as u64 != expected {
        return Err(("length in bytes", bytes.len() as u64, expected));
    }
    Ok((sizes, bytes[header as usize..].to_vec()))
}

#[cfg(test)]
mod tests;
