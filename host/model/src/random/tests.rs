use super::*;
use thresh_regs::{CONFIGS, Table};

#[test]
fn images_are_sound_fit_and_cover_what_the_engine_can_do() {
    let mut seen = BTreeMap::<&str, usize>::new();
    for config in CONFIGS {
        for seed in 0..300 {
            let image = image(config, seed);
            image
                .check()
                .unwrap_or_else(|e| panic!("{} seed {seed}: {e}", config.name));
            image.check_target(config).unwrap();
            let mut see = |what, is: bool| *seen.entry(what).or_default() += usize::from(is);
            see("map", image.input_map.is_some());
            for pass in &image.passes {
                let d = &pass.descriptor;
                see("positions", pass.positions() > 1);
                if let Some(g) = &pass.geometry {
                    see("shared", g.kernel == Kernel::Shared);
                    let whole = matches!(g.kernel, Kernel::Whole { .. });
                    see("whole map", whole && pass.segments() > 1);
                    see("pool", g.pool.is_some());
                    see("sweep", d.sweep);
                    see("pool without sweep", d.pool && !d.sweep);
                    see("words left out", d.in_step > 1);
                    if let Kernel::Slides { size, stride, pad } = g.kernel {
                        see("wide kernel", size[1] > 1 && pass.taps() > 1);
                        see("stride", stride[1] > 1 && size[1] > 1);
                        see("padding of a map", pad[0] > 0);
                    }
                }
                see("keep", d.keep);
                see("wide", d.out_wide);
                see("narrow last", d.last && !d.out_wide);
                see("signed", d.in_signed);
                see("no relu", !d.relu && !d.keep);
                see("255 codes", pass.codebook.len() == 255);
                see("one code", pass.codebook.len() == 1);
                see("long words", pass.tables.iter().any(|t| t.counts()[15] > 0));
                see("no entries", pass.table(Table::Run).symbols() == 0);
                let columns = pass.decode(0).unwrap().columns;
                see("empty column", columns.iter().any(Vec::is_empty));
                see(
                    "full column",
                    columns
                        .iter()
                        .any(|c| c.len() == usize::from(d.rows) * pass.segments()),
                );
                see("continued count", columns.iter().any(|c| c.len() >= 255));
                let padding = |e: &&Entry| {
                    usize::from(e.step) == MAX_STEP && pass.codebook[usize::from(e.code)] == 0
                };
                see("padding", columns.iter().flatten().any(|e| padding(&e)));
            }
        }
    }
    for (what, count) in seen {
        assert!(count >= 3, "{what}: {count}");
    }
}

#[test]
fn the_same_seed_gives_the_same_image() {
    assert_eq!(image(&CONFIGS[0], 7), image(&CONFIGS[0], 7));
    assert_ne!(image(&CONFIGS[0], 7), image(&CONFIGS[0], 8));
}

#[test]
fn graphs_have_windows_of_every_kind() {
    use crate::network::{Operator, Window};
    let mut seen = BTreeMap::<&str, usize>::new();
    for seed in 0..400 {
        for layer in network(seed).layers {
            let mut see = |what, is: bool| *seen.entry(what).or_default() += usize::from(is);
            let large = |window: &Window| window.kernel.iter().any(|&side| side > 15);
            let wide = |window: &Window| {
                let pads = [0, 1, 2, 3].map(|i| window.pads[i] >= window.kernel[i % 2]);
                pads.contains(&true)
            };
            match &layer.operator {
                Operator::Conv { window, .. } => {
                    see("kernel over 15", large(window));
                    see("padding as wide as a kernel", wide(window));
                }
                Operator::MaxPool { window, .. } => see("pool over 15", large(window)),
                Operator::AveragePool {
                    window, excluded, ..
                } => {
                    see("mean over more than 15", large(window));
                    see("padding that does not count", *excluded != [0; 4]);
                }
                Operator::Select { .. } => see("chosen channels", true),
                _ => {}
            }
        }
    }
    println!("{seen:?}");
    assert!(seen.values().all(|&count| count >= 3), "{seen:?}");
}
