use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;
use thresh_regs::{
    ACTIVATION_WINDOW, CODEBOOK_WINDOW, DESCRIPTOR_WINDOW, Field as RegisterField, TABLE_WINDOW,
    Window, reg,
};

/// What the bus does with an access.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum BusState {
    /// Waits for one.
    Idle,
    /// Knows where it goes.
    Decoded,
    /// Holds a stream word until the loader takes it.
    Stream,
    /// Waits for the activation banks.
    Port,
    /// Acknowledges.
    Ack,
}

const fn word(offset: u32) -> usize {
    offset as usize / 4
}

const fn region(window: Window) -> usize {
    (window.offset / window.bytes) as usize
}

const fn bit(field: RegisterField) -> usize {
    1 << field.lsb
}

// The slices of the address below take these windows apart.
const _: () = assert!(
    DESCRIPTOR_WINDOW.bytes == 4 << 10
        && CODEBOOK_WINDOW.bytes == 4 << 12
        && TABLE_WINDOW.bytes == 4 << 11
        && ACTIVATION_WINDOW.bytes == 4 << 16
        && DESCRIPTOR_WINDOW
            .offset
            .is_multiple_of(DESCRIPTOR_WINDOW.bytes)
        && CODEBOOK_WINDOW.offset.is_multiple_of(CODEBOOK_WINDOW.bytes)
        && TABLE_WINDOW.offset.is_multiple_of(TABLE_WINDOW.bytes)
        && ACTIVATION_WINDOW
            .offset
            .is_multiple_of(ACTIVATION_WINDOW.bytes)
);

/// Wishbone slave: registers, windows, errors.
///
/// A register access takes three cycles, a stream word until the loader takes it, an activation
/// word up to ten. An access that cannot be done is acknowledged, changes nothing and
/// sets a bit of `ERROR`. Only whole words: there are no byte selects.
///
/// `D` descriptor word, `K` codebook, `T` activation word, `G` table address bits. With `MAPS` 0 there
/// are no tables. With `OVERLAP` 1 all but activations may be loaded while passes run.
#[derive(LogicBlock)]
pub struct Bus<
    const D: usize,
    const K: usize,
    const T: usize,
    const G: usize,
    const MAPS: usize,
    const OVERLAP: usize,
> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// An access is asked for (Wishbone `cyc & stb`); the next three inputs must hold until `ack`.
    pub strobe: Signal<In, Bit>,
    /// It is a write.
    pub write_enable: Signal<In, Bit>,
    /// Its word address.
    pub address: Signal<In, Bits<18>>,
    /// Value to write.
    pub write_data: Signal<In, Bits<32>>,
    /// The access ends in this cycle; in the next the inputs are another access or none.
    pub ack: Signal<Out, Bit>,
    /// Value read, when `ack`.
    pub read_data: Signal<Out, Bits<32>>,
    /// Run passes.
    pub start: Signal<Out, Bit>,
    /// Only one.
    pub step: Signal<Out, Bit>,
    /// Open a load.
    pub load: Signal<Out, Bit>,
    /// Abort and clear.
    pub reset: Signal<Out, Bit>,
    /// Register `PASS`.
    pub pass: Signal<Out, Bits<32>>,
    /// Register `LOAD_TARGET`.
    pub load_target: Signal<Out, Bits<32>>,
    /// Register `LOAD_COLUMN`.
    pub load_column: Signal<Out, Bits<32>>,
    /// Register `LOAD_ENTRY`.
    pub load_entry: Signal<Out, Bits<32>>,
    /// Passes run or a reset clears.
    pub busy: Signal<In, Bit>,
    /// A reset clears.
    pub clearing: Signal<In, Bit>,
    /// A load is open.
    pub loading: Signal<In, Bit>,
    /// The last start has ended.
    pub finished: Signal<In, Bit>,
    /// Errors that occur in this cycle, by their bit in `ERROR`.
    pub events: Signal<In, Bits<8>>,
    /// A stream word is offered to the loader.
    pub word_valid: Signal<Out, Bit>,
    /// The loader takes it in this cycle.
    pub word_ready: Signal<In, Bit>,
    /// Write `CODE_COUNT`.
    pub count_write: Signal<Out, Bit>,
    /// Write `CODE_SYMBOL`.
    pub symbol_write: Signal<Out, Bit>,
    /// Write a descriptor word.
    pub descriptor_write: Signal<Out, Bit>,
    /// Write a codebook weight.
    pub codebook_write: Signal<Out, Bit>,
    /// Write a word of the x table.
    pub x_table_write: Signal<Out, Bit>,
    /// Write a word of the y table.
    pub y_table_write: Signal<Out, Bit>,
    /// Begin a write of the activation banks.
    pub port_write: Signal<Out, Bit>,
    /// Begin a read of the activation banks.
    pub port_read: Signal<Out, Bit>,
    /// That access ends in this cycle.
    pub port_done: Signal<In, Bit>,
    /// Value read from the banks.
    pub port_data: Signal<In, Bits<32>>,
    /// Register `CYCLES`.
    pub cycles: Signal<In, Bits<32>>,
    /// Register `FETCH_CYCLES`.
    pub fetch_cycles: Signal<In, Bits<32>>,
    /// Register `SCAN_CYCLES`.
    pub scan_cycles: Signal<In, Bits<32>>,
    /// Register `FLUSH_CYCLES`.
    pub flush_cycles: Signal<In, Bits<32>>,
    /// Register `DRAIN_CYCLES`.
    pub drain_cycles: Signal<In, Bits<32>>,
    /// Register `MACS`.
    pub macs: Signal<In, Bits<32>>,
    /// Register `STARVED`.
    pub starved: Signal<In, Bits<32>>,
    /// Register `SEEKING`.
    pub seeking: Signal<In, Bits<32>>,
    /// Register `BROADCASTS`.
    pub broadcasts: Signal<In, Bits<32>>,
    /// Register `FIFO_STALLS`.
    pub fifo_stalls: Signal<In, Bits<32>>,
    state: DFF<BusState>,
    result: DFF<Bits<32>>,
    errors: DFF<Bits<8>>,
    raised: Signal<Local, Bits<8>>,
    cleared: Signal<Local, Bits<8>>,
    pass_q: DFF<Bits<32>>,
    load_target_q: DFF<Bits<32>>,
    load_column_q: DFF<Bits<32>>,
    load_entry_q: DFF<Bits<32>>,
    // What is told to the rest of the engine goes out beside `ack`, while address and data still hold: else the longest path of a
    // large engine begins at the host's address.
    start_q: DFF<Bit>,
    step_q: DFF<Bit>,
    load_q: DFF<Bit>,
    reset_q: DFF<Bit>,
    count_write_q: DFF<Bit>,
    symbol_write_q: DFF<Bit>,
    descriptor_write_q: DFF<Bit>,
    codebook_write_q: DFF<Bit>,
    x_table_write_q: DFF<Bit>,
    y_table_write_q: DFF<Bit>,
    index: Signal<Local, Bits<6>>,
    selected: Signal<Local, Bits<32>>,
    idle: Signal<Local, Bit>,
    // A load may be set up or opened.
    loadable: Signal<Local, Bit>,
    is_register: DFF<Bit>,
    is_descriptor: DFF<Bit>,
    is_codebook: DFF<Bit>,
    is_table: DFF<Bit>,
    is_activation: DFF<Bit>,
    beyond_descriptors: DFF<Bit>,
    beyond_codebook: DFF<Bit>,
    beyond_tables: DFF<Bit>,
    beyond_activations: DFF<Bit>,
    known: Signal<Local, Bit>,
    status: Signal<Local, Bits<32>>,
    any_error: Signal<Local, Bit>,
    asks: Signal<Local, Bit>,
    writes: Signal<Local, Bit>,
    reads: Signal<Local, Bit>,
    refused: Signal<Local, Bit>,
    id: Constant<Bits<32>>,
    version: Constant<Bits<32>>,
    shape: Constant<Bits<32>>,
    sizes: Constant<Bits<32>>,
    limits: Constant<Bits<32>>,
    map_hash: Constant<Bits<32>>,
    maps: Constant<Bits<32>>,
    at_id: Literal<6, { word(reg::ID.offset) }>,
    at_version: Literal<6, { word(reg::VERSION.offset) }>,
    at_shape: Literal<6, { word(reg::SHAPE.offset) }>,
    at_sizes: Literal<6, { word(reg::SIZES.offset) }>,
    at_limits: Literal<6, { word(reg::LIMITS.offset) }>,
    at_map_hash: Literal<6, { word(reg::MAP_HASH.offset) }>,
    at_status: Literal<6, { word(reg::STATUS.offset) }>,
    at_error: Literal<6, { word(reg::ERROR.offset) }>,
    at_control: Literal<6, { word(reg::CONTROL.offset) }>,
    at_pass: Literal<6, { word(reg::PASS.offset) }>,
    at_load_target: Literal<6, { word(reg::LOAD_TARGET.offset) }>,
    at_load_column: Literal<6, { word(reg::LOAD_COLUMN.offset) }>,
    at_load_entry: Literal<6, { word(reg::LOAD_ENTRY.offset) }>,
    at_stream: Literal<6, { word(reg::STREAM.offset) }>,
    at_code_count: Literal<6, { word(reg::CODE_COUNT.offset) }>,
    at_code_symbol: Literal<6, { word(reg::CODE_SYMBOL.offset) }>,
    at_cycles: Literal<6, { word(reg::CYCLES.offset) }>,
    at_fetch_cycles: Literal<6, { word(reg::FETCH_CYCLES.offset) }>,
    at_scan_cycles: Literal<6, { word(reg::SCAN_CYCLES.offset) }>,
    at_flush_cycles: Literal<6, { word(reg::FLUSH_CYCLES.offset) }>,
    at_drain_cycles: Literal<6, { word(reg::DRAIN_CYCLES.offset) }>,
    at_macs: Literal<6, { word(reg::MACS.offset) }>,
    at_starved: Literal<6, { word(reg::STARVED.offset) }>,
    at_seeking: Literal<6, { word(reg::SEEKING.offset) }>,
    at_broadcasts: Literal<6, { word(reg::BROADCASTS.offset) }>,
    last_register: Literal<18, { word(reg::MAPS.offset) }>,
    at_fifo_stalls: Literal<6, { word(reg::FIFO_STALLS.offset) }>,
    at_maps: Literal<6, { word(reg::MAPS.offset) }>,
    table_region: Literal<7, { region(TABLE_WINDOW) }>,
    table_bits: Literal<18, G>,
    has_maps: Literal<2, MAPS>,
    overlaps: Literal<2, OVERLAP>,
    descriptor_region: Literal<8, { region(DESCRIPTOR_WINDOW) }>,
    codebook_region: Literal<6, { region(CODEBOOK_WINDOW) }>,
    activation_region: Literal<2, { region(ACTIVATION_WINDOW) }>,
    descriptor_bits: Literal<18, D>,
    codebook_bits: Literal<18, K>,
    activation_bits: Literal<18, T>,
    error_not_idle: Literal<8, { bit(reg::ERROR.field("not_idle")) }>,
    error_no_load: Literal<8, { bit(reg::ERROR.field("no_load")) }>,
    error_bad_address: Literal<8, { bit(reg::ERROR.field("bad_address")) }>,
    no_error: Literal<8, 0>,
    zero: Literal<32, 0>,
    status_busy: Literal<32, { bit(reg::STATUS.field("busy")) }>,
    status_loading: Literal<32, { bit(reg::STATUS.field("loading")) }>,
    status_done: Literal<32, { bit(reg::STATUS.field("done")) }>,
    status_clearing: Literal<32, { bit(reg::STATUS.field("clearing")) }>,
    status_error: Literal<32, { bit(reg::STATUS.field("error")) }>,
}

