//! Labelled images: data sets by name, and those of the user as arrays or as folders of pictures.

mod arrays;
mod classes;
mod hold_out;
mod left_out;
mod pictures;

pub use crate::layout::Layout;
pub use hold_out::HoldOut;
pub use left_out::LeftOut;

use crate::input::{DataSet, check_shape};
use crate::provenance;
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use thresh_compress::Data;
use thresh_model::{Dataset, Image, Network, Shape, idx::Split};

/// The options that say what data is meant.
#[derive(Clone, Debug, Args)]
pub struct DataArgs {
    /// Labelled images: mnist, fashion-mnist, or your own. A folder with train/CLASS/* and test/CLASS/*, PNG or JPEG
    /// pictures in grey or colours; a folder with train-images, train-labels, test-images, test-labels as .npy (uint8 or int8) or IDX files; or
    /// these files themselves, IMAGES,LABELS or IMAGES,LABELS,TEST-IMAGES,TEST-LABELS.
    #[arg(long, value_name = "DATA", default_value_t)]
    pub data: Source,
    /// Order of the sides of a NumPy array of images, where the network's input allows both.
    #[arg(long, value_enum, value_name = "ORDER")]
    pub layout: Option<Layout>,
}

/// Where labelled images come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// One that `scripts/setup` fetches.
    Named(DataSet),
    /// A folder of the user.
    Folder(PathBuf),
    /// Images and labels, then perhaps those of the test split.
    Files(Vec<PathBuf>),
}

impl Default for Source {
    fn default() -> Self {
        Source::Named(DataSet::default())
    }
}

impl FromStr for Source {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut named = DataSet::value_variants().iter();
        if let Some(set) = named.find(|set| set.name() == text) {
            return Ok(Source::Named(*set));
        }
        let path = PathBuf::from(text);
        if path.is_dir() {
            return Ok(Source::Folder(path));
        }
        let files: Vec<PathBuf> = text.split(',').map(PathBuf::from).collect();
        let missing = files.iter().find(|file| !file.is_file());
        if let (2 | 4, None) = (files.len(), missing) {
            return Ok(Source::Files(files));
        }
        let got = match missing {
            Some(missing) if files.len() > 1 => {
                format!("{text:?}, where {} is no file", missing.display())
            }
            _ => format!("{text:?}"),
        };
        let names: Vec<&str> = DataSet::value_variants().iter().map(|s| s.name()).collect();
        bail!(
            "got {got}, expected {}, a folder of labelled images, or IMAGES,LABELS as files",
            names.join(", ")
        )
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Named(set) => f.write_str(set.name()),
            Source::Folder(path) => write!(f, "{}", path.display()),
            Source::Files(files) => {
                let names: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
                f.write_str(&names.join(","))
            }
        }
    }
}

/// What a command knows of the images that it needs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Their shape.
    pub shape: Option<Shape>,
    /// Classes that there may be.
    pub outputs: Option<usize>,
    /// Names of these, if they have some.
    pub labels: &'a [String],
}

impl<'a> Wanted<'a> {
    /// Images that a network takes.
    pub fn by(network: &'a Network) -> Self {
        Wanted {
            shape: Some(network.input),
            outputs: Some(network.head.classes(network.outputs())),
            labels: &network.labels,
        }
    }

    /// Images that a packed network takes.
    pub fn by_image(image: &'a Image) -> Self {
        Wanted {
            shape: Some(image.input),
            outputs: Some(image.head.classes(image.outputs)),
            labels: &image.labels,
        }
    }
}

/// One split as it was read.
struct Labelled {
    set: Dataset,
    /// The file or folder that says the labels, for messages.
    place: String,
}

/// Both splits as they were read.
struct Splits {
    train: Labelled,
    test: Option<Labelled>,
    /// Names of the classes; none if they have only numbers.
    labels: Vec<String>,
}

impl DataArgs {
    /// Its name, for messages and folders.
    pub fn name(&self) -> String {
        match &self.data {
            Source::Named(set) => set.name().into(),
            Source::Folder(path) => match path.canonicalize() {
                Ok(path) => provenance::file_name(&path),
                Err(_) => provenance::file_name(path),
            },
            Source::Files(files) => provenance::file_name(&files[0].with_extension("")),
        }
    }

    /// The files that are read, or the folder that they are in.
    pub fn paths(&self) -> Vec<PathBuf> {
        match &self.data {
            Source::Named(set) => vec![set.folder()],
            Source::Folder(path) => vec![path.clone()],
            Source::Files(files) => files.clone(),
        }
    }

    /// Words of a command line that choose it.
    pub fn words(&self) -> Vec<String> {
        let mut words = match &self.data {
            Source::Named(set) => return set.words(),
            Source::Folder(_) => vec!["--data".into(), self.name()],
            Source::Files(files) => {
                let names: Vec<String> = files.iter().map(|f| provenance::file_name(f)).collect();
                vec!["--data".into(), names.join(",")]
            }
        };
        words.extend(self.layout_words());
        words
    }

    /// The same where paths mean something: for a command that this one starts.
    pub fn own_words(&self) -> Vec<String> {
        let mut words = vec!["--data".into(), self.data.to_string()];
        words.extend(self.layout_words());
        words
    }

