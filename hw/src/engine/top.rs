use super::{
    BlockPe, Broadcast, Bus, Counters, Drain, HashedPe, HostPort, Loader, Scan, Sequencer,
    SinglePortPe,
};
use crate::primitives::{BlockRam, Literal};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

macro_rules! engine {
    ($(#[$doc:meta])* $name:ident, $pe:ty, $overlap:literal, $hashed:literal, [$($generic:ident),*]) => {
        $(#[$doc])*
        ///
        /// Wiring only. `N` PEs, `M = max(N, 2)`; `A`, `W`, `R`, `C`, `K` address bits of
        /// activations, store, accumulators, columns, codebook; `G` of the geometry tables; `E` bits of
        /// an entry, `Q` of its row; `B` of an activation, `V = B + 1` of a value on its way; `F` FIFO depth, log2; `D` descriptor word address bits; `T`
        /// activation window word address bits; `MAPS` 1 or 0; `X` depth of
        /// the column queue, log2; `TOKEN` and `REST` as `T` and `X` in [`super::TokenFifo`]; the rest as in [`HostPort`].
        #[derive(LogicBlock)]
        pub struct $name<$(const $generic: usize),*> {
            /// Clock.
            pub clock: Signal<In, Clock>,
            /// An access is asked for (Wishbone `cyc & stb`).
            pub strobe: Signal<In, Bit>,
            /// It is a write.
            pub write_enable: Signal<In, Bit>,
            /// Its word address.
            pub address: Signal<In, Bits<18>>,
            /// Value to write.
            pub write_data: Signal<In, Bits<32>>,
            /// The access ends in this cycle.
            pub ack: Signal<Out, Bit>,
            /// Value read, when `ack`.
            pub read_data: Signal<Out, Bits<32>>,
            bus: Bus<D, K, T, G, MAPS, $overlap>,
            sequencer: Sequencer<D, A, W, R, C, K, G, MAPS, $hashed>,
            loader: Loader<N, M, W, C, E, Q, MAPS>,
            port: HostPort<N, A, B, PARTS, LEFT, RIGHT, PART_BITS>,
            scan: Scan<N, M, A, R, C, G, B, V, MAPS>,
            broadcast: Broadcast<M, R, C, V>,
            drain: Drain<A, W, R, G, B, MAPS>,
            counters: Counters<N, M>,
            x_table: BlockRam<G, 32>,
            y_table: BlockRam<G, 32>,
            banks: [BlockRam<A, B>; N],
            pe: [$pe; N],
            pe_bits: [Constant<Bits<M>>; N],
            numbers: [Constant<Bits<6>>; N],
            lanes: Signal<Local, Bits<6>>,
            rows_word: Signal<Local, Bits<16>>,
            all_rows: Signal<Local, Bits<W>>,
            rows_less: Signal<Local, Bits<W>>,
            one_row: Literal<W, 1>,
            full: Signal<Local, Bits<M>>,
            macs: Signal<Local, Bits<M>>,
            seeking: Signal<Local, Bits<M>>,
            pes_busy: Signal<Local, Bit>,
            pe_busy: DFF<Bit>,
            clear: Signal<Local, Bit>,
            clear_address: Signal<Local, Bits<R>>,
            bank_address: Signal<Local, Bits<A>>,
            bank_read: Signal<Local, Bit>,
            scan_busy: Signal<Local, Bit>,
            events: Signal<Local, Bits<8>>,
            four: Literal<6, 4>,
            eight: Literal<10, 8>,
            no_pe: Literal<M, 0>,
            no_event: Literal<8, 0>,
            bad_code: Literal<8, { event("bad_code") }>,
            row_range: Literal<8, { event("row_range") }>,
            store_range: Literal<8, { event("store_range") }>,
            column_range: Literal<8, { event("column_range") }>,
            bad_target: Literal<8, { event("bad_target") }>,
        }

        impl<$(const $generic: usize),*> $name<$($generic),*> {
            /// An engine whose constant registers read as `values`, as [`Bus::new`] takes them.
            pub fn new(values: [u32; 7]) -> Self {
                Self {
                    clock: Default::default(),
                    strobe: Default::default(),
                    write_enable: Default::default(),
                    address: Default::default(),
                    write_data: Default::default(),
                    ack: Default::default(),
                    read_data: Default::default(),
                    bus: Bus::new(values),
                    sequencer: Default::default(),
                    loader: Default::default(),
                    port: Default::default(),
                    scan: Default::default(),
                    broadcast: Default::default(),
                    drain: Default::default(),
                    counters: Default::default(),
                    x_table: Default::default(),
                    y_table: Default::default(),
                    banks: std::array::from_fn(|_| Default::default()),
                    pe: std::array::from_fn(|_| Default::default()),
                    pe_bits: std::array::from_fn(|i| Constant::new((1u64 << i).into())),
                    numbers: std::array::from_fn(|i| Constant::new((i as u64).into())),
                    lanes: Default::default(),
                    rows_word: Default::default(),
                    all_rows: Default::default(),
                    rows_less: Default::default(),
                    one_row: Default::default(),
                    full: Default::default(),
                    macs: Default::default(),
                    seeking: Default::default(),
                    pes_busy: Default::default(),
                    pe_busy: Default::default(),
                    clear: Default::default(),
                    clear_address: Default::default(),
                    bank_address: Default::default(),
                    bank_read: Default::default(),
                    scan_busy: Default::default(),
                    events: Default::default(),
                    four: Default::default(),
                    eight: Default::default(),
                    no_pe: Default::default(),
                    no_event: Default::default(),
                    bad_code: Default::default(),
                    row_range: Default::default(),
                    store_range: Default::default(),
                    column_range: Default::default(),
                    bad_target: Default::default(),
                }
            }
        }

        impl<$(const $generic: usize),*> Logic for $name<$($generic),*> {
            #[hdl_gen]
            fn update(&mut self) {
                dff_setup!(self, clock, pe_busy);
                clock!(
                    self, clock, bus, sequencer, loader, port, scan, broadcast, drain, counters,
                    x_table, y_table
                );
                // Bus.
                self.bus.strobe.next = self.strobe.val();
                self.bus.write_enable.next = self.write_enable.val();
                self.bus.address.next = self.address.val();
                self.bus.write_data.next = self.write_data.val();
                self.ack.next = self.bus.ack.val();
                self.read_data.next = self.bus.read_data.val();
                self.bus.busy.next = self.sequencer.busy.val();
                self.bus.clearing.next = self.sequencer.clearing.val();
                self.bus.loading.next = self.loader.loading.val();
                self.bus.finished.next = self.sequencer.done.val();
                self.events.next = self.no_event.val();
                if self.loader.bad_code.val() {
                    self.events.next = self.events.val() | self.bad_code.val();
                }
                if self.loader.row_range.val() {
                    self.events.next = self.events.val() | self.row_range.val();
                }
                if self.loader.store_range.val() {
                    self.events.next = self.events.val() | self.store_range.val();
                }
                if self.loader.column_range.val() {
                    self.events.next = self.events.val() | self.column_range.val();
                }
                if self.loader.bad_target.val() {
                    self.events.next = self.events.val() | self.bad_target.val();
                }
                self.bus.events.next = self.events.val();

                // Loader.
                self.loader.abort.next = self.sequencer.abort.val();
                self.loader.start.next = self.bus.load.val();
                self.loader.pe.next = self.bus.load_target.val().get_bits::<8>(0);
                self.loader.raw.next = self.bus.load_target.val().get_bit(8);
                self.loader.first.next = self.bus.load_column.val().get_bits::<16>(0);
                self.loader.count.next = self.bus.load_column.val().get_bits::<16>(16);
                self.loader.taps.next = self.bus.load_target.val().get_bits::<4>(16);
                self.loader.segments.next = self.bus.load_target.val().get_bits::<8>(24);
                self.loader.address.next = self.bus.load_entry.val().get_bits::<16>(0);
                self.loader.rows.next = self.bus.load_entry.val().get_bits::<16>(16);
                self.loader.word_valid.next = self.bus.word_valid.val();
                self.loader.word.next = self.write_data.val();
                self.bus.word_ready.next = self.loader.word_ready.val();
                self.loader.count_write.next = self.bus.count_write.val();
                self.loader.count_address.next =
                    (bit_cast::<6, 2>(self.write_data.val().get_bits::<2>(24)) << self.four.val())
                        | bit_cast::<6, 4>(self.write_data.val().get_bits::<4>(16));
                self.loader.count_data.next = self.write_data.val().get_bits::<9>(0);
                self.loader.symbol_write.next = self.bus.symbol_write.val();
                self.loader.symbol_address.next =
                    (bit_cast::<10, 2>(self.write_data.val().get_bits::<2>(24)) << self.eight.val())
                        | bit_cast::<10, 8>(self.write_data.val().get_bits::<8>(16));
                self.loader.symbol_data.next = self.write_data.val().get_bits::<8>(0);
                self.loader.occupancy.next = self.broadcast.occupancy.val();
                self.loader.occupancy_ready.next = self.broadcast.load_ready.val();

                // Sequencer.
                self.sequencer.start.next = self.bus.start.val();
                self.sequencer.step.next = self.bus.step.val();
                self.sequencer.pass.next = self.bus.pass.val().get_bits::<16>(0);
                self.sequencer.reset.next = self.bus.reset.val();
                self.sequencer.descriptor_write.next = self.bus.descriptor_write.val();
                self.sequencer.descriptor_address.next = self.address.val().get_bits::<D>(0);
                self.sequencer.descriptor_data.next = self.write_data.val();
                self.scan_busy.next = self.scan.busy.val() | self.broadcast.busy.val();
                self.sequencer.scan_busy.next = self.scan_busy.val();
                self.sequencer.pe_busy.next = self.pe_busy.q.val();
                self.sequencer.drain_busy.next = self.drain.busy.val();

                // Scan and broadcast.
                self.scan.abort.next = self.sequencer.abort.val();
                self.scan.start.next = self.sequencer.scan_start.val();
                self.scan.in_base.next = self.sequencer.in_base.val();
                self.scan.groups.next = self.sequencer.groups.val();
                self.scan.map.next = self.sequencer.map.val();
                self.scan.width.next = self.sequencer.width.val();
                self.scan.height.next = self.sequencer.height.val();
                self.scan.x_table.next = self.sequencer.x_table.val();
                self.scan.y_table.next = self.sequencer.y_table.val();
                self.scan.segments.next = self.sequencer.segments.val();
                self.scan.group_columns.next = self.sequencer.group_columns.val();
                self.scan.tap_columns.next = self.sequencer.tap_columns.val();
                self.scan.row_step.next = self.sequencer.row_step.val();
                self.scan.in_step.next = self.sequencer.in_step.val();
                self.scan.x_word.next = self.x_table.read_data.val();
                self.scan.y_word.next = self.y_table.read_data.val();
                self.scan.col_base.next = self.sequencer.col_base.val();
                self.scan.in_signed.next = self.sequencer.in_signed.val();
                self.scan.ready.next = self.broadcast.ready.val();
                self.broadcast.abort.next = self.sequencer.abort.val();
                self.broadcast.valid.next = self.scan.valid.val();
                self.broadcast.column.next = self.scan.column.val();
                self.broadcast.start.next = self.scan.first.val();
                self.broadcast.count.next = self.scan.count.val();
                self.broadcast.value.next = self.scan.value.val();
                self.broadcast.base.next = self.scan.base.val();
                self.broadcast.everyone.next = self.sequencer.hashed.val();
                self.broadcast.load_read.next = self.loader.occupancy_read.val();
                self.broadcast.load_column.next = self.loader.occupancy_column.val();
                self.broadcast.load_write.next = self.loader.occupancy_write.val();
                self.broadcast.load_occupancy.next = self.loader.occupancy_data.val();

                // Drain.
                self.drain.abort.next = self.sequencer.abort.val();
                self.drain.start.next = self.sequencer.drain_start.val();
                self.drain.accs.next = self.sequencer.accs.val();
                self.drain.rows.next = self.sequencer.rows.val();
                self.drain.bias_base.next = self.sequencer.bias_base.val();
                self.drain.out_base.next = self.sequencer.out_base.val();
                self.drain.shift.next = self.sequencer.shift.val();
                self.drain.wide.next = self.sequencer.out_wide.val();
                self.drain.out_step.next = self.sequencer.out_step.val();
                self.drain.pool.next = self.sequencer.pool.val();
                self.drain.sweep.next = self.sequencer.sweep.val();
                self.drain.row_step.next = self.sequencer.row_step.val();
                self.drain.pool_width.next = self.sequencer.pool_width.val();
                self.drain.pool_height.next = self.sequencer.pool_height.val();
                self.drain.x_table.next = self.sequencer.pool_x_table.val();
                self.drain.y_table.next = self.sequencer.pool_y_table.val();
                self.drain.x_word.next = self.x_table.read_data.val();
                self.drain.y_word.next = self.y_table.read_data.val();
                self.clear.next = self.drain.clear.val() | self.sequencer.clear.val();
                self.clear_address.next = self.drain.clear_address.val();
                if self.sequencer.clear.val() {
                    self.clear_address.next = self.sequencer.clear_address.val();
                }

                // Geometry tables: the scan's but while draining.
                self.x_table.write_enable.next = self.bus.x_table_write.val();
                self.x_table.write_address.next = self.address.val().get_bits::<G>(0);
                self.x_table.write_data.next = self.write_data.val();
                self.y_table.write_enable.next = self.bus.y_table_write.val();
                self.y_table.write_address.next = self.address.val().get_bits::<G>(0);
                self.y_table.write_data.next = self.write_data.val();
                self.x_table.read_enable.next = self.scan.read.val() | self.drain.busy.val();
                self.x_table.read_address.next = self.scan.x_address.val();
                self.y_table.read_enable.next = self.scan.read.val() | self.drain.busy.val();
                self.y_table.read_address.next = self.scan.y_address.val();
                if self.drain.busy.val() {
                    self.x_table.read_address.next = self.drain.x_address.val();
                    self.y_table.read_address.next = self.drain.y_address.val();
                }

                // Activation banks: scan and drain while passes run, else the host.
                self.port.write.next = self.bus.port_write.val();
                self.port.read.next = self.bus.port_read.val();
                self.port.word.next = self.address.val().get_bits::<16>(0);
                self.port.write_data.next = self.write_data.val();
                self.bus.port_done.next = self.port.done.val();
                self.bus.port_data.next = self.port.read_data.val();
                self.bank_address.next = self.port.bank_address.val();
                self.bank_read.next = self.port.bank_read.val();
                if self.sequencer.busy.val() {
                    self.bank_address.next = self.scan.read_address.val();
                    self.bank_read.next = self.scan.read.val();
                }
                for i in 0..N {
                    self.banks[i].clock.next = self.clock.val();
                    self.banks[i].read_address.next = self.bank_address.val();
                    self.banks[i].read_enable.next = self.bank_read.val();
                    self.scan.vector[i].next = self.banks[i].read_data.val();
                    self.port.bank_data[i].next = self.scan.sampled[i].val();
                    self.banks[i].write_enable.next = self.port.bank_write[i].val();
                    self.banks[i].write_address.next = self.port.bank_write_address.val();
                    self.banks[i].write_data.next = self.port.bank_write_data[i].val();
                    if self.sequencer.busy.val() {
                        self.banks[i].write_enable.next = self.drain.write.val();
                        self.banks[i].write_address.next = self.drain.write_address.val();
                        self.banks[i].write_data.next = self.pe[i].activation.val();
                    }
                }

                // PEs.
                self.full.next = self.no_pe.val();
                self.macs.next = self.no_pe.val();
                self.seeking.next = self.no_pe.val();
                self.pes_busy.next = false;
                self.lanes.next = bit_cast::<6, 5>(self.sequencer.hash_lanes.val());
                self.rows_word.next = bit_cast::<16, 12>(self.sequencer.hash_rows.val());
                self.all_rows.next = self.rows_word.val().get_bits::<W>(0);
                self.rows_less.next = self.all_rows.val() - self.one_row.val();
                for i in 0..N {
                    self.pe[i].clock.next = self.clock.val();
                    self.pe[i].abort.next = self.sequencer.abort.val();
                    self.pe[i].push.next = self.broadcast.push.val().get_bit(i);
                    self.pe[i].push_column.next = self.broadcast.push_column.val();
                    self.pe[i].push_value.next = self.broadcast.push_value.val();
                    self.pe[i].push_base.next = self.broadcast.push_base.val();
                    self.pe[i].push_count.next = self.broadcast.push_count.val();
                    self.pe[i].codebook_base.next = self.sequencer.codebook_base.val();
                    self.pe[i].codebook_write.next = self.bus.codebook_write.val();
                    self.pe[i].codebook_address.next = self.address.val().get_bits::<K>(0);
                    self.pe[i].codebook_data.next = self.write_data.val().get_bits::<16>(0);
                    self.pe[i].entry_write.next =
                        self.loader.entry_write.val() & self.loader.target.val().get_bit(i);
                    self.pe[i].entry_address.next = self.loader.entry_address.val();
                    self.pe[i].entry_data.next = self.loader.entry_data.val();
                    self.pe[i].pointer_write.next =
                        self.loader.pointer_write.val() & self.loader.target.val().get_bit(i);
                    self.pe[i].pointing.next = self.loader.pointer_write.val();
                    self.pe[i].pointer_address.next = self.loader.pointer_address.val();
                    self.pe[i].pointer_data.next = self.loader.pointer_data.val();
                    self.pe[i].draining.next = self.sequencer.draining.val();
                    self.pe[i].drain_address.next = self.drain.address.val();
                    self.pe[i].bias_address.next = self.drain.bias_address.val();
                    self.pe[i].clear.next = self.clear.val();
                    self.pe[i].clear_address.next = self.clear_address.val();
                    self.pe[i].amount.next = self.drain.amount.val();
                    self.pe[i].relu.next = self.sequencer.relu.val();
                    self.pe[i].wide.next = self.sequencer.out_wide.val();
                    self.pe[i].pool_first.next = self.drain.first.val();
                    self.pe[i].hashed.next = self.sequencer.hashed.val();
                    self.pe[i].hash_pool.next = self.sequencer.hash_pool.val();
                    self.pe[i].hash_length.next = self.sequencer.hash_length.val();
                    self.pe[i].hash_rows.next = self.rows_less.val();
                    if self.numbers[i].val() < self.lanes.val() {
                        self.pe[i].hash_rows.next = self.all_rows.val();
                    }
                    self.pe[i].hash_mask.next = self.sequencer.hash_mask.val();
                    self.pe[i].number.next = self.numbers[i].val();
                    if self.pe[i].full.val() {
                        self.full.next = self.full.val() | self.pe_bits[i].val();
                    }
                    if self.pe[i].macs.val() {
                        self.macs.next = self.macs.val() | self.pe_bits[i].val();
                    }
                    if self.pe[i].seeking.val() {
                        self.seeking.next = self.seeking.val() | self.pe_bits[i].val();
                    }
                    if self.pe[i].busy.val() {
                        self.pes_busy.next = true;
                    }
                }
                self.broadcast.full.next = self.full.val();
                self.pe_busy.d.next = self.pes_busy.val();

                // Counters.
                self.counters.clear.next = self.bus.start.val();
                self.counters.fetching.next = self.sequencer.fetching.val();
                self.counters.scanning.next = self.sequencer.scanning.val();
                self.counters.flushing.next = self.sequencer.flushing.val();
                self.counters.draining.next = self.sequencer.draining.val();
                self.counters.macs.next = self.macs.val();
                self.counters.seeking.next = self.seeking.val();
                self.counters.sent.next = self.broadcast.sent.val();
                self.counters.stalled.next = self.broadcast.stalled.val();
                self.bus.cycles.next = self.counters.cycles.val();
                self.bus.fetch_cycles.next = self.counters.fetch_cycles.val();
                self.bus.scan_cycles.next = self.counters.scan_cycles.val();
                self.bus.flush_cycles.next = self.counters.flush_cycles.val();
                self.bus.drain_cycles.next = self.counters.drain_cycles.val();
                self.bus.macs.next = self.counters.mac_count.val();
                self.bus.starved.next = self.counters.starved.val();
                self.bus.seeking.next = self.counters.seek_count.val();
                self.bus.broadcasts.next = self.counters.broadcasts.val();
                self.bus.fifo_stalls.next = self.counters.fifo_stalls.val();
            }
        }
    };
}

const fn event(name: &str) -> usize {
    1 << thresh_regs::reg::ERROR.field(name).lsb
}

engine!(
    /// The engine with weights in block RAM, which can be loaded while passes run.
    BlockEngine, BlockPe<F, W, C, R, K, E, Q, B, V, MAPS, X>, 1, 0,
    [N, M, A, W, R, C, K, F, D, T, G, E, Q, B, V, MAPS, X, PARTS, LEFT, RIGHT, PART_BITS]
);
engine!(
    /// The engine with weights in block RAM, which may be picked from pools by a hash. `S` PEs, log2.
    HashedEngine, HashedPe<F, W, C, R, K, E, Q, B, V, MAPS, X, S>, 1, 1,
    [N, M, A, W, R, C, K, F, D, T, G, E, Q, B, V, MAPS, X, S, PARTS, LEFT, RIGHT, PART_BITS]
);
engine!(
    /// The engine with weights in one single-port RAM a PE.
    SinglePortEngine, SinglePortPe<F, W, C, R, K, E, Q, B, V, MAPS, TOKEN, REST>, 0, 0,
    [N, M, A, W, R, C, K, F, D, T, G, E, Q, B, V, MAPS, TOKEN, REST, PARTS, LEFT, RIGHT, PART_BITS]
);
