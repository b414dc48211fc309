// Makes the engine placeable with four pins, for measuring it: every input of the engine comes from a register that a
// shift register fills, every output goes to a register that is shifted out. So nothing of the engine is optimised
// away, and every path that counts begins and ends at a register. It does not speak any protocol.
//
// load high: the shift register is taken over as the engine's inputs, and the engine's outputs are captured.
// load low:  din is shifted in, the captured outputs are shifted out at dout, lowest bit first.
module measure (
    input  wire clk,
    input  wire din,
    input  wire load,
    output reg  dout
);
    localparam INPUTS = 18 + 32 + 1 + 1;
    localparam OUTPUTS = 32 + 1;

    reg din_q, load_q;
    reg [INPUTS-1:0] shift, held;
    reg [OUTPUTS-1:0] captured;
    wire [OUTPUTS-1:0] result;

    always @(posedge clk) begin
        din_q    <= din;
        load_q   <= load;
        shift    <= {shift[INPUTS-2:0], din_q};
        if (load_q) held <= shift;
        captured <= load_q ? result : captured >> 1;
        dout     <= captured[0];
    end

    engine engine (
        .clock(clk),
        .address(held[17:0]),
        .write_data(held[49:18]),
        .write_enable(held[50]),
        .strobe(held[51]),
        .read_data(result[31:0]),
        .ack(result[32])
    );
endmodule

// The pins of the measuring top, wherever the placer puts them.
module board_top (
    input  wire clk,
    input  wire din,
    input  wire load,
    output wire dout
);
    measure measure (.clk(clk), .din(din), .load(load), .dout(dout));
endmodule
