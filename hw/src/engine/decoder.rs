use crate::primitives::{BlockRam, Literal};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Canonical Huffman decoder of the ingress: one bit a cycle, three code tables.
///
/// A table is the number of code words of each length, 1 to 15, and the symbols in canonical order.
/// The decoder keeps the offset of the bits read from the first code word of their length, so no
/// code word is ever stored: with `offset < count[length]` the symbol is found, else the offset
/// less `count` is doubled and the next bit added. A pattern longer than 15 bits is `bad`. It takes
/// `length + 5` cycles a symbol, of which two fill the pipeline that reads the counts ahead:
/// faster than any link it is fed from, and very small. A table with a count at length 0 has one
/// symbol, which takes no bits and 3 cycles.
#[derive(LogicBlock, Default)]
pub struct Decoder {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Back to the start, without a symbol, and with no bits left.
    pub clear: Signal<In, Bit>,
    /// Decode a symbol; must hold until `valid` or `bad`.
    pub request: Signal<In, Bit>,
    /// Table to use; must hold with `request`.
    pub code_table: Signal<In, Bits<2>>,
    /// The symbol is here, for this cycle.
    pub valid: Signal<Out, Bit>,
    /// The symbol.
    pub symbol: Signal<Out, Bits<8>>,
    /// The bits are no code word; for this cycle.
    pub bad: Signal<Out, Bit>,
    /// A stream word is offered.
    pub word_valid: Signal<In, Bit>,
    /// The stream word, bit 31 first.
    pub word: Signal<In, Bits<32>>,
    /// The word is taken in this cycle if it is offered.
    pub word_ready: Signal<Out, Bit>,
    /// Set the number of code words of a length.
    pub count_write: Signal<In, Bit>,
    /// Table and length: `table << 4 | length`.
    pub count_address: Signal<In, Bits<6>>,
    /// Code words.
    pub count_data: Signal<In, Bits<9>>,
    /// Set a symbol.
    pub symbol_write: Signal<In, Bit>,
    /// Table and place: `table << 8 | index`.
    pub symbol_address: Signal<In, Bits<10>>,
    /// The symbol.
    pub symbol_data: Signal<In, Bits<8>>,
    counts: BlockRam<6, 9>,
    symbols: BlockRam<10, 8>,
    bits: DFF<Bits<32>>,
    bits_left: DFF<Bits<6>>,
    length: DFF<Bits<4>>,
    ahead: DFF<Bits<4>>,
    fill: DFF<Bits<2>>,
    count_here: DFF<Bits<9>>,
    advance: Signal<Local, Bit>,
    filled: Signal<Local, Bit>,
    offset: DFF<Bits<17>>,
    index: DFF<Bits<9>>,
    here: Signal<Local, Bits<17>>,
    count: Signal<Local, Bits<17>>,
    beyond: Signal<Local, Bits<17>>,
    place: Signal<Local, Bits<9>>,
    found: Signal<Local, Bit>,
    take: Signal<Local, Bit>,
    empty: Signal<Local, Bit>,
    looking: DFF<Bit>,
    out_valid: DFF<Bit>,
    out: DFF<Bits<8>>,
    out_bad: DFF<Bit>,
    waits: Signal<Local, Bit>,
    // Which tables have one symbol without bits.
    constant_counts: DFF<Bit>,
    constant_runs: DFF<Bit>,
    constant_codes: DFF<Bit>,
    constant: Signal<Local, Bit>,
    asked: Signal<Local, Bit>,
    written_table: Signal<Local, Bits<2>>,
    no_fill: Literal<2, 0>,
    one_fill: Literal<2, 1>,
    full_fill: Literal<2, 2>,
    no_bits: Literal<6, 0>,
    word_bits: Literal<6, 32>,
    one_bit: Literal<6, 1>,
    one_place: Literal<32, 1>,
    shift_one: Literal<17, 1>,
    first_length: Literal<4, 1>,
    last_length: Literal<4, { thresh_regs::MAX_CODE_LENGTH as usize }>,
    one_length: Literal<4, 1>,
    no_offset: Literal<17, 0>,
    no_index: Literal<9, 0>,
    length_bits: Literal<6, 4>,
    no_length: Literal<4, 0>,
    of_counts: Literal<2, { thresh_regs::Table::Count as usize }>,
    of_runs: Literal<2, { thresh_regs::Table::Run as usize }>,
    of_codes: Literal<2, { thresh_regs::Table::Code as usize }>,
    index_bits: Literal<10, 8>,
}

