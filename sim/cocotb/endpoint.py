"""The PCIe endpoint under cocotbext-pcie's root complex: enumeration, all sizes, split completions, errors."""

import logging
import os
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, with_timeout
from cocotbext.pcie.core import RootComplex
from cocotbext.pcie.core.tlp import CplStatus, Tlp, TlpType
from cocotbext.pcie.core.utils import PcieId
from facts import (ACTIVATIONS, ACTIVATION_BYTES, BAR0_BYTES, CLASS, COUNTERS, DEVICE_ID, ENDPOINT_BASE, ENDPOINT_ID, ID,
                   VENDOR_ID)
from phy import Phy

SEED = int(os.environ["THRESH_SEED"])

# Longest any single access may take.
LIMIT_US = 200


class Bench:
    """A root complex, the PHY in its slot, and what the activation memory should hold."""

    def __init__(self, dut, pauses):
        self.dut = dut
        self.root = RootComplex()
        self.phy = Phy(dut, pauses)
        self.root.make_port().connect(self.phy)
        self.root.max_read_request_size = 5
        self.memory = bytearray(ACTIVATION_BYTES)

    async def start(self):
        await self.root.enumerate()
        self.device = self.root.find_device(self.phy.functions[0].pcie_id)
        await self.device.enable_device()
        self.bar = self.device.bar_window[0]
        self.base = self.device.bar_addr[0]
        await self.write(0, bytes(self.memory))
        return self

    async def read_at(self, offset, length):
        return bytes(await with_timeout(self.bar.read(offset, length), LIMIT_US, "us"))

    async def word(self, offset):
        return int.from_bytes(await self.read_at(offset, 4), "little")

    async def write(self, offset, data):
        await self.bar.write(ACTIVATIONS + offset, data)
        self.memory[offset:offset + len(data)] = data

    async def check(self, offset, length):
        got = await self.read_at(ACTIVATIONS + offset, length)
        assert got == self.memory[offset:offset + length], f"{length} bytes at {offset}: {got.hex()}"

    async def counters(self):
        return {name: await self.word(ENDPOINT_BASE + offset) for name, offset in COUNTERS.items()}

    async def counted(self, work):
        """What `work`, which must not touch the bus, adds to the counters of errors."""
        before, accesses = await self.counters(), int(self.dut.accesses.value)
        await work
        after = await self.counters()
        assert int(self.dut.accesses.value) == accesses, "the bus was touched"
        return {name: after[name] - before[name] for name in after
                if name not in ("READS", "WRITES") and after[name] != before[name]}

    async def answer(self, tlp, hit):
        """Injects a request with a number of the root's, and waits for its completion."""
        tlp.tag = await self.root.alloc_tag()
        tlp.requester_id = PcieId(0, 0, 0)
        self.phy.inject(tlp, hit)
        completion = await self.root.recv_cpl(tlp.tag, LIMIT_US, "us")
        self.root.release_tag(tlp.tag)
        assert completion is not None, f"no completion for {tlp!r}"
        return completion


def bench(pauses=0.0):
    """A test with a bench of its own."""
    def decorate(function):
        async def run(dut):
            random.seed(SEED)
            logging.getLogger("cocotb.pcie").setLevel(logging.ERROR)
            clock = cocotb.start_soon(Clock(dut.clock, 16, "ns").start())
            made = Bench(dut, pauses)
            await made.start()
            await function(made)
            assert await made.word(0) == ID, "it still answers"
            made.phy.stop()
            clock.cancel()
        run.__name__ = run.__qualname__ = function.__name__
        run.__doc__ = function.__doc__
        return cocotb.test(timeout_time=20, timeout_unit="ms")(run)
    return decorate


@bench()
async def enumeration(b):
    """The root finds the function, gives BAR0 addresses, and reaches both halves of it."""
    d = b.device
    assert (d.vendor_id, d.device_id, d.class_code) == (VENDOR_ID, DEVICE_ID, CLASS)
    assert d.bar_size[0] == BAR0_BYTES and b.base % BAR0_BYTES == 0 and b.base != 0
    assert await b.word(0) == ID
    assert await b.word(ENDPOINT_BASE) == ENDPOINT_ID
    assert b.phy.sent[-1].completer_id == b.phy.functions[0].pcie_id


@bench(pauses=0.2)
async def every_size_and_alignment(b):
    """Reads of 1 to 16 bytes at each place in two words, and random ones of up to 256; writes of whole words."""
    await b.write(0, random.randbytes(ACTIVATION_BYTES))
    for offset in range(8):
        for length in range(1, 17):
            await b.check(offset, length)
    for _ in range(200):
        offset = random.randrange(ACTIVATION_BYTES)
        await b.check(offset, random.randint(1, ACTIVATION_BYTES - offset))
        offset = random.randrange(0, ACTIVATION_BYTES, 4)
        length = random.randrange(4, ACTIVATION_BYTES - offset + 4, 4)
        await b.write(offset, random.randbytes(length))
    await b.check(0, ACTIVATION_BYTES)


