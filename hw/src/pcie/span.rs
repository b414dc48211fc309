use crate::primitives::Literal;
use rust_hdl_core::prelude::*;

/// How many bytes a read asks for, from the first to the last that is enabled.
///
/// Combinational. A read of nothing (one word, no byte enabled) counts as one byte, as PCIe wants it.
#[derive(LogicBlock, Default)]
pub struct Span {
    /// Words, 1 to 1024.
    pub length: Signal<In, Bits<11>>,
    /// Byte enables, those of the last word in the upper half.
    pub enables: Signal<In, Bits<8>>,
    /// Bytes of the first word before the first that is enabled.
    pub lead: Signal<Out, Bits<2>>,
    /// Bytes, 1 to 4096.
    pub bytes: Signal<Out, Bits<13>>,
    first: Signal<Local, Bits<4>>,
    last: Signal<Local, Bits<4>>,
    lead_bytes: Signal<Local, Bits<2>>,
    rest_bytes: Signal<Local, Bits<2>>,
    all: Signal<Local, Bits<13>>,
    one_word: Literal<11, 1>,
    two_bits: Literal<13, 2>,
    none: Literal<2, 0>,
    one: Literal<2, 1>,
    two: Literal<2, 2>,
    three: Literal<2, 3>,
}

impl Logic for Span {
    #[hdl_gen]
    fn update(&mut self) {
        self.first.next = self.enables.val().get_bits::<4>(0);
        self.last.next = self.enables.val().get_bits::<4>(4);
        if self.length.val() == self.one_word.val() {
            self.last.next = self.enables.val().get_bits::<4>(0);
        }
        self.lead_bytes.next = self.none.val();
        if !self.first.val().get_bit(0) {
            if self.first.val().get_bit(1) {
                self.lead_bytes.next = self.one.val();
            } else {
                if self.first.val().get_bit(2) {
                    self.lead_bytes.next = self.two.val();
                } else {
                    if self.first.val().get_bit(3) {
                        self.lead_bytes.next = self.three.val();
                    }
                }
            }
        }
        self.rest_bytes.next = self.three.val();
        if self.last.val().get_bit(3) {
            self.rest_bytes.next = self.none.val();
        } else {
            if self.last.val().get_bit(2) {
                self.rest_bytes.next = self.one.val();
            } else {
                if self.last.val().get_bit(1) {
                    self.rest_bytes.next = self.two.val();
                }
            }
        }
        self.all.next = bit_cast::<13, 11>(self.length.val()) << self.two_bits.val();
        self.lead.next = self.lead_bytes.val();
        self.bytes.next = self.all.val()
            - bit_cast::<13, 2>(self.lead_bytes.val())
            - bit_cast::<13, 2>(self.rest_bytes.val());
    }
}
