use super::Crc;
use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;
use thresh_regs::uart::{CRC_GOOD, ESCAPE, ESCAPE_XOR, FLAG, MAX_WORDS, SLOTS};

// A slot is a half of the 256 words, and its number is a bit.
const _: () = assert!(SLOTS == 2 && MAX_WORDS + 2 < 128);

/// Words of a frame besides its data: the first word and the CRC.
const OTHER_WORDS: usize = 2;

/// Bytes to frames: finds the marks, undoes the escapes, joins bytes to words, and writes them to a slot of a memory.
/// The frame is `pending` only when its end came, all of it fits and its CRC is right; it is dropped otherwise, and the next
/// one takes its place.
///
/// It takes a byte whenever one comes, at least ten cycles apart. A frame that comes while both slots are full is dropped.
#[derive(LogicBlock, Default)]
pub struct Deframer {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Forget all frames.
    pub reset: Signal<In, Bit>,
    /// A byte is here.
    pub valid: Signal<In, Bit>,
    /// The byte.
    pub data: Signal<In, Bits<8>>,
    /// A byte came damaged.
    pub error: Signal<In, Bit>,
    /// Write a word of a slot.
    pub write: Signal<Out, Bit>,
    /// Slot and word: `slot << 7 | word`.
    pub write_address: Signal<Out, Bits<8>>,
    /// The word.
    pub write_data: Signal<Out, Bits<32>>,
    /// A frame waits.
    pub pending: Signal<Out, Bit>,
    /// Slot of the frame that waits longest.
    pub slot: Signal<Out, Bit>,
    /// Its words of data, at least one.
    pub words: Signal<Out, Bits<7>>,
    /// That frame is done with; only while `pending`.
    pub free: Signal<In, Bit>,
    /// A frame was dropped, for this cycle.
    pub lost: Signal<Out, Bit>,
    /// Bytes that came damaged, modulo 256.
    pub framing_errors: Signal<Out, Bits<8>>,
    /// Frames dropped, modulo 256.
    pub dropped: Signal<Out, Bits<8>>,
    crc: Crc,
    // A flag was seen: what comes belongs to a frame.
    started: DFF<Bit>,
    // Something came since the flag.
    any: DFF<Bit>,
    bad: DFF<Bit>,
    escaped: DFF<Bit>,
    lane: DFF<Bits<2>>,
    shift: DFF<Bits<32>>,
    complete: DFF<Bit>,
    index: DFF<Bits<7>>,
    fill: DFF<Bit>,
    drain: DFF<Bit>,
    level: DFF<Bits<2>>,
    words_0: DFF<Bits<7>>,
    words_1: DFF<Bits<7>>,
    framing_count: DFF<Bits<8>>,
    dropped_count: DFF<Bits<8>>,
    is_flag: Signal<Local, Bit>,
    is_escape: Signal<Local, Bit>,
    plain: Signal<Local, Bits<8>>,
    full: Signal<Local, Bit>,
    good: Signal<Local, Bit>,
    ends: Signal<Local, Bit>,
    commit: Signal<Local, Bit>,
    data_words: Signal<Local, Bits<7>>,
    flag: Literal<8, { FLAG as usize }>,
    escape: Literal<8, { ESCAPE as usize }>,
    escape_xor: Literal<8, { ESCAPE_XOR as usize }>,
    crc_good: Literal<32, { CRC_GOOD as usize }>,
    least_words: Literal<7, { OTHER_WORDS + 1 }>,
    most_words: Literal<7, { OTHER_WORDS + MAX_WORDS }>,
    other_words: Literal<7, OTHER_WORDS>,
    no_word: Literal<7, 0>,
    one_word: Literal<7, 1>,
    no_lane: Literal<2, 0>,
    one_lane: Literal<2, 1>,
    last_lane: Literal<2, 3>,
    no_slot: Literal<2, 0>,
    one_slot: Literal<2, 1>,
    all_slots: Literal<2, SLOTS>,
    one: Literal<8, 1>,
    byte_bits: Literal<32, 8>,
    top_byte: Literal<32, 24>,
    slot_bit: Literal<8, 128>,
    slot_address: Signal<Local, Bits<8>>,
}

