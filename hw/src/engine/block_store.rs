use super::ColumnSeek;
use crate::primitives::{BlockRam, Literal};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Weight store of one PE in block RAMs: a seek every cycle and an entry every cycle.
///
/// Give it a token (`seek`) and it streams the entries of the token's segments, each with the
/// token's value and base. Segments lie one behind the other, so that those which meet the output
/// map are one run of entries, which [`ColumnSeek`] finds.
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
    /// Not used: this store has no hash.
    pub hashed: Signal<In, Bit>,
    /// Not used.
    pub pool: Signal<In, Bits<C>>,
    /// Not used.
    pub length: Signal<In, Bits<16>>,
    /// Not used.
    pub hash_rows: Signal<In, Bits<W>>,
    /// Not used.
    pub mask: Signal<In, Bits<4>>,
    /// Not used.
    pub number: Signal<In, Bits<6>>,
    entries: BlockRam<W, E>,
    columns: ColumnSeek<W, C, R, V, X>,
    // Entry in the RAM's output, then behind its register.
    fetch_valid: DFF<Bit>,
    fetch_value: DFF<Bits<V>>,
    fetch_base: DFF<Bits<R>>,
    out_valid: DFF<Bit>,
    out_entry: DFF<Bits<E>>,
    out_value: DFF<Bits<V>>,
    out_base: DFF<Bits<R>>,
    no_tag: Literal<C, 0>,
    no_end: Literal<W, 0>,
}

impl<const W: usize, const E: usize, const C: usize, const R: usize, const V: usize, const X: usize>
    Logic for BlockStore<W, E, C, R, V, X>
{
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            fetch_valid,
            fetch_value,
            fetch_base,
            out_valid,
            out_entry,
            out_value,
            out_base
        );
        clock!(self, clock, entries, columns);
        self.columns.clear.next = self.clear.val();
        self.columns.seek.next = self.seek.val();
        self.columns.seek_column.next = self.seek_column.val();
        self.columns.seek_count.next = self.seek_count.val();
        self.columns.seek_tag.next = self.no_tag.val();
        self.columns.seek_value.next = self.seek_value.val();
        self.columns.seek_base.next = self.seek_base.val();
        self.columns.counted.next = false;
        self.columns.counted_end.next = self.no_end.val();
        self.columns.pointer_write.next = self.pointer_write.val();
        self.columns.pointer_address.next = self.pointer_address.val();
        self.columns.pointer_data.next = self.pointer_data.val();
        self.ready.next = self.columns.ready.val();

        self.entries.read_enable.next = true;
        self.entries.read_address.next = self.columns.address.val();
        if self.draining.val() {
            self.entries.read_address.next = self.bias_address.val();
        }
        self.fetch_valid.d.next = self.columns.valid.val();
        self.fetch_value.d.next = self.columns.value.val();
        self.fetch_base.d.next = self.columns.base.val();
        self.out_valid.d.next = self.fetch_valid.q.val();
        self.out_value.d.next = self.fetch_value.q.val();
        self.out_base.d.next = self.fetch_base.q.val();
        self.out_entry.d.next = self.entries.read_data.val();
        if self.clear.val() {
            self.fetch_valid.d.next = false;
            self.out_valid.d.next = false;
        }

        self.entry_valid.next = self.out_valid.q.val();
        self.entry.next = self.out_entry.q.val();
        self.value.next = self.out_value.q.val();
        self.base.next = self.out_base.q.val();
        self.busy.next =
            self.columns.busy.val() | self.fetch_valid.q.val() | self.out_valid.q.val();

        self.entries.write_enable.next = self.entry_write.val();
        self.entries.write_address.next = self.entry_address.val();
        self.entries.write_data.next = self.entry_data.val();
    }
}
