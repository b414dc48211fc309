use crate::primitives::{Literal, SinglePortRam};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Weight store of one PE in one single-port RAM, for the SPRAM of iCE40 UP5K.
///
/// Same meaning as [`super::BlockStore`], but a token always means one segment. Column pointer `i` is the word at `!i`, so
/// pointers grow down from the top and entries up from the bottom. A seek takes the port for two
/// cycles, an entry for one: a column of `n` entries costs `n + 2` cycles, with no cycle between
/// columns. A column without entries must not be sought (it would yield one stray entry).
///
/// `W` store address bits, `E` bits of a word, `C` column bits (at most `W`), `R` accumulator address bits;
/// `V` bits of a value.
#[derive(LogicBlock, Default)]
pub struct SinglePortStore<
    const W: usize,
    const E: usize,
    const C: usize,
    const R: usize,
    const V: usize,
> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Drops all tokens.
    pub clear: Signal<In, Bit>,
    /// A token is offered.
    pub seek: Signal<In, Bit>,
    /// Column pointer index of the token.
    pub seek_column: Signal<In, Bits<C>>,
    /// Not used: always one segment.
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
    /// The port reads `bias_address`.
    pub draining: Signal<In, Bit>,
    /// Store address of a bias.
    pub bias_address: Signal<In, Bits<W>>,
    /// Write a word.
    pub entry_write: Signal<In, Bit>,
    /// Its address.
    pub entry_address: Signal<In, Bits<W>>,
    /// Its value.
    pub entry_data: Signal<In, Bits<E>>,
    /// Write a column pointer; not together with `entry_write`.
    pub pointer_write: Signal<In, Bit>,
    /// What would be written is a pointer. It does not depend on the PE, so that the choice is made once for all.
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
    ram: SinglePortRam<W, E>,
    pointer_index: Signal<Local, Bits<W>>,
    written_index: Signal<Local, Bits<W>>,
    write_address: Signal<Local, Bits<W>>,
    // The next token waits here: on iCE40 this is the output register of the FIFO's block RAM.
    next_valid: DFF<Bit>,
    next_column: DFF<Bits<C>>,
    next_value: DFF<Bits<V>>,
    next_base: DFF<Bits<R>>,
    column_after: Signal<Local, Bits<C>>,
    take: Signal<Local, Bit>,
    // The cycles after the one that read the start pointer: the end pointer is read, then here.
    start_read: DFF<Bit>,
    end_read: DFF<Bit>,
    // The walk begins when the start pointer is here; the end pointer follows a cycle later.
    start_here: DFF<Bit>,
    end_here: DFF<Bit>,
    walking: DFF<Bit>,
    address: DFF<Bits<W>>,
    last: DFF<Bits<W>>,
    limit: Signal<Local, Bits<W>>,
    done: Signal<Local, Bit>,
    step: Signal<Local, Bit>,
    at: Signal<Local, Bits<W>>,
    at_next: Signal<Local, Bits<W>>,
    tag_value: DFF<Bits<V>>,
    tag_base: DFF<Bits<R>>,
    fetch_valid: DFF<Bit>,
    out_valid: DFF<Bit>,
    word: DFF<Bits<E>>,
    one_column: Literal<C, 1>,
    one_word: Literal<W, 1>,
}

impl<const W: usize, const E: usize, const C: usize, const R: usize, const V: usize> Logic
    for SinglePortStore<W, E, C, R, V>
{
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            next_valid,
            next_column,
            next_value,
            next_base,
            start_read,
            end_read,
            start_here,
            end_here,
            walking,
            address,
            last,
            tag_value,
            tag_base,
            fetch_valid,
            out_valid,
            word
        );
        self.ram.clock.next = self.clock.val();

        // In the first cycle of a walk the start pointer is the address; in the second the end
        // pointer has come; from then on it is held.
        self.limit.next = self.last.q.val();
        if self.end_here.q.val() {
            self.limit.next = self.word.q.val().get_bits::<W>(0);
            self.last.d.next = self.word.q.val().get_bits::<W>(0);
        }
        self.done.next = self.walking.q.val()
            & !self.start_here.q.val()
            & (self.address.q.val() >= self.limit.val());
        self.step.next = self.walking.q.val() & !self.done.val();
        self.at.next = self.address.q.val();
        if self.start_here.q.val() {
            self.at.next = self.word.q.val().get_bits::<W>(0);
        }
        self.at_next.next = self.at.val() + self.one_word.val();
        if self.step.val() {
            self.address.d.next = self.at_next.val();
        }
        if self.done.val() {
            self.walking.d.next = false;
        }

        // A token's start pointer is read in the cycle that takes it, its end pointer in the next,
        // which also makes room for another token.
        self.take.next = self.next_valid.q.val()
            & !self.start_read.q.val()
            & !self.end_read.q.val()
            & (!self.walking.q.val() | self.done.val());
        self.ready.next = !self.next_valid.q.val() | self.start_read.q.val();
        if self.ready.val() {
            self.next_valid.d.next = self.seek.val();
            self.next_column.d.next = self.seek_column.val();
            self.next_value.d.next = self.seek_value.val();
            self.next_base.d.next = self.seek_base.val();
        }
        self.start_read.d.next = self.take.val();
        self.end_read.d.next = self.start_read.q.val();
        self.start_here.d.next = self.start_read.q.val();
        self.end_here.d.next = self.end_read.q.val();
        self.column_after.next = self.next_column.q.val() + self.one_column.val();
        if self.start_read.q.val() {
            self.walking.d.next = true;
            // The last entry of the column before leaves in this cycle.
            self.tag_value.d.next = self.next_value.q.val();
            self.tag_base.d.next = self.next_base.q.val();
        }

        self.pointer_index.next = bit_cast::<W, C>(self.next_column.q.val());
        if self.start_read.q.val() {
            self.pointer_index.next = bit_cast::<W, C>(self.column_after.val());
        }
        self.ram.address.next = !self.pointer_index.val();
        if self.step.val() {
            self.ram.address.next = self.at.val();
        }
        if self.draining.val() {
            self.ram.address.next = self.bias_address.val();
        }
        self.ram.write_enable.next = self.entry_write.val() | self.pointer_write.val();
        self.written_index.next = bit_cast::<W, C>(self.pointer_address.val());
        self.write_address.next = self.entry_address.val();
        self.ram.write_data.next = self.entry_data.val();
        if self.pointing.val() {
            self.write_address.next = !self.written_index.val();
            self.ram.write_data.next = bit_cast::<E, W>(self.pointer_data.val());
        }
        if self.entry_write.val() | self.pointer_write.val() {
            self.ram.address.next = self.write_address.val();
        }

        self.word.d.next = self.ram.read_data.val();
        self.fetch_valid.d.next = self.step.val();
        self.out_valid.d.next = self.fetch_valid.q.val();
        if self.clear.val() {
            self.next_valid.d.next = false;
            self.start_read.d.next = false;
            self.end_read.d.next = false;
            self.start_here.d.next = false;
            self.end_here.d.next = false;
            self.walking.d.next = false;
            self.fetch_valid.d.next = false;
            self.out_valid.d.next = false;
        }
        self.entry_valid.next = self.out_valid.q.val();
        self.entry.next = self.word.q.val();
        self.value.next = self.tag_value.q.val();
        self.base.next = self.tag_base.q.val();
        self.busy.next = self.next_valid.q.val()
            | self.start_read.q.val()
            | self.end_read.q.val()
            | self.walking.q.val()
            | self.fetch_valid.q.val()
            | self.out_valid.q.val();
    }
}
