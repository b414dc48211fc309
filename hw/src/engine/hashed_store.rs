use super::{ColumnSeek, HashRound};
use crate::primitives::{BlockRam, Literal, Multiplier};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;
use thresh_regs::{HASH_FOLD, HASH_ROUNDS};

type First = HashRound<
    { HASH_ROUNDS[0].right as usize },
    { HASH_ROUNDS[0].rotate as usize },
    { 16 - HASH_ROUNDS[0].rotate as usize },
    { HASH_ROUNDS[0].left as usize },
>;
type Second = HashRound<
    { HASH_ROUNDS[1].right as usize },
    { HASH_ROUNDS[1].rotate as usize },
    { 16 - HASH_ROUNDS[1].rotate as usize },
    { HASH_ROUNDS[1].left as usize },
>;
type Third = HashRound<
    { HASH_ROUNDS[2].right as usize },
    { HASH_ROUNDS[2].rotate as usize },
    { 16 - HASH_ROUNDS[2].rotate as usize },
    { HASH_ROUNDS[2].left as usize },
>;

/// Weight store of one PE in block RAMs whose entries may be picked from a pool by a hash: a seek and an entry every cycle.
///
/// In a pass that is not hashed it is a [`super::BlockStore`] of more latency. In a hashed one every token means all rows:
/// entry `i` of its column is the word of the pool that the hash of output `i * 2^S + number` and the token's
/// column picks, with row `i`, and with the lowest bit of its code turned if the hash says so. The pool
/// begins at column pointer `pool` and holds `length` words; output `i` takes from those whose
/// index has the bits of `i` under `mask`.
/// Latency 11 cycles from seek to first entry. Nothing holds the entries back.
///
/// `W` store address bits, `C` column bits, both at most 16, `E` bits of an entry, `Q` of its row; `R` accumulator address
/// bits; `V` bits of a value; `X` depth of the column queue, log2; `S` PEs, log2.
#[derive(LogicBlock, Default)]
pub struct HashedStore<
    const W: usize,
    const E: usize,
    const C: usize,
    const R: usize,
    const V: usize,
    const X: usize,
    const Q: usize,
    const S: usize,
> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Drops all tokens.
    pub clear: Signal<In, Bit>,
    /// A token is offered.
    pub seek: Signal<In, Bit>,
    /// Column pointer index of the token's first segment; the column itself in a hashed pass.
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
    /// The pass is hashed. This and what follows is constant while tokens are under way.
    pub hashed: Signal<In, Bit>,
    /// Column pointer index of the pool.
    pub pool: Signal<In, Bits<C>>,
    /// Words of the pool.
    pub length: Signal<In, Bits<16>>,
    /// Rows of a column.
    pub hash_rows: Signal<In, Bits<W>>,
    /// Bits of a row that the index of its words has.
    pub mask: Signal<In, Bits<4>>,
    /// Number of the PE.
    pub number: Signal<In, Bits<6>>,
    columns: ColumnSeek<W, C, R, V, X>,
    entries: BlockRam<W, E>,
    key: Signal<Local, Bits<16>>,
    column: Signal<Local, Bits<16>>,
    first: First,
    second: Second,
    third: Third,
    // Behind each round: address or row, and what goes with it.
    valid1: DFF<Bit>,
    address1: DFF<Bits<W>>,
    tag1: DFF<Bits<C>>,
    value1: DFF<Bits<V>>,
    base1: DFF<Bits<R>>,
    valid2: DFF<Bit>,
    address2: DFF<Bits<W>>,
    tag2: DFF<Bits<C>>,
    value2: DFF<Bits<V>>,
    base2: DFF<Bits<R>>,
    valid3: DFF<Bit>,
    address3: DFF<Bits<W>>,
    value3: DFF<Bits<V>>,
    base3: DFF<Bits<R>>,
    folded: Signal<Local, Bits<16>>,
    factor: Signal<Local, Bits<17>>,
    words: Signal<Local, Bits<17>>,
    // Behind the multiplier.
    index: Multiplier<17, 17, 34>,
    valid4: DFF<Bit>,
    address4: DFF<Bits<W>>,
    value4: DFF<Bits<V>>,
    base4: DFF<Bits<R>>,
    negative4: DFF<Bit>,
    picked: Signal<Local, Bits<W>>,
    chosen: Signal<Local, Bits<W>>,
    masked: Signal<Local, Bits<W>>,
    // The word's address.
    valid5: DFF<Bit>,
    address5: DFF<Bits<W>>,
    row5: DFF<Bits<W>>,
    value5: DFF<Bits<V>>,
    base5: DFF<Bits<R>>,
    negative5: DFF<Bit>,
    // Entry in the RAM's output, then behind its register.
    fetch_valid: DFF<Bit>,
    fetch_row: DFF<Bits<W>>,
    fetch_value: DFF<Bits<V>>,
    fetch_base: DFF<Bits<R>>,
    fetch_negative: DFF<Bit>,
    out_valid: DFF<Bit>,
    out_entry: DFF<Bits<E>>,
    out_value: DFF<Bits<V>>,
    out_base: DFF<Bits<R>>,
    read_code: Signal<Local, Bits<8>>,
    turned: Signal<Local, Bits<8>>,
    no_end: Literal<W, 0>,
    lanes: Literal<16, S>,
    fold: Literal<16, { HASH_FOLD as usize }>,
    code_bits: Literal<E, 8>,
    sign: Literal<8, 1>,
}

