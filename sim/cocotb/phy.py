"""A PHY for the endpoint: cocotbext-pcie's configuration space and link on one side, the endpoint's words on the other."""

import random
import struct
from collections import deque

import cocotb
from cocotb.triggers import Event, FallingEdge, RisingEdge
from cocotbext.pcie.core import Device, Endpoint
from cocotbext.pcie.core.tlp import Tlp, TlpType
from facts import BAR0_BYTES, CLASS, DEVICE_ID, MAX_PAYLOAD_WORDS, VENDOR_ID

CONFIG = {TlpType.CFG_READ_0, TlpType.CFG_WRITE_0}
MEMORY = {TlpType.MEM_READ, TlpType.MEM_READ_64, TlpType.MEM_WRITE, TlpType.MEM_WRITE_64}


class Function(Endpoint):
    """The configuration space that the PHY keeps."""

    def __init__(self):
        super().__init__()
        self.vendor_id = VENDOR_ID
        self.device_id = DEVICE_ID
        self.class_code = CLASS
        self.configure_bar(0, BAR0_BYTES)
        self.pcie_cap.max_payload_size_supported = (MAX_PAYLOAD_WORDS * 4).bit_length() - 8


class Phy(Device):
    """Gives all but configuration requests to the endpoint, and the root complex what comes back.

    With `pauses`, words come and are taken with gaps, as that share of cycles says.
    """

    def __init__(self, dut, pauses=0.0):
        super().__init__(Function())
        self.dut = dut
        self.pauses = pauses
        self.sent = []
        self.packets = deque()
        self.idle = Event()
        self.tasks = [cocotb.start_soon(self.receive()), cocotb.start_soon(self.transmit())]

    def stop(self):
        for task in self.tasks:
            task.cancel()

    async def upstream_recv(self, tlp):
        if tlp.fmt_type in CONFIG:
            await super().upstream_recv(tlp)
        else:
            tlp.release_fc()
            self.inject(tlp)

    def inject(self, tlp, hit=None):
        """Gives the endpoint a packet past the link; `hit` as the BARs say."""
        if hit is None:
            hit = tlp.fmt_type in MEMORY and self.functions[0].match_bar(tlp.address) is not None
        header = struct.unpack(f">{tlp.get_header_size_dw()}L", tlp.pack_header())
        data = bytes(tlp.data) if tlp.has_data() else b""
        self.inject_words([*header, *struct.unpack(f"<{len(data) // 4}L", data)], hit)

    def inject_words(self, words, hit=True):
        """Gives the endpoint words as one packet."""
        self.idle.clear()
        self.packets.append((words, hit))

    def pause(self):
        return random.random() < self.pauses

    async def receive(self):
        dut = self.dut
        dut.rx_valid.value = 0
        while True:
            await FallingEdge(dut.clock)
            dut.completer.value = int(self.functions[0].pcie_id)
            if not self.packets:
                self.idle.set()
                continue
            words, hit = self.packets.popleft()
            for index, word in enumerate(words):
                while self.pause():
                    await FallingEdge(dut.clock)
                dut.rx_valid.value = 1
                dut.rx_data.value = word
                dut.rx_sop.value = int(index == 0)
                dut.rx_eop.value = int(index == len(words) - 1)
                dut.rx_hit.value = int(hit)
                while True:
                    await RisingEdge(dut.clock)
                    # The values before the edge: outputs change behind it.
                    taken = dut.rx_ready.value
                    await FallingEdge(dut.clock)
                    if taken:
                        break
                dut.rx_valid.value = 0

    async def transmit(self):
        dut = self.dut
        words = []
        while True:
            await FallingEdge(dut.clock)
            ready = not self.pause()
            dut.tx_ready.value = int(ready)
            await RisingEdge(dut.clock)
            if not (ready and dut.tx_valid.value):
                continue
            assert bool(dut.tx_sop.value) == (not words), "tx_sop marks the first word and no other"
            words.append(int(dut.tx_data.value))
            if dut.tx_eop.value:
                header, data = words[:3], words[3:]
                packet = struct.pack(">3L", *header) + struct.pack(f"<{len(data)}L", *data)
                words = []
                tlp = Tlp.unpack(packet)
                self.sent.append(tlp)
                await self.upstream_send(tlp)
