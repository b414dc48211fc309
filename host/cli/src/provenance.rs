//! The command that makes a file again, as the file itself tells it.

use std::collections::BTreeMap;
use std::path::Path;
use thresh_compress::Options;

/// The key of the command.
pub const COMMAND: &str = "command";

/// What of a network's provenance an image keeps: the rest follows from the command.
const KEPT: &[&str] = &[COMMAND, "accuracy", "data", "seed"];

/// `thresh WORDS`, after the command that made the input, if it is known.
pub fn chained(before: &BTreeMap<String, String>, words: &[String]) -> String {
    let command = format!("thresh {}", words.join(" "));
    match before.get(COMMAND) {
        Some(before) => format!("{before} && {command}"),
        None => command,
    }
}

/// `FLAG name=value` for each option that is not at its default.
pub fn changed(flag: &str, options: &dyn Options, default: &dyn Options) -> Vec<String> {
    let default = default.list();
    let changed = options
        .list()
        .into_iter()
        .filter(|setting| !default.contains(setting));
    changed
        .flat_map(|s| [flag.to_string(), format!("{}={}", s.name, s.value)])
        .collect()
}

/// The name of a file without its folder, which says nothing on another machine.
pub fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// The provenance of an image that `command` makes from a network with `provenance`.
pub fn of_image(
    provenance: &BTreeMap<String, String>,
    command: String,
) -> BTreeMap<String, String> {
    let kept = provenance
        .iter()
        .filter(|(key, _)| KEPT.contains(&key.as_str()));
    let mut kept: BTreeMap<String, String> = kept
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    kept.insert(COMMAND.into(), command);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use thresh_compress::{Hidden, TrainOptions};

    #[test]
    fn commands_are_chained_and_hold_only_what_was_changed() {
        let options = TrainOptions {
            seed: 7,
            hidden: [10, 20].map(Hidden::Dense).to_vec(),
            ..TrainOptions::default()
        };
        let words = changed("--set", &options, &TrainOptions::default());
        assert_eq!(words, ["--set", "hidden=10,20", "--set", "seed=7"]);
        let none = BTreeMap::new();
        let first = chained(&none, &["train".to_string()]);
        assert_eq!(first, "thresh train");
        let before = BTreeMap::from([
            (COMMAND.to_string(), first),
            ("other".to_string(), "x".to_string()),
        ]);
        let second = chained(
            &before,
            &["pack".to_string(), file_name(Path::new("a/b.c"))],
        );
        assert_eq!(second, "thresh train && thresh pack b.c");
        let image = of_image(&before, second.clone());
        assert_eq!(image, BTreeMap::from([(COMMAND.to_string(), second)]));
    }
}
