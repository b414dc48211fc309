//! What a file is by its content, so that a wrong one is called by its name and the command that helps is told.

use anyhow::{Context, Result, anyhow, ensure};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use thresh_fpga::Bitstream;
use thresh_model::image::MAGIC;

/// Bytes of a file that are looked at.
const LOOKED_AT: u64 = 1 << 16;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Image,
    Network,
    /// The weights of another program.
    Weights,
    Onnx,
    TfLite,
    SavedModel,
    Torch,
    Keras,
    Npy,
    Npz,
    Idx,
    Picture,
    OtherPicture,
    Gzip,
    Zip,
    Bitstream,
    Pointer,
    Html,
    Json,
    Empty,
}

impl Kind {
    /// The kind of a file that begins with `bytes`; none if it is none of those that are known.
    pub fn of(bytes: &[u8]) -> Option<Kind> {
        let starts = |with: &[u8]| bytes.starts_with(with);
        let holds = |text: &str| {
            bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        };
        if bytes.is_empty() {
            return Some(Kind::Empty);
        }
        Some(match bytes {
            _ if starts(&MAGIC) => Kind::Image,
            _ if starts(b"PK\x03\x04") => {
                let inside = [
                    ("data.pkl", Kind::Torch),
                    ("constants.pkl", Kind::Torch),
                    ("model.weights.h5", Kind::Keras),
                    ("config.json", Kind::Keras),
                    (".npy", Kind::Npz),
                ];
                let found = inside.iter().find(|(name, _)| holds(name));
                found.map_or(Kind::Zip, |&(_, kind)| kind)
            }
            _ if starts(b"\x89HDF\r\n\x1a\n") => Kind::Keras,
            _ if bytes.get(4..8) == Some(b"TFL3") => Kind::TfLite,
            _ if starts(b"\x93NUMPY") => Kind::Npy,
            _ if starts(b"\x89PNG\r\n\x1a\n") || starts(b"\xff\xd8\xff") => Kind::Picture,
            _ if starts(b"GIF8") || starts(b"BM") || starts(b"II*\0") || starts(b"MM\0*") => {
                Kind::OtherPicture
            }
            _ if starts(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") => Kind::OtherPicture,
            _ if starts(b"\x1f\x8b") => Kind::Gzip,
            _ if Bitstream::of(bytes).is_some() => Kind::Bitstream,
            // The header of safetensors follows eight bytes of its length, which is no billion.
            _ if bytes.get(5..9) == Some(b"\0\0\0{") => match holds("\"thresh\":") {
                true => Kind::Network,
                false => Kind::Weights,
            },
            // A pickle of protocol 2 to 5, as PyTorch wrote before 1.6.
            [0x80, 2..=5, ..] => Kind::Torch,
            [0, 0, 8, 1..=4, ..] => Kind::Idx,
            // Version 1 of the message, then one of its graphs.
            [0x08, 1, 0x12, ..] if holds("serve") => Kind::SavedModel,
            // The version of the message, then another of its fields.
            [
                0x08,
                3..=64,
                0x12 | 0x1a | 0x22 | 0x28 | 0x32 | 0x3a | 0x42,
                ..,
            ] => Kind::Onnx,
            _ if starts(b"version https://git-lfs") => Kind::Pointer,
            _ if starts(b"<!DOCTYPE") || starts(b"<!doctype") || starts(b"<html") => Kind::Html,
            [b'{' | b'[', ..] => Kind::Json,
            _ => return None,
        })
    }

    /// The kind of the file at `path`; none if it cannot be read, or is none of those that are known.
    pub fn at(path: &Path) -> Option<Kind> {
        if path.join("saved_model.pb").is_file() {
            return Some(Kind::SavedModel);
        }
        if !path.metadata().ok()?.is_file() {
            return None;
        }
        let mut bytes = Vec::new();
        let file = File::open(path).ok()?;
        file.take(LOOKED_AT).read_to_end(&mut bytes).ok()?;
        Kind::of(&bytes)
    }

    /// Whether `thresh import` reads it.
    pub fn is_model(self) -> bool {
        matches!(self, Kind::Onnx | Kind::TfLite)
    }

    /// What it is, and the next step.
    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Kind::Image => (
                "a .thresh image, which is packed already",
                "`thresh info`, `thresh run` and `thresh bench` take it",
            ),
            Kind::Network => ("a network", "`thresh pack` makes an image of it"),
            Kind::Weights => (
                "weights of another program (safetensors), which say nothing of layers",
                "export the model as ONNX, then `thresh import`",
            ),
            Kind::Onnx => ("an ONNX model", "`thresh import` makes a network of it"),
            Kind::TfLite => ("a TFLite model", "`thresh import` makes a network of it"),
            Kind::SavedModel => (
                "a SavedModel of TensorFlow",
                "convert it to ONNX by tf2onnx, then `thresh import`",
            ),
            Kind::Torch => (
                "a file of PyTorch",
                "export the model by torch.onnx.export, then `thresh import`",
            ),
            Kind::Keras => (
                "a Keras or HDF5 file",
                "export the model by model.export(\"net.onnx\", format=\"onnx\"), then `thresh import`",
            ),
            Kind::Npy => (
                "a NumPy array",
                "give it as FILE.npy:INDEX to `thresh run`, or with its labels by --data",
            ),
            Kind::Npz => (
                "a NumPy archive (.npz)",
                "save its arrays by numpy.save, each in a file .npy",
            ),
            Kind::Idx => (
                "an IDX file",
                "give it as FILE:INDEX to `thresh run`, or with its labels by --data",
            ),
            Kind::Picture => (
                "a picture",
                "`thresh run IMAGE.thresh` takes it as an input",
            ),
            Kind::OtherPicture => ("a picture of another format", "convert it to PNG"),
            Kind::Gzip => ("a file packed by gzip", "unpack it by gunzip"),
            Kind::Zip => ("a zip archive", "unpack it"),
            Kind::Bitstream => ("a bitstream", "`thresh flash` loads it"),
            Kind::Pointer => (
                "a pointer of Git LFS, not the file itself",
                "fetch it by git lfs pull",
            ),
            Kind::Html => ("a web page", "download the file itself again"),
            Kind::Json => ("JSON", "name the file that belongs here"),
            Kind::Empty => ("an empty file", "copy or make it again"),
        }
    }
}

