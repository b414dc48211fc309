use super::Check;
use crate::primitives::{BlockRam, Literal};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;
use thresh_regs::pcie::MAX_PAYLOAD_WORDS;

/// Words of the longest packet that is kept: four of header, payload, digest.
const MAX_WORDS: usize = 4 + MAX_PAYLOAD_WORDS + 1;

/// Takes packets from the PHY and keeps the sound ones, whole, until they are read: `2^A` words.
///
/// A packet shows at the reader two cycles after its last word, and never in part. Takes a word a cycle, and pauses one cycle
/// after each packet. A packet that begins before the one before it has ended drops that one.
#[derive(LogicBlock, Default)]
pub struct Intake<const A: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// A word is offered.
    pub rx_valid: Signal<In, Bit>,
    /// It is taken in this cycle, if it is offered.
    pub rx_ready: Signal<Out, Bit>,
    /// It is the first of a packet.
    pub rx_sop: Signal<In, Bit>,
    /// It is the last of a packet.
    pub rx_eop: Signal<In, Bit>,
    /// With the first word: the packet is a request that BAR0 answers for.
    pub rx_hit: Signal<In, Bit>,
    /// The word.
    pub rx_data: Signal<In, Bits<32>>,
    /// There is a packet.
    pub available: Signal<Out, Bit>,
    /// Its next word; in bit 32 of the first, whether BAR0 answers for it.
    pub word: Signal<Out, Bits<33>>,
    /// Go to the word after it. Never more than a packet has.
    pub pop: Signal<In, Bit>,
    /// A malformed packet was dropped.
    pub malformed: Signal<Out, Bit>,
    /// A message or completion was dropped.
    pub ignored: Signal<Out, Bit>,
    /// A poisoned packet was dropped.
    pub poisoned: Signal<Out, Bit>,
    store: BlockRam<A, 33>,
    check: Check,
    head: DFF<Bits<A>>,
    tail: DFF<Bits<A>>,
    place: DFF<Bits<A>>,
    words: DFF<Bits<8>>,
    active: DFF<Bit>,
    judging: DFF<Bit>,
    header: DFF<Bits<32>>,
    enables: DFF<Bits<8>>,
    page_word: DFF<Bits<10>>,
    head_next: Signal<Local, Bits<A>>,
    place_next: Signal<Local, Bits<A>>,
    place_now: Signal<Local, Bits<A>>,
    words_now: Signal<Local, Bits<8>>,
    words_next: Signal<Local, Bits<8>>,
    ready: Signal<Local, Bit>,
    taken: Signal<Local, Bit>,
    in_packet: Signal<Local, Bit>,
    bad: Signal<Local, Bit>,
    one: Literal<A, 1>,
    hit: Literal<33, { 1 << 32 }>,
    no_word: Literal<8, 0>,
    first: Literal<8, 1>,
    second: Literal<8, 2>,
    third: Literal<8, 3>,
    one_word: Literal<8, 1>,
    max_words: Literal<8, MAX_WORDS>,
    many: Literal<8, 255>,
}

impl<const A: usize> Logic for Intake<A> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self, clock, head, tail, place, words, active, judging, header, enables, page_word
        );
        self.store.clock.next = self.clock.val();

        // The reader's side.
        self.head_next.next = self.head.q.val();
        if self.pop.val() {
            self.head_next.next = self.head.q.val() + self.one.val();
        }
        self.head.d.next = self.head_next.val();
        self.store.read_address.next = self.head_next.val();
        self.store.read_enable.next = true;
        self.word.next = self.store.read_data.val();
        self.available.next = self.head.q.val() != self.tail.q.val();

        // The PHY's side.
        self.place_next.next = self.place.q.val() + self.one.val();
        self.ready.next = !self.judging.q.val() & (self.place_next.val() != self.head.q.val());
        self.rx_ready.next = self.ready.val();
        self.taken.next = self.ready.val() & self.rx_valid.val();
        self.in_packet.next = self.active.q.val() | self.rx_sop.val();
        self.place_now.next = self.place.q.val();
        self.words_now.next = self.words.q.val();
        if self.rx_sop.val() {
            self.place_now.next = self.tail.q.val();
            self.words_now.next = self.no_word.val();
        }
        self.words_next.next = self.words_now.val();
        if self.words_now.val() != self.many.val() {
            self.words_next.next = self.words_now.val() + self.one_word.val();
        }
        self.store.write_address.next = self.place_now.val();
        self.store.write_data.next = bit_cast::<33, 32>(self.rx_data.val());
        if self.rx_sop.val() & self.rx_hit.val() {
            self.store.write_data.next = bit_cast::<33, 32>(self.rx_data.val()) | self.hit.val();
        }
        self.store.write_enable.next =
            self.taken.val() & self.in_packet.val() & (self.words_now.val() < self.max_words.val());
        self.malformed.next = false;
        self.ignored.next = false;
        self.poisoned.next = false;
        if self.taken.val() {
            self.active.d.next = self.in_packet.val() & !self.rx_eop.val();
            self.judging.d.next = self.in_packet.val() & self.rx_eop.val();
            self.words.d.next = self.words_next.val();
            if self.in_packet.val() & (self.words_now.val() < self.max_words.val()) {
                self.place.d.next = self.place_now.val() + self.one.val();
            }
            if self.rx_sop.val() {
                self.header.d.next = self.rx_data.val();
            }
            if self.words_now.val() == self.first.val() {
                self.enables.d.next = self.rx_data.val().get_bits::<8>(0);
            }
            if (self.words_now.val() == self.second.val())
                | ((self.words_now.val() == self.third.val()) & self.header.q.val().get_bit(29))
            {
                self.page_word.d.next = self.rx_data.val().get_bits::<10>(2);
            }
            self.malformed.next = (self.rx_sop.val() & self.active.q.val())
                | (self.rx_eop.val() & !self.in_packet.val());
        }

        // A cycle after the last word.
        self.check.header.next = self.header.q.val();
        self.check.words.next = self.words.q.val();
        self.check.enables.next = self.enables.q.val();
        self.check.page_word.next = self.page_word.q.val();
        self.bad.next =
            self.check.malformed.val() | self.check.ignored.val() | self.check.poisoned.val();
        if self.judging.q.val() {
            self.judging.d.next = false;
            self.malformed.next = self.check.malformed.val();
            self.ignored.next = self.check.ignored.val();
            self.poisoned.next = self.check.poisoned.val();
            if self.bad.val() {
                self.place.d.next = self.tail.q.val();
            } else {
                self.tail.d.next = self.place.q.val();
            }
        }
    }
}
