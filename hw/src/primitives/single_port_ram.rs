use super::clocked;
use rust_hdl_core::prelude::*;

/// RAM with one port for reading or writing, `2^A` words of `W` bits: on iCE40 UP5K, where large, an SPRAM.
///
/// `read_data` follows `address` by one cycle when `write_enable` is low and holds its value when
/// it is high. SPRAM cannot be initialised: its contents are undefined until they are written.
/// Latency 1, one access a cycle. It has no output register: put one behind it.
#[derive(LogicBlock, Default)]
pub struct SinglePortRam<const A: usize, const W: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Word to read or write.
    pub address: Signal<In, Bits<A>>,
    /// Its new value.
    pub write_data: Signal<In, Bits<W>>,
    /// Whether to write.
    pub write_enable: Signal<In, Bit>,
    /// The word read.
    pub read_data: Signal<Out, Bits<W>>,
    _cells: Vec<Bits<W>>,
}

impl<const A: usize, const W: usize> Logic for SinglePortRam<A, W> {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            self._cells.resize(1 << A, Bits::default());
            let cell = &mut self._cells[self.address.val().index()];
            if self.write_enable.val() {
                *cell = self.write_data.val();
            } else {
                self.read_data.next = *cell;
            }
        }
    }
    fn connect(&mut self) {
        self.read_data.connect();
    }
    fn hdl(&self) -> Verilog {
        Verilog::Custom(format!(
            "\
reg [{width}:0] cells [0:{last}];
always @(posedge clock) begin
    if (write_enable) cells[address] <= write_data;
    else read_data <= cells[address];
end
",
            width = W - 1,
            last = (1usize << A) - 1
        ))
    }
    fn timing(&self) -> Vec<TimingInfo> {
        clocked(
            "single_port_ram",
            &["address", "write_data", "write_enable"],
            "read_data",
        )
    }
}
