//! Comparisons of all methods: figures beside those of the single commands, and the page in a browser.

mod common;

use common::{Place, refused};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Short trials of four methods, one of which no network can be made by.
const TRIALS: &str = "--methods deep-compression,low-rank,tensor,small-net,dense --at deep-compression:weights=50% --at low-rank:ranks=2,6 --at low-rank:ranks=3 --at tensor:keep=0.7 \
     --at small-net:hidden=conv2x3,6 --at dense:width=50% --set deep-compression.prune-epochs=2 --set deep-compression.retrain-epochs=1 \
     --set deep-compression.tune-epochs=1 --set low-rank.tune-epochs=1 --set tensor.tune-epochs=1 --train epochs=4 --train batch=10 --count 10";

fn trials(found: &Value) -> &Vec<Value> {
    found["trials"].as_array().unwrap()
}

/// The words of a command as it was told, without its first one.
fn words(command: &Value) -> &str {
    command.as_str().unwrap().strip_prefix("thresh ").unwrap()
}

#[test]
fn figures_are_those_of_the_single_commands_and_are_kept() {
    let place = Place::new();
    place.ok("train --hidden conv4x3p1,12 --epochs 6 --set batch=10 -o net.safetensors");
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fpga/results");
    let compare = format!(
        "compare net.safetensors {TRIALS} --board ulx3s-25f --results {} --work kept --html page.html",
        results.display()
    );
    let first = place.thresh(&format!("{compare} --json"));
    let told = String::from_utf8_lossy(&first.stderr).into_owned();
    assert_eq!(first.status.code(), Some(3), "a trial fails: {told}");
    let found: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!(trials(&found).len(), 6, "{found:#}");
    let (failed, good): (Vec<&Value>, Vec<&Value>) = trials(&found)
        .iter()
        .partition(|trial| !trial["failed"].is_null());
    assert_eq!(failed.len(), 1, "{found:#}");
    assert_eq!(failed[0]["at"], "ranks=3");
    let reason = failed[0]["failed"].as_str().unwrap();
    assert!(reason.contains("ranks"), "{reason}");
    let [engine] = &found["engines"].as_array().unwrap()[..] else {
        panic!("{found:#}");
    };
    let fmax = engine["mhz"].as_f64().unwrap();
    let source = engine["source"].as_str().unwrap();
    assert!(source.starts_with("Fmax of ulx3s-25f"), "{source}");

    // Each trial again, in other files, by its own commands.
    for (index, trial) in good.iter().enumerate() {
        let outcome = &trial["outcome"];
        let engine = &outcome["engine"];
        let kept = trial["folder"].as_str().unwrap();
        let again = |command: &Value| {
            let words = words(command).replace(kept, &format!("again/{index}"));
            place.json(&words)
        };
        let commands = trial["commands"].as_array().unwrap();
        let [making @ .., pack, info, report, bench] = &commands[..] else {
            panic!("{trial:#}");
        };
        let mut made = Value::Null;
        for command in making {
            let words = words(command).replace(kept, &format!("again/{index}"));
            made = place.made(&words);
        }
        assert_eq!(made["accuracy"], outcome["float_accuracy"], "{trial:#}");
        assert_eq!(made["nonzeros"], outcome["nonzeros"], "{trial:#}");
        assert_eq!(again(pack)["bytes"], engine["bytes"], "{trial:#}");
        let info = again(info);
        for figure in ["bytes", "link_bytes", "resident_bytes"] {
            assert_eq!(info[figure], engine[figure], "{figure}: {trial:#}");
        }
        let report = again(report);
        let last = report["errors"].as_array().unwrap().last().unwrap();
        assert_eq!(last["accuracy"], engine["accuracy"], "{trial:#}");
        assert_eq!(last["of"], "40 test images");
        let bench = words(bench).replace(kept, &format!("again/{index}"));
        let bench = place.json(&format!("{bench} --clock {fmax}"));
        assert_eq!(bench["cycles"]["mean"], engine["cycles"], "{trial:#}");
        assert_eq!(bench["mean"]["macs"], engine["macs"], "{trial:#}");
        assert_eq!(bench["wrong_logits"], 0, "{trial:#}");
        let rates = [&bench, *trial].map(|value| value["inferences_per_second"].as_f64().unwrap());
        assert!((rates[0] / rates[1] - 1.0).abs() < 1e-9, "{trial:#}");
    }

    // The same again from what is kept: only what failed is tried.
    let second = place.thresh(&compare);
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(told.contains("5 of 6 trials are known already"), "{told}");
    let text = String::from_utf8(second.stdout).unwrap();
    let page = String::from_utf8(place.read("page.html")).unwrap();
    let again = place.thresh(&format!("{compare} --json"));
    assert_eq!(
        serde_json::from_slice::<Value>(&again.stdout).unwrap(),
        found
    );
    for trial in &good {
        let engine = &trial["outcome"]["engine"];
        let percent = |share: &Value| format!("{:.2} %", 100.0 * share.as_f64().unwrap());
        let whole = |number: &Value| format!("{:.0}", number.as_f64().unwrap());
        let cells = [
            trial["method"].as_str().unwrap().to_string(),
            trial["at"].as_str().unwrap().to_string(),
            "ulx3s-25f".to_string(),
            whole(&trial["outcome"]["nonzeros"]),
            percent(&trial["outcome"]["float_accuracy"]),
            percent(&engine["accuracy"]),
            whole(&engine["bytes"]),
            whole(&engine["link_bytes"]),
            whole(&engine["resident_bytes"]),
            whole(&engine["macs"]),
            whole(&engine["cycles"]),
            whole(&trial["inferences_per_second"]),
        ];
        let row: String = cells
            .iter()
            .map(|cell| format!("<td>{cell}</td>"))
            .collect();
        let row = row.replace(" %", "\u{a0}%");
        assert!(page.contains(&row), "{row}: {page}");
        let line = |line: &&str| cells.iter().all(|cell| line.contains(&format!(" {cell} ")));
        assert!(text.lines().any(|l| line(&l)), "{cells:?}: {text}");
    }
    assert!(page.contains(reason) && text.contains("ranks=3"), "{text}");
    assert_eq!(page.matches("<svg").count(), 2, "two pictures");
    for cost in ["bytes", "cycles"] {
        let front = found[format!("front_by_{cost}")].as_array().unwrap();
        assert!(!front.is_empty(), "{found:#}");
        let figures = |index: &Value| {
            let engine = &trials(&found)[index.as_u64().unwrap() as usize]["outcome"]["engine"];
            [cost, "accuracy"].map(|figure| engine[figure].as_f64().unwrap())
        };
        for pair in front.windows(2) {
            let ([less, worse], [more, better]) = (figures(&pair[0]), figures(&pair[1]));
            assert!(less < more && worse < better, "{front:?}");
        }
    }
    assert_eq!(
        page.matches("http").count(),
        page.matches("http://www.w3.org").count()
    );
    in_a_browser(&place, &page);
}

