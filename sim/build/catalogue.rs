//! Which models are made.

use crate::blocks::BLOCKS;
use std::path::{Path, PathBuf};
use thresh_hw::Module;
use thresh_regs::{Config, uart};

/// A model to make.
pub struct Model {
    /// Its name in `thresh_sim::Model::new`.
    pub name: String,
    /// What it is made of.
    pub module: Module,
    /// What its cells mean, where it is a netlist.
    pub cells: Option<Cells>,
}

/// Verilog of the cells of a netlist.
pub struct Cells {
    /// Their models.
    pub file: PathBuf,
    /// Folder of what that file includes.
    pub include: PathBuf,
}

impl Model {
    fn new(name: &str, module: Module) -> Self {
        Self {
            name: name.into(),
            module,
            cells: None,
        }
    }
}

/// Every model, those that take longest to compile first.
///
/// # Errors
/// What keeps a netlist from being made.
pub fn models(out: &Path) -> Result<Vec<Model>, String> {
    let mut configs: Vec<_> = thresh_regs::CONFIGS
        .iter()
        .filter(|config| thresh_hw::is_built(config))
        .collect();
    configs.sort_by_key(|config| std::cmp::Reverse(config.num_pes));
    let mut models = netlists(out)?;
    let engines = configs.into_iter();
    models.extend(engines.map(|config| Model::new(config.name, thresh_hw::configuration(config))));
    models.extend(uart::SIMULATED.map(with_pins));
    let blocks = BLOCKS.iter();
    models.extend(blocks.map(|(name, emit)| Model::new(name, emit(name))));
    models.push(broken(&models));
    Ok(models)
}

/// An engine with its bridge, from the serial pins on.
fn with_pins(name: &str) -> Model {
    let config = Config::named(name).expect("a configuration");
    let module = thresh_hw::uart::uart_engine(config, uart::CLOCK_HZ, uart::BAUD);
    let module = module.unwrap_or_else(|error| panic!("{error}"));
    Model::new(&uart::model_name(name), module)
}

#[cfg(feature = "netlist")]
use crate::netlist::netlists;

#[cfg(not(feature = "netlist"))]
fn netlists(_: &Path) -> Result<Vec<Model>, String> {
    Ok(vec![])
}

/// A block RAM that takes address 6 for 5 when it writes: the lock-step benches must find it.
fn broken(models: &[Model]) -> Model {
    let mut module = models
        .iter()
        .find(|model| model.name == "block_ram")
        .expect("block_ram is a block")
        .module
        .clone();
    let good = "cells[write_address] <= write_data";
    assert!(
        module.verilog.contains(good),
        "the mutation finds nothing to change"
    );
    module.verilog = module.verilog.replace(
        good,
        "cells[write_address == 6 ? 3'd5 : write_address] <= write_data",
    );
    Model::new("broken_block_ram", module)
}
