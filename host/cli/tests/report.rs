//! Reports and budgets, through the program itself.

mod common;

use common::Place;
use serde_json::Value;
use thresh_model::{Image, Network};

const EPOCHS: &str = "--set prune-epochs=2 --set retrain-epochs=1 --set tune-epochs=1";

fn sum(values: &Value, get: impl Fn(&Value) -> u64) -> u64 {
    values.as_array().unwrap().iter().map(get).sum()
}

#[test]
fn a_report_counts_every_bit_and_shows_every_stage() {
    let place = Place::new();
    place.ok("train --hidden 6 --epochs 4 -o train.safetensors");
    let first = place.json(&format!(
        "compress {EPOCHS} --set weights=60 --report --html page.html --config tiny train.safetensors"
    ));
    let bits = |layer: &Value| layer["bits"].as_u64().unwrap();
    let outside = first["bits_outside_layers"].as_u64().unwrap();
    let all = 8 * first["bytes"].as_u64().unwrap();
    assert_eq!(sum(&first["layers"], bits) + outside, all);
    assert_eq!(sum(&first["parts"], bits), all);
    let kept = |layer: &Value| layer["kept"].as_u64().unwrap();
    assert_eq!(sum(&first["layers"], kept), first["kept"].as_u64().unwrap());
    for layer in first["layers"].as_array().unwrap() {
        let number = |key: &str| layer[key].as_f64().unwrap();
        assert!(number("code_bits") >= number("code_bound_bits"), "{layer}");
        assert!(number("position_bound_bits") > 0.0, "{layer}");
        assert!(number("position_bits_by_column") > 0.0, "{layer}");
        assert!(number("over_bound") > 0.0, "{layer}");
        assert!(layer["paper"].is_null(), "{layer}");
    }
    assert_eq!(first["layers"][0]["name"], "fc1");
    assert_eq!(first["layers"][0]["weights"], 96);
    let stages: Vec<_> = first["errors"].as_array().unwrap().iter().collect();
    assert_eq!(stages.len(), 5, "{first}");
    assert!(stages.iter().all(|stage| stage["of"] == "40 test images"));
    let epochs: Vec<_> = first["history"].as_array().unwrap().iter().collect();
    let names: Vec<_> = epochs
        .iter()
        .map(|s| s["stage"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["train", "prune", "retrain", "share", "fine-tune"]);
    let counts: Vec<_> = epochs
        .iter()
        .map(|s| s["epochs"].as_array().unwrap().len())
        .collect();
    assert_eq!(counts, [4, 2, 1, 1, 1]);

    let page = String::from_utf8(place.read("page.html")).unwrap();
    // Loss and error; bytes; two layers before and after sharing.
    assert_eq!(page.matches("<svg").count(), 7, "{page}");
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    for word in ["<table>", "fc2", "entropy bound", "fine-tune", "</html>"] {
        assert!(page.contains(word), "{word}: {page}");
    }
    let addresses = page.matches("http").count();
    assert_eq!(
        addresses,
        page.matches("http://www.w3.org").count(),
        "it needs no other file"
    );

    // The same again, from the files alone.
    let again = place.json("report --config tiny compressed.safetensors");
    assert_eq!(again, first);
    let text = place.ok("report --config tiny compressed.safetensors");
    for word in [
        "code bits",
        "Bits a kept weight",
        "packed, 8-bit",
        "streams over",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let other = place.thresh("report --config tiny --work data compressed.safetensors --json");
    let other: Value = serde_json::from_slice(&other.stdout).unwrap();
    assert_eq!(other["history"], Value::Array(vec![]), "no curves there");

    // A history that is of another run is left out, and that is said.
    place.ok(&format!(
        "compress {EPOCHS} --set weights=30 --work other train.safetensors -o other.safetensors"
    ));
    let said = place.thresh("report --config tiny --work other compressed.safetensors");
    let stderr = String::from_utf8(said.stderr).unwrap();
    assert!(stderr.contains("is of another run"), "{stderr}");
    place.write("history.json", "{");
    let said = place.thresh("report --config tiny compressed.safetensors");
    let stderr = String::from_utf8(said.stderr).unwrap();
    assert_eq!(said.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("history.json") && stderr.contains("remove the file"),
        "{stderr}"
    );
}

#[test]
fn a_convolutional_network_has_a_row_for_each_layer_with_weights() {
    let place = Place::new();
    place.ok("train --hidden conv4x3p1,pool2,8 --epochs 4 -o train.safetensors");
    let small = place.made(&format!(
        "compress {EPOCHS} --set densities=0.5,0.5,0.5 --report --config tiny train.safetensors"
    ));
    let names: Vec<_> = small["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| &l["name"])
        .collect();
    assert_eq!(names, ["conv1", "fc1", "fc2"]);
    assert_eq!(
        sum(&small["layers"], |l| l["weights"].as_u64().unwrap()),
        36 + 128 + 32
    );

    // What was not compressed has no codes to report on.
    let said = place.thresh("report --config tiny train.safetensors");
    let stderr = String::from_utf8(said.stderr).unwrap();
    let many = said.status.code() == Some(0) || stderr.contains("share them");
    assert!(many && !stderr.contains("panicked"), "{stderr}");
    let said = place.thresh("report --config tiny --data fashion-mnist compressed.safetensors");
    let stderr = String::from_utf8(said.stderr).unwrap();
    assert_eq!(said.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("choose it by --data"), "{stderr}");
}

#[test]
fn a_budget_is_kept_and_its_choice_can_be_made_again() {
    let place = Place::new();
    place.ok("train --hidden 6 --epochs 4 --hold-out 40 -o train.safetensors");
    let search = format!(
        "compress --budget bytes<=130,cycles<=1k --config tiny --hold-out 40 {EPOCHS} train.safetensors -o small.safetensors"
    );
    let found = place.json(&search);
    let trials = found["trials"].as_array().unwrap();
    let chosen = &trials[found["chosen"].as_u64().unwrap() as usize];
    let bytes = chosen["bytes"].as_u64().unwrap();
    assert!(bytes <= 130, "{found}");
    assert_eq!(place.read("small.thresh").len() as u64, bytes);
    assert!(Image::from_bytes(&place.read("small.thresh")).is_ok());
    assert_eq!(found["stopped_by"], serde_json::json!(["bytes"]), "{found}");
    for trial in trials {
        let (size, missed) = (trial["bytes"].as_u64().unwrap(), &trial["missed"]);
        assert_eq!(
            missed.as_array().unwrap().is_empty(),
            size <= 130,
            "{trial}"
        );
        assert!(
            size <= bytes || size > 130,
            "a larger one that fits was not taken"
        );
    }
    assert_eq!(found["held_out"], 40);
    assert_eq!(found["test_accuracy"]["images"], 40);

    // Started again, every trial goes on where it ended, and nothing changes.
    let first = place.read("small.safetensors");
    let again = place.thresh(&format!("{search} --json"));
    let stderr = String::from_utf8(again.stderr).unwrap();
    assert!(
        stderr.contains("fine-tune: going on after epoch 1 of 1"),
        "{stderr}"
    );
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again, found);
    assert_eq!(place.read("small.safetensors"), first);

    // The network says how it is made without a search.
    let command = found["provenance"]["command"].as_str().unwrap().to_string();
    assert!(command.contains("--hold-out 40"), "{command}");
    std::fs::remove_file(place.path("small.safetensors")).unwrap();
    for part in command.split(" && ") {
        place.ok(part.strip_prefix("thresh ").unwrap());
    }
    let network = |bytes: &[u8]| Network::from_safetensors(bytes).unwrap();
    assert_eq!(network(&place.read("small.safetensors")), network(&first));
    assert_eq!(network(&first).provenance["held-out"], "40");
    // It is packed like any other.
    place.ok("pack --config tiny small.safetensors -o packed.thresh");
    let report = place.json("report --config tiny --work budget/none small.safetensors");
    assert_eq!(report["errors"][0]["of"], "40 training images held out");
    assert_eq!(report["errors"][3]["of"], "40 test images");
}

#[test]
fn the_fewest_weights_that_read_well_enough_are_taken() {
    let place = Place::new();
    place.ok("train --hidden 6 --epochs 4 -o train.safetensors");
    let search = format!(
        "compress --budget accuracy>=60 --config tiny --hold-out 40 --trials 6 --report {EPOCHS} train.safetensors -o small.safetensors"
    );
    let output = place.thresh(&format!("{search} --json"));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("has learned the 40 images"), "{stderr}");
    assert!(
        stderr.contains("trial 1: ") && stderr.contains("keeps the budget"),
        "{stderr}"
    );
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let trials = found["trials"].as_array().unwrap();
    let chosen = &trials[found["chosen"].as_u64().unwrap() as usize];
    assert!(chosen["accuracy"].as_f64().unwrap() >= 0.6, "{found}");
    let weights = |trial: &Value| trial["weights"].as_u64().unwrap();
    for trial in trials
        .iter()
        .filter(|trial| weights(trial) < weights(chosen))
    {
        assert!(trial["accuracy"].as_f64().unwrap() < 0.6, "{trial}");
    }
    assert_eq!(found["report"]["history"][0]["stage"], "prune");
}

#[test]
fn budgets_that_cannot_be_are_refused() {
    let place = Place::new();
    place.ok("train --hidden 6 --epochs 1 -o train.safetensors");
    let refused = |arguments: &str, status: i32, texts: &[&str]| {
        let output = place.thresh(&format!("compress {arguments} train.safetensors"));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments}: {stderr}");
        for text in texts {
            assert!(
                stderr.contains(text),
                "{arguments}: no {text:?} in: {stderr}"
            );
        }
        assert!(!stderr.contains("panicked"), "{stderr}");
        assert_eq!(output.stdout, b"");
    };
    let quick = "--config tiny --hold-out 40 --set prune-epochs=1 --set retrain-epochs=0 --set tune-epochs=0";
    refused(
        "--budget bytes<3k",
        2,
        &["got \"<\", expected bytes<=NUMBER"],
    );
    refused(
        "--budget speed<=3",
        2,
        &["expected bytes, cycles or accuracy"],
    );
    refused("--trials 3", 2, &["--budget"]);
    refused(
        "--config tiny",
        1,
        &["without --report, --html or --budget"],
    );
    refused(
        "--hold-out 200",
        1,
        &["200 of 200 training images to hold out"],
    );
    refused(
        &format!("--budget bytes<=2k --set densities=0.5,0.5 {quick}"),
        1,
        &["densities=0.5,0.5 with --budget", "expected none"],
    );
    refused(
        &format!("--budget bytes<=10 {quick}"),
        1,
        &[
            "keeps the budget bytes<=10",
            "the closest has",
            "misses bytes",
            "allow more",
        ],
    );
    refused(
        &format!("--budget bytes<=2k,accuracy>=100 --set weights=5 --trials 1 {quick}"),
        1,
        &["none of 1 trials", "misses accuracy"],
    );
    assert!(!place.path("compressed.safetensors").exists());
}
