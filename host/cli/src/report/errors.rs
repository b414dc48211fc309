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
    pub name: String,
    /// Share that is classified rightly.
    pub accuracy: f64,
    /// What it was measured on.
    pub on: String,
}

/// What was measured on the packed network.
pub struct Packed {
    /// Share that is classified rightly.
    pub accuracy: f64,
    /// Bits of an activation.
    pub act_bits: u32,
    /// Images that it was measured on.
    pub images: usize,
    /// They were training images held out, not test images.
    pub held_out: bool,
}

impl Errors {
    /// What `provenance` tells, and what was measured as packed.
    pub fn new(provenance: &BTreeMap<String, String>, packed: &Packed) -> Self {
        let images = packed.images;
        let test = match packed.held_out {
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
            let name = name.into();
            Some(StageError { name, accuracy, on })
        });
        let packed = StageError {
            name: format!("packed, {}-bit, on the reference", packed.act_bits),
            accuracy: packed.accuracy,
            on: match packed.held_out {
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

    /// Whether `history` ends where the compression of this network ended: with the last epoch, or with an earlier one that was better.
    pub fn is_of(&self, history: &History) -> bool {
        let last: Option<f64> = self.last.as_ref().and_then(|last| last.parse().ok());
        // A number in JSON may come back with another last digit.
        let same = |end: &EpochRecord| last.is_some_and(|last| (end.accuracy - last).abs() < 1e-9);
        let mut ends = ["fine-tune", "share"]
            .iter()
            .flat_map(|stage| history.epochs(stage));
        ends.any(same)
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
        let packed = |held_out| Packed {
            accuracy: 0.984,
            act_bits: 8,
            images: 40,
            held_out,
        };
        let errors = Errors::new(&provenance, &packed(false));
        assert_eq!(errors.stages.len(), 5);
        assert!(errors.stages.iter().all(|s| s.on == "40 test images"));
        assert_eq!(errors.stages[4].accuracy, 0.984);

        provenance.insert(HELD_OUT.into(), "7".into());
        provenance.remove("deep-compression.accuracy.prune");
        let on = |provenance: &BTreeMap<String, String>, held_out| -> Vec<String> {
            let errors = Errors::new(provenance, &packed(held_out));
            errors.stages.into_iter().map(|s| s.on).collect()
        };
        let (held, test) = ("7 training images held out", "40 test images");
        let now = "40 training images held out";
        assert_eq!(on(&provenance, false), [held, held, held, test]);
        assert_eq!(on(&provenance, true), [held, held, held, now]);
        provenance.insert(HELD_OUT_ACCURACY.into(), "0.98".into());
        assert_eq!(on(&provenance, false), [held, held, test, test]);
        assert_eq!(on(&provenance, true), [held, held, "test images", now]);
        let errors = Errors::new(&provenance, &packed(false));
        assert!(!errors.is_of(&History::default()));
    }
}
