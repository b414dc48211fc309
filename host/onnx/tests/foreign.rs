//! Networks that others have made; `scripts/foreign_network.py` fetches them. Without them the tests
//! say so and check nothing.

mod common;

use common::largest_difference;
use std::path::{Path, PathBuf};
use thresh_model::cycles::predict;
use thresh_model::idx::{Dataset, Split};
use thresh_model::pack::pack_with;
use thresh_model::{PackOptions, Reference, random};
use thresh_onnx::{ImportError, ImportOptions, import};
use thresh_regs::Config;

/// Test digits that are looked at.
const DIGITS: usize = 1000;

fn foreign(name: &str) -> Option<PathBuf> {
    let data = std::env::var_os("THRESH_DATA").unwrap_or_else(|| "../../.data".into());
    let path = Path::new(&data).join("foreign").join(name);
    if !path.exists() {
        println!("skipped: {name} is not there; scripts/foreign_network.py fetches it");
        return None;
    }
    Some(path)
}

#[test]
fn the_mnist_network_computes_what_it_did() {
    let options = ImportOptions {
        mean: vec![0.1307],
        std: vec![0.3081],
        ..ImportOptions::default()
    };
    for name in ["mnist.onnx", "mnist-dynamo.onnx"] {
        let Some(path) = foreign(name) else { return };
        let folder = path.parent().unwrap().with_file_name("mnist");
        let digits = Dataset::load_from(&folder, Split::Test).unwrap();
        let network = import(&path, &options).unwrap();
        assert!(
            network.frame.marked,
            "the first convolution pads, and the mean is not zero"
        );
        let model = rten::Model::load_file(&path).unwrap();
        let prepared = network.prepare();
        let (mut right, mut difference) = (0, 0.0f32);
        for index in 0..DIGITS {
            let image = digits.image(index);
            let logits = prepared.logits(image);
            let dims = [1, 1, 28, 28];
            let values = common::model_input(image, network.input, &dims, &options);
            let (_, expected) = common::run(&model, &dims, values);
            difference = difference.max(largest_difference(&logits, &expected));
            let best = (0..10)
                .max_by(|&a, &b| logits[a].total_cmp(&logits[b]))
                .unwrap();
            right += usize::from(best == usize::from(digits.labels[index]));
        }
        println!("{name}: {right} of {DIGITS} digits right, largest difference {difference:e}");
        assert!(difference <= common::TOLERANCE, "{difference}");
        assert!(right >= 980, "{right}");
    }
}

#[test]
fn the_light_models_are_imported_or_refused_by_name() {
    let Some(folder) = foreign("light") else {
        return;
    };
    let mut imported = Vec::new();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for path in files {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        match import(&path, &ImportOptions::default()) {
            Ok(network) => {
                let (layers, parameters) = (network.layers.len(), network.parameters());
                println!("{name}: {layers} layers, {parameters} parameters");
                imported.push(name);
            }
            Err(error @ (ImportError::Operator { .. } | ImportError::Node { .. })) => {
                println!("{name}: {error}");
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
    let expected = [
        "densenet121",
        "inception_v2",
        "resnet50",
        "shufflenet",
        "squeezenet",
        "vgg19",
    ];
    assert_eq!(imported, expected.map(|name| format!("light_{name}")));
}

/// The weights of a light model are constants, so that they need no sharing; what is random about the plan
/// is its input.
#[test]
fn a_light_model_is_planned() {
    let Some(path) = foreign("light/light_squeezenet.onnx") else {
        return;
    };
    let network = import(&path, &ImportOptions::default()).unwrap();
    let config = Config::named("ulx3s-85f").unwrap();
    let input = &random::inputs(network.input, 1, 1)[0];
    let packed = pack_with(&network, config, &[input], &PackOptions::default(), &|_| {}).unwrap();
    let image = &packed.image;
    assert_eq!(image.layers(), packed.layers.len());
    let reference = Reference::new(image).unwrap();
    let cycles = predict(config, &reference, input).unwrap();
    assert_eq!(cycles.len(), image.passes.len());
    let total: u64 = cycles.iter().map(|pass| pass.total()).sum();
    println!("{} passes, {total} cycles", image.passes.len());
    assert!(image.passes.len() > 100 && total > 1_000_000);
}
