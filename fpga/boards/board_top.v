// A board: oscillator, PLL, engine with its serial bridge. The module `pll` is made for the board's two clocks by the
// families' own calculators; `uart_engine` is emitted for the clock and the rate of the line.
module board_top (
    input  wire clk,
    input  wire rx,
    output wire tx
);
    wire clock, locked;
    pll pll (.clock_in(clk), .clock_out(clock), .locked(locked));
    uart_engine device (.clock(clock), .reset(~locked), .rx(rx), .tx(tx));
endmodule
