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
    filled: DFF<Bit>,
    is_full: DFF<Bit>,
    is_valid: DFF<Bit>,
    tail_next: Signal<Local, Bits<F>>,
    head_next: Signal<Local, Bits<F>>,
    filled_next: Signal<Local, Bit>,
    meet: Signal<Local, Bit>,
    one: Literal<F, 1>,
    zero: Literal<F, 0>,
}

impl<const F: usize> Logic for Ring<F> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, tail_at, head_at, filled, is_full, is_valid);
        self.full.next = self.is_full.q.val();
        self.valid.next = self.is_valid.q.val();
        self.tail.next = self.tail_at.q.val();
        self.head.next = self.head_at.q.val();
        self.tail_next.next = self.tail_at.q.val();
        self.head_next.next = self.head_at.q.val();
        self.filled_next.next = self.filled.q.val();
        if self.push.val() {
            self.tail_next.next = self.tail_at.q.val() + self.one.val();
        }
        if self.pop.val() {
            self.head_next.next = self.head_at.q.val() + self.one.val();
        }
        if self.push.val() & !self.pop.val() {
            self.filled_next.next = true;
        }
        if self.pop.val() & !self.push.val() {
            self.filled_next.next = false;
        }
        if self.clear.val() {
            self.tail_next.next = self.zero.val();
            self.head_next.next = self.zero.val();
            self.filled_next.next = false;
        }
        // Equal pointers mean full after a push and empty after a pop. Both flags are registers:
        // the broadcast's decision for all PEs hangs on them.
        self.meet.next = self.tail_next.val() == self.head_next.val();
        self.tail_at.d.next = self.tail_next.val();
        self.head_at.d.next = self.head_next.val();
        self.filled.d.next = self.filled_next.val();
        self.is_full.d.next = self.meet.val() & self.filled_next.val();
        self.is_valid.d.next = !self.meet.val() | self.filled_next.val();
    }
}
