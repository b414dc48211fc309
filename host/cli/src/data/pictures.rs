//! Folders of pictures, one a class: `train/CLASS/*.png` and `test/CLASS/*.png`.

use super::{Labelled, Splits, Wanted};
use crate::input;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use thresh_model::{Dataset, Shape};

/// Most classes, since a label is a byte.
const MOST_CLASSES: usize = 256;

/// Most values of a picture where no network says its size.
const MOST_VALUES: usize = 1 << 28;

/// The pictures of each class, by name.
type Classes = BTreeMap<String, Vec<PathBuf>>;

/// Reads the pictures of `folder`. Classes are numbered as the outputs that are wanted are named, or else in the
/// order of their names.
pub(super) fn read(folder: &Path, wanted: &Wanted<'_>) -> Result<Splits> {
    let (train, test) = (folder.join("train"), folder.join("test"));
    let train_classes = classes(&train)?;
    let test_classes = test.is_dir().then(|| classes(&test)).transpose()?;
    let labels = labels(&train, &train_classes, wanted)?;
    if let Some(name) = test_classes
        .iter()
        .flat_map(Classes::keys)
        .find(|name| !train_classes.contains_key(*name))
    {
        bail!(
            "{}: got a class that no training picture has, expected those of {}; remove it, or add training pictures",
            test.join(name).display(),
            train.display()
        );
    }
    let shape = match (wanted.shape, train_classes.values().flatten().next()) {
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
fn classes(folder: &Path) -> Result<Classes> {
    let mut classes = Classes::new();
    for path in entries(folder)? {
        if !path.is_dir() {
            continue;
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(name) = name else {
            bail!(
                "{}: got a name that is no UTF-8, expected the name of a class; rename the folder",
                path.display()
            );
        };
        let mut pictures = entries(&path)?;
        pictures.retain(|path| input::is_picture(path));
        ensure!(
            !pictures.is_empty(),
            "{}: got no picture, expected files that end in .png; remove the folder, or convert its pictures",
            path.display()
        );
        classes.insert(name.into(), pictures);
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

/// Names of the classes, in the order of their numbers.
fn labels(folder: &Path, classes: &Classes, wanted: &Wanted<'_>) -> Result<Vec<String>> {
    let names = || classes.keys().cloned().collect::<Vec<_>>();
    let place = folder.display();
    if !wanted.labels.is_empty() {
        for name in classes.keys() {
            ensure!(
                wanted.labels.contains(name),
                "{}: got a class that is no output of the network, whose outputs are {}; name the folder as one of them",
                folder.join(name).display(),
                wanted.labels.join(", ")
            );
        }
        return Ok(wanted.labels.to_vec());
    }
    match wanted.outputs {
        Some(outputs) if outputs != classes.len() => bail!(
            "{place}: got {} classes, expected {outputs}: the network has as many outputs, without names; choose other \
             data, or name the outputs by `thresh import --labels`, so that folders can stand for some of them",
            classes.len()
        ),
        _ => Ok(names()),
    }
}

/// The shape of a picture that is the first of its kind.
fn shape_of(path: &Path) -> Result<Shape> {
    let place = || path.display().to_string();
    let shape = input::png_shape(path).with_context(place)?;
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
            images.extend(input::png(path, shape).with_context(place)?);
            numbers.push(u8::try_from(class).with_context(place)?);
        }
    }
    Ok(Dataset {
        shape,
        images,
        labels: numbers,
    })
}
