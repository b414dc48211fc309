//! Folders of pictures, one a class: `train/CLASS/*` and `test/CLASS/*`, PNG or JPEG.

use super::left_out::LeftOut;
use super::{Labelled, Splits, Wanted, classes};
use crate::picture;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use thresh_model::{Dataset, Shape};

/// Most classes, since a label is a byte.
const MOST_CLASSES: usize = 256;

/// Most values of a picture where no network says its size.
const MOST_VALUES: usize = 1 << 28;

/// The pictures of each class, by name, in the order of the names.
type Classes = Vec<(String, Vec<PathBuf>)>;

/// Reads the pictures of `folder`. How classes are numbered: [`classes::labels`].
pub(super) fn read(folder: &Path, wanted: &Wanted<'_>) -> Result<Splits> {
    let (train, test) = (folder.join("train"), folder.join("test"));
    let mut left_out = LeftOut::default();
    for path in entries(folder)? {
        if path.is_dir() && path != train && path != test {
            left_out.add(&path);
        }
    }
    let train_classes = by_class(&train, &mut left_out)?;
    let test_classes = match test.is_dir() {
        true => Some(by_class(&test, &mut left_out)?),
        false => None,
    };
    left_out.tell(
        folder,
        "pictures are PNG or JPEG files in a folder of their class in train or test",
    );
    let names = |classes: &Classes| -> Vec<String> {
        classes.iter().map(|(name, _)| name.clone()).collect()
    };
    let names = names(&train_classes);
    let labels = classes::labels(&train, &names, wanted)?;
    let found = test_classes.iter().flatten();
    if let Some((name, _)) = found.into_iter().find(|(name, _)| !names.contains(name)) {
        bail!(
            "{}: got a class that no training picture has, expected those of {}; remove it, or add training pictures",
            test.join(name).display(),
            train.display()
        );
    }
    let shape = match (
        wanted.shape,
        train_classes.first().and_then(|(_, all)| all.first()),
    ) {
        (Some(shape), _) => shape,
        (None, Some(first)) => shape_of(first)?,
        (None, None) => bail!("{}: got no classes", train.display()),
    };
    let read = |folder: &Path, classes: &Classes| -> Result<Labelled> {
        Ok(Labelled {
            set: set(classes, &labels, shape)?,
            place: folder.display().to_string(),
        })
    };
    Ok(Splits {
        train: read(&train, &train_classes)?,
        test: test_classes
            .map(|classes| read(&test, &classes))
            .transpose()?,
        labels,
    })
}

/// The folders of a split, each with its pictures in the order of their names.
fn by_class(folder: &Path, left_out: &mut LeftOut) -> Result<Classes> {
    let mut classes = Classes::new();
    for path in entries(folder)? {
        if !path.is_dir() {
            left_out.add(&path);
            continue;
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(name) = name else {
            bail!(
                "{}: got a name that is no UTF-8, expected the name of a class; rename the folder",
                path.display()
            );
        };
        let (pictures, others): (Vec<PathBuf>, Vec<PathBuf>) = entries(&path)?
            .into_iter()
            .partition(|path| picture::is_named(path) && !path.is_dir());
        ensure!(
            !pictures.is_empty(),
            "{}: got no picture, expected files that end in .png, .jpg or .jpeg; remove the folder, or convert its pictures",
            path.display()
        );
        others.iter().for_each(|path| left_out.add(path));
        classes.push((name.into(), pictures));
    }
    let got = classes.len();
    ensure!(
        got > 0,
        "{}: got no folders, expected one for each class, with its pictures",
        folder.display()
    );
    ensure!(
        got <= MOST_CLASSES,
        "{}: got {got} classes, expected at most {MOST_CLASSES}; join some",
        folder.display()
    );
    Ok(classes)
}

/// What lies in a folder, hidden files left out, in the order of the names.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let place = || folder.display().to_string();
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(place)? {
        let entry = entry.with_context(place)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// The shape of a picture that is the first of its kind.
fn shape_of(path: &Path) -> Result<Shape> {
    let place = || path.display().to_string();
    let shape = picture::shape(path).with_context(place)?;
    ensure!(
        shape.len() <= MOST_VALUES,
        "{}: got {} x {} pixels, expected at most {MOST_VALUES} values; scale the pictures",
        place(),
        shape.width,
        shape.height
    );
    Ok(shape)
}

fn set(classes: &Classes, labels: &[String], shape: Shape) -> Result<Dataset> {
    let (mut images, mut numbers) = (Vec::new(), Vec::new());
    for (name, pictures) in classes {
        let class = labels.iter().position(|label| label == name);
        let class = class.context("every class has a label")?;
        for path in pictures {
            let place = || path.display().to_string();
            images.extend(picture::read(path, shape).with_context(place)?);
            numbers.push(u8::try_from(class).with_context(place)?);
        }
    }
    Ok(Dataset {
        shape,
        images,
        labels: numbers,
    })
}
