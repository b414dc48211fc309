use crate::primitives::{BlockRam, Literal};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Broadcast: sends each token to the PEs that have an entry in its column, and to no other.
///
/// The occupancy memory holds a bit a PE for every kernel row of every column, at the index of its
/// first pointer; the loader writes it. A token that no PE wants is dropped, so an empty column costs no PE a cycle. In a hashed
/// pass every PE wants every token. A token waits until every FIFO that
/// it goes to has room, and a cycle where the loader reads. Latency 2, one token a cycle.
///
/// `M` bits of a PE mask (at least 2), `R` accumulator, `C` column address bits; `V` bits of a value.
#[derive(LogicBlock, Default)]
pub struct Broadcast<const M: usize, const R: usize, const C: usize, const V: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Drops all tokens.
    pub abort: Signal<In, Bit>,
    /// A token is offered.
    pub valid: Signal<In, Bit>,
    /// Column pointer index of its kernel row's first segment.
    pub column: Signal<In, Bits<C>>,
    /// Segments left out at the beginning of its kernel row.
    pub start: Signal<In, Bits<4>>,
    /// Segments that it means.
    pub count: Signal<In, Bits<4>>,
    /// Its activation.
    pub value: Signal<In, Bits<V>>,
    /// Its accumulator base.
    pub base: Signal<In, Bits<R>>,
    /// The token is taken in this cycle if it is offered.
    pub ready: Signal<Out, Bit>,
    /// Every token goes to every PE, whatever the occupancy says.
    pub everyone: Signal<In, Bit>,
    /// FIFOs without room, a bit a PE.
    pub full: Signal<In, Bits<M>>,
    /// FIFOs that take the token at the next outputs, a bit a PE.
    pub push: Signal<Out, Bits<M>>,
    /// Column pointer index of the first segment of the token sent.
    pub push_column: Signal<Out, Bits<C>>,
    /// Its segments.
    pub push_count: Signal<Out, Bits<4>>,
    /// Activation of the token sent.
    pub push_value: Signal<Out, Bits<V>>,
    /// Base of the token sent.
    pub push_base: Signal<Out, Bits<R>>,
    /// A token waits for a full FIFO.
    pub stalled: Signal<Out, Bit>,
    /// A token is sent.
    pub sent: Signal<Out, Bit>,
    /// Tokens are under way.
    pub busy: Signal<Out, Bit>,
    /// The loader asks for the occupancy of `load_column`.
    pub load_read: Signal<In, Bit>,
    /// It is read in this cycle, before any token; else the loader asks again.
    pub load_ready: Signal<Out, Bit>,
    /// Column of the loader.
    pub load_column: Signal<In, Bits<C>>,
    /// Its occupancy, from two cycles after it was read on.
    pub occupancy: Signal<Out, Bits<M>>,
    /// The loader sets the occupancy of `load_column`.
    pub load_write: Signal<In, Bit>,
    /// To this.
    pub load_occupancy: Signal<In, Bits<M>>,
    memory: BlockRam<C, M>,
    load_reads: Signal<Local, Bit>,
    load_reading: DFF<Bit>,
    load_mask: DFF<Bits<M>>,
    // A token that came while those before it stood still. `ready` is a register, so that a full
    // FIFO does not reach back through the scan to the banks in one cycle.
    held: DFF<Bit>,
    held_column: DFF<Bits<C>>,
    held_start: DFF<Bits<4>>,
    held_count: DFF<Bits<4>>,
    held_value: DFF<Bits<V>>,
    held_base: DFF<Bits<R>>,
    in_valid: Signal<Local, Bit>,
    in_column: Signal<Local, Bits<C>>,
    in_start: Signal<Local, Bits<4>>,
    in_count: Signal<Local, Bits<4>>,
    in_value: Signal<Local, Bits<V>>,
    in_base: Signal<Local, Bits<R>>,
    look_valid: DFF<Bit>,
    look_column: DFF<Bits<C>>,
    look_count: DFF<Bits<4>>,
    look_value: DFF<Bits<V>>,
    look_base: DFF<Bits<R>>,
    look_moves: Signal<Local, Bit>,
    send_valid: DFF<Bit>,
    send_mask: DFF<Bits<M>>,
    send_column: DFF<Bits<C>>,
    send_count: DFF<Bits<4>>,
    send_value: DFF<Bits<V>>,
    send_base: DFF<Bits<R>>,
    send_moves: Signal<Local, Bit>,
    wanted: Signal<Local, Bit>,
    blocked: Signal<Local, Bit>,
    clashes: Signal<Local, Bits<M>>,
    nobody: Literal<M, 0>,
}

