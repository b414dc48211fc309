//! The cycle model of `thresh-model` against the counters of the Verilated engine, and the back door
//! against the loader.

mod common;

use thresh_driver::{Counters, Device, Transport};
use thresh_model::cycles::{EntryCounts, PassCycles, dense};
use thresh_model::synthetic::{SparseLayer, Synthetic};
use thresh_model::{Image, random};
use thresh_regs::{ACTIVATION_WINDOW, Config, acts_per_word};
use thresh_sim::{BackDoor, VirtualDevice};

/// Networks for each configuration, times the scale.
const NETWORKS: u64 = 12;
const DENSITIES: [f64; 4] = [0.3, 1.0, 0.0, 0.05];
/// Share of a pass's cycles that the model may be wrong by.
const TOLERANCE: f64 = 0.05;

/// A layer like those of the large fully connected networks, of a size for eight PEs.
const LAYER: SparseLayer = SparseLayer {
    name: "layer",
    inputs: 500,
    outputs: 140,
    weights: 0.1,
    activations: 0.4,
};

fn config(name: &str) -> &'static Config {
    Config::named(name).expect("a configuration")
}

/// The first random networks without maps.
fn networks(config: &'static Config, count: u64) -> impl Iterator<Item = (u64, Image)> {
    (common::seed()..)
        .map(|seed| (seed, random::image(config, seed)))
        .filter(|(_, image)| image.passes.iter().all(|pass| pass.geometry.is_none()))
        .take(count as usize)
}

/// What a pass will read, an activation a column.
fn inputs<T: Transport>(device: &mut Device<T>, image: &Image, pass: usize) -> Vec<u16> {
    let per_word = acts_per_word(image.act_bits);
    let start = usize::from(image.passes[pass].descriptor.in_base) * image.num_pes;
    let columns = image.passes[pass].columns();
    let first = start / per_word;
    let mut words = vec![0; (start + columns).div_ceil(per_word) - first];
    let address = ACTIVATION_WINDOW.offset + 4 * first as u32;
    device
        .transport_mut()
        .read(address, &mut words)
        .expect("answers");
    let (bits, mask) = (image.act_bits, (1u64 << image.act_bits) - 1);
    let lanes = |word: u32| (0..per_word as u32).map(move |lane| u64::from(word) >> (lane * bits));
    let acts = words.into_iter().flat_map(lanes);
    let acts = acts.map(|act| (act & mask) as u16);
    acts.skip(start % per_word).take(columns).collect()
}

fn check(expected: &Counters, got: &PassCycles) {
    let off = got.total().abs_diff(expected.cycles) as f64;
    assert!(
        off <= TOLERANCE * expected.cycles as f64,
        "engine {expected:?}, model {got:?}"
    );
}

/// Compares every pass; gives passes, and those of which every phase is right.
fn compare(name: &str, count: u64) -> (u64, u64) {
    let config = config(name);
    let mut device = Device::open(VirtualDevice::new(name).expect("a model")).expect("an engine");
    let (mut passes, mut exact) = (0, 0);
    for (seed, image) in networks(config, count) {
        println!("{name}, network {seed}; {}", common::again(seed));
        let counts: Vec<EntryCounts> = image
            .passes
            .iter()
            .map(|pass| EntryCounts::new(pass).expect("sound"))
            .collect();
        device.load(&image).expect("fits");
        for density in DENSITIES {
            let input = random::input(&image, density, seed);
            let mut acts = image.input_acts(&input).expect("of the right size");
            let run = device.run_with(&input, |device, pass, counters| {
                let model = dense(config, &image.passes[pass], &counts[pass], &acts);
                check(counters, &model.cycles);
                assert_eq!(model.work.iter().sum::<u64>(), counters.macs);
                let phases = PassCycles {
                    fetch: counters.fetch_cycles,
                    scan: counters.scan_cycles,
                    flush: counters.flush_cycles,
                    drain: counters.drain_cycles,
                    stalls: counters.fifo_stalls,
                };
                if phases != model.cycles {
                    println!("engine {phases:?}\nmodel  {:?}", model.cycles);
                }
                passes += 1;
                exact += u64::from(phases == model.cycles);
                if pass + 1 < image.passes.len() {
                    acts = inputs(device, &image, pass + 1);
                }
                Ok(())
            });
            run.expect("runs");
        }
    }
    println!("{name}: {exact} of {passes} passes to the cycle");
    assert!(passes > 0);
    (passes, exact)
}

