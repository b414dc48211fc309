use super::ColumnQueue;
use crate::primitives::{Literal, PointerRam};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Front of a weight store in block RAMs: from tokens to the addresses of their entries, one a cycle.
///
/// Give it a token (`seek`) and it walks from the pointer of the token's first segment to the pointer behind its last;
/// both are read together, and seeks run ahead of the walk. A token without entries costs no cycle while an earlier one
/// is walked. With `counted` every token walks from address 0 up to `counted_end` instead, and `pointer` is what was read.
/// Latency 4 cycles from seek to first address. Nothing holds the walk back.
///
/// `W` store address bits, `C` column bits, `R` accumulator address bits; `V` bits of a value; `X` depth of the
/// column queue, log2.
#[derive(LogicBlock, Default)]
pub struct ColumnSeek<
    const W: usize,
    const C: usize,
    const R: usize,
    const V: usize,
    const X: usize,
> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Drops all tokens.
    pub clear: Signal<In, Bit>,
    /// A token is offered.
    pub seek: Signal<In, Bit>,
    /// Column pointer index of the token's first segment.
    pub seek_column: Signal<In, Bits<C>>,
    /// Segments.
    pub seek_count: Signal<In, Bits<4>>,
    /// What goes with the token's addresses.
    pub seek_tag: Signal<In, Bits<C>>,
    /// Activation of the token.
    pub seek_value: Signal<In, Bits<V>>,
    /// Accumulator base of the token.
    pub seek_base: Signal<In, Bits<R>>,
    /// The token is taken in this cycle if it is offered.
    pub ready: Signal<Out, Bit>,
    /// Walk a count instead of the range between pointers; constant while tokens are under way.
    pub counted: Signal<In, Bit>,
    /// Behind the last address of a count.
    pub counted_end: Signal<In, Bits<W>>,
    /// An address stands at the next outputs.
    pub valid: Signal<Out, Bit>,
    /// The address.
    pub address: Signal<Out, Bits<W>>,
    /// Tag of its token.
    pub tag: Signal<Out, Bits<C>>,
    /// Activation of its token.
    pub value: Signal<Out, Bits<V>>,
    /// Accumulator base of its token.
    pub base: Signal<Out, Bits<R>>,
    /// A token or an address is on its way.
    pub busy: Signal<Out, Bit>,
    /// The first pointer of a token that was taken two cycles ago or earlier.
    pub pointer: Signal<Out, Bits<W>>,
    /// Write a column pointer; no token is taken in this cycle.
    pub pointer_write: Signal<In, Bit>,
    /// Its index.
    pub pointer_address: Signal<In, Bits<C>>,
    /// Its value, a store address.
    pub pointer_data: Signal<In, Bits<W>>,
    pointers: PointerRam<C, W>,
    end_column: Signal<Local, Bits<C>>,
    accept: Signal<Local, Bit>,
    // Pointers read.
    read_valid: DFF<Bit>,
    read_value: DFF<Bits<V>>,
    read_base: DFF<Bits<R>>,
    read_tag: DFF<Bits<C>>,
    read_moves: Signal<Local, Bit>,
    // Column found.
    found_valid: DFF<Bit>,
    found_start: DFF<Bits<W>>,
    found_end: DFF<Bits<W>>,
    found_value: DFF<Bits<V>>,
    found_base: DFF<Bits<R>>,
    found_tag: DFF<Bits<C>>,
    found_pointer: DFF<Bits<W>>,
    found_empty: Signal<Local, Bit>,
    found_moves: Signal<Local, Bit>,
    // Columns found that have entries: empty ones go by while an earlier one is walked.
    queue: ColumnQueue<X, W, C, R, V>,
    // Walk through its entries.
    walk_valid: DFF<Bit>,
    walk_address: DFF<Bits<W>>,
    walk_end: DFF<Bits<W>>,
    walk_last: DFF<Bit>,
    walk_second: Signal<Local, Bits<W>>,
    found_second: Signal<Local, Bits<W>>,
    walk_value: DFF<Bits<V>>,
    walk_base: DFF<Bits<R>>,
    walk_tag: DFF<Bits<C>>,
    walk_next: Signal<Local, Bits<W>>,
    walk_moves: Signal<Local, Bit>,
    no_word: Literal<W, 0>,
    one_word: Literal<W, 1>,
}

