//! A Verilated module, safely.

use crate::ffi;
use std::ffi::{CStr, CString, c_void};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};
use thiserror::Error;

/// A port of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name; an element of an array of ports is `name$index`.
    pub name: &'static str,
    /// Bits, at most 64.
    pub bits: u32,
    /// Whether it is an input.
    pub input: bool,
}

/// A port of one model, found by [`Model::port`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortId(u32);

/// A memory of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Its name in the Verilog, from the top module down, as `engine.banks$0.cells`.
    pub name: &'static str,
    /// Words.
    pub words: u32,
    /// Bits of a word, at most 64.
    pub bits: u32,
}

/// A memory of one model, found by [`Model::memory`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryId(u32);

/// Why a model cannot do what was asked.
#[derive(Debug, Error)]
pub enum ModelError {
    /// No such model.
    #[error("there is no model {got:?}; there are: {}", expected.join(", "))]
    Unknown {
        /// The name asked for.
        got: String,
        /// All names.
        expected: Vec<&'static str>,
    },
    /// The wave file cannot be written.
    #[error("cannot write waves to {}: does its folder exist?", .0.display())]
    Waves(PathBuf),
    /// The models were built without waves.
    #[error("this build has no waves: build it with the feature \"trace\" of thresh-sim")]
    NoWaves,
}

/// An instance of a Verilated module.
///
/// The clock is low between calls. Inputs start at zero and keep their values; after a change,
/// [`settle`](Self::settle) or [`step`](Self::step) brings the outputs up to date.
pub struct Model {
    table: &'static ffi::thresh_model,
    instance: NonNull<c_void>,
}

// SAFETY: an instance is a C++ object with a context of its own, and nothing else points into it.
// Verilator allows any thread to use it, one at a time, which `&mut self` ensures.
unsafe impl Send for Model {}

/// Held while an instance is made or destroyed: both touch Verilator's global "last context".
static LIFECYCLE: Mutex<()> = Mutex::new(());

fn tables() -> &'static [&'static ffi::thresh_model] {
    // SAFETY: the build script emits the array with exactly this many pointers to constants with
    // static lifetime. A reference has the layout of a pointer that is not null.
    unsafe {
        let first = (&raw const ffi::thresh_models).cast::<&'static ffi::thresh_model>();
        std::slice::from_raw_parts(first, ffi::thresh_model_count as usize)
    }
}

fn text(pointer: *const std::ffi::c_char) -> &'static str {
    // SAFETY: names in the tables are string literals that the build script made of Rust strings.
    unsafe { CStr::from_ptr(pointer) }
        .to_str()
        .expect("names are UTF-8")
}

