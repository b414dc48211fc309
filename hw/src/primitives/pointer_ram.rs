use super::clocked;
use rust_hdl_core::prelude::*;

/// Block RAM with two read ports, `2^A` words of `W` bits, zero at power-on; the first port's
/// address also serves for writing. Outputs are undefined until the first read.
///
/// Each output follows its address by one cycle while its enable is high and holds its value
/// otherwise; the first holds it during a write. Never read the word being written by the second
/// port. Latency 1. It has no output register: put one behind it.
#[derive(LogicBlock, Default)]
pub struct PointerRam<const A: usize, const W: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// First port: word to read or write.
    pub address: Signal<In, Bits<A>>,
    /// First port: whether to read.
    pub read_enable: Signal<In, Bit>,
    /// First port: the word read.
    pub read_data: Signal<Out, Bits<W>>,
    /// First port: whether to write, which goes before reading.
    pub write_enable: Signal<In, Bit>,
    /// First port: the word's new value.
    pub write_data: Signal<In, Bits<W>>,
    /// Second port: word to read.
    pub other_address: Signal<In, Bits<A>>,
    /// Second port: whether to read.
    pub other_enable: Signal<In, Bit>,
    /// Second port: the word read.
    pub other_data: Signal<Out, Bits<W>>,
    _cells: Vec<Bits<W>>,
}

impl<const A: usize, const W: usize> Logic for PointerRam<A, W> {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            self._cells.resize(1 << A, Bits::default());
            if self.other_enable.val() {
                self.other_data.next = self._cells[self.other_address.val().index()];
            }
            let cell = &mut self._cells[self.address.val().index()];
            if self.write_enable.val() {
                *cell = self.write_data.val();
            } else if self.read_enable.val() {
                self.read_data.next = *cell;
            }
        }
    }
    fn connect(&mut self) {
        self.read_data.connect();
        self.other_data.connect();
    }
    fn hdl(&self) -> Verilog {
        Verilog::Custom(format!(
            "\
(* no_rw_check *) reg [{width}:0] cells [0:{last}];
integer index;
initial for (index = 0; index <= {last}; index = index + 1) cells[index] = 0;
always @(posedge clock) begin
    if (write_enable) cells[address] <= write_data;
    else if (read_enable) read_data <= cells[address];
end
always @(posedge clock) if (other_enable) other_data <= cells[other_address];
",
            width = W - 1,
            last = (1usize << A) - 1
        ))
    }
    fn timing(&self) -> Vec<TimingInfo> {
        let inputs = ["address", "read_enable", "write_enable", "write_data"];
        let mut timing = clocked("pointer_ram", &inputs, "read_data");
        timing.extend(clocked(
            "pointer_ram_other",
            &["other_address", "other_enable"],
            "other_data",
        ));
        timing
    }
}
