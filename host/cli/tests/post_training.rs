//! Compression without retraining through the program: at import, when packing, in a report.

mod common;

use common::{Place, refused};
use std::path::Path;
use thresh_model::{Image, Network, Shape, Weights, random};

/// A model of 1 x 5 x 6 images that PyTorch exported.
fn model() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../onnx/tests/data/flat-script.onnx");
    path.to_str().unwrap().to_string()
}

/// A NumPy file of bytes.
fn npy(sizes: &str, bytes: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({sizes})}}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.bytes());
    file.extend_from_slice(bytes);
    file
}

/// Images with the labels that a network gives them, as files `NAME.npy` and `NAME-labels.npy`.
fn label(place: &Place, network: &Network, name: &str, count: usize, seed: u64) {
    let images = random::inputs(network.input, count, seed);
    let labels = images
        .iter()
        .map(|image| network.head.class(&network.forward(image)) as u8);
    let labels: Vec<u8> = labels.collect();
    let Shape { height, width, .. } = network.input;
    place.write(
        &format!("{name}.npy"),
        npy(&format!("{count}, {height}, {width}"), &images.concat()),
    );
    place.write(
        &format!("{name}-labels.npy"),
        npy(&format!("{count},"), &labels),
    );
}

#[test]
fn the_accuracy_is_that_of_the_float_the_compressed_and_the_packed_network() {
    let place = Place::new();
    let import = format!("import {} --no-equalise", model());
    place.ok(&format!("{import} -o float.safetensors"));
    let network = Network::load(&place.path("float.safetensors")).unwrap();
    label(&place, &network, "train", 60, 1);
    label(&place, &network, "test", 40, 2);
    let data = "--data train.npy,train-labels.npy,test.npy,test-labels.npy";
    let import = format!(
        "import {} {data} --test 40 --bits 2 --config ulx3s-25f -o net.thresh",
        model()
    );
    let value = place.json(&import);
    let found = &value["accuracies"];
    assert_eq!(
        found["float"], 1.0,
        "the labels are those of the network: {value}"
    );
    assert_eq!(found["images"], 40);
    // What the image says, counted here.
    let image = Image::from_bytes(&place.read("net.thresh")).unwrap();
    let reference = thresh_model::Reference::new(&image).unwrap();
    let images = random::inputs(network.input, 40, 2);
    let right = images.iter().filter(|input| {
        let class = reference.run(input).unwrap().argmax();
        class == network.head.class(&network.forward(input))
    });
    assert_eq!(
        found["packed"].as_f64().unwrap(),
        right.count() as f64 / 40.0,
        "{value}"
    );
    assert!(
        found["compressed"]
            .as_f64()
            .is_some_and(|share| share > 0.3),
        "{value}"
    );
    assert!(value["calibration"]["warning"].is_null(), "{value}");
    assert_eq!(value["calibration"]["inputs"], 60);
    let text = place.ok(&import);
    for line in [
        "accuracy, float",
        "compressed",
        "packed",
        "100.00 % of 40 images",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let plan = place.ok(&format!("{import} --plan"));
    assert!(
        plan.contains("accuracy, float") && plan.contains("cycles predicted"),
        "{plan}"
    );
    refused(
        &place,
        &import.replace("--test 40", "--test 41"),
        1,
        &["1 to 40"],
    );
}

#[test]
fn floats_are_shared_when_they_are_packed() {
    let place = Place::new();
    place.ok("train --hidden 40 --epochs 3 -o train.safetensors");
    let command = "thresh pack --bits 8 --config NAME NETWORK.safetensors -o IMAGE.thresh";
    refused(
        &place,
        "pack --config ulx3s-25f train.safetensors -o net.thresh",
        1,
        &["distinct", command],
    );
    refused(
        &place,
        "report --config ulx3s-25f train.safetensors",
        1,
        &["distinct", command, "thresh report"],
    );
    assert!(!place.path("net.thresh").exists());
    let value = place.json(
        "pack --bits 8 --keep 0.8 --test 40 --config ulx3s-25f train.safetensors -o net.thresh",
    );
    let found = &value["accuracies"];
    let share = |stage: &str| found[stage].as_f64().unwrap();
    assert!(share("float") > 0.3, "{value}");
    for stage in ["compressed", "packed"] {
        assert!((share(stage) - share("float")).abs() < 0.2, "{value}");
    }
    let made = value["provenance"]["command"].as_str().unwrap();
    assert!(
        made.ends_with(
            "&& thresh pack --config ulx3s-25f --keep 0.8 --bits 8 train.safetensors -o net.thresh"
        ),
        "{made}"
    );
    place.ok("report --bits 8 --config ulx3s-25f train.safetensors");
    refused(
        &place,
        "pack --bits 9 --config ulx3s-25f train.safetensors -o x.thresh",
        1,
        &["bits", "1 to 8"],
    );
    refused(
        &place,
        "pack --global --config ulx3s-25f train.safetensors -o x.thresh",
        2,
        &["--keep"],
    );
}

#[test]
fn inputs_that_do_not_vary_are_named() {
    let place = Place::new();
    let (height, width) = (5, 6);
    let file = |name: &str, images: &[Vec<u8>]| {
        let sizes = format!("{}, {height}, {width}, 1", images.len());
        place.write(name, npy(&sizes, &images.concat()));
    };
    let shape = Shape {
        channels: 1,
        height,
        width,
    };
    let varied = random::inputs(shape, 20, 1);
    file("one.npy", &varied[..1]);
    file("black.npy", &vec![vec![0; shape.len()]; 20]);
    file("varied.npy", &varied);
    let import = format!(
        "import {} --bits 8 --config ulx3s-25f -o net.thresh",
        model()
    );
    for (name, text) in [
        ("one", "there is 1 input"),
        ("black", "all 20 inputs are equal"),
    ] {
        let output = place.thresh(&format!("{import} --calibrate {name}.npy --json"));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        assert!(
            stderr.contains("warning: ") && stderr.contains(text) && stderr.contains("clipped"),
            "{name}: {stderr}"
        );
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let warning = value["calibration"]["warning"].as_str().unwrap();
        assert!(warning.contains(text), "{warning}");
        assert_eq!(value["calibration"]["distinct"], 1);
    }
    let output = place.thresh(&format!("{import} --calibrate varied.npy"));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!stderr.contains("warning"), "{stderr}");
}

