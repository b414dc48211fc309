use crate::primitives::Literal;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;
use thresh_regs::Register;
use thresh_regs::pcie::{ENDPOINT_ID, ENDPOINT_REGISTERS, endpoint};

const fn word(register: Register) -> usize {
    register.offset as usize / 4
}

// As many registers as the index below reaches.
const _: () = assert!(ENDPOINT_REGISTERS.len() == 8);

/// The endpoint's registers: a constant, and counts of what happened.
///
/// Each of the events, high for a cycle, adds one; counts wrap.
#[derive(LogicBlock, Default)]
pub struct Counters {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// A read was answered.
    pub did_read: Signal<In, Bit>,
    /// A write was done.
    pub did_write: Signal<In, Bit>,
    /// A request was not supported.
    pub unsupported: Signal<In, Bit>,
    /// A poisoned packet was dropped.
    pub poisoned: Signal<In, Bit>,
    /// A malformed packet was dropped.
    pub malformed: Signal<In, Bit>,
    /// A word of a write was left out.
    pub partial: Signal<In, Bit>,
    /// A message or completion was dropped.
    pub ignored: Signal<In, Bit>,
    /// Word of the endpoint's half of the BAR.
    pub address: Signal<In, Bits<18>>,
    /// Its value, in the same cycle.
    pub read_data: Signal<Out, Bits<32>>,
    reads: DFF<Bits<32>>,
    writes: DFF<Bits<32>>,
    unsupported_q: DFF<Bits<32>>,
    poisoned_q: DFF<Bits<32>>,
    malformed_q: DFF<Bits<32>>,
    partial_q: DFF<Bits<32>>,
    ignored_q: DFF<Bits<32>>,
    one: Literal<32, 1>,
    zero: Literal<32, 0>,
    id: Literal<32, { ENDPOINT_ID as usize }>,
    at_id: Literal<18, { word(endpoint::ENDPOINT) }>,
    at_reads: Literal<18, { word(endpoint::READS) }>,
    at_writes: Literal<18, { word(endpoint::WRITES) }>,
    at_unsupported: Literal<18, { word(endpoint::UNSUPPORTED) }>,
    at_poisoned: Literal<18, { word(endpoint::POISONED) }>,
    at_malformed: Literal<18, { word(endpoint::MALFORMED) }>,
    at_partial: Literal<18, { word(endpoint::PARTIAL_WORDS) }>,
    at_ignored: Literal<18, { word(endpoint::IGNORED) }>,
}

impl Logic for Counters {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            reads,
            writes,
            unsupported_q,
            poisoned_q,
            malformed_q,
            partial_q,
            ignored_q
        );
        if self.did_read.val() {
            self.reads.d.next = self.reads.q.val() + self.one.val();
        }
        if self.did_write.val() {
            self.writes.d.next = self.writes.q.val() + self.one.val();
        }
        if self.unsupported.val() {
            self.unsupported_q.d.next = self.unsupported_q.q.val() + self.one.val();
        }
        if self.poisoned.val() {
            self.poisoned_q.d.next = self.poisoned_q.q.val() + self.one.val();
        }
        if self.malformed.val() {
            self.malformed_q.d.next = self.malformed_q.q.val() + self.one.val();
        }
        if self.partial.val() {
            self.partial_q.d.next = self.partial_q.q.val() + self.one.val();
        }
        if self.ignored.val() {
            self.ignored_q.d.next = self.ignored_q.q.val() + self.one.val();
        }
        self.read_data.next = self.zero.val();
        if self.address.val() == self.at_id.val() {
            self.read_data.next = self.id.val();
        }
        if self.address.val() == self.at_reads.val() {
            self.read_data.next = self.reads.q.val();
        }
        if self.address.val() == self.at_writes.val() {
            self.read_data.next = self.writes.q.val();
        }
        if self.address.val() == self.at_unsupported.val() {
            self.read_data.next = self.unsupported_q.q.val();
        }
        if self.address.val() == self.at_poisoned.val() {
            self.read_data.next = self.poisoned_q.q.val();
        }
        if self.address.val() == self.at_malformed.val() {
            self.read_data.next = self.malformed_q.q.val();
        }
        if self.address.val() == self.at_partial.val() {
            self.read_data.next = self.partial_q.q.val();
        }
        if self.address.val() == self.at_ignored.val() {
            self.read_data.next = self.ignored_q.q.val();
        }
    }
}
