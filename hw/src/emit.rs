//! From a Rust-HDL block to Verilog text and a list of ports.

use rust_hdl_core::atom::{Atom, AtomKind};
use rust_hdl_core::prelude::*;

/// A port of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Name in Verilog; an element of an array of ports is `name$index`.
    pub name: String,
    /// Bits.
    pub bits: usize,
    /// Whether it is an input.
    pub input: bool,
}

/// A module with everything below it.
#[derive(Clone, Debug)]
pub struct Module {
    /// Name of its outermost Verilog module.
    pub name: String,
    /// Verilog of that module and all below.
    pub verilog: String,
    /// Its ports, `clock` among them.
    pub ports: Vec<Port>,
}

/// Translates `block`. The name becomes the outermost module's; those below are called by their
/// path, as `engine$pe$0`.
pub fn emit<B: Block>(name: &str, mut block: B) -> Module {
    block.connect_all();
    // Rust-HDL's own generator demands that inputs are driven, which pins of a chip are not.
    let mut defines = ModuleDefines::default();
    let mut ports = Ports::default();
    block.accept(name, &mut defines);
    block.accept(name, &mut ports);
    // Rust-HDL prints the reset value of an enum 64 bits wide.
    let verilog = defines.defines().replace("q = 64'h0;", "q = 0;");
    Module {
        name: name.into(),
        verilog,
        ports: ports.list,
    }
}

#[derive(Default)]
struct Ports {
    depth: usize,
    scope: Vec<String>,
    list: Vec<Port>,
}

impl Probe for Ports {
    fn visit_start_scope(&mut self, _: &str, _: &dyn Block) {
        self.depth += 1;
    }
    fn visit_end_scope(&mut self, _: &str, _: &dyn Block) {
        self.depth -= 1;
    }
    fn visit_start_namespace(&mut self, name: &str, _: &dyn Block) {
        self.scope.push(name.into());
    }
    fn visit_end_namespace(&mut self, _: &str, _: &dyn Block) {
        self.scope.pop();
    }
    fn visit_atom(&mut self, name: &str, atom: &dyn Atom) {
        if self.depth == 1 && atom.kind().is_parameter() {
            let mut path = self.scope.clone();
            path.push(name.into());
            self.list.push(Port {
                name: path.join("$"),
                bits: atom.bits(),
                input: atom.kind() == AtomKind::InputParameter,
            });
        }
    }
}
