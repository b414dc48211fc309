//! No command writes over what it reads: all that can be named as an output, over all that is an input.

mod common;

use common::{Place, refused};
use std::os::unix::fs::symlink;

/// The files that commands read here; the check comes before any of them is looked into.
const FILES: [&str; 11] = [
    "m.onnx",
    "m.onnx.data",
    "net.safetensors",
    "compressed.safetensors",
    "history.json",
    "x.npy",
    "y.npy",
    "pictures/0.png",
    "photos/train/a/0.JPG",
    "photos/test/a/1.png",
    "results/board-hx8k.json",
];

const IDX: &str = "data/mnist/train-images.idx3-ubyte";

fn place() -> Place {
    let place = Place::new();
    for file in FILES {
        std::fs::create_dir_all(place.path(file).parent().unwrap()).unwrap();
        place.write(file, format!("this is {file}"));
    }
    // An entry of a tensor: its values lie in another file.
    place.write("m.onnx", b"\x08\x08\x0a\x08location\x12\x0bm.onnx.data");
    std::fs::hard_link(place.path("net.safetensors"), place.path("hard")).unwrap();
    symlink("net.safetensors", place.path("soft")).unwrap();
    symlink("photos", place.path("linked")).unwrap();
    place
}

#[test]
fn nothing_that_is_read_is_written_over() {
    let place = place();
    let before: Vec<Vec<u8>> = FILES.iter().map(|file| place.read(file)).collect();
    let idx = place.read(IDX);
    for command in [
        "import m.onnx -o m.onnx",
        "import m.onnx -o ./m.onnx",
        "import m.onnx -o pictures/../m.onnx",
        "import m.onnx -o m.onnx.data",
        "import m.onnx --config tiny --calibrate pictures -o pictures/0.png",
        "import m.onnx --config tiny --calibrate pictures/0.png -o pictures/0.png",
        "import m.onnx --config tiny --calibrate x.npy -o x.npy",
        "import m.onnx --config tiny --data x.npy,y.npy -o y.npy",
        "pack --config tiny net.safetensors -o net.safetensors",
        "pack --config tiny net.safetensors -o hard",
        "pack --config tiny net.safetensors -o soft",
        "pack --config tiny hard -o net.safetensors",
        "pack --config tiny soft -o net.safetensors",
        "pack --config tiny net.safetensors -o data/mnist/train-images.idx3-ubyte",
        "pack --config tiny net.safetensors --data photos -o photos/train/a/0.JPG",
        "pack --config tiny net.safetensors --data linked -o photos/test/a/1.png",
        "compress net.safetensors -o net.safetensors",
        "compress m.onnx -o m.onnx",
        "compress m.onnx -o m.onnx.data",
        "compress compressed.safetensors",
        "compress net.safetensors --html net.safetensors",
        "compress net.safetensors --data photos -o photos/train/a/0.JPG",
        "train --data x.npy,y.npy -o x.npy",
        "train --data photos -o photos/train/a/0.JPG",
        "make --data photos -o photos/train/a/0.JPG",
        "make -o data/mnist/train-images.idx3-ubyte",
        "report net.safetensors --html net.safetensors",
        "report net.safetensors --html history.json",
        "study cuts net.safetensors --html net.safetensors",
        "study cuts m.onnx --html m.onnx.data",
        "compare net.safetensors --html net.safetensors",
        "compare net.safetensors --results results --html results/board-hx8k.json",
        "sweep --data photos --html photos/train/a/0.JPG",
        "boards net.safetensors -o net.safetensors",
        "boards --results results -o results/board-hx8k.json",
        "reproduce -o data/mnist/train-images.idx3-ubyte",
    ] {
        let texts = ["it would be written over", "choose another output"];
        refused(&place, command, 1, &texts);
        for (file, before) in FILES.iter().zip(&before) {
            assert!(place.read(file) == *before, "{command}: {file}");
        }
        assert!(place.read(IDX) == idx, "{command}: {IDX}");
        assert!(place.path("soft").is_symlink(), "{command}");
    }
    for command in [
        "compress net.safetensors -o x.html --html x.html",
        "make -o .work/mnist/train.safetensors",
        "sweep -o s --html s/smallest.thresh",
    ] {
        refused(&place, command, 1, &["for two files of this command"]);
    }
}

#[test]
fn the_values_that_pytorch_writes_beside_its_model_stay() {
    let place = Place::new();
    let models = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../onnx/tests/data");
    for file in ["flat-dynamo.onnx", "flat-dynamo.onnx.data"] {
        std::fs::copy(models.join(file), place.path(file)).unwrap();
    }
    let before = place.read("flat-dynamo.onnx.data");
    let import = "import flat-dynamo.onnx -o flat-dynamo.onnx.data";
    refused(&place, import, 1, &["it would be written over"]);
    assert!(place.read("flat-dynamo.onnx.data") == before);
    place.ok("import flat-dynamo.onnx -o net.safetensors");
}

#[test]
fn an_output_may_lie_beside_what_is_read_and_be_written_again() {
    let place = Place::new();
    for _ in 0..2 {
        place.ok("train --hidden 4 --epochs 1 -o data/mnist/net.safetensors --work w");
    }
}
