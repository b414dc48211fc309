//! The blocks of the engine under random inputs. What a block forbids its neighbours comes too: the
//! two simulations must agree there as well.

use crate::blocks::*;
use crate::harness::{Lockstep, Stimulus, dut};

const CYCLES: u64 = 10_000;

/// The same test for instances of a block that differ in the width of activations: `Uut` is the
/// instance, `NAME` its model.
macro_rules! widths {
    ($($name:ident: $kind:ident),* => $body:block) => {
        $(#[test]
        fn $name() {
            type Uut = $kind;
            const NAME: &str = stringify!($name);
            $body
        })*
    };
}

/// Keeps the inputs of a job, as `bounds` limits them, from one `start` to the next. Starts and
/// aborts seldom, and more seldom while the output `busy` is high, so that jobs come to their end.
fn jobs(busy: &'static str, bounds: &'static [(&str, u64)]) -> impl FnMut(&mut Stimulus) {
    let mut held = vec![0; bounds.len()];
    move |inputs| {
        let idle = inputs.get(busy) == 0;
        let start = inputs.once_in(if idle { 10 } else { 1500 });
        let abort = inputs.once_in(if idle { 50 } else { 1500 });
        inputs.set("start", start.into());
        inputs.set("abort", abort.into());
        for (value, (name, bound)) in held.iter_mut().zip(bounds) {
            if start {
                *value = inputs.below(*bound);
            }
            inputs.set(name, *value);
        }
    }
}

/// Writes code tables of four code words of two bits, and now and then takes one away, which
/// leaves a bit pattern without a symbol. Symbols are small.
fn tables(inputs: &mut Stimulus) {
    let step = inputs.cycle % 1000;
    let (table, index) = (step / 16 % 3, step % 16);
    inputs.set("count_write", (step < 48).into());
    inputs.set("count_address", table << 4 | index);
    let words = 4 - u64::from(inputs.cycle / 1000 % 4 == 3);
    inputs.set("count_data", if index == 2 { words } else { 0 });
    inputs.set("symbol_write", (step < 48 && index < 4).into());
    inputs.set("symbol_address", table << 8 | index);
    let symbol = inputs.below(4);
    inputs.set("symbol_data", symbol);
}

widths! { fifo: Fifo, fifo_16: Fifo16 => {
    let ports = dut!(
        Uut, clock,
        in [clear, push, push_column, push_value, push_base, push_count, pop],
        out [full, valid, column, value, base, count]
    );
    Lockstep::new(NAME, ports).run(CYCLES);
} }

#[test]
fn token_fifo() {
    let ports = dut!(
        TokenFifo, clock,
        in [clear, push, push_column, push_value, push_base, push_count, pop],
        out [full, valid, column, value, base, count]
    );
    Lockstep::new("token_fifo", ports)
        .resting(&["base", "count"])
        .run(CYCLES);
}

widths! { column_queue: ColumnQueue, column_queue_16: ColumnQueue16 => {
    let ports = dut!(
        Uut, clock,
        in [clear, push, push_start, push_end, push_single, push_value, push_base, push_tag, pop],
        out [full, valid, start, last, single, value, base, tag]
    );
    Lockstep::new(NAME, ports).run(CYCLES);
} }

widths! { block_store: BlockStore, block_store_16: BlockStore16 => {
    let ports = dut!(
        Uut, clock,
        in [
            clear, seek, seek_column, seek_count, seek_value, seek_base, draining, bias_address,
            entry_write, entry_address, entry_data, pointer_write, pointing, pointer_address,
            pointer_data, hashed, pool, length, hash_rows, mask, number,
        ],
        out [ready, entry_valid, entry, value, base, busy]
    );
    Lockstep::new(NAME, ports).run(CYCLES);
} }

#[test]
fn column_seek() {
    let ports = dut!(
        ColumnSeek, clock,
        in [
            clear, seek, seek_column, seek_count, seek_tag, seek_value, seek_base, counted, counted_end,
            pointer_write, pointer_address, pointer_data,
        ],
        out [ready, valid, address, tag, value, base, busy, pointer]
    );
    Lockstep::new("column_seek", ports).run(CYCLES);
}

#[test]
fn hash_round() {
    let ports = dut!(HashRound, clock, in [state, column], out [hashed]);
    Lockstep::new("hash_round", ports).run(CYCLES);
}

