//! What the calibration percentile costs: for each, how many MNIST test digits the packed network
//! gets right, and on how many it agrees with the float network.
//!
//! `cargo run --release -p thresh-model --example calibration -- NETWORK.safetensors CONFIG`

use thresh_model::{Dataset, Network, PackOptions, Reference, idx::Split, pack::pack, reference};
use thresh_regs::Config;

/// Digits that set the ranges.
const CALIBRATION: usize = 1000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments
        .next()
        .ok_or("no network given; expected NETWORK.safetensors CONFIG")?;
    let name = arguments
        .next()
        .ok_or("no configuration given; expected one of docs/registers.md")?;
    let network = Network::load(path.as_ref())?;
    let config = Config::named(&name).ok_or("unknown configuration; see docs/registers.md")?;
    let (train, test) = (
        Dataset::load("mnist", Split::Train)?,
        Dataset::load("mnist", Split::Test)?,
    );
    let calibration: Vec<&[u8]> = train
        .iter()
        .take(CALIBRATION)
        .map(|(image, _)| image)
        .collect();
    let prepared = network.prepare();
    let float: Vec<usize> = test
        .iter()
        .map(|(image, _)| reference::argmax(&prepared.logits(image)))
        .collect();
    println!("| percentile | right | as float | bytes |\n|---|---|---|---|");
    for percentile in [100.0, 99.99, 99.9, 99.5, 99.0, 98.0] {
        let options = PackOptions {
            percentile,
            provenance: false,
            ..PackOptions::default()
        };
        let image = pack(&network, config, &calibration, &options)?;
        let packed = Reference::new(&image)?;
        let (mut right, mut same) = (0, 0);
        for ((image, label), float) in test.iter().zip(&float) {
            let got = packed.run(image)?.argmax();
            right += usize::from(got == usize::from(label));
            same += usize::from(got == *float);
        }
        println!(
            "| {percentile} | {right} | {same} | {} |",
            image.to_bytes()?.len()
        );
    }
    Ok(())
}
