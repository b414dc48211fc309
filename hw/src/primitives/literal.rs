use rust_hdl_core::ast::VerilogLiteral;
use rust_hdl_core::atom::{Atom, AtomKind};
use rust_hdl_core::block::Block;
use rust_hdl_core::constraint::PinConstraint;
use rust_hdl_core::logic::Logic;
use rust_hdl_core::prelude::{Bits, Constant};
use rust_hdl_core::probe::Probe;
use rust_hdl_core::synth::VCDValue;
use rust_hdl_core::type_descriptor::TypeDescriptor;

/// The sized constant `VALUE` of `N` bits.
///
/// An unsized literal becomes 32 bits wide in Verilog and widens what stands beside it, so every
/// number in a kernel is one of these. Unlike Rust-HDL's own `Constant` its value is part of its
/// type, so modules can derive `Default`.
#[derive(Clone, Copy, Debug)]
pub struct Literal<const N: usize, const VALUE: usize>(Constant<Bits<N>>);

impl<const N: usize, const VALUE: usize> Default for Literal<N, VALUE> {
    fn default() -> Self {
        Self(Constant::new((VALUE as u64).into()))
    }
}

impl<const N: usize, const VALUE: usize> Literal<N, VALUE> {
    /// The value, for kernels.
    pub fn val(&self) -> Bits<N> {
        self.0.val()
    }
}

impl<const N: usize, const VALUE: usize> Logic for Literal<N, VALUE> {
    fn update(&mut self) {}
    fn connect(&mut self) {}
}

impl<const N: usize, const VALUE: usize> Block for Literal<N, VALUE> {
    fn connect_all(&mut self) {}
    fn update_all(&mut self) {}
    fn has_changed(&self) -> bool {
        false
    }
    fn accept(&self, name: &str, probe: &mut dyn Probe) {
        probe.visit_atom(name, self);
    }
}

impl<const N: usize, const VALUE: usize> Atom for Literal<N, VALUE> {
    fn bits(&self) -> usize {
        N
    }
    fn connected(&self) -> bool {
        true
    }
    fn changed(&self) -> bool {
        false
    }
    fn kind(&self) -> AtomKind {
        AtomKind::Constant
    }
    fn descriptor(&self) -> TypeDescriptor {
        self.0.descriptor()
    }
    fn vcd(&self) -> VCDValue {
        self.0.vcd()
    }
    fn id(&self) -> usize {
        self.0.id()
    }
    fn verilog(&self) -> VerilogLiteral {
        self.0.verilog()
    }
    fn constraints(&self) -> Vec<PinConstraint> {
        vec![]
    }
}
