use rust_hdl_core::prelude::*;

/// Wiring between a token, a column of `C` bits and a value of `V`, and the two words that hold it: `T` bits
/// of column and, above it, the low bits of the value, and the `X` bits that are left. `T + X = C + V`.
///
/// By hand, since synthesis joins a register with the RAM before it only if nothing but wires is between.
#[derive(LogicBlock, Default)]
pub struct TokenWords<const C: usize, const V: usize, const T: usize, const X: usize> {
    /// Column to keep.
    pub column: Signal<In, Bits<C>>,
    /// Value to keep.
    pub value: Signal<In, Bits<V>>,
    /// The words that hold them.
    pub word: Signal<Out, Bits<T>>,
    /// The bits that are left.
    pub rest: Signal<Out, Bits<X>>,
    /// Word that was kept.
    pub kept_word: Signal<In, Bits<T>>,
    /// Rest that was kept.
    pub kept_rest: Signal<In, Bits<X>>,
    /// The column in them.
    pub kept_column: Signal<Out, Bits<C>>,
    /// The value in them.
    pub kept_value: Signal<Out, Bits<V>>,
}

impl<const C: usize, const V: usize, const T: usize, const X: usize> Logic
    for TokenWords<C, V, T, X>
{
    fn update(&mut self) {
        const { assert!(T + X == C + V && T > C && C + V <= 64) };
        let mask = |bits: usize| (1u64 << bits) - 1;
        let all = self.value.val().to_u64() << C | self.column.val().to_u64();
        self.word.next = (all & mask(T)).into();
        self.rest.next = (all >> T).into();
        let all = self.kept_rest.val().to_u64() << T | self.kept_word.val().to_u64();
        self.kept_column.next = (all & mask(C)).into();
        self.kept_value.next = (all >> C).into();
    }
    fn connect(&mut self) {
        self.word.connect();
        self.rest.connect();
        self.kept_column.connect();
        self.kept_value.connect();
    }
    fn hdl(&self) -> Verilog {
        Verilog::Custom(
            "\
always @(*) begin
    {rest, word} = {value, column};
    {kept_value, kept_column} = {kept_rest, kept_word};
end
"
            .into(),
        )
    }
}
