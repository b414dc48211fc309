    // A frame is passed on if and only if it is whole, with the words that came, and never over one that still waits.
    // The CRC's register is free here: it may be right or wrong at any flag.
    reg began = 0, seen = 0, hurt = 0, open = 0, spaced = 0;
    reg [9:0] bytes = 0;
    wire flagged = valid && data == FLAG;
    wire takes = valid && began && data != FLAG && data != ESCAPE;
    wire [7:0] meant = open ? data ^ ESCAPE_XOR : data;
    wire no_room = level$q == SLOTS;
    always @(posedge clock) begin
        spaced <= valid | error;
        if (error) begin
            seen <= 1;
            hurt <= 1;
        end
        if (valid && began) begin
            seen <= 1;
            open <= data == ESCAPE;
        end
        if (takes) begin
            if (bytes != 10'h3ff) bytes <= bytes + 1;
            if (bytes[1:0] == 3 && (no_room || bytes >= 4 * (MAX_WORDS + 2))) hurt <= 1;
        end
        if (flagged) begin
            began <= 1;
            {seen, hurt, open} <= 0;
            bytes <= 0;
        end
        if (reset) begin
            {began, seen, hurt, open} <= 0;
            bytes <= 0;
        end
    end
    always @(*) begin
        // Bytes come ten cycles apart at least; one suffices here.
        assume(!(spaced && (valid || error)));
        assume(!(valid && error));
        assume(!free || pending);
    end
    wire whole = !hurt && !open && !no_room && bytes[1:0] == 0 && bytes >= 4 * 3 && crc$value == CRC_GOOD;
    always @(*) begin
        assert(commit == (flagged && seen && whole));
        assert(lost == (flagged && seen && !whole));
    end

    // The frames that wait, in order.
    reg [1:0] waiting = 0;
    reg slot_first, slot_second;
    reg [6:0] words_first, words_second;
    always @(posedge clock) begin
        waiting <= waiting + commit - free;
        if (free) begin
            slot_first <= slot_second;
            words_first <= words_second;
        end
        if (commit) begin
            if (waiting == free) begin
                slot_first <= fill$q;
                words_first <= bytes / 4 - 2;
            end else begin
                slot_second <= fill$q;
                words_second <= bytes / 4 - 2;
            end
        end
        if (reset) waiting <= 0;
    end
    always @(*) begin
        assert(waiting <= SLOTS && pending == (waiting != 0));
        if (pending) begin
            assert(slot == slot_first && words == words_first);
            assert(words >= 1 && words <= MAX_WORDS);
        end
        if (write) begin
            assert(waiting != SLOTS);
            assert(waiting == 0 || write_address[7] != slot);
            assert(write_address[6:0] < MAX_WORDS + 2);
        end
    end

    // How the registers stand to the definition above, which induction needs to know.
    always @(*) begin
        assert(began == started$q && seen == any$q && open == escaped$q && hurt == bad$q);
        assert(waiting == level$q && fill$q == drain$q ^ waiting[0]);
        assert(!complete$q || !hurt && spaced && bytes[1:0] == 0 && bytes != 0);
        if (!hurt) begin
            assert(bytes <= 4 * (MAX_WORDS + 2) + 3);
            assert(lane$q == bytes[1:0] && index$q + complete$q == bytes / 4);
        end
        if (waiting == 2) begin
            assert(slot_second != slot_first && words_second >= 1 && words_second <= MAX_WORDS);
            assert(words_second == (slot_second ? words_1$q : words_0$q));
        end
    end

    // Any one byte of a frame is where it belongs.
    (* anyconst *) wire [9:0] place;
    reg [7:0] byte_there;
    always @(posedge clock) if (takes && bytes == place) byte_there <= meant;
    wire [9:0] since = bytes - place - 1;
    always @(*) if (!hurt && place < bytes && since < 4) assert(shift$q[8 * (3 - since) +: 8] == byte_there);
    always @(*) if (write) begin
        assert(bytes[1:0] == 0 && write_address[6:0] == bytes / 4 - 1);
        if (place / 4 == write_address[6:0]) assert(write_data[8 * place[1:0] +: 8] == byte_there);
    end
