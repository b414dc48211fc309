//! Where each memory of the sources went: block RAM, SPRAM, LUT RAM, or, unwanted, flip-flops.
//!
//! A memory cell that is still there after the step that maps RAMs is the one that the next step turns into flip-flops
//! (or, if nothing writes it, into logic). Besides, Yosys' Verilog front end turns some memories into registers at once,
//! with a warning: that warning is the only text of a log that is read here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::FlowError;
use crate::tools::read_json;

/// What became of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Home {
    /// Block RAM.
    BlockRam,
    /// Single-port RAM of the UP5K.
    Spram,
    /// LUTs of ECP5 used as RAM.
    LutRam,
    /// Flip-flops and multiplexers.
    FlipFlops,
    /// Logic: a memory that nothing writes.
    Logic,
    /// Nothing: no output depends on it.
    Removed,
}

/// One memory of the sources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Instance path and name.
    pub name: String,
    /// Number of words.
    pub words: u64,
    /// Bits of a word.
    pub width: u64,
    /// Where it went.
    pub home: Home,
}

impl Memory {
    /// Size in bits.
    pub fn bits(&self) -> u64 {
        self.words * self.width
    }
}

/// A module of Yosys' JSON netlist, as far as it is used.
#[derive(Deserialize)]
pub(crate) struct Design {
    #[serde(default)]
    cells: BTreeMap<String, Cell>,
    #[serde(default)]
    netnames: BTreeMap<String, Net>,
}

#[derive(Deserialize)]
struct Cell {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    parameters: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct Net {
    bits: Vec<IgnoredAny>,
}

impl Design {
    /// Reads module `top` of a netlist.
    pub fn read(path: &Path, top: &str) -> Result<Self, FlowError> {
        #[derive(Deserialize)]
        struct File {
            modules: BTreeMap<String, Design>,
        }
        let mut file: File = read_json(path)?;
        file.modules.remove(top).ok_or_else(|| FlowError::BadFile {
            file: path.into(),
            problem: format!("has no module {top}"),
        })
    }

    /// Whether a cell other than a mere note of the hierarchy lies in the instance `name`, at any depth.
    pub fn has_cell_below(&self, name: &str) -> bool {
        self.cells.iter().any(|(path, cell)| {
            cell.kind != "$scopeinfo"
                && path
                    .rsplit_once('.')
                    .is_some_and(|(scope, _)| scope.split('.').any(|s| s == name))
        })
    }

    /// Name and type of every cell.
    pub fn cells(&self) -> impl Iterator<Item = (&str, &str)> {
        self.cells
            .iter()
            .map(|(name, cell)| (name.as_str(), cell.kind.as_str()))
    }

    /// Name, words, width and whether it is ever written, for every memory cell.
    fn memories(&self) -> BTreeMap<&str, (u64, u64, bool)> {
        let cells = self
            .cells
            .iter()
            .filter(|(_, cell)| cell.kind.starts_with("$mem"));
        cells
            .map(|(name, cell)| {
                let number = |key| number(cell.parameters.get(key));
                (
                    name.as_str(),
                    (number("SIZE"), number("WIDTH"), number("WR_PORTS") > 0),
                )
            })
            .collect()
    }

    /// Type of the first cell that was made of memory `name`.
    fn made_of(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}.");
        let after = self
            .cells
            .range(prefix.clone()..)
            .take_while(|(cell, _)| cell.starts_with(&prefix));
        after
            .map(|(_, cell)| cell.kind.as_str())
            .find(|kind| home_of(kind).is_some())
    }
}

fn home_of(cell: &str) -> Option<Home> {
    match cell {
        "DP16KD" | "PDPW16KD" => Some(Home::BlockRam),
        "TRELLIS_DPR16X4" => Some(Home::LutRam),
        "SB_SPRAM256KA" => Some(Home::Spram),
        cell if cell.starts_with("SB_RAM40_4K") => Some(Home::BlockRam),
        _ => None,
    }
}

/// A parameter of a netlist: a string of binary digits, or a number.
fn number(value: Option<&serde_json::Value>) -> u64 {
    match value {
        Some(serde_json::Value::String(digits)) => {
            u64::from_str_radix(digits.trim(), 2).unwrap_or(0)
        }
        Some(value) => value.as_u64().unwrap_or(0),
        None => 0,
    }
}

