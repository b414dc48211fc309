//! Prints the verdicts on cases that `scripts/import_cases` has made.

use anyhow::{Result, ensure};
use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use thresh_cases::{Case, Verdict, case, table};

/// Imports, packs and compares the cases below a folder; status 3 if one is not as expected.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where `scripts/import_cases` laid them.
    folder: PathBuf,
    /// Only cases whose name holds one of these.
    #[arg(long, value_name = "PART")]
    only: Vec<String>,
    /// Print what is not as expected alone, and images further away than onnxruntime's.
    #[arg(long)]
    faults: bool,
    /// Write the table of all verdicts there.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut judged = Vec::new();
    let mut unread = 0;
    for path in case::find(&arguments.folder)? {
        let case = match Case::read(&path) {
            Ok(case) => case,
            Err(error) => {
                unread += 1;
                println!("NOT {}: {error:#}", path.display());
                continue;
            }
        };
        let only = &arguments.only;
        if !only.is_empty() && !only.iter().any(|part| case.name.contains(part)) {
            continue;
        }
        let verdict = Verdict::of(&case);
        let fault = verdict.fault(&case);
        if fault.is_some() || verdict.is_further() || !arguments.faults {
            println!("{}", table::line(&case, &verdict, fault.as_deref()));
        }
        judged.push((case, verdict));
    }
    ensure!(
        !judged.is_empty(),
        "{}: got no case, expected some; make them: scripts/import_cases",
        arguments.folder.display()
    );
    let faults = judged
        .iter()
        .filter(|(case, verdict)| verdict.fault(case).is_some())
        .count()
        + unread;
    let further = judged.iter().filter(|(_, verdict)| verdict.is_further());
    println!(
        "{} cases, {faults} not as expected, {} images further away than onnxruntime's",
        judged.len(),
        further.count()
    );
    if let Some(path) = arguments.markdown {
        std::fs::write(path, table::markdown(&judged))?;
    }
    Ok(if faults == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(3)
    })
}
