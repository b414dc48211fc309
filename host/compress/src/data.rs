//! What a run learns from and is measured on.

use sha2::{Digest, Sha256};
use std::path::Path;
use thresh_model::idx::{Dataset, Split};

use crate::error::{Error, Result};

/// What a run learns from, and what its accuracy is measured on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    train: Dataset,
    test: Dataset,
    hash: String,
    /// Of the sets that these were cut from, where the last training images are held out.
    source: Option<String>,
    /// Names of the classes; none if they have only numbers.
    labels: Vec<String>,
}

impl Data {
    /// Joins the two sets.
    ///
    /// # Errors
    ///
    /// If one is empty, the shapes differ, or a set has another number of labels than of images.
    pub fn new(train: Dataset, test: Dataset) -> Result<Self> {
        check("training", &train)?;
        check("test", &test)?;
        if train.shape != test.shape {
            return Err(Error::Data(format!(
                "training images are {:?}, test images {:?}; expected one shape",
                train.shape, test.shape
            )));
        }
        Ok(Self::joined(train, test))
    }

    /// Training images alone: some of them must be held out ([`Self::hold_out`]) before anything is measured.
    ///
    /// # Errors
    ///
    /// If there are none, or they are another number than their labels.
    pub fn without_test(train: Dataset) -> Result<Self> {
        check("training", &train)?;
        let test = slice(&train, 0, 0);
        Ok(Self::joined(train, test))
    }

    fn joined(train: Dataset, test: Dataset) -> Self {
        let hash = hash(&[&train, &test]);
        Self {
            train,
            test,
            hash,
            source: None,
            labels: Vec::new(),
        }
    }

    /// The same with names for the classes, in their order.
    pub fn with_labels(self, labels: Vec<String>) -> Self {
        Self { labels, ..self }
    }

    /// Reads both splits of a folder, as [`Dataset::load_from`].
    ///
    /// # Errors
    ///
    /// If a file is missing or malformed.
    pub fn read(folder: &Path) -> Result<Self> {
        Self::new(
            Dataset::load_from(folder, Split::Train)?,
            Dataset::load_from(folder, Split::Test)?,
        )
    }

    /// Puts the last `count` training images in the place of the test images: to choose options with, so that
    /// no choice depends on the test images.
    ///
    /// # Errors
    ///
    /// If nothing would be left on one side.
    pub fn hold_out(&self, count: usize) -> Result<Self> {
        let all = self.train.len();
        let split = all.saturating_sub(count);
        if split == 0 || count == 0 {
            return Err(Error::Data(format!(
                "{count} of {all} training images to hold out; expected at least 1, and 1 that is left"
            )));
        }
        let held = Self::new(slice(&self.train, 0, split), slice(&self.train, split, all))?;
        Ok(Self {
            source: Some(self.source().to_string()),
            labels: self.labels.clone(),
            ..held
        })
    }

    /// The first `train` training images and the first `test` test images: for quick trials.
    ///
    /// # Errors
    ///
    /// If one number is 0.
    pub fn first(&self, train: usize, test: usize) -> Result<Self> {
        let first = Self::new(
            slice(&self.train, 0, train.min(self.train.len())),
            slice(&self.test, 0, test.min(self.test.len())),
        )?;
        Ok(first.with_labels(self.labels.clone()))
    }

    /// Images to learn from.
    pub fn train(&self) -> &Dataset {
        &self.train
    }

    /// Images to measure the accuracy on; none of [`Self::without_test`].
    pub fn test(&self) -> &Dataset {
        &self.test
    }

    /// SHA-256 over both sets, in hexadecimal.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// [`Self::hash`] of the whole sets, whatever is held out: what a network says it learned from.
    pub fn source(&self) -> &str {
        self.source.as_deref().unwrap_or(&self.hash)
    }

    /// How many training images are held out, to measure the accuracy on in the place of test images.
    pub fn held_out(&self) -> Option<usize> {
        self.source.as_ref().map(|_| self.test.len())
    }

    /// Names of the classes; none if they have only numbers.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Refuses data that nothing can be measured on.
    pub(crate) fn check_measurable(&self) -> Result<()> {
        match self.test.is_empty() {
            true => Err(Error::Data(
                "got no test images, expected some to measure the accuracy on; give some, or hold training images out"
                    .into(),
            )),
            false => Ok(()),
        }
    }

