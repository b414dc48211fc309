// The endpoint before a bus with an identity at word 0 and a memory of 64 words at word 10000h, which answers after one to four
// cycles. It stands for the engine, which takes an event-driven simulator minutes.
module bench(
    input clock,
    input rx_valid, output rx_ready, input rx_sop, input rx_eop, input rx_hit, input [31:0] rx_data,
    output tx_valid, input tx_ready, output tx_sop, output tx_eop, output [31:0] tx_data,
    input [15:0] completer,
    output reg [31:0] accesses
);
    wire strobe, write_enable;
    wire [17:0] address;
    wire [31:0] write_data;
    reg ack = 0;
    reg [31:0] read_data = 0;
    reg [31:0] memory [0:63];
    reg [1:0] wait_cycles = 0;
    initial accesses = 0;

    endpoint endpoint(
        .clock(clock),
        .rx_valid(rx_valid), .rx_ready(rx_ready), .rx_sop(rx_sop), .rx_eop(rx_eop), .rx_hit(rx_hit), .rx_data(rx_data),
        .tx_valid(tx_valid), .tx_ready(tx_ready), .tx_sop(tx_sop), .tx_eop(tx_eop), .tx_data(tx_data),
        .completer(completer),
        .strobe(strobe), .write_enable(write_enable), .address(address), .write_data(write_data),
        .ack(ack), .read_data(read_data)
    );

    always @(posedge clock) begin
        ack <= 0;
        if (strobe && !ack) begin
            if (wait_cycles != 0) wait_cycles <= wait_cycles - 1;
            else begin
                wait_cycles <= $random;
                ack <= 1;
                accesses <= accesses + 1;
                read_data <= address == 0 ? 32'h5448_5348 : 0;
                if (address[17:6] == 18'h10000 >> 6) begin
                    read_data <= memory[address[5:0]];
                    if (write_enable) memory[address[5:0]] <= write_data;
                end
            end
        end
    end
endmodule
