//! `thresh flash` with a loader that only tells what it was given.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// Runs `thresh flash` in `folder`, which is all that the search for programs sees.
fn flash(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_thresh"))
        .arg("flash")
        .args(arguments)
        .current_dir(folder)
        .env("PATH", folder)
        .output()
        .unwrap()
}

fn loader(folder: &Path, script: &str) {
    let path = folder.join("openFPGALoader");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_loader_gets_the_board_and_the_bitstream() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    loader(path, "echo \"$@\" > told");
    fs::write(path.join("x.bin"), "bits").unwrap();
    let done = flash(path, &["--board", "ulx3s-85f", "--bitstream", "x.bin"]);
    assert!(done.status.success(), "{done:?}");
    let told = fs::read_to_string(path.join("told")).unwrap();
    assert_eq!(told, "--board ulx3s x.bin\n");
    let kept = flash(
        path,
        &["--board", "versa-45f", "--bitstream", "x.bin", "--keep"],
    );
    assert!(kept.status.success(), "{kept:?}");
    let told = fs::read_to_string(path.join("told")).unwrap();
    assert_eq!(told, "--cable ft2232 --write-flash x.bin\n");
}

#[test]
fn a_loader_that_fails_or_is_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("x.bin"), "bits").unwrap();
    fs::write(path.join("empty.bin"), "").unwrap();
    let arguments = ["--board", "ecpix5", "--bitstream", "x.bin"];
    let refused = |arguments: &[&str], text: &str| {
        let done = flash(path, arguments);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(said.contains(text), "{said}");
    };
    refused(
        &arguments,
        "then this runs: openFPGALoader --board ecpix5 x.bin",
    );
    refused(
        &["--board", "ecpix5", "--bitstream", "empty.bin"],
        "got an empty file",
    );
    loader(path, "echo no device >&2; exit 7");
    refused(&arguments, "ended with exit status: 7");
    let dry = flash(path, &["--board", "ecpix5", "--dry-run"]);
    assert!(dry.status.success());
    assert_eq!(
        String::from_utf8_lossy(&dry.stdout),
        "openFPGALoader --board ecpix5 target/fpga/board-ecpix5/bitstream.bin\n"
    );
}
