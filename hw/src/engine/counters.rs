use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Performance counters, 32 bits each, wrapping, cleared by `clear`. Latency 3.
///
/// `N` PEs, `M = max(N, 2)`.
#[derive(LogicBlock, Default)]
pub struct Counters<const N: usize, const M: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Sets all counters to zero.
    pub clear: Signal<In, Bit>,
    /// A descriptor is fetched.
    pub fetching: Signal<In, Bit>,
    /// Activations are scanned and broadcast.
    pub scanning: Signal<In, Bit>,
    /// The PEs finish.
    pub flushing: Signal<In, Bit>,
    /// Accumulators are drained.
    pub draining: Signal<In, Bit>,
    /// PEs that begin a multiply-accumulate, a bit a PE.
    pub macs: Signal<In, Bits<M>>,
    /// PEs with work but no entry, a bit a PE.
    pub seeking: Signal<In, Bits<M>>,
    /// A token is sent.
    pub sent: Signal<In, Bit>,
    /// A token waits for a full FIFO.
    pub stalled: Signal<In, Bit>,
    /// Cycles of all four phases.
    pub cycles: Signal<Out, Bits<32>>,
    /// Cycles of `fetching`.
    pub fetch_cycles: Signal<Out, Bits<32>>,
    /// Cycles of `scanning`.
    pub scan_cycles: Signal<Out, Bits<32>>,
    /// Cycles of `flushing`.
    pub flush_cycles: Signal<Out, Bits<32>>,
    /// Cycles of `draining`.
    pub drain_cycles: Signal<Out, Bits<32>>,
    /// Sum of `macs` while scanning or flushing.
    pub mac_count: Signal<Out, Bits<32>>,
    /// PE cycles of scanning and flushing that are neither.
    pub starved: Signal<Out, Bits<32>>,
    /// Sum of `seeking` while scanning or flushing.
    pub seek_count: Signal<Out, Bits<32>>,
    /// Cycles of `sent`.
    pub broadcasts: Signal<Out, Bits<32>>,
    /// Cycles of `stalled`.
    pub fifo_stalls: Signal<Out, Bits<32>>,
    fetching1: DFF<Bit>,
    scanning1: DFF<Bit>,
    flushing1: DFF<Bit>,
    draining1: DFF<Bit>,
    sent1: DFF<Bit>,
    stalled1: DFF<Bit>,
    macs1: DFF<Bits<7>>,
    seeking1: DFF<Bits<7>>,
    active1: DFF<Bit>,
    starved2: DFF<Bits<7>>,
    mac_sum: Signal<Local, Bits<7>>,
    seek_sum: Signal<Local, Bits<7>>,
    idle_sum: Signal<Local, Bits<7>>,
    total: DFF<Bits<32>>,
    fetches: DFF<Bits<32>>,
    scans: DFF<Bits<32>>,
    flushes: DFF<Bits<32>>,
    drains: DFF<Bits<32>>,
    mac_total: DFF<Bits<32>>,
    idle_total: DFF<Bits<32>>,
    seek_total: DFF<Bits<32>>,
    sent_total: DFF<Bits<32>>,
    stall_total: DFF<Bits<32>>,
    one: Literal<32, 1>,
    zero: Literal<32, 0>,
    unit: Signal<Local, Bits<7>>,
    none: Literal<7, 0>,
    one_pe: Literal<7, 1>,
    pes: Literal<7, N>,
}

impl<const N: usize, const M: usize> Logic for Counters<N, M> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            fetching1,
            scanning1,
            flushing1,
            draining1,
            sent1,
            stalled1,
            macs1,
            seeking1,
            active1,
            starved2,
            total,
            fetches,
            scans,
            flushes,
            drains,
            mac_total,
            idle_total,
            seek_total,
            sent_total,
            stall_total
        );
        self.mac_sum.next = self.none.val();
        self.seek_sum.next = self.none.val();
        for i in 0..N {
            self.unit.next = self.none.val();
            if self.macs.val().get_bit(i) {
                self.unit.next = self.one_pe.val();
            }
            self.mac_sum.next = self.mac_sum.val() + self.unit.val();
            self.unit.next = self.none.val();
            if self.seeking.val().get_bit(i) {
                self.unit.next = self.one_pe.val();
            }
            self.seek_sum.next = self.seek_sum.val() + self.unit.val();
        }
        self.idle_sum.next = self.pes.val() - self.macs1.q.val() - self.seeking1.q.val();
        self.active1.d.next = self.scanning.val() | self.flushing.val();
        self.fetching1.d.next = self.fetching.val();
        self.scanning1.d.next = self.scanning.val();
        self.flushing1.d.next = self.flushing.val();
        self.draining1.d.next = self.draining.val();
        self.sent1.d.next = self.sent.val();
        self.stalled1.d.next = self.stalled.val();
        self.macs1.d.next = self.none.val();
        self.seeking1.d.next = self.none.val();
        self.starved2.d.next = self.none.val();
        if self.active1.q.val() {
            self.starved2.d.next = self.idle_sum.val();
        }
        if self.scanning.val() | self.flushing.val() {
            self.macs1.d.next = self.mac_sum.val();
            self.seeking1.d.next = self.seek_sum.val();
        }

        if self.fetching1.q.val()
            | self.scanning1.q.val()
            | self.flushing1.q.val()
            | self.draining1.q.val()
        {
            self.total.d.next = self.total.q.val() + self.one.val();
        }
        if self.fetching1.q.val() {
            self.fetches.d.next = self.fetches.q.val() + self.one.val();
        }
        if self.scanning1.q.val() {
            self.scans.d.next = self.scans.q.val() + self.one.val();
        }
        if self.flushing1.q.val() {
            self.flushes.d.next = self.flushes.q.val() + self.one.val();
        }
        if self.draining1.q.val() {
            self.drains.d.next = self.drains.q.val() + self.one.val();
        }
        if self.sent1.q.val() {
            self.sent_total.d.next = self.sent_total.q.val() + self.one.val();
        }
        if self.stalled1.q.val() {
            self.stall_total.d.next = self.stall_total.q.val() + self.one.val();
        }
        self.mac_total.d.next = self.mac_total.q.val() + bit_cast::<32, 7>(self.macs1.q.val());
        self.seek_total.d.next = self.seek_total.q.val() + bit_cast::<32, 7>(self.seeking1.q.val());
        self.idle_total.d.next = self.idle_total.q.val() + bit_cast::<32, 7>(self.starved2.q.val());
        if self.clear.val() {
            self.total.d.next = self.zero.val();
            self.fetches.d.next = self.zero.val();
            self.scans.d.next = self.zero.val();
            self.flushes.d.next = self.zero.val();
            self.drains.d.next = self.zero.val();
            self.sent_total.d.next = self.zero.val();
            self.stall_total.d.next = self.zero.val();
            self.mac_total.d.next = self.zero.val();
            self.seek_total.d.next = self.zero.val();
            self.idle_total.d.next = self.zero.val();
        }
        self.cycles.next = self.total.q.val();
        self.fetch_cycles.next = self.fetches.q.val();
        self.scan_cycles.next = self.scans.q.val();
        self.flush_cycles.next = self.flushes.q.val();
        self.drain_cycles.next = self.drains.q.val();
        self.mac_count.next = self.mac_total.q.val();
        self.starved.next = self.idle_total.q.val();
        self.seek_count.next = self.seek_total.q.val();
        self.broadcasts.next = self.sent_total.q.val();
        self.fifo_stalls.next = self.stall_total.q.val();
    }
}
