use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;
use thresh_regs::uart::CRC_POLYNOMIAL;

/// CRC-32/ISCSI of the bytes since `clear`, a bit a cycle.
///
/// A byte takes nine cycles, less than a bit of each of its ten on the line.
#[derive(LogicBlock, Default)]
pub struct Crc {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Begin anew.
    pub clear: Signal<In, Bit>,
    /// Take a byte; never while `busy`.
    pub valid: Signal<In, Bit>,
    /// The byte.
    pub data: Signal<In, Bits<8>>,
    /// A byte is being taken in.
    pub busy: Signal<Out, Bit>,
    /// The CRC, while not `busy`.
    pub value: Signal<Out, Bits<32>>,
    // Complement of the register, which is the CRC.
    crc: DFF<Bits<32>>,
    taken: DFF<Bits<8>>,
    left: DFF<Bits<4>>,
    working: Signal<Local, Bit>,
    shifted: Signal<Local, Bits<32>>,
    polynomial: Literal<32, { CRC_POLYNOMIAL as usize }>,
    high_bit: Literal<32, { 1 << 31 }>,
    one_place: Literal<32, 1>,
    one_bit: Literal<8, 1>,
    no_crc: Literal<32, 0>,
    none: Literal<4, 0>,
    one: Literal<4, 1>,
    all: Literal<4, 8>,
}

impl Logic for Crc {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, crc, taken, left);
        self.working.next = self.left.q.val() != self.none.val();
        // The complement takes in a one at the top where the register takes in a zero.
        self.shifted.next = (self.crc.q.val() >> self.one_place.val()) | self.high_bit.val();
        if self.working.val() {
            self.left.d.next = self.left.q.val() - self.one.val();
            self.taken.d.next = self.taken.q.val() >> self.one_bit.val();
            self.crc.d.next = self.shifted.val();
            if !(self.crc.q.val().get_bit(0) ^ self.taken.q.val().get_bit(0)) {
                self.crc.d.next = self.shifted.val() ^ self.polynomial.val();
            }
        }
        if self.valid.val() {
            self.taken.d.next = self.data.val();
            self.left.d.next = self.all.val();
        }
        if self.clear.val() {
            self.crc.d.next = self.no_crc.val();
            self.left.d.next = self.none.val();
        }
        self.busy.next = self.working.val();
        self.value.next = self.crc.q.val();
    }
}
