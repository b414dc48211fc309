//! Which models are made.

use crate::blocks::BLOCKS;
use thresh_hw::Module;
use thresh_regs::{Config, uart};

/// A model to make.
pub struct Model {
    /// Its name in `thresh_sim::Model::new`.
    pub name: String,
    /// What it is made of.
    pub module: Module,
}

/// Every model, those that take longest to compile first.
pub fn models() -> Vec<Model> {
    let mut configs: Vec<_> = thresh_regs::CONFIGS
        .iter()
        .filter(|config| thresh_hw::is_built(config))
        .collect();
    configs.sort_by_key(|config| std::cmp::Reverse(config.num_pes));
    let mut models: Vec<Model> = configs
        .into_iter()
        .map(|config| Model {
            name: config.name.into(),
            module: thresh_hw::configuration(config),
        })
        .collect();
    models.extend(uart::SIMULATED.map(with_pins));
    models.extend(BLOCKS.iter().map(|(name, emit)| Model {
        name: (*name).into(),
        module: emit(name),
    }));
    models.push(broken(&models));
    models
}

/// An engine with its bridge, from the serial pins on.
fn with_pins(name: &str) -> Model {
    let config = Config::named(name).expect("a configuration");
    let module = thresh_hw::uart::uart_engine(config, uart::CLOCK_HZ, uart::BAUD);
    Model {
        name: uart::model_name(name),
        module: module.unwrap_or_else(|error| panic!("{error}")),
    }
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
    Model {
        name: "broken_block_ram".into(),
        module,
    }
}
