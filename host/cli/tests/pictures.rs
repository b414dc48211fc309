//! Folders of pictures and arrays, and the answers of networks on them: which output a folder stands for, what is read, what is left
//! out, in which order values lie.

mod common;

use common::{Place, refused};
use std::collections::BTreeMap;
use std::path::Path;
use thresh_model::{Activation, Frame, Head, Layer, Network, Operator, Shape, Weights};

/// A network of one layer on images of `shape`, by the weights of each output.
fn network(shape: Shape, weights: &[Vec<f32>], head: Head, labels: &[&str]) -> Network {
    let layer = Layer {
        name: "only".into(),
        inputs: vec![],
        operator: Operator::Dense {
            inputs: shape.len(),
            outputs: weights.len(),
        },
        weights: Weights::Float(weights.concat()),
        bias: vec![0.0; weights.len()],
        activation: Activation::None,
        range: None,
    };
    Network {
        name: "test".into(),
        input: shape,
        input_scale: 1.0 / 255.0,
        input_mean: vec![],
        frame: Frame::default(),
        head,
        layers: Layer::in_sequence([layer]),
        labels: labels.iter().map(|label| label.to_string()).collect(),
        provenance: BTreeMap::new(),
    }
}

/// Twelve classes: the pixel that is bright.
const SHAPE: Shape = Shape {
    channels: 1,
    height: 3,
    width: 4,
};

fn save(place: &Place, network: &Network) {
    place.write("net.safetensors", network.to_safetensors().unwrap());
}

fn twelve() -> Network {
    let row = |output: usize| (0..12).map(|input| f32::from(input == output)).collect();
    network(
        SHAPE,
        &(0..12).map(row).collect::<Vec<_>>(),
        Head::Softmax,
        &[],
    )
}

/// The picture of class `k`.
fn bright(k: usize) -> image::GrayImage {
    let bytes = (0..12)
        .map(|pixel| if pixel == k { 255 } else { 10 })
        .collect();
    image::GrayImage::from_raw(4, 3, bytes).unwrap()
}

fn put(place: &Place, name: &str, picture: impl Into<image::DynamicImage>) {
    let path = place.path(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let end = Path::new(name).extension().unwrap().to_ascii_lowercase();
    let format = image::ImageFormat::from_extension(end).unwrap();
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).unwrap();
    std::fs::write(path, bytes.into_inner()).unwrap();
}

/// A folder of the classes by name, each of one picture to train and one to test.
fn folder(place: &Place, classes: impl IntoIterator<Item = (usize, String)>) {
    for (k, name) in classes {
        for split in ["train", "test"] {
            put(place, &format!("photos/{split}/{name}/0.png"), bright(k));
        }
    }
}

fn stderr(place: &Place, arguments: &str) -> String {
    let done = place.thresh(arguments);
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(0), "{arguments}: {said}");
    said
}

#[test]
fn folders_that_are_numbers_stand_for_the_outputs_of_these_numbers() {
    let place = Place::new();
    save(&place, &twelve());
    folder(&place, (0..12).map(|k| (k, k.to_string())));
    let said = stderr(
        &place,
        "pack --config tiny --data photos net.safetensors -o net.thresh",
    );
    assert!(
        said.contains("the classes are numbers") && said.contains("--labels 0,1,10,11,2,3"),
        "{said}"
    );
    let bench = place.json("bench net.thresh --data photos");
    assert_eq!(bench["accuracy"], 1.0, "{bench}");
    let notice = bench["notices"][0].as_str().unwrap();
    assert!(notice.contains("--labels 0,1,10,11"), "{notice}");
    let likely = bench["mean_probability_of_label"].as_f64().unwrap();
    // exp(1) beside eleven of exp(10/255).
    let expected = 1f64.exp() / (1f64.exp() + 11.0 * (10.0f64 / 255.0).exp());
    assert!((likely - expected).abs() < 0.01, "{likely} {expected}");

    // Some classes alone, each of its own output.
    std::fs::remove_dir_all(place.path("photos")).unwrap();
    folder(&place, [(2, "2".into()), (11, "11".into())]);
    place.ok("pack --config tiny --data photos net.safetensors -o net.thresh");
    assert_eq!(
        place.json("bench net.thresh --data photos")["accuracy"],
        1.0
    );

    // From 1 on: in the order of the numbers.
    std::fs::remove_dir_all(place.path("photos")).unwrap();
    folder(&place, (0..12).map(|k| (k, (k + 1).to_string())));
    place.ok("pack --config tiny --data photos net.safetensors -o net.thresh");
    assert_eq!(
        place.json("bench net.thresh --data photos")["accuracy"],
        1.0
    );
}

#[test]
fn the_labels_of_the_network_win_over_numbers() {
    let place = Place::new();
    let mut text: Vec<String> = (0..12).map(|k| k.to_string()).collect();
    text.sort();
    let mut net = twelve();
    net.labels = text.clone();
    save(&place, &net);
    folder(&place, text.into_iter().enumerate());
    let said = stderr(
        &place,
        "pack --config tiny --data photos net.safetensors -o net.thresh",
    );
    assert!(!said.contains("note:"), "{said}");
    assert_eq!(
        place.json("bench net.thresh --data photos")["accuracy"],
        1.0
    );
}

