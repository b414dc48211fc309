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

/// What a bitstream of an ECP5 begins with, up to its IDCODE.
fn ecp5(id: u32) -> Vec<u8> {
    let start = b"\xff\x00\xff\xff\xff\xbd\xb3\xff\xff\xff\xff\x3b\0\0\0\xe2\0\0\0";
    [&start[..], &id.to_be_bytes()].concat()
}

/// The IDCODEs of an LFE5U-85F, an LFE5UM5G-45F and an LFE5UM5G-85F.
const ULX3S: u32 = 0x4111_3043;
const VERSA: u32 = 0x8111_2043;
const ECPIX5: u32 = 0x8111_3043;

#[test]
fn the_loader_gets_the_board_and_the_bitstream() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    loader(path, "echo \"$@\" > told");
    fs::write(path.join("x.bin"), ecp5(ULX3S)).unwrap();
    fs::write(path.join("y.bin"), ecp5(VERSA)).unwrap();
    let done = flash(path, &["--board", "ulx3s-85f", "--bitstream", "x.bin"]);
    assert!(done.status.success(), "{done:?}");
    let told = fs::read_to_string(path.join("told")).unwrap();
    assert_eq!(told, "--board ulx3s x.bin\n");
    let kept = flash(
        path,
        &["--board", "versa-45f", "--bitstream", "y.bin", "--keep"],
    );
    assert!(kept.status.success(), "{kept:?}");
    let told = fs::read_to_string(path.join("told")).unwrap();
    assert_eq!(told, "--cable ft2232 --write-flash y.bin\n");
}

#[test]
fn a_loader_that_fails_or_is_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("x.bin"), ecp5(ECPIX5)).unwrap();
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
        "got an empty file, expected a bitstream",
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

#[test]
fn a_bitstream_for_another_device_is_refused_before_the_loader_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    loader(path, "echo \"$@\" > told");
    let up5k = b"\xff\x00\x00\xff\x7e\xaa\x99\x7e\x62\x02\xb3\x72\x01\x50";
    fs::write(path.join("85f.bin"), ecp5(ULX3S)).unwrap();
    fs::write(path.join("up5k.bin"), up5k).unwrap();
    fs::write(path.join("text.bin"), "bits").unwrap();
    fs::write(path.join("net.onnx"), b"\x08\x07\x12\x07pytorch").unwrap();
    let cases: [(&str, &str, &[&str]); 6] = [
        (
            "ulx3s-25f",
            "85f.bin",
            &[
                "for LFE5U-85F, as in ulx3s-85f",
                "expected one for LFE5U-25F-6BG381C",
            ],
        ),
        (
            "ecpix5",
            "85f.bin",
            &["for LFE5U-85F", "thresh synth --board ecpix5"],
        ),
        (
            "icebreaker",
            "85f.bin",
            &["for LFE5U-85F", "expected one for iCE40UP5K-SG48"],
        ),
        ("hx8k", "up5k.bin", &["for iCE40UP5K, as in icebreaker"]),
        (
            "ulx3s-85f",
            "text.bin",
            &["got no bitstream of an ECP5 or an iCE40"],
        ),
        (
            "ulx3s-85f",
            "net.onnx",
            &["got an ONNX model, expected a bitstream"],
        ),
    ];
    for (board, file, texts) in cases {
        let done = flash(path, &["--board", board, "--bitstream", file]);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{said}");
        for text in texts {
            assert!(said.contains(text), "{board} {file}: no {text:?} in {said}");
        }
        assert!(!path.join("told").exists(), "{board} {file}");
    }
    let done = flash(path, &["--board", "icebreaker", "--bitstream", "up5k.bin"]);
    assert!(done.status.success(), "{done:?}");
}
