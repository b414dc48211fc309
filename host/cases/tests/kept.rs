//! Small files of every exporter, kept by `scripts/import_cases --fixtures`.

use std::path::Path;
use thresh_cases::case::{Expect, find};
use thresh_cases::{Case, TOLERANCE, Verdict};

/// Largest root mean square of the image's errors, as a share of the largest output.
const IMAGE: f32 = 0.03;

#[test]
fn files_of_every_exporter_are_right_or_refused_by_name() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let paths = find(&folder).unwrap();
    assert!(paths.len() >= 24, "{} files", paths.len());
    let mut wrong = Vec::new();
    let mut refused = 0;
    for path in &paths {
        let case = Case::read(path).unwrap();
        let verdict = Verdict::of(&case);
        if let Some(fault) = verdict.fault(&case) {
            wrong.push(format!("{}: {fault}", case.name));
        }
        if let Verdict::Taken { float, image } = &verdict {
            assert!(*float <= TOLERANCE || !wrong.is_empty());
            match image {
                Ok(errors) if errors.image <= IMAGE * errors.largest => {}
                other => wrong.push(format!("{}: {other:?}", case.name)),
            }
        }
        refused += usize::from(case.about.expect == Expect::Refused);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(refused, 2);
}

#[test]
fn a_case_of_other_outputs_is_wrong() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut case = Case::read(&folder.join("torch-dilated-2-dynamo.json")).unwrap();
    case.inputs.reverse();
    let fault = Verdict::of(&case).fault(&case).unwrap();
    assert!(fault.starts_with("float error"), "{fault}");
    case.about.expect = Expect::Refused;
    let fault = Verdict::of(&case).fault(&case).unwrap();
    assert!(fault.starts_with("taken"), "{fault}");

    let mut case = Case::read(&folder.join("torch-not-gelu-dynamo.json")).unwrap();
    assert_eq!(Verdict::of(&case).fault(&case), None);
    case.about.refused = Some(vec!["LSTM".into()]);
    let fault = Verdict::of(&case).fault(&case).unwrap();
    assert!(fault.starts_with("refused without LSTM"), "{fault}");
    case.about.expect = Expect::Taken;
    assert!(Verdict::of(&case).fault(&case).is_some());
}
