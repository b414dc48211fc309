use crate::primitives::{Literal, LutRam};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Words of a completion's header.
const HEADER_WORDS: usize = 3;

/// Keeps the words of a completion and sends it to the PHY, with no gap that the PHY does not make.
///
/// The first word is offered two cycles after `send`, then one a cycle.
#[derive(LogicBlock, Default)]
pub struct Sender {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Keep a word.
    pub keep: Signal<In, Bit>,
    /// Its place among the words kept, and when sending, how many there are: at most 32.
    pub filled: Signal<In, Bits<6>>,
    /// The word.
    pub word: Signal<In, Bits<32>>,
    /// Send a completion; this and what follows holds until `sent`.
    pub send: Signal<In, Bit>,
    /// Without data: the request is unsupported.
    pub unsupported: Signal<In, Bit>,
    /// Of a read that asks for a lock.
    pub locked: Signal<In, Bit>,
    /// First word of the request's header.
    pub header: Signal<In, Bits<32>>,
    /// Who asked.
    pub requester: Signal<In, Bits<16>>,
    /// The request's number.
    pub tag: Signal<In, Bits<8>>,
    /// Who answers.
    pub completer: Signal<In, Bits<16>>,
    /// Bytes that are still to come; 0 for 4096.
    pub bytes: Signal<In, Bits<12>>,
    /// Low bits of the address of the first byte.
    pub lower: Signal<In, Bits<7>>,
    /// Its last word leaves the memory: it may be filled anew.
    pub sent: Signal<Out, Bit>,
    /// A word is offered.
    pub tx_valid: Signal<Out, Bit>,
    /// The PHY takes it in this cycle, if it is offered.
    pub tx_ready: Signal<In, Bit>,
    /// It is the first of a packet.
    pub tx_sop: Signal<Out, Bit>,
    /// It is the last of a packet.
    pub tx_eop: Signal<Out, Bit>,
    /// The word.
    pub tx_data: Signal<Out, Bits<32>>,
    words: LutRam<5, 32>,
    sending: DFF<Bit>,
    index: DFF<Bits<6>>,
    valid_q: DFF<Bit>,
    sop_q: DFF<Bit>,
    eop_q: DFF<Bit>,
    data_q: DFF<Bits<32>>,
    count: Signal<Local, Bits<6>>,
    index_next: Signal<Local, Bits<6>>,
    place: Signal<Local, Bits<6>>,
    first_word: Signal<Local, Bits<32>>,
    second_word: Signal<Local, Bits<32>>,
    third_word: Signal<Local, Bits<32>>,
    chosen: Signal<Local, Bits<32>>,
    moves: Signal<Local, Bit>,
    is_last: Signal<Local, Bit>,
    // Traffic class and attributes go back as they came.
    kept_bits: Literal<32, 0x0074_3000>,
    completion: Literal<32, { 0b01010 << 24 }>,
    lock: Literal<32, { 1 << 24 }>,
    with_data: Literal<32, { 0b010 << 29 }>,
    unsupported_status: Literal<32, { 0b001 << 13 }>,
    upper: Literal<32, 16>,
    eight: Literal<32, 8>,
    at_first: Literal<6, 0>,
    at_second: Literal<6, 1>,
    at_third: Literal<6, 2>,
    header_words: Literal<6, HEADER_WORDS>,
    one: Literal<6, 1>,
}

impl Logic for Sender {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, sending, index, valid_q, sop_q, eop_q, data_q);
        self.words.clock.next = self.clock.val();
        self.words.write_enable.next = self.keep.val();
        self.words.write_address.next = self.filled.val().get_bits::<5>(0);
        self.words.write_data.next = self.word.val();
        self.place.next = self.index.q.val() - self.header_words.val();
        self.words.read_address.next = self.place.val().get_bits::<5>(0);

        self.first_word.next = (self.header.val() & self.kept_bits.val()) | self.completion.val();
        if self.locked.val() {
            self.first_word.next = self.first_word.val() | self.lock.val();
        }
        self.second_word.next = (bit_cast::<32, 16>(self.completer.val()) << self.upper.val())
            | bit_cast::<32, 12>(self.bytes.val());
        self.count.next = self.header_words.val();
        if self.unsupported.val() {
            self.second_word.next = self.second_word.val() | self.unsupported_status.val();
        } else {
            self.first_word.next =
                self.first_word.val() | self.with_data.val() | bit_cast::<32, 6>(self.filled.val());
            self.count.next = self.header_words.val() + self.filled.val();
        }
        self.third_word.next = (bit_cast::<32, 16>(self.requester.val()) << self.upper.val())
            | (bit_cast::<32, 8>(self.tag.val()) << self.eight.val())
            | bit_cast::<32, 7>(self.lower.val());
        self.chosen.next = self.words.read_data.val();
        if self.index.q.val() == self.at_first.val() {
            self.chosen.next = self.first_word.val();
        }
        if self.index.q.val() == self.at_second.val() {
            self.chosen.next = self.second_word.val();
        }
        if self.index.q.val() == self.at_third.val() {
            self.chosen.next = self.third_word.val();
        }

        self.index_next.next = self.index.q.val() + self.one.val();
        self.is_last.next = self.index_next.val() == self.count.val();
        self.moves.next = !self.valid_q.q.val() | self.tx_ready.val();
        self.sent.next = false;
        if self.moves.val() {
            self.valid_q.d.next = self.sending.q.val();
            self.sop_q.d.next = self.index.q.val() == self.at_first.val();
            self.eop_q.d.next = self.is_last.val();
            self.data_q.d.next = self.chosen.val();
            if self.sending.q.val() {
                self.index.d.next = self.index_next.val();
                if self.is_last.val() {
                    self.sending.d.next = false;
                    self.sent.next = true;
                }
            }
        }
        if self.send.val() {
            self.sending.d.next = true;
            self.index.d.next = self.at_first.val();
        }
        self.tx_valid.next = self.valid_q.q.val();
        self.tx_sop.next = self.sop_q.q.val();
        self.tx_eop.next = self.eop_q.q.val();
        self.tx_data.next = self.data_q.q.val();
    }
}