impl Logic for Deframer {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            started,
            any,
            bad,
            escaped,
            lane,
            shift,
            complete,
            index,
            fill,
            drain,
            level,
            words_0,
            words_1,
            framing_count,
            dropped_count
        );
        clock!(self, clock, crc);
        self.is_flag.next = self.data.val() == self.flag.val();
        self.is_escape.next = self.data.val() == self.escape.val();
        self.plain.next = self.data.val();
        if self.escaped.q.val() {
            self.plain.next = self.data.val() ^ self.escape_xor.val();
        }
        self.full.next = self.level.q.val() == self.all_slots.val();
        self.ends.next = self.valid.val() & self.is_flag.val() & self.any.q.val();
        self.good.next = !self.bad.q.val()
            & !self.escaped.q.val()
            & !self.full.val()
            & (self.lane.q.val() == self.no_lane.val())
            & (self.index.q.val() >= self.least_words.val())
            & (self.crc.value.val() == self.crc_good.val());
        self.commit.next = self.ends.val() & self.good.val();
        self.lost.next = self.ends.val() & !self.good.val();

        // A complete word goes to memory in the cycle behind its last byte.
        self.complete.d.next = false;
        self.crc.valid.next = false;
        self.crc.data.next = self.plain.val();
        self.crc.clear.next = self.valid.val() & self.is_flag.val();
        if self.complete.q.val() {
            self.index.d.next = self.index.q.val() + self.one_word.val();
        }
        if self.valid.val() & self.started.q.val() & !self.is_flag.val() {
            self.any.d.next = true;
            self.escaped.d.next = self.is_escape.val();
            if !self.is_escape.val() {
                self.crc.valid.next = true;
                self.shift.d.next = (self.shift.q.val() >> self.byte_bits.val())
                    | (bit_cast::<32, 8>(self.plain.val()) << self.top_byte.val());
                self.lane.d.next = self.lane.q.val() + self.one_lane.val();
                if self.lane.q.val() == self.last_lane.val() {
                    // Once bad, a frame writes no more: its words could be another's.
                    self.complete.d.next = !self.bad.q.val() & !self.full.val();
                    if self.full.val() | (self.index.q.val() == self.most_words.val()) {
                        self.bad.d.next = true;
                        self.complete.d.next = false;
                    }
                }
            }
        }
        if self.valid.val() & self.is_flag.val() {
            self.started.d.next = true;
            self.any.d.next = false;
            self.bad.d.next = false;
            self.escaped.d.next = false;
            self.lane.d.next = self.no_lane.val();
            self.index.d.next = self.no_word.val();
        }
        if self.error.val() {
            self.any.d.next = true;
            self.bad.d.next = true;
            self.framing_count.d.next = self.framing_count.q.val() + self.one.val();
        }
        if self.lost.val() {
            self.dropped_count.d.next = self.dropped_count.q.val() + self.one.val();
        }

        // Slots.
        self.data_words.next = self.index.q.val() - self.other_words.val();
        if self.commit.val() {
            self.fill.d.next = !self.fill.q.val();
            if self.fill.q.val() {
                self.words_1.d.next = self.data_words.val();
            } else {
                self.words_0.d.next = self.data_words.val();
            }
            if !self.free.val() {
                self.level.d.next = self.level.q.val() + self.one_slot.val();
            }
        }
        if self.free.val() {
            self.drain.d.next = !self.drain.q.val();
            if !self.commit.val() {
                self.level.d.next = self.level.q.val() - self.one_slot.val();
            }
        }
        if self.reset.val() {
            self.started.d.next = false;
            self.any.d.next = false;
            self.bad.d.next = false;
            self.escaped.d.next = false;
            self.complete.d.next = false;
            self.lane.d.next = self.no_lane.val();
            self.index.d.next = self.no_word.val();
            self.fill.d.next = false;
            self.drain.d.next = false;
            self.level.d.next = self.no_slot.val();
        }
        self.slot_address.next = bit_cast::<8, 7>(self.index.q.val());
        if self.fill.q.val() {
            self.slot_address.next = bit_cast::<8, 7>(self.index.q.val()) | self.slot_bit.val();
        }
        self.write.next = self.complete.q.val();
        self.write_address.next = self.slot_address.val();
        self.write_data.next = self.shift.q.val();
        self.pending.next = self.level.q.val() != self.no_slot.val();
        self.slot.next = self.drain.q.val();
        self.words.next = self.words_0.q.val();
        if self.drain.q.val() {
            self.words.next = self.words_1.q.val();
        }
        self.framing_errors.next = self.framing_count.q.val();
        self.dropped.next = self.dropped_count.q.val();
    }
}
