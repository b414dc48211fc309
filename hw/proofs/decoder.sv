    // Every code word gives its symbol, what is no code word is reported, and no window of bits hangs the decoder.
    // By induction, for tables with any contents.
    localparam LONGEST = MAX_CODE_LENGTH;

    // Memories of any contents that stay: of each, any one cell is known.
    (* anyconst *) wire [5:0] count_cell;
    (* anyconst *) wire [8:0] count_held;
    (* anyconst *) wire [9:0] symbol_cell;
    (* anyconst *) wire [7:0] symbol_held;
    reg [5:0] count_at = 0;
    reg [9:0] symbol_at = 0;
    always @(posedge clock) begin
        if (counts$read_enable) count_at <= counts$read_address;
        if (symbols$read_enable) symbol_at <= symbols$read_address;
    end
    always @(*) begin
        if (count_at == count_cell) assume(counts$read_data == count_held);
        if (symbol_at == symbol_cell) assume(symbols$read_data == symbol_held);
    end

    // What is asked of the user: a clear first, no writes behind it, a request that holds until its answer.
    reg cleared = 0, asks = 0;
    reg [1:0] asked_table = 0;
    always @(posedge clock) begin
        cleared <= 1;
        asks <= request & !clear & !valid & !bad;
        asked_table <= code_table;
    end
    always @(*) begin
        assume(clear == !cleared);
        assume(!count_write && !symbol_write);
        if (asks) assume(request && code_table == asked_table);
    end

    // The code by its definition: the first code word of a length is twice what follows the last one of the length before.
    reg [16:0] first = 0, code = 0;
    reg [8:0] before = 0;
    reg [3:0] taken = 0;
    wire [16:0] word_so_far = {code[15:0], bits$q[31]};
    wire [16:0] past = word_so_far - first;
    wire known = word_so_far >= first && past < {8'd0, count_here$q};
    reg answer_known = 0;
    reg [9:0] answer_cell = 0;
    always @(posedge clock) begin
        if (take) begin
            code <= word_so_far;
            taken <= taken + 1;
            first <= (first + count_here$q) << 1;
            before <= before + count_here$q;
        end
        if (clear || take && (known || taken == LONGEST - 1)) begin
            first <= 0;
            code <= 0;
            before <= 0;
            taken <= 0;
        end
        if (take) begin
            answer_known <= known;
            answer_cell <= {code_table, before[7:0] + past[7:0]};
        end
        if (request & constant & !waits) begin
            answer_known <= 1;
            answer_cell <= {code_table, 8'd0};
        end
    end

    // What is asked for comes nearer in every cycle, but for those in which there is no bit; then one comes if a word is offered.
    wire [5:0] progress = valid | bad ? 41 : looking$q ? 40 : fill$q + length$q;
    reg had = 0, starved = 0, offered = 0;
    reg [5:0] progress_was = 0;
    always @(posedge clock) begin
        had <= request & !clear & !valid & !bad;
        starved <= filled & empty & !constant & !waits;
        offered <= word_valid;
        progress_was <= progress;
    end

    always @(posedge clock) if (cleared) begin
        // The registers are what the definition says.
        assert(length$q == taken + 1 && taken < LONGEST);
        assert(offset$q == {code[15:0], 1'b0} - first);
        assert(first <= {code[15:0], 1'b0} && code >> taken == 0 && !first[0]);
        assert(index$q == before);
        assert(fill$q <= 2);
        assert(asks || valid || bad || fill$q == 0 && taken == 0 && !looking$q);
        // The counts that are read ahead are those of the lengths to come.
        assert(fill$q == 2 || taken == 0);
        assert(ahead$q == length$q + {2'd0, fill$q});
        if (fill$q == 1) assert(count_at == {asked_table, length$q});
        if (fill$q == 2) begin
            assert(count_at == {asked_table, length$q + 4'd1});
            if (count_cell == {asked_table, length$q}) assert(count_here$q == count_held);
        end
        // The answers.
        assert(looking$q + valid + bad <= 1);
        if (looking$q) assert(answer_known && symbol_at == answer_cell);
        if (bad) assert(!answer_known);
        if (valid) begin
            assert(answer_known);
            if (answer_cell == symbol_cell) assert(symbol == symbol_held);
        end
        if (looking$q || valid || bad) assert(fill$q == 0 && taken == 0);
        // No window hangs it.
        if (had && starved) assert(!offered || !empty);
        if (had && !starved) assert(progress > progress_was);
    end
