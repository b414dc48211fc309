use crate::primitives::{Literal, Shifter};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Bias, requantisation and ReLU of one PE's drain: one accumulator a cycle, latency 3.
///
/// `v = sum + (bias << 8)`, wrapping. The result is `v >> (amount + 1)` rounded half up and clamped
/// to 0..255 with `relu`, else to -128..127. With `wide` it is the low byte of `v >> amount`.
#[derive(LogicBlock, Default)]
pub struct Quantiser {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Accumulator, two's complement.
    pub sum: Signal<In, Bits<32>>,
    /// Bias word, two's complement.
    pub bias: Signal<In, Bits<16>>,
    /// Places to shift, valid one cycle after `sum`.
    pub amount: Signal<In, Bits<5>>,
    /// Clamp to unsigned.
    pub relu: Signal<In, Bit>,
    /// Pass bytes through.
    pub wide: Signal<In, Bit>,
    /// The activation, three cycles after `sum`.
    pub activation: Signal<Out, Bits<8>>,
    shifter: Shifter,
    bias_wide: Signal<Local, Bits<32>>,
    bias_units: Signal<Local, Bits<32>>,
    biased: DFF<Bits<32>>,
    shifted: DFF<Bits<32>>,
    result: DFF<Bits<8>>,
    negative: Signal<Local, Bit>,
    beyond_unsigned: Signal<Local, Bit>,
    high_any: Signal<Local, Bit>,
    high_all: Signal<Local, Bit>,
    beyond_signed: Signal<Local, Bit>,
    floor: Signal<Local, Bits<8>>,
    rounded: Signal<Local, Bits<8>>,
    top: Signal<Local, Bits<8>>,
    sign_bits: Literal<32, 0xffff_0000>,
    bias_shift: Literal<5, { thresh_regs::BIAS_SHIFT as usize }>,
    max_unsigned: Literal<8, 255>,
    max_signed: Literal<8, 127>,
    min_signed: Literal<8, 128>,
    zero: Literal<8, 0>,
    one: Literal<8, 1>,
}

impl Logic for Quantiser {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, biased, shifted, result);
        self.bias_wide.next = bit_cast::<32, 16>(self.bias.val());
        if self.bias.val().get_bit(15) {
            self.bias_wide.next = bit_cast::<32, 16>(self.bias.val()) | self.sign_bits.val();
        }
        self.bias_units.next = self.bias_wide.val() << self.bias_shift.val();
        self.biased.d.next = self.sum.val() + self.bias_units.val();

        self.shifter.value.next = self.biased.q.val();
        self.shifter.amount.next = self.amount.val();
        self.shifted.d.next = self.shifter.shifted.val();

        // The lowest bit of `shifted` is the rounding bit: floor is without it.
        self.floor.next = self.shifted.q.val().get_bits::<8>(1);
        self.negative.next = self.shifted.q.val().get_bit(31);
        self.beyond_unsigned.next = self.shifted.q.val().get_bits::<22>(9).any();
        self.high_any.next = self.shifted.q.val().get_bits::<24>(8).any();
        self.high_all.next = self.shifted.q.val().get_bits::<24>(8).all();
        self.beyond_signed.next = self.high_any.val() & !self.high_all.val();
        self.top.next = self.max_signed.val();
        if self.relu.val() {
            self.top.next = self.max_unsigned.val();
        }
        self.rounded.next = self.floor.val();
        if self.shifted.q.val().get_bit(0) & (self.floor.val() != self.top.val()) {
            self.rounded.next = self.floor.val() + self.one.val();
        }
        self.result.d.next = self.rounded.val();
        if self.relu.val() {
            if self.beyond_unsigned.val() {
                self.result.d.next = self.max_unsigned.val();
            }
            if self.negative.val() {
                self.result.d.next = self.zero.val();
            }
        } else {
            if self.beyond_signed.val() {
                self.result.d.next = self.max_signed.val();
                if self.negative.val() {
                    self.result.d.next = self.min_signed.val();
                }
            }
        }
        if self.wide.val() {
            self.result.d.next = self.shifted.q.val().get_bits::<8>(0);
        }
        self.activation.next = self.result.q.val();
    }
}
