//! Holds what the engine says against the reference, and against itself.

use thresh_driver::{Counters, Inference, Profile};
use thresh_model::Outputs;

/// Logits that differ from the reference.
pub fn wrong_logits(got: &Inference, expected: &Outputs) -> usize {
    let (got, expected) = (&got.logits, &expected.logits);
    let pairs = got.iter().zip(expected);
    pairs.filter(|(got, expected)| got != expected).count() + got.len().abs_diff(expected.len())
}

/// The first thing in which an inference differs from the reference or its counters contradict each
/// other.
pub fn difference(got: &Inference, expected: &Outputs, num_pes: usize) -> Option<String> {
    let (logits, right) = (&got.logits, &expected.logits);
    if logits.len() != right.len() {
        return Some(format!(
            "got {} logits, expected {}",
            logits.len(),
            right.len()
        ));
    }
    if let Some(i) = (0..logits.len()).find(|&i| logits[i] != right[i]) {
        return Some(format!("logit {i} is {}, expected {}", logits[i], right[i]));
    }
    let (macs, right) = (got.counters.macs, expected.macs.iter().sum::<u64>());
    if macs != right {
        return Some(format!("the engine counts {macs} MACs, expected {right}"));
    }
    contradiction(&got.counters, num_pes)
}

/// Why counters cannot be right: the phases are the whole run, and a PE does one thing in a cycle.
fn contradiction(c: &Counters, num_pes: usize) -> Option<String> {
    let phases = c.fetch_cycles + c.scan_cycles + c.flush_cycles + c.drain_cycles;
    let did = c.macs + c.starved + c.seeking;
    let could = num_pes as u64 * (c.scan_cycles + c.flush_cycles);
    if phases != c.cycles {
        Some(format!(
            "fetch, scan, flush and drain are {phases} cycles, expected {}",
            c.cycles
        ))
    } else if did != could {
        Some(format!(
            "MACs, starved and seeking are {did} PE cycles, expected {could}"
        ))
    } else {
        None
    }
}

/// The first thing in which an inference that was run pass by pass differs from `whole`, the same
/// one run at once, or from the reference. With `ahead` runs were loaded beside others in `whole`.
pub fn profile_difference(
    profile: &Profile,
    whole: &Inference,
    expected: &Outputs,
    ahead: bool,
) -> Option<String> {
    let stepped = &profile.inference;
    // Loads beside runs cost cycles, and the profile is taken without any.
    let of = |inference: &Inference| (inference.class, inference.counters.macs);
    let same = if ahead {
        stepped.logits == whole.logits && of(stepped) == of(whole)
    } else {
        stepped == whole
    };
    if !same {
        return Some(format!(
            "run pass by pass it gives {stepped:?}, run at once {whole:?}"
        ));
    }
    let macs: Vec<u64> = profile
        .passes
        .iter()
        .map(|counters| counters.macs)
        .collect();
    let right = &expected.macs;
    (macs != *right).then(|| format!("the passes count {macs:?} MACs, expected {right:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> (Inference, Outputs) {
        let counters = Counters {
            cycles: 10,
            fetch_cycles: 1,
            scan_cycles: 4,
            flush_cycles: 2,
            drain_cycles: 3,
            macs: 5,
            starved: 4,
            seeking: 3,
            ..Counters::default()
        };
        let got = Inference {
            logits: vec![-1, 7],
            class: 1,
            counters,
        };
        (
            got,
            Outputs {
                logits: vec![-1, 7],
                acts: vec![],
                macs: vec![2, 3],
            },
        )
    }

    #[test]
    fn every_kind_of_difference_is_found() {
        type Change = fn(&mut Inference);
        let cases: [(Change, &str, usize); 6] = [
            (|_| {}, "", 0),
            (|got| got.logits[1] = 8, "logit 1 is 8, expected 7", 1),
            (|got| got.logits.truncate(1), "got 1 logits, expected 2", 1),
            (|got| got.counters.macs = 6, "counts 6 MACs, expected 5", 0),
            (
                |got| got.counters.drain_cycles = 4,
                "are 11 cycles, expected 10",
                0,
            ),
            (
                |got| got.counters.starved = 5,
                "are 13 PE cycles, expected 12",
                0,
            ),
        ];
        for (change, text, wrong) in cases {
            let (mut got, expected) = good();
            change(&mut got);
            let found = difference(&got, &expected, 2).unwrap_or_default();
            assert_eq!(found.is_empty(), text.is_empty(), "{found}");
            assert!(found.contains(text), "{found}");
            assert_eq!(wrong_logits(&got, &expected), wrong, "{found}");
        }
    }

    #[test]
    fn a_run_pass_by_pass_must_be_the_run_at_once() {
        let (got, expected) = good();
        let pass = |macs| Counters {
            macs,
            ..Counters::default()
        };
        let profile = |inference: &Inference, macs: [u64; 2]| Profile {
            inference: inference.clone(),
            passes: macs.map(pass).to_vec(),
        };
        assert_eq!(
            profile_difference(&profile(&got, [2, 3]), &got, &expected, false),
            None
        );
        let swapped = profile_difference(&profile(&got, [3, 2]), &got, &expected, false).unwrap();
        assert!(
            swapped.contains("[3, 2] MACs, expected [2, 3]"),
            "{swapped}"
        );
        let mut other = got.clone();
        other.counters.cycles += 1;
        let slower = profile_difference(&profile(&other, [2, 3]), &got, &expected, false).unwrap();
        assert!(slower.contains("pass by pass"), "{slower}");
        let ahead = profile_difference(&profile(&other, [2, 3]), &got, &expected, true);
        assert_eq!(ahead, None);
        other.logits[0] = 1;
        let wrong = profile_difference(&profile(&other, [2, 3]), &got, &expected, true).unwrap();
        assert!(wrong.contains("pass by pass"), "{wrong}");
    }
}
