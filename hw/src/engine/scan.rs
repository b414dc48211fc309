use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Activation scan: reads the input map from the banks and gives one token for each activation
/// that is not zero, at best one a cycle.
///
/// A vector is one word of every bank: `N` channels of one position. Vectors are read in order,
/// one a cycle; a vector of zeros is dropped as it arrives and costs nothing while tokens of the
/// one before it are given. Within a vector the lowest lane goes first. A token's column is
/// `col_base + group * N + lane`, its accumulator base `position * rows`.
///
/// `N` lanes (PEs), `M = max(N, 2)`, `A` activation, `R` accumulator, `C` column address bits.
#[derive(LogicBlock)]
pub struct Scan<const N: usize, const M: usize, const A: usize, const R: usize, const C: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Stops at once.
    pub abort: Signal<In, Bit>,
    /// Begin; the next inputs must hold until `busy` falls.
    pub start: Signal<In, Bit>,
    /// Bank address of the first vector.
    pub in_base: Signal<In, Bits<A>>,
    /// Vectors of a position.
    pub groups: Signal<In, Bits<16>>,
    /// Positions.
    pub positions: Signal<In, Bits<16>>,
    /// Accumulators of a position.
    pub rows: Signal<In, Bits<R>>,
    /// Column of lane 0 of group 0.
    pub col_base: Signal<In, Bits<C>>,
    /// Activations are signed.
    pub in_signed: Signal<In, Bit>,
    /// Vectors or tokens are under way.
    pub busy: Signal<Out, Bit>,
    /// Read a vector.
    pub read: Signal<Out, Bit>,
    /// Its bank address.
    pub read_address: Signal<Out, Bits<A>>,
    /// The vector, one cycle later, held until the next read.
    pub vector: [Signal<In, Bits<8>>; N],
    /// The vector that was at the input when it was last taken; while the scan rests, that of the
    /// cycle before.
    pub sampled: [Signal<Out, Bits<8>>; N],
    /// A token stands at the next outputs.
    pub valid: Signal<Out, Bit>,
    /// Its column pointer index.
    pub column: Signal<Out, Bits<C>>,
    /// Its activation, two's complement.
    pub value: Signal<Out, Bits<9>>,
    /// Its accumulator base.
    pub base: Signal<Out, Bits<R>>,
    /// The token is taken in this cycle.
    pub ready: Signal<In, Bit>,
    reading: DFF<Bit>,
    address: DFF<Bits<A>>,
    group: DFF<Bits<16>>,
    position: DFF<Bits<16>>,
    group_column: DFF<Bits<C>>,
    position_base: DFF<Bits<R>>,
    group_next: Signal<Local, Bits<16>>,
    position_next: Signal<Local, Bits<16>>,
    // Vector in the banks' outputs.
    read_valid: DFF<Bit>,
    read_column: DFF<Bits<C>>,
    read_base: DFF<Bits<R>>,
    read_moves: Signal<Local, Bit>,
    // Vector in registers.
    here_valid: DFF<Bit>,
    here_column: DFF<Bits<C>>,
    here_base: DFF<Bits<R>>,
    here: [DFF<Bits<8>>; N],
    here_mask: Signal<Local, Bits<M>>,
    here_any: Signal<Local, Bit>,
    here_moves: Signal<Local, Bit>,
    here_less: Signal<Local, Bits<M>>,
    after_here: Signal<Local, Bits<M>>,
    lane_bits: [Constant<Bits<M>>; N],
    lane_numbers: [Constant<Bits<C>>; N],
    // Lanes of the current vector that are still to be given.
    mask: DFF<Bits<M>>,
    some: DFF<Bit>,
    last: DFF<Bit>,
    lanes: [DFF<Bits<8>>; N],
    lanes_column: DFF<Bits<C>>,
    lanes_base: DFF<Bits<R>>,
    complement: Signal<Local, Bits<M>>,
    minus: Signal<Local, Bits<M>>,
    lowest: Signal<Local, Bits<M>>,
    rest: Signal<Local, Bits<M>>,
    rest_less: Signal<Local, Bits<M>>,
    after_rest: Signal<Local, Bits<M>>,
    picked: Signal<Local, Bits<8>>,
    picked_lane: Signal<Local, Bits<C>>,
    lanes_move: Signal<Local, Bit>,
    token_moves: Signal<Local, Bit>,
    token_valid: DFF<Bit>,
    token_column: DFF<Bits<C>>,
    token_value: DFF<Bits<9>>,
    token_base: DFF<Bits<R>>,
    wide: Signal<Local, Bits<9>>,
    zero: Literal<16, 0>,
    one: Literal<16, 1>,
    one_address: Literal<A, 1>,
    lanes_per_group: Literal<C, N>,
    zero_column: Literal<C, 0>,
    zero_base: Literal<R, 0>,
    zero_mask: Literal<M, 0>,
    one_mask: Literal<M, 1>,
    zero_byte: Literal<8, 0>,
    sign: Literal<9, 256>,
}

