use crate::primitives::{BlockRam, Literal, Multiplier};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Codebook, multiplier and accumulators of one PE: one entry a cycle.
///
/// An entry's accumulator is the token's base plus its row. The sum is written three cycles after the entry comes; entries in
/// between that hit the same accumulator take the sum from the pipeline. Products keep their
/// low 32 bits, and accumulators wrap.
/// Nothing holds entries back. The drain reads and clears accumulators while no entry is under way.
///
/// `R` accumulator address bits, `K` codebook address bits, both at least 8; `Q` bits of a row, at
/// most `R`; `E = Q + 8` bits of an entry; `V` bits of a value. `FORWARD` is 1, or 0 to
/// leave the forwarding out where two entries of one accumulator are never less than three cycles
/// apart.
#[derive(LogicBlock, Default)]
pub struct Mac<
    const R: usize,
    const K: usize,
    const E: usize,
    const Q: usize,
    const V: usize,
    const FORWARD: usize,
> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// An entry stands at the next inputs.
    pub entry_valid: Signal<In, Bit>,
    /// Row (high bits) and code (low byte).
    pub entry: Signal<In, Bits<E>>,
    /// Activation, two's complement.
    pub value: Signal<In, Bits<V>>,
    /// Accumulator of row 0.
    pub base: Signal<In, Bits<R>>,
    /// Codebook address of code 0.
    pub codebook_base: Signal<In, Bits<K>>,
    /// Write a codebook weight.
    pub codebook_write: Signal<In, Bit>,
    /// Its address.
    pub codebook_address: Signal<In, Bits<K>>,
    /// Its value, two's complement.
    pub codebook_data: Signal<In, Bits<16>>,
    /// The drain has the accumulators.
    pub draining: Signal<In, Bit>,
    /// Accumulator to read for the drain.
    pub drain_address: Signal<In, Bits<R>>,
    /// Its sum, two cycles later.
    pub sum: Signal<Out, Bits<32>>,
    /// Set an accumulator to zero.
    pub clear: Signal<In, Bit>,
    /// Which.
    pub clear_address: Signal<In, Bits<R>>,
    /// Entries are in the pipeline.
    pub busy: Signal<Out, Bit>,
    codebook: BlockRam<K, 16>,
    accumulators: BlockRam<R, 32>,
    multiplier: Multiplier<16, V, 32>,
    row: Signal<Local, Bits<R>>,
    address: Signal<Local, Bits<R>>,
    code: Signal<Local, Bits<K>>,
    // Weight in the codebook's output.
    look_valid: DFF<Bit>,
    look_value: DFF<Bits<V>>,
    look_address: DFF<Bits<R>>,
    // Factors in registers; accumulator in the RAM's output.
    factor_valid: DFF<Bit>,
    factor_value: DFF<Bits<V>>,
    factor_weight: DFF<Bits<16>>,
    factor_address: DFF<Bits<R>>,
    // Product and old sum in registers.
    add_valid: DFF<Bit>,
    add_address: DFF<Bits<R>>,
    add_old: DFF<Bits<32>>,
    add_hits_last: DFF<Bit>,
    add_hits_second: DFF<Bit>,
    hits_last: Signal<Local, Bit>,
    hits_second: Signal<Local, Bit>,
    old: Signal<Local, Bits<32>>,
    updated: Signal<Local, Bits<32>>,
    // The last two sums, which a read of the accumulators does not show yet.
    last_valid: DFF<Bit>,
    last_address: DFF<Bits<R>>,
    last_sum: DFF<Bits<32>>,
    second_sum: DFF<Bits<32>>,
    forward: Literal<2, FORWARD>,
    zero_sum: Literal<32, 0>,
}

impl<
    const R: usize,
    const K: usize,
    const E: usize,
    const Q: usize,
    const V: usize,
    const FORWARD: usize,
> Logic for Mac<R, K, E, Q, V, FORWARD>
{
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            look_valid,
            look_value,
            look_address,
            factor_valid,
            factor_value,
            factor_weight,
            factor_address,
            add_valid,
            add_address,
            add_old,
            add_hits_last,
            add_hits_second,
            last_valid,
            last_address,
            last_sum,
            second_sum
        );
        self.codebook.clock.next = self.clock.val();
        self.accumulators.clock.next = self.clock.val();
        self.multiplier.clock.next = self.clock.val();

        // Row, accumulator address and codebook address of the entry.
        self.row.next = bit_cast::<R, Q>(self.entry.val().get_bits::<Q>(8));
        self.address.next = self.base.val() + self.row.val();
        self.code.next =
            self.codebook_base.val() + bit_cast::<K, 8>(self.entry.val().get_bits::<8>(0));
        self.codebook.read_address.next = self.code.val();
        self.codebook.read_enable.next = true;
        self.codebook.write_enable.next = self.codebook_write.val();
        self.codebook.write_address.next = self.codebook_address.val();
        self.codebook.write_data.next = self.codebook_data.val();
        self.look_valid.d.next = self.entry_valid.val();
        self.look_value.d.next = self.value.val();
        self.look_address.d.next = self.address.val();

        self.accumulators.read_enable.next = true;
        self.accumulators.read_address.next = self.look_address.q.val();
        if self.draining.val() {
            self.accumulators.read_address.next = self.drain_address.val();
        }
        self.factor_valid.d.next = self.look_valid.q.val();
        self.factor_value.d.next = self.look_value.q.val();
        self.factor_weight.d.next = self.codebook.read_data.val();
        self.factor_address.d.next = self.look_address.q.val();

        self.multiplier.a.next = signed_cast(self.factor_weight.q.val());
        self.multiplier.b.next = signed_cast(self.factor_value.q.val());
        self.add_valid.d.next = self.factor_valid.q.val();
        self.add_address.d.next = self.factor_address.q.val();
        self.add_old.d.next = self.accumulators.read_data.val();
        // A read misses the sums of the two entries before: take those from the pipeline.
        self.hits_last.next = self.forward.val().get_bit(0)
            & self.add_valid.q.val()
            & (self.add_address.q.val() == self.factor_address.q.val());
        self.hits_second.next = self.forward.val().get_bit(0)
            & self.last_valid.q.val()
            & (self.last_address.q.val() == self.factor_address.q.val());
        self.add_hits_last.d.next = self.hits_last.val();
        self.add_hits_second.d.next = self.hits_second.val();

        self.old.next = self.add_old.q.val();
        if self.add_hits_second.q.val() {
            self.old.next = self.second_sum.q.val();
        }
        if self.add_hits_last.q.val() {
            self.old.next = self.last_sum.q.val();
        }
        self.updated.next = self.old.val() + self.multiplier.product.val();
        self.last_valid.d.next = self.add_valid.q.val();
        self.last_address.d.next = self.add_address.q.val();
        self.last_sum.d.next = self.updated.val();
        self.second_sum.d.next = self.last_sum.q.val();

        self.accumulators.write_enable.next = self.add_valid.q.val() | self.clear.val();
        self.accumulators.write_address.next = self.add_address.q.val();
        self.accumulators.write_data.next = self.updated.val();
        if self.clear.val() {
            self.accumulators.write_address.next = self.clear_address.val();
            self.accumulators.write_data.next = self.zero_sum.val();
        }
        self.sum.next = self.add_old.q.val();
        self.busy.next =
            self.look_valid.q.val() | self.factor_valid.q.val() | self.add_valid.q.val();
    }
}