impl Logic for Decoder {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            bits,
            bits_left,
            length,
            ahead,
            fill,
            count_here,
            offset,
            index,
            looking,
            out_valid,
            out,
            out_bad,
            constant_counts,
            constant_runs,
            constant_codes
        );
        self.counts.clock.next = self.clock.val();
        self.symbols.clock.next = self.clock.val();
        self.counts.write_enable.next = self.count_write.val();
        self.counts.write_address.next = self.count_address.val();
        self.counts.write_data.next = self.count_data.val();
        self.symbols.write_enable.next = self.symbol_write.val();
        self.symbols.write_address.next = self.symbol_address.val();
        self.symbols.write_data.next = self.symbol_data.val();

        self.empty.next = self.bits_left.q.val() == self.no_bits.val();
        self.word_ready.next = self.empty.val();
        if self.empty.val() & self.word_valid.val() {
            self.bits.d.next = self.word.val();
            self.bits_left.d.next = self.word_bits.val();
        }

        // A symbol under way must reach its user before the next one begins.
        self.waits.next = self.looking.q.val() | self.out_valid.q.val() | self.out_bad.q.val();
        self.filled.next = self.fill.q.val() == self.full_fill.val();
        self.constant.next = self.constant_counts.q.val();
        if self.code_table.val() == self.of_runs.val() {
            self.constant.next = self.constant_runs.q.val();
        }
        if self.code_table.val() == self.of_codes.val() {
            self.constant.next = self.constant_codes.q.val();
        }
        self.asked.next = self.request.val() & !self.waits.val() & !self.constant.val();
        self.take.next = self.asked.val() & self.filled.val() & !self.empty.val();
        self.written_table.next = self.count_address.val().get_bits::<2>(4);
        if self.count_write.val()
            & (self.count_address.val().get_bits::<4>(0) == self.no_length.val())
        {
            if self.written_table.val() == self.of_counts.val() {
                self.constant_counts.d.next = self.count_data.val().any();
            }
            if self.written_table.val() == self.of_runs.val() {
                self.constant_runs.d.next = self.count_data.val().any();
            }
            if self.written_table.val() == self.of_codes.val() {
                self.constant_codes.d.next = self.count_data.val().any();
            }
        }

        // The counts of the lengths are read ahead: from the RAM, into a register, then used.
        self.advance.next = self.asked.val() & !self.filled.val();
        self.counts.read_enable.next = self.advance.val() | self.take.val();
        self.counts.read_address.next = (bit_cast::<6, 2>(self.code_table.val())
            << self.length_bits.val())
            | bit_cast::<6, 4>(self.ahead.q.val());
        if self.advance.val() | self.take.val() {
            self.ahead.d.next = self.ahead.q.val() + self.one_length.val();
            self.count_here.d.next = self.counts.read_data.val();
        }
        if self.advance.val() {
            self.fill.d.next = self.fill.q.val() + self.one_fill.val();
        }
        self.count.next = bit_cast::<17, 9>(self.count_here.q.val());
        self.here.next =
            self.offset.q.val() | bit_cast::<17, 1>(self.bits.q.val().get_bits::<1>(31));
        self.beyond.next = self.here.val() - self.count.val();
        self.place.next = self.index.q.val() + self.here.val().get_bits::<9>(0);
        if self.constant.val() {
            self.place.next = self.no_index.val();
        }
        self.found.next = self.here.val() < self.count.val();

        self.symbols.read_enable.next = true;
        self.symbols.read_address.next = (bit_cast::<10, 2>(self.code_table.val())
            << self.index_bits.val())
            | bit_cast::<10, 8>(self.place.val().get_bits::<8>(0));
        self.looking.d.next = self.request.val() & !self.waits.val() & self.constant.val();
        self.out_bad.d.next = false;
        if self.take.val() {
            self.bits.d.next = self.bits.q.val() << self.one_place.val();
            self.bits_left.d.next = self.bits_left.q.val() - self.one_bit.val();
            self.offset.d.next = self.beyond.val() << self.shift_one.val();
            self.index.d.next = self.index.q.val() + self.count.val().get_bits::<9>(0);
            self.length.d.next = self.length.q.val() + self.one_length.val();
            if self.found.val() | (self.length.q.val() == self.last_length.val()) {
                self.looking.d.next = self.found.val();
                self.out_bad.d.next = !self.found.val();
                self.offset.d.next = self.no_offset.val();
                self.index.d.next = self.no_index.val();
                self.length.d.next = self.first_length.val();
                self.ahead.d.next = self.first_length.val();
                self.fill.d.next = self.no_fill.val();
            }
        }
        self.out_valid.d.next = self.looking.q.val();
        self.out.d.next = self.symbols.read_data.val();
        if self.clear.val() {
            self.bits_left.d.next = self.no_bits.val();
            self.offset.d.next = self.no_offset.val();
            self.index.d.next = self.no_index.val();
            self.length.d.next = self.first_length.val();
            self.ahead.d.next = self.first_length.val();
            self.fill.d.next = self.no_fill.val();
            self.looking.d.next = false;
            self.out_valid.d.next = false;
            self.out_bad.d.next = false;
        }
        self.valid.next = self.out_valid.q.val();
        self.symbol.next = self.out.q.val();
        self.bad.next = self.out_bad.q.val();
    }
}
