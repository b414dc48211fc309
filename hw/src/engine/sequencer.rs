use crate::primitives::{BlockRam, Literal};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// What the sequencer does.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum SequencerState {
    /// Nothing runs.
    Idle,
    /// Reads a descriptor.
    Fetch,
    /// Activations are scanned and broadcast.
    Scan,
    /// PEs finish.
    Flush,
    /// Accumulators are drained.
    Drain,
    /// A reset clears the accumulators.
    Clear,
}

/// Runs passes: fetches a descriptor, starts the scan, waits for the PEs, starts the drain, and goes
/// on to the next pass until one is marked last, or after one pass when stepping.
///
/// Fetching takes 7 cycles, 13 for a pass over a map, 14 for a hashed one. A reset aborts everything and clears all accumulators, `2^R` cycles.
///
/// `D` descriptor word address bits; `A`, `W`, `R`, `C`, `K`, `G` address bits of activations, store,
/// accumulators, columns, codebook, geometry tables. With `MAPS` 0 every pass is one position, with `HASHED` 0 none is
/// hashed.
#[derive(LogicBlock, Default)]
pub struct Sequencer<
    const D: usize,
    const A: usize,
    const W: usize,
    const R: usize,
    const C: usize,
    const K: usize,
    const G: usize,
    const MAPS: usize,
    const HASHED: usize,
> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Begin with the descriptor `pass`; only while idle.
    pub start: Signal<In, Bit>,
    /// Stop after one pass; with `start`.
    pub step: Signal<In, Bit>,
    /// Index of the first descriptor.
    pub pass: Signal<In, Bits<16>>,
    /// Abort and clear.
    pub reset: Signal<In, Bit>,
    /// Write a descriptor word.
    pub descriptor_write: Signal<In, Bit>,
    /// Its address.
    pub descriptor_address: Signal<In, Bits<D>>,
    /// Its value.
    pub descriptor_data: Signal<In, Bits<32>>,
    /// Scan or broadcast have something under way.
    pub scan_busy: Signal<In, Bit>,
    /// A PE has something under way.
    pub pe_busy: Signal<In, Bit>,
    /// The drain runs.
    pub drain_busy: Signal<In, Bit>,
    /// Start the scan; its fields are valid from here on.
    pub scan_start: Signal<Out, Bit>,
    /// Start the drain.
    pub drain_start: Signal<Out, Bit>,
    /// Abort scan, broadcast, PEs, drain and loader.
    pub abort: Signal<Out, Bit>,
    /// Clear an accumulator of every PE.
    pub clear: Signal<Out, Bit>,
    /// Which.
    pub clear_address: Signal<Out, Bits<R>>,
    /// Passes run, or a reset clears.
    pub busy: Signal<Out, Bit>,
    /// The last start has ended.
    pub done: Signal<Out, Bit>,
    /// A reset clears.
    pub clearing: Signal<Out, Bit>,
    /// Phase, for the counters.
    pub fetching: Signal<Out, Bit>,
    /// Phase, for the counters.
    pub scanning: Signal<Out, Bit>,
    /// Phase, for the counters.
    pub flushing: Signal<Out, Bit>,
    /// Phase, for the counters.
    pub draining: Signal<Out, Bit>,
    /// Descriptor field.
    pub relu: Signal<Out, Bit>,
    /// Descriptor field.
    pub in_signed: Signal<Out, Bit>,
    /// Descriptor field.
    pub out_wide: Signal<Out, Bit>,
    /// Descriptor field.
    pub shift: Signal<Out, Bits<5>>,
    /// Descriptor field.
    pub in_base: Signal<Out, Bits<A>>,
    /// Descriptor field.
    pub out_base: Signal<Out, Bits<A>>,
    /// Descriptor field.
    pub col_base: Signal<Out, Bits<C>>,
    /// Descriptor field.
    pub bias_base: Signal<Out, Bits<W>>,
    /// Descriptor field.
    pub groups: Signal<Out, Bits<16>>,
    /// Descriptor field.
    pub rows: Signal<Out, Bits<16>>,
    /// Descriptor field.
    pub accs: Signal<Out, Bits<16>>,
    /// Descriptor field.
    pub codebook_base: Signal<Out, Bits<K>>,
    /// The pass goes over a map: the fields below count.
    pub map: Signal<Out, Bit>,
    /// Descriptor field.
    pub pool: Signal<Out, Bit>,
    /// Descriptor field.
    pub sweep: Signal<Out, Bit>,
    /// Descriptor field.
    pub segments: Signal<Out, Bits<8>>,
    /// Descriptor field.
    pub out_step: Signal<Out, Bits<A>>,
    /// Descriptor field.
    pub width: Signal<Out, Bits<16>>,
    /// Descriptor field.
    pub height: Signal<Out, Bits<16>>,
    /// Descriptor field.
    pub x_table: Signal<Out, Bits<G>>,
    /// Descriptor field.
    pub y_table: Signal<Out, Bits<G>>,
    /// Descriptor field.
    pub tap_columns: Signal<Out, Bits<C>>,
    /// Descriptor field.
    pub row_step: Signal<Out, Bits<R>>,
    /// Descriptor field.
    pub group_columns: Signal<Out, Bits<C>>,
    /// Descriptor field.
    pub in_step: Signal<Out, Bits<A>>,
    /// Descriptor field.
    pub pool_width: Signal<Out, Bits<16>>,
    /// Descriptor field.
    pub pool_height: Signal<Out, Bits<16>>,
    /// Descriptor field.
    pub pool_x_table: Signal<Out, Bits<G>>,
    /// Descriptor field.
    pub pool_y_table: Signal<Out, Bits<G>>,
    /// The pass is hashed: the fields below count.
    pub hashed: Signal<Out, Bit>,
    /// Descriptor field.
    pub hash_lanes: Signal<Out, Bits<5>>,
    /// Descriptor field.
    pub hash_length: Signal<Out, Bits<16>>,
    /// Descriptor field.
    pub hash_pool: Signal<Out, Bits<C>>,
    /// Descriptor field.
    pub hash_rows: Signal<Out, Bits<12>>,
    /// Descriptor field.
    pub hash_mask: Signal<Out, Bits<4>>,
    descriptors: BlockRam<D, 32>,
    state: DFF<SequencerState>,
    stepping: DFF<Bit>,
    index: DFF<Bits<16>>,
    count: DFF<Bits<4>>,
    finished: DFF<Bit>,
    word0: DFF<Bits<32>>,
    word1: DFF<Bits<32>>,
    word2: DFF<Bits<32>>,
    word3: DFF<Bits<32>>,
    word4: DFF<Bits<32>>,
    word5: DFF<Bits<32>>,
    word6: DFF<Bits<32>>,
    word7: DFF<Bits<32>>,
    word8: DFF<Bits<32>>,
    word9: DFF<Bits<32>>,
    word10: DFF<Bits<32>>,
    word11: DFF<Bits<32>>,
    word12: DFF<Bits<32>>,
    clear_at: DFF<Bits<R>>,
    fetch_address: Signal<Local, Bits<16>>,
    pass_done: Signal<Local, Bit>,
    one: Literal<16, 1>,
    word_bits: Literal<16, 4>,
    zero_count: Literal<4, 0>,
    one_count: Literal<4, 1>,
    count1: Literal<4, 1>,
    count2: Literal<4, 2>,
    count3: Literal<4, 3>,
    count4: Literal<4, 4>,
    count5: Literal<4, 5>,
    count6: Literal<4, 6>,
    count7: Literal<4, 7>,
    count8: Literal<4, 8>,
    count9: Literal<4, 9>,
    count10: Literal<4, 10>,
    count11: Literal<4, 11>,
    count12: Literal<4, 12>,
    count13: Literal<4, 13>,
    zero_acc: Literal<R, 0>,
    one_acc: Literal<R, 1>,
    maps: Literal<2, MAPS>,
    is_map: Signal<Local, Bit>,
    hashes: Literal<2, HASHED>,
    is_hashed: Signal<Local, Bit>,
}

impl<
    const D: usize,
    const A: usize,
    const W: usize,
    const R: usize,
    const C: usize,
    const K: usize,
    const G: usize,
    const MAPS: usize,
    const HASHED: usize,
