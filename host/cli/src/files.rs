//! Files that commands read and write.

use crate::kind::{self, Kind};
use anyhow::{Context, Result};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use thresh_model::{Image, Network};

/// Reads a packed image.
pub fn image(path: &Path) -> Result<Image> {
    let place = || path.display().to_string();
    let bytes = fs::read(path)
        .context("expected a .thresh image; `thresh pack` makes one")
        .with_context(place)?;
    kind::check(&bytes, &[Kind::Image], "a .thresh image").with_context(place)?;
    Image::from_bytes(&bytes).with_context(place)
}

/// What a file of this project holds.
pub enum Model {
    Image(Image),
    Network(Network),
}

/// Reads a packed image or a network, whichever it is.
pub fn model(path: &Path) -> Result<Model> {
    let place = || path.display().to_string();
    let bytes = fs::read(path)
        .context(
            "expected a .thresh image or a network; `thresh pack` and `thresh train` make them",
        )
        .with_context(place)?;
    kind::check(
        &bytes,
        &[Kind::Image, Kind::Network],
        "a .thresh image or a network",
    )
    .with_context(place)?;
    match Kind::of(&bytes) {
        Some(Kind::Network) => Network::from_safetensors(&bytes)
            .map(Model::Network)
            .with_context(place),
        _ => Image::from_bytes(&bytes)
            .map(Model::Image)
            .with_context(place),
    }
}

/// Reads a network.
pub fn network(path: &Path) -> Result<Network> {
    let place = || path.display().to_string();
    let bytes = fs::read(path)
        .context("expected a network; `thresh train` and `thresh compress` make one")
        .with_context(place)?;
    kind::check(&bytes, &[Kind::Network], "a network").with_context(place)?;
    Network::from_safetensors(&bytes).with_context(place)
}

/// Writes a network.
pub fn save_network(path: &Path, network: &Network) -> Result<()> {
    let bytes = network
        .to_safetensors()
        .with_context(|| path.display().to_string())?;
    write(path, &bytes)
}

/// Writes a file at once: at any time it holds its old content or all of the new one, and no other file is touched. Folders
/// that lack are made. A device or a pipe is written to, never replaced.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        let there = fs::metadata(path).ok();
        if there
            .as_ref()
            .is_some_and(|there| !there.is_file() && !there.is_dir())
        {
            return fs::write(path, bytes);
        }
        let folder = folder(path);
        fs::create_dir_all(folder)?;
        // A name that no file has; readable by all whom the user lets read new files, or the old one.
        let mode = there.map_or(NEW_FILE, |there| there.permissions().mode());
        let mut file = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(mode))
            .tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.persist(path).map(drop).map_err(|error| error.error)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// The permissions of a new file, of which the user's mask takes some.
const NEW_FILE: u32 = 0o666;

/// The folder that a file lies in.
pub fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_into_a_new_folder_and_replaced() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b/c.bin");
        for content in [&b"one"[..], b"another"] {
            write(&path, content).unwrap();
            assert_eq!(fs::read(&path).unwrap(), content);
        }
        assert_eq!(
            fs::read_dir(folder(&path)).unwrap().count(),
            1,
            "nothing else is left"
        );
        assert_eq!(folder(Path::new("name")), Path::new("."));
        // A file of the user keeps its content, and the new one its permissions.
        let other = root.path().join("a/b/c.bin.new");
        fs::write(&other, b"mine").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        write(&path, b"third").unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"mine");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o640
        );
        fs::create_dir(root.path().join("folder")).unwrap();
        write(&root.path().join("folder"), b"").unwrap_err();
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
        let error = write(&path.join("below-a-file"), b"").unwrap_err();
        assert!(format!("{error:#}").contains("cannot write"), "{error:#}");
    }

    #[test]
    fn devices_and_pipes_are_written_to_and_stay() {
        use std::os::unix::fs::{FileTypeExt, symlink};
        let root = tempfile::tempdir().unwrap();
        let link = root.path().join("zero");
        symlink("/dev/zero", &link).unwrap();
        write(&link, b"gone").unwrap();
        assert!(link.is_symlink());
        let pipe = root.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).unwrap()
        });
        write(&pipe, b"through").unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
    }
}
