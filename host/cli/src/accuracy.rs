//! Shares of images that a network, and what is made of it, read rightly.

use crate::output::{percent, ratio};
use anyhow::{Result, ensure};
use serde::Serialize;
use thresh_model::{Dataset, Image, Network, Reference};

/// Accuracies of one network from stage to stage, on the same images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Accuracies {
    /// Images that were read.
    pub images: usize,
    /// The float network.
    pub float: f64,
    /// The network with pruned or shared weights, if it has some now.
    pub compressed: Option<f64>,
    /// The packed network, by the bit-exact reference.
    pub packed: Option<f64>,
}

impl Accuracies {
    /// Of a network, and of what it was `before` it was compressed, if it was.
    pub fn new(
        before: Option<&Network>,
        network: &Network,
        test: &Dataset,
        count: usize,
    ) -> Result<Self> {
        let now = of_network(network, test, count)?;
        let float = before
            .map(|before| of_network(before, test, count))
            .transpose()?;
        Ok(Accuracies {
            images: count,
            float: float.unwrap_or(now),
            compressed: float.map(|_| now),
            packed: None,
        })
    }

    /// Lines for people.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let stages = [
            ("accuracy, float", Some(self.float)),
            ("compressed", self.compressed),
            ("packed", self.packed),
        ];
        let line = |(name, accuracy): (&'static str, Option<f64>)| Some((name, accuracy?));
        let text = |accuracy: f64| format!("{} of {} images", percent(accuracy), self.images);
        stages
            .into_iter()
            .filter_map(line)
            .map(|(name, accuracy)| (name, text(accuracy)))
            .collect()
    }

    /// That of the last stage.
    pub fn last(&self) -> f64 {
        self.packed.or(self.compressed).unwrap_or(self.float)
    }
}

/// Refuses more images than there are.
pub fn check_count(count: usize, test: &Dataset) -> Result<()> {
    let all = test.len();
    ensure!(
        (1..=all).contains(&count),
        "got --test {count}, expected 1 to {all}: there are no more test images"
    );
    Ok(())
}

/// Of the first `count` images, as the float forward pass has it.
pub fn of_network(network: &Network, test: &Dataset, count: usize) -> Result<f64> {
    let prepared = network.prepare();
    share(test, count, |image| {
        Ok(network.head.class(&prepared.logits(image)))
    })
}

/// Of the first `count` images, as the engine has it.
pub fn of_image(image: &Image, test: &Dataset, count: usize) -> Result<f64> {
    let reference = Reference::new(image)?;
    share(test, count, |input| {
        Ok(image.class(&reference.run(input)?.logits))
    })
}

/// The share of the first `count` images whose class is that of their label.
fn share(
    test: &Dataset,
    count: usize,
    class: impl Fn(&[u8]) -> Result<usize> + Sync,
) -> Result<f64> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let part = |from: usize| -> Result<usize> {
        let mut right = 0;
        for index in (from..count).step_by(threads) {
            right += usize::from(class(test.image(index))? == usize::from(test.labels[index]));
        }
        Ok(right)
    };
    let part = &part;
    let parts: Vec<Result<usize>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|from| scope.spawn(move || part(from)))
            .collect();
        let joined = handles.into_iter().map(|handle| handle.join());
        joined
            .map(|result| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let right: usize = parts.into_iter().sum::<Result<usize>>()?;
    Ok(ratio(right as f64, count as f64))
}
