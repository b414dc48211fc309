use super::{Deframer, Executor, Framer, Receiver, Transmitter};
use crate::primitives::{BlockRam, Literal};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;
use thresh_regs::uart::PHASE_BITS;

/// From the pins of a serial line to the engine's bus; wiring only.
#[derive(LogicBlock, Default)]
pub struct Bridge {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Reset bridge and engine; of any clock.
    pub reset: Signal<In, Bit>,
    /// Phase of a clock cycle, see [`thresh_regs::uart::phase_step`].
    pub step: Signal<In, Bits<{ PHASE_BITS as usize }>>,
    /// Line from the host.
    pub rx: Signal<In, Bit>,
    /// Line to the host.
    pub tx: Signal<Out, Bit>,
    /// An access is asked for (Wishbone `cyc & stb`).
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
    receiver: Receiver,
    deframer: Deframer,
    frames: BlockRam<8, 32>,
    executor: Executor,
    framer: Framer,
    transmitter: Transmitter,
    early_reset: DFF<Bit>,
    late_reset: DFF<Bit>,
    enabled: Literal<1, 1>,
}

impl Logic for Bridge {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, early_reset, late_reset);
        clock!(
            self,
            clock,
            receiver,
            deframer,
            frames,
            executor,
            framer,
            transmitter
        );
        self.early_reset.d.next = self.reset.val();
        self.late_reset.d.next = self.early_reset.q.val();
        self.receiver.reset.next = self.late_reset.q.val();
        self.deframer.reset.next = self.late_reset.q.val();
        self.executor.reset.next = self.late_reset.q.val();
        self.framer.reset.next = self.late_reset.q.val();
        self.transmitter.reset.next = self.late_reset.q.val();

        self.receiver.step.next = self.step.val();
        self.receiver.rx.next = self.rx.val();
        self.deframer.valid.next = self.receiver.valid.val();
        self.deframer.data.next = self.receiver.data.val();
        self.deframer.error.next = self.receiver.error.val();
        self.deframer.free.next = self.executor.free.val();
        self.frames.write_enable.next = self.deframer.write.val();
        self.frames.write_address.next = self.deframer.write_address.val();
        self.frames.write_data.next = self.deframer.write_data.val();
        self.frames.read_enable.next = self.enabled.val().get_bit(0);
        self.frames.read_address.next = self.executor.read_address.val();

        self.executor.pending.next = self.deframer.pending.val();
        self.executor.slot.next = self.deframer.slot.val();
        self.executor.words.next = self.deframer.words.val();
        self.executor.lost.next = self.deframer.lost.val();
        self.executor.framing_errors.next = self.deframer.framing_errors.val();
        self.executor.dropped.next = self.deframer.dropped.val();
        self.executor.frame_word.next = self.frames.read_data.val();
        self.executor.answer_ready.next = self.framer.ready.val();
        self.executor.ack.next = self.ack.val();
        self.executor.read_data.next = self.read_data.val();
        self.strobe.next = self.executor.strobe.val();
        self.write_enable.next = self.executor.write_enable.val();
        self.address.next = self.executor.address.val();
        self.write_data.next = self.executor.write_data.val();

        self.framer.open.next = self.executor.open.val();
        self.framer.put.next = self.executor.put.val();
        self.framer.close.next = self.executor.close.val();
        self.framer.word.next = self.executor.answer.val();
        self.framer.byte_ready.next = self.transmitter.ready.val();
        self.transmitter.valid.next = self.framer.valid.val();
        self.transmitter.data.next = self.framer.data.val();
        self.transmitter.step.next = self.step.val();
        self.tx.next = self.transmitter.tx.val();
    }
}
