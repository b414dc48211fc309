use super::clocked;
use rust_hdl_core::prelude::*;

/// Signed multiplier with a product register: one DSP block (MULT18X18D, SB_MAC16).
///
/// `product` is `a * b` of the cycle before in two's complement, sign-extended or cut to `P` bits.
/// Latency 1, one product a cycle.
#[derive(LogicBlock, Default)]
pub struct Multiplier<const A: usize, const B: usize, const P: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// First factor.
    pub a: Signal<In, Signed<A>>,
    /// Second factor.
    pub b: Signal<In, Signed<B>>,
    /// Their product, two's complement.
    pub product: Signal<Out, Bits<P>>,
}

impl<const A: usize, const B: usize, const P: usize> Logic for Multiplier<A, B, P> {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            let factor =
                |bits: u64, width: usize| ((bits << (64 - width)) as i64 >> (64 - width)) as i128;
            let a = factor(self.a.val().inner().to_u64(), A);
            let b = factor(self.b.val().inner().to_u64(), B);
            let mask = (1u128 << P) - 1;
            self.product.next = (((a * b) as u128 & mask) as u64).into();
        }
    }
    fn connect(&mut self) {
        self.product.connect();
    }
    fn hdl(&self) -> Verilog {
        Verilog::Custom("always @(posedge clock) product <= a * b;\n".into())
    }
    fn timing(&self) -> Vec<TimingInfo> {
        clocked("multiplier", &["a", "b"], "product")
    }
}
