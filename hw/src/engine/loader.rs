use super::Decoder;
use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// What the loader does.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum LoaderState {
    /// No load is open.
    Idle,
    /// Writes the first column pointer.
    Begin,
    /// Decodes the number of entries of a column.
    Count,
    /// Decodes the zero run of an entry.
    Run,
    /// Decodes the code of an entry.
    Code,
    /// Writes the entry.
    Entry,
    /// Writes the pointer to a segment's end.
    Close,
    /// Reads the occupancy of the kernel row.
    Look,
    /// Waits for it.
    Wait,
    /// Writes it back with this PE's bit.
    Mark,
    /// Waits for a stream word of raw words.
    Raw,
    /// Writes its low half.
    Low,
    /// Writes its high half.
    High,
}

/// Ingress: turns the words of the stream register into entries, column pointers and occupancy.
///
/// A load of columns decodes, for each column, a count and that many runs and codes. A column is
/// `segments` segments of `rows` rows each; a pointer is written for the end of every segment. A kernel row is `taps`
/// segments: entries keep their row in it, and occupancy is kept for it. A raw load
/// copies 16-bit words. A stream that cannot be right raises an error for one cycle and closes the
/// load; words that come later are not taken here. The loader waits for stream
/// words, and while passes run for a gap between tokens, which a reset ends: the bus can always end a load. Words and
/// pointers are written a cycle later.
///
/// `M` bits of a PE mask (at least 2), `W` store, `C` column address bits, `N` PEs; `Q` bits of a row
/// in an entry, `E = Q + 8` bits of an entry. With `MAPS` 0 a column is one segment.
#[derive(LogicBlock)]
pub struct Loader<
    const N: usize,
    const M: usize,
    const W: usize,
    const C: usize,
    const E: usize,
    const Q: usize,
    const MAPS: usize,
> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Closes the load.
    pub abort: Signal<In, Bit>,
    /// Opens a load; the next inputs must hold until `loading` falls.
    pub start: Signal<In, Bit>,
    /// PE to load.
    pub pe: Signal<In, Bits<8>>,
    /// Copy words instead of decoding columns.
    pub raw: Signal<In, Bit>,
    /// First column pointer.
    pub first: Signal<In, Bits<16>>,
    /// Columns or words.
    pub count: Signal<In, Bits<16>>,
    /// Store address of the first entry or word.
    pub address: Signal<In, Bits<16>>,
    /// Rows of a segment.
    pub rows: Signal<In, Bits<16>>,
    /// Segments of a kernel row.
    pub taps: Signal<In, Bits<4>>,
    /// Segments of a column.
    pub segments: Signal<In, Bits<8>>,
    /// A load is open.
    pub loading: Signal<Out, Bit>,
    /// A stream word is offered.
    pub word_valid: Signal<In, Bit>,
    /// The stream word.
    pub word: Signal<In, Bits<32>>,
    /// The word is taken in this cycle if it is offered.
    pub word_ready: Signal<Out, Bit>,
    /// Set the number of code words of a length.
    pub count_write: Signal<In, Bit>,
    /// `table << 4 | length`.
    pub count_address: Signal<In, Bits<6>>,
    /// Code words.
    pub count_data: Signal<In, Bits<9>>,
    /// Set a symbol.
    pub symbol_write: Signal<In, Bit>,
    /// `table << 8 | index`.
    pub symbol_address: Signal<In, Bits<10>>,
    /// The symbol.
    pub symbol_data: Signal<In, Bits<8>>,
    /// The PE that the writes go to, a bit a PE.
    pub target: Signal<Out, Bits<M>>,
    /// Write a word of the target's store.
    pub entry_write: Signal<Out, Bit>,
    /// Its address.
    pub entry_address: Signal<Out, Bits<W>>,
    /// Its value.
    pub entry_data: Signal<Out, Bits<E>>,
    /// Write a column pointer of the target.
    pub pointer_write: Signal<Out, Bit>,
    /// Its index.
    pub pointer_address: Signal<Out, Bits<C>>,
    /// Its value.
    pub pointer_data: Signal<Out, Bits<W>>,
    /// Read the occupancy of `occupancy_column`; asked until `occupancy_ready`.
    pub occupancy_read: Signal<Out, Bit>,
    /// It is read in this cycle.
    pub occupancy_ready: Signal<In, Bit>,
    /// Column whose occupancy is read or written.
    pub occupancy_column: Signal<Out, Bits<C>>,
    /// The occupancy, two cycles after the read.
    pub occupancy: Signal<In, Bits<M>>,
    /// Write the occupancy.
    pub occupancy_write: Signal<Out, Bit>,
    /// Its new value.
    pub occupancy_data: Signal<Out, Bits<M>>,
    /// A bit pattern is no code word.
    pub bad_code: Signal<Out, Bit>,
    /// A row lies beyond `rows`.
    pub row_range: Signal<Out, Bit>,
    /// A word lies beyond the store.
    pub store_range: Signal<Out, Bit>,
    /// A column pointer lies beyond their memory.
    pub column_range: Signal<Out, Bit>,
    /// The PE does not exist.
    pub bad_target: Signal<Out, Bit>,
    state: DFF<LoaderState>,
    decoder: Decoder,
    at: DFF<Bits<17>>,
    at_next: Signal<Local, Bits<17>>,
    store_full: Signal<Local, Bit>,
    column: DFF<Bits<17>>,
    column_next: Signal<Local, Bits<17>>,
    columns_full: Signal<Local, Bit>,
    left: DFF<Bits<16>>,
    left_next: Signal<Local, Bits<16>>,
    entries: DFF<Bits<8>>,
    entries_next: Signal<Local, Bits<8>>,
    continues: DFF<Bit>,
    any_entry: DFF<Bit>,
    // Of the column: segments left, this one included; of the kernel row: the same, where this
    // segment's rows end, and the index of its first pointer.
    segments_left: DFF<Bits<8>>,
    segments_less: Signal<Local, Bits<8>>,
    taps_left: DFF<Bits<4>>,
    taps_less: Signal<Local, Bits<4>>,
    rows_end: DFF<Bits<17>>,
    kernel_row: DFF<Bits<17>>,
    pending: DFF<Bit>,
    beyond: Signal<Local, Bit>,
    too_far: Signal<Local, Bit>,
    row: DFF<Bits<17>>,
    row_here: Signal<Local, Bits<17>>,
    row_next: Signal<Local, Bits<17>>,
    run: DFF<Bits<8>>,
    code: DFF<Bits<8>>,
    failed: Signal<Local, Bit>,
    // Writes leave from registers, since PEs are many and far apart.
    target_q: DFF<Bits<M>>,
    entry_write_q: DFF<Bit>,
    entry_address_q: DFF<Bits<W>>,
    entry_data_q: DFF<Bits<E>>,
    pointer_write_q: DFF<Bit>,
    pointer_address_q: DFF<Bits<C>>,
    pointer_data_q: DFF<Bits<W>>,
    pe_bit: Signal<Local, Bits<M>>,
    pe_bits: [Constant<Bits<M>>; N],
    pe_numbers: [Constant<Bits<8>>; N],
    pes: Literal<8, N>,
    no_pe: Literal<M, 0>,
    store_bits: Literal<17, W>,
    column_bits: Literal<17, C>,
    byte_bits: Literal<E, 8>,
    row_bits: Literal<17, Q>,
    maps: Literal<2, MAPS>,
    no_segment: Literal<8, 0>,
    one_segment: Literal<8, 1>,
    no_tap: Literal<4, 0>,
    one_tap: Literal<4, 1>,
    first_taps: Signal<Local, Bits<4>>,
    first_segments: Signal<Local, Bits<8>>,
    one: Literal<17, 1>,
    zero: Literal<17, 0>,
    one_left: Literal<16, 1>,
    none_left: Literal<16, 0>,
    one_entry: Literal<8, 1>,
    no_entry: Literal<8, 0>,
    full_count: Literal<8, { thresh_regs::COUNT_CONTINUES as usize }>,
    counts: Literal<2, { thresh_regs::Table::Count as usize }>,
    runs: Literal<2, { thresh_regs::Table::Run as usize }>,
    codes: Literal<2, { thresh_regs::Table::Code as usize }>,
}