#[test]
fn jpeg_is_read_and_what_is_left_out_is_counted_and_named() {
    let place = Place::new();
    save(&place, &twelve());
    folder(&place, (0..12).map(|k| (k, k.to_string())));
    // Flat enough that JPEG keeps which pixel is bright.
    for name in ["photos/test/3/1.jpg", "photos/test/3/2.JPEG"] {
        put(&place, name, bright(3));
    }
    for name in [
        "train/3/a.gif",
        "train/3/b.GIF",
        "train/note.txt",
        "test/3/.hidden",
    ] {
        place.write(&format!("photos/{name}"), "no picture");
    }
    std::fs::create_dir(place.path("photos/val")).unwrap();
    place.ok("pack --config tiny --data photos net.safetensors -o net.thresh");
    let bench = place.json("bench net.thresh --data photos");
    assert_eq!(
        (&bench["inferences"], &bench["right"]),
        (&14.into(), &14.into()),
        "{bench}"
    );
    let notices = bench["notices"].to_string();
    let expected = "photos: 4 left out, as pictures are PNG or JPEG files in a folder of their class in train or test: \
                    2 .gif (train/3/a.gif, train/3/b.GIF); 1 .txt (train/note.txt); 1 folder (val)";
    assert!(notices.contains(expected), "{notices}");
    let run = place.json("run net.thresh photos/test/3/1.jpg --on reference");
    assert_eq!(run["inferences"][0]["class"], 3, "{run}");
    assert_eq!(run.get("notices"), None);
}

#[test]
fn a_folder_of_jpegs_calibrates_and_says_what_it_leaves_out() {
    let place = Place::new();
    let model =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../onnx/tests/data/residual-script.onnx");
    std::fs::copy(model, place.path("m.onnx")).unwrap();
    put(
        &place,
        "some/1.jpg",
        image::RgbImage::from_pixel(9, 8, image::Rgb([9, 99, 199])),
    );
    put(
        &place,
        "some/2.png",
        image::RgbImage::from_pixel(9, 8, image::Rgb([200, 100, 1])),
    );
    place.write("some/3.bmp", "BM").write("some/.hidden", "");
    let import =
        place.json("import m.onnx --bits 4 --config ulx3s-25f --calibrate some -o x.thresh");
    let calibrated = import["provenance"]["calibration"].as_str().unwrap();
    assert!(calibrated.starts_with("2 inputs of some"), "{import}");
    let notices = import["notices"].to_string();
    let expected = "some: 1 left out, as PNG and JPEG pictures calibrate: 1 .bmp (3.bmp)";
    assert!(notices.contains(expected), "{notices}");
}

#[test]
fn one_output_of_a_sigmoid_tells_two_classes_apart() {
    let place = Place::new();
    // Bright on the left half: no; on the right half: yes.
    let weights = (0..12)
        .map(|at| if at % 4 < 2 { -1.0 } else { 1.0 })
        .collect();
    save(
        &place,
        &network(SHAPE, &[weights], Head::Sigmoid, &["no", "yes"]),
    );
    folder(&place, [(0, "no".into()), (2, "yes".into())]);
    place.ok("pack --config tiny --data photos net.safetensors -o net.thresh");
    let bench = place.json("bench net.thresh --data photos");
    assert_eq!(
        (&bench["accuracy"], &bench["mismatches"]),
        (&1.0.into(), &0.into()),
        "{bench}"
    );
    let run = place.json("run net.thresh photos/test/no/0.png photos/test/yes/0.png");
    for (index, answer) in ["no", "yes"].into_iter().enumerate() {
        let inference = &run["inferences"][index];
        assert_eq!(
            (&inference["answer"], &inference["class"]),
            (&answer.into(), &index.into())
        );
        let logit = inference["values"][0].as_f64().unwrap();
        let second = 1.0 / (1.0 + (-logit).exp());
        let both = inference["probabilities"].as_array().unwrap();
        assert_eq!(both.len(), 2);
        for (got, expected) in both.iter().zip([1.0 - second, second]) {
            assert!(
                (got.as_f64().unwrap() - expected).abs() < 1e-5,
                "{inference}"
            );
        }
    }
    let text = place.ok("run net.thresh photos/test/yes/0.png --on reference");
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines[1][..1], ["no"]);
    assert_eq!((lines[1].len(), lines[2].len()), (3, 5), "{text}");
    assert_eq!(lines[2][0], "yes");
    assert!(lines[1][2] == "%" && lines[2][4] == "%", "{text}");
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