impl<const N: usize, const M: usize, const A: usize, const R: usize, const C: usize> Default
    for Scan<N, M, A, R, C>
{
    fn default() -> Self {
        Self {
            clock: Default::default(),
            abort: Default::default(),
            start: Default::default(),
            in_base: Default::default(),
            groups: Default::default(),
            positions: Default::default(),
            rows: Default::default(),
            col_base: Default::default(),
            in_signed: Default::default(),
            busy: Default::default(),
            read: Default::default(),
            read_address: Default::default(),
            vector: std::array::from_fn(|_| Default::default()),
            valid: Default::default(),
            column: Default::default(),
            value: Default::default(),
            base: Default::default(),
            ready: Default::default(),
            reading: Default::default(),
            address: Default::default(),
            group: Default::default(),
            position: Default::default(),
            group_column: Default::default(),
            position_base: Default::default(),
            group_next: Default::default(),
            position_next: Default::default(),
            read_valid: Default::default(),
            read_column: Default::default(),
            read_base: Default::default(),
            read_moves: Default::default(),
            here_valid: Default::default(),
            here_column: Default::default(),
            here_base: Default::default(),
            here: std::array::from_fn(|_| Default::default()),
            here_mask: Default::default(),
            here_any: Default::default(),
            here_moves: Default::default(),
            here_less: Default::default(),
            after_here: Default::default(),
            sampled: std::array::from_fn(|_| Default::default()),
            lane_bits: std::array::from_fn(|i| Constant::new((1u64 << i).into())),
            lane_numbers: std::array::from_fn(|i| Constant::new((i as u64).into())),
            mask: Default::default(),
            some: Default::default(),
            last: Default::default(),
            lanes: std::array::from_fn(|_| Default::default()),
            lanes_column: Default::default(),
            lanes_base: Default::default(),
            complement: Default::default(),
            minus: Default::default(),
            lowest: Default::default(),
            rest: Default::default(),
            rest_less: Default::default(),
            after_rest: Default::default(),
            picked: Default::default(),
            picked_lane: Default::default(),
            lanes_move: Default::default(),
            token_moves: Default::default(),
            token_valid: Default::default(),
            token_column: Default::default(),
            token_value: Default::default(),
            token_base: Default::default(),
            wide: Default::default(),
            zero: Default::default(),
            one: Default::default(),
            one_address: Default::default(),
            lanes_per_group: Default::default(),
            zero_column: Default::default(),
            zero_base: Default::default(),
            zero_mask: Default::default(),
            one_mask: Default::default(),
            zero_byte: Default::default(),
            sign: Default::default(),
        }
    }
}

