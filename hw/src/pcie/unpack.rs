use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Which part of a packet is at hand.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum UnpackState {
    /// None.
    Idle,
    /// Second word of the header.
    Second,
    /// Third.
    Third,
    /// Fourth, of a header with 64 address bits.
    Fourth,
    /// A request is offered, its payload follows.
    Offer,
    /// What is left of it is passed over.
    Skip,
}

/// Takes the headers of packets apart and offers them as requests, one at a time.
///
/// Only of sound packets. A request is offered 3 or 4 cycles after its packet shows, and a word of payload a cycle.
#[derive(LogicBlock, Default)]
pub struct Unpack {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// There is a packet.
    pub available: Signal<In, Bit>,
    /// Its next word, bit 32 of the first as in the intake.
    pub word: Signal<In, Bits<33>>,
    /// Goes to the word after it.
    pub pop: Signal<Out, Bit>,
    /// A request stands at the next outputs, until `done`.
    pub valid: Signal<Out, Bit>,
    /// It writes memory.
    pub is_write: Signal<Out, Bit>,
    /// It reads memory.
    pub is_read: Signal<Out, Bit>,
    /// Neither, or BAR0 does not answer for it, and nobody waits for an answer.
    pub is_posted: Signal<Out, Bit>,
    /// It is a read, even if BAR0 does not answer for it.
    pub is_counted: Signal<Out, Bit>,
    /// It is a read that asks for a lock.
    pub is_locked: Signal<Out, Bit>,
    /// First word of its header.
    pub header: Signal<Out, Bits<32>>,
    /// Who asks.
    pub requester: Signal<Out, Bits<16>>,
    /// Its number.
    pub tag: Signal<Out, Bits<8>>,
    /// Byte enables, those of the last word in the upper half.
    pub enables: Signal<Out, Bits<8>>,
    /// Word of the BAR that it begins at.
    pub address: Signal<Out, Bits<19>>,
    /// Next word of payload.
    pub payload: Signal<Out, Bits<32>>,
    /// Go to the word of payload after it.
    pub take: Signal<In, Bit>,
    /// The request is done, whatever is left of its payload.
    pub done: Signal<In, Bit>,
    state: DFF<UnpackState>,
    header_q: DFF<Bits<32>>,
    hit: DFF<Bit>,
    requester_q: DFF<Bits<16>>,
    tag_q: DFF<Bits<8>>,
    enables_q: DFF<Bits<8>>,
    address_q: DFF<Bits<19>>,
    left: DFF<Bits<8>>,
    left_before: Signal<Local, Bits<8>>,
    kind: Signal<Local, Bits<5>>,
    memory: Signal<Local, Bit>,
    data: Signal<Local, Bit>,
    pops: Signal<Local, Bit>,
    no_words: Literal<8, 0>,
    one_word: Literal<8, 1>,
    memory_kind: Literal<5, 0>,
    locked_kind: Literal<5, 1>,
}

impl Logic for Unpack {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            state,
            header_q,
            hit,
            requester_q,
            tag_q,
            enables_q,
            address_q,
            left
        );
        self.kind.next = self.header_q.q.val().get_bits::<5>(24);
        self.data.next = self.header_q.q.val().get_bit(30);
        self.memory.next = self.kind.val() == self.memory_kind.val();
        self.is_write.next = self.memory.val() & self.data.val() & self.hit.q.val();
        self.is_read.next = self.memory.val() & !self.data.val() & self.hit.q.val();
        self.is_posted.next = self.memory.val() & self.data.val();
        self.is_counted.next =
            !self.data.val() & (self.memory.val() | (self.kind.val() == self.locked_kind.val()));
        self.is_locked.next = self.kind.val() == self.locked_kind.val();
        self.header.next = self.header_q.q.val();
        self.requester.next = self.requester_q.q.val();
        self.tag.next = self.tag_q.q.val();
        self.enables.next = self.enables_q.q.val();
        self.address.next = self.address_q.q.val();
        self.payload.next = self.word.val().get_bits::<32>(0);
        self.valid.next = self.state.q.val() == UnpackState::Offer;
        self.pops.next = false;

        // Payload and digest.
        self.left_before.next = self.no_words.val();
        if self.word.val().get_bit(15) {
            self.left_before.next = self.one_word.val();
        }
        if self.word.val().get_bit(30) {
            self.left_before.next =
                self.left_before.val() + bit_cast::<8, 7>(self.word.val().get_bits::<7>(0));
        }
        if (self.state.q.val() == UnpackState::Idle) & self.available.val() {
            self.header_q.d.next = self.word.val().get_bits::<32>(0);
            self.hit.d.next = self.word.val().get_bit(32);
            self.left.d.next = self.left_before.val();
            self.pops.next = true;
            self.state.d.next = UnpackState::Second;
        }
        if self.state.q.val() == UnpackState::Second {
            self.requester_q.d.next = self.word.val().get_bits::<16>(16);
            self.tag_q.d.next = self.word.val().get_bits::<8>(8);
            self.enables_q.d.next = self.word.val().get_bits::<8>(0);
            self.pops.next = true;
            self.state.d.next = UnpackState::Third;
        }
        if self.state.q.val() == UnpackState::Third {
            self.address_q.d.next = self.word.val().get_bits::<19>(2);
            self.pops.next = true;
            self.state.d.next = UnpackState::Offer;
            if self.header_q.q.val().get_bit(29) {
                self.state.d.next = UnpackState::Fourth;
            }
        }
        if self.state.q.val() == UnpackState::Fourth {
            self.address_q.d.next = self.word.val().get_bits::<19>(2);
            self.pops.next = true;
            self.state.d.next = UnpackState::Offer;
        }
        if self.state.q.val() == UnpackState::Offer {
            if self.take.val() {
                self.pops.next = true;
                self.left.d.next = self.left.q.val() - self.one_word.val();
            }
            if self.done.val() {
                self.state.d.next = UnpackState::Skip;
            }
        }
        if self.state.q.val() == UnpackState::Skip {
            if self.left.q.val() == self.no_words.val() {
                self.state.d.next = UnpackState::Idle;
            } else {
                self.pops.next = true;
                self.left.d.next = self.left.q.val() - self.one_word.val();
            }
        }
        self.pop.next = self.pops.val();
    }
}
