use super::{Bridge, Counters, Intake, Sender, Unpack};
use rust_hdl_core::prelude::*;
use thresh_regs::pcie::{BAR0_BYTES, COMPLETION_BYTES, ENDPOINT_BASE};

// The widths below: words of BAR0, the bit that tells its halves apart, words of a completion.
const _: () =
    assert!(BAR0_BYTES == 4 << 19 && ENDPOINT_BASE == 4 << 18 && COMPLETION_BYTES == 4 << 5);

/// A PCIe endpoint: packets of a PHY on one side, a Wishbone master on the other. Wiring only.
///
/// The stream of words, and what is answered how, is in `docs/pcie.md`. Requests are done in order, one at a time. It needs no
/// reset: a packet that begins ends whatever was before it.
#[derive(LogicBlock, Default)]
pub struct Endpoint {
    /// Clock, that of the PHY and of the engine.
    pub clock: Signal<In, Clock>,
    /// The PHY offers a word.
    pub rx_valid: Signal<In, Bit>,
    /// It is taken in this cycle, if it is offered.
    pub rx_ready: Signal<Out, Bit>,
    /// It is the first of a packet.
    pub rx_sop: Signal<In, Bit>,
    /// It is the last of a packet.
    pub rx_eop: Signal<In, Bit>,
    /// With the first word: the packet is a memory request within BAR0.
    pub rx_hit: Signal<In, Bit>,
    /// The word.
    pub rx_data: Signal<In, Bits<32>>,
    /// A word is offered to the PHY.
    pub tx_valid: Signal<Out, Bit>,
    /// The PHY takes it in this cycle, if it is offered.
    pub tx_ready: Signal<In, Bit>,
    /// It is the first of a packet.
    pub tx_sop: Signal<Out, Bit>,
    /// It is the last of a packet.
    pub tx_eop: Signal<Out, Bit>,
    /// The word.
    pub tx_data: Signal<Out, Bits<32>>,
    /// Bus, device and function that the host has given.
    pub completer: Signal<In, Bits<16>>,
    /// An access of the engine is asked for (Wishbone `cyc & stb`); the next three hold until `ack`.
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
    intake: Intake<8>,
    unpack: Unpack,
    bridge: Bridge,
    sender: Sender,
    counters: Counters,
    own: Signal<Local, Bit>,
    acked: Signal<Local, Bit>,
    word: Signal<Local, Bits<32>>,
}

impl Logic for Endpoint {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, intake, unpack, bridge, sender, counters);
        self.intake.rx_valid.next = self.rx_valid.val();
        self.intake.rx_sop.next = self.rx_sop.val();
        self.intake.rx_eop.next = self.rx_eop.val();
        self.intake.rx_hit.next = self.rx_hit.val();
        self.intake.rx_data.next = self.rx_data.val();
        self.rx_ready.next = self.intake.rx_ready.val();

        self.unpack.available.next = self.intake.available.val();
        self.unpack.word.next = self.intake.word.val();
        self.intake.pop.next = self.unpack.pop.val();

        self.bridge.valid.next = self.unpack.valid.val();
        self.bridge.is_write.next = self.unpack.is_write.val();
        self.bridge.is_read.next = self.unpack.is_read.val();
        self.bridge.is_posted.next = self.unpack.is_posted.val();
        self.bridge.is_counted.next = self.unpack.is_counted.val();
        self.bridge.length.next = self.unpack.header.val().get_bits::<10>(0);
        self.bridge.enables.next = self.unpack.enables.val();
        self.bridge.address.next = self.unpack.address.val();
        self.bridge.payload.next = self.unpack.payload.val();
        self.unpack.take.next = self.bridge.take.val();
        self.unpack.done.next = self.bridge.done.val();

        // The upper half of the BAR is the endpoint's own, and answers at once.
        self.own.next = self.bridge.bus_address.val().get_bit(18);
        self.strobe.next = self.bridge.strobe.val() & !self.own.val();
        self.write_enable.next = self.bridge.write_enable.val();
        self.address.next = self.bridge.bus_address.val().get_bits::<18>(0);
        self.write_data.next = self.bridge.write_data.val();
        self.counters.address.next = self.bridge.bus_address.val().get_bits::<18>(0);
        self.acked.next = self.ack.val();
        self.word.next = self.read_data.val();
        if self.own.val() {
            self.acked.next = self.bridge.strobe.val();
            self.word.next = self.counters.read_data.val();
        }
        // Ports are assigned once: one that changes on the way, and comes back, keeps event-driven simulators going in circles.
        self.bridge.ack.next = self.acked.val();
        self.sender.word.next = self.word.val();

        self.sender.keep.next = self.bridge.keep.val();
        self.sender.filled.next = self.bridge.filled.val();
        self.sender.send.next = self.bridge.send.val();
        self.sender.unsupported.next = self.bridge.send_unsupported.val();
        self.sender.locked.next = self.unpack.is_locked.val();
        self.sender.header.next = self.unpack.header.val();
        self.sender.requester.next = self.unpack.requester.val();
        self.sender.tag.next = self.unpack.tag.val();
        self.sender.completer.next = self.completer.val();
        self.sender.bytes.next = self.bridge.send_bytes.val();
        self.sender.lower.next = self.bridge.send_lower.val();
        self.bridge.sent.next = self.sender.sent.val();
        self.tx_valid.next = self.sender.tx_valid.val();
        self.tx_sop.next = self.sender.tx_sop.val();
        self.tx_eop.next = self.sender.tx_eop.val();
        self.tx_data.next = self.sender.tx_data.val();
        self.sender.tx_ready.next = self.tx_ready.val();

        self.counters.did_read.next = self.bridge.did_read.val();
        self.counters.did_write.next = self.bridge.did_write.val();
        self.counters.unsupported.next = self.bridge.unsupported.val();
        self.counters.partial.next = self.bridge.partial.val();
        self.counters.malformed.next = self.intake.malformed.val();
        self.counters.ignored.next = self.intake.ignored.val();
        self.counters.poisoned.next = self.intake.poisoned.val();
    }
}
