//! The engine as a Wishbone B4 slave, for those who put it into a SoC of their own. `docs/wishbone.md` tells how.

mod slave;
mod top;

pub use slave::Slave;
pub use top::{TOP, wishbone_engine};