impl<const N: usize, const M: usize, const A: usize, const R: usize, const C: usize> Logic
    for Scan<N, M, A, R, C>
{
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            reading,
            address,
            group,
            position,
            group_column,
            position_base,
            read_valid,
            read_column,
            read_base,
            here_valid,
            here_column,
            here_base,
            mask,
            some,
            last,
            lanes_column,
            lanes_base,
            token_valid,
            token_column,
            token_value,
            token_base
        );
        for i in 0..N {
            self.here[i].clock.next = self.clock.val();
            self.here[i].d.next = self.here[i].q.val();
            self.sampled[i].next = self.here[i].q.val();
            self.lanes[i].clock.next = self.clock.val();
            self.lanes[i].d.next = self.lanes[i].q.val();
        }

        // Lanes of the vector at hand that hold something, and the lowest of those to be given.
        self.here_mask.next = self.zero_mask.val();
        for i in 0..N {
            if self.here[i].q.val() != self.zero_byte.val() {
                self.here_mask.next = self.here_mask.val() | self.lane_bits[i].val();
            }
        }
        self.here_any.next = self.here_mask.val().any();
        self.complement.next = !self.mask.q.val();
        self.minus.next = self.complement.val() + self.one_mask.val();
        self.lowest.next = self.mask.q.val() & self.minus.val();
        self.rest.next = self.mask.q.val() & !self.lowest.val();
        // Whether one lane only will be left is known a cycle ahead.
        self.rest_less.next = self.rest.val() - self.one_mask.val();
        self.after_rest.next = self.rest.val() & self.rest_less.val();
        self.here_less.next = self.here_mask.val() - self.one_mask.val();
        self.after_here.next = self.here_mask.val() & self.here_less.val();
        self.picked.next = self.zero_byte.val();
        self.picked_lane.next = self.zero_column.val();
        for i in 0..N {
            if self.lowest.val().get_bit(i) {
                self.picked.next = self.picked.val() | self.lanes[i].q.val();
                self.picked_lane.next = self.picked_lane.val() | self.lane_numbers[i].val();
            }
        }

        // Which stages move on, from the last to the first.
        self.token_moves.next = !self.token_valid.q.val() | self.ready.val();
        self.lanes_move.next = !self.some.q.val() | (self.token_moves.val() & self.last.q.val());
        self.here_moves.next =
            !self.here_valid.q.val() | !self.here_any.val() | self.lanes_move.val();
        self.read_moves.next = !self.read_valid.q.val() | self.here_moves.val();

        if self.token_moves.val() {
            self.token_valid.d.next = self.some.q.val();
            self.token_column.d.next = self.lanes_column.q.val() + self.picked_lane.val();
            self.wide.next = bit_cast::<9, 8>(self.picked.val());
            if self.in_signed.val() & self.picked.val().get_bit(7) {
                self.wide.next = bit_cast::<9, 8>(self.picked.val()) | self.sign.val();
            }
            self.token_value.d.next = self.wide.val();
            self.token_base.d.next = self.lanes_base.q.val();
            self.mask.d.next = self.rest.val();
            self.last.d.next = !self.after_rest.val().any();
        } else {
            self.wide.next = self.sign.val();
        }
        if self.lanes_move.val() {
            self.some.d.next = self.here_valid.q.val() & self.here_any.val();
            self.mask.d.next = self.here_mask.val();
            self.last.d.next = !self.after_here.val().any();
            self.lanes_column.d.next = self.here_column.q.val();
            self.lanes_base.d.next = self.here_base.q.val();
            for i in 0..N {
                self.lanes[i].d.next = self.here[i].q.val();
            }
        }
        if self.here_moves.val() {
            self.here_valid.d.next = self.read_valid.q.val();
            self.here_column.d.next = self.read_column.q.val();
            self.here_base.d.next = self.read_base.q.val();
            for i in 0..N {
                self.here[i].d.next = self.vector[i].val();
            }
        }

        self.group_next.next = self.group.q.val() + self.one.val();
        self.position_next.next = self.position.q.val() + self.one.val();
        self.read.next = self.reading.q.val() & self.read_moves.val();
        self.read_address.next = self.address.q.val();
        if self.read_moves.val() {
            self.read_valid.d.next = self.reading.q.val();
            self.read_column.d.next = self.group_column.q.val();
            self.read_base.d.next = self.position_base.q.val();
        }
        if self.reading.q.val() & self.read_moves.val() {
            self.address.d.next = self.address.q.val() + self.one_address.val();
            self.group.d.next = self.group_next.val();
            self.group_column.d.next = self.group_column.q.val() + self.lanes_per_group.val();
            if self.group_next.val() == self.groups.val() {
                self.group.d.next = self.zero.val();
                self.group_column.d.next = self.col_base.val();
                self.position.d.next = self.position_next.val();
                self.position_base.d.next = self.position_base.q.val() + self.rows.val();
                if self.position_next.val() == self.positions.val() {
                    self.reading.d.next = false;
                }
            }
        }
        if self.start.val() {
            self.reading.d.next =
                (self.groups.val() != self.zero.val()) & (self.positions.val() != self.zero.val());
            self.address.d.next = self.in_base.val();
            self.group.d.next = self.zero.val();
            self.position.d.next = self.zero.val();
            self.group_column.d.next = self.col_base.val();
            self.position_base.d.next = self.zero_base.val();
        }
        if self.abort.val() {
            self.reading.d.next = false;
            self.read_valid.d.next = false;
            self.here_valid.d.next = false;
            self.some.d.next = false;
            self.token_valid.d.next = false;
        }

        self.valid.next = self.token_valid.q.val();
        self.column.next = self.token_column.q.val();
        self.value.next = self.token_value.q.val();
        self.base.next = self.token_base.q.val();
        self.busy.next = self.reading.q.val()
            | self.read_valid.q.val()
            | self.here_valid.q.val()
            | self.some.q.val()
            | self.token_valid.q.val();
    }
}