impl<
    const D: usize,
    const K: usize,
    const T: usize,
    const G: usize,
    const MAPS: usize,
    const OVERLAP: usize,
> Bus<D, K, T, G, MAPS, OVERLAP>
{
    /// A bus whose constant registers `ID`, `VERSION`, `SHAPE`, `SIZES`, `LIMITS`, `MAP_HASH` and
    /// `MAPS` read as `values`.
    pub fn new(values: [u32; 7]) -> Self {
        Self {
            clock: Default::default(),
            strobe: Default::default(),
            write_enable: Default::default(),
            address: Default::default(),
            write_data: Default::default(),
            ack: Default::default(),
            read_data: Default::default(),
            start: Default::default(),
            step: Default::default(),
            load: Default::default(),
            reset: Default::default(),
            pass: Default::default(),
            load_target: Default::default(),
            load_column: Default::default(),
            load_entry: Default::default(),
            busy: Default::default(),
            clearing: Default::default(),
            loading: Default::default(),
            finished: Default::default(),
            events: Default::default(),
            word_valid: Default::default(),
            word_ready: Default::default(),
            count_write: Default::default(),
            symbol_write: Default::default(),
            descriptor_write: Default::default(),
            codebook_write: Default::default(),
            x_table_write: Default::default(),
            y_table_write: Default::default(),
            port_write: Default::default(),
            port_read: Default::default(),
            port_done: Default::default(),
            port_data: Default::default(),
            cycles: Default::default(),
            fetch_cycles: Default::default(),
            scan_cycles: Default::default(),
            flush_cycles: Default::default(),
            drain_cycles: Default::default(),
            macs: Default::default(),
            starved: Default::default(),
            seeking: Default::default(),
            broadcasts: Default::default(),
            fifo_stalls: Default::default(),
            state: Default::default(),
            result: Default::default(),
            errors: Default::default(),
            raised: Default::default(),
            cleared: Default::default(),
            pass_q: Default::default(),
            load_target_q: Default::default(),
            load_column_q: Default::default(),
            load_entry_q: Default::default(),
            start_q: Default::default(),
            step_q: Default::default(),
            load_q: Default::default(),
            reset_q: Default::default(),
            count_write_q: Default::default(),
            symbol_write_q: Default::default(),
            descriptor_write_q: Default::default(),
            codebook_write_q: Default::default(),
            x_table_write_q: Default::default(),
            y_table_write_q: Default::default(),
            index: Default::default(),
            selected: Default::default(),
            last_register: Default::default(),
            idle: Default::default(),
            loadable: Default::default(),
            is_register: Default::default(),
            is_descriptor: Default::default(),
            is_codebook: Default::default(),
            is_table: Default::default(),
            is_activation: Default::default(),
            beyond_descriptors: Default::default(),
            beyond_codebook: Default::default(),
            beyond_tables: Default::default(),
            beyond_activations: Default::default(),
            known: Default::default(),
            status: Default::default(),
            any_error: Default::default(),
            asks: Default::default(),
            writes: Default::default(),
            reads: Default::default(),
            refused: Default::default(),
            id: Constant::new(u64::from(values[0]).into()),
            version: Constant::new(u64::from(values[1]).into()),
            shape: Constant::new(u64::from(values[2]).into()),
            sizes: Constant::new(u64::from(values[3]).into()),
            limits: Constant::new(u64::from(values[4]).into()),
            map_hash: Constant::new(u64::from(values[5]).into()),
            maps: Constant::new(u64::from(values[6]).into()),
            at_id: Default::default(),
            at_version: Default::default(),
            at_shape: Default::default(),
            at_sizes: Default::default(),
            at_limits: Default::default(),
            at_map_hash: Default::default(),
            at_status: Default::default(),
            at_error: Default::default(),
            at_control: Default::default(),
            at_pass: Default::default(),
            at_load_target: Default::default(),
            at_load_column: Default::default(),
            at_load_entry: Default::default(),
            at_stream: Default::default(),
            at_code_count: Default::default(),
            at_code_symbol: Default::default(),
            at_cycles: Default::default(),
            at_fetch_cycles: Default::default(),
            at_scan_cycles: Default::default(),
            at_flush_cycles: Default::default(),
            at_drain_cycles: Default::default(),
            at_macs: Default::default(),
            at_starved: Default::default(),
            at_seeking: Default::default(),
            at_broadcasts: Default::default(),
            at_fifo_stalls: Default::default(),
            at_maps: Default::default(),
            table_region: Default::default(),
            table_bits: Default::default(),
            has_maps: Default::default(),
            overlaps: Default::default(),
            descriptor_region: Default::default(),
            codebook_region: Default::default(),
            activation_region: Default::default(),
            descriptor_bits: Default::default(),
            codebook_bits: Default::default(),
            activation_bits: Default::default(),
            error_not_idle: Default::default(),
            error_no_load: Default::default(),
            error_bad_address: Default::default(),
            no_error: Default::default(),
            zero: Default::default(),
            status_busy: Default::default(),
            status_loading: Default::default(),
            status_done: Default::default(),
            status_clearing: Default::default(),
            status_error: Default::default(),
        }
    }
}

