use super::clocked;
use rust_hdl_core::prelude::*;

/// Small RAM with an asynchronous read port and a write port, `2^A` words of `W` bits: distributed
/// RAM on ECP5, flip-flops on iCE40. With `BLOCK` 1 synthesis joins it with the register that must
/// then stand behind `read_data` into a block RAM; the word being written must not be read then.
///
/// `read_data` is the word at `read_address` in the same cycle; a write shows in the next one.
#[derive(LogicBlock, Default)]
pub struct LutRam<const A: usize, const W: usize, const BLOCK: usize = 0> {
    /// Clock of the write port.
    pub clock: Signal<In, Clock>,
    /// Word to read.
    pub read_address: Signal<In, Bits<A>>,
    /// The word read.
    pub read_data: Signal<Out, Bits<W>>,
    /// Word to write.
    pub write_address: Signal<In, Bits<A>>,
    /// Its new value.
    pub write_data: Signal<In, Bits<W>>,
    /// Whether to write.
    pub write_enable: Signal<In, Bit>,
    _cells: Vec<Bits<W>>,
}

impl<const A: usize, const W: usize, const BLOCK: usize> Logic for LutRam<A, W, BLOCK> {
    fn update(&mut self) {
        self._cells.resize(1 << A, Bits::default());
        if self.clock.pos_edge() && self.write_enable.val() {
            self._cells[self.write_address.val().index()] = self.write_data.val();
        }
        self.read_data.next = self._cells[self.read_address.val().index()];
    }
    fn connect(&mut self) {
        self.read_data.connect();
    }
    fn hdl(&self) -> Verilog {
        Verilog::Custom(format!(
            "\
{style}reg [{width}:0] cells [0:{last}];
integer index;
initial for (index = 0; index <= {last}; index = index + 1) cells[index] = 0;
always @(posedge clock) if (write_enable) cells[write_address] <= write_data;
always @(*) read_data = cells[read_address];
",
            style = if BLOCK == 1 {
                "(* ram_style = \"block\", no_rw_check *) "
            } else {
                ""
            },
            width = W - 1,
            last = (1usize << A) - 1
        ))
    }
    fn timing(&self) -> Vec<TimingInfo> {
        clocked(
            "lut_ram",
            &["write_address", "write_data", "write_enable"],
            "read_data",
        )
    }
}