/// Draws the page as headless Chromium does, and looks for table and pictures on the screenshot.
fn in_a_browser(place: &Place, page: &str) {
    let browser: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/bin/chromium");
    let shot = place.path("page.png");
    let run = Command::new(&browser)
        .args(["--window-size=1300,2400", "--hide-scrollbars"])
        .arg(format!("--screenshot={}", shot.display()))
        .arg(format!("file://{}", place.path("page.html").display()))
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; scripts/setup unpacks it", browser.display()));
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success() && shot.exists(), "{said}");
    let picture = image::open(&shot).unwrap().to_rgb8();
    let count = |wanted: [u8; 3]| picture.pixels().filter(|pixel| pixel.0 == wanted).count();
    // Dots of points and legends, in the colours that the page gives them: nothing covers them. One of radius 4 has some 40 whole pixels.
    let circles = page.split("<circle ").skip(1);
    let mut colours: Vec<&str> = circles
        .map(|circle| &circle[circle.find("fill=\"#").unwrap() + 7..][..6])
        .collect();
    let dots = colours.len();
    colours.sort_unstable();
    colours.dedup();
    assert_eq!((dots, colours.len()), (20, 5), "five methods, two pictures");
    for colour in colours {
        let rgb = [0, 2, 4].map(|at| u8::from_str_radix(&colour[at..at + 2], 16).unwrap());
        let pixels = count(rgb);
        assert!(
            (120..400).contains(&pixels),
            "{colour}: {pixels} pixels of four dots"
        );
    }
    let dark = picture
        .pixels()
        .filter(|p| p.0.iter().all(|&value| value < 90))
        .count();
    assert!(dark > 3000, "{dark} dark pixels are no text");
}

