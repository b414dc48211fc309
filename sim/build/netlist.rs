//! What Yosys makes of engines.

use crate::catalogue::{Cells, Model};
use crate::netlists::{NETLISTS, netlist_name};
use std::fs;
use std::path::Path;
use thresh_fpga::{Build, Options, Tools, cell_models, netlist};
use thresh_regs::Config;

/// The netlists' models. One whose engine has not changed is taken from the last run.
pub fn netlists(out: &Path) -> Result<Vec<Model>, String> {
    NETLISTS.iter().map(|name| of(name, out)).collect()
}

fn of(name: &str, out: &Path) -> Result<Model, String> {
    let config = Config::named(name).ok_or(format!("there is no configuration {name}"))?;
    let build = Build::measuring(name).ok_or(format!("{name} is not synthesised"))?;
    let mut module = thresh_hw::configuration(config);
    let error = |error: thresh_fpga::FlowError| error.to_string();
    let folder = out.join(netlist_name(name));
    let (source, made) = (folder.join("of.v"), folder.join("netlist.v"));
    let same = fs::read_to_string(&source).is_ok_and(|old| old == module.verilog);
    let text = match fs::read_to_string(&made) {
        Ok(text) if same => text,
        _ => {
            let options = Options::new(&folder);
            let text = netlist(build.device, &module.verilog, &options).map_err(error)?;
            let written =
                fs::write(&made, &text).and_then(|()| fs::write(&source, &module.verilog));
            written.map_err(|error| format!("{}: {error}", folder.display()))?;
            text
        }
    };
    let models = cell_models(build.device, &Tools::default()).map_err(error)?;
    module.verilog = text + models.own;
    Ok(Model {
        name: netlist_name(name),
        module,
        cells: Some(Cells {
            file: models.file,
            include: models.include,
        }),
    })
}
