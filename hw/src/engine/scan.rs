use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Activation scan: reads the input map from the banks and gives one token for each activation
/// that is not zero, at best one a cycle.
///
/// A vector is one word of every bank: `N` channels of one position. Vectors are read in order,
/// one a cycle; a vector of zeros is dropped as it arrives and costs nothing while tokens of the
/// one before it are given. Within a vector the lowest lane goes first.
///
/// Over a map the words of the geometry tables at the vector's row and column say which kernel
/// taps meet an output there. All lanes are given for one kernel row, then all for the next, so that
/// channels of different PEs follow each other. A token's column is
/// `col_base + group * group_columns + lane * segments` and what the tables and the kernel row add.
/// Without a map there is one position, of which a channel is a column of one segment.
///
/// `N` lanes (PEs), `M = max(N, 2)`, `A` activation, `R` accumulator, `C` column, `G` table address
/// bits; `B` bits of an activation, `V = B + 1` of a token's. With `MAPS` 0 there are no maps.
#[derive(LogicBlock)]
pub struct Scan<
    const N: usize,
    const M: usize,
    const A: usize,
    const R: usize,
    const C: usize,
    const G: usize,
    const B: usize,
    const V: usize,
    const MAPS: usize,
> {
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
    /// Column of lane 0 of group 0.
    pub col_base: Signal<In, Bits<C>>,
    /// The input is a map: the next eight inputs count.
    pub map: Signal<In, Bit>,
    /// Columns of the map.
    pub width: Signal<In, Bits<16>>,
    /// Rows of the map.
    pub height: Signal<In, Bits<16>>,
    /// Address of the x table.
    pub x_table: Signal<In, Bits<G>>,
    /// Address of the y table.
    pub y_table: Signal<In, Bits<G>>,
    /// Segments of a channel.
    pub segments: Signal<In, Bits<8>>,
    /// Column pointers of a vector.
    pub group_columns: Signal<In, Bits<C>>,
    /// Column pointers from a kernel row to the next that meets an output.
    pub tap_columns: Signal<In, Bits<C>>,
    /// Accumulators of an output row.
    pub row_step: Signal<In, Bits<R>>,
    /// Words from the last vector of a position to the next position.
    pub in_step: Signal<In, Bits<A>>,
    /// Activations are signed.
    pub in_signed: Signal<In, Bit>,
    /// Vectors or tokens are under way.
    pub busy: Signal<Out, Bit>,
    /// Read a vector.
    pub read: Signal<Out, Bit>,
    /// Its bank address.
    pub read_address: Signal<Out, Bits<A>>,
    /// The vector, one cycle later, held until the next read.
    pub vector: [Signal<In, Bits<B>>; N],
    /// Address in the x table, read with the vector.
    pub x_address: Signal<Out, Bits<G>>,
    /// Its word, one cycle later, held until the next read.
    pub x_word: Signal<In, Bits<32>>,
    /// Address in the y table, read with the vector.
    pub y_address: Signal<Out, Bits<G>>,
    /// Its word, one cycle later, held until the next read.
    pub y_word: Signal<In, Bits<32>>,
    /// The vector that was at the input when it was last taken; while the scan rests, that of the
    /// cycle before.
    pub sampled: [Signal<Out, Bits<B>>; N],
    /// A token stands at the next outputs.
    pub valid: Signal<Out, Bit>,
    /// Its column pointer index: that of its kernel row's first segment.
    pub column: Signal<Out, Bits<C>>,
    /// Segments of the kernel row left out at its beginning.
    pub first: Signal<Out, Bits<4>>,
    /// Segments.
    pub count: Signal<Out, Bits<4>>,
    /// Its activation, two's complement.
    pub value: Signal<Out, Bits<V>>,
    /// Its accumulator base.
    pub base: Signal<Out, Bits<R>>,
    /// The token is taken in this cycle.
    pub ready: Signal<In, Bit>,
    reading: DFF<Bit>,
    address: DFF<Bits<A>>,
    group: DFF<Bits<16>>,
    x: DFF<Bits<16>>,
    y: DFF<Bits<16>>,
    x_at: DFF<Bits<G>>,
    y_at: DFF<Bits<G>>,
    group_column: DFF<Bits<C>>,
    group_next: Signal<Local, Bits<16>>,
    x_next: Signal<Local, Bits<16>>,
    y_next: Signal<Local, Bits<16>>,
    address_step: Signal<Local, Bits<A>>,
    column_step: Signal<Local, Bits<C>>,
    // Vector in the banks' outputs.
    read_valid: DFF<Bit>,
    read_column: DFF<Bits<C>>,
    read_moves: Signal<Local, Bit>,
    // Vector in registers.
    here_valid: DFF<Bit>,
    here_column: DFF<Bits<C>>,
    here_x: DFF<Bits<32>>,
    here_y: DFF<Bits<32>>,
    here: [DFF<Bits<B>>; N],
    vector_mask: Signal<Local, Bits<M>>,
    // Lanes of the vector at hand that hold something, and whether its position meets any output.
    here_mask: DFF<Bits<M>>,
    here_counts: DFF<Bit>,
    here_any: Signal<Local, Bit>,
    here_moves: Signal<Local, Bit>,
    here_less: Signal<Local, Bits<M>>,
    after_here: Signal<Local, Bits<M>>,
    lane_bits: [Constant<Bits<M>>; N],
    lane_numbers: [Constant<Bits<6>>; N],
    // Lanes of the current vector that are still to be given.
    mask: DFF<Bits<M>>,
    some: DFF<Bit>,
    last: DFF<Bit>,
    lanes: [DFF<Bits<B>>; N],
    lanes_column: DFF<Bits<C>>,
    lanes_base: DFF<Bits<R>>,
    lanes_first: DFF<Bits<4>>,
    lanes_count: DFF<Bits<4>>,
    // Kernel rows still to be given, and the lanes to begin each with.
    taps: DFF<Bits<4>>,
    taps_less: Signal<Local, Bits<4>>,
    again: Signal<Local, Bit>,
    all: DFF<Bits<M>>,
    single: DFF<Bit>,
    complement: Signal<Local, Bits<M>>,
    minus: Signal<Local, Bits<M>>,
    lowest: Signal<Local, Bits<M>>,
    rest: Signal<Local, Bits<M>>,
    rest_less: Signal<Local, Bits<M>>,
    after_rest: Signal<Local, Bits<M>>,
    picked: Signal<Local, Bits<B>>,
    picked_sign: Signal<Local, Bits<B>>,
    picked_lane: Signal<Local, Bits<6>>,
    lanes_move: Signal<Local, Bit>,
    token_moves: Signal<Local, Bit>,
    token_valid: DFF<Bit>,
    token_column: DFF<Bits<C>>,
    token_value: DFF<Bits<V>>,
    token_base: DFF<Bits<R>>,
    token_first: DFF<Bits<4>>,
    token_count: DFF<Bits<4>>,
    token_lane: DFF<Bits<6>>,
    // Two stages that add lane x segments to the column, three bits of the lane in each.
    low_moves: Signal<Local, Bit>,
    low_valid: DFF<Bit>,
    low_column: DFF<Bits<C>>,
    low_lane: DFF<Bits<6>>,
    low_value: DFF<Bits<V>>,
    low_base: DFF<Bits<R>>,
    low_first: DFF<Bits<4>>,
    low_count: DFF<Bits<4>>,
    low_sum: Signal<Local, Bits<C>>,
    high_moves: Signal<Local, Bit>,
    high_valid: DFF<Bit>,
    high_column: DFF<Bits<C>>,
    high_value: DFF<Bits<V>>,
    high_base: DFF<Bits<R>>,
    high_first: DFF<Bits<4>>,
    high_count: DFF<Bits<4>>,
    high_sum: Signal<Local, Bits<C>>,
    stride: Signal<Local, Bits<C>>,
    wide: Signal<Local, Bits<V>>,
    maps: Literal<2, MAPS>,
    one_segment: Literal<4, 1>,
    no_taps: Literal<4, 0>,
    one_stride: Literal<C, 1>,
    places1: Literal<C, 1>,
    places2: Literal<C, 2>,
    places3: Literal<C, 3>,
    places4: Literal<C, 4>,
    places5: Literal<C, 5>,
    no_geometry: Literal<32, 0x1000_0000>,
    one_table: Literal<G, 1>,
    zero_lane: Literal<6, 0>,
    zero: Literal<16, 0>,
    one: Literal<16, 1>,
    one_address: Literal<A, 1>,
    lanes_per_group: Literal<C, N>,
    zero_column: Literal<C, 0>,
    zero_mask: Literal<M, 0>,
    one_mask: Literal<M, 1>,
    zero_act: Literal<B, 0>,
    act_sign: Constant<Bits<B>>,
    sign: Constant<Bits<V>>,
}

