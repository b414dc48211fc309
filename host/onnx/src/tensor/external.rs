//! Constants whose values lie in a file beside the model.

use crate::error::{ImportError, Result};
use crate::proto::StringStringEntryProto;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};

/// Bytes of the widest value.
const WIDEST: u64 = 8;

/// The bytes of constant `name` with `count` values, as `entries` (`location`, `offset`, `length`)
/// say.
///
/// # Errors
/// If the file lies outside `folder`, also by a link, or holds fewer bytes.
pub(super) fn read(
    name: &str,
    entries: &[StringStringEntryProto],
    folder: Option<&Path>,
    count: usize,
) -> Result<Vec<u8>> {
    let entry = |key: &str| {
        let found = entries.iter().find(|entry| entry.key == key);
        found.map(|entry| entry.value.as_str())
    };
    let number = |key: &'static str| {
        let parse = |text: &str| {
            let wrong = |_| ImportError::tensor(name, key, format!("{text:?}"), "a whole number");
            text.parse::<u64>().map_err(wrong)
        };
        entry(key).map(parse).transpose()
    };
    let location = entry("location").unwrap_or_default();
    let outside = |got: String| {
        let expected = "the relative path of a file in the model's folder";
        ImportError::tensor(name, "location of its data", got, expected)
    };
    let parts: Vec<Component<'_>> = Path::new(location).components().collect();
    let plain = |part: &Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    let Some(folder) = folder.filter(|_| !parts.is_empty() && parts.iter().all(plain)) else {
        return Err(outside(format!("{location:?}")));
    };
    let path = folder.join(location);
    let io = |error| ImportError::Io {
        path: path.clone(),
        error,
    };
    let real = path.canonicalize().map_err(io)?;
    if !real.starts_with(folder.canonicalize().map_err(io)?) {
        return Err(outside(format!("{location:?}, a link out of it")));
    }
    // A device or a pipe would never end.
    if !real.metadata().map_err(io)?.is_file() {
        return Err(outside(format!("{location:?}, no plain file")));
    }
    let mut file = File::open(&real).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    let offset = number("offset")?.unwrap_or(0);
    let rest = size.saturating_sub(offset);
    let length = number("length")?.unwrap_or(rest);
    let most = (count as u64).saturating_mul(WIDEST);
    if offset > size || length > rest || length > most {
        let expected = format!("{length} at most {rest} and {most} from offset {offset} on");
        return Err(ImportError::tensor(
            name,
            "number of bytes of its file",
            size,
            expected,
        ));
    }
    file.seek(SeekFrom::Start(offset)).map_err(io)?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(location: &str, offset: &str, length: &str) -> Vec<StringStringEntryProto> {
        [
            ("location", location),
            ("offset", offset),
            ("length", length),
        ]
        .map(|(key, value)| StringStringEntryProto {
            key: key.into(),
            value: value.into(),
        })
        .to_vec()
    }

    #[test]
    fn a_slice_of_a_file_in_the_folder_is_read() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("sub")).unwrap();
        std::fs::write(root.path().join("sub/w.bin"), b"abcdefgh").unwrap();
        let found = read("w", &entries("./sub/w.bin", "2", "3"), Some(root.path()), 3);
        assert_eq!(found.unwrap(), b"cde");
        let without = &entries("sub/w.bin", "", "")[..1];
        assert_eq!(
            read("w", without, Some(root.path()), 8).unwrap(),
            b"abcdefgh"
        );
    }

    #[test]
    fn nothing_outside_the_folder_is_read() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("model");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(root.path().join("secret"), b"abcd").unwrap();
        std::fs::write(folder.join("short"), b"abcd").unwrap();
        let absolute = root.path().join("secret");
        let says = |location: &str, offset: &str, length: &str, part: &str| {
            let found = read("w", &entries(location, offset, length), Some(&folder), 1);
            let text = found.unwrap_err().to_string();
            assert!(text.contains(part), "{text}");
        };
        says("../secret", "0", "4", "in the model's folder");
        says(
            absolute.to_str().unwrap(),
            "0",
            "4",
            "in the model's folder",
        );
        says("", "0", "4", "in the model's folder");
        says(".", "0", "4", "no plain file");
        says("none", "0", "4", "cannot read");
        says("short", "1", "4", "number of bytes");
        says("short", "18446744073709551615", "1", "number of bytes");
        says("short", "x", "1", "offset is \"x\"");
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../secret", folder.join("link")).unwrap();
            says("link", "0", "4", "a link out of it");
        }
        assert!(read("w", &entries("short", "0", "4"), None, 1).is_err());
    }
}
