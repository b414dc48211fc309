use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use thresh_regs::pcie::MAX_PAYLOAD_WORDS;

/// Whether a packet is to be kept, judged by its header and its words when it has come in whole.
///
/// Combinational. One that is neither malformed nor ignored nor poisoned is kept.
#[derive(LogicBlock, Default)]
pub struct Check {
    /// First word of the header.
    pub header: Signal<In, Bits<32>>,
    /// Words that came, 255 for any more.
    pub words: Signal<In, Bits<8>>,
    /// Byte enables, those of the last word in the upper half.
    pub enables: Signal<In, Bits<8>>,
    /// Word in its page of 4 KiB at which a memory request begins.
    pub page_word: Signal<In, Bits<10>>,
    /// The packet cannot be.
    pub malformed: Signal<Out, Bit>,
    /// It is a message or a completion.
    pub ignored: Signal<Out, Bit>,
    /// It is a write whose payload is poisoned.
    pub poisoned: Signal<Out, Bit>,
    kind: Signal<Local, Bits<5>>,
    group: Signal<Local, Bits<2>>,
    length: Signal<Local, Bits<10>>,
    data: Signal<Local, Bit>,
    four: Signal<Local, Bit>,
    memory: Signal<Local, Bit>,
    message: Signal<Local, Bit>,
    completion: Signal<Local, Bit>,
    known: Signal<Local, Bit>,
    total: Signal<Local, Bits<8>>,
    size_is_wrong: Signal<Local, Bit>,
    full_length: Signal<Local, Bits<12>>,
    page_words: Signal<Local, Bits<12>>,
    crosses: Signal<Local, Bit>,
    single: Signal<Local, Bit>,
    enables_are_wrong: Signal<Local, Bit>,
    wrong: Signal<Local, Bit>,
    is_memory: Literal<5, 0b00000>,
    is_locked: Literal<5, 0b00001>,
    is_io: Literal<5, 0b00010>,
    is_config_0: Literal<5, 0b00100>,
    is_config_1: Literal<5, 0b00101>,
    is_completion: Literal<5, 0b01010>,
    is_locked_completion: Literal<5, 0b01011>,
    is_fetch_add: Literal<5, 0b01100>,
    is_swap: Literal<5, 0b01101>,
    is_compare: Literal<5, 0b01110>,
    is_message: Literal<2, 0b10>,
    three_words: Literal<8, 3>,
    one_more: Literal<8, 1>,
    no_length: Literal<10, 0>,
    one_word: Literal<10, 1>,
    max_length: Literal<10, MAX_PAYLOAD_WORDS>,
    page: Literal<12, 1024>,
    no_enables: Literal<4, 0>,
}

impl Logic for Check {
    #[hdl_gen]
    fn update(&mut self) {
        self.kind.next = self.header.val().get_bits::<5>(24);
        self.group.next = self.header.val().get_bits::<2>(27);
        self.length.next = self.header.val().get_bits::<10>(0);
        self.four.next = self.header.val().get_bit(29);
        self.data.next = self.header.val().get_bit(30);

        // Type and format go together. A prefix (bit 31) is none that is understood.
        self.memory.next = self.kind.val() == self.is_memory.val();
        self.message.next = (self.group.val() == self.is_message.val()) & self.four.val();
        self.completion.next = ((self.kind.val() == self.is_completion.val())
            | (self.kind.val() == self.is_locked_completion.val()))
            & !self.four.val();
        self.known.next = self.memory.val()
            | self.message.val()
            | self.completion.val()
            | ((self.kind.val() == self.is_locked.val()) & !self.data.val())
            | (((self.kind.val() == self.is_io.val())
                | (self.kind.val() == self.is_config_0.val())
                | (self.kind.val() == self.is_config_1.val()))
                & !self.four.val())
            | (((self.kind.val() == self.is_fetch_add.val())
                | (self.kind.val() == self.is_swap.val())
                | (self.kind.val() == self.is_compare.val()))
                & self.data.val());

        // Header, payload, digest.
        self.total.next = self.three_words.val();
        if self.four.val() {
            self.total.next = self.total.val() + self.one_more.val();
        }
        if self.header.val().get_bit(15) {
            self.total.next = self.total.val() + self.one_more.val();
        }
        if self.data.val() {
            self.total.next = self.total.val() + self.length.val().get_bits::<8>(0);
        }
        self.size_is_wrong.next = (self.words.val() != self.total.val())
            | (self.data.val()
                & ((self.length.val() == self.no_length.val())
                    | (self.length.val() > self.max_length.val())));

        // A length of 0 means 1024.
        self.full_length.next = bit_cast::<12, 10>(self.length.val());
        if self.length.val() == self.no_length.val() {
            self.full_length.next = self.page.val();
        }
        self.page_words.next = bit_cast::<12, 10>(self.page_word.val()) + self.full_length.val();
        self.crosses.next = self.page_words.val() > self.page.val();
        self.single.next = self.length.val() == self.one_word.val();
        self.enables_are_wrong.next =
            self.single.val() != (self.enables.val().get_bits::<4>(4) == self.no_enables.val());

        self.wrong.next = self.header.val().get_bit(31)
            | !self.known.val()
            | self.size_is_wrong.val()
            | (self.memory.val() & (self.crosses.val() | self.enables_are_wrong.val()));
        self.malformed.next = self.wrong.val();
        self.ignored.next = !self.wrong.val() & (self.message.val() | self.completion.val());
        self.poisoned.next =
            !self.wrong.val() & self.memory.val() & self.data.val() & self.header.val().get_bit(14);
    }
}
