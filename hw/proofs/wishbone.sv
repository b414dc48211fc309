    // Wishbone B4, classic cycles: an access is done once, as it was asked for, and answered once, to the master that waited for it.
    wire asked = wb_cyc_i & wb_stb_i;
    reg begun = 0, waits = 0, was_reset = 0, was_answer = 0;
    reg was_we = 0;
    reg [17:0] was_adr = 0;
    reg [3:0] was_sel = 0;
    reg [31:0] was_dat = 0;
    wire answer = wb_ack_o | wb_err_o;
    always @(posedge clock) begin
        begun <= 1;
        // The same access is asked for as in the cycle before.
        waits <= asked & !answer & !wb_rst_i;
        was_reset <= wb_rst_i;
        was_answer <= answer;
        was_we <= wb_we_i;
        was_adr <= wb_adr_i;
        was_sel <= wb_sel_i;
        was_dat <= wb_dat_i;
    end
    // The master may give up at any time; while it waits, it does not change its mind.
    always @(*) if (waits && asked) assume(wb_we_i == was_we && wb_adr_i == was_adr && wb_sel_i == was_sel && wb_dat_i == was_dat);

    // The engine, whenever it pleases, answers what it is asked.
    always @(*) assume(!ack || strobe);

    // How often the access at hand was begun and ended at the engine.
    reg [1:0] starts = 0, ends = 0;
    reg [31:0] came = 0;
    reg strobe_was = 0, ack_was = 0;
    reg we_was = 0;
    reg [17:0] address_was = 0;
    reg [31:0] data_was = 0;
    wire goes_on = waits & asked;
    always @(posedge clock) begin
        strobe_was <= strobe & !ack;
        ack_was <= ack;
        we_was <= write_enable;
        address_was <= address;
        data_was <= write_data;
        // An access that was begun for another master does not count.
        if (!asked || wb_rst_i || answer) {starts, ends} <= 0;
        else if (!goes_on) begin
            starts <= !strobe && wb_sel_i == 15;
            ends <= 0;
        end else begin
            if (!strobe && wb_sel_i == 15 && starts == 0) starts <= 1;
            if (ack && starts != 0) ends <= ends + 1;
        end
        if (ack) came <= read_data;
    end
    always @(*) begin
        assert(!answer || asked);
        assert(!(wb_ack_o && wb_err_o));
        assert(!(answer && was_answer));
        assert(!(answer && was_reset));
        if (wb_ack_o) assert(goes_on && starts == 1 && ends == 1 && wb_sel_i == 15 && wb_dat_o == came);
        if (wb_err_o) assert(goes_on && wb_sel_i != 15 && starts == 0);
        // The engine's bus: an access holds until it ends, and leaves a cycle free behind it.
        if (strobe_was) assert(strobe && write_enable == we_was && address == address_was && write_data == data_was);
        if (ack_was) assert(!strobe);
        // It is the one that was asked for.
        if (goes_on && starts != 0 && strobe) assert(write_enable == wb_we_i && address == wb_adr_i && write_data == wb_dat_i);
        if (strobe && !strobe_was && begun) assert(waits_for_all);
    end
    // A new access at the engine was asked for in the cycle before.
    reg waits_for_all = 0;
    always @(posedge clock) waits_for_all <= asked & !wb_rst_i & !answer & wb_sel_i == 15;

    // Nobody waits but for the engine.
    reg [1:0] idle = 0;
    always @(posedge clock) idle <= asked & !wb_rst_i & !answer & !strobe ? idle + 1 : 0;
    always @(*) assert(idle <= 1);
