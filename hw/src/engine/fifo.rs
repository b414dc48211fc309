use super::Ring;
use crate::primitives::{Literal, LutRam};
use rust_hdl_core::prelude::*;

/// Activation FIFO of one PE: `2^F` tokens of a column, a value, a count of segments and an
/// accumulator base.
///
/// `C` column, `R` accumulator address bits; `V` bits of a value.
/// With `MAPS` 0 the count is always 1 and the base 0, and neither is kept.
/// A token pushed into an empty FIFO can be popped in the next cycle. Push and pop may come
/// together. It does not protect itself: never push when `full` or pop when not `valid`.
#[derive(LogicBlock, Default)]
pub struct Fifo<const F: usize, const C: usize, const R: usize, const V: usize, const MAPS: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Empties the FIFO.
    pub clear: Signal<In, Bit>,
    /// Whether to take a token.
    pub push: Signal<In, Bit>,
    /// Its column pointer index.
    pub push_column: Signal<In, Bits<C>>,
    /// Its activation, two's complement.
    pub push_value: Signal<In, Bits<V>>,
    /// Accumulator address of the column's row 0.
    pub push_base: Signal<In, Bits<R>>,
    /// Segments of the column that it means.
    pub push_count: Signal<In, Bits<4>>,
    /// No room.
    pub full: Signal<Out, Bit>,
    /// Whether to drop the oldest token.
    pub pop: Signal<In, Bit>,
    /// There is a token, and it stands at the next outputs.
    pub valid: Signal<Out, Bit>,
    /// Column pointer index of the oldest token.
    pub column: Signal<Out, Bits<C>>,
    /// Activation of the oldest token.
    pub value: Signal<Out, Bits<V>>,
    /// Accumulator base of the oldest token.
    pub base: Signal<Out, Bits<R>>,
    /// Segments that the oldest token means.
    pub count: Signal<Out, Bits<4>>,
    ring: Ring<F>,
    columns: LutRam<F, C, 0>,
    values: LutRam<F, V, 0>,
    bases: LutRam<F, R, 0>,
    counts: LutRam<F, 4, 0>,
    maps: Literal<2, MAPS>,
    one_segment: Literal<4, 1>,
    zero_base: Literal<R, 0>,
}

impl<const F: usize, const C: usize, const R: usize, const V: usize, const MAPS: usize> Logic
    for Fifo<F, C, R, V, MAPS>
{
    #[hdl_gen]
    fn update(&mut self) {
        self.ring.clock.next = self.clock.val();
        self.ring.clear.next = self.clear.val();
        self.ring.push.next = self.push.val();
        self.ring.pop.next = self.pop.val();
        self.columns.clock.next = self.clock.val();
        self.values.clock.next = self.clock.val();
        self.bases.clock.next = self.clock.val();
        self.counts.clock.next = self.clock.val();
        self.full.next = self.ring.full.val();
        self.valid.next = self.ring.valid.val();
        self.columns.write_address.next = self.ring.tail.val();
        self.values.write_address.next = self.ring.tail.val();
        self.bases.write_address.next = self.ring.tail.val();
        self.counts.write_address.next = self.ring.tail.val();
        self.columns.write_data.next = self.push_column.val();
        self.values.write_data.next = self.push_value.val();
        self.bases.write_data.next = self.push_base.val();
        self.counts.write_data.next = self.push_count.val();
        self.columns.write_enable.next = self.push.val();
        self.values.write_enable.next = self.push.val();
        self.bases.write_enable.next = self.push.val();
        self.counts.write_enable.next = self.push.val();
        self.columns.read_address.next = self.ring.head.val();
        self.values.read_address.next = self.ring.head.val();
        self.bases.read_address.next = self.ring.head.val();
        self.counts.read_address.next = self.ring.head.val();
        self.column.next = self.columns.read_data.val();
        self.value.next = self.values.read_data.val();
        self.base.next = self.zero_base.val();
        self.count.next = self.one_segment.val();
        if self.maps.val().get_bit(0) {
            self.base.next = self.bases.read_data.val();
            self.count.next = self.counts.read_data.val();
        }
    }
}
