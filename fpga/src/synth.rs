//! The Yosys step: sources in, netlist, cell counts and the fate of every memory out.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::memory::{self, Design, Memory};
use crate::tools::{PACK_TIMEOUT, YOSYS_TIMEOUT, read, read_json, write};
use crate::{Block, Board, Build, Device, FlowError, Resource, Tools, Top, blocks};

/// Module that the engine's Verilog must hold.
pub(crate) const ENGINE: &str = "engine";
/// Instances in the top that hold the engine: of the measuring top, and of a board's.
pub(crate) const HARNESSES: [&str; 2] = ["measure", "device"];
/// Module of every top.
pub(crate) const TOP: &str = "board_top";
/// File of the engine's Verilog.
const ENGINE_FILE: &str = "engine.v";
/// File of the top's Verilog.
const TOP_FILE: &str = "board_top.v";
/// File of a board's PLL.
const PLL_FILE: &str = "pll.v";
/// How far the clock of a PLL may be from what was asked for: a bit of a serial line bears much more.
const PLL_TOLERANCE: f64 = 1e-3;
/// The warning under which Yosys drops logic, for example a product with two registers behind it on iCE40: a constant
/// takes the place of the result. It is made an error.
const CONFLICT: &str = "Driver-driver conflict";
/// The netlist that nextpnr takes.
pub(crate) const NETLIST: &str = "netlist.json";

/// What synthesis gave.
pub(crate) struct Synthesis {
    /// Cells by type.
    pub cells: BTreeMap<String, u64>,
    /// What each block takes.
    pub blocks: Vec<Block>,
    /// Every memory of the sources.
    pub memories: Vec<Memory>,
    /// How long it took.
    pub seconds: f64,
}

/// Yosys' answer to `stat -json`, as far as it is used.
#[derive(Deserialize)]
pub(crate) struct Stat {
    /// Per module.
    pub modules: BTreeMap<String, StatModule>,
}

/// One module of [`Stat`].
#[derive(Deserialize)]
pub(crate) struct StatModule {
    /// Cells, instances of other modules included.
    pub num_cells_by_type: BTreeMap<String, u64>,
}

impl Synthesis {
    /// How many of `resource` the cells take at least.
    pub fn need(&self, device: &Device, resource: Resource) -> u64 {
        self.cells
            .iter()
            .filter_map(|(cell, count)| {
                device
                    .family
                    .cost(cell)
                    .map(|(kind, each)| (kind, each * count))
            })
            .filter(|(kind, _)| *kind == resource)
            .map(|(_, count)| count)
            .sum()
    }
}

/// Writes the sources of `build` with the engine into `folder`. Gives their names in the order in which Yosys reads them.
pub(crate) fn write_sources(
    build: &Build,
    verilog: &str,
    target_mhz: f64,
    tools: &Tools,
    folder: &Path,
) -> Result<Vec<&'static str>, FlowError> {
    write(&folder.join(ENGINE_FILE), verilog)?;
    let top = match &build.top {
        Top::Measure => include_str!("../boards/measure.v"),
        Top::Board(board) => {
            let family = build.device.family;
            write(&folder.join(family.nextpnr_files()[0].1), board.pins)?;
            make_pll(build.device, board, target_mhz, tools, folder)?;
            include_str!("../boards/board_top.v")
        }
    };
    write(&folder.join(TOP_FILE), top)?;
    Ok(match build.top {
        Top::Measure => vec![ENGINE_FILE, TOP_FILE],
        Top::Board(_) => vec![ENGINE_FILE, PLL_FILE, TOP_FILE],
    })
}

/// Makes the PLL from the board's oscillator to `target_mhz`.
fn make_pll(
    device: &Device,
    board: &Board,
    target_mhz: f64,
    tools: &Tools,
    folder: &Path,
) -> Result<(), FlowError> {
    let (family, log) = (device.family, "pll.log");
    let (from, to) = (board.oscillator_mhz.to_string(), target_mhz.to_string());
    let mut args = family.pll_args(&from, &to, PLL_FILE);
    args.extend(board.pll_args);
    tools.run(family.pll(), &args, folder, log, PACK_TIMEOUT)?;
    let reached = pll_clock(&read(&folder.join(log))?, family.pll_clock_mark());
    match reached {
        Some(reached) if (reached / target_mhz - 1.0).abs() <= PLL_TOLERANCE => Ok(()),
        reached => Err(FlowError::Option {
            got: format!(
                "a clock of {to} MHz, of which the PLL makes {}",
                reached.map_or("nothing".into(), |mhz| format!("{mhz} MHz"))
            ),
            expected: "one that the PLL makes to a thousandth from the board's oscillator",
        }),
    }
}

