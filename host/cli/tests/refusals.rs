//! What is refused, and how: a sentence with what was got, what was expected and what to do next, an
//! exit status, nothing on stdout, no panic.

mod common;

use common::{Place, SIDE, idx, refused};
use std::collections::BTreeMap;
use std::io::Read;
use std::process::Stdio;
use thresh_model::{Activation, Frame, Head, Layer, Network, Operator, Shape, Weights};

/// One hidden layer of `hidden` outputs; all weights are equal.
fn network(hidden: usize) -> Network {
    let layer = |name: &str, inputs, outputs, activation| Layer {
        name: name.into(),
        inputs: vec![],
        operator: Operator::Dense { inputs, outputs },
        weights: Weights::Shared {
            codebook: vec![0.5],
            codes: vec![1; inputs * outputs],
        },
        bias: vec![0.0; outputs],
        activation,
        range: None,
    };
    Network {
        name: "test".into(),
        input: Shape {
            channels: 1,
            height: SIDE,
            width: SIDE,
        },
        input_scale: 0.01,
        input_mean: vec![],
        frame: Frame::default(),
        head: Head::Logits,
        layers: Layer::in_sequence([
            layer("fc1", SIDE * SIDE, hidden, Activation::Relu),
            layer("fc2", hidden, 4, Activation::None),
        ]),
        labels: vec![],
        provenance: BTreeMap::new(),
    }
}

#[test]
fn images_that_are_none_or_not_for_the_engine() {
    let place = Place::new();
    place.pack();
    let good = place.read("net.thresh");
    let changed = |index: usize, bit: u8| {
        let mut bytes = good.clone();
        bytes[index] ^= bit;
        bytes
    };
    place.write("empty.thresh", b"");
    place.write("short.thresh", &good[..good.len() - 3]);
    place.write("long.thresh", [&good[..], b"x"].concat());
    place.write("flipped.thresh", changed(good.len() - 2, 4));
    place.write("version.thresh", changed(4, 0x40));
    let images: [(&str, &[&str]); 8] = [
        (
            "missing.thresh",
            &[
                "missing.thresh",
                "expected a .thresh image",
                "thresh pack",
                "No such file",
            ],
        ),
        ("empty.thresh", &["empty.thresh", "expected"]),
        (
            "short.thresh",
            &[
                "short.thresh",
                &format!("got {} bytes", good.len() - 3),
                "the header says",
                "copy the file again",
            ],
        ),
        (
            "long.thresh",
            &["long.thresh", "the header says", "copy the file again"],
        ),
        (
            "flipped.thresh",
            &[
                "flipped.thresh",
                "CRC-32",
                "the header says",
                "the file is damaged",
            ],
        ),
        (
            "version.thresh",
            &[
                "version.thresh",
                "image format 69, expected 5",
                "pack the network again",
            ],
        ),
        (
            "train.safetensors",
            &[
                "train.safetensors",
                "got a network, expected a .thresh image",
                "`thresh pack`",
            ],
        ),
        ("data", &["data", "expected a .thresh image"]),
    ];
    for (image, texts) in images {
        for command in ["info", "run --digit 0", "bench"] {
            // A network is something to tell about too.
            if (command, image) != ("info", "train.safetensors") {
                refused(&place, &format!("{command} {image}"), 1, texts);
            }
        }
    }
    let network = place.read("train.safetensors");
    place.write("half.safetensors", &network[..network.len() / 2]);
    refused(&place, "info half.safetensors", 1, &["half.safetensors"]);
    place.write("model.onnx", b"\x08\x07\x12\x07pytorch");
    let texts = ["model.onnx", "got an ONNX model", "`thresh import`"];
    refused(&place, "info model.onnx", 1, &texts);
    for command in ["run --digit 0", "bench"] {
        let texts = [
            "net.thresh",
            "image for 2 PEs",
            "icebreaker has 4",
            "--config icebreaker",
        ];
        refused(
            &place,
            &format!("{command} net.thresh --config icebreaker"),
            1,
            &texts,
        );
    }
}