impl<
    const N: usize,
    const M: usize,
    const A: usize,
    const R: usize,
    const C: usize,
    const G: usize,
    const B: usize,
    const V: usize,
    const MAPS: usize,
> Default for Scan<N, M, A, R, C, G, B, V, MAPS>
{
    fn default() -> Self {
        Self {
            clock: Default::default(),
            abort: Default::default(),
            start: Default::default(),
            in_base: Default::default(),
            groups: Default::default(),
            col_base: Default::default(),
            map: Default::default(),
            width: Default::default(),
            height: Default::default(),
            x_table: Default::default(),
            y_table: Default::default(),
            segments: Default::default(),
            group_columns: Default::default(),
            tap_columns: Default::default(),
            row_step: Default::default(),
            in_step: Default::default(),
            in_signed: Default::default(),
            busy: Default::default(),
            read: Default::default(),
            read_address: Default::default(),
            vector: std::array::from_fn(|_| Default::default()),
            x_address: Default::default(),
            x_word: Default::default(),
            y_address: Default::default(),
            y_word: Default::default(),
            sampled: std::array::from_fn(|_| Default::default()),
            valid: Default::default(),
            column: Default::default(),
            first: Default::default(),
            count: Default::default(),
            value: Default::default(),
            base: Default::default(),
            ready: Default::default(),
            reading: Default::default(),
            address: Default::default(),
            group: Default::default(),
            x: Default::default(),
            y: Default::default(),
            x_at: Default::default(),
            y_at: Default::default(),
            group_column: Default::default(),
            group_next: Default::default(),
            x_next: Default::default(),
            y_next: Default::default(),
            address_step: Default::default(),
            column_step: Default::default(),
            read_valid: Default::default(),
            read_column: Default::default(),
            read_moves: Default::default(),
            here_valid: Default::default(),
            here_column: Default::default(),
            here_x: Default::default(),
            here_y: Default::default(),
            here: std::array::from_fn(|_| Default::default()),
            vector_mask: Default::default(),
            here_mask: Default::default(),
            here_counts: Default::default(),
            here_any: Default::default(),
            here_moves: Default::default(),
            here_less: Default::default(),
            after_here: Default::default(),
            lane_bits: std::array::from_fn(|i| Constant::new((1u64 << i).into())),
            lane_numbers: std::array::from_fn(|i| Constant::new((i as u64).into())),
            mask: Default::default(),
            some: Default::default(),
            last: Default::default(),
            lanes: std::array::from_fn(|_| Default::default()),
            lanes_column: Default::default(),
            lanes_base: Default::default(),
            lanes_first: Default::default(),
            lanes_count: Default::default(),
            taps: Default::default(),
            taps_less: Default::default(),
            again: Default::default(),
            all: Default::default(),
            single: Default::default(),
            complement: Default::default(),
            minus: Default::default(),
            lowest: Default::default(),
            rest: Default::default(),
            rest_less: Default::default(),
            after_rest: Default::default(),
            picked: Default::default(),
            picked_sign: Default::default(),
            picked_lane: Default::default(),
            lanes_move: Default::default(),
            token_moves: Default::default(),
            token_valid: Default::default(),
            token_column: Default::default(),
            token_value: Default::default(),
            token_base: Default::default(),
            token_first: Default::default(),
            token_count: Default::default(),
            token_lane: Default::default(),
            low_moves: Default::default(),
            low_valid: Default::default(),
            low_column: Default::default(),
            low_lane: Default::default(),
            low_value: Default::default(),
            low_base: Default::default(),
            low_first: Default::default(),
            low_count: Default::default(),
            low_sum: Default::default(),
            high_moves: Default::default(),
            high_valid: Default::default(),
            high_column: Default::default(),
            high_value: Default::default(),
            high_base: Default::default(),
            high_first: Default::default(),
            high_count: Default::default(),
            high_sum: Default::default(),
            stride: Default::default(),
            wide: Default::default(),
            maps: Default::default(),
            one_segment: Default::default(),
            no_taps: Default::default(),
            one_stride: Default::default(),
            places1: Default::default(),
            places2: Default::default(),
            places3: Default::default(),
            places4: Default::default(),
            places5: Default::default(),
            no_geometry: Default::default(),
            one_table: Default::default(),
            zero_lane: Default::default(),
            zero: Default::default(),
            one: Default::default(),
            one_address: Default::default(),
            lanes_per_group: Default::default(),
            zero_column: Default::default(),
            zero_mask: Default::default(),
            one_mask: Default::default(),
            zero_act: Default::default(),
            act_sign: Constant::new((1u64 << (B - 1)).into()),
            sign: Constant::new((1u64 << B).into()),
        }
    }
}

