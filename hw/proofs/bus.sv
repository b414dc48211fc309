    // The slave answers every access once and in time; what it tells the engine is what was asked for, beside the answer.
    // What is asked of the master: an access holds until its answer.
    reg holds = 0, answered = 0;
    reg was_write = 0;
    reg [17:0] was_address = 0;
    reg [31:0] was_data = 0;
    always @(posedge clock) begin
        holds <= strobe & !ack;
        answered <= ack;
        was_write <= write_enable;
        was_address <= address;
        was_data <= write_data;
    end
    always @(*) if (holds) assume(strobe && write_enable == was_write && address == was_address && write_data == was_data);

    // Cycles of an access in which it waits for nobody.
    reg [2:0] age = 0;
    wire others = word_valid && !word_ready && loading || state$q == WAITS_FOR_PORT && !port_done;
    always @(posedge clock) age <= !strobe || ack ? 0 : age + !others;
    always @(*) begin
        assert(age <= 3);
        assert(!ack || strobe && !answered);
        assert(!ack || age >= 2);
    end

    // Each word of the stream is offered for one write of `STREAM`, until it is taken.
    wire is_stream = write_enable && address == STREAM;
    reg offers = 0;
    always @(posedge clock) offers <= word_valid & !word_ready & loading;
    always @(*) begin
        if (word_valid) assert(strobe && !ack && is_stream);
        if (offers) assert(word_valid);
    end

    // Commands: only with the answer of a write to their place, and only when the engine could take them.
    reg idle_was = 0, free_was = 0, port_was = 0;
    always @(posedge clock) begin
        idle_was <= !busy & !loading;
        free_was <= !loading & (!busy | OVERLAP & !clearing);
        port_was <= port_write | port_read;
    end
    wire told = start | step | load | reset | count_write | symbol_write | descriptor_write | codebook_write | x_table_write | y_table_write;
    always @(*) begin
        if (told) assert(ack && write_enable);
        if (start | step | load | reset) assert(address == CONTROL);
        if (start) assert(idle_was && write_data[0]);
        if (load) assert(free_was && write_data[2]);
        if (reset) assert(write_data[3]);
        assert(!reset || !start && !load);
        if (count_write) assert(free_was && address == CODE_COUNT);
        if (symbol_write) assert(free_was && address == CODE_SYMBOL);
        if (descriptor_write) assert(free_was && address - DESCRIPTORS < 64);
        if (codebook_write) assert(free_was && address - CODEBOOK < 64);
        if (x_table_write) assert(free_was && address - TABLES < 64);
        if (y_table_write) assert(free_was && address - TABLES - 1024 < 64);
        if (port_write | port_read) assert(!busy && !loading && !port_was && address - ACTIVATIONS < 64 && port_write == write_enable);
        if (ack && write_enable && address == CONTROL) assert(reset == write_data[3]);
    end

    // Registers change by a write to their address alone, and errors stay until they are cleared.
    reg ready_to_look = 0;
    reg [31:0] pass_was = 0, target_was = 0, column_was = 0, entry_was = 0;
    reg [7:0] errors_was = 0, events_was = 0;
    always @(posedge clock) begin
        ready_to_look <= 1;
        pass_was <= pass;
        target_was <= load_target;
        column_was <= load_column;
        entry_was <= load_entry;
        errors_was <= errors$q;
        events_was <= events;
    end
    wire wrote = ack & write_enable;
    always @(*) if (ready_to_look) begin
        if (pass != pass_was) assert(wrote && address == PASS && pass == write_data && idle_was);
        if (load_target != target_was) assert(wrote && address == LOAD_TARGET && load_target == write_data && free_was);
        if (load_column != column_was) assert(wrote && address == LOAD_COLUMN && load_column == write_data && free_was);
        if (load_entry != entry_was) assert(wrote && address == LOAD_ENTRY && load_entry == write_data && free_was);
        assert((events_was & ~errors$q) == 0);
        if (errors_was & ~errors$q) assert(wrote && address == ERROR && (errors_was & ~errors$q & ~write_data) == 0);
        // An address where nothing is reads as zero and is told.
        if (ack && address > LAST_REGISTER && address < FIRST_WINDOW)
            assert(read_data == 0 && (errors$q & BAD_ADDRESS) && !told);
        if (ack && !write_enable && address == ID) assert(read_data == ID_VALUE);
    end
