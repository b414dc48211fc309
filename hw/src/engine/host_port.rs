use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Host access to the activation banks: 32-bit words of `L = 32 / B` activations.
///
/// Activation `i` lies in bank `i mod N` at address `i / N`. With `L` PEs or more a word lies at
/// one address of `L` neighbouring banks; with fewer it takes `L / N` addresses, one a cycle. A
/// write ends after `PARTS` cycles, a read after `PARTS + 2`.
///
/// `N` PEs, `A` activation address bits, `B` bits of an activation, `PARTS = max(1, L / N)`,
/// `LEFT = log2(PARTS)`, `RIGHT = log2(max(1, N / L))`, `PART_BITS = B N` when `N < L` (else 0).
#[derive(LogicBlock)]
pub struct HostPort<
    const N: usize,
    const A: usize,
    const B: usize,
    const PARTS: usize,
    const LEFT: usize,
    const RIGHT: usize,
    const PART_BITS: usize,
> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Begin a write; the next inputs must hold until `done`.
    pub write: Signal<In, Bit>,
    /// Begin a read; `word` must hold until `done`.
    pub read: Signal<In, Bit>,
    /// Index of the word.
    pub word: Signal<In, Bits<16>>,
    /// Value to write.
    pub write_data: Signal<In, Bits<32>>,
    /// The access ends in this cycle.
    pub done: Signal<Out, Bit>,
    /// Value read, when `done`.
    pub read_data: Signal<Out, Bits<32>>,
    /// Bank address to read.
    pub bank_address: Signal<Out, Bits<A>>,
    /// Read the banks.
    pub bank_read: Signal<Out, Bit>,
    /// Their words behind a register, two cycles later.
    pub bank_data: [Signal<In, Bits<B>>; N],
    /// Bank address to write.
    pub bank_write_address: Signal<Out, Bits<A>>,
    /// Write, a bit a bank.
    pub bank_write: [Signal<Out, Bit>; N],
    /// New values.
    pub bank_write_data: [Signal<Out, Bits<B>>; N],
    writing: DFF<Bit>,
    reading: DFF<Bit>,
    part: DFF<Bits<3>>,
    part_next: Signal<Local, Bits<3>>,
    taken: DFF<Bit>,
    taken_part: DFF<Bits<3>>,
    taken_last: DFF<Bit>,
    shown: DFF<Bit>,
    shown_part: DFF<Bits<3>>,
    shown_last: DFF<Bit>,
    result: DFF<Bits<32>>,
    finished: DFF<Bit>,
    address: Signal<Local, Bits<16>>,
    group: Signal<Local, Bits<16>>,
    group_start: Signal<Local, Bits<16>>,
    upper: Signal<Local, Bits<16>>,
    places: Signal<Local, Bits<6>>,
    read_places: Signal<Local, Bits<6>>,
    moved: Signal<Local, Bits<32>>,
    lanes: [Signal<Local, Bits<32>>; N],
    lane_act: Signal<Local, Bits<B>>,
    joined: Signal<Local, Bits<32>>,
    last_part: Signal<Local, Bit>,
    // Group of a bank, and where its activation begins in a word.
    groups: [Constant<Bits<16>>; N],
    lane_places: [Constant<Bits<32>>; N],
    left: Literal<16, LEFT>,
    right: Literal<16, RIGHT>,
    parts: Literal<3, PARTS>,
    no_part: Literal<3, 0>,
    one_part: Literal<3, 1>,
    part_bits: Literal<6, PART_BITS>,
    no_places: Literal<6, 0>,
    zero: Literal<32, 0>,
}

impl<
    const N: usize,
    const A: usize,
    const B: usize,
    const PARTS: usize,
    const LEFT: usize,
    const RIGHT: usize,
    const PART_BITS: usize,
> Default for HostPort<N, A, B, PARTS, LEFT, RIGHT, PART_BITS>
{
    fn default() -> Self {
        Self {
            clock: Default::default(),
            write: Default::default(),
            read: Default::default(),
            word: Default::default(),
            write_data: Default::default(),
            done: Default::default(),
            read_data: Default::default(),
            bank_address: Default::default(),
            bank_read: Default::default(),
            bank_data: std::array::from_fn(|_| Default::default()),
            bank_write_address: Default::default(),
            bank_write: std::array::from_fn(|_| Default::default()),
            bank_write_data: std::array::from_fn(|_| Default::default()),
            writing: Default::default(),
            reading: Default::default(),
            part: Default::default(),
            part_next: Default::default(),
            taken: Default::default(),
            taken_part: Default::default(),
            taken_last: Default::default(),
            shown: Default::default(),
            shown_part: Default::default(),
            shown_last: Default::default(),
            result: Default::default(),
            finished: Default::default(),
            address: Default::default(),
            group: Default::default(),
            group_start: Default::default(),
            upper: Default::default(),
            places: Default::default(),
            read_places: Default::default(),
            moved: Default::default(),
            lanes: std::array::from_fn(|_| Default::default()),
            lane_act: Default::default(),
            joined: Default::default(),
            last_part: Default::default(),
            groups: std::array::from_fn(|i| Constant::new(((i * B / 32) as u64).into())),
            lane_places: std::array::from_fn(|i| Constant::new(((i * B % 32) as u64).into())),
            left: Default::default(),
            right: Default::default(),
            parts: Default::default(),
            no_part: Default::default(),
            one_part: Default::default(),
            part_bits: Default::default(),
            no_places: Default::default(),
            zero: Default::default(),
        }
    }
}

