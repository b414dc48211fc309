use super::Slave;
use crate::emit::{Module, emit};
use crate::link::join;
use thresh_regs::Config;

/// Name of the outermost module.
pub const TOP: &str = "wishbone_engine";

/// The engine of `config` as a Wishbone slave: module `wishbone_engine` with `clock` and the pins `wb_*` of [`Slave`].
///
/// # Panics
/// If this build has no engine of `config`, see [`crate::is_built`].
pub fn wishbone_engine(config: &Config) -> Module {
    let slave = emit("slave", Slave::default());
    join(TOP, config, &slave, &[], "a Wishbone slave")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_of_litex_names_the_pins() {
        let core = include_str!("../../../fpga/soc/litex_thresh.py");
        let config = Config::named("tiny").expect("a configuration");
        let mut pins: Vec<String> = wishbone_engine(config)
            .ports
            .iter()
            .map(|port| format!("{}_{}", if port.input { 'i' } else { 'o' }, port.name))
            .collect();
        let mut named: Vec<String> = core
            .lines()
            .filter_map(|line| line.trim().split_once('='))
            .map(|(name, _)| name.to_owned())
            .filter(|name| name.starts_with("i_") || name.starts_with("o_"))
            .collect();
        pins.sort();
        named.sort();
        assert_eq!(named, pins);
        assert!(core.contains(&format!("\"{TOP}\"")));
        let size = format!("SIZE = 1 << {}\n", thresh_regs::ADDRESS_BITS);
        assert!(core.contains(&size), "no {size}");
    }
}
