use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;
use thresh_regs::uart::{
    ACCESS_CYCLES, ANSWER_FIELDS, Answer, INFO_FIELDS, MAX_WORDS, PROTOCOL, REQUEST_FIELDS,
    Request, field,
};
use thresh_regs::{Field, reg};

/// What the executor does.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum ExecutorState {
    /// Lets an access that a reset cut off come to its end.
    Settle,
    /// Resets the engine.
    Clear,
    /// Waits for a frame.
    Idle,
    /// Reads its first word.
    Fetch,
    /// Decides what to do.
    Decode,
    /// Reads a word of data.
    Word,
    /// Looks at the count of a read.
    Count,
    /// Writes a word to the engine.
    Write,
    /// Begins the answer.
    Open,
    /// Sends its first word.
    Head,
    /// Reads a word from the engine.
    Read,
    /// Sends it.
    Data,
    /// Sends the word of a hello back.
    Echo,
    /// Tells about the bridge.
    Info,
    /// Ends the answer.
    Close,
}

const fn at(fields: &[Field], name: &str, lsb: u32) -> bool {
    field(fields, name).lsb == lsb
}

// The slices and shifts below take these words apart and put them together.
const _: () = assert!(
    at(REQUEST_FIELDS, "address", 0)
        && at(REQUEST_FIELDS, "kind", 18)
        && at(REQUEST_FIELDS, "sequence", 24)
        && at(ANSWER_FIELDS, "kind", 18)
        && at(ANSWER_FIELDS, "next", 24)
        && at(INFO_FIELDS, "framing_errors", 16)
        && at(INFO_FIELDS, "dropped", 24)
        && ACCESS_CYCLES == 1 << 12
);

const INFO: usize = field(INFO_FIELDS, "protocol").put(PROTOCOL) as usize
    | field(INFO_FIELDS, "max_words").put(MAX_WORDS as u32) as usize;

