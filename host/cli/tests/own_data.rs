//! The user's own labelled images: pictures by class, NumPy and IDX files, from training to the packed image, and what
//! is refused.

mod common;

use common::{Place, idx, refused};
use std::path::Path;
use thresh_model::{Image, Network, Shape, Weights};

/// The model of these tests, exported by PyTorch: convolutions with a residual sum, 5 outputs.
const MODEL: &str = "residual-script.onnx";

/// Its images.
const SHAPE: Shape = Shape {
    channels: 3,
    height: 8,
    width: 9,
};

/// Five classes, not in the order of their names.
const CLASSES: [&str; 5] = ["teal", "red", "green", "blue", "amber"];

/// The colour of a class; position by position, channels inside a position; the same for the same seed.
fn picture(class: usize, seed: u32) -> Vec<u8> {
    let colours = [[0, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]];
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let value = |at: usize| match colours[class][at % 3] {
        1 => 150 | (random() / 4),
        _ => random() / 8,
    };
    (0..SHAPE.len()).map(value).collect()
}

fn save(path: &Path, bytes: Vec<u8>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let (width, height) = (SHAPE.width as u32, SHAPE.height as u32);
    let picture = image::RgbImage::from_raw(width, height, bytes).unwrap();
    picture.save(path).unwrap();
}

/// `folder` with pictures of each class, `train` of them to learn and `test` to test.
fn pictures(place: &Place, folder: &str, train: u32, test: u32) {
    for (split, count, seed) in [("train", train, 0), ("test", test, 1000)] {
        for (class, name) in CLASSES.iter().enumerate() {
            for index in 0..count {
                let path = place.path(format!("{folder}/{split}/{name}/{index:03}.png"));
                save(&path, picture(class, seed + 5 * index + class as u32));
            }
        }
    }
}

/// A place with the model and pictures.
fn place() -> Place {
    let place = Place::new();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../onnx/tests/data");
    std::fs::copy(models.join(MODEL), place.path(MODEL)).unwrap();
    pictures(&place, "photos", 20, 6);
    place
}

/// A NumPy file.
fn npy(descr: &str, sides: &[usize], bytes: &[u8]) -> Vec<u8> {
    let sides: String = sides.iter().map(|side| format!("{side},")).collect();
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sides}), }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.bytes());
    file.extend(bytes);
    file
}

/// Runs what saves a network that has not learned anything yet, which its status says.
fn no_better_than_a_guess(place: &Place, arguments: &str) {
    let done = place.thresh(arguments);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(3), "thresh {arguments}: {said}");
}

const MEANS: &str = "--mean 0.5,0.5,0.5 --std 0.25,0.25,0.25";
const SHORT: &str = "--set weights=60% --set prune-epochs=6 --set prune-rate=0.05 --set retrain-epochs=4 \
                     --set retrain-rate=0.05 --set tune-epochs=1 --set batch=8";

#[test]
fn a_network_from_onnx_is_compressed_on_pictures_and_packed() {
    let place = place();
    let compress = format!("compress {MEANS} --data photos {SHORT} {MODEL} -o small.safetensors");
    let small = place.json(&compress);
    let accuracy = small["accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.8, "{small}");
    let network = Network::load(&place.path("small.safetensors")).unwrap();
    assert_eq!(network.labels, ["amber", "blue", "green", "red", "teal"]);
    let before = &network.provenance["deep-compression.accuracy.before"];
    assert!(before.parse::<f64>().unwrap() < accuracy, "{before}");
    let all: usize = network.layers.iter().map(|layer| layer.weights.len()).sum();
    assert!(network.nonzeros() * 10 <= all * 6 + 5);
    let shared =
        |weights: &Weights| weights.is_empty() || matches!(weights, Weights::Shared { .. });
    assert!(network.layers.iter().all(|layer| shared(&layer.weights)));

    // The same command goes on where it was; the recorded one makes the same bytes.
    let first = place.read("small.safetensors");
    let recorded = network.provenance["command"]
        .strip_prefix("thresh ")
        .unwrap();
    place.ok(&format!("{recorded} --work other"));
    assert!(place.read("small.safetensors") == first);

    let packed =
        place.json("pack --config ulx3s-25f --data photos small.safetensors -o net.thresh");
    assert_eq!(packed["bytes"], place.read("net.thresh").len());
    let image = Image::from_bytes(&place.read("net.thresh")).unwrap();
    assert_eq!(image.labels, network.labels);
    assert_eq!(image.provenance["data"], network.provenance["data"]);
    // Of the test pictures the first are amber, which is class 0.
    let run = place.json("run net.thresh --data photos --digit 0 --on reference");
    assert_eq!(run["inferences"][0]["label"], 0, "{run}");
    let bench = place.json("bench net.thresh --data photos --count 2");
    assert_eq!(
        (&bench["mismatches"], &bench["data"]),
        (&0.into(), &"photos".into())
    );
    let report = place.json("report --data photos small.safetensors");
    assert_eq!(report["data"], "photos");

    // Other pictures are other data.
    pictures(&place, "more", 21, 6);
    let output = place.thresh("pack --config ulx3s-25f --data more small.safetensors -o x.thresh");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("trained on data with SHA-256"), "{stderr}");
}

