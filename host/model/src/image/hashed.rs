//! Passes whose weights are picked from a pool by a hash.

use super::check::{ADDRESSES, at_most, equal};
use super::{Image, ImageError, Pass};
use crate::stream::Decoded;
use thresh_regs::{COUNT_CONTINUES, HASH_LANES, PassDescriptor, hash, hash_index, hash_negates};

/// Values of a pool in one column of its stream: as many as one count tells, and fewer than an entry has rows.
pub(crate) const POOL_COLUMN: usize = COUNT_CONTINUES as usize - 1;

impl Pass {
    /// Columns that are loaded: those of the weights, or of the pool.
    pub fn loaded_columns(&self) -> usize {
        match self.descriptor.hashed {
            true => usize::from(self.descriptor.hash_length).div_ceil(POOL_COLUMN),
            false => self.columns(),
        }
    }

    /// Index of the first column pointer that is loaded.
    pub fn pointer_base(&self) -> u16 {
        match self.descriptor.hashed {
            true => self.descriptor.hash_pool,
            false => self.descriptor.col_base,
        }
    }

    /// Rows that a loaded segment may have.
    pub fn loaded_rows(&self) -> usize {
        match self.descriptor.hashed {
            true => POOL_COLUMN,
            false => self.descriptor.rows.into(),
        }
    }

    /// Rows of a PE that have weights in a hashed pass.
    pub fn hashed_rows(&self, pe: usize) -> usize {
        let d = &self.descriptor;
        usize::from(d.hash_rows) - usize::from(pe >= usize::from(d.hash_lanes))
    }

    /// In a hashed pass, which word of a PE's pool is the weight of `row` in `column`, and whether with the other sign.
    pub fn picks(&self, pe: usize, row: usize, column: usize) -> (usize, bool) {
        let d = &self.descriptor;
        let column = usize::from(d.col_base) + column;
        let hash = hash((row * self.pes.len() + pe) as u16, column as u16);
        let mask = usize::from(d.hash_mask);
        let index = hash_index(hash, d.hash_length.into());
        (index & !mask | row & mask, hash_negates(hash))
    }

    /// The codes of a PE's pool.
    pub(crate) fn pool(decoded: &Decoded) -> Vec<u8> {
        let entries = decoded.columns.iter().flatten();
        entries.map(|entry| entry.code).collect()
    }
}

/// What a descriptor says of a hash.
pub(super) fn fields(d: &PassDescriptor) -> [u16; 5] {
    [
        d.hash_lanes.into(),
        d.hash_length,
        d.hash_pool,
        d.hash_rows,
        d.hash_mask.into(),
    ]
}

/// Checks what a descriptor says of a hash, for itself.
pub(super) fn descriptor(image: &Image, pass: &Pass) -> Result<(), ImageError> {
    let d = &pass.descriptor;
    if !d.hashed {
        let any = fields(d).into_iter().max().unwrap_or(0);
        return equal(
            "a field of a hash in a pass that is not hashed",
            any.into(),
            0,
        );
    }
    at_most("PEs of a hashed pass", image.num_pes, HASH_LANES)?;
    equal("segments of a hashed pass", pass.segments(), 1)?;
    let within = |what, got: usize, most: usize| match got {
        0 => Err(ImageError::value(what, 0, "at least 1")),
        got => at_most(what, got, most),
    };
    within("hash_lanes", d.hash_lanes.into(), image.num_pes)?;
    within("hash_rows", d.hash_rows.into(), d.rows.into())?;
    let parts = usize::from(d.hash_mask) + 1;
    if !parts.is_power_of_two() || parts * image.num_pes > HASH_LANES {
        let expected = format!(
            "one less than a power of two up to {}",
            HASH_LANES / image.num_pes
        );
        return Err(ImageError::value("hash_mask", d.hash_mask, expected));
    }
    let length = usize::from(d.hash_length);
    within("hash_length", length, ADDRESSES)?;
    if !length.is_multiple_of(parts) {
        let expected = format!("a multiple of {parts}");
        return Err(ImageError::value("hash_length", d.hash_length, expected));
    }
    let columns = usize::from(d.col_base) + pass.columns();
    at_most("end of the columns of a hashed pass", columns, ADDRESSES)
}

/// Checks the pool of a PE and the codebook.
pub(super) fn pool(pass: &Pass, decoded: &Decoded) -> Result<(), ImageError> {
    equal(
        "values of a pool",
        decoded.entries(),
        pass.descriptor.hash_length.into(),
    )?;
    let whole = decoded.columns.iter().rev().skip(1);
    if whole.into_iter().any(|column| column.len() != POOL_COLUMN) {
        return Err(ImageError::value(
            "values in a column of a pool",
            0,
            format!("{POOL_COLUMN} in all but the last"),
        ));
    }
    let steps = decoded.columns.iter().flatten().map(|entry| entry.step);
    equal("a row step in a pool", steps.max().unwrap_or(0).into(), 0)?;
    let negative = |pair: &[i16]| pair.len() == 2 && pair[1] == pair[0].wrapping_neg();
    if !pass.codebook.chunks(2).all(negative) {
        let expected = "pairs of a weight and its negative";
        return Err(ImageError::value(
            "codebook of a hashed pass",
            pass.codebook.len(),
            expected,
        ));
    }
    Ok(())
}