impl<
    const D: usize,
    const K: usize,
    const T: usize,
    const G: usize,
    const MAPS: usize,
    const OVERLAP: usize,
> Logic for Bus<D, K, T, G, MAPS, OVERLAP>
{
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            state,
            result,
            errors,
            pass_q,
            load_target_q,
            load_column_q,
            load_entry_q,
            start_q,
            step_q,
            load_q,
            reset_q,
            count_write_q,
            symbol_write_q,
            descriptor_write_q,
            codebook_write_q,
            x_table_write_q,
            y_table_write_q,
            is_register,
            is_descriptor,
            is_codebook,
            is_table,
            is_activation,
            beyond_descriptors,
            beyond_codebook,
            beyond_tables,
            beyond_activations
        );
        // Where the access goes.
        self.index.next = self.address.val().get_bits::<6>(0);
        self.is_register.d.next = self.address.val() <= self.last_register.val();
        self.is_descriptor.d.next =
            self.address.val().get_bits::<8>(10) == self.descriptor_region.val();
        self.is_codebook.d.next =
            self.address.val().get_bits::<6>(12) == self.codebook_region.val();
        self.is_table.d.next = (self.address.val().get_bits::<7>(11) == self.table_region.val())
            & self.has_maps.val().get_bit(0);
        self.is_activation.d.next =
            self.address.val().get_bits::<2>(16) == self.activation_region.val();
        self.beyond_descriptors.d.next = (bit_cast::<18, 10>(self.address.val().get_bits::<10>(0))
            >> self.descriptor_bits.val())
        .any();
        self.beyond_codebook.d.next = (bit_cast::<18, 12>(self.address.val().get_bits::<12>(0))
            >> self.codebook_bits.val())
        .any();
        self.beyond_tables.d.next = (bit_cast::<18, 10>(self.address.val().get_bits::<10>(0))
            >> self.table_bits.val())
        .any();
        self.beyond_activations.d.next = (bit_cast::<18, 16>(self.address.val().get_bits::<16>(0))
            >> self.activation_bits.val())
        .any();
        self.known.next = self.is_register.q.val()
            | (self.is_descriptor.q.val()
                & self.write_enable.val()
                & !self.beyond_descriptors.q.val())
            | (self.is_codebook.q.val() & self.write_enable.val() & !self.beyond_codebook.q.val())
            | (self.is_table.q.val() & self.write_enable.val() & !self.beyond_tables.q.val())
            | (self.is_activation.q.val() & !self.beyond_activations.q.val());

        self.any_error.next = self.errors.q.val().any();
        self.idle.next = !self.busy.val() & !self.loading.val();
        self.loadable.next = !self.loading.val()
            & (!self.busy.val() | (self.overlaps.val().get_bit(0) & !self.clearing.val()));
        self.asks.next = self.state.q.val() == BusState::Decoded;
        self.writes.next = self.asks.val() & self.write_enable.val() & self.known.val();
        self.reads.next = self.asks.val() & !self.write_enable.val() & self.known.val();
        self.raised.next = self.events.val();
        self.cleared.next = self.no_error.val();
        self.refused.next = false;

        self.start_q.d.next = false;
        self.step_q.d.next = false;
        self.load_q.d.next = false;
        self.reset_q.d.next = false;
        self.word_valid.next = false;
        self.count_write_q.d.next = false;
        self.symbol_write_q.d.next = false;
        self.descriptor_write_q.d.next = false;
        self.codebook_write_q.d.next = false;
        self.x_table_write_q.d.next = false;
        self.y_table_write_q.d.next = false;
        self.port_write.next = false;
        self.port_read.next = false;

        if self.strobe.val() & (self.state.q.val() == BusState::Idle) {
            self.state.d.next = BusState::Decoded;
        }
        if self.asks.val() {
            self.state.d.next = BusState::Ack;
            self.result.d.next = self.zero.val();
            if !self.known.val() {
                self.raised.next = self.events.val() | self.error_bad_address.val();
            }
        }
        if self.writes.val() {
            if self.is_register.q.val() {
                if self.index.val() == self.at_error.val() {
                    self.cleared.next = self.write_data.val().get_bits::<8>(0);
                }
                if self.index.val() == self.at_control.val() {
                    self.reset_q.d.next = self.write_data.val().get_bit(3);
                    self.start_q.d.next = self.idle.val()
                        & self.write_data.val().get_bit(0)
                        & !self.write_data.val().get_bit(3);
                    self.step_q.d.next = self.write_data.val().get_bit(1);
                    self.load_q.d.next = self.loadable.val()
                        & self.write_data.val().get_bit(2)
                        & !self.write_data.val().get_bit(3);
                    self.refused.next = (!self.idle.val() & self.write_data.val().get_bit(0))
                        | (!self.loadable.val() & self.write_data.val().get_bit(2));
                }
                if self.index.val() == self.at_stream.val() {
                    if self.loading.val() {
                        self.state.d.next = BusState::Stream;
                    } else {
                        self.raised.next = self.events.val() | self.error_no_load.val();
                    }
                }
                if self.index.val() == self.at_pass.val() {
                    if self.idle.val() {
                        self.pass_q.d.next = self.write_data.val();
                    } else {
                        self.refused.next = true;
                    }
                }
                if self.index.val() == self.at_load_target.val() {
                    if self.loadable.val() {
                        self.load_target_q.d.next = self.write_data.val();
                    } else {
                        self.refused.next = true;
                    }
                }
                if self.index.val() == self.at_load_column.val() {
                    if self.loadable.val() {
                        self.load_column_q.d.next = self.write_data.val();
                    } else {
                        self.refused.next = true;
                    }
                }
                if self.index.val() == self.at_load_entry.val() {
                    if self.loadable.val() {
                        self.load_entry_q.d.next = self.write_data.val();
                    } else {
                        self.refused.next = true;
                    }
                }
                if self.index.val() == self.at_code_count.val() {
                    self.count_write_q.d.next = self.loadable.val();
                    self.refused.next = !self.loadable.val();
                }
                if self.index.val() == self.at_code_symbol.val() {
                    self.symbol_write_q.d.next = self.loadable.val();
                    self.refused.next = !self.loadable.val();
                }
            } else {
                self.refused.next = !self.loadable.val();
                if self.is_activation.q.val() {
                    self.refused.next = !self.idle.val();
                }
                self.descriptor_write_q.d.next = self.is_descriptor.q.val() & self.loadable.val();
                self.codebook_write_q.d.next = self.is_codebook.q.val() & self.loadable.val();
                self.x_table_write_q.d.next =
                    self.is_table.q.val() & self.loadable.val() & !self.address.val().get_bit(10);
                self.y_table_write_q.d.next =
                    self.is_table.q.val() & self.loadable.val() & self.address.val().get_bit(10);
                self.port_write.next = self.is_activation.q.val() & self.idle.val();
                if self.is_activation.q.val() & self.idle.val() {
                    self.state.d.next = BusState::Port;
                }
            }
        }
        self.status.next = self.zero.val();
        if self.busy.val() & !self.clearing.val() {
            self.status.next = self.status.val() | self.status_busy.val();
        }
        if self.loading.val() {
            self.status.next = self.status.val() | self.status_loading.val();
        }
        if self.finished.val() {
            self.status.next = self.status.val() | self.status_done.val();
        }
        if self.clearing.val() {
            self.status.next = self.status.val() | self.status_clearing.val();
        }
        if self.any_error.val() {
            self.status.next = self.status.val() | self.status_error.val();
        }
        // Alternatives are joined by OR: a chain of multiplexers would take twice the LUTs.
        self.selected.next = self.zero.val();
        if self.index.val() == self.at_id.val() {
            self.selected.next = self.selected.val() | self.id.val();
        }
        if self.index.val() == self.at_version.val() {
            self.selected.next = self.selected.val() | self.version.val();
        }
        if self.index.val() == self.at_shape.val() {
            self.selected.next = self.selected.val() | self.shape.val();
        }
        if self.index.val() == self.at_sizes.val() {
            self.selected.next = self.selected.val() | self.sizes.val();
        }
        if self.index.val() == self.at_limits.val() {
            self.selected.next = self.selected.val() | self.limits.val();
        }
        if self.index.val() == self.at_map_hash.val() {
            self.selected.next = self.selected.val() | self.map_hash.val();
        }
        if self.index.val() == self.at_status.val() {
            self.selected.next = self.selected.val() | self.status.val();
        }
        if self.index.val() == self.at_error.val() {
            self.selected.next = self.selected.val() | bit_cast::<32, 8>(self.errors.q.val());
        }
        if self.index.val() == self.at_cycles.val() {
            self.selected.next = self.selected.val() | self.cycles.val();
        }
        if self.index.val() == self.at_fetch_cycles.val() {
            self.selected.next = self.selected.val() | self.fetch_cycles.val();
        }
        if self.index.val() == self.at_scan_cycles.val() {
            self.selected.next = self.selected.val() | self.scan_cycles.val();
        }
        if self.index.val() == self.at_flush_cycles.val() {
            self.selected.next = self.selected.val() | self.flush_cycles.val();
        }
        if self.index.val() == self.at_drain_cycles.val() {
            self.selected.next = self.selected.val() | self.drain_cycles.val();
        }
        if self.index.val() == self.at_macs.val() {
            self.selected.next = self.selected.val() | self.macs.val();
        }
        if self.index.val() == self.at_starved.val() {
            self.selected.next = self.selected.val() | self.starved.val();
        }
        if self.index.val() == self.at_seeking.val() {
            self.selected.next = self.selected.val() | self.seeking.val();
        }
        if self.index.val() == self.at_broadcasts.val() {
            self.selected.next = self.selected.val() | self.broadcasts.val();
        }
        if self.index.val() == self.at_fifo_stalls.val() {
            self.selected.next = self.selected.val() | self.fifo_stalls.val();
        }
        if self.index.val() == self.at_maps.val() {
            self.selected.next = self.selected.val() | self.maps.val();
        }
        if self.reads.val() {
            if self.is_activation.q.val() {
                self.port_read.next = self.idle.val();
                self.refused.next = !self.idle.val();
                if self.idle.val() {
                    self.state.d.next = BusState::Port;
                }
            }
            if self.is_register.q.val() {
                self.result.d.next = self.selected.val();
            }
        }
        if self.refused.val() {
            self.raised.next = self.events.val() | self.error_not_idle.val();
        }
        if self.state.q.val() == BusState::Stream {
            self.word_valid.next = true;
            if self.word_ready.val() {
                self.state.d.next = BusState::Ack;
            }
            if !self.loading.val() {
                self.state.d.next = BusState::Ack;
                self.raised.next = self.events.val() | self.error_no_load.val();
            }
        }
        if (self.state.q.val() == BusState::Port) & self.port_done.val() {
            self.state.d.next = BusState::Ack;
            self.result.d.next = self.zero.val();
            if !self.write_enable.val() {
                self.result.d.next = self.port_data.val();
            }
        }
        if self.state.q.val() == BusState::Ack {
            self.state.d.next = BusState::Idle;
        }
        self.errors.d.next = (self.errors.q.val() & !self.cleared.val()) | self.raised.val();
        self.ack.next = self.state.q.val() == BusState::Ack;
        self.read_data.next = self.result.q.val();
        self.pass.next = self.pass_q.q.val();
        self.start.next = self.start_q.q.val();
        self.step.next = self.step_q.q.val();
        self.load.next = self.load_q.q.val();
        self.reset.next = self.reset_q.q.val();
        self.count_write.next = self.count_write_q.q.val();
        self.symbol_write.next = self.symbol_write_q.q.val();
        self.descriptor_write.next = self.descriptor_write_q.q.val();
        self.codebook_write.next = self.codebook_write_q.q.val();
        self.x_table_write.next = self.x_table_write_q.q.val();
        self.y_table_write.next = self.y_table_write_q.q.val();
        self.load_target.next = self.load_target_q.q.val();
        self.load_column.next = self.load_column_q.q.val();
        self.load_entry.next = self.load_entry_q.q.val();
    }
}
