use rust_hdl_core::prelude::*;
use std::fmt::Write as _;

/// Combinational arithmetic right shift of 32 bits by 0 to 31 places, of which `B` bits and one for rounding
/// are kept. It narrows as it shifts: what no later stage can bring down is only compared with the sign.
#[derive(LogicBlock, Default)]
pub struct Shifter<const B: usize> {
    /// The value, two's complement.
    pub value: Signal<In, Bits<32>>,
    /// Places.
    pub amount: Signal<In, Bits<5>>,
    /// Bits `B - 1` to 0 of `value >> amount`, the sign moving in.
    pub low: Signal<Out, Bits<B>>,
    /// Bits `B` to 1.
    pub floor: Signal<Out, Bits<B>>,
    /// The bits above are not all equal to the sign.
    pub beyond: Signal<Out, Bit>,
}

impl<const B: usize> Logic for Shifter<B> {
    fn update(&mut self) {
        let shifted = (self.value.val().to_u32() as i32) >> self.amount.val().to_u32();
        let mask = (1u64 << B) - 1;
        self.low.next = (shifted as u64 & mask).into();
        self.floor.next = ((shifted >> 1) as u64 & mask).into();
        let above = shifted >> (B + 1);
        self.beyond.next = above != 0 && above != -1;
    }
    fn connect(&mut self) {
        self.low.connect();
        self.floor.connect();
        self.beyond.connect();
    }
    fn hdl(&self) -> Verilog {
        let (mut wires, mut beyond) = (String::new(), vec![]);
        let (mut from, mut width) = ("value".to_owned(), 32);
        for stage in (0..5).rev() {
            let places = 1 << stage;
            // The stages behind this one shift by `places - 1` at most.
            let kept = (B + places).min(32);
            let to = format!("by_{places}");
            let fill = kept - (width - places);
            let sign = match fill {
                0 => String::new(),
                _ => format!("{{{fill}{{value[31]}}}}, "),
            };
            let _ = writeln!(
                wires,
                "wire [{}:0] {to} = amount[{stage}] ? {{{sign}{from}[{}:{places}]}} : {from}[{}:0];",
                kept - 1,
                width - 1,
                kept - 1,
            );
            if kept < width {
                beyond.push(format!(
                    "(~amount[{stage}] & ({from}[{}:{kept}] != {{{}{{value[31]}}}}))",
                    width - 1,
                    width - kept
                ));
            }
            (from, width) = (to, kept);
        }
        Verilog::Custom(format!(
            "{wires}always @(*) begin\n    low = {from}[{}:0];\n    floor = {from}[{B}:1];\n    beyond = {};\nend\n",
            B - 1,
            beyond.join(" | ")
        ))
    }
}
