use super::Span;
use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// What the bridge does.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum BridgeState {
    /// Waits for a request.
    Idle,
    /// Decides about a word.
    Word,
    /// Waits until it is read or written.
    Access,
    /// Has a completion sent.
    Send,
    /// Waits until it is.
    Sending,
    /// Lets go of the request.
    Done,
}

/// Does what requests ask, one after the other and in order, a word at a time.
///
/// Writes need whole words: a word of which only some bytes are enabled is left out and counted, one of which none are is
/// left out. Reads read whole words, but a read of nothing reads none; completions hold 32 words at most and end at
/// multiples of 128 bytes. A word takes the cycles of the bus and two more.
#[derive(LogicBlock, Default)]
pub struct Bridge {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// A request stands at the next inputs, until `done`.
    pub valid: Signal<In, Bit>,
    /// It writes memory.
    pub is_write: Signal<In, Bit>,
    /// It reads memory.
    pub is_read: Signal<In, Bit>,
    /// If neither: nobody waits for an answer.
    pub is_posted: Signal<In, Bit>,
    /// If neither: it is a read all the same, whose byte count the answer tells.
    pub is_counted: Signal<In, Bit>,
    /// Words, 0 for 1024.
    pub length: Signal<In, Bits<10>>,
    /// Byte enables, those of the last word in the upper half.
    pub enables: Signal<In, Bits<8>>,
    /// Word of the BAR that it begins at.
    pub address: Signal<In, Bits<19>>,
    /// Next word of payload.
    pub payload: Signal<In, Bits<32>>,
    /// Goes to the word of payload after it.
    pub take: Signal<Out, Bit>,
    /// The request is done.
    pub done: Signal<Out, Bit>,
    /// An access is asked for; the next three hold until `ack`.
    pub strobe: Signal<Out, Bit>,
    /// It is a write.
    pub write_enable: Signal<Out, Bit>,
    /// Word of the BAR.
    pub bus_address: Signal<Out, Bits<19>>,
    /// Value to write.
    pub write_data: Signal<Out, Bits<32>>,
    /// The access ends in this cycle.
    pub ack: Signal<In, Bit>,
    /// A word read is kept for the next completion, at `filled`; its value stands at the bus.
    pub keep: Signal<Out, Bit>,
    /// Words kept.
    pub filled: Signal<Out, Bits<6>>,
    /// Send a completion; what is said of it holds until `sent`.
    pub send: Signal<Out, Bit>,
    /// It has no data: the request is unsupported.
    pub send_unsupported: Signal<Out, Bit>,
    /// Bytes that are still to come, its own among them; 0 for 4096.
    pub send_bytes: Signal<Out, Bits<12>>,
    /// Low bits of the address of its first byte.
    pub send_lower: Signal<Out, Bits<7>>,
    /// It is on its way.
    pub sent: Signal<In, Bit>,
    /// A read was answered.
    pub did_read: Signal<Out, Bit>,
    /// A write was done.
    pub did_write: Signal<Out, Bit>,
    /// A request was not supported.
    pub unsupported: Signal<Out, Bit>,
    /// A word of a write was left out.
    pub partial: Signal<Out, Bit>,
    span: Span,
    state: DFF<BridgeState>,
    left: DFF<Bits<11>>,
    at: DFF<Bits<19>>,
    is_first: DFF<Bit>,
    filled_q: DFF<Bits<6>>,
    bytes: DFF<Bits<13>>,
    lead: DFF<Bits<2>>,
    lower: DFF<Bits<7>>,
    refusing: DFF<Bit>,
    full_length: Signal<Local, Bits<11>>,
    word_enables: Signal<Local, Bits<4>>,
    is_last: Signal<Local, Bit>,
    ends: Signal<Local, Bit>,
    step: Signal<Local, Bit>,
    kept: Signal<Local, Bit>,
    none: Signal<Local, Bit>,
    whole: Signal<Local, Bit>,
    start: Signal<Local, Bits<5>>,
    begin_lower: Signal<Local, Bits<7>>,
    sent_bytes: Signal<Local, Bits<13>>,
    no_length: Literal<10, 0>,
    max_length: Literal<11, 1024>,
    one_left: Literal<11, 1>,
    none_left: Literal<11, 0>,
    one_word: Literal<19, 1>,
    last_of_line: Literal<5, 31>,
    no_words: Literal<6, 0>,
    one_kept: Literal<6, 1>,
    all_bytes: Literal<4, 15>,
    no_bytes: Literal<4, 0>,
    two_bits: Literal<7, 2>,
    two_places: Literal<13, 2>,
    no_lead: Literal<2, 0>,
    no_lower: Literal<7, 0>,
    four_bytes: Literal<13, 4>,
}

