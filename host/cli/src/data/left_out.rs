//! What of a folder is not read, so that it can be told.

use crate::output::notice;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Names that are told of each kind.
const NAMED: usize = 3;

/// Files and folders that are not read, by their endings.
#[derive(Debug, Default)]
pub struct LeftOut(BTreeMap<String, Vec<PathBuf>>);

impl LeftOut {
    pub fn add(&mut self, path: &Path) {
        let kind = match path.extension() {
            _ if path.is_dir() => "folder".into(),
            Some(end) => format!(".{}", end.to_string_lossy().to_ascii_lowercase()),
            None => "without ending".into(),
        };
        self.0.entry(kind).or_default().push(path.into());
    }

    /// Says what of `folder` was left out, if anything was, and what is read of it.
    pub fn tell(&self, folder: &Path, read: &str) {
        if let Some(text) = self.text(folder, read) {
            notice(text);
        }
    }

    fn text(&self, folder: &Path, read: &str) -> Option<String> {
        let kinds: Vec<String> = self
            .0
            .iter()
            .map(|(kind, paths)| {
                let names: Vec<String> = paths
                    .iter()
                    .take(NAMED)
                    .map(|path| {
                        path.strip_prefix(folder)
                            .unwrap_or(path)
                            .display()
                            .to_string()
                    })
                    .collect();
                let more = if paths.len() > NAMED { ", ..." } else { "" };
                format!("{} {kind} ({}{more})", paths.len(), names.join(", "))
            })
            .collect();
        let all: usize = self.0.values().map(Vec::len).sum();
        (all > 0).then(|| {
            format!(
                "{}: {all} left out, as {read}: {}",
                folder.display(),
                kinds.join("; ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_counted_and_named() {
        let root = Path::new("photos");
        let mut left_out = LeftOut::default();
        assert_eq!(left_out.text(root, "pictures are PNG"), None);
        for name in [
            "train/cat/a.gif",
            "train/cat/b.GIF",
            "x",
            "test/c.gif",
            "test/d.gif",
        ] {
            left_out.add(&root.join(name));
        }
        let text = left_out.text(root, "pictures are PNG").unwrap();
        assert!(
            text.starts_with("photos: 5 left out, as pictures are PNG: "),
            "{text}"
        );
        let end =
            "4 .gif (train/cat/a.gif, train/cat/b.GIF, test/c.gif, ...); 1 without ending (x)";
        assert!(text.ends_with(end), "{text}");
    }
}
