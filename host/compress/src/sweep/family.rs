//! Families of networks, written with alternatives.

use std::str::FromStr;

use crate::{
    error::Result,
    hidden::Hidden,
    options::{Value, invalid},
};

/// Members of a family at most: more would not be trained in a lifetime.
pub const MOST_MEMBERS: usize = 10_000;

/// The family of the paper: windows of 5x5, 3x3 and 1x1, filters and the fully connected layer by halves, from two convolutions down.
pub const DHINGRA: &[&str] = &[
    "conv{1,2,4,8}x{1,3p1,5p2},pool2,conv{2,4,8,16}x{3p1,5p2},pool2,{,16,32}",
    "conv{1,2,4}x5s2p2,pool2,{,8,16}",
];

/// The hidden layers of every member of the family `text`: layers as [`Hidden`] writes them, with alternatives in braces, as in
/// `conv{4,8}x{3p1,5p2},pool2,{,16}`. An alternative may be empty: the layer is left out.
///
/// # Errors
///
/// If a brace has no partner or stands in another, an alternative is no layer, or there are more than [`MOST_MEMBERS`].
pub fn family(text: &str) -> Result<Vec<Vec<Hidden>>> {
    let wrong = |expected: &str| invalid("family", text, expected);
    let mut members = vec![String::new()];
    let mut rest = text;
    while let Some(open) = rest.find(['{', '}']) {
        if rest[open..].starts_with('}') {
            return Err(wrong("a { before every }"));
        }
        let close = rest[open + 1..].find(['{', '}']).map(|at| open + 1 + at);
        let Some(close) = close.filter(|&close| rest[close..].starts_with('}')) else {
            return Err(wrong("a } behind every {, and no braces in braces"));
        };
        let alternatives: Vec<&str> = rest[open + 1..close].split(',').collect();
        if members.len().saturating_mul(alternatives.len()) > MOST_MEMBERS {
            return Err(wrong(&format!("at most {MOST_MEMBERS} members")));
        }
        let before = &rest[..open];
        members = members
            .iter()
            .flat_map(|member| {
                let each = alternatives.iter();
                each.map(move |one| format!("{member}{before}{}", one.trim()))
            })
            .collect();
        rest = &rest[close + 1..];
    }
    members.iter_mut().for_each(|member| member.push_str(rest));
    let layers = |member: &String| -> Result<Vec<Hidden>> {
        let words = member.split(',').map(str::trim);
        words
            .filter(|word| !word.is_empty())
            .map(|word| {
                Hidden::from_str(word).map_err(|_| invalid("family", word, Hidden::EXPECTED))
            })
            .collect()
    };
    members.iter().map(layers).collect()
}