    /// Share of the test images that are in their most frequent class: what is right for a network that answers the same to every image.
    pub fn guess(&self) -> f64 {
        let mut members = [0_usize; 256];
        for &label in &self.test.labels {
            members[usize::from(label)] += 1;
        }
        let most = members.iter().max().copied().unwrap_or_default();
        most as f64 / self.test.len().max(1) as f64
    }

    /// Number of classes: the highest label of both sets and one.
    pub fn classes(&self) -> usize {
        let labels = self.train.labels.iter().chain(&self.test.labels);
        labels.max().map_or(0, |&most| usize::from(most) + 1)
    }
}

/// Refuses a set without images, or with another number of labels.
fn check(name: &str, set: &Dataset) -> Result<()> {
    let expected = set.labels.len().checked_mul(set.shape.len());
    if set.is_empty() || set.shape.is_empty() || expected != Some(set.images.len()) {
        return Err(Error::Data(format!(
            "{} {name} labels and {} bytes of images of {:?}; expected some, and whole images",
            set.labels.len(),
            set.images.len(),
            set.shape
        )));
    }
    Ok(())
}

fn slice(set: &Dataset, start: usize, end: usize) -> Dataset {
    let size = set.shape.len();
    Dataset {
        shape: set.shape,
        images: set.images[start * size..end * size].to_vec(),
        labels: set.labels[start..end].to_vec(),
    }
}

fn hash(sets: &[&Dataset]) -> String {
    let mut hash = Sha256::new();
    for set in sets {
        let shape = set.shape;
        for size in [set.len(), shape.channels, shape.height, shape.width] {
            hash.update((size as u64).to_le_bytes());
        }
        hash.update(&set.images);
        hash.update(&set.labels);
    }
    hex(&hash.finalize())
}

/// Bytes as hexadecimal text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use thresh_model::network::Shape;

    fn set(labels: &[u8], width: usize) -> Dataset {
        let shape = Shape {
            channels: 1,
            height: 2,
            width,
        };
        let images = (0..labels.len() * shape.len()).map(|i| i as u8).collect();
        Dataset {
            shape,
            images,
            labels: labels.to_vec(),
        }
    }

    #[test]
    fn the_last_training_images_are_held_out() {
        let data = Data::new(set(&[0, 1, 2, 3], 2), set(&[5], 2)).unwrap();
        assert_eq!(data.classes(), 6);
        let held = data.hold_out(1).unwrap();
        assert_eq!(held.train().labels, [0, 1, 2]);
        assert_eq!(held.test().labels, [3]);
        assert_eq!(held.test().image(0), data.train().image(3));
        assert_ne!(held.hash(), data.hash());
        assert_eq!(held.source(), data.hash());
        assert_eq!((held.held_out(), data.held_out()), (Some(1), None));
        assert!(data.hold_out(4).is_err());
        assert!(data.hold_out(0).is_err());
        assert_eq!(data.first(9, 9).unwrap(), data);
    }

    #[test]
    fn a_guess_is_the_most_frequent_class_of_the_test_images() {
        let data = Data::new(set(&[7, 7, 7], 2), set(&[2, 0, 2, 1, 2], 2)).unwrap();
        assert_eq!(data.guess(), 0.6);
        assert_eq!(Data::without_test(set(&[1], 2)).unwrap().guess(), 0.0);
    }

    #[test]
    fn test_images_are_held_out_where_there_are_none() {
        let names = vec!["a".to_string(), "b".to_string()];
        let data = Data::without_test(set(&[0, 1, 1], 2)).unwrap();
        let data = data.with_labels(names.clone());
        assert!(data.check_measurable().is_err());
        let held = data.hold_out(1).unwrap();
        held.check_measurable().unwrap();
        assert_eq!((held.train().len(), held.test().len()), (2, 1));
        assert_eq!((held.source(), held.labels()), (data.hash(), &names[..]));
        assert!(Data::without_test(set(&[], 2)).is_err());
    }

    #[test]
    fn sets_that_do_not_fit_are_refused() {
        assert!(Data::new(set(&[], 2), set(&[5], 2)).is_err());
        assert!(Data::new(set(&[1], 2), set(&[5], 3)).is_err());
        let mut short = set(&[1, 2], 2);
        short.images.pop();
        let message = Data::new(short, set(&[5], 2)).unwrap_err().to_string();
        assert!(
            message.contains("2 training labels and 7 bytes"),
            "{message}"
        );
    }
}
