use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Wishbone B4 slave, classic cycles, in front of the engine's bus.
///
/// The engine does an access that it has begun, and wants its inputs to hold meanwhile. A Wishbone master may give up, or reset
/// the bus, at any time; so the access is kept here, done once, and answered only if the master has waited for it. An access to a
/// part of a word is answered by `wb_err_o` and does not reach the engine. An answer comes two cycles later than the engine's own.
#[derive(LogicBlock, Default)]
pub struct Slave {
    /// Clock of bus and engine.
    pub clock: Signal<In, Clock>,
    /// Resets the bus, not the engine: that is a bit of register `CONTROL`.
    pub wb_rst_i: Signal<In, Bit>,
    /// A cycle is under way.
    pub wb_cyc_i: Signal<In, Bit>,
    /// An access is asked for.
    pub wb_stb_i: Signal<In, Bit>,
    /// It is a write.
    pub wb_we_i: Signal<In, Bit>,
    /// Its word address.
    pub wb_adr_i: Signal<In, Bits<18>>,
    /// Bytes of the word that are meant: all.
    pub wb_sel_i: Signal<In, Bits<4>>,
    /// Value to write.
    pub wb_dat_i: Signal<In, Bits<32>>,
    /// The access is done.
    pub wb_ack_o: Signal<Out, Bit>,
    /// The access is refused.
    pub wb_err_o: Signal<Out, Bit>,
    /// Value read, with `wb_ack_o`.
    pub wb_dat_o: Signal<Out, Bits<32>>,
    /// An access is asked for of the engine.
    pub strobe: Signal<Out, Bit>,
    /// It is a write.
    pub write_enable: Signal<Out, Bit>,
    /// Its word address.
    pub address: Signal<Out, Bits<18>>,
    /// Value to write.
    pub write_data: Signal<Out, Bits<32>>,
    /// The engine's access ends in this cycle.
    pub ack: Signal<In, Bit>,
    /// Value read, when `ack`.
    pub read_data: Signal<In, Bits<32>>,
    running: DFF<Bit>,
    // Nobody waits for the answer any more.
    gone: DFF<Bit>,
    is_write: DFF<Bit>,
    at: DFF<Bits<18>>,
    value: DFF<Bits<32>>,
    done: DFF<Bit>,
    refused: DFF<Bit>,
    wants: Signal<Local, Bit>,
    whole: Literal<4, 15>,
}

impl Logic for Slave {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self, clock, running, gone, is_write, at, value, done, refused
        );
        self.wants.next = self.wb_cyc_i.val() & self.wb_stb_i.val() & !self.wb_rst_i.val();
        self.done.d.next = false;
        self.refused.d.next = false;
        if self.running.q.val() {
            self.gone.d.next = self.gone.q.val() | !self.wants.val();
            if self.ack.val() {
                self.running.d.next = false;
                self.done.d.next = self.wants.val() & !self.gone.q.val();
                self.value.d.next = self.read_data.val();
            }
        } else {
            if self.wants.val() & !self.done.q.val() & !self.refused.q.val() {
                if self.wb_sel_i.val() == self.whole.val() {
                    self.running.d.next = true;
                    self.gone.d.next = false;
                    self.is_write.d.next = self.wb_we_i.val();
                    self.at.d.next = self.wb_adr_i.val();
                    self.value.d.next = self.wb_dat_i.val();
                } else {
                    self.refused.d.next = true;
                }
            }
        }
        self.strobe.next = self.running.q.val();
        self.write_enable.next = self.is_write.q.val();
        self.address.next = self.at.q.val();
        self.write_data.next = self.value.q.val();
        self.wb_ack_o.next = self.done.q.val() & self.wb_cyc_i.val() & self.wb_stb_i.val();
        self.wb_err_o.next = self.refused.q.val() & self.wb_cyc_i.val() & self.wb_stb_i.val();
        self.wb_dat_o.next = self.value.q.val();
    }
}