#[test]
fn arrays_of_one_image_are_read_in_either_order_as_bytes_or_signed_bytes() {
    let place = Place::new();
    let shape = Shape {
        channels: 3,
        height: 1,
        width: 3,
    };
    let row = |output: usize| (0..9).map(|input| f32::from(input == output)).collect();
    let rows: Vec<Vec<f32>> = (0..9).map(row).collect();
    save(&place, &network(shape, &rows, Head::Logits, &[]));
    // Channel 1 at position 2 is bright: value 7, position by position.
    let last: Vec<u8> = (0..9).map(|at| if at == 7 { 250 } else { 130 }).collect();
    let first: Vec<u8> = (0..9).map(|at| if at == 5 { 250 } else { 130 }).collect();
    let signed: Vec<u8> = last.iter().map(|byte| byte ^ 0x80).collect();
    place
        .write("last.npy", npy("|u1", &[1, 1, 3, 3], &last))
        .write("first.npy", npy("|u1", &[1, 3, 1, 3], &first))
        .write("signed.npy", npy("|i1", &[1, 1, 3, 3], &signed))
        .write("zero.npy", npy("<i8", &[1], &[0; 8]));
    place.ok("pack --config tiny --data last.npy,zero.npy net.safetensors -o net.thresh");
    for input in [
        "last.npy",
        "first.npy:0",
        "signed.npy:0",
        "first.npy --layout chw",
    ] {
        let run = place.json(&format!("run net.thresh {input} --on reference"));
        assert_eq!(run["inferences"][0]["class"], 7, "{input}: {run}");
    }
    let run = "run net.thresh first.npy --layout hwc --on reference";
    refused(
        &place,
        run,
        1,
        &["the order of --layout hwc: leave out --layout"],
    );
    let floats: Vec<u8> = last
        .iter()
        .flat_map(|&b| (f32::from(b) / 255.0).to_le_bytes())
        .collect();
    place.write("floats.npy", npy("<f4", &[1, 1, 3, 3], &floats));
    let texts = [
        "floats.npy",
        "save (images * 255).round().astype(numpy.uint8)",
    ];
    refused(
        &place,
        "run net.thresh floats.npy --on reference",
        1,
        &texts,
    );
    // What was said holds where no network says the order.
    place.write("row.npy", npy("|u1", &[2, 1, 12, 3], &[7; 72]));
    place.write(
        "two.npy",
        npy(
            "<i8",
            &[2],
            &[0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
        ),
    );
    let train =
        "train --data row.npy,two.npy --hold-out 1 --hidden 2 --epochs 1 -o t.safetensors --work w";
    refused(&place, train, 1, &["--layout hwc or --layout chw"]);
    place.ok(&format!("{train} --layout hwc"));
    let info = place.json("info t.safetensors");
    assert_eq!(info["input"][0], 3, "{info}");
}

#[test]
fn wrong_kinds_of_files_are_called_by_their_names() {
    let place = Place::new();
    save(&place, &twelve());
    folder(&place, (0..12).map(|k| (k, k.to_string())));
    place.ok("pack --config tiny --data photos net.safetensors -o net.thresh");
    place
        .write("m.onnx", b"\x08\x07\x12\x07pytorch")
        .write("m.tflite", b"\x1c\0\0\0TFL3\0\0\0\0")
        .write("m.pth", b"PK\x03\x04archive/data.pkl")
        .write("m.h5", b"\x89HDF\r\n\x1a\n....")
        .write(
            "w.safetensors",
            b"\x20\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"F32\"}}",
        )
        .write("x.gz", b"\x1f\x8b\x08")
        .write("lfs", "version https://git-lfs.github.com/spec/v1\n");
    for (file, what, next) in [
        ("m.onnx", "an ONNX model", "`thresh import`"),
        ("m.tflite", "a TFLite model", "`thresh import`"),
        ("m.pth", "a file of PyTorch", "torch.onnx.export"),
        ("m.h5", "a Keras or HDF5 file", "model.export"),
        (
            "w.safetensors",
            "weights of another program",
            "export the model as ONNX",
        ),
        ("lfs", "a pointer of Git LFS", "git lfs pull"),
        ("photos/test/1/0.png", "a picture", "thresh run"),
    ] {
        let text = format!("got {what}");
        for command in ["info", "bench", "pack --config tiny -o x.thresh", "report"] {
            refused(
                &place,
                &format!("{command} {file}"),
                1,
                &[file, &text, next],
            );
        }
    }
    refused(
        &place,
        "pack --config tiny net.thresh -o x",
        1,
        &["got a .thresh image, which is packed already"],
    );
    refused(
        &place,
        "bench net.safetensors",
        1,
        &["got a network, expected a .thresh image: `thresh pack`"],
    );
    for file in ["m.pth", "m.h5", "w.safetensors", "net.thresh", "lfs"] {
        let import = format!("import {file} -o x.safetensors");
        refused(
            &place,
            &import,
            1,
            &[file, "expected an ONNX or TFLite model"],
        );
    }
    for input in ["x.gz", "m.onnx", "net.thresh"] {
        let run = format!("run net.thresh {input} --on reference");
        refused(&place, &run, 1, &[input, "expected a PNG or JPEG picture"]);
    }
    refused(
        &place,
        "run net.thresh x.gz:0 --on reference",
        1,
        &["a file packed by gzip, expected an IDX file"],
    );
}