widths! { hashed_store: HashedStore, hashed_store_16: HashedStore16 => {
    let ports = dut!(
        Uut, clock,
        in [
            clear, seek, seek_column, seek_count, seek_value, seek_base, draining, bias_address,
            entry_write, entry_address, entry_data, pointer_write, pointing, pointer_address,
            pointer_data, hashed, pool, length, hash_rows, mask, number,
        ],
        out [ready, entry_valid, entry, value, base, busy]
    );
    let mut pass = [0; 4];
    Lockstep::new(NAME, ports).run_with(CYCLES, |inputs| {
        // A pass lasts some cycles, and half of them are hashed.
        if inputs.once_in(200) {
            pass = [inputs.below(2), inputs.below(256), inputs.below(12), inputs.below(4)];
        }
        for (name, value) in ["hashed", "length", "hash_rows", "mask"].into_iter().zip(pass) {
            inputs.set(name, value);
        }
        let clear = inputs.once_in(100);
        inputs.set("clear", clear.into());
        let draining = inputs.once_in(20);
        inputs.set("draining", draining.into());
    });
} }

#[test]
fn single_port_store() {
    let ports = dut!(
        SinglePortStore, clock,
        in [
            clear, seek, seek_column, seek_count, seek_value, seek_base, draining, bias_address,
            entry_write, entry_address, entry_data, pointer_write, pointing, pointer_address,
            pointer_data, hashed, pool, length, hash_rows, mask, number,
        ],
        out [ready, entry_valid, entry, value, base, busy]
    );
    Lockstep::new("single_port_store", ports).run(CYCLES);
}

widths! { mac: Mac, mac_16: Mac16 => {
    let ports = dut!(
        Uut, clock,
        in [
            entry_valid, entry, value, base, codebook_base, codebook_write,
            codebook_address, codebook_data, draining, drain_address, clear, clear_address,
        ],
        out [sum, busy]
    );
    Lockstep::new(NAME, ports).run_with(CYCLES, |inputs| {
        // Few accumulators, so that sums are taken from the pipeline often.
        let (base, step, code) = (inputs.below(3), inputs.below(2), inputs.below(256));
        inputs.set("base", base);
        inputs.set("entry", step << 8 | code);
        inputs.set("drain_address", base);
        let clear = inputs.once_in(30);
        inputs.set("clear", clear.into());
    });
} }

widths! { pool: Pool, pool_16: Pool16 => {
    let ports = dut!(Uut, clock, in [first, relu, value], out [largest]);
    Lockstep::new(NAME, ports).run(CYCLES);
} }

widths! { quantiser: Quantiser, quantiser_16: Quantiser16 => {
    let ports = dut!(
        Uut, clock,
        in [sum, bias, amount, relu, wide],
        out [activation]
    );
    Lockstep::new(NAME, ports).run(CYCLES);
} }

#[test]
fn decoder() {
    let ports = dut!(
        Decoder, clock,
        in [
            clear, request, code_table, word_valid, word, count_write, count_address,
            count_data, symbol_write, symbol_address, symbol_data,
        ],
        out [valid, symbol, bad, word_ready]
    );
    Lockstep::new("decoder", ports).run_with(CYCLES, |inputs| {
        tables(inputs);
        let clear = inputs.once_in(200);
        inputs.set("clear", clear.into());
    });
}

#[test]
fn loader() {
    let ports = dut!(
        Loader, clock,
        in [
            abort, start, pe, raw, first, count, address, rows, taps, segments, word_valid, word, count_write,
            count_address, count_data, symbol_write, symbol_address, symbol_data, occupancy_ready, occupancy,
        ],
        out [
            loading, word_ready, target, entry_write, entry_address, entry_data, pointer_write,
            pointer_address, pointer_data, occupancy_read, occupancy_column, occupancy_write,
            occupancy_data, bad_code, row_range, store_range, column_range, bad_target,
        ]
    );
    let mut jobs = jobs(
        "loading",
        &[
            ("pe", 3),
            ("raw", 2),
            ("first", 17),
            ("count", 6),
            ("address", 70),
            ("rows", 20),
            ("taps", 4),
            ("segments", 7),
        ],
    );
    // A load takes some hundred cycles: the decoder needs five for a symbol.
    Lockstep::new("loader", ports).run_with(10 * CYCLES, |inputs| {
        jobs(inputs);
        tables(inputs);
    });
}

