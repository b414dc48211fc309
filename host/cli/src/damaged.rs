//! Damaged files of every kind that is read from outside: each is read or refused. None may panic, hang, or make
//! anything be written.
//!
//! `cargo test --release --workspace --bin thresh damaged` tries some thousands of each kind; with `THRESH_TEST_SCALE=500` more
//! than a million in all. A failure prints the seed, and leaves the file that did it.

mod change;
mod seeds;

use crate::{files, npy, picture};
use anyhow::Result;
use change::Changed;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use thresh_model::Shape;
use thresh_onnx::ImportOptions;

/// Changed files of a kind, before the scale.
const COUNT: u64 = 300;

/// How long one file may take. Even a slow machine reads these small ones in some milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// The shape that pictures and arrays of the seeds have.
const SHAPE: Shape = Shape {
    channels: 3,
    height: 6,
    width: 5,
};

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable}={text}: expected a number")),
        Err(_) => default,
    }
}

/// Aborts the program when the count that it watches stands still for too long.
struct Watch {
    done: Arc<AtomicU64>,
}

/// The count of a watch whose work has ended.
const ENDED: u64 = u64::MAX;

impl Watch {
    fn new(what: String) -> Watch {
        let done = Arc::new(AtomicU64::new(0));
        let watched = Arc::clone(&done);
        std::thread::spawn(move || {
            let mut last = 0;
            loop {
                std::thread::sleep(PATIENCE);
                let now = watched.load(Ordering::Relaxed);
                if now == ENDED {
                    return;
                }
                if now == last {
                    eprintln!("{what}: file {now} takes more than {PATIENCE:?}");
                    std::process::abort();
                }
                last = now;
            }
        });
        Watch { done }
    }

    fn step(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.done.store(ENDED, Ordering::Relaxed);
    }
}

/// Names and lengths of what lies in a folder.
fn listing(folder: &Path) -> Vec<(PathBuf, u64)> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut found: Vec<_> = entries
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.path(), entry.metadata().unwrap().len())
        })
        .collect();
    found.sort();
    found
}

/// Reads changed forms of `seeds`, files whose names end in `ending`, by `read`. `repair` makes check sums right again, in
/// half of the files.
fn try_all(
    ending: &str,
    seeds: &[Vec<u8>],
    repair: fn(&mut [u8]),
    read: impl Fn(&Path) -> Result<()>,
) {
    let seed = number("THRESH_SEED", 1);
    let count = COUNT * number("THRESH_TEST_SCALE", 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("file.{ending}"));
    for bytes in seeds {
        std::fs::write(&path, bytes).unwrap();
        read(&path).unwrap_or_else(|error| panic!("{ending}: a sound file: {error:#}"));
    }
    let watch = Watch::new(format!("{ending}, THRESH_SEED={seed}"));
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut accepted = 0;
    for index in 0..count {
        watch.step();
        let Changed { mut bytes, deep } = change::changed(seeds, &mut rng);
        if deep {
            repair(&mut bytes);
        }
        std::fs::write(&path, &bytes).unwrap();
        let before = listing(folder.path());
        match catch_unwind(AssertUnwindSafe(|| read(&path))) {
            Ok(Ok(())) => accepted += 1,
            Ok(Err(error)) => assert!(!error.to_string().is_empty()),
            Err(_) => {
                let kept = folder.keep().join(format!("file.{ending}"));
                panic!(
                    "file {index} of THRESH_SEED={seed} made it panic; it is kept as {}",
                    kept.display()
                );
            }
        }
        assert_eq!(
            listing(folder.path()),
            before,
            "file {index} of THRESH_SEED={seed}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "file {index}");
    }
    println!("{ending}: {count} changed files, {accepted} of them read, THRESH_SEED={seed}");
    assert!(accepted < count, "{ending}: nothing was refused");
}

#[test]
fn damaged_onnx() {
    try_all(
        "onnx",
        &seeds::onnx(),
        |_| {},
        |path| {
            let options = ImportOptions {
                most_values: 1 << 20,
                ..ImportOptions::default()
            };
            Ok(thresh_onnx::import(path, &options)?.check()?)
        },
    );
}

#[test]
fn damaged_tflite() {
    try_all(
        "tflite",
        &seeds::tflite(),
        |_| {},
        |path| {
            let options = ImportOptions {
                most_values: 1 << 20,
                ..ImportOptions::default()
            };
            Ok(thresh_tflite::import(path, &options)?.check()?)
        },
    );
}

#[test]
fn damaged_networks() {
    try_all(
        "safetensors",
        &seeds::networks(),
        |_| {},
        |path| Ok(files::network(path)?.check()?),
    );
}

#[test]
fn damaged_images() {
    try_all("thresh", &seeds::images(), change::repair_image, |path| {
        Ok(files::image(path)?.check()?)
    });
}

#[test]
fn damaged_arrays() {
    try_all(
        "npy",
        &seeds::arrays(),
        |_| {},
        |path| {
            drop(npy::labels(path));
            npy::read(path, SHAPE, None).map(drop)
        },
    );
}

#[test]
fn damaged_png() {
    try_all("png", &seeds::png(), change::repair_png, |path| {
        picture::read(path, SHAPE).map(drop)
    });
}

#[test]
fn damaged_jpeg() {
    try_all(
        "jpg",
        &seeds::jpeg(),
        |_| {},
        |path| picture::read(path, SHAPE).map(drop),
    );
}
