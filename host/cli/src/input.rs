//! Inputs of `thresh run`: pictures, and images of data sets.

use crate::npy;
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use image::codecs::png::PngDecoder;
use image::{ColorType, ImageDecoder};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
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

    /// Reads a split, and checks that it has images of `shape`.
    pub fn load(self, split: Split, shape: Shape) -> Result<Dataset> {
        let data = Dataset::load(self.name(), split)?;
        check_shape(self.name(), data.shape, shape)?;
        Ok(data)
    }

    /// Reads everything, to train on.
    pub fn to_train_on(self) -> Result<thresh_compress::Data> {
        let folder = idx::data_folder().join(self.name());
        Ok(thresh_compress::Data::read(&folder)?)
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

const EXPECTED: &str = "an input is FILE.png, IDX-FILE:INDEX, or FILE.npy:INDEX";

/// Reads `text`: a PNG file, or an image of an IDX or NumPy file as `FILE:INDEX`.
pub fn read(text: &str, shape: Shape, invert: bool) -> Result<Input> {
    let path = Path::new(text);
    let mut bytes = match text.rsplit_once(':') {
        Some((file, index)) if !path.exists() => indexed(file, index, shape)?,
        _ if npy::is_named(path) => indexed(text, "0", shape)?,
        _ => png(path, shape).with_context(|| text.to_string())?,
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
fn indexed(file: &str, index: &str, shape: Shape) -> Result<Vec<u8>> {
    let Ok(index) = index.parse::<usize>() else {
        bail!("{file}:{index}: got index {index:?}, expected a number; {EXPECTED}");
    };
    let path = Path::new(file);
    let images = match npy::is_named(path) {
        true => npy::read(path, shape).with_context(|| file.to_string())?,
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

/// Whether a path is named as a picture.
pub fn is_picture(path: &Path) -> bool {
    let extension = path.extension();
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("png"))
}

/// The shape that a picture has: three channels for colours.
pub fn png_shape(path: &Path) -> Result<Shape> {
    let decoder = decoder(path)?;
    let (width, height) = decoder.dimensions();
    Ok(Shape {
        channels: match decoder.color_type() {
            ColorType::Rgb8 => 3,
            _ => 1,
        },
        height: height as usize,
        width: width as usize,
    })
}

fn decoder(path: &Path) -> Result<PngDecoder<BufReader<File>>> {
    let file = File::open(path).context(EXPECTED)?;
    PngDecoder::new(BufReader::new(file))
        .with_context(|| format!("expected a PNG picture; {EXPECTED}"))
}

/// Reads a picture: grey for one channel, colours for three.
pub fn png(path: &Path, shape: Shape) -> Result<Vec<u8>> {
    let decoder = decoder(path)?;
    let (channels, expected, name) = match shape.channels {
        3 => (3, ColorType::Rgb8, "8-bit colours (Rgb8)"),
        _ => (1, ColorType::L8, "8-bit grey (L8)"),
    };
    if decoder.color_type() != expected {
        let got = decoder.color_type();
        bail!(
            "got a picture of type {got:?}, expected {name}; convert it, or save it without {}alpha",
            if channels == 1 { "colours and " } else { "" }
        );
    }
    // Known before anything is decoded, so that a huge picture costs nothing.
    let (width, height) = decoder.dimensions();
    let got = Shape {
        channels,
        height: height as usize,
        width: width as usize,
    };
    check_shape("the picture", got, shape)?;
    let mut bytes = vec![0; got.len()];
    decoder
        .read_image(&mut bytes)
        .context("the picture is damaged; save it again")?;
    Ok(bytes)
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
