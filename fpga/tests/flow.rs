//! The flow on small designs, with the real tools.

use std::sync::OnceLock;

use thresh_fpga::{
    Build, FlowError, Home, Options, Report, Resource, Tools, cell_models, netlist, synthesise,
};

const SMALL: &str = include_str!("fixtures/small.v");
const BOARD: &str = include_str!("fixtures/board.v");
const MEMORIES: &str = include_str!("fixtures/memories.v");

fn measuring(name: &str) -> &'static Build {
    Build::measuring(name).unwrap()
}

fn run(
    config: &str,
    verilog: &str,
    change: impl FnOnce(&mut Options),
) -> Result<Report, FlowError> {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::new(folder.path());
    change(&mut options);
    synthesise(measuring(config), verilog, &options, &mut |_| {})
}

fn home(report: &Report, end_of_name: &str) -> (Home, u64) {
    let found = report
        .memories
        .iter()
        .find(|memory| memory.name.ends_with(end_of_name));
    found
        .map(|memory| (memory.home, memory.bits()))
        .unwrap_or_else(|| panic!("{end_of_name}: {:?}", report.memories))
}

/// Flip-flops of the small design (product, count, read data, ack) and of the measuring top, where the seven address
/// bits that the design ignores need none.
const ENGINE_FLIP_FLOPS: u64 = 32 + 8 + 32 + 1;
const TOP_FLIP_FLOPS: u64 = 2 + 52 + (52 - 7) + 33 + 1;

#[test]
fn ice40_small_design_has_the_expected_cells_and_two_honest_seeds() {
    let mut steps = vec![];
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        seeds: 2,
        first_seed: 5,
        pack: true,
        ..Options::new(folder.path())
    };
    let report = synthesise(measuring("icebreaker"), SMALL, &options, &mut |p| {
        steps.push((p.done, p.total))
    })
    .unwrap();
    assert_eq!(steps, [(0, 4), (1, 4), (2, 4), (3, 4)]);
    assert_eq!(report.used(Resource::Multiplier), 1);
    assert_eq!(
        report.used(Resource::BlockRam),
        4,
        "1 Ki x 16 in blocks of 4 kbit"
    );
    assert_eq!(report.used(Resource::Spram), 0);
    // SB_MAC16 takes the product's register in, and that of the operand which goes nowhere else.
    assert_eq!(
        report.used(Resource::FlipFlop),
        ENGINE_FLIP_FLOPS + TOP_FLIP_FLOPS - 32 - 16,
        "{report}"
    );
    assert_eq!(home(&report, "engine.store.cells"), (Home::BlockRam, 16384));
    assert_eq!(
        report.runs.iter().map(|run| run.seed).collect::<Vec<_>>(),
        [5, 6]
    );
    assert_ne!(report.runs[0].fmax_mhz, report.runs[1].fmax_mhz);
    assert!(
        report.meets_timing() && report.fmax_max() < 200.0,
        "{report}"
    );
    assert!(
        report.versions.yosys.starts_with("Yosys 0.")
            && report.versions.nextpnr.starts_with("nextpnr-"),
        "{report}"
    );
    assert_matches_the_device(&report, "icebreaker");
    let bitstream = std::fs::metadata(folder.path().join("bitstream.bin"))
        .unwrap()
        .len();
    assert_eq!(report.bitstream_bytes, Some(bitstream));
    assert!(
        bitstream > 100_000,
        "a UP5K bitstream has 104,090 bytes, got {bitstream}"
    );
    assert_eq!(
        Report::load(&folder.path().join("report.json")).unwrap(),
        report
    );
}

#[test]
fn ecp5_small_design_has_the_expected_cells_and_blocks() {
    let report = ecp5();
    assert_eq!(report.used(Resource::Multiplier), 1);
    assert_eq!(
        report.used(Resource::BlockRam),
        1,
        "1 Ki x 16 in a block of 18 kbit"
    );
    assert_eq!(home(report, "engine.store.cells"), (Home::BlockRam, 16384));
    assert_eq!(
        report.used(Resource::FlipFlop),
        ENGINE_FLIP_FLOPS + TOP_FLIP_FLOPS
    );
    assert!(report.meets_timing(), "{report}");
    assert_matches_the_device(report, "ulx3s-25f");
    let block = |name: &str| {
        report
            .blocks
            .iter()
            .find(|block| block.path == name)
            .unwrap()
    };
    // The counter and the store hold no instances, so they are part of the engine.
    assert_eq!(
        (block("engine").block_rams, block("engine").multipliers),
        (1, 1)
    );
    // A register of the measuring top that feeds the engine may bear the name of the engine's input.
    assert!(
        (ENGINE_FLIP_FLOPS..=ENGINE_FLIP_FLOPS + 45).contains(&block("engine").flip_flops),
        "{report}"
    );
    assert_eq!(
        block("engine").flip_flops + block("measure").flip_flops,
        ENGINE_FLIP_FLOPS + TOP_FLIP_FLOPS
    );
    assert!((8..=60).contains(&block("engine").luts), "{report}");
}

