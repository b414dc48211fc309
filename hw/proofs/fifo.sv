    // Tokens come out unchanged and in order; the flags say how many are inside. Any one token is followed on its way.
    reg [F:0] inside = 0;
    always @(posedge clock) inside <= clear ? 0 : inside + push - pop;
    always @(*) begin
        assume(!(push && full));
        assume(!(pop && !valid));
        assert(inside <= 1 << F);
        assert(full == (inside == 1 << F));
        assert(valid == (inside != 0));
    end

    (* anyconst *) wire [TOKEN-1:0] tracked;
    (* anyseq *) wire choose;
    reg there = 0;
    reg [F:0] before = 0;
    wire [TOKEN-1:0] token_in = {push_column, push_value, push_base, push_count};
    wire [TOKEN-1:0] token_out = {column, value, base, count};
    always @(posedge clock) begin
        if (clear || there && pop && before == 0) there <= 0;
        else if (push && !there && choose && token_in == tracked) begin
            there <= 1;
            before <= inside - pop;
        end else if (there && pop) before <= before - 1;
    end
    always @(*) if (there) begin
        assert(before < inside);
        if (before == 0) assert(token_out == tracked);
    end