/// Executes frames one after the other: does their accesses on the engine's bus, and answers each.
///
/// A frame is executed only if it has the next number, so none is executed twice and none is left out. One that was
/// executed before is answered as it was then, but for the words of a read. What is lost is told once, until a frame is
/// executed again. Nothing but a hello is done after a reset, or after an access that the engine did not end.
///
/// An access takes two cycles more than the engine does. After a reset, `ACCESS_CYCLES` pass and the engine is reset before the first
/// frame.
#[derive(LogicBlock, Default)]
pub struct Executor {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Begin anew.
    pub reset: Signal<In, Bit>,
    /// A frame waits.
    pub pending: Signal<In, Bit>,
    /// Its slot.
    pub slot: Signal<In, Bit>,
    /// Its words of data.
    pub words: Signal<In, Bits<7>>,
    /// It is done with.
    pub free: Signal<Out, Bit>,
    /// A frame was dropped.
    pub lost: Signal<In, Bit>,
    /// Bytes that came damaged.
    pub framing_errors: Signal<In, Bits<8>>,
    /// Frames dropped.
    pub dropped: Signal<In, Bits<8>>,
    /// Word of a frame to read: `slot << 7 | word`.
    pub read_address: Signal<Out, Bits<8>>,
    /// That word, in the next cycle.
    pub frame_word: Signal<In, Bits<32>>,
    /// Begin an answer.
    pub open: Signal<Out, Bit>,
    /// Send `answer`.
    pub put: Signal<Out, Bit>,
    /// End the answer.
    pub close: Signal<Out, Bit>,
    /// A word of it.
    pub answer: Signal<Out, Bits<32>>,
    /// One of these is taken in this cycle.
    pub answer_ready: Signal<In, Bit>,
    /// Bus of the engine: an access is asked for.
    pub strobe: Signal<Out, Bit>,
    /// It is a write.
    pub write_enable: Signal<Out, Bit>,
    /// Its word address.
    pub address: Signal<Out, Bits<18>>,
    /// Value to write.
    pub write_data: Signal<Out, Bits<32>>,
    /// The access ends in this cycle.
    pub ack: Signal<In, Bit>,
    /// Value read, when `ack`.
    pub read_data: Signal<In, Bits<32>>,
    state: DFF<ExecutorState>,
    index: DFF<Bits<7>>,
    word: DFF<Bits<32>>,
    place: DFF<Bits<18>>,
    kind: DFF<Bits<2>>,
    left: DFF<Bits<7>>,
    next: DFF<Bits<8>>,
    is_open: DFF<Bit>,
    // Why it is not open.
    reason: DFF<Bits<3>>,
    says: DFF<Bits<3>>,
    holds: DFF<Bit>,
    was_lost: DFF<Bit>,
    told: DFF<Bit>,
    timer: DFF<Bits<13>>,
    request: Signal<Local, Bits<2>>,
    number: Signal<Local, Bits<8>>,
    behind: Signal<Local, Bits<8>>,
    in_turn: Signal<Local, Bit>,
    accessing: Signal<Local, Bit>,
    late: Signal<Local, Bit>,
    head: Signal<Local, Bits<32>>,
    info: Signal<Local, Bits<32>>,
    is_last: Signal<Local, Bit>,
    asked: Signal<Local, Bits<7>>,
    hello: Literal<2, { Request::Hello as usize }>,
    read: Literal<2, { Request::Read as usize }>,
    stream: Literal<2, { Request::Stream as usize }>,
    says_hello: Literal<3, { Answer::Hello as usize }>,
    says_done: Literal<3, { Answer::Done as usize }>,
    says_data: Literal<3, { Answer::Data as usize }>,
    says_gap: Literal<3, { Answer::Gap as usize }>,
    says_refused: Literal<3, { Answer::Refused as usize }>,
    says_fault: Literal<3, { Answer::Fault as usize }>,
    says_restarted: Literal<3, { Answer::Restarted as usize }>,
    kind_place: Literal<32, 18>,
    next_place: Literal<32, 24>,
    framing_place: Literal<32, 16>,
    info_word: Literal<32, INFO>,
    control: Literal<18, { reg::CONTROL.offset as usize / 4 }>,
    reset_engine: Literal<32, { reg::CONTROL.field("reset").put(1) as usize }>,
    most_words: Literal<7, MAX_WORDS>,
    no_time: Literal<13, 0>,
    a_cycle: Literal<13, 1>,
    no_index: Literal<7, 0>,
    one_index: Literal<7, 1>,
    one_place: Literal<18, 1>,
    one_request: Literal<8, 1>,
    no_request: Literal<8, 0>,
    slot_bit: Literal<8, 128>,
}

