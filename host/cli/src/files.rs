//! Files that commands read and write.

use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use thresh_model::{Image, Network};

/// Reads a packed image.
pub fn image(path: &Path) -> Result<Image> {
    let place = || path.display().to_string();
    let bytes = fs::read(path)
        .context("expected a .thresh image; `thresh pack` makes one")
        .with_context(place)?;
    Image::from_bytes(&bytes).with_context(place)
}

/// Reads a network.
pub fn network(path: &Path) -> Result<Network> {
    let place = || path.display().to_string();
    let bytes = fs::read(path)
        .context("expected a network; `thresh train` and `thresh compress` make one")
        .with_context(place)?;
    Network::from_safetensors(&bytes).with_context(place)
}

/// Writes a network.
pub fn save_network(path: &Path, network: &Network) -> Result<()> {
    let bytes = network
        .to_safetensors()
        .with_context(|| path.display().to_string())?;
    write(path, &bytes)
}

/// Writes a file at once: at any time it holds its old content or all of the new one. Folders that
/// lack are made.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let write = || {
        fs::create_dir_all(folder(path))?;
        fs::write(&temporary, bytes)?;
        fs::rename(&temporary, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

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
        let error = write(&path.join("below-a-file"), b"").unwrap_err();
        assert!(format!("{error:#}").contains("cannot write"), "{error:#}");
    }
}
