use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Largest activation of a pool window, in one PE: one activation a cycle, latency 1.
///
/// `largest` is the largest since the last `first`, that one included. With `MAPS` 0 there are no pools, and
/// `largest` is `value` in the same cycle. `B` bits of an activation.
#[derive(LogicBlock)]
pub struct Pool<const B: usize, const MAPS: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// `value` begins a window.
    pub first: Signal<In, Bit>,
    /// Activations are unsigned.
    pub relu: Signal<In, Bit>,
    /// An activation.
    pub value: Signal<In, Bits<B>>,
    /// The largest so far.
    pub largest: Signal<Out, Bits<B>>,
    best: DFF<Bits<B>>,
    best_order: Signal<Local, Bits<B>>,
    value_order: Signal<Local, Bits<B>>,
    maps: Literal<2, MAPS>,
    sign: Constant<Bits<B>>,
}

impl<const B: usize, const MAPS: usize> Default for Pool<B, MAPS> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            first: Default::default(),
            relu: Default::default(),
            value: Default::default(),
            largest: Default::default(),
            best: Default::default(),
            best_order: Default::default(),
            value_order: Default::default(),
            maps: Default::default(),
            sign: Constant::new((1u64 << (B - 1)).into()),
        }
    }
}

impl<const B: usize, const MAPS: usize> Logic for Pool<B, MAPS> {
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
