//! Inputs of `thresh run`: pictures, and images of data sets.

use crate::kind::{self, Kind};
use crate::layout::Layout;
use crate::{npy, picture};
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use std::path::{Path, PathBuf};
use thresh_model::{Dataset, Shape, idx, idx::Split};

/// A data set that `scripts/setup` fetches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DataSet {
    /// Handwritten digits.
    #[default]
    Mnist,
    /// Clothes.
    FashionMnist,
}

impl DataSet {
    /// Its name, which is also that of its folder.
    pub fn name(self) -> &'static str {
        match self {
            DataSet::Mnist => "mnist",
            DataSet::FashionMnist => "fashion-mnist",
        }
    }

    /// Words of a command line that choose it.
    pub fn words(self) -> Vec<String> {
        match self {
            DataSet::Mnist => vec![],
            other => vec!["--data".into(), other.name().into()],
        }
    }

    /// The folder of its files.
    pub fn folder(self) -> PathBuf {
        idx::data_folder().join(self.name())
    }

    /// Reads a split, and checks that it has images of `shape`.
    pub fn load(self, split: Split, shape: Shape) -> Result<Dataset> {
        let data = Dataset::load(self.name(), split)?;
        check_shape(self.name(), data.shape, shape)?;
        Ok(data)
    }

    /// Reads everything, to train on.
    pub fn to_train_on(self) -> Result<thresh_compress::Data> {
        Ok(thresh_compress::Data::read(&self.folder())?)
    }
}

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// What it is called.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What it shows, if that is known.
    pub label: Option<usize>,
}

pub const EXPECTED: &str = "an input is FILE.png, FILE.jpg, IDX-FILE:INDEX, or FILE.npy:INDEX";

/// The file of an input `text`, and the index of an image in it if it says one.
fn parts(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((file, index)) if !Path::new(text).exists() => (file, Some(index)),
        _ => (text, None),
    }
}

/// The files that [`read`] reads.
pub fn paths(text: &str) -> Vec<PathBuf> {
    vec![parts(text).0.into()]
}

/// Reads `text`: a picture, or an image of an IDX or NumPy file as `FILE:INDEX`.
pub fn read(text: &str, shape: Shape, layout: Option<Layout>, invert: bool) -> Result<Input> {
    let mut bytes = match parts(text) {
        (file, Some(index)) => indexed(file, index, shape, layout)?,
        (file, None) if npy::is_named(Path::new(file)) => indexed(file, "0", shape, layout)?,
        (file, None) => picture::read(Path::new(file), shape).with_context(|| file.to_string())?,
    };
    if invert {
        bytes.iter_mut().for_each(|byte| *byte = !*byte);
    }
    Ok(Input {
        name: text.into(),
        bytes,
        label: None,
    })
}

/// Image `index` of a data set.
pub fn of_data(name: &str, data: &Dataset, index: usize) -> Result<Input> {
    if index >= data.len() {
        bail!(
            "there is no image {index} in {name}: expected 0 to {}",
            data.len().saturating_sub(1)
        );
    }
    Ok(Input {
        name: format!("{name} {index}"),
        bytes: data.image(index).to_vec(),
        label: Some(data.labels[index].into()),
    })
}

/// One image of a file of many.
fn indexed(file: &str, index: &str, shape: Shape, layout: Option<Layout>) -> Result<Vec<u8>> {
    let Ok(index) = index.parse::<usize>() else {
        bail!("{file}:{index}: got index {index:?}, expected a number; {EXPECTED}");
    };
    let path = Path::new(file);
    let images = match npy::is_named(path) {
        true => npy::read(path, shape, layout).with_context(|| file.to_string())?,
        false => idx_images(path, shape)?,
    };
    let count = images.len();
    images.into_iter().nth(index).with_context(|| {
        format!(
            "there is no image {index} in {file}: expected 0 to {}",
            count.saturating_sub(1)
        )
    })
}

/// The images of an IDX file.
pub fn idx_images(path: &Path, shape: Shape) -> Result<Vec<Vec<u8>>> {
    check_idx(path)?;
    let (sizes, bytes) = idx::read(path, 3)?;
    let got = Shape {
        channels: 1,
        height: sizes[1],
        width: sizes[2],
    };
    check_shape(&path.display().to_string(), got, shape)?;
    let images = bytes.chunks_exact(shape.len().max(1));
    Ok(images.map(<[u8]>::to_vec).collect())
}

/// Refuses what is surely no IDX file.
pub fn check_idx(path: &Path) -> Result<()> {
    match Kind::at(path) {
        None | Some(Kind::Idx) => Ok(()),
        Some(_) => bail!("{}: {}", path.display(), kind::refused(path, "an IDX file")),
    }
}

/// Refuses images of another shape than the network takes.
pub fn check_shape(what: &str, got: Shape, expected: Shape) -> Result<()> {
    if got != expected {
        let text = |s: Shape| format!("{} x {} x {}", s.width, s.height, s.channels);
        bail!(
            "{what} has images of {} (width x height x channels), expected {}: the network takes no others; \
             scale the input, or choose another",
            text(got),
            text(expected)
        );
    }
    Ok(())
}
