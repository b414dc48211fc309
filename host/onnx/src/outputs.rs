//! Which output of a model is imported, where it has several.

use crate::error::{ImportError, Result};
use crate::proto::{AttributeProto, GraphProto, NodeProto};
use std::collections::HashMap;

/// The name of the output to import: the one that is asked for, or the one that says most of the same values.
pub(crate) fn chosen<'a>(graph: &'a GraphProto, asked: Option<&'a str>) -> Result<&'a str> {
    let outputs: Vec<&str> = graph.output.iter().map(|info| info.name.as_str()).collect();
    let several = |expected: String| {
        let got = format!("{}: {}", outputs.len(), outputs.join(", "));
        Err(ImportError::model("outputs of the model", got, expected))
    };
    match (asked, outputs.as_slice()) {
        (Some(name), _) => return Ok(name),
        (None, &[output]) => return Ok(output),
        (None, []) => return several("one".into()),
        _ => {}
    }
    let mut producers = HashMap::new();
    for node in &graph.node {
        producers.extend(node.output.iter().map(|name| (name.as_str(), node)));
    }
    let ends: Vec<Ending<'_>> = outputs
        .iter()
        .map(|name| Ending::of(name, &producers))
        .collect();
    if ends.iter().any(|end| end.before != ends[0].before) {
        let expected = format!(
            "one; name the one to import, as with --logits {}",
            outputs[0]
        );
        return several(expected);
    }
    // Of equals the first one that is named.
    let mut best = 0;
    for at in 1..ends.len() {
        if ends[at].worth > ends[best].worth {
            best = at;
        }
    }
    Ok(outputs[best])
}

/// An output, and the values that it says in the model's own words: as a class, as probabilities.
struct Ending<'a> {
    before: &'a str,
    /// 0 for one score of two, 1 for a class, 2 for the values, 3 for probabilities.
    worth: usize,
}

impl<'a> Ending<'a> {
    fn of(name: &'a str, producers: &HashMap<&'a str, &'a NodeProto>) -> Self {
        let (mut before, mut worth) = (name, 2);
        let (mut classes, mut one) = (false, false);
        for _ in 0..64 {
            let Some(node) = producers.get(before) else {
                break;
            };
            let second = match node.op_type.as_str() {
                "Concat" | "Sub" => true,
                // The name of a class, or the score of the second of two.
                "ArrayFeatureExtractor" => {
                    let from = node.input.first();
                    one |=
                        from.is_some_and(|from| producers.get(from.as_str()).is_some_and(of_two));
                    !one
                }
                _ => false,
            };
            let binary = |node: &NodeProto| match node.op_type.as_str() {
                // Both probabilities of two classes, of which one is a sigmoid.
                "Concat" => {
                    node.input.len() == 2 && {
                        let first = producers.get(node.input[0].as_str());
                        first.is_some_and(|first| {
                            first.op_type == "Sub" && first.input.get(1) == node.input.get(1)
                        })
                    }
                }
                "Sub" => false,
                _ => true,
            };
            match node.op_type.as_str() {
                "ArgMax" => classes = true,
                "Softmax" | "LogSoftmax" | "Sigmoid" => worth = 3,
                "LinearClassifier" => {
                    classes |= node.output.first().is_some_and(|first| first == before);
                    worth = 3;
                    before = node.input.first().map_or(before, String::as_str);
                    break;
                }
                "ZipMap"
                | "Normalizer"
                | "Cast"
                | "Identity"
                | "Reshape"
                | "Squeeze"
                | "Unsqueeze"
                | "Flatten"
                | "ArrayFeatureExtractor"
                | "Concat" => {}
                _ => break,
            }
            if !binary(node) {
                break;
            }
            let Some(input) = node.input.get(usize::from(second)) else {
                break;
            };
            before = input;
        }
        if classes {
            worth = 1;
        } else if one {
            worth = 0;
        }
        Ending { before, worth }
    }
}

/// Whether `node` tells two classes apart.
fn of_two(node: &&NodeProto) -> bool {
    let classes = |a: &&AttributeProto| a.name.starts_with("classlabels_");
    let labels = node.attribute.iter().find(classes);
    let two = labels.is_some_and(|a| a.ints.len() == 2 || a.strings.len() == 2);
    two && node.op_type == "LinearClassifier"
}
