//! The Yosys step: sources in, netlist, cell counts and the fate of every memory out.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::memory::{self, Design, Memory};
use crate::tools::{YOSYS_TIMEOUT, read, read_json, write};
use crate::{Block, Board, FlowError, Resource, Tools, blocks};

/// Module that the engine's Verilog must hold.
pub(crate) const ENGINE: &str = "engine";
/// Instance of the measuring top in a board's top.
pub(crate) const HARNESS: &str = "measure";
/// Module of a board's top.
pub(crate) const TOP: &str = "board_top";
/// The sources, in the order in which Yosys reads them.
pub(crate) const SOURCES: &str = "engine.v measure.v board_top.v";
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
    pub fn need(&self, board: &Board, resource: Resource) -> u64 {
        self.cells
            .iter()
            .filter_map(|(cell, count)| {
                board
                    .family
                    .cost(cell)
                    .map(|(kind, each)| (kind, each * count))
            })
            .filter(|(kind, _)| *kind == resource)
            .map(|(_, count)| count)
            .sum()
    }
}

/// Writes the sources of `board` with the engine into `folder`.
pub(crate) fn write_sources(board: &Board, verilog: &str, folder: &Path) -> Result<(), FlowError> {
    write(&folder.join("engine.v"), verilog)?;
    write(
        &folder.join("measure.v"),
        include_str!("../boards/measure.v"),
    )?;
    write(&folder.join("board_top.v"), board.top)?;
    write(&folder.join(board.family.nextpnr_files()[0].1), board.pins)
}

/// Synthesises the sources in `folder` for `board`. A latch, a net with two drivers, one that is used but not driven and
/// a loop are errors. The run is cut before and after the mapping of memories, where the
/// design is written out, so that the fate of each is known from the netlists.
pub(crate) fn run(board: &Board, tools: &Tools, folder: &Path) -> Result<Synthesis, FlowError> {
    let synth = format!("{} -top {TOP}", board.family.synth_command());
    let script = format!(
        "read_verilog {SOURCES}\n\
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
        return Err(FlowError::Empty { board: board.name });
    }
    let replaced = memory::replaced_by_frontend(&read(&folder.join("synth.ys.log"))?);
    let memories = memory::fates(&before, &after, &mapped, &replaced);
    Ok(Synthesis {
        cells,
        blocks: blocks::count(board.family, &mapped),
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

/// Refuses a design that needs more of anything than `board` has.
pub(crate) fn check_fit(board: &'static Board, synthesis: &Synthesis) -> Result<(), FlowError> {
    for resource in Resource::ALL {
        let (need, available) = (synthesis.need(board, resource), board.capacity(resource));
        if need > available {
            return Err(FlowError::DoesNotFit {
                board: board.name,
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