fn ecp5() -> &'static Report {
    static REPORT: OnceLock<Report> = OnceLock::new();
    REPORT.get_or_init(|| run("ulx3s-25f", SMALL, |_| {}).unwrap())
}

/// The table of boards says what nextpnr says of the device.
fn assert_matches_the_device(report: &Report, name: &str) {
    assert!(report.usage.len() >= 4, "{report}");
    for usage in &report.usage {
        assert_eq!(
            usage.available,
            measuring(name).device.capacity(usage.resource),
            "{:?}",
            usage.resource
        );
        assert!(usage.used <= usage.available);
    }
}

/// An UltraPlus, a device without multipliers, and one with a differential oscillator.
#[test]
fn boards_get_a_clock_pins_and_a_bitstream() {
    for name in ["icebreaker", "hx8k", "versa-45f"] {
        let build = Build::board(name).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            pack: true,
            ..Options::new(folder.path())
        };
        let verilog = format!("{BOARD}{SMALL}");
        let report = synthesise(build, &verilog, &options, &mut |_| {})
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(report.name, format!("board-{name}"));
        assert!(report.fmax_max() >= build.target_mhz, "{name}: {report}");
        assert!(report.bitstream_bytes > Some(50_000), "{name}: {report}");
        for usage in &report.usage {
            let capacity = build.device.capacity(usage.resource);
            assert_eq!(usage.available, capacity, "{name}: {:?}", usage.resource);
        }
        let saved = report.save(folder.path()).unwrap();
        assert_eq!(
            saved.file_name().unwrap().to_str(),
            Some(format!("board-{name}.json").as_str())
        );
    }
}

#[test]
fn a_clock_that_the_pll_cannot_make_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        target_mhz: Some(17.3),
        ..Options::new(folder.path())
    };
    let build = Build::board("icebreaker").unwrap();
    let verilog = format!("{BOARD}{SMALL}");
    let error = synthesise(build, &verilog, &options, &mut |_| {}).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("17.3 MHz, of which the PLL makes 17.25"),
        "{text}"
    );
}

#[test]
fn a_target_out_of_reach_is_refused_with_what_was_reached() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bitstream.bin"), "of an earlier run").unwrap();
    let options = Options {
        target_mhz: Some(500.0),
        pack: true,
        ..Options::new(folder.path())
    };
    let error = synthesise(measuring("icebreaker"), SMALL, &options, &mut |_| {}).unwrap_err();
    let text = error.to_string();
    let FlowError::TimingMissed { report, .. } = error else {
        panic!("{text}")
    };
    assert!(report.fmax_max() > 10.0 && report.fmax_max() < 500.0);
    assert!(
        text.contains(&format!("got {:.2} MHz", report.fmax_max()))
            && text.contains("expected 500.00 MHz"),
        "{text}"
    );
    assert!(report.critical_path.levels > 0, "{text}");
    assert!(
        !folder.path().join("bitstream.bin").exists(),
        "a design that misses timing is not packed"
    );
    assert!(
        folder.path().join("report.json").exists()
            && folder.path().join("nextpnr_seed1.log").exists()
    );
}

#[test]
fn memories_in_flip_flops_are_named() {
    let report = run("icebreaker", MEMORIES, |_| {}).unwrap();
    assert_eq!(home(&report, "engine.fifo"), (Home::FlipFlops, 128));
    assert_eq!(home(&report, "engine.taken_apart"), (Home::FlipFlops, 24));
    assert_eq!(home(&report, "engine.cleared"), (Home::FlipFlops, 96));
    assert_eq!(report.memories_in_flip_flops().len(), 3);
    assert!(
        report
            .to_string()
            .contains("engine.fifo of 16 x 8 bits is in flip-flops"),
        "{report}"
    );
}

#[test]
fn broken_verilog_gives_the_message_of_the_tool() {
    let broken = SMALL.replace("wire [7:0] count;", "wire [7:0 count;");
    let folder = tempfile::tempdir().unwrap();
    let error = synthesise(
        measuring("icebreaker"),
        &broken,
        &Options::new(folder.path()),
        &mut |_| {},
    )
    .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("yosys failed: engine.v:19: ERROR: syntax error"),
        "{text}"
    );
    let FlowError::Tool { log, .. } = error else {
        panic!("{text}")
    };
    assert!(log.starts_with(folder.path()) && log.exists());
}

#[test]
fn verilog_without_an_engine_is_refused() {
    let text = run("icebreaker", "module other; endmodule", |_| {})
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("yosys failed") && text.contains("engine"),
        "{text}"
    );
}

