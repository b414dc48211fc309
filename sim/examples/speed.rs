//! How fast the virtual devices are: cycles of the engine in a second, on one thread.
//!
//! `cargo run --release -p thresh-sim --example speed`

use std::time::{Duration, Instant};
use thresh_driver::Device;
use thresh_model::random;
use thresh_regs::{CONFIGS, Config};
use thresh_sim::{Model, VirtualDevice};

/// How long each configuration runs.
const TIME: Duration = Duration::from_secs(3);
const SEED: u64 = 1;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("configuration  PEs  load Mcycle/s  run Mcycle/s  MAC/cycle  engine's share");
    let built = |config: &&Config| Model::names().any(|name| name == config.name);
    for config in CONFIGS.iter().filter(built) {
        // The network with the most entries of a few random ones.
        let images = (SEED..SEED + 20).map(|seed| random::image(config, seed));
        let entries = |image: &thresh_model::Image| -> usize {
            image
                .passes
                .iter()
                .flat_map(|pass| &pass.pes)
                .map(|pe| pe.entries)
                .sum()
        };
        let image = images.max_by_key(entries).ok_or("no network")?;
        let input = random::input(&image, 0.5, SEED);
        let mut device = Device::open(VirtualDevice::new(config.name)?)?;
        let start = Instant::now();
        device.load(&image)?;
        let loaded = device.transport_mut().cycles();
        let load = loaded as f64 / start.elapsed().as_secs_f64();

        let start = Instant::now();
        let (mut macs, mut busy) = (0, 0);
        while start.elapsed() < TIME {
            let counters = device.run(&input)?.counters;
            macs += counters.macs;
            busy += counters.cycles;
        }
        let time = start.elapsed().as_secs_f64();
        let cycles = device.transport_mut().cycles() - loaded;
        println!(
            "{:13}  {:3}  {:13.2}  {:12.2}  {:9.2}  {:13.0}%",
            config.name,
            config.num_pes,
            load / 1e6,
            cycles as f64 / time / 1e6,
            macs as f64 / busy as f64,
            100.0 * busy as f64 / cycles as f64
        );
    }
    Ok(())
}
