//! Drives a Rust-HDL block in Rust-HDL's own simulation and its Verilated model with the same
//! inputs, and compares every output in every cycle, with the clock low before and after the edge.

use crate::common;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rust_hdl_core::prelude::*;
use std::collections::BTreeSet;
use std::fmt;
use thresh_sim::{Model, PortId};

/// Rounds in which a block must settle; more is a combinational loop.
const SETTLE_ROUNDS: usize = 200;
/// Random inputs keep their character for this many cycles: mostly high, mostly low, or even.
const PHASE_CYCLES: u64 = 50;
/// Cycles of inputs shown with a difference.
const SHOWN_CYCLES: usize = 4;

/// A type of port, as plain bits.
pub trait Word {
    fn from_u64(bits: u64) -> Self;
    fn to_u64(self) -> u64;
}

impl Word for bool {
    fn from_u64(bits: u64) -> Self {
        bits != 0
    }
    fn to_u64(self) -> u64 {
        self.into()
    }
}

impl<const N: usize> Word for Bits<N> {
    fn from_u64(bits: u64) -> Self {
        bits.into()
    }
    fn to_u64(self) -> u64 {
        Bits::to_u64(self)
    }
}

impl<const N: usize> Word for Signed<N> {
    // Not through `i64`: Rust-HDL overflows on the most negative value.
    fn from_u64(bits: u64) -> Self {
        signed_cast(Bits::from(bits))
    }
    fn to_u64(self) -> u64 {
        self.inner().to_u64()
    }
}

