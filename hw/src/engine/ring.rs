use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Pointers of a FIFO of `2^F` words, whose memory stands elsewhere: push and pop may come together.
/// It does not protect itself: never push when `full` or pop when not `valid`.
#[derive(LogicBlock, Default)]
pub struct Ring<const F: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Empties the FIFO.
    pub clear: Signal<In, Bit>,
    /// Whether a word is written at `tail`.
    pub push: Signal<In, Bit>,
    /// Whether to drop the oldest word.
    pub pop: Signal<In, Bit>,
    /// No room.
    pub full: Signal<Out, Bit>,
    /// There is a word.
    pub valid: Signal<Out, Bit>,
    /// Where the next word goes.
    pub tail: Signal<Out, Bits<F>>,
    /// Where the oldest word is.
    pub head: Signal<Out, Bits<F>>,
    tail_at: DFF<Bits<F>>,
    head_at: DFF<Bits<F>>,
    is_full: DFF<Bit>,
    is_valid: DFF<Bit>,
    tail_after: Signal<Local, Bits<F>>,
    head_after: Signal<Local, Bits<F>>,
    fills: Signal<Local, Bit>,
    empties: Signal<Local, Bit>,
    one: Literal<F, 1>,
    zero: Literal<F, 0>,
}

impl<const F: usize> Logic for Ring<F> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, tail_at, head_at, is_full, is_valid);
        self.full.next = self.is_full.q.val();
        self.valid.next = self.is_valid.q.val();
        self.tail.next = self.tail_at.q.val();
        self.head.next = self.head_at.q.val();
        // The push of all PEs is one late decision, which hangs on the flags of all; so what it makes of the flags is computed
        // before it.
        self.tail_after.next = self.tail_at.q.val() + self.one.val();
        self.head_after.next = self.head_at.q.val() + self.one.val();
        self.fills.next = self.tail_after.val() == self.head_at.q.val();
        self.empties.next = self.head_after.val() == self.tail_at.q.val();
        if self.pop.val() {
            self.head_at.d.next = self.head_after.val();
            self.is_full.d.next = false;
            self.is_valid.d.next = !self.empties.val();
        }
        if self.push.val() {
            self.tail_at.d.next = self.tail_after.val();
            self.is_full.d.next = self.fills.val() & !self.pop.val();
            self.is_valid.d.next = true;
        }
        if self.clear.val() {
            self.tail_at.d.next = self.zero.val();
            self.head_at.d.next = self.zero.val();
            self.is_full.d.next = false;
            self.is_valid.d.next = false;
        }
    }
}
