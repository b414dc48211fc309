"""The Thresh engine as a LiteX core.

Emit the Verilog first:  thresh verilog --config ulx3s-25f --wishbone -o wishbone_engine.v

In a SoC:

    from litex_thresh import Thresh
    ...
    self.thresh = Thresh(platform, "wishbone_engine.v")
    self.bus.add_slave("thresh", self.thresh.bus, SoCRegion(origin=0x9000_0000, size=Thresh.SIZE, cached=False))

The registers are those of docs/registers.md, at that origin. The engine has no interrupt: poll STATUS.
"""

from migen import ClockSignal, Instance, Module, ResetSignal

from litex.soc.interconnect import wishbone


class Thresh(Module):
    """An engine behind one Wishbone slave, `bus`, in the clock domain `sys`."""

    # Bytes of the register map.
    SIZE = 1 << 20

    def __init__(self, platform, verilog):
        self.bus = bus = wishbone.Interface(data_width=32, address_width=32, addressing="word")
        self.specials += Instance(
            "wishbone_engine",
            i_clock=ClockSignal(),
            i_wb_rst_i=ResetSignal(),
            i_wb_cyc_i=bus.cyc,
            i_wb_stb_i=bus.stb,
            i_wb_we_i=bus.we,
            i_wb_adr_i=bus.adr[:18],
            i_wb_sel_i=bus.sel,
            i_wb_dat_i=bus.dat_w,
            o_wb_ack_o=bus.ack,
            o_wb_err_o=bus.err,
            o_wb_dat_o=bus.dat_r,
        )
        platform.add_source(str(verilog))