impl<
    const N: usize,
    const A: usize,
    const B: usize,
    const PARTS: usize,
    const LEFT: usize,
    const RIGHT: usize,
    const PART_BITS: usize,
> Logic for HostPort<N, A, B, PARTS, LEFT, RIGHT, PART_BITS>
{
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self, clock, writing, reading, part, taken, taken_part, taken_last, shown, shown_part,
            shown_last, result, finished
        );

        // Address and group of neighbouring banks of the part at hand.
        self.upper.next = self.word.val() >> self.right.val();
        self.group_start.next = self.upper.val() << self.right.val();
        self.group.next = self.word.val() - self.group_start.val();
        self.address.next =
            (self.upper.val() << self.left.val()) | bit_cast::<16, 3>(self.part.q.val());
        self.part_next.next = self.part.q.val() + self.one_part.val();
        self.last_part.next = self.part_next.val() == self.parts.val();
        self.bank_address.next = self.address.val().get_bits::<A>(0);
        self.bank_write_address.next = self.address.val().get_bits::<A>(0);

        // Write: the part comes down to the lowest places.
        self.places.next = self.no_places.val();
        if self.part.q.val().get_bit(0) {
            self.places.next = self.places.val() + self.part_bits.val();
        }
        if self.part.q.val().get_bit(1) {
            self.places.next = self.places.val() + (self.part_bits.val() << self.one_part.val());
        }
        self.moved.next = self.write_data.val() >> self.places.val();
        for i in 0..N {
            self.lanes[i].next = self.moved.val() >> self.lane_places[i].val();
            self.bank_write_data[i].next = self.lanes[i].val().get_bits::<B>(0);
            self.bank_write[i].next =
                self.writing.q.val() & (self.group.val() == self.groups[i].val());
        }

        // Read: what the banks give, two cycles after their address, goes up to the part's place.
        self.bank_read.next = self.reading.q.val();
        self.taken.d.next = self.reading.q.val();
        self.taken_part.d.next = self.part.q.val();
        self.taken_last.d.next = self.reading.q.val() & self.last_part.val();
        self.shown.d.next = self.taken.q.val();
        self.shown_part.d.next = self.taken_part.q.val();
        self.shown_last.d.next = self.taken_last.q.val();
        self.joined.next = self.zero.val();
        for i in 0..N {
            // A cast cannot name an element of an array.
            self.lane_act.next = self.bank_data[i].val();
            if self.group.val() == self.groups[i].val() {
                self.joined.next = self.joined.val()
                    | (bit_cast::<32, B>(self.lane_act.val()) << self.lane_places[i].val());
            }
        }
        self.read_places.next = self.no_places.val();
        if self.shown_part.q.val().get_bit(0) {
            self.read_places.next = self.read_places.val() + self.part_bits.val();
        }
        if self.shown_part.q.val().get_bit(1) {
            self.read_places.next =
                self.read_places.val() + (self.part_bits.val() << self.one_part.val());
        }
        if self.shown.q.val() {
            self.result.d.next =
                self.result.q.val() | (self.joined.val() << self.read_places.val());
        }

        self.finished.d.next = self.shown_last.q.val();
        if self.writing.q.val() | self.reading.q.val() {
            self.part.d.next = self.part_next.val();
            if self.last_part.val() {
                self.writing.d.next = false;
                self.reading.d.next = false;
            }
        }
        if self.write.val() {
            self.writing.d.next = true;
            self.part.d.next = self.no_part.val();
        }
        if self.read.val() {
            self.reading.d.next = true;
            self.part.d.next = self.no_part.val();
            self.result.d.next = self.zero.val();
        }
        self.done.next = (self.writing.q.val() & self.last_part.val()) | self.finished.q.val();
        self.read_data.next = self.result.q.val();
    }
}
