use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// One round of the hash of the hashed weight store, see [`thresh_regs::hash`]. Latency 1, one state a cycle.
///
/// `RIGHT`, `LEFT` places of its shifts; `ROTATE` places that the column is rotated left, `BACK = 16 - ROTATE`.
#[derive(LogicBlock, Default)]
pub struct HashRound<const RIGHT: usize, const ROTATE: usize, const BACK: usize, const LEFT: usize>
{
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// State before the round.
    pub state: Signal<In, Bits<16>>,
    /// The weight's column.
    pub column: Signal<In, Bits<16>>,
    /// State behind the round.
    pub hashed: Signal<Out, Bits<16>>,
    next: DFF<Bits<16>>,
    rotated: Signal<Local, Bits<16>>,
    mixed: Signal<Local, Bits<16>>,
    right: Literal<16, RIGHT>,
    rotate: Literal<16, ROTATE>,
    back: Literal<16, BACK>,
    left: Literal<16, LEFT>,
}

impl<const RIGHT: usize, const ROTATE: usize, const BACK: usize, const LEFT: usize> Logic
    for HashRound<RIGHT, ROTATE, BACK, LEFT>
{
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, next);
        self.rotated.next =
            (self.column.val() << self.rotate.val()) | (self.column.val() >> self.back.val());
        self.mixed.next =
            (self.state.val() ^ (self.state.val() >> self.right.val())) ^ self.rotated.val();
        self.next.d.next = self.mixed.val() + (self.mixed.val() << self.left.val());
        self.hashed.next = self.next.q.val();
    }
}