impl Logic for Executor {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self, clock, state, index, word, place, kind, left, next, is_open, reason, says, holds,
            was_lost, told, timer
        );
        self.request.next = self.word.q.val().get_bits::<2>(18);
        self.number.next = self.word.q.val().get_bits::<8>(24);
        // From the number of the frame up to the next one: high for a frame that is too early.
        self.behind.next = self.next.q.val() - self.number.val();
        self.in_turn.next = self.behind.val() == self.no_request.val();
        self.asked.next = self.word.q.val().get_bits::<7>(0);
        self.is_last.next = self.left.q.val() == self.one_index.val();
        self.accessing.next = (self.state.q.val() == ExecutorState::Write)
            | (self.state.q.val() == ExecutorState::Read)
            | (self.state.q.val() == ExecutorState::Clear);
        self.late.next = self.timer.q.val().get_bit(12);
        self.free.next = false;
        self.open.next = false;
        self.put.next = false;
        self.close.next = false;
        self.head.next = (bit_cast::<32, 3>(self.says.q.val()) << self.kind_place.val())
            | (bit_cast::<32, 8>(self.next.q.val()) << self.next_place.val());
        self.info.next = self.info_word.val()
            | (bit_cast::<32, 8>(self.framing_errors.val()) << self.framing_place.val())
            | (bit_cast::<32, 8>(self.dropped.val()) << self.next_place.val());
        self.answer.next = self.word.q.val();
        self.timer.d.next = self.no_time.val();
        if self.accessing.val() | (self.state.q.val() == ExecutorState::Settle) {
            self.timer.d.next = self.timer.q.val() + self.a_cycle.val();
        }
        if self.lost.val() {
            self.was_lost.d.next = true;
        }

        if self.state.q.val() == ExecutorState::Settle {
            self.place.d.next = self.control.val();
            self.word.d.next = self.reset_engine.val();
            if self.late.val() {
                self.timer.d.next = self.no_time.val();
                self.state.d.next = ExecutorState::Clear;
            }
        }
        if (self.state.q.val() == ExecutorState::Clear) & (self.ack.val() | self.late.val()) {
            self.state.d.next = ExecutorState::Idle;
        }
        if self.state.q.val() == ExecutorState::Idle {
            if self.pending.val() {
                self.holds.d.next = true;
                self.state.d.next = ExecutorState::Fetch;
            } else {
                if self.was_lost.q.val() {
                    self.was_lost.d.next = false;
                    if self.is_open.q.val() & !self.told.q.val() {
                        self.told.d.next = true;
                        self.says.d.next = self.says_gap.val();
                        self.state.d.next = ExecutorState::Open;
                    }
                }
            }
        }
        // The word at `index`, which has been 0 since a cycle before, is at `frame_word` in the next cycle.
        if self.state.q.val() == ExecutorState::Fetch {
            self.word.d.next = self.frame_word.val();
            self.index.d.next = self.one_index.val();
            self.left.d.next = self.words.val();
            self.state.d.next = ExecutorState::Decode;
        }
        if self.state.q.val() == ExecutorState::Decode {
            self.place.d.next = self.word.q.val().get_bits::<18>(0);
            self.kind.d.next = self.request.val();
            self.state.d.next = ExecutorState::Open;
            if self.request.val() == self.hello.val() {
                self.is_open.d.next = true;
                self.told.d.next = false;
                self.was_lost.d.next = false;
                self.says.d.next = self.says_hello.val();
                self.state.d.next = ExecutorState::Word;
            } else {
                if !self.is_open.q.val() {
                    self.says.d.next = self.reason.q.val();
                } else {
                    if self.in_turn.val() {
                        self.next.d.next = self.next.q.val() + self.one_request.val();
                        self.told.d.next = false;
                        self.says.d.next = self.says_done.val();
                        self.state.d.next = ExecutorState::Word;
                    } else {
                        self.says.d.next = self.says_done.val();
                        if self.behind.val().get_bit(7) {
                            self.says.d.next = self.says_gap.val();
                            self.told.d.next = true;
                            if self.told.q.val() {
                                self.free.next = true;
                                self.index.d.next = self.no_index.val();
                                self.holds.d.next = false;
                                self.state.d.next = ExecutorState::Idle;
                            }
                        }
                    }
                }
            }
        }
        if self.state.q.val() == ExecutorState::Word {
            self.word.d.next = self.frame_word.val();
            self.index.d.next = self.index.q.val() + self.one_index.val();
            self.state.d.next = ExecutorState::Write;
            if self.kind.q.val() == self.hello.val() {
                self.state.d.next = ExecutorState::Open;
            }
            if self.kind.q.val() == self.read.val() {
                self.state.d.next = ExecutorState::Count;
            }
        }
        if self.state.q.val() == ExecutorState::Count {
            self.left.d.next = self.asked.val();
            self.says.d.next = self.says_data.val();
            self.state.d.next = ExecutorState::Open;
            if (self.asked.val() == self.no_index.val())
                | (self.asked.val() > self.most_words.val())
                | self.word.q.val().get_bits::<25>(7).any()
            {
                self.says.d.next = self.says_refused.val();
                self.reason.d.next = self.says_refused.val();
                self.is_open.d.next = false;
            }
        }
        if (self.state.q.val() == ExecutorState::Write) & self.ack.val() {
            self.timer.d.next = self.no_time.val();
            self.left.d.next = self.left.q.val() - self.one_index.val();
            if self.kind.q.val() != self.stream.val() {
                self.place.d.next = self.place.q.val() + self.one_place.val();
            }
            self.state.d.next = ExecutorState::Word;
            if self.is_last.val() {
                self.state.d.next = ExecutorState::Open;
            }
        }
        if self.state.q.val() == ExecutorState::Open {
            self.open.next = true;
            // The first word of the next frame is there when the executor is idle.
            self.index.d.next = self.no_index.val();
            if self.answer_ready.val() {
                self.free.next = self.holds.q.val();
                self.holds.d.next = false;
                self.state.d.next = ExecutorState::Head;
            }
        }
        if self.state.q.val() == ExecutorState::Head {
            self.put.next = true;
            self.answer.next = self.head.val();
            if self.answer_ready.val() {
                self.state.d.next = ExecutorState::Close;
                if self.says.q.val() == self.says_data.val() {
                    self.state.d.next = ExecutorState::Read;
                }
                if self.says.q.val() == self.says_hello.val() {
                    self.state.d.next = ExecutorState::Echo;
                }
            }
        }
        if (self.state.q.val() == ExecutorState::Read) & self.ack.val() {
            self.timer.d.next = self.no_time.val();
            self.word.d.next = self.read_data.val();
            self.place.d.next = self.place.q.val() + self.one_place.val();
            self.left.d.next = self.left.q.val() - self.one_index.val();
            self.state.d.next = ExecutorState::Data;
        }
        if self.state.q.val() == ExecutorState::Data {
            self.put.next = true;
            if self.answer_ready.val() {
                self.state.d.next = ExecutorState::Read;
                if self.left.q.val() == self.no_index.val() {
                    self.state.d.next = ExecutorState::Close;
                }
            }
        }
        if self.state.q.val() == ExecutorState::Echo {
            self.put.next = true;
            if self.answer_ready.val() {
                self.state.d.next = ExecutorState::Info;
            }
        }
        if self.state.q.val() == ExecutorState::Info {
            self.put.next = true;
            self.answer.next = self.info.val();
            if self.answer_ready.val() {
                self.state.d.next = ExecutorState::Close;
            }
        }
        if self.state.q.val() == ExecutorState::Close {
            self.close.next = true;
            if self.answer_ready.val() {
                self.state.d.next = ExecutorState::Idle;
            }
        }
        // An answer that was begun is left without its CRC.
        if ((self.state.q.val() == ExecutorState::Write)
            | (self.state.q.val() == ExecutorState::Read))
            & self.late.val()
            & !self.ack.val()
        {
            self.is_open.d.next = false;
            self.reason.d.next = self.says_fault.val();
            self.says.d.next = self.says_fault.val();
            self.state.d.next = ExecutorState::Open;
        }
        if self.reset.val() {
            self.state.d.next = ExecutorState::Settle;
            self.timer.d.next = self.no_time.val();
            self.index.d.next = self.no_index.val();
            self.next.d.next = self.no_request.val();
            self.is_open.d.next = false;
            self.reason.d.next = self.says_restarted.val();
            self.holds.d.next = false;
            self.was_lost.d.next = false;
            self.told.d.next = false;
        }

        self.read_address.next = bit_cast::<8, 7>(self.index.q.val());
        if self.slot.val() {
            self.read_address.next = bit_cast::<8, 7>(self.index.q.val()) | self.slot_bit.val();
        }
        self.strobe.next = self.accessing.val();
        self.write_enable.next = self.state.q.val() != ExecutorState::Read;
        self.address.next = self.place.q.val();
        self.write_data.next = self.word.q.val();
    }
}
