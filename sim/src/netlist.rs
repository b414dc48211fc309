//! Names of the models of netlists, which the build script shares.

/// Configurations whose netlists have models, one for each family.
pub const NETLISTS: [&str; 2] = ["icebreaker", "ulx3s-25f"];

/// Name of the model of a configuration's netlist.
pub fn netlist_name(config: &str) -> String {
    format!("{config}-netlist")
}
