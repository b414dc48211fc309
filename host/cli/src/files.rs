//! Files that commands read and write.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use thresh_model::image::MAGIC;
use thresh_model::{Image, Network};

/// Reads a packed image.
pub fn image(path: &Path) -> Result<Image> {
    let place = || path.display().to_string();
    let bytes = fs::read(path)
        .context("expected a .thresh image; `thresh pack` makes one")
        .with_context(place)?;
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
    // The header of a network follows eight bytes of its length.
    match bytes.get(8) == Some(&b'{') && !bytes.starts_with(&MAGIC) {
        true => Network::from_safetensors(&bytes)
            .map(Model::Network)
            .with_context(place),
        false => Image::from_bytes(&bytes)
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
/// lack are made. A device or a pipe is written to, never replaced.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let write = || {
        if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
            return fs::write(path, bytes);
        }
        fs::create_dir_all(folder(path))?;
        fs::write(&temporary, bytes)?;
        fs::rename(&temporary, path)
    };
    write()
        .inspect_err(|_| drop(fs::remove_file(&temporary)))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Refuses outputs that are folders, inputs, or each other, before any work is done.
pub fn check_outputs<'a>(
    inputs: &[&Path],
    outputs: impl IntoIterator<Item = &'a Path>,
) -> Result<()> {
    let mut taken: Vec<PathBuf> = inputs.iter().map(|path| identity(path)).collect();
    for path in outputs {
        ensure!(
            !path.is_dir(),
            "cannot write {}: it is a folder, expected the name of a file",
            path.display()
        );
        let own = identity(path);
        ensure!(
            !taken.contains(&own),
            "got {} for two files of this command, expected a name for each; choose another output",
            path.display()
        );
        taken.push(own);
    }
    Ok(())
}

/// The file that a path means, as far as it is there.
fn identity(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    let whole = fs::canonicalize(path);
    whole
        .or_else(|_| fs::canonicalize(folder(path)).map(|folder| folder.join(name)))
        .unwrap_or_else(|_| path.into())
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

    #[test]
    fn an_output_is_no_folder_no_input_and_no_other_output() {
        let root = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| root.path().join(name));
        fs::write(&one, b"").unwrap();
        let says = |inputs: &[&Path], outputs: &[&Path], part: &str| {
            let error = check_outputs(inputs, outputs.iter().copied()).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        };
        check_outputs(&[&one], [two.as_path()]).unwrap();
        says(&[], &[root.path()], "it is a folder");
        says(&[&one], &[&root.path().join("./one")], "for two files");
        says(
            &[&one],
            &[&two, &root.path().join("./two")],
            "for two files",
        );
    }
}
