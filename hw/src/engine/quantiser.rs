use crate::primitives::{Literal, Shifter};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;
use thresh_regs::bias_shift;

/// Bias, requantisation and ReLU of one PE's drain: one accumulator a cycle, latency 3.
///
/// `v = sum + (bias << bias_shift)`, wrapping. The result is `v >> (amount + 1)` rounded half up and
/// clamped to `B` bits, unsigned with `relu`, else signed. With `wide` it is the low `B` bits of
/// `v >> amount`.
///
/// `B` bits of an activation; [`thresh_regs::bias_shift`] follows from it.
#[derive(LogicBlock)]
pub struct Quantiser<const B: usize> {
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
    /// Pass the low bits through.
    pub wide: Signal<In, Bit>,
    /// The activation, three cycles after `sum`.
    pub activation: Signal<Out, Bits<B>>,
    shifter: Shifter<B>,
    bias_wide: Signal<Local, Bits<32>>,
    bias_units: Signal<Local, Bits<32>>,
    biased: DFF<Bits<32>>,
    low: DFF<Bits<B>>,
    floor: DFF<Bits<B>>,
    beyond: DFF<Bit>,
    negative: DFF<Bit>,
    result: DFF<Bits<B>>,
    top_bit: Signal<Local, Bit>,
    beyond_signed: Signal<Local, Bit>,
    rounded: Signal<Local, Bits<B>>,
    top: Signal<Local, Bits<B>>,
    sign_bits: Literal<32, 0xffff_0000>,
    bias_shift: Constant<Bits<5>>,
    max_unsigned: Constant<Bits<B>>,
    max_signed: Constant<Bits<B>>,
    min_signed: Constant<Bits<B>>,
    zero: Literal<B, 0>,
    one: Literal<B, 1>,
}

impl<const B: usize> Default for Quantiser<B> {
    fn default() -> Self {
        let below = |bits: usize| (1u64 << bits) - 1;
        Self {
            clock: Default::default(),
            sum: Default::default(),
            bias: Default::default(),
            amount: Default::default(),
            relu: Default::default(),
            wide: Default::default(),
            activation: Default::default(),
            shifter: Default::default(),
            bias_wide: Default::default(),
            bias_units: Default::default(),
            biased: Default::default(),
            low: Default::default(),
            floor: Default::default(),
            beyond: Default::default(),
            negative: Default::default(),
            result: Default::default(),
            top_bit: Default::default(),
            beyond_signed: Default::default(),
            rounded: Default::default(),
            top: Default::default(),
            sign_bits: Default::default(),
            bias_shift: Constant::new(u64::from(bias_shift(B as u32)).into()),
            max_unsigned: Constant::new(below(B).into()),
            max_signed: Constant::new(below(B - 1).into()),
            min_signed: Constant::new((1u64 << (B - 1)).into()),
            zero: Default::default(),
            one: Default::default(),
        }
    }
}

impl<const B: usize> Logic for Quantiser<B> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, biased, low, floor, beyond, negative, result);
        self.bias_wide.next = bit_cast::<32, 16>(self.bias.val());
        if self.bias.val().get_bit(15) {
            self.bias_wide.next = bit_cast::<32, 16>(self.bias.val()) | self.sign_bits.val();
        }
        self.bias_units.next = self.bias_wide.val() << self.bias_shift.val();
        self.biased.d.next = self.sum.val() + self.bias_units.val();

        self.shifter.value.next = self.biased.q.val();
        self.shifter.amount.next = self.amount.val();
        self.low.d.next = self.shifter.low.val();
        self.floor.d.next = self.shifter.floor.val();
        self.beyond.d.next = self.shifter.beyond.val();
        self.negative.d.next = self.biased.q.val().get_bit(31);

        // The lowest bit of `low` is the rounding bit: floor is without it.
        self.top_bit.next = (self.floor.q.val() & self.min_signed.val()).any();
        self.beyond_signed.next =
            self.beyond.q.val() | (self.top_bit.val() ^ self.negative.q.val());
        self.top.next = self.max_signed.val();
        if self.relu.val() {
            self.top.next = self.max_unsigned.val();
        }
        self.rounded.next = self.floor.q.val();
        if self.low.q.val().get_bit(0) & (self.floor.q.val() != self.top.val()) {
            self.rounded.next = self.floor.q.val() + self.one.val();
        }
        self.result.d.next = self.rounded.val();
        if self.relu.val() {
            if self.beyond.q.val() {
                self.result.d.next = self.max_unsigned.val();
            }
            if self.negative.q.val() {
                self.result.d.next = self.zero.val();
            }
        } else {
            if self.beyond_signed.val() {
                self.result.d.next = self.max_signed.val();
                if self.negative.q.val() {
                    self.result.d.next = self.min_signed.val();
                }
            }
        }
        if self.wide.val() {
            self.result.d.next = self.low.q.val();
        }
        self.activation.next = self.result.q.val();
    }
}
