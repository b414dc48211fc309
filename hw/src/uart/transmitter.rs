use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;
use thresh_regs::uart::PHASE_BITS;

// The bit of the phase that is looked at below.
const _: () = assert!(PHASE_BITS == 20);

/// Serial transmitter: eight data bits, lowest first, no parity, one stop bit.
///
/// It holds a byte beside the one on the line, so bytes follow each other without a gap when the next one comes within ten
/// bits. The clock is divided as in [`Receiver`](super::Receiver): a bit is off its place by a cycle at most.
#[derive(LogicBlock, Default)]
pub struct Transmitter {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Forget what is to be sent; the line goes high at once.
    pub reset: Signal<In, Bit>,
    /// Phase of a clock cycle; a bit is half of its range.
    pub step: Signal<In, Bits<{ PHASE_BITS as usize }>>,
    /// A byte is offered.
    pub valid: Signal<In, Bit>,
    /// The byte.
    pub data: Signal<In, Bits<8>>,
    /// It is taken in this cycle if it is offered.
    pub ready: Signal<Out, Bit>,
    /// The line, high when idle.
    pub tx: Signal<Out, Bit>,
    // Inverted, so that the line is idle at power-on.
    low: DFF<Bit>,
    running: DFF<Bit>,
    phase: DFF<Bits<{ PHASE_BITS as usize }>>,
    sum: Signal<Local, Bits<{ PHASE_BITS as usize }>>,
    tick: Signal<Local, Bit>,
    place: DFF<Bits<4>>,
    shift: DFF<Bits<8>>,
    held: DFF<Bit>,
    hold: DFF<Bits<8>>,
    load: Signal<Local, Bit>,
    start_bit: Literal<4, 0>,
    one: Literal<4, 1>,
    last_data_bit: Literal<4, 8>,
    stop_bit: Literal<4, 9>,
    one_place: Literal<8, 1>,
    no_phase: Literal<{ PHASE_BITS as usize }, 0>,
}

impl Logic for Transmitter {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, low, running, phase, place, shift, held, hold);
        self.sum.next = self.phase.q.val() + self.step.val();
        self.tick.next = self.sum.val().get_bit(19) ^ self.phase.q.val().get_bit(19);
        self.load.next = false;
        if self.running.q.val() {
            self.phase.d.next = self.sum.val();
            if self.tick.val() {
                self.place.d.next = self.place.q.val() + self.one.val();
                self.low.d.next = !self.shift.q.val().get_bit(0);
                self.shift.d.next = self.shift.q.val() >> self.one_place.val();
                if self.place.q.val() == self.last_data_bit.val() {
                    self.low.d.next = false;
                }
                if self.place.q.val() == self.stop_bit.val() {
                    self.low.d.next = false;
                    self.running.d.next = self.held.q.val();
                    self.load.next = self.held.q.val();
                }
            }
        } else {
            self.phase.d.next = self.no_phase.val();
            self.running.d.next = self.held.q.val();
            self.load.next = self.held.q.val();
        }
        if self.valid.val() & !self.held.q.val() {
            self.held.d.next = true;
            self.hold.d.next = self.data.val();
        }
        if self.load.val() {
            self.held.d.next = false;
            self.low.d.next = true;
            self.place.d.next = self.start_bit.val();
            self.shift.d.next = self.hold.q.val();
        }
        if self.reset.val() {
            self.running.d.next = false;
            self.held.d.next = false;
            self.low.d.next = false;
        }
        self.ready.next = !self.held.q.val();
        self.tx.next = !self.low.q.val();
    }
}