impl Logic for Bridge {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self, clock, state, left, at, is_first, filled_q, bytes, lead, lower, refusing
        );
        self.full_length.next = bit_cast::<11, 10>(self.length.val());
        if self.length.val() == self.no_length.val() {
            self.full_length.next = self.max_length.val();
        }
        self.span.length.next = self.full_length.val();
        self.span.enables.next = self.enables.val();

        // The word at hand.
        self.is_last.next = self.left.q.val() == self.one_left.val();
        self.word_enables.next = self.all_bytes.val();
        if self.is_last.val() {
            self.word_enables.next = self.enables.val().get_bits::<4>(4);
        }
        if self.is_first.q.val() {
            self.word_enables.next = self.enables.val().get_bits::<4>(0);
        }
        self.whole.next = self.word_enables.val() == self.all_bytes.val();
        self.none.next = self.word_enables.val() == self.no_bytes.val();
        self.start.next = self.at.q.val().get_bits::<5>(0);
        self.ends.next = self.is_last.val() | (self.start.val() == self.last_of_line.val());
        self.begin_lower.next =
            bit_cast::<7, 5>(self.address.val().get_bits::<5>(0)) << self.two_bits.val();
        self.sent_bytes.next = (bit_cast::<13, 6>(self.filled_q.q.val()) << self.two_places.val())
            - bit_cast::<13, 2>(self.lead.q.val());

        self.step.next = false;
        self.kept.next = false;
        self.take.next = false;
        self.done.next = false;
        self.send.next = false;
        self.did_read.next = false;
        self.did_write.next = false;
        self.unsupported.next = false;
        self.partial.next = false;

        if (self.state.q.val() == BridgeState::Idle) & self.valid.val() {
            self.left.d.next = self.full_length.val();
            self.at.d.next = self.address.val();
            self.is_first.d.next = true;
            self.filled_q.d.next = self.no_words.val();
            self.bytes.d.next = self.span.bytes.val();
            self.lead.d.next = self.span.lead.val();
            self.lower.d.next = self.begin_lower.val() | bit_cast::<7, 2>(self.span.lead.val());
            self.refusing.d.next = false;
            self.state.d.next = BridgeState::Word;
            if !self.is_write.val() & !self.is_read.val() {
                self.unsupported.next = true;
                self.refusing.d.next = true;
                self.state.d.next = BridgeState::Send;
                if self.is_posted.val() {
                    self.state.d.next = BridgeState::Done;
                }
                if !self.is_counted.val() {
                    self.bytes.d.next = self.four_bytes.val();
                    self.lower.d.next = self.no_lower.val();
                }
            }
        }
        if self.state.q.val() == BridgeState::Word {
            self.state.d.next = BridgeState::Access;
            if self.is_write.val() & !self.whole.val() {
                self.partial.next = !self.none.val();
                self.step.next = true;
            }
            // A read of nothing gets a word that means nothing.
            if self.is_read.val() & self.none.val() & self.is_first.q.val() & self.is_last.val() {
                self.kept.next = true;
                self.step.next = true;
            }
        }
        if (self.state.q.val() == BridgeState::Access) & self.ack.val() {
            self.kept.next = self.is_read.val();
            self.step.next = true;
        }
        if self.step.val() {
            self.left.d.next = self.left.q.val() - self.one_left.val();
            self.at.d.next = self.at.q.val() + self.one_word.val();
            self.is_first.d.next = false;
            self.state.d.next = BridgeState::Word;
            if self.is_write.val() {
                self.take.next = true;
                if self.is_last.val() {
                    self.state.d.next = BridgeState::Done;
                }
            } else {
                self.filled_q.d.next = self.filled_q.q.val() + self.one_kept.val();
                if self.ends.val() {
                    self.state.d.next = BridgeState::Send;
                }
            }
        }
        if self.state.q.val() == BridgeState::Send {
            self.send.next = true;
            self.state.d.next = BridgeState::Sending;
        }
        if (self.state.q.val() == BridgeState::Sending) & self.sent.val() {
            self.bytes.d.next = self.bytes.q.val() - self.sent_bytes.val();
            self.lead.d.next = self.no_lead.val();
            self.lower.d.next = self.no_lower.val();
            self.filled_q.d.next = self.no_words.val();
            self.state.d.next = BridgeState::Word;
            if (self.left.q.val() == self.none_left.val()) | self.refusing.q.val() {
                self.state.d.next = BridgeState::Done;
            }
        }
        if self.state.q.val() == BridgeState::Done {
            self.done.next = true;
            self.did_read.next = self.is_read.val();
            self.did_write.next = self.is_write.val();
            self.state.d.next = BridgeState::Idle;
        }

        self.strobe.next = self.state.q.val() == BridgeState::Access;
        self.write_enable.next = self.is_write.val();
        self.bus_address.next = self.at.q.val();
        self.write_data.next = self.payload.val();
        self.keep.next = self.kept.val();
        self.filled.next = self.filled_q.q.val();
        self.send_unsupported.next = self.refusing.q.val();
        self.send_bytes.next = self.bytes.q.val().get_bits::<12>(0);
        self.send_lower.next = self.lower.q.val();
    }
}