    fn layout_words(&self) -> Vec<String> {
        self.layout.map_or(vec![], |layout| {
            vec!["--layout".into(), layout.name().into()]
        })
    }

    /// Reads everything. There may be no test images; [`HoldOut`] makes some.
    pub fn read(&self, wanted: &Wanted<'_>) -> Result<Data> {
        let splits = match &self.data {
            Source::Named(set) => return set.to_train_on(),
            _ => self.splits(wanted)?,
        };
        if let Some(outputs) = wanted.outputs {
            for split in [Some(&splits.train), splits.test.as_ref()]
                .into_iter()
                .flatten()
            {
                check_labels(split, outputs)?;
            }
        }
        let train = taking_turns(&splits.train.set);
        let data = match splits.test {
            Some(test) => Data::new(train, test.set),
            None => Data::without_test(train),
        };
        Ok(data
            .with_context(|| self.data.to_string())?
            .with_labels(splits.labels))
    }

    fn splits(&self, wanted: &Wanted<'_>) -> Result<Splits> {
        match &self.data {
            Source::Files(files) => arrays::read(files, wanted, self.layout),
            Source::Folder(path) if path.join("train").is_dir() => pictures::read(path, wanted),
            Source::Folder(path) => match arrays::find(path)? {
                Some(files) => arrays::read(&files, wanted, self.layout),
                None => bail!(
                    "{}: got neither a folder train with a folder of pictures for each class, nor a file train-images.npy, \
                     train-images.idx3-ubyte or train-images-idx3-ubyte; expected one of them",
                    path.display()
                ),
            },
            Source::Named(_) => bail!("a data set by name is read elsewhere"),
        }
    }

    /// The images to measure on: the test images, or those that `hold_out` takes from the training images. They have
    /// the shape that is wanted.
    pub fn test(&self, wanted: &Wanted<'_>, hold_out: Option<HoldOut>) -> Result<Dataset> {
        let set = match (&self.data, hold_out) {
            (Source::Named(set), None) => Dataset::load(set.name(), Split::Test)?,
            _ => {
                let data = HoldOut::apply(hold_out, &self.read(wanted)?)?;
                check_measurable(self, &data)?;
                data.test().clone()
            }
        };
        if let Some(shape) = wanted.shape {
            check_shape(&self.name(), set.shape, shape)?;
        }
        Ok(set)
    }
}

/// Refuses labels that no output stands for.
fn check_labels(split: &Labelled, outputs: usize) -> Result<()> {
    let labels = split.set.labels.iter().enumerate();
    let wrong = labels
        .clone()
        .find(|&(_, &label)| usize::from(label) >= outputs);
    match wrong {
        None => Ok(()),
        Some((index, label)) => bail!(
            "{}: got label {label} for image {index}, expected 0 to {}: the network has {outputs} outputs; choose other data, \
             or a network for these classes",
            split.place,
            outputs.saturating_sub(1)
        ),
    }
}

/// The images in an order in which the classes take turns, each as often as it has images, so that any first or last
/// ones show all classes as all of them do.
fn taking_turns(set: &Dataset) -> Dataset {
    let mut counts = [0u64; 256];
    let ranks: Vec<u64> = set
        .labels
        .iter()
        .map(|&label| {
            counts[usize::from(label)] += 1;
            counts[usize::from(label)] - 1
        })
        .collect();
    let mut order: Vec<usize> = (0..set.len()).collect();
    // Where in its class an image stands, from 0 to 1, as a fraction of whole numbers.
    let place = |index: usize| {
        let class = usize::from(set.labels[index]);
        (2 * ranks[index] + 1, 2 * counts[class], class)
    };
    order.sort_by(|&a, &b| {
        let ((a, of_a, class_a), (b, of_b, class_b)) = (place(a), place(b));
        (a * of_b).cmp(&(b * of_a)).then(class_a.cmp(&class_b))
    });
    Dataset {
        shape: set.shape,
        images: order.iter().flat_map(|&i| set.image(i)).copied().collect(),
        labels: order.iter().map(|&i| set.labels[i]).collect(),
    }
}

/// Refuses data that has no test images and of which none are held out.
pub fn check_measurable(args: &DataArgs, data: &Data) -> Result<()> {
    ensure!(
        !data.test().is_empty(),
        "{} has no test images, expected some to measure the accuracy on; add a test split, or hold out training images by \
         --hold-out 20%",
        args.name()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_take_turns_as_often_as_they_have_images() {
        let set = Dataset {
            shape: Shape {
                channels: 1,
                height: 1,
                width: 1,
            },
            images: (0..9).collect(),
            labels: vec![0, 0, 0, 0, 0, 0, 1, 1, 7],
        };
        let mixed = taking_turns(&set);
        assert_eq!(mixed.labels, [0, 0, 1, 0, 7, 0, 0, 1, 0]);
        assert_eq!(mixed.images, [0, 1, 6, 2, 8, 3, 4, 7, 5]);
        assert_eq!(taking_turns(&mixed), mixed);
    }
}
