//! `scripts/setup` in a folder in which the tools would not run.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn a_clone_in_a_folder_with_a_blank_is_refused_at_once() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts");
    let root = tempfile::tempdir().unwrap();
    for name in ["my clone", "it's", "a:b"] {
        let clone = root.path().join(name);
        fs::create_dir_all(clone.join("scripts")).unwrap();
        for file in ["setup", "versions"] {
            fs::copy(scripts.join(file), clone.join("scripts").join(file)).unwrap();
        }
        let done = Command::new(clone.join("scripts/setup")).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(
            said.contains(&format!("{name}\", expected a path without blanks")),
            "{said}"
        );
        assert!(said.contains("move the clone"), "{said}");
        let left = fs::read_dir(&clone).unwrap().count();
        assert_eq!(left, 1, "nothing is installed");
    }
}