#[test]
fn what_calibrates_also_corrects_the_biases() {
    let place = Place::new();
    place.ok(&format!(
        "import {} --no-equalise -o float.safetensors",
        model()
    ));
    let float = Network::load(&place.path("float.safetensors")).unwrap();
    let images = random::inputs(float.input, 50, 1);
    let sizes = format!("50, {}, {}, 1", float.input.height, float.input.width);
    place.write("inputs.npy", npy(&sizes, &images.concat()));
    let import = format!("import {} --bits 3 -o small.safetensors", model());
    let error = |arguments: &str, says: bool| {
        let output = place.thresh(&format!("{import} {arguments}"));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        assert_eq!(stderr.contains("no inputs are at hand"), says, "{stderr}");
        let small = Network::load(&place.path("small.safetensors")).unwrap();
        let shared = |weights: &Weights| matches!(weights, Weights::Shared { codebook, .. } if codebook.len() <= 7);
        assert!(
            small
                .layers
                .iter()
                .all(|l| l.bias.is_empty() || shared(&l.weights))
        );
        // The mean error, which biases can take away.
        let outputs = float.outputs();
        let mut sums = vec![0.0; outputs];
        for image in &images {
            let (wanted, got) = (float.forward(image), small.forward(image));
            sums.iter_mut()
                .zip(wanted.iter().zip(got))
                .for_each(|(sum, (a, b))| *sum += f64::from(a - b) / 50.0);
        }
        sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt()
    };
    let (without, with) = (error("", true), error("--calibrate inputs.npy", false));
    println!("mean error {without} without inputs, {with} with");
    assert!(with < 0.5 * without, "{with} of {without}");
}