#[test]
fn networks_that_cannot_be_packed() {
    let place = Place::new();
    let mut many = network(60);
    let weights = many.layers[0].weights.len();
    many.layers[0].weights = Weights::Float((0..weights).map(|i| i as f32).collect());
    place.write("many.safetensors", many.to_safetensors().unwrap());
    place.write("good.safetensors", network(6).to_safetensors().unwrap());
    place.write("text.safetensors", "no network");
    place.write("file", "");
    place.ok("pack --config tiny good.safetensors -o good.thresh");
    let cases: [(&str, i32, &[&str]); 9] = [
        (
            "many.safetensors -o x.thresh",
            1,
            &[
                "many.safetensors",
                "distinct",
                "255",
                "share them: `thresh pack --bits 8",
            ],
        ),
        (
            "text.safetensors -o x.thresh",
            1,
            &[
                "text.safetensors",
                "not a safetensors file",
                "expected a network",
            ],
        ),
        (
            "good.thresh -o x.thresh",
            1,
            &[
                "good.thresh",
                "got a .thresh image, which is packed already",
            ],
        ),
        (
            "missing.safetensors -o x.thresh",
            1,
            &["missing.safetensors", "expected a network", "thresh train"],
        ),
        (
            "good.safetensors -o file/x.thresh",
            1,
            &["cannot write file/x.thresh"],
        ),
        (
            "good.safetensors -o x.thresh --calibration 0",
            1,
            &["no calibration inputs", "expected at least one"],
        ),
        (
            "good.safetensors -o x.thresh --percentile 0",
            1,
            &["got --percentile 0", "at most 100"],
        ),
        (
            "good.safetensors -o x.thresh --percentile NaN",
            1,
            &["got --percentile NaN"],
        ),
        ("good.safetensors", 2, &["--output"]),
    ];
    for (arguments, status, texts) in cases {
        refused(
            &place,
            &format!("pack --config tiny {arguments}"),
            status,
            texts,
        );
        assert!(!place.path("x.thresh").exists(), "{arguments}");
    }
    refused(
        &place,
        "pack --config huge good.safetensors -o x.thresh",
        2,
        &["huge", "icebreaker, hx8k"],
    );
    place.ok("train --hidden 4 --epochs 1 -o train.safetensors");
    let other = "pack --config tiny train.safetensors --data fashion-mnist -o x.thresh";
    refused(
        &place,
        other,
        1,
        &[
            "trained on data with SHA-256",
            "the data given has",
            "--data",
        ],
    );
}

#[test]
fn inputs_that_the_network_does_not_take() {
    let place = Place::new();
    place.write("net.safetensors", network(6).to_safetensors().unwrap());
    place.ok("pack --config tiny net.safetensors -o net.thresh");
    image::GrayImage::new(5, 4)
        .save(place.path("wide.png"))
        .unwrap();
    image::RgbImage::from_pixel(4, 4, image::Rgb([1, 2, 3]))
        .save(place.path("colour.png"))
        .unwrap();
    image::GrayImage::new(4, 4)
        .save(place.path("good.png"))
        .unwrap();
    let png = place.read("good.png");
    place.write("cut.png", &png[..png.len() - 20]);
    place.write("text.png", "no picture");
    place.write("other.idx", idx(&[1, 2, 2], &[0; 4]));
    place.write("cut.idx", idx(&[2, 4, 4], &[0; 20]));
    let idx3 = "data/mnist/test-images.idx3-ubyte";
    let cases: [(&str, i32, &[&str]); 15] = [
        (
            "wide.png",
            1,
            &["wide.png", "5 x 4 x 1", "expected 4 x 4 x 1"],
        ),
        (
            "colour.png",
            1,
            &["colour.png", "in colours, expected grey", "convert it"],
        ),
        ("cut.png", 1, &["cut.png"]),
        (
            "text.png",
            1,
            &[
                "text.png",
                "expected a PNG or JPEG picture",
                "IDX-FILE:INDEX",
            ],
        ),
        (
            "missing.png",
            1,
            &[
                "missing.png",
                "an input is FILE.png, FILE.jpg, IDX-FILE:INDEX, or FILE.npy:INDEX",
                "No such file",
            ],
        ),
        (
            "data",
            1,
            &[
                "data",
                "an input is FILE.png, FILE.jpg, IDX-FILE:INDEX, or FILE.npy:INDEX",
            ],
        ),
        (
            "other.idx:0",
            1,
            &["other.idx", "2 x 2 x 1", "expected 4 x 4 x 1"],
        ),
        (
            "cut.idx:0",
            1,
            &["cut.idx", "length in bytes is 36, expected 48"],
        ),
        (
            &format!("{idx3}:40"),
            1,
            &["no image 40", "expected 0 to 39"],
        ),
        (
            &format!("{idx3}:first"),
            1,
            &["index \"first\"", "expected a number"],
        ),
        ("--digit 40", 1, &["no image 40", "expected 0 to 39"]),
        ("", 2, &["INPUT"]),
        ("good.png --on board", 2, &["board", "engine, reference"]),
        (
            "good.png --device usb:1",
            2,
            &["usb:1", "virtual or", "pcie:[DOMAIN:BUS:DEVICE.FUNCTION]"],
        ),
        (
            "good.png --device pcie:4",
            1,
            &[
                "got \"4\"",
                "expected a PCI address in hexadecimal as 0000:00:04.0",
            ],
        ),
    ];
    for (arguments, status, texts) in cases {
        refused(
            &place,
            &format!("run net.thresh {arguments}"),
            status,
            texts,
        );
    }
    place.ok("run net.thresh good.png --on reference");
}

