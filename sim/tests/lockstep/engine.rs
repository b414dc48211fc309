//! The whole engine: Rust-HDL's own simulation and the Verilated model side by side, while the
//! driver loads a network and runs it.

use crate::common;
use rust_hdl_core::prelude::*;
use thresh_driver::Device;
use thresh_hw::configurations::{engines, tiny};
use thresh_model::{Reference, random};
use thresh_regs::Config;
use thresh_sim::{EnginePins, Master, Model, Pins, Response};

/// Rounds in which the engine must settle.
const SETTLE_ROUNDS: usize = 1000;
/// Cycles that the bench may take. Rust-HDL simulates some thousand a second.
const CYCLE_LIMIT: u64 = 40_000;
/// Most stored entries of the network, which make the load long.
const MOST_ENTRIES: usize = 150;

/// Both simulations as one engine.
struct Pair {
    rust: engines::tiny,
    verilated: EnginePins,
    cycle: u64,
    acks: u64,
}

impl Pair {
    fn new() -> Self {
        let mut rust = tiny();
        rust.connect_all();
        let verilated = EnginePins::new(Model::new("tiny").expect("the build script makes it"));
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

impl Pins for Pair {
    fn drive(&mut self, word_address: u32, write: Option<u32>, strobe: bool) {
        self.verilated.drive(word_address, write, strobe);
        self.rust.address.next = u64::from(word_address).into();
        self.rust.write_data.next = u64::from(write.unwrap_or(0)).into();
        self.rust.write_enable.next = write.is_some();
        self.rust.strobe.next = strobe;
        self.settle();
    }

    fn response(&mut self) -> Response {
        let verilated = self.verilated.response();
        let ack = self.rust.ack.val();
        let read_data = self.rust.read_data.val().to_u32();
        assert_eq!(
            verilated,
            Response { ack, read_data },
            "Verilog, Rust-HDL in cycle {}",
            self.cycle
        );
        self.acks += u64::from(ack);
        verilated
    }

    fn step(&mut self, cycles: u64) {
        for _ in 0..cycles {
            self.response();
            self.verilated.step(1);
            for level in [true, false] {
                self.rust.clock.next = level.into();
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
    let config = Config::named("tiny").expect("a configuration");
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

    let mut device = Device::open(Master::new(Pair::new())).expect("an engine");
    device.load(&image).expect("loads");
    let result = device.run(&input).expect("runs");
    assert_eq!(result.logits, expected.logits);
    assert_eq!(result.counters.macs, expected.macs.iter().sum::<u64>());
    let pair = &device.transport_mut().pins;
    println!("{} cycles, {} acknowledged", pair.cycle, pair.acks);
    assert!(pair.acks > 100, "too little happened");
}