#[test]
fn a_low_rank_network_is_shared_packed_and_run() {
    let place = place();
    place.ok(&format!("import {MEANS} {MODEL} -o net.safetensors"));
    no_better_than_a_guess(
        &place,
        "compress --method low-rank --speedup 1.5 --data photos --set tune-epochs=1 --set images=50 \
         net.safetensors -o thin.safetensors",
    );
    let thin = Network::load(&place.path("thin.safetensors")).unwrap();
    let before = Network::load(&place.path("net.safetensors")).unwrap();
    assert!(thin.layers.len() > before.layers.len());
    let speedup: f64 = thin.provenance["low-rank.speedup"].parse().unwrap();
    assert!((1.5..3.0).contains(&speedup), "{speedup}");

    // Pruning, sharing and coding behind it, by the same commands as for any network.
    place.made(&format!(
        "compress --data photos {SHORT} --work second thin.safetensors -o small.safetensors"
    ));
    place.ok("pack --config ulx3s-25f --data photos small.safetensors -o net.thresh");
    let bench = place.json("bench net.thresh --data photos --count 4");
    assert_eq!(bench["mismatches"], 0, "{bench}");
    refused(
        &place,
        "compress --speedup 2 --data photos net.safetensors -o x.safetensors",
        1,
        &["speedup", "there is no such option"],
    );
}

#[test]
fn classes_stand_for_outputs_by_their_names() {
    let place = place();
    // The network's own order of the classes, and an imported network first.
    let labels = CLASSES.join(",");
    place.ok(&format!(
        "import {MEANS} --labels {labels} {MODEL} -o net.safetensors"
    ));
    place.ok(&format!(
        "compress --data photos {SHORT} net.safetensors -o small.safetensors"
    ));
    let network = Network::load(&place.path("small.safetensors")).unwrap();
    assert_eq!(network.labels, CLASSES);
    place.ok("pack --config ulx3s-25f --data photos small.safetensors -o net.thresh");
    let run = place.json("run net.thresh --data photos --digit 0 --on reference");
    let inference = &run["inferences"][0];
    assert_eq!(
        (&inference["label"], &inference["answer"]),
        (&4.into(), &"amber".into())
    );
}