#[test]
fn data_that_lack_or_are_damaged() {
    let place = Place::new();
    place.write("net.safetensors", network(6).to_safetensors().unwrap());
    place.ok("pack --config tiny net.safetensors -o net.thresh");
    let commands = [
        "train -o x.safetensors",
        "compress net.safetensors -o x.safetensors",
        "pack --config tiny net.safetensors -o x.thresh",
        "make -o x.thresh",
        "bench net.thresh",
        "run net.thresh --digit 0",
    ];
    let labels = place.path("data/mnist/test-labels.idx1-ubyte");
    std::fs::write(labels, idx(&[40], &[0; 39])).unwrap();
    for command in commands {
        refused(
            &place,
            command,
            1,
            &["test-labels.idx1-ubyte", "expected 48"],
        );
    }
    std::fs::remove_dir_all(place.path("data")).unwrap();
    for command in commands {
        refused(
            &place,
            command,
            1,
            &[
                "-images.idx3-ubyte",
                "No such file",
                "run scripts/setup",
                "THRESH_DATA",
            ],
        );
    }
    assert!(!place.path("x.thresh").exists() && !place.path("x.safetensors").exists());
}

#[test]
fn options_that_mean_nothing() {
    let place = Place::new();
    place.write("net.safetensors", network(6).to_safetensors().unwrap());
    place.ok("pack --config tiny net.safetensors -o net.thresh");
    let cases: [(&str, i32, &[&str]); 28] = [
        (
            "train --set colour=red",
            1,
            &["colour", "no such option", "hidden, epochs"],
        ),
        (
            "train --set rate=fast",
            1,
            &["rate", "fast", "a finite number"],
        ),
        (
            "train --set rate",
            2,
            &["expected NAME=VALUE", "--help lists the names"],
        ),
        (
            "train --hidden 4,x",
            2,
            &["'x'", "--hidden", "a convolution as conv20x5"],
        ),
        (
            "train --net lenet-5",
            1,
            &[
                "the window of conv20x5 has no place on a map of 4 x 4",
                "choose a smaller one",
            ],
        ),
        (
            "train --hidden conv4x3s0",
            1,
            &["hidden", "a stride of at least 1"],
        ),
        (
            "make --net lenet-6 -o x.thresh",
            2,
            &["lenet-6", "lenet-300-100, lenet-5"],
        ),
        (
            "make --config tiny -o x.safetensors",
            1,
            &["got --config", "x.safetensors, which is not packed"],
        ),
        (
            "compress --net lenet-5 net.safetensors",
            1,
            &["codes", "one for each of 2 layers with weights"],
        ),
        (
            "train --hidden 0",
            1,
            &["hidden", "every layer needs outputs"],
        ),
        (
            "train --data letters",
            2,
            &["letters", "mnist, fashion-mnist"],
        ),
        (
            "compress --method magic net.safetensors",
            1,
            &["magic", "deep-compression"],
        ),
        (
            "compress --set codes=0 net.safetensors",
            1,
            &["codes", "1 to 255"],
        ),
        (
            "bench net.thresh --count 0",
            1,
            &["got --count 0", "expected 1 to 40"],
        ),
        (
            "bench net.thresh --count 41",
            1,
            &["got --count 41", "expected 1 to 40"],
        ),
        (
            "bench net.thresh --clock=-1",
            1,
            &["got --clock -1", "above 0"],
        ),
        (
            "bench-eie --layers alex-6,alex-9",
            1,
            &["got --layers alex-9", "alex-8", "nt-lstm"],
        ),
        (
            "bench-eie --threads 0",
            1,
            &["got --threads 0", "expected 1 or more"],
        ),
        ("synth --config tiny", 2, &["tiny", "icebreaker, hx8k"]),
        ("synth --board tiny", 2, &["tiny", "icebreaker, hx8k"]),
        ("synth", 2, &["--board", "--config"]),
        (
            "synth --board hx8k --config hx8k",
            2,
            &["cannot be used with"],
        ),
        (
            "synth --board icebreaker --baud 4000000",
            1,
            &["got 4000000 baud", "30000000 Hz"],
        ),
        (
            "synth --board icebreaker --clock 0",
            1,
            &["got --clock 0", "expected MHz"],
        ),
        ("flash --board tiny", 2, &["tiny", "icebreaker, hx8k"]),
        (
            "flash --board ecpix5",
            1,
            &["no bitstream", "thresh synth --board ecpix5"],
        ),
        ("fly", 2, &["fly"]),
        ("", 2, &["Usage"]),
    ];
    for (arguments, status, texts) in cases {
        refused(&place, arguments, status, texts);
    }
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let place = Place::new();
    place.ok("train --hidden 4 --epochs 1 -o a.safetensors");
    refused(
        &place,
        "train --hidden 5 --epochs 1 -o b.safetensors",
        1,
        &["hidden", "\"4\"", "\"5\"", "another folder"],
    );
    place.ok("train --hidden 5 --epochs 1 -o b.safetensors --work other");
}

