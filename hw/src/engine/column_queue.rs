use super::Ring;
use crate::primitives::{Literal, LutRam};
use rust_hdl_core::prelude::*;

/// Queue of `2^F` columns that were found, each a range of entries with its token's value and base.
///
/// A column pushed into an empty queue can be popped in the next cycle. Push and pop may come
/// together. It does not protect itself: never push when `full` or pop when not `valid`.
///
/// `W` store, `C` column, `R` accumulator address bits; `V` bits of a value.
#[derive(LogicBlock, Default)]
pub struct ColumnQueue<
    const F: usize,
    const W: usize,
    const C: usize,
    const R: usize,
    const V: usize,
> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Empties the queue.
    pub clear: Signal<In, Bit>,
    /// Whether to take a column.
    pub push: Signal<In, Bit>,
    /// Its first entry.
    pub push_start: Signal<In, Bits<W>>,
    /// Behind its last entry.
    pub push_end: Signal<In, Bits<W>>,
    /// It has one entry.
    pub push_single: Signal<In, Bit>,
    /// Its activation, two's complement.
    pub push_value: Signal<In, Bits<V>>,
    /// Its accumulator base.
    pub push_base: Signal<In, Bits<R>>,
    /// Its tag.
    pub push_tag: Signal<In, Bits<C>>,
    /// No room.
    pub full: Signal<Out, Bit>,
    /// Whether to drop the oldest column.
    pub pop: Signal<In, Bit>,
    /// There is a column, and it stands at the next outputs.
    pub valid: Signal<Out, Bit>,
    /// First entry of the oldest column.
    pub start: Signal<Out, Bits<W>>,
    /// Behind its last entry.
    pub last: Signal<Out, Bits<W>>,
    /// It has one entry.
    pub single: Signal<Out, Bit>,
    /// Its activation.
    pub value: Signal<Out, Bits<V>>,
    /// Its accumulator base.
    pub base: Signal<Out, Bits<R>>,
    /// Its tag.
    pub tag: Signal<Out, Bits<C>>,
    ring: Ring<F>,
    starts: LutRam<F, W, 0>,
    lasts: LutRam<F, W, 0>,
    singles: LutRam<F, 1, 0>,
    values: LutRam<F, V, 0>,
    bases: LutRam<F, R, 0>,
    tags: LutRam<F, C, 0>,
    single_bit: Signal<Local, Bits<1>>,
    yes: Literal<1, 1>,
    no: Literal<1, 0>,
}

impl<const F: usize, const W: usize, const C: usize, const R: usize, const V: usize> Logic
    for ColumnQueue<F, W, C, R, V>
{
    #[hdl_gen]
    fn update(&mut self) {
        clock!(
            self, clock, ring, starts, lasts, singles, values, bases, tags
        );
        self.ring.clear.next = self.clear.val();
        self.ring.push.next = self.push.val();
        self.ring.pop.next = self.pop.val();
        self.full.next = self.ring.full.val();
        self.valid.next = self.ring.valid.val();
        self.single_bit.next = self.no.val();
        if self.push_single.val() {
            self.single_bit.next = self.yes.val();
        }
        self.starts.write_address.next = self.ring.tail.val();
        self.lasts.write_address.next = self.ring.tail.val();
        self.singles.write_address.next = self.ring.tail.val();
        self.values.write_address.next = self.ring.tail.val();
        self.bases.write_address.next = self.ring.tail.val();
        self.tags.write_address.next = self.ring.tail.val();
        self.starts.write_data.next = self.push_start.val();
        self.lasts.write_data.next = self.push_end.val();
        self.singles.write_data.next = self.single_bit.val();
        self.values.write_data.next = self.push_value.val();
        self.bases.write_data.next = self.push_base.val();
        self.tags.write_data.next = self.push_tag.val();
        self.starts.write_enable.next = self.push.val();
        self.lasts.write_enable.next = self.push.val();
        self.singles.write_enable.next = self.push.val();
        self.values.write_enable.next = self.push.val();
        self.bases.write_enable.next = self.push.val();
        self.tags.write_enable.next = self.push.val();
        self.starts.read_address.next = self.ring.head.val();
        self.lasts.read_address.next = self.ring.head.val();
        self.singles.read_address.next = self.ring.head.val();
        self.values.read_address.next = self.ring.head.val();
        self.bases.read_address.next = self.ring.head.val();
        self.tags.read_address.next = self.ring.head.val();
        self.start.next = self.starts.read_data.val();
        self.last.next = self.lasts.read_data.val();
        self.single.next = self.singles.read_data.val().any();
        self.value.next = self.values.read_data.val();
        self.base.next = self.bases.read_data.val();
        self.tag.next = self.tags.read_data.val();
    }
}
