//! What a file is that is no ONNX model, by its first bytes.

use crate::error::ImportError;

/// The error that names the kind of a file that begins with `bytes`; `None` if it may be an ONNX model.
pub(crate) fn other(bytes: &[u8]) -> Option<ImportError> {
    let kind = |got, step| Some(ImportError::Kind { got, step });
    let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    let torch = "load it in PyTorch and call torch.onnx.export(model, image, \"net.onnx\")";
    let keras =
        "load it in Keras and call model.export(\"net.onnx\", format=\"onnx\"), or use tf2onnx";
    match bytes {
        [] => kind("an empty file", "export the model again"),
        [b'P', b'K', 3, 4, ..] if has(b"data.pkl") => {
            kind("a PyTorch checkpoint (.pth, .pt)", torch)
        }
        [b'P', b'K', 3, 4, ..] if has(b"model.weights.h5") => kind("a Keras model (.keras)", keras),
        [b'P', b'K', 3, 4, ..] if has(b".npy") => kind(
            "a NumPy archive (.npz)",
            "it has no layers; export the model that made it",
        ),
        [b'P', b'K', 3, 4, ..] => kind("a zip archive", "unpack it"),
        [0x80, 2..=5, ..] => kind(
            "a Python pickle, as an old PyTorch checkpoint (.pth, .pt) is one",
            torch,
        ),
        [_, _, _, _, b'T', b'F', b'L', b'3', ..] => kind(
            "a TensorFlow Lite model",
            "thresh import takes it, and in a program thresh_tflite::import",
        ),
        [_, _, _, _, b'O', b'R', b'T', b'M', ..] => kind(
            "an ONNX Runtime model (.ort)",
            "take the .onnx file that it was made of",
        ),
        [b'T', b'H', b'R', b'I', ..] => kind(
            "a packed image of thresh (.thresh)",
            "thresh run and thresh info take it; nothing is to be imported",
        ),
        [_, _, _, _, _, _, 0, 0, b'{', ..] if has(b"\"thresh") => kind(
            "a network that thresh has saved",
            "thresh pack takes it; nothing is to be imported",
        ),
        [_, _, _, _, _, _, 0, 0, b'{', ..] => kind(
            "a safetensors file",
            "it holds weights alone; export the model to ONNX, or, for a network of thresh, use thresh pack",
        ),
        [0x89, b'H', b'D', b'F', ..] => kind("an HDF5 file, as Keras saves one (.h5)", keras),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => {
            kind("a NumPy array (.npy)", "give the model that takes it")
        }
        [0x89, b'P', b'N', b'G', ..] | [0xff, 0xd8, 0xff, ..] => {
            kind("a picture", "give the model that takes it")
        }
        [0x1f, 0x8b, ..] => kind("a gzip archive", "unpack it"),
        [b'<', ..] => kind("a text of HTML or XML", "download the model itself"),
        [b'G', b'G', b'U', b'F', ..] => kind("a GGUF file", "export the model to ONNX"),
        _ if bytes.starts_with(b"version https://git-lfs") => kind(
            "a pointer of Git LFS",
            "run git lfs pull, or download the file itself",
        ),
        _ => None,
    }
}