impl<
    const W: usize,
    const E: usize,
    const C: usize,
    const R: usize,
    const V: usize,
    const X: usize,
    const Q: usize,
    const S: usize,
> Logic for HashedStore<W, E, C, R, V, X, Q, S>
{
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            valid1,
            address1,
            tag1,
            value1,
            base1,
            valid2,
            address2,
            tag2,
            value2,
            base2,
            valid3,
            address3,
            value3,
            base3,
            valid4,
            address4,
            value4,
            base4,
            negative4,
            valid5,
            address5,
            row5,
            value5,
            base5,
            negative5,
            fetch_valid,
            fetch_row,
            fetch_value,
            fetch_base,
            fetch_negative,
            out_valid,
            out_entry,
            out_value,
            out_base
        );
        clock!(self, clock, columns, entries, first, second, third, index);
        self.columns.clear.next = self.clear.val();
        self.columns.seek.next = self.seek.val();
        self.columns.seek_column.next = self.seek_column.val();
        self.columns.seek_count.next = self.seek_count.val();
        if self.hashed.val() {
            self.columns.seek_column.next = self.pool.val();
        }
        self.columns.seek_tag.next = self.seek_column.val();
        self.columns.seek_value.next = self.seek_value.val();
        self.columns.seek_base.next = self.seek_base.val();
        self.columns.counted.next = self.hashed.val();
        self.columns.counted_end.next = self.hash_rows.val();
        self.columns.pointer_write.next = self.pointer_write.val();
        self.columns.pointer_address.next = self.pointer_address.val();
        self.columns.pointer_data.next = self.pointer_data.val();
        self.ready.next = self.columns.ready.val();

        // The hash of the output and the column.
        self.key.next = (bit_cast::<16, W>(self.columns.address.val()) << self.lanes.val())
            | bit_cast::<16, 6>(self.number.val());
        self.column.next = bit_cast::<16, C>(self.columns.tag.val());
        self.first.state.next = self.key.val();
        self.first.column.next = self.column.val();
        self.valid1.d.next = self.columns.valid.val();
        self.address1.d.next = self.columns.address.val();
        self.tag1.d.next = self.columns.tag.val();
        self.value1.d.next = self.columns.value.val();
        self.base1.d.next = self.columns.base.val();
        self.second.state.next = self.first.hashed.val();
        self.second.column.next = bit_cast::<16, C>(self.tag1.q.val());
        self.valid2.d.next = self.valid1.q.val();
        self.address2.d.next = self.address1.q.val();
        self.tag2.d.next = self.tag1.q.val();
        self.value2.d.next = self.value1.q.val();
        self.base2.d.next = self.base1.q.val();
        self.third.state.next = self.second.hashed.val();
        self.third.column.next = bit_cast::<16, C>(self.tag2.q.val());
        self.valid3.d.next = self.valid2.q.val();
        self.address3.d.next = self.address2.q.val();
        self.value3.d.next = self.value2.q.val();
        self.base3.d.next = self.base2.q.val();

        // The part of the pool that it picks.
        self.folded.next = self.third.hashed.val() ^ (self.third.hashed.val() >> self.fold.val());
        self.factor.next = bit_cast::<17, 16>(self.folded.val());
        self.words.next = bit_cast::<17, 16>(self.length.val());
        self.index.a.next = signed_cast(self.factor.val());
        self.index.b.next = signed_cast(self.words.val());
        self.valid4.d.next = self.valid3.q.val();
        self.address4.d.next = self.address3.q.val();
        self.value4.d.next = self.value3.q.val();
        self.base4.d.next = self.base3.q.val();
        self.negative4.d.next = self.folded.val().get_bit(0);

        self.masked.next = bit_cast::<W, 4>(self.mask.val());
        self.picked.next = self.index.product.val().get_bits::<W>(16);
        self.chosen.next =
            (self.picked.val() & !self.masked.val()) | (self.address4.q.val() & self.masked.val());
        self.valid5.d.next = self.valid4.q.val();
        self.row5.d.next = self.address4.q.val();
        self.value5.d.next = self.value4.q.val();
        self.base5.d.next = self.base4.q.val();
        self.negative5.d.next = self.negative4.q.val() & self.hashed.val();
        self.address5.d.next = self.address4.q.val();
        if self.hashed.val() {
            self.address5.d.next = self.columns.pointer.val() + self.chosen.val();
        }

        self.entries.read_enable.next = true;
        self.entries.read_address.next = self.address5.q.val();
        if self.draining.val() {
            self.entries.read_address.next = self.bias_address.val();
        }
        self.fetch_valid.d.next = self.valid5.q.val();
        self.fetch_row.d.next = self.row5.q.val();
        self.fetch_value.d.next = self.value5.q.val();
        self.fetch_base.d.next = self.base5.q.val();
        self.fetch_negative.d.next = self.negative5.q.val();
        self.out_valid.d.next = self.fetch_valid.q.val();
        self.out_value.d.next = self.fetch_value.q.val();
        self.out_base.d.next = self.fetch_base.q.val();
        self.read_code.next = self.entries.read_data.val().get_bits::<8>(0);
        self.turned.next = self.read_code.val();
        if self.fetch_negative.q.val() {
            self.turned.next = self.read_code.val() ^ self.sign.val();
        }
        self.out_entry.d.next = self.entries.read_data.val();
        if self.hashed.val() & !self.draining.val() {
            self.out_entry.d.next = (bit_cast::<E, Q>(self.fetch_row.q.val().get_bits::<Q>(0))
                << self.code_bits.val())
                | bit_cast::<E, 8>(self.turned.val());
        }
        if self.clear.val() {
            self.valid1.d.next = false;
            self.valid2.d.next = false;
            self.valid3.d.next = false;
            self.valid4.d.next = false;
            self.valid5.d.next = false;
            self.fetch_valid.d.next = false;
            self.out_valid.d.next = false;
        }

        self.entry_valid.next = self.out_valid.q.val();
        self.entry.next = self.out_entry.q.val();
        self.value.next = self.out_value.q.val();
        self.base.next = self.out_base.q.val();
        self.busy.next = ((self.columns.busy.val() | self.valid1.q.val())
            | (self.valid2.q.val() | self.valid3.q.val()))
            | ((self.valid4.q.val() | self.valid5.q.val())
                | (self.fetch_valid.q.val() | self.out_valid.q.val()));

        self.entries.write_enable.next = self.entry_write.val();
        self.entries.write_address.next = self.entry_address.val();
        self.entries.write_data.next = self.entry_data.val();
    }
}
