//! Images and labels as NumPy or IDX files.

use super::{Labelled, Splits, Wanted};
use crate::input::check_idx;
use crate::layout::{Layout, arrange};
use crate::npy;
use anyhow::{Context, Result, bail, ensure};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use thresh_model::{Dataset, Shape, idx};

/// Names that the splits have in file names.
const SPLITS: [&[&str]; 2] = [&["train"], &["test", "t10k"]];

/// Endings of files of images and of labels.
const ENDINGS: [[&str; 2]; 3] = [
    ["-images.npy", "-labels.npy"],
    ["-images.idx3-ubyte", "-labels.idx1-ubyte"],
    ["-images-idx3-ubyte", "-labels-idx1-ubyte"],
];

/// The files of `folder` by their names: images and labels of the training images, then those of the test images if
/// there are some. None if there are no training images.
pub(super) fn find(folder: &Path) -> Result<Option<Vec<PathBuf>>> {
    let mut files = Vec::new();
    for names in SPLITS {
        let all = names.iter().flat_map(|name| {
            ENDINGS.map(|endings| endings.map(|end| folder.join(format!("{name}{end}"))))
        });
        let there: Vec<_> = all.filter(|[images, _]| images.is_file()).collect();
        match there.as_slice() {
            [] => break,
            [pair] => files.extend(pair.clone()),
            [one, other, ..] => bail!(
                "got both {} and {}, expected one of them; remove the other",
                one[0].display(),
                other[0].display()
            ),
        }
    }
    Ok((!files.is_empty()).then_some(files))
}

/// Reads pairs of files.
pub(super) fn read(
    files: &[PathBuf],
    wanted: &Wanted<'_>,
    layout: Option<Layout>,
) -> Result<Splits> {
    let mut splits = files
        .chunks_exact(2)
        .map(|pair| split(&pair[0], &pair[1], wanted, layout));
    let train = splits.next().context("there is at least one pair")??;
    let test = splits.next().transpose()?;
    if let Some(test) = &test {
        let (got, expected) = (test.set.shape, train.set.shape);
        ensure!(
            got == expected,
            "{}: got images of {}, expected {} as in {}; choose files that belong together",
            files[2].display(),
            text(got),
            text(expected),
            files[0].display()
        );
    }
    Ok(Splits {
        train,
        test,
        labels: wanted.labels.to_vec(),
    })
}

fn text(shape: Shape) -> String {
    format!("{} x {} x {}", shape.width, shape.height, shape.channels)
}

fn split(
    images: &Path,
    labels: &Path,
    wanted: &Wanted<'_>,
    layout: Option<Layout>,
) -> Result<Labelled> {
    let (sides, bytes) = array(images)?;
    let count = sides.first().copied().unwrap_or(0);
    ensure!(
        count > 0,
        "{}: got no images, expected at least one",
        images.display()
    );
    let (shape, bytes) = arrange(&sides, bytes, wanted.shape, layout)
        .with_context(|| images.display().to_string())?;
    let numbers = numbers(labels)?;
    ensure!(
        numbers.len() == count,
        "{}: got {} labels, expected {count}, one for each image of {}; choose files that belong together",
        labels.display(),
        numbers.len(),
        images.display()
    );
    Ok(Labelled {
        set: Dataset {
            shape,
            images: bytes,
            labels: numbers,
        },
        place: labels.display().to_string(),
    })
}

/// The sides and bytes of a file of images.
fn array(path: &Path) -> Result<(Vec<usize>, Vec<u8>)> {
    if npy::is_named(path) {
        return npy::array(path).with_context(|| path.display().to_string());
    }
    check_idx(path)?;
    // The fourth byte of an IDX file is its number of sides.
    let mut start = [0; 4];
    let mut file = File::open(path).with_context(|| path.display().to_string())?;
    let four = file.read_exact(&mut start).is_ok() && start[3] == 4;
    Ok(idx::read(path, if four { 4 } else { 3 })?)
}

/// The labels of a file.
fn numbers(path: &Path) -> Result<Vec<u8>> {
    match npy::is_named(path) {
        true => npy::labels(path).with_context(|| path.display().to_string()),
        false => {
            check_idx(path)?;
            Ok(idx::read(path, 1)?.1)
        }
    }
}
