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
