//! The error of a network from stage to stage.

use std::collections::BTreeMap;
use thresh_compress::History;
use thresh_compress::history::EpochRecord;
use thresh_compress::train::{HELD_OUT, HELD_OUT_ACCURACY};

/// The stages whose accuracy the provenance of a compressed network tells.
const STAGES: [(&str, &str); 4] = [
    ("deep-compression.accuracy.before", "float, all weights"),
    ("deep-compression.accuracy.prune", "pruned, retrained"),
    ("deep-compression.accuracy.share", "shared"),
    ("accuracy", "shared, fine-tuned"),
];

/// Accuracies, in the order of the stages.
#[derive(Clone, Debug, PartialEq)]
pub struct Errors {
    /// The stages that are known; the last one is as packed.
    pub stages: Vec<StageError>,
    /// Accuracy behind the last epoch of the compression.
    last: Option<String>,
}

/// One stage.
#[derive(Clone, Debug, PartialEq)]
pub struct StageError {
    /// What it is.
    pub name: &'static str,
    /// Share that is classified rightly.
    pub accuracy: f64,
    /// What it was measured on.
    pub on: String,
}

impl Errors {
    /// What `provenance` tells, and the accuracy as packed on `images`, of the test images or `held_out`.
    pub fn new(
        provenance: &BTreeMap<String, String>,
        packed: f64,
        images: usize,
        held_out: bool,
    ) -> Self {
        let test = match held_out {
            true => "test images".to_string(),
            false => format!("{images} test images"),
        };
        let tested = provenance.contains_key(HELD_OUT_ACCURACY);
        let held = provenance
            .get(HELD_OUT)
            .map(|count| format!("{count} training images held out"));
        let known = STAGES.iter().filter_map(|&(key, name)| {
            let accuracy = provenance.get(key)?.parse().ok()?;
            // The last one is measured again on the test images where others were held out.
            let on = match (&held, key) {
                (Some(held), key) if key != "accuracy" || !tested => held.clone(),
                _ => test.clone(),
            };
            Some(StageError { name, accuracy, on })
        });
        let packed = StageError {
            name: "packed, 8-bit, on the reference",
            accuracy: packed,
            on: match held_out {
                true => format!("{images} training images held out"),
                false => test.clone(),
            },
        };
        let stages = known.chain([packed]).collect();
        let last = provenance
            .get(HELD_OUT_ACCURACY)
            .or_else(|| provenance.get("accuracy"));
        Self {
            stages,
            last: last.cloned(),
        }
    }

    /// Whether `history` ends where the compression of this network ended.
    pub fn is_of(&self, history: &History) -> bool {
        let ends = ["fine-tune", "share"].map(|stage| history.epochs(stage).last());
        let end = ends.into_iter().flatten().next();
        let last: Option<f64> = self.last.as_ref().and_then(|last| last.parse().ok());
        // A number in JSON may come back with another last digit.
        let same = |end: &EpochRecord| Some((end.accuracy - last?).abs() < 1e-9);
        end.and_then(same).unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_say_what_they_were_measured_on() {
        let mut provenance: BTreeMap<String, String> = STAGES
            .iter()
            .zip(["0.99", "0.98", "0.97", "0.985"])
            .map(|(&(key, _), value)| (key.into(), value.into()))
            .collect();
        let errors = Errors::new(&provenance, 0.984, 40, false);
        assert_eq!(errors.stages.len(), 5);
        assert!(errors.stages.iter().all(|s| s.on == "40 test images"));
        assert_eq!(errors.stages[4].accuracy, 0.984);

        provenance.insert(HELD_OUT.into(), "7".into());
        provenance.remove("deep-compression.accuracy.prune");
        let on = |provenance: &BTreeMap<String, String>, held_out| -> Vec<String> {
            let errors = Errors::new(provenance, 0.984, 40, held_out);
            errors.stages.into_iter().map(|s| s.on).collect()
        };
        let (held, test) = ("7 training images held out", "40 test images");
        let now = "40 training images held out";
        assert_eq!(on(&provenance, false), [held, held, held, test]);
        assert_eq!(on(&provenance, true), [held, held, held, now]);
        provenance.insert(HELD_OUT_ACCURACY.into(), "0.98".into());
        assert_eq!(on(&provenance, false), [held, held, test, test]);
        assert_eq!(on(&provenance, true), [held, held, "test images", now]);
        let errors = Errors::new(&provenance, 0.984, 40, false);
        assert!(!errors.is_of(&History::default()));
    }
}
