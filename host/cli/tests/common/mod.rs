//! A folder with a small data set, in which the program is run.

// Every test program uses a part of it.
#![allow(dead_code)]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Width and height of an image of the small data set.
pub const SIDE: usize = 4;

/// Classes of the small data set: the row of an image that is bright.
pub const CLASSES: usize = 4;

/// A folder of its own for one test.
pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// With a small data set under the name of MNIST, and another under that of Fashion-MNIST.
    pub fn new() -> Place {
        let place = Place {
            folder: tempfile::tempdir().unwrap(),
        };
        for (name, seed) in [("mnist", 1), ("fashion-mnist", 2)] {
            std::fs::create_dir_all(place.path("data").join(name)).unwrap();
            for (split, count) in [("train", 200), ("test", 40)] {
                let (images, labels) = data(seed + count, count as usize);
                let shape = [count, SIDE as u32, SIDE as u32];
                let file = |kind| {
                    place
                        .path("data")
                        .join(name)
                        .join(format!("{split}-{kind}-ubyte"))
                };
                std::fs::write(file("images.idx3"), idx(&shape, &images)).unwrap();
                std::fs::write(file("labels.idx1"), idx(&[count], &labels)).unwrap();
            }
        }
        place
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.path(name), bytes).unwrap();
        self
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// The program with these words as arguments, in this folder.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thresh"));
        command
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path());
        command.env("THRESH_DATA", self.path("data"));
        command
    }

    pub fn thresh(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs what must succeed, and gives its stdout.
    #[track_caller]
    pub fn ok(&self, arguments: &str) -> String {
        let output = self.thresh(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(0),
            "thresh {arguments}: {stderr}"
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs what must succeed with `--json`.
    #[track_caller]
    pub fn json(&self, arguments: &str) -> Value {
        let text = self.ok(&format!("{arguments} --json"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// As [`Self::json`], of a network that may have learned too little to be better than a guess, which status 3 says: it is saved all the same.
    #[track_caller]
    pub fn made(&self, arguments: &str) -> Value {
        let output = self.thresh(&format!("{arguments} --json"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        let status = output.status.code();
        assert!(matches!(status, Some(0 | 3)), "{arguments}: {stderr}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
    }

    /// Trains, compresses and packs a network for the smallest engine: `net.thresh`.
    pub fn pack(&self) -> &Self {
        self.ok("train --hidden 6 --epochs 4 -o train.safetensors");
        self.ok(
            "compress --set weights=60 --set prune-epochs=2 --set retrain-epochs=1 --set tune-epochs=1 train.safetensors",
        );
        self.ok("pack --config tiny compressed.safetensors -o net.thresh");
        self
    }
}

/// An IDX file.
pub fn idx(sizes: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, sizes.len() as u8];
    file.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    file.extend_from_slice(bytes);
    file
}

/// Images and labels; the same for the same seed.
fn data(seed: u32, count: usize) -> (Vec<u8>, Vec<u8>) {
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let mut images = Vec::new();
    let mut labels = Vec::new();
    for index in 0..count {
        let label = index % CLASSES;
        labels.push(label as u8);
        for pixel in 0..SIDE * SIDE {
            images.push(if pixel / SIDE == label {
                128 | random()
            } else {
                random() / 8
            });
        }
    }
    (images, labels)
}

/// Runs `arguments`, which must fail with `status` and a message that holds all of `texts`.
#[track_caller]
pub fn refused(place: &Place, arguments: &str, status: i32, texts: &[&str]) {
    let output = place.thresh(arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        output.status.code(),
        Some(status),
        "thresh {arguments}: {stderr}"
    );
    for text in texts {
        assert!(
            stderr.contains(text),
            "thresh {arguments}: no {text:?} in: {stderr}"
        );
    }
    assert!(!stderr.contains("panicked"), "thresh {arguments}: {stderr}");
    assert_eq!(output.stdout, b"", "thresh {arguments} fails, and prints");
}
