//! The Wishbone slave: accesses of all kinds, given up now and then.

use crate::blocks::*;
use crate::harness::{Lockstep, dut};

const CYCLES: u64 = 20_000;

#[test]
fn wishbone_slave() {
    let ports = dut!(
        WishboneSlave, clock,
        in [wb_rst_i, wb_cyc_i, wb_stb_i, wb_we_i, wb_adr_i, wb_sel_i, wb_dat_i, ack, read_data],
        out [wb_ack_o, wb_err_o, wb_dat_o, strobe, write_enable, address, write_data]
    );
    Lockstep::new("wishbone_slave", ports).run_with(CYCLES, |inputs| {
        for (name, rarely) in [("wb_cyc_i", 30), ("wb_stb_i", 20)] {
            let up = !inputs.once_in(rarely);
            inputs.set(name, up.into());
        }
        let part = match inputs.once_in(8) {
            true => inputs.below(16),
            false => 15,
        };
        inputs.set("wb_sel_i", part);
        let reset = inputs.once_in(200);
        inputs.set("wb_rst_i", reset.into());
    });
}
