use rust_hdl_core::prelude::*;

/// Combinational arithmetic right shift of 32 bits by 0 to 31 places.
#[derive(LogicBlock, Default)]
pub struct Shifter {
    /// The value, two's complement.
    pub value: Signal<In, Bits<32>>,
    /// Places.
    pub amount: Signal<In, Bits<5>>,
    /// `value >> amount`, the sign moving in.
    pub shifted: Signal<Out, Bits<32>>,
}

impl Logic for Shifter {
    fn update(&mut self) {
        let value = self.value.val().to_u32() as i32;
        self.shifted.next = u64::from((value >> self.amount.val().to_u32()) as u32).into();
    }
    fn connect(&mut self) {
        self.shifted.connect();
    }
    fn hdl(&self) -> Verilog {
        Verilog::Custom("always @(*) shifted = $signed(value) >>> amount;\n".into())
    }
}
