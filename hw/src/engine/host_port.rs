use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Host access to the activation banks: 32-bit words of four activations.
///
/// Activation `i` lies in bank `i mod N` at address `i / N`. With four PEs or more a word lies at
/// one address of four neighbouring banks; with fewer it takes `4 / N` addresses, one a cycle. A
/// write ends after `PARTS` cycles, a read after `PARTS + 2`.
///
/// `N` PEs, `A` activation address bits, `PARTS = max(1, 4 / N)`, `LEFT = log2(PARTS)`,
/// `RIGHT = log2(max(1, N / 4))`, `PART_BITS = 8 N` when `N < 4` (else 0).
#[derive(LogicBlock)]
pub struct HostPort<
    const N: usize,
    const A: usize,
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
    pub bank_data: [Signal<In, Bits<8>>; N],
    /// Bank address to write.
    pub bank_write_address: Signal<Out, Bits<A>>,
    /// Write, a bit a bank.
    pub bank_write: [Signal<Out, Bit>; N],
    /// New values.
    pub bank_write_data: [Signal<Out, Bits<8>>; N],
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
    bytes: [Signal<Local, Bits<8>>; 4],
    out_bytes: [Signal<Local, Bits<8>>; 4],
    joined: Signal<Local, Bits<32>>,
    last_part: Signal<Local, Bit>,
    groups: [Constant<Bits<16>>; N],
    left: Literal<16, LEFT>,
    right: Literal<16, RIGHT>,
    parts: Literal<3, PARTS>,
    no_part: Literal<3, 0>,
    one_part: Literal<3, 1>,
    part_bits: Literal<6, PART_BITS>,
    no_places: Literal<6, 0>,
    zero: Literal<32, 0>,
    zero_byte: Literal<8, 0>,
    byte1: Literal<32, 8>,
    byte2: Literal<32, 16>,
    byte3: Literal<32, 24>,
}

impl<
    const N: usize,
    const A: usize,
    const PARTS: usize,
    const LEFT: usize,
    const RIGHT: usize,
    const PART_BITS: usize,
> Default for HostPort<N, A, PARTS, LEFT, RIGHT, PART_BITS>
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
            bytes: std::array::from_fn(|_| Default::default()),
            out_bytes: std::array::from_fn(|_| Default::default()),
            joined: Default::default(),
            last_part: Default::default(),
            groups: std::array::from_fn(|i| Constant::new((i as u64 / 4).into())),
            left: Default::default(),
            right: Default::default(),
            parts: Default::default(),
            no_part: Default::default(),
            one_part: Default::default(),
            part_bits: Default::default(),
            no_places: Default::default(),
            zero: Default::default(),
            zero_byte: Default::default(),
            byte1: Default::default(),
            byte2: Default::default(),
            byte3: Default::default(),
        }
    }
}

impl<
    const N: usize,
    const A: usize,
    const PARTS: usize,
    const LEFT: usize,
    const RIGHT: usize,
    const PART_BITS: usize,
> Logic for HostPort<N, A, PARTS, LEFT, RIGHT, PART_BITS>
{
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self, clock, writing, reading, part, taken, taken_part, taken_last, shown, shown_part,
            shown_last, result, finished
        );

        // Address and group of four banks of the part at hand.
        self.upper.next = self.word.val() >> self.right.val();
        self.group_start.next = self.upper.val() << self.right.val();
        self.group.next = self.word.val() - self.group_start.val();
        self.address.next =
            (self.upper.val() << self.left.val()) | bit_cast::<16, 3>(self.part.q.val());
        self.part_next.next = self.part.q.val() + self.one_part.val();
        self.last_part.next = self.part_next.val() == self.parts.val();
        self.bank_address.next = self.address.val().get_bits::<A>(0);
        self.bank_write_address.next = self.address.val().get_bits::<A>(0);

        // Write: the part's bytes come down to the lowest places.
        self.places.next = self.no_places.val();
        if self.part.q.val().get_bit(0) {
            self.places.next = self.places.val() + self.part_bits.val();
        }
        if self.part.q.val().get_bit(1) {
            self.places.next = self.places.val() + (self.part_bits.val() << self.one_part.val());
        }
        self.moved.next = self.write_data.val() >> self.places.val();
        self.bytes[0].next = self.moved.val().get_bits::<8>(0);
        self.bytes[1].next = self.moved.val().get_bits::<8>(8);
        self.bytes[2].next = self.moved.val().get_bits::<8>(16);
        self.bytes[3].next = self.moved.val().get_bits::<8>(24);
        for i in 0..N {
            self.bank_write_data[i].next = self.bytes[i % 4].val();
            self.bank_write[i].next =
                self.writing.q.val() & (self.group.val() == self.groups[i].val());
        }

        // Read: the bytes of the banks, two cycles after their address, go up to the part's place.
        self.bank_read.next = self.reading.q.val();
        self.taken.d.next = self.reading.q.val();
        self.taken_part.d.next = self.part.q.val();
        self.taken_last.d.next = self.reading.q.val() & self.last_part.val();
        self.shown.d.next = self.taken.q.val();
        self.shown_part.d.next = self.taken_part.q.val();
        self.shown_last.d.next = self.taken_last.q.val();
        for i in 0..4 {
            self.out_bytes[i].next = self.zero_byte.val();
        }
        for i in 0..N {
            if self.group.val() == self.groups[i].val() {
                self.out_bytes[i % 4].next = self.bank_data[i].val();
            }
        }
        self.joined.next = bit_cast::<32, 8>(self.out_bytes[0].val())
            | (bit_cast::<32, 8>(self.out_bytes[1].val()) << self.byte1.val())
            | (bit_cast::<32, 8>(self.out_bytes[2].val()) << self.byte2.val())
            | (bit_cast::<32, 8>(self.out_bytes[3].val()) << self.byte3.val());
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
