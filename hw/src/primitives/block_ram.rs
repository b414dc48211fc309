use super::clocked;
use rust_hdl_core::prelude::*;

/// Block RAM with a read port and a write port, `2^A` words of `W` bits, zero at power-on;
/// `read_data` is undefined until the first read.
///
/// `read_data` follows `read_address` by one cycle while `read_enable` is high and holds its value
/// otherwise. Reading the word that the same cycle writes gives an undefined value: the users of
/// this cell never do, or forward. Latency 1, one read and one write a cycle. It has no output
/// register: put one behind it.
#[derive(LogicBlock, Default)]
pub struct BlockRam<const A: usize, const W: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Word to read.
    pub read_address: Signal<In, Bits<A>>,
    /// Whether to read.
    pub read_enable: Signal<In, Bit>,
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

impl<const A: usize, const W: usize> Logic for BlockRam<A, W> {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            self._cells.resize(1 << A, Bits::default());
            if self.read_enable.val() {
                self.read_data.next = self._cells[self.read_address.val().index()];
            }
            if self.write_enable.val() {
                self._cells[self.write_address.val().index()] = self.write_data.val();
            }
        }
    }
    fn connect(&mut self) {
        self.read_data.connect();
    }
    fn hdl(&self) -> Verilog {
        Verilog::Custom(format!(
            "\
(* no_rw_check *) reg [{width}:0] cells [0:{last}];
integer index;
initial for (index = 0; index <= {last}; index = index + 1) cells[index] = 0;
always @(posedge clock) begin
    if (read_enable) read_data <= cells[read_address];
    if (write_enable) cells[write_address] <= write_data;
end
",
            width = W - 1,
            last = (1usize << A) - 1
        ))
    }
    fn timing(&self) -> Vec<TimingInfo> {
        let inputs = [
            "read_address",
            "read_enable",
            "write_address",
            "write_data",
            "write_enable",
        ];
        clocked("block_ram", &inputs, "read_data")
    }
}
