//! Nothing that a command reads is written over: one check for all commands, before any of them does anything.

use crate::files;
use anyhow::{Result, ensure};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The files that a command touches. Every command says them, since it is not run otherwise.
pub trait Paths {
    /// What it reads: files, and folders of which all images and arrays are read. The external data of an ONNX model are
    /// found by the check.
    fn reads(&self) -> Vec<PathBuf>;

    /// The files that it writes.
    fn writes(&self) -> Vec<PathBuf>;
}

/// Folders below each other in a folder of images: `FOLDER/train/CLASS`, and one more.
const DEPTH: usize = 4;

/// Endings of files that are read of a folder.
const DATA: [&str; 4] = ["png", "jpg", "jpeg", "npy"];

/// Refuses outputs that are folders, that are read, or that are written twice.
pub fn check(command: &dyn Paths) -> Result<()> {
    let outputs = command.writes();
    let mut taken: Vec<PathBuf> = Vec::new();
    for path in &outputs {
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
    // What is not there yet is no file that is read.
    let there: Vec<(&PathBuf, FileId)> = outputs
        .iter()
        .filter_map(|path| Some((path, FileId::of(path)?)))
        .collect();
    if there.is_empty() {
        return Ok(());
    }
    let mut read = Vec::new();
    for path in command.reads() {
        match path.is_dir() {
            true => put_folder(&path, DEPTH, &mut read),
            false => put_file(path, &mut read),
        }
    }
    for input in &read {
        let Some(id) = FileId::of(input) else {
            continue;
        };
        if let Some((output, _)) = there.iter().find(|(_, own)| *own == id) {
            let same = match *output == input {
                true => String::new(),
                false => format!(", which is {}", input.display()),
            };
            anyhow::bail!(
                "got the output {}{same}, expected one that this command does not read: it would be written over; choose \
                 another output",
                output.display()
            );
        }
    }
    Ok(())
}

/// A file by its place on the disk, whatever names and links it has. Devices and pipes are none: nothing is lost there.
#[derive(Clone, Copy, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    fn of(path: &Path) -> Option<FileId> {
        let there = fs::metadata(path).ok().filter(|there| there.is_file())?;
        Some(FileId {
            device: there.dev(),
            inode: there.ino(),
        })
    }
}

fn put_file(path: PathBuf, read: &mut Vec<PathBuf>) {
    // A model that cannot be read is told by who reads it.
    let external = thresh_onnx::external_files(&path).unwrap_or_default();
    read.push(path);
    read.extend(external);
}

fn put_folder(folder: &Path, depth: usize, read: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        if path.is_dir() {
            if depth > 0 {
                put_folder(&path, depth - 1, read);
            }
        } else if is_data(&path) {
            read.push(path);
        }
    }
}

fn is_data(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_ascii_lowercase();
    name.ends_with("-ubyte")
        || DATA.iter().any(|end| {
            name.strip_suffix(end)
                .is_some_and(|stem| stem.ends_with('.'))
        })
}

/// The file that a path means, as far as it is there.
fn identity(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    let whole = fs::canonicalize(path);
    whole
        .or_else(|_| fs::canonicalize(files::folder(path)).map(|folder| folder.join(name)))
        .unwrap_or_else(|_| path.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    struct Both(Vec<PathBuf>, Vec<PathBuf>);

    impl Paths for Both {
        fn reads(&self) -> Vec<PathBuf> {
            self.0.clone()
        }
        fn writes(&self) -> Vec<PathBuf> {
            self.1.clone()
        }
    }

    #[track_caller]
    fn says(reads: &[&Path], writes: &[&Path], part: &str) {
        let paths = |all: &[&Path]| all.iter().map(|path| path.to_path_buf()).collect();
        let checked = check(&Both(paths(reads), paths(writes)));
        match part.is_empty() {
            true => checked.unwrap(),
            false => {
                let error = checked.unwrap_err().to_string();
                assert!(error.contains(part), "{error}");
            }
        }
    }

    #[test]
    fn an_output_is_no_folder_no_input_and_no_other_output() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let [one, two, hard, soft, gone] = ["one", "two", "hard", "soft", "gone"].map(at);
        fs::write(&one, b"").unwrap();
        fs::write(&two, b"").unwrap();
        fs::hard_link(&one, &hard).unwrap();
        symlink(&one, &soft).unwrap();
        says(&[&one], &[&two], "");
        says(&[&one], &[&gone], "");
        says(&[], &[root.path()], "it is a folder");
        for same in [&one, &at("./one"), &hard, &soft] {
            says(&[&one], &[same], "it would be written over");
            says(&[same], &[&two, &one], "it would be written over");
        }
        says(&[], &[&two, &at("./two")], "for two files");
        says(&[], &[&gone, &at("./gone")], "for two files");
        says(&[Path::new("/dev/null")], &[Path::new("/dev/null")], "");
    }

    #[test]
    fn of_a_folder_images_and_arrays_are_read_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let class = root.path().join("train/cat");
        fs::create_dir_all(&class).unwrap();
        for (name, is_read) in [
            ("1.png", true),
            ("2.JPG", true),
            ("a.jpeg", true),
            ("x.npy", true),
            ("train-images-idx3-ubyte", true),
            ("net.safetensors", false),
            ("png", false),
        ] {
            let path = class.join(name);
            fs::write(&path, b"").unwrap();
            let part = if is_read { "written over" } else { "" };
            says(&[root.path()], &[&path], part);
        }
        says(&[root.path()], &[&class.join("new.png")], "");
    }
}