impl<
    const N: usize,
    const M: usize,
    const W: usize,
    const C: usize,
    const E: usize,
    const Q: usize,
    const MAPS: usize,
> Default for Loader<N, M, W, C, E, Q, MAPS>
{
    fn default() -> Self {
        Self {
            clock: Default::default(),
            abort: Default::default(),
            start: Default::default(),
            pe: Default::default(),
            raw: Default::default(),
            first: Default::default(),
            count: Default::default(),
            address: Default::default(),
            rows: Default::default(),
            taps: Default::default(),
            segments: Default::default(),
            loading: Default::default(),
            word_valid: Default::default(),
            word: Default::default(),
            word_ready: Default::default(),
            count_write: Default::default(),
            count_address: Default::default(),
            count_data: Default::default(),
            symbol_write: Default::default(),
            symbol_address: Default::default(),
            symbol_data: Default::default(),
            target: Default::default(),
            entry_write: Default::default(),
            entry_address: Default::default(),
            entry_data: Default::default(),
            pointer_write: Default::default(),
            pointer_address: Default::default(),
            pointer_data: Default::default(),
            occupancy_read: Default::default(),
            occupancy_ready: Default::default(),
            occupancy_column: Default::default(),
            occupancy: Default::default(),
            occupancy_write: Default::default(),
            occupancy_data: Default::default(),
            bad_code: Default::default(),
            row_range: Default::default(),
            store_range: Default::default(),
            column_range: Default::default(),
            bad_target: Default::default(),
            state: Default::default(),
            decoder: Default::default(),
            at: Default::default(),
            at_next: Default::default(),
            store_full: Default::default(),
            column: Default::default(),
            column_next: Default::default(),
            columns_full: Default::default(),
            left: Default::default(),
            left_next: Default::default(),
            entries: Default::default(),
            entries_next: Default::default(),
            continues: Default::default(),
            any_entry: Default::default(),
            segments_left: Default::default(),
            segments_less: Default::default(),
            taps_left: Default::default(),
            taps_less: Default::default(),
            rows_end: Default::default(),
            kernel_row: Default::default(),
            pending: Default::default(),
            beyond: Default::default(),
            too_far: Default::default(),
            row: Default::default(),
            row_here: Default::default(),
            row_next: Default::default(),
            run: Default::default(),
            code: Default::default(),
            failed: Default::default(),
            target_q: Default::default(),
            entry_write_q: Default::default(),
            entry_address_q: Default::default(),
            entry_data_q: Default::default(),
            pointer_write_q: Default::default(),
            pointer_address_q: Default::default(),
            pointer_data_q: Default::default(),
            pe_bit: Default::default(),
            pe_bits: std::array::from_fn(|i| Constant::new((1u64 << i).into())),
            pe_numbers: std::array::from_fn(|i| Constant::new((i as u64).into())),
            pes: Default::default(),
            no_pe: Default::default(),
            store_bits: Default::default(),
            column_bits: Default::default(),
            byte_bits: Default::default(),
            row_bits: Default::default(),
            maps: Default::default(),
            no_segment: Default::default(),
            one_segment: Default::default(),
            no_tap: Default::default(),
            one_tap: Default::default(),
            first_taps: Default::default(),
            first_segments: Default::default(),
            one: Default::default(),
            zero: Default::default(),
            one_left: Default::default(),
            none_left: Default::default(),
            one_entry: Default::default(),
            no_entry: Default::default(),
            full_count: Default::default(),
            counts: Default::default(),
            runs: Default::default(),
            codes: Default::default(),
        }
    }
}

impl<
    const N: usize,
    const M: usize,
    const W: usize,
    const C: usize,
    const E: usize,
    const Q: usize,
    const MAPS: usize,
