// Bytes given to the transmitter leave the receiver unchanged and in order, whatever they are and whenever they come; and after
// any rubbish on the line for `RUBBISH` cycles and one idle byte, they do so again.
module line (input clock, input [7:0] data, input valid, input noise);
    wire ready, tx, took, error;
    wire [7:0] got;
    reg [7:0] time_ = 0;
    always @(posedge clock) if (time_ != 255) time_ <= time_ + 1;
    wire rubbish = time_ < RUBBISH;
    wire quiet = time_ < QUIET;
    uart_transmitter sender(.clock(clock), .reset(1'b0), .step(SEND), .valid(valid), .data(data), .ready(ready), .tx(tx));
    uart_receiver receiver(.clock(clock), .reset(1'b0), .step(TAKE), .rx(rubbish ? noise : tx), .valid(took), .data(got), .error(error));

    // At most the byte on the line, the one that is held and one that is being taken are under way.
    reg [7:0] first, second, third;
    reg [1:0] inside = 0;
    wire enters = valid & ready;
    always @(posedge clock) begin
        inside <= inside + enters - (took & !quiet);
        if (took & !quiet) begin
            first <= second;
            second <= third;
        end
        if (enters) case (inside - (took & !quiet))
            0: first <= data;
            1: second <= data;
            default: third <= data;
        endcase
    end
    always @(*) begin
        assume(!quiet || !valid);
        assert(!(took && error));
        if (!quiet) begin
            assert(!error);
            assert(inside != 3 || !enters || took);
            if (took) begin
                assert(inside != 0);
                assert(got == first);
            end
        end
    end
endmodule
