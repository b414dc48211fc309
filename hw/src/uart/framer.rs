use super::Crc;
use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;
use thresh_regs::uart::{ESCAPE, ESCAPE_XOR, FLAG};

/// What the framer does.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum FramerState {
    /// Waits for a command.
    Ready,
    /// Sends a flag.
    Flag,
    /// Sends a byte, or an escape before it.
    Byte,
    /// Sends the byte behind an escape.
    Escaped,
}

/// Words to bytes of a frame: a flag, escaped words, their CRC, a flag.
///
/// One command at a time, taken in a cycle in which it is `ready`: `open`, then any number of `put`, then `close`. `open`
/// instead of `close` leaves the frame without its CRC, so that whoever reads it drops it.
#[derive(LogicBlock, Default)]
pub struct Framer {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Forget the command.
    pub reset: Signal<In, Bit>,
    /// Begin a frame.
    pub open: Signal<In, Bit>,
    /// Send `word`.
    pub put: Signal<In, Bit>,
    /// Send the CRC and end the frame.
    pub close: Signal<In, Bit>,
    /// A word, lowest byte first.
    pub word: Signal<In, Bits<32>>,
    /// A command is taken in this cycle.
    pub ready: Signal<Out, Bit>,
    /// A byte is offered.
    pub valid: Signal<Out, Bit>,
    /// The byte.
    pub data: Signal<Out, Bits<8>>,
    /// It is taken in this cycle if it is offered.
    pub byte_ready: Signal<In, Bit>,
    crc: Crc,
    state: DFF<FramerState>,
    shift: DFF<Bits<32>>,
    left: DFF<Bits<3>>,
    closing: DFF<Bit>,
    lowest: Signal<Local, Bits<8>>,
    special: Signal<Local, Bit>,
    sent: Signal<Local, Bit>,
    takes: Signal<Local, Bit>,
    flag: Literal<8, { FLAG as usize }>,
    escape: Literal<8, { ESCAPE as usize }>,
    escape_xor: Literal<8, { ESCAPE_XOR as usize }>,
    byte_bits: Literal<32, 8>,
    one: Literal<3, 1>,
    all: Literal<3, 4>,
}

impl Logic for Framer {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, state, shift, left, closing);
        clock!(self, clock, crc);
        self.lowest.next = self.shift.q.val().get_bits::<8>(0);
        self.special.next =
            (self.lowest.val() == self.flag.val()) | (self.lowest.val() == self.escape.val());
        self.takes.next = (self.state.q.val() == FramerState::Ready) & !self.crc.busy.val();
        self.sent.next = false;
        self.valid.next = false;
        self.data.next = self.lowest.val();
        self.crc.clear.next = false;
        self.crc.data.next = self.lowest.val();

        if self.takes.val() {
            if self.open.val() {
                self.crc.clear.next = true;
                self.closing.d.next = false;
                self.state.d.next = FramerState::Flag;
            }
            if self.put.val() {
                self.shift.d.next = self.word.val();
                self.left.d.next = self.all.val();
                self.state.d.next = FramerState::Byte;
            }
            if self.close.val() {
                self.shift.d.next = self.crc.value.val();
                self.left.d.next = self.all.val();
                self.closing.d.next = true;
                self.state.d.next = FramerState::Byte;
            }
        }
        if self.state.q.val() == FramerState::Flag {
            self.valid.next = true;
            self.data.next = self.flag.val();
            if self.byte_ready.val() {
                self.state.d.next = FramerState::Ready;
            }
        }
        if (self.state.q.val() == FramerState::Byte) & !self.crc.busy.val() {
            self.valid.next = true;
            if self.special.val() {
                self.data.next = self.escape.val();
                if self.byte_ready.val() {
                    self.state.d.next = FramerState::Escaped;
                }
            } else {
                self.sent.next = self.byte_ready.val();
            }
        }
        if self.state.q.val() == FramerState::Escaped {
            self.valid.next = true;
            self.data.next = self.lowest.val() ^ self.escape_xor.val();
            self.sent.next = self.byte_ready.val();
        }
        if self.sent.val() {
            self.shift.d.next = self.shift.q.val() >> self.byte_bits.val();
            self.left.d.next = self.left.q.val() - self.one.val();
            self.state.d.next = FramerState::Byte;
            if self.left.q.val() == self.one.val() {
                self.state.d.next = FramerState::Ready;
                if self.closing.q.val() {
                    self.state.d.next = FramerState::Flag;
                }
            }
        }
        self.crc.valid.next = self.sent.val();
        if self.reset.val() {
            self.state.d.next = FramerState::Ready;
        }
        self.ready.next = self.takes.val();
    }
}
