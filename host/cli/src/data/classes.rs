//! Which output a folder of pictures stands for.

use super::Wanted;
use crate::output::notice;
use anyhow::{Result, bail, ensure};
use std::path::Path;

/// Names of the classes, in the order of their numbers: `folders` are the names in the order of text.
///
/// Where the outputs have names, folders are called so. Otherwise, if all names are numbers: folder `k` is output `k` where the
/// network has such an output for every folder, and else the folders count in the order of their numbers. Other names count in the
/// order of text.
pub(super) fn labels(place: &Path, folders: &[String], wanted: &Wanted<'_>) -> Result<Vec<String>> {
    let shown = place.display();
    if !wanted.labels.is_empty() {
        for name in folders {
            ensure!(
                wanted.labels.contains(name),
                "{}: got a class that is no output of the network, whose outputs are {}; name the folder as one of them",
                place.join(name).display(),
                wanted.labels.join(", ")
            );
        }
        return Ok(wanted.labels.to_vec());
    }
    let labels = match (numbered(folders), wanted.outputs) {
        (Some(numbers), Some(outputs)) if numbers.iter().all(|&(number, _)| number < outputs) => {
            let name = |output: usize| {
                let folder = numbers.iter().find(|&&(number, _)| number == output);
                folder.map_or_else(|| output.to_string(), |&(_, name)| name.clone())
            };
            (0..outputs).map(name).collect()
        }
        (Some(numbers), _) => numbers.into_iter().map(|(_, name)| name.clone()).collect(),
        (None, _) => folders.to_vec(),
    };
    if let Some(outputs) = wanted.outputs
        && labels.len() != outputs
    {
        bail!(
            "{shown}: got {} classes, expected {outputs}: the network has as many outputs, without names; choose other \
             data, or name the outputs by `thresh import --labels`, so that folders can stand for some of them",
            folders.len()
        )
    }
    let in_order = labels.iter().filter(|label| folders.contains(label));
    if !in_order.eq(folders) {
        notice(format!(
            "{shown}: the classes are numbers, and are taken in their order: {}; a network that learned them in the order of \
             text, as torchvision's ImageFolder has it, is to be imported with --labels {}",
            shortened(&labels),
            folders.join(",")
        ));
    }
    Ok(labels)
}

/// The folders by their numbers, if all are numbers and no number comes twice.
fn numbered(folders: &[String]) -> Option<Vec<(usize, &String)>> {
    let digits = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    let number = |name: &String| digits(name).then(|| name.parse().ok()).flatten();
    let mut numbers: Vec<(usize, &String)> = folders
        .iter()
        .map(|name| Some((number(name)?, name)))
        .collect::<Option<_>>()?;
    numbers.sort();
    let twice = numbers.windows(2).any(|pair| pair[0].0 == pair[1].0);
    (!twice).then_some(numbers)
}

fn shortened(labels: &[String]) -> String {
    const MOST: usize = 12;
    let more = if labels.len() > MOST { ", ..." } else { "" };
    format!("{}{more}", labels[..labels.len().min(MOST)].join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| name.to_string()).collect()
    }

    #[track_caller]
    fn gives(folders: &[&str], outputs: Option<usize>, expected: &[&str]) {
        let mut folders = names(folders);
        folders.sort();
        let wanted = Wanted {
            outputs,
            ..Wanted::default()
        };
        assert_eq!(
            labels(Path::new("train"), &folders, &wanted).unwrap(),
            names(expected)
        );
    }

    #[test]
    fn numbers_are_taken_as_numbers() {
        let all: Vec<String> = (0..12).map(|number| number.to_string()).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        gives(&all, None, &all);
        gives(&all, Some(12), &all);
        // A class of its own output, with gaps.
        gives(&["1", "3"], Some(4), &["0", "1", "2", "3"]);
        gives(&["00", "02"], Some(3), &["00", "1", "02"]);
        // From 1 on, or of any numbers: in their order.
        gives(&["1", "2", "10"], Some(3), &["1", "2", "10"]);
        gives(&["5", "10", "100"], None, &["5", "10", "100"]);
        // Names are text, as torchvision sorts them.
        gives(&["c2", "c10"], Some(2), &["c10", "c2"]);
        gives(&["1", "01"], Some(2), &["01", "1"]);
        gives(&["-1", "+1"], None, &["+1", "-1"]);
    }

    #[test]
    fn the_names_of_the_outputs_win() {
        let own = names(&["0", "1", "10", "11", "2"]);
        let wanted = Wanted {
            outputs: Some(5),
            labels: &own,
            ..Wanted::default()
        };
        assert_eq!(labels(Path::new("train"), &own, &wanted).unwrap(), own);
        let error = labels(Path::new("train"), &names(&["3"]), &wanted).unwrap_err();
        assert!(
            error.to_string().contains("no output of the network"),
            "{error}"
        );
        let wanted = Wanted {
            outputs: Some(2),
            ..Wanted::default()
        };
        let error = labels(Path::new("train"), &names(&["3"]), &wanted).unwrap_err();
        assert!(
            error.to_string().contains("got 1 classes, expected 2"),
            "{error}"
        );
    }
}