impl Model {
    /// The names of all models.
    pub fn names() -> impl Iterator<Item = &'static str> {
        tables().iter().map(|table| text(table.name))
    }

    /// A new instance at power-on.
    ///
    /// # Errors
    /// When there is no model of that name.
    pub fn new(name: &str) -> Result<Self, ModelError> {
        let table = tables()
            .iter()
            .find(|table| text(table.name) == name)
            .ok_or_else(|| ModelError::Unknown {
                got: name.into(),
                expected: Self::names().collect(),
            })?;
        let _guard = LIFECYCLE.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: every function of the table is set.
        let instance = unsafe { (table.create.expect("set"))() };
        Ok(Self {
            table,
            instance: NonNull::new(instance).expect("new never gives null"),
        })
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        text(self.table.name)
    }

    /// Its ports, `clock` among them.
    pub fn ports(&self) -> impl Iterator<Item = Port> {
        // SAFETY: the build script emits the list with exactly this many ports.
        let ports =
            unsafe { std::slice::from_raw_parts(self.table.ports, self.table.port_count as usize) };
        ports.iter().map(|port| Port {
            name: text(port.name),
            bits: port.bits,
            input: port.input != 0,
        })
    }

    /// The port called `name`.
    ///
    /// # Panics
    /// If there is none: names are written in code, never taken from input.
    pub fn port(&self, name: &str) -> PortId {
        let index = self.ports().position(|port| port.name == name);
        let index = index.unwrap_or_else(|| panic!("model {} has no port {name}", self.name()));
        PortId(index as u32)
    }

    /// The value of a port, as unsigned bits.
    pub fn get(&self, port: PortId) -> u64 {
        // SAFETY: the instance is alive; an unknown index gives zero.
        unsafe { (self.table.get.expect("set"))(self.instance.as_ptr(), port.0) }
    }

    /// Sets an input to the low bits of `value`. Nothing happens to outputs and the clock.
    pub fn set(&mut self, port: PortId, value: u64) {
        // SAFETY: the instance is alive; an unknown index does nothing.
        unsafe { (self.table.set.expect("set"))(self.instance.as_ptr(), port.0, value) }
    }

    /// Its memories with words of 64 bits at most. Which there are is up to Verilator's optimiser.
    pub fn memories(&self) -> impl Iterator<Item = Memory> {
        // SAFETY: the build script emits the list with at least this many memories.
        let memories = unsafe {
            std::slice::from_raw_parts(self.table.memories, self.table.memory_count as usize)
        };
        memories.iter().map(|memory| Memory {
            name: text(memory.name),
            words: memory.words,
            bits: memory.bits,
        })
    }

    /// The memory called `name`.
    pub fn memory(&self, name: &str) -> Option<MemoryId> {
        let index = self.memories().position(|memory| memory.name == name)?;
        Some(MemoryId(index as u32))
    }

    /// A word of a memory; zero beyond its end.
    pub fn peek(&self, memory: MemoryId, word: usize) -> u64 {
        let word = u32::try_from(word).unwrap_or(u32::MAX);
        // SAFETY: the instance is alive; an unknown memory or word gives zero.
        unsafe { (self.table.peek.expect("set"))(self.instance.as_ptr(), memory.0, word) }
    }

    /// Sets a word of a memory to the low bits of `value`, past the ports of the module. Beyond the
    /// end nothing happens. What has been read from the memory before does not change.
    pub fn poke(&mut self, memory: MemoryId, word: usize, value: u64) {
        let word = u32::try_from(word).unwrap_or(u32::MAX);
        // SAFETY: the instance is alive; an unknown memory or word does nothing.
        unsafe { (self.table.poke.expect("set"))(self.instance.as_ptr(), memory.0, word, value) }
    }

    /// Brings the outputs up to date with the inputs, without a clock edge.
    pub fn settle(&mut self) {
        // SAFETY: the instance is alive.
        unsafe { (self.table.eval.expect("set"))(self.instance.as_ptr()) }
    }

    /// Runs whole clock cycles with the inputs as they are. Call [`settle`](Self::settle) before it
    /// when inputs have changed.
    pub fn step(&mut self, cycles: u64) {
        // SAFETY: the instance is alive.
        unsafe { (self.table.step.expect("set"))(self.instance.as_ptr(), cycles) }
    }

    /// Writes waves (VCD, two time units a cycle) to the file `path` from now until the model is dropped.
    ///
    /// # Errors
    /// When the file cannot be written, or the crate was built without its feature `trace`.
    pub fn trace_to(&mut self, path: &Path) -> Result<(), ModelError> {
        let waves = || ModelError::Waves(path.into());
        let name = path
            .to_str()
            .and_then(|path| CString::new(path).ok())
            .ok_or_else(waves)?;
        // SAFETY: the instance is alive; the text outlives the call.
        match unsafe { (self.table.trace.expect("set"))(self.instance.as_ptr(), name.as_ptr()) } {
            0 => Ok(()),
            1 => Err(waves()),
            _ => Err(ModelError::NoWaves),
        }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        let _guard = LIFECYCLE.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the instance is alive, and this is its last use.
        unsafe { (self.table.destroy.expect("set"))(self.instance.as_ptr()) }
    }
}
