//! From data to measured inferences, through the program itself.

mod common;

use common::{CLASSES, Place, SIDE};
use thresh_model::{Image, Network, Weights};

#[test]
fn data_becomes_an_image_that_the_engine_runs() {
    let place = Place::new();
    let trained = place.json("train --hidden 6 --epochs 4 -o train.safetensors");
    assert_eq!(trained["weights"], SIDE * SIDE * 6 + 6 * CLASSES);
    let set = "--set weights=60 --set prune-epochs=2 --set retrain-epochs=1 --set tune-epochs=1";
    let small = place.json(&format!("compress {set} train.safetensors"));
    assert!(small["nonzeros"].as_u64().unwrap() <= 60, "{small}");
    let packed = place.json("pack --config tiny compressed.safetensors -o net.thresh");
    assert_eq!(packed["bytes"], place.read("net.thresh").len());
    assert!(
        packed["nonzeros"].as_u64() <= small["nonzeros"].as_u64(),
        "{packed}"
    );

    let info = place.json("info net.thresh");
    let bits: u64 = info["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["bits"].as_u64().unwrap())
        .sum();
    assert_eq!(
        bits,
        8 * place.read("net.thresh").len() as u64,
        "every bit has its part"
    );
    assert_eq!(
        info["provenance"]["command"],
        "thresh train --set hidden=6 --set epochs=4 -o train.safetensors && \
         thresh compress --set weights=60 --set prune-epochs=2 --set retrain-epochs=1 --set tune-epochs=1 train.safetensors -o compressed.safetensors && \
         thresh pack --config tiny compressed.safetensors -o net.thresh"
    );
    let text = place.ok("info net.thresh");
    for word in [
        "resident",
        "link",
        "non-zeros",
        "codebook",
        "provenance",
        "total",
        "weight store",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }

    for (file, nonzeros) in [
        ("train.safetensors", &trained["nonzeros"]),
        ("compressed.safetensors", &small["nonzeros"]),
    ] {
        let info = place.json(&format!("info {file}"));
        assert_eq!(
            (&info["kind"], &info["outputs"]),
            (&"network".into(), &CLASSES.into())
        );
        assert_eq!(info["weights"], trained["weights"]);
        assert_eq!(
            info["multiplications"],
            SIDE as f64 * SIDE as f64 * 6.0 + 6.0 * CLASSES as f64
        );
        assert!(
            nonzeros.is_null() || &info["nonzeros"] == nonzeros,
            "{info}"
        );
        assert_eq!(info["layers"].as_array().unwrap().len(), 2);
        let text = place.ok(&format!("info {file}"));
        for word in ["operator", "dense", "relu", "command", "thresh train"] {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
    assert!(
        place
            .ok("info compressed.safetensors")
            .contains("shared values")
    );

    let bench = place.json("bench net.thresh --clock 10 --threads 2");
    assert_eq!(
        (&bench["mismatches"], &bench["inferences"]),
        (&0.into(), &40.into()),
        "{bench}"
    );
    assert_eq!(bench["config"], "tiny");
    let mean = |name: &str| bench["mean"][name].as_f64().unwrap();
    let parts = [
        "fetch_cycles",
        "scan_cycles",
        "flush_cycles",
        "drain_cycles",
    ]
    .map(mean);
    assert!(
        (parts.iter().sum::<f64>() - mean("cycles")).abs() < 1e-6,
        "{bench}"
    );
    let rate = bench["inferences_per_second"].as_f64().unwrap();
    assert!((rate - 10e6 / mean("cycles")).abs() < 1e-3, "{bench}");
    assert!(
        bench["uart_estimate"]["inferences_per_second"]
            .as_f64()
            .unwrap()
            < rate
    );
    let text = place.ok("bench net.thresh --count 3");
    assert!(
        text.contains("0 of 3 inferences, 0 of 12 logits differ"),
        "{text}"
    );
}

#[test]
fn the_recorded_command_makes_the_same_image_again() {
    let place = Place::new();
    place.pack();
    let first = place.read("net.thresh");
    let command = place.json("info net.thresh")["provenance"]["command"]
        .as_str()
        .unwrap()
        .to_string();
    for file in ["train.safetensors", "compressed.safetensors", "net.thresh"] {
        std::fs::remove_file(place.path(file)).unwrap();
    }
    for part in command.split(" && ") {
        place.ok(part.strip_prefix("thresh ").unwrap());
    }
    assert_eq!(place.read("net.thresh"), first);
}

#[test]
fn make_does_the_same_as_the_three_steps_and_goes_on_where_it_was() {
    let place = Place::new();
    place.pack();
    let set = "--train hidden=6 --train epochs=4 --compress weights=60 --compress prune-epochs=2 --compress retrain-epochs=1 --compress tune-epochs=1";
    let make = format!("make --config tiny --work work {set} -o made.thresh");
    place.ok(&make);
    let image = |file: &str| Image::from_bytes(&place.read(file)).unwrap();
    let (steps, mut made) = (image("net.thresh"), image("made.thresh"));
    assert_eq!(
        made.provenance["command"],
        format!("thresh make --config tiny {set}")
    );
    made.provenance = steps.provenance.clone();
    assert_eq!(made, steps);

    let first = place.read("made.thresh");
    let again = place.thresh(&make);
    let stderr = String::from_utf8(again.stderr).unwrap();
    assert!(
        stderr.contains("train: going on after epoch 4 of 4"),
        "{stderr}"
    );
    assert_eq!(place.read("made.thresh"), first);
}

#[test]
fn a_convolutional_network_is_made_and_goes_on_where_it_was() {
    let place = Place::new();
    let layers = "conv4x3p1,pool2,8";
    let shrink = "densities=0.5,0.5,0.5";
    let epochs = "prune-epochs=2 retrain-epochs=1 tune-epochs=1";
    let set = |flag: &str| {
        let words = [shrink].into_iter().chain(epochs.split(' '));
        words
            .map(|word| format!("{flag} {word} "))
            .collect::<String>()
    };
    let trained = place.json(&format!(
        "train --hidden {layers} --epochs 4 -o train.safetensors"
    ));
    let weights = [4 * 9, 0, 16 * 8, 8 * CLASSES];
    for (layer, weights) in trained["layers"].as_array().unwrap().iter().zip(weights) {
        assert_eq!(layer["weights"], weights, "{trained}");
    }
    let small = place.made(&format!("compress {} train.safetensors", set("--set")));
    assert!(small["nonzeros"].as_u64().unwrap() <= 98, "{small}");
    assert_eq!(small["network"], "conv4x3p1-pool2-8");

    let options = format!(
        "--train hidden={layers} --train epochs=4 {}",
        set("--compress")
    );
    let make = format!("make --work work {options} -o made.safetensors");
    let made = place.json(&make);
    assert_eq!(made["layers"], small["layers"]);
    assert_eq!(
        made["provenance"]["command"],
        format!("thresh make {options}-o made.safetensors")
    );
    let network = |file: &str| {
        let mut network = thresh_model::Network::from_safetensors(&place.read(file)).unwrap();
        network.provenance.clear();
        network
    };
    assert_eq!(
        network("made.safetensors"),
        network("compressed.safetensors")
    );
    let first = place.read("made.safetensors");
    let again = place.thresh(&make);
    let stderr = String::from_utf8(again.stderr).unwrap();
    assert!(
        stderr.contains("fine-tune: going on after epoch 1 of 1"),
        "{stderr}"
    );
    assert_eq!(place.read("made.safetensors"), first);
}

#[test]
fn pictures_and_data_sets_give_the_same_answers_on_both_back_ends() {
    let place = Place::new();
    place.pack();
    let data =
        thresh_model::Dataset::load_from(&place.path("data/mnist"), thresh_model::idx::Split::Test)
            .unwrap();
    let side = SIDE as u32;
    let picture = |bytes: Vec<u8>| image::GrayImage::from_raw(side, side, bytes).unwrap();
    picture(data.image(5).to_vec())
        .save(place.path("five.png"))
        .unwrap();
    picture(data.image(5).iter().map(|byte| 255 - byte).collect())
        .save(place.path("dark.png"))
        .unwrap();

    let idx = "data/mnist/test-images.idx3-ubyte:5";
    let mut logits = Vec::new();
    for (inputs, option) in [
        ("five.png", ""),
        (idx, ""),
        ("dark.png", "--invert"),
        ("", "--digit 5"),
    ] {
        for on in ["virtual", "reference"] {
            let value = place.json(&format!("run net.thresh {inputs} {option} --on {on}"));
            let inference = &value["inferences"][0];
            assert_eq!(
                inference["logits"].as_array().unwrap().len(),
                CLASSES,
                "{value}"
            );
            assert_eq!(
                inference["counters"]["cycles"].is_u64(),
                on == "virtual",
                "{value}"
            );
            logits.push(inference["logits"].clone());
        }
    }
    assert!(logits.iter().all(|other| *other == logits[0]), "{logits:?}");

    let text = place.ok("run net.thresh five.png --digit 5 --draw");
    assert_eq!(
        text.matches("████").count() + text.matches("▄▄▄▄").count() + text.matches("▀▀▀▀").count(),
        2,
        "{text}"
    );
    assert!(
        text.contains("five.png: ")
            && text.contains("mnist test image 5: ")
            && text.contains("cycles"),
        "{text}"
    );
    assert!(
        !place.ok("run net.thresh five.png").contains('▀'),
        "nothing is drawn where nobody looks"
    );
}

#[test]
fn every_engine_is_written_as_verilog() {
    let place = Place::new();
    for config in thresh_regs::CONFIGS {
        let name = config.name;
        let built = match config.feature {
            None => true,
            Some("eie") => cfg!(feature = "eie"),
            Some(_) => cfg!(feature = "large"),
        };
        if let (Some(feature), false) = (config.feature, built) {
            let said = place.thresh(&format!("verilog --config {name}"));
            let error = String::from_utf8_lossy(&said.stderr).into_owned();
            assert_eq!(said.status.code(), Some(1), "{error}");
            assert!(error.contains(&format!("--features {feature}")), "{error}");
            continue;
        }
        let value = place.json(&format!("verilog --config {name} -o out/{name}.v"));
        let text = String::from_utf8(place.read(&format!("out/{name}.v"))).unwrap();
        let module = value["module"].as_str().unwrap();
        assert!(text.contains(&format!("module {module}")), "{name}");
        assert_eq!(
            text.lines().count() as u64,
            value["lines"].as_u64().unwrap()
        );
        assert_eq!(
            place.ok(&format!("verilog --config {name}")).trim_end(),
            text.trim_end()
        );
    }
}

#[test]
fn a_network_that_is_no_better_than_a_guess_is_no_success() {
    let place = Place::new();
    place.ok("train --hidden 6 --epochs 4 -o train.safetensors");
    let failed = |arguments: String, texts: &[&str]| {
        let output = place.thresh(&arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{arguments}: {stderr}");
        texts
            .iter()
            .for_each(|text| assert!(stderr.contains(text), "{stderr}"));
        // It is there to be looked at.
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(stdout.contains("saved as"), "{stdout}");
    };
    let none = "--set prune-epochs=0 --set retrain-epochs=0 --set tune-epochs=0";
    failed(
        format!("compress --set weights=1 {none} train.safetensors -o one.safetensors"),
        &[
            "% of the images, got as many as one that gives each the most frequent class",
            "keep more, or train longer or with a lower rate",
        ],
    );
    place.ok("info one.safetensors");
    let mut network = Network::from_safetensors(&place.read("train.safetensors")).unwrap();
    for layer in &mut network.layers {
        layer.weights = Weights::Float(vec![0.0; layer.weights.len()]);
    }
    place.write("zeros.safetensors", network.to_safetensors().unwrap());
    failed(
        format!("compress --set weights=9 {none} zeros.safetensors -o small.safetensors"),
        &["it was so before compression", "--mean"],
    );
}
