//! `thresh boards` on reports that are there, absent and broken.

mod common;

use common::{Place, refused};
use std::path::Path;

#[test]
fn boards_are_told_with_and_without_reports() {
    let place = Place::new();
    std::fs::create_dir(place.path("results")).unwrap();
    let text = place.ok("boards --results results");
    assert_eq!(text.matches("not routed").count(), 7, "{text}");
    let committed =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fpga/results/board-hx8k.json");
    std::fs::copy(committed, place.path("results/board-hx8k.json")).unwrap();
    let text = place.ok("boards --results results -o page.md");
    assert_eq!(text.matches("not routed").count(), 6, "{text}");
    let page = String::from_utf8(place.read("page.md")).unwrap();
    assert_eq!(page.trim_end(), text.trim_end());
    let row = text
        .lines()
        .find(|line| line.starts_with("| hx8k"))
        .unwrap();
    assert!(row.contains("of 7680") && row.contains("of 32"), "{row}");
    let report = String::from_utf8(place.read("results/board-hx8k.json")).unwrap();
    let (before, hash) = report.split_once("\"design_sha256\": \"").unwrap();
    let other = format!(
        "{before}\"design_sha256\": \"{}{}",
        "0".repeat(64),
        &hash[64..]
    );
    place.write("results/board-hx8k.json", &other);
    let text = place.ok("boards --results results");
    assert_eq!(
        text.matches("1, earlier engine").count() + text.matches("3, earlier engine").count(),
        1,
        "{text}"
    );
    place.write("results/board-ulx3s-25f.json", "{}");
    refused(
        &place,
        "boards --results results",
        1,
        &["board-ulx3s-25f.json", "expected"],
    );
    refused(&place, "boards --count 0", 1, &["got --count 0"]);
}
