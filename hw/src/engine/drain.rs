use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Sequence of the drain, common to all PEs: which accumulator and bias to read, which to clear,
/// how far to shift, where the result goes.
///
/// After `start` it steps through `accs` accumulators, one a cycle, or one in four cycles when
/// wide. The result of the address that stands in `address` is written five cycles later.
///
/// `A` activation, `W` store, `R` accumulator address bits.
#[derive(LogicBlock, Default)]
pub struct Drain<const A: usize, const W: usize, const R: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Stops at once.
    pub abort: Signal<In, Bit>,
    /// Begin; the next inputs must hold until `busy` falls.
    pub start: Signal<In, Bit>,
    /// Accumulators to drain.
    pub accs: Signal<In, Bits<16>>,
    /// Accumulators of one position; biases repeat after them.
    pub rows: Signal<In, Bits<16>>,
    /// Store address of the first bias.
    pub bias_base: Signal<In, Bits<W>>,
    /// Bank address of the first result.
    pub out_base: Signal<In, Bits<A>>,
    /// Requantising shift, 1 to 31.
    pub shift: Signal<In, Bits<5>>,
    /// Four bytes a sum.
    pub wide: Signal<In, Bit>,
    /// The drain runs.
    pub busy: Signal<Out, Bit>,
    /// Accumulator to read.
    pub address: Signal<Out, Bits<R>>,
    /// Store address of its bias.
    pub bias_address: Signal<Out, Bits<W>>,
    /// Clear an accumulator.
    pub clear: Signal<Out, Bit>,
    /// Which.
    pub clear_address: Signal<Out, Bits<R>>,
    /// Places for the quantiser's shifter, three cycles after `address`.
    pub amount: Signal<Out, Bits<5>>,
    /// Write the quantisers' results.
    pub write: Signal<Out, Bit>,
    /// Bank address of the results.
    pub write_address: Signal<Out, Bits<A>>,
    running: DFF<Bit>,
    acc: DFF<Bits<16>>,
    row: DFF<Bits<16>>,
    bias: DFF<Bits<W>>,
    part: DFF<Bits<2>>,
    out: DFF<Bits<A>>,
    acc_next: Signal<Local, Bits<16>>,
    row_next: Signal<Local, Bits<16>>,
    part_next: Signal<Local, Bits<2>>,
    last_part: Signal<Local, Bit>,
    places: Signal<Local, Bits<5>>,
    clear_valid: DFF<Bit>,
    clear_at: DFF<Bits<R>>,
    amount1: DFF<Bits<5>>,
    amount2: DFF<Bits<5>>,
    amount3: DFF<Bits<5>>,
    valid1: DFF<Bit>,
    valid2: DFF<Bit>,
    valid3: DFF<Bit>,
    valid4: DFF<Bit>,
    valid5: DFF<Bit>,
    zero: Literal<16, 0>,
    one: Literal<16, 1>,
    one_word: Literal<W, 1>,
    one_out: Literal<A, 1>,
    first_part: Literal<2, 0>,
    one_part: Literal<2, 1>,
    top_part: Literal<2, 3>,
    one_place: Literal<5, 1>,
    byte_places: Literal<5, 3>,
}

impl<const A: usize, const W: usize, const R: usize> Logic for Drain<A, W, R> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            running,
            acc,
            row,
            bias,
            part,
            out,
            clear_valid,
            clear_at,
            amount1,
            amount2,
            amount3,
            valid1,
            valid2,
            valid3,
            valid4,
            valid5
        );
        self.acc_next.next = self.acc.q.val() + self.one.val();
        self.row_next.next = self.row.q.val() + self.one.val();
        self.part_next.next = self.part.q.val() + self.one_part.val();
        self.last_part.next = !self.wide.val() | (self.part.q.val() == self.top_part.val());
        if self.running.q.val() {
            if self.wide.val() {
                self.part.d.next = self.part_next.val();
            }
            if self.last_part.val() {
                self.acc.d.next = self.acc_next.val();
                self.row.d.next = self.row_next.val();
                self.bias.d.next = self.bias.q.val() + self.one_word.val();
                if self.row_next.val() == self.rows.val() {
                    self.row.d.next = self.zero.val();
                    self.bias.d.next = self.bias_base.val();
                }
                if self.acc_next.val() == self.accs.val() {
                    self.running.d.next = false;
                }
            }
        }
        self.write.next = self.valid5.q.val();
        self.write_address.next = self.out.q.val();
        if self.valid5.q.val() {
            self.out.d.next = self.out.q.val() + self.one_out.val();
        }
        if self.start.val() {
            self.running.d.next = self.accs.val() != self.zero.val();
            self.acc.d.next = self.zero.val();
            self.row.d.next = self.zero.val();
            self.bias.d.next = self.bias_base.val();
            self.part.d.next = self.first_part.val();
            self.out.d.next = self.out_base.val();
        }
        self.address.next = self.acc.q.val().get_bits::<R>(0);
        self.bias_address.next = self.bias.q.val();
        self.clear_valid.d.next = self.running.q.val() & self.last_part.val();
        self.clear_at.d.next = self.acc.q.val().get_bits::<R>(0);
        self.clear.next = self.clear_valid.q.val();
        self.clear_address.next = self.clear_at.q.val();

        // The quantiser shifts by one place less and rounds with the bit that is left.
        self.places.next = self.shift.val() - self.one_place.val();
        if self.wide.val() {
            self.places.next = bit_cast::<5, 2>(self.part.q.val()) << self.byte_places.val();
        }
        self.amount1.d.next = self.places.val();
        self.amount2.d.next = self.amount1.q.val();
        self.amount3.d.next = self.amount2.q.val();
        self.amount.next = self.amount3.q.val();

        self.valid1.d.next = self.running.q.val();
        self.valid2.d.next = self.valid1.q.val();
        self.valid3.d.next = self.valid2.q.val();
        self.valid4.d.next = self.valid3.q.val();
        self.valid5.d.next = self.valid4.q.val();
        if self.abort.val() {
            self.running.d.next = false;
            self.clear_valid.d.next = false;
            self.valid1.d.next = false;
            self.valid2.d.next = false;
            self.valid3.d.next = false;
            self.valid4.d.next = false;
            self.valid5.d.next = false;
        }
        self.busy.next = self.running.q.val()
            | self.valid1.q.val()
            | self.valid2.q.val()
            | self.valid3.q.val()
            | self.valid4.q.val()
            | self.valid5.q.val();
    }
}
