use super::*;
use crate::Reference;

const LAYER: SparseLayer = SparseLayer {
    name: "test",
    inputs: 300,
    outputs: 83,
    weights: 0.2,
    activations: 0.4,
};

fn config() -> &'static Config {
    Config::named("ulx3s-25f").unwrap()
}

#[test]
fn layers_are_sound_and_of_their_size_and_density() {
    let Synthetic { image, input } = LAYER.generate(config(), 5).unwrap();
    image.check().unwrap();
    let active = input.iter().filter(|act| **act != 0).count();
    assert_eq!(active, 120);
    let entries: Vec<usize> = image.passes[0].pes.iter().map(|pe| pe.entries).collect();
    let sum: usize = entries.iter().sum();
    // Five standard deviations.
    let expected = 300.0 * 83.0 * 0.2;
    assert!((sum as f64 - expected).abs() < 5.0 * f64::sqrt(expected * 0.8));
    let (most, least) = (entries.iter().max(), entries.iter().min());
    assert!(
        most.unwrap() - least.unwrap() <= 10,
        "not balanced: {entries:?}"
    );
    let outputs = Reference::new(&image).unwrap().run(&input).unwrap();
    let acts = &outputs.acts[0];
    assert_eq!(acts.len(), 88);
    let zeros = acts.iter().filter(|value| **value == 0).count();
    assert!((5..15).contains(&zeros), "{acts:?}");
    let saturated = acts.iter().filter(|v| **v == 127 || **v == -128).count();
    assert!(saturated <= 2, "{acts:?}");
}

#[test]
fn the_same_seed_gives_the_same_layer() {
    let layer = |seed| LAYER.generate(config(), seed).unwrap();
    assert_eq!(layer(1), layer(1));
    assert_ne!(layer(1), layer(2));
}

#[test]
fn what_does_not_fit_is_refused() {
    let wide = SparseLayer {
        inputs: 3000,
        ..LAYER
    };
    let error = wide.generate(config(), 1).unwrap_err().to_string();
    assert!(error.contains("there are"), "{error}");
}