impl<
    const N: usize,
    const M: usize,
    const A: usize,
    const R: usize,
    const C: usize,
    const G: usize,
    const B: usize,
    const V: usize,
    const MAPS: usize,
> Logic for Scan<N, M, A, R, C, G, B, V, MAPS>
{
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            reading,
            address,
            group,
            x,
            y,
            x_at,
            y_at,
            group_column,
            read_valid,
            read_column,
            here_valid,
            here_column,
            here_x,
            here_y,
            here_mask,
            here_counts,
            mask,
            some,
            last,
            lanes_column,
            lanes_base,
            lanes_first,
            lanes_count,
            taps,
            all,
            single,
            token_valid,
            token_column,
            token_value,
            token_base,
            token_first,
            token_count,
            token_lane,
            low_valid,
            low_column,
            low_lane,
            low_value,
            low_base,
            low_first,
            low_count,
            high_valid,
            high_column,
            high_value,
            high_base,
            high_first,
            high_count
        );
        for i in 0..N {
            self.here[i].clock.next = self.clock.val();
            self.here[i].d.next = self.here[i].q.val();
            self.sampled[i].next = self.here[i].q.val();
            self.lanes[i].clock.next = self.clock.val();
            self.lanes[i].d.next = self.lanes[i].q.val();
        }

        // Lanes of the vector to come that hold something, and the lowest of those to be given. It is asked before the vector is at
        // hand: whether to read on hangs on the answer, and all banks on that.
        self.vector_mask.next = self.zero_mask.val();
        for i in 0..N {
            if self.vector[i].val() != self.zero_act.val() {
                self.vector_mask.next = self.vector_mask.val() | self.lane_bits[i].val();
            }
        }
        self.here_any.next = self.here_mask.q.val().any() & self.here_counts.q.val();
        self.complement.next = !self.mask.q.val();
        self.minus.next = self.complement.val() + self.one_mask.val();
        self.lowest.next = self.mask.q.val() & self.minus.val();
        self.rest.next = self.mask.q.val() & !self.lowest.val();
        // Whether one lane only will be left is known a cycle ahead.
        self.rest_less.next = self.rest.val() - self.one_mask.val();
        self.after_rest.next = self.rest.val() & self.rest_less.val();
        self.here_less.next = self.here_mask.q.val() - self.one_mask.val();
        self.after_here.next = self.here_mask.q.val() & self.here_less.val();
        self.picked.next = self.zero_act.val();
        self.picked_lane.next = self.zero_lane.val();
        for i in 0..N {
            if self.lowest.val().get_bit(i) {
                self.picked.next = self.picked.val() | self.lanes[i].q.val();
                self.picked_lane.next = self.picked_lane.val() | self.lane_numbers[i].val();
            }
        }

        self.picked_sign.next = self.picked.val() & self.act_sign.val();

        // Which stages move on, from the last to the first.
        self.high_moves.next = !self.high_valid.q.val() | self.ready.val();
        self.low_moves.next = !self.low_valid.q.val() | self.high_moves.val();
        self.token_moves.next = !self.token_valid.q.val() | self.ready.val();
        if self.maps.val().get_bit(0) {
            self.token_moves.next = !self.token_valid.q.val() | self.low_moves.val();
        }
        self.taps_less.next = self.taps.q.val() - self.one_segment.val();
        self.again.next = self.taps_less.val().any();
        self.lanes_move.next =
            !self.some.q.val() | (self.token_moves.val() & self.last.q.val() & !self.again.val());
        self.here_moves.next =
            !self.here_valid.q.val() | !self.here_any.val() | self.lanes_move.val();
        self.read_moves.next = !self.read_valid.q.val() | self.here_moves.val();

        if self.token_moves.val() {
            self.token_valid.d.next = self.some.q.val();
            self.token_column.d.next = self.lanes_column.q.val();
            if !self.maps.val().get_bit(0) {
                self.token_column.d.next =
                    self.lanes_column.q.val() + bit_cast::<C, 6>(self.picked_lane.val());
            }
            self.token_lane.d.next = self.picked_lane.val();
            self.wide.next = bit_cast::<V, B>(self.picked.val());
            if self.in_signed.val() & self.picked_sign.val().any() {
                self.wide.next = bit_cast::<V, B>(self.picked.val()) | self.sign.val();
            }
            self.token_value.d.next = self.wide.val();
            self.token_base.d.next = self.lanes_base.q.val();
            self.token_first.d.next = self.lanes_first.q.val();
            self.token_count.d.next = self.lanes_count.q.val();
            self.mask.d.next = self.rest.val();
            self.last.d.next = !self.after_rest.val().any();
            if self.last.q.val() {
                self.mask.d.next = self.all.q.val();
                self.last.d.next = self.single.q.val();
                self.taps.d.next = self.taps_less.val();
                self.lanes_column.d.next = self.lanes_column.q.val() + self.tap_columns.val();
                self.lanes_base.d.next = self.lanes_base.q.val() - self.row_step.val();
            }
        } else {
            self.wide.next = self.sign.val();
        }
        if self.lanes_move.val() {
            self.some.d.next = self.here_valid.q.val() & self.here_any.val();
            self.mask.d.next = self.here_mask.q.val();
            self.all.d.next = self.here_mask.q.val();
            self.last.d.next = !self.after_here.val().any();
            self.single.d.next = !self.after_here.val().any();
            self.taps.d.next = self.here_y.q.val().get_bits::<4>(28);
            self.lanes_column.d.next = self.here_column.q.val()
                + self.here_x.q.val().get_bits::<C>(12)
                + self.here_y.q.val().get_bits::<C>(12);
            self.lanes_base.d.next =
                self.here_x.q.val().get_bits::<R>(0) + self.here_y.q.val().get_bits::<R>(0);
            self.lanes_first.d.next = self.here_x.q.val().get_bits::<4>(24);
            self.lanes_count.d.next = self.here_x.q.val().get_bits::<4>(28);
            for i in 0..N {
                self.lanes[i].d.next = self.here[i].q.val();
            }
        }
        if self.here_moves.val() {
            self.here_valid.d.next = self.read_valid.q.val();
            self.here_column.d.next = self.read_column.q.val();
            self.here_x.d.next = self.no_geometry.val();
            self.here_y.d.next = self.no_geometry.val();
            if self.map.val() {
                self.here_x.d.next = self.x_word.val();
                self.here_y.d.next = self.y_word.val();
            }
            self.here_counts.d.next = true;
            if self.map.val() {
                self.here_counts.d.next = self.x_word.val().get_bits::<4>(28).any()
                    & self.y_word.val().get_bits::<4>(28).any();
            }
            self.here_mask.d.next = self.vector_mask.val();
            for i in 0..N {
                self.here[i].d.next = self.vector[i].val();
            }
        }

        // Column + lane x segments.
        self.stride.next = self.one_stride.val();
        if self.map.val() {
            self.stride.next = bit_cast::<C, 8>(self.segments.val());
        }
        self.low_sum.next = self.token_column.q.val();
        if self.token_lane.q.val().get_bit(0) {
            self.low_sum.next = self.low_sum.val() + self.stride.val();
        }
        if self.token_lane.q.val().get_bit(1) {
            self.low_sum.next = self.low_sum.val() + (self.stride.val() << self.places1.val());
        }
        if self.token_lane.q.val().get_bit(2) {
            self.low_sum.next = self.low_sum.val() + (self.stride.val() << self.places2.val());
        }
        if self.low_moves.val() {
            self.low_valid.d.next = self.token_valid.q.val();
            self.low_column.d.next = self.low_sum.val();
            self.low_lane.d.next = self.token_lane.q.val();
            self.low_value.d.next = self.token_value.q.val();
            self.low_base.d.next = self.token_base.q.val();
            self.low_first.d.next = self.token_first.q.val();
            self.low_count.d.next = self.token_count.q.val();
        }
        self.high_sum.next = self.low_column.q.val();
        if self.low_lane.q.val().get_bit(3) {
            self.high_sum.next = self.high_sum.val() + (self.stride.val() << self.places3.val());
        }
        if self.low_lane.q.val().get_bit(4) {
            self.high_sum.next = self.high_sum.val() + (self.stride.val() << self.places4.val());
        }
        if self.low_lane.q.val().get_bit(5) {
            self.high_sum.next = self.high_sum.val() + (self.stride.val() << self.places5.val());
        }
        if self.high_moves.val() {
            self.high_valid.d.next = self.low_valid.q.val();
            self.high_column.d.next = self.high_sum.val();
            self.high_value.d.next = self.low_value.q.val();
            self.high_base.d.next = self.low_base.q.val();
            self.high_first.d.next = self.low_first.q.val();
            self.high_count.d.next = self.low_count.q.val();
        }

        // The next vector: group, then column, then row.
        self.group_next.next = self.group.q.val() + self.one.val();
        self.x_next.next = self.x.q.val() + self.one.val();
        self.y_next.next = self.y.q.val() + self.one.val();
        self.read.next = self.reading.q.val() & self.read_moves.val();
        self.read_address.next = self.address.q.val();
        self.x_address.next = self.x_at.q.val();
        self.y_address.next = self.y_at.q.val();
        if self.read_moves.val() {
            self.read_valid.d.next = self.reading.q.val();
            self.read_column.d.next = self.group_column.q.val();
        }
        self.address_step.next = self.one_address.val();
        self.column_step.next = self.lanes_per_group.val();
        if self.map.val() {
            self.column_step.next = self.group_columns.val();
            if self.group_next.val() == self.groups.val() {
                self.address_step.next = self.in_step.val();
            }
        }
        if self.reading.q.val() & self.read_moves.val() {
            self.address.d.next = self.address.q.val() + self.address_step.val();
            self.group.d.next = self.group_next.val();
            self.group_column.d.next = self.group_column.q.val() + self.column_step.val();
            if self.group_next.val() == self.groups.val() {
                self.group.d.next = self.zero.val();
                self.group_column.d.next = self.col_base.val();
                self.x.d.next = self.x_next.val();
                self.x_at.d.next = self.x_at.q.val() + self.one_table.val();
                if self.x_next.val() == self.width.val() {
                    self.x.d.next = self.zero.val();
                    self.x_at.d.next = self.x_table.val();
                    self.y.d.next = self.y_next.val();
                    self.y_at.d.next = self.y_at.q.val() + self.one_table.val();
                    if self.y_next.val() == self.height.val() {
                        self.reading.d.next = false;
                    }
                }
                if !self.map.val() {
                    self.reading.d.next = false;
                }
            }
        }
        if self.start.val() {
            self.reading.d.next = self.groups.val().any()
                & (!self.map.val() | (self.width.val().any() & self.height.val().any()));
            self.address.d.next = self.in_base.val();
            self.group.d.next = self.zero.val();
            self.x.d.next = self.zero.val();
            self.y.d.next = self.zero.val();
            self.x_at.d.next = self.x_table.val();
            self.y_at.d.next = self.y_table.val();
            self.group_column.d.next = self.col_base.val();
        }
        if self.abort.val() {
            self.reading.d.next = false;
            self.read_valid.d.next = false;
            self.here_valid.d.next = false;
            self.some.d.next = false;
            self.token_valid.d.next = false;
            self.low_valid.d.next = false;
            self.high_valid.d.next = false;
        }

        self.valid.next = self.token_valid.q.val();
        self.column.next = self.token_column.q.val();
        self.value.next = self.token_value.q.val();
        self.base.next = self.token_base.q.val();
        self.first.next = self.no_taps.val();
        self.count.next = self.one_segment.val();
        self.busy.next = self.reading.q.val()
            | self.read_valid.q.val()
            | self.here_valid.q.val()
            | self.some.q.val()
            | self.token_valid.q.val();
        if self.maps.val().get_bit(0) {
            self.valid.next = self.high_valid.q.val();
            self.column.next = self.high_column.q.val();
            self.value.next = self.high_value.q.val();
            self.base.next = self.high_base.q.val();
            self.first.next = self.high_first.q.val();
            self.count.next = self.high_count.q.val();
            self.busy.next = self.reading.q.val()
                | self.read_valid.q.val()
                | self.here_valid.q.val()
                | self.some.q.val()
                | self.token_valid.q.val()
                | self.low_valid.q.val()
                | self.high_valid.q.val();
        }
    }
}