#[test]
fn the_model_counts_what_engines_with_block_ram_take() {
    for name in ["solo", "tiny", "ulx3s-25f", "tiny16", "ulx3s-85f-hashed"] {
        let (passes, exact) = compare(name, common::scaled(NETWORKS));
        assert_eq!(passes, exact, "{name}: some passes differ");
    }
}

#[test]
fn the_model_counts_about_what_engines_with_single_port_stores_take() {
    compare("icebreaker", common::scaled(NETWORKS));
}

#[test]
fn the_model_counts_what_a_layer_takes() {
    let config = config("ulx3s-25f");
    let seed = common::seed();
    println!("{}", common::again(seed));
    let Synthetic { image, input } = LAYER.generate(config, seed).expect("fits");
    let device = BackDoor::new(config, &image).expect("dense");
    let mut device = Device::open(device).expect("an engine");
    device.load(&image).expect("fits");
    let counters = device.run(&input).expect("runs").counters;
    let counts = EntryCounts::new(&image.passes[0]).expect("sound");
    let acts = image.input_acts(&input).expect("of the right size");
    let model = dense(config, &image.passes[0], &counts, &acts);
    check(&counters, &model.cycles);
    assert_eq!(counters.fifo_stalls, model.cycles.stalls);
}

/// Every word of every memory.
fn memories(device: &VirtualDevice) -> Vec<(&'static str, Vec<u64>)> {
    let model = device.model();
    model
        .memories()
        .map(|memory| {
            let id = model.memory(memory.name).expect("it is listed");
            let words = (0..memory.words as usize).map(|word| model.peek(id, word));
            (memory.name, words.collect())
        })
        .collect()
}

#[test]
fn the_back_door_leaves_what_the_loader_leaves() {
    for name in ["solo", "tiny", "ulx3s-25f", "tiny16"] {
        let config = config(name);
        for (seed, image) in networks(config, NETWORKS / 3) {
            println!("{name}, network {seed}; {}", common::again(seed));
            let front = VirtualDevice::new(name).expect("a model");
            let mut front = Device::open(front).expect("an engine");
            front.load(&image).expect("fits");
            let back = BackDoor::new(config, &image).expect("dense");
            let mut back = Device::open(back).expect("an engine");
            back.load(&image).expect("fits");
            let (slow, fast) = (front.transport_mut(), back.transport_mut().device());
            assert!(fast.cycles() < slow.cycles());
            let (expected, got) = (memories(slow), memories(fast));
            assert!(expected.len() > 8 * config.num_pes);
            for (expected, got) in expected.iter().zip(&got) {
                assert!(expected == got, "{} differs", expected.0);
            }
            let input = random::input(&image, 0.5, seed);
            assert_eq!(
                front.run(&input).expect("runs"),
                back.run(&input).expect("runs")
            );
        }
    }
}

#[test]
fn the_back_door_refuses_what_it_cannot_load() {
    let other = config("icebreaker");
    let image = random::image(other, 1);
    let error = BackDoor::new(other, &image).err().expect("refused");
    assert!(error.to_string().contains("over the bus"), "{error}");
    let maps = config("tiny");
    let image = (1..)
        .map(|seed| random::image(maps, seed))
        .find(|image| image.passes.iter().any(|pass| pass.geometry.is_some()))
        .expect("endless");
    let error = BackDoor::new(maps, &image).err().expect("refused");
    assert!(error.to_string().contains("maps"), "{error}");
}