#[test]
fn faulty_logic_is_refused() {
    let refusal = |from: &str, to: &str| {
        assert!(SMALL.contains(from));
        run("icebreaker", &SMALL.replace(from, to), |_| {})
            .unwrap_err()
            .to_string()
    };
    let latch = refusal(
        "        ack       <= strobe;",
        "    end\n always @* if (strobe) ack = address[0]; always @(posedge clock) begin",
    );
    assert!(latch.contains("Latch inferred"), "{latch}");
    let undriven = refusal("{8'd0, count, word}", "{nothing, count, word}");
    assert!(undriven.contains("is used but has no driver"), "{undriven}");
    let two_drivers = refusal("wire [15:0] word;", "wire [15:0] word; assign word = 5;");
    assert!(
        two_drivers.contains("driving constant bits"),
        "{two_drivers}"
    );
}

/// Yosys 0.70 turns a product with two registers behind it into a constant on iCE40, with no more than a warning.
#[test]
fn a_product_that_synthesis_drops_is_refused() {
    let more = "reg signed [31:0] later;\n always @(posedge clock) later <= product;\n reg signed [31:0] product;";
    let dropped = SMALL
        .replace("reg signed [31:0] product;", more)
        .replace("address[17] ? product", "address[17] ? later");
    for result in [
        run("icebreaker", &dropped, |_| {}).map(|report| report.to_string()),
        netlist(
            measuring("icebreaker").device,
            &dropped,
            &Options::new(tempfile::tempdir().unwrap().path()),
        ),
    ] {
        let text = result.unwrap_err().to_string();
        assert!(text.contains("Driver-driver conflict"), "{text}");
    }
}

#[test]
fn an_engine_that_does_nothing_is_refused() {
    let ports = SMALL
        .split_once("module engine (")
        .unwrap()
        .1
        .split_once(");")
        .unwrap()
        .0;
    let idle =
        format!("module engine ({ports}); always @* begin read_data = 0; ack = 0; end endmodule");
    let error = run("icebreaker", &idle, |_| {}).unwrap_err();
    assert!(matches!(error, FlowError::Empty { .. }), "{error}");
}

#[test]
fn a_design_too_large_is_refused_with_numbers() {
    let factors: Vec<String> = (0..9)
        .map(|i| format!("$signed(write_data[{}:{i}]) * word", i + 15))
        .collect();
    let many = SMALL.replace(
        "$signed(write_data[31:16]) * $signed(write_data[15:0])",
        &factors.join(" ^ "),
    );
    assert_ne!(many, SMALL);
    let error = run("icebreaker", &many, |_| {}).unwrap_err();
    let text = error.to_string();
    assert!(
        matches!(
            error,
            FlowError::DoesNotFit {
                need: 9,
                available: 8,
                ..
            }
        ),
        "{text}"
    );
    assert!(
        text.contains("it needs 9 multipliers, the device has 8"),
        "{text}"
    );
}

#[test]
fn absent_tools_are_told_with_the_way_to_get_them() {
    let text = run("icebreaker", SMALL, |options| {
        options.tools = Tools::at("/nonexistent")
    })
    .unwrap_err()
    .to_string();
    assert!(
        text.contains("there is no yosys at /nonexistent/bin/yosys: run scripts/setup"),
        "{text}"
    );
}

#[test]
fn senseless_options_are_refused() {
    let none = run("icebreaker", SMALL, |options| options.seeds = 0).unwrap_err();
    assert!(matches!(none, FlowError::Option { .. }), "{none}");
    let negative = run("icebreaker", SMALL, |options| {
        options.target_mhz = Some(-1.0)
    })
    .unwrap_err();
    assert!(matches!(negative, FlowError::Option { .. }), "{negative}");
}

#[test]
fn the_netlist_is_made_of_cells_that_have_models() {
    for (name, cells) in [
        ("icebreaker", ["SB_MAC16", "SB_RAM40_4K"]),
        ("ulx3s-25f", ["MULT18X18D", "DP16KD"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let text = netlist(measuring(name).device, SMALL, &Options::new(folder.path())).unwrap();
        assert_eq!(text.matches("\nmodule ").count(), 1, "{name}: flat");
        assert!(
            text.contains("\nmodule engine(") && !text.contains("always @"),
            "{name}"
        );
        for cell in cells {
            assert!(text.contains(&format!("  {cell} ")), "{name}: {cell}");
        }
        let models = cell_models(measuring(name).device, &Tools::default()).unwrap();
        assert!(models.file.is_file() && models.file.parent() == Some(models.include.as_path()));
        let yosys = std::fs::read_to_string(&models.file).unwrap();
        for cell in cells {
            let module = format!("module {cell}");
            assert!(
                yosys.contains(&module) || models.own.contains(&module),
                "{cell}"
            );
        }
    }
}
