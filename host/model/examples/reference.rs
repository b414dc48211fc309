//! Accuracy of an image on the reference, without an engine, and how far its logits are from those of a float network.
//!
//! `cargo run --release -p thresh-model --example reference -- IMAGE.thresh [COUNT] [NETWORK.safetensors]`

use std::path::Path;
use std::thread;
use thresh_model::idx::{Dataset, Split};
use thresh_model::reference::argmax;
use thresh_model::{Image, Network, Reference};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("expected the path of an image")?;
    let count = arguments.next().map_or(Ok(10_000), |text| text.parse())?;
    let network = arguments.next().map(|path| Network::load(Path::new(&path)));
    let network = network.transpose()?;
    let image = Image::from_bytes(&std::fs::read(path)?)?;
    let reference = Reference::new(&image)?;
    let data = Dataset::load("mnist", Split::Test)?;
    let count = data.len().min(count);
    let threads = thread::available_parallelism()?.get();
    // Right answers of the reference and of the float network, and the number on which they agree.
    let part = |first: usize| {
        let float = network.as_ref().map(Network::prepare);
        let mut sums = [0usize; 3];
        for index in (first..count).step_by(threads) {
            let input = data.image(index);
            let label = usize::from(data.labels[index]);
            let class = reference
                .run(input)
                .expect("an image of the data set fits")
                .argmax();
            sums[0] += usize::from(class == label);
            if let Some(float) = &float {
                let answer = argmax(&float.logits(input));
                sums[1] += usize::from(answer == label);
                sums[2] += usize::from(answer == class);
            }
        }
        sums
    };
    let sums = thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|first| scope.spawn(move || part(first)))
            .collect();
        let parts = parts.into_iter().map(|part| part.join().expect("no panic"));
        parts.fold([0; 3], |sum, part| {
            std::array::from_fn(|i| sum[i] + part[i])
        })
    });
    let share = |n: usize| 100.0 * n as f64 / count as f64;
    println!("reference: {:.2} %, {} of {count}", share(sums[0]), sums[0]);
    if network.is_some() {
        println!(
            "float network: {:.2} %; agree on {}",
            share(sums[1]),
            sums[2]
        );
    }
    Ok(())
}