> Logic for Sequencer<D, A, W, R, C, K, G, MAPS, HASHED>
{
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self, clock, state, stepping, index, count, finished, word0, word1, word2, word3,
            word4, word5, word6, word7, word8, word9, word10, word11, word12, clear_at
        );
        self.descriptors.clock.next = self.clock.val();
        self.descriptors.write_enable.next = self.descriptor_write.val();
        self.descriptors.write_address.next = self.descriptor_address.val();
        self.descriptors.write_data.next = self.descriptor_data.val();
        self.fetch_address.next =
            (self.index.q.val() << self.word_bits.val()) | bit_cast::<16, 4>(self.count.q.val());
        self.descriptors.read_address.next = self.fetch_address.val().get_bits::<D>(0);
        self.descriptors.read_enable.next = true;

        self.is_map.next = self.word0.q.val().get_bit(5) & self.maps.val().get_bit(0);
        self.is_hashed.next = self.word0.q.val().get_bit(13) & self.hashes.val().get_bit(0);
        self.scan_start.next = false;
        self.drain_start.next = false;
        self.pass_done.next = false;
        match self.state.q.val() {
            SequencerState::Idle => {
                self.count.d.next = self.zero_count.val();
                if self.start.val() {
                    self.state.d.next = SequencerState::Fetch;
                    self.index.d.next = self.pass.val();
                    self.stepping.d.next = self.step.val();
                    self.finished.d.next = false;
                }
            }
            SequencerState::Fetch => {
                // A word is here the cycle after its address; its own register stands behind the RAM.
                self.count.d.next = self.count.q.val() + self.one_count.val();
                if self.count.q.val() == self.count1.val() {
                    self.word0.d.next = self.descriptors.read_data.val();
                }
                if self.count.q.val() == self.count2.val() {
                    self.word1.d.next = self.descriptors.read_data.val();
                }
                if self.count.q.val() == self.count3.val() {
                    self.word2.d.next = self.descriptors.read_data.val();
                }
                if self.count.q.val() == self.count4.val() {
                    self.word3.d.next = self.descriptors.read_data.val();
                }
                if self.count.q.val() == self.count5.val() {
                    self.word4.d.next = self.descriptors.read_data.val();
                }
                if self.count.q.val() == self.count6.val() {
                    self.word5.d.next = self.descriptors.read_data.val();
                    if !self.is_map.val() & !self.is_hashed.val() {
                        self.scan_start.next = true;
                        self.state.d.next = SequencerState::Scan;
                    }
                }
                if self.count.q.val() == self.count7.val() {
                    self.word6.d.next = self.descriptors.read_data.val();
                }
                if self.count.q.val() == self.count8.val() {
                    self.word7.d.next = self.descriptors.read_data.val();
                }
                if self.count.q.val() == self.count9.val() {
                    self.word8.d.next = self.descriptors.read_data.val();
                }
                if self.count.q.val() == self.count10.val() {
                    self.word9.d.next = self.descriptors.read_data.val();
                }
                if self.count.q.val() == self.count11.val() {
                    self.word10.d.next = self.descriptors.read_data.val();
                }
                if self.count.q.val() == self.count12.val() {
                    self.word11.d.next = self.descriptors.read_data.val();
                    if !self.is_hashed.val() {
                        self.scan_start.next = true;
                        self.state.d.next = SequencerState::Scan;
                    }
                }
                if (self.count.q.val() == self.count13.val()) & self.is_hashed.val() {
                    self.word12.d.next = self.descriptors.read_data.val();
                    self.scan_start.next = true;
                    self.state.d.next = SequencerState::Scan;
                }
            }
            SequencerState::Scan => {
                self.count.d.next = self.zero_count.val();
                if !self.scan_busy.val() {
                    self.state.d.next = SequencerState::Flush;
                }
            }
            SequencerState::Flush => {
                if !self.pe_busy.val() {
                    if self.word0.q.val().get_bit(4) {
                        self.pass_done.next = true;
                    } else {
                        self.drain_start.next = true;
                        self.state.d.next = SequencerState::Drain;
                    }
                }
            }
            SequencerState::Drain => {
                if !self.drain_busy.val() {
                    self.pass_done.next = true;
                }
            }
            SequencerState::Clear => {
                self.clear_at.d.next = self.clear_at.q.val() + self.one_acc.val();
                if self.clear_at.q.val().all() {
                    self.state.d.next = SequencerState::Idle;
                }
            }
        }
        if self.pass_done.val() {
            self.index.d.next = self.index.q.val() + self.one.val();
            self.state.d.next = SequencerState::Fetch;
            if self.stepping.q.val() | self.word0.q.val().get_bit(0) {
                self.state.d.next = SequencerState::Idle;
                self.finished.d.next = true;
            }
        }
        self.abort.next = self.reset.val();
        if self.reset.val() {
            self.state.d.next = SequencerState::Clear;
            self.clear_at.d.next = self.zero_acc.val();
            self.count.d.next = self.zero_count.val();
            self.finished.d.next = false;
            self.scan_start.next = false;
            self.drain_start.next = false;
        }

        self.busy.next = self.state.q.val() != SequencerState::Idle;
        self.done.next = self.finished.q.val();
        self.clearing.next = self.state.q.val() == SequencerState::Clear;
        self.clear.next = self.state.q.val() == SequencerState::Clear;
        self.clear_address.next = self.clear_at.q.val();
        self.fetching.next = self.state.q.val() == SequencerState::Fetch;
        self.scanning.next = self.state.q.val() == SequencerState::Scan;
        self.flushing.next = self.state.q.val() == SequencerState::Flush;
        self.draining.next = self.state.q.val() == SequencerState::Drain;

        self.relu.next = self.word0.q.val().get_bit(1);
        self.in_signed.next = self.word0.q.val().get_bit(2);
        self.out_wide.next = self.word0.q.val().get_bit(3);
        self.shift.next = self.word0.q.val().get_bits::<5>(8);
        self.in_base.next = self.word1.q.val().get_bits::<A>(0);
        self.out_base.next = self.word1.q.val().get_bits::<A>(16);
        self.col_base.next = self.word2.q.val().get_bits::<C>(0);
        self.bias_base.next = self.word2.q.val().get_bits::<W>(16);
        self.groups.next = self.word3.q.val().get_bits::<16>(0);
        self.out_step.next = self.word3.q.val().get_bits::<A>(16);
        self.rows.next = self.word4.q.val().get_bits::<16>(0);
        self.accs.next = self.word4.q.val().get_bits::<16>(16);
        self.codebook_base.next = self.word5.q.val().get_bits::<K>(0);
        self.map.next = self.is_map.val();
        self.pool.next = self.word0.q.val().get_bit(6) & self.is_map.val();
        self.sweep.next = self.word0.q.val().get_bit(7) & self.is_map.val();
        self.segments.next = self.word0.q.val().get_bits::<8>(16);
        self.width.next = self.word6.q.val().get_bits::<16>(0);
        self.height.next = self.word6.q.val().get_bits::<16>(16);
        self.x_table.next = self.word7.q.val().get_bits::<G>(0);
        self.y_table.next = self.word7.q.val().get_bits::<G>(16);
        self.tap_columns.next = self.word8.q.val().get_bits::<C>(0);
        self.row_step.next = self.word8.q.val().get_bits::<R>(16);
        self.group_columns.next = self.word9.q.val().get_bits::<C>(0);
        self.in_step.next = self.word9.q.val().get_bits::<A>(16);
        self.pool_width.next = self.word10.q.val().get_bits::<16>(0);
        self.pool_height.next = self.word10.q.val().get_bits::<16>(16);
        self.pool_x_table.next = self.word11.q.val().get_bits::<G>(0);
        self.pool_y_table.next = self.word11.q.val().get_bits::<G>(16);
        self.hashed.next = self.is_hashed.val();
        self.hash_lanes.next = self.word0.q.val().get_bits::<5>(24);
        self.hash_length.next = self.word5.q.val().get_bits::<16>(16);
        self.hash_pool.next = self.word12.q.val().get_bits::<C>(0);
        self.hash_rows.next = self.word12.q.val().get_bits::<12>(16);
        self.hash_mask.next = self.word12.q.val().get_bits::<4>(28);
    }
}
