//! Prints the Verilog of a configuration, or of the PCIe endpoint: `cargo run -p thresh-hw --bin emit -- ulx3s-25f`.

use std::process::ExitCode;
use thresh_hw::pcie::Endpoint;
use thresh_regs::{CONFIGS, Config};

/// The name of what is no configuration.
const ENDPOINT: &str = "pcie-endpoint";

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    if name == ENDPOINT {
        print!(
            "{}",
            thresh_hw::emit("endpoint", Endpoint::default()).verilog
        );
        return ExitCode::SUCCESS;
    }
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
                "no configuration is called {name:?}; give one of: {}, {ENDPOINT}",
                names.join(", ")
            );
            ExitCode::FAILURE
        }
    }
}