/// What is said of a file of this kind where `expected` was expected.
fn said(kind: Option<Kind>, expected: &str) -> String {
    match kind.map(Kind::texts) {
        Some((what, next)) => format!("got {what}, expected {expected}: {next}"),
        None => format!("got another file, expected {expected}"),
    }
}

/// Why the file at `path`, which is not what was expected, is refused: what it is, and the next step.
pub fn refused(path: &Path, expected: &str) -> String {
    said(Kind::at(path), expected)
}

/// Refuses a file that begins with `bytes` if it is known to be of another kind than those that fit.
pub fn check(bytes: &[u8], fits: &[Kind], expected: &str) -> Result<()> {
    let kind = Kind::of(&bytes[..bytes.len().min(LOOKED_AT as usize)]);
    ensure!(
        kind.is_none_or(|kind| fits.contains(&kind)),
        said(kind, expected)
    );
    Ok(())
}

/// Refuses what is surely no model, before it is read as one.
pub fn check_model(path: &Path) -> Result<()> {
    match Kind::at(path) {
        Some(kind) if !kind.is_model() => Err(anyhow!(said(Some(kind), "an ONNX or TFLite model")))
            .with_context(|| path.display().to_string()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_content() {
        let zip = |names: &[&str]| {
            let mut bytes = b"PK\x03\x04".to_vec();
            names.iter().for_each(|name| bytes.extend(name.bytes()));
            bytes
        };
        for (bytes, kind) in [
            (b"".to_vec(), Some(Kind::Empty)),
            (b"THSH....".to_vec(), None),
            (b"\x1c\0\0\0TFL3....".to_vec(), Some(Kind::TfLite)),
            (zip(&["archive/data.pkl"]), Some(Kind::Torch)),
            (zip(&["metadata.json", "config.json"]), Some(Kind::Keras)),
            (zip(&["images.npy"]), Some(Kind::Npz)),
            (zip(&["readme"]), Some(Kind::Zip)),
            (b"\x80\x02\x8a\x0a".to_vec(), Some(Kind::Torch)),
            (b"\x89HDF\r\n\x1a\n".to_vec(), Some(Kind::Keras)),
            (b"\x08\x07\x12\x07pytorch".to_vec(), Some(Kind::Onnx)),
            (b"\x08\x08:\x10".to_vec(), Some(Kind::Onnx)),
            (b"\x08\x01\x12\x10..serve".to_vec(), Some(Kind::SavedModel)),
            (b"\x10\0\0\0\0\0\0\0{\"w\":".to_vec(), Some(Kind::Weights)),
            (
                b"\x10\0\0\0\0\0\0\0{\"__metadata__\":{\"thresh\":".to_vec(),
                Some(Kind::Network),
            ),
            (b"\x93NUMPY\x01".to_vec(), Some(Kind::Npy)),
            (b"\0\0\x08\x03\0\0".to_vec(), Some(Kind::Idx)),
            (b"\x89PNG\r\n\x1a\n".to_vec(), Some(Kind::Picture)),
            (b"\xff\xd8\xff\xe0".to_vec(), Some(Kind::Picture)),
            (b"GIF89a".to_vec(), Some(Kind::OtherPicture)),
            (b"RIFF\0\0\0\0WEBP".to_vec(), Some(Kind::OtherPicture)),
            (b"\x1f\x8b\x08".to_vec(), Some(Kind::Gzip)),
            (
                b"version https://git-lfs.github.com/spec/v1".to_vec(),
                Some(Kind::Pointer),
            ),
            (b"<!DOCTYPE html>".to_vec(), Some(Kind::Html)),
            (b"{\"a\": 1}".to_vec(), Some(Kind::Json)),
            (b"no network".to_vec(), None),
            (MAGIC.to_vec(), Some(Kind::Image)),
        ] {
            assert_eq!(
                Kind::of(&bytes),
                kind,
                "{}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }
}
