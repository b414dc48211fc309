// ULX3S: the pins of the measuring top. The 25 MHz oscillator is taken as the engine's clock as it is.
module board_top (
    input  wire clk_25mhz,
    input  wire ftdi_txd,
    input  wire button_fire1,
    output wire ftdi_rxd
);
    measure measure (.clk(clk_25mhz), .din(ftdi_txd), .load(button_fire1), .dout(ftdi_rxd));
endmodule
