//! Prints the Verilog of a configuration: `cargo run -p thresh-hw --bin emit -- ulx3s-25f`.

use std::process::ExitCode;
use thresh_regs::{CONFIGS, Config};

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    match Config::named(&name) {
        Some(config) if !thresh_hw::is_built(config) => {
            eprintln!("{}", thresh_hw::not_built(config));
            ExitCode::FAILURE
        }
        Some(config) => {
            print!("{}", thresh_hw::configuration(config).verilog);
            ExitCode::SUCCESS
        }
        None => {
            let names: Vec<&str> = CONFIGS.iter().map(|c| c.name).collect();
            eprintln!(
                "no configuration is called {name:?}; give one of: {}",
                names.join(", ")
            );
            ExitCode::FAILURE
        }
    }
}
