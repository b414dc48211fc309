use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Sequence of the drain, common to all PEs: which accumulator and bias to read, which to clear,
/// how far to shift, where the result goes.
///
/// After `start` it steps through `accs` accumulators, one a cycle, or one in `32 / B` cycles when
/// wide, `B` bits in each. When pooling it steps through windows instead: for each pooled position, whose first accumulator
/// and size the geometry tables give, for each row, all accumulators of the window, one a
/// cycle; only the last of a window gives a result. The result of the address that stands in
/// `address` is written five cycles later, six with `MAPS` 1. With `sweep` a second walk clears the
/// accumulators, one a cycle.
///
/// `A` activation, `W` store, `R` accumulator, `G` table address bits; `B` bits of an activation, 8 or 16. With `MAPS` 0 all
/// accumulators are one position.
#[derive(LogicBlock, Default)]
pub struct Drain<
    const A: usize,
    const W: usize,
    const R: usize,
    const G: usize,
    const B: usize,
    const MAPS: usize,
> {
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
    /// Whole sums, lowest part first.
    pub wide: Signal<In, Bit>,
    /// Words from the last result of a position to the next position.
    pub out_step: Signal<In, Bits<A>>,
    /// Pool: the next five inputs count.
    pub pool: Signal<In, Bit>,
    /// Accumulators of a row of the map that is pooled.
    pub row_step: Signal<In, Bits<R>>,
    /// Columns of the pooled map.
    pub pool_width: Signal<In, Bits<16>>,
    /// Rows of the pooled map.
    pub pool_height: Signal<In, Bits<16>>,
    /// Address of the x table of the pool.
    pub x_table: Signal<In, Bits<G>>,
    /// Address of the y table of the pool.
    pub y_table: Signal<In, Bits<G>>,
    /// Clear in a walk of its own.
    pub sweep: Signal<In, Bit>,
    /// Address in the x table, read every cycle.
    pub x_address: Signal<Out, Bits<G>>,
    /// Its word, one cycle later.
    pub x_word: Signal<In, Bits<32>>,
    /// Address in the y table, read every cycle.
    pub y_address: Signal<Out, Bits<G>>,
    /// Its word, one cycle later.
    pub y_word: Signal<In, Bits<32>>,
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
    /// The activation that leaves the quantisers is the first of its window.
    pub first: Signal<Out, Bit>,
    /// Write the quantisers' results.
    pub write: Signal<Out, Bit>,
    /// Bank address of the results.
    pub write_address: Signal<Out, Bits<A>>,
    running: DFF<Bit>,
    acc: DFF<Bits<16>>,
    row: DFF<Bits<16>>,
    bias: DFF<Bits<W>>,
    // Where the part of a sum begins, in bytes.
    part: DFF<Bits<2>>,
    out: DFF<Bits<A>>,
    acc_next: Signal<Local, Bits<16>>,
    row_next: Signal<Local, Bits<16>>,
    last_row: Signal<Local, Bit>,
    part_next: Signal<Local, Bits<2>>,
    last_part: Signal<Local, Bit>,
    places: Signal<Local, Bits<5>>,
    // The pooled position that comes next: `ripe` when the tables' outputs show it.
    ripe: DFF<Bit>,
    more: DFF<Bit>,
    next_x: DFF<Bits<16>>,
    next_y: DFF<Bits<16>>,
    next_x_at: DFF<Bits<G>>,
    next_y_at: DFF<Bits<G>>,
    next_x_after: Signal<Local, Bits<16>>,
    next_y_after: Signal<Local, Bits<16>>,
    // The window at hand.
    in_window: DFF<Bit>,
    enter: Signal<Local, Bit>,
    origin: DFF<Bits<R>>,
    line: DFF<Bits<R>>,
    at: DFF<Bits<R>>,
    window_x: DFF<Bits<4>>,
    window_y: DFF<Bits<4>>,
    columns: DFF<Bits<4>>,
    lines: DFF<Bits<4>>,
    window_x_next: Signal<Local, Bits<4>>,
    window_y_next: Signal<Local, Bits<4>>,
    origin_next: Signal<Local, Bits<R>>,
    line_next: Signal<Local, Bits<R>>,
    entry_at: Signal<Local, Bits<R>>,
    last_column: Signal<Local, Bit>,
    last_line: Signal<Local, Bit>,
    begins: Signal<Local, Bit>,
    ends: Signal<Local, Bit>,
    issues: Signal<Local, Bit>,
    sweeping: DFF<Bit>,
    here: Signal<Local, Bits<R>>,
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
    valid6: DFF<Bit>,
    step1: DFF<Bit>,
    step2: DFF<Bit>,
    step3: DFF<Bit>,
    step4: DFF<Bit>,
    step5: DFF<Bit>,
    step6: DFF<Bit>,
    first1: DFF<Bit>,
    first2: DFF<Bit>,
    first3: DFF<Bit>,
    first4: DFF<Bit>,
    first5: DFF<Bit>,
    flight1: DFF<Bit>,
    flight2: DFF<Bit>,
    flight3: DFF<Bit>,
    flight4: DFF<Bit>,
    flight5: DFF<Bit>,
    flight6: DFF<Bit>,
    writes: Signal<Local, Bit>,
    steps: Signal<Local, Bit>,
    maps: Literal<2, MAPS>,
    one_acc: Literal<R, 1>,
    one_table: Literal<G, 1>,
    one_tap: Literal<4, 1>,
    no_tap: Literal<4, 0>,
    zero: Literal<16, 0>,
    one: Literal<16, 1>,
    one_word: Literal<W, 1>,
    one_out: Literal<A, 1>,
    first_part: Literal<2, 0>,
    act_bits: Literal<5, B>,
    one_place: Literal<5, 1>,
    byte_places: Literal<5, 3>,
}

