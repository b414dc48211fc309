use super::Ring;
use crate::primitives::{Literal, LutRam, TokenWords};
use rust_hdl_core::prelude::*;

/// Activation FIFO of one PE without maps: `2^F` tokens of a column and a value, in a block RAM word of `T`
/// bits and `X` bits beside it, `T + X = C + V`. A block RAM of iCE40 is 16 bits wide, so a second one is saved.
///
/// `C` column, `R` accumulator address bits; `V` bits of a value. The reader must register column and
/// value ([`LutRam`]). Other ports as in [`super::Fifo`]: count and base of what is pushed are not
/// kept, every token comes with 1 and 0.
#[derive(LogicBlock, Default)]
pub struct TokenFifo<
    const F: usize,
    const C: usize,
    const R: usize,
    const V: usize,
    const T: usize,
    const X: usize,
> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Empties the FIFO.
    pub clear: Signal<In, Bit>,
    /// Whether to take a token.
    pub push: Signal<In, Bit>,
    /// Its column pointer index.
    pub push_column: Signal<In, Bits<C>>,
    /// Its activation, two's complement.
    pub push_value: Signal<In, Bits<V>>,
    /// Not used.
    pub push_base: Signal<In, Bits<R>>,
    /// Not used.
    pub push_count: Signal<In, Bits<4>>,
    /// No room.
    pub full: Signal<Out, Bit>,
    /// Whether to drop the oldest token.
    pub pop: Signal<In, Bit>,
    /// There is a token, and it stands at the next outputs.
    pub valid: Signal<Out, Bit>,
    /// Column pointer index of the oldest token.
    pub column: Signal<Out, Bits<C>>,
    /// Activation of the oldest token.
    pub value: Signal<Out, Bits<V>>,
    /// 0.
    pub base: Signal<Out, Bits<R>>,
    /// 1.
    pub count: Signal<Out, Bits<4>>,
    ring: Ring<F>,
    token: TokenWords<C, V, T, X>,
    words: LutRam<F, T, 1>,
    rests: LutRam<F, X, 0>,
    one_segment: Literal<4, 1>,
    zero_base: Literal<R, 0>,
}

impl<const F: usize, const C: usize, const R: usize, const V: usize, const T: usize, const X: usize>
    Logic for TokenFifo<F, C, R, V, T, X>
{
    #[hdl_gen]
    fn update(&mut self) {
        self.ring.clock.next = self.clock.val();
        self.words.clock.next = self.clock.val();
        self.rests.clock.next = self.clock.val();
        self.ring.clear.next = self.clear.val();
        self.ring.push.next = self.push.val();
        self.ring.pop.next = self.pop.val();
        self.full.next = self.ring.full.val();
        self.valid.next = self.ring.valid.val();
        self.words.write_enable.next = self.push.val();
        self.rests.write_enable.next = self.push.val();
        self.words.write_address.next = self.ring.tail.val();
        self.rests.write_address.next = self.ring.tail.val();
        self.words.read_address.next = self.ring.head.val();
        self.rests.read_address.next = self.ring.head.val();

        self.token.column.next = self.push_column.val();
        self.token.value.next = self.push_value.val();
        self.words.write_data.next = self.token.word.val();
        self.rests.write_data.next = self.token.rest.val();
        self.token.kept_word.next = self.words.read_data.val();
        self.token.kept_rest.next = self.rests.read_data.val();
        self.column.next = self.token.kept_column.val();
        self.value.next = self.token.kept_value.val();
        self.base.next = self.zero_base.val();
        self.count.next = self.one_segment.val();
    }
}