@bench()
async def every_pattern_of_enables(b):
    """One word and two: reads give what is enabled, writes do whole words alone."""
    await b.write(0, random.randbytes(16))
    await b.check(0, 16)
    patterns = [(1, first, 0) for first in range(16)]
    patterns += [(2, first, last) for first in range(1, 16) for last in range(1, 16)]
    for length, first, last in patterns:
        read = Tlp()
        read.fmt_type = TlpType.MEM_READ
        read.address, read.length, read.first_be, read.last_be = b.base + ACTIVATIONS + 4, length, first, last
        accesses = int(b.dut.accesses.value)
        completion, = await b.root.perform_nonposted_operation(read, LIMIT_US, "us")
        assert int(b.dut.accesses.value) - accesses == (length if first else 0)
        assert completion.status == CplStatus.SC and completion.length == length
        assert completion.byte_count == (read.get_be_byte_count() if first else 1)
        assert completion.lower_address & 3 == (read.get_first_be_offset() if first else 0)
        enables = first | last << 4
        for byte in range(4 * length):
            if enables >> byte & 1:
                assert completion.data[byte] == b.memory[4 + byte]
    partial = 0
    before = (await b.counters())["PARTIAL_WORDS"]
    for length, first, last in patterns:
        write = Tlp()
        write.fmt_type = TlpType.MEM_WRITE
        write.address, write.length, write.first_be, write.last_be = b.base + ACTIVATIONS + 4, length, first, last
        write.data = random.randbytes(4 * length)
        await b.root.perform_posted_operation(write)
        for word, enables in enumerate([first, last][:length]):
            if enables == 15:
                b.memory[4 + 4 * word:8 + 4 * word] = write.data[4 * word:4 * word + 4]
            elif enables:
                partial += 1
    await b.check(0, 16)
    assert (await b.counters())["PARTIAL_WORDS"] - before == partial


@bench(pauses=0.3)
async def long_reads_are_split(b):
    """Completions end at multiples of 128 bytes, whatever the read completion boundary, and their counts add up."""
    await b.write(0, random.randbytes(ACTIVATION_BYTES))
    b.phy.sent.clear()
    await b.read_at(0x1000, 4096)
    assert [tlp.byte_count % 4096 for tlp in b.phy.sent] == [(4096 - 128 * n) % 4096 for n in range(32)]
    for _ in range(30):
        offset = random.randrange(ACTIVATION_BYTES - 130)
        length = random.randint(130, ACTIVATION_BYTES - offset)
        b.phy.sent.clear()
        await b.check(offset, length)
        ends = [(offset + length - tlp.byte_count) % 128 for tlp in b.phy.sent[1:]]
        assert len(b.phy.sent) >= 2 and not any(ends), ends
        assert sum(tlp.length for tlp in b.phy.sent) * 4 >= length


@bench()
async def unsupported_requests(b):
    """Each gets its answer, which says so, and does nothing."""
    async def refuse():
        for kind, hit in [
            (TlpType.MEM_READ, False), (TlpType.MEM_READ_64, False), (TlpType.MEM_READ_LOCKED, True),
            (TlpType.IO_READ, False), (TlpType.IO_WRITE, False), (TlpType.FETCH_ADD, True), (TlpType.SWAP_64, True),
            (TlpType.CAS, True), (TlpType.CFG_READ_1, False), (TlpType.CFG_WRITE_1, False),
        ]:
            tlp = Tlp()
            tlp.fmt_type = kind
            tlp.length, tlp.first_be = 1, 15
            tlp.address = b.base + ACTIVATIONS
            if tlp.has_data():
                tlp.data = b"\xff" * 4
            completion = await b.answer(tlp, hit)
            locked = kind == TlpType.MEM_READ_LOCKED
            assert completion.fmt_type == (TlpType.CPL_LOCKED if locked else TlpType.CPL), kind
            assert completion.status == CplStatus.UR and completion.byte_count == 4, kind
    assert await b.counted(refuse()) == {"UNSUPPORTED": 10}
    await b.check(0, 16)


@bench()
async def poisoned_and_malformed(b):
    """Packets that must not be believed are dropped and counted, and the next ones are done."""
    write = Tlp()
    write.fmt_type = TlpType.MEM_WRITE
    write.set_addr_be_data(b.base + ACTIVATIONS, b"\xff" * 16)
    write.ep = True

    async def poison():
        b.phy.inject(write)
        await b.phy.idle.wait()
        await ClockCycles(b.dut.clock, 4)
    assert await b.counted(poison()) == {"POISONED": 1}
    write.ep = False
    words = [0x4000_0004, 0x0000_00ff, b.base + ACTIVATIONS, 1, 2, 3, 4]

    async def malformed():
        for packet in (words[:1], words[:-1], words + [5], [0x5f00_0004] + words[1:], [0x4000_0000] + words[1:]):
            b.phy.inject_words(packet)
        await b.phy.idle.wait()
        await ClockCycles(b.dut.clock, 4)
    assert await b.counted(malformed()) == {"MALFORMED": 5}

    async def ignored():
        b.phy.inject_words([0x3300_0000, 0x7f, 0, 0])
        await b.phy.idle.wait()
        await ClockCycles(b.dut.clock, 4)
    assert await b.counted(ignored()) == {"IGNORED": 1}
    await b.check(0, 64)