impl<
    const A: usize,
    const W: usize,
    const R: usize,
    const G: usize,
    const B: usize,
    const MAPS: usize,
> Logic for Drain<A, W, R, G, B, MAPS>
{
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
            ripe,
            more,
            next_x,
            next_y,
            next_x_at,
            next_y_at,
            in_window,
            origin,
            line,
            at,
            window_x,
            window_y,
            columns,
            lines,
            sweeping,
            clear_valid,
            clear_at,
            amount1,
            amount2,
            amount3,
            valid1,
            valid2,
            valid3,
            valid4,
            valid5,
            valid6,
            step1,
            step2,
            step3,
            step4,
            step5,
            step6,
            first1,
            first2,
            first3,
            first4,
            first5,
            flight1,
            flight2,
            flight3,
            flight4,
            flight5,
            flight6
        );
        self.acc_next.next = self.acc.q.val() + self.one.val();
        self.row_next.next = self.row.q.val() + self.one.val();
        self.last_row.next = self.row_next.val() == self.rows.val();
        self.part_next.next = self.part.q.val() + self.act_bits.val().get_bits::<2>(3);
        self.last_part.next = !self.wide.val() | (self.part_next.val() == self.first_part.val());
        self.window_x_next.next = self.window_x.q.val() + self.one_tap.val();
        self.window_y_next.next = self.window_y.q.val() + self.one_tap.val();
        self.last_column.next = self.window_x_next.val() == self.columns.q.val();
        self.last_line.next = self.window_y_next.val() == self.lines.q.val();
        self.origin_next.next = self.origin.q.val() + self.one_acc.val();
        self.line_next.next = self.line.q.val() + self.row_step.val();
        self.entry_at.next =
            self.x_word.val().get_bits::<R>(0) + self.y_word.val().get_bits::<R>(0);
        self.next_x_after.next = self.next_x.q.val() + self.one.val();
        self.next_y_after.next = self.next_y.q.val() + self.one.val();
        self.ripe.d.next = self.running.q.val();
        self.enter.next = false;
        self.begins.next = true;
        self.ends.next = true;
        self.issues.next = self.running.q.val();
        self.here.next = self.acc.q.val().get_bits::<R>(0);

        if self.pool.val() {
            self.begins.next = (self.window_x.q.val() == self.no_tap.val())
                & (self.window_y.q.val() == self.no_tap.val());
            self.ends.next = self.last_column.val() & self.last_line.val();
            self.issues.next = self.in_window.q.val();
            self.here.next = self.at.q.val();
            if self.in_window.q.val() {
                self.window_x.d.next = self.window_x_next.val();
                self.at.d.next = self.at.q.val() + self.rows.val().get_bits::<R>(0);
                if self.last_column.val() {
                    self.window_x.d.next = self.no_tap.val();
                    self.window_y.d.next = self.window_y_next.val();
                    self.line.d.next = self.line_next.val();
                    self.at.d.next = self.line_next.val();
                    if self.last_line.val() {
                        self.window_y.d.next = self.no_tap.val();
                        self.origin.d.next = self.origin_next.val();
                        self.line.d.next = self.origin_next.val();
                        self.at.d.next = self.origin_next.val();
                        self.row.d.next = self.row_next.val();
                        self.bias.d.next = self.bias.q.val() + self.one_word.val();
                        if self.last_row.val() {
                            self.in_window.d.next = false;
                            self.enter.next = true;
                        }
                    }
                }
            } else {
                self.enter.next = self.running.q.val();
            }
            if self.enter.val() & self.ripe.q.val() {
                self.ripe.d.next = false;
                self.in_window.d.next = true;
                self.origin.d.next = self.entry_at.val();
                self.line.d.next = self.entry_at.val();
                self.at.d.next = self.entry_at.val();
                self.columns.d.next = self.x_word.val().get_bits::<4>(28);
                self.lines.d.next = self.y_word.val().get_bits::<4>(28);
                self.row.d.next = self.zero.val();
                self.bias.d.next = self.bias_base.val();
                self.next_x.d.next = self.next_x_after.val();
                self.next_x_at.d.next = self.next_x_at.q.val() + self.one_table.val();
                if self.next_x_after.val() == self.pool_width.val() {
                    self.next_x.d.next = self.zero.val();
                    self.next_x_at.d.next = self.x_table.val();
                    self.next_y.d.next = self.next_y_after.val();
                    self.next_y_at.d.next = self.next_y_at.q.val() + self.one_table.val();
                    if self.next_y_after.val() == self.pool_height.val() {
                        self.more.d.next = false;
                    }
                }
                if !self.more.q.val() {
                    self.in_window.d.next = false;
                    self.running.d.next = false;
                    self.sweeping.d.next = self.sweep.val();
                }
            }
        } else {
            if self.running.q.val() {
                if self.wide.val() {
                    self.part.d.next = self.part_next.val();
                }
                if self.last_part.val() {
                    self.acc.d.next = self.acc_next.val();
                    self.row.d.next = self.row_next.val();
                    self.bias.d.next = self.bias.q.val() + self.one_word.val();
                    if self.last_row.val() {
                        self.row.d.next = self.zero.val();
                        self.bias.d.next = self.bias_base.val();
                    }
                    if self.acc_next.val() == self.accs.val() {
                        self.running.d.next = false;
                    }
                }
            }
        }
        if self.sweeping.q.val() {
            self.acc.d.next = self.acc_next.val();
            self.here.next = self.acc.q.val().get_bits::<R>(0);
            if self.acc_next.val() == self.accs.val() {
                self.sweeping.d.next = false;
            }
        }

        self.writes.next = self.valid5.q.val();
        self.steps.next = self.step5.q.val();
        if self.maps.val().get_bit(0) {
            self.writes.next = self.valid6.q.val();
            self.steps.next = self.step6.q.val();
        }
        self.write.next = self.writes.val();
        self.write_address.next = self.out.q.val();
        if self.writes.val() {
            self.out.d.next = self.out.q.val() + self.one_out.val();
            if self.steps.val() & self.maps.val().get_bit(0) {
                self.out.d.next = self.out.q.val() + self.out_step.val();
            }
        }
        if self.start.val() {
            self.running.d.next = self.accs.val() != self.zero.val();
            self.acc.d.next = self.zero.val();
            self.row.d.next = self.zero.val();
            self.bias.d.next = self.bias_base.val();
            self.part.d.next = self.first_part.val();
            self.out.d.next = self.out_base.val();
            self.more.d.next = true;
            self.in_window.d.next = false;
            self.next_x.d.next = self.zero.val();
            self.next_y.d.next = self.zero.val();
            self.next_x_at.d.next = self.x_table.val();
            self.next_y_at.d.next = self.y_table.val();
            self.window_x.d.next = self.no_tap.val();
            self.window_y.d.next = self.no_tap.val();
        }
        self.x_address.next = self.next_x_at.q.val();
        self.y_address.next = self.next_y_at.q.val();
        self.address.next = self.here.val();
        self.bias_address.next = self.bias.q.val();
        self.clear_valid.d.next =
            (self.issues.val() & self.last_part.val() & !self.sweep.val()) | self.sweeping.q.val();
        self.clear_at.d.next = self.here.val();
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

        self.flight1.d.next = self.issues.val();
        self.valid1.d.next = self.issues.val() & self.ends.val();
        self.first1.d.next = self.begins.val();
        self.step1.d.next = self.last_row.val() & self.last_part.val();
        self.flight2.d.next = self.flight1.q.val();
        self.flight3.d.next = self.flight2.q.val();
        self.flight4.d.next = self.flight3.q.val();
        self.flight5.d.next = self.flight4.q.val();
        self.flight6.d.next = self.flight5.q.val();
        self.valid2.d.next = self.valid1.q.val();
        self.valid3.d.next = self.valid2.q.val();
        self.valid4.d.next = self.valid3.q.val();
        self.valid5.d.next = self.valid4.q.val();
        self.valid6.d.next = self.valid5.q.val();
        self.step2.d.next = self.step1.q.val();
        self.step3.d.next = self.step2.q.val();
        self.step4.d.next = self.step3.q.val();
        self.step5.d.next = self.step4.q.val();
        self.step6.d.next = self.step5.q.val();
        self.first2.d.next = self.first1.q.val();
        self.first3.d.next = self.first2.q.val();
        self.first4.d.next = self.first3.q.val();
        self.first5.d.next = self.first4.q.val();
        self.first.next = self.first5.q.val();
        if self.abort.val() {
            self.running.d.next = false;
            self.in_window.d.next = false;
            self.sweeping.d.next = false;
            self.clear_valid.d.next = false;
            self.valid1.d.next = false;
            self.flight1.d.next = false;
            self.valid2.d.next = false;
            self.flight2.d.next = false;
            self.valid3.d.next = false;
            self.flight3.d.next = false;
            self.valid4.d.next = false;
            self.flight4.d.next = false;
            self.valid5.d.next = false;
            self.flight5.d.next = false;
            self.valid6.d.next = false;
            self.flight6.d.next = false;
        }
        self.busy.next = self.running.q.val()
            | self.sweeping.q.val()
            | self.flight1.q.val()
            | self.flight2.q.val()
            | self.flight3.q.val()
            | self.flight4.q.val()
            | self.flight5.q.val()
            | (self.flight6.q.val() & self.maps.val().get_bit(0));
    }
}