impl<const W: usize, const C: usize, const R: usize, const V: usize, const X: usize> Logic
    for ColumnSeek<W, C, R, V, X>
{
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            read_valid,
            read_value,
            read_base,
            read_tag,
            found_valid,
            found_start,
            found_end,
            found_value,
            found_base,
            found_tag,
            found_pointer,
            walk_valid,
            walk_address,
            walk_end,
            walk_last,
            walk_value,
            walk_base,
            walk_tag
        );
        self.pointers.clock.next = self.clock.val();

        // Which stages move on, from the last to the first.
        self.walk_next.next = self.walk_address.q.val() + self.one_word.val();
        self.walk_moves.next = !self.walk_valid.q.val() | self.walk_last.q.val();
        self.found_empty.next = self.found_start.q.val() == self.found_end.q.val();
        self.found_moves.next =
            !self.found_valid.q.val() | !self.queue.full.val() | self.found_empty.val();
        self.read_moves.next = !self.read_valid.q.val() | self.found_moves.val();
        self.ready.next = self.read_moves.val() & !self.pointer_write.val();
        self.accept.next = self.seek.val() & self.read_moves.val() & !self.pointer_write.val();

        // Start and end pointers.
        self.end_column.next = self.seek_column.val() + bit_cast::<C, 4>(self.seek_count.val());
        self.pointers.address.next = self.seek_column.val();
        if self.pointer_write.val() {
            self.pointers.address.next = self.pointer_address.val();
        }
        self.pointers.read_enable.next = self.accept.val();
        self.pointers.write_enable.next = self.pointer_write.val();
        self.pointers.write_data.next = self.pointer_data.val();
        self.pointers.other_address.next = self.end_column.val();
        self.pointers.other_enable.next = self.accept.val();
        if self.read_moves.val() {
            self.read_valid.d.next = self.accept.val();
            self.read_value.d.next = self.seek_value.val();
            self.read_base.d.next = self.seek_base.val();
            self.read_tag.d.next = self.seek_tag.val();
        }
        if self.found_moves.val() {
            self.found_valid.d.next = self.read_valid.q.val();
            self.found_value.d.next = self.read_value.q.val();
            self.found_base.d.next = self.read_base.q.val();
            self.found_start.d.next = self.pointers.read_data.val();
            self.found_end.d.next = self.pointers.other_data.val();
            self.found_tag.d.next = self.read_tag.q.val();
            self.found_pointer.d.next = self.pointers.read_data.val();
            if self.counted.val() {
                self.found_start.d.next = self.no_word.val();
                self.found_end.d.next = self.counted_end.val();
            }
        }
        self.walk_address.d.next = self.walk_next.val();
        // Whether the next entry is the last is known a cycle ahead.
        self.walk_second.next = self.walk_next.val() + self.one_word.val();
        self.found_second.next = self.found_start.q.val() + self.one_word.val();
        self.walk_last.d.next = self.walk_second.val() == self.walk_end.q.val();
        self.queue.clock.next = self.clock.val();
        self.queue.clear.next = self.clear.val();
        self.queue.push.next =
            self.found_valid.q.val() & !self.found_empty.val() & !self.queue.full.val();
        self.queue.push_start.next = self.found_start.q.val();
        self.queue.push_end.next = self.found_end.q.val();
        self.queue.push_single.next = self.found_second.val() == self.found_end.q.val();
        self.queue.push_value.next = self.found_value.q.val();
        self.queue.push_base.next = self.found_base.q.val();
        self.queue.push_tag.next = self.found_tag.q.val();
        self.queue.pop.next = self.queue.valid.val() & self.walk_moves.val();
        if self.walk_moves.val() {
            self.walk_valid.d.next = self.queue.valid.val();
            self.walk_address.d.next = self.queue.start.val();
            self.walk_end.d.next = self.queue.last.val();
            self.walk_last.d.next = self.queue.single.val();
            self.walk_value.d.next = self.queue.value.val();
            self.walk_base.d.next = self.queue.base.val();
            self.walk_tag.d.next = self.queue.tag.val();
        }
        if self.clear.val() {
            self.read_valid.d.next = false;
            self.found_valid.d.next = false;
            self.walk_valid.d.next = false;
        }

        self.valid.next = self.walk_valid.q.val();
        self.address.next = self.walk_address.q.val();
        self.tag.next = self.walk_tag.q.val();
        self.value.next = self.walk_value.q.val();
        self.base.next = self.walk_base.q.val();
        self.pointer.next = self.found_pointer.q.val();
        self.busy.next = self.read_valid.q.val()
            | self.found_valid.q.val()
            | self.queue.valid.val()
            | self.walk_valid.q.val();
    }
}
