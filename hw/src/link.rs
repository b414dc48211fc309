//! An engine behind what leads to its bus, in one module.

use crate::emit::{Module, Port};
use std::fmt::Write as _;
use thresh_regs::Config;

/// The module `top`: the engine of `config`, and `bridge` in front of it. The ports of the bridge that the engine has too, but for
/// the clock, are joined; each of `ties` gets a constant; the others are those of `top`. `what` tells of it in the first line.
///
/// It is wiring in Verilog, as a type for each engine with each bridge would take minutes to compile.
///
/// # Panics
/// If this build has no engine of `config`, see [`crate::is_built`].
pub fn join(
    top: &str,
    config: &Config,
    bridge: &Module,
    ties: &[(&str, String)],
    what: &str,
) -> Module {
    let engine = crate::configuration(config);
    let joined = |port: &&Port| {
        port.name != "clock" && engine.ports.iter().any(|other| other.name == port.name)
    };
    let tie = |port: &Port| ties.iter().find(|(name, _)| *name == port.name);
    let pins: Vec<Port> = bridge
        .ports
        .iter()
        .filter(|port| !joined(port) && tie(port).is_none())
        .cloned()
        .collect();
    let range = |port: &Port| match port.bits {
        1 => String::new(),
        bits => format!("[{}:0] ", bits - 1),
    };

    let mut text = format!("// {}, {what}.\nmodule {top}(\n", config.name);
    for (i, pin) in pins.iter().enumerate() {
        let direction = if pin.input { "input" } else { "output" };
        let comma = if i + 1 < pins.len() { "," } else { "" };
        let _ = writeln!(
            text,
            "    {direction} wire {}{}{comma}",
            range(pin),
            pin.name
        );
    }
    text.push_str(");\n");
    for port in bridge.ports.iter().filter(joined) {
        let _ = writeln!(text, "    wire {}{};", range(port), port.name);
    }
    for module in [bridge, &engine] {
        let connections: Vec<String> = module
            .ports
            .iter()
            .map(|port| {
                let value = tie(port).map_or(&port.name, |(_, value)| value);
                format!("        .{}({value})", port.name)
            })
            .collect();
        let _ = writeln!(
            text,
            "    {0} {0}(\n{1}\n    );",
            module.name,
            connections.join(",\n")
        );
    }
    text.push_str("endmodule\n");
    Module {
        name: top.into(),
        verilog: text + &bridge.verilog + &engine.verilog,
        ports: pins,
    }
}
