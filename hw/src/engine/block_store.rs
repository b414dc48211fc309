use super::ColumnQueue;
use crate::primitives::{BlockRam, Literal, PointerRam};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Weight store of one PE in block RAMs: a seek every cycle and an entry every cycle.
///
/// Give it a token (`seek`) and it streams the entries of the token's segments, each with the
/// token's value and base. Segments lie one behind the other, so that those which meet the output
/// map are one run of entries, from the pointer of the first to the pointer behind the last; both are
/// read together. Seeks run ahead of the walk through the entries; one entry costs one cycle, and a token without any none while an earlier one is walked.
/// Latency 6 cycles from seek to first entry. Nothing holds the entries back.
/// Words and pointers that no token under way needs may be written at any time.
///
/// `W` store address bits, `E` bits of an entry, `C` column bits, `R` accumulator address bits; `V` bits of a value;
/// `X` depth of the column queue, log2.
#[derive(LogicBlock, Default)]
pub struct BlockStore<
    const W: usize,
    const E: usize,
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
    /// Activation of the token.
    pub seek_value: Signal<In, Bits<V>>,
    /// Accumulator base of the token.
    pub seek_base: Signal<In, Bits<R>>,
    /// The token is taken in this cycle if it is offered.
    pub ready: Signal<Out, Bit>,
    /// An entry stands at the next outputs.
    pub entry_valid: Signal<Out, Bit>,
    /// The entry: row and code. While draining, the word at `bias_address` two cycles ago.
    pub entry: Signal<Out, Bits<E>>,
    /// Activation of its token.
    pub value: Signal<Out, Bits<V>>,
    /// Accumulator base of its token.
    pub base: Signal<Out, Bits<R>>,
    /// A token or an entry is on its way.
    pub busy: Signal<Out, Bit>,
    /// The entry port reads `bias_address`.
    pub draining: Signal<In, Bit>,
    /// Store address of a bias.
    pub bias_address: Signal<In, Bits<W>>,
    /// Write a word.
    pub entry_write: Signal<In, Bit>,
    /// Its address.
    pub entry_address: Signal<In, Bits<W>>,
    /// Its value.
    pub entry_data: Signal<In, Bits<E>>,
    /// Write a column pointer; no token is taken in this cycle.
    pub pointer_write: Signal<In, Bit>,
    /// Not used: entries and pointers have ports of their own.
    pub pointing: Signal<In, Bit>,
    /// Its index.
    pub pointer_address: Signal<In, Bits<C>>,
    /// Its value, a store address.
    pub pointer_data: Signal<In, Bits<W>>,
    entries: BlockRam<W, E>,
    pointers: PointerRam<C, W>,
    end_column: Signal<Local, Bits<C>>,
    accept: Signal<Local, Bit>,
    // Pointers read.
    read_valid: DFF<Bit>,
    read_value: DFF<Bits<V>>,
    read_base: DFF<Bits<R>>,
    read_moves: Signal<Local, Bit>,
    // Column found.
    found_valid: DFF<Bit>,
    found_start: DFF<Bits<W>>,
    found_end: DFF<Bits<W>>,
    found_value: DFF<Bits<V>>,
    found_base: DFF<Bits<R>>,
    found_empty: Signal<Local, Bit>,
    found_moves: Signal<Local, Bit>,
    // Columns found that have entries: empty ones go by while an earlier one is walked.
    queue: ColumnQueue<X, W, R, V>,
    // Walk through its entries.
    walk_valid: DFF<Bit>,
    walk_address: DFF<Bits<W>>,
    walk_end: DFF<Bits<W>>,
    walk_last: DFF<Bit>,
    walk_second: Signal<Local, Bits<W>>,
    found_second: Signal<Local, Bits<W>>,
    walk_value: DFF<Bits<V>>,
    walk_base: DFF<Bits<R>>,
    walk_next: Signal<Local, Bits<W>>,
    walk_moves: Signal<Local, Bit>,
    // Entry in the RAM's output, then behind its register.
    fetch_valid: DFF<Bit>,
    fetch_value: DFF<Bits<V>>,
    fetch_base: DFF<Bits<R>>,
    out_valid: DFF<Bit>,
    out_entry: DFF<Bits<E>>,
    out_value: DFF<Bits<V>>,
    out_base: DFF<Bits<R>>,
    one_word: Literal<W, 1>,
}

impl<const W: usize, const E: usize, const C: usize, const R: usize, const V: usize, const X: usize>
    Logic for BlockStore<W, E, C, R, V, X>
{
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            read_valid,
            read_value,
            read_base,
            found_valid,
            found_start,
            found_end,
            found_value,
            found_base,
            walk_valid,
            walk_address,
            walk_end,
            walk_last,
            walk_value,
            walk_base,
            fetch_valid,
            fetch_value,
            fetch_base,
            out_valid,
            out_entry,
            out_value,
            out_base
        );
        self.entries.clock.next = self.clock.val();
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
        }
        if self.found_moves.val() {
            self.found_valid.d.next = self.read_valid.q.val();
            self.found_value.d.next = self.read_value.q.val();
            self.found_base.d.next = self.read_base.q.val();
            self.found_start.d.next = self.pointers.read_data.val();
            self.found_end.d.next = self.pointers.other_data.val();
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
        self.queue.pop.next = self.queue.valid.val() & self.walk_moves.val();
        if self.walk_moves.val() {
            self.walk_valid.d.next = self.queue.valid.val();
            self.walk_address.d.next = self.queue.start.val();
            self.walk_end.d.next = self.queue.last.val();
            self.walk_last.d.next = self.queue.single.val();
            self.walk_value.d.next = self.queue.value.val();
            self.walk_base.d.next = self.queue.base.val();
        }
        self.entries.read_enable.next = true;
        self.entries.read_address.next = self.walk_address.q.val();
        if self.draining.val() {
            self.entries.read_address.next = self.bias_address.val();
        }
        self.fetch_valid.d.next = self.walk_valid.q.val();
        self.fetch_value.d.next = self.walk_value.q.val();
        self.fetch_base.d.next = self.walk_base.q.val();
        self.out_valid.d.next = self.fetch_valid.q.val();
        self.out_value.d.next = self.fetch_value.q.val();
        self.out_base.d.next = self.fetch_base.q.val();
        self.out_entry.d.next = self.entries.read_data.val();
        if self.clear.val() {
            self.read_valid.d.next = false;
            self.found_valid.d.next = false;
            self.walk_valid.d.next = false;
            self.fetch_valid.d.next = false;
            self.out_valid.d.next = false;
        }

        self.entry_valid.next = self.out_valid.q.val();
        self.entry.next = self.out_entry.q.val();
        self.value.next = self.out_value.q.val();
        self.base.next = self.out_base.q.val();
        self.busy.next = self.read_valid.q.val()
            | self.found_valid.q.val()
            | self.queue.valid.val()
            | self.walk_valid.q.val()
            | self.fetch_valid.q.val()
            | self.out_valid.q.val();

        self.entries.write_enable.next = self.entry_write.val();
        self.entries.write_address.next = self.entry_address.val();
        self.entries.write_data.next = self.entry_data.val();
    }
}
