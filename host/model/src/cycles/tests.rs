use super::*;

fn config() -> &'static Config {
    Config::named("eie64").unwrap()
}

fn run(tokens: usize, entries: &[usize]) -> PassCycles {
    let mut scatter = Scatter::new(config());
    for token in 0..tokens {
        if token % config().num_pes == 0 {
            scatter.vector();
        }
        scatter.token(entries.iter().map(|&n| (n > 0).then_some(n)));
    }
    scatter.end()
}

#[test]
fn one_entry_a_token_is_a_token_a_cycle() {
    let cycles = run(1000, &[1; 64]);
    assert_eq!(cycles.stalls, 0);
    assert!((1000..1010).contains(&cycles.scan), "{cycles:?}");
    assert!(cycles.flush < 20, "{cycles:?}");
}

#[test]
fn the_fullest_pe_sets_the_pace() {
    let mut entries = [1; 64];
    entries[17] = 5;
    let cycles = run(1000, &entries);
    assert!(
        (5000..5030).contains(&(cycles.scan + cycles.flush)),
        "{cycles:?}"
    );
    assert!(cycles.stalls > 3000, "{cycles:?}");
}

#[test]
fn empty_vectors_hide_behind_full_ones() {
    let mut scatter = Scatter::new(config());
    for _ in 0..10 {
        scatter.vector();
        (0..8).for_each(|_| scatter.token([Some(1); 64]));
        (0..7).for_each(|_| scatter.empty_vector());
    }
    let hidden = scatter.end().scan;
    assert!((80..95).contains(&hidden), "{hidden}");
    let mut scatter = Scatter::new(config());
    (0..50).for_each(|_| scatter.empty_vector());
    let cycles = scatter.end();
    assert!((50..55).contains(&cycles.scan), "{cycles:?}");
    assert_eq!(cycles.flush, 1);
}