> Logic for Loader<N, M, W, C, E, Q, MAPS>
{
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            state,
            at,
            column,
            left,
            entries,
            continues,
            any_entry,
            segments_left,
            taps_left,
            rows_end,
            kernel_row,
            pending,
            row,
            run,
            code,
            target_q,
            entry_write_q,
            entry_address_q,
            entry_data_q,
            pointer_write_q,
            pointer_address_q,
            pointer_data_q
        );
        self.decoder.clock.next = self.clock.val();
        self.decoder.clear.next = self.start.val() | self.abort.val();
        self.decoder.count_write.next = self.count_write.val();
        self.decoder.count_address.next = self.count_address.val();
        self.decoder.count_data.next = self.count_data.val();
        self.decoder.symbol_write.next = self.symbol_write.val();
        self.decoder.symbol_address.next = self.symbol_address.val();
        self.decoder.symbol_data.next = self.symbol_data.val();
        self.decoder.request.next = false;
        self.decoder.code_table.next = self.counts.val();
        self.decoder.word.next = self.word.val();
        self.decoder.word_valid.next = false;

        // The PE's bit.
        self.pe_bit.next = self.no_pe.val();
        for i in 0..N {
            if self.pe.val() == self.pe_numbers[i].val() {
                self.pe_bit.next = self.pe_bits[i].val();
            }
        }
        self.target_q.d.next = self.pe_bit.val();

        self.at_next.next = self.at.q.val() + self.one.val();
        self.store_full.next = (self.at.q.val() >> self.store_bits.val()).any();
        self.column_next.next = self.column.q.val() + self.one.val();
        self.columns_full.next = (self.column.q.val() >> self.column_bits.val()).any();
        self.left_next.next = self.left.q.val() - self.one_left.val();
        self.entries_next.next = self.entries.q.val() - self.one_entry.val();
        self.row_here.next = self.row.q.val() + bit_cast::<17, 8>(self.run.q.val());
        self.row_next.next = self.row_here.val() + self.one.val();
        self.segments_less.next = self.segments_left.q.val() - self.one_segment.val();
        self.taps_less.next = self.taps_left.q.val() - self.one_tap.val();
        self.beyond.next = self.row_here.val() >= self.rows_end.q.val();
        self.too_far.next = (self.row_here.val() >> self.row_bits.val()).any();
        self.first_taps.next = self.one_tap.val();
        self.first_segments.next = self.one_segment.val();
        if self.maps.val().get_bit(0) {
            self.first_taps.next = self.taps.val();
            self.first_segments.next = self.segments.val();
        }

        self.word_ready.next = false;
        self.entry_write_q.d.next = false;
        self.entry_address_q.d.next = self.at.q.val().get_bits::<W>(0);
        self.entry_data_q.d.next = (bit_cast::<E, Q>(self.row_here.val().get_bits::<Q>(0))
            << self.byte_bits.val())
            | bit_cast::<E, 8>(self.code.q.val());
        self.pointer_write_q.d.next = false;
        self.pointer_address_q.d.next = self.column.q.val().get_bits::<C>(0);
        self.pointer_data_q.d.next = self.at.q.val().get_bits::<W>(0);
        self.occupancy_read.next = false;
        self.occupancy_column.next = self.kernel_row.q.val().get_bits::<C>(0);
        self.occupancy_write.next = false;
        self.occupancy_data.next = self.occupancy.val() & !self.pe_bit.val();
        if self.any_entry.q.val() {
            self.occupancy_data.next = self.occupancy.val() | self.pe_bit.val();
        }
        self.bad_code.next = false;
        self.row_range.next = false;
        self.store_range.next = false;
        self.column_range.next = false;
        self.bad_target.next = false;
        self.failed.next = false;

        match self.state.q.val() {
            LoaderState::Idle => {}
            LoaderState::Begin => {
                self.pointer_write_q.d.next = true;
                self.state.d.next = LoaderState::Count;
                if self.columns_full.val() {
                    self.pointer_write_q.d.next = false;
                    self.column_range.next = true;
                    self.failed.next = true;
                }
            }
            LoaderState::Count => {
                self.decoder.request.next = true;
                self.decoder.code_table.next = self.counts.val();
                if self.decoder.valid.val() {
                    self.entries.d.next = self.decoder.symbol.val();
                    self.continues.d.next = self.decoder.symbol.val() == self.full_count.val();
                    self.state.d.next = LoaderState::Run;
                    if self.decoder.symbol.val() == self.no_entry.val() {
                        self.state.d.next = LoaderState::Close;
                    }
                }
            }
            LoaderState::Run => {
                self.decoder.request.next = true;
                self.decoder.code_table.next = self.runs.val();
                if self.decoder.valid.val() {
                    self.run.d.next = self.decoder.symbol.val();
                    self.state.d.next = LoaderState::Code;
                }
            }
            LoaderState::Code => {
                self.decoder.request.next = true;
                self.decoder.code_table.next = self.codes.val();
                if self.decoder.valid.val() {
                    self.code.d.next = self.decoder.symbol.val();
                    self.state.d.next = LoaderState::Entry;
                }
            }
            LoaderState::Entry => {
                self.entry_write_q.d.next = true;
                self.any_entry.d.next = true;
                self.at.d.next = self.at_next.val();
                self.row.d.next = self.row_next.val();
                self.entries.d.next = self.entries_next.val();
                self.state.d.next = LoaderState::Run;
                if self.entries_next.val() == self.no_entry.val() {
                    self.state.d.next = LoaderState::Close;
                    if self.continues.q.val() {
                        self.state.d.next = LoaderState::Count;
                    }
                }
                if self.beyond.val() {
                    // The entry is of a later segment: close this one first.
                    self.entry_write_q.d.next = false;
                    self.any_entry.d.next = self.any_entry.q.val();
                    self.at.d.next = self.at.q.val();
                    self.row.d.next = self.row.q.val();
                    self.entries.d.next = self.entries.q.val();
                    self.pending.d.next = true;
                    self.state.d.next = LoaderState::Close;
                    if self.segments_less.val() == self.no_segment.val() {
                        self.row_range.next = true;
                        self.failed.next = true;
                    }
                } else {
                    if self.too_far.val() {
                        self.entry_write_q.d.next = false;
                        self.row_range.next = true;
                        self.failed.next = true;
                    }
                    if self.store_full.val() {
                        self.entry_write_q.d.next = false;
                        self.store_range.next = true;
                        self.failed.next = true;
                    }
                }
            }
            LoaderState::Close => {
                self.pointer_write_q.d.next = true;
                self.pointer_address_q.d.next = self.column_next.val().get_bits::<C>(0);
                self.column.d.next = self.column_next.val();
                self.segments_left.d.next = self.segments_less.val();
                self.taps_left.d.next = self.taps_less.val();
                self.rows_end.d.next = self.rows_end.q.val() + bit_cast::<17, 16>(self.rows.val());
                if self.pending.q.val() {
                    self.state.d.next = LoaderState::Entry;
                }
                self.pending.d.next = false;
                if self.taps_less.val() == self.no_tap.val() {
                    self.pending.d.next = self.pending.q.val();
                    self.state.d.next = LoaderState::Look;
                }
                if (self.column_next.val() >> self.column_bits.val()).any() {
                    self.pointer_write_q.d.next = false;
                    self.column_range.next = true;
                    self.failed.next = true;
                }
            }
            LoaderState::Look => {
                // Tokens under way may be before.
                self.occupancy_read.next = true;
                if self.occupancy_ready.val() {
                    // Rows of the next kernel row are counted from its own beginning.
                    self.row.d.next = self.row.q.val() - self.rows_end.q.val()
                        + bit_cast::<17, 16>(self.rows.val());
                    self.state.d.next = LoaderState::Wait;
                }
            }
            LoaderState::Wait => {
                self.state.d.next = LoaderState::Mark;
            }
            LoaderState::Mark => {
                self.occupancy_write.next = true;
                self.any_entry.d.next = false;
                self.kernel_row.d.next = self.column.q.val();
                self.taps_left.d.next = self.first_taps.val();
                self.rows_end.d.next = bit_cast::<17, 16>(self.rows.val());
                self.pending.d.next = false;
                self.state.d.next = LoaderState::Close;
                if self.pending.q.val() {
                    self.state.d.next = LoaderState::Entry;
                }
                if self.segments_left.q.val() == self.no_segment.val() {
                    self.row.d.next = self.zero.val();
                    self.segments_left.d.next = self.first_segments.val();
                    self.left.d.next = self.left_next.val();
                    self.state.d.next = LoaderState::Count;
                    if self.left_next.val() == self.none_left.val() {
                        self.state.d.next = LoaderState::Idle;
                    }
                }
            }
            LoaderState::Raw => {
                // The bus holds the word until its last half is written.
                if self.word_valid.val() {
                    self.state.d.next = LoaderState::Low;
                }
            }
            LoaderState::Low => {
                self.entry_write_q.d.next = true;
                self.entry_data_q.d.next = bit_cast::<E, 16>(self.word.val().get_bits::<16>(0));
                self.at.d.next = self.at_next.val();
                self.left.d.next = self.left_next.val();
                self.state.d.next = LoaderState::High;
                if self.left_next.val() == self.none_left.val() {
                    self.state.d.next = LoaderState::Idle;
                    self.word_ready.next = true;
                }
                if self.store_full.val() {
                    self.entry_write_q.d.next = false;
                    self.store_range.next = true;
                    self.failed.next = true;
                }
            }
            LoaderState::High => {
                self.entry_write_q.d.next = true;
                self.entry_data_q.d.next = bit_cast::<E, 16>(self.word.val().get_bits::<16>(16));
                self.word_ready.next = true;
                self.at.d.next = self.at_next.val();
                self.left.d.next = self.left_next.val();
                self.state.d.next = LoaderState::Raw;
                if self.left_next.val() == self.none_left.val() {
                    self.state.d.next = LoaderState::Idle;
                }
                if self.store_full.val() {
                    self.entry_write_q.d.next = false;
                    self.store_range.next = true;
                    self.failed.next = true;
                }
            }
        }

        // While columns are decoded the decoder takes the words.
        self.loading.next = self.state.q.val() != LoaderState::Idle;
        if self.decoder.request.val() {
            self.decoder.word_valid.next = self.word_valid.val();
            self.word_ready.next = self.decoder.word_ready.val();
        }
        if self.decoder.bad.val() {
            self.bad_code.next = true;
            self.failed.next = true;
        }
        if self.start.val() {
            self.at.d.next = bit_cast::<17, 16>(self.address.val());
            self.column.d.next = bit_cast::<17, 16>(self.first.val());
            self.left.d.next = self.count.val();
            self.any_entry.d.next = false;
            self.pending.d.next = false;
            self.row.d.next = self.zero.val();
            self.kernel_row.d.next = bit_cast::<17, 16>(self.first.val());
            self.segments_left.d.next = self.first_segments.val();
            self.taps_left.d.next = self.first_taps.val();
            self.rows_end.d.next = bit_cast::<17, 16>(self.rows.val());
            self.state.d.next = LoaderState::Begin;
            if self.raw.val() {
                self.state.d.next = LoaderState::Raw;
            }
            if self.count.val() == self.none_left.val() {
                self.state.d.next = LoaderState::Idle;
            }
            if self.pe.val() >= self.pes.val() {
                self.state.d.next = LoaderState::Idle;
                self.bad_target.next = true;
            }
        }
        if self.failed.val() | self.abort.val() {
            self.state.d.next = LoaderState::Idle;
        }
        self.target.next = self.target_q.q.val();
        self.entry_write.next = self.entry_write_q.q.val();
        self.entry_address.next = self.entry_address_q.q.val();
        self.entry_data.next = self.entry_data_q.q.val();
        self.pointer_write.next = self.pointer_write_q.q.val();
        self.pointer_address.next = self.pointer_address_q.q.val();
        self.pointer_data.next = self.pointer_data_q.q.val();
    }
}