#[test]
fn commands_are_listed_before_anything_is_trained() {
    let place = Place::new();
    let list = place.json("compare --data mnist --list --methods low-rank,dense --work kept");
    let lines: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l.as_str().unwrap())
        .collect();
    assert!(
        lines[0].starts_with("thresh train --data mnist --net lenet-300-100 -o kept/network-"),
        "{list:#}"
    );
    let of = |word: &str| lines.iter().filter(|line| line.contains(word)).count();
    // Three trials of each; the network of low rank is compressed twice, that of `dense` trained and compressed.
    assert_eq!(
        [
            of("--method low-rank"),
            of("thresh compress"),
            of("thresh train"),
            of("thresh bench")
        ],
        [3, 9, 4, 6]
    );
    assert!(
        lines.iter().any(|line| line.contains("hidden=75,25")),
        "{list:#}"
    );
    assert!(!place.path("kept").exists(), "nothing is made");
}

#[test]
fn networks_with_pools_run_on_an_engine_that_hashes_where_the_device_has_one() {
    let place = Place::new();
    for (board, engine) in [
        ("ulx3s-85f", "ulx3s-85f-hashed"),
        ("ulx3s-25f", "ulx3s-25f"),
    ] {
        let list = place.json(&format!(
            "compare --board {board} --list --methods hashed,low-rank --net lenet-5"
        ));
        let lines: Vec<String> = serde_json::from_value(list).unwrap();
        let packs = |engine: &str| {
            let config = format!("--config {engine} ");
            let on = |line: &&String| line.starts_with("thresh pack") && line.contains(&config);
            lines.iter().filter(on).count()
        };
        let others = if board == engine { 6 } else { 3 };
        assert_eq!(
            [packs(engine), packs(board)],
            [others, others],
            "{lines:#?}"
        );
    }
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let place = Place::new();
    let cases: [(&str, i32, &[&str]); 12] = [
        (
            "--methods zip",
            2,
            &["\"zip\"", "deep-compression, low-rank, tensor"],
        ),
        ("--at zip:level=9", 2, &["\"zip\"", "expected one of"]),
        ("--at tensor", 2, &["METHOD:NAME=VALUE"]),
        (
            "--at tensor:keep=much",
            1,
            &["tensor at keep=much", "a finite number"],
        ),
        (
            "--at tensor:speed=2",
            1,
            &["no such option; there are: form"],
        ),
        ("--at dense:width=150%", 1, &["width=150%", "as width=25%"]),
        ("--set tune-epochs=1", 2, &["METHOD.NAME=VALUE"]),
        (
            "--methods dense --set tensor.keep=1",
            1,
            &["--set for tensor", "--methods"],
        ),
        (
            "--methods deep-compression --compress codes=3",
            1,
            &["--compress", "--set METHOD.NAME=VALUE"],
        ),
        ("--board x", 2, &["ulx3s-85f"]),
        ("--count 0", 1, &["--count 0", "1 or more"]),
        ("--jobs 0", 1, &["--jobs 0", "1 or more"]),
    ];
    for (words, status, texts) in cases {
        refused(&place, &format!("compare {words}"), status, texts);
    }
    refused(&place, "compare --mean 0.5", 1, &["--mean 0.5", "ONNX"]);
    refused(
        &place,
        "compare net.safetensors",
        1,
        &["net.safetensors", "expected a network"],
    );
    assert!(!place.path(".work").exists(), "nothing is trained");
}

#[test]
fn what_the_board_does_not_hold_has_a_row_with_the_reason() {
    let place = Place::new();
    // This engine has no maps.
    let compare = "compare --board icebreaker --work kept --at small-net:hidden=conv2x3,6 --at small-net:hidden=6 --methods small-net \
                   --train epochs=3 --train batch=10 --count 5";
    let found = place.json(compare);
    let [conv, dense] = &trials(&found)[..] else {
        panic!("{found:#}");
    };
    assert!(conv["outcome"]["engine"].is_null(), "{conv:#}");
    let reason = conv["outcome"]["reason"].as_str().unwrap();
    assert!(!reason.is_empty());
    assert!(conv["inferences_per_second"].is_null());
    assert!(dense["outcome"]["engine"]["cycles"].as_f64().unwrap() > 10.0);
    let engine = &found["engines"][0];
    assert!(
        engine["source"].as_str().unwrap().contains("no report"),
        "{found:#}"
    );
    assert_eq!(engine["mhz"], 30.0);
    let again = place.thresh(&format!("{compare} --json"));
    let told = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(told.contains("2 of 2 trials are known already"), "{told}");
    assert_eq!(
        serde_json::from_slice::<Value>(&again.stdout).unwrap(),
        found
    );
    let text = place.ok(compare);
    assert!(text.contains("not held"), "{text}");
}