impl<const M: usize, const R: usize, const C: usize, const V: usize> Logic
    for Broadcast<M, R, C, V>
{
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            load_reading,
            load_mask,
            held,
            held_column,
            held_start,
            held_count,
            held_value,
            held_base,
            look_valid,
            look_column,
            look_count,
            look_value,
            look_base,
            send_valid,
            send_mask,
            send_column,
            send_count,
            send_value,
            send_base
        );
        self.memory.clock.next = self.clock.val();
        self.clashes.next = self.send_mask.q.val() & self.full.val();
        self.blocked.next = self.clashes.val().any();
        self.wanted.next = self.send_valid.q.val() & self.send_mask.q.val().any();
        self.send_moves.next = !self.wanted.val() | !self.blocked.val();
        self.look_moves.next = !self.look_valid.q.val() | self.send_moves.val();
        self.load_ready.next = self.look_moves.val();
        self.load_reads.next = self.load_read.val() & self.look_moves.val();
        self.ready.next = !self.held.q.val();
        self.in_valid.next = self.valid.val();
        self.in_column.next = self.column.val();
        self.in_start.next = self.start.val();
        self.in_count.next = self.count.val();
        self.in_value.next = self.value.val();
        self.in_base.next = self.base.val();
        if self.held.q.val() {
            self.in_valid.next = true;
            self.in_column.next = self.held_column.q.val();
            self.in_start.next = self.held_start.q.val();
            self.in_count.next = self.held_count.q.val();
            self.in_value.next = self.held_value.q.val();
            self.in_base.next = self.held_base.q.val();
        }
        self.held.d.next = self.in_valid.val() & (!self.look_moves.val() | self.load_read.val());
        self.held_column.d.next = self.in_column.val();
        self.held_start.d.next = self.in_start.val();
        self.held_count.d.next = self.in_count.val();
        self.held_value.d.next = self.in_value.val();
        self.held_base.d.next = self.in_base.val();

        self.memory.read_address.next = self.in_column.val();
        self.memory.read_enable.next =
            (self.in_valid.val() | self.load_read.val()) & self.look_moves.val();
        if self.load_read.val() {
            self.memory.read_address.next = self.load_column.val();
        }
        self.memory.write_address.next = self.load_column.val();
        self.memory.write_enable.next = self.load_write.val();
        self.memory.write_data.next = self.load_occupancy.val();
        if self.look_moves.val() {
            self.look_valid.d.next = self.in_valid.val() & !self.load_read.val();
            self.look_column.d.next = self.in_column.val() + bit_cast::<C, 4>(self.in_start.val());
            self.look_count.d.next = self.in_count.val();
            self.look_value.d.next = self.in_value.val();
            self.look_base.d.next = self.in_base.val();
        }
        if self.send_moves.val() {
            self.send_valid.d.next = self.look_valid.q.val();
            self.send_mask.d.next = self.memory.read_data.val();
            if self.everyone.val() {
                self.send_mask.d.next = !self.nobody.val();
            }
            self.send_column.d.next = self.look_column.q.val();
            self.send_count.d.next = self.look_count.q.val();
            self.send_value.d.next = self.look_value.q.val();
            self.send_base.d.next = self.look_base.q.val();
        }
        self.load_reading.d.next = self.load_reads.val();
        if self.load_reading.q.val() {
            self.load_mask.d.next = self.memory.read_data.val();
        }
        if self.abort.val() {
            self.held.d.next = false;
            self.look_valid.d.next = false;
            self.send_valid.d.next = false;
        }

        self.push.next = self.nobody.val();
        if self.wanted.val() & !self.blocked.val() {
            self.push.next = self.send_mask.q.val();
        }
        self.push_column.next = self.send_column.q.val();
        self.push_count.next = self.send_count.q.val();
        self.push_value.next = self.send_value.q.val();
        self.push_base.next = self.send_base.q.val();
        self.stalled.next = self.wanted.val() & self.blocked.val();
        self.sent.next = self.wanted.val() & !self.blocked.val();
        self.busy.next = self.held.q.val() | self.look_valid.q.val() | self.send_valid.q.val();
        self.occupancy.next = self.load_mask.q.val();
    }
}