#[test]
fn all_forms_of_the_same_images_are_the_same_data() {
    let place = place();
    let mut sorted = CLASSES;
    sorted.sort_unstable();
    let train = |split: &str, count: u32, seed: u32| {
        let (mut last, mut first, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        for (number, name) in sorted.iter().enumerate() {
            let class = CLASSES.iter().position(|class| class == name).unwrap();
            for index in 0..count {
                let bytes = picture(class, seed + 5 * index + class as u32);
                for channel in 0..3 {
                    first.extend(bytes.iter().skip(channel).step_by(3));
                }
                last.extend(bytes);
                labels.push(number as u8);
            }
        }
        let n = labels.len();
        let wide: Vec<u8> = labels
            .iter()
            .flat_map(|&l| i64::from(l).to_le_bytes())
            .collect();
        for (folder, sides, images) in [
            ("last", [n, 8, 9, 3], &last),
            ("first", [n, 3, 8, 9], &first),
        ] {
            std::fs::create_dir_all(place.path(folder)).unwrap();
            place.write(
                &format!("{folder}/{split}-images.npy"),
                npy("|u1", &sides, images),
            );
            place.write(
                &format!("{folder}/{split}-labels.npy"),
                npy("<i8", &[n], &wide),
            );
        }
        place.write(&format!("{split}-labels"), idx(&[n as u32], &labels));
    };
    train("train", 20, 0);
    train("test", 6, 1000);
    place.ok(&format!("import {MEANS} {MODEL} -o net.safetensors"));
    let files = "first/train-images.npy,train-labels,last/test-images.npy,test-labels";
    let hashes = ["photos", "last", "first", files].map(|data| {
        let set = "--set prune-epochs=0 --set retrain-epochs=0 --set tune-epochs=0";
        let work = data.len();
        no_better_than_a_guess(
            &place,
            &format!(
                "compress --data {data} {set} net.safetensors --work {work}.work -o x.safetensors"
            ),
        );
        let network = Network::load(&place.path("x.safetensors")).unwrap();
        network.provenance["data"].clone()
    });
    assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");
}

#[test]
fn images_are_held_out_where_no_test_images_are() {
    let place = place();
    std::fs::remove_dir_all(place.path("photos/test")).unwrap();
    let train = "train --hidden 12 --epochs 15 --set batch=8 --set shift=0 --set rate=0.01 --set white=1 --data photos";
    let output = place.thresh(&format!("{train} -o net.safetensors"));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("photos has no test images") && stderr.contains("--hold-out 20%"),
        "{stderr}"
    );
    place.ok(&format!("{train} --hold-out 20% -o net.safetensors"));
    let network = Network::load(&place.path("net.safetensors")).unwrap();
    assert_eq!(network.labels, ["amber", "blue", "green", "red", "teal"]);
    assert_eq!(network.provenance["held-out"], "20");
    // Every class is among the images that were held out, so all of them are told apart.
    let accuracy = &network.provenance["train.accuracy"];
    assert!(accuracy.parse::<f64>().unwrap() > 0.8, "{accuracy}");
    let text = place.ok(
        "compress --data photos --hold-out 20% --set weights=50% --set prune-epochs=2 --set retrain-epochs=1 \
         --set tune-epochs=1 --set shift=0 --set batch=8 net.safetensors",
    );
    assert!(text.contains("of 20 training images held out"), "{text}");
    place.ok("pack --config tiny --data photos compressed.safetensors -o net.thresh");
    place.ok("bench net.thresh --data photos --hold-out 20%");
    place.ok("report --data photos --hold-out 20% compressed.safetensors");
    let make = "make --config tiny --data photos --hold-out 20% --train hidden=8 --train epochs=1 --compress weights=50% \
                --compress prune-epochs=1 --compress retrain-epochs=1 --compress tune-epochs=1 -o made.thresh";
    place.ok(make);
    let command = &Image::from_bytes(&place.read("made.thresh"))
        .unwrap()
        .provenance["command"];
    assert!(
        command.contains("--data photos --train hidden=8"),
        "{command}"
    );
    assert!(command.ends_with("--hold-out 20%"), "{command}");
}

/// What is refused of a folder of pictures that `change` damages.
#[track_caller]
fn damaged(change: impl Fn(&Place), texts: &[&str]) {
    let place = place();
    place.ok(&format!("import {MEANS} {MODEL} -o net.safetensors"));
    change(&place);
    refused(
        &place,
        "compress --data photos net.safetensors -o x.safetensors",
        1,
        texts,
    );
    assert!(!place.path("x.safetensors").exists());
}

#[test]
fn damaged_folders_of_pictures_are_refused() {
    let grey = |place: &Place, path: &str, side: u32| {
        image::GrayImage::new(side, side)
            .save(place.path(path))
            .unwrap();
    };
    damaged(
        |place| std::fs::create_dir(place.path("photos/train/none")).unwrap(),
        &["photos/train/none", "got no picture", "end in .png"],
    );
    damaged(
        |place| {
            std::fs::rename(
                place.path("photos/test/red"),
                place.path("photos/test/pink"),
            )
            .unwrap()
        },
        &["photos/test/pink", "no training picture has"],
    );
    damaged(
        |place| std::fs::remove_dir_all(place.path("photos/train/red")).unwrap(),
        &["photos/train", "got 4 classes, expected 5", "--labels"],
    );
    damaged(
        |place| grey(place, "photos/train/red/007.png", 8),
        &[
            "photos/train/red/007.png",
            "8 x 8 x 3",
            "expected 9 x 8 x 3",
        ],
    );
    damaged(
        |place| {
            let path = place.path("photos/test/blue/003.png");
            image::RgbImage::new(8, 9).save(path).unwrap();
        },
        &[
            "photos/test/blue/003.png",
            "8 x 9 x 3",
            "expected 9 x 8 x 3",
        ],
    );
    damaged(
        |place| {
            let file = place.read("photos/train/teal/000.png");
            place.write("photos/train/teal/000.png", &file[..file.len() / 2]);
        },
        &["photos/train/teal/000.png", "damaged"],
    );
    damaged(
        |place| {
            place.write("photos/train/teal/000.png", "no picture");
        },
        &[
            "photos/train/teal/000.png",
            "expected a PNG or JPEG picture",
        ],
    );
    damaged(
        |place| {
            std::fs::remove_dir_all(place.path("photos/train")).unwrap();
            std::fs::create_dir(place.path("photos/train")).unwrap();
        },
        &[
            "photos/train",
            "got no folders, expected one for each class",
        ],
    );
    damaged(
        |place| std::fs::remove_dir_all(place.path("photos/train")).unwrap(),
        &["photos", "neither a folder train", "train-images.npy"],
    );
}