/// Names of the memories that the Verilog front end says it replaced by registers.
pub(crate) fn replaced_by_frontend(log: &str) -> BTreeSet<String> {
    log.lines()
        .filter_map(|line| {
            line.split_once("Replacing memory ")?
                .1
                .split_once(" with list of registers")
        })
        .map(|(name, _)| name.trim_start_matches('\\').to_owned())
        .collect()
}

/// Joins the netlists before and after the mapping of RAMs with the finished one.
pub(crate) fn fates(
    before: &Design,
    after: &Design,
    mapped: &Design,
    replaced: &BTreeSet<String>,
) -> Vec<Memory> {
    let left = after.memories();
    let mut all: Vec<Memory> = before
        .memories()
        .into_iter()
        .map(|(name, (words, width, written))| {
            let home = match (left.contains_key(name), written) {
                (true, true) => Home::FlipFlops,
                (true, false) => Home::Logic,
                (false, _) => mapped
                    .made_of(name)
                    .and_then(home_of)
                    .unwrap_or(Home::Removed),
            };
            Memory {
                name: name.to_owned(),
                words,
                width,
                home,
            }
        })
        .collect();
    let mut registers: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (net, Net { bits }) in &before.netnames {
        let Some((path, index)) = net.strip_suffix(']').and_then(|net| net.rsplit_once('[')) else {
            continue;
        };
        let name = path.rsplit('.').next().unwrap_or(path);
        if replaced.contains(name) && index.bytes().all(|b| b.is_ascii_digit()) {
            let entry = registers.entry(path).or_default();
            *entry = (entry.0 + 1, entry.1.max(bits.len() as u64));
        }
    }
    let register = |(name, (words, width)): (&&str, &(u64, u64))| Memory {
        name: name.to_string(),
        words: *words,
        width: *width,
        home: Home::FlipFlops,
    };
    all.extend(registers.iter().map(register));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn design(json: &str) -> Design {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_memory_is_followed_through_the_netlists() {
        let mem = |name: &str, ports| {
            format!(
                r#""{name}": {{"type": "$mem_v2", "parameters":
                {{"SIZE": "00000000000000000000000000010000", "WIDTH": "1000", "WR_PORTS": "{ports}"}}}}"#
            )
        };
        let all = format!(
            "{}, {}, {}, {}",
            mem("a.x", 1),
            mem("a.y", 1),
            mem("rom", 0),
            mem("a.x2", 1)
        );
        let before = design(&format!(
            r#"{{"cells": {{{all}}}, "netnames": {{"b.list[0]": {{"bits": [1,2]}}, "b.list[1]": {{"bits": [3,4]}},
            "b.other[1]": {{"bits": [5]}}}}}}"#
        ));
        let after = design(&format!(
            r#"{{"cells": {{{}, {}}}}}"#,
            mem("a.y", 1),
            mem("rom", 0)
        ));
        let mapped = design(
            r#"{"cells": {"a.x.0.0": {"type": "DP16KD"}, "a.y.0": {"type": "TRELLIS_FF"}}}"#,
        );
        let replaced = replaced_by_frontend(
            "Warning: Replacing memory \\list with list of registers. See a.v:4\n",
        );
        let fates: Vec<_> = fates(&before, &after, &mapped, &replaced)
            .into_iter()
            .map(|m| (m.name.clone(), m.home, m.bits()))
            .collect();
        let expected = [
            ("a.x", Home::BlockRam, 128),
            ("a.x2", Home::Removed, 128),
            ("a.y", Home::FlipFlops, 128),
            ("rom", Home::Logic, 128),
            ("b.list", Home::FlipFlops, 4),
        ];
        assert_eq!(
            fates,
            expected.map(|(name, home, bits)| (name.to_owned(), home, bits))
        );
    }

    #[test]
    fn a_note_of_the_hierarchy_is_no_cell() {
        let note = design(
            r#"{"cells": {"measure.engine.pe": {"type": "$scopeinfo"}, "measure.x": {"type": "LUT4"}}}"#,
        );
        assert!(!note.has_cell_below("engine"));
        assert!(
            design(r#"{"cells": {"measure.engine.x": {"type": "LUT4"}}}"#).has_cell_below("engine")
        );
    }
}