widths! { scan: Scan, scan_16: Scan16 => {
    let ports = dut!(
        Uut, clock,
        in [
            abort, start, in_base, groups, col_base, map, width, height, x_table, y_table,
            segments, group_columns, tap_columns, row_step, in_step, x_word, y_word, in_signed,
            vector[0], vector[1], vector[2], vector[3], ready,
        ],
        out [
            busy, read, read_address, x_address, y_address, valid, column, first, count, value,
            base, sampled[0], sampled[1],
            sampled[2], sampled[3],
        ]
    );
    let mut jobs = jobs(
        "busy",
        &[
            ("groups", 3),
            ("map", 2),
            ("width", 4),
            ("height", 4),
            ("x_table", 16),
            ("y_table", 16),
            ("segments", 20),
            ("group_columns", 80),
            ("tap_columns", 8),
            ("row_step", 32),
            ("in_step", 5),
            ("in_base", 32),
            ("col_base", 64),
        ],
    );
    Lockstep::new(NAME, ports).run_with(CYCLES, |inputs| {
        jobs(inputs);
        for lane in ["vector$0", "vector$1", "vector$2", "vector$3"] {
            if !inputs.once_in(3) {
                inputs.set(lane, 0);
            }
        }
        // Few kernel rows and segments, or none.
        for table in ["x_word", "y_word"] {
            let count = inputs.below(4);
            let word = inputs.get(table) & 0x0fff_ffff;
            inputs.set(table, count << 28 | word);
        }
    });
} }

widths! { broadcast: Broadcast, broadcast_16: Broadcast16 => {
    let ports = dut!(
        Uut, clock,
        in [
            abort, valid, column, start, count, value, base, everyone, full, load_read, load_column, load_write,
            load_occupancy,
        ],
        out [
            ready, push, push_column, push_count, push_value, push_base, stalled, sent, busy, load_ready, occupancy,
        ]
    );
    Lockstep::new(NAME, ports).run(CYCLES);
} }

widths! { drain: Drain, drain_16: Drain16 => {
    let ports = dut!(
        Uut, clock,
        in [
            abort, start, accs, rows, bias_base, out_base, shift, wide, out_step, pool, row_step,
            pool_width, pool_height, x_table, y_table, sweep, x_word, y_word,
        ],
        out [
            busy, x_address, y_address, address, bias_address, clear, clear_address, amount,
            first, write, write_address,
        ]
    );
    let mut jobs = jobs(
        "busy",
        &[
            ("accs", 17),
            ("rows", 5),
            ("bias_base", 32),
            ("out_base", 32),
            ("shift", 32),
            ("wide", 2),
            ("out_step", 4),
            ("pool", 2),
            ("row_step", 16),
            ("pool_width", 4),
            ("pool_height", 4),
            ("x_table", 16),
            ("y_table", 16),
            ("sweep", 2),
        ],
    );
    Lockstep::new(NAME, ports).run_with(10 * CYCLES, |inputs| {
        jobs(inputs);
        for table in ["x_word", "y_word"] {
            let count = 1 + inputs.below(3);
            let word = inputs.get(table) & 0x0fff_ffff;
            inputs.set(table, count << 28 | word);
        }
    });
} }

#[test]
fn counters() {
    let ports = dut!(
        Counters, clock,
        in [clear, fetching, scanning, flushing, draining, macs, seeking, sent, stalled],
        out [
            cycles, fetch_cycles, scan_cycles, flush_cycles, drain_cycles, mac_count, starved,
            seek_count, broadcasts, fifo_stalls,
        ]
    );
    Lockstep::new("counters", ports).run(CYCLES);
}

widths! { host_port_1: HostPort1, host_port_1_16: HostPort1Of16 => {
    let ports = dut!(
        Uut, clock,
        in [write, read, word, write_data, bank_data[0]],
        out [
            done, read_data, bank_address, bank_read, bank_write_address, bank_write[0],
            bank_write_data[0],
        ]
    );
    Lockstep::new(NAME, ports).run(CYCLES);
} }

widths! { host_port_2: HostPort2, host_port_2_16: HostPort2Of16 => {
    let ports = dut!(
        Uut, clock,
        in [write, read, word, write_data, bank_data[0], bank_data[1]],
        out [
            done, read_data, bank_address, bank_read, bank_write_address, bank_write[0],
            bank_write[1], bank_write_data[0], bank_write_data[1],
        ]
    );
    Lockstep::new(NAME, ports).run(CYCLES);
} }

widths! { host_port_8: HostPort8, host_port_8_16: HostPort8Of16 => {
    let ports = dut!(
        Uut, clock,
        in [
            write, read, word, write_data, bank_data[0], bank_data[1], bank_data[2],
            bank_data[3], bank_data[4], bank_data[5], bank_data[6], bank_data[7],
        ],
        out [
            done, read_data, bank_address, bank_read, bank_write_address, bank_write[0],
            bank_write[1], bank_write[2], bank_write[3], bank_write[4], bank_write[5],
            bank_write[6], bank_write[7], bank_write_data[0], bank_write_data[1],
            bank_write_data[2], bank_write_data[3], bank_write_data[4], bank_write_data[5],
            bank_write_data[6], bank_write_data[7],
        ]
    );
    Lockstep::new(NAME, ports).run(CYCLES);
} }

