use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;
use thresh_regs::uart::PHASE_BITS;

// The bit of the phase that is looked at below.
const _: () = assert!(PHASE_BITS == 20);

/// Serial receiver: eight data bits, lowest first, no parity, one stop bit.
///
/// A falling edge starts a byte; every bit is sampled once, in its middle, to two clock cycles. The clock is divided by
/// adding `step` to a phase ([`thresh_regs::uart::phase_step`]), so a bit need not be a whole number of cycles. With 8
/// cycles a bit, sender and receiver may differ by 2 %. A byte without a stop bit is an error, and none begins before the
/// line is high again. It does not check the data: that is for the CRC of a frame.
#[derive(LogicBlock, Default)]
pub struct Receiver {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Forget the byte under way.
    pub reset: Signal<In, Bit>,
    /// Phase of a clock cycle; a bit is half of its range.
    pub step: Signal<In, Bits<{ PHASE_BITS as usize }>>,
    /// The line, of any clock; high when idle.
    pub rx: Signal<In, Bit>,
    /// A byte is here, for this cycle.
    pub valid: Signal<Out, Bit>,
    /// The byte.
    pub data: Signal<Out, Bits<8>>,
    /// A byte had no stop bit, for this cycle.
    pub error: Signal<Out, Bit>,
    // The line inverted, so that it is idle at power-on.
    early: DFF<Bit>,
    low: DFF<Bit>,
    running: DFF<Bit>,
    // After an error, until the line is high.
    broken: DFF<Bit>,
    phase: DFF<Bits<{ PHASE_BITS as usize }>>,
    sum: Signal<Local, Bits<{ PHASE_BITS as usize }>>,
    tick: Signal<Local, Bit>,
    place: DFF<Bits<4>>,
    shift: DFF<Bits<8>>,
    is_valid: DFF<Bit>,
    is_error: DFF<Bit>,
    half: Literal<{ PHASE_BITS as usize }, { 1 << (PHASE_BITS - 2) }>,
    start_bit: Literal<4, 0>,
    one: Literal<4, 1>,
    stop_bit: Literal<4, 9>,
    one_place: Literal<8, 1>,
    high_bit: Literal<8, 128>,
}

impl Logic for Receiver {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self, clock, early, low, running, broken, phase, place, shift, is_valid, is_error
        );
        self.early.d.next = !self.rx.val();
        self.low.d.next = self.early.q.val();
        self.sum.next = self.phase.q.val() + self.step.val();
        // The highest bit of the phase changes once a bit.
        self.tick.next = self.sum.val().get_bit(19) ^ self.phase.q.val().get_bit(19);
        self.is_valid.d.next = false;
        self.is_error.d.next = false;
        if self.running.q.val() {
            self.phase.d.next = self.sum.val();
            if self.tick.val() {
                self.place.d.next = self.place.q.val() + self.one.val();
                if self.place.q.val() == self.start_bit.val() {
                    // A spike is no byte.
                    self.running.d.next = self.low.q.val();
                } else {
                    if self.place.q.val() == self.stop_bit.val() {
                        self.running.d.next = false;
                        self.broken.d.next = self.low.q.val();
                        self.is_valid.d.next = !self.low.q.val();
                        self.is_error.d.next = self.low.q.val();
                    } else {
                        self.shift.d.next = self.shift.q.val() >> self.one_place.val();
                        if !self.low.q.val() {
                            self.shift.d.next =
                                (self.shift.q.val() >> self.one_place.val()) | self.high_bit.val();
                        }
                    }
                }
            }
        } else {
            self.phase.d.next = self.half.val();
            self.place.d.next = self.start_bit.val();
            self.running.d.next = self.low.q.val() & !self.broken.q.val();
            self.broken.d.next = self.low.q.val() & self.broken.q.val();
        }
        if self.reset.val() {
            self.running.d.next = false;
            self.broken.d.next = true;
            self.is_valid.d.next = false;
            self.is_error.d.next = false;
        }
        self.valid.next = self.is_valid.q.val();
        self.data.next = self.shift.q.val();
        self.error.next = self.is_error.q.val();
    }
}
