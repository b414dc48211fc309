use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Largest activation of a pool window, in one PE: one activation a cycle, latency 1.
///
/// `largest` is the largest since the last `first`, that one included. With `MAPS` 0 there are no pools, and
/// `largest` is `value` in the same cycle.
#[derive(LogicBlock, Default)]
pub struct Pool<const MAPS: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// `value` begins a window.
    pub first: Signal<In, Bit>,
    /// Activations are unsigned.
    pub relu: Signal<In, Bit>,
    /// An activation.
    pub value: Signal<In, Bits<8>>,
    /// The largest so far.
    pub largest: Signal<Out, Bits<8>>,
    best: DFF<Bits<8>>,
    best_order: Signal<Local, Bits<8>>,
    value_order: Signal<Local, Bits<8>>,
    maps: Literal<2, MAPS>,
    sign: Literal<8, 128>,
}

impl<const MAPS: usize> Logic for Pool<MAPS> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, best);
        // With its sign bit turned, a signed number compares as an unsigned one.
        self.best_order.next = self.best.q.val();
        self.value_order.next = self.value.val();
        if !self.relu.val() {
            self.best_order.next = self.best.q.val() ^ self.sign.val();
            self.value_order.next = self.value.val() ^ self.sign.val();
        }
        if self.first.val() | (self.value_order.val() > self.best_order.val()) {
            self.best.d.next = self.value.val();
        }
        self.largest.next = self.value.val();
        if self.maps.val().get_bit(0) {
            self.largest.next = self.best.q.val();
        }
    }
}