/// The clock in MHz in the line of `log` with `mark`: the number before the unit.
fn pll_clock(log: &str, mark: &str) -> Option<f64> {
    let line = log.lines().find(|line| line.contains(mark))?;
    let (before, _) = line.split_once(" MHz")?;
    before.split_whitespace().last()?.parse().ok()
}

/// Synthesises the `sources` in `folder` for `build`. A latch, a net with two drivers, one that is used but not driven and
/// a loop are errors. The run is cut before and after the mapping of memories, where the
/// design is written out, so that the fate of each is known from the netlists.
pub(crate) fn run(
    build: &Build,
    sources: &[&str],
    tools: &Tools,
    folder: &Path,
) -> Result<Synthesis, FlowError> {
    let synth = format!("{} -top {TOP}", build.device.synth_command);
    let sources = sources.join(" ");
    let script = format!(
        "read_verilog {sources}\n\
         {synth} -run :coarse\nproc -latches error\nflatten\ncheck -assert\n\
         {synth} -run coarse:map_ram\nselect {TOP}\nwrite_json -selected before_ram.json\nselect -clear\n\
         {synth} -run map_ram:map_ffram\nselect {TOP}\nwrite_json -selected after_ram.json\nselect -clear\n\
         {synth} -run map_ffram: -json {NETLIST}\ntee -q -o stat.json stat -json\n"
    );
    let seconds = run_script(tools, folder, "synth.ys", &script)?;
    let mut stat: Stat = read_json(&folder.join("stat.json"))?;
    let cells = take_module(&mut stat, TOP, folder)?.num_cells_by_type;
    let before = Design::read(&folder.join("before_ram.json"), TOP)?;
    let after = Design::read(&folder.join("after_ram.json"), TOP)?;
    let mapped = Design::read(&folder.join(NETLIST), TOP)?;
    if !mapped.has_cell_below(ENGINE) {
        return Err(FlowError::Empty { build: build.name });
    }
    let replaced = memory::replaced_by_frontend(&read(&folder.join("synth.ys.log"))?);
    let memories = memory::fates(&before, &after, &mapped, &replaced);
    Ok(Synthesis {
        cells,
        blocks: blocks::count(build.device.family, &mapped),
        memories,
        seconds,
    })
}

/// Runs a Yosys script, which is left in `folder` as `name`, and gives the seconds that it took.
pub(crate) fn run_script(
    tools: &Tools,
    folder: &Path,
    name: &str,
    script: &str,
) -> Result<f64, FlowError> {
    write(&folder.join(name), script)?;
    let (log, printed) = (format!("{name}.log"), format!("{name}.out"));
    let args = ["-q", "-l", &log, "-e", CONFLICT, "-s", name];
    tools.run("yosys", &args, folder, &printed, YOSYS_TIMEOUT)
}

/// Refuses a design that needs more of anything than the device has.
pub(crate) fn check_fit(build: &'static Build, synthesis: &Synthesis) -> Result<(), FlowError> {
    for resource in Resource::ALL {
        let device = build.device;
        let (need, available) = (synthesis.need(device, resource), device.capacity(resource));
        if need > available {
            return Err(FlowError::DoesNotFit {
                build: build.name,
                resource: resource.name(),
                need,
                available,
                blocks: synthesis.blocks.clone(),
                memories: synthesis.memories.clone(),
            });
        }
    }
    Ok(())
}

/// Takes `name` out of the modules; Yosys writes a public name with a backslash before it.
pub(crate) fn take_module(
    stat: &mut Stat,
    name: &str,
    folder: &Path,
) -> Result<StatModule, FlowError> {
    stat.modules
        .remove(&format!("\\{name}"))
        .or_else(|| stat.modules.remove(name))
        .ok_or_else(|| FlowError::BadFile {
            file: folder.join("stat.json"),
            problem: format!("has no module {name}"),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Family;

    #[test]
    fn the_clock_of_a_pll_is_read_from_its_calculator() {
        let ecp5 = "clkout0 divisor: 9\nclkout0 frequency: 65.5 MHz\nVCO frequency: 585\n";
        assert_eq!(pll_clock(ecp5, Family::Ecp5.pll_clock_mark()), Some(65.5));
        let ice40 = "F_PLLOUT:   25.000 MHz (requested)\nF_PLLOUT:   24.750 MHz (achieved)\n";
        assert_eq!(
            pll_clock(ice40, Family::Ice40.pll_clock_mark()),
            Some(24.75)
        );
        assert_eq!(pll_clock("no PLL\n", Family::Ecp5.pll_clock_mark()), None);
    }
}
