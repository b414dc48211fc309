//! Which block of the engine takes what, counted in the finished flat netlist.
//!
//! A cell belongs to the block that its name begins with. Yosys names a LUT after the nearest signal of the sources, so
//! at the border of two blocks the attribution is approximate; the sum is exact. Instances that hold no instance
//! (registers, RAMs, multipliers) count as part of the block around them. Blocks of one kind are one row: numbers in a
//! path, which tell instances apart, are read as `*`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::memory::Design;
use crate::synth::{HARNESSES, TOP};
use crate::{Family, Resource};

/// What all blocks of one kind take, blocks inside them not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Instance path with numbers replaced by `*`.
    pub path: String,
    /// How many there are.
    pub instances: u64,
    /// LUTs of all of them, carry chains and LUT RAM included.
    pub luts: u64,
    /// Flip-flops.
    pub flip_flops: u64,
    /// Block RAMs.
    pub block_rams: u64,
    /// SPRAMs.
    pub sprams: u64,
    /// Multipliers.
    pub multipliers: u64,
}

/// Counts the cells of each block, the block with most LUTs first.
pub(crate) fn count(family: Family, design: &Design) -> Vec<Block> {
    let scopes: BTreeSet<&str> = design
        .cells()
        .filter(|(_, kind)| *kind == "$scopeinfo")
        .map(|(name, _)| name)
        .collect();
    let outer: BTreeSet<&str> = scopes.iter().filter_map(|scope| parent(scope)).collect();
    let mut blocks: BTreeMap<String, Block> = BTreeMap::new();
    for scope in &outer {
        entry(&mut blocks, scope).instances += 1;
    }
    for (name, cell) in design.cells() {
        let Some((resource, each)) = family.cost(cell) else {
            continue;
        };
        let scope = std::iter::successors(Some(name), |name| parent(name))
            .find(|name| outer.contains(name));
        let block = entry(&mut blocks, scope.unwrap_or(TOP));
        let field = match resource {
            Resource::Lut => &mut block.luts,
            Resource::FlipFlop => &mut block.flip_flops,
            Resource::BlockRam => &mut block.block_rams,
            Resource::Spram => &mut block.sprams,
            Resource::Multiplier => &mut block.multipliers,
        };
        *field += each;
    }
    let mut blocks: Vec<Block> = blocks.into_values().collect();
    blocks.sort_by_key(|block| std::cmp::Reverse((block.luts, block.flip_flops)));
    blocks
}

fn entry<'a>(blocks: &'a mut BTreeMap<String, Block>, scope: &str) -> &'a mut Block {
    let kind = kind(scope);
    blocks.entry(kind.clone()).or_insert(Block {
        path: kind,
        ..Block::default()
    })
}

/// The instance around `path`.
fn parent(path: &str) -> Option<&str> {
    path.rsplit_once('.').map(|(parent, _)| parent)
}

/// The path without the instance around the engine, every number replaced by `*`.
fn kind(scope: &str) -> String {
    let scope = match scope.split_once('.') {
        Some((first, rest)) if HARNESSES.contains(&first) => rest,
        _ => scope,
    };
    let mut kind = String::new();
    for c in scope.chars() {
        match c.is_ascii_digit() {
            false => kind.push(c),
            true if !kind.ends_with('*') => kind.push('*'),
            true => {}
        }
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_joined_and_leaves_belong_to_their_parent() {
        let cells = [
            ("measure", "$scopeinfo"),
            ("measure.engine", "$scopeinfo"),
            ("measure.engine.pe$0", "$scopeinfo"),
            ("measure.engine.pe$0.store", "$scopeinfo"),
            ("measure.engine.pe$10", "$scopeinfo"),
            ("measure.engine.pe$10.store", "$scopeinfo"),
            ("measure.engine.ack", "$scopeinfo"),
            ("measure.engine.pe$0.store.0.0", "DP16KD"),
            ("measure.engine.pe$10.store.0.0", "DP16KD"),
            ("measure.engine.pe$10.sum_CCU2C_S0", "CCU2C"),
            ("measure.engine.ack.q_TRELLIS_FF_Q", "TRELLIS_FF"),
            ("measure.held_TRELLIS_FF_Q", "TRELLIS_FF"),
            ("pin_LUT4_Z", "LUT4"),
            ("measure.engine.ack.q_PFUMX_Z", "PFUMX"),
        ];
        let cells: Vec<String> = cells
            .map(|(name, kind)| format!(r#""{name}": {{"type": "{kind}"}}"#))
            .into();
        let design: Design =
            serde_json::from_str(&format!(r#"{{"cells": {{{}}}}}"#, cells.join(","))).unwrap();
        let blocks = count(Family::Ecp5, &design);
        let rows: Vec<_> = blocks
            .iter()
            .map(|b| {
                (
                    b.path.as_str(),
                    b.instances,
                    b.luts,
                    b.flip_flops,
                    b.block_rams,
                )
            })
            .collect();
        let expected = [
            ("engine.pe$*", 2, 2, 0, 2),
            ("board_top", 0, 1, 0, 0),
            ("engine", 1, 0, 1, 0),
            ("measure", 1, 0, 1, 0),
        ];
        assert_eq!(rows, expected);
    }
}
