//! Import of a foreign model through the program.

mod common;

use common::{Place, refused};
use std::path::Path;
use thresh_model::{Head, Network, Shape, Weights};

/// The folder with models that PyTorch exported.
fn models() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../onnx/tests/data");
    folder.to_str().unwrap().to_string()
}

#[test]
fn a_model_becomes_a_compressed_network() {
    let place = Place::new();
    let model = format!("{}/separable-dynamo.onnx", models());
    let result = place.json(&format!(
        "import {model} -o net.safetensors --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --labels a,b,c,d"
    ));
    assert_eq!(
        (&result["outputs"], &result["head"]),
        (&4.into(), &"softmax".into()),
        "{result}"
    );
    assert_eq!(result["frame"]["marked"], true);
    let network = Network::load(&place.path("net.safetensors")).unwrap();
    assert_eq!(
        network.input,
        Shape {
            channels: 3,
            height: 9,
            width: 8
        }
    );
    assert_eq!((network.head, network.labels.len()), (Head::Softmax, 4));
    assert_eq!(
        network.provenance["command"],
        "thresh import --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --labels a,b,c,d \
         separable-dynamo.onnx -o net.safetensors"
    );

    let small = place.json(&format!(
        "import {model} -o small.safetensors --keep 0.5 --bits 3"
    ));
    let (weights, nonzeros) = (small["weights"].as_u64(), small["nonzeros"].as_u64());
    assert!(nonzeros.unwrap() * 2 <= weights.unwrap() + 6, "{small}");
    assert_eq!(small["provenance"]["post-training"], "keep=0.5 bits=3");
    let network = Network::load(&place.path("small.safetensors")).unwrap();
    for layer in network.layers.iter().filter(|layer| !layer.bias.is_empty()) {
        assert!(matches!(&layer.weights, Weights::Shared { codebook, .. } if codebook.len() <= 7));
    }
    let text = place.ok(&format!(
        "import {model} -o small.safetensors --keep 0.5 --global"
    ));
    assert!(
        text.contains("3 x 9 x 8") && text.contains("are not zero"),
        "{text}"
    );
}

#[test]
fn a_model_of_any_shape_is_packed_and_planned() {
    let place = Place::new();
    let model = format!("{}/residual-dynamo.onnx", models());
    let import = format!("import {model} -o net.thresh --config ulx3s-25f --keep 0.5 --bits 4");
    let plan = place.json(&format!("{import} --calibrate random:3:7 --plan"));
    let layers = plan["layers"].as_array().unwrap();
    let passes = plan["passes"].as_array().unwrap();
    assert_eq!(plan["number_of_passes"], passes.len());
    for (of_layer, of_pass) in [
        ("predicted_cycles", "predicted_cycles"),
        ("bytes_written", "bytes_written"),
        ("bytes_read", "bytes_read"),
    ] {
        let sum = |list: &[serde_json::Value], key: &str| -> u64 {
            list.iter().map(|value| value[key].as_u64().unwrap()).sum()
        };
        assert_eq!(sum(layers, of_layer), sum(passes, of_pass), "{of_layer}");
        assert!(sum(layers, of_layer) > 0);
    }
    assert!(layers.iter().all(|layer| layer["name"] != ""), "{plan}");
    let image = place.read("net.thresh");
    let image = thresh_model::Image::from_bytes(&image).unwrap();
    assert_eq!(image.passes.len(), passes.len());
    assert_eq!(image.provenance["calibration"], "3 random inputs, seed 7");
    assert_eq!(
        image.provenance["command"],
        "thresh import --calibrate random:3:7 --config ulx3s-25f --keep 0.5 --bits 4 residual-dynamo.onnx -o net.thresh"
    );
    let text = place.ok(&format!("{import} --calibrate random --plan"));
    assert!(
        text.contains("cycles predicted") && text.contains("| pass "),
        "{text}"
    );
    // Weights that nobody gave, and inputs from a file.
    let shape = image.input;
    let sizes = format!("(2, {}, {}, {})", shape.height, shape.width, shape.channels);
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {sizes}}}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.bytes());
    file.extend((0..2 * shape.len()).map(|i| i as u8));
    place.write("inputs.npy", &file);
    let random = place.json(&format!(
        "{import} --random-weights 3 --calibrate inputs.npy --plan"
    ));
    assert!(random["predicted_cycles"].as_u64() > Some(0));
    file.pop();
    place.write("short.npy", &file);

    let cases = [
        // The data set has other images.
        ("", 1, vec!["4 x 4 x 1", "--calibrate random"]),
        ("--calibrate random:0", 2, vec!["at least 1"]),
        (
            "--calibrate short.npy",
            1,
            vec!["short.npy", "ends in its data"],
        ),
        (
            "--calibrate gone.npy",
            1,
            vec!["gone.npy", "expected random"],
        ),
        (
            "--calibrate data/mnist/train-images.idx3-ubyte",
            1,
            vec!["4 x 4 x 1", "takes no others"],
        ),
        ("--calibrate data", 1, vec!["got no inputs"]),
    ];
    for (arguments, status, texts) in cases {
        let output = place.thresh(&format!("{import} {arguments} --plan"));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments}: {stderr}");
        for text in texts {
            assert!(
                stderr.contains(text),
                "{arguments}: no {text:?} in: {stderr}"
            );
        }
    }
    let plan = place.thresh(&format!("import {model} -o x.safetensors --plan"));
    assert_eq!(plan.status.code(), Some(2));
}

#[test]
fn what_cannot_be_imported_is_said() {
    let place = Place::new();
    place.write("none.onnx", b"nothing");
    let model = format!("{}/flat-script.onnx", models());
    let cases = [
        (
            "import none.onnx -o x.safetensors".to_string(),
            1,
            vec!["none.onnx", "not an ONNX model"],
        ),
        (
            "import gone.onnx -o x.safetensors".to_string(),
            1,
            vec!["gone.onnx", "cannot read"],
        ),
        (
            format!("import {model} -o x.safetensors --shape 3x4"),
            2,
            vec!["3x4", "as 3x32x32"],
        ),
        (
            format!("import {model} -o x.safetensors --shape 3x4x4"),
            1,
            vec!["[1, 1, 5, 6]", "3 x 4 x 4"],
        ),
        (
            format!("import {model} -o x.safetensors --std 0"),
            1,
            vec!["std", "above 0"],
        ),
        (
            format!("import {model} -o x.safetensors --scale=-1"),
            1,
            vec!["scale", "above 0"],
        ),
        (
            format!("import {model} -o x.safetensors --keep 2"),
            1,
            vec!["keep", "0 to 1"],
        ),
        (
            format!("import {model} -o x.safetensors --bits 9"),
            1,
            vec!["bits", "1 to 8"],
        ),
        (
            format!("import {model} -o x.safetensors --global"),
            2,
            vec!["--keep"],
        ),
        (
            format!("import {model} -o x.safetensors --test 5"),
            1,
            vec!["expected"],
        ),
    ];
    for (arguments, status, texts) in cases {
        refused(&place, &arguments, status, &texts);
    }
    assert!(!place.path("x.safetensors").exists());
}
