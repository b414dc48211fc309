//! Verdicts as lines and as the table of `docs/import-cases.md`.

use crate::case::Case;
use crate::verdict::{Errors, Verdict};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const HEAD: &str = "\
# Files of exporters

What becomes of the files that `scripts/import_cases` makes: small networks with random weights, each written by an exporter that people
use, and each about one form of graph. Made anew by

    scripts/import_cases --markdown docs/import-cases.md

| column | meaning |
|---|---|
| files | how many there are |
| taken | imported, and right: the float network differs from what the exporter's runtime computes by at most 10^-4, of outputs above 1 by that share of them |
| float | the largest such difference |
| image | root mean square of the differences of the packed image's outputs (8 bits a weight, `ulx3s-85f`) to the float model's, by those of onnxruntime's static int8 on the same inputs: median and largest over the files; of quantised models by their own. Below 1 the image is nearer |
| further | images with a larger error than onnxruntime's; listed below |
| refused | refused by the name of what is missing, as they should be |
| other | not as they should be: wrong, or refused; listed below |

";

/// A line about one case.
pub fn line(case: &Case, verdict: &Verdict, fault: Option<&str>) -> String {
    let mark = match (fault, verdict.is_further()) {
        (Some(_), _) => "NOT",
        (None, true) => "far",
        (None, false) => "ok ",
    };
    let rest = match (fault, verdict) {
        (Some(fault), _) => fault.to_string(),
        (None, Verdict::Refused(why)) => format!("refused: {why}"),
        (None, Verdict::Taken { float, image }) => {
            let image = match image {
                Ok(errors) => errors_text(errors),
                Err(why) => why.clone(),
            };
            format!("float {float:.1e}, image {image}")
        }
    };
    format!("{mark} {}: {rest}", case.name)
}

fn errors_text(errors: &Errors) -> String {
    let other = errors
        .onnxruntime
        .map_or("nothing".into(), |error| format!("{error:.4}"));
    format!(
        "{:.4} against {other} of {:.2}",
        errors.image, errors.largest
    )
}

/// What is counted in a row.
#[derive(Default)]
struct Row {
    files: usize,
    taken: usize,
    refused: usize,
    further: usize,
    other: usize,
    float: f32,
    ratios: Vec<f32>,
}

/// The document.
pub fn markdown(judged: &[(Case, Verdict)]) -> String {
    let mut rows: BTreeMap<(String, String), Row> = BTreeMap::new();
    let mut other = String::new();
    let mut further = String::new();
    let mut all = Row::default();
    for (case, verdict) in judged {
        let row = rows
            .entry((case.about.exporter.clone(), case.about.form.clone()))
            .or_default();
        let fault = verdict.fault(case);
        for row in [row, &mut all] {
            row.add(verdict, fault.is_some());
        }
        if let (
            None,
            Verdict::Taken {
                image: Ok(errors), ..
            },
        ) = (&fault, verdict)
            && !errors.holds()
        {
            let _ = writeln!(further, "| `{}` | {} |", case.name, errors_text(errors));
        }
        if let Some(fault) = fault {
            let fault: String = fault.chars().take(300).collect();
            let _ = writeln!(other, "| `{}` | {} |", case.name, fault.replace('|', "\\|"));
        }
    }
    let mut text = HEAD.to_string();
    text += "| exporter | form | files | taken | float | image | further | refused | other |\n|---|---|---|---|---|---|---|---|---|\n";
    for ((exporter, form), row) in &mut rows {
        let _ = writeln!(text, "| {exporter} | {form} | {} |", row.text());
    }
    let _ = writeln!(text, "| all | | {} |", all.text());
    for (title, lines) in [
        ("Images further away", further),
        ("Not as they should be", other),
    ] {
        if !lines.is_empty() {
            let _ = write!(
                text,
                "\n## {title}\n\n| case | verdict |\n|---|---|\n{lines}"
            );
        }
    }
    text
}

impl Row {
    fn add(&mut self, verdict: &Verdict, fault: bool) {
        self.files += 1;
        self.other += usize::from(fault);
        self.further += usize::from(!fault && verdict.is_further());
        match verdict {
            Verdict::Refused(_) => self.refused += usize::from(!fault),
            Verdict::Taken { float, image } => {
                self.taken += usize::from(!fault);
                // What is wrong is listed; it would hide what is right.
                if !fault {
                    self.float = self.float.max(*float);
                }
                if let Ok(Errors {
                    image,
                    onnxruntime: Some(other),
                    ..
                }) = image
                    && *other > 0.0
                {
                    self.ratios.push(image / other);
                }
            }
        }
    }

    fn text(&mut self) -> String {
        self.ratios.sort_by(f32::total_cmp);
        let image = match (self.ratios.get(self.ratios.len() / 2), self.ratios.last()) {
            (Some(median), Some(most)) => format!("{median:.2}, {most:.2}"),
            _ => String::new(),
        };
        let float = match self.taken {
            0 => String::new(),
            _ => format!("{:.0e}", self.float),
        };
        format!(
            "{} | {} | {float} | {image} | {} | {} | {}",
            self.files, self.taken, self.further, self.refused, self.other
        )
    }
}
