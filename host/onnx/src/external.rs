//! The files that a model is made of.

use std::io;
use std::path::{Path, PathBuf};

/// How a tensor begins to say where its values lie: an entry with the key `location`, whose value follows.
const LOCATION: &[u8] = b"\x0a\x08location\x12";

/// The files beside the ONNX model at `path` that hold values of it, wherever in the model they are named. None of a file
/// that is no model. They need not be there.
///
/// # Errors
/// If the model cannot be read.
pub fn external_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    // A device or a pipe would never end.
    if !std::fs::metadata(path)?.is_file() {
        return Ok(vec![]);
    }
    let folder = path.parent().unwrap_or(path);
    let names = locations(&std::fs::read(path)?);
    Ok(names.iter().map(|name| folder.join(name)).collect())
}

/// The locations in the bytes of a model, each once.
fn locations(bytes: &[u8]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest
        .windows(LOCATION.len())
        .position(|here| here == LOCATION)
    {
        rest = &rest[at + LOCATION.len()..];
        let mut value = rest;
        let name = prost::decode_length_delimiter(&mut value)
            .ok()
            .and_then(|length| value.get(..length))
            .and_then(|name| std::str::from_utf8(name).ok());
        if let Some(name) = name.filter(|name| !found.iter().any(|other| other == name)) {
            found.push(name.into());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{GraphProto, ModelProto, StringStringEntryProto, TensorProto};
    use prost::Message;

    #[test]
    fn a_model_says_the_files_beside_it() {
        let entry = |key: &str, value: &str| StringStringEntryProto {
            key: key.into(),
            value: value.into(),
        };
        let tensor = |file: &str| TensorProto {
            external_data: vec![entry("location", file), entry("offset", "8")],
            ..TensorProto::default()
        };
        let model = ModelProto {
            graph: Some(GraphProto {
                initializer: ["m.onnx.data", "sub/w.bin", "m.onnx.data"]
                    .map(tensor)
                    .to_vec(),
                ..GraphProto::default()
            }),
            ..ModelProto::default()
        };
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("m.onnx");
        std::fs::write(&path, model.encode_to_vec()).unwrap();
        let expected = ["m.onnx.data", "sub/w.bin"].map(|name| root.path().join(name));
        assert_eq!(external_files(&path).unwrap(), expected);
        // What is no model, or is cut, has none.
        std::fs::write(
            &path,
            [LOCATION, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"].concat(),
        )
        .unwrap();
        assert_eq!(external_files(&path).unwrap(), [""; 0].map(PathBuf::from));
        std::fs::write(&path, [LOCATION, b"\x09short"].concat()).unwrap();
        assert_eq!(external_files(&path).unwrap(), [""; 0].map(PathBuf::from));
        external_files(&root.path().join("gone")).unwrap_err();
    }
}
