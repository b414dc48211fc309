// iCEBreaker: the pins of the measuring top. The 12 MHz oscillator is taken as the engine's clock as it is.
module board_top (
    input  wire clk_12mhz,
    input  wire rx,
    input  wire button_n,
    output wire tx
);
    measure measure (.clk(clk_12mhz), .din(rx), .load(button_n), .dout(tx));
endmodule
