//! The whole engine: Rust-HDL's own simulation and the Verilated model side by side, while the
//! driver loads a network and runs it.

use crate::common;
use rust_hdl_core::prelude::*;
use thresh_driver::Device;
use thresh_hw::configurations::{engines, tiny, tiny16};
use thresh_model::{Reference, random};
use thresh_regs::Config;
use thresh_sim::{EnginePins, Master, Model, Pins, Response};

/// Rounds in which the engine must settle.
const SETTLE_ROUNDS: usize = 1000;
/// Cycles that the bench may take. Rust-HDL simulates some thousand a second.
const CYCLE_LIMIT: u64 = 40_000;
/// Most stored entries of the network, which make the load long.
const MOST_ENTRIES: usize = 150;

/// The pins of an engine in Rust-HDL's own simulation.
trait Engine: Block {
    fn drive(&mut self, word_address: u32, write: Option<u32>, strobe: bool);
    fn clock(&mut self, level: bool);
    fn response(&self) -> Response;
}

macro_rules! engine {
    ($kind:ident) => {
        impl Engine for engines::$kind {
            fn drive(&mut self, word_address: u32, write: Option<u32>, strobe: bool) {
                self.address.next = u64::from(word_address).into();
                self.write_data.next = u64::from(write.unwrap_or(0)).into();
                self.write_enable.next = write.is_some();
                self.strobe.next = strobe;
            }

            fn clock(&mut self, level: bool) {
                self.clock.next = level.into();
            }

            fn response(&self) -> Response {
                Response {
                    ack: self.ack.val(),
                    read_data: self.read_data.val().to_u32(),
                }
            }
        }
    };
}

engine!(tiny);
engine!(tiny16);

/// Both simulations as one engine.
struct Pair<E> {
    rust: E,
    verilated: EnginePins,
    cycle: u64,
    acks: u64,
}

impl<E: Engine> Pair<E> {
    fn new(name: &str, mut rust: E) -> Self {
        rust.connect_all();
        let verilated = EnginePins::new(Model::new(name).expect("the build script makes it"));
        Self {
            rust,
            verilated,
            cycle: 0,
            acks: 0,
        }
    }

    fn settle(&mut self) {
        assert!(
            simulate(&mut self.rust, SETTLE_ROUNDS),
            "does not settle in cycle {}",
            self.cycle
        );
    }
}

impl<E: Engine> Pins for Pair<E> {
    fn drive(&mut self, word_address: u32, write: Option<u32>, strobe: bool) {
        self.verilated.drive(word_address, write, strobe);
        self.rust.drive(word_address, write, strobe);
        self.settle();
    }

    fn response(&mut self) -> Response {
        let verilated = self.verilated.response();
        assert_eq!(
            verilated,
            self.rust.response(),
            "Verilog, Rust-HDL in cycle {}",
            self.cycle
        );
        self.acks += u64::from(verilated.ack);
        verilated
    }

    fn step(&mut self, cycles: u64) {
        for _ in 0..cycles {
            self.response();
            self.verilated.step(1);
            for level in [true, false] {
                self.rust.clock(level);
                self.settle();
            }
            self.cycle += 1;
            assert!(
                self.cycle < CYCLE_LIMIT,
                "the bench takes more than {CYCLE_LIMIT} cycles"
            );
        }
    }
}

#[test]
fn tiny_loads_and_runs_alike() {
    loads_and_runs_alike("tiny", tiny());
}

#[test]
fn tiny16_loads_and_runs_alike() {
    loads_and_runs_alike("tiny16", tiny16());
}

fn loads_and_runs_alike<E: Engine>(name: &str, engine: E) {
    let config = Config::named(name).expect("a configuration");
    let seeds = common::seed()..;
    let (seed, image) = seeds
        .map(|seed| (seed, random::image(config, seed)))
        .find(|(_, image)| {
            let entries =
                |pass: &thresh_model::Pass| pass.pes.iter().map(|pe| pe.entries).sum::<usize>();
            let entries: usize = image.passes.iter().map(entries).sum();
            image.passes.len() > 1 && (1..=MOST_ENTRIES).contains(&entries)
        })
        .expect("seeds do not end");
    println!("network {seed}; {}", common::again(seed));
    let input = random::input(&image, 0.6, seed);
    let expected = Reference::new(&image)
        .expect("sound")
        .run(&input)
        .expect("of the right size");

    let mut device = Device::open(Master::new(Pair::new(name, engine))).expect("an engine");
    device.load(&image).expect("loads");
    let result = device.run(&input).expect("runs");
    assert_eq!(result.logits, expected.logits);
    assert_eq!(result.counters.macs, expected.macs.iter().sum::<u64>());
    let pair = &device.transport_mut().pins;
    println!("{} cycles, {} acknowledged", pair.cycle, pair.acks);
    assert!(pair.acks > 100, "too little happened");
}
