//! Runs the flow on a file: `cargo run --release -p thresh-fpga --example synthesise -- BOARD FILE.v FOLDER [SEEDS]`.

use std::path::Path;
use std::process::ExitCode;

use thresh_fpga::{Board, FlowError, Options, Report, block_table, synthesise};
use thresh_regs::Config;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [board, file, folder, seeds @ ..] = &args[..] else {
        eprintln!("usage: synthesise BOARD FILE.v FOLDER [SEEDS]");
        return ExitCode::FAILURE;
    };
    let Some(board) = Board::named(board) else {
        eprintln!("no board is called {board:?}");
        return ExitCode::FAILURE;
    };
    let seeds = seeds
        .first()
        .and_then(|seeds| seeds.parse().ok())
        .unwrap_or(1);
    match run(board, Path::new(file), folder, seeds) {
        Ok(report) => {
            println!("{report}");
            for claim in Config::named(board.name)
                .map(|config| report.claims(config))
                .unwrap_or_default()
            {
                println!(
                    "  {:<5} {}: {}",
                    if claim.holds { "true" } else { "FALSE" },
                    claim.text,
                    claim.got
                );
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            match error {
                FlowError::TimingMissed { report, .. } => eprintln!("{report}"),
                FlowError::DoesNotFit { blocks, .. } => eprintln!("{}", block_table(&blocks)),
                _ => {}
            }
            ExitCode::FAILURE
        }
    }
}

fn run(board: &'static Board, file: &Path, folder: &str, seeds: u32) -> Result<Report, FlowError> {
    let verilog = std::fs::read_to_string(file).map_err(|source| FlowError::Io {
        action: "read",
        path: file.into(),
        source,
    })?;
    let options = Options {
        seeds,
        pack: true,
        ..Options::new(folder)
    };
    synthesise(board, &verilog, &options, &mut |p| {
        eprintln!("{}/{} {}", p.done, p.total, p.doing)
    })
}