#[test]
fn sequencer() {
    let ports = dut!(
        Sequencer, clock,
        in [
            start, step, pass, reset, descriptor_write, descriptor_address, descriptor_data,
            scan_busy, pe_busy, drain_busy,
        ],
        out [
            scan_start, drain_start, abort, clear, clear_address, busy, done, clearing,
            fetching, scanning, flushing, draining, relu, in_signed, out_wide, shift, in_base,
            out_base, col_base, bias_base, groups, rows, accs, codebook_base, map, pool, sweep,
            segments, out_step, width, height, x_table, y_table, tap_columns, row_step,
            group_columns, in_step, pool_width, pool_height, pool_x_table, pool_y_table,
            hashed, hash_lanes, hash_length, hash_pool, hash_rows, hash_mask,
        ]
    );
    Lockstep::new("sequencer", ports).run(CYCLES);
}

widths! { block_pe: BlockPe, block_pe_16: BlockPe16 => {
    let ports = dut!(
        Uut, clock,
        in [
            abort, push, push_column, push_value, push_base, push_count, codebook_base, codebook_write,
            codebook_address, codebook_data, entry_write, entry_address, entry_data,
            pointer_write, pointing, pointer_address, pointer_data, draining, drain_address,
            bias_address, clear, clear_address, amount, relu, wide, pool_first, hashed, hash_pool,
            hash_length, hash_rows, hash_mask, number,
        ],
        out [full, activation, macs, seeking, busy]
    );
    Lockstep::new(NAME, ports).run(CYCLES);
} }

#[test]
fn hashed_pe() {
    let ports = dut!(
        HashedPe, clock,
        in [
            abort, push, push_column, push_value, push_base, push_count, codebook_base, codebook_write,
            codebook_address, codebook_data, entry_write, entry_address, entry_data,
            pointer_write, pointing, pointer_address, pointer_data, draining, drain_address,
            bias_address, clear, clear_address, amount, relu, wide, pool_first, hashed, hash_pool,
            hash_length, hash_rows, hash_mask, number,
        ],
        out [full, activation, macs, seeking, busy]
    );
    Lockstep::new("hashed_pe", ports).run(CYCLES);
}

#[test]
fn single_port_pe() {
    let ports = dut!(
        SinglePortPe, clock,
        in [
            abort, push, push_column, push_value, push_base, push_count, codebook_base, codebook_write,
            codebook_address, codebook_data, entry_write, entry_address, entry_data,
            pointer_write, pointing, pointer_address, pointer_data, draining, drain_address,
            bias_address, clear, clear_address, amount, relu, wide, pool_first, hashed, hash_pool,
            hash_length, hash_rows, hash_mask, number,
        ],
        out [full, activation, macs, seeking, busy]
    );
    Lockstep::new("single_port_pe", ports).run(CYCLES);
}

#[test]
fn bus() {
    let ports = dut!(
        Bus = new_bus(), clock,
        in [
            strobe, write_enable, address, write_data, busy, clearing, loading, finished,
            events, word_ready, port_done, port_data, cycles, fetch_cycles, scan_cycles,
            flush_cycles, drain_cycles, macs, starved, seeking, broadcasts, fifo_stalls,
        ],
        out [
            ack, read_data, start, step, load, reset, pass, load_target, load_column,
            load_entry, word_valid, count_write, symbol_write, descriptor_write,
            codebook_write, x_table_write, y_table_write, port_write, port_read,
        ]
    );
    let (mut access, mut ended) = ([0; 4], true);
    Lockstep::new("bus", ports).run_with(10 * CYCLES, |inputs| {
        // An access holds until its acknowledgement, but for a few that are dropped.
        if ended || inputs.once_in(200) {
            let windows = [0, 0, 0, 0x400, 0x1000, 0x2000, 0x2400, 0x10000, 0x3_0000];
            let window = windows[inputs.below(9) as usize];
            let offset = inputs.below(if window == 0 { 30 } else { 100 });
            access = [
                inputs.below(2),
                inputs.below(2),
                window + offset,
                inputs.get("write_data"),
            ];
        }
        ended = access[0] == 0 || inputs.get("ack") != 0;
        let names = ["strobe", "write_enable", "address", "write_data"];
        names
            .into_iter()
            .zip(access)
            .for_each(|(name, value)| inputs.set(name, value));
    });
}