#[test]
fn damaged_arrays_are_refused() {
    let place = place();
    place.ok(&format!("import {MEANS} {MODEL} -o net.safetensors"));
    let images = |count: usize| npy("|u1", &[count, 8, 9, 3], &vec![7; count * SHAPE.len()]);
    let labels = |values: &[u8]| npy("|u1", &[values.len()], values);
    place
        .write("four.npy", images(4))
        .write("none.npy", images(0));
    place
        .write("good.npy", labels(&[0, 1, 4, 2]))
        .write("few.npy", labels(&[0, 1, 2]));
    place
        .write("high.npy", labels(&[0, 1, 5, 2]))
        .write("float.npy", npy("<f4", &[4], &[0; 16]));
    let whole = images(4);
    place.write("short.npy", &whole[..whole.len() - 1]);
    place.write("short.idx", &idx(&[4], &[0, 1, 2, 3])[..11]);
    place.write("cubes.npy", npy("|u1", &[4, 8, 8, 2], &[0; 512]));
    place.write("floats.npy", npy("<f4", &[4, 8, 9, 3], &[0; 16 * 216]));
    place.write("text", "no array");
    let cases: [(&str, i32, &[&str]); 11] = [
        (
            "four.npy,few.npy",
            1,
            &["few.npy", "got 3 labels, expected 4", "four.npy"],
        ),
        (
            "four.npy,high.npy",
            1,
            &[
                "high.npy",
                "got label 5 for image 2, expected 0 to 4",
                "5 outputs",
            ],
        ),
        (
            "four.npy,float.npy",
            1,
            &["float.npy", "type '<f4', expected whole numbers"],
        ),
        ("none.npy,good.npy", 1, &["none.npy", "got no images"]),
        (
            "short.npy,good.npy",
            1,
            &["short.npy", "the file ends in its data"],
        ),
        (
            "four.npy,short.idx",
            1,
            &["short.idx", "length in bytes is 11, expected 12"],
        ),
        ("floats.npy,good.npy", 1, &["floats.npy", "expected uint8"]),
        (
            "cubes.npy,good.npy",
            1,
            &["cubes.npy", "expected [count, 8, 9, 3] or [count, 3, 8, 9]"],
        ),
        ("text,good.npy", 1, &["text", "magic number"]),
        (
            "four.npy,gone.npy",
            2,
            &["gone.npy is no file", "IMAGES,LABELS"],
        ),
        ("four.npy", 2, &["mnist, fashion-mnist", "IMAGES,LABELS"]),
    ];
    for (data, status, texts) in cases {
        let arguments =
            format!("compress --hold-out 1 --data {data} net.safetensors -o x.safetensors");
        refused(&place, &arguments, status, texts);
    }
    let arguments = "compress --data four.npy,good.npy net.safetensors -o x.safetensors";
    refused(
        &place,
        arguments,
        1,
        &["four has no test images", "--hold-out 20%"],
    );
    refused(
        &place,
        "train --data cubes.npy,good.npy --hold-out 1 -o x.safetensors",
        1,
        &["cubes.npy", "--layout hwc or --layout chw"],
    );
    refused(
        &place,
        "compress --hold-out 0% net.safetensors",
        2,
        &["expected a number of images", "20%"],
    );
    refused(
        &place,
        "compress --data photos --mean 0.5 net.safetensors -o x.safetensors",
        1,
        &[
            "got --mean 0.5 for net.safetensors",
            "expected an ONNX or TFLite model",
        ],
    );
}

#[test]
fn a_network_that_is_no_longer_finite_is_refused_by_its_layer() {
    let place = place();
    place.ok(&format!("import {MEANS} {MODEL} -o net.safetensors"));
    let mut bytes = place.read("net.safetensors");
    let network = Network::load(&place.path("net.safetensors")).unwrap();
    let layer = network
        .layers
        .iter()
        .find(|layer| !layer.weights.is_empty())
        .unwrap();
    let first = layer.weights.get(0).to_le_bytes();
    let at = bytes.windows(4).position(|four| four == first).unwrap();
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    place.write("nan.safetensors", bytes);
    refused(
        &place,
        "compress --data photos nan.safetensors -o x.safetensors",
        1,
        &[
            "nan.safetensors",
            &format!("layer {}", layer.name),
            "NaN, expected a finite number",
        ],
    );
}
