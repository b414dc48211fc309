//! Images and labels as NumPy or IDX files.

use super::{Labelled, Layout, Splits, Wanted};
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
    let (shape, order) =
        arrangement(&sides, wanted.shape, layout).with_context(|| images.display().to_string())?;
    let bytes = match order {
        Layout::Hwc => bytes,
        Layout::Chw => channels_last(&bytes, shape),
    };
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
        false => Ok(idx::read(path, 1)?.1),
    }
}

/// The shape of the images of an array with these sides, their number first, and the order in which their values lie.
fn arrangement(
    sides: &[usize],
    wanted: Option<Shape>,
    layout: Option<Layout>,
) -> Result<(Shape, Layout)> {
    let shape = |channels, height, width| Shape {
        channels,
        height,
        width,
    };
    let candidates: Vec<(Shape, Layout)> = match *sides {
        // A row of values is an image of any shape.
        [_, values] => {
            let image = wanted
                .filter(|wanted| wanted.len() == values)
                .unwrap_or(shape(1, 1, values));
            vec![(image, Layout::Hwc), (image, Layout::Chw)]
        }
        [_, height, width] => vec![(shape(1, height, width), Layout::Hwc)],
        [_, a, b, c] => vec![(shape(c, a, b), Layout::Hwc), (shape(a, b, c), Layout::Chw)],
        _ => vec![],
    };
    // With one channel, or at one position, both orders are the same.
    let same = |shape: &Shape| shape.channels == 1 || shape.height * shape.width == 1;
    let mut fitting: Vec<(Shape, Layout)> = candidates
        .into_iter()
        .filter(|(shape, order)| {
            let asked = layout.is_none_or(|layout| layout == *order || same(shape));
            let usual = match wanted {
                Some(wanted) => *shape == wanted,
                None => layout.is_some() || matches!(shape.channels, 1 | 3),
            };
            asked && usual && !shape.is_empty()
        })
        .collect();
    fitting.dedup_by(|b, a| a.0 == b.0 && same(&a.0));
    match (fitting.as_slice(), wanted) {
        (&[one], _) => Ok(one),
        ([], Some(wanted)) => {
            let Shape {
                channels,
                height,
                width,
            } = wanted;
            let layout = match layout {
                Some(_) => " in the order of --layout",
                None => "",
            };
            bail!(
                "got an array of {sides:?}, expected [count, {height}, {width}, {channels}] or [count, {channels}, {height}, \
                 {width}]{layout}: the network takes no other images; scale them, or choose another network"
            )
        }
        _ => bail!(
            "got an array of {sides:?}, which can be [count, height, width, channels] or [count, channels, height, width]; say \
             which by --layout hwc or --layout chw"
        ),
    }
}

/// Images of channels, height, width as height, width, channels.
fn channels_last(bytes: &[u8], shape: Shape) -> Vec<u8> {
    let positions = shape.height * shape.width;
    let mut out = Vec::with_capacity(bytes.len());
    for image in bytes.chunks_exact(shape.len().max(1)) {
        for position in 0..positions {
            out.extend((0..shape.channels).map(|channel| image[channel * positions + position]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(channels: usize, height: usize, width: usize) -> Shape {
        Shape {
            channels,
            height,
            width,
        }
    }

    #[test]
    fn the_network_says_the_order_of_the_sides() {
        use Layout::{Chw, Hwc};
        let wanted = Some(shape(3, 4, 5));
        for (sides, wanted, layout, expected) in [
            (&[9, 4, 5, 3][..], wanted, None, (shape(3, 4, 5), Hwc)),
            (&[9, 3, 4, 5], wanted, None, (shape(3, 4, 5), Chw)),
            (
                &[9, 4, 5],
                Some(shape(1, 4, 5)),
                None,
                (shape(1, 4, 5), Hwc),
            ),
            (
                &[9, 1, 4, 5],
                Some(shape(1, 4, 5)),
                None,
                (shape(1, 4, 5), Chw),
            ),
            (&[9, 1, 1, 1], None, None, (shape(1, 1, 1), Hwc)),
            (
                &[9, 3, 3, 3],
                Some(shape(3, 3, 3)),
                Some(Chw),
                (shape(3, 3, 3), Chw),
            ),
            (&[9, 60], wanted, Some(Chw), (shape(3, 4, 5), Chw)),
            (&[9, 60], None, None, (shape(1, 1, 60), Hwc)),
            (&[9, 3, 8, 8], None, None, (shape(3, 8, 8), Chw)),
            (&[9, 8, 8, 3], None, None, (shape(3, 8, 8), Hwc)),
            (&[9, 8, 8, 2], None, Some(Hwc), (shape(2, 8, 8), Hwc)),
        ] {
            let found = arrangement(sides, wanted, layout).unwrap();
            assert_eq!(found, expected, "{sides:?} {wanted:?} {layout:?}");
        }
        let says = |sides: &[usize], wanted, layout, part: &str| {
            let message = arrangement(sides, wanted, layout).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        };
        says(&[9, 3, 3, 3], Some(shape(3, 3, 3)), None, "--layout hwc");
        says(&[9, 60], wanted, None, "--layout hwc");
        says(&[9, 3, 8, 3], None, None, "--layout hwc");
        says(&[9, 8, 8, 2], None, None, "--layout hwc");
        says(&[9, 5, 4, 3], wanted, None, "expected [count, 4, 5, 3]");
        says(&[9, 4, 5, 3], wanted, Some(Chw), "in the order of --layout");
        says(&[9, 4, 5], wanted, None, "expected [count, 4, 5, 3]");
        says(&[9], wanted, None, "expected [count, 4, 5, 3]");
    }

    #[test]
    fn channels_come_last() {
        let bytes = channels_last(&[1, 2, 3, 4, 5, 6, 7, 8], shape(2, 1, 2));
        assert_eq!(bytes, [1, 3, 2, 4, 5, 7, 6, 8]);
    }
}