/// Name of an input, and how to set it.
type Setter<B> = (&'static str, fn(&mut B, u64));
/// Name of an output, and how to read it.
type Getter<B> = (&'static str, fn(&B) -> u64);

/// A Rust-HDL block with its ports by name; made by [`dut!`].
pub struct Dut<B> {
    pub block: B,
    pub clock: Option<fn(&mut B, bool)>,
    pub inputs: Vec<Setter<B>>,
    pub outputs: Vec<Getter<B>>,
}

/// `dut!(Type, clock, in [a, b[0], b[1]], out [c])`; leave out `clock` for combinational blocks. Write
/// `Type = value` for a block without a default.
macro_rules! dut {
    ($kind:ident = $block:expr, clock, in $inputs:tt, out $outputs:tt) => {
        dut!(
            @ $kind, $block, Some(|uut: &mut $kind, level: bool| uut.clock.next = level.into()),
            $inputs, $outputs
        )
    };
    ($kind:ident, clock, in $inputs:tt, out $outputs:tt) => {
        dut!($kind = Default::default(), clock, in $inputs, out $outputs)
    };
    ($kind:ident, in $inputs:tt, out $outputs:tt) => {
        dut!(@ $kind, Default::default(), None, $inputs, $outputs)
    };
    (@ $kind:ident, $block:expr, $clock:expr,
        [$($input:ident $([$i:literal])?),* $(,)?], [$($output:ident $([$o:literal])?),* $(,)?]
    ) => {
        $crate::harness::Dut::<$kind> {
            block: $block,
            clock: $clock,
            inputs: vec![$((
                concat!(stringify!($input) $(, "$", $i)?),
                |uut: &mut $kind, bits: u64| uut.$input $([$i])?.next = $crate::harness::Word::from_u64(bits),
            )),*],
            outputs: vec![$((
                concat!(stringify!($output) $(, "$", $o)?),
                |uut: &$kind| $crate::harness::Word::to_u64(uut.$output $([$o])?.val()),
            )),*],
        }
    };
}
pub(crate) use dut;

/// The inputs of the next cycle, random until a closure overrides them.
pub struct Stimulus {
    random: ChaCha8Rng,
    /// Cycles before this one.
    pub cycle: u64,
    inputs: Vec<Input>,
    outputs: Vec<(&'static str, u64)>,
}

struct Input {
    name: &'static str,
    port: PortId,
    bits: u32,
    value: u64,
    /// Of 16: how often a one-bit input is high in this phase.
    ones: u64,
}

impl Stimulus {
    fn randomise(&mut self) {
        for input in &mut self.inputs {
            let random = &mut self.random;
            if self.cycle.is_multiple_of(PHASE_CYCLES) {
                input.ones = [0, 1, 4, 8, 12, 15, 16][(random.next_u64() % 7) as usize];
            }
            let mask = u64::MAX >> (64 - input.bits);
            input.value = match input.bits {
                1 => u64::from(random.next_u64() % 16 < input.ones),
                bits => match random.next_u64() % 16 {
                    0 => 0,
                    1 => mask,
                    2 => 1 << (bits - 1),
                    3 => mask >> 1,
                    4 => 1 << (random.next_u64() % u64::from(bits)),
                    _ => random.next_u64() & mask,
                },
            };
        }
    }

    /// A random number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.random.next_u64() % bound
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Sets an input of this cycle.
    pub fn set(&mut self, name: &str, value: u64) {
        let input = self.inputs.iter_mut().find(|input| input.name == name);
        input.unwrap_or_else(|| panic!("no input {name}")).value = value;
    }

    /// An output as it was at the end of the cycle before, or an input of this cycle.
    pub fn get(&self, name: &str) -> u64 {
        let input = self
            .inputs
            .iter()
            .find(|input| input.name == name)
            .map(|input| input.value);
        let output = || {
            self.outputs
                .iter()
                .find(|(output, _)| *output == name)
                .map(|(_, value)| *value)
        };
        input
            .or_else(output)
            .unwrap_or_else(|| panic!("no port {name}"))
    }
}

/// Why the two are not the same.
#[derive(Debug)]
pub struct Difference {
    model: String,
    seed: u64,
    cycle: u64,
    what: String,
    shown: Vec<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            model,
            seed,
            cycle,
            what,
            shown,
        } = self;
        writeln!(
            f,
            "{model}: {what} in cycle {cycle}; {}",
            common::again(*seed)
        )?;
        shown.iter().try_for_each(|line| writeln!(f, "    {line}"))
    }
}

/// One comparison of a block with a model.
pub struct Lockstep<B> {
    dut: Dut<B>,
    model: Model,
    stimulus: Stimulus,
    outputs: Vec<Output>,
    seed: u64,
    history: Vec<String>,
}

struct Output {
    name: &'static str,
    port: PortId,
    seen: BTreeSet<u64>,
    rests: bool,
}

impl<B: Block> Lockstep<B> {
    /// Prepares `dut` and the model called `name`.
    ///
    /// # Panics
    /// If the ports listed for the block are not all ports of the model.
    pub fn new(name: &str, mut dut: Dut<B>) -> Self {
        let model = Model::new(name).expect("the build script makes this model");
        let listed = |input| -> BTreeSet<&str> {
            let names = if input {
                dut.inputs
                    .iter()
                    .map(|(name, _)| *name)
                    .chain(dut.clock.map(|_| "clock"))
                    .collect()
            } else {
                dut.outputs.iter().map(|(name, _)| *name).collect()
            };
            let ports = model
                .ports()
                .filter(|port| port.input == input)
                .map(|port| port.name)
                .collect();
            assert_eq!(
                names, ports,
                "{name}: ports that the bench lists, and ports of the model"
            );
            names
        };
        listed(true);
        assert!(!listed(false).is_empty(), "{name} has no output to compare");
        let bits = |name: &str| {
            model
                .ports()
                .find(|port| port.name == name)
                .expect("compared above")
                .bits
        };
        let inputs = dut.inputs.iter().map(|(name, _)| Input {
            name,
            port: model.port(name),
            bits: bits(name),
            value: 0,
            ones: 8,
        });
        let seed = common::seed();
        let stimulus = Stimulus {
            random: ChaCha8Rng::seed_from_u64(seed),
            cycle: 0,
            inputs: inputs.collect(),
            outputs: dut.outputs.iter().map(|(name, _)| (*name, 0)).collect(),
        };
        let outputs = dut.outputs.iter().map(|(name, _)| Output {
            name,
            port: model.port(name),
            seen: BTreeSet::new(),
            rests: false,
        });
        let outputs = outputs.collect();
        dut.block.connect_all();
        Self {
            dut,
            model,
            stimulus,
            outputs,
            seed,
            history: Vec::new(),
        }
    }

    /// The outputs `names` never change, by design.
    pub fn resting(mut self, names: &[&str]) -> Self {
        for output in &mut self.outputs {
            output.rests = names.contains(&output.name);
        }
        self
    }

    /// Runs `cycles` cycles of random inputs.
    ///
    /// # Panics
    /// On the first difference.
    pub fn run(self, cycles: u64) {
        self.run_with(cycles, |_| {});
    }

    /// Runs `cycles` cycles of inputs that `drive` may change.
    ///
    /// # Panics
    /// On the first difference.
    pub fn run_with(self, cycles: u64, drive: impl FnMut(&mut Stimulus)) {
        if let Err(difference) = self.compare(common::scaled(cycles), drive) {
            panic!("{difference}");
        }
    }

    /// Runs `cycles` cycles and says how the two differ first.
    pub fn compare(
        mut self,
        cycles: u64,
        mut drive: impl FnMut(&mut Stimulus),
    ) -> Result<(), Box<Difference>> {
        self.settle()?;
        self.model.settle();
        self.check("at power-on")?;
        for cycle in 0..cycles {
            self.stimulus.cycle = cycle;
            self.stimulus.randomise();
            drive(&mut self.stimulus);
            self.apply();
            self.settle()?;
            self.model.settle();
            self.check("before the edge")?;
            if let Some(clock) = self.dut.clock {
                for level in [true, false] {
                    clock(&mut self.dut.block, level);
                    self.settle()?;
                }
                self.model.step(1);
                self.check("after the edge")?;
            }
        }
        let wrong = |output: &&Output| (output.seen.len() < 2) != output.rests;
        match self.outputs.iter().find(wrong) {
            Some(output) => {
                let what = match output.rests {
                    true => "changed: it should not",
                    false => "never changed: the bench shows nothing",
                };
                Err(self.difference(format!("output {} {what}", output.name)))
            }
            None => Ok(()),
        }
    }

    fn apply(&mut self) {
        let mut line = format!("cycle {}:", self.stimulus.cycle);
        for (input, (_, set)) in self.stimulus.inputs.iter().zip(&self.dut.inputs) {
            set(&mut self.dut.block, input.value);
            self.model.set(input.port, input.value);
            line += &format!(" {}={:#x}", input.name, input.value);
        }
        if self.history.len() == SHOWN_CYCLES {
            self.history.remove(0);
        }
        self.history.push(line);
    }

    fn settle(&mut self) -> Result<(), Box<Difference>> {
        if simulate(&mut self.dut.block, SETTLE_ROUNDS) {
            Ok(())
        } else {
            Err(self.difference("the Rust-HDL simulation does not settle".into()))
        }
    }

    fn check(&mut self, when: &str) -> Result<(), Box<Difference>> {
        for (index, (name, get)) in self.dut.outputs.iter().enumerate() {
            let output = &mut self.outputs[index];
            let (rust, verilog) = (get(&self.dut.block), self.model.get(output.port));
            if rust != verilog {
                let what =
                    format!("{name} is {rust:#x} in Rust-HDL, {verilog:#x} in Verilog, {when}");
                return Err(self.difference(what));
            }
            // Two values are enough to know that it changes.
            if output.seen.len() < 2 {
                output.seen.insert(rust);
            }
            self.stimulus.outputs[index].1 = rust;
        }
        Ok(())
    }

    fn difference(&self, what: String) -> Box<Difference> {
        Box::new(Difference {
            model: self.model.name().into(),
            seed: self.seed,
            cycle: self.stimulus.cycle,
            what,
            shown: self.history.clone(),
        })
    }
}