#[test]
fn a_link_that_cannot_be_served() {
    let place = Place::new();
    let serve = "serve --config tiny";
    refused(
        &place,
        &format!("{serve} -- true"),
        1,
        &["got a command", "expected --pcie -- COMMAND"],
    );
    refused(
        &place,
        "serve --config solo",
        1,
        &["solo", "serial pins", "tiny, ulx3s-25f"],
    );
    refused(
        &place,
        &format!("{serve} --pcie"),
        1,
        &["without a command"],
    );
    refused(
        &place,
        &format!("{serve} --pcie -- ./nothing"),
        1,
        &["./nothing", "No such file"],
    );
    // One that does not speak as QEMU does is ended, one that says nothing is done.
    place.write(
        "speaks",
        "#!/bin/sh\nexec 3>&0; head -c 64 /dev/zero | tr '\\0' x >&3; exec sleep 30\n",
    );
    let shell = format!("{serve} --pcie -- sh ./speaks");
    refused(&place, &shell, 1, &["QEMU sent", "as QEMU 7.2 does"]);
    let silent = place.json(&format!("{serve} --json --pcie -- true"));
    assert_eq!(
        (&silent["status"], &silent["reads"]),
        (&0.into(), &0.into()),
        "{silent}"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    for arguments in [
        "verilog --config ulx3s-85f",
        "verilog --config ulx3s-85f --json",
        "--help",
    ] {
        let mut child = place
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut stderr = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        assert_eq!(
            child.wait().unwrap().code(),
            Some(0),
            "{arguments}: {stderr}"
        );
        assert_eq!(stderr, "", "{arguments}");
    }
}

#[test]
fn every_command_explains_itself() {
    let place = Place::new();
    let help = place.ok("--help");
    assert!(
        help.contains("Exit status:") && help.contains("Examples:"),
        "{help}"
    );
    let names = [
        "demo",
        "train",
        "compress",
        "pack",
        "make",
        "info",
        "run",
        "bench",
        "bench-eie",
        "verilog",
        "synth",
        "flash",
        "boards",
        "devices",
        "serve",
        "report",
        "reproduce",
        "import",
    ];
    for name in names {
        assert!(help.contains(&format!("\n  {name} ")), "{name}: {help}");
        let own = place.ok(&format!("{name} --help"));
        assert!(own.contains("Examples:") && own.contains("--json"), "{own}");
    }
    assert!(place.ok("train --help").contains("hidden=300,100"));
    assert!(place.ok("compress --help").contains("codes="));
    assert!(place.ok("--version").starts_with("thresh "));
}
